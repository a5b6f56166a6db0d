//! When a blocked payment would pass: `not_before`.
//!
//! The attempt that was refused is imagined as counted on copies of its entities, so that nothing is
//! written before the decision is. Then the whole policy is evaluated at each instant at which what fired
//! could change, in order, until one lets the next attempt through.

use std::sync::Arc;

use crate::engine::entities::Entities;
use crate::engine::live::Live;
use crate::engine::reserve::Limits;
use crate::engine::taps::{Brought, brought};
use crate::limit::hold::Holdings;
use crate::model::decision::Evaluation;
use crate::model::field::{Field, Fields};
use crate::model::time::{Span, Timestamp};
use crate::model::value::Value;
use crate::model::verdict::Verdict;
use crate::policy::evaluate::evaluate;
use crate::policy::interpret::{Facts, Lists};

/// How far ahead it looks.
const HORIZON: Span = Span::from_days(30);

/// How many instants it looks at, beside the ends of periods.
const CANDIDATES_MAX: usize = 256;

/// An attempt that was blocked, and all that it was decided on.
#[derive(Clone, Copy)]
pub(super) struct Blocked<'a, 'e, 'l> {
    pub(super) live: &'a Live,
    pub(super) fields: &'a Fields,
    pub(super) entities: &'a Entities<'e>,
    pub(super) limits: &'a Limits<'l>,
    /// What the payment holds in limits.
    pub(super) held: &'a Holdings,
    pub(super) lists: &'a dyn Lists,
    pub(super) now: Timestamp,
    /// What the attempt and its verdict bring to the entities.
    pub(super) attempt: &'a Brought,
    pub(super) verdict: &'a Brought,
    pub(super) evaluation: &'a Evaluation,
}

/// The earliest instant, in whole milliseconds, at which the same payment, asked again as its next
/// attempt with nothing else happening, is not blocked. `None` when what blocks it does not clear with
/// time, or not within 30 days.
pub(super) fn not_before(blocked: Blocked<'_, '_, '_>) -> Option<Timestamp> {
    if !blocked.evaluation.clears_with_time {
        return None;
    }
    let Blocked { live, entities, limits, now, .. } = blocked;
    let set = &live.set;
    let mut after = entities.copied();
    after.advance(now);
    after.observe(live.taps("attempt"), now, blocked.attempt);
    after.observe(live.taps("blocked"), now, blocked.verdict);

    let has_fired = |name: &Arc<str>| blocked.evaluation.fired.contains(name);
    let rules = set.rules.iter().filter(|rule| has_fired(&rule.name)).map(|rule| &rule.when);
    let (places, fired): (Vec<usize>, Vec<_>) =
        (0..).zip(&set.limits).filter(|(_, limit)| has_fired(&limit.name)).unzip();
    let read = fired.iter().flat_map(|limit| {
        limit.filter.iter().chain(&limit.amount).chain(std::iter::once(&limit.max))
    });
    let features = set.features_read(rules.chain(read));
    let mut candidates: Vec<Timestamp> = after.edges(&features, now);
    candidates.extend(limits.edges(set, &places, now, CANDIDATES_MAX));
    for candidate in &mut candidates {
        *candidate = to_whole_millis(*candidate);
    }
    candidates.sort_unstable();
    candidates.dedup();
    candidates.truncate(CANDIDATES_MAX);
    candidates.extend(limits.period_ends(set, &places, now).map(to_whole_millis));
    candidates.sort_unstable();
    let horizon = now.plus(HORIZON);
    candidates
        .into_iter()
        .take_while(|at| *at <= horizon)
        .find(|at| *at > now && passes(blocked, &after, *at))
}

/// Whether the next attempt would pass at that instant.
fn passes(
    blocked: Blocked<'_, '_, '_>,
    after: &Entities<'_, Box<crate::feature::state::EntityState>>,
    at: Timestamp,
) -> bool {
    let Blocked { live, limits, held, lists, .. } = blocked;
    let set = &live.set;
    let mut fields = blocked.fields.clone();
    if let Some(attempt) = fields.get(Field::Attempt).as_int() {
        fields.set(Field::Attempt, Value::Int(attempt.saturating_add(1)));
    }
    fields.set(Field::OccurredAt, Value::Time(at));
    let event = Facts { fields: &fields, features: &[], now: at, lists };
    let attempt = brought(live, live.taps("attempt"), &event, after);
    let features = after.read(&set.live_features, at, &attempt);
    let readings = limits.read(set, at, held);
    let facts = Facts { features: &features, ..event };
    evaluate(set, &facts, &readings, false).verdict != Verdict::Block
}

/// The first whole millisecond that is not before it.
fn to_whole_millis(at: Timestamp) -> Timestamp {
    let over = at.as_micros().rem_euclid(1_000);
    if over == 0 { at } else { at.plus(Span::from_micros(1_000 - over)) }
}
