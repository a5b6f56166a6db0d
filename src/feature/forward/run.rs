//! A window whose edges only move forward: a run of events, and what they add up to.

use std::collections::VecDeque;

use crate::feature::event::{Event, Scalar};
use crate::feature::spec::{Aggregate, FeatureSpec};
use crate::feature::state::Observed;
use crate::feature::summary::{Part as _, Tally, Total, count_float, total_float};
use crate::model::time::Timestamp;
use crate::model::value::Value;

#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) exact: Run,
    /// The same with rounded edges, from when it was needed first.
    pub(super) rounded: Option<Box<Run>>,
    pub(super) is_rounded: bool,
}

/// A run of events, by their numbers, and what they add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) totals: Totals,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) count: u64,
    pub(super) unknown: u64,
    /// Values that are no whole numbers.
    odd: u64,
    sum: i128,
}

// === impl Window ===

impl Window {
    pub(super) fn runs(&mut self) -> impl Iterator<Item = &mut Run> {
        std::iter::once(&mut self.exact).chain(self.rounded.as_deref_mut())
    }

    /// The run that is read.
    pub(super) fn run(&self) -> &Run {
        self.rounded.as_deref().filter(|_| self.is_rounded).unwrap_or(&self.exact)
    }
}

// === impl Run ===

impl Run {
    /// An empty one before the event of that number.
    pub(super) fn at(number: u64) -> Self {
        Self { start: number, end: number, totals: Totals::default() }
    }

    /// Covers the events after the one edge and up to the other. The far edge only moves on; the near
    /// one may go back a little where it begins to be rounded.
    pub(super) fn slide(
        &mut self,
        events: &VecDeque<Event>,
        first: u64,
        (after, upto): (Timestamp, Timestamp),
    ) {
        let event = |number: u64| events.get(usize::try_from(number.checked_sub(first)?).ok()?);
        while let Some(entered) = event(self.end).filter(|event| event.at <= upto) {
            self.totals.add(entered);
            self.end += 1;
        }
        while self.end > self.start
            && let Some(back) = event(self.end - 1).filter(|event| event.at > upto)
        {
            self.totals.take(back);
            self.end -= 1;
        }
        while self.start < self.end
            && let Some(left) = event(self.start).filter(|event| event.at <= after)
        {
            self.totals.take(left);
            self.start += 1;
        }
    }

    /// Lets go of the first event, which has that number.
    pub(super) fn leave(&mut self, number: u64, event: &Event) {
        if self.end <= number {
            *self = Self::at(number + 1);
        } else if self.start <= number {
            self.totals.take(event);
            self.start = number + 1;
        }
    }
}

// === impl Totals ===

impl Totals {
    pub(super) fn add(&mut self, event: &Event) {
        self.count += 1;
        self.unknown += u64::from(event.is_unknown());
        match event.scalar() {
            Some(Scalar::Int(number)) => self.sum += i128::from(number),
            Some(Scalar::Float(_) | Scalar::Time(_)) | None => self.odd += 1,
        }
    }

    fn take(&mut self, event: &Event) {
        self.count -= 1;
        self.unknown -= u64::from(event.is_unknown());
        match event.scalar() {
            Some(Scalar::Int(number)) => self.sum -= i128::from(number),
            Some(Scalar::Float(_) | Scalar::Time(_)) | None => self.odd -= 1,
        }
    }

    /// The count, the sum or the average, with what the attempt itself brings.
    pub(super) fn value(
        mut self,
        spec: &FeatureSpec,
        now: Timestamp,
        own: Option<&Observed>,
    ) -> Value {
        if let Some(own) = own {
            self.add(&Event::new(0, now, own));
        }
        match spec.aggregate {
            Aggregate::Count if self.unknown == 0 => {
                i64::try_from(self.count).map_or(Value::Unknown, Value::Int)
            }
            Aggregate::Sum if self.odd == 0 => {
                i64::try_from(self.sum).map_or(Value::Unknown, Value::Int)
            }
            Aggregate::Avg if self.odd == 0 && self.count == 0 => Value::Missing,
            Aggregate::Avg if self.odd == 0 => {
                Value::Float(total_float(Total::Int(self.sum)) / count_float(self.count))
            }
            // What is not known, or not kept here.
            Aggregate::Count
            | Aggregate::Sum
            | Aggregate::Avg
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::Stddev
            | Aggregate::Distinct
            | Aggregate::Last
            | Aggregate::SinceFirst
            | Aggregate::SinceLast => Value::Unknown,
        }
    }
}

/// Whole seconds since the first or the last of what was tallied, and of the attempt itself.
pub(super) fn since(
    aggregate: Aggregate,
    mut tally: Tally,
    now: Timestamp,
    own: Option<&Observed>,
) -> Value {
    if let Some(own) = own {
        tally.add(&Event::new(0, now, own));
    }
    let at = if aggregate == Aggregate::SinceFirst { tally.first() } else { tally.last() };
    match at {
        Ok(Some(at)) => Value::Int(now.since(at).as_secs()),
        Ok(None) => Value::Missing,
        Err(()) => Value::Unknown,
    }
}

/// What was observed last, as a value.
pub(super) fn last(own: Option<&Observed>) -> Value {
    match own {
        Some(Observed::Value(value)) => value.clone(),
        Some(Observed::Unknown) => Value::Unknown,
        Some(Observed::Event) | None => Value::Missing,
    }
}
