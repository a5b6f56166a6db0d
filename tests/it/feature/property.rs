//! Every aggregate, window, delay and type against the naive recomputation, over random streams.

use std::sync::Arc;

use proptest::prelude::*;
use vajra::feature::spec::{Aggregate, EntityLayout, FeatureId, FeatureSpec, StreamId, StreamSpec};
use vajra::feature::state::{EntityState, Observed};
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Value, ValueType};

use super::naive::Naive;

const STREAMS: [Option<ValueType>; 5] = [
    None,
    Some(ValueType::Int),
    Some(ValueType::Float),
    Some(ValueType::Text),
    Some(ValueType::Any),
];

/// One step of a history.
#[derive(Clone, Debug)]
struct Step {
    /// How far time moves on.
    wait: Span,
    /// How much earlier than that the event happened.
    late: Span,
    stream: usize,
    number: i64,
    is_unknown: bool,
    /// Picks the features that are read first.
    looks_at: u32,
}

fn every_feature() -> Arc<EntityLayout> {
    let windows = [None, Some(10), Some(100), Some(1_000)].map(|secs| secs.map(Span::from_secs));
    let delays = [0, 7, 100].map(Span::from_secs);
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
                for delay in delays {
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

fn observed(step: &Step) -> Observed {
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

fn step(longest_secs: i64, unknown_share: f64) -> impl Strategy<Value = Step> {
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
fn compare(steps: &[Step], stride: usize) -> Result<(), TestCaseError> {
    let layout = every_feature();
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
        compare(&steps, 1)?;
    }

    #[test]
    fn so_they_do_where_most_events_have_expired(
        steps in prop::collection::vec(step(400, 0.02), 1..120),
    ) {
        compare(&steps, 1)?;
    }

    #[test]
    fn when_and_what_was_read_changes_no_later_value(
        steps in prop::collection::vec(step(5, 0.003), 1..300),
    ) {
        let layout = every_feature();
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
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn beyond_a_thousand_events_only_the_old_edge_moves(
        stream in 0..STREAMS.len(),
        steps in prop::collection::vec(step(2, 0.000_1), 4_000..5_000),
    ) {
        let one_stream: Vec<Step> =
            steps.iter().map(|step| Step { stream, ..step.clone() }).collect();
        compare(&one_stream, 16)?;
    }
}
