//! The engine: score · settle · apply. The only place that joins policies, features and lists.
//!
//! It does no I/O, takes no global lock and never reads a clock: the event and the time are its
//! arguments, so the live server, a restart, a backtest and a policy test run the same code.
// CRITICAL PATH: a change here carries its number from `benches/score.rs`.

pub mod apply;
mod entities;
mod event;
mod explain;
mod gate;
pub mod history;
pub mod journal;
mod kept;
pub mod lists;
mod live;
mod not_before;
mod owed;
pub mod payments;
mod plan;
mod report;
mod reserve;
mod score;
mod settle;
pub mod snapshot;
mod taps;
pub mod timeline;
mod verify;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::failure::card::CardStore;
use crate::failure::unmapped::{Met, Unmapped};
use crate::feature::store::EntityStore;
use crate::limit::store::LimitStore;
use crate::list::Overlay;
use crate::model::decision::Decision;
use crate::model::failure::RetrySettings;
use crate::model::field::Fields;
use crate::model::outcome::Outcome;
use crate::model::payment::Payment;
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Text, Value};
use crate::policy::set::PolicySet;
use entities::{Entities, Keys, Slots, Unseen};
use gate::Gate;
use journal::{Entry, Journal, JournalError};
use kept::Kept;
use live::Live;
use payments::{EventRecord, PaymentRecord, STEPS_MAX};
use reserve::{LimitSlots, Limits, Wanted};
use score::Asked;
use snapshot::Images;
use timeline::Timeline;

pub use explain::Explanation;

/// The state machine. Locks are taken in this order: the gate, the id of an event, the record of a payment,
/// the entities by their keys, the limits by theirs; and no thread waits for another while it holds a shard
/// of a map.
#[derive(Debug)]
pub struct Engine {
    live: ArcSwap<Live>,
    entities: EntityStore,
    limits: LimitStore,
    cards: CardStore,
    unmapped: Unmapped,
    payments: Kept<PaymentRecord>,
    events: Kept<EventRecord>,
    lists: Arc<Overlay>,
    journal: Arc<dyn Journal>,
    settings: Settings,
    /// The last one given out. It is taken under the locks of what it orders.
    sequence: AtomicU64,
    /// Publications and changes of lists are made one after another; a score waits for them only as long
    /// as it takes to swap a pointer or to insert a value.
    changing: Mutex<()>,
    gate: Gate,
    images: Images,
    /// Held while a snapshot is taken: nothing is forgotten meanwhile, and no other one begins.
    upkeep: Mutex<()>,
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
    /// Figures of networks, and our own bounds of retries.
    pub retry: RetrySettings,
}

/// How far before a sweep something may have been received that comes to its turn after it: threads
/// overtake each other, and clocks are set back. Until then nothing that it could read is forgotten.
const OVERTAKEN_MAX: Span = Span::from_secs(60);

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
    /// So much happened to the payment already that no more is kept.
    #[error("payment `{0}` has {STEPS_MAX} attempts, outcomes and events, and can have no more")]
    TooMany(Text),
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
    /// So much happened to the payment already that no more is kept.
    #[error("payment `{0}` has {STEPS_MAX} attempts, outcomes and events, and can have no more")]
    TooMany(Text),
    /// The journal did not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What a sweep forgot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Payments whose time was up.
    pub payments: usize,
    /// Ids of events whose time was up.
    pub events: usize,
    /// Entities of which nothing could be read any more.
    pub idle_entities: usize,
    /// Entities that had to go because there were too many.
    pub evicted_entities: usize,
    /// Limits of entities of which nothing could be read any more.
    pub limits: usize,
}

/// How much is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Payments.
    pub payments: usize,
    /// Entities.
    pub entities: usize,
}

// === impl Engine ===

impl Engine {
    /// An engine without history.
    pub fn new(policies: Arc<PolicySet>, settings: Settings, journal: Arc<dyn Journal>) -> Self {
        Self {
            live: ArcSwap::from_pointee(Live::first(policies)),
            entities: EntityStore::new(),
            limits: LimitStore::new(),
            cards: CardStore::default(),
            unmapped: Unmapped::default(),
            payments: Kept::new(settings.payment_kept),
            events: Kept::new(settings.payment_kept),
            lists: Arc::new(Overlay::new(lists::CHANGES_MAX)),
            journal,
            settings,
            sequence: AtomicU64::new(0),
            changing: Mutex::new(()),
            gate: Gate::new(),
            images: Images::default(),
            upkeep: Mutex::new(()),
        }
    }

    /// Decides an attempt and counts it, in one step over all its entities.
    ///
    /// Asked again with the same content, it gives the stored decision, for a dry run too.
    ///
    /// # Errors
    /// [`ScoreError`]; nothing is changed then.
    pub fn score(
        &self,
        request: &ScoreRequest,
        received_at: Timestamp,
    ) -> Result<Scored, ScoreError> {
        self.decide(Asked { request, received_at, all_features: false })
    }

    /// The same, with the value of every feature of the bundle, whether a rule reads it or not; without
    /// them when the decision is a stored one.
    ///
    /// # Errors
    /// [`ScoreError`]; nothing is changed then.
    pub fn score_with_features(
        &self,
        request: &ScoreRequest,
        received_at: Timestamp,
    ) -> Result<Scored, ScoreError> {
        self.decide(Asked { request, received_at, all_features: true })
    }

    /// Everything that happened to a payment that is still kept at `now`.
    pub fn payment(&self, payment_id: &str, now: Timestamp) -> Option<Timeline> {
        let on_expiry = self.live.load().set.bundle.on_expiry;
        self.payments.with_known(payment_id, now, |record| Timeline {
            payment_id: Text::from(payment_id),
            steps: record.steps(on_expiry),
            owed: record.owed(now),
            flags: record.flags(now),
        })
    }

    /// The codes that were met and stand in no table, or only as a guess; the most frequent first, and how
    /// often others were for which there was no room.
    pub fn unmapped(&self) -> (Vec<Met>, u64) {
        self.unmapped.all()
    }

    /// The channel that an outcome is about: its own, else its attempt's.
    pub fn channel_of(&self, outcome: &Outcome, now: Timestamp) -> Option<Text> {
        outcome.channel.clone().or_else(|| {
            let attempt = |record: &mut PaymentRecord| {
                record.attempt(outcome.attempt).and_then(|attempt| attempt.channel.clone())
            };
            self.payments.with_known(&outcome.payment_id, now, attempt).flatten()
        })
    }

    /// The set that decides now.
    pub fn policies(&self) -> Arc<PolicySet> {
        Arc::clone(&self.live.load().set)
    }

    /// Appends the set that the engine was made with, as the first entry of a log.
    ///
    /// # Errors
    /// When the journal does not take it.
    pub fn record_beginning(&self, at: Timestamp) -> Result<(), JournalError> {
        let bundle = &self.policies().bundle;
        let policy_version = bundle.version.clone();
        let files = Arc::clone(&bundle.files);
        self.append(|sequence| (Entry::Publication { sequence, at, policy_version, files }, ()))
    }

    /// Makes a set the current one. Attempts that are being decided finish with the one they started
    /// with; features that did not change keep their state, others are unknown until they have seen a
    /// whole window.
    ///
    /// # Errors
    /// When the journal does not take it; the previous set stays.
    pub fn publish(&self, policies: Arc<PolicySet>, at: Timestamp) -> Result<(), JournalError> {
        let _one_at_a_time = self.changing.lock();
        let policy_version = policies.bundle.version.clone();
        let files = Arc::clone(&policies.bundle.files);
        let _nobody_passes = self.gate.close();
        self.append(|sequence| (Entry::Publication { sequence, at, policy_version, files }, ()))?;
        let next = self.live.load().next(policies, at);
        self.live.store(Arc::new(next));
        Ok(())
    }

    /// Forgets payments, ids and entities whose time is up, a bounded number of them at a time. What is
    /// answered does not depend on it, but for entities that had to go because there were too many:
    /// their features are unknown then. While a snapshot is taken nothing is forgotten.
    pub fn sweep(&self, now: Timestamp) -> Swept {
        let Some(_no_snapshot) = self.upkeep.try_lock() else { return Swept::default() };
        let settled = now.minus(OVERTAKEN_MAX);
        let entities = self.entities.sweep(settled, self.settings.entities_max);
        self.lists.sweep(settled);
        let limits = self.limits.sweep(settled, self.settings.entities_max);
        self.cards.sweep(settled);
        Swept {
            payments: self.payments.sweep(settled),
            events: self.events.sweep(settled),
            idle_entities: entities.idle,
            evicted_entities: entities.evicted,
            limits,
        }
    }

    /// How much is held.
    pub fn held(&self) -> Held {
        Held { payments: self.payments.len(), entities: self.entities.len() }
    }

    /// Locks the entities that the fields name, and the limits that are wanted, and works on them. The
    /// fields may depend on the set, and are made anew when it has changed before the entities were locked.
    fn with_entities<T>(
        &self,
        unseen: Unseen,
        wanted: Wanted<'_>,
        fields: impl Fn(&PolicySet) -> Fields,
        work: impl FnOnce(&Live, &Fields, Entities<'_>, Limits<'_>) -> T,
    ) -> T {
        loop {
            let live = self.live.load();
            let fields = fields(&live.set);
            let keys = Keys::of(&live.set, &fields);
            let slots = Slots::find(&self.entities, &live.set, &keys, unseen);
            let limits = LimitSlots::find(&self.limits, &live.set, &keys, wanted, unseen);
            // After the set: what has seen a publication sees every snapshot that was begun before it.
            let entities = slots.lock(&live, self.entities.snapshots().now(), &self.images);
            if let Ok(entities) = entities
                && let Ok(limits) = limits.lock(self.limits.snapshots().now(), &self.images)
            {
                return work(&live, &fields, entities, limits);
            }
        }
    }

    /// Appends an entry under the next sequence. Returns what was made with the entry.
    fn append<T>(&self, make: impl FnOnce(u64) -> (Entry, T)) -> Result<T, JournalError> {
        // Relaxed: what needs an order between two sequences has a lock in common.
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let (entry, made) = make(sequence);
        if let Err(error) = self.journal.append(&entry) {
            // Given back, when nobody has taken another since; else there is a gap, which says nothing.
            let _was_last = self.sequence.compare_exchange(
                sequence,
                sequence - 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            return Err(error);
        }
        Ok(made)
    }
}
