//! Operators over constants, computed once with the meaning they have at run time.

use std::cmp::Ordering;

use crate::model::value::Value;
use crate::policy::ast::{BinaryOp, UnaryOp};
use crate::policy::interpret::{EvalError, Operand, operators};

/// The value of an operator over two constants.
///
/// # Errors
/// What it would fail with at run time, always.
pub(super) fn binary(op: BinaryOp, left: &Value, right: &Value) -> Result<Value, EvalError> {
    operators::binary(op, Operand::of(left), Operand::of(right))
        .and_then(Operand::into_value)
        .map_err(|problem| *problem)
}

/// The value of an operator over one constant.
///
/// # Errors
/// What it would fail with at run time, always.
pub(super) fn unary(op: UnaryOp, operand: &Value) -> Result<Value, EvalError> {
    operators::unary(op, &Operand::of(operand))
        .and_then(Operand::into_value)
        .map_err(|problem| *problem)
}

/// How two constants compare; `None` when they do not.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    Operand::of(left).compare(&Operand::of(right)).ok()
}
