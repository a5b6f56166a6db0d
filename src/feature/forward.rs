//! The state of one entity in a replay: the values of [`EntityState`], for reads that only go forward.
//!
//! In a replay everything comes in order of time, so the edges of a window only move on. Each is kept as
//! a place among the events, with what lies between the two already added up: a read costs what has
//! entered and left the window since the last one, however many events it covers.
//!
//! Counts, sums and averages of whole numbers, the first, the last and what came last are kept that way.
//! They are exact, so that adding and taking away leaves no trace; beyond the number of events up to
//! which an [`EntityState`] is exact, the edges are rounded to the same grid. All else is left to an
//! [`EntityState`] beside it.

mod run;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::feature::event::Event;
use crate::feature::grid::Grid;
use crate::feature::large::{EXACT_MAX, PENDING_MAX};
use crate::feature::spec::{Aggregate, EntityLayout, FeatureSpec};
use crate::feature::state::{EntityState, Observed};
use crate::feature::summary::{Part as _, Tally};
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Value, ValueType};
use run::{Run, Totals, Window, last, since};

/// How the features that are asked for are kept up; made once for all entities of a kind.
#[derive(Debug)]
pub struct ForwardPlan {
    layout: Arc<EntityLayout>,
    streams: Vec<StreamPlan>,
    /// Per feature that is asked for.
    reads: Vec<Read>,
}

/// What is kept of one stream.
#[derive(Debug, Default)]
struct StreamPlan {
    /// How far back an event must be kept.
    reach: Span,
    windows: Vec<Edges>,
    /// Whether some feature looks at all time.
    is_all_time: bool,
    /// Whether some feature gives back what came last.
    is_last: bool,
    /// Whether some feature is left to the state beside.
    is_beside: bool,
}

/// The edges of the windows of one length and delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edges {
    length: Span,
    delay: Span,
}

/// How one feature is read.
#[derive(Debug)]
struct Read {
    feature: usize,
    way: Way,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    /// From the window of that place.
    Window(usize),
    /// From the totals of all time.
    AllTime,
    /// From the state beside.
    Beside,
}

/// The state of one entity.
#[derive(Debug)]
pub struct ForwardState {
    streams: Box<[Stream]>,
    beside: Option<Box<EntityState>>,
}

#[derive(Debug, Default)]
struct Stream {
    /// Those that some window may still cover, in order of time.
    events: VecDeque<Event>,
    /// The number of the first of them, counted from the first that ever came.
    first: u64,
    windows: Box<[Window]>,
    all_time: Option<Box<(Totals, Tally)>>,
    /// What came last, where that is asked for.
    last: Option<Box<Value>>,
}

// === impl ForwardPlan ===

impl ForwardPlan {
    /// A plan for these features of a layout, by their places.
    pub fn new(layout: &Arc<EntityLayout>, features: &[usize]) -> Self {
        let mut streams: Vec<StreamPlan> =
            layout.streams.iter().map(|_| StreamPlan::default()).collect();
        let mut reads = Vec::new();
        for &feature in features {
            let Some(spec) = layout.features.get(feature) else { continue };
            let Some(stream) = streams.get_mut(spec.stream) else { continue };
            let carries = layout.streams.get(spec.stream).and_then(|stream| stream.value_type);
            reads.push(Read { feature, way: stream.way(spec, carries) });
        }
        for (place, stream) in streams.iter_mut().enumerate() {
            stream.reach = layout.plan(place).map(|plan| plan.reach).unwrap_or_default();
        }
        Self { layout: Arc::clone(layout), streams, reads }
    }

    /// Whether some feature that is asked for looks at that stream.
    pub fn keeps(&self, stream: usize) -> bool {
        self.streams.get(stream).is_some_and(|stream| {
            let StreamPlan { reach: _, windows, is_all_time, is_last: _, is_beside } = stream;
            !windows.is_empty() || *is_all_time || *is_beside
        })
    }
}

// === impl StreamPlan ===

impl StreamPlan {
    fn way(&mut self, spec: &FeatureSpec, carries: Option<ValueType>) -> Way {
        let is_kept = match spec.aggregate {
            Aggregate::Count | Aggregate::SinceFirst | Aggregate::SinceLast => true,
            Aggregate::Sum | Aggregate::Avg => carries == Some(ValueType::Int),
            Aggregate::Last => spec.delay == Span::ZERO,
            Aggregate::Min | Aggregate::Max | Aggregate::Stddev | Aggregate::Distinct => false,
        };
        match spec.window {
            Some(length) if is_kept => {
                self.is_last |= spec.aggregate == Aggregate::Last;
                let edges = Edges { length, delay: spec.delay };
                let known = self.windows.iter().position(|known| *known == edges);
                Way::Window(known.unwrap_or_else(|| {
                    self.windows.push(edges);
                    self.windows.len() - 1
                }))
            }
            None if is_kept && spec.delay == Span::ZERO => {
                self.is_last |= spec.aggregate == Aggregate::Last;
                self.is_all_time = true;
                Way::AllTime
            }
            Some(_) | None => {
                self.is_beside = true;
                Way::Beside
            }
        }
    }
}

// === impl ForwardState ===

impl ForwardState {
    /// An entity to which nothing has happened.
    pub fn new(plan: &ForwardPlan) -> Self {
        let streams = plan.streams.iter().map(|plan| Stream {
            windows: plan.windows.iter().map(|_| Window::default()).collect(),
            all_time: plan.is_all_time.then(Box::default),
            ..Stream::default()
        });
        let beside = plan.streams.iter().any(|stream| stream.is_beside).then(|| {
            let mut state = Box::new(EntityState::default());
            let has_adopted = state.adopt(&plan.layout).is_ok();
            debug_assert!(has_adopted, "a state without a layout takes any");
            state
        });
        Self { streams: streams.collect(), beside }
    }

    /// Counts an event. `at` is never before that of an earlier event or read.
    pub fn observe(
        &mut self,
        plan: &ForwardPlan,
        stream: usize,
        at: Timestamp,
        observed: &Observed,
    ) {
        let (Some(plan), Some(kept)) = (plan.streams.get(stream), self.streams.get_mut(stream))
        else {
            return;
        };
        kept.observe(plan, at, observed);
        if plan.is_beside
            && let Some(state) = &mut self.beside
        {
            state.advance(at);
            state.observe(stream, at, observed);
        }
    }

    /// The values of the features that are asked for, at `now`, which is never before that of an earlier
    /// event or read. `own` gives what the attempt that is being decided brings to a feature.
    pub fn read<'o>(
        &mut self,
        plan: &ForwardPlan,
        now: Timestamp,
        own: impl Fn(usize) -> Option<&'o Observed>,
        into: &mut Vec<Value>,
    ) {
        for (plan, stream) in plan.streams.iter().zip(&mut self.streams) {
            stream.slide(plan, now);
        }
        for read in &plan.reads {
            let Some(spec) = plan.layout.features.get(read.feature) else { continue };
            let own = own(read.feature).filter(|_| spec.inclusive && spec.delay == Span::ZERO);
            let value = match (read.way, self.streams.get(spec.stream)) {
                (Way::Beside, _) => {
                    self.beside.as_ref().map(|state| state.read(read.feature, now, own))
                }
                (Way::Window(window), Some(stream)) => {
                    stream.windows.get(window).map(|window| stream.read(spec, window, now, own))
                }
                (Way::AllTime, Some(stream)) => Some(stream.read_all_time(spec, now, own)),
                (Way::Window(_) | Way::AllTime, None) => None,
            };
            into.push(value.unwrap_or(Value::Missing));
        }
    }
}

// === impl Stream ===

impl Stream {
    fn observe(&mut self, plan: &StreamPlan, at: Timestamp, observed: &Observed) {
        let event = Event::new(0, at, observed);
        if let Some(all_time) = &mut self.all_time {
            all_time.0.add(&event);
            all_time.1.add(&event);
        }
        if plan.is_last {
            self.last = Some(Box::new(last(Some(observed))));
        }
        if plan.windows.is_empty() {
            return;
        }
        let horizon = at.minus(plan.reach);
        while let Some(event) = self.events.front().copied()
            && event.at <= horizon
        {
            for run in self.windows.iter_mut().flat_map(Window::runs) {
                run.leave(self.first, &event);
            }
            self.events.pop_front();
            self.first += 1;
        }
        self.events.push_back(event);
    }

    /// Moves the edges of all windows to where they are at `now`.
    fn slide(&mut self, plan: &StreamPlan, now: Timestamp) {
        let (events, first) = (&self.events, self.first);
        let next = first + events.len() as u64;
        for (Edges { length, delay }, window) in plan.windows.iter().zip(&mut self.windows) {
            let upto = now.minus(*delay);
            let after = upto.minus(*length);
            window.exact.slide(events, first, (after, upto));
            let is_delayed = *delay > Span::ZERO;
            let is_near_rounded = is_delayed && next - window.exact.end > PENDING_MAX as u64;
            window.is_rounded = is_near_rounded || window.exact.totals.count > EXACT_MAX as u64;
            if window.is_rounded {
                let grid = Grid::new(*length);
                let rounded = |edge: Timestamp| grid.start(grid.slot_from(edge));
                let upto = if is_near_rounded { rounded(upto) } else { upto };
                let run = window.rounded.get_or_insert_with(|| Box::new(Run::at(first)));
                run.slide(events, first, (rounded(after), upto));
            }
        }
    }

    fn read(
        &self,
        spec: &FeatureSpec,
        window: &Window,
        now: Timestamp,
        own: Option<&Observed>,
    ) -> Value {
        let run = window.run();
        match spec.aggregate {
            Aggregate::SinceFirst | Aggregate::SinceLast => {
                let tally = self.tally(run, spec.aggregate);
                since(spec.aggregate, tally, now, own)
            }
            Aggregate::Last => match (own, &self.last) {
                (Some(_), _) => last(own),
                (None, Some(last)) if run.end > run.start => Value::clone(last),
                (None, _) => Value::Missing,
            },
            Aggregate::Count
            | Aggregate::Sum
            | Aggregate::Avg
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::Stddev
            | Aggregate::Distinct => run.totals.value(spec, now, own),
        }
    }

    fn read_all_time(&self, spec: &FeatureSpec, now: Timestamp, own: Option<&Observed>) -> Value {
        let Some((totals, tally)) = self.all_time.as_deref() else { return Value::Missing };
        match spec.aggregate {
            Aggregate::SinceFirst | Aggregate::SinceLast => {
                since(spec.aggregate, tally.clone(), now, own)
            }
            Aggregate::Last => match (own, &self.last) {
                (Some(_), _) => last(own),
                (None, Some(last)) => Value::clone(last),
                (None, None) => Value::Missing,
            },
            Aggregate::Count
            | Aggregate::Sum
            | Aggregate::Avg
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::Stddev
            | Aggregate::Distinct => totals.value(spec, now, own),
        }
    }

    /// The first or the last of a run; where something in it is not known, all of it is looked at.
    fn tally(&self, run: &Run, aggregate: Aggregate) -> Tally {
        let mut tally = Tally::default();
        let place = |number: u64| usize::try_from(number.saturating_sub(self.first)).unwrap_or(0);
        let (start, end) = (place(run.start), place(run.end));
        if run.totals.unknown > 0 {
            self.events.range(start..end).for_each(|event| tally.add(event));
        } else if run.end > run.start {
            let place = if aggregate == Aggregate::SinceFirst { start } else { end - 1 };
            if let Some(event) = self.events.get(place) {
                tally.add(event);
            }
        }
        tally
    }
}
