//! Rows become batches of payments, a column per field: one after another, or column by column where the
//! file has them so.

mod columnar;

use std::collections::HashMap;

use super::entrance::{Entered, Entrance, Skip, Told};
use super::order::Merged;
use super::problem::BacktestError;
use super::row::{About, Row};
use crate::engine::history::{Batch, RowOutcome};
use crate::model::columns::{Column, Slot};
use crate::model::field::Field;
use crate::model::value::{Text, Value, ValueType};

pub(super) use columnar::Columnar;

/// So many rows go through together: enough that what is done once for all of them weighs nothing, few
/// enough that they stay in the caches.
pub(super) const BATCH_ROWS: usize = 4_096;

/// Payments that came in, and what is told of each.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) batch: Batch,
    /// By the place among the rows that are payments.
    pub(super) told: Vec<Told>,
}

/// Where rows come from.
pub(super) enum Rows<'a> {
    /// One after another, from any files.
    Merged(Merged<'a>),
    /// Column by column.
    Columnar(Box<Columnar<'a>>),
}

/// Gathers the rows of payments.
pub(super) struct Gatherer<'a> {
    pub(super) entrance: Entrance<'a>,
    rows: Rows<'a>,
    /// What somebody will read.
    wanted: Vec<Slot>,
}

// === impl Gatherer ===

impl<'a> Gatherer<'a> {
    pub(super) const fn new(entrance: Entrance<'a>, rows: Rows<'a>, wanted: Vec<Slot>) -> Self {
        Self { entrance, rows, wanted }
    }

    /// The next batch; `None` after the last row.
    pub(super) fn next(&mut self) -> Result<Option<Gathered>, BacktestError> {
        match &mut self.rows {
            Rows::Merged(rows) => merged(&mut self.entrance, rows, &self.wanted),
            Rows::Columnar(rows) => rows.next(&mut self.entrance, &self.wanted),
        }
    }
}

/// The next batch of rows that come one after another.
fn merged(
    entrance: &mut Entrance<'_>,
    rows: &mut Merged<'_>,
    wanted: &[Slot],
) -> Result<Option<Gathered>, BacktestError> {
    let mut gathered = Gathered::default();
    let mut columns: Vec<Builder> = wanted.iter().map(Builder::new).collect();
    for row in rows.by_ref().take(BATCH_ROWS) {
        let (file, row) = row?;
        let Some((from, row)) = entrance.row(file, row)? else { continue };
        let done = match &row.about {
            About::Payment { label, outcome } => {
                entrance.payment(from.map(), &row, *label, outcome.as_deref())
            }
            About::Event { .. } => Err(Skip::Bad("is no payment".to_owned())),
        };
        if let Some(entered) = entrance.done(from, &row, done)? {
            gathered.push(entered, &row, wanted, &mut columns);
        }
    }
    if gathered.told.is_empty() && rows.is_over() {
        return Ok(None);
    }
    for (slot, column) in wanted.iter().zip(columns) {
        gathered.batch.columns.insert(slot, column.finish());
    }
    Ok(Some(gathered))
}

// === impl Gathered ===

impl Gathered {
    fn push(&mut self, entered: Entered, row: &Row, wanted: &[Slot], columns: &mut [Builder]) {
        let Entered { payment, told, fraud, outcome } = entered;
        let fields = payment.fields();
        for (slot, column) in wanted.iter().zip(columns) {
            column.push(match slot {
                Slot::Field(field) => fields.get(*field),
                Slot::Attribute(name) => fields.attribute(name),
            });
        }
        let place = self.told.len();
        self.told.push(told);
        self.batch.at.push(row.at);
        self.batch.rows.push(place);
        self.batch.frauds.extend(fraud.map(|due| (place, due)));
        let outcome = outcome.map(|(due, outcome)| RowOutcome { row: place, due, outcome });
        self.batch.outcomes.extend(outcome);
    }
}

/// A column that grows row by row.
enum Builder {
    /// Texts, of which many are the same.
    Texts { codes: Vec<u32>, values: Vec<Value>, places: HashMap<Text, u32, ahash::RandomState> },
    /// All else.
    Plain(Vec<Value>),
}

// === impl Builder ===

impl Builder {
    fn new(slot: &Slot) -> Self {
        match slot {
            // Every payment has another.
            Slot::Field(Field::Id) => Self::Plain(Vec::new()),
            Slot::Field(field) if field.value_type() != ValueType::Text => Self::Plain(Vec::new()),
            Slot::Field(_) | Slot::Attribute(_) => Self::Texts {
                codes: Vec::new(),
                // The first stands for what is missing.
                values: vec![Value::Missing],
                places: HashMap::default(),
            },
        }
    }

    fn push(&mut self, value: &Value) {
        match (&mut *self, value) {
            (Self::Plain(values), value) => values.push(value.clone()),
            (Self::Texts { codes, .. }, Value::Missing) => codes.push(0),
            (Self::Texts { codes, values, places }, Value::Text(text)) => {
                let place = places.get(text).copied().unwrap_or_else(|| {
                    let place = u32::try_from(values.len()).unwrap_or(u32::MAX);
                    values.push(value.clone());
                    places.insert(text.clone(), place);
                    place
                });
                codes.push(place);
            }
            (Self::Texts { codes, values, .. }, _) => {
                codes.push(u32::try_from(values.len()).unwrap_or(u32::MAX));
                values.push(value.clone());
            }
        }
    }

    fn finish(self) -> Column {
        match self {
            Self::Texts { codes, values, places: _ } => Column::Coded { codes, values },
            Self::Plain(values) => Column::Plain(values),
        }
    }
}
