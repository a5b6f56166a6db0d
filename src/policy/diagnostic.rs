//! A problem of a bundle, shown so that the analyst can mend it.

use crate::policy::ast::Position;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The bundle does not go live.
    Error,
    /// It does.
    Warning,
}

/// One problem of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The stable name of the kind of problem in kebab case, such as `unknown-name`.
    pub name: &'static str,
    /// Where it is.
    pub at: Position,
    /// How many characters the marker underlines; at least 1.
    pub width: u32,
    /// What is wrong, in one sentence without capital letter and full stop.
    pub message: String,
    /// What was expected instead.
    pub expected: Option<String>,
    /// The nearest known name.
    pub suggestion: Option<String>,
}
