//! What a backtest says at its end. The names of its fields are those of the JSON file.

use serde::Serialize;

use super::problem::BadRow;

/// The whole report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Rows that were replayed, of all files.
    pub events: u64,
    /// Payments among them.
    pub payments: u64,
    /// Payments with a label.
    pub labelled: u64,
    /// Payments labelled as fraud.
    pub fraud: u64,
    /// How long the replay took on the wall clock.
    pub seconds: f64,
    /// The version of the policies: a hash of the bundle's content.
    pub policy_version: String,
    /// The currency of all amounts.
    pub base_currency: String,
    /// What the bundle reads and the data never had.
    pub absent: Vec<Absent>,
    /// Rows that were left out.
    pub skipped: Skipped,
    /// Values that were card numbers and are hashes now.
    pub hashed: u64,
    /// Payments whose currency has no rate: they count with an amount of 0.
    pub without_rate: u64,
    /// How verdicts agree with labels; a payment counts as stopped on challenge or block.
    pub overall: Scores,
    /// How each rule agrees with labels, in order of file and line.
    pub rules: Vec<RuleScores>,
    /// Against the baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
}

/// A field or an event that the bundle reads and the data never had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Absent {
    /// `event` or `field`.
    pub kind: &'static str,
    /// The name as policies write it.
    pub name: String,
    /// The rules that read it, themselves or through a feature or a `let`, in order of file and line.
    pub rules: Vec<String>,
}

/// Rows that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Rows that could not be read or replayed.
    pub bad: u64,
    /// Rows that repeat an attempt with the same content.
    pub duplicates: u64,
    /// The first of the bad rows.
    pub first: Vec<BadRow>,
}

/// Counts over all time and by week.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Over all time.
    #[serde(flatten)]
    pub counts: Counts,
    /// One entry per seven days from midnight before the first payment, empty ones too.
    pub by_week: Vec<Week>,
}

/// How one thing agrees with labels. Rows without a label are in `hits` alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Counts {
    /// Payments that were stopped, or for which the rule's condition was true.
    pub hits: u64,
    /// Fraud that was hit.
    pub true_positive: u64,
    /// Good payments that were hit.
    pub false_positive: u64,
    /// Fraud that was not hit.
    pub false_negative: u64,
    /// Good payments that were not hit.
    pub true_negative: u64,
    /// The share of fraud in what was hit.
    pub precision: Option<f64>,
    /// The share of fraud that was hit.
    pub recall: Option<f64>,
    /// The amount of the fraud that was hit, in minor units of the base currency.
    pub fraud_amount_caught: i64,
    /// The amount of the good payments that were hit, in minor units of the base currency.
    pub good_amount_stopped: i64,
}

/// The counts of seven days.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Week {
    /// Midnight of the first day, in the zone of the bundle.
    pub start: String,
    /// The counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// The counts of a rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleScores {
    /// Its name.
    pub name: String,
    /// `active`, `shadow` or `off`; one that is off is not evaluated.
    pub mode: &'static str,
    /// The counts.
    #[serde(flatten)]
    pub scores: Scores,
}

/// Who changed verdict against the baseline, and how much money.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// The version of the baseline's policies.
    pub policy_version: String,
    /// How the baseline's verdicts agree with labels.
    pub baseline: Scores,
    /// Payments whose verdict differs.
    pub changed: u64,
    /// Their amount, in minor units of the base currency.
    pub amount: i64,
    /// By the verdicts, baseline first.
    pub by_verdict: Vec<Change>,
    /// The payments, in the order of the replay; at most [`CHANGED_MAX`].
    pub payments: Vec<ChangedPayment>,
}

/// The most payments that a diff names.
pub const CHANGED_MAX: usize = 10_000;

/// All payments whose verdict changed in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The verdict of the baseline.
    pub from: &'static str,
    /// The verdict of the policies.
    pub to: &'static str,
    /// How many payments.
    pub payments: u64,
    /// Their amount, in minor units of the base currency.
    pub amount: i64,
    /// How many of them are labelled fraud.
    pub fraud: u64,
    /// The amount of those.
    pub fraud_amount: i64,
    /// How many of them are labelled good.
    pub good: u64,
    /// The amount of those.
    pub good_amount: i64,
}

/// One payment whose verdict changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangedPayment {
    /// The caller's id.
    pub payment_id: String,
    /// The number of the attempt.
    pub attempt: u32,
    /// When it happened.
    pub occurred_at: String,
    /// The verdict of the baseline.
    pub from: &'static str,
    /// The verdict of the policies.
    pub to: &'static str,
    /// Its amount, in minor units of the base currency.
    pub amount: i64,
    /// Whether it was fraud, as far as known.
    pub label: Option<bool>,
}
