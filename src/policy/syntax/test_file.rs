//! The files under `tests/`: their blocks are parsed here and run elsewhere.

use std::sync::Arc;

use super::cursor::Cursor;
use super::declare::{compile, compile_text};
use super::grammar::PLAIN;
use super::place::{Place, rhai_position};
use super::scan::{self, Piece};
use super::{problem, source};
use crate::policy::ast::Spanned;
use crate::policy::bundle::Files;
use crate::policy::diagnostic::Diagnostic;

/// What may stand at the top of a test file.
const STATEMENTS: [&str; 4] = ["test", "const", "let", "fn"];

/// One `test "NAME" { … }` of a file under `tests/`.
#[derive(Clone, Debug)]
pub struct TestSource {
    /// Its name.
    pub name: Spanned<String>,
    /// What to run first: the file's `const`s and `let`s. Places in it and in the block are places in
    /// the file.
    pub shared: rhai::AST,
    /// What to run then, in the same scope: the block, with the file's functions.
    pub block: rhai::AST,
}

/// Parses every `tests/*.rhai` of the bundle, in order of path and line. A file with a problem of
/// syntax still gives the tests that have none.
pub fn parse_tests(files: &Files) -> (Vec<TestSource>, Vec<Diagnostic>) {
    let mut tests = Vec::new();
    let mut diagnostics = Vec::new();
    for (path, bytes) in &files.0 {
        if path.ends_with(".rhai")
            && path.strip_prefix("tests/").is_some_and(|name| !name.contains('/'))
        {
            let file = Arc::from(path.as_str());
            match source(&file, bytes) {
                Ok(text) => read(&file, text, &mut tests, &mut diagnostics),
                Err(problem) => diagnostics.push(problem),
            }
        }
    }
    (tests, diagnostics)
}

fn read(
    file: &Arc<str>,
    text: &str,
    tests: &mut Vec<TestSource>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let whole = Place::whole(file, text);
    let mut shared = Vec::new();
    let mut blocks = Vec::new();
    for piece in scan::pieces(text) {
        match check(file, &piece) {
            Ok(name) if piece.word == "test" => blocks.push((name, piece)),
            Ok(_) => shared.push((piece.offset, piece.text)),
            Err(problem) => diagnostics.push(problem),
        }
    }
    // All but the shared statements is blanked out, and for each test all but its block: places stay.
    let shared = match compile_text(&PLAIN, &blank_but(text, &shared), &whole) {
        Ok(shared) => shared,
        // Each statement is right alone: one is not ended, or two declare the same.
        Err(problem) => return diagnostics.push(problem),
    };
    for (name, piece) in blocks {
        let inner = inside_braces(&piece).map(|inner| blank_but(text, &[inner]));
        let block = inner.map(|inner| compile_text(&PLAIN, &inner, &whole));
        match (name, block) {
            (Some(name), Some(Ok(block))) => {
                let block = shared.clone_functions_only().merge(&block);
                tests.push(TestSource { name, shared: shared.clone(), block });
            }
            (_, Some(Err(problem))) => diagnostics.push(problem),
            (_, None) | (None, _) => {}
        }
    }
}

/// Parses a statement alone for its problems; the name of a test.
fn check(file: &Arc<str>, piece: &Piece<'_>) -> Result<Option<Spanned<String>>, Diagnostic> {
    let place = Place::new(file, piece);
    if !STATEMENTS.contains(&piece.word) {
        return Err(problem::unknown_statement(piece.word, &place, &STATEMENTS));
    }
    if piece.word != "test" {
        compile(&PLAIN, &place)?;
        return Ok(None);
    }
    let mut cursor = Cursor::new(piece.text);
    cursor.bump_token();
    cursor.skip_trivia();
    let name_at = rhai_position(cursor.line(), cursor.column());
    let start = cursor.offset();
    cursor.bump_token();
    let name = place.part(start, cursor.offset());
    cursor.skip_trivia();
    let is_block = cursor.peek() == Some('{');
    let block = place.part(cursor.offset(), piece.text.len());
    let name = match compile(&PLAIN, &name)?.statements() {
        [rhai::Stmt::Expr(expr)] => match expr.as_ref() {
            rhai::Expr::StringConstant(name, _) => Some(name.to_string()),
            _ => None,
        },
        _ => None,
    };
    let Some(name) = name else {
        return Err(problem::unexpected(name_at, &place).expecting("a name in quotes"));
    };
    if !is_block {
        let at = rhai_position(cursor.line(), cursor.column());
        return Err(problem::unexpected(at, &place).expecting("a block in braces"));
    }
    compile(&PLAIN, &block)?;
    Ok(Some(Spanned { value: name, at: place.at(name_at) }))
}

/// What stands between the outer braces of a test, and where.
fn inside_braces<'a>(piece: &Piece<'a>) -> Option<(usize, &'a str)> {
    let mut cursor = Cursor::new(piece.text);
    while cursor.peek()? != '{' {
        cursor.bump_token();
        cursor.skip_trivia();
    }
    let start = cursor.offset().checked_add(1)?;
    let end = piece.text.len().checked_sub(1)?;
    Some((piece.offset.checked_add(start)?, piece.text.get(start..end)?))
}

/// The text with everything outside the kept parts, which are in order, replaced by spaces.
fn blank_but(text: &str, kept: &[(usize, &str)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (offset, part) in kept {
        blank(text.get(done..*offset).unwrap_or_default(), &mut out);
        out.push_str(part);
        done = offset.saturating_add(part.len());
    }
    blank(text.get(done..).unwrap_or_default(), &mut out);
    out
}

fn blank(text: &str, out: &mut String) {
    out.extend(text.chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
}
