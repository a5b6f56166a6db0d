//! What expressions mean: the tables of missing and unknown, errors, operators, functions, helpers.

mod absent;
pub(crate) mod against_rhai;
mod functions;
mod helpers;
mod operators;

use std::fmt::Debug;

use vajra::model::value::{Text, Value};
use vajra::policy::ast::BinaryOp;
use vajra::policy::interpret::{EvalError, value_of};
use vajra::policy::ir::{Expr, Function};
use vajra::policy::set::PolicySet;

use crate::hand_made::{constant, empty_set, facts, failing, fields, missing, unknown};

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
