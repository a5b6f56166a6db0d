//! What a change of policies leaves of an entity.

use std::sync::Arc;

use vajra::feature::spec::{Aggregate, EntityLayout, FeatureId, FeatureSpec, StreamId, StreamSpec};
use vajra::feature::state::{NewerLayout, Observed};
use vajra::model::time::Span;
use vajra::model::value::{Value, ValueType};

use super::{at, feature, int, observe, state};

/// Features by id, each over the stream of the same number as its window is hours long.
fn published(
    streams: &[u64],
    features: &[(u64, usize, FeatureSpec)],
    previous: Option<&EntityLayout>,
    publication: u64,
) -> Arc<EntityLayout> {
    let streams = streams
        .iter()
        .map(|id| StreamSpec { id: StreamId(*id), value_type: Some(ValueType::Int) })
        .collect();
    let features = features
        .iter()
        .map(|(id, stream, spec)| FeatureSpec {
            id: FeatureId(*id),
            stream: *stream,
            ..spec.clone()
        })
        .collect();
    let layout = EntityLayout::new(streams, features, Span::from_days(400));
    Arc::new(if publication == 0 {
        layout
    } else {
        layout.carried_over(previous, at(1_000), publication)
    })
}

#[test]
fn a_feature_that_did_not_change_keeps_its_state_and_a_new_one_is_unknown_until_warm() {
    let sum = feature(Aggregate::Sum, Some("1h"));
    let count = feature(Aggregate::Count, None);
    for events in [3, 50, 2_000] {
        let first = published(&[7, 8], &[(70, 0, sum.clone()), (80, 1, count.clone())], None, 0);
        let mut state = state(&first);
        for _ in 0..events {
            observe(&mut state, 0, &int(2));
            state.observe(1, at(0), &Observed::Event);
        }
        let longer = feature(Aggregate::Sum, Some("2h"));
        let features =
            [(80, 1, count.clone()), (90, 0, sum.clone()), (91, 2, longer), (70, 2, sum.clone())];
        let second = published(&[9, 8, 7], &features, Some(&first), 1);
        state.adopt(&second).unwrap();
        let read = |secs| [0, 1, 2, 3].map(|place| state.read(place, at(secs), None));
        let kept = [Value::Int(events), Value::Unknown, Value::Unknown, Value::Int(2 * events)];
        assert_eq!(read(1_000), kept);
        // An hour after the publication nothing before it can be in a window of an hour.
        let later = [Value::Int(events), Value::Int(0), Value::Unknown, Value::Int(0)];
        assert_eq!(read(1_000 + 3_600), later);
        assert_eq!(read(1_000 + 7_200)[2], Value::Int(0));
    }
}

#[test]
fn a_new_window_over_many_kept_events_is_right_once_it_is_known() {
    let count = feature(Aggregate::Count, Some("1h"));
    let distinct = feature(Aggregate::Distinct, Some("2h"));
    let first = published(&[7], &[(70, 0, count.clone())], None, 0);
    let second = published(&[7], &[(70, 0, count), (71, 0, distinct)], Some(&first), 1);
    let mut state = state(&first);
    for place in 0..3_000 {
        observe(&mut state, place % 1_000, &int(place));
    }
    state.adopt(&second).unwrap();
    for place in 0..8_000 {
        observe(&mut state, 1_000 + place, &int(place % 500));
    }
    let Value::Int(estimate) = state.read(1, at(9_000), None) else { panic!() };
    assert!((485..=515).contains(&estimate), "{estimate}");
}

#[test]
fn a_kind_of_entity_that_was_not_declared_before_is_unknown_until_warm() {
    let layout = published(&[7], &[(70, 0, feature(Aggregate::Count, Some("1h")))], None, 1);
    let state = state(&layout);
    assert_eq!(state.read(0, at(1_000 + 3_599), None), Value::Unknown);
    assert_eq!(state.read(0, at(1_000 + 3_600), None), Value::Int(0));
}

#[test]
fn an_entity_does_not_go_back_to_an_earlier_publication() {
    let features = [(70, 0, feature(Aggregate::Count, Some("1h")))];
    let first = published(&[7], &features, None, 0);
    let second = published(&[7], &features, Some(&first), 1);
    let mut state = state(&second);
    observe(&mut state, 0, &int(1));
    assert_eq!(state.adopt(&first), Err(NewerLayout));
    assert_eq!(state.read(0, at(0), None), Value::Int(1));
}
