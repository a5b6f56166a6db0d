//! Sets are swapped whole: what did not change keeps its state, what is new is unknown until it has
//! seen a whole window, and nobody sees half of one set and half of another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use vajra::model::value::Value;
use vajra::model::verdict::Verdict;

use super::fixture::{at, engine, engine_of, feature, fields, score, set};

const ENTITIES: &str = "entity card = payment.card.token; entity device = payment.device.id;";
const ATTEMPTS: &str = r#"feature attempts_1h = count(attempt) by card over "1h";"#;

/// Policies whose every part says which one they are.
fn named(code: &str, other_feature: &str) -> String {
    format!(
        r#"{ENTITIES}
           feature {other_feature} = count(allowed) by card over "2h";
           {ATTEMPTS}
           let points = if is_missing(card.attempts_1h) {{ 0 }} else {{ 1 }};
           rule "{code}" when card.{other_feature} >= 0 || true then score(7, "{code}");
           rule "all {code}" when points > 0 then challenge("{code}", "{code}");"#
    )
}

#[test]
fn a_feature_that_did_not_change_keeps_its_state() {
    let engine = engine(&format!("{ENTITIES}{ATTEMPTS}"));
    for i in 0..3 {
        score(&engine, &format!("p{i}"), "c", at(i));
    }
    let moved = format!(
        r#"{ENTITIES}
           feature spent_1h = sum(attempt, payment.amount) by card over "1h";
           {ATTEMPTS}
           rule "three" when card.attempts_1h >= 3 then block("ATTEMPTS");"#
    );

    engine.publish(set(&moved), at(10)).unwrap();

    assert_eq!(score(&engine, "p9", "c", at(11)).evaluation.verdict, Verdict::Block);
}

#[test]
fn a_new_feature_is_unknown_until_it_has_seen_a_whole_window() {
    let engine = engine(&format!("{ENTITIES}{ATTEMPTS}"));
    score(&engine, "p0", "c", at(0));
    let more = format!(
        r#"{ENTITIES}{ATTEMPTS}
        feature allowed_1h = count(allowed) by card over "1h";"#
    );
    engine.publish(set(&more), at(10)).unwrap();
    score(&engine, "p1", "c", at(20));

    let value = |name: &str, now| feature(&engine, name, fields("any", 1, "c"), at(now));
    assert_eq!(value("card.allowed_1h", 30), Value::Unknown);
    assert_eq!(value("card.attempts_1h", 30), Value::Int(2));
    assert_eq!(value("card.allowed_1h", 10 + 3_600), Value::Int(1));
}

#[test]
fn what_is_stored_is_answered_whatever_was_published_since() {
    let engine = engine(&format!("{ENTITIES}{ATTEMPTS}"));
    let before = score(&engine, "p", "c", at(0));
    engine.publish(set(&named("LISTED", "other")), at(1)).unwrap();

    assert_eq!(score(&engine, "p", "c", at(2)), before);
}

#[test]
fn nobody_sees_half_a_set_and_no_event_is_lost() {
    let one = set(&named("ATTEMPTS", "first"));
    let other = set(&named("DEVICE", "second"));
    let engine = engine_of(Arc::clone(&one));
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                for set in [&other, &one] {
                    engine.publish(Arc::clone(set), at(0)).unwrap();
                    thread::yield_now();
                }
            }
        });
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let (engine, one) = (&engine, &one);
                scope.spawn(move || {
                    for turn in 0..100 {
                        let id = format!("p{thread}.{turn}");
                        let decision = score(engine, &id, ["a", "b"][turn % 2], at(1));
                        let is_one = decision.policy_version == one.bundle.version;
                        let code = if is_one { "ATTEMPTS" } else { "DEVICE" };
                        let said = &decision.evaluation;
                        assert_eq!(said.fired.len(), 2, "{said:?}");
                        assert!(said.fired.iter().all(|rule| rule.ends_with(code)), "{said:?}");
                        assert!(said.reasons.iter().all(|reason| &*reason.code == code));
                        assert_eq!(said.challenge, [code]);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    });

    for card in ["a", "b"] {
        let value = feature(&engine, "card.attempts_1h", fields("any", 1, card), at(2));
        assert_eq!(value, Value::Int(400));
    }
}
