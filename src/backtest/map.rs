//! What a `MAP.toml` says: which column of a data file is which field, label or outcome.
//!
//! [`read`] turns the file into a [`DatasetMap`]; nothing here opens a data file.

pub mod read;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::model::columns::Slot;
use crate::model::currency::Currency;
use crate::model::outcome::{OutcomeStatus, Stage};
use crate::model::time::Span;
use crate::model::value::Text;

/// The place of a column in [`DatasetMap::columns`].
pub type ColumnIndex = usize;

/// How the columns of one kind of data file are read.
#[derive(Clone, Debug)]
pub struct DatasetMap {
    /// The path of the map, for messages.
    pub path: String,
    /// Every column that is read, each once, in the order of first mention.
    pub columns: Vec<String>,
    /// When a row happened.
    pub occurred_at: TimeColumn,
    /// The fields and attributes that rows fill, but for the time and the amount.
    pub slots: Vec<SlotColumn>,
    /// The amount and its unit.
    pub amount: Option<AmountColumn>,
    /// What a row is.
    pub subject: Subject,
}

/// What the rows of a file are.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Attempts at payments.
    Payments {
        /// What is known of their truth.
        label: Option<LabelColumns>,
        /// What became of them.
        outcome: Option<Box<OutcomeColumns>>,
    },
    /// Recorded events.
    Events {
        /// The name of the event.
        name: EventName,
        /// The payment it is about.
        payment_id: Option<ColumnIndex>,
    },
}

/// A column with instants.
#[derive(Clone, Debug)]
pub struct TimeColumn {
    /// The column.
    pub column: ColumnIndex,
    /// The zone of times that have none of their own.
    pub zone: TimeZone,
}

/// A column and the field or attribute that it fills.
#[derive(Clone, Debug)]
pub struct SlotColumn {
    /// What it fills.
    pub slot: Slot,
    /// The column.
    pub column: ColumnIndex,
    /// As what its cells are read.
    pub reading: Reading,
}

/// As what a cell is read.
#[derive(Clone, Debug)]
pub enum Reading {
    /// Text; a number becomes its decimal text.
    Text,
    /// A whole number.
    Int,
    /// A float.
    Float,
    /// True or false.
    Bool,
    /// An instant; the zone is of times that have none.
    Time(TimeZone),
    /// Several texts; in one text they are separated by `|`.
    Texts,
    /// The type of the file: text in CSV, what it is in JSON and Parquet.
    Own,
}

/// A column with amounts.
#[derive(Clone, Debug)]
pub struct AmountColumn {
    /// The column.
    pub column: ColumnIndex,
    /// The unit of its numbers.
    pub unit: Unit,
    /// The currency of the amounts.
    pub currency: AmountCurrency,
}

/// The unit of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// 12.34
    Major,
    /// 1234
    Minor,
}

/// Where the currency of an amount is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountCurrency {
    /// One for all rows.
    Constant(Currency),
    /// In a column of the row.
    Column(ColumnIndex),
    /// Nowhere: it is the base currency of the bundle.
    Base,
}

/// `[label]`
#[derive(Clone, Copy, Debug)]
pub struct LabelColumns {
    /// Whether the payment was fraud.
    pub fraud: ColumnIndex,
    /// How much later that became known.
    pub delay: Span,
}

/// `[outcome]`
#[derive(Clone, Debug)]
pub struct OutcomeColumns {
    /// What happened.
    pub status: ColumnIndex,
    /// What the words of the status column mean, beside the statuses themselves.
    pub words: BTreeMap<String, (OutcomeStatus, Option<Stage>)>,
    /// How much later it happened.
    pub delay: Span,
    /// How far a failed request got.
    pub stage: Option<ColumnIndex>,
    /// The code that the provider or issuer gave.
    pub code: Option<ColumnIndex>,
    /// The channel it went through.
    pub channel: Option<ColumnIndex>,
    /// The provider that answered.
    pub provider: Option<ColumnIndex>,
    /// The operation that was called.
    pub operation: Option<ColumnIndex>,
    /// The network that carried it.
    pub network: Option<ColumnIndex>,
    /// How long the answer took, in milliseconds.
    pub latency_ms: Option<ColumnIndex>,
    /// The amount, when it is not the payment's; its currency is the payment's.
    pub amount: Option<(ColumnIndex, Unit)>,
    /// Whether a capture is the last one.
    pub is_final: Option<ColumnIndex>,
}

/// Where the name of a recorded event is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventName {
    /// One for all rows.
    Constant(Text),
    /// In a column of the row.
    Column(ColumnIndex),
}

// === impl DatasetMap ===

impl DatasetMap {
    /// Whether its rows are payments.
    pub const fn is_of_payments(&self) -> bool {
        matches!(self.subject, Subject::Payments { .. })
    }

    /// How much later than a payment its label arrives.
    pub const fn label_delay(&self) -> Span {
        match &self.subject {
            Subject::Payments { label: Some(label), .. } => label.delay,
            Subject::Payments { label: None, .. } | Subject::Events { .. } => Span::ZERO,
        }
    }

    /// How much later than a payment its outcome happens.
    pub fn outcome_delay(&self) -> Span {
        match &self.subject {
            Subject::Payments { outcome: Some(outcome), .. } => outcome.delay,
            Subject::Payments { outcome: None, .. } | Subject::Events { .. } => Span::ZERO,
        }
    }
}
