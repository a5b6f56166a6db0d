//! The state of one entity: its events, as far as some window still needs them.
//!
//! A read never changes anything, so that a dry run leaves no trace and a value depends on the events
//! alone, never on when it was read.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::feature::event::{Event, Values};
use crate::feature::large::Large;
use crate::feature::reading::{self, Source, View};
use crate::feature::spec::EntityLayout;
use crate::model::codec::{Codec, Input, Malformed, record};
use crate::model::snapshot::Taken;
use crate::model::time::{Span, Timestamp};
use crate::model::value::Value;

/// A stream with more events than this is kept in a form whose reads do not look at each of them.
const FEW_MAX: usize = 32;

/// What does not fit inline moves to the heap with room for this many more: one attempt brings an event
/// to each of several streams.
const ROOM_MIN: usize = 4;

/// What one event brings to a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    /// It is counted; its value for streams that carry one, else `Missing` is never given.
    Value(Value),
    /// It is counted, in a stream that carries no value.
    Event,
    /// Whether it is counted, or its value, could not be read: features that cover it are unknown.
    Unknown,
}

/// The state of one entity.
///
/// Under its lock a driver calls [`EntityState::adopt`], reads at the effective time, and then, unless
/// it is a dry run, [`EntityState::advance`]s to that time and observes. Effective times never go back.
#[derive(Clone, Debug)]
pub struct EntityState {
    layout: Option<Arc<EntityLayout>>,
    last_effective: Timestamp,
    /// What happened before this instant may have been evicted.
    lost_before: Timestamp,
    /// Of all streams, in order of stream and time, equals in order of arrival.
    events: SmallVec<[Event; 2]>,
    /// What most entities do not need.
    more: Option<Box<More>>,
    /// The snapshot that has it, of those that were begun.
    taken: Taken,
    is_gone: bool,
}

/// Reads the features of one entity at one instant. Those over one stream that are read one after
/// another share the search for its events.
#[derive(Debug)]
pub struct Reader<'a> {
    state: &'a EntityState,
    now: Timestamp,
    found: Option<(u16, Events<'a>)>,
}

/// The events of one stream.
#[derive(Clone, Copy, Debug)]
enum Events<'a> {
    /// Among the entity's own.
    Few(&'a [Event]),
    /// In a form of their own.
    Many(&'a Large),
}

#[derive(Clone, Debug, Default)]
struct More {
    values: Values,
    /// Streams with many events, which are then not among the entity's own.
    large: Vec<(u16, Large)>,
}

/// The entity was already touched under a later publication than the layout at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the entity follows a later publication")]
pub struct NewerLayout;

// === impl EntityState ===

impl EntityState {
    /// An entity of which nothing is known, and of which everything before `lost_before` may have been
    /// forgotten; [`Timestamp::MIN`] when nothing was.
    pub const fn new(lost_before: Timestamp) -> Self {
        Self {
            layout: None,
            last_effective: Timestamp::MIN,
            lost_before,
            events: SmallVec::new_const(),
            more: None,
            taken: Taken::NEVER,
            is_gone: false,
        }
    }

    /// Makes a layout the one that streams and features are counted in from now on. Streams that the
    /// previous one had too keep their events.
    ///
    /// # Errors
    /// [`NewerLayout`] when the entity already follows a later publication; nothing is changed then. The
    /// caller lets go of all entities it holds and starts again with the current policies.
    pub fn adopt(&mut self, layout: &Arc<EntityLayout>) -> Result<(), NewerLayout> {
        match &self.layout {
            Some(known) if Arc::ptr_eq(known, layout) => return Ok(()),
            Some(known) if known.publication() > layout.publication() => return Err(NewerLayout),
            Some(known) => {
                let known = Arc::clone(known);
                self.remap(&known, layout);
            }
            None => {}
        }
        self.layout = Some(Arc::clone(layout));
        Ok(())
    }

    /// The latest effective time of what was applied to it; [`Timestamp::MIN`] when nothing was.
    pub const fn last_effective(&self) -> Timestamp {
        self.last_effective
    }

    /// Notes that something is applied at an effective time. What no later read can cover is
    /// forgotten by and by.
    pub fn advance(&mut self, effective_at: Timestamp) {
        self.last_effective = self.last_effective.max(effective_at);
    }

    /// Counts an event of the stream of that place in the layout: it is placed by its time, after all
    /// others of the same time. `at` is at most the effective time.
    pub fn observe(&mut self, stream: usize, at: Timestamp, observed: &Observed) {
        let Some(layout) = &self.layout else { return };
        let (Some(plan), Ok(stream)) = (layout.plan(stream), u16::try_from(stream)) else { return };
        let event = Event::new(stream, at, observed);
        if plan.keeps_values
            && let (Some(hash), Observed::Value(value)) = (event.value_hash(), observed)
        {
            let events = &self.events;
            let More { values, large } = &mut **self.more.get_or_insert_default();
            values.keep(hash, value, |hash| {
                events.iter().any(|event| event.value_hash() == Some(hash))
                    || large.iter().any(|(_, large)| large.uses(hash))
            });
        }
        if let Some(large) = self.more.as_mut().and_then(|more| more.large_mut(stream)) {
            large.observe(plan, event, self.last_effective);
            return;
        }
        let mut own = self.place_of(stream);
        if plan.all_time.is_none() {
            let horizon = self.last_effective.minus(plan.reach);
            if at <= horizon {
                return;
            }
            let known = self.events.get(own.clone()).unwrap_or_default();
            let over = known.iter().take_while(|event| event.at <= horizon).count();
            if over > 0 {
                self.events.drain(own.start..own.start + over);
                own.end -= over;
            }
        }
        let known = self.events.get(own.clone()).unwrap_or_default();
        let later = known.iter().rev().take_while(|known| known.at > at).count();
        if self.events.len() == self.events.capacity() {
            // By half, not by the double: there are millions of entities with a few events each.
            self.events.reserve_exact(ROOM_MIN.max(self.events.len().div_ceil(2)));
        }
        self.events.insert(own.end - later, event);
        own.end += 1;
        if own.len() > FEW_MAX {
            let events = self.events.get(own.clone()).unwrap_or_default();
            let large = Large::new(plan, events.iter(), self.last_effective);
            self.more.get_or_insert_default().large.push((stream, large));
            self.events.drain(own);
        }
    }

    /// The value of the feature of that place in the layout, as [`Reader::read`] gives it.
    pub fn read(&self, feature: usize, now: Timestamp, current: Option<&Observed>) -> Value {
        self.reader(now).read(feature, current)
    }

    /// Reads features at `now`, which is never before the last effective time.
    pub const fn reader(&self, now: Timestamp) -> Reader<'_> {
        Reader { state: self, now, found: None }
    }

    /// The instants after `now` at which events enter or leave the window of the feature of that place.
    /// Of a stream with many events, only the newest are told one by one.
    pub fn edges(&self, feature: usize, now: Timestamp, edges: &mut Vec<Timestamp>) {
        let Some(layout) = &self.layout else { return };
        let Some(spec) = layout.features.get(feature) else { return };
        let Ok(stream) = u16::try_from(spec.stream) else { return };
        let mut tell = |at: Timestamp| {
            let enters = at.plus(spec.delay);
            let leaves = spec.window.map(|window| enters.plus(window));
            edges.extend(std::iter::once(enters).chain(leaves).filter(|edge| *edge > now));
        };
        match self.events_of(stream) {
            Events::Many(large) => large.newest().for_each(|event| tell(event.at)),
            Events::Few(events) => events.iter().for_each(|event| tell(event.at)),
        }
    }

    /// The snapshot that has it, of those that were begun.
    pub const fn taken_mut(&mut self) -> &mut Taken {
        &mut self.taken
    }

    /// The layout that its events are counted in; `None` when nothing was.
    pub const fn layout(&self) -> Option<&Arc<EntityLayout>> {
        self.layout.as_ref()
    }

    /// Appends its bytes: all but the layout, which whoever writes keeps for many.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.last_effective.encode(out);
        self.lost_before.encode(out);
        self.events.encode(out);
        self.more.is_some().encode(out);
        self.more.encode(out);
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// When the bytes are no state.
    pub fn decode(
        layout: Option<Arc<EntityLayout>>,
        input: &mut Input<'_>,
    ) -> Result<Self, Malformed> {
        let (last_effective, lost_before) = Codec::decode(input)?;
        let events = Codec::decode(input)?;
        let more = if bool::decode(input)? { Codec::decode(input)? } else { None };
        Ok(Self { layout, last_effective, events, more, ..Self::new(lost_before) })
    }

    /// Whether it was taken out of the store: whoever holds it looks it up again.
    pub const fn is_gone(&self) -> bool {
        self.is_gone
    }

    pub(super) const fn mark_gone(&mut self) {
        self.is_gone = true;
    }

    /// Whether nothing of it can be read any more.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        let idle_after = self.layout.as_ref().map(|layout| layout.idle_after()).unwrap_or_default();
        self.last_effective.plus(idle_after) < now
    }

    fn events_of(&self, stream: u16) -> Events<'_> {
        match self.more.as_deref().and_then(|more| more.large(stream)) {
            Some(large) => Events::Many(large),
            None => Events::Few(self.events.get(self.place_of(stream)).unwrap_or_default()),
        }
    }

    /// Where the events of a stream that has few stand among those of all streams.
    fn place_of(&self, stream: u16) -> Range<usize> {
        let start = self.events.partition_point(|event| event.stream < stream);
        let others = self.events.get(start..).unwrap_or_default();
        start..start + others.partition_point(|event| event.stream == stream)
    }

    fn remap(&mut self, from: &EntityLayout, to: &EntityLayout) {
        let places: Vec<Option<u16>> = from
            .streams
            .iter()
            .map(|old| to.streams.iter().position(|new| new.id == old.id))
            .map(|place| place.and_then(|place| u16::try_from(place).ok()))
            .collect();
        let place_of = |stream: u16| places.get(usize::from(stream)).copied().flatten();
        self.events.retain(|event| match place_of(event.stream) {
            Some(place) => {
                event.stream = place;
                true
            }
            None => false,
        });
        // Stable, so that equals stay in order of arrival.
        self.events.sort_by_key(|event| (event.stream, event.at));
        let Some(more) = &mut self.more else { return };
        more.large.retain_mut(|(stream, large)| {
            let Some(place) = place_of(*stream) else { return false };
            *stream = place;
            if let Some(plan) = to.plan(usize::from(place)) {
                large.refit(plan);
            }
            true
        });
    }
}

// === impl Reader ===

impl Reader<'_> {
    /// The value of the feature of that place in the layout. `current` is what the attempt that is being
    /// decided brings to the feature's stream; it is counted when the feature is inclusive and not
    /// delayed.
    pub fn read(&mut self, feature: usize, current: Option<&Observed>) -> Value {
        let (state, now) = (self.state, self.now);
        let Some(layout) = &state.layout else { return Value::Missing };
        let Some(spec) = layout.features.get(feature) else { return Value::Missing };
        let is_lost = state.lost_before > Timestamp::MIN
            && now < state.lost_before.plus(layout.memory_of(spec));
        if is_lost || now < layout.known_from(feature) {
            return Value::Unknown;
        }
        let Ok(stream) = u16::try_from(spec.stream) else { return Value::Missing };
        let events = match self.found {
            Some((found, events)) if found == stream => events,
            Some(_) | None => state.events_of(stream),
        };
        self.found = Some((stream, events));
        let current = current.filter(|_| spec.inclusive && spec.delay == Span::ZERO);
        let view = View::new(spec, now, current);
        let source = match events {
            Events::Few(events) => Source::Few(events),
            Events::Many(large) => Source::Many(large, large.cover(&view)),
        };
        reading::read(&source, &view, state.more.as_deref().map(|more| &more.values))
    }
}

// === impl More ===

impl More {
    fn large(&self, stream: u16) -> Option<&Large> {
        self.large.iter().find(|(known, _)| *known == stream).map(|(_, large)| large)
    }

    fn large_mut(&mut self, stream: u16) -> Option<&mut Large> {
        self.large.iter_mut().find(|(known, _)| *known == stream).map(|(_, large)| large)
    }
}

impl Default for EntityState {
    fn default() -> Self {
        Self::new(Timestamp::MIN)
    }
}

record!(More { 1 values, 2 large });
