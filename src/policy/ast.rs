//! Declarations as written: names are not yet resolved, types not yet known.
//!
//! [`crate::policy::syntax`] makes them, [`crate::policy::check`] reads them. Expressions are a plain
//! copy of what Rhai parsed, with a position on everything a diagnostic may point at.

use std::sync::Arc;

use crate::model::verdict::{Mode, OnError};

/// A place in a file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The file's path within the bundle, with `/`.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// Something written, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// What is written.
    pub value: T,
    /// Where it starts.
    pub at: Position,
}

/// Everything that the `*.rhai` files of a bundle declare, in order of file and line.
#[derive(Clone, Debug, Default)]
pub struct Declarations {
    /// `entity NAME = …;`
    pub entities: Vec<Entity>,
    /// `feature NAME = …;`
    pub features: Vec<Feature>,
    /// `const NAME = …;`
    pub consts: Vec<Named>,
    /// `let NAME = …;`
    pub lets: Vec<Named>,
    /// `fn NAME(…) { … }`
    pub helpers: Vec<Helper>,
    /// `rule "NAME" …;`
    pub rules: Vec<Rule>,
    /// `limit "NAME" …;`
    pub limits: Vec<Limit>,
    /// `plan` statements: their name and place. They are parsed so that they can be refused by name
    /// until they are supported.
    pub unsupported: Vec<Spanned<String>>,
}

/// `entity NAME = FIELD | [FIELD, …];`
#[derive(Clone, Debug)]
pub struct Entity {
    /// Its name.
    pub name: Spanned<String>,
    /// Its parts, in order.
    pub parts: Vec<Expr>,
}

/// `feature NAME = AGG(EVENT[, EXPR]) by ENTITY [over "W"] [delayed "D"] [inclusive] [where EXPR];`
#[derive(Clone, Debug)]
pub struct Feature {
    /// Its name, unique within the entity.
    pub name: Spanned<String>,
    /// The aggregate's name.
    pub aggregate: Spanned<String>,
    /// The event's name.
    pub event: Spanned<String>,
    /// What is aggregated.
    pub value: Option<Expr>,
    /// The entity's name.
    pub entity: Spanned<String>,
    /// The window as written.
    pub over: Option<Spanned<String>>,
    /// The delay as written.
    pub delayed: Option<Spanned<String>>,
    /// Whether the current attempt is counted.
    pub inclusive: bool,
    /// Which events are counted.
    pub filter: Option<Expr>,
}

/// `const NAME = …;` or `let NAME = …;`
#[derive(Clone, Debug)]
pub struct Named {
    /// Its name.
    pub name: Spanned<String>,
    /// What it stands for.
    pub value: Expr,
}

/// `fn NAME(PARAMS) { … }`
#[derive(Clone, Debug)]
pub struct Helper {
    /// Its name.
    pub name: Spanned<String>,
    /// Its parameters.
    pub params: Vec<String>,
    /// How it runs.
    pub body: HelperBody,
}

/// How a helper runs.
#[derive(Clone, Debug)]
pub enum HelperBody {
    /// A single expression over its parameters, constants and functions: evaluated by us.
    Expression(Expr),
    /// Loops or locals: run by Rhai, within its bounds.
    Script {
        /// Constants and functions it names, to be checked.
        names: Vec<Spanned<String>>,
        /// The functions it calls, with the number of arguments.
        calls: Vec<Spanned<(String, usize)>>,
        /// The names that it gives to `list(…)` as literals, to be checked.
        lists: Vec<Spanned<String>>,
        /// What it does, as text without places: equal as long as the helper does the same. A
        /// feature whose filter calls the helper keeps its state for as long as this is equal.
        source: String,
    },
}

/// `rule "NAME" … when EXPR then ACTION[, ACTION…];`
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique in the bundle.
    pub name: Spanned<String>,
    /// Whether it counts.
    pub mode: Mode,
    /// Whether an `allow` leaves it in force.
    pub always: bool,
    /// What it does when it cannot be decided; the bundle's default when absent.
    pub on_error: Option<OnError>,
    /// The condition.
    pub when: Expr,
    /// What it does.
    pub actions: Vec<Action>,
}

/// `limit "NAME" … = count()|sum(EXPR) by ENTITY (over "W" | per "P") max EXPR … then ACTION[, ACTION…];`
#[derive(Clone, Debug)]
pub struct Limit {
    /// Its name, unique among the limits of the bundle.
    pub name: Spanned<String>,
    /// Whether it counts.
    pub mode: Mode,
    /// What it does when it cannot be decided; the bundle's default when absent.
    pub on_error: Option<OnError>,
    /// What it counts, as written: `count()` or `sum(EXPR)`.
    pub counted: Expr,
    /// The entity's name.
    pub entity: Spanned<String>,
    /// The window as written.
    pub over: Option<Spanned<String>>,
    /// The calendar period as written.
    pub per: Option<Spanned<String>>,
    /// The most that it may come to.
    pub max: Expr,
    /// Which payments are counted.
    pub filter: Option<Expr>,
    /// Whether a refund gives back.
    pub returns_refunded: bool,
    /// What it does when it is reached.
    pub actions: Vec<Action>,
}

/// `allow(CODE)`, `review(CODE)`, `challenge(CODE[, METHOD…])`, `block(CODE)`, `score(POINTS, CODE)`, as written.
#[derive(Clone, Debug)]
pub struct Action {
    /// The verb.
    pub verb: Spanned<String>,
    /// What it is called with.
    pub args: Vec<Expr>,
}

/// An expression and where it starts. For a binary operator the place is that of the operator's
/// left operand's start; `op_at` in the kind is the operator's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it starts.
    pub at: Position,
}

/// What an expression is, as Rhai parsed it.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `true`, `false`
    Bool(bool),
    /// `500_00`
    Int(i64),
    /// `0.5`
    Float(f64),
    /// `"XA"`
    Text(String),
    /// `()`: always an error.
    Unit,
    /// `[a, b]`
    Array(Vec<Expr>),
    /// A bare name: a constant, a `let`, a parameter, `score`, or an entity or block before a dot.
    Name(String),
    /// `a.b.c`: the names after the first dot, each with its place.
    Property(Box<Expr>, Spanned<String>),
    /// `a["b"]`
    Index(Box<Expr>, Box<Expr>),
    /// `f(a, b)`
    Call(Spanned<String>, Vec<Expr>),
    /// `a.f(b)`
    Method(Box<Expr>, Spanned<String>, Vec<Expr>),
    /// `a && b && c`, flattened or nested as Rhai has it
    And(Vec<Expr>),
    /// `a || b`
    Or(Vec<Expr>),
    /// `a ?? b`
    Coalesce(Vec<Expr>),
    /// `!a`, `-a`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`, `a in b`, `a == b` …
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a..b`, `a..=b`: only on the right of `in`
    Range(Box<Expr>, Box<Expr>, bool),
    /// `if c { a } else { b }`; without `else` it is an error
    If(Box<Expr>, Box<Expr>, Option<Box<Expr>>),
    /// Anything else that Rhai allows and we do not, by a name a person knows: "a closure", "a loop".
    Forbidden(String),
}

/// An operator before one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Neg,
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `+`: numbers, or strings one after the other
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`: of two integers the integer quotient
    Div,
    /// `%`
    Rem,
    /// `in`
    In,
    /// `!in`
    NotIn,
}
