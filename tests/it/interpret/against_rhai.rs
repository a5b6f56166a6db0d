//! Where nothing is missing and no types mix, an expression means what Rhai says it means: random
//! expressions are built as checked trees and as source text, and both are evaluated.
//!
//! Rhai compares floats with a tolerance and lets them become infinite; we do neither. So floats are
//! halves that arithmetic keeps exact, and nothing is divided by zero but integers.

mod expressions;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rhai::{Array, Dynamic, Engine, Map, Scope};
use vajra::model::field::{Field, Fields};
use vajra::model::time::Timestamp;
use vajra::model::value::{Text, Value, ValueType};
use vajra::policy::interpret::{Facts, value_of};
use vajra::policy::ir::{Expr, Function};
use vajra::policy::set::{FeatureDef, PolicySet};

use expressions::{Bound, Case, cases};

use crate::hand_made::{self, BadOnly, empty_set, helper, now};

fn ours(case: &Case) -> Option<Value> {
    let mut set: PolicySet = empty_set();
    set.features.push(FeatureDef {
        name: Arc::from("card.attempts_1h"),
        entity: 0,
        slot: 0,
        value_type: ValueType::Int,
    });
    for named in &case.named {
        set.lets.push(hand_made::named("x", named.tree.clone()));
    }
    for body in &case.helpers {
        set.helpers.push(helper("f", 2, body.tree.clone()));
    }
    let Bound { amount, attempts, recurring, lat, token, created_at } = case.facts;
    let mut fields = Fields::new();
    fields.set(Field::Amount, Value::Int(amount));
    fields.set(Field::Recurring, Value::Bool(recurring));
    fields.set(Field::DeviceLat, Value::Float(lat));
    fields.set(Field::CardToken, Value::Text(Text::from(token)));
    fields.set(Field::AccountCreatedAt, Value::Time(created_at));
    fields.set_attribute(Text::from("number"), Value::Int(amount));
    let features = [Value::Int(attempts)];
    let facts = Facts { fields: &fields, features: &features, now: now(), lists: &BadOnly };
    value_of(&set, &case.root.tree, &facts).ok()
}

/// What Rhai has beside its own operators and functions, written again.
fn engine() -> Engine {
    let zone = || jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let mut engine = Engine::new();
    engine
        .set_max_expr_depths(0, 0)
        .set_optimization_level(rhai::OptimizationLevel::None)
        .register_type_with_name::<Timestamp>("time")
        .register_fn("==", |a: Timestamp, b: Timestamp| a == b)
        .register_fn("!=", |a: Timestamp, b: Timestamp| a != b)
        .register_fn("<", |a: Timestamp, b: Timestamp| a < b)
        .register_fn("<=", |a: Timestamp, b: Timestamp| a <= b)
        .register_fn(">", |a: Timestamp, b: Timestamp| a > b)
        .register_fn(">=", |a: Timestamp, b: Timestamp| a >= b)
        .register_fn("now", now)
        .register_fn("age", |at: Timestamp| {
            (now().as_micros() - at.as_micros()).div_euclid(1_000_000)
        })
        .register_fn("hour", move |at: Timestamp| i64::from(at.to_jiff().to_zoned(zone()).hour()))
        .register_fn("weekday", move |at: Timestamp| {
            i64::from(at.to_jiff().to_zoned(zone()).date().weekday().to_monday_one_offset())
        })
        .register_fn("distance_km", |lat_1: f64, lon_1: f64, lat_2: f64, lon_2: f64| {
            let haversine = |angle: f64| (angle / 2.0).sin() * (angle / 2.0).sin();
            let [lat_1, lon_1, lat_2, lon_2] = [lat_1, lon_1, lat_2, lon_2].map(f64::to_radians);
            let h = haversine(lat_2 - lat_1) + lat_1.cos() * lat_2.cos() * haversine(lon_2 - lon_1);
            2.0 * 6_371.008_8 * h.min(1.0).sqrt().asin()
        })
        .register_fn("ratio", |a: i64, b: i64| a as f64 / b as f64)
        .register_fn("is_missing", |_: Dynamic| false)
        .register_fn("list", |_: &str| -> Array { vec!["bad".into()] });
    engine
}

fn rhai(engine: &Engine, case: &Case) -> Option<Value> {
    let [bool_let, text_let] = &case.named;
    let named = |text: &str| {
        // A name stands for its expression; those of a `let` name no other.
        text.replace("LET_0", &bool_let.text).replace("LET_1", &text_let.text)
    };
    let [bool_helper, text_helper] = &case.helpers;
    let source = format!(
        "fn helper_0(n, s) {{ {} }}\nfn helper_1(n, s) {{ {} }}\n{}",
        bool_helper.text,
        text_helper.text,
        named(&case.root.text)
    );
    let ast = engine.compile(&source).unwrap_or_else(|error| panic!("{source}\n{error}"));
    let result: Result<Dynamic, _> = engine.eval_ast_with_scope(&mut scope_of(&case.facts), &ast);
    result.ok().map(|value| value_from(value, &source))
}

fn scope_of(facts: &Bound) -> Scope<'static> {
    let map = |entries: Vec<(&str, Dynamic)>| -> Dynamic {
        Dynamic::from_map(entries.into_iter().map(|(k, v)| (k.into(), v)).collect::<Map>())
    };
    let payment = map(vec![
        ("amount", facts.amount.into()),
        ("recurring", facts.recurring.into()),
        ("card", map(vec![("token", facts.token.into())])),
        ("device", map(vec![("lat", facts.lat.into())])),
        ("account", map(vec![("created_at", Dynamic::from(facts.created_at))])),
        ("attributes", map(vec![("number", facts.amount.into())])),
    ]);
    let mut scope = Scope::new();
    scope.push("payment", payment);
    scope.push("card", map(vec![("attempts_1h", facts.attempts.into())]));
    scope.push("NOW", now());
    scope
}

fn value_from(value: Dynamic, source: &str) -> Value {
    if let Ok(truth) = value.as_bool() {
        return Value::Bool(truth);
    }
    if let Ok(number) = value.as_int() {
        return Value::Int(number);
    }
    if let Ok(number) = value.as_float() {
        return Value::Float(number);
    }
    match value.into_immutable_string() {
        Ok(text) => Value::Text(Text::from(text.as_str())),
        Err(kind) => panic!("{source}: {kind}"),
    }
}

#[test]
fn expressions_mean_what_rhai_says_they_mean() {
    let engine = engine();
    let seen = RefCell::new(BTreeSet::new());
    let errors = Cell::new(0);
    let cases_max = 1_500;
    let config =
        ProptestConfig { cases: cases_max, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&cases(), |case| {
        let ours = ours(&case);
        let rhai = rhai(&engine, &case);
        prop_assert!(agree(&case, &ours, &rhai), "{}: {ours:?}, {rhai:?}", case.root.text);
        if ours.is_none() {
            errors.set(errors.get() + 1);
        }
        let trees = case.named.iter().chain(&case.helpers).chain([&case.root]);
        trees.for_each(|both| note(&both.tree, &mut seen.borrow_mut()));
        Ok(())
    });
    if let Err(problem) = outcome {
        panic!("{problem}");
    }
    assert!(errors.get() > 0 && errors.get() < cases_max / 2, "{} errors", errors.get());
    let seen = seen.into_inner();
    let expected: BTreeSet<_> = EVERYTHING.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(expected.difference(&seen).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Whether both are the same value or both have none. Distances are written in two ways, which
/// rounding tells apart.
fn agree(case: &Case, ours: &Option<Value>, rhai: &Option<Value>) -> bool {
    match (&case.root.tree, ours, rhai) {
        (
            Expr::Call(Function::DistanceKm, ..),
            Some(Value::Float(ours)),
            Some(Value::Float(rhai)),
        ) => (ours - rhai).abs() <= 1e-6 * ours.abs().max(1.0),
        _ => ours == rhai,
    }
}

/// Every kind of expression, operator and function that both sides have.
pub(crate) const EVERYTHING: &[&str] = &[
    "Const",
    "Array",
    "Field",
    "Attribute",
    "Feature",
    "Let",
    "Param",
    "List",
    "And",
    "Or",
    "Coalesce",
    "IsMissing",
    "InRange",
    "If",
    "Helper",
    "Not",
    "Neg",
    "Eq",
    "Ne",
    "Lt",
    "Le",
    "Gt",
    "Ge",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Rem",
    "In",
    "NotIn",
    "Age",
    "Hour",
    "Weekday",
    "DistanceKm",
    "Ratio",
    "Min",
    "Max",
    "Abs",
    "StartsWith",
    "EndsWith",
    "Contains",
    "ToLower",
    "ToUpper",
    "Len",
    "SubString",
];

/// Notes the names of what an expression is made of.
pub(crate) fn note(expr: &Expr, seen: &mut BTreeSet<String>) {
    let (name, within): (String, Vec<&Expr>) = match expr {
        Expr::Const(_) => ("Const".to_owned(), vec![]),
        Expr::Array(_) => ("Array".to_owned(), vec![]),
        Expr::Field(_) => ("Field".to_owned(), vec![]),
        Expr::Attribute(_) => ("Attribute".to_owned(), vec![]),
        Expr::Feature(_) => ("Feature".to_owned(), vec![]),
        Expr::Let(_) => ("Let".to_owned(), vec![]),
        Expr::Param(_) => ("Param".to_owned(), vec![]),
        Expr::Score => ("Score".to_owned(), vec![]),
        Expr::List(_) => ("List".to_owned(), vec![]),
        Expr::Unary(op, operand, _) => (format!("{op:?}"), vec![operand]),
        Expr::Binary(op, left, right, _) => (format!("{op:?}"), vec![left, right]),
        Expr::And(terms) => ("And".to_owned(), terms.iter().collect()),
        Expr::Or(terms) => ("Or".to_owned(), terms.iter().collect()),
        Expr::Coalesce(terms) => ("Coalesce".to_owned(), terms.iter().collect()),
        Expr::IsMissing(operand) => ("IsMissing".to_owned(), vec![operand]),
        Expr::InRange(a, b, c, ..) => ("InRange".to_owned(), vec![a, b, c]),
        Expr::If(a, b, c) => ("If".to_owned(), vec![a, b, c]),
        Expr::Call(function, args, _) => (format!("{function:?}"), args.iter().collect()),
        Expr::Helper(_, args, _) => ("Helper".to_owned(), args.iter().collect()),
    };
    seen.insert(name);
    within.into_iter().for_each(|expr| note(expr, seen));
}
