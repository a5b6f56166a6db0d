//! The fields of many payments, a column per field: what many of them have in common is held once.

use crate::model::field::{FIELD_COUNT, Field, Fields};
use crate::model::value::{Text, Value};

/// A place in the fields of a payment or event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// A field of the contract.
    Field(Field),
    /// An attribute.
    Attribute(Text),
}

/// The values of one field, by row.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// The same for all.
    Same(Value),
    /// Few different ones: each row has the place of its own.
    Coded {
        /// The place of the value of each row.
        codes: Vec<u32>,
        /// The different values.
        values: Vec<Value>,
    },
    /// One for each row.
    Plain(Vec<Value>),
}

/// The fields of payments, by row.
#[derive(Clone, Debug)]
pub struct Columns {
    places: Box<[Option<u16>; FIELD_COUNT]>,
    attributes: Vec<(Text, u16)>,
    columns: Vec<Column>,
}

// === impl Column ===

impl Column {
    /// The value of a row; missing beyond the last.
    pub fn get(&self, row: usize) -> &Value {
        let value = match self {
            Self::Same(value) => Some(value),
            Self::Coded { codes, values } => codes
                .get(row)
                .and_then(|code| usize::try_from(*code).ok())
                .and_then(|code| values.get(code)),
            Self::Plain(values) => values.get(row),
        };
        value.unwrap_or(&Value::Missing)
    }

    /// Puts a value in a row. What is the same for all stays so.
    fn set(&mut self, row: usize, value: Value) {
        match self {
            Self::Same(_) => {}
            Self::Coded { codes, values } => {
                if let Some(code) = codes.get_mut(row) {
                    *code = u32::try_from(values.len()).unwrap_or(u32::MAX);
                    values.push(value);
                }
            }
            Self::Plain(values) => {
                if let Some(known) = values.get_mut(row) {
                    *known = value;
                }
            }
        }
    }
}

// === impl Columns ===

impl Columns {
    /// No columns.
    pub fn new() -> Self {
        Self { places: Box::new([None; FIELD_COUNT]), attributes: Vec::new(), columns: Vec::new() }
    }

    /// Puts a column in place of what was there.
    pub fn insert(&mut self, slot: &Slot, column: Column) {
        let next = u16::try_from(self.columns.len()).unwrap_or(u16::MAX);
        match slot {
            Slot::Field(field) => {
                if let Some(place) = self.places.get_mut(*field as usize) {
                    *place = Some(next);
                }
            }
            Slot::Attribute(name) => {
                self.attributes.retain(|(known, _)| known != name);
                self.attributes.push((name.clone(), next));
            }
        }
        self.columns.push(column);
    }

    /// Puts in a row what these fields say, in the columns that are there.
    pub fn write(&mut self, row: usize, fields: &Fields) {
        for (field, place) in Field::ALL.iter().zip(self.places.iter()) {
            let column = place.and_then(|place| self.columns.get_mut(usize::from(place)));
            if let Some(column) = column {
                column.set(row, fields.get(*field).clone());
            }
        }
        for (name, place) in &self.attributes {
            if let Some(column) = self.columns.get_mut(usize::from(*place)) {
                column.set(row, fields.attribute(name).clone());
            }
        }
    }

    /// The column of a field; `None` where no row has it.
    pub fn field(&self, field: Field) -> Option<&Column> {
        let place = self.places.get(field as usize).copied().flatten()?;
        self.columns.get(usize::from(place))
    }

    /// The column of a field or an attribute; `None` where no row has it.
    pub fn column(&self, slot: &Slot) -> Option<&Column> {
        match slot {
            Slot::Field(field) => self.field(*field),
            Slot::Attribute(name) => {
                let (_, place) = self.attributes.iter().find(|(known, _)| known == name)?;
                self.columns.get(usize::from(*place))
            }
        }
    }
}

impl Default for Columns {
    fn default() -> Self {
        Self::new()
    }
}
