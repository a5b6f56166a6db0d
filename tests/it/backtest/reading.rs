//! How cells become values, what makes a row a bad one, and when what is said of a payment happens.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Decimal128Array, DictionaryArray, Int32Array, TimestampNanosecondArray, UInt64Array,
};
use tempfile::TempDir;
use vajra::backtest::Backtest;
use vajra::backtest::problem::BacktestError;

use super::data::write_batch;
use super::{backtest, hits, rows, run, run_csv};

const PLAIN: &str = "[payment]\nid = 'id'\noccurred_at = 'ts'\namount = 'amount'\n";

/// Whether a payment with these cells meets a condition.
fn holds(cells: &str, map: &str, condition: &str) -> bool {
    let header = "id,ts,amount,a,b";
    let text = format!("{header}\n1,{cells}\n");
    let report = run_csv(&text, map, &format!("rule \"r\" when {condition} then block(\"R\");"));
    assert_eq!((report.events, report.skipped.bad), (1, 0), "{:?}", report.skipped);
    hits(&report, "r") == 1
}

/// What is wrong with the only row.
fn problem(cells: &str, map: &str) -> String {
    let text = format!("id,ts,amount,a,b\n0,2026-01-01T00:00:00Z,1,,\n1,{cells}\n");
    let report = run_csv(&text, map, "rule \"r\" when payment.amount > 0 then block(\"R\");");
    assert_eq!((report.events, report.skipped.bad), (1, 1));
    assert_eq!(report.skipped.first[0].line, 3);
    report.skipped.first[0].problem.clone()
}

#[test]
fn a_major_amount_is_rounded_half_to_even_to_the_minor_unit() {
    let map = |currency: &str| {
        let amount = format!("{{ column = 'amount', unit = 'major', currency = '{currency}' }}");
        PLAIN.replace("'amount'", &amount)
    };
    let cases = [
        ("EUR", "12.34", 1_234),
        ("EUR", "0.125", 12),
        ("EUR", "0.135", 14),
        ("EUR", "1.005", 100),
        ("EUR", "1.0051", 101),
        ("EUR", "7", 700),
        ("EUR", "1e3", 100_000),
        ("EUR", "0", 0),
        ("EUR", ".5", 50),
        ("EUR", "90071992547409.93", 9_007_199_254_740_993_i64),
        ("JPY", "12.5", 12),
        ("JPY", "13.5", 14),
        ("KWD", "1.2345", 1_234),
    ];
    for (currency, cell, minor) in cases {
        let cells = format!("2026-01-01T00:00:00Z,{cell},,");
        let condition = format!("payment.amount == {minor}");
        assert!(holds(&cells, &map(currency), &condition), "{cell} {currency} is not {minor}");
    }
}

#[test]
fn a_minor_amount_must_be_whole() {
    assert!(holds("2026-01-01T00:00:00Z,12.0,,", PLAIN, "payment.amount == 12"));
    let found = problem("2026-01-01T00:00:00Z,12.5,,", PLAIN);
    assert_eq!(found, "column `amount`: `12.5` is not a whole number of minor units");
}

#[test]
fn a_time_without_a_zone_is_on_the_clock_of_the_map() {
    let map = PLAIN.replace("'ts'", "{ column = 'ts', zone = 'America/New_York' }");
    let cases = [
        ("2026-01-01T00:00:00", "2026-01-01T05:00:00Z"),
        ("2026-07-01 00:00:00", "2026-07-01T04:00:00Z"),
        ("2026-01-01", "2026-01-01T05:00:00Z"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.25+02:00", "2025-12-31T22:00:00.25Z"),
        ("1767225600", "2026-01-01T00:00:00Z"),
        ("1767225600000", "2026-01-01T00:00:00Z"),
        // The clock shows it twice, and never.
        ("2026-11-01T01:30:00", "2026-11-01T05:30:00Z"),
        ("2026-03-08T02:30:00", "2026-03-08T07:30:00Z"),
    ];
    for (cell, at) in cases {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("data.csv");
        std::fs::write(&path, format!("id,ts,amount\n1,{cell},5\n")).unwrap();
        let out = directory.path().join("decisions.jsonl");
        let rule = "rule \"r\" when payment.amount > 0 then block(\"R\");";
        let backtest =
            Backtest { decisions: Some(out.clone()), ..backtest(&[(&path, &map)], rule) };
        run(&backtest).unwrap();
        assert_eq!(rows(&out)[0]["occurred_at"], at, "{cell}");
    }
}

#[test]
fn attributes_have_the_type_of_the_map_or_of_the_file() {
    let typed = |kind: &str| format!("{PLAIN}attributes.a = {{ column = 'a', type = '{kind}' }}\n");
    let at = "2026-01-01T00:00:00Z,5";
    assert!(holds(&format!("{at},7,"), &typed("int"), "payment.attributes.a == 7"));
    assert!(holds(&format!("{at},0.5,"), &typed("float"), "payment.attributes.a == 0.5"));
    assert!(holds(&format!("{at},True,"), &typed("bool"), "payment.attributes.a"));
    assert!(holds(&format!("{at},7,"), &typed("string"), "payment.attributes.a == \"7\""));
    let own = format!("{PLAIN}attributes.a = 'a'\n");
    assert!(holds(&format!("{at},7,"), &own, "payment.attributes.a == \"7\""));
    assert!(holds(&format!("{at},,"), &own, "is_missing(payment.attributes.a)"));
    let found = problem(&format!("{at},x,"), &typed("int"));
    assert_eq!(found, "column `a`: `x` is not a whole number");
}

#[test]
fn an_array_in_csv_is_separated_by_bars() {
    let map = format!("{PLAIN}authenticated = 'a'\n");
    let condition = "\"3ds\" in payment.authenticated && \"otp\" in payment.authenticated";
    assert!(holds("2026-01-01T00:00:00Z,5,3ds|otp,", &map, condition));
}

#[test]
fn parquet_columns_of_all_kinds_are_read() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.parquet");
    let card: DictionaryArray<Int32Type> = vec![Some("c1"), None].into_iter().collect();
    let nanos = TimestampNanosecondArray::from(vec![1_767_225_600_000_000_000; 2]);
    let amount = Decimal128Array::from(vec![12_345, 1]).with_precision_and_scale(10, 3).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(UInt64Array::from(vec![u64::MAX, 2]))),
        ("ts", Arc::new(nanos)),
        ("amount", Arc::new(amount)),
        ("card", Arc::new(card)),
        ("n", Arc::new(Int32Array::from(vec![Some(3), None]))),
    ];
    write_batch(&path, columns);
    let map = "[payment]\nid = 'id'\noccurred_at = { column = 'ts', zone = 'Asia/Shanghai' }\n\
        amount = { column = 'amount', unit = 'major', currency = 'EUR' }\n\
        card.token = 'card'\nattributes.n = 'n'\n";
    let rules = r#"
        rule "first" when payment.id == "18446744073709551615" && payment.amount == 12_34
            && payment.card.token == "c1" && payment.attributes.n == 3 then block("R");
        rule "second" when payment.id == "2" && payment.amount == 0 && is_missing(payment.card.token)
            && is_missing(payment.attributes.n) then block("R");
        rule "sixteen hours" when hour(payment.occurred_at) == 17 then block("R");
    "#;
    let report = run(&backtest(&[(&path, map)], rules)).unwrap();
    let found = ["first", "second", "sixteen hours"].map(|rule| hits(&report, rule));
    assert_eq!(found, [1, 1, 2], "{:?}", report.skipped);
}

#[test]
fn keys_within_json_objects_are_columns_with_a_dot() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.jsonl");
    let text = "{\"id\": \"a\", \"ts\": \"2026-01-01T00:00:00Z\", \"amount\": 5, \"card\": {\"token\": \"c\"}}\n\n\
        not json\n{\"id\": \"b\", \"ts\": 1767225600, \"amount\": 5, \"card.token\": \"c\"}\n";
    std::fs::write(&path, text).unwrap();
    let map = format!("{PLAIN}card.token = 'card.token'\n");
    let rule = "rule \"r\" when payment.card.token == \"c\" then block(\"R\");";
    let report = run(&backtest(&[(&path, &map)], rule)).unwrap();
    assert_eq!((hits(&report, "r"), report.skipped.bad, report.skipped.first[0].line), (2, 1, 3));
}

#[test]
fn rows_that_cannot_be_read_are_counted_and_named_with_their_line() {
    let text = "id,ts,amount\n\
        1,2026-01-01T00:00:00Z,5\n\
        2,yesterday,5\n\
        3,2026-01-01T00:00:00Z\n\
        4,2026-01-01T00:00:00Z,-5\n\
        ,2026-01-01T00:00:00Z,5\n\
        6,1066-10-14T00:00:00Z,5\n\
        7,2026-01-01T00:00:00Z,\n";
    let report = run_csv(text, PLAIN, "rule \"r\" when payment.amount > 0 then block(\"R\");");
    assert_eq!((report.events, report.skipped.bad), (1, 6));
    let lines: Vec<u64> = report.skipped.first.iter().map(|row| row.line).collect();
    assert_eq!(lines.iter().sum::<u64>(), 3 + 4 + 5 + 6 + 7 + 8);
}

#[test]
fn too_many_bad_rows_stop_the_run_and_leave_no_table() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.csv");
    let mut text = "id,ts,amount\n".to_owned();
    for row in 0..1_000 {
        let amount = if row % 9 == 0 { "x" } else { "5" };
        text.push_str(&format!("{row},2026-01-01T00:00:00Z,{amount}\n"));
    }
    std::fs::write(&path, text).unwrap();
    let out = directory.path().join("decisions.csv");
    let rule = "rule \"r\" when payment.amount > 0 then block(\"R\");";
    let with = |max| Backtest {
        bad_rows_max: max,
        decisions: Some(out.clone()),
        ..backtest(&[(&path, PLAIN)], rule)
    };
    let stopped = run(&with(None)).unwrap_err();
    assert!(matches!(stopped, BacktestError::TooManyBadRows { bad: 101, max: 100, .. }));
    assert!(!out.exists());
    assert_eq!(run(&with(Some(112))).unwrap().skipped.bad, 112);
    assert!(out.exists());
}

#[test]
fn a_repeated_row_is_skipped_and_a_contradiction_is_a_bad_row() {
    let text = "id,ts,amount\n\
        1,2026-01-01T00:00:00Z,5\n\
        1,2026-03-01T00:00:00Z,5\n\
        1,2026-03-01T00:00:00Z,6\n";
    let report = run_csv(text, PLAIN, "rule \"r\" when payment.amount > 0 then block(\"R\");");
    let skipped = &report.skipped;
    assert_eq!((report.events, skipped.duplicates, skipped.bad), (1, 1, 1));
    assert_eq!(skipped.first[0].line, 4);
}

#[test]
fn card_numbers_are_hashed_wherever_they_stand_and_counted() {
    let map = format!("{PLAIN}card.token = 'a'\ndescription = 'b'\n");
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.csv");
    let row = "4111111111111111,2026-01-01T00:00:00Z,5,4111 1111 1111 1111,paid with 4111111111111111 now";
    std::fs::write(&path, format!("id,ts,amount,a,b\n{row}\n2,2026-01-01T00:00:00Z,5,c,d\n"))
        .unwrap();
    let out = directory.path().join("decisions.jsonl");
    let rules = r#"
        rule "token" when payment.card.token.starts_with("h:") then block("R");
        rule "text" when payment.description.contains("4111") then block("R");
    "#;
    let backtest = Backtest { decisions: Some(out.clone()), ..backtest(&[(&path, &map)], rules) };
    let report = run(&backtest).unwrap();
    assert_eq!((report.events, report.hashed, report.skipped.bad), (2, 3, 0));
    assert_eq!((hits(&report, "token"), hits(&report, "text")), (1, 0));
    // The file of the caller has the caller's own id.
    assert_eq!(rows(&out)[0]["payment_id"], "4111111111111111");
}

#[test]
fn a_label_counts_from_the_very_instant_at_which_it_arrives() {
    let map = format!("{PLAIN}merchant.id = 'm'\n[label]\nfraud = 'fraud'\ndelay = '7d'\n");
    let rules = r#"
        entity merchant = payment.merchant.id;
        feature frauds = count(fraud) by merchant over "1d";
        rule "known" when merchant.frauds > 0 then block("R");
    "#;
    let count = |at: &str| {
        let text = format!("id,ts,amount,m,fraud\n1,2026-01-01T00:00:00Z,5,m,1\n2,{at},5,m,0\n");
        hits(&run_csv(&text, &map, rules), "known")
    };
    assert_eq!(count("2026-01-07T23:59:59.999999Z"), 0);
    assert_eq!(count("2026-01-08T00:00:00Z"), 1);
    assert_eq!(count("2026-01-08T23:59:59.999999Z"), 1);
    assert_eq!(count("2026-01-09T00:00:00Z"), 0);
}

#[test]
fn what_a_payment_causes_at_once_comes_after_it_and_before_the_next() {
    let map = format!("{PLAIN}merchant.id = 'm'\n[label]\nfraud = 'fraud'\n");
    let rules = r#"
        entity merchant = payment.merchant.id;
        feature frauds = count(fraud) by merchant;
        rule "known" when merchant.frauds > 0 then block("R");
    "#;
    let text = "id,ts,amount,m,fraud\n1,2026-01-01T00:00:00Z,5,m,1\n2,2026-01-01T00:00:00Z,5,m,0\n";
    assert_eq!(hits(&run_csv(text, &map, rules), "known"), 1);
}

#[test]
fn outcomes_of_the_data_happen_whatever_our_verdict() {
    let map = format!(
        "{PLAIN}card.token = 'card'\nchannel = 'channel'\n[outcome]\nstatus = 'status'\ncode = 'code'\n\
         latency_ms = 'ms'\ndelay = '2s'\n[outcome.words]\nnope = 'DECLINED'\n"
    );
    let rules = r#"
        entity card = payment.card.token;
        feature declines = count(declined) by card where outcome.code == "51" && outcome.is_evidence;
        feature slow = max(declined, outcome.latency_ms) by card;
        feature unknowns = count(unknown) by card;
        rule "all" when payment.amount > 0 then block("R");
        rule "declined" when card.declines == 1 && card.slow == 250 then score(1, "R");
        rule "lost" when card.unknowns == 1 then score(1, "R");
    "#;
    let text = "id,ts,amount,card,channel,status,code,ms\n\
        1,2026-01-01T00:00:00Z,5,c,x,nope,51,250\n\
        2,2026-01-01T00:00:01Z,5,c,x,timed_out,,\n\
        3,2026-01-01T00:00:02Z,5,c,x,,,\n\
        4,2026-01-01T00:00:03Z,5,c,x,,,\n\
        5,2026-01-01T00:00:04Z,5,c,x,odd,,\n";
    let report = run_csv(text, &map, rules);
    assert_eq!((hits(&report, "declined"), hits(&report, "lost")), (2, 1));
    assert_eq!(report.skipped.first[0].problem, "column `status`: `odd` stands for no status");
}

#[test]
fn recorded_events_come_from_files_of_their_own_before_payments_of_their_instant() {
    let directory = TempDir::new().unwrap();
    let payments = directory.path().join("payments.csv");
    let events = directory.path().join("events.jsonl");
    std::fs::write(
        &payments,
        "id,ts,amount,who\n1,2026-01-01T00:00:00Z,5,a\n2,2026-01-01T01:00:00Z,5,a\n3,2026-01-01T02:00:00Z,5,a\n",
    )
    .unwrap();
    let lines = [
        r#"{"at": "2026-01-01T01:00:00Z", "kind": "login", "who": "a"}"#,
        r#"{"at": "2026-01-01T01:30:00Z", "kind": "disputed", "payment": 1}"#,
        r#"{"at": "2026-01-01T02:00:00Z", "kind": "disputed", "payment": 3}"#,
        r#"{"at": "2026-01-01T03:00:00Z", "kind": "disputed", "payment": "nobody's"}"#,
        r#"{"at": "2026-01-01T03:00:00Z"}"#,
    ];
    std::fs::write(&events, lines.join("\n")).unwrap();
    let rules = r#"
        entity account = payment.account.id;
        feature logins = count(login) by account over "1h";
        feature disputes = count(disputed) by account;
        rule "login" when account.logins == 1 then score(1, "R");
        rule "dispute" when account.disputes == 1 then score(1, "R");
    "#;
    let of_payments = format!("{PLAIN}account.id = 'who'\n");
    let of_events = "[event]\nname = { column = 'kind' }\noccurred_at = 'at'\npayment_id = 'payment'\naccount.id = 'who'\n";
    let report = run(&backtest(&[(&payments, &of_payments), (&events, of_events)], rules)).unwrap();
    assert_eq!((hits(&report, "login"), hits(&report, "dispute")), (1, 1));
    assert_eq!((report.events, report.payments, report.skipped.bad), (6, 3, 2));
    assert_eq!(report.absent, []);
}

#[test]
fn what_the_data_never_had_is_told_with_the_rules_that_read_it() {
    let rules = r#"
        entity card = payment.card.token;
        entity device = payment.device.id;
        feature declines = count(declined, payment.bank) by card over "1d" where outcome.code == "51";
        feature seen = count(attempt) by device;
        let risky = card.declines > 3;
        rule "one" when risky && payment.amount > 0 then block("R");
        rule "two" when device.seen > 3 || payment.attributes.tier == "x" then block("R");
        rule "three" when payment.amount > 0 && payment.merchant.id == "m" then block("R");
    "#;
    let rules = &rules.replace("count(declined, payment.bank)", "distinct(declined, payment.bank)");
    let map = format!("{PLAIN}card.token = 'card'\nmerchant.id = 'm'\n");
    let text = "id,ts,amount,card,m\n1,2026-01-01T00:00:00Z,5,c,\n";
    let report = run_csv(text, &map, rules);
    let found: Vec<String> = report
        .absent
        .iter()
        .map(|absent| format!("{} {}: {}", absent.kind, absent.name, absent.rules.join(", ")))
        .collect();
    assert_eq!(
        found,
        [
            "event declined: one",
            "field outcome.code: one",
            "field payment.attributes.tier: two",
            "field payment.bank: one",
            "field payment.device.id: two",
            "field payment.merchant.id: three",
        ]
    );
}

#[test]
fn a_file_that_lacks_a_column_of_its_map_is_not_begun() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.csv");
    std::fs::write(&path, "id,ts,amuont\n1,2026-01-01T00:00:00Z,5\n").unwrap();
    let map = vajra::backtest::map::read::read("MAP.toml", PLAIN).unwrap();
    let error = vajra::backtest::source::DataFile::open(&path, Arc::new(map)).unwrap_err();
    assert!(error.to_string().ends_with("no column `amount` (did you mean `amuont`?)"), "{error}");
}
