//! Expressions as written to checked ones: every name becomes a slot, every type is worked out as far
//! as it can be. One problem is reported once: what is wrong fits everywhere from then on.

mod call;
mod contain;
mod operator;
mod path;
mod suggest;

use std::sync::Arc;

pub(super) use operator::symbol;

use super::known::{Known, Reads};
use super::problem::Problems;
use super::types::{Classes, Type};
use crate::model::field::Field;
use crate::model::value::{Text, Value};
use crate::policy::ast::{Expr, ExprKind, Position, UnaryOp};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::ir;

/// Turns expressions that stand in one place into checked ones.
#[derive(Debug)]
pub(super) struct Lowerer<'k, 'a> {
    known: &'k Known<'a>,
    scope: Scope<'k>,
    problems: Problems,
    reads: Reads<'a>,
}

/// Where an expression stands, and so what it sees.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope<'s> {
    /// The value of a constant: literals and other constants.
    Constant,
    /// The body of a helper: its parameters, constants and functions.
    Helper(&'s [Param<'s>]),
    /// The value or filter of a feature: the event's own blocks, constants, helpers and lists.
    Event {
        /// The name of the event.
        name: &'s str,
        /// Whether it is an outcome.
        has_outcome: bool,
    },
    /// A `let` or the condition of a rule: everything but `outcome`.
    Decision,
}

/// A parameter of a helper, for one call of it.
#[derive(Clone, Debug)]
pub(super) struct Param<'s> {
    /// Its name.
    pub(super) name: &'s str,
    /// The type of the argument.
    pub(super) ty: Type,
    /// The field that the argument is.
    pub(super) origin: Option<Field>,
    /// Where the argument takes an amount in the payment's own currency.
    pub(super) amount: Option<OwnAmount>,
}

/// A checked expression, and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    /// The expression.
    pub(super) expr: ir::Expr,
    /// The type of a present value.
    pub(super) ty: Type,
    /// The field that it is, whatever it was called on the way.
    pub(super) origin: Option<Field>,
    /// Where it takes an amount in the payment's own currency.
    pub(super) amount: Option<OwnAmount>,
}

/// Where an amount in the payment's own currency is taken.
#[derive(Clone, Debug)]
pub(super) struct OwnAmount {
    at: Position,
    width: usize,
    /// The same amount in the base currency.
    pub(super) in_base: Field,
}

// === impl Typed ===

impl Typed {
    fn new(expr: ir::Expr, ty: Type) -> Self {
        Self { expr, ty, origin: None, amount: None }
    }

    fn constant(value: Value) -> Self {
        let ty = Type::of_value(&value);
        Self::new(ir::Expr::Const(value), ty)
    }

    /// Stands for something that was reported.
    fn broken() -> Self {
        Self::new(ir::Expr::Const(Value::Bool(false)), Type::Broken)
    }

    fn value(&self) -> Option<&Value> {
        if let ir::Expr::Const(value) = &self.expr { Some(value) } else { None }
    }

    fn truth(&self) -> Option<bool> {
        self.value().and_then(Value::as_bool)
    }
}

// === impl Lowerer ===

impl<'k, 'a> Lowerer<'k, 'a> {
    /// For expressions in one place.
    pub(super) fn new(known: &'k Known<'a>, scope: Scope<'k>) -> Self {
        Self { known, scope, problems: Problems::default(), reads: Reads::default() }
    }

    /// The problems found, and what the expressions read.
    pub(super) fn finish(self) -> (Vec<Diagnostic>, Reads<'a>) {
        (self.problems.into_found(), self.reads)
    }

    /// An expression that must be true or false; `what` names its place in the message.
    pub(super) fn condition(&mut self, expr: &'a Expr, what: &str) -> Typed {
        let typed = self.value(expr);
        if typed.ty.may_be_bool() {
            return typed;
        }
        self.problems
            .error(
                "not-boolean",
                &expr.at,
                format!("{what} must be true or false, not {}", typed.ty.name()),
            )
            .wide(width_of(expr))
            .expected("bool");
        Typed::broken()
    }

    /// An expression with one value, or several strings as a field has them.
    pub(super) fn value(&mut self, expr: &'a Expr) -> Typed {
        let typed = self.any(expr);
        match typed.ty {
            Type::Array(_) => {
                self.misplaced_array(expr);
                Typed::broken()
            }
            Type::List => {
                self.problems
                    .error("misplaced-list", &expr.at, "a list is not a value")
                    .wide(width_of(expr))
                    .expected("`x in list(\"name\")`");
                Typed::broken()
            }
            Type::Bool
            | Type::Int
            | Type::Float
            | Type::Number
            | Type::Time
            | Type::Text
            | Type::Texts
            | Type::Any
            | Type::Broken => typed,
        }
    }

    /// Any expression, arrays and lists too.
    pub(super) fn any(&mut self, expr: &'a Expr) -> Typed {
        match &expr.kind {
            ExprKind::Bool(truth) => Typed::constant(Value::Bool(*truth)),
            ExprKind::Int(number) => Typed::constant(Value::Int(*number)),
            ExprKind::Float(number) => self.float(*number, expr),
            ExprKind::Text(text) => Typed::constant(Value::Text(Text::from(text.as_str()))),
            ExprKind::Unit => self.refused(
                "unit-literal",
                expr,
                "`()` is not a value of the language",
                "`is_missing(x)` or `x ?? d`",
            ),
            ExprKind::Array(elements) => self.array(elements, expr),
            ExprKind::Name(name) => self.name(name, &expr.at),
            ExprKind::Property(..) | ExprKind::Index(..) => self.path(expr),
            ExprKind::Call(name, args) => self.call(name, None, args),
            ExprKind::Method(receiver, name, args) => self.call(name, Some(receiver), args),
            ExprKind::And(operands) => self.connective(operands, false),
            ExprKind::Or(operands) => self.connective(operands, true),
            ExprKind::Coalesce(operands) => self.coalesce(operands),
            ExprKind::Unary(op, operand) => self.unary(*op, operand, &expr.at),
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right, &expr.at),
            ExprKind::Range(..) => self.refused(
                "misplaced-range",
                expr,
                "a range is not a value",
                "`x in a..b` or `x in a..=b`",
            ),
            ExprKind::If(condition, then, otherwise) => {
                self.choice(condition, then, otherwise.as_deref(), expr)
            }
            ExprKind::Forbidden(what) => self.refused(
                "forbidden",
                expr,
                &format!("{what} cannot stand in an expression"),
                "an expression over fields, features, names and functions",
            ),
        }
    }

    fn refused(&mut self, name: &'static str, expr: &Expr, message: &str, expected: &str) -> Typed {
        self.problems.error(name, &expr.at, message).wide(width_of(expr)).expected(expected);
        Typed::broken()
    }

    fn misplaced_array(&mut self, expr: &Expr) {
        self.problems
            .error("misplaced-array", &expr.at, "an array is not a value")
            .wide(width_of(expr))
            .expected("`x in [a, b]`");
    }

    fn float(&mut self, number: f64, expr: &Expr) -> Typed {
        if number.is_finite() {
            return Typed::constant(Value::Float(number));
        }
        self.refused("constant-fails", expr, "the number is not finite", "a finite number")
    }

    /// An array of constants; `in` looks at other arrays itself.
    fn array(&mut self, elements: &'a [Expr], expr: &Expr) -> Typed {
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            let typed = self.value(element);
            if typed.ty == Type::Broken {
                return Typed::broken();
            }
            let ir::Expr::Const(value) = typed.expr else {
                self.misplaced_array(expr);
                return Typed::broken();
            };
            values.push(value);
        }
        let classes = Classes::of(&values);
        Typed::new(ir::Expr::Array(Arc::from(values)), Type::Array(classes))
    }

    /// `a && b` and `a || b`; `ends` is the truth that ends it early.
    fn connective(&mut self, operands: &'a [Expr], ends: bool) -> Typed {
        let what = if ends { "an operand of `||`" } else { "an operand of `&&`" };
        let typed: Vec<Typed> =
            operands.iter().map(|operand| self.condition(operand, what)).collect();
        let truths: Option<Vec<bool>> = typed.iter().map(Typed::truth).collect();
        if let Some(truths) = truths
            && typed.iter().all(|operand| operand.ty != Type::Broken)
        {
            return Typed::constant(Value::Bool(if ends {
                truths.contains(&true)
            } else {
                !truths.contains(&false)
            }));
        }
        let exprs = typed.into_iter().map(|operand| operand.expr).collect();
        let expr = if ends { ir::Expr::Or(exprs) } else { ir::Expr::And(exprs) };
        Typed::new(expr, Type::Bool)
    }

    fn coalesce(&mut self, operands: &'a [Expr]) -> Typed {
        let mut exprs = Vec::with_capacity(operands.len());
        let mut whole: Option<Typed> = None;
        for operand in operands {
            let typed = self.value(operand);
            whole = Some(match whole {
                None => typed.clone(),
                Some(before) => match before.ty.or(typed.ty) {
                    Some(ty) => Typed { ty, amount: before.amount.or(typed.amount), ..before },
                    None => {
                        self.mixed("`??`", &before, &typed, operand);
                        Typed::broken()
                    }
                },
            });
            exprs.push(typed.expr);
        }
        let whole = whole.unwrap_or_else(Typed::broken);
        Typed { expr: ir::Expr::Coalesce(exprs), ..whole }
    }

    fn choice(
        &mut self,
        condition: &'a Expr,
        then: &'a Expr,
        otherwise: Option<&'a Expr>,
        expr: &Expr,
    ) -> Typed {
        let condition = self.condition(condition, "the condition of `if`");
        let then = self.value(then);
        let Some(other) = otherwise else {
            return self.refused(
                "if-without-else",
                expr,
                "without `else` there is no value when the condition does not hold",
                "`if c { a } else { b }`",
            );
        };
        let typed = self.value(other);
        let Some(ty) = then.ty.or(typed.ty) else {
            self.mixed("`if`", &then, &typed, other);
            return Typed::broken();
        };
        let origin = if then.origin == typed.origin { then.origin } else { None };
        let amount = then.amount.or(typed.amount);
        let expr = match condition.truth() {
            Some(true) if ty != Type::Broken => then.expr,
            Some(false) if ty != Type::Broken && condition.ty != Type::Broken => typed.expr,
            _ => ir::Expr::If(Box::new(condition.expr), Box::new(then.expr), Box::new(typed.expr)),
        };
        Typed { expr, ty, origin, amount }
    }

    fn mixed(&mut self, what: &str, first: &Typed, second: &Typed, at: &Expr) {
        let (first, second) = (first.ty.name(), second.ty.name());
        self.problems
            .error("branch-types", &at.at, format!("{what} is either {first} or {second}"))
            .wide(width_of(at))
            .expected(first);
    }

    fn unary(&mut self, op: UnaryOp, operand: &'a Expr, at: &Position) -> Typed {
        let typed = match op {
            UnaryOp::Not => self.condition(operand, "the operand of `!`"),
            UnaryOp::Neg => {
                let typed = self.value(operand);
                if !typed.ty.may_be_number() {
                    let name = typed.ty.name();
                    self.problems
                        .error("wrong-operand", at, format!("`-` needs a number, not {name}"))
                        .expected("number");
                    return Typed::broken();
                }
                typed
            }
        };
        if typed.ty == Type::Broken {
            return typed;
        }
        let ty = match op {
            UnaryOp::Not => Type::Bool,
            UnaryOp::Neg if typed.ty == Type::Any => Type::Number,
            UnaryOp::Neg => typed.ty,
        };
        let folded = typed.value().map(|value| super::fold::unary(op, value));
        let amount = typed.amount.clone();
        let expr = self
            .folded(folded, at)
            .unwrap_or_else(|| ir::Expr::Unary(op, Box::new(typed.expr), at.clone()));
        Typed { expr, ty, origin: None, amount }
    }
}

/// How many characters of an expression are underlined: all of them where that can be told.
pub(super) fn width_of(expr: &Expr) -> usize {
    match &expr.kind {
        ExprKind::Name(name) => name.chars().count(),
        ExprKind::Text(text) => text.chars().count() + 2,
        ExprKind::Bool(truth) => truth.to_string().len(),
        ExprKind::Unit => 2,
        ExprKind::Property(inner, name) => {
            let begin = &expr.at;
            let same_line = begin.line == name.at.line && begin.column <= name.at.column;
            if same_line && matches!(inner.kind, ExprKind::Name(_) | ExprKind::Property(..)) {
                let offset = name.at.column - begin.column;
                usize::try_from(offset).unwrap_or(0) + name.value.chars().count()
            } else {
                1
            }
        }
        ExprKind::Call(name, _) => name.value.chars().count(),
        ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Array(_)
        | ExprKind::Index(..)
        | ExprKind::Method(..)
        | ExprKind::And(_)
        | ExprKind::Or(_)
        | ExprKind::Coalesce(_)
        | ExprKind::Unary(..)
        | ExprKind::Binary(..)
        | ExprKind::Range(..)
        | ExprKind::If(..)
        | ExprKind::Forbidden(_) => 1,
    }
}
