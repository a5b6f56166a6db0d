//! What the operators mean for present and absent operands.

use std::cmp::Ordering;

use crate::model::time::Timestamp;
use crate::model::value::Text;
use crate::policy::ast::{BinaryOp, UnaryOp};
use crate::policy::interpret::operand::{Evaluated, Operand, absent, finite, type_error};
use crate::policy::interpret::{EvalError, Lists, TEXT_BYTES_MAX};

/// `!x`, `-x`
pub(crate) fn unary<'a>(op: UnaryOp, operand: &Operand<'a>) -> Evaluated<'a> {
    match (op, operand) {
        (_, Operand::Missing) => Ok(Operand::Missing),
        (_, Operand::Unknown) => Ok(Operand::Unknown),
        (UnaryOp::Not, Operand::Bool(truth)) => Ok(Operand::Bool(!truth)),
        (UnaryOp::Neg, Operand::Int(number)) => whole(number.checked_neg()),
        (UnaryOp::Neg, Operand::Float(number)) => Ok(Operand::Float(-number)),
        (UnaryOp::Not, _) => Err(type_error(format!("cannot negate {}", operand.type_name()))),
        (UnaryOp::Neg, _) => {
            Err(type_error(format!("cannot change the sign of {}", operand.type_name())))
        }
    }
}

/// `!in`, from what `in` gave.
pub(crate) fn not<'a>(found: &Operand<'a>) -> Evaluated<'a> {
    unary(UnaryOp::Not, found)
}

/// Comparison and arithmetic; `in` is [`is_in`].
pub(crate) fn binary<'a>(op: BinaryOp, left: Operand<'a>, right: Operand<'a>) -> Evaluated<'a> {
    if let (Operand::Int(left), Operand::Int(right)) = (&left, &right) {
        return whole_numbers(op, *left, *right);
    }
    let operands = [left, right];
    if let Some(absent) = absent(&operands) {
        return Ok(absent);
    }
    let [left, right] = operands;
    if let Some(holds) = comparison(op) {
        return Ok(Operand::Bool(holds(left.compare(&right)?)));
    }
    if let (Some(first), Some(second)) = (left.as_float(), right.as_float()) {
        return floats(op, first, second);
    }
    match (op, left.as_str(), right.as_str()) {
        (BinaryOp::Add, Some(first), Some(second)) => joined(first, second),
        _ => {
            let (verb, left, right) = (verb(op), left.type_name(), right.type_name());
            Err(type_error(format!("cannot {verb} {left} and {right}")))
        }
    }
}

/// Whether the needle is in an array, in several strings, on a list, or within a string.
pub(crate) fn is_in<'a>(
    needle: &Operand<'a>,
    haystack: &Operand<'a>,
    lists: &dyn Lists,
    now: Timestamp,
) -> Evaluated<'a> {
    match (needle, haystack) {
        (Operand::Unknown, _) | (_, Operand::Unknown) => return Ok(Operand::Unknown),
        (Operand::Missing, _) | (_, Operand::Missing) => return Ok(Operand::Missing),
        _ => {}
    }
    let found = match (needle.as_str(), haystack) {
        // Elements are compared as `==` does it: one of another type that is reached is an error.
        (_, Operand::Array(values)) => {
            for value in *values {
                if needle.compare(&Operand::of(value))? == Ordering::Equal {
                    return Ok(Operand::Bool(true));
                }
            }
            false
        }
        (Some(needle), Operand::Texts(texts)) => texts.iter().any(|text| text == needle),
        (Some(needle), Operand::List(list)) => lists.contains(list, needle, now),
        (Some(needle), Operand::Text(text)) => text.contains(needle),
        (Some(needle), Operand::Made(text)) => text.contains(needle),
        _ => {
            let (needle, haystack) = (needle.type_name(), haystack.type_name());
            return Err(type_error(format!("cannot look for {needle} in {haystack}")));
        }
    };
    Ok(Operand::Bool(found))
}

/// Whether `start <= needle < end`, or `<= end` when the end is in the range.
pub(crate) fn is_in_range<'a>(operands: &[Operand<'a>; 3], is_closed: bool) -> Evaluated<'a> {
    if let Some(absent) = absent(operands) {
        return Ok(absent);
    }
    let [needle, start, end] = operands;
    if needle.as_float().is_none() {
        return Err(type_error(format!("cannot look for {} in a range", needle.type_name())));
    }
    let after_start = needle.compare(start)?.is_ge();
    let to_end = needle.compare(end)?;
    Ok(Operand::Bool(after_start && (to_end.is_lt() || is_closed && to_end.is_eq())))
}

/// What a comparison asks of the order; `None` for arithmetic.
fn comparison(op: BinaryOp) -> Option<fn(Ordering) -> bool> {
    Some(match op {
        BinaryOp::Eq => Ordering::is_eq,
        BinaryOp::Ne => Ordering::is_ne,
        BinaryOp::Lt => Ordering::is_lt,
        BinaryOp::Le => Ordering::is_le,
        BinaryOp::Gt => Ordering::is_gt,
        BinaryOp::Ge => Ordering::is_ge,
        BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::Div
        | BinaryOp::Rem
        | BinaryOp::In
        | BinaryOp::NotIn => return None,
    })
}

fn whole_numbers<'a>(op: BinaryOp, left: i64, right: i64) -> Evaluated<'a> {
    let holds = match op {
        BinaryOp::Eq => left == right,
        BinaryOp::Ne => left != right,
        BinaryOp::Lt => left < right,
        BinaryOp::Le => left <= right,
        BinaryOp::Gt => left > right,
        BinaryOp::Ge => left >= right,
        BinaryOp::Add => return whole(left.checked_add(right)),
        BinaryOp::Sub => return whole(left.checked_sub(right)),
        BinaryOp::Mul => return whole(left.checked_mul(right)),
        BinaryOp::Div | BinaryOp::Rem if right == 0 => {
            return Err(Box::new(EvalError::DivisionByZero));
        }
        BinaryOp::Div => return whole(left.checked_div(right)),
        BinaryOp::Rem => return whole(left.checked_rem(right)),
        BinaryOp::In | BinaryOp::NotIn => {
            return Err(type_error("cannot look for an int in an int".to_owned()));
        }
    };
    Ok(Operand::Bool(holds))
}

fn floats<'a>(op: BinaryOp, left: f64, right: f64) -> Evaluated<'a> {
    match op {
        BinaryOp::Add => finite(left + right),
        BinaryOp::Sub => finite(left - right),
        BinaryOp::Mul => finite(left * right),
        BinaryOp::Div => finite(left / right),
        BinaryOp::Rem => finite(left % right),
        BinaryOp::Eq
        | BinaryOp::Ne
        | BinaryOp::Lt
        | BinaryOp::Le
        | BinaryOp::Gt
        | BinaryOp::Ge
        | BinaryOp::In
        | BinaryOp::NotIn => Err(type_error(format!("cannot {} two numbers", verb(op)))),
    }
}

/// One string after the other.
fn joined<'a>(first: &str, second: &str) -> Evaluated<'a> {
    let bytes = first.len().saturating_add(second.len());
    if bytes > TEXT_BYTES_MAX {
        return Err(Box::new(EvalError::TooLong));
    }
    let mut text = Text::with_capacity(bytes);
    text.push_str(first);
    text.push_str(second);
    Ok(Operand::Made(text))
}

fn whole<'a>(number: Option<i64>) -> Evaluated<'a> {
    number.map(Operand::Int).ok_or_else(|| Box::new(EvalError::Overflow))
}

/// The operator as a verb, for problems.
const fn verb(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
            "compare"
        }
        BinaryOp::Add => "add",
        BinaryOp::Sub => "subtract",
        BinaryOp::Mul => "multiply",
        BinaryOp::Div => "divide",
        BinaryOp::Rem => "take the remainder of",
        BinaryOp::In | BinaryOp::NotIn => "look within",
    }
}
