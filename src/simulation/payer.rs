//! The payer's side: an attempt, what is learned of it, and what each strategy makes of that.

use std::mem::replace;

use super::customer::{Act, PATIENCE, asked};
use super::provider::{CHANNELS, Reply, Request};
use super::report::Word;
use super::tally::By;
use super::{End, Event, Made, SimulationError, Strategy, World};
use crate::model::decision::Decision;
use crate::model::failure::{Advice, Flag, Need, RankedChannel};
use crate::model::outcome::OutcomeStatus;
use crate::model::time::{Span, Timestamp};
use crate::model::verdict::{NextStep, Verdict};
use crate::simulation::issuer::Presented;

/// How many attempts a payer makes who takes no advice.
const ATTEMPTS_MAX: usize = 3;
/// So many results of late say how a channel does.
const RESULTS_MIN: u32 = 10;

impl World {
    /// Asks whether the payment may be made, and does what the answer says.
    pub(super) fn attempt(&mut self, place: usize) -> Result<(), SimulationError> {
        let Some(decision) = self.score(place)? else { return Ok(()) };
        match (decision.next_step, decision.evaluation.verdict) {
            (NextStep::StepUp, _) => self.ask(place, &[Need::StepUp], None),
            (NextStep::RetryLater, _) if self.strategy == Strategy::Advice => {
                self.wait(place, decision.not_before, End::Refused);
                Ok(())
            }
            (NextStep::Proceed, _) => {
                self.send(place, &decision);
                Ok(())
            }
            // Who takes no advice sends what the policies allow.
            (_, Verdict::Allow) if self.strategy != Strategy::Advice => {
                self.send(place, &decision);
                Ok(())
            }
            _ => {
                self.end(place, End::Refused);
                Ok(())
            }
        }
    }

    /// Sends the attempt over its channel, or over a better one when that is down.
    fn send(&mut self, place: usize, decision: &Decision) {
        let (now, seed_key) = (self.now, place as u64);
        let follows = self.strategy == Strategy::Advice;
        let Some(order) = self.orders.get_mut(place) else { return };
        if follows {
            order.channel = route(order.channel, &decision.channels);
        }
        let (attempt, channel) = (order.attempt, order.channel);
        order.made.insert(attempt, Made { channel, is_awaited: true, is_closing: false });
        let request = Request {
            key: (seed_key, attempt),
            channel,
            amount: order.amount,
            presented: Presented {
                card: (seed_key, order.payer.card),
                attempt,
                began_at: order.began_at,
                is_proven: order.payer.is_proven,
                is_mended: order.payer.is_mended,
            },
        };
        let by = match order.made.len() {
            1 => By::First,
            _ if order.payer.has_acted => By::Payer,
            _ => By::Retry,
        };
        order.payer.has_acted = false;
        self.tally.count_sent(by, self.provider.is_out(channel, now));
        let sent = self.provider.authorise(&request, now);
        let (at, reply) = sent.reply;
        self.plan(at, place, Event::Reply { attempt, reply });
        if let Some(at) = sent.notice_at {
            self.plan(at, place, Event::Notice { attempt });
        }
    }

    /// Reports what became of an attempt, and goes on from there.
    pub(super) fn learn(
        &mut self,
        place: usize,
        attempt: u32,
        reply: Reply,
        word: Word,
    ) -> Result<(), SimulationError> {
        let Some(reported) = self.report(place, attempt, (reply, word))? else { return Ok(()) };
        let is_new = !reported.receipt.repeated;
        let is_over = self.orders.get(place).is_none_or(|order| order.end == Some(End::Paid));
        if reply.status == OutcomeStatus::Authorized && !is_over {
            self.end(place, End::Paid);
            self.fulfil(place, attempt);
            return Ok(());
        }
        match self.strategy {
            Strategy::Advice if is_new => {
                let advice = &reported.assessment.advice;
                if reported.assessment.flags.contains(&Flag::SecondSuccess) {
                    let turn = self.next_turn(place);
                    self.plan(self.now, place, Event::Close { turn, attempt });
                    return Ok(());
                }
                if is_over { Ok(()) } else { self.follow(place, attempt, advice) }
            }
            Strategy::AtOnce if word == Word::Answer && !is_over => {
                self.retry_at_once(place, reply);
                Ok(())
            }
            Strategy::Never if word == Word::Answer && !is_over => {
                self.end(place, End::Failed);
                Ok(())
            }
            Strategy::Advice | Strategy::AtOnce | Strategy::Never => Ok(()),
        }
    }

    /// Does what the advice says.
    fn follow(
        &mut self,
        place: usize,
        attempt: u32,
        advice: &Advice,
    ) -> Result<(), SimulationError> {
        match advice.next_step {
            NextStep::Proceed => Ok(()),
            NextStep::Query => {
                self.pursue(place, attempt, advice);
                Ok(())
            }
            NextStep::RetryLater => {
                self.wait(place, advice.not_before, End::Failed);
                Ok(())
            }
            NextStep::SwitchChannel => {
                let best = advice.channels.first().and_then(|channel| number_of(&channel.id));
                if let (Some(best), Some(order)) = (best, self.orders.get_mut(place)) {
                    order.channel = best;
                }
                self.wait(place, advice.not_before, End::Failed);
                Ok(())
            }
            NextStep::StepUp => self.ask(place, &[Need::StepUp], advice.not_before),
            NextStep::AskCustomer if advice.attempts_left == 0 => {
                self.end(place, End::Failed);
                Ok(())
            }
            NextStep::AskCustomer => self.ask(place, &advice.needs, advice.not_before),
            NextStep::Stop => {
                self.end(place, End::Failed);
                Ok(())
            }
        }
    }

    /// Asks for the result when the advice says so, or closes the attempt.
    fn pursue(&mut self, place: usize, attempt: u32, advice: &Advice) {
        let turn = self.next_turn(place);
        let is_closing = advice.needs.first() == Some(&Need::Reversal);
        let Some(order) = self.orders.get_mut(place) else { return };
        let made = order.made.get_mut(&attempt);
        let closes = made.is_some_and(|made| is_closing && !replace(&mut made.is_closing, true));
        match advice.queries.first() {
            _ if closes => self.plan(self.now, place, Event::Close { turn, attempt }),
            // What could not be closed waits for the file.
            Some(at) if is_closing => self.plan(*at, place, Event::Reconcile { turn, attempt }),
            Some(at) => self.plan(*at, place, Event::Query { turn, attempt }),
            // Another attempt is on its way, and what becomes of it decides.
            None if self.is_on_its_way(place) => {}
            None => self.tally.left_without_word += 1,
        }
    }

    fn is_on_its_way(&self, place: usize) -> bool {
        self.orders.get(place).is_some_and(|order| order.made.values().any(|made| made.is_awaited))
    }

    /// Tries again then, if the payer is still there.
    fn wait(&mut self, place: usize, not_before: Option<Timestamp>, otherwise: End) {
        let at = not_before.unwrap_or(self.now).max(self.now);
        let Some(order) = self.orders.get(place) else { return };
        if order.is_present && at.since(self.now) > PATIENCE {
            self.end(place, otherwise);
        } else {
            self.plan_try(place, at);
        }
    }

    /// Tells the payer what is wanted, and tries again if they do it.
    fn ask(
        &mut self,
        place: usize,
        needs: &[Need],
        not_before: Option<Timestamp>,
    ) -> Result<(), SimulationError> {
        let Some(order) = self.orders.get_mut(place) else { return Ok(()) };
        order.payer.asked += 1;
        let is_unsent = !order.made.contains_key(&order.attempt);
        self.tally.asked += 1;
        let (act, after) = asked(self.seed, (place as u64, order.payer.asked), needs);
        match act {
            Act::Proves => order.payer.is_proven = true,
            Act::Mends => order.payer.is_mended = true,
            Act::OtherCard if order.payer.card == 0 => order.payer.card = 1,
            Act::OtherCard | Act::Leaves => {
                if is_unsent && self.strategy == Strategy::Advice {
                    self.call_off(place)?;
                }
                let end = if is_unsent { End::Refused } else { End::Failed };
                self.end(place, end);
                return Ok(());
            }
        }
        order.payer.has_acted = true;
        let at = self.now.plus(after);
        self.wait(place, not_before.max(Some(at)), End::Failed);
        Ok(())
    }

    /// Tries the next channel, whatever happened.
    fn retry_at_once(&mut self, place: usize, reply: Reply) {
        let Some(order) = self.orders.get_mut(place) else { return };
        if reply.status == OutcomeStatus::Pending {
            return;
        }
        if order.made.len() >= ATTEMPTS_MAX {
            self.end(place, End::Failed);
            return;
        }
        order.channel = (order.channel + 1) % CHANNELS.len();
        self.plan_try(place, self.now.plus(Span::from_micros(50_000)));
    }

    /// The payment is over for the payer's side, unless word comes that it is paid.
    fn end(&mut self, place: usize, end: End) {
        let _overtaken = self.next_turn(place);
        let Some(order) = self.orders.get_mut(place) else { return };
        order.end = Some(end);
        if end == End::Paid {
            let took = self.now.since(order.began_at);
            self.tally.count_paid(
                order.made.len() == 1 && order.reports == 1,
                order.payer.asked > 0,
                took,
            );
        }
    }
}

/// The channel that the merchant would take, unless most of its results of late were failures; then the
/// first of those the answer ranks.
fn route(preferred: usize, ranked: &[RankedChannel]) -> usize {
    let is_down = ranked.iter().any(|channel| {
        number_of(&channel.id) == Some(preferred)
            && channel.attempts >= RESULTS_MIN
            && channel.succeeded * 2 < channel.attempts
    });
    let best = ranked.first().and_then(|channel| number_of(&channel.id));
    best.filter(|_| is_down).unwrap_or(preferred)
}

fn number_of(id: &str) -> Option<usize> {
    CHANNELS.iter().position(|channel| *channel == id)
}
