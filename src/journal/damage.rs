//! What can be wrong with a journal, said so that an operator knows what is lost and what to do.

use std::io::Error;

use crate::engine::journal::Position;
use crate::model::codec::Malformed;

/// Why a journal cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The system does not let it be read.
    #[error("`{segment}` cannot be read: {error}")]
    Unreadable {
        /// The file, or what of the directory.
        segment: String,
        /// Why.
        error: Error,
    },
    /// Another process has the directory.
    #[error("the directory is in use by another process")]
    InUse,
    /// The file is something else.
    #[error("`{segment}` is no segment of this journal: {why}")]
    Foreign {
        /// The file.
        segment: String,
        /// What tells it apart.
        why: &'static str,
    },
    /// A later version wrote it.
    #[error("`{segment}` {what}: it was written by a later version")]
    Newer {
        /// The file.
        segment: String,
        /// What is not known.
        what: String,
    },
    /// Bytes are not what was written.
    #[error("{0}")]
    Corrupt(Corruption),
    /// The checksum is right, and what it covers cannot be read.
    #[error(
        "the entry at position {position} in `{segment}` at byte {offset} cannot be read: {why}"
    )]
    Undecodable {
        /// The file.
        segment: String,
        /// Where in it.
        offset: u64,
        /// The place of the entry.
        position: Position,
        /// Why.
        why: Malformed,
    },
    /// Entries are not there.
    #[error("the entries from position {} to {} are missing before `{segment}`", .first.0, .last.0)]
    Missing {
        /// The segment after the gap.
        segment: String,
        /// The first that is missing.
        first: Position,
        /// The last that is missing.
        last: Position,
    },
    /// Entries of that age are not kept any more.
    #[error("the journal begins at position {begins}, entries from {asked} on were asked for")]
    Gone {
        /// What was asked for.
        asked: Position,
        /// The first that there is.
        begins: Position,
    },
}

/// A place where bytes are not what was written, although they had reached the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The file.
    pub segment: String,
    /// Where in it the record begins that is damaged.
    pub offset: u64,
    /// How many bytes are of no use.
    pub bytes: u64,
    /// The first entry that is lost.
    pub position: Position,
    /// The first entry after it that is whole; `None` when there is none in the segment.
    pub resumes_at: Option<Position>,
}

/// What was skipped, because it was said that losses are accepted, or because it never was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Bytes that were damaged.
    Corrupt(Corruption),
    /// An entry that is whole and cannot be read.
    Undecodable {
        /// The file.
        segment: String,
        /// Where in it.
        offset: u64,
        /// How many bytes it has.
        bytes: u64,
        /// Its place.
        position: Position,
        /// Why.
        why: Malformed,
    },
    /// Entries that are not there.
    Missing {
        /// The first.
        first: Position,
        /// The last.
        last: Position,
    },
    /// The end of the journal, which was being written when the process or the machine went down. No
    /// entry of it was on the disk as far as is known.
    Torn(Torn),
}

/// An end that was being written when the process or the machine went down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub segment: String,
    /// Up to where it is whole.
    pub offset: u64,
    /// How many bytes are cut off.
    pub bytes: u64,
    /// The first entry that is lost.
    pub first: Position,
    /// The last entry of which something is there.
    pub last: Position,
}

// === impl Corruption ===

impl std::fmt::Display for Corruption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { segment, offset, bytes, position, resumes_at } = self;
        write!(
            f,
            "`{segment}` is damaged at byte {offset}, where position {position} begins: {bytes} bytes are of no use"
        )?;
        match resumes_at {
            Some(resumes_at) => write!(f, ", the next whole entry is at position {resumes_at}"),
            None => f.write_str(", no whole entry follows in it"),
        }
    }
}

// === impl Loss ===

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Corrupt(corruption) => corruption.fmt(f),
            Self::Undecodable { segment, offset, bytes, position, why } => write!(
                f,
                "the entry at position {position} in `{segment}` at byte {offset}, {bytes} bytes, cannot be read: {why}"
            ),
            Self::Missing { first, last } => {
                write!(f, "the entries from position {first} to {last} are missing")
            }
            Self::Torn(Torn { segment, offset, bytes, first, last }) => {
                write!(
                    f,
                    "`{segment}` was being written when it ended: {bytes} bytes from byte {offset} on are cut off, the entries from position {first} to {last} were not on the disk"
                )
            }
        }
    }
}
