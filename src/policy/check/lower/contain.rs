//! `in` and `contains`: arrays, ranges, lists and strings.

use std::sync::Arc;

use super::{Lowerer, Typed, width_of};
use crate::model::value::Value;
use crate::policy::ast::{BinaryOp, Expr, ExprKind, Position};
use crate::policy::check::fold;
use crate::policy::check::types::Type;
use crate::policy::ir;

/// The bounds of a range.
struct Bounds<'a> {
    from: &'a Expr,
    to: &'a Expr,
    is_inclusive: bool,
}

impl<'a> Lowerer<'_, 'a> {
    /// `needle in container`
    pub(super) fn contained(
        &mut self,
        needle: &'a Expr,
        container: &'a Expr,
        at: &Position,
    ) -> Typed {
        let typed = self.value(needle);
        match &container.kind {
            ExprKind::Range(from, to, is_inclusive) => {
                let bounds = Bounds { from, to, is_inclusive: *is_inclusive };
                self.in_range(typed, &bounds, container, at)
            }
            ExprKind::Array(elements) => self.in_array(typed, needle, elements, container),
            ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Text(_)
            | ExprKind::Unit
            | ExprKind::Name(_)
            | ExprKind::Property(..)
            | ExprKind::Index(..)
            | ExprKind::Call(..)
            | ExprKind::Method(..)
            | ExprKind::And(_)
            | ExprKind::Or(_)
            | ExprKind::Coalesce(_)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::If(..)
            | ExprKind::Forbidden(_) => {
                let within = self.any(container);
                self.member((typed, needle), (within, container), at)
            }
        }
    }

    /// Whether a value is in an array of constants, a list, a string, or several strings.
    pub(super) fn member(
        &mut self,
        (needle, needle_at): (Typed, &Expr),
        (within, within_at): (Typed, &Expr),
        at: &Position,
    ) -> Typed {
        if needle.ty == Type::Broken || within.ty == Type::Broken {
            return Typed { ty: Type::Bool, ..Typed::broken() };
        }
        let fits = match within.ty {
            Type::Array(classes) => classes.all_comparable_with(needle.ty),
            Type::List | Type::Text | Type::Texts => needle.ty.may_be_text(),
            Type::Any => needle.ty.is_scalar(),
            Type::Bool | Type::Int | Type::Float | Type::Number | Type::Time | Type::Broken => {
                self.problems
                    .error(
                        "wrong-operand",
                        &within_at.at,
                        format!("`in` cannot look into {}", within.ty.name()),
                    )
                    .wide(width_of(within_at))
                    .expected("an array, a range, a list or a string");
                return Typed::broken();
            }
        };
        if !fits {
            let (what, holder) = (needle.ty.name(), within.ty.name());
            let is_array = matches!(within.ty, Type::Array(_));
            let expected = if is_array { "elements of that type" } else { "string" };
            self.problems
                .error("type-mismatch", &needle_at.at, format!("{what} is never in this {holder}"))
                .wide(width_of(needle_at))
                .expected(expected);
            return Typed::broken();
        }
        self.note_amount(&needle);
        let within = if let ir::Expr::Array(values) = &within.expr {
            let values = self.known_values(values, &needle, within_at);
            if let Some(value) = needle.value() {
                return Typed::constant(Value::Bool(holds(&values, value)));
            }
            ir::Expr::Array(values)
        } else {
            within.expr
        };
        let expr =
            ir::Expr::Binary(BinaryOp::In, Box::new(needle.expr), Box::new(within), at.clone());
        Typed::new(expr, Type::Bool)
    }

    /// The elements of an array as they are compared with the needle: checked and hashed.
    fn known_values(&mut self, values: &Arc<[Value]>, needle: &Typed, at: &Expr) -> Arc<[Value]> {
        let elements: &[Expr] =
            if let ExprKind::Array(elements) = &at.kind { elements } else { &[] };
        for (place, value) in values.iter().enumerate() {
            if let Value::Text(text) = value {
                self.note_word(needle.origin, text, elements.get(place).unwrap_or(at));
            }
        }
        values
            .iter()
            .cloned()
            .map(|mut value| {
                if let Value::Text(text) = &mut value {
                    self.hash_text(text, needle.origin);
                }
                value
            })
            .collect()
    }

    /// An array in place. With an element that is not constant it is one comparison after the other,
    /// which is what SQL's `IN` means when something is missing.
    fn in_array(
        &mut self,
        needle: Typed,
        needle_at: &Expr,
        elements: &'a [Expr],
        container: &'a Expr,
    ) -> Typed {
        let typed: Vec<Typed> = elements.iter().map(|element| self.value(element)).collect();
        if needle.ty == Type::Broken || typed.iter().any(|element| element.ty == Type::Broken) {
            return Typed { ty: Type::Bool, ..Typed::broken() };
        }
        for (element, at) in typed.iter().zip(elements) {
            if !self.are_comparable(&needle, element, at) {
                return Typed::broken();
            }
        }
        let constants: Option<Vec<Value>> =
            typed.iter().map(|element| element.value().cloned()).collect();
        if let Some(values) = constants {
            let ty = Type::Array(crate::policy::check::types::Classes::of(&values));
            let within = Typed::new(ir::Expr::Array(Arc::from(values)), ty);
            return self.member((needle, needle_at), (within, container), &container.at);
        }
        self.note_amount(&needle);
        let mut equal = Vec::with_capacity(typed.len());
        for (mut element, at) in typed.into_iter().zip(elements) {
            self.note_amount(&element);
            self.note_literal(needle.origin, &element, at);
            if let ir::Expr::Const(Value::Text(text)) = &mut element.expr {
                self.hash_text(text, needle.origin);
            }
            equal.push(ir::Expr::Binary(
                BinaryOp::Eq,
                Box::new(needle.expr.clone()),
                Box::new(element.expr),
                at.at.clone(),
            ));
        }
        Typed::new(ir::Expr::Or(equal), Type::Bool)
    }

    fn in_range(
        &mut self,
        needle: Typed,
        bounds: &Bounds<'a>,
        range: &Expr,
        at: &Position,
    ) -> Typed {
        let (from, to) = (self.value(bounds.from), self.value(bounds.to));
        if [&needle, &from, &to].iter().any(|typed| typed.ty == Type::Broken) {
            return Typed { ty: Type::Bool, ..Typed::broken() };
        }
        for typed in [&needle, &from, &to] {
            if !typed.ty.may_be_number() {
                let what = typed.ty.name();
                self.problems
                    .error("type-mismatch", &range.at, format!("a range has numbers, not {what}"))
                    .expected("number");
                return Typed::broken();
            }
        }
        self.note_amount(&needle);
        if let (Some(a), Some(b)) = (from.value(), to.value())
            && let Some(order) = fold::compare(a, b)
            && (order.is_gt() || (order.is_eq() && !bounds.is_inclusive))
        {
            self.problems
                .warn(
                    "empty-range",
                    &range.at,
                    "nothing is in this range: it ends before it begins",
                )
                .expected("`x >= a || x < b` for what goes past the end");
        }
        let expr = ir::Expr::InRange(
            Box::new(needle.expr),
            Box::new(from.expr),
            Box::new(to.expr),
            bounds.is_inclusive,
            at.clone(),
        );
        Typed::new(expr, Type::Bool)
    }
}

fn holds(values: &[Value], needle: &Value) -> bool {
    values.iter().any(|value| fold::compare(value, needle).is_some_and(std::cmp::Ordering::is_eq))
}
