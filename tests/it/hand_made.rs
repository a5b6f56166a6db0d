//! Policy sets and expressions built by hand, for tests of what evaluates them.

use std::collections::BTreeMap;
use std::sync::Arc;

use vajra::model::currency::Currency;
use vajra::model::field::{Field, Fields};
use vajra::model::limit::OnExpiry;
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Text, Value};
use vajra::model::verdict::{Mode, OnError, ReasonClass};
use vajra::policy::ast::{BinaryOp, Position, UnaryOp};
use vajra::policy::bundle::{Bundle, OffSession, Rates, ReasonDef};
use vajra::policy::interpret::{Facts, Lists, Scripts};
use vajra::policy::ir::{Expr, Function};
use vajra::policy::program::Programs;
use vajra::policy::set::{ActionDef, HelperDef, LetDef, PolicySet, RuleDef};

/// Monday 2026-03-02, 12:00 UTC.
pub(crate) fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-03-02T12:00:00Z").unwrap()
}

/// A place nobody looks at.
pub(crate) fn at() -> Position {
    Position { file: Arc::from("rules.rhai"), line: 1, column: 1 }
}

/// A set without declarations, in Berlin.
pub(crate) fn empty_set() -> PolicySet {
    let bundle = Bundle {
        name: "hand-made".to_owned(),
        version: Text::from("0"),
        files: Arc::default(),
        base_currency: Currency::from_code("EUR").unwrap(),
        time_zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
        on_error: OnError::Skip,
        locale: Text::from("en"),
        default_challenge: Text::from("3ds"),
        challenge_off_session: OffSession::Block,
        idle_max: Span::from_days(400),
        fallback: Vec::new(),
        channels: Vec::new(),
        failures: vajra::failure::tables::Tables::built_in(),
        on_expiry: OnExpiry::Release,
        reasons: BTreeMap::new(),
        rates: Rates::default(),
        lists: BTreeMap::new(),
    };
    PolicySet {
        bundle,
        entities: Vec::new(),
        features: Vec::new(),
        taps: BTreeMap::new(),
        lets: Vec::new(),
        helpers: Vec::new(),
        rules: Vec::new(),
        limits: Vec::new(),
        live_features: Vec::new(),
        scripts: Scripts::default(),
        programs: Programs::default(),
    }
}

/// A set with rules; their codes are reasons of the class FRAUD.
pub(crate) fn set_of(rules: Vec<RuleDef>) -> PolicySet {
    let mut set = empty_set();
    for action in rules.iter().flat_map(|rule| &rule.actions) {
        let (ActionDef::Allow(code)
        | ActionDef::Review(code)
        | ActionDef::Challenge(code, _)
        | ActionDef::Block(code)
        | ActionDef::Score(_, code)) = action;
        let reason = ReasonDef {
            class: ReasonClass::Fraud,
            message: BTreeMap::new(),
            message_at: BTreeMap::new(),
        };
        set.bundle.reasons.insert(Arc::clone(code), reason);
    }
    set.rules = rules;
    set
}

/// An active rule without clauses.
pub(crate) fn rule(name: &str, when: Expr, actions: Vec<ActionDef>) -> RuleDef {
    RuleDef {
        name: Arc::from(name),
        at: at(),
        mode: Mode::Active,
        always: false,
        on_error: OnError::Skip,
        reads_score: reads_score(&when),
        when,
        actions_written: actions.iter().map(|action| Arc::from(format!("{action:?}"))).collect(),
        actions,
    }
}

fn reads_score(expr: &Expr) -> bool {
    match expr {
        Expr::Score => true,
        Expr::Binary(_, left, right, _) => reads_score(left) || reads_score(right),
        Expr::And(terms) | Expr::Or(terms) => terms.iter().any(reads_score),
        _ => false,
    }
}

/// A `let` that does not read the score.
pub(crate) fn named(name: &str, value: Expr) -> LetDef {
    LetDef { name: Arc::from(name), value, reads_score: false }
}

/// A helper that is evaluated in place.
pub(crate) fn helper(name: &str, params: usize, value: Expr) -> HelperDef {
    HelperDef { name: Arc::from(name), params, inline: Some(value), constants: Vec::new() }
}

/// A helper that Rhai runs.
pub(crate) fn script(name: &str, params: usize, constants: &[(&str, Expr)]) -> HelperDef {
    let constants =
        constants.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect();
    HelperDef { name: Arc::from(name), params, inline: None, constants }
}

/// The helpers of a source text, as Rhai parses them.
pub(crate) fn scripts(source: &str) -> Scripts {
    Scripts::new(rhai::Engine::new().compile(source).unwrap().clone_functions_only())
}

// === expressions ===

pub(crate) fn constant(value: impl Into<Constant>) -> Expr {
    Expr::Const(value.into().0)
}

/// A value for [`constant`].
pub(crate) struct Constant(Value);

impl From<bool> for Constant {
    fn from(truth: bool) -> Self {
        Self(Value::Bool(truth))
    }
}

impl From<i64> for Constant {
    fn from(number: i64) -> Self {
        Self(Value::Int(number))
    }
}

impl From<f64> for Constant {
    fn from(number: f64) -> Self {
        Self(Value::Float(number))
    }
}

impl From<&str> for Constant {
    fn from(text: &str) -> Self {
        Self(Value::Text(Text::from(text)))
    }
}

impl From<Timestamp> for Constant {
    fn from(at: Timestamp) -> Self {
        Self(Value::Time(at))
    }
}

/// An attribute that [`fields`] does not have.
pub(crate) fn missing() -> Expr {
    Expr::Attribute(Text::from("missing"))
}

/// An attribute that [`fields`] could not read.
pub(crate) fn unknown() -> Expr {
    Expr::Attribute(Text::from("unknown"))
}

/// An expression that errors: 1 / 0.
pub(crate) fn failing() -> Expr {
    binary(BinaryOp::Div, constant(1), constant(0))
}

pub(crate) fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary(op, Box::new(left), Box::new(right), at())
}

pub(crate) fn unary(op: UnaryOp, operand: Expr) -> Expr {
    Expr::Unary(op, Box::new(operand), at())
}

pub(crate) fn call<const N: usize>(function: Function, args: [Expr; N]) -> Expr {
    Expr::Call(function, args.into(), at())
}

pub(crate) fn array(values: impl IntoIterator<Item = impl Into<Constant>>) -> Expr {
    Expr::Array(values.into_iter().map(|value| value.into().0).collect())
}

pub(crate) fn list(name: &str) -> Expr {
    Expr::List(Arc::from(name))
}

// === facts ===

/// A payment of 10.00 EUR by a card, with an attribute that could not be read.
pub(crate) fn fields() -> Fields {
    let mut fields = Fields::new();
    fields.set(Field::Id, Value::Text(Text::from("p1")));
    fields.set(Field::Attempt, Value::Int(1));
    fields.set(Field::Amount, Value::Int(1_000));
    fields.set(Field::AmountBase, Value::Int(1_000));
    fields.set(Field::Currency, Value::Text(Text::from("EUR")));
    fields.set(Field::CardToken, Value::Text(Text::from("c1")));
    fields.set_attribute(Text::from("unknown"), Value::Unknown);
    fields
}

/// The facts of those fields, without features.
pub(crate) fn facts(fields: &Fields) -> Facts<'_> {
    Facts { fields, features: &[], now: now(), lists: &BadOnly }
}

/// One list, `bad`, with one value, `bad`.
#[derive(Debug)]
pub(crate) struct BadOnly;

impl Lists for BadOnly {
    fn contains(&self, list: &str, value: &str, _: Timestamp) -> bool {
        list == "bad" && value == "bad"
    }

    fn to_shared(&self) -> Arc<dyn Lists> {
        Arc::new(Self)
    }
}
