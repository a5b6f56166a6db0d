//! Entities and features: keys, windows, events, and the streams that features share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::canonical::{self, Printer};
use super::known::{FeatureFacts, Known};
use super::lower::{Lowerer, Scope, Typed};
use super::names::Meaning;
use super::problem::{Problems, closest};
use super::types::Type;
use crate::feature::spec::{Aggregate, EntityLayout, FeatureId, FeatureSpec, StreamId, StreamSpec};
use crate::model::time::Span;
use crate::model::value::{Text, Value, ValueType};
use crate::policy::ast::{BinaryOp, Entity, Expr as Written, ExprKind, Feature, Spanned};
use crate::policy::diagnostic::nearest;
use crate::policy::ir::{Expr, FeatureIndex};
use crate::policy::set::{EntityDef, FeatureDef, KeyPart, Tap};

/// Events that are outcomes of an attempt, and so have an `outcome`.
const OUTCOMES: [&str; 8] =
    ["authorized", "captured", "declined", "failed", "unknown", "canceled", "expired", "refunded"];

/// The other events that the program itself makes or knows.
const OTHER_EVENTS: [&str; 6] =
    ["attempt", "allowed", "challenged", "blocked", "disputed", "fraud"];

/// A feature that has passed every check.
#[derive(Debug)]
pub(super) struct CheckedFeature {
    entity: usize,
    name: Arc<str>,
    event: Text,
    aggregate: Aggregate,
    value: Option<(Expr, ValueType)>,
    filter: Option<Expr>,
    window: Option<Span>,
    delay: Span,
    inclusive: bool,
    result: ValueType,
}

/// What entities and features come to in a set.
#[derive(Debug, Default)]
pub(super) struct Laid {
    /// The entities with their layouts.
    pub(super) entities: Vec<EntityDef>,
    /// The features.
    pub(super) features: Vec<FeatureDef>,
    /// The streams that each event feeds.
    pub(super) taps: BTreeMap<Text, Vec<Tap>>,
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
        let part = match typed.expr {
            _ if typed.ty == Type::Broken => continue,
            Expr::Field(field) if typed.ty.is_scalar() => KeyPart::Field(field),
            Expr::Attribute(name) => KeyPart::Attribute(name),
            _ => {
                not_a_field(written, problems);
                continue;
            }
        };
        if parts.contains(&part) {
            problems
                .error(
                    "duplicate-part",
                    &written.at,
                    format!("`{}` has this part twice", name.value),
                )
                .expected("different fields");
        }
        parts.push(part);
    }
    parts
}

fn not_a_field(written: &Written, problems: &mut Problems) {
    problems
        .error("bad-entity", &written.at, "an entity is made of fields that each have one value")
        .expected("a field such as `payment.card.token`");
}

fn root_of(expr: &Written) -> Option<&str> {
    match &expr.kind {
        ExprKind::Property(inner, _) | ExprKind::Index(inner, _) => root_of(inner),
        ExprKind::Name(name) => Some(name),
        _ => None,
    }
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
        let checked = checked_feature(known, feature, used, problems);
        if let Some(entity) = entity_of(known, feature, problems) {
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
            } else {
                let index = FeatureIndex(u32::try_from(place).unwrap_or(u32::MAX));
                let ty = checked.as_ref().map_or(Type::Broken, |checked| Type::of(checked.result));
                known.features.insert((entity, &name.value), FeatureFacts { index, ty });
            }
            all.push(checked.map(|checked| CheckedFeature { entity, ..checked }));
        } else {
            all.push(None);
        }
    }
    all
}

fn entity_of(known: &Known<'_>, feature: &Feature, problems: &mut Problems) -> Option<usize> {
    let name = &feature.entity;
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

/// Everything about a feature but its entity.
fn checked_feature<'a>(
    known: &Known<'a>,
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
        entity: 0,
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
fn span(
    written: Option<&Spanned<String>>,
    clause: &str,
    problems: &mut Problems,
) -> Option<Option<Span>> {
    let Some(written) = written else { return Some(None) };
    match Span::parse(&written.value) {
        Ok(span) => Some(Some(span)),
        Err(problem) => {
            problems
                .error(
                    "bad-window",
                    &written.at,
                    format!("`{clause} \"{}\"`: {problem}", written.value),
                )
                .wide(written.value.chars().count() + 2)
                .expected("an integer and one of `s`, `m`, `h`, `d`, such as `\"1h\"`");
            None
        }
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
    if needs_none {
        problems
            .error("surplus-value", at, format!("`{}` takes no value", name.value))
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

/// Lays out entities: features over the same events with the same value share a stream. A `count`
/// does not share the stream of a `sum`, though it could: which stream it reads, and so whether its
/// history survives a new version, would then hang on its neighbours.
pub(super) fn lay_out(
    known: &Known<'_>,
    keys: Vec<Vec<KeyPart>>,
    features: Vec<CheckedFeature>,
    printer: &Printer<'_>,
) -> Laid {
    let mut laid = Laid::default();
    let mut layouts = vec![EntityLayout::default(); keys.len()];
    for feature in features {
        let Some(layout) = layouts.get_mut(feature.entity) else { continue };
        let print = |expr: Option<&Expr>| expr.map_or_else(String::new, |expr| printer.print(expr));
        let value = feature.value.as_ref();
        let stream_id = StreamId(canonical::hash(&format!(
            "stream {} where {} value {}",
            feature.event,
            print(feature.filter.as_ref()),
            print(value.map(|(expr, _)| expr)),
        )));
        let known_stream = layout.streams.iter().position(|stream| stream.id == stream_id);
        let stream = known_stream.unwrap_or_else(|| {
            let value_type = value.map(|(_, value_type)| *value_type);
            layout.streams.push(StreamSpec { id: stream_id, value_type });
            let stream = layout.streams.len() - 1;
            laid.taps.entry(feature.event.clone()).or_default().push(Tap {
                entity: feature.entity,
                stream,
                filter: feature.filter.clone(),
                value: value.map(|(expr, _)| expr.clone()),
            });
            stream
        });
        let name = &feature.name;
        laid.features.push(FeatureDef {
            name: Arc::clone(name),
            entity: feature.entity,
            slot: layout.features.len(),
            value_type: feature.result,
        });
        layout.features.push(spec(&feature, stream_id, stream));
    }
    for ((entity, parts), layout) in known.declarations.entities.iter().zip(keys).zip(layouts) {
        let name = entity.name.value.as_str();
        laid.entities.push(EntityDef {
            name: Arc::from(name),
            kind: canonical::entity_kind(name, &parts),
            parts,
            layout: Arc::new(layout),
        });
    }
    laid
}

fn spec(feature: &CheckedFeature, stream_id: StreamId, stream: usize) -> FeatureSpec {
    let aggregate = Aggregate::ALL
        .into_iter()
        .find(|(_, aggregate)| *aggregate == feature.aggregate)
        .map_or("", |(name, _)| name);
    let window = feature.window.map_or_else(|| "all".to_owned(), |window| window.to_string());
    let id = FeatureId(canonical::hash(&format!(
        "feature {:016x} {aggregate} over {window} delayed {} inclusive {}",
        stream_id.0, feature.delay, feature.inclusive,
    )));
    FeatureSpec {
        id,
        stream,
        aggregate: feature.aggregate,
        window: feature.window,
        delay: feature.delay,
        inclusive: feature.inclusive,
        value_type: feature.result,
    }
}
