//! A state that is only read forward gives what the engine's gives, value for value.

use proptest::prelude::*;
use vajra::feature::forward::{ForwardPlan, ForwardState};
use vajra::feature::spec::Aggregate;
use vajra::feature::state::EntityState;
use vajra::model::time::{Span, Timestamp};

use super::property::{DELAYS, Step, every_feature, observed, step};

/// Applies a history to both; all features are read before every `stride`th event.
fn compare(delays: &[i64], steps: &[Step], stride: usize) -> Result<(), TestCaseError> {
    let layout = every_feature(delays);
    let every: Vec<usize> = (0..layout.features.len()).collect();
    let plan = ForwardPlan::new(&layout, &every);
    let mut forward = ForwardState::new(&plan);
    let mut state = EntityState::default();
    state.adopt(&layout).unwrap();
    let mut now = Timestamp::from_secs(1_700_000_000);
    let mut values = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        now = now.plus(step.wait);
        let current = observed(step);
        if number % stride == 0 {
            let own = |feature: usize| {
                (layout.features[feature].stream == step.stream).then_some(&current)
            };
            values.clear();
            forward.read(&plan, now, own, &mut values);
            for (feature, value) in values.iter().enumerate() {
                let expected = state.read(feature, now, own(feature));
                prop_assert_eq!(value, &expected, "{:?}", layout.features[feature]);
            }
        }
        state.advance(now);
        state.observe(step.stream, now, &current);
        forward.observe(&plan, step.stream, now, &current);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn reads_that_go_forward_give_the_same_values(
        steps in prop::collection::vec(step(12, 0.003), 1..300),
    ) {
        compare(&DELAYS, &steps, 1)?;
    }

    #[test]
    fn so_they_do_where_most_events_have_expired(
        steps in prop::collection::vec(step(400, 0.05), 1..120),
    ) {
        compare(&DELAYS, &steps, 3)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn so_they_do_beyond_a_thousand_events(
        stream in 0..5_usize,
        is_delayed: bool,
        steps in prop::collection::vec(step(2, 0.000_1), 3_500..4_000),
    ) {
        let one_stream: Vec<Step> =
            steps.iter().map(|step| Step { stream, ..step.clone() }).collect();
        compare(if is_delayed { &DELAYS } else { &[0] }, &one_stream, 64)?;
    }
}

#[test]
fn so_they_do_where_very_many_events_come_after_a_delayed_window() {
    let layout = every_feature(&[100]);
    let counts: Vec<usize> = (0..layout.features.len())
        .filter(|place| {
            let spec = &layout.features[*place];
            spec.stream == 1 && spec.aggregate != Aggregate::Distinct
        })
        .collect();
    let plan = ForwardPlan::new(&layout, &counts);
    let mut forward = ForwardState::new(&plan);
    let mut state = EntityState::default();
    state.adopt(&layout).unwrap();
    let start = Timestamp::from_secs(1_700_000_000);
    for number in 0..80_000_i64 {
        // Dense at first, so that the near edge is rounded, and then no more.
        let micros = number * 2_000 + (number - 60_000).max(0) * 20_000;
        let now = start.plus(Span::from_micros(micros));
        if number % 7_919 == 0 {
            let mut values = Vec::new();
            forward.read(&plan, now, |_| None, &mut values);
            for (place, value) in counts.iter().zip(&values) {
                let expected = state.read(*place, now, None);
                assert_eq!(*value, expected, "{number}: {:?}", layout.features[*place]);
            }
        }
        let event =
            vajra::feature::state::Observed::Value(vajra::model::value::Value::Int(number % 7));
        state.advance(now);
        state.observe(1, now, &event);
        forward.observe(&plan, 1, now, &event);
    }
}
