//! When a blocked payment would pass: `not_before`.
//!
//! The attempt that was refused is imagined as counted on copies of its entities, so that nothing is
//! written before the decision is. Then the whole policy is evaluated at each instant at which what fired
//! could change, in order, until one lets the next attempt through.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::entities::Entities;
use crate::engine::live::Live;
use crate::engine::reserve::Limits;
use crate::engine::taps::{Brought, brought};
use crate::feature::state::EntityState;
use crate::limit::hold::Holdings;
use crate::model::decision::Evaluation;
use crate::model::field::{Field, Fields};
use crate::model::time::{Span, Timestamp};
use crate::model::value::Value;
use crate::model::verdict::Verdict;
use crate::policy::evaluate::evaluate;
use crate::policy::interpret::{Facts, Lists};
use crate::policy::ir::Expr;

/// How far ahead it looks.
const HORIZON: Span = Span::from_days(30);

/// How many instants it looks at.
const CANDIDATES_MAX: usize = 256;

/// Copies of entities, on which the attempt is imagined as counted.
type Imagined<'a> = Entities<'a, Box<EntityState>>;

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
    let Blocked { live, entities, now, .. } = blocked;
    let mut after = entities.copied();
    after.advance(now);
    after.observe(live.taps("attempt"), now, blocked.attempt);
    after.observe(live.taps("blocked"), now, blocked.verdict);

    let mut known = Known::default();
    let mut candidates = BTreeSet::new();
    known.note(blocked, &after, now, blocked.evaluation, &mut candidates);
    let horizon = now.plus(HORIZON);
    // What fires at a candidate may be other than what fired: then its instants count as well.
    for _ in 0..CANDIDATES_MAX {
        let at = candidates.pop_first().filter(|at| *at <= horizon)?;
        let evaluation = imagined(blocked, &after, at);
        if evaluation.verdict != Verdict::Block {
            return Some(at);
        }
        known.note(blocked, &after, at, &evaluation, &mut candidates);
    }
    None
}

/// The rules and limits whose instants are among the candidates.
#[derive(Default)]
struct Known {
    rules: BTreeSet<usize>,
    limits: BTreeSet<usize>,
}

impl Known {
    /// Adds the instants after `at` at which what fired there could change.
    #[expect(clippy::too_many_arguments, reason = "what was decided, and where it goes")]
    fn note(
        &mut self,
        blocked: Blocked<'_, '_, '_>,
        after: &Imagined<'_>,
        at: Timestamp,
        evaluation: &Evaluation,
        candidates: &mut BTreeSet<Timestamp>,
    ) {
        let Blocked { live, limits, .. } = blocked;
        let set = &live.set;
        let has_fired = |name: &Arc<str>| evaluation.fired.contains(name);
        let mut read: Vec<&Expr> = Vec::new();
        for (place, rule) in set.rules.iter().enumerate() {
            if has_fired(&rule.name) && self.rules.insert(place) {
                read.push(&rule.when);
            }
        }
        let mut fired = Vec::new();
        for (place, limit) in set.limits.iter().enumerate() {
            if has_fired(&limit.name) && self.limits.insert(place) {
                read.extend(limit.filter.iter().chain(&limit.amount));
                read.push(&limit.max);
                fired.push(place);
            }
        }
        let features = set.features_read(read.into_iter());
        let edges = after.edges(&features, at);
        let edges = edges.into_iter().chain(limits.edges(set, &fired, at, CANDIDATES_MAX));
        candidates.extend(edges.map(to_whole_millis).filter(|edge| *edge > at));
    }
}

/// What would be decided of the next attempt at that instant.
fn imagined(blocked: Blocked<'_, '_, '_>, after: &Imagined<'_>, at: Timestamp) -> Evaluation {
    let Blocked { live, limits, held, lists, .. } = blocked;
    let set = &live.set;
    let mut fields = blocked.fields.clone();
    if let Some(attempt) = fields.get(Field::Attempt).as_int() {
        fields.set(Field::Attempt, Value::Int(attempt.saturating_add(1)));
    }
    fields.set(Field::OccurredAt, Value::Time(at));
    let event = Facts { fields: &fields, features: &[], now: at, lists };
    let attempt = brought(live, live.taps("attempt"), &event, after);
    let features = after.read(&live.live_features, at, &attempt);
    let readings = limits.read(set, at, held);
    let facts = Facts { features: &features, ..event };
    evaluate(set, &facts, &readings, false)
}

/// The first whole millisecond that is not before it.
fn to_whole_millis(at: Timestamp) -> Timestamp {
    let over = at.as_micros().rem_euclid(1_000);
    if over == 0 { at } else { at.plus(Span::from_micros(1_000 - over)) }
}
