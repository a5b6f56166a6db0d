//! What came of a simulation, counted and told.

use std::fmt::Write as _;

use super::{End, Strategy};
use crate::model::time::Span;

/// What brought a request about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The payment began.
    First,
    /// The payer did what they were asked for.
    Payer,
    /// The payer's side tried again by itself.
    Retry,
}

/// What came of one strategy.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The strategy.
    pub strategy: Strategy,
    /// Payments that began.
    pub payments: u64,
    /// Paid at the first request, without the payer's doing.
    pub paid_at_once: u64,
    /// Paid after a failure, without the payer's doing.
    pub saved_by_retry: u64,
    /// Paid after the payer did what they were asked for.
    pub saved_by_payer: u64,
    /// Stopped by the policies, or not proved.
    pub refused: u64,
    /// Not paid.
    pub failed: u64,
    /// Neither paid nor given up when nothing more was to come. None is expected.
    pub open: u64,
    /// Payments of which two charges stood at one time.
    pub charged_twice: u64,
    /// Payments that were taken and count as failed.
    pub taken_unserved: u64,
    /// Payments that count as paid and were never taken. None is expected.
    pub served_unpaid: u64,
    /// How often a payer was asked to do something.
    pub asked: u64,
    /// First requests to the provider.
    pub first_requests: u64,
    /// Requests after the first of a payment, without the payer's doing.
    pub retries: u64,
    /// Requests to a channel that was out.
    pub requests_in_outage: u64,
    /// Of these, retries.
    pub retries_in_outage: u64,
    /// Questions for a result.
    pub queries: u64,
    /// Attempts that were closed because their result stayed unknown.
    pub closed: u64,
    /// Attempts that could not be closed, and were looked up in the next day's file.
    pub reconciled: u64,
    /// Attempts whose advice ended without saying what to do. None is expected.
    pub left_without_word: u64,
    /// Reports that were sent twice.
    pub told_twice: u64,
    /// Of these, those that were not answered as before. None is expected.
    pub told_twice_differs: u64,
    /// Cards whose limit was compared with the ledger.
    pub cards: u64,
    /// Of these, those that hold more or less than the ledger.
    pub cards_wrong: u64,
    /// How long it took those that were paid after a failure, in microseconds.
    saved_after: Vec<i64>,
}

// === impl Tally ===

impl Tally {
    pub(super) const fn new(strategy: Strategy) -> Self {
        Self {
            strategy,
            payments: 0,
            paid_at_once: 0,
            saved_by_retry: 0,
            saved_by_payer: 0,
            refused: 0,
            failed: 0,
            open: 0,
            charged_twice: 0,
            taken_unserved: 0,
            served_unpaid: 0,
            asked: 0,
            first_requests: 0,
            retries: 0,
            requests_in_outage: 0,
            retries_in_outage: 0,
            queries: 0,
            closed: 0,
            reconciled: 0,
            left_without_word: 0,
            told_twice: 0,
            told_twice_differs: 0,
            cards: 0,
            cards_wrong: 0,
            saved_after: Vec::new(),
        }
    }

    /// Payments that are paid.
    pub const fn paid(&self) -> u64 {
        self.paid_at_once + self.saved_by_retry + self.saved_by_payer
    }

    pub(super) fn count_sent(&mut self, by: By, is_out: bool) {
        let is_retry = by == By::Retry;
        self.first_requests += u64::from(by == By::First);
        self.retries += u64::from(is_retry);
        self.requests_in_outage += u64::from(is_out);
        self.retries_in_outage += u64::from(is_retry && is_out);
    }

    pub(super) fn count_paid(&mut self, is_first: bool, was_asked: bool, took: Span) {
        if was_asked {
            self.saved_by_payer += 1;
        } else if is_first {
            self.paid_at_once += 1;
        } else {
            self.saved_by_retry += 1;
            self.saved_after.push(took.as_micros());
        }
    }

    pub(super) fn count_end(&mut self, end: Option<End>, is_twice: bool) {
        self.refused += u64::from(end == Some(End::Refused));
        self.failed += u64::from(end == Some(End::Failed));
        self.open += u64::from(end.is_none());
        self.charged_twice += u64::from(is_twice);
    }

    /// How long it took that share of those that were paid after a failure, without the payer's doing.
    pub fn saved_within(&self, share: f64) -> Option<Span> {
        let mut sorted = self.saved_after.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        let place = crate::traffic::chance::share_of_count(last, share);
        sorted.get(place).map(|micros| Span::from_micros(*micros))
    }
}

/// A row of the account: what it says, and how of each strategy.
struct Row {
    name: &'static str,
    value: fn(&Tally) -> String,
}

const fn row(name: &'static str, value: fn(&Tally) -> String) -> Row {
    Row { name, value }
}

const ROWS: [Row; 23] = [
    row("payments", |it| count(it.payments)),
    row("paid", |it| count(it.paid())),
    row("  at the first request", |it| count(it.paid_at_once)),
    row("  saved by asking or trying again", |it| count(it.saved_by_retry)),
    row("    half of them within", |it| within(it, 0.5)),
    row("    95 of 100 within", |it| within(it, 0.95)),
    row("  after the payer acted", |it| count(it.saved_by_payer)),
    row("stopped by the policies", |it| count(it.refused)),
    row("failed", |it| count(it.failed)),
    row("", |_| String::new()),
    row("charged twice", |it| count(it.charged_twice)),
    row("charged, and told it had failed", |it| count(it.taken_unserved)),
    row("cards compared with the ledger", |it| count(it.cards)),
    row("  whose limits hold something else", |it| count(it.cards_wrong)),
    row("", |_| String::new()),
    row("times a payer was asked", |it| count(it.asked)),
    row("retries", |it| count(it.retries)),
    row("  beside first requests", |it| percent(it.retries, it.first_requests)),
    row("requests to channels that were out", |it| count(it.requests_in_outage)),
    row("  retries among them", |it| count(it.retries_in_outage)),
    row("results asked for", |it| count(it.queries)),
    row("results closed unknown", |it| count(it.closed)),
    row("results looked up in the next file", |it| count(it.reconciled)),
];

/// The tallies beside each other, for a reader.
///
/// # Errors
/// None but those of writing.
pub fn render(tallies: &[Tally]) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    write!(out, "{:44}", "")?;
    for tally in tallies {
        write!(out, " {:>16}", tally.strategy.name())?;
    }
    for Row { name, value } in ROWS {
        write!(out, "\n{name:44}")?;
        for tally in tallies {
            write!(out, " {:>16}", value(tally))?;
        }
        out.truncate(out.trim_end().len());
    }
    out.push('\n');
    Ok(out)
}

/// A count with thousands set apart.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn percent(part: u64, whole: u64) -> String {
    let per_mille = (part * 1_000).checked_div(whole);
    per_mille.map_or_else(
        || "-".to_owned(),
        |it| format!("{}.{} %", it.div_euclid(10), it.rem_euclid(10)),
    )
}

fn within(tally: &Tally, share: f64) -> String {
    let Some(span) = tally.saved_within(share) else { return "-".to_owned() };
    let millis = span.as_micros().div_euclid(1_000);
    match millis {
        ..10_000 => {
            format!("{}.{} s", millis.div_euclid(1_000), millis.rem_euclid(1_000).div_euclid(100))
        }
        10_000..600_000 => format!("{} s", millis.div_euclid(1_000)),
        600_000..36_000_000 => format!("{} min", millis.div_euclid(60_000)),
        _ => format!("{} h", millis.div_euclid(3_600_000)),
    }
}
