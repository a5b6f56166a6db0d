//! Limits: what they count, over what, up to what, and what they do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::feature::{entity_of, span};
use super::known::{Known, Reads};
use super::lower::{Lowerer, Scope, Typed, width_of};
use super::problem::Problems;
use super::rule::{Actor, actions, written_action};
use super::types::Type;
use crate::model::limit::Period;
use crate::model::verdict::OnError;
use crate::policy::ast::{Expr as Written, ExprKind, Limit};
use crate::policy::diagnostic::nearest;
use crate::policy::ir::Expr;
use crate::policy::set::LimitDef;

/// A limit that was checked, and what it reads.
#[derive(Debug)]
pub(super) struct CheckedLimit<'a> {
    /// The limit; its identity is given when the entities are laid out.
    pub(super) def: LimitDef,
    /// What it reads, itself or through `let`s.
    pub(super) reads: Reads<'a>,
}

/// The calendar periods, as `per` writes them.
const PERIODS: [(&str, Period); 3] =
    [("day", Period::Day), ("week", Period::Week), ("month", Period::Month)];

/// Checks every limit, in order of file and line. Those that are wrong are reported and left out.
pub(super) fn limits<'a>(
    known: &Known<'a>,
    used: &mut BTreeSet<&'a str>,
    problems: &mut Problems,
) -> Vec<CheckedLimit<'a>> {
    let mut written: Vec<&'a Limit> = known.declarations.limits.iter().collect();
    written.sort_by_key(|limit| &limit.name.at);
    let mut places: BTreeMap<&str, &'a Limit> = BTreeMap::new();
    let mut checked = Vec::with_capacity(written.len());
    for limit in written {
        let name = limit.name.value.as_str();
        if name.trim().is_empty() {
            problems
                .error("empty-name", &limit.name.at, "a limit needs a name")
                .wide(name.chars().count() + 2)
                .expected("`limit \"what it bounds\"`");
        } else if let Some(first) = places.get(name) {
            let at = &first.name.at;
            problems
                .error(
                    "duplicate-limit",
                    &limit.name.at,
                    format!("limit `{name}` is declared before, at {}:{}", at.file, at.line),
                )
                .wide(name.chars().count() + 2)
                .expected("a name that no other limit has");
        } else if let Some(rule) =
            known.declarations.rules.iter().find(|rule| rule.name.value == name)
        {
            let at = &rule.name.at;
            problems
                .error(
                    "duplicate-limit",
                    &limit.name.at,
                    format!("`{name}` is the name of a rule, at {}:{}", at.file, at.line),
                )
                .wide(name.chars().count() + 2)
                .expected("a name of its own: answers name rules and limits alike");
        } else {
            places.insert(name, limit);
        }
        checked.extend(checked_limit(known, limit, used, problems));
    }
    checked
}

fn checked_limit<'a>(
    known: &Known<'a>,
    limit: &'a Limit,
    used: &mut BTreeSet<&'a str>,
    problems: &mut Problems,
) -> Option<CheckedLimit<'a>> {
    let mut lowerer = Lowerer::new(known, Scope::Decision);
    let counted = counted(&mut lowerer, &limit.counted, problems);
    let max = lowerer.value(&limit.max);
    lowerer.note_amount(&max);
    let filter =
        limit.filter.as_ref().map(|filter| lowerer.condition(filter, "the filter after `where`"));
    let (found, reads) = lowerer.finish();
    problems.extend(found);
    used.extend(&reads.names);
    if reads.score {
        problems
            .error(
                "score-in-limit",
                &limit.name.at,
                format!("limit `{}` reads `score`, which is known only after it", limit.name.value),
            )
            .wide(limit.name.value.chars().count() + 2)
            .expected("fields, features and `let`s that do not read `score`");
    }
    whole(&max, &limit.max, "the maximum of a limit", problems);
    let actor = Actor {
        kind: "limit",
        name: &limit.name,
        always: true,
        reads_score: reads.score,
        actions: &limit.actions,
    };
    let actions = actions(known, actor, used, problems);
    let entity = entity_of(known, &limit.entity, problems);
    let period = period(limit, problems);
    let on_error = limit
        .on_error
        .unwrap_or_else(|| known.bundle.map_or(OnError::Skip, |bundle| bundle.on_error));
    let def = LimitDef {
        name: Arc::from(limit.name.value.as_str()),
        at: limit.name.at.clone(),
        mode: limit.mode,
        on_error,
        identity: 0,
        amount: counted?,
        entity: entity?,
        period: period?,
        max: max.expr,
        filter: filter.map(|filter| filter.expr),
        returns_refunded: limit.returns_refunded,
        actions_written: actions.iter().map(written_action).collect(),
        actions,
    };
    Some(CheckedLimit { def, reads })
}

/// What a limit sums; the inner `None` when it counts payments, the outer when it is wrong.
fn counted<'a>(
    lowerer: &mut Lowerer<'_, 'a>,
    written: &'a Written,
    problems: &mut Problems,
) -> Option<Option<Expr>> {
    if let ExprKind::Call(name, args) = &written.kind {
        match (name.value.as_str(), args.as_slice()) {
            ("count", []) => return Some(None),
            ("sum", [amount]) => {
                let typed = lowerer.value(amount);
                lowerer.note_amount(&typed);
                whole(&typed, amount, "the sum of a limit", problems);
                return Some(Some(typed.expr));
            }
            ("count" | "sum", _) => {}
            (other, _) => {
                problems
                    .error("wrong-limit", &name.at, format!("a limit cannot count `{other}(…)`"))
                    .under(other)
                    .expected("`count()` or `sum(…)`")
                    .suggest(nearest(other, ["count", "sum"]));
                return None;
            }
        }
    }
    problems
        .error("wrong-limit", &written.at, "this is not what a limit counts")
        .wide(width_of(written))
        .expected("`count()`, or `sum(…)` of one whole number");
    None
}

/// A limit counts in whole numbers: minor units, or payments.
fn whole(typed: &Typed, written: &Written, what: &str, problems: &mut Problems) {
    let fits = typed.ty == Type::Int || typed.ty == Type::Broken || typed.ty.is_open();
    if !fits {
        problems
            .error("wrong-type", &written.at, format!("{what} must be a whole number"))
            .wide(width_of(written))
            .expected("an integer, such as an amount in minor units");
    }
}

fn period(limit: &Limit, problems: &mut Problems) -> Option<Period> {
    let wide = |name: &str| name.chars().count() + 2;
    match (&limit.over, &limit.per) {
        (Some(_), None) => span(limit.over.as_ref(), "over", problems)?.map(Period::Over),
        (None, Some(per)) => {
            let found = PERIODS.into_iter().find(|(name, _)| *name == per.value);
            if found.is_none() {
                let names = || PERIODS.into_iter().map(|(name, _)| name);
                problems
                    .error("bad-period", &per.at, format!("`per \"{}\"` is no period", per.value))
                    .wide(wide(&per.value))
                    .expected("\"day\", \"week\" or \"month\"; `over` takes durations")
                    .suggest(nearest(&per.value, names()));
            }
            found.map(|(_, period)| period)
        }
        (Some(_), Some(per)) => {
            problems
                .error("bad-period", &per.at, "a limit has `over` or `per`, not both")
                .wide(wide(&per.value))
                .expected("a window that slides, or a calendar period");
            None
        }
        (None, None) => {
            let name = &limit.name;
            problems
                .error(
                    "bad-period",
                    &name.at,
                    format!("limit `{}` says neither `over` nor `per`", name.value),
                )
                .wide(wide(&name.value))
                .expected("`over \"24h\"` or `per \"day\"`");
            None
        }
    }
}
