//! The replay itself: rows, and what they cause later, through the engine in order of time.
//!
//! At an equal time everything else comes before the payments; only what a payment itself causes at
//! once (a label or an outcome without delay) comes right after it, for it cannot come before.

mod lane;
mod outcome;
mod pending;

use super::absent::Present;
use super::diff::Changes;
use super::map::{DatasetMap, Slot};
use super::problem::{BacktestError, BadRow};
use super::report::{ChangedPayment, Skipped};
use super::row::{About, Row};
use super::seen::{Seen, Sight};
use super::source::DataFile;
use super::tables::{Decided, Tables};
use crate::engine::{ReportError, ScoreRequest, Scored};
use crate::model::currency::Currency;
use crate::model::field::Field;
use crate::model::intake::{Admitted, Intake, Violation};
use crate::model::payment::Payment;
use crate::model::time::Timestamp;
use crate::model::value::Text;
use pending::{Happening, Held, Pending};

pub(super) use lane::Lane;

/// Bad rows that are named.
const FIRST_MAX: usize = 100;

/// How often the engine may forget what nobody can read any more, in rows.
const SWEEP_ROWS: u64 = 4_096;

/// The instants that a row may have: beyond is a mistake of its file.
const YEARS: std::ops::Range<Timestamp> =
    Timestamp::from_secs(-2_208_988_800)..Timestamp::from_secs(7_258_118_400);

/// A replay that is going on.
pub(super) struct Replay<'a> {
    pub(super) files: &'a [DataFile],
    pub(super) policies: Lane,
    pub(super) baseline: Option<Lane>,
    pub(super) intake: Intake,
    pub(super) tables: Tables,
    pub(super) counts: CountsSoFar,
    pub(super) bad_rows_max: u64,
    pending: Pending,
    held: Held,
    seen: Seen,
}

/// What is counted beside rules and verdicts.
#[derive(Debug, Default)]
pub(super) struct CountsSoFar {
    pub(super) rows: u64,
    pub(super) events: u64,
    pub(super) payments: u64,
    pub(super) hashed: u64,
    pub(super) without_rate: u64,
    pub(super) skipped: Skipped,
    pub(super) present: Present,
    pub(super) changes: Changes,
}

// === impl Replay ===

impl<'a> Replay<'a> {
    pub(super) fn new(
        files: &'a [DataFile],
        lanes: (Lane, Option<Lane>),
        intake: Intake,
        tables: Tables,
        bad_rows_max: u64,
    ) -> Self {
        let (policies, baseline) = lanes;
        let mut counts = CountsSoFar::default();
        for field in [Field::Attempt, Field::OccurredAt] {
            counts.present.field(field);
        }
        Self {
            files,
            policies,
            baseline,
            intake,
            tables,
            counts,
            bad_rows_max,
            pending: Pending::default(),
            held: Held::default(),
            seen: Seen::default(),
        }
    }

    /// Replays the next row of a file.
    pub(super) fn row(
        &mut self,
        file: usize,
        row: Result<Row, BadRow>,
    ) -> Result<(), BacktestError> {
        self.counts.rows += 1;
        let Some(from) = self.files.get(file) else { return Ok(()) };
        let row = match row {
            Ok(row) if YEARS.contains(&row.at) => row,
            Ok(row) => {
                let problem = format!("`{}` is not between 1900 and 2200", row.at);
                return self.skip(from.bad_row(row.line, problem));
            }
            Err(bad) => return self.skip(bad),
        };
        self.advance(row.at)?;
        let done = match &row.about {
            About::Payment { label, outcome } => {
                self.payment(from.map(), &row, *label, outcome.as_deref())?
            }
            About::Event { name, payment_id } => {
                self.event((file, from.map()), &row, name, payment_id.as_ref())?
            }
        };
        match done {
            Ok(()) => {
                self.counts.events += 1;
                self.note_present(from.map(), &row);
                self.sweep(row.at);
                Ok(())
            }
            Err(Skip::Bad(problem)) => self.skip(from.bad_row(row.line, problem)),
            Err(Skip::Duplicate) => {
                self.counts.skipped.duplicates += 1;
                Ok(())
            }
        }
    }

    /// Lets everything happen that is still to come.
    pub(super) fn finish(&mut self) -> Result<(), BacktestError> {
        self.advance(Timestamp::MAX)
    }

    /// Lets happen what is due until `at`.
    fn advance(&mut self, at: Timestamp) -> Result<(), BacktestError> {
        for event in self.held.before(at) {
            let known = self.record(&event.event, event.at)?;
            if let Err(Skip::Bad(problem)) = known {
                self.counts.events -= 1;
                if let Some(file) = self.files.get(event.file) {
                    self.skip(file.bad_row(event.line, problem))?;
                }
            }
        }
        while let Some((due, happening)) = self.pending.due(at) {
            match happening {
                Happening::Fraud(fields) => {
                    self.counts.present.events.insert(Text::const_new("fraud"));
                    for lane in self.lanes() {
                        lane.engine.apply_event("fraud", &fields, due).map_err(engine_error)?;
                    }
                }
                Happening::Outcome(outcome) => {
                    let set = self.policies.engine.policies();
                    outcome::note(&outcome, &set.bundle.failures, &mut self.counts.present);
                    for lane in self.lanes() {
                        lane.engine.report_outcome(&outcome, due).map_err(engine_error)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn payment(
        &mut self,
        map: &DatasetMap,
        row: &Row,
        label: Option<bool>,
        outcome: Option<&super::row::RowOutcome>,
    ) -> Result<Result<(), Skip>, BacktestError> {
        let fields = row.fields(map);
        let caller_id = Text::from(fields.get(Field::Id).as_text().unwrap_or_default());
        let Admitted { value: payment, hashed } = match self.intake.payment(fields, row.at) {
            Ok(admitted) => admitted,
            Err(violations) => return Ok(Err(Skip::violations(&violations))),
        };
        let outcome = match outcome.map(|outcome| outcome::of(outcome, &payment, &self.intake)) {
            None => None,
            Some(Ok(outcome)) => Some(outcome),
            Some(Err(violation)) => return Ok(Err(Skip::violations(&[violation]))),
        };
        match self.seen.see(payment.id(), payment.attempt(), row) {
            Sight::New => {}
            Sight::Repeat => return Ok(Err(Skip::Duplicate)),
            Sight::Contradiction => {
                let problem = format!(
                    "attempt {} of payment `{caller_id}` was there before with other content",
                    payment.attempt()
                );
                return Ok(Err(Skip::Bad(problem)));
            }
        }
        self.counts.payments += 1;
        self.counts.hashed += u64::from(hashed);
        let request =
            ScoreRequest { payment, locale: Text::default(), dry_run: false, trace: false };
        self.score(&request, row.at, label, &caller_id)?;
        if label == Some(true) {
            let fields = Happening::Fraud(Box::new(request.payment.fields().clone()));
            self.pending.push(row.at.plus(map.label_delay()), fields);
        }
        if let Some(outcome) = outcome {
            let outcome = Happening::Outcome(Box::new(outcome));
            self.pending.push(row.at.plus(map.outcome_delay()), outcome);
        }
        Ok(Ok(()))
    }

    fn score(
        &mut self,
        request: &ScoreRequest,
        at: Timestamp,
        label: Option<bool>,
        caller_id: &Text,
    ) -> Result<(), BacktestError> {
        let set = self.policies.engine.policies();
        let amount = amount_base(&request.payment, &set.bundle);
        match amount {
            Some(_) => self.counts.present.field(Field::AmountBase),
            None => self.counts.without_rate += 1,
        }
        let amount = amount.unwrap_or_default();
        let scored = if self.tables.want_features() {
            self.policies.engine.score_with_features(request, at)
        } else {
            self.policies.engine.score(request, at)
        };
        let Scored { decision, features, .. } = scored.map_err(engine_error)?;
        self.policies.count(&decision, at, label, amount);
        self.tables.write(&Decided {
            caller_id,
            at,
            decision: &decision,
            features: features.as_deref(),
            label,
        })?;
        if let Some(baseline) = &mut self.baseline {
            let before = baseline.engine.score(request, at).map_err(engine_error)?.decision;
            baseline.count(&before, at, label, amount);
            let (from, to) = (before.evaluation.verdict, decision.evaluation.verdict);
            self.counts.changes.count(from, to, || ChangedPayment {
                payment_id: caller_id.to_string(),
                attempt: decision.attempt,
                occurred_at: at.to_string(),
                from: from.name(),
                to: to.name(),
                amount,
                label,
            });
        }
        Ok(())
    }

    fn event(
        &mut self,
        (file, map): (usize, &DatasetMap),
        row: &Row,
        name: &Text,
        payment_id: Option<&Text>,
    ) -> Result<Result<(), Skip>, BacktestError> {
        let admitted = self.intake.event(row.fields(map));
        let Admitted { value: fields, hashed } = match admitted {
            Ok(admitted) => admitted,
            Err(violations) => return Ok(Err(Skip::violations(&violations))),
        };
        let id = payment_id.map(|id| self.intake.id("payment_id", id)).transpose();
        let id = match id {
            Ok(id) => id,
            Err(violation) => return Ok(Err(Skip::violations(&[violation]))),
        };
        self.counts.hashed += u64::from(hashed + id.as_ref().map_or(0, |id| id.hashed));
        self.counts.present.events.insert(name.clone());
        let Some(id) = id else {
            for lane in self.lanes() {
                lane.engine.apply_event(name, &fields, row.at).map_err(engine_error)?;
            }
            return Ok(Ok(()));
        };
        let event = pending::about(name, (file, row.line), id.value, fields);
        if let Err(Skip::Bad(_)) = self.record(&event, row.at)? {
            // The payment may come at this very instant: it is tried once more after it.
            self.held.push(row.at, (file, row.line), event);
        }
        Ok(Ok(()))
    }

    /// Records an event about a payment; a payment that is not known makes its row a bad one.
    fn record(
        &self,
        event: &crate::engine::RecordedEvent,
        at: Timestamp,
    ) -> Result<Result<(), Skip>, BacktestError> {
        for lane in self.lanes() {
            match lane.engine.record_event(event, at) {
                Ok(_) => {}
                Err(error @ ReportError::UnknownPayment(_)) => {
                    return Ok(Err(Skip::Bad(error.to_string())));
                }
                Err(error) => return Err(engine_error(error)),
            }
        }
        Ok(Ok(()))
    }

    fn lanes(&self) -> impl Iterator<Item = &Lane> {
        std::iter::once(&self.policies).chain(&self.baseline)
    }

    fn note_present(&mut self, map: &DatasetMap, row: &Row) {
        let present = &mut self.counts.present;
        for slot in row.present(map) {
            match slot {
                Slot::Field(field) => present.field(*field),
                Slot::Attribute(name) if !present.attributes.contains(name) => {
                    present.attributes.insert(name.clone());
                }
                Slot::Attribute(_) => {}
            }
        }
        for field in [Field::Amount, Field::Currency] {
            if map.amount.is_some() {
                present.field(field);
            }
        }
    }

    fn sweep(&self, at: Timestamp) {
        if self.counts.rows.is_multiple_of(SWEEP_ROWS) {
            for lane in self.lanes() {
                lane.engine.sweep(at);
            }
        }
    }

    fn skip(&mut self, bad: BadRow) -> Result<(), BacktestError> {
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
}

/// Why a row is left out.
enum Skip {
    Bad(String),
    Duplicate,
}

// === impl Skip ===

impl Skip {
    fn violations(violations: &[Violation]) -> Self {
        let all: Vec<String> = violations.iter().map(ToString::to_string).collect();
        Self::Bad(all.join("; "))
    }
}

/// The amount in minor units of the bundle's base currency; `None` without a rate.
fn amount_base(payment: &Payment, bundle: &crate::policy::bundle::Bundle) -> Option<i64> {
    let currency = Currency::from_code(payment.currency())?;
    bundle.rates.to_base(payment.amount(), currency, bundle.base_currency)
}

fn engine_error(error: impl std::fmt::Display) -> BacktestError {
    BacktestError::Engine(error.to_string())
}
