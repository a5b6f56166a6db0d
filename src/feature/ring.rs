//! The newest events of one stream in order of time, in chunks that each know what they add up to. A
//! read merges whole chunks and looks at single events only at the two edges.

use std::collections::VecDeque;

use crate::feature::event::Event;
use crate::feature::summary::{Count, Part, Summary};
use crate::model::codec::record;
use crate::model::time::Timestamp;

/// Large enough that merging chunks is cheap, small enough that looking through one is.
const CHUNK_EVENTS_MAX: usize = 64;

/// The newest events of one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring {
    chunks: VecDeque<Chunk>,
    len: usize,
    /// How many are not known.
    unknown: u64,
}

/// Neighbours in time; never empty.
#[derive(Clone, Debug, Default)]
struct Chunk {
    events: Vec<Event>,
    summary: Summary,
    latest: u64,
    /// How many events stand before it, those that were taken out included: what two chunks have
    /// between them is known without looking at those between.
    place: usize,
}

// === impl Ring ===

impl Ring {
    /// Places an event by its time, after its equals.
    pub(super) fn insert(&mut self, event: &Event) {
        self.len += 1;
        self.unknown += u64::from(event.is_unknown());
        let place = self.chunks.partition_point(|chunk| chunk.newest() <= event.at);
        let place = place.min(self.chunks.len().saturating_sub(1));
        let is_last = place + 1 >= self.chunks.len();
        match self.chunks.get_mut(place) {
            Some(chunk) if chunk.events.len() < CHUNK_EVENTS_MAX => chunk.insert(event),
            Some(chunk) if !is_last || chunk.newest() > event.at => {
                let mut upper = chunk.split();
                if upper.oldest() > event.at {
                    chunk.insert(event);
                } else {
                    upper.insert(event);
                }
                self.chunks.insert(place + 1, upper);
            }
            Some(_) | None => {
                let end = self.chunks.back().map_or(0, |last| last.place + last.events.len());
                let mut chunk = Chunk { place: end, ..Chunk::default() };
                chunk.insert(event);
                self.chunks.push_back(chunk);
            }
        }
        // Nearly always there are none: events come in order of time.
        let mut end = self.chunks.get(place).map_or(0, |chunk| chunk.place + chunk.events.len());
        for chunk in self.chunks.iter_mut().skip(place + 1) {
            chunk.place = end;
            end += chunk.events.len();
        }
    }

    /// Takes out the oldest chunk if `keep` newer events or more remain.
    pub(super) fn pop_beyond(&mut self, keep: usize) -> Option<Vec<Event>> {
        let oldest = self.chunks.front()?;
        if self.len - oldest.events.len() < keep {
            return None;
        }
        self.pop()
    }

    /// Takes out the oldest chunk if no event in it is after `horizon`, and it grows no more.
    pub(super) fn pop_until(&mut self, horizon: Timestamp) -> Option<Vec<Event>> {
        let oldest = self.chunks.front()?;
        let is_closed = self.chunks.len() > 1 || oldest.events.len() >= CHUNK_EVENTS_MAX;
        if !is_closed || oldest.newest() > horizon {
            return None;
        }
        self.pop()
    }

    fn pop(&mut self) -> Option<Vec<Event>> {
        let chunk = self.chunks.pop_front()?;
        self.len -= chunk.events.len();
        self.unknown -= Count::of(&chunk.summary).unknown;
        Some(chunk.events)
    }

    /// How many events lie after `after` and up to `upto`.
    pub(super) fn count(&self, after: Option<Timestamp>, upto: Timestamp) -> usize {
        let start = match after {
            Some(after) => self.rank(after),
            None => self.chunks.front().map_or(0, |oldest| oldest.place),
        };
        self.rank(upto).saturating_sub(start)
    }

    /// The same, with how many of them are not known.
    pub(super) fn counted(&self, after: Option<Timestamp>, upto: Timestamp) -> Count {
        if self.unknown > 0 {
            return self.part(after, upto);
        }
        Count { all: self.count(after, upto) as u64, unknown: 0 }
    }

    /// How many events stand at that time or before, those that were taken out included.
    fn rank(&self, upto: Timestamp) -> usize {
        let Some(newest) = self.chunks.back() else { return 0 };
        if newest.newest() <= upto {
            return newest.place + newest.events.len();
        }
        let later = self.chunks.partition_point(|chunk| chunk.oldest() <= upto);
        match later.checked_sub(1).and_then(|place| self.chunks.get(place)) {
            Some(chunk) => chunk.place + chunk.events.partition_point(|event| event.at <= upto),
            None => self.chunks.front().map_or(0, |oldest| oldest.place),
        }
    }

    /// What they add up to.
    pub(super) fn part<P: Part>(&self, after: Option<Timestamp>, upto: Timestamp) -> P {
        let mut part = P::default();
        for (chunk, events) in self.slices(after, upto) {
            if events.len() == chunk.events.len() {
                part.merge(P::of(&chunk.summary));
            } else {
                events.iter().for_each(|event| part.add(event));
            }
        }
        part
    }

    /// The events themselves.
    pub(super) fn events(
        &self,
        after: Option<Timestamp>,
        upto: Timestamp,
    ) -> impl Iterator<Item = &Event> {
        self.slices(after, upto).flat_map(|(_, events)| events)
    }

    /// All events.
    pub(super) fn all(&self) -> impl Iterator<Item = &Event> {
        self.chunks.iter().flat_map(|chunk| &chunk.events)
    }

    /// The last event up to `upto`.
    pub(super) fn last(&self, upto: Timestamp) -> Option<&Event> {
        let place = self.chunks.partition_point(|chunk| chunk.oldest() <= upto).checked_sub(1)?;
        let events = &self.chunks.get(place)?.events;
        events.get(events.partition_point(|event| event.at <= upto).checked_sub(1)?)
    }

    /// The time of the last event.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.chunks.back().map(Chunk::newest)
    }

    /// How many events after `after` are the latest with their value.
    pub(super) fn count_latest(&self, after: Option<Timestamp>) -> u64 {
        self.slices(after, Timestamp::MAX)
            .map(|(chunk, events)| {
                if events.len() == chunk.events.len() {
                    return chunk.latest;
                }
                events.iter().filter(|event| event.is_latest).count() as u64
            })
            .sum()
    }

    /// Notes that the event at `at` with that value is no longer the latest with it.
    pub(super) fn outdate(&mut self, at: Timestamp, identity: u64) {
        let start = self.chunks.partition_point(|chunk| chunk.newest() < at);
        for chunk in self.chunks.range_mut(start..).take_while(|chunk| chunk.oldest() <= at) {
            let start = chunk.events.partition_point(|event| event.at < at);
            let equals = chunk.events.iter_mut().skip(start).take_while(|event| event.at == at);
            for event in equals {
                if event.is_latest && event.identity() == identity {
                    event.is_latest = false;
                    chunk.latest -= 1;
                    return;
                }
            }
        }
    }

    /// The runs of covered events, each with its chunk.
    fn slices(
        &self,
        after: Option<Timestamp>,
        upto: Timestamp,
    ) -> impl Iterator<Item = (&Chunk, &[Event])> {
        let start = after
            .map_or(0, |after| self.chunks.partition_point(|chunk| chunk.newest() <= after))
            .min(self.chunks.len());
        self.chunks.range(start..).take_while(move |chunk| chunk.oldest() <= upto).filter_map(
            move |chunk| {
                let events = chunk.events.as_slice();
                let start = match after {
                    Some(after) if chunk.oldest() <= after => {
                        events.partition_point(|event| event.at <= after)
                    }
                    Some(_) | None => 0,
                };
                let end = if chunk.newest() <= upto {
                    events.len()
                } else {
                    events.partition_point(|event| event.at <= upto)
                };
                let events = events.get(start..end)?;
                (!events.is_empty()).then_some((chunk, events))
            },
        )
    }
}

// === impl Chunk ===

impl Chunk {
    fn insert(&mut self, event: &Event) {
        let place = match self.events.last() {
            Some(last) if last.at > event.at => {
                self.events.partition_point(|known| known.at <= event.at)
            }
            Some(_) | None => self.events.len(),
        };
        self.events.insert(place, *event);
        self.summary.add(event);
        self.latest += u64::from(event.is_latest);
    }

    fn oldest(&self) -> Timestamp {
        self.events.first().map_or(Timestamp::MAX, |event| event.at)
    }

    fn newest(&self) -> Timestamp {
        self.events.last().map_or(Timestamp::MIN, |event| event.at)
    }

    /// Keeps the older half and gives back the newer.
    fn split(&mut self) -> Self {
        let upper = self.events.split_off(self.events.len().div_ceil(2));
        let lower = std::mem::take(self);
        *self = Self::of(lower.events, lower.place);
        Self::of(upper, self.place + self.events.len())
    }

    fn of(events: Vec<Event>, place: usize) -> Self {
        let mut summary = Summary::default();
        events.iter().for_each(|event| summary.add(event));
        let latest = events.iter().filter(|event| event.is_latest).count() as u64;
        Self { events, summary, latest, place }
    }
}

record!(Ring { 1 chunks, 2 len, 3 unknown });
record!(Chunk { 1 events, 2 summary, 3 latest, 4 place });
