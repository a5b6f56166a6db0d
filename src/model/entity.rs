//! The key under which the history of a card, a device or a pair of them is kept.

use smallvec::SmallVec;

use crate::model::value::Value;

/// The identity of an entity declaration: equal for the same name over the same fields, in every
/// version of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKind(pub u64);

/// One entity: 128 bits of a hash over its kind and the values of its parts. Keys are ordered so that
/// several can be locked without a deadlock. Kept as two words: a `u128` would be aligned to 16 bytes,
/// and every place of a map with a pointer beside it would hold 8 for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey([u64; 2]);

// === impl EntityKey ===

impl EntityKey {
    /// The key of the entity of that kind with those parts; `None` when a part is not present.
    pub fn new<'a>(kind: EntityKind, parts: impl IntoIterator<Item = &'a Value>) -> Option<Self> {
        // One buffer, hashed in one go: the parts of a key are short, and most fit the stack.
        let mut bytes = SmallVec::<[u8; 128]>::new();
        bytes.extend_from_slice(&kind.0.to_le_bytes());
        for part in parts {
            match part {
                Value::Missing | Value::Unknown => return None,
                Value::Bool(truth) => push_part(&mut bytes, 1, &[u8::from(*truth)]),
                Value::Int(number) => push_part(&mut bytes, 2, &number.to_le_bytes()),
                Value::Float(number) => push_part(&mut bytes, 3, &number.to_le_bytes()),
                Value::Time(at) => push_part(&mut bytes, 4, &at.as_micros().to_le_bytes()),
                Value::Text(text) => push_part(&mut bytes, 5, text.as_bytes()),
                Value::Texts(texts) => push_part(&mut bytes, 6, texts.join("\0").as_bytes()),
            }
        }
        let hash = blake3::hash(&bytes);
        let (low, rest) = hash.as_bytes().split_first_chunk()?;
        let (high, _) = rest.split_first_chunk()?;
        Some(Self([u64::from_le_bytes(*high), u64::from_le_bytes(*low)]))
    }

    /// The key of these bits, which were those of a key.
    #[expect(clippy::cast_possible_truncation, reason = "each half is one word")]
    pub(crate) const fn from_bits(bits: u128) -> Self {
        Self([(bits >> 64) as u64, bits as u64])
    }

    /// The 128 bits.
    pub const fn bits(self) -> u128 {
        let [high, low] = self.0;
        ((high as u128) << 64) | low as u128
    }
}

/// Tag and length before the content, so that no two lists of parts share their bytes.
fn push_part(bytes: &mut SmallVec<[u8; 128]>, tag: u8, content: &[u8]) {
    bytes.push(tag);
    bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
    bytes.extend_from_slice(content);
}
