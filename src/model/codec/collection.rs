//! Bytes of what only states hold: keys, wide sums, and other collections than lists.

use std::collections::VecDeque;

use smallvec::{Array, SmallVec};

use super::{Codec, Input, Malformed, encode_unsigned};
use crate::model::entity::{EntityKey, EntityKind};

impl Codec for u16 {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_unsigned(out, u64::from(*self));
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Self::try_from(input.unsigned()?).map_err(|_too_large| Malformed::Not("u16"))
    }
}

impl Codec for i128 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        input.array().map(Self::from_le_bytes)
    }

    fn absent() -> Option<Self> {
        Some(0)
    }

    fn is_absent(&self) -> bool {
        *self == 0
    }
}

impl Codec for EntityKey {
    fn encode(&self, out: &mut Vec<u8>) {
        self.bits().encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Codec::decode(input).map(Self::from_bits)
    }
}

impl Codec for EntityKind {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Codec::decode(input).map(Self)
    }
}

impl<T: Codec> Codec for VecDeque<T> {
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

impl<A: Array> Codec for SmallVec<A>
where
    A::Item: Codec,
{
    fn encode(&self, out: &mut Vec<u8>) {
        encode_unsigned(out, self.len() as u64);
        for one in self {
            one.encode(out);
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let count = input.count()?;
        (0..count).map(|_| A::Item::decode(input)).collect()
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}
