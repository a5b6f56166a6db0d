//! A backtest over files: what is read, in which order it is replayed, and what is told of it.

mod batches;
mod command;
mod data;
mod map;
mod naive;
mod reading;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use vajra::backtest::map::read::read;
use vajra::backtest::problem::BacktestError;
use vajra::backtest::report::{Counts, Report};
use vajra::backtest::source::DataFile;
use vajra::backtest::{Backtest, FIXED_HASH_KEY};
use vajra::policy::bundle::Files;
use vajra::policy::check::check;
use vajra::policy::diagnostic::render_text;
use vajra::policy::set::PolicySet;

use data::{MAP, Payment, START, generate, write_csv, write_json, write_parquet};
use naive::Expected;

const POLICIES: &str = r#"
entity card = payment.card.token;
entity merchant = payment.merchant.id;
feature count_1d = count(attempt) by card over "1d";
feature avg_7d = avg(attempt, payment.amount_base) by card over "7d";
feature declines_7d = count(declined) by card over "7d";
feature late_7d = count(attempt) by merchant over "7d" delayed "7d";
feature frauds_14d = count(fraud) by merchant over "14d";
feature last_card = last(attempt, payment.card.token) by merchant;
rule "busy" when card.count_1d >= 3 then block("R");
rule "large" when payment.amount_base > card.avg_7d * 2 then score(40, "R");
rule "risky" when merchant.frauds_14d >= 8 && payment.amount_base > 50_00 then challenge("R", "3ds");
rule "declined" when card.declines_7d >= 3 then score(50, "R");
rule "watched" mode shadow when merchant.late_7d > 20 then block("R");
rule "points" when score >= 90 then review("R");
rule "asleep" mode off when payment.amount_base > 0 then block("R");
"#;

/// A bundle on the clock of Paris.
fn bundle(rules: &str) -> Arc<PolicySet> {
    let texts = [
        ("bundle.toml", "name = \"t\"\nbase_currency = \"EUR\"\ntime_zone = \"Europe/Paris\"\n"),
        ("reasons.toml", "[R]\nclass = \"FRAUD\"\nmessage = { en = \"Sorry.\" }\n"),
        ("rules.rhai", rules),
    ];
    let files = texts.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    let files = Files(BTreeMap::from(files));
    let checked = check(&files);
    checked.set.unwrap_or_else(|| panic!("{}", render_text(&checked.diagnostics, &files)))
}

fn backtest(files: &[(&Path, &str)], rules: &str) -> Backtest {
    let files = files.iter().map(|(path, map)| {
        let map = read("MAP.toml", map).unwrap_or_else(|problems| panic!("{problems:?}"));
        DataFile::open(path, Arc::new(map)).unwrap()
    });
    Backtest {
        files: files.collect(),
        policies: bundle(rules),
        baseline: None,
        hash_key: FIXED_HASH_KEY,
        bad_rows_max: None,
        decisions: None,
        features: None,
        one_by_one: false,
    }
}

fn run(backtest: &Backtest) -> Result<Report, BacktestError> {
    backtest.run(&backtest.survey()?, |_| {})
}

/// Writes a CSV and backtests it.
fn run_csv(text: &str, map: &str, rules: &str) -> Report {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.csv");
    std::fs::write(&path, text).unwrap();
    run(&backtest(&[(&path, map)], rules)).unwrap()
}

fn hits(report: &Report, rule: &str) -> u64 {
    report.rules.iter().find(|known| known.name == rule).unwrap().scores.counts.hits
}

/// The rows of a JSON Lines file.
fn rows(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn check_counts(counts: &Counts, expected: naive::Counts, what: &str) {
    let found = naive::Counts {
        hits: counts.hits,
        true_positive: counts.true_positive,
        false_positive: counts.false_positive,
        false_negative: counts.false_negative,
        true_negative: counts.true_negative,
        fraud_amount: counts.fraud_amount_caught,
        good_amount: counts.good_amount_stopped,
    };
    assert_eq!(found, expected, "{what}");
    let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let stopped = expected.true_positive + expected.false_positive;
    assert_eq!(counts.precision, ratio(expected.true_positive, stopped), "{what}");
    let fraud = expected.true_positive + expected.false_negative;
    assert_eq!(counts.recall, ratio(expected.true_positive, fraud), "{what}");
}

/// The place of a payment's week: Paris is two hours ahead from 29 March on, one before.
fn week_of(payment: &Payment) -> usize {
    let local = payment.at + if payment.at >= START + 4 * 86_400 + 3_600 { 7_200 } else { 3_600 };
    usize::try_from((local - START) / (7 * 86_400)).unwrap()
}

fn check_report(report: &Report, payments: &[Payment], expected: &[Expected]) {
    assert_eq!(report.events, u64::try_from(payments.len()).unwrap());
    let both = || payments.iter().zip(expected);
    let weeks = payments.iter().map(week_of).max().unwrap() + 1;
    let check_scores = |scores: &vajra::backtest::report::Scores,
                        what: &str,
                        is_hit: &dyn Fn(&Expected) -> bool| {
        let all = both().map(|(payment, expected)| (payment, is_hit(expected)));
        check_counts(&scores.counts, naive::count(all), what);
        assert_eq!(scores.by_week.len(), weeks, "{what}");
        for (place, week) in scores.by_week.iter().enumerate() {
            let own = both().filter(|(payment, _)| week_of(payment) == place);
            let own = own.map(|(payment, expected)| (payment, is_hit(expected)));
            check_counts(&week.counts, naive::count(own), &format!("{what}, week {place}"));
        }
    };
    check_scores(&report.overall, "overall", &|expected| expected.verdict != "allow");
    let names = ["busy", "large", "risky", "declined", "watched", "points", "asleep"];
    assert_eq!(report.rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), names);
    for rule in &report.rules {
        let name = rule.name.as_str();
        check_scores(&rule.scores, name, &|expected| expected.rules.contains(&name));
    }
    let starts: Vec<&str> =
        report.overall.by_week.iter().map(|week| week.start.as_str()).take(2).collect();
    assert_eq!(starts, ["2026-03-25T00:00:00+01:00", "2026-04-01T00:00:00+02:00"]);
    check_counts(&report.overall.by_week[2].counts, naive::Counts::default(), "an empty week");
}

fn check_tables(directory: &Path, payments: &[Payment], expected: &[Expected]) {
    let decisions = rows(&directory.join("decisions.jsonl"));
    let features = rows(&directory.join("features.jsonl"));
    assert_eq!((decisions.len(), features.len()), (payments.len(), payments.len()));
    for (place, (payment, expected)) in payments.iter().zip(expected).enumerate() {
        let wanted = &expected.features;
        let features = &features[place];
        assert_eq!(
            features,
            &serde_json::json!({
                "payment_id": payment.id.to_string(),
                "card.count_1d": wanted.count_1d,
                "card.avg_7d": features["card.avg_7d"],
                "card.declines_7d": wanted.declines_7d,
                "merchant.late_7d": wanted.late_7d,
                "merchant.frauds_14d": wanted.frauds_14d,
                "merchant.last_card": wanted.last_card,
            }),
            "row {place}"
        );
        match (features["card.avg_7d"].as_f64(), wanted.avg_7d) {
            (Some(found), Some(wanted)) => {
                assert!((found - wanted).abs() <= wanted.abs() * 1e-9, "{found} {wanted}");
            }
            (found, wanted) => assert_eq!(found, wanted, "row {place}"),
        }
        assert_eq!(
            decisions[place],
            serde_json::json!({
                "payment_id": payment.id.to_string(),
                "occurred_at": data::time(payment.at),
                "verdict": expected.verdict,
                "review": expected.review,
                "score": expected.score,
                "reasons": if expected.rules.iter().any(|rule| *rule != "watched") { "R" } else { "" },
                "rules": expected.rules.join("|"),
                "label": payment.fraud,
            }),
            "row {place}"
        );
    }
}

#[test]
fn the_numbers_agree_with_a_computation_of_its_own() {
    for seed in 0..3 {
        let directory = TempDir::new().unwrap();
        let payments = generate(seed, 700);
        let path = write_csv(directory.path(), &payments);
        let report = run(&Backtest {
            decisions: Some(directory.path().join("decisions.jsonl")),
            features: Some(directory.path().join("features.jsonl")),
            ..backtest(&[(&path, MAP)], POLICIES)
        })
        .unwrap();
        let expected = naive::decide(&payments);
        check_tables(directory.path(), &payments, &expected);
        check_report(&report, &payments, &expected);
    }
}

#[test]
fn all_formats_give_the_same() {
    let directory = TempDir::new().unwrap();
    let payments = generate(7, 300);
    let files: [(PathBuf, &str); 3] = [
        (write_csv(directory.path(), &payments), "csv"),
        (write_json(directory.path(), &payments), "jsonl"),
        (write_parquet(directory.path(), &payments), "parquet"),
    ];
    let mut results = Vec::new();
    for (path, format) in &files {
        let out = |name: &str| directory.path().join(format!("{name}-of-{format}.csv"));
        let report = run(&Backtest {
            decisions: Some(out("decisions")),
            features: Some(out("features")),
            ..backtest(&[(path, MAP)], POLICIES)
        });
        let read = |name: &str| std::fs::read_to_string(out(name)).unwrap();
        results.push((report.unwrap(), read("decisions"), read("features")));
    }
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
}

#[test]
fn a_table_says_the_same_in_every_format() {
    let directory = TempDir::new().unwrap();
    let payments = generate(8, 200);
    let path = write_csv(directory.path(), &payments);
    // What a backtest writes is a data file like any other: it is read back as one.
    let map = r#"
        [payment]
        id = "payment_id"
        occurred_at = "occurred_at"
        amount = "score"
        attributes.verdict = "verdict"
        attributes.rules = "rules"
        [label]
        fraud = "label"
    "#;
    let rules = r#"
        rule "blocked" when payment.attributes.verdict == "block" then block("R");
        rule "large" when payment.attributes.rules.contains("large") then score(1, "R");
    "#;
    let mut reports = Vec::new();
    for format in ["csv", "jsonl", "parquet"] {
        let out = directory.path().join(format!("decisions.{format}"));
        let first =
            run(&Backtest { decisions: Some(out.clone()), ..backtest(&[(&path, MAP)], POLICIES) })
                .unwrap();
        let second = run(&backtest(&[(&out, map)], rules)).unwrap();
        assert_eq!(second.overall.counts.hits, hits(&first, "busy"));
        assert_eq!(hits(&second, "large"), hits(&first, "large"));
        assert_eq!((second.labelled, second.fraud), (first.labelled, first.fraud));
        reports.push(second);
    }
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
}

#[test]
fn rows_replay_by_time_whatever_their_order_and_their_file() {
    let directory = TempDir::new().unwrap();
    let payments = generate(9, 300);
    let whole = run(&backtest(&[(&write_csv(directory.path(), &payments), MAP)], POLICIES));
    // Payments of one hour keep their order: they stay in one file, and only hours are shuffled.
    let (mut odd, even): (Vec<Payment>, Vec<Payment>) =
        payments.into_iter().partition(|payment| payment.at % 7_200 == 0);
    odd.sort_by_key(|payment| (payment.at / 3_600) % 11);
    let [first, second] = ["a", "b"].map(|name| directory.path().join(name));
    std::fs::create_dir(&first).unwrap();
    std::fs::create_dir(&second).unwrap();
    let (first, second) = (write_csv(&first, &odd), write_json(&second, &even));
    let parts = run(&backtest(&[(&first, MAP), (&second, MAP)], POLICIES));
    assert_eq!(parts.unwrap(), whole.unwrap());
}

#[test]
fn a_baseline_shows_who_changed_verdict_and_how_much_money() {
    let directory = TempDir::new().unwrap();
    let payments = generate(10, 300);
    let path = write_csv(directory.path(), &payments);
    let report = run(&Backtest {
        baseline: Some(bundle(r#"rule "all" when payment.amount_base >= 100_00 then block("R");"#)),
        ..backtest(&[(&path, MAP)], POLICIES)
    })
    .unwrap();
    let diff = report.diff.unwrap();
    let expected = naive::decide(&payments);
    let changed = || {
        payments.iter().zip(&expected).filter_map(|(payment, expected)| {
            let from = if payment.cents >= 100_00 { "block" } else { "allow" };
            (from != expected.verdict).then_some((payment, from, expected.verdict))
        })
    };
    assert_eq!(diff.changed, u64::try_from(changed().count()).unwrap());
    assert_eq!(diff.amount, changed().map(|(payment, _, _)| payment.cents).sum::<i64>());
    let found: Vec<_> = diff
        .payments
        .iter()
        .map(|changed| (changed.payment_id.clone(), changed.from, changed.to, changed.amount))
        .collect();
    let wanted: Vec<_> = changed()
        .map(|(payment, from, to)| (payment.id.to_string(), from, to, payment.cents))
        .collect();
    assert_eq!(found, wanted);
    for change in &diff.by_verdict {
        let own = || changed().filter(|(_, from, to)| (*from, *to) == (change.from, change.to));
        assert_eq!(change.payments, u64::try_from(own().count()).unwrap());
        let fraud = own().filter(|(payment, _, _)| payment.fraud == Some(true));
        assert_eq!(change.fraud_amount, fraud.map(|(payment, _, _)| payment.cents).sum::<i64>());
    }
    let stopped = payments.iter().filter(|payment| payment.cents >= 100_00).count();
    assert_eq!(diff.baseline.counts.hits, u64::try_from(stopped).unwrap());
}

#[test]
fn the_page_for_people_stands_alone() {
    let directory = TempDir::new().unwrap();
    let path = write_csv(directory.path(), &generate(11, 100));
    let report = run(&Backtest {
        baseline: Some(bundle(r#"rule "<all>" when payment.amount_base >= 0 then block("R");"#)),
        ..backtest(&[(&path, MAP)], POLICIES)
    })
    .unwrap();
    let page = vajra::backtest::html::page(&report);
    assert!(page.contains("<svg") && page.contains("prefers-color-scheme: dark"));
    for outside in ["<script", "http://", "https://", "url(", "@import", "src="] {
        assert!(!page.contains(outside), "{outside}");
    }
}
