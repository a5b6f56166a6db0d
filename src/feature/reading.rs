//! From events to the value of a feature: what each aggregate makes of a window.

use smallvec::SmallVec;

use crate::feature::event::{Event, Scalar, Values};
use crate::feature::spec::{Aggregate, FeatureSpec};
use crate::feature::state::Observed;
use crate::feature::summary::{Extremes, Moments, Part, Tally, Total, count_float, total_float};
use crate::model::time::Timestamp;
use crate::model::value::{Value, ValueType};

/// Which events a read covers, and what the attempt that is being decided adds to them.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) spec: &'a FeatureSpec,
    now: Timestamp,
    /// Covered are the events after this; `None` is all time.
    pub(super) after: Option<Timestamp>,
    /// Covered are the events up to this.
    pub(super) upto: Timestamp,
    current: Option<(Event, &'a Observed)>,
}

/// The events of one stream of one entity.
#[derive(Debug)]
pub(super) enum Source<'a> {
    /// All of them, in order of time.
    Few(&'a [Event]),
}

// === impl View ===

impl<'a> View<'a> {
    pub(super) fn new(
        spec: &'a FeatureSpec,
        now: Timestamp,
        current: Option<&'a Observed>,
    ) -> Self {
        let upto = now.minus(spec.delay);
        Self {
            spec,
            now,
            after: spec.window.map(|window| upto.minus(window)),
            upto,
            current: current.map(|observed| (Event::new(0, now, observed), observed)),
        }
    }

    /// The covered ones of events in order of time.
    pub(super) fn covered<'b>(&self, events: &'b [Event]) -> &'b [Event] {
        let start = self.after.map_or(0, |after| events.partition_point(|event| event.at <= after));
        let end = events.partition_point(|event| event.at <= self.upto);
        events.get(start..end).unwrap_or_default()
    }
}

// === impl Source ===

impl Source<'_> {
    fn part<P: Part>(&self, view: &View<'_>) -> P {
        let mut part = P::default();
        match self {
            Self::Few(events) => view.covered(events).iter().for_each(|event| part.add(event)),
        }
        if let Some((current, _)) = &view.current {
            part.add(current);
        }
        part
    }

    fn last(&self, view: &View<'_>) -> Option<Event> {
        match self {
            Self::Few(events) => view.covered(events).last().copied(),
        }
    }

    fn distinct(&self, view: &View<'_>) -> u64 {
        let current = view.current.as_ref().map(|(event, _)| event);
        match self {
            Self::Few(events) => count_distinct(view.covered(events).iter().chain(current)),
        }
    }
}

/// The value of a feature over a stream.
pub(super) fn read(source: &Source<'_>, view: &View<'_>, values: Option<&Values>) -> Value {
    match view.spec.aggregate {
        Aggregate::Count => match source.part::<Tally>(view) {
            Tally { unknown: 0, count, .. } => whole(i128::from(count)),
            Tally { .. } => Value::Unknown,
        },
        Aggregate::Distinct => match source.part::<Tally>(view) {
            Tally { unknown: 0, .. } => whole(i128::from(source.distinct(view))),
            Tally { .. } => Value::Unknown,
        },
        Aggregate::SinceFirst => since(view.now, source.part::<Tally>(view).first()),
        Aggregate::SinceLast => since(view.now, source.part::<Tally>(view).last()),
        Aggregate::Last => match (&view.current, source.last(view)) {
            (Some((_, Observed::Value(value))), _) => value.clone(),
            (Some((_, Observed::Unknown)), _) => Value::Unknown,
            (Some((_, Observed::Event)), _) | (None, None) => Value::Missing,
            (None, Some(event)) => {
                values.map_or_else(|| event.value(&Values::default()), |values| event.value(values))
            }
        },
        Aggregate::Sum => sum(&source.part(view), view.spec.value_type),
        Aggregate::Avg => average(&source.part(view)),
        Aggregate::Stddev => deviation(&source.part(view)),
        Aggregate::Min => extreme(&source.part(view), |extremes| extremes.least),
        Aggregate::Max => extreme(&source.part(view), |extremes| extremes.greatest),
    }
}

/// How many different values events have.
pub(super) fn count_distinct<'a>(events: impl Iterator<Item = &'a Event>) -> u64 {
    let mut seen: SmallVec<[u64; 32]> = events.map(Event::identity).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len() as u64
}

/// A sum that does not fit in 64 bits is unknown: there is no value it could be, and no error to give.
fn whole(number: i128) -> Value {
    i64::try_from(number).map_or(Value::Unknown, Value::Int)
}

fn finite(number: f64) -> Value {
    if number.is_finite() { Value::Float(number) } else { Value::Unknown }
}

fn since(now: Timestamp, at: Result<Option<Timestamp>, ()>) -> Value {
    match at {
        Ok(Some(at)) => Value::Int(now.since(at).as_secs()),
        Ok(None) => Value::Missing,
        Err(()) => Value::Unknown,
    }
}

fn sum(moments: &Moments, value_type: ValueType) -> Value {
    match moments.sum() {
        Some(Total::Int(sum)) if value_type != ValueType::Float => whole(sum),
        Some(total) => finite(total_float(total)),
        None => Value::Unknown,
    }
}

fn average(moments: &Moments) -> Value {
    match (moments.sum(), moments.count()) {
        (None, _) => Value::Unknown,
        (Some(_), 0) => Value::Missing,
        (Some(total), count) => finite(total_float(total) / count_float(count)),
    }
}

fn deviation(moments: &Moments) -> Value {
    match (moments.sum(), moments.count()) {
        (None, _) => Value::Unknown,
        (Some(_), 0 | 1) => Value::Missing,
        (Some(_), _) => finite(moments.variance().max(0.0).sqrt()),
    }
}

fn extreme(extremes: &Extremes, of: impl Fn(&Extremes) -> Option<Scalar>) -> Value {
    if !extremes.is_ordered() {
        return Value::Unknown;
    }
    of(extremes).map_or(Value::Missing, Scalar::value)
}
