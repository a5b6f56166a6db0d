//! The limits of one payment, locked together after its entities: read, and changed when it is decided
//! or when something becomes of it.
//!
//! Keys are known before anything is read, and states are locked in the order of their keys, so no two
//! threads wait for each other, and what is read stands until what is reserved is written.
// CRITICAL PATH: a change here carries its number from `benches/score.rs`.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use crate::engine::entities::{Keys, Place, Stale, Unseen};
use crate::engine::snapshot::Images;
use crate::limit::hold::{Holding, Holdings};
use crate::limit::state::{LimitState, Reading};
use crate::limit::store::LimitStore;
use crate::model::limit::{LimitKey, Period, Reservation, Usage};
use crate::model::snapshot::Taken;
use crate::model::time::Timestamp;
use crate::model::verdict::Mode;
use crate::policy::evaluate::LimitReading;
use crate::policy::set::PolicySet;

/// Which limits are locked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    /// None: nothing is decided and nothing is held.
    None,
    /// Those that the payment has reserved in.
    Reserved(&'a [LimitKey]),
    /// Those too that an attempt with these fields meets.
    Met(&'a [LimitKey]),
}

/// States of limits that are not locked yet, in the order of their keys.
pub(super) struct LimitSlots {
    slots: SmallVec<[(LimitKey, Arc<Mutex<LimitState>>); 8]>,
    /// Per limit of the set: its key for the payment.
    keys: SmallVec<[LimitPlace; 8]>,
}

/// The limits of a payment, all locked.
pub(super) struct Limits<'a> {
    guards: SmallVec<[(LimitKey, MutexGuard<'a, LimitState>); 8]>,
    keys: &'a [LimitPlace],
}

/// Where a limit counts for the payment.
#[derive(Clone, Copy, Debug)]
enum LimitPlace {
    /// Under that key.
    Key(LimitKey),
    /// Nowhere: a part of the key is missing, or the limit is off.
    Missing,
    /// Nowhere: a part of the key could not be read.
    Unknown,
}

// === impl LimitSlots ===

impl LimitSlots {
    /// Finds the states.
    pub(super) fn find(
        store: &LimitStore,
        set: &PolicySet,
        entities: &Keys,
        wanted: Wanted<'_>,
        unseen: Unseen,
    ) -> Self {
        let mut all = SmallVec::<[LimitKey; 8]>::new();
        let mut keys = SmallVec::new();
        if let Wanted::Reserved(reserved) | Wanted::Met(reserved) = wanted {
            all.extend_from_slice(reserved);
        }
        if let Wanted::Met(_) = wanted {
            for limit in &set.limits {
                let place = match entities.get(limit.entity) {
                    _ if limit.mode == Mode::Off => LimitPlace::Missing,
                    Ok(entity) => LimitPlace::Key(LimitKey::new(limit.identity, entity)),
                    Err(Place::Unknown) => LimitPlace::Unknown,
                    Err(Place::Missing | Place::Slot(_)) => LimitPlace::Missing,
                };
                if let LimitPlace::Key(key) = place {
                    all.push(key);
                }
                keys.push(place);
            }
        }
        all.sort_unstable();
        all.dedup();
        let slots = all
            .into_iter()
            .map(|key| {
                let slot = match unseen {
                    Unseen::Make => store.slot(key),
                    Unseen::Imagine => {
                        store.find(key).unwrap_or_else(|| Arc::new(Mutex::new(store.unseen())))
                    }
                };
                (key, slot)
            })
            .collect();
        Self { slots, keys }
    }

    /// Locks them all. `images` is given those that a snapshot is still without.
    pub(super) fn lock(&self, now: Taken, images: &Images) -> Result<Limits<'_>, Stale> {
        let mut guards: SmallVec<[(LimitKey, MutexGuard<'_, LimitState>); 8]> =
            self.slots.iter().map(|(key, slot)| (*key, slot.lock())).collect();
        if guards.iter().any(|(_, state)| state.is_gone()) {
            return Err(Stale);
        }
        for (key, state) in &mut guards {
            if state.taken_mut().is_due(now) {
                images.limit(*key, state);
            }
        }
        Ok(Limits { guards, keys: &self.keys })
    }
}

// === impl Limits ===

impl Limits<'_> {
    /// The time at which something received at `received_at` is applied: never before what was applied
    /// to one of them.
    pub(super) fn effective(&self, received_at: Timestamp) -> Timestamp {
        self.guards
            .iter()
            .filter_map(|(_, state)| state.last_effective())
            .fold(received_at, Ord::max)
    }

    /// What others have used and reserved of each limit of the set at `now`: what the payment itself
    /// holds is left out.
    pub(super) fn read(
        &self,
        set: &PolicySet,
        now: Timestamp,
        own: &Holdings,
    ) -> SmallVec<[LimitReading; 8]> {
        let limits = set.limits.iter().zip(self.keys);
        limits
            .map(|(limit, place)| match place {
                LimitPlace::Missing => LimitReading::Missing,
                LimitPlace::Unknown => LimitReading::Unknown,
                LimitPlace::Key(key) => {
                    let reading = reading(set, limit.period);
                    let Some(state) = self.state(*key) else { return LimitReading::Unknown };
                    let Some(usage) = state.usage(reading, now) else {
                        return LimitReading::Unknown;
                    };
                    let own = own
                        .iter()
                        .find(|holding| holding.key == *key)
                        .map_or_else(Usage::default, |own| {
                            state.counts(reading, now, own.at, own.held)
                        });
                    let others = Usage {
                        used: usage.used.saturating_sub(own.used),
                        reserved: usage.reserved.saturating_sub(own.reserved),
                    };
                    LimitReading::Usage(others, state.resets_at(reading, now))
                }
            })
            .collect()
    }

    /// The instants after `now` at which these limits of the set may have more room, with nothing else
    /// happening; at most `most` for each.
    pub(super) fn edges(
        &self,
        set: &PolicySet,
        limits: &[usize],
        now: Timestamp,
        most: usize,
    ) -> Vec<Timestamp> {
        let mut edges = Vec::new();
        for place in limits {
            if let (Some(limit), Some(LimitPlace::Key(key))) =
                (set.limits.get(*place), self.keys.get(*place))
                && let Some(state) = self.state(*key)
            {
                edges.extend(state.edges(reading(set, limit.period), now, most));
            }
        }
        edges
    }

    /// What an attempt that is let through reserves: in every limit that applies, shadow ones included.
    pub(super) fn reservations(
        &self,
        set: &PolicySet,
        amounts: &[(usize, i64)],
    ) -> Vec<Reservation> {
        let reserved = amounts.iter().filter_map(|(place, amount)| {
            let LimitPlace::Key(key) = self.keys.get(*place)? else { return None };
            let limit = set.limits.get(*place)?;
            Some(Reservation {
                name: Arc::clone(&limit.name),
                key: *key,
                period: limit.period,
                amount: *amount,
                returns_refunded: limit.returns_refunded,
                counts: limit.amount.is_none(),
            })
        });
        reserved.collect()
    }

    /// Replaces what the payment held by what it holds.
    pub(super) fn replace(
        &mut self,
        set: &PolicySet,
        now: Timestamp,
        before: &Holdings,
        after: &Holdings,
    ) {
        let gone = before.iter().filter(|holding| !has(after, holding));
        for holding in gone {
            self.change(set, now, holding, false);
        }
        let come = after.iter().filter(|holding| !has(before, holding));
        for holding in come {
            self.change(set, now, holding, true);
        }
    }

    fn change(&mut self, set: &PolicySet, now: Timestamp, holding: &Holding, comes: bool) {
        let found = self.guards.iter_mut().find(|(key, _)| *key == holding.key);
        if let Some((_, state)) = found {
            let reading = reading(set, holding.period);
            if comes {
                state.add(reading, now, holding.at, holding.held);
            } else {
                state.take(reading, now, holding.at, holding.held);
            }
        }
    }

    fn state(&self, key: LimitKey) -> Option<&LimitState> {
        let place = self.guards.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.guards.get(place).map(|(_, state)| &**state)
    }
}

fn has(holdings: &Holdings, holding: &Holding) -> bool {
    holdings.iter().any(|other| other == holding)
}

/// How a limit of that period is read under that set.
pub(super) fn reading(set: &PolicySet, period: Period) -> Reading<'_> {
    Reading { period, zone: &set.bundle.time_zone, on_expiry: set.bundle.on_expiry }
}
