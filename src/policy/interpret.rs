//! The meaning of an expression: the reference interpreter. Whatever else evaluates must equal it.
// CRITICAL PATH: a change here carries its number from `benches/policy.rs`.

use crate::model::field::Fields;
use crate::model::time::Timestamp;
use crate::model::value::Value;
use crate::policy::ir::Expr;
use crate::policy::set::PolicySet;

/// Helpers that Rhai runs.
#[derive(Clone, Debug, Default)]
pub struct Scripts {
    /// Functions only, by the names of the helpers: those with [`crate::policy::ast::HelperBody::Script`].
    /// Constants are not in it: Rhai's functions do not see them, so whoever runs one gives their
    /// values to it by name.
    pub ast: rhai::AST,
}

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
pub trait Lists: std::fmt::Debug + Sync {
    /// Whether the value is on the list at `now`.
    fn contains(&self, list: &str, value: &str, now: Timestamp) -> bool;
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

/// The value of an expression that reads neither `let`s nor `score`: a filter or value of a feature.
///
/// # Errors
/// [`EvalError`] of the first error that is reached.
pub fn value_of(set: &PolicySet, expr: &Expr, facts: &Facts<'_>) -> Result<Value, EvalError> {
    let _ = (set, expr, facts);
    Ok(Value::Missing)
}
