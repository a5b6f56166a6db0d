//! Source text to declarations: Rhai parses, with our statements as custom syntax; the tree is
//! walked, never run.
//!
//! A source is cut into its top-level statements first, so that each can be parsed alone and one
//! mistake does not hide the next. Names and types are not looked at here.

mod cursor;
#[expect(clippy::wildcard_enum_match_arm, reason = "Rhai's enums are open")]
mod declare;
mod grammar;
#[expect(clippy::wildcard_enum_match_arm, reason = "Rhai's enums are open")]
mod helper;
mod place;
#[expect(clippy::wildcard_enum_match_arm, reason = "Rhai's enums are open")]
mod problem;
mod scan;
#[expect(clippy::wildcard_enum_match_arm, reason = "Rhai's enums are open")]
mod test_file;
#[expect(clippy::wildcard_enum_match_arm, reason = "Rhai's enums are open")]
mod walk;

use std::sync::Arc;

use crate::policy::ast::{Declarations, HelperBody, Position};
use crate::policy::bundle::Files;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::interpret::Scripts;
use place::Place;
use scan::Piece;

pub use test_file::{TestSource, parse_tests};

/// The longest source that is read, in bytes.
const SOURCE_BYTES_MAX: usize = 1024 * 1024;

/// What the sources of a bundle say.
#[derive(Debug)]
pub struct Parsed {
    /// The declarations, as far as they could be parsed.
    pub declarations: Declarations,
    /// The helpers that Rhai runs.
    pub scripts: Scripts,
    /// Problems of syntax, the first of each top-level statement.
    pub diagnostics: Vec<Diagnostic>,
    /// The names that statements with a problem would have declared, as far as they can be read:
    /// to miss them elsewhere is no second problem.
    pub broken: Vec<String>,
}

/// Parses every `*.rhai` at the top of the bundle, in order of path; `tests/` is not parsed here.
pub fn parse(files: &Files) -> Parsed {
    let mut parsed = Parsed {
        declarations: Declarations::default(),
        scripts: Scripts::default(),
        diagnostics: Vec::new(),
        broken: Vec::new(),
    };
    let mut functions = rhai::AST::empty();
    for (path, bytes) in &files.0 {
        if path.ends_with(".rhai") && !path.contains('/') {
            let file = Arc::from(path.as_str());
            match source(&file, bytes) {
                Ok(text) => parsed.source(&file, text, &mut functions),
                Err(problem) => parsed.diagnostics.push(problem),
            }
        }
    }
    parsed.scripts = Scripts::new(functions);
    parsed
}

/// The text of a source, if it is one and not too long.
fn source<'a>(file: &Arc<str>, bytes: &'a [u8]) -> Result<&'a str, Diagnostic> {
    let start = || Position { file: Arc::clone(file), line: 1, column: 1 };
    if bytes.len() > SOURCE_BYTES_MAX {
        return Err(Diagnostic::error("too-large", start(), "the file is too large")
            .expecting(format!("at most {SOURCE_BYTES_MAX} bytes")));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let text = String::from_utf8_lossy(valid);
        let line = text.matches('\n').count().saturating_add(1);
        let column = text.rsplit('\n').next().unwrap_or_default().chars().count();
        let at = Position {
            file: Arc::clone(file),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1),
        };
        Diagnostic::error("not-utf8", at, "the file is not UTF-8")
    })
}

// === impl Parsed ===

impl Parsed {
    fn source(&mut self, file: &Arc<str>, text: &str, functions: &mut rhai::AST) {
        for piece in scan::pieces(text) {
            let place = Place::new(file, &piece);
            let declared = self.declare(&piece, &place, functions);
            if let Err(problem) = declared {
                self.diagnostics.push(problem);
                self.broken.extend(place.declared_name());
            } else if piece.is_cut && piece.word != "fn" {
                let at = place.end();
                let message = "the statement is not ended".to_owned();
                self.diagnostics.push(Diagnostic::error("syntax", at, message).expecting("`;`"));
            }
        }
    }

    fn declare(
        &mut self,
        piece: &Piece<'_>,
        place: &Place<'_>,
        functions: &mut rhai::AST,
    ) -> Result<(), Diagnostic> {
        if piece.word == "test" {
            let message = "a test stands among the declarations";
            return Err(Diagnostic::error("misplaced-test", place.start(), message)
                .over(piece.word)
                .expecting("tests in files under `tests/`"));
        }
        if !scan::STATEMENTS.contains(&piece.word) {
            let known: Vec<&str> =
                scan::STATEMENTS.into_iter().filter(|word| *word != "test").collect();
            return Err(problem::unknown_statement(piece.word, place, &known));
        }
        declare::declare(piece.word, place, &mut self.declarations)?;
        if piece.word == "fn"
            && let Some(helper) = self.declarations.helpers.last()
            && matches!(helper.body, HelperBody::Script { .. })
        {
            functions.combine(declare::script(helper, place)?);
        }
        Ok(())
    }
}
