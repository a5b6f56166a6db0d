//! A table as JSON Lines: an object a row, with every column.

use std::io::Write as _;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::{Column, Sink, Writer};
use crate::model::value::Value;

struct JsonWriter {
    sink: Sink,
    columns: Vec<Column>,
}

/// A row as an object.
struct Object<'a>(&'a [Column], &'a [Value]);

/// A value as JSON has it.
struct Json<'a>(&'a Value);

pub(super) fn new(sink: Sink, columns: Vec<Column>) -> Box<dyn Writer> {
    Box::new(JsonWriter { sink, columns })
}

// === impl JsonWriter ===

impl Writer for JsonWriter {
    fn write(&mut self, row: &[Value]) -> Result<(), String> {
        serde_json::to_writer(&mut self.sink, &Object(&self.columns, row))
            .map_err(|error| error.to_string())?;
        self.sink.write_all(b"\n").map_err(|error| error.to_string())
    }

    fn finish(mut self: Box<Self>) -> Result<(), String> {
        self.sink.flush().map_err(|error| error.to_string())
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(columns, row) = self;
        let mut object = serializer.serialize_map(Some(columns.len()))?;
        for (column, value) in columns.iter().zip(*row) {
            object.serialize_entry(&column.name, &Json(value))?;
        }
        object.end()
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Missing | Value::Unknown => serializer.serialize_none(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::Time(at) => serializer.collect_str(at),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Texts(texts) => serializer.serialize_str(&texts.join("|")),
        }
    }
}
