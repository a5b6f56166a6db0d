//! Where a statement stands in its file, so that places within it become places in the file.

use std::sync::Arc;

use super::cursor::Cursor;
use super::scan::Piece;
use crate::policy::ast::Position;

/// A statement that is parsed alone, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    file: Arc<str>,
    text: &'a str,
    line: u32,
    column: u32,
}

// === impl Place ===

impl<'a> Place<'a> {
    /// The place of a statement of a file.
    pub(super) fn new(file: &Arc<str>, piece: &Piece<'a>) -> Self {
        Self { file: Arc::clone(file), text: piece.text, line: piece.line, column: piece.column }
    }

    /// A whole file as a place.
    pub(super) fn whole(file: &Arc<str>, text: &'a str) -> Self {
        Self { file: Arc::clone(file), text, line: 1, column: 1 }
    }

    /// The place of a part of this statement that is parsed alone: from the given place to its end.
    pub(super) fn from(&self, start: rhai::Position) -> Self {
        let Position { file, line, column } = self.at(start);
        Self { file, text: self.rest_at(start), line, column }
    }

    /// The place of a part of this statement that is parsed alone, given in bytes.
    pub(super) fn part(&self, start: usize, end: usize) -> Self {
        let mut cursor = Cursor::new(self.text);
        while cursor.offset() < start && cursor.peek().is_some() {
            cursor.bump();
        }
        let Position { file, line, column } = self.shift(cursor.line(), cursor.column());
        Self { file, text: self.text.get(start..end).unwrap_or_default(), line, column }
    }

    /// Its text.
    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    /// The name that it declares, when it begins as a declaration: the word or string after the first
    /// word.
    pub(super) fn declared_name(&self) -> Option<String> {
        let mut cursor = Cursor::new(self.text);
        cursor.bump_token();
        cursor.skip_trivia();
        let rest = self.text.get(cursor.offset()..)?;
        let word = cursor.word();
        if word.is_empty() {
            return rest.strip_prefix('"')?.split_once('"').map(|(name, _)| name.to_owned());
        }
        Some(word.to_owned())
    }

    /// Where the word after the first word stands.
    pub(super) fn second_word(&self) -> rhai::Position {
        let mut cursor = Cursor::new(self.text);
        cursor.bump_token();
        cursor.skip_trivia();
        rhai_position(cursor.line(), cursor.column())
    }

    /// Where it starts.
    pub(super) fn start(&self) -> Position {
        self.at(rhai::Position::new(1, 1))
    }

    /// Where it ends: just behind its last character.
    pub(super) fn end(&self) -> Position {
        let mut cursor = Cursor::new(self.text);
        while cursor.peek().is_some() {
            cursor.bump();
        }
        self.shift(cursor.line(), cursor.column())
    }

    /// A place within it as a place in the file.
    pub(super) fn at(&self, within: rhai::Position) -> Position {
        if within.is_none() {
            return self.start();
        }
        let line = within.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(1);
        let column = within.position().and_then(|column| u32::try_from(column).ok()).unwrap_or(1);
        self.shift(line, column)
    }

    /// Whether nothing stands at a place within it.
    pub(super) fn is_end(&self, within: rhai::Position) -> bool {
        self.rest_at(within).is_empty()
    }

    /// The word, string or symbol at a place within it.
    pub(super) fn token_at(&self, within: rhai::Position) -> &'a str {
        let rest = self.rest_at(within);
        let mut cursor = Cursor::new(rest);
        cursor.bump_token();
        let token = rest.get(..cursor.offset()).unwrap_or_default();
        token.lines().next().unwrap_or_default()
    }

    /// Its words, strings and symbols, without the comments and spaces between them.
    pub(super) fn tokens(&self) -> Vec<&'a str> {
        let mut cursor = Cursor::new(self.text);
        let mut tokens = Vec::new();
        loop {
            cursor.skip_trivia();
            let start = cursor.offset();
            cursor.bump_token();
            if cursor.offset() == start {
                return tokens;
            }
            tokens.extend(self.text.get(start..cursor.offset()));
        }
    }

    /// The last place before `within` where `word` stands, and whether it follows a dot.
    pub(super) fn word_before(&self, word: &str, within: rhai::Position) -> (rhai::Position, bool) {
        let end = self.text.len().saturating_sub(self.rest_at(within).len());
        let mut cursor = Cursor::new(self.text);
        let mut found = (rhai::Position::NONE, false);
        let mut follows_dot = false;
        loop {
            cursor.skip_trivia();
            if cursor.offset() >= end || cursor.peek().is_none() {
                return found;
            }
            if cursor.word() == word {
                found = (rhai_position(cursor.line(), cursor.column()), follows_dot);
            }
            follows_dot = cursor.peek() == Some('.');
            cursor.bump_token();
        }
    }

    /// Whether a dot stands just before a place within it.
    pub(super) fn follows_dot(&self, within: rhai::Position) -> bool {
        let end = self.text.len().saturating_sub(self.rest_at(within).len());
        self.text.get(..end).is_some_and(|before| before.trim_end().ends_with('.'))
    }

    /// What stands from a place within it to its end.
    fn rest_at(&self, within: rhai::Position) -> &'a str {
        let Some(line) = within.line() else { return self.text };
        let column = within.position().unwrap_or(1);
        let mut cursor = Cursor::new(self.text);
        let reached = |cursor: &Cursor<'_>| {
            let at = (cursor.line(), cursor.column());
            at >= (
                u32::try_from(line).unwrap_or(u32::MAX),
                u32::try_from(column).unwrap_or(u32::MAX),
            )
        };
        while cursor.peek().is_some() && !reached(&cursor) {
            cursor.bump();
        }
        self.text.get(cursor.offset()..).unwrap_or_default()
    }

    fn shift(&self, line: u32, column: u32) -> Position {
        let shifted =
            if line == 1 { self.column.saturating_add(column).saturating_sub(1) } else { column };
        Position {
            file: Arc::clone(&self.file),
            line: self.line.saturating_add(line).saturating_sub(1),
            column: shifted,
        }
    }
}

/// A place as Rhai writes it; what is beyond its 16 bits is at their end.
pub(super) fn rhai_position(line: u32, column: u32) -> rhai::Position {
    let clamp = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    rhai::Position::new(clamp(line).max(1), clamp(column))
}
