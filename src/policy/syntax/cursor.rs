//! A place in a source that moves by characters, by words and strings, and over comments.
//!
//! It follows Rhai's lexical rules as far as they decide where something ends; whether a token is
//! well formed is left to Rhai.

/// A place in a source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
    offset: usize,
    line: u32,
    column: u32,
    /// Whether only white space and comments stand before it on its line.
    is_first: bool,
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    /// The start of a source.
    pub(super) const fn new(source: &'a str) -> Self {
        Self { rest: source, offset: 0, line: 1, column: 1, is_first: true }
    }

    /// In bytes from the start.
    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    /// From 1.
    pub(super) const fn line(&self) -> u32 {
        self.line
    }

    /// In characters, from 1.
    pub(super) const fn column(&self) -> u32 {
        self.column
    }

    /// Whether only white space and comments stand before it on its line.
    pub(super) const fn is_first_on_line(&self) -> bool {
        self.is_first
    }

    /// The next character.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// The word that starts here; empty when none does.
    pub(super) fn word(&self) -> &'a str {
        let end = self
            .rest
            .char_indices()
            .find(|(_, char)| !is_word(*char))
            .map_or(self.rest.len(), |(index, _)| index);
        self.rest.get(..end).unwrap_or_default()
    }

    /// Moves over one character.
    pub(super) fn bump(&mut self) {
        let Some(char) = self.peek() else { return };
        self.rest = self.rest.get(char.len_utf8()..).unwrap_or_default();
        self.offset = self.offset.saturating_add(char.len_utf8());
        if char == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 1;
            self.is_first = true;
        } else {
            self.column = self.column.saturating_add(1);
            self.is_first = self.is_first && char.is_whitespace();
        }
    }

    /// Moves over white space and comments.
    pub(super) fn skip_trivia(&mut self) {
        loop {
            if self.rest.starts_with("//") {
                while self.peek().is_some_and(|char| char != '\n') {
                    self.bump();
                }
            } else if self.rest.starts_with("/*") {
                self.skip_block_comment();
            } else if self.peek().is_some_and(|char| char.is_whitespace() || char == '\u{feff}') {
                self.bump();
            } else {
                return;
            }
        }
    }

    /// Moves over a word, a string, or one other character.
    pub(super) fn bump_token(&mut self) {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.skip_quoted(quote),
            Some('`') => self.skip_text(),
            Some('#') if self.raw_string_hashes().is_some() => self.skip_raw_string(),
            Some(char) if is_word(char) => {
                while self.peek().is_some_and(is_word) {
                    self.bump();
                }
            }
            _ => self.bump(),
        }
    }

    fn skip_block_comment(&mut self) {
        let was_first = self.is_first;
        let mut depth = 0_usize;
        while self.peek().is_some() {
            if self.rest.starts_with("/*") {
                depth = depth.saturating_add(1);
                self.bump();
            } else if self.rest.starts_with("*/") {
                depth = depth.saturating_sub(1);
                self.bump();
            }
            self.bump();
            if depth == 0 {
                break;
            }
        }
        self.is_first = was_first;
    }

    /// `"…"` and `'…'`, which end at the end of the line unless a backslash continues them.
    fn skip_quoted(&mut self, quote: char) {
        self.bump();
        while let Some(char) = self.peek() {
            if char == '\n' {
                return;
            }
            self.bump();
            if char == quote {
                return;
            }
            if char == '\\' {
                self.bump();
            }
        }
    }

    /// `` `…` ``, over several lines, with `${…}` in it.
    fn skip_text(&mut self) {
        self.bump();
        while let Some(char) = self.peek() {
            if self.rest.starts_with("${") {
                self.bump();
                self.skip_braces();
                continue;
            }
            self.bump();
            if char == '`' {
                return;
            }
        }
    }

    /// The braces of an interpolation and all within. A text within an interpolation is skipped up to
    /// its next back-tick, so that nothing recurses here.
    fn skip_braces(&mut self) {
        let mut depth = 0_usize;
        while let Some(char) = self.peek() {
            match char {
                '{' => depth = depth.saturating_add(1),
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if char == '`' {
                self.bump();
                while self.peek().is_some_and(|inner| inner != '`') {
                    self.bump();
                }
                self.bump();
            } else if matches!(char, '"' | '\'') {
                self.skip_quoted(char);
            } else {
                self.bump();
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// How many `#` open the raw string that starts here.
    fn raw_string_hashes(&self) -> Option<usize> {
        let after = self.rest.trim_start_matches('#');
        after.starts_with('"').then(|| self.rest.len().saturating_sub(after.len()))
    }

    fn skip_raw_string(&mut self) {
        let hashes = self.raw_string_hashes().unwrap_or_default();
        let closing = format!("\"{}", "#".repeat(hashes));
        for _ in 0..=hashes {
            self.bump();
        }
        while self.peek().is_some() && !self.rest.starts_with(&closing) {
            self.bump();
        }
        for _ in 0..=hashes {
            self.bump();
        }
    }
}

fn is_word(char: char) -> bool {
    char == '_' || char.is_ascii_alphanumeric()
}
