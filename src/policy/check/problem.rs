//! Collects the problems that a check finds. It prints nothing.

use crate::policy::ast::Position;
use crate::policy::diagnostic::{Diagnostic, Severity};

/// All problems found so far, in no particular order.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Diagnostic>,
}

/// A problem that has just been added and may be told more about.
#[derive(Debug)]
pub(super) struct Report<'a>(Option<&'a mut Diagnostic>);

// === impl Problems ===

impl Problems {
    /// Adds an error: the bundle does not go live.
    pub(super) fn error(
        &mut self,
        name: &'static str,
        at: &Position,
        message: impl Into<String>,
    ) -> Report<'_> {
        self.add(Severity::Error, name, at, message.into())
    }

    /// Adds a warning.
    pub(super) fn warn(
        &mut self,
        name: &'static str,
        at: &Position,
        message: impl Into<String>,
    ) -> Report<'_> {
        self.add(Severity::Warning, name, at, message.into())
    }

    fn add(
        &mut self,
        severity: Severity,
        name: &'static str,
        at: &Position,
        message: String,
    ) -> Report<'_> {
        let at = at.clone();
        self.found.push(Diagnostic {
            severity,
            name,
            at,
            width: 1,
            message,
            expected: None,
            suggestion: None,
        });
        Report(self.found.last_mut())
    }

    /// Adds what another check found.
    pub(super) fn extend(&mut self, others: impl IntoIterator<Item = Diagnostic>) {
        self.found.extend(others);
    }

    /// Everything found, as found.
    pub(super) fn into_found(self) -> Vec<Diagnostic> {
        self.found
    }

    /// Everything found, in order of file, place and name; the same problem is told once.
    pub(super) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|a, b| {
            (&a.at, a.name, &a.message)
                .cmp(&(&b.at, b.name, &b.message))
                .then(a.width.cmp(&b.width))
        });
        self.found.dedup();
        self.found
    }
}

// === impl Report ===

impl Report<'_> {
    /// Underlines as many characters as the text has.
    pub(super) fn under(self, text: &str) -> Self {
        self.wide(text.chars().count())
    }

    /// Underlines that many characters.
    pub(super) fn wide(mut self, characters: usize) -> Self {
        if let Some(diagnostic) = &mut self.0 {
            diagnostic.width = u32::try_from(characters).unwrap_or(u32::MAX).max(1);
        }
        self
    }

    /// Says what was expected instead.
    pub(super) fn expected(mut self, expected: impl Into<String>) -> Self {
        if let Some(diagnostic) = &mut self.0 {
            diagnostic.expected = Some(expected.into());
        }
        self
    }

    /// Names what was probably meant.
    pub(super) fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Self {
        if let Some(diagnostic) = &mut self.0 {
            diagnostic.suggestion = suggestion.map(Into::into);
        }
        self
    }
}

/// The known name with the fewest different letters, however many that are; the first of equals.
pub(super) fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    known.into_iter().min_by_key(|known| strsim::damerau_levenshtein(&name, &known.to_lowercase()))
}
