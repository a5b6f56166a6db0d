//! What a restart costs: CPU time to serve again, against a bare checksum scan of the same journal and
//! the bare reading of the same snapshot, in the same run.
//!
//! `VAJRA_RESTART_EVENTS` (200,000), `VAJRA_RESTART_ENTITIES` (a tenth of them) and `VAJRA_RESTART_TAIL`
//! (a hundredth: what came after the snapshot) set the size.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::use_debug,
    clippy::integer_division,
    reason = "a benchmark takes its size from the environment, prints what it found and stops when something is wrong"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use vajra::engine::journal::{Journal, Position};
use vajra::engine::snapshot::Restoring;
use vajra::engine::{Engine, Held, RecordedEvent, ScoreRequest, Settings};
use vajra::journal::damage::Damage;
use vajra::journal::disk::Directory;
use vajra::journal::log::{self, Durability, Log, Means, OnFailure};
use vajra::journal::restart::{With, restart};
use vajra::journal::snapshots::Snapshots;
use vajra::model::card_number::HashKey;
use vajra::model::field::{Field, Fields};
use vajra::model::intake::Intake;
use vajra::model::outcome::{Outcome, OutcomeStatus};
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Text, Value};
use vajra::policy::bundle::Files;
use vajra::policy::check::check;
use vajra::policy::set::PolicySet;
use vajra::server::clock;

/// How long a history the events are spread over.
const DAYS: u64 = 30;

const SETTINGS: Settings = Settings {
    payment_kept: Span::from_days(7),
    late_max: Span::from_days(1),
    entities_max: 100_000_000,
    retry: vajra::model::failure::RetrySettings::DEFAULT,
};

fn main() {
    let size = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |size| size.parse().expect("a number"))
    };
    let events = size("VAJRA_RESTART_EVENTS", 200_000);
    let entities = size("VAJRA_RESTART_ENTITIES", events / 10);
    let tail = size("VAJRA_RESTART_TAIL", events / 100);
    let directory = tempfile::tempdir().expect("a place for files");
    let snapshots =
        Snapshots::make(&directory.path().join("snapshots"), clock::instant).expect("a directory");
    let (log, _) = open(directory.path());
    let log = Arc::new(log);
    let journal: Arc<dyn Journal> = Arc::clone(&log) as _;
    let set = compile(&Files::shipped()).expect("the shipped policies are valid");
    let engine = Engine::new(set, SETTINGS, journal);
    engine.record_beginning(at(0, events)).expect("the disk has room");
    let feed = |engine: &Engine, numbers: std::ops::Range<u64>| {
        for number in numbers {
            happen(engine, number, (events, entities));
            if number.is_multiple_of(65_536) {
                engine.sweep(at(number, events));
            }
        }
    };
    feed(&engine, 0..events - tail);
    let began = cpu();
    let written = snapshots
        .take(&engine, at(events, events), || {
            log.sync().map_err(|error| std::io::Error::other(error.to_string()))
        })
        .expect("the disk has room");
    println!(
        "snapshot: {} entities, {} payments, {} bytes, {:.2} s of CPU; longest lock holds {:?}",
        engine.held().entities,
        engine.held().payments,
        written.bytes,
        (cpu() - began).as_secs_f64(),
        written.held,
    );
    feed(&engine, events - tail..events);
    let held = engine.held();
    drop(engine);
    drop(log);

    for pass in 1..=3 {
        let scanned = measured(|| scan(directory.path()));
        let loaded = measured(|| load(&snapshots, written.position));
        let restarted = measured(|| assert_eq!(go_on(directory.path(), &snapshots), held));
        println!(
            "pass {pass}: {events} events, {entities} cards, {tail} after the snapshot: restart {:.2} s of \
             CPU; checksum scan {:.2} s, snapshot {:.2} s; ratio {:.2}",
            restarted.as_secs_f64(),
            scanned.as_secs_f64(),
            loaded.as_secs_f64(),
            restarted.as_secs_f64() / (scanned + loaded).as_secs_f64(),
        );
    }
}

/// Puts the snapshot back and nothing else. What it takes to let go of it is no part of a restart.
fn load(snapshots: &Snapshots, position: Position) {
    let journal: Arc<dyn Journal> = Arc::new(vajra::journal::Discard);
    let engine = snapshots.restore(position, Restoring::new(SETTINGS, journal, &compile));
    std::mem::forget(engine.expect("the snapshot is whole"));
}

/// Opens the journal and brings an engine to its end. Returns what it holds.
fn go_on(directory: &Path, snapshots: &Snapshots) -> Held {
    let (log, found) = open(directory);
    let log = Arc::new(log);
    let journal: Arc<dyn Journal> = Arc::clone(&log) as _;
    let with = With { settings: SETTINGS, journal: &journal, compile: &compile };
    let read = |after: Position| {
        let entries = log.read(after.next())?;
        Ok::<_, Damage>(entries.map(|read| read.map(|(_, entry)| entry)))
    };
    let restarted = restart(with, snapshots, found.last, read, &mut |_| {})
        .expect("everything is whole")
        .expect("something was appended");
    let held = restarted.engine.held();
    std::mem::forget(restarted);
    held
}

/// The journal of a directory. Nothing waits for the disk: what is measured is CPU time.
fn open(directory: &Path) -> (Log, log::Found) {
    let disk = Directory::make(&directory.join("journal")).expect("a directory");
    let settings = log::Settings {
        durability: Durability::Interval,
        interval: Duration::from_millis(100),
        spacing: Duration::from_millis(1),
        segment_bytes: 256 * 1024 * 1024,
        held_bytes_max: 256 * 1024 * 1024,
        on_failure: OnFailure::Refuse,
        accepts_loss: false,
    };
    let means = Means { id: 1, clock: clock::instant };
    Log::open(Arc::new(disk), settings, means).expect("the journal is whole")
}

/// Reads every byte of the journal and makes sure that something depends on it.
fn scan(directory: &Path) {
    let entries = fs::read_dir(directory.join("journal")).expect("a directory");
    for entry in entries {
        let path = entry.expect("a name").path();
        let mut file = fs::File::open(path).expect("a file");
        let mut checksum = crc32fast::Hasher::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = std::io::Read::read(&mut file, &mut buffer).expect("a file");
            if read == 0 {
                break;
            }
            checksum.update(buffer.get(..read).unwrap_or_default());
        }
        std::hint::black_box(checksum.finalize());
    }
}

/// One event: of four, one is a payment that is scored, one its outcome, two are of other kinds.
fn happen(engine: &Engine, number: u64, (events, entities): (u64, u64)) {
    let now = at(number, events);
    // A step that is coprime to most numbers spreads them.
    let card = format!("card_{}", (number / 4).wrapping_mul(7_919) % entities);
    let id = format!("pay_{}", number / 4);
    match number % 4 {
        0 => {
            let payment = Intake::for_history(HashKey::new([7; 32]))
                .payment(payment(&id, &card), now)
                .expect("the payment is valid")
                .value;
            let request =
                ScoreRequest { payment, locale: Text::default(), dry_run: false, trace: false };
            engine.score(&request, now).expect("the journal takes it");
        }
        1 => {
            let status =
                if number % 20 == 1 { OutcomeStatus::Declined } else { OutcomeStatus::Authorized };
            engine.report_outcome(&outcome(&id, status), now).expect("the journal takes it");
        }
        _ => {
            let mut fields = Fields::new();
            fields.set(Field::CardToken, Value::Text(card.into()));
            let event = RecordedEvent {
                name: "login".into(),
                event_id: format!("login_{number}").into(),
                payment_id: None,
                fields,
                occurred_at: None,
            };
            engine.record_event(&event, now).expect("the journal takes it");
        }
    }
}

fn payment(id: &str, card: &str) -> Fields {
    let mut fields = Fields::new();
    let texts = [
        (Field::Id, id),
        (Field::Currency, "EUR"),
        (Field::Method, "card"),
        (Field::CardToken, card),
        (Field::CardBin, "424242"),
        (Field::CardBrand, "visa"),
        (Field::CardCountry, "FR"),
        (Field::MerchantId, "shop"),
    ];
    for (field, value) in texts {
        fields.set(field, Value::Text(value.into()));
    }
    fields.set(Field::Attempt, Value::Int(1));
    fields.set(Field::Amount, Value::Int(12_34));
    fields
}

fn outcome(payment_id: &str, status: OutcomeStatus) -> Outcome {
    Outcome {
        payment_id: payment_id.into(),
        attempt: 1,
        outcome_id: None,
        status,
        stage: None,
        amount: None,
        is_final: true,
        provider: None,
        operation: None,
        network: None,
        code: None,
        channel: None,
        advice_code: None,
        retry_after: None,
        latency: None,
        occurred_at: None,
    }
}

fn compile(files: &Files) -> Result<Arc<PolicySet>, String> {
    check(files).set.ok_or_else(|| "the bundle is refused".to_owned())
}

fn at(number: u64, events: u64) -> Timestamp {
    let micros = u128::from(number) * u128::from(DAYS) * 86_400_000_000 / u128::from(events.max(1));
    let since = Span::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
    Timestamp::from_secs(1_770_000_000).plus(since)
}

fn measured(work: impl FnOnce()) -> Duration {
    let before = cpu();
    work();
    cpu().saturating_sub(before)
}

/// How long the threads of this process ran.
fn cpu() -> Duration {
    let mut all = Duration::ZERO;
    for task in fs::read_dir("/proc/self/task").expect("a Linux kernel") {
        let path = task.expect("a thread").path().join("schedstat");
        // A thread may have ended since.
        let Ok(stat) = fs::read_to_string(path) else { continue };
        let ran = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
        all += Duration::from_nanos(ran.expect("nanoseconds come first"));
    }
    all
}
