//! What the journal asks of a file system: little enough that a test can be one, and lose what a
//! machine that goes down loses.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{FileExt, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// One directory.
pub trait Disk: std::fmt::Debug + Send + Sync {
    /// The names of the files in it, sorted.
    ///
    /// # Errors
    /// When it cannot be read.
    fn names(&self) -> Result<Vec<String>>;

    /// Opens a file to read it.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    fn open(&self, name: &str) -> Result<Box<dyn DiskFile>>;

    /// Makes an empty file, in place of any of that name, with room for so many bytes set aside.
    ///
    /// # Errors
    /// When there is no room.
    fn create(&self, name: &str, bytes: u64) -> Result<Box<dyn DiskFile>>;

    /// Gives a file another name, in place of any of that name.
    ///
    /// # Errors
    /// When it cannot be done.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Cuts a file off, and gives back what was set aside beyond.
    ///
    /// # Errors
    /// When it cannot be done.
    fn truncate(&self, name: &str, bytes: u64) -> Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// When it cannot be done.
    fn remove(&self, name: &str) -> Result<()>;

    /// Makes names that were given or removed outlive a crash of the system.
    ///
    /// # Errors
    /// When it is not certain that they do.
    fn sync_names(&self) -> Result<()>;

    /// Keeps other processes from the directory until the guard is dropped.
    ///
    /// # Errors
    /// `ResourceBusy` when another one is there.
    fn lock(&self) -> Result<Box<dyn std::fmt::Debug + Send + Sync>>;
}

/// One open file.
pub trait DiskFile: std::fmt::Debug + Send + Sync {
    /// How many bytes it has.
    ///
    /// # Errors
    /// When that cannot be said.
    fn len(&self) -> Result<u64>;

    /// Whether it has none.
    ///
    /// # Errors
    /// When that cannot be said.
    fn is_empty(&self) -> Result<bool> {
        self.len().map(|bytes| bytes == 0)
    }

    /// Reads from a place on; fewer bytes than asked for, and none at the end.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<usize>;

    /// Hands bytes to the system, to stand at that place; says how many it took.
    ///
    /// # Errors
    /// When it took none.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize>;

    /// Waits until all that was written is on the disk.
    ///
    /// # Errors
    /// When it is not certain that it is; asking again makes it no more certain.
    fn sync(&self) -> Result<()>;
}

/// A directory of this machine.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

/// Only the owner may read what happened to payments.
const PRIVATE: u32 = 0o600;
/// The file by which processes keep each other away.
const LOCK_NAME: &str = "lock";

// === impl Directory ===

impl Directory {
    /// A directory that is there.
    pub fn existing(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// A directory, made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path)?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self(path.to_owned()))
    }
}

impl Disk for Directory {
    fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn open(&self, name: &str) -> Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(self.0.join(name))?))
    }

    fn create(&self, name: &str, bytes: u64) -> Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(PRIVATE);
        let file = options.open(self.0.join(name))?;
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            // Some file systems cannot: the file grows then, which costs speed and nothing else.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Box::new(file))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        std::fs::rename(self.0.join(from), self.0.join(to))
    }

    fn truncate(&self, name: &str, bytes: u64) -> Result<()> {
        OpenOptions::new().write(true).open(self.0.join(name))?.set_len(bytes)
    }

    fn remove(&self, name: &str) -> Result<()> {
        std::fs::remove_file(self.0.join(name))
    }

    fn sync_names(&self) -> Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn lock(&self) -> Result<Box<dyn std::fmt::Debug + Send + Sync>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(PRIVATE);
        let file = options.open(self.0.join(LOCK_NAME))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::WouldBlock) => Err(Error::from(ErrorKind::ResourceBusy)),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl DiskFile for File {
    fn len(&self) -> Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<usize> {
        FileExt::read_at(self, bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn sync(&self) -> Result<()> {
        self.sync_data()
    }
}
