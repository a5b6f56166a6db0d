//! Which entities are kept in memory, and what is known of those that are not.

use std::sync::Arc;

use vajra::feature::spec::{Aggregate, EntityLayout};
use vajra::feature::state::Observed;
use vajra::feature::store::{EntityStore, Swept};
use vajra::model::entity::{EntityKey, EntityKind};
use vajra::model::time::Span;
use vajra::model::value::Value;

use super::{at, feature, layout};

fn key(number: i64) -> EntityKey {
    EntityKey::new(EntityKind(1), [&Value::Int(number)]).unwrap()
}

/// Counts one event of an entity.
fn touch(store: &EntityStore, layout: &Arc<EntityLayout>, number: i64, secs: i64) {
    let slot = store.slot(key(number));
    let mut state = slot.lock();
    state.adopt(layout).unwrap();
    state.advance(at(secs));
    state.observe(0, at(secs), &Observed::Event);
}

fn count(store: &EntityStore, layout: &Arc<EntityLayout>, number: i64, secs: i64) -> Value {
    match store.find(key(number)) {
        Some(slot) => slot.lock().read(0, at(secs), None),
        None => {
            let mut unseen = store.unseen();
            unseen.adopt(layout).unwrap();
            unseen.read(0, at(secs), None)
        }
    }
}

#[test]
fn an_entity_goes_when_nothing_of_it_can_be_read_any_more() {
    let layout = layout(None, vec![feature(Aggregate::Count, Some("1h"))]);
    let store = EntityStore::new();
    touch(&store, &layout, 1, 0);
    touch(&store, &layout, 2, 10);
    assert_eq!(store.sweep(at(3_600), 100), Swept::default());
    assert_eq!(store.sweep(at(3_601), 100), Swept { idle: 1, evicted: 0 });
    assert_eq!(store.len(), 1);
    assert_eq!(count(&store, &layout, 1, 3_601), Value::Int(0));
    assert_eq!(count(&store, &layout, 2, 3_601), Value::Int(1));
}

#[test]
fn an_entity_with_all_time_features_stays_until_it_is_idle_for_long() {
    let layout = layout(None, vec![feature(Aggregate::Count, None)]);
    let store = EntityStore::new();
    touch(&store, &layout, 1, 0);
    let idle_max = Span::from_days(400).as_secs();
    assert_eq!(store.sweep(at(idle_max), 100).idle, 0);
    assert_eq!(store.sweep(at(idle_max + 1), 100).idle, 1);
}

#[test]
fn at_the_ceiling_the_longest_idle_go_and_are_unknown_not_new() {
    let layout = layout(None, vec![feature(Aggregate::Count, Some("1h"))]);
    let store = EntityStore::new();
    for number in 0..10 {
        touch(&store, &layout, number, number);
    }
    assert_eq!(store.sweep(at(20), 7), Swept { idle: 0, evicted: 3 });
    assert_eq!(store.len(), 7);
    assert_eq!(count(&store, &layout, 2, 20), Value::Unknown);
    assert_eq!(count(&store, &layout, 3, 20), Value::Int(1));
    assert_eq!(count(&store, &layout, 99, 20), Value::Unknown);
    touch(&store, &layout, 2, 21);
    assert_eq!(count(&store, &layout, 2, 21 + 60), Value::Unknown);
    assert_eq!(count(&store, &layout, 2, 20 + 3_600), Value::Int(1));
    assert_eq!(count(&store, &layout, 99, 20 + 3_600), Value::Int(0));
}

#[test]
fn what_is_ahead_of_the_clock_that_evicts_it_is_unknown_as_well() {
    let layout = layout(None, vec![feature(Aggregate::Count, Some("1h"))]);
    let store = EntityStore::new();
    touch(&store, &layout, 1, 30);
    assert_eq!(store.sweep(at(20), 0).evicted, 1);
    assert_eq!(count(&store, &layout, 1, 20 + 3_600), Value::Unknown);
    assert_eq!(count(&store, &layout, 1, 30 + 3_600), Value::Int(0));
}

#[test]
fn at_the_ceiling_a_little_room_is_made_for_those_who_come_next() {
    let layout = layout(None, vec![feature(Aggregate::Count, Some("1h"))]);
    let store = EntityStore::new();
    for number in 0..129 {
        touch(&store, &layout, number, number);
    }
    assert_eq!(store.sweep(at(129), 128), Swept { idle: 0, evicted: 3 });
    assert_eq!(store.sweep(at(129), 128), Swept::default());
    assert_eq!(store.len(), 126);
}

#[test]
fn very_many_entities_are_looked_at_by_one_sweep_in_several() {
    let layout = layout(None, vec![feature(Aggregate::Count, Some("1h"))]);
    let store = EntityStore::new();
    for number in 0..50_000 {
        touch(&store, &layout, number, 0);
    }
    let idle = [(); 3].map(|()| store.sweep(at(3_601), 100_000).idle);
    assert_eq!(idle, [0, 0, 50_000]);
}

#[test]
fn whoever_holds_an_entity_that_went_sees_it_and_asks_again() {
    let layout = layout(None, vec![feature(Aggregate::Count, Some("1h"))]);
    let store = EntityStore::new();
    touch(&store, &layout, 1, 0);
    let held = store.slot(key(1));
    assert!(!held.lock().is_gone());
    store.sweep(at(10_000), 100);
    assert!(held.lock().is_gone());
    assert!(!store.slot(key(1)).lock().is_gone());
}

#[test]
fn an_entity_that_is_locked_stays() {
    let layout = layout(None, vec![feature(Aggregate::Count, Some("1h"))]);
    let store = EntityStore::new();
    touch(&store, &layout, 1, 0);
    let slot = store.slot(key(1));
    let held = slot.lock();
    assert_eq!(store.sweep(at(10_000), 0), Swept::default());
    drop(held);
    assert_eq!(store.sweep(at(10_000), 0).idle, 1);
}

#[test]
fn no_event_is_lost_between_threads_and_a_sweep() {
    let layout = layout(None, vec![feature(Aggregate::Count, Some("1d"))]);
    let store = EntityStore::new();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (store, layout) = (&store, &layout);
            scope.spawn(move || {
                for place in 0..400 {
                    loop {
                        let slot = store.slot(key(place % 20));
                        let mut state = slot.lock();
                        if state.is_gone() {
                            continue;
                        }
                        state.adopt(layout).unwrap();
                        state.advance(at(place));
                        state.observe(0, at(0), &Observed::Event);
                        break;
                    }
                    if thread == 0 {
                        store.sweep(at(0), 100);
                    }
                }
            });
        }
    });
    for number in 0..20 {
        assert_eq!(count(&store, &layout, number, 400), Value::Int(160));
    }
}
