//! Lists of values that policies look up: what was added to or removed from the bundle's files since.
//!
//! A file is the bundle's; this is the layer over it, which outlives a publication. A reader loads one
//! pointer and takes one shard for reading, never a lock that a change of another value holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use parking_lot::Mutex;

use crate::model::time::Timestamp;
use crate::model::value::Text;

/// A change of one value of one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListChange {
    /// The list.
    pub list: Text,
    /// The value, compared byte for byte.
    pub value: Text,
    /// What is done with it.
    pub kind: ChangeKind,
}

/// What is done with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is put on the list, whatever the file says.
    Add {
        /// From when on the file alone decides again; never when absent.
        expires_at: Option<Timestamp>,
        /// Why.
        reason: Option<Text>,
    },
    /// It is taken off the list, whatever the file says.
    Remove {
        /// Why.
        reason: Option<Text>,
    },
}

/// All changes that still count.
#[derive(Debug)]
pub struct Overlay {
    /// INVARIANT: a list is only ever added here, so a loaded map never misses a later change of a
    /// list that it has.
    lists: ArcSwap<BTreeMap<Text, Arc<Changes>>>,
    /// The additions that end, soonest first.
    expiries: Mutex<BTreeSet<(Timestamp, Text, Text)>>,
    len: AtomicUsize,
    values_max: usize,
}

type Changes = DashMap<Text, ChangeKind, ahash::RandomState>;

/// How many additions one sweep ends at most, so that it stays short.
const SWEPT_MAX: usize = 10_000;

// === impl Overlay ===

impl Overlay {
    /// No changes yet, and room for `values_max` over all lists.
    pub fn new(values_max: usize) -> Self {
        Self {
            lists: ArcSwap::default(),
            expiries: Mutex::default(),
            len: AtomicUsize::new(0),
            values_max,
        }
    }

    /// Whether the value is on the list at `now`; `None` when the file decides.
    pub fn holds(&self, list: &str, value: &str, now: Timestamp) -> Option<bool> {
        let lists = self.lists.load();
        let change = lists.get(list)?.get(value)?;
        change.value().holds(now)
    }

    /// Whether the change can be taken: it frees room, or there is some left.
    pub fn has_room(&self, change: &ListChange) -> bool {
        // Relaxed: changes are made one after another by their caller; no reader decides on it.
        self.len.load(Ordering::Relaxed) < self.values_max
            || self
                .lists
                .load()
                .get(&change.list)
                .is_some_and(|changes| changes.contains_key(&change.value))
    }

    /// Makes the change. `in_file` says whether the bundle's file has the value: a removal of one that
    /// it has not leaves nothing behind.
    pub fn apply(&self, change: ListChange, in_file: bool) {
        let ListChange { list, value, kind } = change;
        let changes = self.changes_of(&list);
        let mut expiries = self.expiries.lock();
        let before = match &kind {
            ChangeKind::Remove { .. } if !in_file => changes.remove(&value).map(|(_, kind)| kind),
            ChangeKind::Add { .. } | ChangeKind::Remove { .. } => {
                self.len.fetch_add(1, Ordering::Relaxed);
                changes.insert(value.clone(), kind.clone())
            }
        };
        if let Some(before) = before {
            self.len.fetch_sub(1, Ordering::Relaxed);
            if let Some(at) = before.expires_at() {
                expiries.remove(&(at, list.clone(), value.clone()));
            }
        }
        if let Some(at) = kind.expires_at() {
            expiries.insert((at, list, value));
        }
    }

    /// The changes of a list that count at `now`, in the order of their values.
    pub fn changes(&self, list: &str, now: Timestamp) -> BTreeMap<Text, ChangeKind> {
        let lists = self.lists.load();
        let Some(changes) = lists.get(list) else { return BTreeMap::new() };
        changes
            .iter()
            .filter(|change| change.value().holds(now).is_some())
            .map(|change| (change.key().clone(), change.value().clone()))
            .collect()
    }

    /// Every change, in the order of the lists; those that have ended and were not swept are among them.
    pub fn all(&self) -> Vec<ListChange> {
        let lists = self.lists.load();
        let of_list = |(list, changes): (&Text, &Arc<Changes>)| {
            let change = |change: dashmap::mapref::multiple::RefMulti<'_, Text, ChangeKind>| {
                let (value, kind) = (change.key().clone(), change.value().clone());
                ListChange { list: list.clone(), value, kind }
            };
            changes.iter().map(change).collect::<Vec<_>>()
        };
        lists.iter().flat_map(of_list).collect()
    }

    /// Forgets additions that have ended; they do not count any more, swept or not.
    pub fn sweep(&self, now: Timestamp) {
        let mut expiries = self.expiries.lock();
        for _ in 0..SWEPT_MAX {
            let Some((at, list, value)) = expiries.pop_first() else { return };
            if at > now {
                expiries.insert((at, list, value));
                return;
            }
            if self.lists.load().get(&list).and_then(|changes| changes.remove(&value)).is_some() {
                self.len.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    fn changes_of(&self, list: &Text) -> Arc<Changes> {
        if let Some(changes) = self.lists.load().get(list) {
            return Arc::clone(changes);
        }
        let fresh = Arc::new(Changes::default());
        self.lists.rcu(|lists| {
            let mut lists = BTreeMap::clone(lists);
            lists.entry(list.clone()).or_insert_with(|| Arc::clone(&fresh));
            lists
        });
        self.lists.load().get(list).map_or(fresh, Arc::clone)
    }
}

// === impl ChangeKind ===

impl ChangeKind {
    fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Add { expires_at, reason: _ } => *expires_at,
            Self::Remove { reason: _ } => None,
        }
    }

    /// What it says at `now`: on the list, off it, or nothing any more.
    fn holds(&self, now: Timestamp) -> Option<bool> {
        match self {
            Self::Add { expires_at, reason: _ } => {
                expires_at.is_none_or(|at| now < at).then_some(true)
            }
            Self::Remove { reason: _ } => Some(false),
        }
    }
}
