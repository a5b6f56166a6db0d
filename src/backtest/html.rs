//! The report as one page for people: no script, nothing from elsewhere, light or dark as they like it.

mod chart;

use std::fmt::Write as _;

use super::report::{Counts, Diff, Report, RuleScores};
use crate::model::currency::Currency;

const STYLE: &str = include_str!("html/page.css");

/// Payments of a diff that the page names; the JSON report has more.
const CHANGED_SHOWN: usize = 50;

/// Amounts of one currency as people write them.
struct Money<'a> {
    code: &'a str,
    exponent: usize,
}

/// The whole page.
pub fn page(report: &Report) -> String {
    let money = Money::new(&report.base_currency);
    let mut page = String::with_capacity(1 << 16);
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Backtest</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Backtest</h1>\n<p class=\"quiet\">Policies <code>{}</code>, {} payments in {:.1} s</p>\n",
        escaped(&report.policy_version),
        grouped(report.payments),
        report.seconds,
    );
    absent(&mut page, report);
    tiles(&mut page, report, &money);
    let _ = write!(
        page,
        "<h2>By week</h2>\n{}<p class=\"legend\"><i class=\"caught\"></i> fraud stopped \
         <i class=\"missed\"></i> fraud let through <i class=\"good\"></i> good payments stopped</p>\n",
        chart::weeks(&report.overall.by_week),
    );
    rules(&mut page, report, &money);
    if let Some(diff) = &report.diff {
        difference(&mut page, diff, &money);
    }
    skipped(&mut page, report);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn absent(page: &mut String, report: &Report) {
    if report.absent.is_empty() {
        return;
    }
    page.push_str(
        "<section class=\"warning\">\n<h2>Never in the data</h2>\n\
         <p>The bundle reads these, and no row had them: what they decide was not tested.</p>\n<ul>\n",
    );
    for absent in &report.absent {
        let rules = if absent.rules.is_empty() {
            "read by no rule".to_owned()
        } else {
            format!("read by {}", escaped(&absent.rules.join(", ")))
        };
        let name = escaped(&absent.name);
        let _ = writeln!(page, "<li>{} <code>{name}</code>: {rules}</li>", absent.kind);
    }
    page.push_str("</ul>\n</section>\n");
}

fn tiles(page: &mut String, report: &Report, money: &Money<'_>) {
    let counts = &report.overall.counts;
    page.push_str("<div class=\"tiles\">\n");
    let tiles = [
        ("stopped", grouped(counts.hits), share(counts.hits, report.payments)),
        (
            "fraud among the labelled",
            grouped(report.fraud),
            format!("of {} labelled", grouped(report.labelled)),
        ),
        ("precision", percent(counts.precision), "of what was stopped is fraud".to_owned()),
        ("recall", percent(counts.recall), "of the fraud was stopped".to_owned()),
        ("fraud stopped", money.text(counts.fraud_amount_caught), money.code.to_owned()),
        ("good stopped", money.text(counts.good_amount_stopped), money.code.to_owned()),
    ];
    for (name, value, note) in tiles {
        let _ = writeln!(
            page,
            "<div class=\"tile\"><span>{name}</span><b>{value}</b><small>{note}</small></div>"
        );
    }
    page.push_str("</div>\n");
}

fn rules(page: &mut String, report: &Report, money: &Money<'_>) {
    page.push_str(
        "<h2>Rules</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>rule</th><th>hits</th>\
         <th>fraud</th><th>good</th><th>precision</th><th>recall</th><th>fraud caught</th>\
         <th>good stopped</th><th>by week</th></tr></thead>\n<tbody>\n",
    );
    for rule in &report.rules {
        let RuleScores { name, mode, scores } = rule;
        let mark = if *mode == "active" { String::new() } else { format!(" <em>{mode}</em>") };
        let _ = write!(page, "<tr><th scope=\"row\">{}{mark}</th>", escaped(name));
        cells(page, &scores.counts, money);
        let hits: Vec<u64> = scores.by_week.iter().map(|week| week.counts.hits).collect();
        let _ = writeln!(page, "<td>{}</td></tr>", chart::spark(&hits));
    }
    page.push_str("<tr class=\"sum\"><th scope=\"row\">verdict</th>");
    cells(page, &report.overall.counts, money);
    page.push_str("<td></td></tr>\n</tbody>\n</table></div>\n");
}

fn cells(page: &mut String, counts: &Counts, money: &Money<'_>) {
    let _ = write!(
        page,
        "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>",
        grouped(counts.hits),
        grouped(counts.true_positive),
        grouped(counts.false_positive),
        percent(counts.precision),
        percent(counts.recall),
        money.text(counts.fraud_amount_caught),
        money.text(counts.good_amount_stopped),
    );
}

fn difference(page: &mut String, diff: &Diff, money: &Money<'_>) {
    let baseline = &diff.baseline.counts;
    let _ = write!(
        page,
        "<h2>Against the baseline</h2>\n<p>{} payments changed verdict, {} {} in all. The baseline \
         <code>{}</code> had a precision of {} and a recall of {}.</p>\n<div class=\"wide\"><table>\n\
         <thead><tr><th>from</th><th>to</th><th>payments</th><th>amount</th><th>fraud</th>\
         <th>amount</th><th>good</th><th>amount</th></tr></thead>\n<tbody>\n",
        grouped(diff.changed),
        money.text(diff.amount),
        money.code,
        escaped(&diff.policy_version),
        percent(baseline.precision),
        percent(baseline.recall),
    );
    for change in &diff.by_verdict {
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td><td>{}</td></tr>",
            change.from,
            change.to,
            grouped(change.payments),
            money.text(change.amount),
            grouped(change.fraud),
            money.text(change.fraud_amount),
            grouped(change.good),
            money.text(change.good_amount),
        );
    }
    page.push_str(
        "</tbody>\n</table></div>\n<details><summary>The largest of them</summary>\n\
         <div class=\"wide\"><table>\n<thead><tr><th>payment</th><th>when</th><th>from</th><th>to</th>\
         <th>amount</th><th>label</th></tr></thead>\n<tbody>\n",
    );
    let mut largest: Vec<_> = diff.payments.iter().collect();
    largest.sort_by_key(|payment| std::cmp::Reverse(payment.amount));
    for payment in largest.into_iter().take(CHANGED_SHOWN) {
        let label = match payment.label {
            Some(true) => "fraud",
            Some(false) => "good",
            None => "",
        };
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{label}</td></tr>",
            escaped(&payment.payment_id),
            payment.occurred_at,
            payment.from,
            payment.to,
            money.text(payment.amount),
        );
    }
    page.push_str("</tbody>\n</table></div></details>\n");
}

fn skipped(page: &mut String, report: &Report) {
    let skipped = &report.skipped;
    let _ = writeln!(
        page,
        "<h2>What was left out</h2>\n<p>{} rows could not be read, {} repeated an attempt; {} values \
         were card numbers and were hashed; {} payments had no rate and count with an amount of 0.</p>",
        grouped(skipped.bad),
        grouped(skipped.duplicates),
        grouped(report.hashed),
        grouped(report.without_rate),
    );
    if skipped.first.is_empty() {
        return;
    }
    page.push_str("<ul>\n");
    for row in &skipped.first {
        let _ = writeln!(page, "<li>{}</li>", escaped(&row.to_string()));
    }
    page.push_str("</ul>\n");
}

// === impl Money ===

impl<'a> Money<'a> {
    fn new(code: &'a str) -> Self {
        let exponent = Currency::from_code(code).map_or(0, Currency::exponent);
        Self { code, exponent: usize::from(exponent) }
    }

    /// Minor units as major ones, grouped by thousands.
    fn text(&self, minor: i64) -> String {
        let digits = format!("{:0width$}", minor.unsigned_abs(), width = self.exponent + 1);
        let (whole, cents) =
            digits.split_at_checked(digits.len() - self.exponent).unwrap_or_default();
        let sign = if minor < 0 { "-" } else { "" };
        let whole = grouped(whole.parse().unwrap_or_default());
        if cents.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{cents}") }
    }
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len().div_ceil(3));
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share in percent; a dash where there is none.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn share(part: u64, whole: u64) -> String {
    format!("{} of all", percent((whole != 0).then(|| part as f64 / whole as f64)))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
