//! What a backtest costs: CPU time per payment, from the file to the report, with the shipped policies
//! over generated payments, in each format; and with both tables written.
//!
//! CPU time is what the kernel says a thread ran, so that a busy machine does not count.
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

const PAYMENTS: u64 = 20_000;

fn backtest(path: &Path) -> Backtest {
    let map = read("generated.toml", &map_toml()).expect("the map of generated payments is valid");
    Backtest {
        files: vec![DataFile::open(path, Arc::new(map)).expect("it has the columns of its map")],
        policies: check(&Files::shipped()).set.expect("the shipped policies are valid"),
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

/// How long this thread ran.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux kernel");
    let ran = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(ran.expect("nanoseconds come first"))
}

fn formats(c: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a place for files");
    let settings = Settings {
        seed: 1,
        payments: PAYMENTS,
        customers: 2_000,
        start: Timestamp::from_secs(1_770_000_000),
        length: Span::from_days(60),
    };
    let mut group = c.benchmark_group("backtest");
    group.sample_size(10).throughput(Throughput::Elements(PAYMENTS));
    for format in ["csv", "jsonl", "parquet"] {
        let path = directory.path().join(format!("payments.{format}"));
        write(&path, Traffic::new(settings)).expect("the file can be written");
        let backtest = backtest(&path);
        group.bench_function(format, |b| b.iter_custom(|count| run(&backtest, count)));
        if format == "parquet" {
            let written = Backtest {
                decisions: Some(directory.path().join("decisions.parquet")),
                features: Some(directory.path().join("features.parquet")),
                ..backtest
            };
            let name = "parquet, with decisions and features written";
            group.bench_function(name, |b| b.iter_custom(|count| run(&written, count)));
        }
    }
    group.finish();
}

criterion_group!(benches, formats);
criterion_main!(benches);
