//! Counts how rules and verdicts agree with labels, by week.
//!
//! Only what fired is counted as it happens; what did not fire follows from the labels.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};

use super::report::{Counts, Scores, Week};
use crate::model::time::Timestamp;

/// One payment, as far as it is counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// When it was decided.
    pub at: Timestamp,
    /// Whether it was fraud, as far as known.
    pub label: Option<bool>,
    /// Its amount in minor units of the base currency; 0 when it is unknown.
    pub amount_base: i64,
    /// Whether the verdict was challenge or block.
    pub is_stopped: bool,
    /// The places of the rules whose condition was true.
    pub fired: &'a [usize],
}

/// The counts of a whole backtest.
#[derive(Clone, Debug)]
pub struct Tally {
    zone: TimeZone,
    /// Each rule has a line, after the one of the verdict.
    lines: usize,
    blocks: Vec<Block>,
}

/// Seven days.
#[derive(Clone, Debug)]
struct Block {
    day: Date,
    start: Zoned,
    end: Timestamp,
    fraud: u64,
    good: u64,
    lines: Vec<Line>,
}

/// What one rule, or the verdict, stopped.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    hits: u64,
    fraud: u64,
    good: u64,
    fraud_amount: i64,
    good_amount: i64,
}

// === impl Tally ===

impl Tally {
    /// Nothing counted, for so many rules; weeks begin at midnight of that zone.
    pub const fn new(rules: usize, zone: TimeZone) -> Self {
        Self { zone, lines: rules + 1, blocks: Vec::new() }
    }

    /// Counts a payment. They come in order of time.
    pub fn count(&mut self, counted: &Counted<'_>) {
        self.advance(counted.at);
        let Some(block) = self.blocks.last_mut() else { return };
        match counted.label {
            Some(true) => block.fraud += 1,
            Some(false) => block.good += 1,
            None => {}
        }
        let verdict = counted.is_stopped.then_some(0);
        for line in verdict.into_iter().chain(counted.fired.iter().map(|rule| rule + 1)) {
            if let Some(line) = block.lines.get_mut(line) {
                line.count(counted.label, counted.amount_base);
            }
        }
    }

    /// Payments that are labelled, and those that are fraud.
    pub fn labels(&self) -> (u64, u64) {
        let fraud = self.blocks.iter().map(|block| block.fraud).sum();
        let good: u64 = self.blocks.iter().map(|block| block.good).sum();
        (fraud + good, fraud)
    }

    /// The scores of the verdict.
    pub fn overall(&self) -> Scores {
        self.scores(0)
    }

    /// The scores of a rule by its place.
    pub fn rule(&self, rule: usize) -> Scores {
        self.scores(rule + 1)
    }

    /// Opens blocks until one holds `at`, empty ones between.
    fn advance(&mut self, at: Timestamp) {
        while self.blocks.last().is_none_or(|block| block.end <= at) {
            let day = match self.blocks.last() {
                Some(block) => block.day.saturating_add(7.days()),
                None => at.to_jiff().to_zoned(self.zone.clone()).date(),
            };
            let Some(block) = Block::new(day, &self.zone, self.lines) else { return };
            self.blocks.push(block);
        }
    }

    fn scores(&self, line: usize) -> Scores {
        let mut total = Line::default();
        let (mut fraud, mut good) = (0, 0);
        let mut by_week = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let Some(counts) = block.lines.get(line) else { continue };
            fraud += block.fraud;
            good += block.good;
            total.add(*counts);
            let start = start_text(&block.start);
            by_week.push(Week { start, counts: counts.counts(block.fraud, block.good) });
        }
        Scores { counts: total.counts(fraud, good), by_week }
    }
}

// === impl Block ===

impl Block {
    /// `None` beyond the end of the calendar.
    fn new(day: Date, zone: &TimeZone, lines: usize) -> Option<Self> {
        let start = day.to_zoned(zone.clone()).ok()?;
        let end = day.checked_add(7.days()).ok()?.to_zoned(zone.clone()).ok()?;
        let end = Timestamp::from_micros(end.timestamp().as_microsecond());
        Some(Self { day, start, end, fraud: 0, good: 0, lines: vec![Line::default(); lines] })
    }
}

// === impl Line ===

impl Line {
    const fn count(&mut self, label: Option<bool>, amount: i64) {
        self.hits += 1;
        match label {
            Some(true) => {
                self.fraud += 1;
                self.fraud_amount = self.fraud_amount.saturating_add(amount);
            }
            Some(false) => {
                self.good += 1;
                self.good_amount = self.good_amount.saturating_add(amount);
            }
            None => {}
        }
    }

    const fn add(&mut self, other: Self) {
        let Self { hits, fraud, good, fraud_amount, good_amount } = other;
        self.hits += hits;
        self.fraud += fraud;
        self.good += good;
        self.fraud_amount = self.fraud_amount.saturating_add(fraud_amount);
        self.good_amount = self.good_amount.saturating_add(good_amount);
    }

    /// The four counts, where so many payments were fraud and so many good.
    fn counts(self, fraud: u64, good: u64) -> Counts {
        Counts {
            hits: self.hits,
            true_positive: self.fraud,
            false_positive: self.good,
            false_negative: fraud - self.fraud,
            true_negative: good - self.good,
            precision: ratio(self.fraud, self.fraud + self.good),
            recall: ratio(self.fraud, fraud),
            fraud_amount_caught: self.fraud_amount,
            good_amount_stopped: self.good_amount,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share for people; counts are far below 2^53")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole != 0).then(|| part as f64 / whole as f64)
}

/// RFC 3339 on the clock of the bundle, so that the day can be read off.
fn start_text(start: &Zoned) -> String {
    if start.offset().is_zero() {
        start.timestamp().to_string()
    } else {
        start.timestamp().display_with_offset(start.offset()).to_string()
    }
}
