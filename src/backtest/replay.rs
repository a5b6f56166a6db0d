//! The replay through the engine itself: one row after another, and what they cause later, in order of
//! time.
//!
//! At an equal time everything else comes before the payments; only what a payment itself causes at
//! once (a label or an outcome without delay) comes right after it, for it cannot come before.

mod pending;

use super::Done;
use super::books::Books;
use super::diff::Changes;
use super::entrance::{Entered, Entrance, Skip, Told};
use super::map::DatasetMap;
use super::order::Merged;
use super::problem::BacktestError;
use super::row::{About, Row};
use super::tables::{Decided, Tables};
use crate::engine::{Engine, ReportError, ScoreRequest, Scored};
use crate::model::decision::Evaluation;
use crate::model::intake::Admitted;
use crate::model::time::Timestamp;
use crate::model::value::Text;
use pending::{Happening, Held, Pending};

/// How often the engine may forget what nobody can read any more, in rows.
const SWEEP_ROWS: u64 = 4_096;

/// How often it is told how many rows are done.
const PROGRESS_ROWS: u64 = 1_024;

/// A replay that is going on.
pub(super) struct Replay<'a> {
    entrance: Entrance<'a>,
    policies: Lane,
    baseline: Option<Lane>,
    tables: Tables,
    changes: Changes,
    pending: Pending,
    held: Held,
}

/// One bundle on an engine of its own, and its counts. With a baseline there are two, side by side.
struct Lane {
    engine: Engine,
    books: Books,
}

// === impl Replay ===

impl<'a> Replay<'a> {
    pub(super) fn new(
        entrance: Entrance<'a>,
        (policies, baseline): (Engine, Option<Engine>),
        tables: Tables,
    ) -> Self {
        Self {
            entrance,
            policies: Lane::new(policies),
            baseline: baseline.map(Lane::new),
            tables,
            changes: Changes::default(),
            pending: Pending::default(),
            held: Held::default(),
        }
    }

    /// Replays all rows, and lets everything happen that is still to come.
    pub(super) fn run(
        mut self,
        rows: Merged<'_>,
        mut progress: impl FnMut(u64),
    ) -> Result<Done<'a>, BacktestError> {
        for row in rows {
            let (file, row) = row?;
            if let Some((from, row)) = self.entrance.row(file, row)? {
                self.advance(row.at)?;
                let done = self.row((file, from.map()), &row)?;
                if self.entrance.done(from, &row, done)?.is_some() {
                    self.sweep(row.at);
                }
            }
            if self.entrance.counts.rows.is_multiple_of(PROGRESS_ROWS) {
                progress(self.entrance.counts.rows);
            }
        }
        self.advance(Timestamp::MAX)?;
        let Self { entrance, policies, baseline, tables, changes, .. } = self;
        let baseline = baseline.map(|lane| lane.books);
        Ok(Done { entrance, policies: policies.books, baseline, tables, changes })
    }

    /// Lets happen what is due until `at`.
    fn advance(&mut self, at: Timestamp) -> Result<(), BacktestError> {
        for event in self.held.before(at) {
            let known = self.record(&event.event, event.at)?;
            if let Err(Skip::Bad(problem)) = known {
                self.entrance.counts.events -= 1;
                if let Some(file) = self.entrance.files.get(event.file) {
                    self.entrance.skip(file.bad_row(event.line, problem))?;
                }
            }
        }
        while let Some((due, happening)) = self.pending.due(at) {
            for lane in self.lanes() {
                match &happening {
                    Happening::Fraud(fields) => {
                        lane.engine.apply_event("fraud", fields, due).map_err(engine_error)?;
                    }
                    Happening::Outcome(outcome) => {
                        lane.engine.report_outcome(outcome, due).map_err(engine_error)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn row(
        &mut self,
        (file, map): (usize, &DatasetMap),
        row: &Row,
    ) -> Result<Result<(), Skip>, BacktestError> {
        match &row.about {
            About::Payment { label, outcome } => {
                match self.entrance.payment(map, row, *label, outcome.as_deref()) {
                    Ok(entered) => self.payment(entered, row.at).map(Ok),
                    Err(skip) => Ok(Err(skip)),
                }
            }
            About::Event { name, payment_id } => {
                self.event((file, map), row, name, payment_id.as_ref())
            }
        }
    }

    fn payment(&mut self, entered: Entered, at: Timestamp) -> Result<(), BacktestError> {
        let Entered { payment, told, fraud, outcome } = entered;
        let request =
            ScoreRequest { payment, locale: Text::default(), dry_run: false, trace: false };
        self.score(&request, at, &told)?;
        if let Some(due) = fraud {
            let fields = Box::new(request.payment.fields().clone());
            self.pending.push(due, Happening::Fraud(fields));
        }
        if let Some((due, outcome)) = outcome {
            self.pending.push(due, Happening::Outcome(Box::new(outcome)));
        }
        Ok(())
    }

    fn score(
        &mut self,
        request: &ScoreRequest,
        at: Timestamp,
        told: &Told,
    ) -> Result<(), BacktestError> {
        let scored = if self.tables.want_features() {
            self.policies.engine.score_with_features(request, at)
        } else {
            self.policies.engine.score(request, at)
        };
        let Scored { decision, features, .. } = scored.map_err(engine_error)?;
        let evaluation = &decision.evaluation;
        self.policies.count(evaluation, at, told);
        self.tables.write(&Decided {
            caller_id: &told.caller_id,
            at,
            evaluation,
            features: features.as_deref(),
            label: told.label,
        })?;
        if let Some(baseline) = &mut self.baseline {
            let before = baseline.engine.score(request, at).map_err(engine_error)?.decision;
            baseline.count(&before.evaluation, at, told);
            let (from, to) = (before.evaluation.verdict, evaluation.verdict);
            self.changes.count(from, to, || told.changed(at, from, to));
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
        let admitted = self.entrance.intake.event(row.fields(map));
        let Admitted { value: fields, hashed } = match admitted {
            Ok(admitted) => admitted,
            Err(violations) => return Ok(Err(Skip::violations(&violations))),
        };
        let id = payment_id.map(|id| self.entrance.intake.id("payment_id", id)).transpose();
        let id = match id {
            Ok(id) => id,
            Err(violation) => return Ok(Err(Skip::violations(&[violation]))),
        };
        let counts = &mut self.entrance.counts;
        counts.hashed += u64::from(hashed + id.as_ref().map_or(0, |id| id.hashed));
        counts.present.events.insert(name.clone());
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

    fn sweep(&self, at: Timestamp) {
        if self.entrance.counts.rows.is_multiple_of(SWEEP_ROWS) {
            for lane in self.lanes() {
                lane.engine.sweep(at);
            }
        }
    }
}

// === impl Lane ===

impl Lane {
    fn new(engine: Engine) -> Self {
        let books = Books::new(&engine.policies());
        Self { engine, books }
    }

    fn count(&mut self, evaluation: &Evaluation, at: Timestamp, told: &Told) {
        self.books.count(evaluation, at, told.label, told.amount_base);
    }
}

fn engine_error(error: impl std::fmt::Display) -> BacktestError {
    BacktestError::Engine(error.to_string())
}
