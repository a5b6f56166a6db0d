//! What an event brings to the streams that listen to it.

use std::ops::DerefMut;

use smallvec::SmallVec;

use crate::engine::entities::Entities;
use crate::engine::live::Live;
use crate::feature::state::{EntityState, Observed};
use crate::model::value::{Value, ValueType};
use crate::policy::interpret::Facts;
use crate::policy::program::Scratch;
use crate::policy::program::tap::{Counted, Counting};
use crate::policy::set::Tap;

/// Per tap of an event: what it brings, or nothing when the event is not counted there.
pub(super) type Brought = SmallVec<[Option<Observed>; 8]>;

/// What the event of the facts brings to each tap. It is computed before anything is written.
pub(super) fn brought<G: DerefMut<Target = EntityState>>(
    live: &Live,
    taps: &[Tap],
    facts: &Facts<'_>,
    entities: &Entities<'_, G>,
) -> Brought {
    let mut scratch = Scratch::take();
    let mut counting = Counting::new(&live.set, taps, *facts, &mut scratch);
    let brought = taps
        .iter()
        .map(|tap| {
            if !entities.has(tap.entity) {
                return None;
            }
            let carries = live
                .layouts
                .get(tap.entity)
                .and_then(|layout| layout.streams.get(tap.stream))
                .and_then(|stream| stream.value_type);
            observed(&mut counting, tap, carries)
        })
        .collect();
    scratch.give_back();
    brought
}

/// An event is counted when its filter is true and its value is there. What errors is not counted: a
/// rule says what an error means, a feature cannot. What is unknown makes the features unknown.
pub(super) fn observed(
    counting: &mut Counting<'_, '_>,
    tap: &Tap,
    carries: Option<ValueType>,
) -> Option<Observed> {
    let is_unknown = match counting.counted(tap) {
        Counted::Yes => false,
        Counted::Unknown => true,
        Counted::No => return None,
    };
    let Some(value) = counting.value(tap) else {
        return Some(if is_unknown { Observed::Unknown } else { Observed::Event });
    };
    let observed = carried(value.ok()?, carries)?;
    Some(if is_unknown { Observed::Unknown } else { observed })
}

/// What a value brings to a stream; `None` when the stream does not count it.
pub(super) fn carried(value: Value, carries: Option<ValueType>) -> Option<Observed> {
    if matches!(value, Value::Unknown) {
        return Some(Observed::Unknown);
    }
    fits(&value, carries).then_some(Observed::Value(value))
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
