//! Everything that happened to a payment, joined in the order in which it was applied, with what it held in
//! limits after each step.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::engine::Receipt;
use crate::engine::journal::Event;
use crate::engine::payments::PaymentRecord;
use crate::limit::hold;
use crate::model::decision::Decision;
use crate::model::failure::{Assessment, Debt, Flag};
use crate::model::field::Fields;
use crate::model::limit::{Held, OnExpiry, RESERVATION_KEPT};
use crate::model::outcome::Outcome;
use crate::model::packed::PackedFeatures;
use crate::model::settlement::Settlement;
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};

/// Everything that happened to a payment, in the order of application.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The caller's payment, as stored.
    pub payment_id: Text,
    /// What happened.
    pub steps: Vec<Step>,
    /// What is still to be done, at the time of the question.
    pub owed: Vec<Debt>,
    /// What must not be overlooked and no outcome has told: reservations that ended by time.
    pub flags: Vec<Flag>,
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
        /// Every feature that the policies could read, with its value then.
        features: PackedFeatures,
        /// The decision.
        decision: Arc<Decision>,
        /// What the payment holds in limits from then on.
        holds: Vec<Hold>,
    },
    /// An outcome was reported.
    Outcome {
        /// Where and when it was applied.
        receipt: Receipt,
        /// What was reported.
        outcome: Arc<Outcome>,
        /// What was made of it.
        assessment: Arc<Assessment>,
        /// What the payment holds in limits from then on.
        holds: Vec<Hold>,
    },
    /// An event was recorded.
    Event {
        /// Where and when it was applied.
        receipt: Receipt,
        /// What was recorded.
        event: Arc<Event>,
    },
}

/// What a payment holds in one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The limit.
    pub limit: Arc<str>,
    /// Whether it counts payments.
    pub counts: bool,
    /// How much: minor units of the base currency, or payments.
    pub held: Held,
    /// When what waits for an outcome ends by itself.
    pub ends_at: Option<Timestamp>,
}

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
    /// All of it in the order of application.
    pub(super) fn steps(&self, on_expiry: OnExpiry) -> Vec<Step> {
        let scores = self.attempts().iter().map(|attempt| Step::Score {
            received_at: attempt.received_at,
            fields: attempt.fields(),
            features: attempt.features.clone(),
            decision: Arc::clone(&attempt.decision),
            holds: Vec::new(),
        });
        let outcomes = self.outcomes().iter().map(|known| Step::Outcome {
            receipt: known.receipt,
            outcome: Arc::clone(&known.outcome),
            assessment: Arc::clone(&known.assessment),
            holds: Vec::new(),
        });
        let events = self
            .events()
            .iter()
            .map(|(event, receipt)| Step::Event { receipt: *receipt, event: Arc::clone(event) });
        let mut steps: Vec<Step> = scores.chain(outcomes).chain(events).collect();
        steps.sort_by_key(Step::sequence);
        self.follow_holds(&mut steps, on_expiry);
        steps
    }

    /// Plays the steps once more, and notes what is held after each.
    fn follow_holds(&self, steps: &mut [Step], on_expiry: OnExpiry) {
        if self.attempts().iter().all(|attempt| attempt.decision.reservations.is_empty()) {
            return;
        }
        // Per attempt that was made by then, in the order of the attempts of the record.
        let mut settled: SmallVec<[(u32, Settlement); 4]> = SmallVec::new();
        for step in steps {
            let at = step.effective_at();
            match step {
                Step::Score { decision, holds, .. } => {
                    settled.push((decision.attempt, Settlement::default()));
                    *holds = self.holds(&settled, at, on_expiry);
                }
                Step::Outcome { outcome, assessment, holds, .. } => {
                    let about = settled.iter_mut().find(|(number, _)| *number == outcome.attempt);
                    if let Some((number, settlement)) = about {
                        let asked = self.attempt(*number).map_or(0, |attempt| attempt.amount);
                        let money = assessment.diagnosis.money;
                        *settlement = settlement.with(outcome, money, &Value::Int(asked));
                    }
                    *holds = self.holds(&settled, at, on_expiry);
                }
                Step::Event { .. } => {}
            }
        }
    }

    fn holds(
        &self,
        settled: &[(u32, Settlement)],
        now: Timestamp,
        on_expiry: OnExpiry,
    ) -> Vec<Hold> {
        let attempts =
            self.attempts().iter().zip(settled).map(|(attempt, (_, settlement))| hold::Attempt {
                at: attempt.decision.effective_at,
                amount: attempt.amount,
                is_blocked: attempt.is_blocked(),
                reservations: &attempt.decision.reservations,
                settlement,
            });
        let reserved =
            self.attempts().iter().rev().flat_map(|attempt| &attempt.decision.reservations);
        hold::holdings(attempts)
            .iter()
            .filter_map(|holding| {
                let named = reserved.clone().find(|known| known.key == holding.key)?;
                let ends_at = holding.at.plus(RESERVATION_KEPT);
                let has_ended = holding.held.open > 0 && ends_at <= now;
                let held = if has_ended { holding.held.expired(on_expiry) } else { holding.held };
                Some(Hold {
                    limit: Arc::clone(&named.name),
                    counts: named.counts,
                    held,
                    ends_at: (held.open > 0).then_some(ends_at),
                })
            })
            .filter(|hold| hold.held != Held::NONE)
            .collect()
    }
}
