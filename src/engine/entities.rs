//! The entities of one payment or event, locked together: the one place where several locks are held.
//!
//! All keys are known before anything is read. Slots are locked in the order of their keys, after the
//! payment's own record and never before it, so no two threads wait for each other. What was forgotten
//! or republished between finding a slot and locking it makes us start again, before anything is read.
// CRITICAL PATH: a change here carries its number from `benches/score.rs`.

use std::ops::DerefMut;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use crate::engine::live::Live;
use crate::engine::snapshot::Images;
use crate::feature::state::{EntityState, Observed, Reader};
use crate::feature::store::{EntityStore, Slot};
use crate::model::entity::{EntityKey, EntityKind};
use crate::model::field::Fields;
use crate::model::snapshot::Taken;
use crate::model::time::Timestamp;
use crate::model::value::Value;
use crate::policy::ir::FeatureIndex;
use crate::policy::set::{EntityDef, KeyPart, PolicySet, Tap};

/// What becomes of an entity that is not in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unseen {
    /// It is made: something will be counted.
    Make,
    /// It is read as it would be, and not made.
    Imagine,
}

/// Entities that something has forgotten or republished since they were found; start again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stale;

/// Per entity of the set: its key, or why there is none. Made once; entities and limits are found by it.
pub(super) struct Keys(SmallVec<[Result<EntityKey, Place>; 12]>);

/// Slots that are not locked yet, in the order of their keys.
pub(super) struct Slots {
    slots: SmallVec<[(EntityKey, Slot); 12]>,
    /// Per entity of the set.
    places: SmallVec<[Place; 12]>,
}

/// The entities of a payment or event, all locked.
pub(super) struct Entities<'a, G = MutexGuard<'a, EntityState>> {
    live: &'a Live,
    guards: SmallVec<[G; 12]>,
    places: &'a [Place],
}

/// Where the state of an entity of the set is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// In the slot of that place.
    Slot(usize),
    /// Nowhere: a part of the key is missing.
    Missing,
    /// Nowhere: a part of the key could not be read.
    Unknown,
}

// === impl Keys ===

impl Keys {
    /// The keys of the entities that the fields name.
    pub(super) fn of(set: &PolicySet, fields: &Fields) -> Self {
        Self(set.entities.iter().map(|entity| key_of(entity, fields)).collect())
    }

    /// The key of the entity of that place in the set.
    pub(super) fn get(&self, entity: usize) -> Result<EntityKey, Place> {
        self.0.get(entity).copied().unwrap_or(Err(Place::Missing))
    }
}

// === impl Slots ===

impl Slots {
    /// Finds the entities of those keys.
    pub(super) fn find(store: &EntityStore, set: &PolicySet, all: &Keys, unseen: Unseen) -> Self {
        let mut keys = SmallVec::<[(EntityKey, usize); 12]>::new();
        let mut places = SmallVec::<[Place; 12]>::new();
        for (index, (entity, key)) in set.entities.iter().zip(&all.0).enumerate() {
            let place = match *key {
                // Nothing is kept for an entity without features.
                _ if entity.layout.streams.is_empty() => Place::Missing,
                Ok(key) => {
                    keys.push((key, index));
                    Place::Missing
                }
                Err(place) => place,
            };
            places.push(place);
        }
        keys.sort_unstable();
        let mut slots = SmallVec::new();
        let mut last = None;
        for (key, index) in keys {
            // Two equal keys are one lock.
            if last != Some(key) {
                let slot = match unseen {
                    Unseen::Make => store.slot(key),
                    Unseen::Imagine => {
                        store.find(key).unwrap_or_else(|| Arc::new(Mutex::new(store.unseen())))
                    }
                };
                slots.push((key, slot));
                last = Some(key);
            }
            if let Some(place) = places.get_mut(index) {
                *place = Place::Slot(slots.len() - 1);
            }
        }
        Self { slots, places }
    }

    /// Locks them all, and makes them follow the set's layouts. `images` is given those that a snapshot
    /// is still without.
    pub(super) fn lock<'a>(
        &'a self,
        live: &'a Live,
        now: Taken,
        images: &Images,
    ) -> Result<Entities<'a>, Stale> {
        let mut guards: SmallVec<[MutexGuard<'a, EntityState>; 12]> =
            self.slots.iter().map(|(_, slot)| slot.lock()).collect();
        if guards.iter().any(|state| state.is_gone()) {
            return Err(Stale);
        }
        for ((key, _), state) in self.slots.iter().zip(&mut guards) {
            if state.taken_mut().is_due(now) {
                images.entity(*key, state);
            }
        }
        for (place, layout) in self.places.iter().zip(&live.layouts) {
            if let Place::Slot(slot) = place
                && let Some(state) = guards.get_mut(*slot)
            {
                // An entity that follows a later publication must not go back to ours.
                state.adopt(layout).map_err(|_newer| Stale)?;
            }
        }
        Ok(Entities { live, guards, places: &self.places })
    }
}

// === impl Entities ===

impl<G: DerefMut<Target = EntityState>> Entities<'_, G> {
    /// A copy of them, on which something can be imagined.
    pub(super) fn copied(&self) -> Entities<'_, Box<EntityState>> {
        let guards = self.guards.iter().map(|state| Box::new(EntityState::clone(state))).collect();
        Entities { live: self.live, guards, places: self.places }
    }

    /// The instants after `now` at which events enter or leave the windows of these features.
    pub(super) fn edges(&self, features: &[FeatureIndex], now: Timestamp) -> Vec<Timestamp> {
        let mut edges = Vec::new();
        for FeatureIndex(index) in features {
            let feature =
                usize::try_from(*index).ok().and_then(|it| self.live.set.features.get(it));
            if let Some(feature) = feature
                && let Some(Place::Slot(slot)) = self.places.get(feature.entity)
                && let Some(state) = self.guards.get(*slot)
            {
                state.edges(feature.slot, now, &mut edges);
            }
        }
        edges
    }

    /// The time at which something received at `received_at` is applied: never before what was applied
    /// to one of them.
    pub(super) fn effective(&self, received_at: Timestamp) -> Timestamp {
        self.guards.iter().map(|state| state.last_effective()).fold(received_at, Ord::max)
    }

    /// Whether something can be counted in that entity.
    pub(super) fn has(&self, entity: usize) -> bool {
        matches!(self.places.get(entity), Some(Place::Slot(_)))
    }

    /// A value per feature of the set, `Missing` for those not asked for. Those over one stream are best
    /// asked for one after another. `own` is what the attempt that
    /// is being decided brings to each tap of `attempt`.
    pub(super) fn read(
        &self,
        features: &[FeatureIndex],
        now: Timestamp,
        own: &[Option<Observed>],
    ) -> Vec<Value> {
        let set = &self.live.set;
        let mut values = vec![Value::Missing; set.features.len()];
        let mut reader: Option<(usize, Reader<'_>)> = None;
        for FeatureIndex(index) in features {
            let Ok(index) = usize::try_from(*index) else { continue };
            let (Some(feature), Some(value)) = (set.features.get(index), values.get_mut(index))
            else {
                continue;
            };
            *value = match self.places.get(feature.entity) {
                None | Some(Place::Missing) => Value::Missing,
                Some(Place::Unknown) => Value::Unknown,
                Some(Place::Slot(slot)) => {
                    let current = self
                        .live
                        .own_tap(index)
                        .and_then(|tap| own.get(tap))
                        .and_then(Option::as_ref);
                    if reader.as_ref().is_none_or(|(known, _)| known != slot) {
                        reader = self.guards.get(*slot).map(|state| (*slot, state.reader(now)));
                    }
                    reader
                        .as_mut()
                        .map_or(Value::Missing, |(_, reader)| reader.read(feature.slot, current))
                }
            };
        }
        values
    }

    /// Notes in all of them that something is applied at that time.
    pub(super) fn advance(&mut self, effective_at: Timestamp) {
        for state in &mut self.guards {
            state.advance(effective_at);
        }
    }

    /// Counts what an event, placed at `at`, brings to each of its taps.
    pub(super) fn observe(&mut self, taps: &[Tap], at: Timestamp, observed: &[Option<Observed>]) {
        for (tap, observed) in taps.iter().zip(observed) {
            if let Some(observed) = observed
                && let Some(Place::Slot(slot)) = self.places.get(tap.entity)
                && let Some(state) = self.guards.get_mut(*slot)
            {
                state.observe(tap.stream, at, observed);
            }
        }
    }
}

/// The key of the entity that the fields name, or why there is none.
fn key_of(entity: &EntityDef, fields: &Fields) -> Result<EntityKey, Place> {
    key_from(entity.kind, || {
        entity.parts.iter().map(|part| match part {
            KeyPart::Field(field) => fields.get(*field),
            KeyPart::Attribute(name) => fields.attribute(name),
        })
    })
}

/// The key of the entity with these parts, or why there is none: a missing part outweighs an unknown
/// one, for then there is no entity whatever the unknown is.
pub(super) fn key_from<'a, P: Iterator<Item = &'a Value>>(
    kind: EntityKind,
    parts: impl Fn() -> P,
) -> Result<EntityKey, Place> {
    EntityKey::new(kind, parts()).ok_or_else(|| {
        if parts().any(|part| matches!(part, Value::Missing)) {
            Place::Missing
        } else {
            Place::Unknown
        }
    })
}
