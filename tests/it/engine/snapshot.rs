//! A snapshot is what an engine was between two entries, whatever went on while it was taken.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::prelude::*;
use vajra::engine::Engine;
use vajra::engine::journal::Position;
use vajra::engine::snapshot::{RestoreError, Restoring, Room, Sink};
use vajra::journal::Memory;
use vajra::list::{ChangeKind, ListChange};
use vajra::model::outcome::OutcomeStatus;
use vajra::model::value::Value;

use super::apply::{Driven, acts, compile, version};
use super::fixture::{SETTINGS, at, event, feature, fields, outcome, score, try_score};

/// Keeps the chunks in memory.
#[derive(Default)]
struct Chunks(Vec<Vec<u8>>);

impl Sink for Chunks {
    type Error = Infallible;

    fn put(&mut self, chunk: &[u8]) -> Result<(), Infallible> {
        self.0.push(chunk.to_vec());
        Ok(())
    }

    fn watch<T>(&mut self, _room: Room, work: impl FnOnce() -> T) -> T {
        work()
    }
}

fn restored(chunks: &Chunks) -> Result<(Engine, Position), RestoreError> {
    let journal = Arc::new(Memory::new(1_000_000));
    let mut restoring = Restoring::new(SETTINGS, journal, &compile);
    for chunk in &chunks.0 {
        restoring.chunk(chunk)?;
    }
    restoring.finish()
}

/// The engine of a snapshot, with what was appended since.
fn caught_up(chunks: &Chunks, journal: &Memory) -> Engine {
    let (engine, position) = restored(chunks).unwrap();
    for entry in journal.after(position) {
        engine.apply(&entry, &compile).unwrap();
    }
    engine
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_snapshot_and_what_came_after_it_equal_the_engine(
        before in acts(80),
        after in acts(20),
    ) {
        let mut driven = Driven::new();
        before.iter().for_each(|act| driven.act(act));
        let mut chunks = Chunks::default();
        driven.engine.snapshot(at(0), &mut chunks).unwrap_or_else(|never| match never {});
        after.iter().for_each(|act| driven.act(act));

        let engine = caught_up(&chunks, &driven.journal);

        driven.assert_equals(&engine);
    }

    #[test]
    fn a_snapshot_that_was_cut_or_changed_is_refused_or_read_and_never_panics(
        before in acts(30),
        place in any::<prop::sample::Index>(),
        bits in 1..=255_u8,
        is_cut in any::<bool>(),
    ) {
        let mut driven = Driven::new();
        before.iter().for_each(|act| driven.act(act));
        let mut chunks = Chunks::default();
        driven.engine.snapshot(at(0), &mut chunks).unwrap_or_else(|never| match never {});
        let chunk = &mut chunks.0[0];
        let place = place.index(chunk.len());
        if is_cut {
            chunk.truncate(place);
        } else {
            chunk[place] ^= bits;
        }
        // Whether it was changed is for the checksums of the file to say.
        let _either = restored(&chunks);
    }
}

#[test]
fn a_stream_with_very_many_events_comes_back_with_all_that_was_added_up() {
    let driven = Driven::new();
    for number in 0..1_500 {
        let mut login = event("fraud", &format!("e{number}"));
        login.fields = fields("any", 1, "c0");
        driven.engine.record_event(&login, at(number)).unwrap();
        score(&driven.engine, &format!("p{number}"), "c0", at(number));
    }
    let mut chunks = Chunks::default();
    driven.engine.snapshot(at(0), &mut chunks).unwrap_or_else(|never| match never {});

    let (engine, _) = restored(&chunks).unwrap();

    for name in ["card.fraud", "card.attempts", "card.since", "card.captured"] {
        let value = |engine: &Engine| feature(engine, name, fields("q", 1, "c0"), at(1_510));
        assert_eq!(value(&driven.engine), value(&engine));
    }
    let frauds = feature(&engine, "card.fraud", fields("q", 1, "c0"), at(1_510));
    assert_eq!(frauds, Value::Int(1_500));
}

/// Scores, reports, records, publishes and changes lists from several threads.
fn disturb(engine: &Engine, thread: usize, turn: usize) {
    let card = format!("c{}", turn % 5);
    let id = format!("p{thread}.{turn}");
    let now = at(i64::try_from(turn).unwrap());
    try_score(engine, fields(&id, 1, &card), now).unwrap();
    let status = [OutcomeStatus::Authorized, OutcomeStatus::Declined][turn % 2];
    engine.report_outcome(&outcome(&id, status), now).unwrap();
    let mut fraud = event("fraud", &format!("e{thread}.{turn}"));
    fraud.payment_id = Some(id.into());
    engine.record_event(&fraud, now).unwrap();
    if turn.is_multiple_of(37) {
        engine.publish(version(turn % 3), now).unwrap();
    }
    if turn.is_multiple_of(11) {
        let kind = ChangeKind::Add { expires_at: None, reason: None };
        let change = ListChange { list: "blocked".into(), value: card.into(), kind };
        engine.change_list(&change, now).unwrap();
    }
}

#[test]
fn snapshots_taken_while_everything_goes_on_are_each_of_one_instant() {
    const TURNS: usize = 120;
    let driven = Driven::new();
    let (engine, is_done) = (&driven.engine, AtomicBool::new(false));
    let snapshots = thread::scope(|scope| {
        let snapshots = scope.spawn(|| {
            let mut snapshots = Vec::new();
            while !is_done.load(Ordering::Relaxed) {
                let mut chunks = Chunks::default();
                engine.snapshot(at(0), &mut chunks).unwrap_or_else(|never| match never {});
                snapshots.push(chunks);
            }
            snapshots
        });
        thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || (0..TURNS).for_each(|turn| disturb(engine, thread, turn)));
            }
        });
        is_done.store(true, Ordering::Relaxed);
        snapshots.join().unwrap()
    });

    let ids: Vec<String> =
        (0..4).flat_map(|thread| (0..TURNS).map(move |turn| format!("p{thread}.{turn}"))).collect();
    let now = at(TURNS.try_into().unwrap());
    let whole = super::apply::seen(&driven.rebuilt(), &ids, now);
    assert_eq!(super::apply::seen(engine, &ids, now), whole);
    // The first, the last, and some between them.
    let step = snapshots.len().div_ceil(8);
    for chunks in snapshots.iter().rev().step_by(step) {
        let engine = caught_up(chunks, &driven.journal);
        assert_eq!(super::apply::seen(&engine, &ids, now), whole);
    }
}
