//! Changes laid over the files of lists: what counts when, what is forgotten, what does not fit.

use vajra::list::{ChangeKind, ListChange, Overlay};
use vajra::model::time::Timestamp;

const NOON: Timestamp = Timestamp::from_secs(1_770_000_000);

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_770_000_000 + secs)
}

fn add(value: &str, expires_at: Option<Timestamp>) -> ListChange {
    let kind = ChangeKind::Add { expires_at, reason: None };
    ListChange { list: "blocked".into(), value: value.into(), kind }
}

fn remove(value: &str) -> ListChange {
    let kind = ChangeKind::Remove { reason: None };
    ListChange { list: "blocked".into(), value: value.into(), kind }
}

#[test]
fn the_file_decides_about_a_value_that_nobody_changed() {
    let overlay = Overlay::new(10);
    overlay.apply(add("a", None), false);

    assert_eq!(overlay.holds("blocked", "a", NOON), Some(true));
    assert_eq!(overlay.holds("blocked", "b", NOON), None);
    assert_eq!(overlay.holds("trusted", "a", NOON), None);
}

#[test]
fn an_addition_ends_at_its_instant_and_then_the_file_decides_again() {
    let overlay = Overlay::new(10);
    overlay.apply(add("a", Some(at(60))), false);

    assert_eq!(overlay.holds("blocked", "a", at(59)), Some(true));
    assert_eq!(overlay.holds("blocked", "a", at(60)), None);
}

#[test]
fn a_removal_hides_what_the_file_has_until_it_is_added_again() {
    let overlay = Overlay::new(10);
    overlay.apply(remove("a"), true);
    assert_eq!(overlay.holds("blocked", "a", NOON), Some(false));

    overlay.apply(add("a", None), true);
    assert_eq!(overlay.holds("blocked", "a", NOON), Some(true));
}

#[test]
fn a_removal_of_what_only_a_change_had_leaves_nothing_behind() {
    let overlay = Overlay::new(1);
    overlay.apply(add("a", None), false);
    assert!(!overlay.has_room(&add("b", None)));

    overlay.apply(remove("a"), false);

    assert_eq!(overlay.holds("blocked", "a", NOON), None);
    assert!(overlay.has_room(&add("b", None)));
}

#[test]
fn a_full_overlay_still_takes_changes_of_what_it_has() {
    let overlay = Overlay::new(1);
    overlay.apply(add("a", None), false);

    assert!(overlay.has_room(&add("a", Some(at(60)))));
    assert!(overlay.has_room(&remove("a")));
    assert!(!overlay.has_room(&remove("b")));
}

#[test]
fn a_sweep_makes_room_and_changes_no_answer() {
    let overlay = Overlay::new(3);
    overlay.apply(add("short", Some(at(60))), false);
    overlay.apply(add("long", Some(at(120))), false);
    overlay.apply(add("for ever", None), false);

    overlay.sweep(at(59));
    assert!(!overlay.has_room(&add("new", None)));
    overlay.sweep(at(60));
    assert!(overlay.has_room(&add("new", None)));

    assert_eq!(overlay.holds("blocked", "short", at(60)), None);
    assert_eq!(overlay.holds("blocked", "long", at(60)), Some(true));
    assert_eq!(overlay.holds("blocked", "for ever", at(60)), Some(true));
}

#[test]
fn a_longer_addition_is_not_ended_by_the_shorter_one_it_replaced() {
    let overlay = Overlay::new(3);
    overlay.apply(add("a", Some(at(60))), false);
    overlay.apply(add("a", Some(at(600))), false);

    overlay.sweep(at(100));

    assert_eq!(overlay.holds("blocked", "a", at(100)), Some(true));
}

#[test]
fn changes_are_listed_in_the_order_of_their_values_while_they_count() {
    let overlay = Overlay::new(9);
    overlay.apply(add("b", None), false);
    overlay.apply(remove("a"), true);
    overlay.apply(add("c", Some(at(60))), false);

    let values = |now| overlay.changes("blocked", now).into_keys().collect::<Vec<_>>();
    assert_eq!(values(at(0)), ["a", "b", "c"]);
    assert_eq!(values(at(60)), ["a", "b"]);
}
