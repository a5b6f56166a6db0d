//! Missing and unknown: the tables.

use vajra::model::field::Field;
use vajra::model::value::Value;
use vajra::policy::ast::{BinaryOp, UnaryOp};
use vajra::policy::ir::Expr;

use super::{ARITHMETIC, COMPARISONS, FUNCTIONS, fails, gives, letter, of_letter, table};
use crate::hand_made::{array, at, binary, constant, failing, list, missing, unary, unknown};

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
