//! CSV with a header, by RFC 4180: quoted fields may hold line ends.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use csv::ByteRecord;

use super::{Reader, Stand, places};
use crate::backtest::cell::{Cell, CellProblem};

struct CsvReader {
    reader: csv::Reader<File>,
    record: ByteRecord,
    width: usize,
    places: Vec<usize>,
}

pub(super) fn open(path: &Path, columns: &[String]) -> Result<Box<dyn Reader>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).buffer_capacity(1 << 18).from_reader(file);
    let header = reader.byte_headers().map_err(|error| error.to_string())?;
    let names: Vec<String> =
        header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let places = places(columns, &names)?;
    Ok(Box::new(CsvReader { reader, record: ByteRecord::new(), width: names.len(), places }))
}

// === impl CsvReader ===

impl Reader for CsvReader {
    fn advance(&mut self) -> Result<Option<Stand>, String> {
        let is_there =
            self.reader.read_byte_record(&mut self.record).map_err(|error| error.to_string())?;
        if !is_there {
            return Ok(None);
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        let found = self.record.len();
        let problem = (found != self.width)
            .then(|| format!("has {found} cells where the header has {}", self.width));
        Ok(Some(Stand { line, problem }))
    }

    fn cell(&self, column: usize) -> Result<Cell<'_>, CellProblem> {
        let bytes = self.places.get(column).and_then(|place| self.record.get(*place));
        match std::str::from_utf8(bytes.unwrap_or_default()) {
            Ok("") => Ok(Cell::Missing),
            Ok(text) => Ok(Cell::Text(Cow::Borrowed(text))),
            Err(_) => Err("is not UTF-8".to_owned()),
        }
    }
}
