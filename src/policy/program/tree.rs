//! Expressions as programs are made from them: names are slots, helpers are spelt out, and of each part
//! it is known what type it has, how far from zero it may be, and whether it can fail.
//!
//! What is known holds while every slot has the type that it was made for and no value is wild (see
//! [`super::row`]). A payment with another one is left to the interpreter.

use std::sync::Arc;

use crate::model::value::{Value, ValueType};
use crate::policy::ast::{BinaryOp, UnaryOp};
use crate::policy::ir::Function;
use crate::policy::program::row::tame_bound;

/// The place of a slot in the row.
pub(super) type SlotIndex = u32;

/// A part of an expression, and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// What it is.
    pub(super) kind: NodeKind,
    /// What is known of its value.
    pub(super) known: Known,
}

/// What is known of a value before it is computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The type that it has when it is present, where that is known.
    pub(super) value_type: Option<ValueType>,
    /// How far from zero a number may be.
    pub(super) bound: f64,
    /// Whether it may fail.
    pub(super) may_fail: bool,
}

/// What a part is.
#[derive(Clone, Debug)]
pub(super) enum NodeKind {
    /// A literal.
    Const(Value),
    /// A constant array.
    Array(Arc<[Value]>),
    /// A list.
    List(Arc<str>),
    /// What is in a slot: a field, an attribute, a feature, the score, a `let`.
    Slot(SlotIndex),
    /// `!x`, `-x`
    Unary(UnaryOp, Box<Node>),
    /// Comparison, arithmetic, `in`.
    Binary(BinaryOp, Box<Node>, Box<Node>),
    /// `a && b`
    And(Vec<Node>),
    /// `a || b`
    Or(Vec<Node>),
    /// `a ?? b`
    Coalesce(Vec<Node>),
    /// `is_missing(x)`
    IsMissing(Box<Node>),
    /// `x in a..b`
    InRange(Box<[Node; 3]>, bool),
    /// `if c { a } else { b }`
    If(Box<[Node; 3]>),
    /// A function.
    Call(Function, Vec<Node>),
    /// A helper spelt out.
    Given(Box<Given>),
}

/// A value that is missing when one of its arguments is, whatever it makes of them.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// The arguments that may fail: they do so before it is asked which are missing.
    pub(super) touched: Vec<SlotIndex>,
    /// The arguments.
    pub(super) slots: Vec<SlotIndex>,
    /// The value over them.
    pub(super) value: Node,
}

// === impl Known ===

impl Known {
    /// A value of that type which cannot fail.
    pub(super) fn of(value_type: ValueType) -> Self {
        let value_type = (value_type != ValueType::Any).then_some(value_type);
        Self { value_type, bound: tame_bound(value_type), may_fail: false }
    }

    const fn failing(value_type: Option<ValueType>) -> Self {
        Self { value_type, bound: f64::INFINITY, may_fail: true }
    }

    pub(super) const fn is_number(self) -> bool {
        matches!(self.value_type, Some(ValueType::Int | ValueType::Float))
    }

    fn bounded(value_type: ValueType, bound: f64, may_fail: bool) -> Self {
        // Beyond, a whole number may overflow and a float may become infinite.
        let most = if value_type == ValueType::Int { 9.2e18 } else { 1e300 };
        Self {
            value_type: Some(value_type),
            bound,
            may_fail: may_fail || bound.is_nan() || bound > most,
        }
    }

    fn or_failing(self, may_fail: bool) -> Self {
        Self { may_fail: self.may_fail || may_fail, ..self }
    }
}

/// Whether values of both types can be compared.
pub(super) fn are_comparable(left: Known, right: Known) -> bool {
    match (left.value_type, right.value_type) {
        (None | Some(ValueType::Texts | ValueType::Any), _) | (_, None) => false,
        (Some(one), Some(other)) => one == other || left.is_number() && right.is_number(),
    }
}

// === impl Node ===

impl Node {
    /// A part with what follows of its parts.
    pub(super) fn new(kind: NodeKind) -> Self {
        let known = known(&kind);
        Self { kind, known }
    }

    /// What is in a slot.
    pub(super) const fn slot(slot: SlotIndex, known: Known) -> Self {
        Self { kind: NodeKind::Slot(slot), known }
    }

    /// Whether a present value is a bool.
    pub(super) fn is_bool(&self) -> bool {
        self.known.value_type == Some(ValueType::Bool)
    }

    /// The whole number, when it is a literal.
    pub(super) fn as_int(&self) -> Option<i64> {
        if let NodeKind::Const(Value::Int(number)) = self.kind { Some(number) } else { None }
    }

    /// Shows every part to `visit`, a part before those within it.
    pub(super) fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        match &self.kind {
            NodeKind::Const(_) | NodeKind::Array(_) | NodeKind::List(_) | NodeKind::Slot(_) => {}
            NodeKind::Unary(_, inner) | NodeKind::IsMissing(inner) => inner.walk(visit),
            NodeKind::Given(given) => given.value.walk(visit),
            NodeKind::Binary(_, left, right) => {
                left.walk(visit);
                right.walk(visit);
            }
            NodeKind::InRange(parts, _) | NodeKind::If(parts) => {
                parts.iter().for_each(|part| part.walk(visit));
            }
            NodeKind::And(parts)
            | NodeKind::Or(parts)
            | NodeKind::Coalesce(parts)
            | NodeKind::Call(_, parts) => parts.iter().for_each(|part| part.walk(visit)),
        }
    }

    /// The slots that this part reads itself.
    pub(super) fn slots_read(&self) -> &[SlotIndex] {
        match &self.kind {
            NodeKind::Slot(slot) => std::slice::from_ref(slot),
            NodeKind::Given(given) => &given.slots,
            NodeKind::Const(_)
            | NodeKind::Array(_)
            | NodeKind::List(_)
            | NodeKind::Unary(..)
            | NodeKind::Binary(..)
            | NodeKind::And(_)
            | NodeKind::Or(_)
            | NodeKind::Coalesce(_)
            | NodeKind::IsMissing(_)
            | NodeKind::InRange(..)
            | NodeKind::If(_)
            | NodeKind::Call(..) => &[],
        }
    }

    /// Whether something in it computes with numbers or times, and so relies on tame ones.
    pub(super) fn computes(&self) -> bool {
        let mut computes = false;
        self.walk(&mut |part| {
            computes |= match &part.kind {
                NodeKind::Unary(op, _) => *op == UnaryOp::Neg,
                NodeKind::Binary(op, ..) => is_arithmetic(*op),
                NodeKind::Call(..) => true,
                NodeKind::Const(_)
                | NodeKind::Array(_)
                | NodeKind::List(_)
                | NodeKind::Slot(_)
                | NodeKind::And(_)
                | NodeKind::Or(_)
                | NodeKind::Coalesce(_)
                | NodeKind::IsMissing(_)
                | NodeKind::InRange(..)
                | NodeKind::If(_)
                | NodeKind::Given(_) => false,
            };
        });
        computes
    }
}

/// Whether the operator computes a number or a string.
pub(super) const fn is_arithmetic(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem)
}

fn known(kind: &NodeKind) -> Known {
    match kind {
        NodeKind::Const(value) => of_const(value),
        NodeKind::Array(_) | NodeKind::List(_) | NodeKind::Slot(_) => {
            Known { value_type: None, bound: f64::INFINITY, may_fail: false }
        }
        NodeKind::Unary(UnaryOp::Not, inner) => {
            Known::of(ValueType::Bool).or_failing(inner.known.may_fail || !inner.is_bool())
        }
        NodeKind::Unary(UnaryOp::Neg, inner) => {
            let Known { value_type, bound, may_fail } = inner.known;
            match value_type {
                Some(number @ (ValueType::Int | ValueType::Float)) => {
                    Known::bounded(number, bound, may_fail)
                }
                _ => Known::failing(None),
            }
        }
        NodeKind::Binary(op, left, right) => of_binary(*op, left, right),
        NodeKind::And(parts) | NodeKind::Or(parts) => {
            let may_fail = parts.iter().any(|part| part.known.may_fail || !part.is_bool());
            Known::of(ValueType::Bool).or_failing(may_fail)
        }
        NodeKind::Coalesce(parts) => of_either(parts, any_fails(parts)),
        NodeKind::IsMissing(inner) => Known::of(ValueType::Bool).or_failing(inner.known.may_fail),
        NodeKind::InRange(parts, _) => {
            let numbers = parts.iter().all(|part| part.known.is_number());
            Known::of(ValueType::Bool).or_failing(!numbers || any_fails(&parts[..]))
        }
        NodeKind::If(parts) => {
            let [condition, branches @ ..] = &**parts;
            of_either(branches, any_fails(&parts[..]) || !condition.is_bool())
        }
        NodeKind::Call(function, args) => of_call(*function, args).or_failing(any_fails(args)),
        NodeKind::Given(given) => given.value.known,
    }
}

fn of_const(value: &Value) -> Known {
    let value_type = value.value_type();
    let bound = match Node::float(value) {
        Some(number) => number.abs(),
        None => f64::INFINITY,
    };
    Known { value_type, bound, may_fail: false }
}

fn any_fails(parts: &[Node]) -> bool {
    parts.iter().any(|part| part.known.may_fail)
}

/// One of several.
fn of_either(parts: &[Node], may_fail: bool) -> Known {
    let first = parts.first().and_then(|part| part.known.value_type);
    let value_type = first.filter(|_| parts.iter().all(|part| part.known.value_type == first));
    let bound = parts.iter().map(|part| part.known.bound).fold(0.0, f64::max);
    Known { value_type, bound, may_fail }
}

fn of_binary(op: BinaryOp, left: &Node, right: &Node) -> Known {
    let may_fail = left.known.may_fail || right.known.may_fail;
    match op {
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
            Known::of(ValueType::Bool)
                .or_failing(may_fail || !are_comparable(left.known, right.known))
        }
        BinaryOp::In | BinaryOp::NotIn => {
            Known::of(ValueType::Bool).or_failing(may_fail || !can_contain(right, left))
        }
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => {
            arithmetic(op, left, right, may_fail)
        }
    }
}

/// Whether looking for the needle cannot fail.
fn can_contain(haystack: &Node, needle: &Node) -> bool {
    let is_text = needle.known.value_type == Some(ValueType::Text);
    match &haystack.kind {
        NodeKind::Array(values) => {
            values.iter().all(|value| are_comparable(needle.known, of_const(value)))
        }
        NodeKind::List(_) => is_text,
        NodeKind::Const(_)
        | NodeKind::Slot(_)
        | NodeKind::Unary(..)
        | NodeKind::Binary(..)
        | NodeKind::And(_)
        | NodeKind::Or(_)
        | NodeKind::Coalesce(_)
        | NodeKind::IsMissing(_)
        | NodeKind::InRange(..)
        | NodeKind::If(_)
        | NodeKind::Call(..)
        | NodeKind::Given(_) => {
            is_text && matches!(haystack.known.value_type, Some(ValueType::Text | ValueType::Texts))
        }
    }
}

fn arithmetic(op: BinaryOp, left: &Node, right: &Node, may_fail: bool) -> Known {
    let value_type = match (left.known.value_type, right.known.value_type) {
        (Some(ValueType::Int), Some(ValueType::Int)) => ValueType::Int,
        (Some(ValueType::Int | ValueType::Float), Some(ValueType::Int | ValueType::Float)) => {
            ValueType::Float
        }
        (Some(ValueType::Text), Some(ValueType::Text)) if op == BinaryOp::Add => {
            return Known::failing(Some(ValueType::Text));
        }
        _ => return Known::failing(None),
    };
    let (one, other) = (left.known.bound, right.known.bound);
    let divisor = if let NodeKind::Const(value) = &right.kind {
        Node::float(value).map_or(0.0, f64::abs)
    } else {
        0.0
    };
    // A divisor that may be 0, or -1 under the least integer, or so small that floats become infinite.
    let is_safe = if value_type == ValueType::Int { divisor >= 1.0 } else { divisor > 1e-30 };
    match op {
        BinaryOp::Add | BinaryOp::Sub => Known::bounded(value_type, one + other, may_fail),
        BinaryOp::Mul => Known::bounded(value_type, one * other, may_fail),
        BinaryOp::Div if value_type == ValueType::Int => {
            Known::bounded(value_type, one, may_fail || !is_safe)
        }
        BinaryOp::Div => Known::bounded(value_type, one * 1e30, may_fail || !is_safe),
        BinaryOp::Rem
        | BinaryOp::Eq
        | BinaryOp::Ne
        | BinaryOp::Lt
        | BinaryOp::Le
        | BinaryOp::Gt
        | BinaryOp::Ge
        | BinaryOp::In
        | BinaryOp::NotIn => Known::bounded(value_type, one, may_fail || !is_safe),
    }
}

fn of_call(function: Function, args: &[Node]) -> Known {
    let types: Vec<_> = args.iter().map(|arg| arg.known.value_type).collect();
    let bound = args.iter().map(|arg| arg.known.bound).fold(0.0, f64::max);
    let number = |kind: &Option<ValueType>| matches!(kind, Some(ValueType::Int | ValueType::Float));
    let is_text = |kind: &Option<ValueType>| *kind == Some(ValueType::Text);
    match (function, types.as_slice()) {
        (Function::Age, [Some(ValueType::Time)]) => {
            // A literal of an instant may be any; what is bound to a slot is seen to be tame.
            let tame = tame_bound(Some(ValueType::Time));
            Known::bounded(ValueType::Int, tame, bound > tame)
        }
        (Function::Hour | Function::Weekday, [Some(ValueType::Time)]) => {
            Known::bounded(ValueType::Int, 24.0, false)
        }
        (Function::DistanceKm, [_, _, _, _]) if types.iter().all(number) => {
            Known::bounded(ValueType::Float, 40_000.0, false)
        }
        (Function::Ratio, [Some(ValueType::Int | ValueType::Float), Some(ValueType::Int)]) => {
            Known::bounded(ValueType::Float, bound, false)
        }
        (Function::Ratio, [_, _]) if types.iter().all(number) => {
            Known::failing(Some(ValueType::Float))
        }
        (Function::Min | Function::Max, [Some(one), Some(other)])
            if one == other && matches!(one, ValueType::Text | ValueType::Time) =>
        {
            Known { value_type: Some(*one), bound, may_fail: false }
        }
        (Function::Min | Function::Max, [one, other]) if types.iter().all(number) => {
            let value_type = if one == other { *one } else { Some(ValueType::Float) };
            Known { value_type, bound, may_fail: false }
        }
        (Function::Abs, [Some(number @ (ValueType::Int | ValueType::Float))]) => {
            Known::bounded(*number, bound, false)
        }
        (Function::Len, [Some(ValueType::Text | ValueType::Texts)]) => {
            Known::bounded(ValueType::Int, 1e12, false)
        }
        (Function::StartsWith | Function::EndsWith | Function::Contains, [_, _])
            if types.iter().all(is_text) =>
        {
            Known::of(ValueType::Bool)
        }
        (Function::Contains, [Some(ValueType::Texts), Some(ValueType::Text)]) => {
            Known::of(ValueType::Bool)
        }
        (
            Function::SubString,
            [Some(ValueType::Text), Some(ValueType::Int)]
            | [Some(ValueType::Text), Some(ValueType::Int), Some(ValueType::Int)],
        ) => Known::of(ValueType::Text),
        (Function::ToLower | Function::ToUpper, [Some(ValueType::Text)]) => {
            Known::failing(Some(ValueType::Text))
        }
        _ => Known::failing(None),
    }
}

impl Node {
    fn float(value: &Value) -> Option<f64> {
        match value {
            #[expect(clippy::cast_precision_loss, reason = "a bound need not be exact")]
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::Missing
            | Value::Unknown
            | Value::Bool(_)
            | Value::Time(_)
            | Value::Text(_)
            | Value::Texts(_) => None,
        }
    }
}
