//! The table as Parquet, in batches, so that any number of attempts fits in memory.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;

use super::column::{COLUMNS, Source};
use super::{TableError, written};
use crate::model::value::{Value, ValueType};
use crate::traffic::Attempt;

const BATCH_ROWS: usize = 8_192;

pub(super) fn write(
    path: &Path,
    attempts: impl Iterator<Item = Attempt>,
) -> Result<(), TableError> {
    let schema = Arc::new(Schema::new(
        COLUMNS
            .iter()
            .map(|column| Field::new(column.name, data_type(column.source.value_type()), true))
            .collect::<Vec<_>>(),
    ));
    let mut writer = ArrowWriter::try_new(File::create(path)?, Arc::clone(&schema), None)?;
    let mut rows = Vec::with_capacity(BATCH_ROWS);
    let mut attempts = attempts.peekable();
    while let Some(attempt) = attempts.next() {
        rows.push(attempt);
        if rows.len() == BATCH_ROWS || attempts.peek().is_none() {
            let columns = COLUMNS.iter().map(|column| array(column.source, &rows)).collect();
            writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
            rows.clear();
        }
    }
    writer.close()?;
    Ok(())
}

fn data_type(value_type: ValueType) -> DataType {
    match value_type {
        ValueType::Bool => DataType::Boolean,
        ValueType::Int => DataType::Int64,
        ValueType::Float => DataType::Float64,
        ValueType::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ValueType::Text | ValueType::Texts | ValueType::Any => DataType::Utf8,
    }
}

fn array(source: Source, rows: &[Attempt]) -> ArrayRef {
    let values = rows.iter().map(|attempt| source.value(attempt));
    match source.value_type() {
        ValueType::Bool => Arc::new(values.map(|value| value.as_bool()).collect::<BooleanArray>()),
        ValueType::Int => Arc::new(values.map(|value| value.as_int()).collect::<Int64Array>()),
        ValueType::Float => Arc::new(
            values
                .map(|value| if let Value::Float(number) = value { Some(number) } else { None })
                .collect::<Float64Array>(),
        ),
        ValueType::Time => Arc::new(
            values
                .map(|value| value.as_time().map(|at| at.as_micros()))
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
        ValueType::Text | ValueType::Texts | ValueType::Any => Arc::new(
            values
                .map(|value| value.is_present().then(|| written(&value)))
                .collect::<StringArray>(),
        ),
    }
}
