//! The usage of one limit by one entity.
//!
//! What payments hold is kept at the time of the score that made it, in order of time. Sums are kept
//! beside, so that a read looks only at what has left the window or ended since the last change.
// CRITICAL PATH: a change here carries its number from `benches/score.rs`.

use std::collections::VecDeque;

use jiff::tz::TimeZone;

use crate::limit::calendar::{Bounds, bounds};
use crate::model::codec::{Codec, END, Input, Malformed, encode_field, record};
use crate::model::limit::{Held, OnExpiry, Period, RESERVATION_KEPT, Usage};
use crate::model::snapshot::Taken;
use crate::model::time::{Span, Timestamp};

/// With more entries than this, those that lie close together become one.
const EXACT_MAX: usize = 1_000;

/// Entries closer than this share of the window become one: at a coarse edge a payment counts longer
/// than it must, never shorter.
const GRID: i64 = 1_000;

/// How a limit is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// How it counts in time.
    pub period: Period,
    /// The bundle's zone.
    pub zone: &'a TimeZone,
    /// What becomes of reservations without an outcome.
    pub on_expiry: OnExpiry,
}

/// What one entity has used and reserved of one limit.
#[derive(Clone, Debug, Default)]
pub struct LimitState {
    entries: VecDeque<Entry>,
    /// Of all entries, as if nothing had left and nothing had ended.
    sum: Sum,
    /// How many entries from the front have ended: what was open in them is given back or used.
    ended: usize,
    /// The calendar period of the last change.
    bounds: Option<Bounds>,
    /// What counted before this instant is forgotten, because no later read needs it.
    forgotten_before: Option<Timestamp>,
    last_effective: Option<Timestamp>,
    idle_from: Timestamp,
    /// What happened before this instant may have been evicted.
    lost_before: Option<Timestamp>,
    /// The snapshot that has it, of those that were begun.
    taken: Taken,
    pub(super) is_gone: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Timestamp,
    sum: Sum,
}

/// Wide enough that nothing is lost by adding and taking away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    used: i128,
    reserved: i128,
    open: i128,
}

// === impl LimitState ===

impl LimitState {
    /// The state of an entity that may have had a past that was evicted.
    pub fn after_eviction(lost_before: Option<Timestamp>) -> Self {
        Self { lost_before, ..Self::default() }
    }

    /// The last time at which something was changed here.
    pub fn last_effective(&self) -> Option<Timestamp> {
        self.last_effective
    }

    /// The snapshot that has it, of those that were begun.
    pub fn taken_mut(&mut self) -> &mut Taken {
        &mut self.taken
    }

    /// Whether it was taken out of its store: whoever still holds it must look again.
    pub fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// What counts at `now`; `None` when it may have been evicted.
    pub fn usage(&self, reading: Reading<'_>, now: Timestamp) -> Option<Usage> {
        let (start, _) = self.window(reading, now);
        if self.lost_before.is_some_and(|lost| start < lost) {
            return None;
        }
        let mut sum = self.sum;
        let over = now.minus(RESERVATION_KEPT);
        // From the front: what the last change left there is nearly always still in the window.
        let mut left = 0;
        for entry in self.entries.iter().take_while(|entry| entry.at < start) {
            sum.take(entry.sum);
            left += 1;
        }
        // Of what is left, those that have ended since the last change.
        for entry in self.entries.range(self.ended.max(left)..) {
            if entry.at > over {
                break;
            }
            sum.take(entry.sum);
            sum.add(entry.sum.ended(reading.on_expiry));
        }
        Some(Usage { used: narrow(sum.used), reserved: narrow(sum.reserved + sum.open) })
    }

    /// When the calendar period that `now` lies in ends.
    pub fn resets_at(&self, reading: Reading<'_>, now: Timestamp) -> Option<Timestamp> {
        self.window(reading, now).1
    }

    /// What a payment that counts at `at` with `held` adds to the usage at `now`.
    pub fn counts(&self, reading: Reading<'_>, now: Timestamp, at: Timestamp, held: Held) -> Usage {
        let (start, _) = self.window(reading, now);
        if at < start {
            return Usage::default();
        }
        let is_over = at <= now.minus(RESERVATION_KEPT);
        let held = if is_over { held.expired(reading.on_expiry) } else { held };
        Usage { used: held.used, reserved: held.reserved.saturating_add(held.open) }
    }

    /// A payment that counts at `at` comes to hold that. `now` is the time of the change.
    pub fn add(&mut self, reading: Reading<'_>, now: Timestamp, at: Timestamp, held: Held) {
        let Some(place) = self.place(reading, now, at) else { return };
        let has_ended = at <= now.minus(RESERVATION_KEPT);
        if self.entries.get(place).is_none_or(|entry| entry.at != at) {
            self.entries.insert(place, Entry { at, sum: Sum::default() });
            self.ended += usize::from(has_ended);
        }
        let sum = Sum::of(held, has_ended, reading.on_expiry);
        if let Some(entry) = self.entries.get_mut(place) {
            entry.sum.add(sum);
            self.sum.add(sum);
        }
        let until = match (reading.period, self.bounds) {
            (Period::Over(window), _) => at.plus(window),
            (Period::Day | Period::Week | Period::Month, bounds) => {
                bounds.map_or(at, |bounds| bounds.end)
            }
        };
        self.idle_from = self.idle_from.max(until);
        self.coarsen(reading);
    }

    /// A payment that counts at `at` holds that no longer. `now` is the time of the change.
    pub fn take(&mut self, reading: Reading<'_>, now: Timestamp, at: Timestamp, held: Held) {
        let Some(place) = self.place(reading, now, at) else { return };
        let has_ended = place < self.ended;
        let sum = Sum::of(held, has_ended, reading.on_expiry);
        if let Some(entry) = self.entries.get_mut(place) {
            entry.sum.take(sum);
            self.sum.take(sum);
            // Where a wait has ended, payments may stand that count nothing any more: they will be
            // looked for when something becomes of them after all.
            if entry.sum == Sum::default() && !has_ended {
                self.entries.remove(place);
            }
        }
    }

    /// Where what counts at `at` is kept; `None` when no read needs it any more. An entry that stands for
    /// several stands at the latest of them: it is the first that is not before.
    fn place(&mut self, reading: Reading<'_>, now: Timestamp, at: Timestamp) -> Option<usize> {
        self.last_effective = self.last_effective.max(Some(now));
        self.forget(reading, now);
        if self.forgotten_before.is_some_and(|forgotten| at < forgotten) {
            return None;
        }
        // Nearly every payment is the latest.
        if self.entries.back().is_none_or(|latest| latest.at < at) {
            return Some(self.entries.len());
        }
        Some(self.entries.partition_point(|entry| entry.at < at))
    }

    /// The instants after `now` at which the usage may fall with nothing else happening, ascending, at
    /// most `most` of them.
    pub fn edges(&self, reading: Reading<'_>, now: Timestamp, most: usize) -> Vec<Timestamp> {
        let mut edges: Vec<Timestamp> = self
            .entries
            .iter()
            .flat_map(|entry| {
                let leaves = match reading.period {
                    Period::Over(window) => Some(entry.at.plus(window)),
                    Period::Day | Period::Week | Period::Month => None,
                };
                let ends = (entry.sum.open != 0).then(|| entry.at.plus(RESERVATION_KEPT));
                leaves.into_iter().chain(ends)
            })
            .chain(self.resets_at(reading, now))
            .filter(|edge| *edge > now)
            .collect();
        edges.sort_unstable();
        edges.dedup();
        edges.truncate(most);
        edges
    }

    /// The instant from which on nothing that is held here can be read any more.
    pub fn idle_from(&self) -> Timestamp {
        self.idle_from
    }

    /// The first instant that counts at `now`, and the end of the calendar period.
    fn window(&self, reading: Reading<'_>, now: Timestamp) -> (Timestamp, Option<Timestamp>) {
        if let Period::Over(window) = reading.period {
            // (now − W, now]: whole microseconds.
            return (now.minus(window).plus(Span::from_micros(1)), None);
        }
        let known = self.bounds.filter(|bounds| bounds.contains(now));
        let bounds = known.or_else(|| bounds(reading.period, now, reading.zone));
        bounds.map_or((Timestamp::MIN, None), |bounds| (bounds.start, Some(bounds.end)))
    }

    /// Drops what no read from `now` on needs, and ends what has waited long enough.
    fn forget(&mut self, reading: Reading<'_>, now: Timestamp) {
        let (start, end) = self.window(reading, now);
        self.bounds = end.map(|end| Bounds { start, end });
        self.forgotten_before = self.forgotten_before.max(Some(start));
        while let Some(entry) = self.entries.front()
            && entry.at < start
        {
            self.sum.take(entry.sum);
            self.entries.pop_front();
            self.ended = self.ended.saturating_sub(1);
        }
        let over = now.minus(RESERVATION_KEPT);
        while let Some(entry) = self.entries.get_mut(self.ended)
            && entry.at <= over
        {
            let ended = entry.sum.ended(reading.on_expiry);
            self.sum.take(entry.sum);
            self.sum.add(ended);
            entry.sum = ended;
            self.ended += 1;
        }
    }

    /// Makes one entry of those that lie in one cell of the grid, when there are many. What has ended
    /// and what has not stay apart.
    fn coarsen(&mut self, reading: Reading<'_>) {
        if self.entries.len() <= EXACT_MAX * 2 {
            return;
        }
        let length = match (reading.period, self.bounds) {
            (Period::Over(window), _) => window,
            (Period::Day | Period::Week | Period::Month, Some(bounds)) => {
                bounds.end.since(bounds.start)
            }
            (Period::Day | Period::Week | Period::Month, None) => return,
        };
        let cell = (length.as_micros().checked_div(GRID).unwrap_or(1)).max(1);
        let cell_of = |at: Timestamp| at.as_micros().div_euclid(cell);
        let mut merged: VecDeque<Entry> = VecDeque::with_capacity(EXACT_MAX);
        let mut ended = 0;
        let exact_from = self.entries.len().saturating_sub(EXACT_MAX);
        for (place, entry) in self.entries.iter().enumerate() {
            let has_ended = place < self.ended;
            match merged.back_mut() {
                // The newest stay exact; what has ended is not mixed with what has not.
                Some(last)
                    if place < exact_from
                        && place != self.ended
                        && cell_of(last.at) == cell_of(entry.at) =>
                {
                    last.at = entry.at;
                    last.sum.add(entry.sum);
                }
                Some(_) | None => {
                    merged.push_back(*entry);
                    ended += usize::from(has_ended);
                }
            }
        }
        self.entries = merged;
        self.ended = ended;
    }
}

// === impl Sum ===

impl Sum {
    fn of(held: Held, has_ended: bool, on_expiry: OnExpiry) -> Self {
        let held = if has_ended { held.expired(on_expiry) } else { held };
        Self { used: held.used.into(), reserved: held.reserved.into(), open: held.open.into() }
    }

    const fn add(&mut self, other: Self) {
        self.used += other.used;
        self.reserved += other.reserved;
        self.open += other.open;
    }

    const fn take(&mut self, other: Self) {
        self.used -= other.used;
        self.reserved -= other.reserved;
        self.open -= other.open;
    }

    const fn ended(self, on_expiry: OnExpiry) -> Self {
        match on_expiry {
            OnExpiry::Release => Self { open: 0, ..self },
            OnExpiry::Confirm => Self { used: self.used + self.open, open: 0, ..self },
        }
    }
}

/// As much of it as fits.
fn narrow(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

record!(Entry { 1 at, 2 sum });
record!(Sum { 1 used, 2 reserved, 3 open });
record!(Bounds { 1 start, 2 end });

/// The sum follows from the entries.
impl Codec for LimitState {
    fn encode(&self, out: &mut Vec<u8>) {
        self.entries.encode(out);
        self.ended.encode(out);
        encode_field(out, 1, &self.bounds);
        encode_field(out, 2, &self.forgotten_before);
        encode_field(out, 3, &self.last_effective);
        encode_field(out, 4, &self.lost_before);
        out.push(END);
        self.idle_from.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let entries: VecDeque<Entry> = Codec::decode(input)?;
        let ended = usize::decode(input)?.min(entries.len());
        let mut sum = Sum::default();
        entries.iter().for_each(|entry| sum.add(entry.sum));
        let mut state = Self { entries, sum, ended, ..Self::default() };
        loop {
            match input.byte()? {
                END => break,
                1 => state.bounds = Codec::decode(input)?,
                2 => state.forgotten_before = Codec::decode(input)?,
                3 => state.last_effective = Codec::decode(input)?,
                4 => state.lost_before = Codec::decode(input)?,
                number => return Err(Malformed::Newer { type_name: "LimitState", number }),
            }
        }
        state.idle_from = Codec::decode(input)?;
        Ok(state)
    }
}
