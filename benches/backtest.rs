//! What a backtest costs: CPU time per payment, from the file to the report, over generated payments. With
//! the shipped policies in each format, with both tables written, and one by one through the engine; and
//! with twelve features and three rules, which `backtest/peers.py` computes
//! in other engines too.
//!
//! CPU time is what the kernel says all threads ran, so that a busy machine does not count.
#![expect(clippy::expect_used, reason = "a benchmark stops when something is wrong")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vajra::backtest::map::read::read;
use vajra::backtest::source::DataFile;
use vajra::backtest::{Backtest, FIXED_HASH_KEY};
use vajra::model::time::{Span, Timestamp};
use vajra::policy::bundle::Files;
use vajra::policy::check::check;
use vajra::traffic::{Settings, Traffic, map_toml, write};

const PAYMENTS: u64 = 50_000;

/// How often the kernel looks who runs.
const TICK_MILLIS: u64 = 10;

fn backtest(path: &Path, policies: &Files) -> Backtest {
    let map = read("generated.toml", &map_toml()).expect("the map of generated payments is valid");
    Backtest {
        files: vec![DataFile::open(path, Arc::new(map)).expect("it has the columns of its map")],
        policies: check(policies).set.expect("the policies are valid"),
        baseline: None,
        hash_key: FIXED_HASH_KEY,
        bad_rows_max: Some(0),
        decisions: None,
        features: None,
        one_by_one: false,
    }
}

/// CPU time of so many runs.
fn run(backtest: &Backtest, count: u64) -> Duration {
    let before = cpu();
    for _ in 0..count {
        let surveys = backtest.survey().expect("it can be read");
        let report = backtest.run(&surveys, |_| {}).expect("every row is good");
        assert_eq!(report.payments, PAYMENTS);
        black_box(report);
    }
    cpu() - before
}

/// How long this process ran, in all its threads.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("a Linux kernel");
    // After the name, which may hold anything: the state, ten numbers, and the ticks in user and kernel.
    let (_, numbers) = stat.rsplit_once(')').expect("a name comes first");
    let ticks = numbers.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().expect("numbers")).sum();
    Duration::from_millis(ticks * TICK_MILLIS)
}

fn formats(c: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a place for files");
    let settings = Settings {
        seed: 1,
        payments: PAYMENTS,
        customers: 5_000,
        start: Timestamp::from_secs(1_770_000_000),
        length: Span::from_days(60),
    };
    let mut group = c.benchmark_group("backtest");
    group.sample_size(10).throughput(Throughput::Elements(PAYMENTS));
    for format in ["csv", "jsonl", "parquet"] {
        let path = directory.path().join(format!("payments.{format}"));
        write(&path, Traffic::new(settings)).expect("the file can be written");
        let backtest = backtest(&path, &Files::shipped());
        group.bench_function(format, |b| b.iter_custom(|count| run(&backtest, count)));
        if format == "parquet" {
            let written = Backtest {
                decisions: Some(directory.path().join("decisions.parquet")),
                features: Some(directory.path().join("features.parquet")),
                ..backtest
            };
            let name = "parquet, with decisions and features written";
            group.bench_function(name, |b| b.iter_custom(|count| run(&written, count)));
            let one_by_one =
                Backtest { one_by_one: true, decisions: None, features: None, ..written };
            let name = "parquet, one by one through the engine";
            group.bench_function(name, |b| b.iter_custom(|count| run(&one_by_one, count)));
            let few = Files::read(Path::new("benches/backtest/policies"));
            let few = self::backtest(&path, &few.expect("the policies are there"));
            let name = "parquet, twelve features and three rules";
            group.bench_function(name, |b| b.iter_custom(|count| run(&few, count)));
        }
    }
    group.finish();
}

criterion_group!(benches, formats);
criterion_main!(benches);
