//! The identity of what a feature means: a hash over its printed form, in which constants and helpers
//! stand for themselves. Moving or renaming things does not change it, changing their meaning does.

use std::fmt::Write as _;

use super::function;
use super::lower::symbol;
use crate::model::entity::EntityKind;
use crate::model::field::Field;
use crate::model::value::{Text, Value};
use crate::policy::ast::{Declarations, HelperBody, UnaryOp};
use crate::policy::bundle::Bundle;
use crate::policy::ir::{Expr, Function};
use crate::policy::set::{HelperDef, KeyPart};

/// Prints expressions in one form per meaning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Printer<'a> {
    /// The zone and the base currency are part of what some functions and fields mean.
    pub(super) bundle: &'a Bundle,
    /// The helpers as checked.
    pub(super) helpers: &'a [HelperDef],
    /// The helpers as written, for those that Rhai runs.
    pub(super) declarations: &'a Declarations,
}

/// 64 bits of a hash over the printed form.
pub(super) fn hash(printed: &str) -> u64 {
    let mut bits = [0; 8];
    blake3::Hasher::new().update(printed.as_bytes()).finalize_xof().fill(&mut bits);
    u64::from_le_bytes(bits)
}

/// The identity of an entity: its name over its parts.
pub(super) fn entity_kind(name: &str, parts: &[KeyPart]) -> EntityKind {
    let mut printed = format!("entity {name}");
    for part in parts {
        match part {
            KeyPart::Field(field) => {
                printed.push(' ');
                printed.push_str(field.path());
            }
            KeyPart::Attribute(attribute) => attribute_name(&mut printed, attribute),
        }
    }
    EntityKind(hash(&printed))
}

// === impl Printer ===

impl Printer<'_> {
    /// The printed form of an expression.
    pub(super) fn print(&self, expr: &Expr) -> String {
        let mut out = String::new();
        self.expr(&mut out, expr);
        out
    }

    fn expr(&self, out: &mut String, expr: &Expr) {
        match expr {
            Expr::Const(value) => constant(out, value),
            Expr::Array(values) => {
                out.push('[');
                for value in values.iter() {
                    constant(out, value);
                    out.push(',');
                }
                out.push(']');
            }
            Expr::Field(field) => self.field(out, *field),
            Expr::Attribute(name) => attribute_name(out, name),
            Expr::Feature(index) => number(out, "feature", index.0.into()),
            Expr::Let(index) => number(out, "let", index.0.into()),
            Expr::Param(place) => number(out, "$", (*place).into()),
            Expr::Score => out.push_str("score"),
            Expr::List(name) => {
                self.form(out, "list", &[&Expr::Const(Value::Text(Text::from(&**name)))]);
            }
            Expr::Unary(UnaryOp::Not, operand, _) => self.form(out, "!", &[operand]),
            Expr::Unary(UnaryOp::Neg, operand, _) => self.form(out, "neg", &[operand]),
            Expr::Binary(op, a, b, _) => self.form(out, symbol(*op), &[a, b]),
            Expr::And(all) => self.form(out, "&&", &all.iter().collect::<Vec<_>>()),
            Expr::Or(all) => self.form(out, "||", &all.iter().collect::<Vec<_>>()),
            Expr::Coalesce(all) => self.form(out, "??", &all.iter().collect::<Vec<_>>()),
            Expr::IsMissing(operand) => self.form(out, "is_missing", &[operand]),
            Expr::InRange(x, a, b, true, _) => self.form(out, "..=", &[x, a, b]),
            Expr::InRange(x, a, b, false, _) => self.form(out, "..", &[x, a, b]),
            Expr::If(condition, a, b) => self.form(out, "if", &[condition, a, b]),
            Expr::Call(function, args, _) => {
                let args: Vec<&Expr> = args.iter().collect();
                let name = function::name_of(*function);
                if matches!(function, Function::Hour | Function::Weekday) {
                    let zone = self.bundle.time_zone.iana_name().unwrap_or_default();
                    self.form(out, &[name, "@", zone].concat(), &args);
                } else {
                    self.form(out, name, &args);
                }
            }
            Expr::Helper(index, args, _) => {
                let place = usize::try_from(index.0).unwrap_or(usize::MAX);
                out.push_str("fn{");
                self.body(out, place);
                out.push('}');
                self.form(out, "", &args.iter().collect::<Vec<_>>());
            }
        }
    }

    fn form(&self, out: &mut String, name: &str, args: &[&Expr]) {
        out.push('(');
        out.push_str(name);
        for arg in args {
            out.push(' ');
            self.expr(out, arg);
        }
        out.push(')');
    }

    fn body(&self, out: &mut String, place: usize) {
        let Some(helper) = self.helpers.get(place) else { return };
        match (&helper.inline, self.declarations.helpers.get(place).map(|written| &written.body)) {
            (Some(body), _) => self.expr(out, body),
            (None, Some(HelperBody::Script { source, .. })) => {
                out.push_str(source);
                for (name, value) in &helper.constants {
                    out.push(' ');
                    out.push_str(name);
                    out.push('=');
                    self.expr(out, value);
                }
            }
            (None, Some(HelperBody::Expression(_)) | None) => {}
        }
    }

    /// Amounts in the base currency are other amounts once the base currency is another.
    fn field(&self, out: &mut String, field: Field) {
        out.push_str(field.path());
        if matches!(field, Field::AmountBase | Field::OutcomeAmountBase) {
            out.push('@');
            out.push_str(self.bundle.base_currency.code());
        }
    }
}

fn attribute_name(out: &mut String, name: &str) {
    out.push_str(" payment.attributes[");
    text(out, name);
    out.push(']');
}

fn number(out: &mut String, what: &str, number: i64) {
    out.push_str(what);
    out.push_str(&number.to_string());
}

fn text(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = write!(out, "\"{}\"", text.escape_debug());
}

fn constant(out: &mut String, value: &Value) {
    match value {
        Value::Missing => out.push_str("missing"),
        Value::Unknown => out.push_str("unknown"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(int) => number(out, "", *int),
        Value::Float(float) => {
            // The digits of a float may be written in several ways, its bits in one.
            let _ = write!(out, "f{:016x}", float.to_bits());
        }
        Value::Time(at) => number(out, "t", at.as_micros()),
        Value::Text(one) => text(out, one),
        Value::Texts(several) => several.iter().for_each(|one| text(out, one)),
    }
}
