//! Snapshots on a disk: the state at one position, so that a restart reads a file and what came after it
//! instead of everything that ever happened.
//!
//! ```text
//! magic (8 bytes) | version (u32)
//! length (u32) | CRC-32 of the chunk (u32) | chunk      any number of times
//! 0 (u32)      | CRC-32 over the checksums before (u32)
//! ```
//!
//! Numbers are little-endian. A snapshot is written beside the others under a name that does not count,
//! brought to the disk and then renamed, so that one that counts is whole. The last two are kept: when one
//! cannot be read the one before it is, with more of the journal after it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Error, ErrorKind, Read as _, Result, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::journal::Position;
use crate::engine::snapshot::{RestoreError, Restoring, Room, Sink};
use crate::model::time::Timestamp;

/// The directory of the snapshots of one journal.
#[derive(Clone, Debug)]
pub struct Snapshots {
    directory: PathBuf,
    clock: fn() -> Instant,
}

/// A snapshot that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Up to where entries are in it.
    pub position: Position,
    /// Its bytes.
    pub bytes: u64,
    /// How long a lock of each room was held at most.
    pub held: BTreeMap<Room, Duration>,
}

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The file cannot be read, or is not what was written.
    #[error(transparent)]
    Unreadable(#[from] Error),
    /// What it says cannot be put back.
    #[error(transparent)]
    Refused(#[from] RestoreError),
}

/// A file that is being written.
struct Writing {
    file: BufWriter<File>,
    checksums: crc32fast::Hasher,
    bytes: u64,
    clock: fn() -> Instant,
    held: BTreeMap<Room, Duration>,
}

const MAGIC: [u8; 8] = *b"vajrasnp";
const VERSION: u32 = 1;
/// No chunk is longer: what says so is damaged.
const CHUNK_BYTES_MAX: u32 = 1 << 30;
/// How many are kept.
const KEPT: usize = 2;
/// Only the owner may read what happened to payments.
const PRIVATE: u32 = 0o600;
const SUFFIX: &str = ".snapshot";
const PART_SUFFIX: &str = ".part";

// === impl Snapshots ===

impl Snapshots {
    /// Those of a directory, which is made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(directory: &Path, clock: fn() -> Instant) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        Ok(Self { directory: directory.to_owned(), clock })
    }

    /// Takes one while everything goes on, and gives up those that are older than the one before it.
    /// `settle` brings the journal to the disk: a snapshot must not know what the journal may lose.
    ///
    /// # Errors
    /// When it cannot be written; those that are there stay.
    pub fn take(
        &self,
        engine: &Engine,
        at: Timestamp,
        settle: impl FnOnce() -> Result<()>,
    ) -> Result<Written> {
        self.remove_parts()?;
        let part = self.directory.join(format!("next{PART_SUFFIX}"));
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(PRIVATE).open(&part)?;
        let mut writing = Writing {
            file: BufWriter::new(file),
            checksums: crc32fast::Hasher::new(),
            bytes: 0,
            clock: self.clock,
            held: BTreeMap::new(),
        };
        writing.write(&MAGIC)?;
        writing.write(&VERSION.to_le_bytes())?;
        let position = engine.snapshot(at, &mut writing)?;
        let Writing { mut file, checksums, bytes, held, .. } = writing;
        file.write_all(&0_u32.to_le_bytes())?;
        file.write_all(&checksums.finalize().to_le_bytes())?;
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        settle()?;
        std::fs::rename(&part, self.path(position))?;
        File::open(&self.directory)?.sync_all()?;
        for older in self.positions()?.iter().rev().skip(KEPT) {
            std::fs::remove_file(self.path(*older))?;
        }
        Ok(Written { position, bytes: bytes + 8, held })
    }

    /// The positions of those that are there, ascending.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn positions(&self) -> Result<Vec<Position>> {
        let mut positions = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            positions.extend(number.and_then(|number| number.parse().ok()).map(Position));
        }
        positions.sort_unstable();
        Ok(positions)
    }

    /// Puts one back.
    ///
    /// # Errors
    /// When it is not whole, or its policies are refused today.
    pub fn restore(
        &self,
        position: Position,
        mut restoring: Restoring<'_>,
    ) -> std::result::Result<Engine, Unusable> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(self.path(position))?);
        read_chunks(&mut file, |chunk| Ok(restoring.chunk(chunk)?))?;
        let (engine, known) = restoring.finish()?;
        if known == position { Ok(engine) } else { Err(damaged("it was renamed").into()) }
    }

    fn remove_parts(&self) -> Result<()> {
        for entry in std::fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.to_str().is_some_and(|path| path.ends_with(PART_SUFFIX)) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn path(&self, position: Position) -> PathBuf {
        self.directory.join(format!("{:020}{SUFFIX}", position.0))
    }
}

// === impl Writing ===

impl Writing {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

impl Sink for Writing {
    type Error = Error;

    fn put(&mut self, chunk: &[u8]) -> Result<()> {
        let length = u32::try_from(chunk.len()).ok().filter(|length| *length <= CHUNK_BYTES_MAX);
        let length = length.ok_or_else(|| Error::from(ErrorKind::FileTooLarge))?;
        let checksum = crc32fast::hash(chunk).to_le_bytes();
        self.checksums.update(&checksum);
        self.write(&length.to_le_bytes())?;
        self.write(&checksum)?;
        self.write(chunk)
    }

    fn watch<T>(&mut self, room: Room, work: impl FnOnce() -> T) -> T {
        let began = (self.clock)();
        let done = work();
        let held = (self.clock)().duration_since(began);
        let longest = self.held.entry(room).or_default();
        *longest = held.max(*longest);
        done
    }
}

/// Reads every chunk of a file, each once it is known to be what was written.
fn read_chunks(
    file: &mut BufReader<File>,
    mut take: impl FnMut(&[u8]) -> std::result::Result<(), Unusable>,
) -> std::result::Result<(), Unusable> {
    if read_array(file)? != MAGIC {
        return Err(damaged("it is no snapshot").into());
    }
    if u32::from_le_bytes(read_array(file)?) != VERSION {
        return Err(damaged("it was written by another version").into());
    }
    let mut checksums = crc32fast::Hasher::new();
    let mut chunk = Vec::new();
    loop {
        let length = u32::from_le_bytes(read_array(file)?);
        let checksum: [u8; 4] = read_array(file)?;
        if length == 0 {
            let is_whole = checksums.finalize().to_le_bytes() == checksum;
            let is_over = file.read(&mut [0])? == 0;
            return if is_whole && is_over {
                Ok(())
            } else {
                Err(damaged("it does not end as it was written").into())
            };
        }
        if length > CHUNK_BYTES_MAX {
            return Err(damaged("a chunk in it is too long").into());
        }
        chunk.clear();
        let read = file.take(u64::from(length)).read_to_end(&mut chunk)?;
        if read < usize::try_from(length).unwrap_or(usize::MAX) {
            return Err(damaged("it ends early").into());
        }
        if crc32fast::hash(&chunk).to_le_bytes() != checksum {
            return Err(damaged("a checksum in it does not hold").into());
        }
        checksums.update(&checksum);
        take(&chunk)?;
    }
}

fn read_array<const N: usize>(file: &mut BufReader<File>) -> Result<[u8; N]> {
    let mut array = [0; N];
    file.read_exact(&mut array)?;
    Ok(array)
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the snapshot is damaged: {what}"))
}
