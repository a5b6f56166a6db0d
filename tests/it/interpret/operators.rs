//! Operators over present values, and the errors they end in.

use vajra::model::value::Value;
use vajra::policy::ast::{BinaryOp, UnaryOp};
use vajra::policy::interpret::EvalError;
use vajra::policy::ir::{Expr, Function, LetIndex};

use super::{COMPARISONS, fails, gives, value, value_in};
use crate::hand_made::{
    array, at, binary, call, constant, empty_set, list, missing, named, now, unary, unknown,
};

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
    let operands = || [constant(true), constant(1), constant("1"), constant(now())];
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
