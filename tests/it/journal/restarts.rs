//! A restart finds what was there: the newest snapshot that can be read, and what came after it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vajra::engine::apply::ApplyError;
use vajra::engine::journal::{Entry, Journal, Position};
use vajra::engine::{Engine, ScoreRequest, Settings};
use vajra::journal::Memory;
use vajra::journal::restart::{RestartError, Restarted, With, restart};
use vajra::journal::snapshots::Snapshots;
use vajra::model::card_number::HashKey;
use vajra::model::field::{Field, Fields};
use vajra::model::intake::Intake;
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Text, Value};
use vajra::policy::bundle::Files;
use vajra::policy::check::check;
use vajra::policy::set::PolicySet;
use vajra::server::clock;

const SETTINGS: Settings = Settings {
    payment_kept: Span::from_days(7),
    late_max: Span::from_days(1),
    entities_max: 100_000,
    retry: vajra::model::failure::RetrySettings::DEFAULT,
};

fn compile(files: &Files) -> Result<Arc<PolicySet>, String> {
    check(files).set.ok_or_else(|| "refused".to_owned())
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_770_000_000 + secs)
}

fn ask(engine: &Engine, number: i64) -> String {
    let mut fields = Fields::new();
    fields.set(Field::Id, Value::Text(format!("p{number}").into()));
    fields.set(Field::Attempt, Value::Int(1));
    fields.set(Field::Amount, Value::Int(10_00));
    fields.set(Field::Currency, Value::Text("EUR".into()));
    fields.set(Field::CardToken, Value::Text(format!("c{}", number % 3).into()));
    let intake = Intake::for_history(HashKey::new([7; 32]));
    let payment = intake.payment(fields, at(number)).unwrap().value;
    let request = ScoreRequest { payment, locale: Text::default(), dry_run: false, trace: false };
    format!("{:?}", engine.score(&request, at(number)).unwrap().decision)
}

/// An engine that was asked ten times, with a snapshot after each third time, and its answers.
struct Past {
    _directory: tempfile::TempDir,
    path: PathBuf,
    journal: Arc<Memory>,
    snapshots: Snapshots,
    answers: Vec<String>,
}

fn past() -> Past {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("snapshots");
    let snapshots = Snapshots::make(&path, clock::instant).unwrap();
    let journal = Arc::new(Memory::new(1_000));
    let set = compile(&Files::shipped()).unwrap();
    let engine = Engine::new(set, SETTINGS, journal.clone());
    engine.record_beginning(at(0)).unwrap();
    let mut answers = Vec::new();
    for number in 0..10 {
        answers.push(ask(&engine, number));
        if number % 3 == 2 {
            snapshots.take(&engine, at(number), || Ok(())).unwrap();
        }
    }
    Past { _directory: directory, path, journal, snapshots, answers }
}

fn restarted(past: &Past) -> Result<Option<Restarted>, RestartError<ApplyError>> {
    let journal: Arc<dyn Journal> = past.journal.clone();
    let with = With { settings: SETTINGS, journal: &journal, compile: &compile };
    let read = |after| Ok(past.journal.after(after).into_iter().map(Ok::<Entry, ApplyError>));
    restart(with, &past.snapshots, past.journal.last(), read, &mut |_| {})
}

fn answers_as_before(past: &Past, engine: &Engine) {
    for (number, answer) in (0..).zip(&past.answers) {
        assert_eq!(&ask(engine, number), answer);
    }
    assert_eq!(past.journal.last(), Position(11), "asked again it is not appended again");
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(path).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn the_newest_snapshot_is_taken_and_what_came_after_it_applied() {
    let past = past();
    assert_eq!(files(&past.path).len(), 2, "the last two are kept");

    let found = restarted(&past).unwrap().unwrap();

    assert_eq!((found.snapshot, found.applied), (Some(Position(10)), 1));
    assert!(found.unusable.is_empty());
    answers_as_before(&past, &found.engine);
}

#[test]
fn a_snapshot_that_cannot_be_read_is_told_and_the_one_before_it_taken() {
    let past = past();
    let newest = files(&past.path).pop().unwrap();
    for (damage, why) in [
        (0, "no snapshot"),
        (9, "another version"),
        (12, "too long"),
        (2_000, "a checksum in it does not hold"),
    ] {
        let whole = fs::read(&newest).unwrap();
        let mut bytes = whole.clone();
        bytes[damage] ^= 0x80;
        if damage == 12 {
            bytes[15] = 0xff;
        }
        fs::write(&newest, &bytes).unwrap();

        let found = restarted(&past).unwrap().unwrap();

        assert_eq!((found.snapshot, found.applied), (Some(Position(7)), 4));
        let (position, error) = &found.unusable[0];
        assert_eq!(*position, Position(10));
        assert!(error.to_string().contains(why), "{error}");
        answers_as_before(&past, &found.engine);
        fs::write(&newest, &whole).unwrap();
    }
}

#[test]
fn without_a_snapshot_that_can_be_read_everything_is_applied() {
    let past = past();
    for file in files(&past.path) {
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 5]).unwrap();
    }

    let found = restarted(&past).unwrap().unwrap();

    assert_eq!((found.snapshot, found.applied, found.unusable.len()), (None, 11, 2));
    answers_as_before(&past, &found.engine);
}

#[test]
fn a_snapshot_that_knows_more_than_the_journal_is_not_taken() {
    let past = past();
    fs::rename(files(&past.path).pop().unwrap(), past.path.join(format!("{:020}.snapshot", 99)))
        .unwrap();

    let found = restarted(&past).unwrap().unwrap();

    assert_eq!((found.snapshot, found.unusable.len()), (Some(Position(7)), 1));
    answers_as_before(&past, &found.engine);
}

#[test]
fn what_was_being_written_when_the_process_ended_does_not_count_and_is_removed() {
    let past = past();
    fs::write(past.path.join("next.part"), "half of a snapshot").unwrap();
    let found = restarted(&past).unwrap().unwrap();
    assert!(found.unusable.is_empty());

    past.snapshots.take(&found.engine, at(20), || Ok(())).unwrap();

    assert!(files(&past.path).iter().all(|path| !path.ends_with("next.part")));
}

#[test]
fn a_snapshot_that_the_journal_cannot_follow_is_not_left_behind() {
    let past = past();
    let found = restarted(&past).unwrap().unwrap();
    let before = files(&past.path);
    ask(&found.engine, 50);

    let refused = past
        .snapshots
        .take(&found.engine, at(50), || Err(std::io::Error::other("the disk does not answer")));

    assert!(refused.is_err());
    let now: Vec<_> = files(&past.path);
    assert!(before.iter().all(|path| now.contains(path)));
    assert_eq!(now.iter().filter(|path| path.extension().unwrap() == "snapshot").count(), 2);
}

#[test]
fn nothing_was_there_when_nothing_was_ever_appended() {
    let past = Past { journal: Arc::new(Memory::new(10)), ..past() };
    for file in files(&past.path) {
        fs::remove_file(file).unwrap();
    }
    assert!(restarted(&past).unwrap().is_none());
}

#[test]
fn a_journal_without_its_beginning_and_without_a_snapshot_says_so() {
    let past = past();
    for file in files(&past.path) {
        fs::remove_file(file).unwrap();
    }
    let journal: Arc<dyn Journal> = past.journal.clone();
    let with = With { settings: SETTINGS, journal: &journal, compile: &compile };
    let read = |_| Ok(past.journal.after(Position(1)).into_iter().map(Ok::<Entry, ApplyError>));

    let error = restart(with, &past.snapshots, past.journal.last(), read, &mut |_| {}).unwrap_err();

    assert!(error.to_string().contains("publishes no policies"), "{error}");
}
