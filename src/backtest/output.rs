//! Tables that a backtest writes: a row per payment, as CSV, JSON Lines or Parquet by extension.
//!
//! A table is written beside its place and moved there when it is whole: what is found under its name
//! is never half of one.

mod csv;
mod json;
mod parquet;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::problem::BacktestError;
use super::source::Format;
use crate::model::value::{Value, ValueType};

/// A table that is being written.
pub struct Table {
    path: PathBuf,
    partial: PathBuf,
    writer: Box<dyn Writer>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The type of its present values.
    pub value_type: ValueType,
}

/// One format.
trait Writer: Send {
    /// Takes a row: a value per column; missing and unknown are null.
    fn write(&mut self, row: &[Value]) -> Result<(), String>;

    /// Writes what is still held.
    fn finish(self: Box<Self>) -> Result<(), String>;
}

/// What the formats write to.
type Sink = BufWriter<File>;

// === impl Table ===

impl Table {
    /// Opens a table of that name.
    ///
    /// # Errors
    /// When the extension is none of a format, or nothing can be written there.
    pub fn create(path: &Path, columns: Vec<Column>) -> Result<Self, BacktestError> {
        let error = |problem: String| BacktestError::Output { path: path.to_owned(), problem };
        let format = Format::of(path).ok_or_else(|| {
            error("expected a name that ends in .csv, .jsonl or .parquet".to_owned())
        })?;
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(|problem| error(problem.to_string()))?;
        let sink = BufWriter::with_capacity(1 << 18, file);
        let writer = match format {
            Format::Csv => csv::new(sink, &columns),
            Format::JsonLines => Ok(json::new(sink, columns)),
            Format::Parquet => parquet::new(sink, columns),
        };
        Ok(Self { path: path.to_owned(), partial, writer: writer.map_err(error)? })
    }

    /// Writes a row: a value per column.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, row: &[Value]) -> Result<(), BacktestError> {
        self.writer
            .write(row)
            .map_err(|problem| BacktestError::Output { path: self.path.clone(), problem })
    }

    /// Ends the table and puts it in its place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<(), BacktestError> {
        let Self { path, partial, writer } = self;
        let moved = writer
            .finish()
            .and_then(|()| std::fs::rename(partial, &path).map_err(|error| error.to_string()));
        moved.map_err(|problem| BacktestError::Output { path, problem })
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("path", &self.path).finish_non_exhaustive()
    }
}

// === impl Column ===

impl Column {
    /// A column.
    pub fn new(name: impl Into<String>, value_type: ValueType) -> Self {
        Self { name: name.into(), value_type }
    }
}

/// A float so that it can be told from an integer: `2.0`, not `2`.
fn float_text(number: f64) -> String {
    serde_json::Number::from_f64(number).map_or(String::new(), |number| number.to_string())
}
