//! Journals: in memory, and on a disk.
//!
//! The durable one ([`log`]) is a directory of segments (`format` has their bytes). One process
//! appends; a restart, a check or a backfill reads ([`reader`]). What each durability promises:
//!
//! | `durability` | an answer waits until | the process is killed | the machine goes down |
//! |---|---|---|---|
//! | `sync` | the entry is on the disk, with all others of that moment | nothing answered is lost | nothing answered is lost |
//! | `interval` | the system has the entry | nothing answered is lost | at most what was answered in the last interval and the time of one sync |
//! | `memory` | nothing | all is lost | all is lost |
//!
//! An entry whose answer was never given may be there after a crash, or not; never half of it.

pub mod damage;
pub mod disk;
pub mod dump;
mod format;
pub mod log;
mod open;
pub mod reader;
pub mod restart;
mod segment;
pub mod segments;
mod shared;
pub mod simulated;
pub mod snapshots;
mod tail;
pub mod verify;
mod writer;

use parking_lot::Mutex;

use crate::engine::journal::{Entry, Journal, JournalError, Position};

/// Keeps nothing: for backtests, policy tests and runs without durability.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

/// Keeps entries in memory up to a number of them, and refuses more: for tests, and to look at what
/// was applied.
#[derive(Debug)]
pub struct Memory {
    entries: Mutex<Vec<Entry>>,
    entries_max: usize,
}

// === impl Discard ===

impl Journal for Discard {
    /// There is no place to speak of.
    fn append(&self, _entry: &Entry) -> Result<Position, JournalError> {
        Ok(Position::START)
    }

    fn last(&self) -> Position {
        Position(0)
    }
}

// === impl Memory ===

impl Memory {
    /// An empty journal that takes `entries_max` entries.
    pub const fn new(entries_max: usize) -> Self {
        Self { entries: Mutex::new(Vec::new()), entries_max }
    }

    /// What was appended after that position, as it was appended.
    pub fn after(&self, position: Position) -> Vec<Entry> {
        let entries = self.entries.lock();
        let from = usize::try_from(position.0).unwrap_or(usize::MAX);
        entries.get(from..).map(<[Entry]>::to_vec).unwrap_or_default()
    }

    /// What was appended, in the order of application.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = self.entries.lock().clone();
        entries.sort_by_key(Entry::sequence);
        entries
    }
}

impl Journal for Memory {
    fn append(&self, entry: &Entry) -> Result<Position, JournalError> {
        let mut entries = self.entries.lock();
        if entries.len() >= self.entries_max {
            return Err(JournalError(format!("it is full at {} entries", self.entries_max)));
        }
        entries.push(entry.clone());
        Ok(Position(entries.len() as u64))
    }

    fn last(&self) -> Position {
        Position(self.entries.lock().len() as u64)
    }
}
