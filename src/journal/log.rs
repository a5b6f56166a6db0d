//! The durable journal. Entries are copied into a batch under a short lock; whoever first needs them
//! with the system hands the whole batch over in one call, and a thread of its own brings it to the disk.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::damage::{Damage, Loss};
use super::disk::Disk;
use super::reader::{Range, Reader};
use super::segments::Segments;
use super::shared::Shared;
use super::{open, writer};
use crate::engine::journal::{Entry, Journal, JournalError, Position};

/// What an answer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The entry is on the disk: nothing that was answered is lost when the machine goes down.
    Sync,
    /// The system has the entry: nothing that was answered is lost when the process ends, whatever ends
    /// it, and at most the last interval, and the time of one sync, when the machine goes down.
    Interval,
    /// Nothing: there is no journal.
    Memory,
}

/// What is answered while the journal cannot take entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing is changed, and the caller is told to try again.
    Refuse,
    /// The decision, marked as degraded. Entries wait in memory, as many as there is room for; then it
    /// is refused.
    Answer,
}

/// What an operator may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What an answer waits for.
    pub durability: Durability,
    /// With [`Durability::Interval`]: how often what was handed over is brought to the disk.
    pub interval: Duration,
    /// With [`Durability::Sync`]: how long after one sync the next begins, so that it carries many
    /// entries.
    pub spacing: Duration,
    /// The size at which a new segment is begun.
    pub segment_bytes: u64,
    /// How many bytes that are not on the disk are held in memory at most.
    pub held_bytes_max: usize,
    /// What is answered while the journal cannot take entries.
    pub on_failure: OnFailure,
    /// Whether it goes on although entries are lost.
    pub accepts_loss: bool,
}

/// What a driver brings with it.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// Tells a new journal from others.
    pub id: u64,
    /// The clock that never goes back.
    pub clock: fn() -> Instant,
}

/// A journal on a disk. Dropped, it brings to the disk what it has.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// What was found when the journal was opened.
#[derive(Debug)]
pub struct Found {
    /// The last position that is there.
    pub last: Position,
    /// What was lost at its end, in words for an operator.
    pub losses: Vec<Loss>,
}

/// Whether an answer may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// What it hangs on is as durable as was promised.
    Kept,
    /// It is not, and it was said that it is to be answered all the same.
    Degraded,
}

/// How the journal stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// The last entry that was taken.
    pub appended: Position,
    /// The last that the system has.
    pub written: Position,
    /// The last that is on the disk.
    pub synced: Position,
    /// Bytes that are in memory because they are not on the disk.
    pub held_bytes: usize,
    /// The segments.
    pub segments: usize,
    /// Their bytes, without what is set aside.
    pub bytes: u64,
    /// Why it cannot take entries.
    pub failure: Option<Arc<str>>,
    /// How often something could not be written or brought to the disk.
    pub failures: u64,
}

// === impl Log ===

impl Log {
    /// Opens the journal of a directory, or begins one, and starts the writer.
    ///
    /// # Errors
    /// When it is in use, is not whole, or cannot be written. What was being written when a process or
    /// the machine went down is no damage: it is cut off, and told.
    pub fn open(
        disk: Arc<dyn Disk>,
        settings: Settings,
        means: Means,
    ) -> Result<(Self, Found), Damage> {
        let (opened, found) = open::open(&disk, &settings, means.id)?;
        let shared = Arc::new(Shared::new(disk, settings, means, opened));
        let writer = writer::start(Arc::clone(&shared))
            .map_err(|error| super::reader::unreadable("the writer", error))?;
        Ok((Self { shared, writer: Some(writer) }, found))
    }

    /// Waits until what was appended so far is as durable as was promised. Whatever an answer was made
    /// of, it is then.
    ///
    /// # Errors
    /// When it cannot be now; it may become so later.
    pub async fn settle(&self) -> Result<Settled, JournalError> {
        let shared = &self.shared;
        let position = shared.appended();
        match shared.settings.durability {
            Durability::Memory => Ok(Settled::Kept),
            Durability::Interval => {
                if shared.written() < position {
                    // Other requests that came in meanwhile are decided first and handed over with it.
                    tokio::task::yield_now().await;
                    shared.hand_over(position);
                }
                shared.settled(shared.written() >= position)
            }
            Durability::Sync => {
                let mut progress = shared.progress.subscribe();
                if progress.borrow().synced < position {
                    self.wake();
                    let waited = progress
                        .wait_for(|now| now.synced >= position || now.failure.is_some())
                        .await;
                    return shared.settled(waited.is_ok_and(|now| now.synced >= position));
                }
                shared.settled(true)
            }
        }
    }

    /// Brings all that was appended so far to the disk, and waits for it.
    ///
    /// # Errors
    /// When it cannot be now.
    pub fn sync(&self) -> Result<(), JournalError> {
        writer::turn(&self.shared);
        let synced = self.shared.progress.borrow().synced;
        if synced >= self.shared.appended() { Ok(()) } else { Err(self.shared.error()) }
    }

    /// The last entry that was taken.
    pub fn appended(&self) -> Position {
        self.shared.appended()
    }

    /// Reads what was appended so far, from a position on.
    ///
    /// # Errors
    /// When it is not with the system, or not there any more.
    pub fn read(&self, from: Position) -> Result<Reader, Damage> {
        let until = self.shared.appended();
        self.shared.hand_over(until);
        let until = until.min(self.shared.written());
        let range = Range { from, until, accepts_loss: self.shared.settings.accepts_loss };
        Reader::open(Arc::clone(&self.shared.disk), range)
    }

    /// The segments, to look at them and to give up old ones.
    pub fn with_segments<T>(&self, work: impl FnOnce(&mut Segments, &dyn Disk) -> T) -> T {
        work(&mut self.shared.segments.lock(), &*self.shared.disk)
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// How long the syncs took since this was last asked.
    pub fn take_sync_times(&self) -> Vec<Duration> {
        std::mem::take(&mut self.shared.sync_times.lock())
    }

    fn wake(&self) {
        // SeqCst: either the writer sees what was appended, or this sees that it went idle.
        if self.shared.is_idle.swap(false, Ordering::SeqCst)
            && let Some(writer) = &self.writer
        {
            writer.thread().unpark();
        }
    }
}

impl Journal for Log {
    fn append(&self, entry: &Entry) -> Result<Position, JournalError> {
        self.shared.append(entry)
    }

    fn last(&self) -> Position {
        self.shared.appended()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        if let Some(writer) = self.writer.take() {
            writer.thread().unpark();
            if writer.join().is_err() {
                tracing::error!("the writer of the journal ended badly");
            }
        }
    }
}
