//! Values as bytes: the form in which packed things hold them.
//!
//! A small whole number, which most features are, is one byte; other whole numbers and instants take as
//! many as they need.

use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};

/// The first byte of a value that is not a small whole number.
const MISSING: u8 = 0xf0;
const UNKNOWN: u8 = 0xf1;
const FALSE: u8 = 0xf2;
const TRUE: u8 = 0xf3;
const INT: u8 = 0xf4;
const FLOAT: u8 = 0xf5;
const TIME: u8 = 0xf6;
const TEXT: u8 = 0xf7;
const TEXTS: u8 = 0xf8;

/// Takes bytes one after another.
pub(super) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

/// Reads what was written; every step is `None` at the end of the bytes.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

pub(super) fn write_value(sink: &mut impl Sink, value: &Value) {
    match value {
        Value::Missing => sink.put(&[MISSING]),
        Value::Unknown => sink.put(&[UNKNOWN]),
        Value::Bool(truth) => sink.put(&[if *truth { TRUE } else { FALSE }]),
        Value::Int(number) => match u8::try_from(*number) {
            Ok(small) if small < MISSING => sink.put(&[small]),
            Ok(_) | Err(_) => write_signed(sink, INT, *number),
        },
        Value::Float(number) => {
            sink.put(&[FLOAT]);
            sink.put(&number.to_le_bytes());
        }
        Value::Time(at) => write_signed(sink, TIME, at.as_micros()),
        Value::Text(text) => {
            sink.put(&[TEXT]);
            write_text(sink, text);
        }
        Value::Texts(texts) => {
            sink.put(&[TEXTS]);
            write_unsigned(sink, u64::try_from(texts.len()).unwrap_or(u64::MAX));
            for text in texts {
                write_text(sink, text);
            }
        }
    }
}

pub(super) fn write_text(sink: &mut impl Sink, text: &str) {
    write_unsigned(sink, u64::try_from(text.len()).unwrap_or(u64::MAX));
    sink.put(text.as_bytes());
}

/// The sign goes to the lowest bit, so that a number near zero is short on either side of it.
fn write_signed(sink: &mut impl Sink, tag: u8, number: i64) {
    sink.put(&[tag]);
    write_unsigned(sink, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Seven bits a byte, the lowest first; the high bit says that more follow.
fn write_unsigned(sink: &mut impl Sink, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            sink.put(&[low]);
            return;
        }
        sink.put(&[low | 0x80]);
    }
}

// === impl Sink ===

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl<const N: usize> Sink for smallvec::SmallVec<[u8; N]>
where
    [u8; N]: smallvec::Array<Item = u8>,
{
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(super) fn text(&mut self) -> Option<Text> {
        let length = usize::try_from(self.unsigned()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Text::from_utf8(bytes).ok()
    }

    pub(super) fn value(&mut self) -> Option<Value> {
        Some(match self.byte()? {
            small @ ..MISSING => Value::Int(i64::from(small)),
            MISSING => Value::Missing,
            UNKNOWN => Value::Unknown,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INT => Value::Int(self.signed()?),
            FLOAT => {
                let (eight, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                Value::Float(f64::from_le_bytes(*eight))
            }
            TIME => Value::Time(Timestamp::from_micros(self.signed()?)),
            TEXT => Value::Text(self.text()?),
            TEXTS => {
                let count = self.unsigned()?;
                Value::Texts((0..count).map(|_| self.text()).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    fn signed(&mut self) -> Option<i64> {
        let bits = self.unsigned()?;
        Some((bits >> 1).cast_signed() ^ -((bits & 1).cast_signed()))
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}
