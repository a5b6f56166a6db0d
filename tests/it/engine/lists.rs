//! Lists in the engine: what a change does to the next decision, and what is refused.

use vajra::engine::Engine;
use vajra::engine::lists::ListError;
use vajra::list::{ChangeKind, ListChange};
use vajra::model::time::Timestamp;
use vajra::model::verdict::Verdict;

use super::fixture::{at, engine_of, score, set_with};

const LISTED: &str = r#"
    rule "listed" when payment.card.token in list("blocked_cards") then block("LISTED");
"#;
const FILE: (&str, &str) =
    ("lists/blocked_cards.csv", "value,expires\nfiled,\nending,2026-02-02T02:41:40Z\n");

fn listed() -> Engine {
    engine_of(set_with(LISTED, &[FILE]))
}

fn change(list: &str, value: &str, kind: ChangeKind) -> ListChange {
    ListChange { list: list.into(), value: value.into(), kind }
}

fn add(value: &str, expires_at: Option<Timestamp>) -> ListChange {
    change("blocked_cards", value, ChangeKind::Add { expires_at, reason: Some("seen".into()) })
}

fn remove(value: &str) -> ListChange {
    change("blocked_cards", value, ChangeKind::Remove { reason: None })
}

fn is_blocked(engine: &Engine, card: &str, secs: i64) -> bool {
    let decision = score(engine, &format!("{card}{secs}"), card, at(secs));
    decision.evaluation.verdict == Verdict::Block
}

#[test]
fn what_the_file_says_counts_until_it_ends() {
    let engine = listed();
    // The file's instant is a hundred seconds after the tests' first.
    assert!(is_blocked(&engine, "filed", 0));
    assert!(is_blocked(&engine, "ending", 99));
    assert!(!is_blocked(&engine, "ending", 100));
    assert!(!is_blocked(&engine, "other", 0));
}

#[test]
fn a_change_counts_from_the_next_decision_on() {
    let engine = listed();
    engine.change_list(&add("other", Some(at(60))), at(0)).unwrap();
    engine.change_list(&remove("filed"), at(0)).unwrap();

    assert!(is_blocked(&engine, "other", 59));
    assert!(!is_blocked(&engine, "other", 60));
    assert!(!is_blocked(&engine, "filed", 60));
}

#[test]
fn a_change_outlives_a_publication() {
    let engine = listed();
    engine.change_list(&add("other", None), at(0)).unwrap();
    engine.publish(set_with(LISTED, &[FILE]), at(1)).unwrap();

    assert!(is_blocked(&engine, "other", 2));
}

#[test]
fn an_unknown_list_is_refused_with_the_nearest_name() {
    let engine = listed();
    let kind = ChangeKind::Add { expires_at: None, reason: None };

    let error = engine.change_list(&change("blocked_card", "x", kind), at(0)).unwrap_err();

    assert!(matches!(error, ListError::UnknownList { .. }));
    let said = error.to_string();
    assert_eq!(said, "there is no list `blocked_card`, did you mean `blocked_cards`?");
    assert!(engine.list_entries("nothing_like_it", at(0)).is_err());
}

#[test]
fn entries_tell_what_is_on_a_list_and_why() {
    let engine = listed();
    engine.change_list(&add("added", Some(at(600))), at(0)).unwrap();
    engine.change_list(&remove("filed"), at(0)).unwrap();

    let entries = engine.list_entries("blocked_cards", at(0)).unwrap();

    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.value.as_str(), entry.expires_at, entry.is_from_file))
        .collect();
    assert_eq!(told, [("added", Some(at(600)), false), ("ending", Some(at(100)), true)]);
    assert_eq!(entries[0].reason.as_deref(), Some("seen"));
}
