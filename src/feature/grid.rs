//! Events too many to be kept one by one, in slots of an absolute grid of a 128th of a window. Where a
//! slot begins depends on the window's length alone, so a value never depends on when memory was made
//! smaller.

use std::collections::VecDeque;

use crate::feature::event::Event;
use crate::feature::sketch::{Sketch, Sparse};
use crate::feature::summary::{Part, Summary};
use crate::model::codec::{Codec, Input, Malformed};
use crate::model::time::{Span, Timestamp};

const SLOTS_PER_WINDOW: i64 = 128;

/// The grid of one length of window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    width: i64,
}

/// The slot of that number holds what is after `number * width` and up to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SlotNumber(i64);

/// Something per slot, for slots that have any.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots<T> {
    slots: VecDeque<(SlotNumber, T)>,
}

/// What events add up to per slot, and from one slot on up to the last.
#[derive(Clone, Debug, Default)]
pub(super) struct SummarySlots {
    slots: Slots<Summary>,
    /// From that slot on, all but the last slot, which still grows: always what merging them in order
    /// gives, so that it does not matter when it was done.
    closed: Option<(SlotNumber, Summary)>,
}

/// Different values per slot, and how many there are from one slot on.
#[derive(Clone, Debug, Default)]
pub(super) struct DistinctSlots {
    slots: Slots<Sparse>,
    merged: Option<(SlotNumber, Sketch)>,
}

// === impl Grid ===

impl Grid {
    pub(super) fn new(window: Span) -> Self {
        Self { width: window.as_micros().div_euclid(SLOTS_PER_WINDOW).max(1) }
    }

    /// The slot that an event of that time falls in.
    pub(super) fn slot_of(self, at: Timestamp) -> SlotNumber {
        SlotNumber(at.as_micros().saturating_sub(1).div_euclid(self.width))
    }

    /// The slot that begins at the edge or last before it.
    pub(super) fn slot_from(self, edge: Timestamp) -> SlotNumber {
        SlotNumber(edge.as_micros().div_euclid(self.width))
    }

    /// Where a slot begins.
    pub(super) fn start(self, slot: SlotNumber) -> Timestamp {
        Timestamp::from_micros(slot.0.saturating_mul(self.width))
    }
}

// === impl Slots ===

impl<T: Default> Slots<T> {
    /// What the slot holds, made when there is nothing.
    fn at(&mut self, slot: SlotNumber) -> Option<&mut T> {
        let place = match self.slots.back() {
            Some((last, _)) if *last == slot => self.slots.len() - 1,
            Some((last, _)) if *last < slot => self.slots.len(),
            Some(_) | None => self.slots.partition_point(|(known, _)| *known < slot),
        };
        if self.slots.get(place).is_none_or(|(known, _)| *known != slot) {
            self.slots.insert(place, (slot, T::default()));
        }
        self.slots.get_mut(place).map(|(_, held)| held)
    }

    /// Forgets slots before `first`.
    pub(super) fn drop_before(&mut self, first: SlotNumber) {
        while self.slots.front().is_some_and(|(slot, _)| *slot < first) {
            self.slots.pop_front();
        }
    }

    /// What the slots from `first` on and before `end` hold.
    fn range(&self, first: SlotNumber, end: Option<SlotNumber>) -> impl Iterator<Item = &T> {
        let start = self.slots.partition_point(|(slot, _)| *slot < first);
        self.slots
            .range(start..)
            .take_while(move |(slot, _)| end.is_none_or(|end| *slot < end))
            .map(|(_, held)| held)
    }
}

// === impl SummarySlots ===

impl SummarySlots {
    pub(super) fn add(&mut self, slot: SlotNumber, event: &Event) {
        match (self.slots.slots.back(), &mut self.closed) {
            (Some((last, _)), closed) if slot < *last => *closed = None,
            (Some((last, summary)), Some((first, closed))) if slot > *last && *last >= *first => {
                closed.merge(summary);
            }
            (Some(_) | None, _) => {}
        }
        if let Some(summary) = self.slots.at(slot) {
            summary.add(event);
        }
    }

    /// Makes ready to answer from `first` on without merging again.
    pub(super) fn settle(&mut self, first: SlotNumber) {
        if self.closed.as_ref().is_none_or(|(known, _)| *known != first)
            && let Some((last, _)) = self.slots.slots.back()
        {
            self.closed = Some((first, self.merge(first, Some(*last))));
        }
    }

    /// Forgets slots before `first`.
    pub(super) fn drop_before(&mut self, first: SlotNumber) {
        self.slots.drop_before(first);
    }

    /// What the slots from `first` on and before `end` add up to.
    pub(super) fn part<P: Part>(&self, first: SlotNumber, end: Option<SlotNumber>) -> P {
        match (&self.closed, self.slots.slots.back(), end) {
            (Some((known, closed)), Some((last, summary)), None) if *known == first => {
                let mut part = P::of(closed).clone();
                if *last >= first {
                    part.merge(P::of(summary));
                }
                part
            }
            _ => self.merge(first, end),
        }
    }

    fn merge<P: Part>(&self, first: SlotNumber, end: Option<SlotNumber>) -> P {
        let mut part = P::default();
        self.slots.range(first, end).for_each(|summary| part.merge(P::of(summary)));
        part
    }
}

// === impl DistinctSlots ===

impl DistinctSlots {
    pub(super) fn add(&mut self, slot: SlotNumber, identity: u64) {
        if let Some(values) = self.slots.at(slot) {
            values.add(identity);
        }
        if let Some((first, merged)) = &mut self.merged
            && *first <= slot
        {
            merged.add(identity);
        }
    }

    /// Forgets slots before `first`, and makes ready to answer from there on without merging again.
    pub(super) fn settle(&mut self, first: SlotNumber) {
        self.drop_before(first);
        if self.merged.as_ref().is_none_or(|(known, _)| *known != first) {
            self.merged = Some((first, self.merge(first, None)));
        }
    }

    /// Forgets slots before `first`.
    pub(super) fn drop_before(&mut self, first: SlotNumber) {
        self.slots.drop_before(first);
    }

    /// How many different values the slots from `first` on have, with `also` if given.
    pub(super) fn estimate(&self, first: SlotNumber, also: Option<u64>) -> u64 {
        match &self.merged {
            Some((known, merged)) if *known == first => merged.estimate(also),
            Some(_) | None => self.merge(first, None).estimate(also),
        }
    }

    /// All values of the slots from `first` on and before `end`.
    pub(super) fn merge(&self, first: SlotNumber, end: Option<SlotNumber>) -> Sketch {
        let mut sketch = Sketch::new();
        self.slots.range(first, end).for_each(|values| sketch.merge(values));
        sketch
    }
}

impl Codec for SlotNumber {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Codec::decode(input).map(Self)
    }
}

impl<T: Codec> Codec for Slots<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.slots.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(Self { slots: Codec::decode(input)? })
    }
}

impl Codec for SummarySlots {
    fn encode(&self, out: &mut Vec<u8>) {
        self.slots.encode(out);
        self.closed.is_some().encode(out);
        self.closed.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let slots = Codec::decode(input)?;
        let closed = if bool::decode(input)? { Codec::decode(input)? } else { None };
        Ok(Self { slots, closed })
    }
}

/// What the slots come to from one on follows from them.
impl Codec for DistinctSlots {
    fn encode(&self, out: &mut Vec<u8>) {
        self.slots.encode(out);
        out.push(u8::from(self.merged.is_some()));
        if let Some((first, _)) = &self.merged {
            first.encode(out);
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let mut distinct = Self { slots: Codec::decode(input)?, merged: None };
        if bool::decode(input)? {
            let first = SlotNumber::decode(input)?;
            distinct.merged = Some((first, distinct.merge(first, None)));
        }
        Ok(distinct)
    }
}

impl Codec for Grid {
    fn encode(&self, out: &mut Vec<u8>) {
        self.width.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(Self { width: i64::decode(input)?.max(1) })
    }
}
