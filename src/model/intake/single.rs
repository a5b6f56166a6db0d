//! The edge for one value at a time: for a driver that reads columns, where many payments share a value.

use crate::model::card_number::holds_card_number;
use crate::model::field::Field;
use crate::model::intake::{Intake, Pass, bounds, checks};
use crate::model::value::{Text, Value};
use crate::model::words;

impl Intake {
    /// What stands in a field of a payment that does not say it.
    pub fn default_of(field: Field) -> Value {
        if matches!(field, Field::Wallet | Field::ThreeDs) {
            Value::Text(Text::const_new(words::NONE))
        } else if matches!(field, Field::Recurring | Field::OffSession) {
            Value::Bool(false)
        } else {
            Value::Missing
        }
    }

    /// Normalizes and checks one value of a payment, as [`Intake::payment`] does, and counts the card
    /// numbers in it that are hashes now. What is absent becomes the default of its field.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn value(&self, field: Field, value: &mut Value) -> Result<u32, String> {
        if checks::is_absent(value) {
            *value = Self::default_of(field);
            return Ok(0);
        }
        let mut pass = Pass::new(self, &[], None);
        pass.value(field, value)?;
        Ok(pass.hashed)
    }

    /// The same for the value of an attribute.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn attribute(&self, value: &mut Value) -> Result<u32, String> {
        if checks::is_absent(value) {
            *value = Value::Missing;
            return Ok(0);
        }
        let mut pass = Pass::new(self, &[], None);
        pass.attribute(value)?;
        Ok(pass.hashed)
    }

    /// Whether payments can have all attributes of these names.
    pub fn can_have_attributes(names: &[&str]) -> bool {
        names.len() <= bounds::ATTRIBUTES_MAX
            && names.iter().all(|name| {
                let max = bounds::ATTRIBUTE_NAME_BYTES_MAX;
                !name.is_empty()
                    && checks::problem_of_text(name, max, false).is_none()
                    && !holds_card_number(name)
            })
    }

    /// The domain of an address, in lower case.
    pub fn email_domain(email: &str) -> Option<Text> {
        checks::email_domain(email)
    }
}
