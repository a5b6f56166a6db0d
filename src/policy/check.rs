//! Declarations to a policy set: names, types, codes, windows, cycles. Every problem is reported.

use std::sync::Arc;

use crate::policy::bundle::Files;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::set::PolicySet;

/// What checking a bundle gives.
#[derive(Debug)]
pub struct Checked {
    /// The set, when there is no error.
    pub set: Option<Arc<PolicySet>>,
    /// Every problem, in order of file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks a bundle whole.
pub fn check(files: &Files) -> Checked {
    let _ = files;
    Checked { set: None, diagnostics: Vec::new() }
}
