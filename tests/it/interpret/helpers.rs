//! `let`s, helpers that are evaluated in place and helpers that Rhai runs, and how deep they may go.

use vajra::model::time::Timestamp;
use vajra::model::value::{Text, Value};
use vajra::policy::ast::{BinaryOp, UnaryOp};
use vajra::policy::interpret::{DEPTH_MAX, EvalError};
use vajra::policy::ir::{Expr, HelperIndex, LetIndex};
use vajra::policy::set::HelperDef;

use super::{Given, fails, gives, value, value_in};
use crate::hand_made::{
    array, at, binary, constant, empty_set, failing, helper, list, missing, named, script, scripts,
    unary, unknown,
};

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
