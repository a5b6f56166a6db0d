//! Parquet: only the wanted columns are decoded, a batch at a time.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::ParquetMetaData;

use super::columns::Column;
use super::{Reader, Stand, places};
use crate::backtest::cell::{Cell, CellProblem};

/// Rows that are decoded together.
const BATCH_ROWS: usize = 8_192;

/// Texts that take less than this in a column, each, are of few different ones.
const CODED_BYTES_MAX: i64 = 8;

/// Many rows at a time.
pub(in crate::backtest) struct Batches {
    reader: ParquetRecordBatchReader,
    /// The place of each wanted column in a batch.
    places: Vec<usize>,
    line: u64,
}

/// The cells of several rows.
pub(in crate::backtest) struct Cells {
    columns: Vec<Column>,
    rows: usize,
    /// The line before the first of them.
    before: u64,
}

struct ParquetReader {
    batches: Batches,
    cells: Option<Cells>,
    /// The row within the batch.
    row: usize,
}

pub(super) fn open(path: &Path, columns: &[String]) -> Result<Box<dyn Reader>, String> {
    let batches = Batches::open(path, columns)?;
    Ok(Box::new(ParquetReader { batches, cells: None, row: 0 }))
}

// === impl Batches ===

impl Batches {
    /// Opens a file at the wanted columns.
    pub(super) fn open(path: &Path, columns: &[String]) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let as_written = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
        let as_written = as_written.map_err(|error| error.to_string())?;
        let schema = coded(as_written.schema(), as_written.metadata());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(as_written.metadata()), options);
        let metadata = metadata.map_err(|error| error.to_string())?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let names: Vec<String> =
            builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        let wanted = places(columns, &names)?;
        for (place, name) in wanted.iter().zip(columns) {
            let data_type = builder.schema().field(*place).data_type();
            if !Column::can_be(data_type) {
                return Err(format!(
                    "column `{name}` is of type {data_type}, which cannot be read"
                ));
            }
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().copied());
        let reader = builder
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|error| error.to_string())?;
        // A batch has the wanted columns in the order of the file.
        let places = wanted
            .iter()
            .map(|place| wanted.iter().filter(|other| *other < place).count())
            .collect();
        Ok(Self { reader, places, line: 0 })
    }

    /// The next rows.
    pub(super) fn next(&mut self) -> Result<Option<Cells>, String> {
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let batch = batch.map_err(|error| error.to_string())?;
        let mut columns = Vec::with_capacity(self.places.len());
        for place in &self.places {
            let array = batch.columns().get(*place).ok_or("a column is gone")?;
            columns.push(Column::new(array.as_ref())?);
        }
        let before = self.line;
        self.line += batch.num_rows() as u64;
        Ok(Some(Cells { columns, rows: batch.num_rows(), before }))
    }
}

// === impl Cells ===

impl Cells {
    /// How many rows there are.
    pub(in crate::backtest) const fn len(&self) -> usize {
        self.rows
    }

    /// The row of the file, from 1.
    pub(in crate::backtest) const fn line(&self, row: usize) -> u64 {
        self.before + row as u64 + 1
    }

    /// The cell of a column, by its place among the names that the file was opened with.
    pub(in crate::backtest) fn cell(
        &self,
        column: usize,
        row: usize,
    ) -> Result<Cell<'_>, CellProblem> {
        self.columns.get(column).map_or(Ok(Cell::Missing), |column| column.cell(row))
    }

    /// Where rows share their values: the code of each row, and how many codes there are. Rows without a
    /// value have one beyond them.
    pub(in crate::backtest) fn codes(&self, column: usize) -> Option<(&[u32], usize)> {
        self.columns.get(column)?.codes()
    }

    /// Whether the column is of texts.
    pub(in crate::backtest) fn is_text(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(Column::is_text)
    }
}

/// The schema with a code for each text where the file holds it that way.
fn coded(schema: &Schema, metadata: &ParquetMetaData) -> Schema {
    let is_flat = metadata.file_metadata().schema_descr().num_columns() == schema.fields().len();
    let fields = schema.fields().iter().enumerate().map(|(place, field)| {
        let are_few = is_flat
            && metadata.row_groups().iter().all(|group| {
                let column = group.columns().get(place);
                column.is_some_and(|column| {
                    column.dictionary_page_offset().is_some()
                        && column.uncompressed_size() <= group.num_rows() * CODED_BYTES_MAX
                })
            });
        if are_few && field.data_type() == &DataType::Utf8 {
            let codes = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Field::clone(field).with_data_type(codes)
        } else {
            Field::clone(field)
        }
    });
    Schema::new_with_metadata(fields.collect::<Vec<Field>>(), schema.metadata().clone())
}

// === impl ParquetReader ===

impl Reader for ParquetReader {
    fn advance(&mut self) -> Result<Option<Stand>, String> {
        self.row += 1;
        while self.cells.as_ref().is_none_or(|cells| self.row >= cells.len()) {
            let Some(cells) = self.batches.next()? else { return Ok(None) };
            self.cells = Some(cells);
            self.row = 0;
        }
        let line = self.cells.as_ref().map_or(0, |cells| cells.line(self.row));
        Ok(Some(Stand { line, problem: None }))
    }

    fn cell(&self, column: usize) -> Result<Cell<'_>, CellProblem> {
        self.cells.as_ref().map_or(Ok(Cell::Missing), |cells| cells.cell(column, self.row))
    }
}
