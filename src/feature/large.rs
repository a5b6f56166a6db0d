//! A stream with many events: the newest as they are, older ones only added up.
//!
//! What is kept and what is read from it depend on the events alone:
//!
//! * [`EXACT_MAX`] events in a window `(t − W, t]` are exact. With more, the old edge is rounded down to
//!   the grid of the window, a 128th of its length, and different values are estimated.
//! * The near edge of a delayed window is exact while at most [`PENDING_MAX`] events lie after it. With
//!   more it is rounded down to the grid as well, and a delayed feature over all time is unknown.
//! * Over all time everything but `distinct` is exact; `distinct` is exact up to [`EXACT_MAX`] values.
//!
//! For this the newest `EXACT_MAX + 1` events are kept (`PENDING_MAX` more where a feature is delayed).
//! Whatever is pushed out is older than all that is kept, and is in the sums of every window and of all
//! time from then on. So a window that reaches back to pushed out events has more than `EXACT_MAX`.

use std::collections::HashMap;

use crate::feature::all_time::AllTime;
use crate::feature::event::Event;
use crate::feature::grid::{DistinctSlots, Grid, SummarySlots};
use crate::feature::reading::{View, count_distinct};
use crate::feature::ring::Ring;
use crate::feature::sketch::Sketch;
use crate::feature::spec::{StreamPlan, WindowPlan};
use crate::feature::summary::{Count, Part};
use crate::model::codec::{Codec, Input, Malformed, record};
use crate::model::time::{Span, Timestamp};

/// Up to this many events in one window are exact.
pub(super) const EXACT_MAX: usize = 1_000;

/// Up to this many events after the near edge of a delayed window leave that edge exact.
pub(super) const PENDING_MAX: usize = 32_768;

/// The state of a stream with many events.
#[derive(Clone, Debug)]
pub(super) struct Large {
    ring: Ring,
    /// No pushed out event is later; `MIN` when there is none.
    pushed_to: Timestamp,
    /// The time of the latest event with a value, for those in the ring, when values are counted.
    latest: Option<HashMap<u64, Timestamp, ahash::RandomState>>,
    /// Empty until the first event is pushed out.
    windows: Vec<Window>,
    all_time: Option<Box<AllTime>>,
}

/// What is kept of pushed out events for the windows of one length.
#[derive(Clone, Debug)]
struct Window {
    length: Span,
    grid: Grid,
    pushed: SummarySlots,
    /// Of all events, those in the ring included.
    distinct: Option<DistinctSlots>,
    /// Of pushed out events only, for delayed features.
    distinct_pushed: Option<DistinctSlots>,
}

/// Which events a read covers, once it is clear whether they are too many to be exact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cover {
    after: Option<Timestamp>,
    upto: Timestamp,
    is_exact: bool,
    /// The near edge was rounded.
    is_rounded: bool,
}

// === impl Large ===

impl Large {
    /// From all events of a stream, in order of time.
    pub(super) fn new<'a>(
        plan: &StreamPlan,
        events: impl Iterator<Item = &'a Event>,
        last_effective: Timestamp,
    ) -> Self {
        let mut large = Self {
            ring: Ring::default(),
            pushed_to: Timestamp::MIN,
            latest: plan.counts_values().then(HashMap::default),
            windows: Vec::new(),
            all_time: plan.all_time.map(|distinct| Box::new(AllTime::new(distinct))),
        };
        for event in events {
            large.observe(plan, *event, last_effective);
        }
        large
    }

    /// Counts an event. What no read at `last_effective` or later can cover is forgotten.
    pub(super) fn observe(
        &mut self,
        plan: &StreamPlan,
        mut event: Event,
        last_effective: Timestamp,
    ) {
        if let Some(all_time) = &mut self.all_time {
            all_time.observe(&event);
        }
        for window in &mut self.windows {
            window.observe(&event);
        }
        if event.at < self.pushed_to {
            self.push_out(&[event]);
            return;
        }
        self.note_latest(&mut event);
        self.ring.insert(&event);
        let keep = EXACT_MAX + 1 + if plan.is_delayed { PENDING_MAX } else { 0 };
        while let Some(events) = self.ring.pop_until(last_effective.minus(plan.reach)) {
            self.push_out(&events);
        }
        while let Some(events) = self.ring.pop_beyond(keep) {
            if self.windows.is_empty() {
                self.windows = plan.windows.iter().map(Window::new).collect();
                for window in &mut self.windows {
                    events.iter().chain(self.ring.all()).for_each(|event| window.observe(event));
                }
            }
            self.push_out(&events);
        }
        for (window, needs) in self.windows.iter_mut().zip(&plan.windows) {
            window.settle(needs, last_effective);
        }
    }

    /// Follows a change of policies: what is still needed stays, what is new starts with the ring.
    pub(super) fn refit(&mut self, plan: &StreamPlan) {
        match (plan.all_time, &mut self.all_time) {
            (None, all_time) => *all_time = None,
            (Some(distinct), Some(all_time)) => all_time.refit(distinct, self.ring.all()),
            (Some(distinct), all_time @ None) => {
                let mut new = AllTime::new(distinct);
                self.ring.all().for_each(|event| new.observe(event));
                *all_time = Some(Box::new(new));
            }
        }
        if plan.counts_values() && self.latest.is_none() {
            self.latest = Some(HashMap::default());
            let mut ring = Ring::default();
            std::mem::swap(&mut ring, &mut self.ring);
            for event in ring.all() {
                let mut event = *event;
                self.note_latest(&mut event);
                self.ring.insert(&event);
            }
        }
        if self.windows.is_empty() {
            return;
        }
        let mut old = std::mem::take(&mut self.windows);
        for needs in &plan.windows {
            let mut window = Window::new(needs);
            self.ring.all().for_each(|event| window.observe(event));
            if let Some(place) = old.iter().position(|old| old.length == needs.length) {
                window.inherit(old.swap_remove(place));
            }
            self.windows.push(window);
        }
    }

    /// Which events a view covers.
    pub(super) fn cover(&self, view: &View<'_>) -> Cover {
        let is_delayed = view.spec.delay > Span::ZERO;
        let is_rounded =
            is_delayed && self.ring.count(Some(view.upto), Timestamp::MAX) > PENDING_MAX;
        let (Some(length), Some(after)) = (view.spec.window, view.after) else {
            return Cover { after: None, upto: view.upto, is_exact: true, is_rounded };
        };
        let is_exact = !is_rounded
            && self.pushed_to <= after
            && self.ring.count(Some(after), view.upto) <= EXACT_MAX;
        if is_exact {
            return Cover { after: Some(after), upto: view.upto, is_exact, is_rounded };
        }
        let grid = Grid::new(length);
        let rounded = |edge: Timestamp| grid.start(grid.slot_from(edge));
        let upto = if is_rounded { rounded(view.upto) } else { view.upto };
        Cover { after: Some(rounded(after)), upto, is_exact, is_rounded }
    }

    /// How many the covered events are; `None` when that cannot be told.
    pub(super) fn count(&self, view: &View<'_>, cover: Cover) -> Option<Count> {
        self.with_pushed(self.ring.counted(cover.after, cover.upto), view, cover)
    }

    /// What the covered events add up to; `None` when that cannot be told.
    pub(super) fn part<P: Part>(&self, view: &View<'_>, cover: Cover) -> Option<P> {
        self.with_pushed(self.ring.part(cover.after, cover.upto), view, cover)
    }

    fn with_pushed<P: Part>(&self, mut part: P, view: &View<'_>, cover: Cover) -> Option<P> {
        match (view.spec.window, cover.after) {
            (Some(length), Some(after)) if !cover.is_exact => {
                if let Some(window) = self.windows.iter().find(|window| window.length == length) {
                    let end = cover.is_rounded.then(|| window.grid.slot_from(cover.upto));
                    part.merge(&window.pushed.part::<P>(window.grid.slot_from(after), end));
                }
            }
            (Some(_), _) => {}
            (None, _) if cover.is_rounded => return None,
            (None, _) => {
                if let Some(all_time) = &self.all_time {
                    part.merge(P::of(all_time.pushed()));
                }
            }
        }
        Some(part)
    }

    /// The last covered event; `Err` when that cannot be told.
    pub(super) fn last(&self, cover: Cover) -> Result<Option<Event>, ()> {
        let in_ring = self.ring.last(cover.upto).copied();
        match cover.after {
            None if cover.is_rounded => Err(()),
            None => Ok(in_ring.or_else(|| self.last_pushed())),
            Some(after) => match in_ring.filter(|event| event.at > after) {
                None if self.pushed_to > after => Err(()),
                last => Ok(last),
            },
        }
    }

    /// How many different values the covered events have, with that of `current`.
    pub(super) fn distinct(&self, view: &View<'_>, cover: Cover, current: Option<&Event>) -> u64 {
        let also = current.map(Event::identity);
        let is_delayed = view.spec.delay > Span::ZERO;
        let (Some(length), Some(after)) = (view.spec.window, cover.after) else {
            return match &self.all_time {
                Some(all_time) if is_delayed => {
                    all_time.distinct_with(self.ring.events(None, cover.upto))
                }
                Some(all_time) => all_time.distinct(also),
                None => 0,
            };
        };
        if cover.is_exact {
            return self.distinct_exact(after, cover.upto, current);
        }
        let window = self.windows.iter().find(|window| window.length == length);
        if let Some(Window { grid, distinct: Some(all), .. }) = window
            && !is_delayed
        {
            return all.estimate(grid.slot_from(after), also);
        }
        let mut sketch = match window {
            Some(Window { grid, distinct_pushed: Some(pushed), .. }) => {
                let end = cover.is_rounded.then(|| grid.slot_from(cover.upto));
                pushed.merge(grid.slot_from(after), end)
            }
            Some(_) | None => Sketch::new(),
        };
        self.ring.events(cover.after, cover.upto).for_each(|event| sketch.add(event.identity()));
        sketch.estimate(also)
    }

    /// The events that are kept one by one: the newest.
    pub(super) fn newest(&self) -> impl Iterator<Item = &Event> {
        self.ring.all()
    }

    /// Whether an event that is still there has the value of that hash.
    pub(super) fn uses(&self, hash: u64) -> bool {
        let last = self.last_pushed();
        self.ring.all().chain(&last).any(|event| event.value_hash() == Some(hash))
    }

    fn distinct_exact(&self, after: Timestamp, upto: Timestamp, current: Option<&Event>) -> u64 {
        match &self.latest {
            Some(latest) if self.ring.newest().is_none_or(|newest| newest <= upto) => {
                let is_new = current.is_some_and(|event| {
                    latest.get(&event.identity()).is_none_or(|at| *at <= after)
                });
                self.ring.count_latest(Some(after)) + u64::from(is_new)
            }
            Some(_) | None => count_distinct(self.ring.events(Some(after), upto).chain(current)),
        }
    }

    fn last_pushed(&self) -> Option<Event> {
        self.all_time.as_ref().and_then(|all_time| all_time.last())
    }

    /// Marks the event when it is the latest with its value, and the one that was so far as outdated.
    fn note_latest(&mut self, event: &mut Event) {
        let Some(latest) = &mut self.latest else { return };
        let identity = event.identity();
        let known = latest.entry(identity).or_insert(Timestamp::MIN);
        if *known > event.at {
            return;
        }
        if *known > Timestamp::MIN {
            self.ring.outdate(*known, identity);
        }
        *known = event.at;
        event.is_latest = true;
    }

    /// Adds events that are older than all in the ring to the sums.
    fn push_out(&mut self, events: &[Event]) {
        for event in events {
            self.pushed_to = self.pushed_to.max(event.at);
            if let Some(all_time) = &mut self.all_time {
                all_time.push(event);
            }
            for window in &mut self.windows {
                window.push(event);
            }
            if let Some(latest) = &mut self.latest
                && event.is_latest
            {
                latest.remove(&event.identity());
            }
        }
    }
}

// === impl Window ===

impl Window {
    fn new(needs: &WindowPlan) -> Self {
        Self {
            length: needs.length,
            grid: Grid::new(needs.length),
            pushed: SummarySlots::default(),
            distinct: needs.distinct.up_to_now.then(DistinctSlots::default),
            distinct_pushed: needs.distinct.delayed.then(DistinctSlots::default),
        }
    }

    /// Takes an event that is now in the ring.
    fn observe(&mut self, event: &Event) {
        if let Some(distinct) = &mut self.distinct {
            distinct.add(self.grid.slot_of(event.at), event.identity());
        }
    }

    /// Takes an event that is no longer in the ring.
    fn push(&mut self, event: &Event) {
        let slot = self.grid.slot_of(event.at);
        self.pushed.add(slot, event);
        if let Some(distinct) = &mut self.distinct_pushed {
            distinct.add(slot, event.identity());
        }
    }

    /// Takes over what an earlier version of the policies kept.
    fn inherit(&mut self, old: Self) {
        self.pushed = old.pushed;
        if self.distinct.is_some() && old.distinct.is_some() {
            self.distinct = old.distinct;
        }
        if self.distinct_pushed.is_some() && old.distinct_pushed.is_some() {
            self.distinct_pushed = old.distinct_pushed;
        }
    }

    /// Forgets what no read at `last_effective` or later can cover.
    fn settle(&mut self, needs: &WindowPlan, last_effective: Timestamp) {
        let kept = self.grid.slot_from(last_effective.minus(needs.reach));
        let first = self.grid.slot_from(last_effective.minus(needs.length));
        self.pushed.drop_before(kept);
        self.pushed.settle(first);
        if let Some(distinct) = &mut self.distinct {
            distinct.settle(first);
        }
        if let Some(distinct) = &mut self.distinct_pushed {
            distinct.drop_before(kept);
        }
    }
}

record!(Window { 1 length, 2 grid, 3 pushed, 4 distinct, 5 distinct_pushed });

/// The latest times of the values follow from the ring.
impl Codec for Large {
    fn encode(&self, out: &mut Vec<u8>) {
        self.ring.encode(out);
        self.pushed_to.encode(out);
        self.latest.is_some().encode(out);
        self.windows.encode(out);
        self.all_time.is_some().encode(out);
        self.all_time.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let ring = Ring::decode(input)?;
        let pushed_to = Codec::decode(input)?;
        let latest = bool::decode(input)?.then(|| {
            let latest = ring.all().filter(|event| event.is_latest);
            latest.map(|event| (event.identity(), event.at)).collect()
        });
        let windows = Codec::decode(input)?;
        let all_time = if bool::decode(input)? { Codec::decode(input)? } else { None };
        Ok(Self { ring, pushed_to, latest, windows, all_time })
    }
}
