//! What the journal costs: an entry appended and handed over, as a score does it with `interval`; and how
//! long an answer waits with `sync`, beside the disk's own sync in the same run.
//!
//! `cargo bench --bench journal` prints both; the directory is the system's for temporary files, or that of
//! `VAJRA_BENCH_DIR` at the time of the build.
#![expect(clippy::expect_used, reason = "a benchmark stops when something is wrong")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use vajra::config::Config;
use vajra::engine::journal::{Entry, Journal as _};
use vajra::engine::{Engine, ScoreRequest, Settings};
use vajra::journal::Memory;
use vajra::journal::disk::{Directory, Disk as _};
use vajra::journal::log::{Durability, Log, Means, Settings as LogSettings};
use vajra::model::card_number::HashKey;
use vajra::model::field::{Field, Fields};
use vajra::model::intake::Intake;
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Text, Value};
use vajra::policy::bundle::Files;
use vajra::policy::check::check;
use vajra::server::clock;

/// How many entries share one call to the system, as they do under load.
const BATCH: usize = 16;

fn directory() -> tempfile::TempDir {
    option_env!("VAJRA_BENCH_DIR")
        .map_or_else(tempfile::tempdir, |base| tempfile::tempdir_in(PathBuf::from(base)))
        .expect("a directory")
}

fn open(path: &Path, durability: Durability) -> Log {
    let settings = LogSettings { durability, ..Config::ephemeral().journal };
    let disk = Arc::new(Directory::make(path).expect("a directory"));
    let means = Means { id: 1, clock: clock::instant };
    Log::open(disk, settings, means).expect("a journal").0
}

/// Scores of the shipped bundle, as its engine appends them.
fn scores(count: usize) -> Vec<Entry> {
    let set = check(&Files::shipped()).set.expect("the shipped bundle is valid");
    let settings = Settings {
        payment_kept: Span::from_days(7),
        late_max: Span::from_days(1),
        entities_max: 100_000,
        retry: vajra::model::failure::RetrySettings::DEFAULT,
    };
    let journal = Arc::new(Memory::new(count));
    let engine = Engine::new(set, settings, Arc::clone(&journal) as _);
    let intake = Intake::for_history(HashKey::new([7; 32]));
    for number in 0..count {
        let at = Timestamp::from_secs(1_770_000_000 + i64::try_from(number).unwrap_or(0));
        let mut fields = Fields::new();
        let mut set = |field, text: String| fields.set(field, Value::Text(Text::from(text)));
        set(Field::Id, format!("payment-{number}"));
        set(Field::Currency, "EUR".to_owned());
        set(Field::CardToken, format!("card-{}", number % 500));
        set(Field::CardCountry, "DE".to_owned());
        set(Field::AccountId, format!("account-{}", number % 400));
        set(Field::DeviceId, format!("device-{}", number % 450));
        set(Field::DeviceIp, "203.0.113.7".to_owned());
        set(Field::MerchantId, format!("merchant-{}", number % 20));
        set(Field::Channel, "acquirer-a".to_owned());
        fields.set(Field::Attempt, Value::Int(1));
        fields.set(Field::Amount, Value::Int(10_00));
        let payment = intake.payment(fields, at).expect("a valid payment").value;
        let request =
            ScoreRequest { payment, locale: Text::default(), dry_run: false, trace: false };
        engine.score(&request, at).expect("a decision");
    }
    journal.entries()
}

fn append(criterion: &mut Criterion) {
    let entries = scores(1_024);
    let directory = directory();
    let log = open(directory.path(), Durability::Interval);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut next = entries.iter().cycle();
    let mut group = criterion.benchmark_group("journal");
    group.throughput(criterion::Throughput::Elements(BATCH as u64));
    group.bench_function("append and hand over 16 scores", |bencher| {
        bencher.iter_batched(
            || next.by_ref().take(BATCH).collect::<Vec<_>>(),
            |batch| {
                for entry in batch {
                    let _position = black_box(log.append(entry)).expect("room");
                }
                runtime.block_on(log.settle()).expect("a disk");
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// The p50 of answers that wait for the disk at 10,000 a second, beside the p50 of the disk's own sync.
#[expect(clippy::print_stdout, clippy::use_debug, reason = "a benchmark prints what it measured")]
fn wait(criterion: &mut Criterion) {
    let entries = scores(1_024);
    let directory = directory();
    let own = sync_p50(&directory.path().join("own"));
    let log = Arc::new(open(&directory.path().join("journal"), Durability::Sync));
    let waits = offer(&log, &entries, 10_000, Duration::from_secs(3));
    let between = sync_p50(&directory.path().join("own"));
    let syncs = median(log.take_sync_times());
    let spacing = Config::ephemeral().journal.spacing;
    let p50 = median(waits);
    println!(
        "sync at 10,000/s: p50 {p50:?}; a sync alone {own:?} before and {between:?} after, the \
         journal's own {syncs:?}, spacing {spacing:?}; p50 / (journal's sync + spacing) = {:.2}",
        p50.as_secs_f64() / (syncs + spacing).as_secs_f64()
    );
    criterion.bench_function("journal/encode a score", |bencher| {
        let mut bytes = Vec::new();
        let mut next = entries.iter().cycle();
        bencher.iter(|| {
            bytes.clear();
            if let Some(entry) = next.next() {
                vajra::model::codec::Codec::encode(entry, &mut bytes);
            }
            black_box(bytes.len())
        });
    });
}

/// The median of appends of 600 bytes, each synced, to a file with room.
fn sync_p50(path: &Path) -> Duration {
    let disk = Directory::make(path).expect("a directory");
    let file = disk.create("own", 1 << 20).expect("a file");
    let mut times = Vec::new();
    for number in 0..200 {
        let _written = file.write_at(&[7; 600], number * 600).expect("room");
        let begun = clock::instant();
        file.sync().expect("a disk");
        times.push(clock::instant().duration_since(begun));
    }
    median(times)
}

/// How long answers wait that are offered at a fixed rate.
fn offer(log: &Arc<Log>, entries: &[Entry], rate: u32, time: Duration) -> Vec<Duration> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let begun = clock::instant();
        let mut waiting = Vec::new();
        let mut offered = 0_u32;
        while begun.elapsed() < time {
            let due = begun.elapsed().as_secs_f64() * f64::from(rate);
            while f64::from(offered) < due {
                let place = usize::try_from(offered).unwrap_or(0) % entries.len();
                let at: Instant = clock::instant();
                log.append(entries.get(place).expect("an entry")).expect("room");
                let log = Arc::clone(log);
                waiting.push(tokio::task::spawn_local(async move {
                    log.settle().await.expect("a disk");
                    clock::instant().duration_since(at)
                }));
                offered += 1;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        let mut times = Vec::new();
        for waiting in waiting {
            times.push(waiting.await.expect("a task"));
        }
        times
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() >> 1).copied().unwrap_or_default()
}

criterion_group!(benches, append, wait);
criterion_main!(benches);
