//! What the engine asks of a journal. Implementations are in [`crate::journal`].
//!
//! An entry holds all that is needed to apply the change again without deciding anything again. It is
//! plain data behind shared pointers: a journal that keeps it copies nothing.

mod codec;

use std::sync::Arc;

use crate::list::ListChange;
use crate::model::decision::Decision;
use crate::model::failure::Assessment;
use crate::model::outcome::Outcome;
use crate::model::packed::{Packed, PackedFeatures};
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};
use crate::policy::bundle::Files;

/// An append-only log of everything that was applied.
pub trait Journal: std::fmt::Debug + Send + Sync {
    /// Takes an entry and says where it stands. Called while the entities that it changes are locked:
    /// it may copy and must not wait for a disk. Two entries that touch the same entity or payment come
    /// in the order of their sequence, others as it happens. Whether an entry outlives the process is
    /// for the driver to await, once nothing is locked.
    ///
    /// # Errors
    /// When it can take no more; the engine then changes nothing.
    fn append(&self, entry: &Entry) -> Result<Position, JournalError>;

    /// The place of the last entry; 0 when there is none.
    fn last(&self) -> Position;
}

/// The place of an entry in the journal: the first is 1, each next one more. It is not the sequence of
/// the entry: entries that have no lock in common may come in another order than that of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

/// One applied change.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// An attempt was decided, and counted with its verdict.
    Score {
        /// The fields of the request that make its content: all but `occurred_at`.
        content: Packed,
        /// When the attempt was received.
        received_at: Timestamp,
        /// `payment.occurred_at` as sent.
        occurred_at: Option<Timestamp>,
        /// `payment.amount_base` as computed.
        amount_base: Value,
        /// The locale that was asked for.
        locale: Text,
        /// What it was decided on: every feature that the policies could read, with its value then.
        features: PackedFeatures,
        /// The decision; it has the sequence, the effective time and the version of the policies.
        decision: Arc<Decision>,
    },
    /// An outcome was stored, and counted when it makes an event.
    Outcome {
        /// Its place in the order of application.
        sequence: u64,
        /// When it was received.
        received_at: Timestamp,
        /// When it was applied: nothing that it touches is applied before this instant afterwards.
        applied_at: Timestamp,
        /// The time it was placed at: when it was applied, or before, where it was dated.
        effective_at: Timestamp,
        /// What was reported.
        outcome: Arc<Outcome>,
        /// What was made of it.
        assessment: Arc<Assessment>,
    },
    /// An event was counted.
    Event {
        /// Its place in the order of application.
        sequence: u64,
        /// When it was received.
        received_at: Timestamp,
        /// When it was applied: nothing that it touches is applied before this instant afterwards.
        applied_at: Timestamp,
        /// The time it was placed at: when it was applied, or before, where it was dated.
        effective_at: Timestamp,
        /// What was recorded.
        event: Arc<Event>,
    },
    /// A value was put on a list or taken off it.
    List {
        /// Its place in the order of application.
        sequence: u64,
        /// From when on it counts.
        at: Timestamp,
        /// The change.
        change: ListChange,
    },
    /// A policy set became the current one.
    Publication {
        /// Its place in the order of application.
        sequence: u64,
        /// When.
        at: Timestamp,
        /// The version of the set.
        policy_version: Text,
        /// The files that the set was checked from: what was decided under it can be applied and
        /// decided again when its directory is long gone.
        files: Arc<Files>,
    },
}

/// A recorded event, at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `disputed`, `fraud` or a name of the caller's.
    pub name: Text,
    /// The caller's id of it; absent for events of the program's own, such as labels in a replay.
    pub event_id: Option<Text>,
    /// The payment it is about.
    pub payment_id: Option<Text>,
    /// The fields that came with it.
    pub content: Packed,
    /// When it happened, as sent.
    pub occurred_at: Option<Timestamp>,
}

/// Why the journal did not take an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal is unavailable: {0}")]
pub struct JournalError(pub String);

// === impl Position ===

impl Position {
    /// Before every entry.
    pub const START: Self = Self(0);

    /// The place after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Entry ===

impl Entry {
    /// Its place in the order of application.
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Score { decision, .. } => decision.sequence,
            Self::Outcome { sequence, .. }
            | Self::Event { sequence, .. }
            | Self::List { sequence, .. }
            | Self::Publication { sequence, .. } => *sequence,
        }
    }

    /// When it was placed.
    pub fn effective_at(&self) -> Timestamp {
        match self {
            Self::Score { decision, .. } => decision.effective_at,
            Self::Outcome { effective_at: at, .. }
            | Self::Event { effective_at: at, .. }
            | Self::List { at, .. }
            | Self::Publication { at, .. } => *at,
        }
    }

    /// The payment it is about.
    pub fn payment_id(&self) -> Option<&Text> {
        match self {
            Self::Score { decision, .. } => Some(&decision.payment_id),
            Self::Outcome { outcome, .. } => Some(&outcome.payment_id),
            Self::Event { event, .. } => event.payment_id.as_ref(),
            Self::List { .. } | Self::Publication { .. } => None,
        }
    }
}
