//! Entities and features: keys, windows, events, and which values an aggregate takes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::known::{FeatureFacts, Known};
use super::lower::{Lowerer, Scope, Typed, width_of};
use super::names::Meaning;
use super::problem::{Problems, closest};
use super::types::Type;
use crate::feature::spec::Aggregate;
use crate::model::time::{Span, SpanError};
use crate::model::value::{Text, Value, ValueType};
use crate::policy::ast::{BinaryOp, Entity, Expr as Written, ExprKind, Feature, Spanned};
use crate::policy::diagnostic::nearest;
use crate::policy::ir::{Expr, FeatureIndex};
use crate::policy::set::KeyPart;

/// Events that are outcomes of an attempt, and so have an `outcome`.
const OUTCOMES: [&str; 8] =
    ["authorized", "captured", "declined", "failed", "unknown", "canceled", "expired", "refunded"];

/// The other events that the program itself makes or knows.
const OTHER_EVENTS: [&str; 6] =
    ["attempt", "allowed", "challenged", "blocked", "disputed", "fraud"];

/// A feature that has passed every check.
#[derive(Debug)]
pub(super) struct CheckedFeature {
    /// The place of its entity.
    pub(super) entity: usize,
    /// `entity.name`
    pub(super) name: Arc<str>,
    /// The event that it is over.
    pub(super) event: Text,
    /// How events become a value.
    pub(super) aggregate: Aggregate,
    /// What is aggregated, and its type.
    pub(super) value: Option<(Expr, ValueType)>,
    /// Which events are counted.
    pub(super) filter: Option<Expr>,
    /// The length of the window; `None` is all time.
    pub(super) window: Option<Span>,
    /// How far the window lies back.
    pub(super) delay: Span,
    /// Whether the current attempt is counted.
    pub(super) inclusive: bool,
    /// The type of a present value.
    pub(super) result: ValueType,
}

/// The parts of every entity's key.
pub(super) fn entities(known: &Known<'_>, problems: &mut Problems) -> Vec<Vec<KeyPart>> {
    known.declarations.entities.iter().map(|entity| key_parts(known, entity, problems)).collect()
}

fn key_parts(known: &Known<'_>, entity: &Entity, problems: &mut Problems) -> Vec<KeyPart> {
    let name = &entity.name;
    if entity.parts.is_empty() {
        problems
            .error("bad-entity", &name.at, format!("`{}` has no parts", name.value))
            .under(&name.value)
            .expected("a field, or several in brackets");
    }
    let mut parts = Vec::with_capacity(entity.parts.len());
    for written in &entity.parts {
        if !matches!(root_of(written), Some("payment" | "outcome")) {
            not_a_field(written, problems);
            continue;
        }
        let mut lowerer = Lowerer::new(known, Scope::Decision);
        let typed = lowerer.any(written);
        problems.extend(lowerer.finish().0);
        if typed.ty == Type::Broken {
            continue;
        }
        let part = if let Expr::Field(field) = typed.expr
            && typed.ty.is_scalar()
        {
            KeyPart::Field(field)
        } else if let Expr::Attribute(name) = typed.expr {
            KeyPart::Attribute(name)
        } else {
            not_a_field(written, problems);
            continue;
        };
        if parts.contains(&part) {
            problems
                .error(
                    "duplicate-part",
                    &written.at,
                    format!("`{}` has this part twice", name.value),
                )
                .wide(width_of(written))
                .expected("different fields");
        }
        parts.push(part);
    }
    parts
}

fn not_a_field(written: &Written, problems: &mut Problems) {
    problems
        .error("bad-entity", &written.at, "an entity is made of fields that each have one value")
        .wide(width_of(written))
        .expected("a field such as `payment.card.token`");
}

fn root_of(expr: &Written) -> Option<&str> {
    if let ExprKind::Property(inner, _) | ExprKind::Index(inner, _) = &expr.kind {
        return root_of(inner);
    }
    if let ExprKind::Name(name) = &expr.kind { Some(name) } else { None }
}

/// Checks every feature and makes it known; `None` for those that are wrong.
pub(super) fn features<'a>(
    known: &mut Known<'a>,
    used: &mut BTreeSet<&'a str>,
    problems: &mut Problems,
) -> Vec<Option<CheckedFeature>> {
    let declarations = known.declarations;
    let mut all = Vec::with_capacity(declarations.features.len());
    for (place, feature) in declarations.features.iter().enumerate() {
        let entity = entity_of(known, &feature.entity, problems);
        let checked = checked_feature(known, entity, feature, used, problems);
        if let Some(entity) = entity {
            used.insert(&feature.entity.value);
            let name = &feature.name;
            if known.features.contains_key(&(entity, name.value.as_str())) {
                let entity = &feature.entity.value;
                problems
                    .error(
                        "duplicate-feature",
                        &name.at,
                        format!("`{entity}` has a feature `{}` already", name.value),
                    )
                    .under(&name.value)
                    .expected("a name that no other feature of the entity has");
                all.push(None);
            } else {
                let index = FeatureIndex(u32::try_from(place).unwrap_or(u32::MAX));
                let ty = checked.as_ref().map_or(Type::Broken, |checked| Type::of(checked.result));
                known.features.insert((entity, &name.value), FeatureFacts { index, ty });
                all.push(checked);
            }
        } else {
            all.push(None);
        }
    }
    all
}

/// The place of the entity of that name.
pub(super) fn entity_of(
    known: &Known<'_>,
    name: &Spanned<String>,
    problems: &mut Problems,
) -> Option<usize> {
    let what = match known.names.get(&name.value) {
        Some(Meaning::Entity(place)) => return Some(place),
        Some(Meaning::Const(_) | Meaning::Let(_) | Meaning::Helper(_)) => "is not an entity",
        None => "is not declared",
    };
    problems
        .error("unknown-entity", &name.at, format!("`{}` {what}", name.value))
        .under(&name.value)
        .expected("a declared `entity`")
        .suggest(nearest(&name.value, known.entity_names()));
    None
}

fn checked_feature<'a>(
    known: &Known<'a>,
    entity: Option<usize>,
    feature: &'a Feature,
    used: &mut BTreeSet<&'a str>,
    problems: &mut Problems,
) -> Option<CheckedFeature> {
    let event = feature.event.value.as_str();
    note_event(&feature.event, problems);
    let aggregate = aggregate_of(&feature.aggregate, problems);
    let scope = Scope::Event { name: event, has_outcome: OUTCOMES.contains(&event) };
    let mut lowerer = Lowerer::new(known, scope);
    let value = feature.value.as_ref().map(|value| {
        let typed = lowerer.value(value);
        lowerer.note_amount(&typed);
        typed
    });
    let filter =
        feature.filter.as_ref().map(|filter| lowerer.condition(filter, "the filter after `where`"));
    let (found, reads) = lowerer.finish();
    problems.extend(found);
    used.extend(reads.names);
    let window = span(feature.over.as_ref(), "over", problems);
    let delay = span(feature.delayed.as_ref(), "delayed", problems);
    let (aggregate, window, delay) = (aggregate?, window?, delay?);
    let result = result_type(feature, aggregate, value.as_ref(), problems)?;
    let delay = delay.unwrap_or(Span::ZERO);
    Some(CheckedFeature {
        entity: entity?,
        name: Arc::from(format!("{}.{}", feature.entity.value, feature.name.value)),
        event: Text::from(event),
        aggregate,
        value: value.map(kept),
        filter: filter.map(|filter| filter.expr),
        window,
        delay,
        // Anywhere else it changes nothing, so that it does not make another feature either.
        inclusive: feature.inclusive && event == "attempt" && delay == Span::ZERO,
        result,
    })
}

fn note_event(event: &Spanned<String>, problems: &mut Problems) {
    let built_in = || OTHER_EVENTS.into_iter().chain(OUTCOMES);
    if built_in().all(|known| known != event.value) {
        problems
            .warn(
                "unknown-event",
                &event.at,
                format!("`{}` is not a built-in event: it counts what callers record", event.value),
            )
            .under(&event.value)
            .expected(format!("one of {}", built_in().collect::<Vec<_>>().join(", ")))
            .suggest(closest(&event.value, built_in()));
    }
}

fn aggregate_of(written: &Spanned<String>, problems: &mut Problems) -> Option<Aggregate> {
    let names = || Aggregate::ALL.into_iter().map(|(name, _)| name);
    let found = Aggregate::ALL.into_iter().find(|(name, _)| *name == written.value);
    if found.is_none() {
        problems
            .error("unknown-aggregate", &written.at, format!("`{}` is no aggregate", written.value))
            .under(&written.value)
            .expected(format!("one of {}", names().collect::<Vec<_>>().join(", ")))
            .suggest(nearest(&written.value, names()));
    }
    found.map(|(_, aggregate)| aggregate)
}

/// A span as written; the outer `None` when it is wrong, the inner when there is none.
pub(super) fn span(
    written: Option<&Spanned<String>>,
    clause: &str,
    problems: &mut Problems,
) -> Option<Option<Span>> {
    let Some(written) = written else { return Some(None) };
    match Span::parse(&written.value) {
        Ok(span) => Some(Some(span)),
        Err(problem) => {
            let report = problems
                .error(
                    "bad-window",
                    &written.at,
                    format!("`{clause} \"{}\"` {}", written.value, span_problem(problem)),
                )
                .wide(written.value.chars().count() + 2);
            if problem == SpanError::Malformed {
                report.expected("an integer and one of `s`, `m`, `h`, `d`, such as `\"1h\"`");
            }
            None
        }
    }
}

const fn span_problem(problem: SpanError) -> &'static str {
    match problem {
        SpanError::Malformed => "is not a length of time",
        SpanError::Zero => "is no time at all",
        SpanError::TooLong => "is longer than 36500d",
    }
}

/// The type of a feature, which says whether its aggregate fits its value.
fn result_type(
    feature: &Feature,
    aggregate: Aggregate,
    value: Option<&Typed>,
    problems: &mut Problems,
) -> Option<ValueType> {
    let name = &feature.aggregate;
    let needs_none =
        matches!(aggregate, Aggregate::Count | Aggregate::SinceFirst | Aggregate::SinceLast);
    let event = &feature.event.value;
    let Some(value) = value else {
        if needs_none {
            return Some(ValueType::Int);
        }
        problems
            .error("missing-value", &name.at, format!("`{}` needs a value", name.value))
            .under(&name.value)
            .expected(format!("`{}({event}, payment.amount_base)`", name.value));
        return None;
    };
    let at = feature.value.as_ref().map_or(&name.at, |value| &value.at);
    let width = feature.value.as_ref().map_or(1, width_of);
    if needs_none {
        problems
            .error("surplus-value", at, format!("`{}` takes no value", name.value))
            .wide(width)
            .expected(format!("`{}({event})`; use `where` to filter", name.value));
        return None;
    }
    let ty = value.ty;
    let (fits, expected) = match aggregate {
        Aggregate::Sum | Aggregate::Avg | Aggregate::Stddev => (ty.may_be_number(), "number"),
        Aggregate::Min | Aggregate::Max => {
            (ty.may_be_number() || ty == Type::Time, "number or time")
        }
        Aggregate::Distinct
        | Aggregate::Last
        | Aggregate::Count
        | Aggregate::SinceFirst
        | Aggregate::SinceLast => (ty.is_scalar(), "one value"),
    };
    if !fits {
        problems
            .error(
                "wrong-aggregate-type",
                at,
                format!("`{}` cannot aggregate {}", name.value, ty.name()),
            )
            .wide(width)
            .expected(expected);
        return None;
    }
    if ty == Type::Broken {
        return None;
    }
    Some(match aggregate {
        Aggregate::Avg | Aggregate::Stddev => ValueType::Float,
        Aggregate::Distinct | Aggregate::Count | Aggregate::SinceFirst | Aggregate::SinceLast => {
            ValueType::Int
        }
        Aggregate::Sum | Aggregate::Min | Aggregate::Max | Aggregate::Last => ty.value_type(),
    })
}

/// The value that a stream keeps. One that is an integer or a float as it turns out becomes a float,
/// so that a stream has one type.
fn kept(value: Typed) -> (Expr, ValueType) {
    let value_type = value.ty.value_type();
    if value.ty != Type::Number {
        return (value.expr, value_type);
    }
    let at = crate::policy::ast::Position { file: Arc::from(""), line: 0, column: 0 };
    let one = Box::new(Expr::Const(Value::Float(1.0)));
    (Expr::Binary(BinaryOp::Mul, Box::new(value.expr), one, at), value_type)
}
