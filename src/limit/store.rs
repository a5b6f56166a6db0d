//! Finds the usage of a limit by its key, and forgets what nothing can read any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use parking_lot::Mutex;

use crate::limit::state::LimitState;
use crate::model::limit::LimitKey;
use crate::model::snapshot::Snapshots;
use crate::model::time::Timestamp;

/// A shard holds its lock while it is swept; this many keep that short with a million states.
const SHARDS: usize = 1024;

/// Where the usage of one limit by one entity is found, and its lock. Whoever has locked one looks
/// whether it [`LimitState::is_gone`], and if so asks the store again.
pub type Slot = Arc<Mutex<LimitState>>;

/// The usage of all limits.
#[derive(Debug)]
pub struct LimitStore {
    states: DashMap<LimitKey, Slot, ahash::RandomState>,
    /// Kept beside the map, whose own count locks every shard.
    len: AtomicUsize,
    /// Up to when usage may have been evicted; microseconds.
    evicted_at: AtomicI64,
    snapshots: Snapshots,
}

// === impl LimitStore ===

impl LimitStore {
    /// A store without usage.
    pub fn new() -> Self {
        Self {
            states: DashMap::with_hasher_and_shard_amount(ahash::RandomState::new(), SHARDS),
            len: AtomicUsize::new(0),
            evicted_at: AtomicI64::new(i64::MIN),
            snapshots: Snapshots::default(),
        }
    }

    /// The slot of that key, made when there is none. It is returned unlocked.
    pub fn slot(&self, key: LimitKey) -> Slot {
        if let Some(slot) = self.find(key) {
            return slot;
        }
        match self.states.entry(key) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(place) => {
                // Relaxed: the number is for operators and for the next sweep.
                self.len.fetch_add(1, Ordering::Relaxed);
                Arc::clone(place.insert(Arc::new(Mutex::new(self.unseen()))).value())
            }
        }
    }

    /// The slot of that key, if there is one.
    pub fn find(&self, key: LimitKey) -> Option<Slot> {
        self.states.get(&key).map(|slot| Arc::clone(slot.value()))
    }

    /// The state of a key that is not in the store.
    pub fn unseen(&self) -> LimitState {
        let mut state = LimitState::after_eviction(self.evicted_at());
        *state.taken_mut() = self.snapshots.now();
        state
    }

    /// Up to when usage may have been evicted.
    pub fn evicted_at(&self) -> Option<Timestamp> {
        let evicted = self.evicted_at.load(Ordering::Relaxed);
        (evicted > i64::MIN).then(|| Timestamp::from_micros(evicted))
    }

    /// The snapshots that are taken of it.
    pub const fn snapshots(&self) -> &Snapshots {
        &self.snapshots
    }

    /// Every state as it is found now. No shard is locked for longer than it takes to list it.
    pub fn slots(&self) -> Vec<(LimitKey, Slot)> {
        self.states.iter().map(|slot| (*slot.key(), Arc::clone(slot.value()))).collect()
    }

    /// Puts a state back that a snapshot had.
    pub fn restore(&self, key: LimitKey, state: LimitState) {
        if self.states.insert(key, Arc::new(Mutex::new(state))).is_none() {
            self.len.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes what was evicted before the snapshot.
    pub fn restore_evicted(&self, at: Timestamp) {
        self.evicted_at.fetch_max(at.as_micros(), Ordering::Relaxed);
    }

    /// How many states are held.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what nothing can read any more at `now`; above `most` those go first that would have been
    /// forgotten first, and until a period has passed the usage of their keys is unknown. One that is
    /// being used stays. Returns how many went.
    pub fn sweep(&self, now: Timestamp, most: usize) -> usize {
        let before = self.len();
        self.retain(|state| state.idle_from() > now);
        if self.len() > most {
            let mut ends: Vec<Timestamp> = self
                .states
                .iter()
                .filter_map(|slot| slot.value().try_lock().map(|state| state.idle_from()))
                .collect();
            let surplus = self.len().saturating_sub(most);
            let nth = surplus.min(ends.len()).saturating_sub(1);
            if !ends.is_empty() {
                let (_, last, _) = ends.select_nth_unstable(nth);
                let last = *last;
                self.evicted_at.fetch_max(now.as_micros(), Ordering::Relaxed);
                self.retain(|state| state.idle_from() > last);
            }
        }
        before.saturating_sub(self.len())
    }

    fn retain(&self, stays: impl Fn(&LimitState) -> bool) {
        self.states.retain(|_, slot| {
            // A slot that somebody holds without the lock yet looks at `is_gone` when it has it.
            let Some(mut state) = slot.try_lock() else { return true };
            if stays(&state) {
                return true;
            }
            state.is_gone = true;
            self.len.fetch_sub(1, Ordering::Relaxed);
            false
        });
    }
}

impl Default for LimitStore {
    fn default() -> Self {
        Self::new()
    }
}
