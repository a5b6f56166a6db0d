//! Bytes of numbers, texts, times, and of what holds several.

use std::sync::Arc;

use super::{Codec, Input, Malformed};
use crate::model::packed::{FeatureNames, Packed, PackedFeatures};
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Text, Value};

/// Appends an unsigned integer.
pub(crate) fn encode_unsigned(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends bytes after their length.
pub(crate) fn encode_slice(out: &mut Vec<u8>, slice: &[u8]) {
    encode_unsigned(out, slice.len() as u64);
    out.extend_from_slice(slice);
}

impl Codec for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed::Not("truth")),
        }
    }

    fn absent() -> Option<Self> {
        Some(false)
    }

    fn is_absent(&self) -> bool {
        !self
    }
}

macro_rules! unsigned {
    ($($name:ident: $wide:expr),+ $(,)?) => {$(
        impl Codec for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                encode_unsigned(out, $wide(*self));
            }

            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                Self::try_from(input.unsigned()?).map_err(|_too_large| Malformed::Not(stringify!($name)))
            }

            fn absent() -> Option<Self> {
                Some(0)
            }

            fn is_absent(&self) -> bool {
                *self == 0
            }
        }
    )+};
}

unsigned!(u32: u64::from, u64: std::convert::identity, usize: |number| number as u64);

impl Codec for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_unsigned(out, ((self << 1) ^ (self >> 63)).cast_unsigned());
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let number = input.unsigned()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn absent() -> Option<Self> {
        Some(0)
    }

    fn is_absent(&self) -> bool {
        *self == 0
    }
}

impl Codec for f64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        input.array().map(Self::from_le_bytes)
    }

    fn absent() -> Option<Self> {
        Some(0.0)
    }

    /// By its bits: minus zero is something.
    fn is_absent(&self) -> bool {
        self.to_bits() == 0
    }
}

impl Codec for u128 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        input.array().map(Self::from_le_bytes)
    }
}

impl Codec for Timestamp {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.as_micros().to_le_bytes());
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        input.array().map(|micros| Self::from_micros(i64::from_le_bytes(micros)))
    }
}

impl Codec for Span {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_micros().encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        i64::decode(input).map(Self::from_micros)
    }
}

macro_rules! text {
    ($name:ty, $read:expr) => {
        impl Codec for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                encode_slice(out, self.as_bytes());
            }

            fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
                $read(input)
            }

            fn absent() -> Option<Self> {
                Some(Self::from(""))
            }

            fn is_absent(&self) -> bool {
                self.is_empty()
            }
        }
    };
}

text!(Text, |input: &mut Input<'_>| input.text().map(Self::from));
text!(String, |input: &mut Input<'_>| input.text().map(Self::from));
text!(Arc<str>, Input::name);

/// Present when it is something: it stands in a field of its own, never among several.
impl<T: Codec> Codec for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.encode(out);
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        T::decode(input).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Codec> Codec for Box<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        T::encode(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        T::decode(input).map(Self::new)
    }
}

impl<T: Codec> Codec for Arc<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        T::encode(self, out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        T::decode(input).map(Self::new)
    }
}

impl<T: Codec> Codec for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_unsigned(out, self.len() as u64);
        for one in self {
            one.encode(out);
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let count = input.count()?;
        (0..count).map(|_| T::decode(input)).collect()
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl<A: Codec, B: Codec> Codec for (A, B) {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
        self.1.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok((A::decode(input)?, B::decode(input)?))
    }
}

/// As they are at rest. Another build may have had other codes.
impl Codec for Packed {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_slice(out, self.as_bytes());
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let slice = input.slice()?;
        let fields = &input.context().fields;
        Self::from_bytes(slice, fields).ok_or(Malformed::Not("packed fields"))
    }
}

/// The values, and the id of their names: these stand once where many have them.
impl Codec for PackedFeatures {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.names().id().to_le_bytes());
        encode_slice(out, self.as_bytes());
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let id = input.array().map(u64::from_le_bytes)?;
        let values = input.slice()?;
        let names = input.context().features(id).ok_or(Malformed::Not("known set of features"))?;
        Ok(Self::from_bytes(names, values))
    }
}

impl Codec for FeatureNames {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_unsigned(out, self.as_slice().len() as u64);
        for name in self.as_slice() {
            name.encode(out);
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Vec::decode(input).map(Self::new)
    }
}

impl Codec for Value {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Missing => out.push(0),
            Self::Unknown => out.push(1),
            Self::Bool(truth) => out.push(if *truth { 3 } else { 2 }),
            Self::Int(number) => tagged(out, 4, number),
            Self::Float(number) => tagged(out, 5, number),
            Self::Time(at) => tagged(out, 6, at),
            Self::Text(text) => tagged(out, 7, text),
            Self::Texts(texts) => {
                out.push(8);
                encode_unsigned(out, texts.len() as u64);
                for text in texts {
                    text.encode(out);
                }
            }
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(match input.byte()? {
            0 => Self::Missing,
            1 => Self::Unknown,
            2 => Self::Bool(false),
            3 => Self::Bool(true),
            4 => Self::Int(Codec::decode(input)?),
            5 => Self::Float(Codec::decode(input)?),
            6 => Self::Time(Codec::decode(input)?),
            7 => Self::Text(Codec::decode(input)?),
            8 => Self::Texts(Vec::decode(input)?.into()),
            number => return Err(Malformed::Newer { type_name: "Value", number }),
        })
    }

    fn absent() -> Option<Self> {
        Some(Self::Missing)
    }

    fn is_absent(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

fn tagged<T: Codec>(out: &mut Vec<u8>, number: u8, value: &T) {
    out.push(number);
    value.encode(out);
}
