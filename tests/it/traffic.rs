//! Generated payments: the same from the same seed, as various as promised, and fit to be sent.

use std::collections::{BTreeMap, BTreeSet};

use vajra::model::card_number::HashKey;
use vajra::model::field::Field;
use vajra::model::intake::Intake;
use vajra::model::outcome::OutcomeStatus;
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::Value;
use vajra::traffic::{Attempt, Scenario, Settings, Traffic, map_toml, write};

const SETTINGS: Settings = Settings {
    seed: 7,
    payments: 8_000,
    customers: 1_000,
    start: Timestamp::from_secs(1_767_225_600),
    length: Span::from_days(30),
};

fn attempts(settings: Settings) -> Vec<Attempt> {
    Traffic::new(settings).collect()
}

fn time_of(attempt: &Attempt) -> Timestamp {
    attempt.fields.get(Field::OccurredAt).as_time().unwrap()
}

#[test]
fn equal_seeds_give_equal_payments_and_others_do_not() {
    let settings = Settings { payments: 1_000, ..SETTINGS };
    assert_eq!(attempts(settings), attempts(settings));
    assert_ne!(attempts(settings), attempts(Settings { seed: 8, ..settings }));
}

#[test]
fn there_are_as_many_as_asked_for_in_order_of_time() {
    for payments in [1, 3, 499, 500, 8_000] {
        let made = attempts(Settings { payments, ..SETTINGS });
        assert_eq!(made.len() as u64, payments);
        assert!(made.is_sorted_by_key(time_of));
        assert!(time_of(&made[0]) >= SETTINGS.start);
        let end = SETTINGS.start.plus(SETTINGS.length).plus(Span::from_secs(3_600));
        assert!(made.last().is_none_or(|last| time_of(last) <= end));
    }
}

#[test]
fn every_scenario_has_its_share() {
    let made = attempts(SETTINGS);
    let mut counts: BTreeMap<Scenario, usize> = BTreeMap::new();
    for attempt in &made {
        *counts.entry(attempt.scenario).or_default() += 1;
        assert_eq!(attempt.is_fraud, attempt.scenario.is_fraud());
    }
    let share = |scenario| *counts.get(&scenario).unwrap_or(&0) as f64 / made.len() as f64;
    assert!((0.90..0.96).contains(&share(Scenario::Everyday)), "{counts:?}");
    for scenario in Scenario::ALL.into_iter().skip(1) {
        assert!((0.002..0.025).contains(&share(scenario)), "{scenario:?}: {counts:?}");
    }
    let fraud = made.iter().filter(|attempt| attempt.is_fraud).count() as f64;
    assert!((0.03..0.07).contains(&(fraud / made.len() as f64)), "{fraud}");
}

#[test]
fn five_hundred_payments_have_room_for_every_scenario() {
    let scenarios: BTreeSet<Scenario> = attempts(Settings { payments: 500, ..SETTINGS })
        .iter()
        .map(|attempt| attempt.scenario)
        .collect();
    assert_eq!(scenarios.len(), Scenario::ALL.len());
}

#[test]
fn every_payment_passes_the_edge_without_a_card_number() {
    let intake = Intake::new(HashKey::new([7; 32]), Span::from_secs(300));
    for attempt in attempts(SETTINGS) {
        let admitted = intake.payment(attempt.fields.clone(), time_of(&attempt)).unwrap();
        assert_eq!(admitted.hashed, 0, "{:?}", attempt.fields);
    }
}

#[test]
fn most_payments_have_most_fields() {
    let made = attempts(SETTINGS);
    let share = |field| {
        let present = made.iter().filter(|attempt| attempt.fields.get(field).is_present());
        present.count() as f64 / made.len() as f64
    };
    for field in [Field::CardToken, Field::MerchantId, Field::BillingPostalCode, Field::ChecksCvc] {
        assert!(share(field) > 0.999, "{field:?}");
    }
    for field in [Field::AccountId, Field::DeviceId, Field::ShippingLine1, Field::DeviceLat] {
        assert!((0.3..0.97).contains(&share(field)), "{field:?}: {}", share(field));
    }
}

#[test]
fn a_retry_is_the_same_payment_with_the_next_number() {
    let made = attempts(SETTINGS);
    let mut firsts = BTreeMap::new();
    let mut retries = 0;
    for attempt in &made {
        let id = attempt.fields.get(Field::Id).as_text().unwrap();
        match attempt.fields.get(Field::Attempt) {
            Value::Int(1) => assert!(firsts.insert(id, attempt).is_none(), "{id}"),
            number => {
                let first = firsts[id];
                retries += 1;
                assert_eq!(number, &Value::Int(2));
                for field in [Field::Amount, Field::Currency, Field::AccountId, Field::MerchantId] {
                    assert_eq!(attempt.fields.get(field), first.fields.get(field));
                }
            }
        }
    }
    assert!((20..400).contains(&retries), "{retries}");
}

#[test]
fn each_pattern_leaves_its_traces() {
    let made = attempts(SETTINGS);
    let of = |scenario| made.iter().filter(move |attempt| attempt.scenario == scenario);
    let declined = |scenario| {
        let all: Vec<_> = of(scenario).collect();
        let declined = all.iter().filter(|made| made.answer.status == OutcomeStatus::Declined);
        declined.count() as f64 / all.len() as f64
    };
    assert!(declined(Scenario::Everyday) < 0.1);
    assert!(declined(Scenario::CardTesting) > 0.6);
    assert!(declined(Scenario::Enumeration) > 0.85);
    let different = |scenario, field| {
        let values: BTreeSet<String> =
            of(scenario).map(|made| format!("{:?}", made.fields.get(field))).collect();
        values.len() as f64 / of(scenario).count() as f64
    };
    // Many cards on one device; many devices for one BIN; one card in many payments.
    assert!(different(Scenario::CardTesting, Field::CardToken) > 0.99);
    assert!(different(Scenario::CardTesting, Field::DeviceId) < 0.06);
    assert!(different(Scenario::Enumeration, Field::CardBin) < 0.06);
    assert!(different(Scenario::VelocityBurst, Field::CardToken) < 0.12);
    assert!(of(Scenario::RefundAbuse).any(|made| made.answer.refunded_after.is_some()));
    assert!(
        of(Scenario::ProviderTimeout).any(|made| made.answer.status == OutcomeStatus::TimedOut)
    );
}

#[test]
fn a_file_has_a_row_per_payment_and_is_the_same_every_time() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings { payments: 600, ..SETTINGS };
    for extension in ["csv", "jsonl", "parquet"] {
        let paths =
            ["one", "other"].map(|name| directory.path().join(name).with_extension(extension));
        for path in &paths {
            write(path, Traffic::new(settings)).unwrap();
        }
        let [one, other] = paths.map(|path| std::fs::read(path).unwrap());
        assert!(one == other, "{extension}");
        let rows = one.iter().filter(|byte| **byte == b'\n').count();
        match extension {
            "csv" => assert_eq!(rows, 601),
            "jsonl" => assert_eq!(rows, 600),
            _ => assert!(one.len() > 20_000),
        }
    }
    let unknown = write(&directory.path().join("file.xlsx"), Traffic::new(settings));
    assert!(
        unknown.unwrap_err().to_string().ends_with("must end in .csv, .jsonl, .ndjson or .parquet")
    );
}

#[test]
fn the_map_names_columns_that_the_file_has() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file.csv");
    write(&path, Traffic::new(Settings { payments: 1, ..SETTINGS })).unwrap();
    let file = std::fs::read_to_string(&path).unwrap();
    let columns: Vec<&str> = file.lines().next().unwrap().split(',').collect();
    let map: toml::Table = map_toml().parse().unwrap();
    let named = map_toml().lines().filter(|line| line.contains('"')).count();
    assert!(named > 45, "{named}");
    let payment = map["payment"].as_table().unwrap();
    assert_eq!(payment["id"].as_str(), Some("payment_id"));
    assert!(columns.contains(&payment["card"]["token"].as_str().unwrap()));
    assert!(columns.contains(&map["label"]["fraud"].as_str().unwrap()));
    assert!(columns.contains(&map["outcome"]["status"].as_str().unwrap()));
}
