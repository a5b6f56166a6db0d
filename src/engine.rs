//! The engine: score · settle · apply. The only place that joins policies, features and lists.
//!
//! It does no I/O, takes no global lock and never reads a clock: the event and the time are its
//! arguments, so the live server, a restart, a backtest and a policy test run the same code.
// CRITICAL PATH: a change here carries its number from `benches/score.rs`.

pub mod journal;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::model::decision::Decision;
use crate::model::field::Fields;
use crate::model::outcome::Outcome;
use crate::model::payment::Payment;
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Text, Value};
use crate::policy::set::PolicySet;
use journal::{Journal, JournalError};

/// The state machine.
#[derive(Debug)]
pub struct Engine {
    policies: ArcSwap<PolicySet>,
    journal: Arc<dyn Journal>,
    settings: Settings,
}

/// What an operator may set; no `Default`, so that every driver says what it means.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a payment is kept, and its idempotency keys with it.
    pub payment_kept: Span,
    /// How far back outcomes and recorded events may be dated.
    pub late_max: Span,
    /// How many entities are held at most; beyond, the longest idle go.
    pub entities_max: usize,
}

/// A request to score.
#[derive(Clone, Debug)]
pub struct ScoreRequest {
    /// The attempt, through the edge.
    pub payment: Payment,
    /// The locale of the customer message; the bundle's when empty.
    pub locale: Text,
    /// Answer without storing or counting.
    pub dry_run: bool,
    /// Say why each rule fired or not.
    pub trace: bool,
}

/// A decision, and what else the driver may want to know of it.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The decision.
    pub decision: Arc<Decision>,
    /// Whether it was stored before and nothing changed now.
    pub repeated: bool,
    /// Every feature of the bundle by index, when asked for by [`Engine::score_with_features`].
    pub features: Option<Vec<Value>>,
}

/// Why a score was refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ScoreError {
    /// The key was used with other content.
    #[error("payment `{payment_id}` attempt {attempt} was scored before with other content")]
    AlreadyExists {
        /// The payment.
        payment_id: Text,
        /// The attempt.
        attempt: u32,
    },
    /// The journal did not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// An event that a caller records.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedEvent {
    /// `disputed`, `fraud` or a name of the caller's.
    pub name: Text,
    /// The caller's id of it.
    pub event_id: Text,
    /// The payment it is about; its fields are then that payment's.
    pub payment_id: Option<Text>,
    /// Its own blocks, when it is about no payment.
    pub fields: Fields,
    /// When it happened; at most 24 h back.
    pub occurred_at: Option<Timestamp>,
}

/// What was done with an outcome or an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in the order of application.
    pub sequence: u64,
    /// The time it was placed at.
    pub effective_at: Timestamp,
    /// Whether it was known before and nothing changed now.
    pub repeated: bool,
}

/// Why an outcome or an event was refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReportError {
    /// No such payment is kept.
    #[error("payment `{0}` is not known")]
    UnknownPayment(Text),
    /// The payment has no such attempt.
    #[error("payment `{payment_id}` has no attempt {attempt}")]
    UnknownAttempt {
        /// The payment.
        payment_id: Text,
        /// The attempt.
        attempt: u32,
    },
    /// The id was used with other content.
    #[error("`{0}` was reported before with other content")]
    AlreadyExists(Text),
    /// It is dated too far back.
    #[error("`occurred_at` is more than {0} back")]
    TooLate(Span),
    /// The journal did not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

// === impl Engine ===

impl Engine {
    /// An engine without history.
    pub fn new(policies: Arc<PolicySet>, settings: Settings, journal: Arc<dyn Journal>) -> Self {
        Self { policies: ArcSwap::new(policies), journal, settings }
    }

    /// Decides an attempt and counts it, in one step over all its entities.
    ///
    /// # Errors
    /// [`ScoreError`]; nothing is changed then.
    pub fn score(
        &self,
        request: &ScoreRequest,
        received_at: Timestamp,
    ) -> Result<Scored, ScoreError> {
        let _ = (request, received_at, &self.journal, &self.settings);
        todo!()
    }

    /// The same, with the value of every feature of the bundle, whether a rule reads it or not.
    ///
    /// # Errors
    /// [`ScoreError`]; nothing is changed then.
    pub fn score_with_features(
        &self,
        request: &ScoreRequest,
        received_at: Timestamp,
    ) -> Result<Scored, ScoreError> {
        let _ = (request, received_at);
        todo!()
    }

    /// Stores what happened to an attempt and feeds it to the features.
    ///
    /// # Errors
    /// [`ReportError`]; nothing is changed then.
    pub fn report_outcome(
        &self,
        outcome: &Outcome,
        received_at: Timestamp,
    ) -> Result<Receipt, ReportError> {
        let _ = (outcome, received_at);
        todo!()
    }

    /// Feeds an event to the features.
    ///
    /// # Errors
    /// [`ReportError`]; nothing is changed then.
    pub fn record_event(
        &self,
        event: &RecordedEvent,
        received_at: Timestamp,
    ) -> Result<Receipt, ReportError> {
        let _ = (event, received_at);
        todo!()
    }

    /// The set that decides now.
    pub fn policies(&self) -> Arc<PolicySet> {
        self.policies.load_full()
    }

    /// Makes a set the current one. Attempts that are being decided finish with the one they started
    /// with; features that did not change keep their state.
    pub fn publish(&self, policies: Arc<PolicySet>, at: Timestamp) {
        let _ = at;
        self.policies.store(policies);
    }
}
