//! Parquet: only the wanted columns are decoded, a batch at a time.

use std::fs::File;
use std::path::Path;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::columns::Column;
use super::{Reader, Stand, places};
use crate::backtest::cell::{Cell, CellProblem};

/// Rows that are decoded together.
const BATCH_ROWS: usize = 8_192;

struct ParquetReader {
    batches: ParquetRecordBatchReader,
    /// The place of each wanted column in a batch.
    places: Vec<usize>,
    columns: Vec<Column>,
    batch_rows: usize,
    /// The row within the batch, from 1; 0 before the first.
    row: usize,
    line: u64,
}

pub(super) fn open(path: &Path, columns: &[String]) -> Result<Box<dyn Reader>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| e.to_string())?;
    let names: Vec<String> =
        builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let wanted = places(columns, &names)?;
    for (place, name) in wanted.iter().zip(columns) {
        let data_type = builder.schema().field(*place).data_type();
        if !Column::can_be(data_type) {
            return Err(format!("column `{name}` is of type {data_type}, which cannot be read"));
        }
    }
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().copied());
    let batches = builder
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(|error| error.to_string())?;
    // A batch has the wanted columns in the order of the file.
    let places =
        wanted.iter().map(|place| wanted.iter().filter(|other| *other < place).count()).collect();
    Ok(Box::new(ParquetReader {
        batches,
        places,
        columns: Vec::new(),
        batch_rows: 0,
        row: 0,
        line: 0,
    }))
}

// === impl ParquetReader ===

impl Reader for ParquetReader {
    fn advance(&mut self) -> Result<Option<Stand>, String> {
        while self.row == self.batch_rows {
            let Some(batch) = self.batches.next() else { return Ok(None) };
            let batch = batch.map_err(|error| error.to_string())?;
            self.columns.clear();
            for place in &self.places {
                let array = batch.columns().get(*place).ok_or("a column is gone")?;
                self.columns.push(Column::new(array.as_ref())?);
            }
            self.batch_rows = batch.num_rows();
            self.row = 0;
        }
        self.row += 1;
        self.line += 1;
        Ok(Some(Stand { line: self.line, problem: None }))
    }

    fn cell(&self, column: usize) -> Result<Cell<'_>, CellProblem> {
        match self.columns.get(column) {
            Some(column) => column.cell(self.row - 1),
            None => Ok(Cell::Missing),
        }
    }
}
