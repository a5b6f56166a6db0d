//! Checked expressions: every name is a slot, every type is known as far as it can be.
//!
//! [`crate::policy::check`] makes them, [`crate::policy::interpret`] gives them their meaning, and
//! [`crate::policy::program`] compiles them to programs that give the same values and errors.

use std::sync::Arc;

use crate::model::field::Field;
use crate::model::value::{Text, Value};
use crate::policy::ast::{BinaryOp, Position, UnaryOp};

/// The place of a feature in [`crate::policy::set::PolicySet::features`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureIndex(pub u32);

/// The place of a `let` in [`crate::policy::set::PolicySet::lets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetIndex(pub u32);

/// The place of a helper in [`crate::policy::set::PolicySet::helpers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HelperIndex(pub u32);

/// A checked expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A literal or a folded constant; never `Missing` or `Unknown`.
    Const(Value),
    /// A constant array; only on the right of `in`, as an argument of a helper, or before `.len()`.
    Array(Arc<[Value]>),
    /// A field of the payment or of the event.
    Field(Field),
    /// An attribute of the payment or of the event.
    Attribute(Text),
    /// A feature; its value is read before the rules run.
    Feature(FeatureIndex),
    /// A `let`, evaluated at most once per decision.
    Let(LetIndex),
    /// A parameter of the helper that is being evaluated.
    Param(u16),
    /// The sum of points.
    Score,
    /// `list("name")`
    List(Arc<str>),
    /// `!x`, `-x`
    Unary(UnaryOp, Box<Self>, Position),
    /// Comparison and arithmetic.
    Binary(BinaryOp, Box<Self>, Box<Self>, Position),
    /// `a && b && …`: left to right, only `false` ends it.
    And(Vec<Self>),
    /// `a || b || …`: left to right, only `true` ends it.
    Or(Vec<Self>),
    /// `x ?? d ?? …`
    Coalesce(Vec<Self>),
    /// `is_missing(x)`
    IsMissing(Box<Self>),
    /// `x in a..b`; the flag says that the end is in it.
    InRange(Box<Self>, Box<Self>, Box<Self>, bool, Position),
    /// `if c { a } else { b }`
    If(Box<Self>, Box<Self>, Box<Self>),
    /// A function of the language.
    Call(Function, Vec<Self>, Position),
    /// A helper; not run when an argument is missing or unknown.
    Helper(HelperIndex, Vec<Self>, Position),
}

/// A function of the language. Methods are functions of their receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `age(t)`: whole seconds before now.
    Age,
    /// `hour(t)`: 0 to 23 in the bundle's zone.
    Hour,
    /// `weekday(t)`: 1 is Monday, in the bundle's zone.
    Weekday,
    /// `distance_km(lat, lon, lat, lon)`
    DistanceKm,
    /// `ratio(a, b)`: float; missing when b is 0.
    Ratio,
    /// `min(a, b)`
    Min,
    /// `max(a, b)`
    Max,
    /// `abs(x)`
    Abs,
    /// `s.starts_with(p)`
    StartsWith,
    /// `s.ends_with(p)`
    EndsWith,
    /// `s.contains(p)`
    Contains,
    /// `s.to_lower()`
    ToLower,
    /// `s.to_upper()`
    ToUpper,
    /// `s.len()`: characters
    Len,
    /// `s.sub_string(start[, len])`: in characters, as Rhai does it
    SubString,
}

// === impl Expr ===

impl Expr {
    /// Shows every expression to `visit`, from left to right, an expression before those within it.
    pub(crate) fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::Const(_)
            | Self::Array(_)
            | Self::Field(_)
            | Self::Attribute(_)
            | Self::Feature(_)
            | Self::Let(_)
            | Self::Param(_)
            | Self::Score
            | Self::List(_) => {}
            Self::Unary(_, operand, _) | Self::IsMissing(operand) => operand.walk(visit),
            Self::Binary(_, left, right, _) => {
                left.walk(visit);
                right.walk(visit);
            }
            Self::InRange(first, second, third, ..) | Self::If(first, second, third) => {
                first.walk(visit);
                second.walk(visit);
                third.walk(visit);
            }
            Self::And(terms)
            | Self::Or(terms)
            | Self::Coalesce(terms)
            | Self::Call(_, terms, _)
            | Self::Helper(_, terms, _) => {
                for term in terms {
                    term.walk(visit);
                }
            }
        }
    }
}
