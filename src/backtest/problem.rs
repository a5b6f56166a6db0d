//! What can go wrong before and while history is read.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// A problem of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapProblem {
    /// The path of the map.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line as written.
    pub source: String,
    /// What is wrong, in one sentence without capital letter and full stop.
    pub message: String,
    /// What was expected, or the nearest known name.
    pub help: Option<String>,
}

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

// === impl MapProblem ===

impl MapProblem {
    /// A problem at a byte of the text of a map.
    pub fn new(file: &str, text: &str, byte: usize, message: String, help: Option<String>) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let source = text.lines().nth(line - 1).unwrap_or_default().to_owned();
        Self { file: file.to_owned(), line, column, source, message, help }
    }
}

impl fmt::Display for MapProblem {
    /// As diagnostics of a bundle are shown: what, where, the line and a marker, help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, source, message, help } = self;
        let gutter = " ".repeat(line.to_string().len());
        writeln!(f, "error[map]: {message}")?;
        writeln!(f, "{gutter}--> {file}:{line}:{column}")?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{line} | {source}")?;
        write!(f, "{gutter} | {}^", " ".repeat(column - 1))?;
        match help {
            Some(help) => write!(f, "\n{gutter} = help: {help}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.problem)
    }
}
