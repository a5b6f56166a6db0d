//! Which entity each row is about.
//!
//! A key is hashed once for each different value in a batch, not once for each row.

use std::collections::HashMap;

use crate::engine::entities::{Place, key_from};
use crate::engine::history::{Of, View};
use crate::model::columns::{Column, Slot};
use crate::model::entity::{EntityKey, EntityKind};
use crate::model::field::Field;
use crate::model::value::Value;

/// The entities of one kind, numbered as they come.
#[derive(Debug)]
pub(super) struct Keys {
    kind: EntityKind,
    parts: Vec<Slot>,
    numbers: HashMap<EntityKey, u32, ahash::RandomState>,
}

/// The entity of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The one of that number.
    Number(u32),
    /// None: a part of the key is missing.
    Missing,
    /// Nobody knows: a part of the key could not be read.
    Unknown,
}

// === impl Keys ===

impl Keys {
    pub(super) fn new(kind: EntityKind, parts: Vec<Slot>) -> Self {
        Self { kind, parts, numbers: HashMap::default() }
    }

    /// The parts of a key.
    pub(super) fn parts(&self) -> &[Slot] {
        &self.parts
    }

    /// Whether an outcome can be about another entity than its payment.
    pub(super) fn may_differ(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Slot::Field(field) => *field == Field::Channel || field.is_of_outcome(),
            Slot::Attribute(_) => false,
        })
    }

    /// How many entities there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The entity of each of the rows.
    pub(super) fn of_rows(&mut self, view: View<'_>, of: Of, rows: &[usize]) -> Vec<Who> {
        let missing = Column::Same(Value::Missing);
        let parts: Vec<Slot> = self.parts.clone();
        let columns: Vec<&Column> =
            parts.iter().map(|part| view.column(part, of).unwrap_or(&missing)).collect();
        let codes: Option<Vec<Codes<'_>>> = columns.iter().map(|it| Codes::of(it)).collect();
        let Some(codes) = codes else {
            return rows.iter().map(|row| self.number(&columns, *row)).collect();
        };
        if let [codes] = codes.as_slice() {
            let mut known: Vec<Option<Who>> = vec![None; codes.different];
            return rows
                .iter()
                .map(|row| match known.get_mut(codes.code(*row) as usize) {
                    Some(known) => *known.get_or_insert_with(|| self.number(&columns, *row)),
                    None => Who::Missing,
                })
                .collect();
        }
        let mut known: HashMap<u64, Who, ahash::RandomState> = HashMap::default();
        // So many different values in each column that their product has no number are rare: then each
        // row is hashed.
        let product = codes
            .iter()
            .try_fold(1_u64, |product, codes| product.checked_mul(codes.different as u64 + 1));
        if product.is_none() {
            return rows.iter().map(|row| self.number(&columns, *row)).collect();
        }
        rows.iter()
            .map(|row| {
                let together = codes.iter().fold(0, |together, codes| {
                    together * (codes.different as u64 + 1) + u64::from(codes.code(*row))
                });
                *known.entry(together).or_insert_with(|| self.number(&columns, *row))
            })
            .collect()
    }

    fn number(&mut self, columns: &[&Column], row: usize) -> Who {
        match key_from(self.kind, || columns.iter().map(|column| column.get(row))) {
            Ok(key) => {
                let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
                Who::Number(*self.numbers.entry(key).or_insert(next))
            }
            Err(Place::Unknown) => Who::Unknown,
            Err(Place::Missing | Place::Slot(_)) => Who::Missing,
        }
    }
}

/// The place of each row's value among the different ones of a column.
struct Codes<'a> {
    codes: Option<&'a [u32]>,
    different: usize,
}

// === impl Codes ===

impl<'a> Codes<'a> {
    fn of(column: &'a Column) -> Option<Self> {
        match column {
            Column::Same(_) => Some(Self { codes: None, different: 1 }),
            Column::Coded { codes, values } => {
                Some(Self { codes: Some(codes), different: values.len() })
            }
            Column::Plain(_) => None,
        }
    }

    fn code(&self, row: usize) -> u32 {
        self.codes.map_or(0, |codes| codes.get(row).copied().unwrap_or(u32::MAX))
    }
}
