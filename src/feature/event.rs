//! One event as it is kept: 24 bytes, whatever its value. Texts of up to 8 bytes (countries, currencies,
//! brands) are held as they are. Values that do not fit in 64 bits are kept as a hash; the few streams
//! whose values are given back keep them in [`Values`] beside it.

use std::cmp::Ordering;

use crate::feature::state::Observed;
use crate::model::codec::{Codec, Input, Malformed, record};
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};

/// One event of one stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) at: Timestamp,
    bits: u64,
    pub(super) stream: u16,
    pub(super) kind: Kind,
    /// Whether no later event of the stream has the same value; kept by streams with many events.
    pub(super) is_latest: bool,
}

/// What the 64 bits of an event are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: only the time counts.
    Plain,
    /// Not known.
    Unknown,
    Bool,
    Int,
    Float,
    Time,
    /// A text of up to 8 bytes, filled up with zeros.
    Short,
    /// The hash of a value in [`Values`].
    Hashed,
}

/// A number or an instant that can be compared with others of its sort.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar {
    Int(i64),
    Float(f64),
    Time(Timestamp),
}

/// Values that do not fit in an event, by their hash.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    known: Vec<(u64, Value)>,
    cleaned_at_len: usize,
}

// === impl Event ===

impl Event {
    pub(super) fn new(stream: u16, at: Timestamp, observed: &Observed) -> Self {
        let (kind, bits) = match observed {
            Observed::Event | Observed::Value(Value::Missing) => (Kind::Plain, 0),
            Observed::Unknown | Observed::Value(Value::Unknown) => (Kind::Unknown, 0),
            Observed::Value(Value::Bool(truth)) => (Kind::Bool, u64::from(*truth)),
            Observed::Value(Value::Int(number)) => (Kind::Int, number.cast_unsigned()),
            Observed::Value(Value::Float(number)) => (Kind::Float, number.to_bits()),
            Observed::Value(Value::Time(at)) => (Kind::Time, at.as_micros().cast_unsigned()),
            Observed::Value(Value::Text(text)) => match short(text) {
                Some(bits) => (Kind::Short, bits),
                None => (Kind::Hashed, hash(text.as_bytes(), 0)),
            },
            Observed::Value(Value::Texts(texts)) => {
                (Kind::Hashed, texts.iter().fold(1, |seed, text| hash(text.as_bytes(), seed)))
            }
        };
        Self { at, bits, stream, kind, is_latest: false }
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.kind == Kind::Unknown
    }

    pub(super) const fn scalar(&self) -> Option<Scalar> {
        match self.kind {
            Kind::Int => Some(Scalar::Int(self.bits.cast_signed())),
            Kind::Float => Some(Scalar::Float(f64::from_bits(self.bits))),
            Kind::Time => Some(Scalar::Time(Timestamp::from_micros(self.bits.cast_signed()))),
            Kind::Plain | Kind::Unknown | Kind::Bool | Kind::Short | Kind::Hashed => None,
        }
    }

    /// Equal for equal values, well spread over 64 bits.
    pub(super) fn identity(&self) -> u64 {
        match self.kind {
            Kind::Hashed => self.bits,
            Kind::Plain | Kind::Unknown | Kind::Bool | Kind::Int | Kind::Time | Kind::Short => {
                spread(self.bits ^ (self.kind as u64).wrapping_mul(0xd6e8_feb8_6659_fd93))
            }
            Kind::Float => {
                // So that -0.0 is 0.0.
                let number = f64::from_bits(self.bits) + 0.0;
                spread(number.to_bits() ^ 0xa076_1d64_78bd_642f)
            }
        }
    }

    /// The value, when it is present and kept.
    pub(super) fn value(&self, values: Option<&Values>) -> Value {
        match self.kind {
            Kind::Plain => Value::Missing,
            Kind::Unknown => Value::Unknown,
            Kind::Bool => Value::Bool(self.bits != 0),
            Kind::Int | Kind::Float | Kind::Time => {
                self.scalar().map_or(Value::Missing, Scalar::value)
            }
            Kind::Short => Value::Text(short_text(self.bits)),
            Kind::Hashed => values.map_or(Value::Unknown, |values| values.get(self.bits)),
        }
    }

    /// The hash under which [`Values`] has its value.
    pub(super) fn value_hash(&self) -> Option<u64> {
        (self.kind == Kind::Hashed).then_some(self.bits)
    }
}

// === impl Scalar ===

impl Scalar {
    pub(super) const fn value(self) -> Value {
        match self {
            Self::Int(number) => Value::Int(number),
            Self::Float(number) => Value::Float(number),
            Self::Time(at) => Value::Time(at),
        }
    }

    /// How it compares; `None` for a time with a number.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(&right)),
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(&right),
            (Self::Int(left), Self::Float(right)) => float(left).partial_cmp(&right),
            (Self::Float(left), Self::Int(right)) => left.partial_cmp(&float(right)),
            (Self::Time(left), Self::Time(right)) => Some(left.cmp(&right)),
            (Self::Time(_), Self::Int(_) | Self::Float(_))
            | (Self::Int(_) | Self::Float(_), Self::Time(_)) => None,
        }
    }
}

// === impl Values ===

impl Values {
    /// Keeps a value under its hash. `is_used` says whether an event with a hash is still there; it is
    /// asked now and then, to forget what no event has any more.
    pub(super) fn keep(&mut self, hash: u64, value: &Value, is_used: impl Fn(u64) -> bool) {
        let Err(place) = self.known.binary_search_by_key(&hash, |(known, _)| *known) else {
            return;
        };
        if self.known.len() < 4 {
            // Most entities have one or two values; room for four would be most of their size.
            self.known.reserve_exact(1);
        }
        self.known.insert(place, (hash, value.clone()));
        if self.known.len() > 8 + 2 * self.cleaned_at_len {
            self.known.retain(|(known, _)| *known == hash || is_used(*known));
            self.cleaned_at_len = self.known.len();
        }
    }

    /// The value of that hash; unknown when it was not kept.
    fn get(&self, hash: u64) -> Value {
        match self.known.binary_search_by_key(&hash, |(known, _)| *known) {
            Ok(place) => self.known.get(place).map_or(Value::Unknown, |(_, value)| value.clone()),
            Err(_) => Value::Unknown,
        }
    }
}

/// A number as a float, rounded to the nearest.
#[expect(
    clippy::cast_precision_loss,
    reason = "rounding to the nearest float is what is asked for"
)]
pub(super) const fn float(number: i64) -> f64 {
    number as f64
}

/// A text that fits in 64 bits, unless it could not be told from one that was filled up.
fn short(text: &str) -> Option<u64> {
    let mut word = [0; 8];
    word.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
    (!text.ends_with('\0')).then(|| u64::from_le_bytes(word))
}

fn short_text(bits: u64) -> Text {
    let word = bits.to_le_bytes();
    let filled = word.iter().rev().take_while(|byte| **byte == 0).count();
    Text::from_utf8_lossy(word.get(..word.len() - filled).unwrap_or_default())
}

/// The same on every machine and in every version, as estimates of distinct values depend on it. It
/// need not resist an adversary: whoever can choose values that collide can as well choose equal ones.
fn hash(bytes: &[u8], seed: u64) -> u64 {
    let mut state = spread(seed ^ (bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        state = spread(state.rotate_left(29) ^ u64::from_le_bytes(word));
    }
    state
}

/// A bijection of 64 bits in which every bit of the input moves every bit of the output.
const fn spread(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let bits = (bits ^ (bits >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (bits ^ (bits >> 32)).wrapping_add(0x9e37_79b9_7f4a_7c15)
}

record!(Values { 1 known, 2 cleaned_at_len });

/// Most events are a few bytes more than their time.
impl Codec for Event {
    fn encode(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            Kind::Plain => 0,
            Kind::Unknown => 1,
            Kind::Bool => 2,
            Kind::Int => 3,
            Kind::Float => 4,
            Kind::Time => 5,
            Kind::Hashed => 6,
            Kind::Short => 7,
        };
        out.push(kind | if self.is_latest { LATEST } else { 0 });
        self.at.encode(out);
        self.stream.encode(out);
        if !matches!(self.kind, Kind::Plain | Kind::Unknown) {
            out.extend_from_slice(&self.bits.to_le_bytes());
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let first = input.byte()?;
        let kind = match first & !LATEST {
            0 => Kind::Plain,
            1 => Kind::Unknown,
            2 => Kind::Bool,
            3 => Kind::Int,
            4 => Kind::Float,
            5 => Kind::Time,
            6 => Kind::Hashed,
            7 => Kind::Short,
            number => return Err(Malformed::Newer { type_name: "Kind", number }),
        };
        let (at, stream) = (Codec::decode(input)?, Codec::decode(input)?);
        let bits = match kind {
            Kind::Plain | Kind::Unknown => 0,
            Kind::Bool | Kind::Int | Kind::Float | Kind::Time | Kind::Short | Kind::Hashed => {
                u64::from_le_bytes(input.array()?)
            }
        };
        Ok(Self { at, bits, stream, kind, is_latest: first & LATEST != 0 })
    }
}

/// The bit beside the kind that says that no later event has the same value.
const LATEST: u8 = 0x80;

impl Codec for Scalar {
    fn encode(&self, out: &mut Vec<u8>) {
        self.value().encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        match Value::decode(input)? {
            Value::Int(number) => Ok(Self::Int(number)),
            Value::Float(number) => Ok(Self::Float(number)),
            Value::Time(at) => Ok(Self::Time(at)),
            Value::Missing | Value::Unknown | Value::Bool(_) | Value::Text(_) | Value::Texts(_) => {
                Err(Malformed::Not("number or time"))
            }
        }
    }
}
