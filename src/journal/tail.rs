//! The end of the journal: the batch that entries are copied into, and the segment that it goes to.
//!
//! Bytes are kept in memory until a sync that covers them has come back well. After one that has not,
//! nobody can say which of them are on the disk, and asking again would be answered by what the system
//! believes: so the segment is left as it is, and all of them are written anew, to another one.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::format::{Header, file_name, write_mark, write_names};
use crate::engine::journal::Position;
use crate::model::codec::FieldCodes;
use crate::model::packed::FeatureNames;
use crate::model::time::Timestamp;

/// Entries that nobody has handed over yet.
#[derive(Debug)]
pub(super) struct Batch {
    /// Their records.
    pub bytes: Vec<u8>,
    /// The position of the last entry that was taken.
    pub last: Position,
    /// The latest time of all that were taken.
    pub latest_at: Timestamp,
    /// The names of features that were written since the segment began.
    pub names: Vec<Arc<FeatureNames>>,
}

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Tail {
    file: Arc<dyn DiskFile>,
    journal: u64,
    first: Position,
    /// Where the next record goes.
    offset: u64,
    /// Records that were taken from the batch; so many bytes of them are with the system.
    pending: Vec<u8>,
    pending_written: usize,
    pending_last: Position,
    /// The names of features that entries refer to.
    names: Vec<Arc<FeatureNames>>,
    /// The last position that the system has, and the latest time up to there.
    written: Position,
    latest_at: Timestamp,
    pending_latest_at: Timestamp,
    /// What was handed over since the last sync began, and what that sync is to cover.
    recent: Vec<u8>,
    syncing: Vec<u8>,
    /// The last position that is on the disk, and the last of which a mark says so.
    synced: Position,
    marked: Position,
    /// The files of segments before this one that the next sync covers first, and whether it makes
    /// names certain.
    earlier: Vec<Arc<dyn DiskFile>>,
    /// Whether a sync came back badly: nothing goes to this segment any more.
    is_distrusted: bool,
}

/// A sync that is under way.
#[derive(Debug)]
pub(super) struct Sync {
    /// The files to sync, in this order; names as well when there are several.
    pub files: Vec<Arc<dyn DiskFile>>,
    /// What it covers.
    pub until: Position,
}

/// A segment that is written no more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    /// The position of its first record.
    pub first: Position,
    /// The position of its last entry.
    pub last: Position,
    /// How many bytes of it are of use.
    pub bytes: u64,
    /// The latest time of its entries and all before.
    pub latest_at: Timestamp,
}

/// A file that is made ready to be the next segment.
pub(super) const SPARE: &str = "spare";
/// A file that is to take the place of a segment whose end is not to be trusted.
const AGAIN: &str = "again";
/// How much room buffers keep for the next time.
const ROOM_KEPT_BYTES: usize = 16 * 1_024 * 1_024;

// === impl Batch ===

impl Batch {
    /// An empty batch that goes on after a position.
    pub(super) const fn after(last: Position, latest_at: Timestamp) -> Self {
        Self { bytes: Vec::new(), last, latest_at, names: Vec::new() }
    }
}

impl Batch {
    /// Writes names that the next entry refers to, unless the segment has them.
    pub(super) fn state(&mut self, position: Position, names: &Arc<FeatureNames>) {
        if !self.names.iter().any(|known| Arc::ptr_eq(known, names) || known.id() == names.id()) {
            write_names(&mut self.bytes, position, names);
            self.names.push(Arc::clone(names));
        }
    }
}

// === impl Tail ===

impl Tail {
    /// Begins a segment after a position, all before which is on the disk.
    pub(super) fn begin(
        disk: &dyn Disk,
        bytes: u64,
        journal: u64,
        last: Position,
        latest_at: Timestamp,
    ) -> Result<Self> {
        let mut tail = Self {
            file: Arc::from(disk.create(SPARE, bytes)?),
            journal,
            first: last.next(),
            offset: 0,
            pending: Vec::new(),
            pending_written: 0,
            pending_last: last,
            names: Vec::new(),
            written: last,
            latest_at,
            pending_latest_at: latest_at,
            recent: Vec::new(),
            syncing: Vec::new(),
            synced: last,
            marked: last,
            earlier: Vec::new(),
            is_distrusted: false,
        };
        tail.offset = write_all(&*tail.file, &tail.header(tail.first).encode(), 0)?;
        tail.file.sync()?;
        disk.rename(SPARE, &file_name(tail.first))?;
        disk.sync_names()?;
        Ok(tail)
    }

    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) const fn first(&self) -> Position {
        self.first
    }

    pub(super) const fn written(&self) -> Position {
        self.written
    }

    pub(super) const fn latest_at(&self) -> Timestamp {
        self.latest_at
    }

    pub(super) const fn is_distrusted(&self) -> bool {
        self.is_distrusted
    }

    pub(super) const fn pending_is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) const fn unsynced_bytes(&self) -> usize {
        self.pending.len() + self.recent.len() + self.syncing.len()
    }

    /// Takes what is in the batch; whether there was something.
    pub(super) fn take(&mut self, batch: &mut Batch) -> bool {
        if batch.bytes.is_empty() {
            return false;
        }
        std::mem::swap(&mut self.pending, &mut batch.bytes);
        self.pending_last = batch.last;
        self.pending_latest_at = batch.latest_at;
        for names in &batch.names {
            if !self.names.iter().any(|known| known.id() == names.id()) {
                self.names.push(Arc::clone(names));
            }
        }
        if self.synced > self.marked {
            write_mark(&mut self.pending, self.pending_last, self.synced);
            self.marked = self.synced;
        }
        true
    }

    /// Writes and syncs a mark of the last sync: a reader knows then that nothing may be missing.
    pub(super) fn finish(&mut self) -> Result<()> {
        if self.is_distrusted || !self.pending.is_empty() || self.synced == self.marked {
            return Ok(());
        }
        write_mark(&mut self.pending, self.written, self.synced);
        self.marked = self.synced;
        self.write()?;
        self.file.sync()
    }

    /// Hands over what was taken. What the system took of it before a failure is not handed over again.
    pub(super) fn write(&mut self) -> Result<()> {
        if self.is_distrusted {
            return Err(Error::other("its end is not known to be on the disk"));
        }
        while let Some(rest) = self.pending.get(self.pending_written..)
            && !rest.is_empty()
        {
            let at = self.offset + self.pending_written as u64;
            self.pending_written += write_some(&*self.file, rest, at)?;
        }
        self.offset += self.pending.len() as u64;
        self.recent.extend_from_slice(&self.pending);
        emptied(&mut self.pending);
        self.pending_written = 0;
        self.written = self.pending_last;
        self.latest_at = self.pending_latest_at;
        Ok(())
    }

    /// Begins a sync of all that was handed over; `None` when all of it is on the disk.
    pub(super) fn begin_sync(&mut self) -> Option<Sync> {
        if (self.written == self.synced && self.earlier.is_empty()) || self.is_distrusted {
            return None;
        }
        std::mem::swap(&mut self.recent, &mut self.syncing);
        let mut files = self.earlier.clone();
        files.push(Arc::clone(&self.file));
        Some(Sync { files, until: self.written })
    }

    /// The sync came back well.
    pub(super) fn end_sync(&mut self, sync: &Sync) {
        self.synced = sync.until;
        // What was rotated out meanwhile is for the next sync.
        self.earlier.retain(|file| !sync.files.iter().any(|synced| Arc::ptr_eq(file, synced)));
        emptied(&mut self.syncing);
    }

    /// The sync came back badly.
    pub(super) const fn distrust(&mut self) {
        self.is_distrusted = true;
    }

    /// Begins a new segment at the first entry that is not known to be on the disk, and writes anew what
    /// was written from there on. Returns the one that is left, unless the new one took its place.
    pub(super) fn start_over(&mut self, disk: &dyn Disk, bytes: u64) -> Result<Option<Closed>> {
        let file: Arc<dyn DiskFile> = Arc::from(disk.create(AGAIN, bytes)?);
        let first = self.synced.next();
        let mut front = self.header(first).encode();
        for names in &self.names {
            write_names(&mut front, first, names);
        }
        let mut offset = write_all(&*file, &front, 0)?;
        for again in [&self.syncing, &self.recent] {
            offset = write_all(&*file, again, offset)?;
        }
        file.sync()?;
        disk.rename(AGAIN, &file_name(first))?;
        if self.first > first {
            // Begun by a rotation of which the last sync would have been the first.
            disk.remove(&file_name(self.first))?;
        }
        disk.sync_names()?;
        let closed = (self.first < first).then(|| Closed { last: self.synced, ..self.closed() });
        self.file = file;
        self.first = first;
        self.offset = offset;
        self.pending_written = 0;
        self.synced = self.written;
        emptied(&mut self.syncing);
        emptied(&mut self.recent);
        self.earlier.clear();
        self.is_distrusted = false;
        Ok(closed)
    }

    /// Goes on in a file that was made ready. Returns the segment that is left; the next sync covers it
    /// first.
    pub(super) fn rotate(&mut self, disk: &dyn Disk, spare: Box<dyn DiskFile>) -> Result<Closed> {
        let file: Arc<dyn DiskFile> = Arc::from(spare);
        let first = self.written.next();
        let offset = write_all(&*file, &self.header(first).encode(), 0)?;
        disk.rename(SPARE, &file_name(first))?;
        let closed = self.closed();
        self.earlier.push(std::mem::replace(&mut self.file, file));
        self.first = first;
        self.offset = offset;
        Ok(closed)
    }

    /// Whether a rotation would leave a segment with entries.
    pub(super) fn is_begun(&self) -> bool {
        self.written >= self.first
    }

    /// The segment as it stands.
    pub(super) const fn closed(&self) -> Closed {
        let (first, last) = (self.first, self.written);
        Closed { first, last, bytes: self.offset, latest_at: self.latest_at }
    }

    fn header(&self, first: Position) -> Header {
        Header {
            journal: self.journal,
            first,
            synced: self.synced,
            latest_at: self.latest_at,
            codes: FieldCodes::own(),
        }
    }
}

/// Hands over bytes to stand at a place; where they end.
fn write_all(file: &dyn DiskFile, bytes: &[u8], offset: u64) -> Result<u64> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..)
        && !rest.is_empty()
    {
        written += write_some(file, rest, offset + written as u64)?;
    }
    Ok(offset + written as u64)
}

/// Hands over as many bytes as the system takes at once, at least one.
fn write_some(file: &dyn DiskFile, bytes: &[u8], offset: u64) -> Result<usize> {
    loop {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(Error::from(ErrorKind::WriteZero)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            written => return written,
        }
    }
}

/// Empties a buffer; what room it had beyond what is usual is given back.
fn emptied(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(ROOM_KEPT_BYTES);
}
