//! What expressions read of the fields of a payment or an event.

use crate::model::columns::Slot;
use crate::policy::ir::Expr;
use crate::policy::set::{EntityDef, KeyPart, PolicySet};

/// The fields and attributes that expressions read, themselves or through `let`s and helpers, without
/// repeats.
pub(super) fn slots<'a>(set: &'a PolicySet, exprs: impl Iterator<Item = &'a Expr>) -> Vec<Slot> {
    let mut slots = Vec::new();
    set.walk_all(exprs, &mut |expr| match expr {
        Expr::Field(field) => slots.push(Slot::Field(*field)),
        Expr::Attribute(name) => slots.push(Slot::Attribute(name.clone())),
        Expr::Const(_)
        | Expr::Array(_)
        | Expr::Feature(_)
        | Expr::Let(_)
        | Expr::Param(_)
        | Expr::Score
        | Expr::List(_)
        | Expr::Unary(..)
        | Expr::Binary(..)
        | Expr::And(_)
        | Expr::Or(_)
        | Expr::Coalesce(_)
        | Expr::IsMissing(_)
        | Expr::InRange(..)
        | Expr::If(..)
        | Expr::Call(..)
        | Expr::Helper(..) => {}
    });
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// The parts of an entity's key.
pub(super) fn parts(entity: &EntityDef) -> Vec<Slot> {
    let parts = entity.parts.iter().map(|part| match part {
        KeyPart::Field(field) => Slot::Field(*field),
        KeyPart::Attribute(name) => Slot::Attribute(name.clone()),
    });
    parts.collect()
}
