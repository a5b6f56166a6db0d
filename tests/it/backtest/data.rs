//! Generated payments, and the same payments as files of each format.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{Int8Builder, StringBuilder};
use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use parquet::arrow::ArrowWriter;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// 2026-03-25T00:00:00Z: four days before the clocks of Paris go forward.
pub(super) const START: i64 = 1_774_396_800;

/// One generated row.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) id: i64,
    /// Seconds since 1970, always a full hour: ties and window edges are met often.
    pub(super) at: i64,
    pub(super) card: Option<String>,
    pub(super) merchant: String,
    pub(super) cents: i64,
    pub(super) fraud: Option<bool>,
    pub(super) status: Option<&'static str>,
}

pub(super) const MAP: &str = r#"
[payment]
id          = "tx"
occurred_at = "ts"
amount      = { column = "amount", unit = "major", currency = "EUR" }
card.token  = "card"
"merchant.id" = "merchant"

[label]
fraud = "fraud"
delay = "7d"

[outcome]
status = "status"
delay  = "1h"
[outcome.words]
ok = "AUTHORIZED"
no = "DECLINED"
"#;

/// Payments over five weeks, the third of them without any.
pub(super) fn generate(seed: u64, count: i64) -> Vec<Payment> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut payments: Vec<Payment> = (0..count)
        .map(|id| {
            let hour = rng.random_range(0..28 * 24);
            // Midnight in Paris is 22:00 UTC by then.
            let hour = if hour >= 14 * 24 - 2 { hour + 7 * 24 } else { hour };
            Payment {
                id: 1_000 + id,
                at: START + hour * 3_600,
                card: rng.random_bool(0.95).then(|| format!("c{}", rng.random_range(0..12))),
                merchant: format!("m, {}", rng.random_range(0..4)),
                cents: rng.random_range(0..20_000),
                fraud: rng.random_bool(0.9).then(|| rng.random_bool(0.2)),
                status: rng
                    .random_bool(0.8)
                    .then(|| if rng.random_bool(0.3) { "no" } else { "ok" }),
            }
        })
        .collect();
    payments.sort_by_key(|payment| payment.at);
    payments
}

pub(super) fn time(secs: i64) -> String {
    jiff::Timestamp::from_second(secs).unwrap().to_string()
}

fn major(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

pub(super) fn write_csv(directory: &Path, payments: &[Payment]) -> PathBuf {
    let mut text = "\u{feff}tx,ts,amount,card,merchant,fraud,status,ignored\n".to_owned();
    for payment in payments {
        writeln!(
            text,
            "{},{},{},{},\"{}\",{},{},\"x\ny\"",
            payment.id,
            time(payment.at),
            major(payment.cents),
            payment.card.clone().unwrap_or_default(),
            payment.merchant,
            payment.fraud.map_or("", |fraud| if fraud { "1" } else { "0" }),
            payment.status.unwrap_or_default(),
        )
        .unwrap();
    }
    let path = directory.join("payments.csv");
    std::fs::write(&path, text).unwrap();
    path
}

pub(super) fn write_json(directory: &Path, payments: &[Payment]) -> PathBuf {
    let mut text = String::new();
    for payment in payments {
        let amount: f64 = major(payment.cents).parse().unwrap();
        let row = serde_json::json!({
            "tx": payment.id,
            "ts": time(payment.at),
            "amount": amount,
            "card": payment.card,
            "merchant": payment.merchant,
            "fraud": payment.fraud,
            "status": payment.status,
        });
        writeln!(text, "{row}").unwrap();
    }
    let path = directory.join("payments.jsonl");
    std::fs::write(&path, text).unwrap();
    path
}

pub(super) fn write_parquet(directory: &Path, payments: &[Payment]) -> PathBuf {
    let ids: Int64Array = payments.iter().map(|payment| payment.id).collect();
    let times: TimestampMillisecondArray =
        payments.iter().map(|payment| Some(payment.at * 1_000)).collect();
    let amounts: Float64Array =
        payments.iter().map(|payment| Some(major(payment.cents).parse::<f64>().unwrap())).collect();
    let cards: StringArray = payments.iter().map(|payment| payment.card.clone()).collect();
    let merchants: StringArray =
        payments.iter().map(|payment| Some(payment.merchant.clone())).collect();
    let mut frauds = Int8Builder::new();
    let mut statuses = StringBuilder::new();
    for payment in payments {
        frauds.append_option(payment.fraud.map(i8::from));
        statuses.append_option(payment.status);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("merchant", Arc::new(merchants)),
        ("tx", Arc::new(ids)),
        ("ts", Arc::new(times.with_timezone("UTC"))),
        ("amount", Arc::new(amounts)),
        ("card", Arc::new(cards)),
        ("fraud", Arc::new(frauds.finish())),
        ("status", Arc::new(statuses.finish())),
    ];
    let path = directory.join("payments.parquet");
    write_batch(&path, columns);
    path
}

pub(super) fn write_batch(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}
