//! From events to the value of a feature: what each aggregate makes of a window.

use smallvec::SmallVec;

use crate::feature::event::{Event, Scalar, Values};
use crate::feature::large::{Cover, Large};
use crate::feature::spec::{Aggregate, FeatureSpec};
use crate::feature::state::Observed;
use crate::feature::summary::{
    Count, Extremes, Moments, Part, Tally, Total, count_float, total_float,
};
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
    /// The newest, and what the others add up to.
    Many(&'a Large, Cover),
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

    /// The covered ones of a few events in order of time. Most windows cover nearly all of them, so
    /// that it is quicker to look from both ends than to search from the middle.
    fn covered<'b>(&self, events: &'b [Event]) -> &'b [Event] {
        let later = events.iter().rev().take_while(|event| event.at > self.upto).count();
        let events = events.get(..events.len() - later).unwrap_or_default();
        let Some(after) = self.after else { return events };
        let earlier = events.iter().take_while(|event| event.at <= after).count();
        events.get(earlier..).unwrap_or_default()
    }
}

// === impl Source ===

impl Source<'_> {
    /// What the covered events add up to; `None` when that cannot be told.
    fn part<P: Part>(&self, view: &View<'_>) -> Option<P> {
        let mut part = match self {
            Self::Few(events) => {
                let mut part = P::default();
                view.covered(events).iter().for_each(|event| part.add(event));
                part
            }
            Self::Many(large, cover) => large.part(view, *cover)?,
        };
        if let Some((current, _)) = &view.current {
            part.add(current);
        }
        Some(part)
    }

    /// How many the covered events are; `None` when that cannot be told.
    fn count(&self, view: &View<'_>) -> Option<i128> {
        let mut count = match self {
            Self::Few(_) => return self.part(view).and_then(known_count),
            Self::Many(large, cover) => large.count(view, *cover)?,
        };
        if let Some((current, _)) = &view.current {
            count.add(current);
        }
        known_count(count)
    }

    fn last(&self, view: &View<'_>) -> Result<Option<Event>, ()> {
        match self {
            Self::Few(events) => Ok(view.covered(events).last().copied()),
            Self::Many(large, cover) => large.last(*cover),
        }
    }

    fn distinct(&self, view: &View<'_>) -> u64 {
        let current = view.current.as_ref().map(|(event, _)| event);
        match self {
            Self::Few(events) => count_distinct(view.covered(events).iter().chain(current)),
            Self::Many(large, cover) => large.distinct(view, *cover, current),
        }
    }
}

/// The value of a feature over a stream.
pub(super) fn read(source: &Source<'_>, view: &View<'_>, values: Option<&Values>) -> Value {
    let value = match view.spec.aggregate {
        Aggregate::Count => source.count(view).map(whole),
        Aggregate::Distinct => source.count(view).map(|_| whole(i128::from(source.distinct(view)))),
        Aggregate::SinceFirst => {
            source.part::<Tally>(view).map(|tally| since(view.now, tally.first()))
        }
        Aggregate::SinceLast => {
            source.part::<Tally>(view).map(|tally| since(view.now, tally.last()))
        }
        Aggregate::Last => Some(last(source, view, values)),
        Aggregate::Sum => source.part(view).map(|moments| sum(&moments, view.spec.value_type)),
        Aggregate::Avg => source.part(view).map(|moments| average(&moments)),
        Aggregate::Stddev => source.part(view).map(|moments| deviation(&moments)),
        Aggregate::Min => {
            source.part(view).map(|extremes: Extremes| extreme(&extremes, extremes.least))
        }
        Aggregate::Max => {
            source.part(view).map(|extremes: Extremes| extreme(&extremes, extremes.greatest))
        }
    };
    value.unwrap_or(Value::Unknown)
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

fn known_count(count: Count) -> Option<i128> {
    (count.unknown == 0).then_some(i128::from(count.all))
}

fn last(source: &Source<'_>, view: &View<'_>, values: Option<&Values>) -> Value {
    if let Some((_, current)) = &view.current {
        return match current {
            Observed::Value(value) => value.clone(),
            Observed::Event => Value::Missing,
            Observed::Unknown => Value::Unknown,
        };
    }
    match source.last(view) {
        Ok(Some(event)) => event.value(values),
        Ok(None) => Value::Missing,
        Err(()) => Value::Unknown,
    }
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

fn extreme(extremes: &Extremes, scalar: Option<Scalar>) -> Value {
    match scalar {
        _ if !extremes.is_ordered() => Value::Unknown,
        Some(scalar) => scalar.value(),
        None => Value::Missing,
    }
}
