//! A backtest on the terminal: what was not tested comes first.
#![expect(clippy::print_stdout, reason = "the report is what the command is for")]

use crate::backtest::html::{grouped, percent};
use crate::backtest::problem::{BacktestError, BadRow};
use crate::backtest::report::{Counts, Diff, Report};

/// Bad rows that are shown; the report has more.
const BAD_ROWS_SHOWN: usize = 10;

/// Prints a report.
pub(super) fn report(report: &Report) {
    absent(report);
    skipped(report);
    println!(
        "{} payments, {} labelled, {} of them fraud; amounts in minor units of {}\n",
        grouped(report.payments),
        grouped(report.labelled),
        grouped(report.fraud),
        report.base_currency,
    );
    table(report);
    if let Some(diff) = &report.diff {
        difference(diff);
    }
    println!("\n{:.1} s, policies {}", report.seconds, report.policy_version);
}

/// Says why a run was stopped.
pub(super) fn too_many_bad_rows(error: &BacktestError) {
    if let BacktestError::TooManyBadRows { first, .. } = error {
        bad_rows(first);
    }
    println!("error[bad-rows]: {error}");
}

fn absent(report: &Report) {
    if report.absent.is_empty() {
        return;
    }
    println!("Never in the data, so what reads it was not tested:");
    for absent in &report.absent {
        let rules = if absent.rules.is_empty() {
            "no rule reads it".to_owned()
        } else {
            format!("read by {}", absent.rules.join(", "))
        };
        println!("  {} {}: {rules}", absent.kind, absent.name);
    }
    println!();
}

fn skipped(report: &Report) {
    let skipped = &report.skipped;
    bad_rows(&skipped.first);
    if skipped.bad > 0 {
        println!("{} rows could not be read and were left out", grouped(skipped.bad));
    }
    if skipped.duplicates > 0 {
        println!("{} rows repeat an attempt and were left out", grouped(skipped.duplicates));
    }
    if report.hashed > 0 {
        println!("{} values were card numbers and were hashed", grouped(report.hashed));
    }
    if report.without_rate > 0 {
        let payments = grouped(report.without_rate);
        println!("{payments} payments have no rate to the base currency: their amount counts as 0");
    }
}

fn bad_rows(rows: &[BadRow]) {
    for row in rows.iter().take(BAD_ROWS_SHOWN) {
        println!("  {row}");
    }
}

fn table(report: &Report) {
    let widest = report.rules.iter().map(|rule| rule.name.chars().count()).max();
    let width = widest.unwrap_or_default().max("verdict".len()) + 9;
    println!(
        "{:width$} {:>9} {:>8} {:>9} {:>9} {:>8} {:>14} {:>14}",
        "rule", "hits", "fraud", "good", "precision", "recall", "fraud caught", "good stopped"
    );
    for rule in &report.rules {
        let name = match rule.mode {
            "active" => rule.name.clone(),
            mode => format!("{} ({mode})", rule.name),
        };
        line(&name, width, &rule.scores.counts);
    }
    line("verdict", width, &report.overall.counts);
}

fn line(name: &str, width: usize, counts: &Counts) {
    println!(
        "{name:width$} {:>9} {:>8} {:>9} {:>9} {:>8} {:>14} {:>14}",
        grouped(counts.hits),
        grouped(counts.true_positive),
        grouped(counts.false_positive),
        percent(counts.precision),
        percent(counts.recall),
        counts.fraud_amount_caught,
        counts.good_amount_stopped,
    );
}

fn difference(diff: &Diff) {
    let (payments, amount) = (grouped(diff.changed), diff.amount);
    println!("\nAgainst the baseline {payments} payments changed verdict, {amount} in all:");
    for change in &diff.by_verdict {
        println!(
            "  {} to {}: {} payments, {}; fraud {}, {}; good {}, {}",
            change.from,
            change.to,
            grouped(change.payments),
            change.amount,
            grouped(change.fraud),
            change.fraud_amount,
            grouped(change.good),
            change.good_amount,
        );
    }
}
