//! Records that are kept for a time and then forgotten: payments, and the ids of events.
//!
//! A shard is locked to find a record, and unlocked before the record itself is locked; nobody waits
//! for a record while holding a shard. A record counts as forgotten from the instant its time is up,
//! whether it was swept or not, so what is answered does not depend on when a sweep ran.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::engine::journal::Entry;
use crate::model::snapshot::{Snapshots, Taken};
use crate::model::time::{Span, Timestamp};
use crate::model::value::Text;

/// What is kept under an id.
pub(super) trait Record: Default {
    /// When it was last changed; `None` when nothing is in it, so that it need not be kept.
    fn changed_at(&self) -> Option<Timestamp>;

    /// What a snapshot keeps of it.
    fn entries(&self) -> Vec<Entry>;
}

/// Records by id.
#[derive(Debug)]
pub(super) struct Kept<R> {
    shards: Box<[Mutex<Shard<R>>]>,
    hasher: ahash::RandomState,
    kept: Span,
    snapshots: Snapshots,
    /// What was changed before a snapshot that had begun came to it.
    images: Mutex<Vec<Vec<Entry>>>,
}

#[derive(Debug)]
struct Shard<R> {
    records: HashMap<Text, Arc<Mutex<Slot<R>>>, ahash::RandomState>,
    /// When to look at a record again; one that was forgotten meanwhile is looked at for nothing.
    due: BinaryHeap<Reverse<(Timestamp, Text)>>,
}

#[derive(Debug, Default)]
struct Slot<R> {
    record: R,
    /// The snapshot that has it, of those that were begun.
    taken: Taken,
    /// Whether it was taken out of its shard: whoever still holds it must look again.
    is_gone: bool,
}

/// A power of two well above the number of threads.
const SHARDS: usize = 64;

/// How many records of one shard a sweep looks at, so that it stays short.
const SWEPT_PER_SHARD_MAX: usize = 256;

// === impl Kept ===

impl<R: Record> Kept<R> {
    /// No records; each will be kept for `kept` after its last change.
    pub(super) fn new(kept: Span) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::default())).collect();
        let (snapshots, images) = (Snapshots::default(), Mutex::default());
        Self { shards, hasher: ahash::RandomState::new(), kept, snapshots, images }
    }

    /// Works on the record of that id, made when there is none, while it is locked. One in which
    /// nothing is left afterwards is not kept.
    pub(super) fn with<T>(&self, id: &Text, now: Timestamp, work: impl FnOnce(&mut R) -> T) -> T {
        loop {
            let found = {
                let mut shard = self.shard(id).lock();
                if let Some(found) = shard.records.get(id) {
                    Arc::clone(found)
                } else {
                    let made = Arc::<Mutex<Slot<R>>>::default();
                    shard.records.insert(id.clone(), Arc::clone(&made));
                    made
                }
            };
            let mut slot = found.lock();
            if slot.is_gone {
                continue;
            }
            self.take(&mut slot);
            let is_new = slot.record.changed_at().is_none();
            if self.is_over(&slot.record, now) {
                slot.record = R::default();
            }
            let done = work(&mut slot.record);
            match slot.record.changed_at() {
                None => {
                    slot.is_gone = true;
                    self.shard(id).lock().records.remove(id);
                }
                // Only now: what was refused leaves nothing behind.
                Some(at) if is_new => {
                    let due = Reverse((at.plus(self.kept), id.clone()));
                    self.shard(id).lock().due.push(due);
                }
                Some(_) => {}
            }
            return done;
        }
    }

    /// Works on the record of that id while it is locked; `None` when there is none.
    pub(super) fn with_known<T>(
        &self,
        id: &str,
        now: Timestamp,
        work: impl FnOnce(&mut R) -> T,
    ) -> Option<T> {
        let found = self.shard(id).lock().records.get(id).map(Arc::clone)?;
        let mut slot = found.lock();
        // One that is gone was empty or over: there is none, or one that came after this call.
        if slot.is_gone || slot.record.changed_at().is_none() || self.is_over(&slot.record, now) {
            return None;
        }
        self.take(&mut slot);
        Some(work(&mut slot.record))
    }

    /// The snapshots that are taken of them.
    pub(super) const fn snapshots(&self) -> &Snapshots {
        &self.snapshots
    }

    /// What was taken because it was about to be changed.
    pub(super) fn images(&self) -> Vec<Vec<Entry>> {
        std::mem::take(&mut *self.images.lock())
    }

    /// Takes the records of one shard that a snapshot is still without; `None` when there is no such
    /// shard. The shard is locked for as long as it takes to list it, each record for as long as it
    /// takes to copy it.
    pub(super) fn take_shard(&self, number: usize) -> Option<Vec<Vec<Entry>>> {
        let found: Vec<_> = {
            let shard = self.shards.get(number)?.lock();
            shard.records.values().map(Arc::clone).collect()
        };
        let now = self.snapshots.now();
        let taken = found.iter().filter_map(|slot| {
            let mut slot = slot.lock();
            slot.taken.is_due(now).then(|| slot.record.entries())
        });
        Some(taken.filter(|entries| !entries.is_empty()).collect())
    }

    /// Takes a record that is about to be changed, when a snapshot is still without it.
    fn take(&self, slot: &mut Slot<R>) {
        if slot.taken.is_due(self.snapshots.now()) && slot.record.changed_at().is_some() {
            self.images.lock().push(slot.record.entries());
        }
    }

    /// Forgets records whose time is up, a bounded number of them. Returns how many.
    pub(super) fn sweep(&self, now: Timestamp) -> usize {
        self.shards.iter().map(|shard| self.sweep_shard(&mut shard.lock(), now)).sum()
    }

    /// How many records are held.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().records.len()).sum()
    }

    fn sweep_shard(&self, shard: &mut Shard<R>, now: Timestamp) -> usize {
        let mut forgotten = 0;
        for _ in 0..SWEPT_PER_SHARD_MAX {
            if shard.due.peek().is_none_or(|Reverse((at, _))| *at > now) {
                break;
            }
            let Some(Reverse((_, id))) = shard.due.pop() else { break };
            let Some(found) = shard.records.get(&id).map(Arc::clone) else { continue };
            // Whoever works on it now is changing it: it is looked at when that has had its time.
            let again = match found.try_lock() {
                None => Some(now.plus(self.kept)),
                Some(mut slot) if self.is_over(&slot.record, now) => {
                    slot.is_gone = true;
                    None
                }
                Some(slot) => Some(slot.record.changed_at().map_or(now, |at| at).plus(self.kept)),
            };
            match again {
                Some(at) => shard.due.push(Reverse((at, id))),
                None => {
                    shard.records.remove(&id);
                    forgotten += 1;
                }
            }
        }
        forgotten
    }

    fn is_over(&self, record: &R, now: Timestamp) -> bool {
        record.changed_at().is_some_and(|at| at.plus(self.kept) <= now)
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder by SHARDS is below it")]
    fn shard(&self, id: &str) -> &Mutex<Shard<R>> {
        let hash = usize::try_from(self.hasher.hash_one(id) & 0xffff).unwrap_or_default();
        &self.shards[hash % SHARDS]
    }
}

// === impl Shard ===

impl<R> Default for Shard<R> {
    fn default() -> Self {
        Self { records: HashMap::default(), due: BinaryHeap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Touched(Option<Timestamp>);

    impl Record for Touched {
        fn changed_at(&self) -> Option<Timestamp> {
            self.0
        }

        fn entries(&self) -> Vec<Entry> {
            Vec::new()
        }
    }

    fn held(kept: &Kept<Touched>) -> (usize, usize) {
        (kept.len(), kept.shards.iter().map(|shard| shard.lock().due.len()).sum())
    }

    #[test]
    fn work_that_leaves_nothing_leaves_no_appointment_either() {
        let kept = Kept::<Touched>::new(Span::from_secs(10));
        for number in 0..100 {
            let id = Text::from(format!("{}", number % 7));
            kept.with(&id, Timestamp::from_secs(number), |_refused| ());
        }
        assert_eq!(held(&kept), (0, 0));
    }

    #[test]
    fn a_record_has_one_appointment_however_often_it_changes() {
        let kept = Kept::<Touched>::new(Span::from_secs(10));
        for secs in [0, 5, 12, 40, 41] {
            let now = Timestamp::from_secs(secs);
            kept.with(&Text::from("id"), now, |record| record.0 = Some(now));
        }
        assert_eq!(held(&kept), (1, 1));
        assert_eq!(kept.sweep(Timestamp::from_secs(50)), 0);
        assert_eq!(held(&kept), (1, 1));
        assert_eq!(kept.sweep(Timestamp::from_secs(51)), 1);
        assert_eq!(held(&kept), (0, 0));
    }
}
