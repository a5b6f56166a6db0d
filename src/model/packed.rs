//! Fields at rest: only what is present, in one allocation, a tenth of the size of [`Fields`].
//!
//! A form for memory: the codes of fields may differ between two builds, so it is not a file format.

use std::sync::Arc;

use crate::model::field::{Field, Fields};
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};

/// Packed fields. Two are equal when the fields they were made of were.
#[derive(Clone, PartialEq, Eq)]
pub struct Packed(Arc<[u8]>);

/// Stands where a field's code would: an attribute, by its name, follows.
const ATTRIBUTE: u8 = u8::MAX;

const UNKNOWN: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const TIME: u8 = 5;
const TEXT: u8 = 6;
const TEXTS: u8 = 7;

/// Reads what [`Packed::new`] wrote; every step is `None` at the end of the bytes.
struct Reader<'a>(&'a [u8]);

// === impl Packed ===

impl Packed {
    /// Packs all fields but those named.
    pub fn new(fields: &Fields, without: &[Field]) -> Self {
        let mut bytes = Vec::with_capacity(512);
        for (field, value) in fields.iter() {
            if !without.contains(&field) {
                bytes.push(field as u8);
                write_value(&mut bytes, value);
            }
        }
        for (name, value) in fields.attributes() {
            if !matches!(value, Value::Missing) {
                bytes.push(ATTRIBUTE);
                write_text(&mut bytes, name);
                write_value(&mut bytes, value);
            }
        }
        Self(bytes.into())
    }

    /// The fields again.
    pub fn unpack(&self) -> Fields {
        let mut fields = Fields::new();
        let mut reader = Reader(&self.0);
        while let Some(code) = reader.byte() {
            if code == ATTRIBUTE {
                let Some(name) = reader.text() else { break };
                let Some(value) = reader.value() else { break };
                fields.set_attribute(name, value);
            } else {
                let Some(&field) = Field::ALL.get(usize::from(code)) else { break };
                let Some(value) = reader.value() else { break };
                fields.set(field, value);
            }
        }
        fields
    }

    /// How many bytes it takes.
    pub fn size_bytes(&self) -> usize {
        self.0.len()
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fields = self.unpack();
        let mut map = f.debug_map();
        for (field, value) in fields.iter() {
            map.entry(&field.path(), value);
        }
        for (name, value) in fields.attributes() {
            map.entry(name, value);
        }
        map.finish()
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn eight(&mut self) -> Option<[u8; 8]> {
        let (eight, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*eight)
    }

    fn length(&mut self) -> Option<usize> {
        let mut length = 0;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(length);
            }
            shift += 7;
        }
    }

    fn text(&mut self) -> Option<Text> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Text::from_utf8(bytes).ok()
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.byte()? {
            UNKNOWN => Value::Unknown,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INT => Value::Int(i64::from_le_bytes(self.eight()?)),
            FLOAT => Value::Float(f64::from_le_bytes(self.eight()?)),
            TIME => Value::Time(Timestamp::from_micros(i64::from_le_bytes(self.eight()?))),
            TEXT => Value::Text(self.text()?),
            TEXTS => {
                let count = self.length()?;
                Value::Texts((0..count).map(|_| self.text()).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }
}

fn write_value(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Missing | Value::Unknown => bytes.push(UNKNOWN),
        Value::Bool(truth) => bytes.push(if *truth { TRUE } else { FALSE }),
        Value::Int(number) => write_eight(bytes, INT, number.to_le_bytes()),
        Value::Float(number) => write_eight(bytes, FLOAT, number.to_le_bytes()),
        Value::Time(at) => write_eight(bytes, TIME, at.as_micros().to_le_bytes()),
        Value::Text(text) => {
            bytes.push(TEXT);
            write_text(bytes, text);
        }
        Value::Texts(texts) => {
            bytes.push(TEXTS);
            write_length(bytes, texts.len());
            for text in texts {
                write_text(bytes, text);
            }
        }
    }
}

fn write_eight(bytes: &mut Vec<u8>, tag: u8, eight: [u8; 8]) {
    bytes.push(tag);
    bytes.extend_from_slice(&eight);
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    write_length(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

/// Seven bits a byte, the lowest first; the high bit says that more follow.
fn write_length(bytes: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = u8::try_from(length & 0x7f).unwrap_or_default();
        length >>= 7;
        if length == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_comes_back_as_it_was() {
        let mut fields = Fields::new();
        fields.set(Field::Id, Value::Text("p".repeat(300).into()));
        fields.set(Field::Attempt, Value::Int(-7));
        fields.set(Field::AmountBase, Value::Unknown);
        fields.set(Field::OccurredAt, Value::Time(Timestamp::from_secs(-1)));
        fields.set(Field::Recurring, Value::Bool(true));
        fields.set(Field::DeviceLat, Value::Float(48.25));
        fields.set(Field::Authenticated, Value::Texts(["3ds".into(), "".into()].into()));
        fields.set_attribute("plan".into(), Value::Bool(false));

        assert_eq!(Packed::new(&fields, &[]).unpack(), fields);
    }

    #[test]
    fn what_is_left_out_does_not_make_a_difference() {
        let mut one = Fields::new();
        one.set(Field::Id, Value::Text("p".into()));
        let mut other = one.clone();
        other.set(Field::OccurredAt, Value::Time(Timestamp::EPOCH));

        assert_eq!(Packed::new(&one, &[]), Packed::new(&other, &[Field::OccurredAt]));
        assert_ne!(Packed::new(&one, &[]), Packed::new(&other, &[]));
    }
}
