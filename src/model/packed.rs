//! Fields at rest: only what is present, in one allocation, a tenth of the size of [`Fields`].
//!
//! The codes of fields may differ between two builds: a file says what its codes meant, and
//! [`Packed::from_bytes`] gives them their meaning in this one.

mod bytes;
mod features;

use std::sync::Arc;

use crate::model::codec::FieldCodes;
use crate::model::field::{Field, Fields};
use crate::model::value::Value;
use bytes::{Reader, write_text, write_value};
pub use features::{FeatureNames, PackedFeatures};

/// Packed fields. Two are equal when the fields they were made of were.
#[derive(Clone, PartialEq, Eq)]
pub struct Packed(Arc<[u8]>);

/// Stands where a field's code would: an attribute, by its name, follows.
const ATTRIBUTE: u8 = u8::MAX;

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

    /// What a build wrote whose codes meant what is said; `None` when it is not whole.
    pub fn from_bytes(bytes: &[u8], codes: &FieldCodes) -> Option<Self> {
        let mut reader = Reader(bytes);
        if codes.is_own() {
            while let Some(code) = reader.byte() {
                if code == ATTRIBUTE {
                    let _name = reader.text()?;
                } else {
                    let _field = codes.get(code)?;
                }
                let _value = reader.value()?;
            }
            return Some(Self(bytes.into()));
        }
        let mut fields = Fields::new();
        while let Some(code) = reader.byte() {
            if code == ATTRIBUTE {
                let name = reader.text()?;
                fields.set_attribute(name, reader.value()?);
            } else {
                fields.set(codes.get(code)?, reader.value()?);
            }
        }
        Some(Self::new(&fields, &[]))
    }

    /// The bytes, with the codes of this build.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

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
