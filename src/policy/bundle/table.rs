//! Reads TOML so that every problem is reported at its place, and every key is either asked for or
//! refused.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Files, start_of};
use crate::policy::ast::Position;
use crate::policy::diagnostic::{Diagnostic, nearest};

/// The name of the problem that a file is no TOML.
pub(super) const SYNTAX: &str = "toml-syntax";

/// A TOML file of the bundle.
#[derive(Debug)]
pub(super) struct Document<'a> {
    file: Arc<str>,
    text: &'a str,
    /// Its content, as far as it could be parsed.
    root: DeTable<'a>,
}

/// A table of a file, whose keys are asked for one by one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    document: &'a Document<'a>,
    entries: &'a DeTable<'a>,
    /// Where it starts, in bytes.
    start: usize,
}

/// A value of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    document: &'a Document<'a>,
    value: &'a Spanned<DeValue<'a>>,
}

// === impl Document ===

impl<'a> Document<'a> {
    /// Parses a file of the bundle; `None` when the bundle has none of that name, or it is no text.
    pub(super) fn parse(
        files: &'a Files,
        path: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let bytes = files.0.get(path)?;
        let Ok(text) = std::str::from_utf8(bytes) else {
            diagnostics.push(Diagnostic::error(
                "not-utf8",
                start_of(path),
                "the file is not UTF-8",
            ));
            return None;
        };
        let (root, errors) = DeTable::parse_recoverable(text);
        let document = Self { file: Arc::from(path), text, root: root.into_inner() };
        for error in errors {
            let span = error.span().unwrap_or_default();
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            diagnostics.push(document.error(SYNTAX, &span, message));
        }
        Some(document)
    }

    /// All of it.
    pub(super) const fn root(&'a self) -> Table<'a> {
        Table { document: self, entries: &self.root, start: 0 }
    }

    fn error(&self, name: &'static str, span: &Range<usize>, message: String) -> Diagnostic {
        let shown = self.text.get(span.clone()).and_then(|text| text.lines().next());
        Diagnostic::error(name, self.position(span.start), message).over(shown.unwrap_or_default())
    }

    fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let clamp = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Position {
            file: Arc::clone(&self.file),
            line: clamp(line),
            column: clamp(column.saturating_add(1)),
        }
    }
}

// === impl Table ===

impl<'a> Table<'a> {
    /// Refuses every key that is not known.
    pub(super) fn refuse_unknown(&self, known: &[&str], diagnostics: &mut Vec<Diagnostic>) {
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let expected: Vec<String> =
                    known.iter().map(|known| format!("`{known}`")).collect();
                diagnostics.push(
                    self.document
                        .error("unknown-key", &key.span(), format!("unknown key `{name}`"))
                        .expecting(expected.join(", "))
                        .suggesting(nearest(name, known.iter().copied())),
                );
            }
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<Entry<'a>> {
        self.entries.get(key).map(|value| Entry { document: self.document, value })
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Entry<'a>> {
        let entry = self.get(key);
        if entry.is_none() {
            let at = self.document.position(self.start);
            diagnostics.push(
                Diagnostic::error("missing-key", at, format!("`{key}` is missing"))
                    .expecting(format!("`{key} = …`")),
            );
        }
        entry
    }

    /// All keys with where they stand and their values, in order of the keys.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Position, Entry<'a>)> {
        let document = self.document;
        self.entries.iter().map(move |(key, value)| {
            let name: &'a str = key.get_ref();
            (name, document.position(key.span().start), Entry { document, value })
        })
    }
}

// === impl Entry ===

impl<'a> Entry<'a> {
    /// A problem of this value.
    pub(super) fn error(self, name: &'static str, message: impl Into<String>) -> Diagnostic {
        self.document.error(name, &self.value.span(), message.into())
    }

    /// The text; anything else is reported.
    pub(super) fn text(self, diagnostics: &mut Vec<Diagnostic>) -> Option<&'a str> {
        if let DeValue::String(text) = self.value.get_ref() {
            let text: &'a Cow<'a, str> = text;
            return Some(text);
        }
        diagnostics.push(self.wrong("a text in quotes"));
        None
    }

    /// The text, which must not be empty.
    pub(super) fn full_text(self, diagnostics: &mut Vec<Diagnostic>) -> Option<&'a str> {
        let text = self.text(diagnostics)?;
        if text.trim().is_empty() {
            diagnostics.push(self.error("bad-value", "must not be empty"));
            return None;
        }
        Some(text)
    }

    /// The whole number.
    pub(super) fn integer(self, diagnostics: &mut Vec<Diagnostic>) -> Option<i64> {
        if let DeValue::Integer(number) = self.value.get_ref()
            && let Ok(number) = i64::from_str_radix(number.as_str(), number.radix())
        {
            return Some(number);
        }
        diagnostics.push(self.wrong("a whole number"));
        None
    }

    /// The number, whole or not, which must be finite.
    pub(super) fn number(self, diagnostics: &mut Vec<Diagnostic>) -> Option<f64> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(_)
            | DeValue::String(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => None,
        };
        let number = number.filter(|number: &f64| number.is_finite());
        if number.is_none() {
            diagnostics.push(self.wrong("a number"));
        }
        number
    }

    /// The table.
    pub(super) fn table(self, diagnostics: &mut Vec<Diagnostic>) -> Option<Table<'a>> {
        if let DeValue::Table(entries) = self.value.get_ref() {
            let start = self.value.span().start;
            return Some(Table { document: self.document, entries, start });
        }
        diagnostics.push(self.wrong("a table"));
        None
    }

    /// The values of an array.
    pub(super) fn array(self, diagnostics: &mut Vec<Diagnostic>) -> Vec<Self> {
        if let DeValue::Array(values) = self.value.get_ref() {
            return values.iter().map(|value| Self { document: self.document, value }).collect();
        }
        diagnostics.push(self.wrong("an array"));
        Vec::new()
    }

    /// The texts of an array.
    pub(super) fn texts(self, diagnostics: &mut Vec<Diagnostic>) -> Vec<(Self, &'a str)> {
        let entries = self.array(diagnostics);
        entries
            .into_iter()
            .filter_map(|entry| entry.full_text(diagnostics).map(|text| (entry, text)))
            .collect()
    }

    /// One of the named choices.
    pub(super) fn choice<T: Copy>(
        self,
        choices: &[(&str, T)],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<T> {
        let text = self.text(diagnostics)?;
        let chosen = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        if chosen.is_none() {
            let names: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            diagnostics.push(
                self.error("bad-value", format!("`{text}` is not one of the choices"))
                    .expecting(names.join(", "))
                    .suggesting(nearest(text, choices.iter().map(|(name, _)| *name))),
            );
        }
        chosen
    }

    fn wrong(self, expected: &str) -> Diagnostic {
        let found = self.value.get_ref().type_str();
        self.error("wrong-type", format!("{found} where {expected} is needed")).expecting(expected)
    }
}
