//! What an event brings to the streams that listen to it.

use std::ops::DerefMut;

use smallvec::SmallVec;

use crate::engine::entities::Entities;
use crate::engine::live::Live;
use crate::feature::state::{EntityState, Observed};
use crate::model::value::{Value, ValueType};
use crate::policy::interpret::{Facts, value_of};
use crate::policy::set::{PolicySet, Tap};

/// Per tap of an event: what it brings, or nothing when the event is not counted there.
pub(super) type Brought = SmallVec<[Option<Observed>; 8]>;

/// What the event of the facts brings to each tap. It is computed before anything is written.
pub(super) fn brought<G: DerefMut<Target = EntityState>>(
    live: &Live,
    taps: &[Tap],
    facts: &Facts<'_>,
    entities: &Entities<'_, G>,
) -> Brought {
    taps.iter()
        .map(|tap| {
            if !entities.has(tap.entity) {
                return None;
            }
            let carries = live
                .layouts
                .get(tap.entity)
                .and_then(|layout| layout.streams.get(tap.stream))
                .and_then(|stream| stream.value_type);
            observed(&live.set, tap, carries, facts)
        })
        .collect()
}

/// An event is counted when its filter is true and its value is there. What errors is not counted: a
/// rule says what an error means, a feature cannot. What is unknown makes the features unknown.
pub(super) fn observed(
    set: &PolicySet,
    tap: &Tap,
    carries: Option<ValueType>,
    facts: &Facts<'_>,
) -> Option<Observed> {
    let mut is_unknown = false;
    if let Some(filter) = &tap.filter {
        match value_of(set, filter, facts).ok()? {
            Value::Bool(true) => {}
            Value::Unknown => is_unknown = true,
            Value::Missing
            | Value::Bool(false)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Time(_)
            | Value::Text(_)
            | Value::Texts(_) => return None,
        }
    }
    let Some(value) = &tap.value else {
        return Some(if is_unknown { Observed::Unknown } else { Observed::Event });
    };
    let value = value_of(set, value, facts).ok()?;
    if matches!(value, Value::Unknown) {
        return Some(Observed::Unknown);
    }
    fits(&value, carries).then(
        || {
            if is_unknown { Observed::Unknown } else { Observed::Value(value) }
        },
    )
}

/// Whether a stream can carry the value: it is there, and of the stream's type, which an attribute that
/// has its type from the event alone may not be.
fn fits(value: &Value, carries: Option<ValueType>) -> bool {
    match carries {
        None | Some(ValueType::Any) => value.is_present(),
        Some(ValueType::Float) => matches!(value, Value::Float(_) | Value::Int(_)),
        Some(carried) => value.value_type() == Some(carried),
    }
}
