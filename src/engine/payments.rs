//! What is kept of a payment: its attempts with their decisions, its outcomes, its events.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::engine::Receipt;
use crate::engine::journal::{Entry, Event};
use crate::engine::kept::Record;
use crate::failure::advice::PastAttempt;
use crate::limit::hold::{self, Holdings};
use crate::model::decision::Decision;
use crate::model::failure::{Assessment, Money};
use crate::model::field::{Field, Fields};
use crate::model::limit::LimitKey;
use crate::model::outcome::Outcome;
use crate::model::packed::{Packed, PackedFeatures};
use crate::model::settlement::Settlement;
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};
use crate::model::verdict::{NextStep, Verdict};

/// What is kept of one payment.
#[derive(Debug, Default)]
pub(super) struct PaymentRecord {
    /// Nearly every payment has one attempt.
    attempts: SmallVec<[Attempt; 1]>,
    outcomes: Vec<Reported>,
    events: Vec<(Arc<Event>, Receipt)>,
    changed_at: Option<Timestamp>,
}

/// One outcome, and what was made of it.
#[derive(Clone, Debug)]
pub struct Reported {
    /// What was reported.
    pub outcome: Arc<Outcome>,
    /// What was made of it.
    pub assessment: Arc<Assessment>,
    /// Where and when it was applied.
    pub receipt: Receipt,
}

/// One attempt as it was decided.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) content: Packed,
    pub(super) received_at: Timestamp,
    pub(super) occurred_at: Option<Timestamp>,
    pub(super) amount_base: Value,
    /// What was asked for, in minor units of its own currency.
    pub(super) amount: i64,
    /// What it was decided on.
    pub(super) features: PackedFeatures,
    pub(super) decision: Arc<Decision>,
    /// `payment.channel`
    pub(super) channel: Option<Text>,
    /// `payment.card.brand`
    pub(super) network: Option<Text>,
    /// What has become of its money.
    pub(super) settlement: Settlement,
}

/// What is kept of an event's id.
#[derive(Debug, Default)]
pub(super) struct EventRecord {
    /// The event, and when it was received.
    pub(super) applied: Option<(Arc<Event>, Receipt, Timestamp)>,
}

/// How many attempts, outcomes and events one payment has at most. Repeats are found by looking at all
/// of them.
pub const STEPS_MAX: usize = 10_000;

/// The fields of a request that do not make its content.
pub(super) const NOT_CONTENT: [Field; 2] = [Field::OccurredAt, Field::AmountBase];

// === impl PaymentRecord ===

impl PaymentRecord {
    /// The attempt of that number.
    pub(super) fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.decision.attempt == number)
    }

    /// The attempt with the highest number: what an event about the payment is about.
    pub(super) fn last_attempt(&self) -> Option<&Attempt> {
        self.attempts.iter().max_by_key(|attempt| attempt.decision.attempt)
    }

    /// The report that this one would repeat: of the same id, or without one equal in all fields.
    pub(super) fn outcome_like(&self, outcome: &Outcome) -> Option<&Reported> {
        self.outcomes.iter().find(|known| match &outcome.outcome_id {
            Some(id) => known.outcome.outcome_id.as_ref() == Some(id),
            None => known.outcome.as_ref() == outcome,
        })
    }

    /// The attempts that were made, with what is known of each, in order of their numbers. One that was
    /// stopped or challenged was not, unless an outcome says otherwise.
    pub(super) fn past(&self) -> Vec<PastAttempt<'_>> {
        let is_made = |attempt: &&Attempt| {
            attempt.decision.next_step == NextStep::Proceed || attempt.settlement.money().is_some()
        };
        let mut attempts: Vec<&Attempt> = self.attempts.iter().filter(is_made).collect();
        attempts.sort_by_key(|attempt| attempt.decision.attempt);
        let past = attempts.into_iter().map(|attempt| {
            let number = attempt.decision.attempt;
            let last = self.outcomes_of(number).next_back();
            PastAttempt {
                number,
                channel: last
                    .and_then(|known| known.outcome.channel.as_deref())
                    .or(attempt.channel.as_deref()),
                money: attempt.settlement.money(),
                last: last.map(|known| {
                    let at = known.receipt.effective_at;
                    (known.outcome.as_ref(), &known.assessment.diagnosis, at)
                }),
                open_since: self.open_since(number),
                was_unknown: self
                    .outcomes_of(number)
                    .any(|known| known.assessment.diagnosis.money == Money::Unknown),
                network: attempt.network.as_deref(),
            }
        });
        past.collect()
    }

    /// What was reported of an attempt, in the order of application.
    pub(super) fn outcomes_of(&self, number: u32) -> impl DoubleEndedIterator<Item = &Reported> {
        self.outcomes.iter().filter(move |known| known.outcome.attempt == number)
    }

    /// Since when the result of an attempt was not known, if it ever was.
    pub(super) fn open_since(&self, number: u32) -> Option<Timestamp> {
        let mut outcomes = self.outcomes_of(number);
        let first = outcomes.find(|known| known.assessment.diagnosis.money.is_open());
        first.map(|known| known.receipt.effective_at)
    }

    /// Every attempt.
    pub(super) fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// Every outcome, in the order in which they were applied.
    pub(super) fn outcomes(&self) -> &[Reported] {
        &self.outcomes
    }

    /// Every event, in the order in which they were applied.
    pub(super) fn events(&self) -> &[(Arc<Event>, Receipt)] {
        &self.events
    }

    /// The last attempt that was not blocked.
    pub(super) fn last_made(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| !attempt.is_blocked())
    }

    /// Whether no later attempt has replaced what that one holds while nothing is known of it.
    pub(super) fn is_last_made(&self, number: u32) -> bool {
        self.last_made().is_some_and(|attempt| attempt.decision.attempt == number)
    }

    /// Whether another attempt than that one has succeeded.
    pub(super) fn is_paid_but_by(&self, number: u32) -> bool {
        self.attempts.iter().any(|attempt| {
            attempt.decision.attempt != number
                && attempt.settlement.money() == Some(Money::Succeeded)
        })
    }

    /// The limits that some attempt has reserved in.
    pub(super) fn limit_keys(&self) -> SmallVec<[LimitKey; 8]> {
        let reserved = self.attempts.iter().flat_map(|attempt| &attempt.decision.reservations);
        reserved.map(|reservation| reservation.key).collect()
    }

    /// What it holds in limits.
    pub(super) fn holdings(&self) -> Holdings {
        // No attempt has the number 0.
        self.holdings_with(0, &Settlement::default())
    }

    /// What it holds in limits when the settlement of one attempt becomes another.
    pub(super) fn holdings_with(&self, number: u32, settlement: &Settlement) -> Holdings {
        if self.attempts.iter().all(|attempt| attempt.decision.reservations.is_empty()) {
            return Holdings::new();
        }
        let attempts: SmallVec<[hold::Attempt<'_>; 4]> = self
            .attempts
            .iter()
            .map(|attempt| hold::Attempt {
                at: attempt.decision.effective_at,
                amount: attempt.amount,
                is_blocked: attempt.is_blocked(),
                reservations: &attempt.decision.reservations,
                settlement: if attempt.decision.attempt == number {
                    settlement
                } else {
                    &attempt.settlement
                },
            })
            .collect();
        hold::holdings(attempts.into_iter())
    }

    /// Notes what has become of the money of an attempt.
    pub(super) fn settle(&mut self, number: u32, settlement: Settlement) {
        let attempt = self.attempts.iter_mut().find(|it| it.decision.attempt == number);
        if let Some(attempt) = attempt {
            attempt.settlement = settlement;
        }
    }

    /// Whether it can have one more step.
    pub(super) fn has_room(&self) -> bool {
        self.attempts.len() + self.outcomes.len() + self.events.len() < STEPS_MAX
    }

    /// Keeps an attempt.
    pub(super) fn push_attempt(&mut self, attempt: Attempt) {
        self.change(attempt.received_at);
        self.attempts.push(attempt);
    }

    /// Keeps an outcome.
    pub(super) fn push_outcome(&mut self, reported: Reported, at: Timestamp) {
        self.change(at);
        self.outcomes.push(reported);
    }

    /// Keeps an event.
    pub(super) fn push_event(&mut self, event: Arc<Event>, receipt: Receipt, at: Timestamp) {
        self.change(at);
        self.events.push((event, receipt));
    }

    fn change(&mut self, at: Timestamp) {
        self.changed_at = self.changed_at.max(Some(at));
    }
}

impl Record for PaymentRecord {
    fn changed_at(&self) -> Option<Timestamp> {
        self.changed_at
    }

    /// As if all outcomes and events had been received when the last one was: a record knows no more,
    /// and needs no more.
    fn entries(&self) -> Vec<Entry> {
        let received_at = self.changed_at.unwrap_or(Timestamp::MIN);
        let scores = self.attempts.iter().map(|attempt| Entry::Score {
            content: attempt.content.clone(),
            received_at: attempt.received_at,
            occurred_at: attempt.occurred_at,
            amount_base: attempt.amount_base.clone(),
            locale: Text::default(),
            features: attempt.features.clone(),
            decision: Arc::clone(&attempt.decision),
        });
        let outcomes = self.outcomes.iter().map(|known| {
            let Receipt { sequence, effective_at, repeated: _ } = known.receipt;
            Entry::Outcome {
                sequence,
                received_at,
                applied_at: effective_at,
                effective_at,
                outcome: Arc::clone(&known.outcome),
                assessment: Arc::clone(&known.assessment),
            }
        });
        let events =
            self.events.iter().map(|(event, receipt)| event_entry(event, receipt, received_at));
        let mut entries: Vec<Entry> = scores.chain(outcomes).chain(events).collect();
        entries.sort_by_key(Entry::sequence);
        entries
    }
}

fn event_entry(event: &Arc<Event>, receipt: &Receipt, received_at: Timestamp) -> Entry {
    let Receipt { sequence, effective_at, repeated: _ } = *receipt;
    let event = Arc::clone(event);
    Entry::Event { sequence, received_at, applied_at: effective_at, effective_at, event }
}

// === impl Attempt ===

impl Attempt {
    /// An attempt as it was decided, of which no outcome is known.
    pub(super) fn of(
        content: Packed,
        (received_at, occurred_at): (Timestamp, Option<Timestamp>),
        amount_base: &Value,
        features: &PackedFeatures,
        decision: &Arc<Decision>,
    ) -> Self {
        let fields = content.unpack();
        let text = |field| fields.get(field).as_text().map(Text::from);
        Self {
            received_at,
            occurred_at,
            amount_base: amount_base.clone(),
            amount: fields.get(Field::Amount).as_int().unwrap_or(0),
            features: features.clone(),
            decision: Arc::clone(decision),
            channel: text(Field::Channel),
            network: text(Field::CardBrand),
            settlement: Settlement::default(),
            content,
        }
    }

    /// Whether its payer is absent.
    pub(super) fn is_absent(&self) -> bool {
        self.content.unpack().get(Field::OffSession).as_bool() == Some(true)
    }

    /// Whether it was taken and is not given back.
    pub(super) fn is_paid(&self) -> bool {
        let settled = &self.settlement;
        let taken = if settled.captured() > 0 { settled.captured() } else { self.amount };
        settled.money() == Some(Money::Succeeded)
            && !settled.is_called_off()
            && (settled.refunded() == 0 || settled.refunded() < taken)
    }

    /// Whether we stopped it.
    pub(super) fn is_blocked(&self) -> bool {
        self.decision.evaluation.verdict == Verdict::Block
    }

    /// The attempt as it was decided.
    pub(super) fn fields(&self) -> Fields {
        let mut fields = self.content.unpack();
        let occurred_at = self.occurred_at.unwrap_or(self.received_at);
        fields.set(Field::OccurredAt, Value::Time(occurred_at));
        fields.set(Field::AmountBase, self.amount_base.clone());
        fields
    }
}

// === impl EventRecord ===

impl Record for EventRecord {
    fn changed_at(&self) -> Option<Timestamp> {
        self.applied.as_ref().map(|(_, _, received_at)| *received_at)
    }

    fn entries(&self) -> Vec<Entry> {
        let applied = self.applied.iter();
        applied.map(|(event, receipt, at)| event_entry(event, receipt, *at)).collect()
    }
}
