//! A payment attempt that passed the edge.

use crate::model::field::{Field, Fields};
use crate::model::value::{Text, Value};

/// One attempt at one payment: what the payer owes, and the way it is tried now. Its fields are
/// valid and normalized; `payment.amount_base` is set by the score, not by the edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Payment {
    fields: Fields,
}

// === impl Payment ===

impl Payment {
    /// Wraps fields that [`crate::model::intake`] has checked.
    pub(crate) const fn from_checked(fields: Fields) -> Self {
        Self { fields }
    }

    /// All fields.
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The caller's id of the payment; hashed when it was a card number.
    pub fn id(&self) -> &str {
        self.fields.get(Field::Id).as_text().unwrap_or_default()
    }

    /// The number of the attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.fields
            .get(Field::Attempt)
            .as_int()
            .and_then(|attempt| u32::try_from(attempt).ok())
            .unwrap_or_default()
    }

    /// The amount in minor units of its currency.
    pub fn amount(&self) -> i64 {
        self.fields.get(Field::Amount).as_int().unwrap_or_default()
    }

    /// The currency in capital letters.
    pub fn currency(&self) -> &str {
        self.fields.get(Field::Currency).as_text().unwrap_or_default()
    }

    /// Whether the payer is absent, so that nothing can be asked of them.
    pub fn is_off_session(&self) -> bool {
        self.fields.get(Field::OffSession).as_bool().unwrap_or_default()
    }

    /// The challenge methods already passed.
    pub fn authenticated(&self) -> &[Text] {
        match self.fields.get(Field::Authenticated) {
            Value::Texts(methods) => methods,
            Value::Missing
            | Value::Unknown
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Time(_)
            | Value::Text(_) => &[],
        }
    }
}
