//! How a snapshot of one instant is taken of what goes on changing.
//!
//! Snapshots are numbered. When one begins, nothing has it yet; whoever is the first to lock something
//! after that, to change it or to take it, takes it as it is and notes so. So everything is taken once,
//! as it was when the snapshot began, and nobody waits for more than one thing to be copied.

use std::sync::atomic::{AtomicU32, Ordering};

/// The number of the last snapshot that was begun.
#[derive(Debug, Default)]
pub struct Snapshots(AtomicU32);

/// The number of the last snapshot that has something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken(u32);

// === impl Snapshots ===

impl Snapshots {
    /// Begins one. Nothing is being changed meanwhile.
    pub fn begin(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    /// What something notes that is made now: it was not there when the last one began.
    pub fn now(&self) -> Taken {
        Taken(self.0.load(Ordering::Acquire))
    }
}

// === impl Taken ===

impl Taken {
    /// No snapshot has it.
    pub const NEVER: Self = Self(0);

    /// Whether the last snapshot that was begun is still without it; it counts as taken from now on.
    pub fn is_due(&mut self, now: Self) -> bool {
        let is_due = *self != now;
        *self = now;
        is_due
    }
}
