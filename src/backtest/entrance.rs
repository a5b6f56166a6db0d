//! Where rows of payments come in: read by their map, through the edge, each attempt once; and what is
//! counted of rows on the way.

mod outcome;
mod seen;

use super::absent::Present;
use super::map::DatasetMap;
use super::problem::{BacktestError, BadRow};
use super::report::{ChangedPayment, Skipped};
use super::row::{Row, RowOutcome};
use super::source::DataFile;
use crate::model::currency::Currency;
use crate::model::field::Field;
use crate::model::intake::{Admitted, Intake, Violation};
use crate::model::outcome::Outcome;
use crate::model::payment::Payment;
use crate::model::time::Timestamp;
use crate::model::value::Text;
use crate::model::verdict::Verdict;
use crate::policy::bundle::Bundle;
use seen::{Seen, Sight};

/// For more rows than this no room is made in advance.
const EXPECTED_MAX: usize = 50_000_000;

/// Bad rows that are named.
const FIRST_MAX: usize = 100;

/// The instants that a row may have: beyond is a mistake of its file.
const YEARS: std::ops::Range<Timestamp> =
    Timestamp::from_secs(-2_208_988_800)..Timestamp::from_secs(7_258_118_400);

/// The edge of a backtest.
pub(super) struct Entrance<'a> {
    pub(super) files: &'a [DataFile],
    pub(super) intake: Intake,
    pub(super) counts: CountsSoFar,
    bundle: &'a Bundle,
    bad_rows_max: u64,
    seen: Seen,
}

/// What is counted of rows.
#[derive(Debug, Default)]
pub(super) struct CountsSoFar {
    pub(super) rows: u64,
    pub(super) events: u64,
    pub(super) payments: u64,
    pub(super) hashed: u64,
    pub(super) without_rate: u64,
    pub(super) skipped: Skipped,
    pub(super) present: Present,
}

/// A payment that came in.
pub(super) struct Entered {
    pub(super) payment: Payment,
    pub(super) told: Told,
    /// When it turns out to be fraud, if it does.
    pub(super) fraud: Option<Timestamp>,
    /// What becomes of it, and when.
    pub(super) outcome: Option<(Timestamp, Outcome)>,
}

/// A payment at the door: read and checked.
pub(super) struct Arrived<'r> {
    /// Its id as the file has it, and as it is kept.
    pub(super) caller_id: &'r Text,
    pub(super) id: &'r str,
    pub(super) attempt: u32,
    /// A hash over all that its row says but its time.
    pub(super) content: u64,
    /// Card numbers in it that are hashes now.
    pub(super) hashed: u32,
    pub(super) label: Option<bool>,
    pub(super) outcome: Option<Outcome>,
    pub(super) has_channel: bool,
    pub(super) amount_base: Option<i64>,
}

/// What is told of a payment beside its decision.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// Its id as the file has it.
    pub(super) caller_id: Text,
    pub(super) attempt: u32,
    /// Whether it was fraud, as far as known.
    pub(super) label: Option<bool>,
    /// In minor units of the base currency; 0 without a rate.
    pub(super) amount_base: i64,
}

/// Why a row is left out.
pub(super) enum Skip {
    Bad(String),
    Duplicate,
}

// === impl Entrance ===

impl<'a> Entrance<'a> {
    pub(super) fn new(
        files: &'a [DataFile],
        bundle: &'a Bundle,
        intake: Intake,
        (rows, bad_rows_max): (u64, u64),
    ) -> Self {
        let expected = usize::try_from(rows).unwrap_or_default().min(EXPECTED_MAX);
        let mut counts = CountsSoFar::default();
        for field in [Field::Attempt, Field::OccurredAt] {
            counts.present.field(field);
        }
        Self { files, intake, counts, bundle, bad_rows_max, seen: Seen::new(expected) }
    }

    /// Whether a row can have happened then: else it is a mistake of its file.
    pub(super) fn is_plausible(at: Timestamp) -> bool {
        YEARS.contains(&at)
    }

    /// Counts a row that comes. `None` when it was a bad one, which is skipped then.
    pub(super) fn row(
        &mut self,
        file: usize,
        row: Result<Row, BadRow>,
    ) -> Result<Option<(&'a DataFile, Row)>, BacktestError> {
        self.counts.rows += 1;
        let files: &'a [DataFile] = self.files;
        let Some(from) = files.get(file) else { return Ok(None) };
        match row {
            Ok(row) if Self::is_plausible(row.at) => Ok(Some((from, row))),
            Ok(row) => {
                let problem = format!("`{}` is not between 1900 and 2200", row.at);
                self.skip(from.bad_row(row.line, problem))?;
                Ok(None)
            }
            Err(bad) => {
                self.skip(bad)?;
                Ok(None)
            }
        }
    }

    /// Notes that a row was taken, or why not.
    pub(super) fn done<T>(
        &mut self,
        from: &DataFile,
        row: &Row,
        done: Result<T, Skip>,
    ) -> Result<Option<T>, BacktestError> {
        let done = self.settled(done, |problem| from.bad_row(row.line, problem))?;
        if done.is_some() {
            self.note_present(from.map(), row);
        }
        Ok(done)
    }

    /// Counts what was done with a row; `bad_row` names it where it is a bad one.
    pub(super) fn settled<T>(
        &mut self,
        done: Result<T, Skip>,
        bad_row: impl FnOnce(String) -> BadRow,
    ) -> Result<Option<T>, BacktestError> {
        match done {
            Ok(done) => {
                self.counts.events += 1;
                Ok(Some(done))
            }
            Err(Skip::Bad(problem)) => {
                self.skip(bad_row(problem))?;
                Ok(None)
            }
            Err(Skip::Duplicate) => {
                self.counts.skipped.duplicates += 1;
                Ok(None)
            }
        }
    }

    /// Takes in the payment of a row.
    pub(super) fn payment(
        &mut self,
        map: &DatasetMap,
        row: &Row,
        label: Option<bool>,
        outcome: Option<&RowOutcome>,
    ) -> Result<Entered, Skip> {
        let fields = row.fields(map);
        let caller_id = Text::from(fields.get(Field::Id).as_text().unwrap_or_default());
        let Admitted { value: payment, hashed } =
            self.intake.payment(fields, row.at).map_err(|them| Skip::violations(&them))?;
        let (id, attempt) = (payment.id(), payment.attempt());
        let outcome = outcome.map(|outcome| self.outcome(outcome, id, attempt));
        let outcome = outcome.transpose().map_err(|violation| Skip::violations(&[violation]))?;
        let currency = Currency::from_code(payment.currency());
        let arrived = Arrived {
            caller_id: &caller_id,
            id,
            attempt,
            content: self.seen.content(row),
            hashed,
            label,
            outcome,
            has_channel: payment.fields().get(Field::Channel).is_present(),
            amount_base: currency.and_then(|it| self.amount_base(payment.amount(), it)),
        };
        let told = self.enter(&arrived)?;
        let outcome = arrived.outcome;
        Ok(Entered {
            told,
            fraud: (label == Some(true)).then(|| row.at.plus(map.label_delay())),
            outcome: outcome.map(|outcome| (row.at.plus(map.outcome_delay()), outcome)),
            payment,
        })
    }

    /// What becomes of a payment, as its row says.
    pub(super) fn outcome(
        &self,
        told: &RowOutcome,
        payment_id: &str,
        attempt: u32,
    ) -> Result<Outcome, Violation> {
        outcome::of(told, (payment_id, attempt), &self.intake)
    }

    /// The amount in minor units of the bundle's base currency; `None` without a rate.
    pub(super) fn amount_base(&self, amount: i64, currency: Currency) -> Option<i64> {
        self.bundle.rates.to_base(amount, currency, self.bundle.base_currency)
    }

    /// Takes in a payment, unless it was there before.
    pub(super) fn enter(&mut self, arrived: &Arrived<'_>) -> Result<Told, Skip> {
        let Arrived { caller_id, attempt, label, amount_base, .. } = *arrived;
        match self.seen.see(arrived.id, attempt, arrived.content) {
            Sight::New => {}
            Sight::Repeat => return Err(Skip::Duplicate),
            Sight::Contradiction => {
                let problem = format!(
                    "attempt {attempt} of payment `{caller_id}` was there before with other content"
                );
                return Err(Skip::Bad(problem));
            }
        }
        self.counts.payments += 1;
        self.counts.hashed += u64::from(arrived.hashed);
        if label == Some(true) && !self.counts.present.events.contains("fraud") {
            self.counts.present.events.insert(Text::const_new("fraud"));
        }
        if let Some(outcome) = &arrived.outcome {
            let tables = &self.bundle.failures;
            outcome::note(outcome, arrived.has_channel, tables, &mut self.counts.present);
        }
        if amount_base.is_none() {
            self.counts.without_rate += 1;
        } else if !self.counts.present.fields.contains(&Field::AmountBase) {
            self.counts.present.field(Field::AmountBase);
        }
        let amount_base = amount_base.unwrap_or_default();
        Ok(Told { caller_id: caller_id.clone(), attempt, label, amount_base })
    }

    /// Leaves out a row that cannot be read or taken.
    pub(super) fn skip(&mut self, bad: BadRow) -> Result<(), BacktestError> {
        let skipped = &mut self.counts.skipped;
        skipped.bad += 1;
        if skipped.first.len() < FIRST_MAX {
            skipped.first.push(bad);
        }
        if skipped.bad > self.bad_rows_max {
            return Err(BacktestError::TooManyBadRows {
                bad: skipped.bad,
                read: self.counts.rows,
                max: self.bad_rows_max,
                first: std::mem::take(&mut skipped.first),
            });
        }
        Ok(())
    }

    fn note_present(&mut self, map: &DatasetMap, row: &Row) {
        let present = &mut self.counts.present;
        for slot in row.present(map) {
            present.slot(slot);
        }
        for field in [Field::Amount, Field::Currency] {
            if map.amount.is_some() {
                present.field(field);
            }
        }
    }
}

// === impl Told ===

impl Told {
    /// How the verdict of the payment, decided at `at`, changed.
    pub(super) fn changed(&self, at: Timestamp, from: Verdict, to: Verdict) -> ChangedPayment {
        ChangedPayment {
            payment_id: self.caller_id.to_string(),
            attempt: self.attempt,
            occurred_at: at.to_string(),
            from: from.name(),
            to: to.name(),
            amount: self.amount_base,
            label: self.label,
        }
    }
}

// === impl Skip ===

impl Skip {
    pub(super) fn violations(violations: &[Violation]) -> Self {
        let all: Vec<String> = violations.iter().map(ToString::to_string).collect();
        Self::Bad(all.join("; "))
    }
}
