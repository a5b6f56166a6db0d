//! The meaning of an expression: the reference interpreter. Whatever else evaluates must equal it.
//!
//! A value is present, missing or unknown. Operands are evaluated from left to right, and an error
//! that is reached is the result; after it nothing is evaluated. Nothing here panics or loops without
//! a bound, whatever the expression and the facts.
// CRITICAL PATH: a change here carries its number from `benches/policy.rs`.

pub(crate) mod evaluator;
pub(crate) mod functions;
mod operand;
pub(crate) mod operators;
mod scripts;

use std::sync::Arc;

pub use scripts::Scripts;

use crate::model::field::Fields;
use crate::model::time::Timestamp;
use crate::model::value::Value;
use crate::policy::ir::Expr;
use crate::policy::set::PolicySet;
use evaluator::Evaluator;
pub(crate) use operand::{Operand, Truth, absent};

/// How deep expressions may stand within each other, those of `let`s and helpers included.
pub const DEPTH_MAX: u32 = 512;

/// How long a string that an expression makes may be.
pub const TEXT_BYTES_MAX: usize = 65_536;

/// All that an expression can see, frozen.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The blocks of the payment or of the event.
    pub fields: &'a Fields,
    /// A value per feature of the set; `Missing` for those that were not read.
    pub features: &'a [Value],
    /// The effective time.
    pub now: Timestamp,
    /// Who knows what is on a list now.
    pub lists: &'a dyn Lists,
}

/// Who knows what is on a list.
pub trait Lists: std::fmt::Debug + Send + Sync {
    /// Whether the value is on the list at `now`.
    fn contains(&self, list: &str, value: &str, now: Timestamp) -> bool;

    /// The same knowledge to keep: a helper that Rhai runs cannot borrow it. Only such a helper asks
    /// for it.
    fn to_shared(&self) -> Arc<dyn Lists>;
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// An integer left the range of 64 bits.
    #[error("integer overflow")]
    Overflow,
    /// A division or remainder by the integer 0.
    #[error("division by zero")]
    DivisionByZero,
    /// A float that is not finite.
    #[error("the result is not a finite number")]
    NotFinite,
    /// A string longer than [`TEXT_BYTES_MAX`].
    #[error("a string is longer than {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// Expressions within each other beyond [`DEPTH_MAX`].
    #[error("more than {DEPTH_MAX} expressions within each other")]
    TooDeep,
    /// Values of different types were compared or combined.
    #[error("{0}")]
    Type(String),
    /// A helper failed or ran too long.
    #[error("in `{helper}`: {problem}")]
    Helper {
        /// The helper.
        helper: String,
        /// What went wrong.
        problem: String,
    },
}

/// The value of an expression that does not read `score`: a filter or value of a feature.
///
/// # Errors
/// [`EvalError`] of the first error that is reached.
pub fn value_of(set: &PolicySet, expr: &Expr, facts: &Facts<'_>) -> Result<Value, EvalError> {
    Evaluator::new(set, *facts)
        .eval(expr, &[])
        .and_then(Operand::into_value)
        .map_err(|error| *error)
}
