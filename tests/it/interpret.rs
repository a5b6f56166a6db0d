//! What expressions mean: the tables of missing and unknown, errors, operators, functions, helpers.

mod against_rhai;

use std::fmt::Debug;

use vajra::model::field::Field;
use vajra::model::time::Timestamp;
use vajra::model::value::{Text, Value};
use vajra::policy::ast::{BinaryOp, UnaryOp};
use vajra::policy::interpret::{DEPTH_MAX, EvalError, value_of};
use vajra::policy::ir::{Expr, Function, HelperIndex, LetIndex};
use vajra::policy::set::{HelperDef, LetDef, PolicySet};

use crate::hand_made::{
    array, at, binary, call, constant, empty_set, facts, failing, fields, helper, list, missing,
    script, scripts, unary, unknown,
};

const COMPARISONS: [BinaryOp; 6] =
    [BinaryOp::Eq, BinaryOp::Ne, BinaryOp::Lt, BinaryOp::Le, BinaryOp::Gt, BinaryOp::Ge];
const ARITHMETIC: [BinaryOp; 5] =
    [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div, BinaryOp::Rem];

fn value_in(set: &PolicySet, expr: &Expr) -> Result<Value, EvalError> {
    value_of(set, expr, &facts(&fields()))
}

fn value(expr: &Expr) -> Result<Value, EvalError> {
    value_in(&empty_set(), expr)
}

/// The value of an expression in one letter: true, false, missing, unknown, an error.
fn letter(expr: &Expr) -> char {
    match value(expr) {
        Ok(Value::Bool(true)) => 't',
        Ok(Value::Bool(false)) => 'f',
        Ok(Value::Missing) => 'm',
        Ok(Value::Unknown) => 'u',
        Ok(other) => panic!("{other:?} is no truth"),
        Err(_) => 'e',
    }
}

fn of_letter(letter: char) -> Expr {
    match letter {
        't' => constant(true),
        'f' => constant(false),
        'm' => missing(),
        'u' => unknown(),
        _ => failing(),
    }
}

#[track_caller]
fn gives(expr: &Expr, expected: impl Into<Given>) {
    assert_eq!(value(expr), Ok(expected.into().0), "{expr:?}");
}

#[track_caller]
fn fails(expr: &Expr, expected: &str) {
    match value(expr) {
        Ok(value) => panic!("{expr:?} gives {value:?}"),
        Err(error) => assert_eq!(error.to_string(), expected, "{expr:?}"),
    }
}

struct Given(Value);

impl From<bool> for Given {
    fn from(truth: bool) -> Self {
        Self(Value::Bool(truth))
    }
}

impl From<i64> for Given {
    fn from(number: i64) -> Self {
        Self(Value::Int(number))
    }
}

impl From<f64> for Given {
    fn from(number: f64) -> Self {
        Self(Value::Float(number))
    }
}

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self(Value::Text(Text::from(text)))
    }
}

impl From<Value> for Given {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

/// Checks a table of an operator: a row per left operand, a column per right one.
#[track_caller]
fn table(name: impl Debug, join: impl Fn(Expr, Expr) -> Expr, rows: [(&str, &str); 5]) {
    for (left, row) in rows {
        let left = left.chars().next().unwrap();
        for (right, expected) in "tfmue".chars().zip(row.chars()) {
            let found = letter(&join(of_letter(left), of_letter(right)));
            assert_eq!(found, expected, "{name:?}: {left} with {right}");
        }
    }
}

#[test]
fn only_false_ends_a_conjunction_and_an_error_that_is_reached_is_the_result() {
    table(
        "&&",
        |left, right| Expr::And(vec![left, right]),
        [("t", "tfmue"), ("f", "fffff"), ("m", "mfmue"), ("u", "ufuue"), ("e", "eeeee")],
    );
}

#[test]
fn only_true_ends_a_disjunction_and_an_error_that_is_reached_is_the_result() {
    table(
        "||",
        |left, right| Expr::Or(vec![left, right]),
        [("t", "ttttt"), ("f", "tfmue"), ("m", "tmmue"), ("u", "tuuue"), ("e", "eeeee")],
    );
}

#[test]
fn a_long_junction_goes_on_past_absent_terms() {
    let terms = |letters: &str| letters.chars().map(of_letter).collect::<Vec<_>>();
    assert_eq!(letter(&Expr::And(terms("tmuf"))), 'f');
    assert_eq!(letter(&Expr::And(terms("tmut"))), 'u');
    assert_eq!(letter(&Expr::And(terms("tumt"))), 'u');
    assert_eq!(letter(&Expr::And(terms("tmfe"))), 'f');
    assert_eq!(letter(&Expr::And(terms("tmef"))), 'e');
    assert_eq!(letter(&Expr::Or(terms("fmut"))), 't');
    assert_eq!(letter(&Expr::Or(terms("fumf"))), 'u');
    assert_eq!(letter(&Expr::Or(terms("fmte"))), 't');
    assert_eq!(letter(&Expr::Or(terms("fmet"))), 'e');
}

#[test]
fn the_negation_of_an_absent_value_is_absent() {
    for (operand, expected) in [('t', 'f'), ('f', 't'), ('m', 'm'), ('u', 'u'), ('e', 'e')] {
        assert_eq!(letter(&unary(UnaryOp::Not, of_letter(operand))), expected);
    }
    gives(&unary(UnaryOp::Neg, missing()), Value::Missing);
    gives(&unary(UnaryOp::Neg, unknown()), Value::Unknown);
}

#[test]
fn a_comparison_with_an_absent_operand_is_absent_and_unknown_outweighs_missing() {
    for op in COMPARISONS.into_iter().chain(ARITHMETIC) {
        for (left, right, expected) in [
            (missing(), constant(1), Value::Missing),
            (constant(1), missing(), Value::Missing),
            (missing(), missing(), Value::Missing),
            (missing(), constant("text"), Value::Missing),
            (unknown(), constant(1), Value::Unknown),
            (constant(1), unknown(), Value::Unknown),
            (unknown(), missing(), Value::Unknown),
            (missing(), unknown(), Value::Unknown),
        ] {
            gives(&binary(op, left, right), expected);
        }
        fails(&binary(op, missing(), failing()), "division by zero");
        fails(&binary(op, failing(), missing()), "division by zero");
    }
}

#[test]
fn in_with_an_absent_operand_is_absent() {
    for (op, found) in [(BinaryOp::In, true), (BinaryOp::NotIn, false)] {
        gives(&binary(op, missing(), array([1, 2])), Value::Missing);
        gives(&binary(op, unknown(), array([1, 2])), Value::Unknown);
        gives(&binary(op, missing(), list("bad")), Value::Missing);
        gives(&binary(op, unknown(), list("bad")), Value::Unknown);
        gives(&binary(op, constant("x"), Expr::Field(Field::Authenticated)), Value::Missing);
        gives(&binary(op, constant(2), array([1, 2])), found);
        gives(&binary(op, constant(3), array([1, 2])), !found);
        gives(&binary(op, constant("bad"), list("bad")), found);
        gives(&binary(op, constant("good"), list("bad")), !found);
        gives(&binary(op, constant("an"), constant("banana")), found);
    }
}

#[test]
fn elements_are_compared_as_operands_are() {
    let is_in = |needle, haystack| binary(BinaryOp::In, needle, haystack);
    gives(&is_in(constant(2.0), array([1, 2])), true);
    gives(&is_in(constant(1), array([0.5, 1.0])), true);
    gives(&is_in(constant(1), Expr::Array([].into())), false);
    fails(&is_in(constant("1"), array([1, 2])), "cannot compare a string with an int");
    fails(&is_in(constant(1), list("bad")), "cannot look for an int in a list");
    fails(&is_in(constant(1), constant("1")), "cannot look for an int in a string");
}

#[test]
fn a_range_has_its_start_and_has_its_end_only_when_closed() {
    let within = |needle: i64, is_closed| {
        let [needle, start, end] = [needle, 1, 3].map(|bound| Box::new(constant(bound)));
        Expr::InRange(needle, start, end, is_closed, at())
    };
    for (needle, is_closed, expected) in
        [(0, false, false), (1, false, true), (3, false, false), (3, true, true), (4, true, false)]
    {
        gives(&within(needle, is_closed), expected);
    }
    let of = |needle| {
        Expr::InRange(Box::new(needle), Box::new(constant(1)), Box::new(constant(3)), false, at())
    };
    gives(&of(missing()), Value::Missing);
    gives(&of(unknown()), Value::Unknown);
    gives(&of(constant(2.5)), true);
    fails(&of(constant("2")), "cannot look for a string in a range");
}

#[test]
fn only_is_missing_and_the_default_see_what_is_missing() {
    let is_missing = |operand| Expr::IsMissing(Box::new(operand));
    gives(&is_missing(missing()), true);
    gives(&is_missing(constant(1)), false);
    gives(&is_missing(unknown()), Value::Unknown);
    fails(&is_missing(failing()), "division by zero");

    gives(&Expr::Coalesce(vec![missing(), constant(1)]), 1);
    gives(&Expr::Coalesce(vec![constant(2), failing()]), 2);
    gives(&Expr::Coalesce(vec![missing(), missing(), constant(3)]), 3);
    gives(&Expr::Coalesce(vec![missing(), missing()]), Value::Missing);
    gives(&Expr::Coalesce(vec![unknown(), constant(1)]), Value::Unknown);
    gives(&Expr::Coalesce(vec![missing(), unknown(), constant(1)]), Value::Unknown);
    fails(&Expr::Coalesce(vec![missing(), failing()]), "division by zero");
}

#[test]
fn if_holds_only_on_true_and_evaluates_one_branch() {
    let of = |condition| {
        Expr::If(Box::new(of_letter(condition)), Box::new(constant(1)), Box::new(constant(2)))
    };
    gives(&of('t'), 1);
    gives(&of('f'), 2);
    gives(&of('m'), 2);
    gives(&of('u'), 2);
    fails(&of('e'), "division by zero");
    gives(&Expr::If(Box::new(constant(true)), Box::new(constant(1)), Box::new(failing())), 1);
    let of_int = Expr::If(Box::new(constant(1)), Box::new(constant(1)), Box::new(constant(1)));
    fails(&of_int, "the condition of `if` is an int and not a bool");
}

#[test]
fn a_term_that_is_no_bool_is_an_error() {
    fails(&Expr::And(vec![constant(true), constant(1)]), "a term of `&&` is an int and not a bool");
    fails(&Expr::Or(vec![constant("x")]), "a term of `||` is a string and not a bool");
    fails(&unary(UnaryOp::Not, constant(1)), "cannot negate an int");
    fails(&unary(UnaryOp::Neg, constant("x")), "cannot change the sign of a string");
}

#[test]
fn integers_are_checked() {
    for (op, left, right, expected) in [
        (BinaryOp::Add, i64::MAX, 1, "integer overflow"),
        (BinaryOp::Sub, i64::MIN, 1, "integer overflow"),
        (BinaryOp::Mul, i64::MAX, 2, "integer overflow"),
        (BinaryOp::Div, i64::MIN, -1, "integer overflow"),
        (BinaryOp::Rem, i64::MIN, -1, "integer overflow"),
        (BinaryOp::Div, 1, 0, "division by zero"),
        (BinaryOp::Rem, 1, 0, "division by zero"),
    ] {
        fails(&binary(op, constant(left), constant(right)), expected);
    }
    fails(&unary(UnaryOp::Neg, constant(i64::MIN)), "integer overflow");
    fails(&call(Function::Abs, [constant(i64::MIN)]), "integer overflow");
}

#[test]
fn the_quotient_of_integers_is_cut_towards_zero_and_the_remainder_has_the_sign_of_the_dividend() {
    gives(&binary(BinaryOp::Div, constant(7), constant(2)), 3);
    gives(&binary(BinaryOp::Div, constant(-7), constant(2)), -3);
    gives(&binary(BinaryOp::Rem, constant(-7), constant(2)), -1);
    gives(&binary(BinaryOp::Div, constant(7), constant(2.0)), 3.5);
}

#[test]
fn an_integer_meets_a_float_as_a_float_and_floats_are_compared_exactly() {
    gives(&binary(BinaryOp::Eq, constant(1), constant(1.0)), true);
    gives(&binary(BinaryOp::Lt, constant(1), constant(1.5)), true);
    gives(&binary(BinaryOp::Ge, constant(2.5), constant(2)), true);
    gives(&binary(BinaryOp::Add, constant(1), constant(0.5)), 1.5);
    let sum = binary(BinaryOp::Add, constant(0.1), constant(0.2));
    gives(&binary(BinaryOp::Eq, sum, constant(0.3)), false);
}

#[test]
fn a_float_that_is_not_finite_is_an_error() {
    let problem = "the result is not a finite number";
    for (op, left, right) in [
        (BinaryOp::Div, 1.0, 0.0),
        (BinaryOp::Div, 0.0, 0.0),
        (BinaryOp::Rem, 1.0, 0.0),
        (BinaryOp::Add, f64::MAX, f64::MAX),
        (BinaryOp::Sub, f64::MIN, f64::MAX),
        (BinaryOp::Mul, f64::MAX, 2.0),
    ] {
        fails(&binary(op, constant(left), constant(right)), problem);
    }
    fails(&call(Function::Ratio, [constant(f64::MAX), constant(f64::MIN_POSITIVE)]), problem);
}

#[test]
fn different_types_are_not_compared() {
    let operands =
        || [constant(true), constant(1), constant("1"), constant(crate::hand_made::now())];
    for (row, left) in operands().into_iter().enumerate() {
        for (column, right) in operands().into_iter().enumerate() {
            for op in COMPARISONS {
                let found = value(&binary(op, left.clone(), right.clone()));
                assert_eq!(found.is_ok(), row == column, "{op:?} {left:?} {right:?}");
            }
        }
    }
    fails(&binary(BinaryOp::Eq, constant("1"), constant(1)), "cannot compare a string with an int");
    fails(&binary(BinaryOp::Add, constant("1"), constant(1)), "cannot add a string and an int");
    fails(
        &binary(BinaryOp::Sub, constant("ab"), constant("b")),
        "cannot subtract a string and a string",
    );
}

#[test]
fn strings_are_compared_byte_for_byte_and_joined_up_to_a_length() {
    gives(&binary(BinaryOp::Lt, constant("Z"), constant("a")), true);
    gives(&binary(BinaryOp::Eq, constant("é"), constant("e\u{301}")), false);
    gives(&binary(BinaryOp::Add, constant("ab"), constant("c")), "abc");
    // A `let` that doubles the one before it, thirty times over.
    let mut set = empty_set();
    set.lets.push(named("d0", constant("0123456789")));
    for place in 1..30 {
        let before = Expr::Let(LetIndex(place - 1));
        set.lets.push(named("d", binary(BinaryOp::Add, before.clone(), before)));
    }
    assert_eq!(value_in(&set, &Expr::Let(LetIndex(29))), Err(EvalError::TooLong));
}

#[test]
fn a_function_of_an_absent_argument_is_absent() {
    for (function, count) in FUNCTIONS {
        for place in 0..*count {
            let args = |absent: Expr| {
                let mut args = vec![constant(1); *count];
                args[place] = absent;
                Expr::Call(*function, args, at())
            };
            gives(&args(missing()), Value::Missing);
            gives(&args(unknown()), Value::Unknown);
            fails(&args(failing()), "division by zero");
        }
    }
}

const FUNCTIONS: &[(Function, usize)] = &[
    (Function::Age, 1),
    (Function::Hour, 1),
    (Function::Weekday, 1),
    (Function::DistanceKm, 4),
    (Function::Ratio, 2),
    (Function::Min, 2),
    (Function::Max, 2),
    (Function::Abs, 1),
    (Function::StartsWith, 2),
    (Function::EndsWith, 2),
    (Function::Contains, 2),
    (Function::ToLower, 1),
    (Function::ToUpper, 1),
    (Function::Len, 1),
    (Function::SubString, 3),
];

#[test]
fn functions_refuse_arguments_of_other_types() {
    for (function, count) in FUNCTIONS {
        let expr = Expr::Call(*function, vec![constant(true); *count], at());
        if !matches!(function, Function::Min | Function::Max) {
            assert!(matches!(value(&expr), Err(EvalError::Type(_))), "{function:?}");
        }
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
        let then = Timestamp::from_micros(crate::hand_made::now().as_micros() - micros);
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

#[test]
fn a_let_is_evaluated_when_it_is_needed_and_keeps_its_error() {
    let mut set = empty_set();
    set.lets.push(named("bad", failing()));
    let bad = || Expr::Let(LetIndex(0));
    assert_eq!(value_in(&set, &Expr::And(vec![constant(false), bad()])), Ok(Value::Bool(false)));
    let both = Expr::Coalesce(vec![missing(), bad()]);
    assert_eq!(value_in(&set, &both), Err(EvalError::DivisionByZero));
}

#[test]
fn score_has_no_value_outside_a_rule() {
    fails(&Expr::Score, "`score` has no value here");
    fails(&Expr::Param(0), "a parameter has no value here");
    fails(&list("bad"), "a list is not a value");
}

#[test]
fn depth_is_bounded_so_that_no_stack_runs_out() {
    let nested =
        |levels: u32| (0..levels).fold(constant(true), |expr, _| unary(UnaryOp::Not, expr));
    gives(&nested(DEPTH_MAX), true);
    assert_eq!(value(&nested(DEPTH_MAX + 1)), Err(EvalError::TooDeep));
    // A chain of `let`s, and helpers that call each other without end.
    let mut set = empty_set();
    set.lets.push(named("l0", constant(0)));
    for place in 1..10_000 {
        let before = Expr::Let(LetIndex(place - 1));
        set.lets.push(named("l", binary(BinaryOp::Add, before, constant(1))));
    }
    assert_eq!(value_in(&set, &Expr::Let(LetIndex(9_999))), Err(EvalError::TooDeep));
    let again = Expr::Helper(HelperIndex(0), vec![Expr::Param(0)], at());
    set.helpers.push(helper(
        "again",
        1,
        Expr::If(
            Box::new(binary(BinaryOp::In, Expr::Param(0), array(["x"]))),
            Box::new(again),
            Box::new(constant(false)),
        ),
    ));
    let call = Expr::Helper(HelperIndex(0), vec![constant("x")], at());
    assert_eq!(value_in(&set, &call), Err(EvalError::TooDeep));
}

fn named(name: &str, value: Expr) -> LetDef {
    LetDef { name: name.into(), value, reads_score: false }
}

// === helpers ===

/// Calls the only helper of a set.
fn helped(helper: HelperDef, source: &str, args: Vec<Expr>) -> Result<Value, EvalError> {
    let mut set = empty_set();
    set.scripts = scripts(source);
    set.helpers.push(helper);
    value_in(&set, &Expr::Helper(HelperIndex(0), args, at()))
}

#[track_caller]
fn problem_of(source: &str, args: Vec<Expr>) -> String {
    let params = args.len();
    match helped(script("f", params, &[]), source, args) {
        Err(EvalError::Helper { helper, problem }) => {
            assert_eq!(helper, "f");
            problem
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_helper_is_not_run_with_an_absent_argument() {
    let inline = || helper("f", 2, constant(true));
    let by_rhai = || script("f", 2, &[]);
    let source = "fn f(a, b) { loop {} }";
    for helper in [inline, by_rhai] {
        let run = |args| helped(helper(), source, args);
        assert_eq!(run(vec![missing(), constant(1)]), Ok(Value::Missing));
        assert_eq!(run(vec![missing(), unknown()]), Ok(Value::Unknown));
        assert_eq!(run(vec![missing(), failing()]), Err(EvalError::DivisionByZero));
    }
    assert_eq!(helped(inline(), "", vec![constant(1), constant(2)]), Ok(Value::Bool(true)));
}

#[test]
fn a_helper_sees_its_own_arguments_only() {
    let mut set = empty_set();
    let twice = binary(BinaryOp::Mul, Expr::Param(0), constant(2));
    set.helpers.push(helper("twice", 1, twice));
    let inner = Expr::Helper(
        HelperIndex(0),
        vec![binary(BinaryOp::Add, Expr::Param(1), constant(1))],
        at(),
    );
    set.helpers.push(helper("outer", 2, binary(BinaryOp::Sub, inner, Expr::Param(0))));
    let call = Expr::Helper(HelperIndex(1), vec![constant(5), constant(10)], at());
    assert_eq!(value_in(&set, &call), Ok(Value::Int(17)));
}

#[test]
fn rhai_runs_helpers_with_loops_and_locals() {
    let source = "fn f(text) { let n = 0; for c in text { if c == 'a' { n += 1; } } n }";
    assert_eq!(helped(script("f", 1, &[]), source, vec![constant("banana")]), Ok(Value::Int(3)));
    let source = "fn f(codes) { let all = \"\"; for code in codes { all += code; } all }";
    let args = vec![array(["a", "b"])];
    assert_eq!(helped(script("f", 1, &[]), source, args), Ok(Value::Text(Text::from("ab"))));
}

#[test]
fn a_helper_of_rhai_sees_its_constants_and_its_locals_before_them() {
    let constants = [("LARGE", constant(500)), ("CODES", array(["a", "b"]))];
    let run = |source, arg| helped(script("f", 1, &constants), source, vec![arg]);
    let source = "fn f(n) { let big = LARGE; for c in CODES { big += n; } big }";
    assert_eq!(run(source, constant(1)), Ok(Value::Int(502)));
    let source = "fn f(LARGE) { let x = LARGE; { let LARGE = x + 1; x = LARGE; } x }";
    assert_eq!(run(source, constant(1)), Ok(Value::Int(2)));
}

#[test]
fn a_helper_of_rhai_has_the_functions_of_the_language() {
    let run = |source, arg: Expr| helped(script("f", 1, &[]), source, vec![arg]).unwrap();
    let opened = Timestamp::parse_rfc3339("2026-03-02T11:59:00Z").unwrap();
    for (source, arg, expected) in [
        (
            "fn f(t) { let s = age(t); s + t.hour() * 100 + weekday(t) * 10_000 }",
            constant(opened),
            Given::from(11_260),
        ),
        ("fn f(x) { let r = ratio(x, 4); r }", constant(1), Given::from(0.25)),
        ("fn f(x) { let r = ratio(x, 0); r }", constant(1), Given(Value::Missing)),
        ("fn f(x) { let r = ratio(x, 0); is_missing(r) }", constant(1), Given::from(true)),
        ("fn f(x) { let km = distance_km(0, x, 0.0, 0); km }", constant(0), Given::from(0.0)),
        ("fn f(x) { let l = list(\"bad\"); x in l }", constant("bad"), Given::from(true)),
        ("fn f(x) { let l = list(\"bad\"); x in l }", constant("good"), Given::from(false)),
        ("fn f(l) { let x = \"bad\"; x in l }", list("bad"), Given::from(true)),
        ("fn f(x) { let y = min(x, 3); max(abs(-9), y) }", constant(1), Given::from(9)),
        (
            "fn f(x) { let y = x.to_lower(); y.sub_string(1).contains(\"ë\") && y.len == 4 }",
            constant("ZOËX"),
            Given::from(true),
        ),
        (
            "fn f(x) { let y = x; y == \"a\" || y.starts_with(\"b\") }",
            constant("bc"),
            Given::from(true),
        ),
    ] {
        assert_eq!(run(source, arg), expected.0, "{source}");
    }
}

#[test]
fn a_helper_that_runs_away_is_stopped() {
    for (source, expected) in [
        ("fn f(a) { loop {} }", "Too many operations"),
        ("fn f(a) { let s = a; loop { s += s; } }", "Length of string too large"),
        ("fn f(a) { let s = a; s.pad(1_000_000, \"x\"); s }", "Length of string too large"),
        ("fn f(a) { let all = [a]; loop { all += all; } }", "Size of array/BLOB too large"),
        ("fn f(a) { let all = [1]; all.pad(1_000_000, 1); all }", "Size of array/BLOB too large"),
        ("fn f(a) { f(a) }", "Stack overflow"),
    ] {
        let problem = problem_of(source, vec![constant("0123456789")]);
        assert!(problem.starts_with(expected), "{source}: {problem}");
    }
}

#[test]
fn what_a_helper_of_rhai_fails_of_is_said() {
    let of = |body: &str| problem_of(&format!("fn f(a) {{ {body} }}"), vec![constant(1)]);
    assert!(of("let b = a / 0; b").starts_with("Division by zero"));
    assert!(of("throw \"no\"").contains("no"));
    assert!(of("let b = a + 9223372036854775807; b").starts_with("Addition overflow"));
    assert!(of("let b = [a]; b").contains("not a value"));
    assert!(of("let b = 1.0 / 0.0; b").contains("not a finite number"));
    assert!(of("sleep(1)").contains("Function not found"));
    assert!(of("let b = unheard_of; b").contains("not found"));
    assert!(problem_of("fn g() { 1 }", vec![constant(1)]).contains("not found"));
}
