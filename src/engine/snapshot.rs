//! The whole state as it was between two entries, taken while everything goes on, and put back.
//!
//! The gate closes for as long as it takes to number the snapshot and to copy what is small. From then on
//! whoever changes something that the snapshot is without leaves a copy of it first, and the snapshot
//! comes to the rest one by one. So it is exactly what an engine is that applied all entries up to one
//! position, and a restart goes on with the next.
//!
//! A snapshot is a sequence of chunks, each of whole parts: the head first, layouts before the entities
//! that follow them, names before the values that they name, all else in any order. Each room knows the bytes of its own states.

mod restore;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use crate::channel::Kept as Channel;
use crate::engine::Engine;
use crate::engine::journal::{Entry, Position};
use crate::failure::card::Card;
use crate::feature::spec::EntityLayout;
use crate::feature::state::EntityState;
use crate::limit::state::LimitState;
use crate::model::codec::{Codec, encode_unsigned, record};
use crate::model::entity::{EntityKey, EntityKind};
use crate::model::field::Field;
use crate::model::limit::LimitKey;
use crate::model::time::Timestamp;
use crate::model::value::Text;
use crate::policy::bundle::Files;

pub use restore::{RestoreError, Restoring};

/// Where a snapshot goes.
pub trait Sink {
    /// Why it cannot go there.
    type Error;

    /// Takes the next chunk.
    ///
    /// # Errors
    /// When it cannot: the snapshot ends there.
    fn put(&mut self, chunk: &[u8]) -> Result<(), Self::Error>;

    /// Does work that holds a lock of that room; whoever wants to know how long measures it.
    fn watch<T>(&mut self, room: Room, work: impl FnOnce() -> T) -> T;
}

/// What is locked while a snapshot takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Room {
    /// Everything, for the beginning.
    Gate,
    /// One entity.
    Entity,
    /// The usage of one limit by one entity.
    Limit,
    /// One card.
    Card,
    /// A share of the payments, to list it, and then one at a time.
    Payments,
    /// A share of the ids of events, likewise.
    Events,
}

/// What was about to be changed before the snapshot came to it.
#[derive(Debug, Default)]
pub(super) struct Images {
    images: Mutex<Vec<Image>>,
}

#[derive(Debug)]
enum Image {
    Entity(EntityKey, Box<EntityState>),
    Limit(LimitKey, LimitState),
    Card(EntityKey, Card),
}

/// What a snapshot begins with.
struct Head {
    /// The paths of the fields, by the codes of this build.
    fields: Vec<Text>,
    sequence: u64,
    position: u64,
    at: Timestamp,
    publication: u64,
    files: Arc<Files>,
    /// The live layouts, which are the first that are numbered.
    layouts: Vec<(EntityKind, Arc<EntityLayout>)>,
    channels: Vec<(Text, Channel)>,
    entities_evicted_at: Timestamp,
    limits_evicted_at: Option<Timestamp>,
}

/// The number that a part begins with.
mod part {
    pub(super) const HEAD: u8 = 1;
    pub(super) const LAYOUT: u8 = 2;
    pub(super) const ENTITY: u8 = 3;
    pub(super) const LIMIT: u8 = 4;
    pub(super) const CARD: u8 = 5;
    pub(super) const PAYMENT: u8 = 6;
    pub(super) const EVENT: u8 = 7;
    pub(super) const LIST: u8 = 8;
    pub(super) const FEATURES: u8 = 9;
}

/// A chunk that is being filled, the layouts that have a number, and the names that were written.
struct Writer<'a, S> {
    sink: &'a mut S,
    chunk: Vec<u8>,
    layouts: Vec<Arc<EntityLayout>>,
    /// The sets of names of features that stand in it.
    features: BTreeSet<u64>,
}

/// A chunk is put when it has so many bytes.
const CHUNK_BYTES: usize = 256 * 1024;
/// How many states are taken before it is looked for images, which wait in memory.
const IMAGES_EVERY: usize = 4_096;

record!(Head {
    1 fields,
    2 sequence,
    3 position,
    4 at,
    5 publication,
    6 files,
    7 layouts,
    8 channels,
    9 entities_evicted_at,
    10 limits_evicted_at,
});

impl Engine {
    /// Takes a snapshot while everything goes on; publications and changes of lists wait for as long as it
    /// takes to copy the lists. `at` is the time of it. Returns the position up to which entries are in it.
    ///
    /// # Errors
    /// When the sink cannot take it; what it took until then is of no use.
    pub fn snapshot<S: Sink>(&self, at: Timestamp, sink: &mut S) -> Result<Position, S::Error> {
        let _nothing_is_forgotten = self.upkeep.lock();
        let (head, lists) = {
            let _nothing_is_published = self.changing.lock();
            (sink.watch(Room::Gate, || self.begin(at)), self.lists.all())
        };
        let position = Position(head.position);
        let layouts = head.layouts.iter().map(|(_, layout)| Arc::clone(layout)).collect();
        let chunk = Vec::with_capacity(2 * CHUNK_BYTES);
        let mut writer = Writer { sink, chunk, layouts, features: BTreeSet::new() };
        writer.part(part::HEAD, &head);
        for change in lists {
            writer.part(part::LIST, &change);
            writer.flush(CHUNK_BYTES)?;
        }
        self.take_entities(&mut writer)?;
        self.take_limits(&mut writer)?;
        self.take_cards(&mut writer)?;
        self.take_records(&mut writer)?;
        self.take_images(&mut writer)?;
        writer.flush(1)?;
        Ok(position)
    }

    /// Numbers the snapshot everywhere, and copies what belongs to no lock of its own.
    fn begin(&self, at: Timestamp) -> Head {
        let _nobody_passes = self.gate.close();
        self.entities.snapshots().begin();
        self.limits.snapshots().begin();
        self.cards.snapshots().begin();
        self.payments.snapshots().begin();
        self.events.snapshots().begin();
        let live = self.live.load();
        let kinds = live.set.entities.iter().map(|entity| entity.kind);
        Head {
            fields: Field::ALL.iter().map(|field| Text::from(field.path())).collect(),
            sequence: self.sequence.load(Ordering::Relaxed),
            position: self.journal.last().0,
            at,
            publication: live.publication(),
            files: Arc::clone(&live.set.bundle.files),
            layouts: kinds.zip(live.layouts.iter().map(Arc::clone)).collect(),
            channels: live.channels.all(),
            entities_evicted_at: self.entities.evicted_at(),
            limits_evicted_at: self.limits.evicted_at(),
        }
    }

    fn take_entities<S: Sink>(&self, writer: &mut Writer<'_, S>) -> Result<(), S::Error> {
        let now = self.entities.snapshots().now();
        for (place, (key, slot)) in self.entities.slots().into_iter().enumerate() {
            let Writer { sink, chunk, layouts, .. } = writer;
            sink.watch(Room::Entity, || {
                let mut state = slot.lock();
                if state.taken_mut().is_due(now) {
                    encode_entity(chunk, layouts, key, &state);
                }
            });
            writer.flush(CHUNK_BYTES)?;
            if place.is_multiple_of(IMAGES_EVERY) {
                self.take_images(writer)?;
            }
        }
        Ok(())
    }

    fn take_limits<S: Sink>(&self, writer: &mut Writer<'_, S>) -> Result<(), S::Error> {
        let now = self.limits.snapshots().now();
        for (place, (key, slot)) in self.limits.slots().into_iter().enumerate() {
            let Writer { sink, chunk, .. } = writer;
            sink.watch(Room::Limit, || {
                let mut state = slot.lock();
                if state.taken_mut().is_due(now) {
                    encode_keyed(chunk, part::LIMIT, &key, &*state);
                }
            });
            writer.flush(CHUNK_BYTES)?;
            if place.is_multiple_of(IMAGES_EVERY) {
                self.take_images(writer)?;
            }
        }
        Ok(())
    }

    fn take_cards<S: Sink>(&self, writer: &mut Writer<'_, S>) -> Result<(), S::Error> {
        let now = self.cards.snapshots().now();
        for (key, slot) in self.cards.slots() {
            let Writer { sink, chunk, .. } = writer;
            sink.watch(Room::Card, || {
                let mut card = slot.lock();
                if card.taken_mut().is_due(now) {
                    encode_keyed(chunk, part::CARD, &key, &*card);
                }
            });
            writer.flush(CHUNK_BYTES)?;
        }
        Ok(())
    }

    fn take_records<S: Sink>(&self, writer: &mut Writer<'_, S>) -> Result<(), S::Error> {
        for shard in 0.. {
            let take = || self.payments.take_shard(shard);
            let Some(payments) = writer.sink.watch(Room::Payments, take) else { break };
            writer.records(part::PAYMENT, &payments)?;
            self.take_images(writer)?;
        }
        for shard in 0.. {
            let take = || self.events.take_shard(shard);
            let Some(events) = writer.sink.watch(Room::Events, take) else { break };
            writer.records(part::EVENT, &events)?;
        }
        Ok(())
    }

    /// Writes what was left by those who were about to change it.
    fn take_images<S: Sink>(&self, writer: &mut Writer<'_, S>) -> Result<(), S::Error> {
        let images = std::mem::take(&mut *self.images.images.lock());
        for image in images {
            let Writer { chunk, layouts, .. } = writer;
            match image {
                Image::Entity(key, state) => encode_entity(chunk, layouts, key, &state),
                Image::Limit(key, state) => encode_keyed(chunk, part::LIMIT, &key, &state),
                Image::Card(key, card) => encode_keyed(chunk, part::CARD, &key, &card),
            }
            writer.flush(CHUNK_BYTES)?;
        }
        writer.records(part::PAYMENT, &self.payments.images())?;
        writer.records(part::EVENT, &self.events.images())
    }
}

// === impl Images ===

impl Images {
    /// An entity as it is before it is changed.
    pub(super) fn entity(&self, key: EntityKey, state: &EntityState) {
        self.images.lock().push(Image::Entity(key, Box::new(state.clone())));
    }

    /// The usage of a limit as it is before it is changed.
    pub(super) fn limit(&self, key: LimitKey, state: &LimitState) {
        self.images.lock().push(Image::Limit(key, state.clone()));
    }

    /// A card as it is before it is changed.
    pub(super) fn card(&self, key: EntityKey, card: &Card) {
        self.images.lock().push(Image::Card(key, card.clone()));
    }
}

// === impl Writer ===

impl<S: Sink> Writer<'_, S> {
    fn part<T: Codec>(&mut self, number: u8, value: &T) {
        self.chunk.push(number);
        value.encode(&mut self.chunk);
    }

    fn records(&mut self, number: u8, records: &[Vec<Entry>]) -> Result<(), S::Error> {
        for entries in records {
            for entry in entries {
                if let Entry::Score { features, .. } = entry
                    && self.features.insert(features.names().id())
                {
                    self.part(part::FEATURES, features.names());
                }
            }
            self.part(number, entries);
            self.flush(CHUNK_BYTES)?;
        }
        Ok(())
    }

    /// Puts the chunk when it has so many bytes.
    fn flush(&mut self, bytes: usize) -> Result<(), S::Error> {
        if self.chunk.len() >= bytes {
            self.sink.put(&self.chunk)?;
            self.chunk.clear();
        }
        Ok(())
    }
}

/// A state under its layout's number, which the layout is given when it comes first; 0 is none.
fn encode_entity(
    chunk: &mut Vec<u8>,
    layouts: &mut Vec<Arc<EntityLayout>>,
    key: EntityKey,
    state: &EntityState,
) {
    let number = state.layout().map_or(0, |layout| {
        let known = layouts.iter().position(|known| Arc::ptr_eq(known, layout));
        known.unwrap_or_else(|| {
            chunk.push(part::LAYOUT);
            layout.encode(chunk);
            layouts.push(Arc::clone(layout));
            layouts.len() - 1
        }) + 1
    });
    chunk.push(part::ENTITY);
    key.encode(chunk);
    encode_unsigned(chunk, number as u64);
    state.encode(chunk);
}

fn encode_keyed(chunk: &mut Vec<u8>, number: u8, key: &impl Codec, state: &impl Codec) {
    chunk.push(number);
    key.encode(chunk);
    state.encode(chunk);
}
