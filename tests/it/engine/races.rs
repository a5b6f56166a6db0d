//! Many threads at once let through exactly what one would.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use vajra::engine::Engine;
use vajra::journal::{Discard, Memory};
use vajra::model::field::Field;
use vajra::model::outcome::{Outcome, OutcomeStatus};
use vajra::model::value::Value;
use vajra::model::verdict::Verdict;

use super::fixture::{
    SETTINGS, at, engine, engine_of, feature, fields, outcome, score, set, set_with, text,
    try_score,
};

const TEN: &str = r#"
    entity card = payment.card.token;
    entity device = payment.device.id;
    entity pair = [payment.card.token, payment.device.id];
    feature attempts_1h = count(attempt) by card over "1h";
    feature attempts_1h = count(attempt) by device over "1h";
    feature attempts_1h = count(attempt) by pair over "1h";
    feature allowed_1h = count(allowed) by card over "1h";
    rule "ten" when card.attempts_1h >= 10 then block("ATTEMPTS");
"#;

const THREADS: usize = 64;

/// Runs the work of all threads, released together.
fn together(threads: usize, work: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                barrier.wait();
                work(thread);
            });
        }
    });
}

#[test]
fn of_64_attempts_at_once_exactly_ten_pass() {
    let set = set(TEN);
    for round in 0..20 {
        let engine = engine_of(Arc::clone(&set));
        let passed = AtomicUsize::new(0);
        together(THREADS, |thread| {
            let decision = score(&engine, &format!("p{thread}"), "c", at(round));
            if decision.evaluation.verdict != Verdict::Block {
                passed.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(passed.into_inner(), 10, "in round {round}");
        let allowed = feature(&engine, "card.allowed_1h", fields("any", 1, "c"), at(round));
        assert_eq!(allowed, Value::Int(10));
    }
}

#[test]
fn a_thousand_duplicates_at_once_have_one_decision() {
    let journal = Arc::new(Memory::new(10));
    let engine = Engine::new(set(TEN), SETTINGS, journal.clone());
    let first = AtomicUsize::new(0);
    together(50, |_| {
        for _ in 0..20 {
            let scored = try_score(&engine, fields("p", 1, "c"), at(0)).unwrap();
            assert_eq!(scored.decision.sequence, 1);
            first.fetch_add(usize::from(!scored.repeated), Ordering::Relaxed);
        }
    });

    assert_eq!(first.into_inner(), 1);
    assert_eq!(journal.entries().len(), 1);
    let counted = feature(&engine, "card.attempts_1h", fields("any", 1, "c"), at(1));
    assert_eq!(counted, Value::Int(1));
}

#[test]
fn entities_crossed_in_every_way_neither_deadlock_nor_lose_an_event() {
    let engine = engine(TEN);
    together(THREADS, |thread| {
        for turn in 0..20 {
            let mut fields = fields(&format!("p{thread}.{turn}"), 1, ["a", "b", "c"][thread % 3]);
            fields.set(Field::DeviceId, text(["c", "b", "a"][(thread + turn) % 3]));
            try_score(&engine, fields, at(0)).unwrap();
            let id = format!("p{thread}.{turn}");
            engine.report_outcome(&outcome(&id, OutcomeStatus::Authorized), at(0)).unwrap();
        }
    });

    let total = |entity: &str, field: Field| {
        ["a", "b", "c"].iter().fold(0, |total, key| {
            let mut fields = fields("any", 1, "");
            fields.set(field, text(key));
            let value = feature(&engine, &format!("{entity}.attempts_1h"), fields, at(1));
            total + value.as_int().unwrap()
        })
    };
    assert_eq!(total("card", Field::CardToken), 1280);
    assert_eq!(total("device", Field::DeviceId), 1280);
    assert_eq!(engine.held().payments, 1280);
}

#[test]
fn sequences_are_taken_once_and_follow_the_order_of_an_entity() {
    let journal = Arc::new(Memory::new(10_000));
    let engine = Engine::new(set(TEN), SETTINGS, journal.clone());
    together(16, |thread| {
        for turn in 0..20 {
            score(&engine, &format!("p{thread}.{turn}"), ["a", "b"][turn % 2], at(0));
        }
    });

    let entries = journal.entries();
    let sequences: BTreeSet<_> = entries.iter().map(|entry| entry.sequence()).collect();
    assert_eq!(sequences, (1..=320).collect());
    // In that order the first ten of each card passed, and no other.
    let mut passed = [0, 0];
    for entry in entries {
        let vajra::engine::journal::Entry::Score { content, decision, .. } = entry else {
            panic!("only scores happened")
        };
        let card = usize::from(content.unpack().get(Field::CardToken) == &text("b"));
        let is_passed = decision.evaluation.verdict == Verdict::Allow;
        assert_eq!(is_passed, passed[card] < 10);
        passed[card] += usize::from(is_passed);
    }
}

#[test]
fn equal_reports_at_once_count_once() {
    let engine = engine(
        r#"entity card = payment.card.token;
           feature declines = count(declined) by card;"#,
    );
    score(&engine, "p", "c", at(0));
    together(32, |_| {
        let report =
            Outcome { outcome_id: Some("o".into()), ..outcome("p", OutcomeStatus::Declined) };
        engine.report_outcome(&report, at(1)).unwrap();
    });

    let declines = feature(&engine, "card.declines", fields("any", 1, "c"), at(2));
    assert_eq!(declines, Value::Int(1));
}

#[test]
fn a_sweep_at_any_moment_loses_nothing_that_can_still_be_read() {
    let engine = engine(TEN);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                engine.sweep(at(0));
                thread::yield_now();
            }
        });
        together(16, |thread| {
            for turn in 0..20 {
                score(&engine, &format!("p{thread}.{turn}"), &format!("c{turn}"), at(0));
            }
        });
        is_done.store(true, Ordering::Relaxed);
    });

    for turn in 0..20 {
        let card = fields("any", 1, &format!("c{turn}"));
        assert_eq!(feature(&engine, "card.attempts_1h", card, at(1)), Value::Int(16));
    }
}

#[test]
fn evicted_under_load_a_card_is_unknown_and_never_new() {
    let closed = TEN.replace("rule \"ten\"", "rule \"ten\" on_error block");
    for _ in 0..5 {
        let settings = vajra::engine::Settings { entities_max: 1, ..SETTINGS };
        let engine = Engine::new(set_with(&closed, &[]), settings, Arc::new(Discard));
        let passed = AtomicUsize::new(0);
        together(THREADS, |thread| {
            for turn in 0..4 {
                let others = format!("other{thread}");
                score(&engine, &format!("o{thread}.{turn}"), &others, at(turn));
                engine.sweep(at(turn));
                let decision = score(&engine, &format!("p{thread}.{turn}"), "c", at(turn));
                let is_passed = decision.evaluation.verdict != Verdict::Block;
                passed.fetch_add(usize::from(is_passed), Ordering::Relaxed);
            }
        });
        assert!(passed.into_inner() <= 10);
    }
}
