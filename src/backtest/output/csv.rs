//! A table as CSV: null is an empty cell.

use super::{Column, Sink, Writer, float_text};
use crate::model::value::Value;

struct CsvWriter {
    writer: csv::Writer<Sink>,
}

pub(super) fn new(sink: Sink, columns: &[Column]) -> Result<Box<dyn Writer>, String> {
    let mut writer = csv::Writer::from_writer(sink);
    let header = columns.iter().map(|column| column.name.as_str());
    writer.write_record(header).map_err(|error| error.to_string())?;
    Ok(Box::new(CsvWriter { writer }))
}

// === impl CsvWriter ===

impl CsvWriter {
    fn cell(&mut self, value: &Value) -> Result<(), csv::Error> {
        match value {
            Value::Missing | Value::Unknown => self.writer.write_field(""),
            Value::Bool(truth) => self.writer.write_field(if *truth { "true" } else { "false" }),
            Value::Int(number) => {
                self.writer.write_field(compact_str::format_compact!("{number}").as_str())
            }
            Value::Float(number) => self.writer.write_field(float_text(*number)),
            Value::Time(at) => {
                self.writer.write_field(compact_str::format_compact!("{at}").as_str())
            }
            Value::Text(text) => self.writer.write_field(text.as_str()),
            Value::Texts(texts) => self.writer.write_field(texts.join("|")),
        }
    }
}

impl Writer for CsvWriter {
    fn write(&mut self, row: &[Value]) -> Result<(), String> {
        row.iter()
            .try_for_each(|value| self.cell(value))
            .and_then(|()| self.writer.write_record(None::<&[u8]>))
            .map_err(|error| error.to_string())
    }

    fn finish(mut self: Box<Self>) -> Result<(), String> {
        self.writer.flush().map_err(|error| error.to_string())
    }
}
