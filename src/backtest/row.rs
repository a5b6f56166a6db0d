//! One row of a data file, read by its map.

use super::cell::{Cell, CellProblem};
use super::map::read::status_of;
use super::map::{AmountCurrency, DatasetMap, EventName, LabelColumns, OutcomeColumns, Subject};
use crate::model::columns::Slot;
use crate::model::currency::Currency;
use crate::model::field::{Field, Fields};
use crate::model::intake::Intake;
use crate::model::outcome::{OutcomeStatus, Stage};
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Text, Value};

/// One row: when it happened and what it says. Kept small, for files that must be sorted.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// When it happened.
    pub at: Timestamp,
    /// The line in a text file, the row in a Parquet file, from 1.
    pub line: u64,
    /// A value per slot of the map, then the amount and the currency.
    values: Box<[Value]>,
    /// What the row is.
    pub about: About,
}

/// What a row is.
#[derive(Clone, Debug, PartialEq)]
pub enum About {
    /// An attempt at a payment.
    Payment {
        /// Whether it was fraud, as far as known.
        label: Option<bool>,
        /// What became of it.
        outcome: Option<Box<RowOutcome>>,
    },
    /// A recorded event.
    Event {
        /// Its name.
        name: Text,
        /// The payment it is about.
        payment_id: Option<Text>,
    },
}

/// What a row says about the outcome of its payment.
#[derive(Clone, Debug, PartialEq)]
pub struct RowOutcome {
    /// What happened.
    pub status: OutcomeStatus,
    /// How far a failed request got.
    pub stage: Option<Stage>,
    /// The amount in minor units of the payment's currency, when it is not the payment's.
    pub amount: Option<i64>,
    /// Whether a capture is the last one.
    pub is_final: bool,
    /// The code that the provider or issuer gave.
    pub code: Option<Text>,
    /// The channel it went through.
    pub channel: Option<Text>,
    /// The provider that answered.
    pub provider: Option<Text>,
    /// The operation that was called.
    pub operation: Option<Text>,
    /// The network that carried it.
    pub network: Option<Text>,
    /// How long the answer took.
    pub latency: Option<Span>,
}

/// Reads cells by a map. Knows what the map leaves to the bundle.
#[derive(Clone, Copy, Debug)]
pub struct Decoder<'m> {
    map: &'m DatasetMap,
    base: Currency,
}

// === impl Row ===

impl Row {
    /// The fields that the row fills.
    pub fn fields(&self, map: &DatasetMap) -> Fields {
        let mut fields = Fields::new();
        let mut values = self.values.iter();
        for (slot, value) in map.slots.iter().zip(values.by_ref()) {
            if value.is_present() {
                match &slot.slot {
                    Slot::Field(field) => fields.set(*field, value.clone()),
                    Slot::Attribute(name) => fields.set_attribute(name.clone(), value.clone()),
                }
            }
        }
        for (field, value) in [Field::Amount, Field::Currency].into_iter().zip(values) {
            if value.is_present() {
                fields.set(field, value.clone());
            }
        }
        if map.is_of_payments() && !fields.get(Field::Attempt).is_present() {
            fields.set(Field::Attempt, Value::Int(1));
        }
        fields.set(Field::OccurredAt, Value::Time(self.at));
        fields
    }

    /// The slots that the row fills.
    pub fn present<'m>(&self, map: &'m DatasetMap) -> impl Iterator<Item = &'m Slot> {
        let slots = map.slots.iter().zip(&self.values);
        slots.filter(|(_, value)| value.is_present()).map(|(slot, _)| &slot.slot)
    }

    /// A hash over all that the row says but its time, to tell a repeat from a contradiction.
    pub fn content(&self, state: &ahash::RandomState) -> u64 {
        use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
        let mut hasher = state.build_hasher();
        for value in &self.values {
            match value {
                Value::Missing => 0_u8.hash(&mut hasher),
                Value::Unknown => 1_u8.hash(&mut hasher),
                Value::Bool(truth) => (2_u8, truth).hash(&mut hasher),
                Value::Int(number) => (3_u8, number).hash(&mut hasher),
                Value::Float(number) => (4_u8, number.to_bits()).hash(&mut hasher),
                Value::Time(at) => (5_u8, at).hash(&mut hasher),
                Value::Text(text) => (6_u8, text.as_str()).hash(&mut hasher),
                Value::Texts(texts) => (7_u8, texts.len(), texts).hash(&mut hasher),
            }
        }
        if let About::Payment { label, outcome } = &self.about {
            label.hash(&mut hasher);
            outcome.as_deref().map(RowOutcome::key).hash(&mut hasher);
        }
        hasher.finish()
    }
}

// === impl RowOutcome ===

impl RowOutcome {
    /// What tells it from another.
    pub fn key(&self) -> impl std::hash::Hash + '_ {
        (self.status, self.stage, self.amount, &self.code)
    }
}

// === impl Decoder ===

impl<'m> Decoder<'m> {
    /// A decoder for rows of that map; `base` is the currency of amounts that say none.
    pub const fn new(map: &'m DatasetMap, base: Currency) -> Self {
        Self { map, base }
    }

    /// When the row happened.
    ///
    /// # Errors
    /// What is wrong with the cell, with the name of its column.
    pub fn time<'c>(
        self,
        cell: impl Fn(usize) -> Result<Cell<'c>, CellProblem>,
    ) -> Result<Timestamp, CellProblem> {
        let time = &self.map.occurred_at;
        let read = cell(time.column).and_then(|cell| {
            if cell.is_missing() { Err("is missing".to_owned()) } else { cell.instant(&time.zone) }
        });
        read.map_err(|problem| self.named(time.column, &problem))
    }

    /// The whole row; `cell` gives the cell of a column of the map.
    ///
    /// # Errors
    /// The first thing that is wrong, with the name of its column.
    pub fn row<'c>(
        self,
        line: u64,
        cell: impl Fn(usize) -> Result<Cell<'c>, CellProblem>,
    ) -> Result<Row, CellProblem> {
        let at = self.time(&cell)?;
        let cells = Cells { decoder: self, cell };
        let mut values = Vec::with_capacity(self.map.slots.len() + 2);
        for slot in &self.map.slots {
            values.push(cells.with(slot.column, |cell| cell.read(&slot.reading))?);
        }
        if let Some(amount) = &self.map.amount {
            let code = match amount.currency {
                AmountCurrency::Constant(currency) => Some(currency.text()),
                AmountCurrency::Column(column) => cells.text(Some(column))?,
                AmountCurrency::Base => Some(self.base.text()),
            };
            let currency = code.as_deref().and_then(Currency::from_code);
            values.push(cells.with(amount.column, |cell| cell.amount(amount.unit, currency))?);
            values.push(code.map_or(Value::Missing, Value::Text));
        }
        let about = match &self.map.subject {
            Subject::Payments { label, outcome } => {
                let currency = match values.last() {
                    Some(Value::Text(code)) => Currency::from_code(code),
                    Some(_) | None => None,
                };
                About::Payment {
                    label: label.map_or(Ok(None), |label| cells.label(label))?,
                    outcome: outcome
                        .as_ref()
                        .map_or(Ok(None), |columns| cells.outcome(columns, currency))?,
                }
            }
            Subject::Events { name, payment_id } => About::Event {
                name: match name {
                    EventName::Constant(name) => name.clone(),
                    EventName::Column(column) => cells
                        .text(Some(*column))?
                        .ok_or_else(|| self.named(*column, "is missing"))?,
                },
                payment_id: cells.text(*payment_id)?,
            },
        };
        Ok(Row { at, line, values: values.into_boxed_slice(), about })
    }

    /// Whether the payment of a row was fraud, as far as known.
    ///
    /// # Errors
    /// What is wrong with the cell, with the name of its column.
    pub fn label<'c>(
        self,
        cell: impl Fn(usize) -> Result<Cell<'c>, CellProblem>,
    ) -> Result<Option<bool>, CellProblem> {
        match &self.map.subject {
            Subject::Payments { label: Some(label), .. } => {
                Cells { decoder: self, cell }.label(*label)
            }
            Subject::Payments { label: None, .. } | Subject::Events { .. } => Ok(None),
        }
    }

    /// What became of the payment of a row, whose amount is in that currency.
    ///
    /// # Errors
    /// What is wrong with a cell, with the name of its column.
    pub fn outcome<'c>(
        self,
        cell: impl Fn(usize) -> Result<Cell<'c>, CellProblem>,
        currency: Option<Currency>,
    ) -> Result<Option<Box<RowOutcome>>, CellProblem> {
        match &self.map.subject {
            Subject::Payments { outcome: Some(columns), .. } => {
                Cells { decoder: self, cell }.outcome(columns, currency)
            }
            Subject::Payments { outcome: None, .. } | Subject::Events { .. } => Ok(None),
        }
    }

    fn named(self, column: usize, problem: &str) -> CellProblem {
        let name = self.map.columns.get(column).map_or("", String::as_str);
        format!("column `{name}`: {problem}")
    }
}

/// The cells of one row.
struct Cells<'m, F> {
    decoder: Decoder<'m>,
    cell: F,
}

// === impl Cells ===

impl<'c, F: Fn(usize) -> Result<Cell<'c>, CellProblem>> Cells<'_, F> {
    fn with<T>(
        &self,
        column: usize,
        read: impl FnOnce(&Cell<'c>) -> Result<T, CellProblem>,
    ) -> Result<T, CellProblem> {
        let cell = (self.cell)(column);
        cell.and_then(|cell| read(&cell)).map_err(|problem| self.decoder.named(column, &problem))
    }

    fn text(&self, column: Option<usize>) -> Result<Option<Text>, CellProblem> {
        column.map_or(Ok(None), |column| self.with(column, |cell| Ok(cell.text())))
    }

    fn label(&self, label: LabelColumns) -> Result<Option<bool>, CellProblem> {
        self.with(
            label.fraud,
            |cell| {
                if cell.is_missing() { Ok(None) } else { cell.truth().map(Some) }
            },
        )
    }

    fn outcome(
        &self,
        columns: &OutcomeColumns,
        currency: Option<Currency>,
    ) -> Result<Option<Box<RowOutcome>>, CellProblem> {
        let Some(word) = self.text(Some(columns.status))? else { return Ok(None) };
        let meaning = columns.words.get(word.as_str()).copied().or_else(|| status_of(&word));
        let (status, stage) = meaning.ok_or_else(|| {
            self.decoder.named(columns.status, &format!("`{word}` stands for no status"))
        })?;
        let stage = match self.text(columns.stage)? {
            None => stage,
            Some(name) => Some(match name.to_ascii_uppercase().as_str() {
                "NOT_SENT" => Stage::NotSent,
                "SENT" => Stage::Sent,
                _ => return Err(format!("`{name}` is neither NOT_SENT nor SENT")),
            }),
        };
        let is_failed = status == OutcomeStatus::Failed;
        let latency_ms = columns.latency_ms.map_or(Ok(Value::Missing), |column| {
            self.with(column, |cell| cell.read(&super::map::Reading::Int))
        })?;
        let amount = columns.amount.map_or(Ok(Value::Missing), |(column, unit)| {
            self.with(column, |cell| cell.amount(unit, currency))
        })?;
        if let Some(amount) = amount.as_int() {
            Intake::amount("amount of the outcome", amount).map_err(|error| error.to_string())?;
        }
        let is_final = columns.is_final.map_or(Ok(Value::Missing), |column| {
            self.with(column, |cell| cell.read(&super::map::Reading::Bool))
        })?;
        Ok(Some(Box::new(RowOutcome {
            status,
            stage: stage.or(Some(Stage::NotSent)).filter(|_| is_failed),
            amount: amount.as_int(),
            is_final: is_final.as_bool().unwrap_or(true),
            code: self.text(columns.code)?,
            channel: self.text(columns.channel)?,
            provider: self.text(columns.provider)?,
            operation: self.text(columns.operation)?,
            network: self.text(columns.network)?,
            latency: latency_ms
                .as_int()
                .map(|millis| Span::from_micros(millis.saturating_mul(1_000))),
        })))
    }
}
