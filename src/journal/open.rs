//! Opening a journal: who else has it, where it ends, and what was lost there.

use std::io::ErrorKind;
use std::sync::Arc;

use super::damage::Damage;
use super::disk::Disk;
use super::format::{HEADER_BYTES_MAX, Header, file_name};
use super::log::{Found, Settings};
use super::reader::{Range, Reader, segments, unreadable};
use super::segments::Segments;
use super::tail::{Closed, Tail};
use crate::engine::journal::Position;
use crate::model::time::Timestamp;

/// A journal that can be appended to.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) lock: Box<dyn std::fmt::Debug + Send + Sync>,
    pub(super) tail: Tail,
    pub(super) segments: Segments,
}

/// Finds the end and begins a segment after it. What was written before is not written to again.
pub(super) fn open(
    disk: &Arc<dyn Disk>,
    settings: &Settings,
    id: u64,
) -> Result<(Opened, Found), Damage> {
    let lock = disk.lock().map_err(|error| {
        let is_in_use = error.kind() == ErrorKind::ResourceBusy;
        if is_in_use { Damage::InUse } else { unreadable("the lock", error) }
    })?;
    let firsts = segments(&**disk)?;
    let from = firsts.last().copied().unwrap_or_default();
    let accepts_loss = settings.accepts_loss;
    let range = Range { from, until: Position(u64::MAX), accepts_loss };
    let mut reader = Reader::open(Arc::clone(disk), range)?;
    for entry in &mut reader {
        let _read = entry?;
    }
    let last = reader.last_position();
    let (journal, latest_at) = (reader.journal().unwrap_or(id), reader.latest_at());
    if reader.offset() > 0 {
        let name = file_name(from);
        disk.truncate(&name, reader.offset()).map_err(|error| unreadable(&name, error))?;
    }
    let mut closed = closed(&**disk, &firsts)?;
    if let Some(end) = closed.last_mut() {
        end.latest_at = latest_at;
    }
    // A segment without an entry gives its place to the new one.
    closed.retain(|segment| segment.first <= last);
    let tail = Tail::begin(&**disk, settings.segment_bytes, journal, last, latest_at)
        .map_err(|error| unreadable("a new segment", error))?;
    let segments = Segments::new(closed, tail.first());
    let found = Found { last, losses: reader.losses().to_vec() };
    Ok((Opened { lock, tail, segments }, found))
}

/// What is known of segments without reading them: each says of those before it how late they go.
fn closed(disk: &dyn Disk, firsts: &[Position]) -> Result<Vec<Closed>, Damage> {
    let mut all: Vec<Closed> = Vec::new();
    for first in firsts {
        let name = file_name(*first);
        let failed = |error| unreadable(&name, error);
        let file = disk.open(&name).map_err(failed)?;
        let bytes = file.len().map_err(failed)?;
        let mut front = vec![0; HEADER_BYTES_MAX];
        let read = file.read_at(&mut front, 0).map_err(failed)?;
        let header = Header::decode(front.get(..read).unwrap_or_default());
        if let (Some(before), Ok((header, _))) = (all.last_mut(), header) {
            before.latest_at = header.latest_at;
            before.last = Position(first.0.saturating_sub(1));
        }
        all.push(Closed { first: *first, last: *first, bytes, latest_at: Timestamp::MAX });
    }
    Ok(all)
}
