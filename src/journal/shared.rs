//! What those who append share with the writer.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::disk::Disk;
use super::format::{FRAME_BYTES, Frame, PAYLOAD_BYTES_MAX};
use super::log::{Means, OnFailure, Settings, Settled, Status};
use super::open::Opened;
use super::segments::Segments;
use super::tail::{Batch, Tail};
use super::writer;
use crate::engine::journal::{Entry, JournalError, Position};
use crate::model::codec::Codec as _;

/// What the writer tells those who wait.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) synced: Position,
    pub(super) failure: Option<Arc<str>>,
}

/// What appenders and the writer share. Locks are taken in this order: turns, tail, batch, segments.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) means: Means,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) tail: Mutex<Tail>,
    pub(super) batch: Mutex<Batch>,
    pub(super) segments: Mutex<Segments>,
    pub(super) progress: watch::Sender<Progress>,
    /// The last position of the batch.
    appended: AtomicU64,
    /// The last position that the system has.
    written: AtomicU64,
    /// The bytes that left the batch and are not on the disk.
    pub(super) unsynced_bytes: AtomicUsize,
    /// Whether something could not be written; only the writer tries again.
    is_failing: AtomicBool,
    failures: AtomicU64,
    /// Held by whoever brings the tail to the disk.
    pub(super) turns: Mutex<writer::Upkeep>,
    /// How many bytes the open segment has.
    pub(super) open_bytes: AtomicU64,
    /// Whether the writer waits to be woken.
    pub(super) is_idle: AtomicBool,
    pub(super) is_closed: AtomicBool,
    /// How long syncs took, until they are asked for.
    pub(super) sync_times: Mutex<Vec<Duration>>,
    _lock: Box<dyn std::fmt::Debug + Send + Sync>,
}

/// How many times of syncs are kept for one who does not ask.
const SYNC_TIMES_MAX: usize = 4_096;
/// How long a thread waits for another that is handing over before it looks whether that fails.
const HAND_OVER_LOOK: Duration = Duration::from_millis(10);

thread_local! {
    /// Where an entry gets its bytes before any lock is taken.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        settings: Settings,
        means: Means,
        opened: Opened,
    ) -> Self {
        let Opened { lock, tail, segments } = opened;
        let last = tail.written();
        let (progress, _) = watch::channel(Progress { synced: last, failure: None });
        Self {
            settings,
            means,
            disk,
            batch: Mutex::new(Batch::after(last, tail.latest_at())),
            open_bytes: AtomicU64::new(tail.offset()),
            tail: Mutex::new(tail),
            segments: Mutex::new(segments),
            progress,
            appended: AtomicU64::new(last.0),
            written: AtomicU64::new(last.0),
            unsynced_bytes: AtomicUsize::new(0),
            is_failing: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            turns: Mutex::default(),
            is_idle: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            sync_times: Mutex::new(Vec::new()),
            _lock: lock,
        }
    }

    pub(super) fn status(&self) -> Status {
        let progress = self.progress.borrow().clone();
        let (segments, closed_bytes) = {
            let segments = self.segments.lock();
            (segments.len() + 1, segments.bytes())
        };
        Status {
            appended: self.appended(),
            written: self.written(),
            synced: progress.synced,
            held_bytes: self.held_bytes(),
            segments,
            bytes: closed_bytes + self.open_bytes.load(Ordering::Relaxed),
            failure: progress.failure,
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    pub(super) fn append(&self, entry: &Entry) -> Result<Position, JournalError> {
        if self.is_failing() && self.settings.on_failure == OnFailure::Refuse {
            return Err(self.error());
        }
        SCRATCH.with_borrow_mut(|payload| {
            payload.clear();
            entry.encode(payload);
            if payload.len() > PAYLOAD_BYTES_MAX {
                return Err(JournalError(format!("an entry has {} bytes", payload.len())));
            }
            let crc = crc32fast::hash(payload);
            let unsynced = self.unsynced_bytes.load(Ordering::Relaxed);
            let mut batch = self.batch.lock();
            let held = unsynced + batch.bytes.len() + FRAME_BYTES + payload.len();
            if held > self.settings.held_bytes_max {
                let held = self.settings.held_bytes_max;
                return Err(JournalError(format!("the disk is behind by {held} bytes")));
            }
            let position = batch.last.next();
            if let Entry::Score { features, .. } = entry {
                batch.state(position, features.names());
            }
            Frame::write(&mut batch.bytes, position, payload, crc);
            batch.last = position;
            batch.latest_at = batch.latest_at.max(entry.effective_at());
            // SeqCst: see `wake`.
            self.appended.store(position.0, Ordering::SeqCst);
            Ok(position)
        })
    }

    pub(super) fn appended(&self) -> Position {
        Position(self.appended.load(Ordering::SeqCst))
    }

    pub(super) fn written(&self) -> Position {
        Position(self.written.load(Ordering::Acquire))
    }

    fn held_bytes(&self) -> usize {
        self.unsynced_bytes.load(Ordering::Relaxed) + self.batch.lock().bytes.len()
    }

    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// Hands everything up to that position to the system, unless another thread has done so or it
    /// fails; then the writer tries again.
    pub(super) fn hand_over(&self, position: Position) {
        while self.written() < position && !self.is_failing() {
            let Some(mut tail) = self.tail.try_lock_for(HAND_OVER_LOOK) else { continue };
            if self.written() < position {
                self.hand_over_locked(&mut tail);
            }
        }
    }

    /// Hands over the batch; whether the system has all of it.
    pub(super) fn hand_over_locked(&self, tail: &mut Tail) -> bool {
        loop {
            if tail.pending_is_empty() && !tail.take(&mut self.batch.lock()) {
                return true;
            }
            let written = tail.write();
            self.show(tail);
            match written {
                Ok(()) => self.written.store(tail.written().0, Ordering::Release),
                Err(error) => {
                    self.fail("cannot be written", &error);
                    return false;
                }
            }
        }
    }

    /// Hands over all there is, so that what is appended next can stand in another segment.
    pub(super) fn finish_segment(&self, tail: &mut Tail) -> bool {
        loop {
            if !self.hand_over_locked(tail) {
                return false;
            }
            let mut batch = self.batch.lock();
            if batch.bytes.is_empty() {
                batch.names.clear();
                return true;
            }
        }
    }

    /// Shows how much the tail holds.
    pub(super) fn show(&self, tail: &Tail) {
        self.unsynced_bytes.store(tail.unsynced_bytes(), Ordering::Relaxed);
        self.open_bytes.store(tail.offset(), Ordering::Relaxed);
    }

    /// Notes a failure; until the writer has mended it, nobody else tries.
    pub(super) fn fail(&self, what: &str, error: &std::io::Error) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if !self.is_failing.swap(true, Ordering::SeqCst) {
            tracing::error!(%error, "the journal {what}");
        }
        let failure: Arc<str> = format!("it {what}: {error}").into();
        self.progress.send_modify(|progress| progress.failure = Some(failure));
    }

    /// Notes that it works again.
    pub(super) fn recover(&self) {
        if self.is_failing.swap(false, Ordering::SeqCst) {
            tracing::info!("the journal can be written again");
            self.progress.send_modify(|progress| progress.failure = None);
        }
    }

    pub(super) fn note_sync_time(&self, time: Duration) {
        let mut times = self.sync_times.lock();
        if times.len() < SYNC_TIMES_MAX {
            times.push(time);
        }
    }

    pub(super) fn settled(&self, is_kept: bool) -> Result<Settled, JournalError> {
        match (is_kept, self.settings.on_failure) {
            (true, _) => Ok(Settled::Kept),
            (false, OnFailure::Answer) => Ok(Settled::Degraded),
            (false, OnFailure::Refuse) => Err(self.error()),
        }
    }

    pub(super) fn error(&self) -> JournalError {
        let failure = self.progress.borrow().failure.clone();
        JournalError(failure.map_or_else(|| "it is behind".to_owned(), |why| why.to_string()))
    }
}
