//! In batches, and one by one through the engine, the same comes out: reports, decisions and features,
//! byte for byte.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, StringArray};
use proptest::prelude::*;
use tempfile::TempDir;
use vajra::backtest::Backtest;

use super::data::{time, write_batch};
use super::{backtest, bundle, run};

const MAP: &str = r#"
[payment]
id = "tx"
attempt = "attempt"
occurred_at = "ts"
amount = { column = "amount", unit = "minor", currency_column = "currency" }
card.token = "card"
card.brand = "brand"
account.id = "account"
account.email = "email"
merchant.id = "merchant"
channel = "channel"
off_session = "absent"
attributes.size = { column = "size", type = "int" }
attributes.weight = { column = "weight", type = "float" }
[label]
fraud = "fraud"
delay = "3d"
[outcome]
status = "status"
code = "code"
channel = "went"
amount = { column = "taken", unit = "minor" }
final = "final"
latency_ms = "latency"
delay = "40m"
[outcome.words]
gone = "FAILED_SENT"
"#;

const FEATURES: &str = r#"
entity card = payment.card.token;
entity merchant = payment.merchant.id;
entity pair = [payment.card.token, payment.merchant.id];
entity charge = [payment.account.id, payment.amount_base];
entity channel = payment.channel;
entity sized = payment.attributes.size;

feature n_1d = count(attempt) by card over "1d";
feature n_3d = count(attempt) by card over "3d" inclusive;
feature n_all = count(attempt) by card;
feature avg_2d = avg(attempt, payment.amount_base) by card over "2d";
feature sum_2d = sum(attempt, payment.amount_base) by card over "2d" inclusive;
feature sum_late = sum(attempt, payment.amount_base) by card over "2d" delayed "1d";
feature spread = stddev(attempt, payment.amount_base) by card over "5d";
feature least = min(attempt, payment.amount_base) by card over "5d" inclusive;
feature most = max(attempt, payment.amount_base) by card over "5d";
feature merchants = distinct(attempt, payment.merchant.id) by card over "4d" inclusive;
feature first = since_first(attempt) by card;
feature latest = since_last(attempt) by card over "2d";
feature email = last(attempt, payment.account.email) by card;
feature weights = sum(attempt, payment.attributes.weight) by card over "3d";
feature frauds = count(fraud) by card over "10d";
feature declines = count(declined) by card over "2d" where outcome.is_evidence;
feature slow = avg(authorized, outcome.latency_ms) by card over "2d";

feature frauds = count(fraud) by merchant over "10d" where payment.amount_base > 500;
feature old_frauds = count(fraud) by merchant over "10d" where age(payment.occurred_at) > 3600;
feature captured = sum(captured, outcome.amount_base) by merchant over "9d";
feature refunds = count(refunded) by merchant over "9d" delayed "1d";
feature n_late = count(attempt) by merchant over "1d" delayed "2d";
feature domains = distinct(attempt, payment.account.email_domain) by merchant over "3d";

feature n = count(attempt) by pair over "3d" inclusive;
feature known = since_first(authorized) by pair;
feature again = count(authorized) by charge over "3d";
feature unknown = count(unknown) by channel over "1d";
feature attempts = count(attempt) by channel over "1d";
feature n = count(attempt) by sized over "1d";
feature unread = count(attempt) by sized over "2d";
"#;

const RULES: &str = r#"
let is_usual = payment.amount_base < 3 * card.avg_2d;
rule "busy" when card.n_1d >= 3 && !is_usual then block("R");
rule "again" when charge.again >= 1 || pair.n > 2 then challenge("R", "3ds");
rule "risky" when merchant.frauds + merchant.old_frauds >= 2 then score(40, "R");
rule "down" when channel.unknown * 2 > channel.attempts then review("R");
rule "sized" when sized.n > 4 && payment.attributes.size > 1 then score(30, "R");
rule "late" mode shadow when merchant.n_late > 1 || card.sum_late > 900 then block("R");
rule "trusted" when card.first > 86400 && card.declines == 0 && merchant.domains < 3 then allow("R");
rule "errs" on_error block when payment.attributes.size * 9_000_000_000_000_000_000 > 0 then block("R");
rule "points" always when score >= 60 then block("R");
"#;

const LIMITS: &str = r#"
limit "card day" on_error challenge = sum(payment.amount_base) by card over "1d" max 2_000 then block("R");
limit "merchant" = count() by merchant per "day" max 6 then review("R");
limit "account" mode shadow = sum(payment.amount_base) by account_of per "week" max 3_000 returns refunded
  then block("R");
entity account_of = payment.account.id;
"#;

const STATUSES: [&str; 11] = [
    "AUTHORIZED",
    "CAPTURED",
    "DECLINED",
    "FAILED",
    "TIMED_OUT",
    "PENDING",
    "CANCELED",
    "EXPIRED",
    "REFUNDED",
    "gone",
    "nonsense",
];

/// Rows of a file, more or less in order, some of them bad or repeated.
fn rows(ordered: bool) -> impl Strategy<Value = String> {
    let ids = (0..40_u32, 1..4_u32, 0..12_i64, 0..30_i64);
    let texts = (0..4_u8, 0..3_u8, 0..4_u8, 0..4_u8);
    let rest = (0..60_u16, any::<u16>(), 0..6_u8);
    prop::collection::vec((ids, texts, rest), 1..150).prop_map(move |rows| {
        let mut csv = "tx,attempt,ts,amount,currency,card,brand,account,email,merchant,channel,absent,\
            size,weight,fraud,status,code,went,taken,final,latency\n"
            .to_owned();
        let mut at = 1_774_396_800_i64;
        for (place, ((id, attempt, wait, amount), (card, merchant, text, code), rest)) in
            rows.into_iter().enumerate()
        {
            let (status, bits, extra) = rest;
            let bit = |place: u32| bits >> place & 1 == 1;
            at += if wait < 3 { 0 } else { wait * wait * 600 };
            let shown = if ordered || !bit(15) { at } else { at - 50_000 };
            let id = if extra == 0 { id.to_string() } else { format!("p{place}") };
            let attempt = if extra == 0 { attempt.to_string() } else { String::new() };
            let card = ["", "c1", "c2", "4111 1111 1111 1111"][usize::from(card)];
            let currency = ["EUR", "EUR", "USD", "JPY"][usize::from(code)];
            let email = ["", "a@X.example", "b@y.example", "nobody"][usize::from(text)];
            let status = STATUSES.get(usize::from(status % 16)).unwrap_or(&"");
            let size = if bits % 97 == 0 { "many".to_owned() } else { (bits % 5).to_string() };
            let weight = f64::from(bits % 11) / 7.0;
            let taken = if bit(4) { (amount * 50).to_string() } else { String::new() };
            writeln!(
                csv,
                "{id},{attempt},{},{},{currency},{card},{},a{},{email},m{merchant},{},{},{size},{weight},{},\
                 {status},{},{},{taken},{},{}",
                time(shown),
                amount * 100,
                if bit(0) { "visa" } else { "" },
                bits % 3,
                if bit(1) { "ch1" } else { "" },
                if bit(2) { "true" } else { "" },
                if bit(3) { "1" } else if bit(5) { "0" } else { "" },
                ["", "51", "05", "no such"][usize::from(code)],
                if bit(6) { "ch2" } else { "" },
                if bit(7) { "false" } else { "" },
                if bit(8) { "120" } else { "" },
            )
            .unwrap();
        }
        csv
    })
}

/// All that a backtest leaves behind.
fn left(directory: &Path, of: Backtest, one_by_one: bool) -> (String, Vec<String>) {
    let out = |name: &str| directory.join(format!("{name}-{one_by_one}.csv"));
    let report = run(&Backtest {
        decisions: Some(out("decisions")),
        features: Some(out("features")),
        bad_rows_max: Some(1_000),
        one_by_one,
        ..of
    });
    let tables = ["decisions", "features"];
    let tables = tables.map(|name| std::fs::read_to_string(out(name)).unwrap_or_default());
    (format!("{report:#?}"), tables.to_vec())
}

/// The same rows in Parquet: most columns as texts, some of them with codes, others as numbers.
fn write_parquet(path: &Path, csv: &str) {
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<&str>>());
    let names = lines.next().unwrap();
    let rows: Vec<Vec<&str>> = lines.collect();
    let columns = names.iter().enumerate().map(|(place, name)| {
        let cells = rows.iter().map(|row| Some(row[place]).filter(|cell| !cell.is_empty()));
        let column: ArrayRef = match *name {
            "taken" => Arc::new(cells.map(|it| it?.parse().ok()).collect::<Int64Array>()),
            "weight" => Arc::new(cells.map(|it| it?.parse().ok()).collect::<Float64Array>()),
            "email" => Arc::new(cells.collect::<DictionaryArray<Int32Type>>()),
            _ => Arc::new(cells.collect::<StringArray>()),
        };
        (*name, column)
    });
    write_batch(path, columns.collect());
}

fn check(csv: &str, rules: &str, baseline: Option<&str>) -> Result<(), TestCaseError> {
    let directory = TempDir::new().unwrap();
    let [path, parquet] = ["data.csv", "data.parquet"].map(|name| directory.path().join(name));
    std::fs::write(&path, csv).unwrap();
    write_parquet(&parquet, csv);
    for path in [path, parquet] {
        let of = || Backtest { baseline: baseline.map(bundle), ..backtest(&[(&path, MAP)], rules) };
        let batches = left(directory.path(), of(), false);
        let one_by_one = left(directory.path(), of(), true);
        prop_assert_eq!(batches.1, one_by_one.1);
        prop_assert_eq!(batches.0, one_by_one.0);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn batches_give_what_the_engine_gives(csv in rows(true)) {
        check(&csv, &[FEATURES, RULES].concat(), None)?;
    }

    #[test]
    fn so_they_do_with_limits_and_a_baseline(csv in rows(true)) {
        let limits = [FEATURES, RULES, LIMITS].concat();
        check(&csv, &limits, Some(&[FEATURES, RULES].concat()))?;
    }

    #[test]
    fn so_they_do_where_the_rows_are_out_of_order(csv in rows(false)) {
        check(&csv, &[FEATURES, RULES, LIMITS].concat(), None)?;
    }
}
