//! Data files: CSV, JSON Lines and Parquet, by extension, read one row after another.
//!
//! A reader knows its format and the names of the columns it is asked for, not what they mean.

mod columns;
mod csv;
mod json;
mod parquet;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cell::{Cell, CellProblem};
use super::map::DatasetMap;
use super::problem::{BacktestError, BadRow};
use super::row::{Decoder, Row};
use crate::model::currency::Currency;
use crate::model::time::Timestamp;
use crate::policy::diagnostic::nearest;

pub(super) use parquet::Cells;

/// A format of data files and outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.csv`
    Csv,
    /// `.jsonl`, `.ndjson` or `.json`: one object a line
    JsonLines,
    /// `.parquet`
    Parquet,
}

/// A data file and the map that reads it.
#[derive(Clone, Debug)]
pub struct DataFile {
    path: PathBuf,
    name: Arc<str>,
    format: Format,
    map: Arc<DatasetMap>,
}

/// What a first look at the times of a file tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// How many rows there are, readable or not.
    pub rows: u64,
    /// Whether they are in order of time.
    pub is_ordered: bool,
}

/// Reads the rows of a file in its own order.
pub struct Rows<'f> {
    file: &'f DataFile,
    decoder: Decoder<'f>,
    reader: Box<dyn Reader>,
}

/// Reads a Parquet file, many rows at a time.
pub(super) struct Batches<'f> {
    file: &'f DataFile,
    reader: parquet::Batches,
}

/// The rows of one format. A reader stands on one row at a time.
trait Reader: Send {
    /// Goes to the next row.
    fn advance(&mut self) -> Result<Option<Stand>, String>;

    /// The cell of a column, by its place among the names that the reader was made with.
    fn cell(&self, column: usize) -> Result<Cell<'_>, CellProblem>;
}

/// Where a reader stands.
struct Stand {
    line: u64,
    /// Why the row cannot be read at all.
    problem: Option<String>,
}

// === impl Format ===

impl Format {
    /// The format of a file by its extension.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

// === impl DataFile ===

impl DataFile {
    /// Opens a file once, to see that it is there and has the columns of its map.
    ///
    /// # Errors
    /// When it cannot be read, or lacks a column.
    pub fn open(path: &Path, map: Arc<DatasetMap>) -> Result<Self, BacktestError> {
        let format = Format::of(path).ok_or_else(|| BacktestError::File {
            path: path.to_owned(),
            problem: "expected a file that ends in .csv, .jsonl or .parquet".to_owned(),
        })?;
        let name = Arc::from(path.display().to_string());
        let file = Self { path: path.to_owned(), name, format, map };
        file.reader(&file.map.columns)?;
        Ok(file)
    }

    /// Its path, as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its map.
    pub fn map(&self) -> &DatasetMap {
        &self.map
    }

    /// Reads only the times: how many rows there are, and whether they are in order.
    ///
    /// # Errors
    /// When the file cannot be read on.
    pub fn survey(&self) -> Result<Survey, BacktestError> {
        let time = &self.map.occurred_at;
        let columns: Vec<String> = self.map.columns.get(time.column).cloned().into_iter().collect();
        let mut reader = self.reader(&columns)?;
        let mut survey = Survey { rows: 0, is_ordered: true };
        let mut last = Timestamp::MIN;
        while let Some(stand) = reader.advance().map_err(|problem| self.error(problem))? {
            survey.rows += 1;
            if stand.problem.is_some() {
                continue;
            }
            let at = reader.cell(0).and_then(|cell| cell.instant(&time.zone));
            if let Ok(at) = at {
                survey.is_ordered &= last <= at;
                last = at;
            }
        }
        Ok(survey)
    }

    /// Reads the rows; `base` is the currency of amounts that say none.
    ///
    /// # Errors
    /// When the file cannot be opened any more.
    pub fn rows(&self, base: Currency) -> Result<Rows<'_>, BacktestError> {
        let reader = self.reader(&self.map.columns)?;
        Ok(Rows { file: self, decoder: Decoder::new(&self.map, base), reader })
    }

    /// Reads the rows of a Parquet file, many at a time; `None` for other formats.
    ///
    /// # Errors
    /// When the file cannot be opened any more.
    pub(super) fn batches(&self) -> Result<Option<Batches<'_>>, BacktestError> {
        if self.format != Format::Parquet {
            return Ok(None);
        }
        let reader = parquet::Batches::open(&self.path, &self.map.columns);
        let reader = reader.map_err(|problem| self.error(problem))?;
        Ok(Some(Batches { file: self, reader }))
    }

    /// A row of this file that is left out.
    pub fn bad_row(&self, line: u64, problem: String) -> BadRow {
        BadRow { file: self.name.to_string(), line, problem }
    }

    fn reader(&self, columns: &[String]) -> Result<Box<dyn Reader>, BacktestError> {
        let reader = match self.format {
            Format::Csv => csv::open(&self.path, columns),
            Format::JsonLines => json::open(&self.path, columns),
            Format::Parquet => parquet::open(&self.path, columns),
        };
        reader.map_err(|problem| self.error(problem))
    }

    fn error(&self, problem: String) -> BacktestError {
        BacktestError::File { path: self.path.clone(), problem }
    }
}

// === impl Rows ===

impl Iterator for Rows<'_> {
    type Item = Result<Result<Row, BadRow>, BacktestError>;

    fn next(&mut self) -> Option<Self::Item> {
        let stand = match self.reader.advance() {
            Ok(stand) => stand?,
            Err(problem) => return Some(Err(self.file.error(problem))),
        };
        let row = match stand.problem {
            Some(problem) => Err(problem),
            None => self.decoder.row(stand.line, |column| self.reader.cell(column)),
        };
        Some(Ok(row.map_err(|problem| self.file.bad_row(stand.line, problem))))
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<Cells, BacktestError>;

    fn next(&mut self) -> Option<Self::Item> {
        let cells = self.reader.next().transpose()?;
        Some(cells.map_err(|problem| self.file.error(problem)))
    }
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("file", &self.file).finish_non_exhaustive()
    }
}

/// The place of each wanted name among those of a file.
///
/// # Errors
/// The names that the file does not have, each with the nearest that it has, and those it has twice.
fn places(wanted: &[String], names: &[String]) -> Result<Vec<usize>, String> {
    let mut problems = Vec::new();
    let mut places = Vec::new();
    for name in wanted {
        let mut found = names.iter().enumerate().filter(|(_, known)| *known == name);
        match (found.next(), found.next()) {
            (Some((place, _)), None) => places.push(place),
            (Some(_), Some(_)) => problems.push(format!("column `{name}` is there twice")),
            (None, _) => {
                let near = nearest(name, names.iter().map(String::as_str));
                let near = near.map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
                problems.push(format!("no column `{name}`{near}"));
            }
        }
    }
    if problems.is_empty() { Ok(places) } else { Err(problems.join("; ")) }
}
