//! What lets everybody through, and now and then closes for a moment: so that a publication, a change
//! of a list or the beginning of a snapshot has its place in the order of application, with everything
//! else wholly before it or wholly after.
//!
//! Whoever passes takes a lock that only few others share, so that threads do not write to the same
//! place in memory; whoever closes takes all of them.
// CRITICAL PATH: a change here carries its number from `benches/score.rs`.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// More than there are threads that decide, on most machines.
const LANES: usize = 64;

/// One lock in each lane.
#[derive(Debug)]
pub(super) struct Gate {
    lanes: Box<[Lane]>,
}

/// A lock that has a line of the cache to itself; two, as some processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Lane(RwLock<()>);

/// Held by whoever changes something; it is not taken twice by one thread.
pub(super) struct Passing<'a> {
    _lane: RwLockReadGuard<'a, ()>,
}

/// Nobody passes as long as it is held.
pub(super) struct Closed<'a> {
    _lanes: Vec<RwLockWriteGuard<'a, ()>>,
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Relaxed: any number will do.
    static LANE: usize = THREADS.fetch_add(1, Ordering::Relaxed) % LANES;
}

// === impl Gate ===

impl Gate {
    /// An open gate.
    pub(super) fn new() -> Self {
        Self { lanes: (0..LANES).map(|_| Lane::default()).collect() }
    }

    /// Goes through; waits while it is closed.
    #[expect(clippy::indexing_slicing, reason = "a remainder by LANES is below it")]
    pub(super) fn pass(&self) -> Passing<'_> {
        Passing { _lane: self.lanes[LANE.with(|lane| *lane)].0.read() }
    }

    /// Waits until nobody is on their way, and keeps it so.
    pub(super) fn close(&self) -> Closed<'_> {
        Closed { _lanes: self.lanes.iter().map(|lane| lane.0.write()).collect() }
    }
}
