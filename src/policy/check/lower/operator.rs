//! Operators between two values: comparison and arithmetic.

use super::{Lowerer, OwnAmount, Typed, width_of};
use crate::model::card_number::is_card_number;
use crate::model::currency::Currency;
use crate::model::field::{CardNumbers, Case, Field};
use crate::model::value::{Text, Value};
use crate::policy::ast::{BinaryOp, Expr, Position};
use crate::policy::check::fold;
use crate::policy::check::lower::Scope;
use crate::policy::check::types::Type;
use crate::policy::diagnostic::nearest;
use crate::policy::interpret::EvalError;
use crate::policy::ir;

impl<'a> Lowerer<'_, 'a> {
    /// Any binary operator.
    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        left: &'a Expr,
        right: &'a Expr,
        at: &Position,
    ) -> Typed {
        match op {
            BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge => self.comparison(op, left, right, at),
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => {
                self.arithmetic(op, left, right, at)
            }
            BinaryOp::In => self.contained(left, right, at),
            BinaryOp::NotIn => {
                let held = self.contained(left, right, at);
                match held.truth() {
                    _ if held.ty == Type::Broken => held,
                    Some(truth) => Typed::constant(Value::Bool(!truth)),
                    None => {
                        let held = Box::new(held.expr);
                        let not = crate::policy::ast::UnaryOp::Not;
                        Typed::new(ir::Expr::Unary(not, held, at.clone()), Type::Bool)
                    }
                }
            }
        }
    }

    fn comparison(
        &mut self,
        op: BinaryOp,
        left: &'a Expr,
        right: &'a Expr,
        at: &Position,
    ) -> Typed {
        let (mut a, mut b) = (self.value(left), self.value(right));
        if !self.are_comparable(&a, &b, left) {
            return Typed::broken();
        }
        let is_equality = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
        if !is_equality && (a.ty == Type::Bool || b.ty == Type::Bool) {
            self.problems
                .error(
                    "not-ordered",
                    &left.at,
                    format!("`{}` cannot order true and false", symbol(op)),
                )
                .wide(width_of(left))
                .expected("`==` or `!=`");
            return Typed::broken();
        }
        self.note_amount(&a);
        self.note_amount(&b);
        if is_equality {
            self.note_literal(a.origin, &b, right);
            self.note_literal(b.origin, &a, left);
        }
        let (a_origin, b_origin) = (a.origin, b.origin);
        self.hash_literal(&mut a, b_origin);
        self.hash_literal(&mut b, a_origin);
        self.combined((op, at), a, b, Type::Bool)
    }

    /// Whether two values can be compared; reports it when they cannot.
    pub(super) fn are_comparable(&mut self, a: &Typed, b: &Typed, at: &Expr) -> bool {
        if a.ty.is_comparable_with(b.ty) {
            return true;
        }
        let (a, b) = (a.ty, b.ty);
        let expected = match (a, b) {
            (Type::Texts, _) | (_, Type::Texts) => {
                "`x in …`: several strings are looked into, not compared".to_owned()
            }
            _ => format!("two values of one type, such as {a} and {a}", a = a.name()),
        };
        self.problems
            .error(
                "type-mismatch",
                &at.at,
                format!("{} cannot be compared with {}", a.name(), b.name()),
            )
            .wide(width_of(at))
            .expected(expected);
        false
    }

    fn arithmetic(
        &mut self,
        op: BinaryOp,
        left: &'a Expr,
        right: &'a Expr,
        at: &Position,
    ) -> Typed {
        let (a, b) = (self.value(left), self.value(right));
        if a.ty == Type::Broken || b.ty == Type::Broken {
            return Typed::broken();
        }
        let joins = op == BinaryOp::Add && (a.ty == Type::Text || b.ty == Type::Text);
        let fits = |ty: Type| if joins { ty.may_be_text() } else { ty.may_be_number() };
        if !fits(a.ty) || !fits(b.ty) {
            let has_time = a.ty == Type::Time || b.ty == Type::Time;
            self.problems
                .error(
                    "wrong-operand",
                    &left.at,
                    format!("`{}` cannot join {} and {}", symbol(op), a.ty.name(), b.ty.name()),
                )
                .wide(width_of(left))
                .expected(match (joins, has_time) {
                    (_, true) => "numbers, such as the seconds of `age(t)`",
                    (true, _) => "two strings",
                    (false, _) => "numbers",
                });
            return Typed::broken();
        }
        let ty = match (a.ty, b.ty) {
            _ if joins => Type::Text,
            (Type::Any, Type::Any) if op == BinaryOp::Add => Type::Any,
            (a, b) => a.arithmetic(b),
        };
        if op == BinaryOp::Div && ty == Type::Int {
            self.problems
                .warn(
                    "integer-division",
                    &left.at,
                    "`/` of two integers is the integer quotient: 7 / 2 is 3",
                )
                .wide(width_of(left))
                .expected("`ratio(a, b)` for a fraction");
        }
        let amount = a.amount.clone().or_else(|| b.amount.clone());
        Typed { amount, ..self.combined((op, at), a, b, ty) }
    }

    /// The operator over two checked operands, computed when both are constants.
    pub(super) fn combined(
        &mut self,
        (op, at): (BinaryOp, &Position),
        a: Typed,
        b: Typed,
        ty: Type,
    ) -> Typed {
        if a.ty == Type::Broken || b.ty == Type::Broken {
            return Typed { ty, ..Typed::broken() };
        }
        let folded = match (a.value(), b.value()) {
            (Some(a), Some(b)) => Some(fold::binary(op, a, b)),
            _ => None,
        };
        let expr = self.folded(folded, at).unwrap_or_else(|| {
            ir::Expr::Binary(op, Box::new(a.expr), Box::new(b.expr), at.clone())
        });
        Typed::new(expr, ty)
    }

    /// A folded constant. One that fails is an error of a constant; in a condition it is only warned
    /// of, because what happens then is written in the policy.
    pub(super) fn folded(
        &mut self,
        folded: Option<Result<Value, EvalError>>,
        at: &Position,
    ) -> Option<ir::Expr> {
        match folded? {
            Ok(value) => Some(ir::Expr::Const(value)),
            Err(problem) => {
                if matches!(self.scope, Scope::Constant) {
                    self.problems.error("constant-fails", at, problem.to_string());
                } else {
                    self.problems.warn("always-fails", at, format!("always fails: {problem}"));
                }
                None
            }
        }
    }

    /// Warns of an amount in the payment's own currency where it meets amounts in others.
    pub(in crate::policy::check) fn note_amount(&mut self, typed: &Typed) {
        if let Some(OwnAmount { at, width, in_base }) = &typed.amount {
            self.problems
                .warn(
                    "mixed-currencies",
                    at,
                    "the amount is in the payment's own currency, and the bundle has rates",
                )
                .wide(*width)
                .expected("an amount in the base currency")
                .suggest(Some(in_base.path()));
        }
    }

    /// Warns of a literal that the field it is compared with never has.
    pub(super) fn note_literal(&mut self, field: Option<Field>, literal: &Typed, at: &Expr) {
        if let Some(Value::Text(text)) = literal.value() {
            self.note_word(field, text, at);
        }
    }

    /// The same for one string; `at` is the literal or the array that has it.
    pub(super) fn note_word(&mut self, field: Option<Field>, text: &str, at: &Expr) {
        if text.is_empty() {
            self.problems
                .warn("empty-string", &at.at, "no value is an empty string: it is missing then")
                .wide(width_of(at))
                .suggest(Some("is_missing(x)"));
            return;
        }
        let Some(field) = field else { return };
        if field == Field::Currency && Currency::from_code(text).is_none() {
            self.problems
                .warn("unknown-word", &at.at, format!("`{text}` is not a currency of ISO 4217"))
                .wide(width_of(at))
                .expected("a code such as `USD`");
            return;
        }
        let known = field.known_words();
        if !known.is_empty() && !known.contains(&text) {
            self.problems
                .warn(
                    "unknown-word",
                    &at.at,
                    format!("`{text}` is not among the known words of `{}`", field.path()),
                )
                .wide(width_of(at))
                .expected(known.join(", "))
                .suggest(nearest(text, known.iter().copied()));
            return;
        }
        let as_kept = match field.case() {
            Case::Keep => return,
            Case::Upper => text.to_uppercase(),
            Case::Lower => text.to_lowercase(),
        };
        if as_kept != text {
            self.problems
                .warn(
                    "letter-case",
                    &at.at,
                    format!(
                        "`{}` is never `{text}`: the case of its letters is fixed",
                        field.path()
                    ),
                )
                .wide(width_of(at))
                .suggest(Some(as_kept));
        }
    }

    /// Replaces a literal card number by its keyed hash, as the edge does with the value that it is
    /// compared with. Fields in which card numbers stay as they are keep theirs.
    fn hash_literal(&self, literal: &mut Typed, other: Option<Field>) {
        if let ir::Expr::Const(Value::Text(text)) = &mut literal.expr {
            self.hash_text(text, other);
        }
    }

    /// The same for one string.
    pub(super) fn hash_text(&self, text: &mut Text, other: Option<Field>) {
        let stays = other.is_some_and(|field| field.card_numbers() == CardNumbers::Ignore);
        if let Some(key) = self.known.hash_key
            && !stays
            && is_card_number(text)
        {
            *text = key.hash(text);
        }
    }
}

/// An operator as policies write it.
pub(in crate::policy::check) const fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
        BinaryOp::In => "in",
        BinaryOp::NotIn => "!in",
    }
}
