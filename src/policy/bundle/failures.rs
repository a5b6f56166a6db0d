//! `causes.toml` and `failures.csv`: what a bundle says otherwise of failures.

use std::sync::Arc;

use super::{Files, start_of};
use crate::failure::tables::{CAUSES_FILE, CODES_FILE, TableProblem, Tables};
use crate::policy::ast::Position;
use crate::policy::diagnostic::Diagnostic;

/// The tables of the program, with those of the bundle over them.
pub(super) fn read(files: &Files, diagnostics: &mut Vec<Diagnostic>) -> Arc<Tables> {
    let mut text = |file: &'static str| {
        let bytes = files.0.get(file)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(_) => {
                let message = format!("`{file}` is not UTF-8");
                diagnostics.push(Diagnostic::error("syntax", start_of(file), message));
                None
            }
        }
    };
    let (causes, codes) = (text(CAUSES_FILE), text(CODES_FILE));
    let (tables, problems) = Tables::with_overrides(causes, codes);
    for TableProblem { file, line, message, is_warning } in problems {
        let at = Position { file: Arc::from(file), line, column: 1 };
        diagnostics.push(if is_warning {
            Diagnostic::warning("looser-failure-table", at, message)
        } else {
            Diagnostic::error("bad-failure-table", at, message)
        });
    }
    tables
}
