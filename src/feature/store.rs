//! Finds the state of an entity by its key, and forgets the idle. The locks that are held together are
//! the entities' own; a DashMap guard never outlives the expression that made it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use parking_lot::Mutex;

use crate::feature::state::EntityState;
use crate::model::entity::EntityKey;
use crate::model::snapshot::Snapshots;
use crate::model::time::Timestamp;

/// A shard holds its lock while it is swept; this many keep that below a tenth of a millisecond with a
/// million entities.
const SHARDS: usize = 1024;

/// How many entities a sweep looks at, on average over sweeps: it looks at all of them or at none, and a
/// look costs about a tenth of a microsecond for each.
const LOOKED_AT_PER_SWEEP: usize = 20_000;

/// At the ceiling one entity in so many goes beyond those that must, so that the next sweep has not to
/// look at all of them again.
const SPARE_SHARE: usize = 64;

/// Where an entity's state is found, and its lock.
///
/// Whoever has locked one looks whether it [`EntityState::is_gone`], and if so asks the store again.
pub type Slot = Arc<Mutex<EntityState>>;

/// All entities in memory.
#[derive(Debug)]
pub struct EntityStore {
    entities: DashMap<EntityKey, Slot, ahash::RandomState>,
    /// Kept beside the map, whose own count locks every shard.
    len: AtomicUsize,
    /// Sweeps since all entities were looked at.
    sweeps: AtomicUsize,
    /// Up to when what happened may have been evicted with an entity that was not idle; microseconds.
    evicted_at: AtomicI64,
    snapshots: Snapshots,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Entities of which nothing could be read any more.
    pub idle: usize,
    /// Entities that had to go because there were too many.
    pub evicted: usize,
}

// === impl EntityStore ===

impl EntityStore {
    /// A store without entities.
    pub fn new() -> Self {
        Self {
            entities: DashMap::with_hasher_and_shard_amount(ahash::RandomState::new(), SHARDS),
            len: AtomicUsize::new(0),
            sweeps: AtomicUsize::new(0),
            evicted_at: AtomicI64::new(Timestamp::MIN.as_micros()),
            snapshots: Snapshots::default(),
        }
    }

    /// The slot of an entity, made when there is none. It is returned unlocked.
    pub fn slot(&self, key: EntityKey) -> Slot {
        if let Some(slot) = self.find(key) {
            return slot;
        }
        match self.entities.entry(key) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(place) => {
                // Relaxed: the number is for operators and for the next sweep.
                self.len.fetch_add(1, Ordering::Relaxed);
                Arc::clone(place.insert(Arc::new(Mutex::new(self.unseen()))).value())
            }
        }
    }

    /// The slot of an entity, when there is one.
    pub fn find(&self, key: EntityKey) -> Option<Slot> {
        self.entities.get(&key).map(|slot| Arc::clone(slot.value()))
    }

    /// The state of an entity that is not in the store: new, or unknown as long as what it did may have
    /// been evicted.
    pub fn unseen(&self) -> EntityState {
        // Acquire: whoever no longer finds an evicted entity also sees that it was evicted.
        let mut state =
            EntityState::new(Timestamp::from_micros(self.evicted_at.load(Ordering::Acquire)));
        *state.taken_mut() = self.snapshots.now();
        state
    }

    /// Up to when what happened may have been evicted; [`Timestamp::MIN`] when nothing was.
    pub fn evicted_at(&self) -> Timestamp {
        Timestamp::from_micros(self.evicted_at.load(Ordering::Acquire))
    }

    /// The snapshots that are taken of it.
    pub const fn snapshots(&self) -> &Snapshots {
        &self.snapshots
    }

    /// Every entity as it is found now. No shard is locked for longer than it takes to list it.
    pub fn slots(&self) -> Vec<(EntityKey, Slot)> {
        self.entities.iter().map(|slot| (*slot.key(), Arc::clone(slot.value()))).collect()
    }

    /// Puts an entity back that a snapshot had.
    pub fn restore(&self, key: EntityKey, state: EntityState) {
        if self.entities.insert(key, Arc::new(Mutex::new(state))).is_none() {
            self.len.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes what was evicted before the snapshot.
    pub fn restore_evicted(&self, at: Timestamp) {
        self.evicted_at.fetch_max(at.as_micros(), Ordering::Release);
    }

    /// How many entities there are.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets entities that are idle at `now`, and beyond `entities_max` those that are idle longest. An
    /// entity that is locked just now is not idle. Where there are very many, and not too many, only one
    /// sweep in several looks for the idle.
    pub fn sweep(&self, now: Timestamp, entities_max: usize) -> Swept {
        // Only a store that is too full needs to know who else is there.
        let is_full = self.len() > entities_max;
        // Relaxed: two sweeps at once do no harm.
        let sweeps = self.sweeps.fetch_add(1, Ordering::Relaxed) + 1;
        if !is_full && sweeps.saturating_mul(LOOKED_AT_PER_SWEEP) < self.len() {
            return Swept::default();
        }
        self.sweeps.store(0, Ordering::Relaxed);
        let mut idle = Vec::new();
        let mut others = Vec::new();
        for entity in &self.entities {
            let Some(state) = entity.value().try_lock() else { continue };
            let place = (state.last_effective(), *entity.key());
            if state.is_idle(now) {
                idle.push(place);
            } else if is_full {
                others.push(place);
            }
        }
        let idle = self.remove(&idle);
        if self.len() <= entities_max || others.is_empty() {
            return Swept { idle, evicted: 0 };
        }
        let spared = entities_max - entities_max.div_euclid(SPARE_SHARE);
        let excess = self.len().saturating_sub(spared).min(others.len());
        if excess < others.len() {
            others.select_nth_unstable(excess);
            others.truncate(excess);
        }
        // Effective times may be ahead of the clock that swept: what goes is lost up to its last event.
        let lost_until =
            others.iter().map(|(last_effective, _)| *last_effective).fold(now, Ord::max);
        self.evicted_at.fetch_max(lost_until.as_micros(), Ordering::Release);
        Swept { idle, evicted: self.remove(&others) }
    }

    /// Removes those that nothing was applied to since they were looked at.
    fn remove(&self, places: &[(Timestamp, EntityKey)]) -> usize {
        let mut removed = 0;
        for (last_effective, key) in places {
            let taken = self.entities.remove_if(key, |_, slot| {
                slot.try_lock().is_some_and(|mut state| {
                    let is_same = state.last_effective() == *last_effective;
                    if is_same {
                        state.mark_gone();
                    }
                    is_same
                })
            });
            removed += usize::from(taken.is_some());
        }
        self.len.fetch_sub(removed, Ordering::Relaxed);
        removed
    }
}

impl Default for EntityStore {
    fn default() -> Self {
        Self::new()
    }
}
