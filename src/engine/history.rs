//! Many payments of the past at once: what [`Engine::score`] would decide of each, for a driver that asks
//! for nothing else of them.
//!
//! It is the same rooms in the same order, with nothing around them: no record of a payment that could be
//! asked again, no journal, no lock. Where no feature counts what was decided ([`History::is_of`]), the
//! features of one kind of entity depend on no rule and on no other kind. So a batch of payments goes
//! through in three steps, and the steps of different batches can be taken at the same time:
//!
//! 1. [`Completer`]: what the engine adds to the fields of payments and of what became of them.
//! 2. [`EntityHistory`], one per kind: the features of each payment, in order of time.
//! 3. [`Decider`]: the limits and the rules, in order of time.
//!
//! The values are those of the engine, one by one: a tested promise.
// CRITICAL PATH: a change here carries its number from `benches/backtest.rs`.

mod completer;
mod decider;
mod entity;
mod keys;
mod limits;
mod reads;

use std::sync::Arc;

use crate::model::columns::{Column, Columns, Slot};
use crate::model::field::{Field, Fields};
use crate::model::outcome::Outcome;
use crate::model::time::{Span, Timestamp};
use crate::model::value::Value;
use crate::policy::set::PolicySet;

pub use completer::{Completed, Completer};
pub use decider::{Decided, Decider};
pub use entity::{EntityHistory, FeatureValues};

#[cfg(doc)]
use crate::engine::Engine;

/// Payments in order of time, and what is told of them later.
#[derive(Debug, Default)]
pub struct Batch {
    /// When each row happened.
    pub at: Vec<Timestamp>,
    /// The rows that are payments, in order of time; others are passed over.
    pub rows: Vec<usize>,
    /// Their fields, through the edge, by row.
    pub columns: Columns,
    /// The rows that turn out to be fraud, and when, in their order.
    pub frauds: Vec<(usize, Timestamp)>,
    /// What becomes of rows, in their order.
    pub outcomes: Vec<RowOutcome>,
}

/// What becomes of the payment of a row.
#[derive(Debug)]
pub struct RowOutcome {
    /// The row.
    pub row: usize,
    /// When that is.
    pub due: Timestamp,
    /// What.
    pub outcome: Outcome,
}

/// A set of policies over history. Each part goes through all batches in their order; the parts may be at
/// different batches.
#[derive(Debug)]
pub struct History {
    /// Adds what is computed to the fields.
    pub completer: Completer,
    /// Keeps the entities of one kind, for each kind with features.
    pub entities: Vec<EntityHistory>,
    /// Decides.
    pub decider: Decider,
}

/// How things happen of which features count nothing here.
const DECIDED: [&str; 3] = ["allowed", "challenged", "blocked"];

// === impl History ===

impl History {
    /// Whether the features of that set depend on no decision, so that its history can be told this way.
    pub fn is_of(set: &PolicySet) -> bool {
        DECIDED.iter().all(|event| set.taps_of(event).is_empty())
    }

    /// The start of all history. `payment_kept` is how long a payment is kept after its last change, as
    /// in [`crate::engine::Settings`]; with `all_features` every feature is read, not only those that
    /// rules can reach.
    pub fn new(set: &Arc<PolicySet>, payment_kept: Span, all_features: bool) -> Self {
        let wanted: Vec<usize> = if all_features {
            (0..set.features.len()).collect()
        } else {
            let live = set.live_features.iter();
            live.filter_map(|index| usize::try_from(index.0).ok()).collect()
        };
        let places = 0..set.entities.len();
        let entities = places.map(|entity| EntityHistory::new(set, entity, &wanted));
        let entities: Vec<EntityHistory> = entities.filter(|entity| !entity.is_empty()).collect();
        Self { completer: Completer::new(set), decider: Decider::new(set, payment_kept), entities }
    }

    /// The fields and attributes of payments that are read.
    pub fn reads(&self) -> Vec<Slot> {
        let entities = self.entities.iter().flat_map(EntityHistory::reads);
        let mut reads: Vec<Slot> = entities.cloned().collect();
        reads.extend_from_slice(self.decider.reads());
        reads.extend(Completer::READS.map(Slot::Field));
        reads.retain(|slot| match slot {
            Slot::Field(field) => !field.is_of_outcome() && *field != Field::AmountBase,
            Slot::Attribute(_) => true,
        });
        reads.sort_unstable();
        reads.dedup();
        reads
    }
}

/// What a feature or a rule reads of the rows of a batch.
#[derive(Clone, Copy)]
struct View<'a> {
    batch: &'a Batch,
    completed: &'a Completed,
}

/// The fields of one row.
#[derive(Clone, Copy)]
struct RowFields<'a> {
    view: View<'a>,
    of: Of,
    row: usize,
}

/// Of what the fields are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// The payment.
    Payment,
    /// Its outcome, which may name another channel.
    Outcome,
}

// === impl View ===

impl<'a> View<'a> {
    /// The column of what is read; `None` where no row has it.
    fn column(self, slot: &Slot, of: Of) -> Option<&'a Column> {
        match (slot, of) {
            (Slot::Field(Field::Channel), Of::Outcome) => {
                self.completed.columns.field(Field::OutcomeChannel)
            }
            (Slot::Field(field), Of::Payment) if field.is_of_outcome() => None,
            (Slot::Field(field), _) => {
                let own = self.completed.columns.field(*field);
                own.or_else(|| self.batch.columns.field(*field))
            }
            (Slot::Attribute(_), _) => self.batch.columns.column(slot),
        }
    }
}

// === impl RowFields ===

impl<'a> RowFields<'a> {
    /// What stands in a field or an attribute.
    fn get(self, slot: &Slot) -> &'a Value {
        self.view.column(slot, self.of).map_or(&Value::Missing, |column| column.get(self.row))
    }

    /// Writes what is read of the row to the fields, over what stood there of another.
    fn fill(self, slots: &[Slot], fields: &mut Fields) {
        for slot in slots {
            let value = self.get(slot).clone();
            match slot {
                Slot::Field(field) => fields.set(*field, value),
                Slot::Attribute(name) => fields.set_attribute(name.clone(), value),
            }
        }
    }
}
