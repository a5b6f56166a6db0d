//! A disk in memory that fails as real ones do: for tests of what a journal promises.
//!
//! What was written and not synced may be there after a crash of the machine or not, sector by sector
//! and in any order. A sync that fails has lost what it was to bring to the disk, and the next one says
//! that all is well.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::disk::{Disk, DiskFile};

/// A disk in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    faults: Arc<Faults>,
}

/// What goes wrong.
#[derive(Debug, Default)]
struct Faults {
    switches: Mutex<Switches>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct Switches {
    /// How many bytes can still be written; without it, any number.
    room_bytes: Option<u64>,
    /// How many of the next syncs fail.
    failing_syncs: u32,
    /// Whether a write takes half of what it is given.
    writes_are_short: bool,
    /// Whether syncs wait.
    syncs_are_held: bool,
    /// How many syncs came back well.
    syncs: u64,
    /// How many writes were made.
    writes: u64,
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, Arc<Mutex<Content>>>,
    /// The names that outlive a crash.
    synced_names: BTreeMap<String, Arc<Mutex<Content>>>,
    is_locked: bool,
}

#[derive(Clone, Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// What is on the disk.
    synced: Vec<u8>,
    /// Where something was written since, and not lost by a failed sync.
    dirty: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug)]
struct SimulatedFile {
    content: Arc<Mutex<Content>>,
    faults: Arc<Faults>,
}

#[derive(Debug)]
struct Guard(Arc<Mutex<State>>);

/// What is written to a disk at once, or not at all.
const SECTOR_BYTES: usize = 512;
/// `EIO`, which has no kind of its own.
const INPUT_OUTPUT_ERROR: i32 = 5;

// === impl SimulatedDisk ===

impl SimulatedDisk {
    /// The disk as another process finds it after this one was killed.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        let state = self.state.lock();
        copy(&state.names, |content| content.bytes.clone())
    }

    /// The disk as it is found after the machine went down: with what was synced, and with each sector
    /// that was only written when `keeps` says so.
    #[must_use]
    pub fn after_crash(&self, mut keeps: impl FnMut() -> bool) -> Self {
        let state = self.state.lock();
        let names = if keeps() { &state.names } else { &state.synced_names };
        copy(names, |content| {
            let mut bytes = content.synced.clone();
            for (at, written) in &content.dirty {
                for (number, sector) in written.chunks(SECTOR_BYTES).enumerate() {
                    if keeps() {
                        put(&mut bytes, at + number * SECTOR_BYTES, sector);
                    }
                }
            }
            bytes
        })
    }

    /// How many bytes can still be written; without it, any number.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.faults.switches.lock().room_bytes = bytes;
    }

    /// Lets that many of the next syncs fail.
    pub fn fail_syncs(&self, count: u32) {
        self.faults.switches.lock().failing_syncs = count;
    }

    /// Whether a write takes half of what it is given.
    pub fn shorten_writes(&self, shorten: bool) {
        self.faults.switches.lock().writes_are_short = shorten;
    }

    /// Whether syncs wait until this is called again.
    pub fn hold_syncs(&self, hold: bool) {
        self.faults.switches.lock().syncs_are_held = hold;
        self.faults.released.notify_all();
    }

    /// How many syncs of files came back well.
    pub fn syncs(&self) -> u64 {
        self.faults.switches.lock().syncs
    }

    /// How many writes were made.
    pub fn writes(&self) -> u64 {
        self.faults.switches.lock().writes
    }

    /// Changes the bytes of a file, as a disk that decays would.
    pub fn tamper(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(content) = self.state.lock().names.get(name) {
            change(&mut content.lock().bytes);
        }
    }

    fn found(&self, name: &str) -> Result<Arc<Mutex<Content>>> {
        let state = self.state.lock();
        state.names.get(name).map(Arc::clone).ok_or_else(|| Error::from(ErrorKind::NotFound))
    }

    fn file(&self, content: Arc<Mutex<Content>>) -> Box<dyn DiskFile> {
        Box::new(SimulatedFile { content, faults: Arc::clone(&self.faults) })
    }
}

impl Disk for SimulatedDisk {
    fn names(&self) -> Result<Vec<String>> {
        Ok(self.state.lock().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> Result<Box<dyn DiskFile>> {
        Ok(self.file(self.found(name)?))
    }

    fn create(&self, name: &str, bytes: u64) -> Result<Box<dyn DiskFile>> {
        if self.faults.switches.lock().room_bytes.is_some_and(|room| room < bytes) {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        let content = Content { bytes: vec![0; length], ..Content::default() };
        let content = Arc::new(Mutex::new(content));
        self.state.lock().names.insert(name.to_owned(), Arc::clone(&content));
        Ok(self.file(content))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut state = self.state.lock();
        let content = state.names.remove(from).ok_or_else(|| Error::from(ErrorKind::NotFound))?;
        state.names.insert(to.to_owned(), content);
        Ok(())
    }

    fn truncate(&self, name: &str, bytes: u64) -> Result<()> {
        let content = self.found(name)?;
        content.lock().bytes.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.state.lock().names.remove(name);
        Ok(())
    }

    fn sync_names(&self) -> Result<()> {
        let mut state = self.state.lock();
        state.synced_names = state.names.clone();
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn std::fmt::Debug + Send + Sync>> {
        if std::mem::replace(&mut self.state.lock().is_locked, true) {
            return Err(Error::from(ErrorKind::ResourceBusy));
        }
        Ok(Box::new(Guard(Arc::clone(&self.state))))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.lock().is_locked = false;
    }
}

// === impl SimulatedFile ===

impl DiskFile for SimulatedFile {
    fn len(&self) -> Result<u64> {
        Ok(self.content.lock().bytes.len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<usize> {
        let content = self.content.lock();
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let there = content.bytes.get(offset..).unwrap_or_default();
        let length = there.len().min(bytes.len());
        if let (Some(to), Some(from)) = (bytes.get_mut(..length), there.get(..length)) {
            to.copy_from_slice(from);
        }
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize> {
        let length = {
            let mut switches = self.faults.switches.lock();
            switches.writes += 1;
            let most =
                if switches.writes_are_short { bytes.len().div_ceil(2) } else { bytes.len() };
            let room = switches.room_bytes.unwrap_or(u64::MAX);
            let length = most.min(usize::try_from(room).unwrap_or(usize::MAX));
            if length == 0 {
                return Err(Error::from(ErrorKind::StorageFull));
            }
            switches.room_bytes = switches.room_bytes.map(|room| room - length as u64);
            length
        };
        let written = bytes.get(..length).unwrap_or_default();
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut content = self.content.lock();
        put(&mut content.bytes, at, written);
        content.dirty.push((at, written.to_vec()));
        Ok(length)
    }

    fn sync(&self) -> Result<()> {
        let mut switches = self.faults.switches.lock();
        while switches.syncs_are_held {
            self.faults.released.wait(&mut switches);
        }
        let mut content = self.content.lock();
        let dirty = std::mem::take(&mut content.dirty);
        if switches.failing_syncs > 0 {
            switches.failing_syncs -= 1;
            return Err(Error::from_raw_os_error(INPUT_OUTPUT_ERROR));
        }
        switches.syncs += 1;
        for (at, written) in dirty {
            put(&mut content.synced, at, &written);
        }
        Ok(())
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, written: &[u8]) {
    let end = at.saturating_add(written.len());
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(at..end) {
        place.copy_from_slice(written);
    }
}

fn copy(
    names: &BTreeMap<String, Arc<Mutex<Content>>>,
    mut bytes: impl FnMut(&Content) -> Vec<u8>,
) -> SimulatedDisk {
    let mut copies = BTreeMap::new();
    for (name, content) in names {
        let bytes = bytes(&content.lock());
        let copy = Content { synced: bytes.clone(), bytes, dirty: Vec::new() };
        copies.insert(name.clone(), Arc::new(Mutex::new(copy)));
    }
    let state = State { synced_names: copies.clone(), names: copies, is_locked: false };
    SimulatedDisk { state: Arc::new(Mutex::new(state)), faults: Arc::default() }
}
