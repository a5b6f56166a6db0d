//! What is kept of a payment: its attempts with their decisions, its outcomes, its events.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::engine::Receipt;
use crate::engine::journal::Event;
use crate::engine::kept::Record;
use crate::limit::hold::{self, Holdings};
use crate::model::decision::Decision;
use crate::model::field::{Field, Fields};
use crate::model::outcome::Outcome;
use crate::model::packed::Packed;
use crate::model::settlement::Settlement;
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};
use crate::model::verdict::Verdict;

/// Everything that happened to a payment, in the order of application.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The caller's payment, as stored.
    pub payment_id: Text,
    /// What happened.
    pub steps: Vec<Step>,
}

/// One thing that happened to a payment.
#[derive(Clone, Debug)]
pub enum Step {
    /// An attempt was decided.
    Score {
        /// When it was received.
        received_at: Timestamp,
        /// The attempt as it was decided, with `amount_base`.
        fields: Fields,
        /// The decision.
        decision: Arc<Decision>,
    },
    /// An outcome was reported.
    Outcome {
        /// Where and when it was applied.
        receipt: Receipt,
        /// What was reported.
        outcome: Arc<Outcome>,
    },
    /// An event was recorded.
    Event {
        /// Where and when it was applied.
        receipt: Receipt,
        /// What was recorded.
        event: Arc<Event>,
    },
}

/// What is kept of one payment.
#[derive(Debug, Default)]
pub(super) struct PaymentRecord {
    /// Nearly every payment has one attempt.
    attempts: SmallVec<[Attempt; 1]>,
    outcomes: Vec<(Arc<Outcome>, Receipt)>,
    events: Vec<(Arc<Event>, Receipt)>,
    changed_at: Option<Timestamp>,
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
    pub(super) decision: Arc<Decision>,
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

// === impl Step ===

impl Step {
    /// Its place in the order of application.
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Score { decision, .. } => decision.sequence,
            Self::Outcome { receipt, .. } | Self::Event { receipt, .. } => receipt.sequence,
        }
    }

    /// The time it was placed at.
    pub fn effective_at(&self) -> Timestamp {
        match self {
            Self::Score { decision, .. } => decision.effective_at,
            Self::Outcome { receipt, .. } | Self::Event { receipt, .. } => receipt.effective_at,
        }
    }
}

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
    pub(super) fn outcome_like(&self, outcome: &Outcome) -> Option<(&Outcome, Receipt)> {
        self.outcomes
            .iter()
            .find(|(known, _)| match &outcome.outcome_id {
                Some(id) => known.outcome_id.as_ref() == Some(id),
                None => known.as_ref() == outcome,
            })
            .map(|(known, receipt)| (known.as_ref(), *receipt))
    }

    /// What it holds in limits: the attempts so far, and one more.
    pub(super) fn holdings(&self, next: Option<hold::Attempt<'_>>) -> Holdings {
        if next.is_none() && self.attempts.iter().all(|it| it.decision.reservations.is_empty()) {
            return Holdings::new();
        }
        let known = self.attempts.iter().map(|attempt| hold::Attempt {
            at: attempt.decision.effective_at,
            amount: attempt.amount,
            is_blocked: attempt.decision.evaluation.verdict == Verdict::Block,
            reservations: &attempt.decision.reservations,
            settlement: &attempt.settlement,
        });
        let attempts: SmallVec<[hold::Attempt<'_>; 4]> = known.chain(next).collect();
        hold::holdings(attempts.into_iter())
    }

    /// What it holds in limits when the settlement of one attempt becomes another.
    pub(super) fn holdings_with(&self, number: u32, settlement: &Settlement) -> Holdings {
        let attempts: SmallVec<[hold::Attempt<'_>; 4]> = self
            .attempts
            .iter()
            .map(|attempt| hold::Attempt {
                at: attempt.decision.effective_at,
                amount: attempt.amount,
                is_blocked: attempt.decision.evaluation.verdict == Verdict::Block,
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
    pub(super) fn push_outcome(&mut self, outcome: Arc<Outcome>, receipt: Receipt, at: Timestamp) {
        self.change(at);
        self.outcomes.push((outcome, receipt));
    }

    /// Keeps an event.
    pub(super) fn push_event(&mut self, event: Arc<Event>, receipt: Receipt, at: Timestamp) {
        self.change(at);
        self.events.push((event, receipt));
    }

    /// All of it in the order of application.
    pub(super) fn steps(&self) -> Vec<Step> {
        let scores = self.attempts.iter().map(|attempt| Step::Score {
            received_at: attempt.received_at,
            fields: attempt.fields(),
            decision: Arc::clone(&attempt.decision),
        });
        let outcomes = self.outcomes.iter().map(|(outcome, receipt)| Step::Outcome {
            receipt: *receipt,
            outcome: Arc::clone(outcome),
        });
        let events = self
            .events
            .iter()
            .map(|(event, receipt)| Step::Event { receipt: *receipt, event: Arc::clone(event) });
        let mut steps: Vec<Step> = scores.chain(outcomes).chain(events).collect();
        steps.sort_by_key(Step::sequence);
        steps
    }

    fn change(&mut self, at: Timestamp) {
        self.changed_at = self.changed_at.max(Some(at));
    }
}

impl Record for PaymentRecord {
    fn changed_at(&self) -> Option<Timestamp> {
        self.changed_at
    }
}

// === impl Attempt ===

impl Attempt {
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
}
