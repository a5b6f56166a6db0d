//! The two tables of a backtest: what was decided of each payment, and its features at that moment.

use std::path::Path;

use super::output::{Column, Table};
use super::problem::BacktestError;
use crate::model::decision::Evaluation;
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value, ValueType};
use crate::policy::set::PolicySet;

/// The tables that are asked for.
#[derive(Debug, Default)]
pub struct Tables {
    decisions: Option<Table>,
    features: Option<Table>,
    row: Vec<Value>,
}

/// One decided payment.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// Its id as the file has it.
    pub caller_id: &'a Text,
    /// When it was decided.
    pub at: Timestamp,
    /// What the rules and limits came to.
    pub evaluation: &'a Evaluation,
    /// The features of the bundle in the order of their declaration.
    pub features: Option<&'a [Value]>,
    /// Whether it was fraud, as far as known.
    pub label: Option<bool>,
}

// === impl Tables ===

impl Tables {
    /// Opens the tables.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn create(
        decisions: Option<&Path>,
        features: Option<&Path>,
        set: &PolicySet,
    ) -> Result<Self, BacktestError> {
        let decisions = decisions.map(|path| {
            let columns = [
                ("payment_id", ValueType::Text),
                ("occurred_at", ValueType::Time),
                ("verdict", ValueType::Text),
                ("review", ValueType::Bool),
                ("score", ValueType::Int),
                ("reasons", ValueType::Text),
                ("rules", ValueType::Text),
                ("label", ValueType::Bool),
            ];
            Table::create(path, columns.map(|(name, kind)| Column::new(name, kind)).to_vec())
        });
        let features = features.map(|path| {
            let id = Column::new("payment_id", ValueType::Text);
            let features =
                set.features.iter().map(|def| Column::new(def.name.to_string(), def.value_type));
            Table::create(path, std::iter::once(id).chain(features).collect())
        });
        Ok(Self {
            decisions: decisions.transpose()?,
            features: features.transpose()?,
            row: Vec::new(),
        })
    }

    /// Whether the features of each payment are wanted.
    pub const fn want_features(&self) -> bool {
        self.features.is_some()
    }

    /// Writes a payment to both.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, decided: &Decided<'_>) -> Result<(), BacktestError> {
        let Decided { caller_id, at, evaluation, features, label } = *decided;
        if let Some(table) = &mut self.decisions {
            self.row.clear();
            self.row.extend([
                Value::Text(caller_id.clone()),
                Value::Time(at),
                Value::Text(Text::const_new(evaluation.verdict.name())),
                Value::Bool(evaluation.review),
                Value::Int(evaluation.score),
                joined(evaluation.reasons.iter().map(|reason| &*reason.code)),
                joined(evaluation.fired.iter().map(|rule| &**rule)),
                label.map_or(Value::Missing, Value::Bool),
            ]);
            table.write(&self.row)?;
        }
        if let (Some(table), Some(features)) = (&mut self.features, features) {
            self.row.clear();
            self.row.push(Value::Text(caller_id.clone()));
            self.row.extend_from_slice(features);
            table.write(&self.row)?;
        }
        Ok(())
    }

    /// Ends both and puts them in their places.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn finish(self) -> Result<(), BacktestError> {
        let Self { decisions, features, row: _ } = self;
        decisions.into_iter().chain(features).try_for_each(Table::finish)
    }
}

/// Several names as one text; none is an empty one.
fn joined<'a>(names: impl Iterator<Item = &'a str>) -> Value {
    let mut text = Text::default();
    for (place, name) in names.enumerate() {
        if place > 0 {
            text.push('|');
        }
        text.push_str(name);
    }
    Value::Text(text)
}
