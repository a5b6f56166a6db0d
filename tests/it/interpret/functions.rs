//! The functions of the language.

use vajra::model::time::Timestamp;
use vajra::model::value::Value;
use vajra::policy::interpret::EvalError;
use vajra::policy::ir::{Expr, Function};

use super::{FUNCTIONS, fails, gives, value};
use crate::hand_made::{array, at, call, constant, now, unknown};

#[test]
fn functions_refuse_arguments_of_other_types() {
    for (function, count) in FUNCTIONS {
        let expr = Expr::Call(*function, vec![constant(true); *count], at());
        assert!(matches!(value(&expr), Err(EvalError::Type(_))), "{function:?}");
        let none = Expr::Call(*function, Vec::new(), at());
        assert!(matches!(value(&none), Err(EvalError::Type(_))), "{function:?}");
    }
    fails(&call(Function::Len, [constant(1)]), "`len` does not take an int");
    fails(
        &call(Function::Max, [constant(1), constant("1")]),
        "cannot compare an int with a string",
    );
}

#[test]
fn age_is_in_whole_seconds_rounded_down() {
    let ago = |micros: i64| {
        let then = Timestamp::from_micros(now().as_micros() - micros);
        call(Function::Age, [constant(then)])
    };
    gives(&ago(0), 0);
    gives(&ago(1_999_999), 1);
    gives(&ago(2_000_000), 2);
    gives(&ago(-1), -1);
    fails(&call(Function::Age, [constant(Timestamp::MIN)]), "integer overflow");
}

#[test]
fn hours_and_weekdays_are_those_of_the_bundle_s_zone() {
    let hour = |text| call(Function::Hour, [constant(Timestamp::parse_rfc3339(text).unwrap())]);
    let weekday =
        |text| call(Function::Weekday, [constant(Timestamp::parse_rfc3339(text).unwrap())]);
    // Berlin goes from 02:00 to 03:00 on 2026-03-29.
    gives(&hour("2026-03-29T00:59:59Z"), 1);
    gives(&hour("2026-03-29T01:00:00Z"), 3);
    gives(&hour("2026-03-29T22:30:00Z"), 0);
    gives(&weekday("2026-03-29T12:00:00Z"), 7);
    gives(&weekday("2026-03-29T22:30:00Z"), 1);
    gives(&call(Function::Hour, [constant(Timestamp::MAX)]), 23);
}

#[test]
fn distances_are_great_circles() {
    let distance = |from: (f64, f64), to: (f64, f64)| {
        let args = [from.0, from.1, to.0, to.1].map(constant);
        match value(&call(Function::DistanceKm, args)).unwrap() {
            Value::Float(km) => km,
            other => panic!("{other:?}"),
        }
    };
    let half = std::f64::consts::PI * 6_371.008_8;
    for (from, to, expected) in [
        ((52.52, 13.405), (48.8566, 2.3522), 877.46),
        ((0.0, 0.0), (0.0, 0.0), 0.0),
        ((0.0, 0.0), (0.0, 180.0), half),
        ((90.0, 0.0), (-90.0, 77.0), half),
        ((0.0, 179.5), (0.0, -179.5), half / 180.0),
    ] {
        let found = distance(from, to);
        assert!((found - expected).abs() < 0.01, "{from:?} {to:?}: {found}");
    }
    gives(&call(Function::DistanceKm, [0, 0, 0, 0].map(constant)), 0.0);
}

#[test]
fn a_ratio_to_zero_is_missing() {
    let ratio = |left: Expr, right: Expr| call(Function::Ratio, [left, right]);
    gives(&ratio(constant(1), constant(4)), 0.25);
    gives(&ratio(constant(1.0), constant(4)), 0.25);
    gives(&ratio(constant(1), constant(0)), Value::Missing);
    gives(&ratio(constant(0), constant(-0.0)), Value::Missing);
    gives(&ratio(unknown(), constant(0)), Value::Unknown);
}

#[test]
fn the_extreme_of_an_integer_and_a_float_is_a_float() {
    gives(&call(Function::Min, [constant(1), constant(2)]), 1);
    gives(&call(Function::Max, [constant(1), constant(2)]), 2);
    gives(&call(Function::Min, [constant(1), constant(2.5)]), 1.0);
    gives(&call(Function::Max, [constant(0.5), constant(2)]), 2.0);
    gives(&call(Function::Max, [constant("a"), constant("b")]), "b");
    gives(&call(Function::Abs, [constant(-2.5)]), 2.5);
}

#[test]
fn strings_are_counted_and_cut_in_characters() {
    let cut = |start: i64, chars: i64| {
        call(Function::SubString, [constant("naïve café"), constant(start), constant(chars)])
    };
    for (start, chars, expected) in [
        (0, 5, "naïve"),
        (6, 100, "café"),
        (-4, 3, "caf"),
        (-100, 2, "na"),
        (10, 1, ""),
        (0, 0, ""),
        (0, -1, ""),
        (i64::MIN, i64::MAX, "naïve café"),
        (i64::MAX, i64::MAX, ""),
    ] {
        gives(&cut(start, chars), expected);
    }
    gives(&call(Function::SubString, [constant("café"), constant(-1)]), "é");
    gives(&call(Function::Len, [constant("café")]), 4);
    gives(&call(Function::Len, [array([1, 2, 3])]), 3);
    gives(&call(Function::ToUpper, [constant("straße")]), "STRASSE");
    gives(&call(Function::ToLower, [constant("ÉCLAIR")]), "éclair");
    gives(&call(Function::Contains, [constant("café"), constant("af")]), true);
}
