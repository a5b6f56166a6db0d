//! Features over the events of an entity: what they count, what they forget, and what a change of
//! policies leaves of them. The meaning is recomputed from all events in [`naive`].

mod forward;
mod naive;
mod property;
mod publication;
mod store;

use std::sync::Arc;

use vajra::feature::spec::{Aggregate, EntityLayout, FeatureId, FeatureSpec, StreamId, StreamSpec};
use vajra::feature::state::{EntityState, Observed};
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Value, ValueType};

/// A feature over the first stream.
fn feature(aggregate: Aggregate, window: Option<&str>) -> FeatureSpec {
    FeatureSpec {
        id: FeatureId(0),
        stream: 0,
        aggregate,
        window: window.map(|window| Span::parse(window).unwrap()),
        delay: Span::ZERO,
        inclusive: false,
        value_type: ValueType::Int,
    }
}

fn layout(value_type: Option<ValueType>, features: Vec<FeatureSpec>) -> Arc<EntityLayout> {
    let numbered = features
        .into_iter()
        .zip(1..)
        .map(|(feature, id)| FeatureSpec { id: FeatureId(id), ..feature })
        .collect();
    let streams = vec![StreamSpec { id: StreamId(1), value_type }];
    Arc::new(EntityLayout::new(streams, numbered, Span::from_days(400)))
}

fn state(layout: &Arc<EntityLayout>) -> EntityState {
    let mut state = EntityState::default();
    state.adopt(layout).unwrap();
    state
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

/// Applies something at its own time.
fn observe(state: &mut EntityState, secs: i64, observed: &Observed) {
    state.advance(at(secs));
    state.observe(0, at(secs), observed);
}

fn int(number: i64) -> Observed {
    Observed::Value(Value::Int(number))
}

fn text(text: &str) -> Observed {
    Observed::Value(Value::Text(text.into()))
}

#[test]
fn an_event_exactly_as_old_as_the_window_is_out() {
    let layout = layout(None, vec![feature(Aggregate::Count, Some("1h"))]);
    let mut state = state(&layout);
    observe(&mut state, 0, &Observed::Event);
    let edge = at(3_600);
    let just_before = Timestamp::from_micros(edge.as_micros() - 1);
    assert_eq!(state.read(0, just_before, None), Value::Int(1));
    assert_eq!(state.read(0, edge, None), Value::Int(0));
}

#[test]
fn a_delayed_window_ends_before_now() {
    let delayed =
        FeatureSpec { delay: Span::from_secs(60), ..feature(Aggregate::Count, Some("60s")) };
    let layout = layout(None, vec![delayed]);
    let mut state = state(&layout);
    observe(&mut state, 0, &Observed::Event);
    let counts: Vec<Value> =
        [0, 59, 60, 119, 120].map(|secs| state.read(0, at(secs), None)).into_iter().collect();
    assert_eq!(counts, [0, 0, 1, 1, 0].map(Value::Int));
}

#[test]
fn the_current_attempt_counts_only_where_it_is_asked_for() {
    let inclusive = FeatureSpec { inclusive: true, ..feature(Aggregate::Count, Some("1h")) };
    let delayed = FeatureSpec { delay: Span::from_secs(1), ..inclusive.clone() };
    let layout = layout(None, vec![feature(Aggregate::Count, Some("1h")), inclusive, delayed]);
    let state = state(&layout);
    let counts = [0, 1, 2].map(|place| state.read(place, at(0), Some(&Observed::Event)));
    assert_eq!(counts, [0, 1, 0].map(Value::Int));
}

#[test]
fn without_events_counts_and_sums_are_zero_and_all_else_is_missing() {
    let features = Aggregate::ALL.map(|(_, aggregate)| feature(aggregate, Some("1h"))).to_vec();
    let layout = layout(Some(ValueType::Int), features);
    let state = state(&layout);
    for (place, (name, aggregate)) in Aggregate::ALL.iter().enumerate() {
        let is_number =
            matches!(aggregate, Aggregate::Count | Aggregate::Sum | Aggregate::Distinct);
        let expected = if is_number { Value::Int(0) } else { Value::Missing };
        assert_eq!(state.read(place, at(0), None), expected, "{name}");
    }
}

#[test]
fn the_last_value_is_given_back_whole() {
    let last = FeatureSpec { value_type: ValueType::Text, ..feature(Aggregate::Last, None) };
    let layout = layout(Some(ValueType::Text), vec![last]);
    let mut state = state(&layout);
    for place in 0..3_000 {
        observe(&mut state, place, &text(&format!("a text of which number {place} is the last")));
    }
    let expected = "a text of which number 2999 is the last";
    assert_eq!(state.read(0, at(9_000_000), None), Value::Text(expected.into()));
}

#[test]
fn a_text_of_any_length_is_given_back_and_told_from_every_other() {
    let last = FeatureSpec { value_type: ValueType::Text, ..feature(Aggregate::Last, None) };
    let layout =
        layout(Some(ValueType::Text), vec![last, feature(Aggregate::Distinct, Some("1h"))]);
    let mut state = state(&layout);
    let texts = ["s", "s\0", "SE", "Länd", "8 bytes.", "9 bytes..", "\0", "8 bytes\0", "s"];
    for (place, given) in texts.into_iter().enumerate() {
        let secs = i64::try_from(place).unwrap();
        observe(&mut state, secs, &text(given));
        assert_eq!(state.read(0, at(secs), None), Value::Text(given.into()));
    }
    assert_eq!(state.read(1, at(60), None), Value::Int(8));
}

#[test]
fn a_sum_beyond_64_bits_is_unknown_and_known_again_when_it_fits() {
    let layout = layout(Some(ValueType::Int), vec![feature(Aggregate::Sum, Some("1h"))]);
    let mut state = state(&layout);
    observe(&mut state, 0, &int(i64::MAX));
    observe(&mut state, 60, &int(1));
    assert_eq!(state.read(0, at(60), None), Value::Unknown);
    assert_eq!(state.read(0, at(3_600), None), Value::Int(1));
}

#[test]
fn a_huge_float_leaves_no_trace_when_it_has_left_the_window() {
    let sum = FeatureSpec { value_type: ValueType::Float, ..feature(Aggregate::Sum, Some("60s")) };
    let layout = layout(Some(ValueType::Float), vec![sum]);
    for events in [20, 500] {
        let mut state = state(&layout);
        observe(&mut state, 0, &Observed::Value(Value::Float(1e300)));
        for place in 0..events {
            observe(&mut state, 1 + place * 58 / events, &Observed::Value(Value::Float(0.125)));
        }
        let rest = f64::from(i32::try_from(events).unwrap()) / 8.0;
        assert_eq!(state.read(0, at(60), None), Value::Float(rest));
    }
}

#[test]
fn an_unknown_event_makes_what_covers_it_unknown_until_it_leaves() {
    let layout = layout(
        Some(ValueType::Int),
        vec![
            feature(Aggregate::Sum, Some("60s")),
            feature(Aggregate::Sum, Some("2h")),
            feature(Aggregate::Last, Some("2h")),
        ],
    );
    for others in [1, 200] {
        let mut state = state(&layout);
        observe(&mut state, 0, &Observed::Unknown);
        for _ in 0..others {
            observe(&mut state, 60, &int(5));
        }
        assert_eq!(state.read(0, at(60), None), Value::Int(5 * others));
        assert_eq!(state.read(1, at(60), None), Value::Unknown);
        // What came after it settles which is the last.
        assert_eq!(state.read(2, at(60), None), Value::Int(5));
        assert_eq!(state.read(1, at(7_200), None), Value::Int(5 * others));
    }
}

#[test]
fn a_value_that_an_aggregate_cannot_take_makes_it_unknown() {
    let layout = layout(
        Some(ValueType::Any),
        vec![
            feature(Aggregate::Sum, None),
            feature(Aggregate::Max, None),
            feature(Aggregate::Count, None),
        ],
    );
    let mut state = state(&layout);
    observe(&mut state, 0, &int(5));
    observe(&mut state, 0, &text("five"));
    let values = [0, 1, 2].map(|place| state.read(place, at(0), None));
    assert_eq!(values, [Value::Unknown, Value::Unknown, Value::Int(2)]);
}

#[test]
fn many_different_values_are_estimated_within_three_percent() {
    let distinct = feature(Aggregate::Distinct, Some("1d"));
    let layout = layout(Some(ValueType::Text), vec![distinct, feature(Aggregate::Distinct, None)]);
    let mut state = state(&layout);
    for place in 0..20_000 {
        observe(&mut state, place, &text(&format!("card {}", place % 15_000)));
    }
    for place in 0..2 {
        let Value::Int(estimate) = state.read(place, at(20_000), None) else { panic!() };
        assert!((14_550..=15_450).contains(&estimate), "{estimate}");
    }
}
