//! Replays history through the engine and scores the policies against labels.
//!
//! In reading order: a map says which column is what ([`map`]); a data file gives cells ([`source`],
//! [`cell`], [`decimal`]) that become rows ([`row`]); the rows of all files, and what they cause later,
//! come in ([`entrance`]) and go through the engine in order of time ([`order`], [`replay`]), or in batches
//! where that gives the same ([`gather`], [`pipeline`]); what comes out is counted ([`books`], [`tally`],
//! [`diff`], [`absent`]), written ([`tables`], [`output`]) and told ([`report`], [`html`]).
//!
//! There is no clock here and nothing for the terminal: the caller measures, shows progress and prints.

pub mod absent;
mod books;
pub mod cell;
pub mod decimal;
pub mod diff;
mod entrance;
mod gather;
pub mod html;
pub mod map;
pub mod order;
pub mod output;
mod pipeline;
pub mod problem;
mod replay;
pub mod report;
pub mod row;
pub mod source;
pub mod tables;
pub mod tally;

use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::history::History;
use crate::engine::{Engine, Settings};
use crate::journal::Discard;
use crate::model::card_number::HashKey;
use crate::model::columns::Slot;
use crate::model::failure::RetrySettings;
use crate::model::intake::Intake;
use crate::model::time::Span;
use crate::policy::set::PolicySet;
use books::Books;
use diff::Changes;
use entrance::Entrance;
use gather::{Columnar, Gatherer, Rows};
use order::Merged;
use pipeline::Pipeline;
use problem::BacktestError;
use replay::Replay;
use report::{Diff, Report};
use source::{DataFile, Survey};
use tables::Tables;

/// What a backtest is given.
#[derive(Debug)]
pub struct Backtest {
    /// The data files, each with its map.
    pub files: Vec<DataFile>,
    /// The policies that are tried.
    pub policies: Arc<PolicySet>,
    /// The policies that they are compared with.
    pub baseline: Option<Arc<PolicySet>>,
    /// The key under which card numbers are hashed.
    pub hash_key: HashKey,
    /// How many rows may be bad; without, 1 % of them or [`BAD_ROWS_MIN`], whichever is more.
    pub bad_rows_max: Option<u64>,
    /// Where the table of decisions goes.
    pub decisions: Option<PathBuf>,
    /// Where the table of features goes.
    pub features: Option<PathBuf>,
    /// Whether each row goes through the engine itself, also where batches give the same sooner.
    pub one_by_one: bool,
}

/// The key of a backtest that is given none: hashes are then the same in every backtest, and those of
/// no server.
pub const FIXED_HASH_KEY: HashKey = HashKey::new(*b"vajra backtest without a key ...");

/// So many rows may be bad in any case.
pub const BAD_ROWS_MIN: u64 = 100;

/// How long a payment is kept for what may still be said about it.
const PAYMENT_KEPT: Span = Span::from_days(7);

/// The same where events in files of their own may come about it.
const PAYMENT_KEPT_FOR_EVENTS: Span = Span::from_days(400);

/// Far above what a history that fits a machine has.
const ENTITIES_MAX: usize = 50_000_000;

// === impl Backtest ===

impl Backtest {
    /// Looks through the times of every file.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn survey(&self) -> Result<Vec<Survey>, BacktestError> {
        self.files.iter().map(DataFile::survey).collect()
    }

    /// Replays everything. `progress` is told how many rows are done, now and then.
    /// [`Report::seconds`] is left for the caller, who has a clock.
    ///
    /// # Errors
    /// [`BacktestError`]; tables are not put in their places then.
    pub fn run(
        &self,
        surveys: &[Survey],
        mut progress: impl FnMut(u64),
    ) -> Result<Report, BacktestError> {
        let bundle = &self.policies.bundle;
        let total: u64 = surveys.iter().map(|survey| survey.rows).sum();
        let bad_rows_max = self.bad_rows_max.unwrap_or(BAD_ROWS_MIN.max(total.div_ceil(100)));
        let (decisions, features) = (self.decisions.as_deref(), self.features.as_deref());
        let tables = Tables::create(decisions, features, &self.policies)?;
        let intake = Intake::for_history(self.hash_key.clone());
        let entrance = Entrance::new(&self.files, bundle, intake, (total, bad_rows_max));
        let done = if self.can_be_in_batches() {
            self.in_batches(entrance, surveys, tables, &mut progress)?
        } else {
            let baseline = self.baseline.as_ref().map(|set| self.engine(set));
            let engines = (self.engine(&self.policies), baseline);
            Replay::new(entrance, engines, tables).run(self.merged(surveys)?, &mut progress)?
        };
        progress(done.entrance.counts.rows);
        self.report(done)
    }

    /// Whether no decision is needed before the next payment is read: no event is about a payment that is
    /// kept, and no feature counts verdicts.
    fn can_be_in_batches(&self) -> bool {
        !self.one_by_one
            && self.files.iter().all(|file| file.map().is_of_payments())
            && History::is_of(&self.policies)
            && self.baseline.as_ref().is_none_or(|baseline| History::is_of(baseline))
    }

    fn in_batches<'a>(
        &'a self,
        entrance: Entrance<'a>,
        surveys: &[Survey],
        tables: Tables,
        progress: impl FnMut(u64),
    ) -> Result<Done<'a>, BacktestError> {
        let kept = self.payment_kept();
        let policies = History::new(&self.policies, kept, tables.want_features());
        let baseline = self.baseline.as_ref().map(|set| History::new(set, kept, false));
        let mut wanted: Vec<Slot> =
            std::iter::once(&policies).chain(&baseline).flat_map(History::reads).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let sets = std::iter::once(&self.policies).chain(&self.baseline);
        let books = sets.map(|set| Books::new(set));
        let lanes = std::iter::once(policies).chain(baseline).zip(books);
        let rows = self.rows(surveys)?;
        let gatherer = Gatherer::new(entrance, rows, wanted);
        Pipeline::new(gatherer, lanes, tables).run(progress)
    }

    /// The rows of all files: column by column where there is one file that has them so, in order of time.
    fn rows(&self, surveys: &[Survey]) -> Result<Rows<'_>, BacktestError> {
        if let ([file], [Survey { is_ordered: true, .. }]) = (self.files.as_slice(), surveys)
            && let Some(rows) = Columnar::open(file, self.policies.bundle.base_currency)?
        {
            return Ok(Rows::Columnar(Box::new(rows)));
        }
        Ok(Rows::Merged(self.merged(surveys)?))
    }

    /// The rows of all files one after another, in order of time.
    fn merged(&self, surveys: &[Survey]) -> Result<Merged<'_>, BacktestError> {
        let ordered = surveys.iter().map(|survey| survey.is_ordered);
        Merged::new(self.files.iter().zip(ordered), self.policies.bundle.base_currency)
    }

    fn engine(&self, policies: &Arc<PolicySet>) -> Engine {
        let settings = Settings {
            payment_kept: self.payment_kept(),
            late_max: Span::from_days(1),
            entities_max: ENTITIES_MAX,
            retry: RetrySettings::default(),
        };
        Engine::new(Arc::clone(policies), settings, Arc::new(Discard))
    }

    fn payment_kept(&self) -> Span {
        let outcomes = self.files.iter().map(|file| file.map().outcome_delay()).max();
        let has_events = self.files.iter().any(|file| !file.map().is_of_payments());
        let kept = if has_events { PAYMENT_KEPT_FOR_EVENTS } else { PAYMENT_KEPT };
        // One second more than the longest delay: what is due at its very end still comes in time.
        kept.max(outcomes.unwrap_or_default().plus(Span::from_secs(1)))
    }

    fn report(&self, done: Done<'_>) -> Result<Report, BacktestError> {
        let Done { entrance, policies, baseline, tables, changes } = done;
        let counts = entrance.counts;
        if counts.payments == 0 && counts.skipped.bad > 0 {
            return Err(BacktestError::TooManyBadRows {
                bad: counts.skipped.bad,
                read: counts.rows,
                max: 0,
                first: counts.skipped.first,
            });
        }
        tables.finish()?;
        let set = &self.policies;
        let (labelled, fraud) = policies.labels();
        let (by_verdict, payments) = changes.finish();
        let diff = self.baseline.as_ref().zip(baseline).map(|(set, baseline)| Diff {
            policy_version: set.bundle.version.to_string(),
            baseline: baseline.overall(),
            changed: by_verdict.iter().map(|change| change.payments).sum(),
            amount: by_verdict.iter().map(|change| change.amount).sum(),
            by_verdict,
            payments,
        });
        Ok(Report {
            events: counts.events,
            payments: counts.payments,
            labelled,
            fraud,
            seconds: 0.0,
            policy_version: set.bundle.version.to_string(),
            base_currency: set.bundle.base_currency.code().to_owned(),
            absent: absent::absent(set, &counts.present),
            skipped: counts.skipped,
            hashed: counts.hashed,
            without_rate: counts.without_rate,
            overall: policies.overall(),
            rules: policies.rules(set),
            diff,
        })
    }
}

/// What a replay leaves behind, whichever way it went.
struct Done<'a> {
    entrance: Entrance<'a>,
    policies: Books,
    baseline: Option<Books>,
    tables: Tables,
    changes: Changes,
}
