//! Where the top-level statements of a source begin and end.
//!
//! Rhai gives up at the first problem of a source; an analyst wants to see all of them. So a source
//! is cut into statements here and each is parsed alone. The scanner knows just enough for that:
//! strings, comments, brackets, and the words that begin a declaration.

use super::cursor::Cursor;
use super::place::rhai_position;

/// Words that begin a statement.
pub(super) const STATEMENTS: [&str; 9] =
    ["entity", "feature", "rule", "limit", "plan", "test", "const", "let", "fn"];

/// One top-level statement of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The statement, from its first character to its last, without the comments around it.
    pub text: &'a str,
    /// Where it starts in the source, in bytes.
    pub offset: usize,
    /// The line it starts on, from 1.
    pub line: u32,
    /// The column it starts at in characters, from 1.
    pub column: u32,
    /// Its first word; empty when it starts with something else.
    pub word: &'a str,
    /// Whether the next declaration began before this one was ended.
    pub is_cut: bool,
}

/// Cuts a source into its top-level statements.
pub(super) fn pieces(source: &str) -> Vec<Piece<'_>> {
    let mut cursor = Cursor::new(source);
    let mut pieces = Vec::new();
    loop {
        cursor.skip_trivia();
        match cursor.peek() {
            None => return pieces,
            Some(';') => cursor.bump(),
            Some(_) => pieces.push(piece(source, &mut cursor)),
        }
    }
}

fn piece<'a>(source: &'a str, cursor: &mut Cursor<'a>) -> Piece<'a> {
    let start = *cursor;
    let word = start.word();
    let mut brackets = Brackets::default();
    // Where the last significant character ends, and where a declaration begins in the first column
    // inside braces: if the braces turn out not to be closed, the statement is cut there.
    let mut end = start;
    let mut inner_border: Option<(Cursor<'a>, Cursor<'a>)> = None;
    let mut is_cut = false;
    loop {
        cursor.skip_trivia();
        let here = *cursor;
        let Some(next) = here.peek() else { break };
        let is_border =
            here.offset() > start.offset() && here.is_first_on_line() && begins_declaration(&here);
        if is_border && !brackets.holds_brace() {
            is_cut = true;
            break;
        }
        if is_border && here.column() == 1 && inner_border.is_none() {
            inner_border = Some((end, here));
        }
        cursor.bump_token();
        end = *cursor;
        match next {
            ';' if brackets.is_empty() => break,
            '(' | '[' | '{' => brackets.open(next),
            ')' | ']' | '}' => {
                brackets.close(next);
                if next == '}' && brackets.is_empty() && ends_with_brace(word, cursor) {
                    break;
                }
            }
            _ => {}
        }
    }
    if !brackets.is_empty()
        && let Some((before, border)) = inner_border
    {
        end = before;
        *cursor = border;
        is_cut = true;
    }
    Piece {
        text: source.get(start.offset()..end.offset()).unwrap_or_default(),
        offset: start.offset(),
        line: start.line(),
        column: start.column(),
        word,
        is_cut,
    }
}

/// Where the bracket opens that more than `most` brackets are around.
pub(super) fn too_deep(text: &str, most: usize) -> Option<rhai::Position> {
    let mut cursor = Cursor::new(text);
    let mut brackets = Brackets::default();
    loop {
        cursor.skip_trivia();
        match cursor.peek()? {
            open @ ('(' | '[' | '{') => brackets.open(open),
            close @ (')' | ']' | '}') => brackets.close(close),
            _ => {}
        }
        if brackets.0.len() > most {
            return Some(rhai_position(cursor.line(), cursor.column()));
        }
        cursor.bump_token();
    }
}

/// Whether a statement that begins with `word` is over after the brace that was just closed.
fn ends_with_brace(word: &str, after: &Cursor<'_>) -> bool {
    match word {
        "fn" | "test" => true,
        "entity" | "feature" | "rule" | "limit" | "plan" | "const" | "let" => false,
        // Not ours, and about to be refused: over unless it plainly goes on.
        _ => {
            let mut next = *after;
            next.skip_trivia();
            !matches!(next.word(), "else" | "catch" | "while" | "until") && next.peek() != Some(';')
        }
    }
}

/// Whether a declaration begins here: one of our words and the shape that follows it.
fn begins_declaration(here: &Cursor<'_>) -> bool {
    let word = here.word();
    if !STATEMENTS.contains(&word) {
        return false;
    }
    let mut next = *here;
    next.bump_token();
    next.skip_trivia();
    match word {
        "rule" | "limit" | "plan" | "test" => next.peek() == Some('"'),
        _ => {
            let name = next.word();
            next.bump_token();
            next.skip_trivia();
            let follows = if word == "fn" { '(' } else { '=' };
            !name.is_empty() && next.peek() == Some(follows)
        }
    }
}

/// The brackets that are open.
#[derive(Debug, Default)]
struct Brackets(Vec<char>);

// === impl Brackets ===

impl Brackets {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn holds_brace(&self) -> bool {
        self.0.contains(&'{')
    }

    fn open(&mut self, bracket: char) {
        self.0.push(bracket);
    }

    /// Closes the innermost bracket of that kind. A brace closes what was left open within it, so
    /// that one forgotten parenthesis does not swallow the rest of the file.
    fn close(&mut self, bracket: char) {
        let opening = match bracket {
            ')' => '(',
            ']' => '[',
            _ => '{',
        };
        if let Some(place) = self.0.iter().rposition(|open| *open == opening)
            && (opening == '{' || place.saturating_add(1) == self.0.len())
        {
            self.0.truncate(place);
        }
    }
}
