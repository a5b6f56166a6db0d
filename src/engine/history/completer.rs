//! What the engine adds to the fields of a payment and of what becomes of it: the amount in the base
//! currency, and what an outcome means.

use std::sync::Arc;

use crate::engine::event::{amount_base, of_outcome};
use crate::engine::history::{Batch, reads};
use crate::model::columns::{Column, Columns, Slot};
use crate::model::failure::Money;
use crate::model::field::{Field, Fields};
use crate::model::time::Timestamp;
use crate::model::value::Value;
use crate::policy::set::PolicySet;

/// Adds what is computed.
#[derive(Debug)]
pub struct Completer {
    set: Arc<PolicySet>,
    /// The fields of outcomes that features read.
    wanted: Vec<Field>,
}

/// What was added to a batch.
#[derive(Debug, Default)]
pub struct Completed {
    pub(super) columns: Columns,
    pub(super) outcomes: Vec<Happened>,
}

/// What becomes of a row, and what that means.
#[derive(Debug)]
pub(super) struct Happened {
    pub(super) row: usize,
    pub(super) due: Timestamp,
    /// The event that features count, when there is one.
    pub(super) event: Option<&'static str>,
    pub(super) money: Money,
}

// === impl Completer ===

impl Completer {
    /// The fields of payments that are read.
    pub(super) const READS: [Field; 4] =
        [Field::Amount, Field::Currency, Field::CardBrand, Field::Channel];

    pub(super) fn new(set: &Arc<PolicySet>) -> Self {
        let exprs = set.taps.values().flatten().flat_map(|tap| tap.filter.iter().chain(&tap.value));
        let parts = set.entities.iter().flat_map(reads::parts);
        let wanted = reads::slots(set, exprs).into_iter().chain(parts);
        let mut wanted: Vec<Field> = wanted
            .filter_map(|slot| match slot {
                Slot::Field(Field::Channel) => Some(Field::OutcomeChannel),
                Slot::Field(field) => field.is_of_outcome().then_some(field),
                Slot::Attribute(_) => None,
            })
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        Self { set: Arc::clone(set), wanted }
    }

    /// Completes a batch.
    pub fn complete(&self, batch: &Batch) -> Completed {
        let mut columns = Columns::new();
        let amounts = self.amounts_base(batch);
        let mut told: Vec<Vec<Value>> = Vec::new();
        if !batch.outcomes.is_empty() {
            told = self.wanted.iter().map(|_| vec![Value::Missing; batch.at.len()]).collect();
        }
        let mut fields = Fields::new();
        let mut outcomes = Vec::with_capacity(batch.outcomes.len());
        for told_of in &batch.outcomes {
            let row = told_of.row;
            let outcome = &told_of.outcome;
            let of_row =
                |field| batch.columns.field(field).map_or(&Value::Missing, |it| it.get(row));
            let diagnosis =
                self.set.bundle.failures.diagnose(outcome, of_row(Field::CardBrand).as_text());
            outcomes.push(Happened {
                row,
                due: told_of.due,
                event: outcome.event(diagnosis.money),
                money: diagnosis.money,
            });
            if told.is_empty() {
                continue;
            }
            for field in [Field::Channel, Field::Amount, Field::Currency] {
                fields.set(field, of_row(field).clone());
            }
            fields.set(Field::AmountBase, amounts.get(row).clone());
            fields = of_outcome(fields, outcome, &diagnosis, &self.set);
            for (field, values) in self.wanted.iter().zip(&mut told) {
                if let Some(value) = values.get_mut(row) {
                    *value = fields.get(*field).clone();
                }
            }
        }
        for (field, values) in self.wanted.iter().zip(told) {
            columns.insert(&Slot::Field(*field), Column::Plain(values));
        }
        columns.insert(&Slot::Field(Field::AmountBase), amounts);
        Completed { columns, outcomes }
    }

    /// The amounts in minor units of the base currency.
    fn amounts_base(&self, batch: &Batch) -> Column {
        let amounts = batch.columns.field(Field::Amount);
        let Some(amounts) = amounts else { return Column::Same(Value::Missing) };
        let currencies = batch.columns.field(Field::Currency);
        let base = self.set.bundle.base_currency.code();
        let is_base = |currency: &Value| currency.as_text() == Some(base);
        if let Some(Column::Same(currency)) = currencies
            && is_base(currency)
        {
            return amounts.clone();
        }
        let missing = Column::Same(Value::Missing);
        let currencies = currencies.unwrap_or(&missing);
        let rows = 0..batch.at.len();
        let converted = rows.map(|row| match (amounts.get(row).as_int(), currencies.get(row)) {
            (None, _) => Value::Missing,
            (Some(amount), currency) if is_base(currency) => Value::Int(amount),
            (Some(amount), currency) => amount_base(&self.set, amount, currency),
        });
        Column::Plain(converted.collect())
    }
}
