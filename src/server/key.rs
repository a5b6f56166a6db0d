//! The key under which card numbers in ids are hashed: made once, kept in `DATA/hash.key`, which only
//! its owner may read. Without it, what was hashed before is a stranger; it belongs in every backup.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rand::TryRngCore as _;

use crate::model::card_number::HashKey;

/// The name of the file within the data directory.
pub(super) const FILE_NAME: &str = "hash.key";

const KEY_BYTES: usize = 32;

/// Only the owner may read and write.
const PRIVATE: u32 = 0o600;
/// What anyone else may do.
const OF_OTHERS: u32 = 0o077;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("`{path}`: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is no key.
    #[error("`{0}` must have exactly {KEY_BYTES} bytes: bring it back from a backup")]
    Malformed(PathBuf),
    /// There is no randomness to be had.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(rand::rand_core::OsError),
}

/// The key of a data directory, made when there is none yet; without a directory, one that is gone with
/// the process.
///
/// # Errors
/// [`KeyError`]
pub(super) fn load(data: Option<&Path>) -> Result<HashKey, KeyError> {
    let Some(data) = data else {
        tracing::warn!(
            "without a data directory card numbers in ids hash differently after a restart"
        );
        return Ok(HashKey::new(random()?));
    };
    let path = data.join(FILE_NAME);
    match read(&path)? {
        Some(key) => Ok(key),
        None => {
            make(data, &path)?;
            // Read back, so that two processes that began together agree on one.
            read(&path)?.ok_or(KeyError::Malformed(path))
        }
    }
}

fn read(path: &Path) -> Result<Option<HashKey>, KeyError> {
    let failed = |error| KeyError::File { path: path.to_owned(), error };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    keep_private(&file, path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let key = <[u8; KEY_BYTES]>::try_from(bytes);
    key.map(|key| Some(HashKey::new(key)))
        .map_err(|_other_length| KeyError::Malformed(path.to_owned()))
}

/// Takes from others what a copy or a backup may have given them. Where that is refused, as on a mount
/// that cannot be written, the warning is all there is.
fn keep_private(file: &File, path: &Path) -> std::io::Result<()> {
    if file.metadata()?.permissions().mode() & OF_OTHERS != 0 {
        let refused = file.set_permissions(Permissions::from_mode(PRIVATE)).err();
        tracing::warn!(path = %path.display(), ?refused, "others could read the hash key");
    }
    Ok(())
}

/// Writes a new key beside its place and links it there, so that no one ever sees half of one and the
/// first of two makers wins.
fn make(data: &Path, path: &Path) -> Result<(), KeyError> {
    let key = random()?;
    let written = write_linked(data, path, &key);
    written.map_err(|error| KeyError::File { path: path.to_owned(), error })
}

fn write_linked(data: &Path, path: &Path, key: &[u8; KEY_BYTES]) -> std::io::Result<()> {
    std::fs::create_dir_all(data)?;
    let draft = data.join(format!("{FILE_NAME}.{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(PRIVATE).open(&draft)?;
    file.write_all(key)?;
    file.sync_all()?;
    let linked = match std::fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    };
    std::fs::remove_file(&draft)?;
    linked?;
    File::open(data)?.sync_all()
}

fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(KeyError::NoRandomness)?;
    Ok(bytes)
}

/// Eight random bytes, to tell this process from others.
///
/// # Errors
/// When there is no randomness to be had.
pub(super) fn process_id() -> Result<u64, KeyError> {
    Ok(u64::from_le_bytes(random()?))
}
