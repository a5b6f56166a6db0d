//! The statements of the language as custom syntax of Rhai.
//!
//! Rhai asks after every symbol what may come next; a [`Form`] answers: first its header, step by
//! step, then its clauses in any order, each at most once. What each parsed part is goes onto a
//! [`Tape`] beside the parts, so that nobody has to count them afterwards.

use std::collections::VecDeque;
use std::sync::LazyLock;

use rhai::{Dynamic, ImmutableString, LexError, ParseError, Position};

use super::problem::Complaint;

/// The deepest an expression may be nested, in every build profile: so many brackets, and so many
/// operators, calls and conditions around one another. A chain of `&&`, `||` or `??` is one level.
pub(super) const EXPRESSION_DEPTH_MAX: usize = 64;
/// The deepest that Rhai may count. To it each operator of a chain is a level and a bracket is several,
/// so this is no measure of nesting: it bounds what its parser may be asked to do.
const RHAI_DEPTH_MAX: usize = 1024;
/// What Rhai's parser needs for that depth in a build without optimizations, several times over.
pub(super) const RHAI_STACK_BYTES: usize = 16 * 1024 * 1024;

/// Words that are no names.
pub(super) const RESERVED: [&str; 8] =
    ["entity", "feature", "rule", "limit", "plan", "test", "when", "then"];

/// What a part of a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// What it declares.
    Name,
    /// What an entity is made of; what a limit counts.
    Value,
    /// The aggregate of a feature.
    Aggregate,
    /// The event of a feature.
    Event,
    /// What a feature aggregates.
    Aggregated,
    /// `by`
    Entity,
    /// `over`
    Over,
    /// `delayed`
    Delayed,
    /// `where`
    Filter,
    /// `mode`
    Mode,
    /// `on_error`
    OnError,
    /// `when`
    Condition,
    /// One of the actions after `then`.
    Action,
    /// `per`
    Per,
    /// `max`
    Max,
    /// `returns`
    Returns,
    /// Parsed and not kept: the block of a test.
    Unused,
}

/// What was parsed of a statement, in the order of its parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Tape {
    /// What each input of the custom expression is.
    pub slots: Vec<Slot>,
    /// The clauses that stood there.
    pub clauses: Vec<&'static str>,
    steps: VecDeque<Step>,
}

/// One thing that must come next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// This symbol or word.
    Symbol(&'static str),
    /// A name.
    Name(Slot, &'static str),
    /// A string.
    Text(Slot, &'static str),
    /// One of these words.
    Word(Slot, &'static [&'static str]),
    /// An expression.
    Expression(Slot, &'static str),
    /// `, EXPR`, if there is a comma.
    PerhapsValue,
    /// `, ACTION`, as long as there is a comma.
    PerhapsAction,
    /// `"W"` after `per`, or a word.
    Block,
}

#[derive(Debug)]
struct Clause {
    word: &'static str,
    is_required: bool,
    steps: &'static [Step],
}

#[derive(Debug)]
struct Form {
    keyword: &'static str,
    header: &'static [Step],
    clauses: &'static [Clause],
}

const MODE: Clause = Clause {
    word: "mode",
    is_required: false,
    steps: &[Step::Word(Slot::Mode, &["active", "shadow", "off"])],
};
const ON_ERROR: Clause = Clause {
    word: "on_error",
    is_required: false,
    steps: &[Step::Word(Slot::OnError, &["skip", "challenge", "block"])],
};
const WHEN: Clause = Clause {
    word: "when",
    is_required: true,
    steps: &[Step::Expression(Slot::Condition, "a condition")],
};
const THEN: Clause = Clause {
    word: "then",
    is_required: true,
    steps: &[
        Step::Expression(Slot::Action, "an action, such as `block(\"CODE\")`"),
        Step::PerhapsAction,
    ],
};
const WHERE: Clause = Clause {
    word: "where",
    is_required: false,
    steps: &[Step::Expression(Slot::Filter, "a condition")],
};
const OVER: Clause = Clause {
    word: "over",
    is_required: false,
    steps: &[Step::Text(Slot::Over, "a duration in quotes, such as \"1h\"")],
};
const BY: Clause = Clause {
    word: "by",
    is_required: true,
    steps: &[Step::Name(Slot::Entity, "the name of an entity")],
};
const QUOTED_NAME: Step = Step::Text(Slot::Name, "a name in quotes");

static FORMS: [Form; 6] = [
    Form {
        keyword: "entity",
        header: &[
            Step::Name(Slot::Name, "a name"),
            Step::Symbol("="),
            Step::Expression(Slot::Value, "a field, or several in brackets"),
        ],
        clauses: &[],
    },
    Form {
        keyword: "feature",
        header: &[
            Step::Name(Slot::Name, "a name"),
            Step::Symbol("="),
            Step::Name(Slot::Aggregate, "an aggregate, such as `count(attempt)`"),
            Step::Symbol("("),
            Step::Name(Slot::Event, "the name of an event"),
            Step::PerhapsValue,
            Step::Symbol(")"),
        ],
        clauses: &[
            BY,
            OVER,
            Clause {
                word: "delayed",
                is_required: false,
                steps: &[Step::Text(Slot::Delayed, "a duration in quotes, such as \"1h\"")],
            },
            Clause { word: "inclusive", is_required: false, steps: &[] },
            WHERE,
        ],
    },
    Form {
        keyword: "rule",
        header: &[QUOTED_NAME],
        clauses: &[
            MODE,
            Clause { word: "always", is_required: false, steps: &[] },
            ON_ERROR,
            WHEN,
            THEN,
        ],
    },
    Form {
        keyword: "limit",
        header: &[QUOTED_NAME],
        clauses: &[
            MODE,
            ON_ERROR,
            Clause {
                word: "=",
                is_required: true,
                steps: &[Step::Expression(Slot::Value, "`count()` or `sum(…)`")],
            },
            BY,
            OVER,
            Clause {
                word: "per",
                is_required: false,
                steps: &[Step::Text(Slot::Per, "\"day\", \"week\" or \"month\"")],
            },
            Clause {
                word: "max",
                is_required: true,
                steps: &[Step::Expression(Slot::Max, "an amount or a number")],
            },
            WHERE,
            Clause {
                word: "returns",
                is_required: false,
                steps: &[Step::Word(Slot::Returns, &["refunded"])],
            },
            THEN,
        ],
    },
    Form { keyword: "plan", header: &[QUOTED_NAME], clauses: &[MODE, WHEN, THEN] },
    Form { keyword: "test", header: &[QUOTED_NAME, Step::Block], clauses: &[] },
];

/// Rhai with our statements. It parses and never runs anything.
pub(super) static PARSER: LazyLock<rhai::Engine> = LazyLock::new(parser);

/// Rhai without our statements, for the blocks of tests: there, only Rhai's words are reserved.
pub(super) static PLAIN: LazyLock<rhai::Engine> = LazyLock::new(plain);

fn plain() -> rhai::Engine {
    let mut engine = rhai::Engine::new_raw();
    engine.set_optimization_level(rhai::OptimizationLevel::None);
    engine.set_max_expr_depths(RHAI_DEPTH_MAX, RHAI_DEPTH_MAX);
    engine
}

fn parser() -> rhai::Engine {
    let mut engine = plain();
    engine.set_allow_anonymous_fn(false);
    for form in &FORMS {
        engine.register_custom_syntax_with_state_raw(
            form.keyword,
            |symbols, look_ahead, state| form.next(symbols, look_ahead, state),
            false,
            |_, _, _| Ok(Dynamic::UNIT),
        );
    }
    // These begin a clause. As the start of an expression they mean that the expression is missing.
    for word in ["when", "then"] {
        engine.register_custom_syntax_with_state_raw(
            word,
            move |_, found, _| {
                let found = found.to_owned();
                let (word, expected) = (word.to_owned(), String::new());
                Err(Complaint::Keyword { word, found, expected }.into_error())
            },
            false,
            |_, _, _| Ok(Dynamic::UNIT),
        );
    }
    engine
}

// === impl Form ===

impl Form {
    /// The symbol or marker that Rhai must read next; `None` at the end.
    fn next(
        &self,
        symbols: &[ImmutableString],
        look_ahead: &str,
        state: &mut Dynamic,
    ) -> Result<Option<ImmutableString>, ParseError> {
        // Something that is no token: Rhai says best what is wrong with it.
        if look_ahead.contains(' ') && !look_ahead.starts_with('"') {
            return Ok(Some("$token$".into()));
        }
        let is_first = symbols.len() == 1;
        let mut tape = if is_first {
            Tape { steps: self.header.iter().copied().collect(), ..Tape::default() }
        } else {
            std::mem::take(state).try_cast::<Tape>().unwrap_or_default()
        };
        let answer = self.advance(&mut tape, look_ahead);
        *state = Dynamic::from(tape);
        match answer {
            // The word stands where no statement begins: as a name, or after a dot.
            Err(Complaint::Unexpected { found, expected }) if is_first => {
                let word = self.keyword.to_owned();
                Err(Complaint::Keyword { word, found, expected }.into_error())
            }
            Err(complaint) => Err(complaint.into_error()),
            Ok(symbol) => Ok(symbol.map(Into::into)),
        }
    }

    fn advance(
        &self,
        tape: &mut Tape,
        look_ahead: &str,
    ) -> Result<Option<&'static str>, Complaint> {
        while let Some(step) = tape.steps.pop_front() {
            if let Some(symbol) = tape.take(step, look_ahead)? {
                return Ok(Some(symbol));
            }
        }
        let clause = self.clauses.iter().find(|clause| clause.word == look_ahead);
        if let Some(clause) = clause {
            if tape.clauses.contains(&clause.word) {
                return Err(Complaint::Twice { clause: clause.word.to_owned() });
            }
            tape.clauses.push(clause.word);
            tape.steps.extend(clause.steps);
            return Ok(Some(clause.word));
        }
        let is_end = matches!(look_ahead, ";" | "}" | END);
        let open = self.clauses.iter().filter(|clause| !tape.clauses.contains(&clause.word));
        if is_end {
            let Some(clause) = open.clone().find(|clause| clause.is_required) else {
                return Ok(None);
            };
            return Err(Complaint::Lacking {
                statement: self.keyword.to_owned(),
                clause: clause.word.to_owned(),
            });
        }
        let mut expected: Vec<String> = open.map(|clause| format!("`{}`", clause.word)).collect();
        if !self
            .clauses
            .iter()
            .any(|clause| clause.is_required && !tape.clauses.contains(&clause.word))
        {
            expected.push("`;`".to_owned());
        }
        Err(Complaint::unexpected(look_ahead, expected.join(", ")))
    }
}

/// How Rhai shows that nothing follows.
const END: &str = "{EOF}";

// === impl Tape ===

impl Tape {
    /// What Rhai must read for a step; `None` when the step asks for nothing here.
    fn take(&mut self, step: Step, next: &str) -> Result<Option<&'static str>, Complaint> {
        let unexpected = |expected: &str| Err(Complaint::unexpected(next, expected.to_owned()));
        match step {
            Step::Symbol(symbol) if next == symbol => Ok(Some(symbol)),
            Step::Symbol(symbol) => unexpected(&format!("`{symbol}`")),
            Step::Name(..) if RESERVED.contains(&next) => {
                Err(Complaint::Reserved { word: next.to_owned() })
            }
            Step::Name(slot, _) if rhai::is_valid_identifier(next) => {
                Ok(self.read(slot, "$ident$"))
            }
            Step::Name(_, expected) => unexpected(expected),
            Step::Text(slot, _) if next.starts_with('"') && next != "\"" => {
                Ok(self.read(slot, "$string$"))
            }
            Step::Text(_, expected) => unexpected(expected),
            Step::Word(slot, words) if words.contains(&next) => Ok(self.read(slot, "$ident$")),
            Step::Word(_, words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                unexpected(&words.join(", "))
            }
            Step::Expression(_, expected) if matches!(next, "when" | "then" | ";" | "," | END) => {
                unexpected(expected)
            }
            Step::Expression(slot, _) => Ok(self.read(slot, "$expr$")),
            Step::PerhapsValue if next == "," => {
                self.steps.push_front(Step::Expression(Slot::Aggregated, "an expression"));
                Ok(Some(","))
            }
            Step::PerhapsAction if next == "," => {
                self.steps.push_front(Step::PerhapsAction);
                self.steps.push_front(Step::Expression(Slot::Action, "an action"));
                Ok(Some(","))
            }
            Step::PerhapsValue | Step::PerhapsAction => Ok(None),
            Step::Block if next == "{" => Ok(self.read(Slot::Unused, "$block$")),
            Step::Block => unexpected("a block in braces"),
        }
    }

    fn read(&mut self, slot: Slot, marker: &'static str) -> Option<&'static str> {
        self.slots.push(slot);
        Some(marker)
    }
}

// === impl Complaint ===

impl Complaint {
    /// As Rhai carries it out of the parser.
    fn into_error(self) -> ParseError {
        LexError::Runtime(self.encode()).into_err(Position::NONE)
    }
}
