//! Which rules can hold at all: the others are skipped in groups.
//!
//! Of the terms of a rule one is its guard: a cheap test without which the rule does not hold. Guards
//! over one slot stand together, ordered, so that for a value those that it passes are found at once: a
//! prefix of the bounds it is above, the entry of a string, all rules that look for it on a list. Only
//! those rules are looked at, a second cheap test first, and then their program, which has the terms
//! that are left. A rule may have a guard only if nothing before it can fail; if something after it can,
//! the rule is looked at as well when the guard is missing, and its program has all its terms.

use std::collections::BTreeMap;

use crate::policy::program::code::{Tables, Test};
use crate::policy::program::row::{Slot, is_hashed};
use crate::policy::program::run::{Bail, Run};
use crate::policy::program::tree::SlotIndex;

/// How many values a set may have for its rule to stand in the entry of each.
const ENTRIES_MAX: usize = 64;

/// A rule behind a guard, with the second test that it has to pass.
#[derive(Clone, Copy, Debug)]
struct Posting {
    /// The slot of the second test.
    slot: SlotIndex,
    /// The bits that pass it, both included.
    low: i64,
    high: i64,
    /// The place of the rule.
    rule: u32,
    /// Whether both tests are all that the rule asks.
    is_decided: bool,
}

/// Rules whose guard compares a number.
#[derive(Clone, Debug, Default)]
struct Ordered {
    /// The least values that pass, ascending.
    lows: Vec<i64>,
    above: Vec<Posting>,
    /// The greatest values that pass, descending.
    highs: Vec<i64>,
    below: Vec<Posting>,
    /// Rules to look at when the value is missing.
    missing: Vec<u32>,
}

/// Rules whose guard asks for certain values.
#[derive(Clone, Debug, Default)]
struct Entries {
    /// In order, without repeats, each with the end of its postings.
    keys: Vec<(i64, u32)>,
    postings: Vec<Posting>,
    missing: Vec<u32>,
}

/// Rules whose guard looks on a list.
#[derive(Clone, Debug, Default)]
struct Listed {
    postings: Vec<Posting>,
    missing: Vec<u32>,
}

/// All guards of a set.
#[derive(Clone, Debug, Default)]
pub(super) struct Guards {
    ordered: Vec<(SlotIndex, Ordered)>,
    entries: Vec<(SlotIndex, Entries)>,
    listed: Vec<(u32, Listed)>,
    /// Rules without a guard.
    unguarded: Vec<u32>,
}

/// What passes a guard.
#[derive(Clone, Debug, PartialEq)]
enum Pass {
    Above(SlotIndex, i64),
    Below(SlotIndex, i64),
    Among(SlotIndex, Vec<i64>),
    Listed(u32),
}

/// A term of a rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    /// The test that it is, if it is one, and whether that must come out false.
    pub(super) test: Option<(Test, bool)>,
    pub(super) may_fail: bool,
}

/// The terms of a rule that stand before its program.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chosen {
    pub(super) guard: Option<usize>,
    pub(super) second: Option<usize>,
    /// Whether the program need not ask them again.
    pub(super) drops_guard: bool,
    pub(super) drops_second: bool,
}

/// A rule with what was chosen of its terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guarded<'t> {
    pub(super) rule: u32,
    pub(super) terms: &'t [Term],
    pub(super) chosen: Chosen,
    /// Whether what was chosen is all that it asks.
    pub(super) is_decided: bool,
}

/// [`Ordered`], rule by rule.
#[derive(Debug, Default)]
struct Unordered {
    above: Vec<(i64, Posting)>,
    below: Vec<(i64, Posting)>,
    missing: Vec<u32>,
}

/// [`Entries`], rule by rule.
#[derive(Debug, Default)]
struct Unsorted {
    postings: Vec<(i64, Posting)>,
    missing: Vec<u32>,
}

/// Collects guards, rule by rule.
#[derive(Debug, Default)]
pub(super) struct Collector {
    ordered: BTreeMap<SlotIndex, Unordered>,
    entries: BTreeMap<SlotIndex, Unsorted>,
    listed: BTreeMap<u32, Listed>,
    unguarded: Vec<u32>,
}

// === impl Chosen ===

impl Chosen {
    /// The two most telling tests. `is_bound` says which slots hold a value before any program is run.
    pub(super) fn of(
        terms: &[Term],
        tables: &Tables,
        is_bound: impl Fn(SlotIndex) -> bool,
    ) -> Self {
        let first_failing = terms.iter().position(|term| term.may_fail);
        let open = first_failing.unwrap_or(terms.len());
        let mut ranked: Vec<(u32, usize)> = (0..open)
            .filter_map(|place| {
                let (test, negated) = terms.get(place)?.test?;
                let (rank, slot) = rank(&test, negated, tables)?;
                is_bound(slot).then_some((rank, place))
            })
            .collect();
        ranked.sort_unstable();
        let guard = ranked.first().map(|(_, place)| *place);
        if first_failing.is_some() {
            return Self { guard, ..Self::default() };
        }
        let is_exact = |place: usize| {
            let test = terms.get(place).and_then(|term| term.test);
            test.is_some_and(|(test, _)| is_exact(&test, tables))
        };
        let second = ranked.iter().skip(1).map(|(_, place)| *place).find(|place| {
            terms.get(*place).and_then(|term| term.test).is_some_and(|test| within(test).is_some())
        });
        Self {
            guard,
            second,
            drops_guard: guard.is_some_and(is_exact),
            drops_second: second.is_some_and(is_exact),
        }
    }
}

/// How telling a test is as a guard, the least being the most, and what it reads; nothing when it is
/// none.
fn rank(test: &Test, negated: bool, tables: &Tables) -> Option<(u32, SlotIndex)> {
    Some(match *test {
        Test::OnList { probe } if !negated => (0, tables.probes.get(probe as usize)?.slot),
        Test::IsText { slot, .. } if !negated => (1, slot),
        Test::Between { slot, low, high } if !negated && low == high => (1, slot),
        Test::OneOf { slot, set } if !negated => {
            let keys = &tables.sets.get(set as usize)?.keys;
            if keys.len() > ENTRIES_MAX {
                return None;
            }
            (2, slot)
        }
        Test::Between { slot, .. } if !negated => (3, slot),
        Test::Holds { slot } => (4, slot),
        Test::OnList { .. }
        | Test::IsText { .. }
        | Test::Between { .. }
        | Test::OneOf { .. }
        | Test::SameText { .. }
        | Test::Compare { .. }
        | Test::Products { .. }
        | Test::IsMissing { .. } => return None,
    })
}

/// Whether passing the guard says that the test holds, and not only that it may.
fn is_exact(test: &Test, tables: &Tables) -> bool {
    match *test {
        Test::IsText { key, .. } => !is_hashed(key),
        Test::OneOf { set, .. } => {
            tables.sets.get(set as usize).is_some_and(|set| set.long.is_empty())
        }
        Test::Between { low, high, .. } => low == i64::MIN || high == i64::MAX || low == high,
        Test::OnList { .. } | Test::Holds { .. } => true,
        Test::SameText { .. }
        | Test::Compare { .. }
        | Test::Products { .. }
        | Test::IsMissing { .. } => false,
    }
}

/// The bits with which a test may hold, when they are all between two.
const fn within((test, negated): (Test, bool)) -> Option<(SlotIndex, i64, i64)> {
    match (test, negated) {
        (Test::Between { slot, low, high }, false) => Some((slot, low, high)),
        (Test::IsText { slot, key, .. }, false) => Some((slot, key, key)),
        (Test::Holds { slot }, negated) => {
            let wanted = if negated { 0 } else { 1 };
            Some((slot, wanted, wanted))
        }
        _ => None,
    }
}

fn pass((test, negated): (Test, bool), tables: &Tables) -> Option<Pass> {
    Some(match test {
        Test::OnList { probe } => Pass::Listed(probe),
        Test::OneOf { slot, set } => Pass::Among(slot, tables.sets.get(set as usize)?.keys.clone()),
        Test::Between { slot, low, high } if low != high => {
            if high == i64::MAX {
                Pass::Above(slot, low)
            } else if low == i64::MIN {
                Pass::Below(slot, high)
            } else {
                Pass::Above(slot, low)
            }
        }
        Test::Between { .. }
        | Test::IsText { .. }
        | Test::Holds { .. }
        | Test::SameText { .. }
        | Test::Compare { .. }
        | Test::Products { .. }
        | Test::IsMissing { .. } => {
            let (slot, low, _) = within((test, negated))?;
            Pass::Among(slot, vec![low])
        }
    })
}

// === impl Collector ===

impl Collector {
    /// Adds a rule.
    pub(super) fn add(&mut self, guarded: Guarded<'_>, tables: &Tables) {
        let Guarded { rule, terms, chosen, is_decided } = guarded;
        let test = |place: Option<usize>| terms.get(place?)?.test;
        let Some(pass) = test(chosen.guard).and_then(|test| pass(test, tables)) else {
            self.unguarded.push(rule);
            return;
        };
        let own = match &pass {
            Pass::Above(slot, _) | Pass::Below(slot, _) | Pass::Among(slot, _) => *slot,
            Pass::Listed(probe) => {
                tables.probes.get(*probe as usize).map_or(SlotIndex::MAX, |probe| probe.slot)
            }
        };
        let second = test(chosen.second).and_then(within);
        let (slot, low, high) = second.unwrap_or((own, i64::MIN, i64::MAX));
        let posting = Posting { slot, low, high, rule, is_decided };
        let missing = match pass {
            Pass::Above(slot, low) => {
                let group = self.ordered.entry(slot).or_default();
                group.above.push((low, posting));
                &mut group.missing
            }
            Pass::Below(slot, high) => {
                let group = self.ordered.entry(slot).or_default();
                group.below.push((high, posting));
                &mut group.missing
            }
            Pass::Among(slot, keys) => {
                let group = self.entries.entry(slot).or_default();
                group.postings.extend(keys.into_iter().map(|key| (key, posting)));
                &mut group.missing
            }
            Pass::Listed(probe) => {
                let listed = self.listed.entry(probe).or_default();
                listed.postings.push(posting);
                &mut listed.missing
            }
        };
        if terms.iter().any(|term| term.may_fail) {
            missing.push(rule);
        }
    }

    pub(super) fn finish(self) -> Guards {
        let ordered = self.ordered.into_iter().map(|(slot, group)| {
            let Unordered { mut above, mut below, missing } = group;
            above.sort_by_key(|(low, posting)| (*low, posting.rule));
            below.sort_by_key(|(high, posting)| (std::cmp::Reverse(*high), posting.rule));
            let (lows, above) = above.into_iter().unzip();
            let (highs, below) = below.into_iter().unzip();
            (slot, Ordered { lows, above, highs, below, missing })
        });
        let entries = self.entries.into_iter().map(|(slot, group)| {
            let Unsorted { postings: mut all, missing } = group;
            all.sort_by_key(|(key, posting)| (*key, posting.rule));
            let mut entries = Entries { missing, ..Entries::default() };
            for (key, posting) in all {
                entries.postings.push(posting);
                let end = u32::try_from(entries.postings.len()).unwrap_or(u32::MAX);
                match entries.keys.last_mut() {
                    Some((last, known)) if *last == key => *known = end,
                    _ => entries.keys.push((key, end)),
                }
            }
            (slot, entries)
        });
        Guards {
            ordered: ordered.collect(),
            entries: entries.collect(),
            listed: self.listed.into_iter().collect(),
            unguarded: self.unguarded,
        }
    }
}

// === impl Entries ===

impl Entries {
    /// Beyond, halving finds a key sooner than looking at each.
    const SCANNED_MAX: usize = 8;

    fn of(&self, key: i64) -> &[Posting] {
        let place = if self.keys.len() <= Self::SCANNED_MAX {
            self.keys.iter().position(|(known, _)| *known == key)
        } else {
            self.keys.binary_search_by_key(&key, |(known, _)| *known).ok()
        };
        let Some(place) = place else { return &[] };
        let end_of = |place: usize| self.keys.get(place).map_or(0, |(_, end)| *end as usize);
        let start = place.checked_sub(1).map_or(0, end_of);
        self.postings.get(start..end_of(place)).unwrap_or_default()
    }
}

// === impl Ordered ===

impl Ordered {
    fn above(&self, value: i64) -> &[Posting] {
        let passed = self.lows.partition_point(|low| *low <= value);
        self.above.get(..passed).unwrap_or_default()
    }

    fn below(&self, value: i64) -> &[Posting] {
        let passed = self.highs.partition_point(|high| *high >= value);
        self.below.get(..passed).unwrap_or_default()
    }
}

// === impl Run ===

impl Run<'_, '_> {
    /// Marks the rules whose programs come out true, and those that the interpreter must evaluate.
    pub(crate) fn fire(&mut self) {
        let guards = &self.programs.guards;
        for (slot, group) in &guards.ordered {
            let value = self.bound(*slot);
            if value.is_present() {
                self.pass(group.above(value.bits));
                self.pass(group.below(value.bits));
            } else {
                self.verify_all(&group.missing);
            }
        }
        for (slot, group) in &guards.entries {
            let value = self.bound(*slot);
            if value.is_present() {
                self.pass(group.of(value.bits));
            } else {
                self.verify_all(&group.missing);
            }
        }
        for (probe, group) in &guards.listed {
            match self.probe(*probe) {
                Ok(Some(true)) => self.pass(&group.postings),
                Ok(Some(false)) => {}
                Ok(None) | Err(Bail) => self.verify_all(&group.missing),
            }
        }
        self.verify_all(&guards.unguarded);
    }

    fn bound(&self, slot: SlotIndex) -> Slot {
        self.scratch.row.get(slot as usize).copied().unwrap_or(Slot::MISSING)
    }

    fn pass(&mut self, postings: &[Posting]) {
        for posting in postings {
            let second = self.bound(posting.slot);
            if second.is_present() && posting.low <= second.bits && second.bits <= posting.high {
                if posting.is_decided {
                    self.scratch.mark_fired(posting.rule);
                } else {
                    self.verify(posting.rule);
                }
            }
        }
    }

    fn verify_all(&mut self, rules: &[u32]) {
        for rule in rules {
            self.verify(*rule);
        }
    }
}
