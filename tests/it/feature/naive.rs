//! What features mean, recomputed from every event that ever was: slow, and short enough to be believed.

use vajra::feature::spec::{Aggregate, FeatureSpec};
use vajra::feature::state::Observed;
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Value, ValueType};

/// All events of one stream in order of arrival.
#[derive(Clone, Debug, Default)]
pub(super) struct Naive {
    events: Vec<(Timestamp, Observed)>,
}

/// A value, and whether it is an estimate.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) value: Value,
    pub(super) is_estimate: bool,
}

impl Naive {
    pub(super) fn observe(&mut self, at: Timestamp, observed: Observed) {
        self.events.push((at, observed));
    }

    pub(super) fn read(
        &self,
        spec: &FeatureSpec,
        now: Timestamp,
        current: Option<&Observed>,
    ) -> Expected {
        let upto = now.minus(spec.delay);
        let between = |after: Option<Timestamp>| {
            let mut covered: Vec<_> = self
                .events
                .iter()
                .filter(|(at, _)| *at <= upto && after.is_none_or(|after| *at > after))
                .map(|(at, observed)| (*at, observed))
                .collect();
            covered.sort_by_key(|(at, _)| *at);
            covered
        };
        let after = spec.window.map(|window| upto.minus(window));
        let mut covered = between(after);
        let mut is_coarse = false;
        if let (Some(window), Some(after)) = (spec.window, after)
            && covered.len() > 1_000
        {
            let slot = window.as_micros() / 128;
            let edge = Timestamp::from_micros(after.as_micros().div_euclid(slot) * slot);
            assert!((after.as_micros() - edge.as_micros()) * 100 <= window.as_micros());
            covered = between(Some(edge));
            is_coarse = true;
        }
        if spec.inclusive && spec.delay == Span::ZERO {
            covered.extend(current.map(|observed| (now, observed)));
        }
        let value = aggregate(spec, now, &covered);
        let is_many = is_coarse || matches!(value, Value::Int(count) if count > 1_000);
        Expected { value, is_estimate: spec.aggregate == Aggregate::Distinct && is_many }
    }
}

fn aggregate(spec: &FeatureSpec, now: Timestamp, covered: &[(Timestamp, &Observed)]) -> Value {
    let is_unknown = |observed: &Observed| *observed == Observed::Unknown;
    let any_unknown = covered.iter().any(|(_, observed)| is_unknown(observed));
    let since =
        |at: Option<Timestamp>, unknown: Option<Timestamp>, is_before: bool| match (at, unknown) {
            (None, None) => Value::Missing,
            (None, Some(_)) => Value::Unknown,
            (Some(at), Some(unknown)) if at != unknown && (unknown < at) == is_before => {
                Value::Unknown
            }
            (Some(at), _) => Value::Int(now.since(at).as_secs()),
        };
    let times = |unknown: bool| {
        covered
            .iter()
            .filter(move |(_, observed)| is_unknown(observed) == unknown)
            .map(|(at, _)| *at)
    };
    let values: Vec<&Value> = covered
        .iter()
        .filter_map(|(_, observed)| match observed {
            Observed::Value(value) => Some(value),
            Observed::Event | Observed::Unknown => None,
        })
        .collect();
    match spec.aggregate {
        Aggregate::SinceFirst => since(times(false).min(), times(true).min(), true),
        Aggregate::SinceLast => since(times(false).max(), times(true).max(), false),
        Aggregate::Last => match covered.last() {
            Some((_, Observed::Value(value))) => value.clone(),
            Some((_, Observed::Unknown)) => Value::Unknown,
            Some((_, Observed::Event)) | None => Value::Missing,
        },
        _ if any_unknown => Value::Unknown,
        Aggregate::Count => Value::Int(covered.len().try_into().unwrap()),
        Aggregate::Distinct => {
            let mut keys: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            keys.sort();
            keys.dedup();
            Value::Int(keys.len().try_into().unwrap())
        }
        Aggregate::Min | Aggregate::Max | Aggregate::Sum | Aggregate::Avg | Aggregate::Stddev => {
            if values.iter().any(|value| matches!(value, Value::Float(_)))
                || spec.value_type == ValueType::Float
            {
                let numbers: Vec<f64> = values.iter().map(|value| as_float(value)).collect();
                of_floats(spec.aggregate, &numbers)
            } else {
                let numbers: Vec<i128> =
                    values.iter().map(|value| i128::from(value.as_int().unwrap())).collect();
                of_ints(spec.aggregate, &numbers)
            }
        }
    }
}

fn as_float(value: &Value) -> f64 {
    match value {
        Value::Float(number) => *number,
        Value::Int(number) => *number as f64,
        other => panic!("{other:?} is no number"),
    }
}

fn of_ints(aggregate: Aggregate, numbers: &[i128]) -> Value {
    let count = numbers.len() as i128;
    let sum: i128 = numbers.iter().sum();
    let int = |number: i128| i64::try_from(number).map_or(Value::Unknown, Value::Int);
    match aggregate {
        Aggregate::Sum => int(sum),
        Aggregate::Min => numbers.iter().min().map_or(Value::Missing, |number| int(*number)),
        Aggregate::Max => numbers.iter().max().map_or(Value::Missing, |number| int(*number)),
        Aggregate::Avg if count > 0 => Value::Float(sum as f64 / count as f64),
        Aggregate::Stddev if count > 1 => {
            // Exact as long as the test's numbers are small.
            let squares: i128 = numbers.iter().map(|number| number * number).sum();
            let spread = count * squares - sum * sum;
            Value::Float((spread as f64 / (count * (count - 1)) as f64).sqrt())
        }
        _ => Value::Missing,
    }
}

/// The sum to the last digit, also where large numbers cancel: in parts that do not overlap (Shewchuk).
fn exact_sum(numbers: &[f64]) -> f64 {
    let mut parts: Vec<f64> = Vec::new();
    for number in numbers {
        let mut sum = *number;
        let mut lost = Vec::new();
        for part in parts {
            let (more, less) = if sum.abs() < part.abs() { (part, sum) } else { (sum, part) };
            sum = more + less;
            let low = less - (sum - more);
            if low != 0.0 {
                lost.push(low);
            }
        }
        lost.push(sum);
        parts = lost;
    }
    parts.iter().sum()
}

fn of_floats(aggregate: Aggregate, numbers: &[f64]) -> Value {
    let count = numbers.len() as f64;
    let sum = exact_sum(numbers);
    let mean = sum / count;
    match aggregate {
        Aggregate::Sum => Value::Float(sum),
        Aggregate::Min => {
            numbers.iter().copied().reduce(f64::min).map_or(Value::Missing, Value::Float)
        }
        Aggregate::Max => {
            numbers.iter().copied().reduce(f64::max).map_or(Value::Missing, Value::Float)
        }
        Aggregate::Avg if !numbers.is_empty() => Value::Float(mean),
        Aggregate::Stddev if numbers.len() > 1 => {
            let spread: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
            Value::Float((spread / (count - 1.0)).sqrt())
        }
        _ => Value::Missing,
    }
}

impl Expected {
    /// Whether the value is the expected one: equal, floats within 1e-9 relative, estimates within
    /// four standard errors.
    pub(super) fn admits(&self, value: &Value) -> bool {
        match (&self.value, value) {
            (Value::Float(expected), Value::Float(found)) => {
                let scale = expected.abs().max(found.abs()).max(1e-6);
                (expected - found).abs() <= 1e-9 * scale
            }
            (Value::Int(expected), Value::Int(found)) if self.is_estimate => {
                (expected - found).abs() as f64 <= 0.033 * (*expected as f64).max(100.0)
            }
            // Of values of both types the least keeps its own.
            (Value::Float(expected), Value::Int(found)) => *expected == *found as f64,
            (expected, found) => expected == found,
        }
    }
}
