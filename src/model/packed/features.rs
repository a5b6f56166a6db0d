//! The features that a decision was made on, at rest.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::model::packed::bytes::{Reader, write_value};
use crate::model::value::Value;

/// The names of features in the order of their values; shared by all decisions of one policy set.
#[derive(Debug, PartialEq, Eq)]
pub struct FeatureNames {
    names: Vec<Arc<str>>,
    id: u64,
}

/// The value of every feature that a decision could read, as it was then. It can be told long after the
/// policies have changed, since the names are with it.
#[derive(Clone, PartialEq, Eq)]
pub struct PackedFeatures {
    names: Arc<FeatureNames>,
    values: Arc<[u8]>,
}

/// Room for what nearly every decision reads, without an allocation.
const BYTES: usize = 256;

// === impl FeatureNames ===

impl FeatureNames {
    /// These names.
    pub fn new(names: Vec<Arc<str>>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for name in &names {
            hasher.update(name.as_bytes());
            hasher.update(&[0]);
        }
        let hash = hasher.finalize();
        let id = hash.as_bytes().first_chunk().map_or(0, |id| u64::from_le_bytes(*id));
        Self { names, id }
    }

    /// Each of them.
    pub fn as_slice(&self) -> &[Arc<str>] {
        &self.names
    }

    /// A hash of them, by which what is durable can name all of them at once.
    pub const fn id(&self) -> u64 {
        self.id
    }
}

// === impl PackedFeatures ===

impl PackedFeatures {
    /// Packs a value for each of the names, in their order.
    pub fn new<'a>(names: &Arc<FeatureNames>, values: impl Iterator<Item = &'a Value>) -> Self {
        let mut bytes = SmallVec::<[u8; BYTES]>::new();
        for value in values {
            write_value(&mut bytes, value);
        }
        Self { names: Arc::clone(names), values: Arc::from(bytes.as_slice()) }
    }

    /// What [`Self::as_bytes`] gave, with the names again.
    pub fn from_bytes(names: &Arc<FeatureNames>, bytes: &[u8]) -> Self {
        Self { names: Arc::clone(names), values: Arc::from(bytes) }
    }

    /// Each feature with its value, in the order of declaration.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Value)> {
        let mut reader = Reader(&self.values);
        self.names.names.iter().map_while(move |name| Some((name, reader.value()?)))
    }

    /// The names, in the order of the values.
    pub const fn names(&self) -> &Arc<FeatureNames> {
        &self.names
    }

    /// The values alone. The same in every build: what is durable may hold them beside the names.
    pub fn as_bytes(&self) -> &[u8] {
        &self.values
    }
}

impl std::fmt::Debug for PackedFeatures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::time::Timestamp;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Missing),
            Just(Value::Unknown),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-300_i64..300).prop_map(Value::Int),
            (-1e300..1e300).prop_map(Value::Float),
            any::<i64>().prop_map(|micros| Value::Time(Timestamp::from_micros(micros))),
            ".{0,40}".prop_map(|text| Value::Text(text.into())),
            prop::collection::vec(".{0,9}", 0..4)
                .prop_map(|texts| { Value::Texts(texts.into_iter().map(Into::into).collect()) }),
        ]
    }

    fn names(count: usize) -> Arc<FeatureNames> {
        Arc::new(FeatureNames::new((0..count).map(|at| format!("card.f{at}").into()).collect()))
    }

    proptest! {
        #[test]
        fn values_come_back_as_they_were(values in prop::collection::vec(value(), 0..60)) {
            let names = names(values.len());
            let packed = PackedFeatures::new(&names, values.iter());
            let again = PackedFeatures::from_bytes(&names, packed.as_bytes());
            prop_assert_eq!(again.iter().map(|(_, value)| value).collect::<Vec<_>>(), values);
        }

        #[test]
        fn bytes_that_nobody_wrote_end_early_and_do_no_harm(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let packed = PackedFeatures::from_bytes(&names(60), &bytes);
            prop_assert!(packed.iter().count() <= 60);
        }
    }

    #[test]
    fn a_count_takes_a_byte() {
        let values: Vec<Value> = (0..100).map(Value::Int).collect();
        assert_eq!(PackedFeatures::new(&names(100), values.iter()).as_bytes().len(), 100);
    }
}
