//! A table as Parquet, a batch of rows at a time.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::{Column, Sink, Writer, float_text};
use crate::model::value::{Value, ValueType};

/// Rows that are encoded together.
const BATCH_ROWS: usize = 8_192;

struct ParquetWriter {
    writer: ArrowWriter<Sink>,
    schema: SchemaRef,
    builders: Vec<Builder>,
    rows: usize,
}

/// The column that is being filled.
enum Builder {
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Time(TimestampMicrosecondBuilder),
    Text(StringBuilder),
}

pub(super) fn new(sink: Sink, columns: Vec<Column>) -> Result<Box<dyn Writer>, String> {
    let builders: Vec<Builder> =
        columns.iter().map(|column| Builder::new(column.value_type)).collect();
    let fields: Vec<Field> = columns
        .into_iter()
        .zip(&builders)
        .map(|(column, builder)| Field::new(column.name, builder.data_type(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let writer = ArrowWriter::try_new(sink, Arc::clone(&schema), Some(properties))
        .map_err(|error| error.to_string())?;
    Ok(Box::new(ParquetWriter { writer, schema, builders, rows: 0 }))
}

// === impl ParquetWriter ===

impl ParquetWriter {
    fn flush(&mut self) -> Result<(), String> {
        self.rows = 0;
        let columns: Vec<ArrayRef> = self.builders.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|error| error.to_string())?;
        self.writer.write(&batch).map_err(|error| error.to_string())
    }
}

impl Writer for ParquetWriter {
    fn write(&mut self, row: &[Value]) -> Result<(), String> {
        for (builder, value) in self.builders.iter_mut().zip(row) {
            builder.append(value);
        }
        self.rows += 1;
        if self.rows == BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), String> {
        self.flush()?;
        let sink = self.writer.into_inner().map_err(|error| error.to_string())?;
        sink.into_inner().map(|_| ()).map_err(|error| error.to_string())
    }
}

// === impl Builder ===

impl Builder {
    fn new(value_type: ValueType) -> Self {
        match value_type {
            ValueType::Bool => Self::Bool(BooleanBuilder::new()),
            ValueType::Int => Self::Int(Int64Builder::new()),
            ValueType::Float => Self::Float(Float64Builder::new()),
            ValueType::Time => Self::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            // A column has one type: what may be of several is written as text.
            ValueType::Text | ValueType::Texts | ValueType::Any => Self::Text(StringBuilder::new()),
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            Self::Bool(_) => DataType::Boolean,
            Self::Int(_) => DataType::Int64,
            Self::Float(_) => DataType::Float64,
            Self::Time(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Text(_) => DataType::Utf8,
        }
    }

    fn append(&mut self, value: &Value) {
        match self {
            Self::Bool(builder) => builder.append_option(value.as_bool()),
            Self::Int(builder) => builder.append_option(value.as_int()),
            Self::Float(builder) => {
                let number = if let Value::Float(number) = value { Some(*number) } else { None };
                builder.append_option(number);
            }
            Self::Time(builder) => builder.append_option(value.as_time().map(|at| at.as_micros())),
            Self::Text(builder) => match value {
                Value::Missing | Value::Unknown => builder.append_null(),
                Value::Bool(truth) => builder.append_value(if *truth { "true" } else { "false" }),
                Value::Int(number) => {
                    builder.append_value(compact_str::format_compact!("{number}"));
                }
                Value::Float(number) => builder.append_value(float_text(*number)),
                Value::Time(at) => builder.append_value(compact_str::format_compact!("{at}")),
                Value::Text(text) => builder.append_value(text),
                Value::Texts(texts) => builder.append_value(texts.join("|")),
            },
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
        }
    }
}
