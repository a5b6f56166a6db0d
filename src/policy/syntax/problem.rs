//! What is wrong with a statement, for the person who wrote it: our complaints and Rhai's errors.

use rhai::{LexError, ParseError, ParseErrorType};

use super::grammar::EXPRESSION_DEPTH_MAX;
use super::place::Place;
use super::scan::STATEMENTS;
use crate::policy::ast::Position;
use crate::policy::diagnostic::{Diagnostic, nearest};

/// What our part of the grammar complains of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// Something else was expected.
    Unexpected {
        /// What stands there.
        found: String,
        /// What should.
        expected: String,
    },
    /// A clause stands twice.
    Twice {
        /// The clause.
        clause: String,
    },
    /// A statement lacks a clause.
    Lacking {
        /// The statement.
        statement: String,
        /// The clause.
        clause: String,
    },
    /// A word of the language is used as a name.
    Reserved {
        /// The word.
        word: String,
    },
    /// A word that begins a statement or a clause stands just before the place that Rhai reports, and
    /// is not followed as a statement is.
    Keyword {
        /// The word.
        word: String,
        /// What follows it.
        found: String,
        /// What follows it in a statement.
        expected: String,
    },
}

/// Between the parts of an encoded complaint: a character that no source needs.
const SEPARATOR: char = '\u{1f}';

/// The problem that Rhai found in a statement.
pub(super) fn of_rhai(error: &ParseError, place: &Place<'_>) -> Diagnostic {
    let at = error.position();
    let shown = |name, message: String| {
        let found = place.token_at(at);
        Diagnostic::error(name, place.at(at), message).over(found)
    };
    match error.err_type() {
        ParseErrorType::BadInput(LexError::Runtime(text)) => match Complaint::decode(text) {
            Some(complaint) => complaint.into_diagnostic(at, place),
            None => shown("syntax", lower_first(text)),
        },
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            shown("syntax", "the string is not closed".to_owned()).expecting("a closing `\"`")
        }
        ParseErrorType::BadInput(LexError::UnexpectedInput(bars))
            if matches!(&**bars, "|" | "||") =>
        {
            shown("forbidden", "a closure is not part of the language".to_owned())
        }
        ParseErrorType::BadInput(LexError::UnexpectedInput(_)) => unexpected(at, place),
        ParseErrorType::BadInput(lexical) => shown("syntax", lower_first(&lexical.to_string())),
        ParseErrorType::UnexpectedEOF => {
            shown("syntax", "the statement ends too early".to_owned()).expecting("an expression")
        }
        ParseErrorType::MissingToken(token, why) if place.is_end(at) => {
            shown("syntax", "the statement ends too early".to_owned()).expecting(needed(token, why))
        }
        ParseErrorType::MissingToken(token, why) => {
            unexpected(at, place).expecting(needed(token, why))
        }
        ParseErrorType::VariableExpected | ParseErrorType::FnMissingName => {
            unexpected(at, place).expecting("a name")
        }
        ParseErrorType::PropertyExpected => match place.token_at(at) {
            // A word of Rhai's.
            word if rhai::is_valid_identifier(word) => reserved_attribute(word, place.at(at)),
            _ => unexpected(at, place).expecting("a name after the dot"),
        },
        ParseErrorType::Reserved(word) if !rhai::is_valid_identifier(word) => unexpected(at, place),
        ParseErrorType::Reserved(word) if place.follows_dot(at) => {
            reserved_attribute(word, place.at(at))
        }
        ParseErrorType::Reserved(word) => {
            Complaint::Reserved { word: word.clone() }.into_diagnostic(at, place)
        }
        ParseErrorType::UnknownOperator(operator) => {
            shown("unknown-operator", format!("`{operator}` is not an operator"))
        }
        ParseErrorType::MismatchedType(expected, found) => {
            shown("wrong-type", format!("{found} where {expected} is needed"))
                .expecting(expected.clone())
        }
        ParseErrorType::ExprTooDeep => too_deep(place.at(at)),
        ParseErrorType::AssignmentToConstant(_) | ParseErrorType::AssignmentToInvalidLHS(_) => {
            shown("syntax", "this cannot be assigned to".to_owned()).expecting("`==` to compare")
        }
        ParseErrorType::WrongFnDefinition => nested(shown("", String::new()), "fn"),
        other => shown("syntax", lower_first(&other.to_string())),
    }
}

/// A statement that begins with no word of ours.
pub(super) fn unknown_statement(word: &str, place: &Place<'_>, known: &[&str]) -> Diagnostic {
    let start = rhai::Position::new(1, 1);
    let found = place.token_at(start);
    let listed: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
    let message = match word {
        "" => format!("unexpected `{found}`"),
        "import" | "export" | "private" => format!("`{word}` is not part of the language"),
        _ => format!("unknown statement `{word}`"),
    };
    Diagnostic::error("unknown-statement", place.at(start), message)
        .over(found)
        .expecting(listed.join(", "))
        .suggesting(nearest(word, known.iter().copied()))
}

/// An expression that is nested too deeply.
pub(super) fn too_deep(at: Position) -> Diagnostic {
    Diagnostic::error("too-deep", at, "the expression is nested too deeply")
        .expecting(format!("at most {EXPRESSION_DEPTH_MAX} levels; name parts of it with `let`"))
}

/// A declaration that stands within another statement.
pub(super) fn nested(diagnostic: Diagnostic, word: &str) -> Diagnostic {
    Diagnostic {
        name: "nested-declaration",
        message: format!("`{word}` within another statement"),
        ..diagnostic
    }
    .over(word)
    .expecting("declarations at the top level only")
}

/// Something that should not stand there, or nothing where something should.
pub(super) fn unexpected(at: rhai::Position, place: &Place<'_>) -> Diagnostic {
    let found = place.token_at(at);
    let message = if place.is_end(at) || found.is_empty() {
        "the statement ends too early".to_owned()
    } else {
        format!("unexpected `{found}`")
    };
    Diagnostic::error("syntax", place.at(at), message).over(found)
}

fn needed(token: &str, why: &str) -> String {
    format!("`{token}` {}", why.replace('\'', "`"))
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect::<String>().replace('\'', "`")
    })
}

// === impl Complaint ===

impl Complaint {
    /// Something other than expected.
    pub(super) fn unexpected(found: &str, expected: String) -> Self {
        Self::Unexpected { found: found.to_owned(), expected }
    }

    /// As a text that passes through Rhai's own error.
    pub(super) fn encode(&self) -> String {
        let (kind, parts) = match self {
            Self::Unexpected { found, expected } => ("unexpected", [found, expected.as_str(), ""]),
            Self::Twice { clause } => ("twice", [clause, "", ""]),
            Self::Lacking { statement, clause } => ("lacking", [statement, clause.as_str(), ""]),
            Self::Reserved { word } => ("reserved", [word, "", ""]),
            Self::Keyword { word, found, expected } => {
                ("keyword", [word, found.as_str(), expected.as_str()])
            }
        };
        let [first, second, third] = parts;
        format!("{kind}{SEPARATOR}{first}{SEPARATOR}{second}{SEPARATOR}{third}")
    }

    fn decode(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, SEPARATOR).map(str::to_owned);
        let (kind, first) = (parts.next()?, parts.next()?);
        let (second, third) = (parts.next()?, parts.next()?);
        Some(match kind.as_str() {
            "unexpected" => Self::Unexpected { found: first, expected: second },
            "twice" => Self::Twice { clause: first },
            "lacking" => Self::Lacking { statement: first, clause: second },
            "reserved" => Self::Reserved { word: first },
            "keyword" => Self::Keyword { word: first, found: second, expected: third },
            _ => return None,
        })
    }

    fn into_diagnostic(self, at: rhai::Position, place: &Place<'_>) -> Diagnostic {
        match self {
            Self::Unexpected { found, expected } => {
                let words: Vec<String> =
                    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
                let near = match found.as_str() {
                    // Written where a comparison is meant.
                    "=" if !words.is_empty() => Some("=="),
                    found => nearest(found, words.iter().map(String::as_str)),
                };
                unexpected(at, place).expecting(expected).suggesting(near)
            }
            Self::Twice { clause } => {
                let message = format!("the clause `{clause}` stands twice");
                Diagnostic::error("duplicate-clause", place.at(at), message)
                    .over(&clause)
                    .expecting("each clause once")
            }
            Self::Lacking { statement, clause } => {
                let message = format!("the `{statement}` has no `{clause}`");
                Diagnostic::error("missing-clause", place.at(at), message)
                    .expecting(format!("the clause `{clause}`"))
            }
            Self::Reserved { word } => reserved(&word, place.at(at)),
            Self::Keyword { word, found, expected } => {
                let (start, is_property) = place.word_before(&word, at);
                let is_statement = place.at(start) == place.start();
                if is_statement && !expected.is_empty() {
                    return Self::Unexpected { found, expected }.into_diagnostic(at, place);
                }
                let at = place.at(start);
                if is_property {
                    reserved_attribute(&word, at)
                } else if STATEMENTS.contains(&word.as_str()) {
                    nested(Diagnostic::error("", at, ""), &word)
                } else {
                    let message = format!("unexpected `{word}`");
                    Diagnostic::error("syntax", at, message).over(&word).expecting("an expression")
                }
            }
        }
    }
}

/// A word of the language, or of Rhai's, behind a dot.
fn reserved_attribute(word: &str, at: Position) -> Diagnostic {
    reserved(word, at).expecting(format!("`attributes[\"{word}\"]` to read an attribute"))
}

/// A word of the language in the place of a name.
pub(super) fn reserved(word: &str, at: Position) -> Diagnostic {
    Diagnostic::error("reserved-word", at, format!("`{word}` is a reserved word"))
        .over(word)
        .expecting("a name")
}
