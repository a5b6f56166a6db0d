//! The messages of the payer's side: what is scored, and what is reported.

use super::provider::Reply;
use super::{CHANNELS, Event, Order, SimulationError, World, customer};
use crate::engine::ScoreRequest;
use crate::engine::payments::Reported;
use crate::model::decision::Decision;
use crate::model::field::Field;
use crate::model::intake::Violation;
use crate::model::outcome::{Outcome, OutcomeStatus};
use crate::model::value::{Text, Value};
use crate::traffic::chance::Chance;
use std::sync::Arc;

/// How many reports are sent twice, as after a crash or a lost answer.
const TOLD_TWICE: f64 = 0.03;

/// Where the payer's side has it from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It asked.
    Answer,
    /// The provider told it.
    Notice,
}

impl Order {
    /// Over which channel an attempt went.
    pub(super) fn route(&self, attempt: u32) -> usize {
        self.made.get(&attempt).map_or(self.channel, |made| made.channel)
    }

    /// The next attempt as it stands.
    fn next_fields(&mut self) {
        self.attempt += 1;
        let token = self.tokens.get(usize::try_from(self.payer.card).unwrap_or(0)).cloned();
        let channel = CHANNELS.get(self.channel).copied().unwrap_or_default();
        self.fields.set(Field::Attempt, Value::Int(i64::from(self.attempt)));
        self.fields.set(Field::CardToken, token.map_or(Value::Missing, Value::Text));
        self.fields.set(Field::Channel, Value::Text(Text::const_new(channel)));
        if self.payer.is_proven {
            self.fields
                .set(Field::Authenticated, Value::Texts(["3ds".into(), "otp".into()].into()));
        }
    }
}

impl World {
    /// Scores the next attempt.
    pub(super) fn score(&mut self, place: usize) -> Result<Option<Arc<Decision>>, SimulationError> {
        let Some(order) = self.orders.get_mut(place) else { return Ok(None) };
        order.next_fields();
        let payment = self.intake.payment(order.fields.clone(), self.now).map_err(invalid)?.value;
        let request =
            ScoreRequest { payment, locale: Text::default(), dry_run: false, trace: false };
        Ok(Some(self.engine.score(&request, self.now)?.decision))
    }

    /// Reports a reply, now and then twice.
    pub(super) fn report(
        &mut self,
        place: usize,
        attempt: u32,
        (reply, word): (Reply, Word),
    ) -> Result<Option<Reported>, SimulationError> {
        let Some(order) = self.orders.get_mut(place) else { return Ok(None) };
        order.reports += 1;
        let route = order.route(attempt);
        let outcome_id = match word {
            Word::Answer => format!("{attempt}-{}", order.reports),
            Word::Notice => format!("{attempt}-notice"),
        };
        let number = (place as u64) * 1_000 + u64::from(order.reports);
        let outcome = Outcome {
            outcome_id: Some(Text::from(outcome_id)),
            stage: reply.stage,
            provider: reply.code.map(|(provider, _)| Text::const_new(provider)),
            code: reply.code.map(|(_, code)| Text::const_new(code)),
            channel: CHANNELS.get(route).map(|channel| Text::const_new(channel)),
            ..outcome(place, attempt, reply.status)
        };
        let reported = self.engine.report_outcome(&outcome, self.now)?;
        if Chance::new(self.seed, "told twice", number).is(TOLD_TWICE) {
            let again = self.engine.report_outcome(&outcome, self.now)?;
            let is_same = again.receipt.repeated && again.assessment == reported.assessment;
            self.tally.told_twice += 1;
            self.tally.told_twice_differs += u64::from(!is_same);
        }
        Ok(Some(reported))
    }

    /// Plans what becomes of a paid order.
    pub(super) fn fulfil(&mut self, place: usize, attempt: u32) {
        let Some(order) = self.orders.get(place) else { return };
        let fulfilment = customer::fulfilment(self.seed, place as u64, order.amount);
        self.plan(self.now.plus(fulfilment.after), place, Event::Capture { attempt });
    }

    /// The merchant ships, or calls it off.
    pub(super) fn capture(&mut self, place: usize, attempt: u32) -> Result<(), SimulationError> {
        let Some(order) = self.orders.get(place) else { return Ok(()) };
        let fulfilment = customer::fulfilment(self.seed, place as u64, order.amount);
        let key = (place as u64, attempt);
        self.provider.capture(key, fulfilment.captured, self.now);
        let status = match fulfilment.captured {
            Some(_) => OutcomeStatus::Captured,
            None => OutcomeStatus::Canceled,
        };
        let captured = Outcome { amount: fulfilment.captured, ..outcome(place, attempt, status) };
        self.engine.report_outcome(&captured, self.now)?;
        if let Some((after, amount)) = fulfilment.refund {
            self.plan(self.now.plus(after), place, Event::Refund { attempt, amount });
        }
        Ok(())
    }

    /// The merchant gives some of it back.
    pub(super) fn refund(
        &mut self,
        place: usize,
        attempt: u32,
        amount: i64,
    ) -> Result<(), SimulationError> {
        self.provider.refund((place as u64, attempt), amount);
        let refunded =
            Outcome { amount: Some(amount), ..outcome(place, attempt, OutcomeStatus::Refunded) };
        self.engine.report_outcome(&refunded, self.now)?;
        Ok(())
    }

    /// The payer left before anything was sent.
    pub(super) fn call_off(&mut self, place: usize) -> Result<(), SimulationError> {
        let Some(order) = self.orders.get(place) else { return Ok(()) };
        let called_off = outcome(place, order.attempt, OutcomeStatus::Canceled);
        self.engine.report_outcome(&called_off, self.now)?;
        Ok(())
    }
}

/// An outcome that says no more than that.
fn outcome(place: usize, attempt: u32, status: OutcomeStatus) -> Outcome {
    Outcome {
        payment_id: Text::from(format!("order-{place}")),
        attempt,
        outcome_id: None,
        status,
        stage: None,
        amount: None,
        is_final: true,
        provider: None,
        operation: None,
        network: None,
        code: None,
        advice_code: None,
        retry_after: None,
        channel: None,
        latency: None,
        occurred_at: None,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn invalid(violations: Vec<Violation>) -> SimulationError {
    let each: Vec<_> = violations.iter().map(ToString::to_string).collect();
    SimulationError::Invalid(each.join("; "))
}
