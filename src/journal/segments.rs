//! The segments that are written no more, and which of them are given up.

use std::io::Result;

use super::disk::Disk;
use super::format::file_name;
pub use super::format::first_of;
use super::tail::Closed;
use crate::engine::journal::Position;
use crate::model::time::{Span, Timestamp};

/// The segments that are written no more, oldest first.
#[derive(Debug)]
pub struct Segments {
    closed: Vec<Closed>,
    /// Where the open one begins.
    open: Position,
}

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its first position.
    pub first: Position,
    /// Its last position.
    pub last: Position,
    /// Its bytes.
    pub bytes: u64,
    /// The latest time of its entries and all before.
    pub latest_at: Timestamp,
}

/// How long entries are kept. Without either they are kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Retention {
    /// A segment goes when its latest entry is older than that.
    pub age: Option<Span>,
    /// The oldest go while all together have more bytes than that.
    pub bytes: Option<u64>,
}

// === impl Segments ===

impl Segments {
    pub(super) const fn new(closed: Vec<Closed>, open: Position) -> Self {
        Self { closed, open }
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.closed.is_empty()
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.closed.len()
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.closed.iter().map(|segment| segment.bytes).sum()
    }

    /// Each of them.
    pub fn list(&self) -> Vec<SegmentInfo> {
        let nexts = self.closed.iter().skip(1).map(|next| next.first).chain([self.open]);
        let infos = self.closed.iter().zip(nexts).map(|(closed, next)| SegmentInfo {
            first: closed.first,
            last: Position(next.0.saturating_sub(1)),
            bytes: closed.bytes,
            latest_at: closed.latest_at,
        });
        infos.collect()
    }

    /// Gives up the oldest segments that are too old or too many, and all of whose entries lie at or
    /// before `floor`: up to there something else holds what they say. Returns those that went.
    ///
    /// # Errors
    /// When a file cannot be removed; those before it are gone.
    pub fn give_up(
        &mut self,
        disk: &dyn Disk,
        retention: Retention,
        floor: Position,
        now: Timestamp,
    ) -> Result<Vec<SegmentInfo>> {
        let mut gone = Vec::new();
        let mut bytes = self.bytes();
        for segment in self.list() {
            let is_old = retention.age.is_some_and(|age| now.since(segment.latest_at) > age);
            let is_much = retention.bytes.is_some_and(|most| bytes > most);
            if segment.last > floor || !(is_old || is_much) {
                break;
            }
            disk.remove(&file_name(segment.first))?;
            self.closed.retain(|closed| closed.first != segment.first);
            bytes -= segment.bytes;
            gone.push(segment);
        }
        if !gone.is_empty() {
            disk.sync_names()?;
        }
        Ok(gone)
    }

    /// The open segment begins there now.
    pub(super) const fn begin(&mut self, open: Position) {
        self.open = open;
    }

    /// The open segment is written no more.
    pub(super) fn push(&mut self, closed: Closed) {
        self.closed.push(closed);
    }
}
