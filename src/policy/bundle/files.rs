//! Reads the files of a bundle: from a directory, or from the program itself.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Files;
use crate::model::value::Text;

/// How many bytes a bundle may have.
pub const BUNDLE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How many files a bundle may have.
pub const FILES_MAX: usize = 1_000;
/// How often a directory is read again that changes while it is read.
const READS_MAX: usize = 10;
/// The directories that are part of a bundle.
const DIRECTORIES: [&str; 2] = ["lists", "tests"];
/// How many hex digits of the hash name a version.
const VERSION_DIGITS: usize = 32;

static SHIPPED: include_dir::Dir<'static> =
    include_dir::include_dir!("$CARGO_MANIFEST_DIR/policies");

/// A file as it was seen before it was read. Seen again alike, it was not changed in between.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// Where it really is: behind a link that is swapped, it is another file.
    real: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
    is_directory: bool,
}

/// Everything in a directory that belongs to a bundle, by path within the bundle.
type Listing = BTreeMap<String, Seen>;

// === impl Files ===

impl Files {
    /// Reads a directory: its files and those in `lists/` and `tests/`, links followed, names that
    /// begin with a dot left out. Any other directory stands with a `/` behind its name and without
    /// content. A directory that is swapped while it is read is read again, so that no half of one
    /// bundle is joined to half of another.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or keeps changing.
    pub fn read(directory: &Path) -> std::io::Result<Self> {
        // A missing directory is missing; a missing file within it was replaced just now.
        std::fs::metadata(directory).map_err(|error| naming(directory, &error))?;
        for _ in 0..READS_MAX {
            let before = match listing(directory) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                listing => listing?,
            };
            let read = contents(&before);
            if listing(directory).is_ok_and(|after| after == before) {
                return read;
            }
        }
        Err(Error::new(ErrorKind::ResourceBusy, "the directory keeps changing while it is read"))
    }

    /// The bundle that is part of the program.
    pub fn shipped() -> Self {
        let mut files = BTreeMap::new();
        let directories = DIRECTORIES.iter().filter_map(|name| SHIPPED.get_dir(name));
        for file in SHIPPED.files().chain(directories.flat_map(include_dir::Dir::files)) {
            let path = file.path().to_string_lossy().replace('\\', "/");
            let is_hidden = path.rsplit('/').next().is_some_and(|name| name.starts_with('.'));
            if !is_hidden {
                files.insert(path, file.contents().to_vec());
            }
        }
        Self(files)
    }

    /// The hash of all paths and contents, in hex.
    pub fn version(&self) -> Text {
        let mut hasher = blake3::Hasher::new();
        for (path, bytes) in &self.0 {
            for part in [path.as_bytes(), bytes] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
        Text::from(hasher.finalize().to_hex().get(..VERSION_DIGITS).unwrap_or_default())
    }
}

fn listing(directory: &Path) -> std::io::Result<Listing> {
    let mut listing = Listing::new();
    list(directory, "", &mut listing)?;
    for name in DIRECTORIES {
        if listing.remove(&format!("{name}/")).is_some() {
            list(&directory.join(name), &format!("{name}/"), &mut listing)?;
        }
    }
    let bytes = listing.values().fold(0_u64, |sum, seen| sum.saturating_add(seen.bytes));
    if bytes > BUNDLE_BYTES_MAX {
        return Err(too_large(&format!("more than {BUNDLE_BYTES_MAX} bytes")));
    }
    Ok(listing)
}

fn list(directory: &Path, prefix: &str, listing: &mut Listing) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str() else {
            let message = format!("the name of {} is not UTF-8", directory.join(name).display());
            return Err(Error::new(ErrorKind::InvalidData, message));
        };
        if name.starts_with('.') {
            continue;
        }
        let path = directory.join(name);
        let metadata = std::fs::metadata(&path).map_err(|error| naming(&path, &error))?;
        let is_directory = metadata.is_dir();
        if !is_directory && !metadata.is_file() {
            continue;
        }
        let seen = Seen {
            real: std::fs::canonicalize(&path).map_err(|error| naming(&path, &error))?,
            bytes: if is_directory { 0 } else { metadata.len() },
            modified: metadata.modified().ok().filter(|_| !is_directory),
            is_directory,
        };
        listing.insert(format!("{prefix}{name}{}", if is_directory { "/" } else { "" }), seen);
        if listing.len() > FILES_MAX {
            return Err(too_large(&format!("more than {FILES_MAX} files")));
        }
    }
    Ok(())
}

fn contents(listing: &Listing) -> std::io::Result<Files> {
    let mut files = BTreeMap::new();
    for (path, seen) in listing {
        let bytes = if seen.is_directory {
            Vec::new()
        } else {
            std::fs::read(&seen.real).map_err(|error| naming(&seen.real, &error))?
        };
        files.insert(path.clone(), bytes);
    }
    Ok(Files(files))
}

fn naming(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn too_large(what: &str) -> Error {
    Error::new(ErrorKind::FileTooLarge, format!("the directory holds {what}: is it a bundle?"))
}
