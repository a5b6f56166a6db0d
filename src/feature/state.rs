//! The state of one entity: its events, as far as some window still needs them.

use crate::feature::spec::EntityLayout;
use crate::model::time::Timestamp;
use crate::model::value::Value;

/// What one event brings to a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    /// It is counted; its value for streams that carry one, else `Missing` is never given.
    Value(Value),
    /// It is counted, in a stream that carries no value.
    Event,
    /// Whether it is counted, or its value, could not be read: features that cover it are unknown.
    Unknown,
}

/// The state of one entity.
#[derive(Debug, Default)]
pub struct EntityState {}

// === impl EntityState ===

impl EntityState {
    /// Counts an event: placed by its time, after all others of the same time.
    pub fn observe(
        &mut self,
        layout: &EntityLayout,
        stream: usize,
        at: Timestamp,
        observed: &Observed,
    ) {
        let _ = (layout, stream, at, observed);
    }

    /// The value of a feature at `now`. `current` is what the attempt that is being decided brings to
    /// the feature's stream; it is counted when the feature is inclusive and not delayed.
    pub fn read(
        &mut self,
        layout: &EntityLayout,
        feature: usize,
        now: Timestamp,
        current: Option<&Observed>,
    ) -> Value {
        let _ = (layout, feature, now, current);
        Value::Missing
    }
}
