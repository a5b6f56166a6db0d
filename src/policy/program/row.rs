//! The row of slots that programs work on: eight bytes and a tag each.

use crate::model::time::Timestamp;
use crate::model::value::{Value, ValueType};
use crate::policy::interpret::Operand;

/// Up to this magnitude a whole number is tame: sums and products of a few of them stay within 64 bits,
/// so that most arithmetic is known not to overflow before it is run.
const TAME_INT: u64 = 1 << 44;
/// The same of microseconds.
const TAME_TIME: u64 = 1 << 61;
/// The same of floats.
const TAME_FLOAT: f64 = 1e30;

/// What a slot holds. The order matters: from [`Tag::Missing`] on there is something to read, after it
/// a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tag {
    /// Nothing was put there yet.
    Unset,
    /// Its expression has no value; the interpreter finds out why.
    Failed,
    /// Not there.
    Missing,
    /// A bool: 0 or 1.
    Bool,
    /// A whole number.
    Int,
    /// The bits of a float.
    Float,
    /// Microseconds.
    Time,
    /// The [`key`] of a string.
    Text,
    /// Several strings; the slot says no more of them.
    Texts,
}

/// One slot of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// What the bits are.
    pub(crate) tag: Tag,
    /// The value, as its tag says.
    pub(crate) bits: i64,
}

/// How far a value may be from zero where no more is known of it.
pub(crate) fn tame_bound(kind: Option<ValueType>) -> f64 {
    match kind {
        Some(ValueType::Int) => as_float(TAME_INT),
        Some(ValueType::Time) => as_float(TAME_TIME),
        Some(ValueType::Float) => TAME_FLOAT,
        Some(ValueType::Bool | ValueType::Text | ValueType::Texts | ValueType::Any) | None => {
            f64::INFINITY
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "powers of two")]
const fn as_float(number: u64) -> f64 {
    number as f64
}

/// A string in eight bytes: up to seven bytes as they are, with their number in the highest byte;
/// longer ones as a hash with the highest bit set. Different keys are of different strings; equal keys
/// are of equal strings unless [`is_hashed`].
#[inline]
pub(crate) fn key(text: &str) -> i64 {
    let bytes = text.as_bytes();
    let packed = if let Some(rest) = bytes.first_chunk::<8>() {
        let head = u64::from_le_bytes(*rest);
        let tail = bytes.last_chunk::<8>().map_or(0, |tail| u64::from_le_bytes(*tail));
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        hash(head, tail ^ length.rotate_right(8)) | 1 << 63
    } else {
        short(bytes)
    };
    packed.cast_signed()
}

/// Up to seven bytes and their number.
fn short(bytes: &[u8]) -> u64 {
    let length = u64::try_from(bytes.len()).unwrap_or_default();
    // Two reads that overlap, instead of a copy of a length that is not known.
    let packed = if let (Some(head), Some(tail)) =
        (bytes.first_chunk::<4>(), bytes.last_chunk::<4>())
    {
        let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
        u64::from(head) | u64::from(tail) << (8 * (length - 4))
    } else if let (Some(head), Some(tail)) = (bytes.first_chunk::<2>(), bytes.last_chunk::<2>()) {
        let (head, tail) = (u16::from_le_bytes(*head), u16::from_le_bytes(*tail));
        u64::from(head) | u64::from(tail) << (8 * (length - 2))
    } else {
        bytes.first().copied().map_or(0, u64::from)
    };
    packed | length << 56
}

/// Both numbers, well mixed.
const fn hash(head: u64, tail: u64) -> u64 {
    let mixed =
        (head ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ tail.rotate_left(32);
    let mixed = mixed.wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 29
}

/// Whether a key is of a long string, and so only says that strings may be equal.
pub(crate) const fn is_hashed(key: i64) -> bool {
    key < 0
}

// === impl Slot ===

impl Slot {
    /// Nothing was put there yet.
    pub(crate) const UNSET: Self = Self { tag: Tag::Unset, bits: 0 };
    /// It has no value.
    pub(crate) const FAILED: Self = Self { tag: Tag::Failed, bits: 0 };
    /// Not there.
    pub(crate) const MISSING: Self = Self { tag: Tag::Missing, bits: 0 };

    /// A value. What is unknown counts as missing here: what reads it is not run as a program.
    #[inline]
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Missing | Value::Unknown => Self::MISSING,
            Value::Bool(truth) => Self { tag: Tag::Bool, bits: i64::from(*truth) },
            Value::Int(number) => Self { tag: Tag::Int, bits: *number },
            Value::Float(number) => Self::of_float(*number),
            Value::Time(at) => Self { tag: Tag::Time, bits: at.as_micros() },
            Value::Text(text) => Self { tag: Tag::Text, bits: key(text) },
            Value::Texts(_) => Self { tag: Tag::Texts, bits: 0 },
        }
    }

    /// What an expression came to; arrays and lists are no values.
    pub(crate) fn of_operand(operand: &Operand<'_>) -> Self {
        match operand {
            Operand::Missing | Operand::Unknown => Self::MISSING,
            Operand::Bool(truth) => Self { tag: Tag::Bool, bits: i64::from(*truth) },
            Operand::Int(number) => Self { tag: Tag::Int, bits: *number },
            Operand::Float(number) => Self::of_float(*number),
            Operand::Time(at) => Self { tag: Tag::Time, bits: at.as_micros() },
            Operand::Text(text) => Self { tag: Tag::Text, bits: key(text) },
            Operand::Made(text) => Self { tag: Tag::Text, bits: key(text) },
            Operand::Texts(_) | Operand::Array(_) | Operand::List(_) => Self::FAILED,
        }
    }

    fn of_float(number: f64) -> Self {
        Self { tag: Tag::Float, bits: number.to_bits().cast_signed() }
    }

    /// Whether it has a value.
    #[inline]
    pub(crate) fn is_present(self) -> bool {
        self.tag > Tag::Missing
    }

    /// The number as a float, when it is one.
    #[expect(clippy::cast_precision_loss, reason = "an integer meets a float as a float")]
    pub(crate) fn as_float(self) -> f64 {
        if self.tag == Tag::Float {
            f64::from_bits(self.bits.cast_unsigned())
        } else {
            self.bits as f64
        }
    }

    /// The value, unless it is a string or several, of which the slot has no more than the key.
    pub(crate) fn operand<'a>(self) -> Option<Operand<'a>> {
        Some(match self.tag {
            Tag::Missing => Operand::Missing,
            Tag::Bool => Operand::Bool(self.bits != 0),
            Tag::Int => Operand::Int(self.bits),
            Tag::Float => Operand::Float(self.as_float()),
            Tag::Time => Operand::Time(Timestamp::from_micros(self.bits)),
            Tag::Unset | Tag::Failed | Tag::Text | Tag::Texts => return None,
        })
    }

    /// Whether arithmetic over it may leave the bounds that programs were compiled for.
    #[inline]
    pub(crate) fn is_wild(self) -> bool {
        match self.tag {
            Tag::Int => self.bits.unsigned_abs() > TAME_INT,
            Tag::Time => self.bits.unsigned_abs() > TAME_TIME,
            Tag::Float => self.as_float().abs() > TAME_FLOAT,
            Tag::Unset | Tag::Failed | Tag::Missing | Tag::Bool | Tag::Text | Tag::Texts => false,
        }
    }
}

// === impl Tag ===

impl Tag {
    /// The tag of present values of a type; `None` when any will do.
    pub(crate) const fn of(kind: ValueType) -> Option<Self> {
        Some(match kind {
            ValueType::Bool => Self::Bool,
            ValueType::Int => Self::Int,
            ValueType::Float => Self::Float,
            ValueType::Time => Self::Time,
            ValueType::Text => Self::Text,
            ValueType::Texts => Self::Texts,
            ValueType::Any => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_string_is_its_own_key() {
        let texts = [
            "", "a", "ab", "ba", "abc", "abcd", "abcde", "abcdef", "abcdefg", "\0", "\0\0",
            "gfedcba",
        ];
        for (place, one) in texts.iter().enumerate() {
            assert!(!is_hashed(key(one)), "{one:?}");
            for other in texts.iter().skip(place + 1) {
                assert_ne!(key(one), key(other), "{one:?} {other:?}");
            }
        }
        assert!(is_hashed(key("abcdefgh")));
        assert_eq!(key("merchant-1"), key("merchant-1"));
        assert_ne!(key("merchant-1"), key("merchant-2"));
    }
}
