//! What can go wrong before and while history is read.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// A row that could not be read or replayed, and was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadRow {
    /// The data file.
    pub file: String,
    /// The line in a text file, the row in a Parquet file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub problem: String,
}

/// Why a backtest ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// A data file cannot be read at all.
    #[error("{path}: {problem}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Maps and files do not fit each other.
    #[error("{0}")]
    Maps(String),
    /// Too many rows could not be read.
    #[error("{bad} of {read} rows could not be read, more than the {max} that may be bad")]
    TooManyBadRows {
        /// How many were bad.
        bad: u64,
        /// How many were read until then.
        read: u64,
        /// How many may be bad.
        max: u64,
        /// The first of them.
        first: Vec<BadRow>,
    },
    /// An output cannot be written.
    #[error("{path}: {problem}", path = path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        problem: String,
    },
    /// The engine refused what it never may refuse in a replay.
    #[error("the engine stopped: {0}")]
    Engine(String),
}

// === impl BadRow ===

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.problem)
    }
}
