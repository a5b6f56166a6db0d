//! Finds the state of an entity by its key. The locks that are held together are the entities' own;
//! a DashMap guard never outlives the expression that made it.

use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::Mutex;

use crate::feature::state::EntityState;
use crate::model::entity::EntityKey;

/// All entities in memory.
#[derive(Debug, Default)]
pub struct EntityStore {
    entities: DashMap<EntityKey, Arc<Mutex<EntityState>>, ahash::RandomState>,
}

// === impl EntityStore ===

impl EntityStore {
    /// The slot of an entity, made when there is none. It is returned unlocked.
    pub fn slot(&self, key: EntityKey) -> Arc<Mutex<EntityState>> {
        Arc::clone(self.entities.entry(key).or_default().value())
    }
}
