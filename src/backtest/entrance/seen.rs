//! Which attempts were there before: a file may repeat a row, but not contradict itself.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::backtest::row::Row;

/// The attempts so far, as hashes: 24 bytes each.
#[derive(Debug)]
pub(super) struct Seen {
    attempts: HashMap<(u64, u64), u64, ahash::RandomState>,
    first: ahash::RandomState,
    second: ahash::RandomState,
}

/// What an attempt is to those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// The first of its key.
    New,
    /// The same once more.
    Repeat,
    /// The same key with other content.
    Contradiction,
}

// === impl Seen ===

impl Seen {
    /// None so far, of about so many; with fixed seeds: two replays of the same files do the same.
    pub(super) fn new(expected: usize) -> Self {
        Self {
            attempts: HashMap::with_capacity_and_hasher(expected, ahash::RandomState::default()),
            first: ahash::RandomState::with_seeds(1, 2, 3, 4),
            second: ahash::RandomState::with_seeds(5, 6, 7, 8),
        }
    }

    /// The content of a row.
    pub(super) fn content(&self, row: &Row) -> u64 {
        row.content(&self.first)
    }

    /// Whether the attempt was there before.
    pub(super) fn see(&mut self, payment_id: &str, attempt: u32, content: u64) -> Sight {
        let key = (payment_id, attempt);
        let key = (self.first.hash_one(key), self.second.hash_one(key));
        match self.attempts.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(content);
                Sight::New
            }
            Entry::Occupied(known) if *known.get() == content => Sight::Repeat,
            Entry::Occupied(_) => Sight::Contradiction,
        }
    }
}
