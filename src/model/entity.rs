//! The key under which the history of a card, a device or a pair of them is kept.

use crate::model::value::Value;

/// The identity of an entity declaration: equal for the same name over the same fields, in every
/// version of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKind(pub u64);

/// One entity: 128 bits of a hash over its kind and the values of its parts. Keys are ordered so that
/// several can be locked without a deadlock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey(u128);

// === impl EntityKey ===

impl EntityKey {
    /// The key of the entity of that kind with those parts; `None` when a part is not present.
    pub fn new<'a>(kind: EntityKind, parts: impl IntoIterator<Item = &'a Value>) -> Option<Self> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&kind.0.to_le_bytes());
        for part in parts {
            let bytes: Vec<u8> = match part {
                Value::Missing | Value::Unknown => return None,
                Value::Bool(truth) => vec![1, u8::from(*truth)],
                Value::Int(number) => [[2].as_slice(), &number.to_le_bytes()].concat(),
                Value::Float(number) => [[3].as_slice(), &number.to_le_bytes()].concat(),
                Value::Time(at) => [[4].as_slice(), &at.as_micros().to_le_bytes()].concat(),
                Value::Text(text) => [[5].as_slice(), text.as_bytes()].concat(),
                Value::Texts(texts) => [[6].as_slice(), texts.join("\0").as_bytes()].concat(),
            };
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(&bytes);
        }
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        Some(Self(u128::from_le_bytes(key)))
    }

    /// The 128 bits.
    pub const fn bits(self) -> u128 {
        self.0
    }
}
