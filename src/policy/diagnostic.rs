//! A problem of a bundle, shown so that the analyst can mend it.
//!
//! What is a problem is decided where it is found; here it is only built and rendered, as text for a
//! terminal and as JSON for editors.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::policy::ast::Position;
use crate::policy::bundle::Files;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The bundle does not go live.
    Error,
    /// It does.
    Warning,
}

/// One problem of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The stable name of the kind of problem in kebab case, such as `unknown-name`.
    pub name: &'static str,
    /// Where it is.
    pub at: Position,
    /// How many characters the marker underlines; at least 1.
    pub width: u32,
    /// What is wrong, in one sentence without capital letter and full stop.
    pub message: String,
    /// What was expected instead.
    pub expected: Option<String>,
    /// The nearest known name.
    pub suggestion: Option<String>,
}

/// All problems as text, one after another: each with its place, the source line, a marker and help.
pub fn render_text(diagnostics: &[Diagnostic], files: &Files) -> String {
    let mut sources = BTreeMap::new();
    let mut out = String::new();
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let source = sources.entry(diagnostic.at.file.as_ref()).or_insert_with(|| {
            files.0.get(diagnostic.at.file.as_ref()).map(|bytes| String::from_utf8_lossy(bytes))
        });
        let line = source.as_deref().and_then(|text| line_of(text, diagnostic.at.line));
        diagnostic.write_text(line.unwrap_or_default(), &mut out);
    }
    out
}

/// All problems as a JSON list of `{severity, name, file, line, column, message, expected,
/// suggestion}`; what is not known is `null`.
pub fn render_json(diagnostics: &[Diagnostic]) -> String {
    let list: Vec<serde_json::Value> = diagnostics
        .iter()
        .map(|diagnostic| {
            serde_json::json!({
                "severity": diagnostic.severity.name(),
                "name": diagnostic.name,
                "file": diagnostic.at.file.as_ref(),
                "line": diagnostic.at.line,
                "column": diagnostic.at.column,
                "message": diagnostic.message,
                "expected": diagnostic.expected,
                "suggestion": diagnostic.suggestion,
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Array(list))
}

/// The known name that was most likely meant: at most a third of the letters away.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let letters = lower.chars().count();
    known
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| {
            (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, candidate)| {
            let longest = letters.max(candidate.chars().count());
            distance.saturating_mul(3) <= longest.max(3)
        })
        .min()
        .map(|(_, candidate)| candidate)
}

fn line_of(text: &str, line: u32) -> Option<&str> {
    text.lines().nth(usize::try_from(line.saturating_sub(1)).ok()?)
}

// === impl Severity ===

impl Severity {
    /// In lower case, as reports begin.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

// === impl Diagnostic ===

impl Diagnostic {
    /// A problem that keeps the bundle from going live, with a marker of one character.
    pub fn error(name: &'static str, at: Position, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            name,
            at,
            width: 1,
            message: message.into(),
            expected: None,
            suggestion: None,
        }
    }

    /// A problem that does not.
    pub fn warning(name: &'static str, at: Position, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(name, at, message) }
    }

    /// The same with a marker as wide as `text`.
    #[must_use]
    pub fn over(self, text: &str) -> Self {
        Self { width: u32::try_from(text.chars().count()).unwrap_or(1).max(1), ..self }
    }

    /// The same, saying what was expected instead.
    #[must_use]
    pub fn expecting(self, expected: impl Into<String>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    /// The same, naming the known name that was most likely meant, if there is one.
    #[must_use]
    pub fn suggesting(self, suggestion: Option<impl Into<String>>) -> Self {
        Self { suggestion: suggestion.map(Into::into), ..self }
    }

    /// Whether it keeps the bundle from going live.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    fn write_text(&self, line: &str, out: &mut String) {
        let Position { file, line: number, column } = &self.at;
        let gutter = " ".repeat(number.to_string().len());
        let marker: String = line
            .chars()
            .take(to_usize(column.saturating_sub(1)))
            // A tab in the margin keeps the marker below its place however wide tabs are shown.
            .map(|char| if char == '\t' { '\t' } else { ' ' })
            .chain(std::iter::repeat_n('^', to_usize(self.width.max(1))))
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}[{}]: {}", self.severity.name(), self.name, self.message);
        let _ = writeln!(out, " --> {file}:{number}:{column}");
        let _ = writeln!(out, "{gutter} |");
        let _ = writeln!(out, "{number} | {line}");
        let _ = writeln!(out, "{gutter} | {marker}");
        if let Some(expected) = &self.expected {
            let _ = writeln!(out, "{gutter} = expected: {expected}");
        }
        if let Some(suggestion) = &self.suggestion {
            let _ = writeln!(out, "{gutter} = help: did you mean `{suggestion}`?");
        }
    }
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
