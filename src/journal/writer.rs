//! The thread that brings the journal to the disk: one sync for all that was handed over, the next
//! segment made ready before it is needed, and another try when something has failed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use super::disk::DiskFile;
use super::format::file_name;
use super::log::Durability;
use super::shared::Shared;
use super::tail::{Closed, SPARE, Sync};

/// How long after a failure it is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// What is kept between two turns.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// The next segment, made ready.
    spare: Option<Box<dyn DiskFile>>,
    /// How many bytes the open segment must have before another spare is tried for, after one that
    /// could not be made.
    spare_at: u64,
    /// Segments that are written no more and still have the room that was set aside for them.
    roomy: Vec<Closed>,
}

/// Starts the thread. It ends when the journal is closed, after a last turn.
pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("vajra-journal".to_owned());
    thread.spawn(move || {
        loop {
            rest(&shared);
            let is_closed = shared.is_closed.load(Ordering::SeqCst);
            turn(&shared);
            if is_closed {
                return shared.turns.lock().close(&shared);
            }
        }
    })
}

/// Brings all that was appended to the disk, if that can be.
pub(super) fn turn(shared: &Shared) {
    let mut upkeep = shared.turns.lock();
    if !mend(shared) {
        return;
    }
    let is_written = shared.hand_over_locked(&mut shared.tail.lock());
    if is_written && (sync(shared) || mend(shared)) {
        shared.recover();
    }
    upkeep.look_after_segments(shared);
}

/// Syncs what was handed over; whether it is on the disk.
fn sync(shared: &Shared) -> bool {
    let begun = { shared.tail.lock().begin_sync() };
    let Some(sync) = begun else { return true };
    let begun_at = (shared.means.clock)();
    let synced = sync_files(shared, &sync);
    shared.note_sync_time((shared.means.clock)().duration_since(begun_at));
    let mut tail = shared.tail.lock();
    match synced {
        Ok(()) => {
            tail.end_sync(&sync);
            shared.show(&tail);
            drop(tail);
            shared.progress.send_modify(|progress| progress.synced = sync.until);
            true
        }
        Err(error) => {
            tail.distrust();
            drop(tail);
            shared.fail("cannot be brought to the disk", &error);
            false
        }
    }
}

fn sync_files(shared: &Shared, sync: &Sync) -> std::io::Result<()> {
    for file in &sync.files {
        file.sync()?;
    }
    if sync.files.len() > 1 { shared.disk.sync_names() } else { Ok(()) }
}

/// Writes anew what a failed sync has left uncertain; whether nothing is uncertain any more.
fn mend(shared: &Shared) -> bool {
    let mut tail = shared.tail.lock();
    if !tail.is_distrusted() {
        return true;
    }
    match tail.start_over(&*shared.disk, shared.settings.segment_bytes) {
        Ok(closed) => {
            shared.show(&tail);
            let (synced, first) = (tail.written(), tail.first());
            drop(tail);
            let mut segments = shared.segments.lock();
            segments.begin(first);
            if let Some(closed) = closed {
                segments.push(closed);
            }
            drop(segments);
            tracing::warn!(first = first.0, last = synced.0, "the journal was written anew");
            shared.progress.send_modify(|progress| progress.synced = synced);
            true
        }
        Err(error) => {
            drop(tail);
            shared.fail("cannot be written anew", &error);
            false
        }
    }
}

fn rest(shared: &Shared) {
    if shared.is_failing() {
        return std::thread::park_timeout(TRY_AGAIN);
    }
    let settings = &shared.settings;
    if settings.durability != Durability::Sync {
        return std::thread::park_timeout(settings.interval);
    }
    let is_behind = || shared.appended() > shared.progress.borrow().synced;
    if is_behind() {
        return std::thread::park_timeout(settings.spacing);
    }
    // SeqCst: whoever appends after this look sees that it is idle, and wakes.
    shared.is_idle.store(true, Ordering::SeqCst);
    if !is_behind() {
        std::thread::park_timeout(settings.interval);
    }
    shared.is_idle.store(false, Ordering::SeqCst);
}

// === impl Upkeep ===

impl Upkeep {
    /// Makes the next segment ready, and goes over to it when this one is full.
    fn look_after_segments(&mut self, shared: &Shared) {
        let bytes_max = shared.settings.segment_bytes;
        let bytes = shared.open_bytes.load(Ordering::Relaxed);
        if self.spare.is_none() && bytes >= (bytes_max >> 1).max(self.spare_at) {
            match shared.disk.create(SPARE, bytes_max) {
                Ok(spare) => self.spare = Some(spare),
                Err(error) => {
                    // The open segment grows meanwhile.
                    self.spare_at = bytes + (bytes_max >> 3);
                    tracing::warn!(%error, "no room can be set aside for the next segment");
                }
            }
        }
        if bytes >= bytes_max && !shared.is_failing() {
            self.rotate(shared);
        }
        self.give_back_room(shared);
    }

    fn rotate(&mut self, shared: &Shared) {
        let Some(spare) = self.spare.take() else { return };
        let mut tail = shared.tail.lock();
        if tail.is_distrusted() || !tail.is_begun() || !shared.finish_segment(&mut tail) {
            drop(tail);
            self.spare = Some(spare);
            return;
        }
        let rotated = tail.rotate(&*shared.disk, spare);
        let first = tail.first();
        shared.show(&tail);
        drop(tail);
        match rotated {
            Ok(closed) => {
                let mut segments = shared.segments.lock();
                segments.begin(first);
                segments.push(closed);
                self.roomy.push(closed);
                self.spare_at = 0;
            }
            Err(error) => tracing::warn!(%error, "the next segment cannot be begun"),
        }
    }

    /// Cuts segments off where they end, once all of them is on the disk.
    fn give_back_room(&mut self, shared: &Shared) {
        let open = shared.progress.borrow().synced.next();
        self.roomy.retain(|closed| {
            let is_on_disk = closed.last < open;
            if is_on_disk
                && let Err(error) = shared.disk.truncate(&file_name(closed.first), closed.bytes)
            {
                tracing::debug!(%error, "a segment keeps the room that was set aside for it");
            }
            !is_on_disk
        });
    }

    /// Gives back all room that was set aside.
    fn close(&mut self, shared: &Shared) {
        if self.spare.take().is_some()
            && let Err(error) = shared.disk.remove(SPARE)
        {
            tracing::debug!(%error, "a spare segment is left");
        }
        let mut tail = shared.tail.lock();
        if let Err(error) = tail.finish() {
            tracing::warn!(%error, "the journal ends without a mark");
        }
        if !tail.is_distrusted() {
            self.roomy.push(tail.closed());
        }
        drop(tail);
        self.give_back_room(shared);
    }
}
