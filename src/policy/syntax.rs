//! Source text to declarations: Rhai parses, with our statements as custom syntax; the tree is
//! walked, never run.

use crate::policy::ast::{Declarations, Spanned};
use crate::policy::bundle::Files;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::interpret::Scripts;

/// What the sources of a bundle say.
#[derive(Debug)]
pub struct Parsed {
    /// The declarations, as far as they could be parsed.
    pub declarations: Declarations,
    /// The helpers that Rhai runs.
    pub scripts: Scripts,
    /// Problems of syntax, the first of each top-level statement.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses every `*.rhai` at the top of the bundle, in order of path; `tests/` is not parsed here.
pub fn parse(files: &Files) -> Parsed {
    let _ = files;
    Parsed {
        declarations: Declarations::default(),
        scripts: Scripts::default(),
        diagnostics: Vec::new(),
    }
}

/// One `test "NAME" { … }` of a file under `tests/`.
#[derive(Clone, Debug)]
pub struct TestSource {
    /// Its name.
    pub name: Spanned<String>,
    /// What to run: the file's `const`s and `let`s, then the block, with the file's functions. Places
    /// in it are places in the file.
    pub ast: rhai::AST,
}

/// Parses every `tests/*.rhai` of the bundle, in order of path and line.
pub fn parse_tests(files: &Files) -> (Vec<TestSource>, Vec<Diagnostic>) {
    let _ = files;
    (Vec::new(), Vec::new())
}
