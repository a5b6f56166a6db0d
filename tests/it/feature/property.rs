//! Every aggregate, window, delay and type against the naive recomputation, over random streams.

use std::sync::Arc;

use proptest::prelude::*;
use vajra::feature::spec::{Aggregate, EntityLayout, FeatureId, FeatureSpec, StreamId, StreamSpec};
use vajra::feature::state::{EntityState, Observed};
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Value, ValueType};

use super::naive::Naive;

pub(super) const STREAMS: [Option<ValueType>; 5] = [
    None,
    Some(ValueType::Int),
    Some(ValueType::Float),
    Some(ValueType::Text),
    Some(ValueType::Any),
];

pub(super) const DELAYS: [i64; 3] = [0, 7, 100];

/// One step of a history.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// How far time moves on.
    pub(super) wait: Span,
    /// How much earlier than that the event happened.
    pub(super) late: Span,
    pub(super) stream: usize,
    pub(super) number: i64,
    pub(super) is_unknown: bool,
    /// Picks the features that are read first.
    pub(super) looks_at: u32,
}

/// Every combination that a policy can declare.
pub(super) fn every_feature(delays: &[i64]) -> Arc<EntityLayout> {
    let windows = [None, Some(10), Some(100), Some(1_000)].map(|secs| secs.map(Span::from_secs));
    let mut features = Vec::new();
    for (stream, value_type) in STREAMS.into_iter().enumerate() {
        let is_number = !matches!(value_type, None | Some(ValueType::Text));
        for (_, aggregate) in Aggregate::ALL {
            let fits = match aggregate {
                Aggregate::Count | Aggregate::SinceFirst | Aggregate::SinceLast => true,
                Aggregate::Distinct | Aggregate::Last => value_type.is_some(),
                Aggregate::Sum
                | Aggregate::Avg
                | Aggregate::Min
                | Aggregate::Max
                | Aggregate::Stddev => is_number,
            };
            for window in windows.into_iter().filter(|_| fits) {
                for delay in delays.iter().copied().map(Span::from_secs) {
                    for inclusive in [false, true] {
                        let id = FeatureId(features.len() as u64);
                        let value_type = value_type.unwrap_or(ValueType::Int);
                        features.push(FeatureSpec {
                            id,
                            stream,
                            aggregate,
                            window,
                            delay,
                            inclusive,
                            value_type,
                        });
                    }
                }
            }
        }
    }
    let streams = STREAMS
        .into_iter()
        .zip(1..)
        .map(|(value_type, id)| StreamSpec { id: StreamId(id), value_type })
        .collect();
    Arc::new(EntityLayout::new(streams, features, Span::from_days(400)))
}

pub(super) fn observed(step: &Step) -> Observed {
    if step.is_unknown {
        return Observed::Unknown;
    }
    let float = Value::Float(step.number as f64 / 7.0);
    match STREAMS[step.stream] {
        None => Observed::Event,
        Some(ValueType::Int) => Observed::Value(Value::Int(step.number)),
        Some(ValueType::Float) => Observed::Value(float),
        Some(ValueType::Any) if step.number % 2 == 0 => Observed::Value(float),
        Some(ValueType::Any) => Observed::Value(Value::Int(step.number)),
        Some(_) => {
            Observed::Value(Value::Text(format!("a longer text {}", step.number % 40).into()))
        }
    }
}

/// Waits that meet edges exactly, by a microsecond, and not at all.
fn wait(longest_secs: i64) -> impl Strategy<Value = Span> {
    prop_oneof![
        4 => Just(Span::ZERO),
        1 => Just(Span::from_micros(1)),
        6 => (0..longest_secs).prop_map(Span::from_secs),
        2 => (0..longest_secs * 1_000_000).prop_map(Span::from_micros),
    ]
}

pub(super) fn step(longest_secs: i64, unknown_share: f64) -> impl Strategy<Value = Step> {
    let late = prop_oneof![5 => Just(Span::ZERO), 1 => wait(150)];
    let number = prop_oneof![5 => -50..50_i64, 1 => -10_000_000..10_000_000_i64];
    (
        wait(longest_secs),
        late,
        0..STREAMS.len(),
        number,
        prop::bool::weighted(unknown_share),
        any::<u32>(),
    )
        .prop_map(|(wait, late, stream, number, is_unknown, looks_at)| Step {
            wait,
            late,
            stream,
            number,
            is_unknown,
            looks_at,
        })
}

/// Applies a history; before every `stride`th event eight features of its stream are read and compared.
fn compare(delays: &[i64], steps: &[Step], stride: usize) -> Result<(), TestCaseError> {
    let layout = every_feature(delays);
    let mut state = EntityState::default();
    state.adopt(&layout).unwrap();
    let mut naive = vec![Naive::default(); STREAMS.len()];
    let mut now = Timestamp::from_secs(1_700_000_000);
    let of_stream: Vec<Vec<usize>> = (0..STREAMS.len())
        .map(|stream| {
            let features = layout.features.iter().enumerate();
            features.filter(|(_, spec)| spec.stream == stream).map(|(place, _)| place).collect()
        })
        .collect();
    for (number, step) in steps.iter().enumerate() {
        now = now.plus(step.wait);
        let current = observed(step);
        let places = &of_stream[step.stream];
        for look in (0..8).filter(|_| number % stride == 0) {
            let place = places[step.looks_at.wrapping_add(u32::wrapping_mul(look, 0x9e37_79b1))
                as usize
                % places.len()];
            let spec = &layout.features[place];
            let found = state.read(place, now, Some(&current));
            let expected = naive[spec.stream].read(spec, now, Some(&current));
            prop_assert!(expected.admits(&found), "{spec:?}: {found:?}, not {expected:?}");
        }
        state.advance(now);
        state.observe(step.stream, now.minus(step.late), &current);
        naive[step.stream].observe(now.minus(step.late), current);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn features_equal_a_naive_recomputation(
        steps in prop::collection::vec(step(12, 0.003), 1..400),
    ) {
        compare(&DELAYS, &steps, 1)?;
    }

    #[test]
    fn so_they_do_where_most_events_have_expired(
        steps in prop::collection::vec(step(400, 0.02), 1..120),
    ) {
        compare(&DELAYS, &steps, 1)?;
    }

    #[test]
    fn when_and_what_was_read_changes_no_later_value(
        steps in prop::collection::vec(step(5, 0.003), 1..300),
    ) {
        let layout = every_feature(&DELAYS);
        let mut read = EntityState::default();
        let mut unread = EntityState::default();
        read.adopt(&layout).unwrap();
        unread.adopt(&layout).unwrap();
        let mut now = Timestamp::from_secs(1_700_000_000);
        for step in &steps {
            now = now.plus(step.wait);
            let far = now.plus(Span::from_secs(i64::from(step.looks_at % 2_000)));
            let place = step.looks_at as usize % layout.features.len();
            read.read(place, far, Some(&Observed::Unknown));
            for state in [&mut read, &mut unread] {
                state.advance(now);
                state.observe(step.stream, now.minus(step.late), &observed(step));
            }
        }
        for place in 0..layout.features.len() {
            prop_assert_eq!(read.read(place, now, None), unread.read(place, now, None));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn beyond_a_thousand_events_only_the_old_edge_moves(
        stream in 0..STREAMS.len(),
        is_delayed: bool,
        steps in prop::collection::vec(step(2, 0.000_1), 3_500..4_000),
    ) {
        let one_stream: Vec<Step> =
            steps.iter().map(|step| Step { stream, ..step.clone() }).collect();
        // Streams without delayed features keep fewer events.
        compare(if is_delayed { &DELAYS } else { &[0] }, &one_stream, 16)?;
    }
}

#[test]
fn a_delayed_window_has_a_rounded_near_edge_when_very_many_events_come_after_it() {
    let layout = every_feature(&[100]);
    let mut state = EntityState::default();
    state.adopt(&layout).unwrap();
    let start = Timestamp::from_secs(1_700_000_000);
    let time_of = |number: i64| start.plus(Span::from_micros(number * 2_000));
    let events = 90_000;
    for number in 0..events {
        state.advance(time_of(number));
        state.observe(1, time_of(number), &Observed::Value(Value::Int(number % 3_000)));
    }
    let now = time_of(events - 1);
    for (place, spec) in layout.features.iter().enumerate().filter(|(_, spec)| spec.stream == 1) {
        let value = state.read(place, now, None);
        let Some(window) = spec.window else {
            assert_eq!(value, Value::Unknown);
            continue;
        };
        let (count, slot) = match (spec.aggregate, value) {
            (Aggregate::Count, Value::Int(count)) => (count, window.as_micros() / 128),
            (Aggregate::Distinct, Value::Int(count)) => {
                assert!((2_900..=3_100).contains(&count), "{count}");
                continue;
            }
            _ => continue,
        };
        let whole = window.as_micros().min(now.as_micros() - start.as_micros() - 100_000_000);
        assert!((count * 2_000 - whole).abs() <= slot, "{window}: {count}");
    }
}
