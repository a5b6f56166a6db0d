//! Sets and payments made from bytes: whatever the bytes, they give something.

use std::sync::Arc;

use vajra::model::field::{Field, Fields};
use vajra::model::limit::{Period, Usage};
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Text, Value, ValueType};
use vajra::model::verdict::{Mode, OnError, ReasonClass};
use vajra::policy::ast::{BinaryOp, UnaryOp};
use vajra::policy::bundle::ReasonDef;
use vajra::policy::evaluate::LimitReading;
use vajra::policy::ir::{Expr, FeatureIndex, Function, HelperIndex, LetIndex};
use vajra::policy::program::tap::TapProgram;
use vajra::policy::set::{
    ActionDef, FeatureDef, HelperDef, LetDef, LimitDef, PolicySet, RuleDef, Tap,
};

use crate::hand_made::{at, binary, constant, empty_set, list, now, script, scripts, unary};

/// The types of the features.
const FEATURES: [ValueType; 6] = [
    ValueType::Int,
    ValueType::Int,
    ValueType::Float,
    ValueType::Text,
    ValueType::Time,
    ValueType::Any,
];

const FIELDS: [Field; 14] = [
    Field::Amount,
    Field::AmountBase,
    Field::Attempt,
    Field::Recurring,
    Field::DeviceIpIsAnonymous,
    Field::DeviceLat,
    Field::DeviceLon,
    Field::CardToken,
    Field::CardCountry,
    Field::BillingCountry,
    Field::AccountEmailDomain,
    Field::AccountCreatedAt,
    Field::OccurredAt,
    Field::Authenticated,
];

const ATTRIBUTES: [&str; 3] = ["a", "b", "c"];

const TEXTS: [&str; 14] = [
    "",
    "a",
    "ab",
    "bad",
    "XA",
    "XB",
    "Straße",
    "ÉCLAIR",
    "naïve",
    "b c",
    "日本",
    "mailinator.com",
    "merchant-0000000017",
    "merchant-0000000018",
];

const INTS: [i64; 12] = [0, 1, -1, 2, 3, 7, 10, 100, 1 << 44, (1 << 44) + 1, i64::MAX, i64::MIN];

const FLOATS: [f64; 12] =
    [0.0, -0.0, 0.5, 1.0, -1.5, 3.0, 10.0, 1e-300, 5e-324, 1e30, 1e300, f64::MAX];

const RULES: u8 = 10;
const LETS: u32 = 4;
const LIMITS: u8 = 2;
const TAPS: u8 = 4;
const DEPTH: u8 = 4;

/// A payment, and what is known of the limits before it.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    pub(super) fields: Fields,
    pub(super) features: Vec<Value>,
    pub(super) now: Timestamp,
    pub(super) readings: Vec<LimitReading>,
}

/// Where an expression stands, and so what it may name.
#[derive(Clone, Copy, Debug)]
enum Place {
    Decision {
        lets: u32,
        score: bool,
    },
    /// The filter or value of a feature: only the event's own fields.
    Event,
    /// Two parameters of these types.
    Helper([ValueType; 2]),
}

/// Draws from bytes; from their end on, zeros.
pub(super) struct Drawer<'b> {
    bytes: &'b [u8],
    helpers: Vec<([ValueType; 2], ValueType)>,
    lets: Vec<ValueType>,
}

impl<'b> Drawer<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, helpers: Vec::new(), lets: Vec::new() }
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    /// A number below `end`, which is at most 256.
    fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == many - 1
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn kind(&mut self) -> ValueType {
        self.pick(&[
            ValueType::Bool,
            ValueType::Int,
            ValueType::Int,
            ValueType::Float,
            ValueType::Text,
            ValueType::Time,
        ])
    }

    // === sets ===

    pub(super) fn set(&mut self) -> PolicySet {
        let mut set = empty_set();
        for (place, value_type) in FEATURES.iter().enumerate() {
            let name = Arc::from(format!("card.f{place}"));
            set.features.push(FeatureDef { name, entity: 0, slot: 0, value_type: *value_type });
        }
        for place in 0..2 {
            let params = [self.kind(), self.kind()];
            let result = self.kind();
            let inline = Some(self.expr(result, Place::Helper(params), DEPTH - 1));
            let name = Arc::from(format!("helper_{place}"));
            set.helpers.push(HelperDef { name, params: 2, inline, constants: Vec::new() });
            self.helpers.push((params, result));
        }
        set.helpers.push(script("looped", 2, &[]));
        self.helpers.push(([ValueType::Int, ValueType::Int], ValueType::Int));
        set.scripts = scripts("fn looped(a, b) { let x = a; for i in 0..3 { x += b; } x }");
        for place in 0..LETS {
            let kind = self.kind();
            let score = place == LETS - 1;
            let value = self.expr(kind, Place::Decision { lets: place, score }, DEPTH);
            let name = Arc::from(format!("let_{place}"));
            let reads_score = reads_score(&value, &set.lets);
            set.lets.push(LetDef { name, value, reads_score });
            self.lets.push(kind);
        }
        let taps = (0..TAPS).map(|_| self.tap()).collect();
        set.taps.insert(Text::from("attempt"), taps);
        let class = ReasonClass::Velocity;
        let reason = ReasonDef { class, message: [].into(), message_at: [].into() };
        set.bundle.reasons.insert(Arc::from("CODE"), reason);
        for place in 0..RULES {
            let rule = self.rule(place, &set.lets);
            set.rules.push(rule);
        }
        for place in 0..LIMITS {
            let limit = self.limit(place);
            set.limits.push(limit);
        }
        set
    }

    fn rule(&mut self, place: u8, lets: &[LetDef]) -> RuleDef {
        let place_of = Place::Decision { lets: LETS, score: self.one_in(6) };
        // What a rule is, most of the time: a few terms.
        let when = if self.one_in(4) {
            self.expr(ValueType::Bool, place_of, DEPTH)
        } else {
            let terms = 1 + self.below(4);
            let depth = 1 + u8::try_from(self.below(3)).unwrap();
            Expr::And((0..terms).map(|_| self.expr(ValueType::Bool, place_of, depth)).collect())
        };
        let code = Arc::from("CODE");
        let reads_score = reads_score(&when, lets);
        let action = match self.below(4) {
            0 => ActionDef::Block(code),
            1 => ActionDef::Review(code),
            2 => ActionDef::Allow(code),
            _ => ActionDef::Score(i64::from(self.byte()), code),
        };
        RuleDef {
            name: Arc::from(format!("rule_{place}")),
            at: at(),
            mode: self.pick(&[Mode::Active, Mode::Active, Mode::Active, Mode::Shadow, Mode::Off]),
            always: self.one_in(2),
            on_error: self.pick(&[OnError::Skip, OnError::Challenge, OnError::Block]),
            when,
            reads_score,
            actions: vec![action],
            actions_written: vec![Arc::from("action")],
        }
    }

    fn tap(&mut self) -> Tap {
        let filter = self.one_in(2).then(|| self.expr(ValueType::Bool, Place::Event, 3));
        let kind = self.kind();
        let value = self.one_in(2).then(|| self.expr(kind, Place::Event, 3));
        Tap { entity: 0, stream: 0, filter, value, program: TapProgram::default() }
    }

    fn limit(&mut self, place: u8) -> LimitDef {
        let decision = Place::Decision { lets: LETS - 1, score: false };
        let filter = self.one_in(2).then(|| self.expr(ValueType::Bool, decision, 2));
        let amount = self.one_in(2).then(|| self.expr(ValueType::Int, decision, 2));
        LimitDef {
            name: Arc::from(format!("limit_{place}")),
            at: at(),
            mode: self.pick(&[Mode::Active, Mode::Shadow]),
            on_error: self.pick(&[OnError::Skip, OnError::Block]),
            identity: u64::from(place),
            amount,
            entity: 0,
            period: Period::Over(Span::from_days(1)),
            max: self.expr(ValueType::Int, decision, 3),
            filter,
            returns_refunded: false,
            actions: vec![ActionDef::Block(Arc::from("CODE"))],
            actions_written: vec![Arc::from("action")],
        }
    }

    // === payments ===

    pub(super) fn payment(&mut self) -> Drawn {
        let mut fields = Fields::new();
        // Whole payments and torn ones.
        let torn = self.pick(&[1, 4, 40]);
        for field in FIELDS {
            let value = self.fact(field.value_type(), torn);
            fields.set(field, value);
        }
        for name in ATTRIBUTES {
            let kind = self.kind();
            let value = self.fact(kind, torn);
            fields.set_attribute(Text::from(name), value);
        }
        let features = FEATURES
            .iter()
            .map(|kind| {
                let kind = if *kind == ValueType::Any { self.kind() } else { *kind };
                self.fact(kind, torn)
            })
            .collect();
        let now = if self.one_in(60) { Timestamp::MAX } else { now() };
        let readings = (0..LIMITS)
            .map(|_| match self.below(8) {
                0 => LimitReading::Missing,
                1 => LimitReading::Unknown,
                _ => {
                    let (used, reserved) = (i64::from(self.byte()), i64::from(self.byte()));
                    LimitReading::Usage(Usage { used, reserved }, None)
                }
            })
            .collect();
        Drawn { fields, features, now, readings }
    }

    /// A value of a type; `torn` per mille of the time it is not.
    fn fact(&mut self, kind: ValueType, torn: usize) -> Value {
        match usize::from(self.byte()) * 1_000 / 256 / torn {
            0..4 => return Value::Unknown,
            4..24 => return Value::Missing,
            24..26 => {
                let kind = self.kind();
                return self.value(kind);
            }
            _ => {}
        }
        self.value(kind)
    }

    fn value(&mut self, kind: ValueType) -> Value {
        match kind {
            ValueType::Bool => Value::Bool(self.one_in(2)),
            ValueType::Int | ValueType::Any => Value::Int(self.int()),
            ValueType::Float => Value::Float(self.float()),
            ValueType::Time => Value::Time(self.time()),
            ValueType::Text => Value::Text(Text::from(self.pick(&TEXTS))),
            ValueType::Texts => {
                let many = self.below(3);
                Value::Texts((0..many).map(|_| Text::from(self.pick(&TEXTS))).collect())
            }
        }
    }

    fn int(&mut self) -> i64 {
        if self.one_in(3) { self.pick(&INTS) } else { i64::from(self.byte() % 16) }
    }

    fn float(&mut self) -> f64 {
        if self.one_in(3) { self.pick(&FLOATS) } else { f64::from(self.byte() % 16) / 2.0 }
    }

    fn time(&mut self) -> Timestamp {
        match self.below(24) {
            0 => Timestamp::MIN,
            1 => Timestamp::MAX,
            hours => now().minus(Span::from_secs(i64::try_from(hours).unwrap() * 3_600)),
        }
    }

    // === expressions ===

    fn expr(&mut self, kind: ValueType, place: Place, depth: u8) -> Expr {
        // Now and then one that does not fit.
        let kind = if self.one_in(90) { self.kind() } else { kind };
        if depth == 0 || self.one_in(5) {
            return self.leaf(kind, place);
        }
        let below = depth - 1;
        match self.below(16) {
            0 => {
                let parts = [ValueType::Bool, kind, kind].map(|kind| self.expr(kind, place, below));
                let [condition, then, otherwise] = parts.map(Box::new);
                Expr::If(condition, then, otherwise)
            }
            1 | 2 => {
                Expr::Coalesce(vec![self.expr(kind, place, below), self.expr(kind, place, below)])
            }
            3 => self.helper(kind, place, below),
            _ => match kind {
                ValueType::Bool => self.truth(place, below),
                ValueType::Int | ValueType::Float | ValueType::Any => {
                    self.number(kind, place, below)
                }
                ValueType::Text => self.text(place, below),
                ValueType::Time | ValueType::Texts => self.leaf(kind, place),
            },
        }
    }

    fn helper(&mut self, kind: ValueType, place: Place, below: u8) -> Expr {
        let known: Vec<usize> =
            (0..self.helpers.len()).filter(|at| self.helpers[*at].1 == kind).collect();
        if known.is_empty() {
            return self.leaf(kind, place);
        }
        let index = self.pick(&known);
        let args = self.helpers[index].0.map(|kind| self.expr(kind, place, below));
        Expr::Helper(HelperIndex(u32::try_from(index).unwrap()), args.into(), at())
    }

    fn leaf(&mut self, kind: ValueType, place: Place) -> Expr {
        if kind == ValueType::Texts {
            return Expr::Field(Field::Authenticated);
        }
        match place {
            Place::Helper(params) => {
                let param = u16::try_from(self.below(2)).unwrap();
                if params[usize::from(param)] == kind {
                    return Expr::Param(param);
                }
            }
            Place::Event => {
                if self.one_in(8) {
                    return Expr::Attribute(Text::from(self.pick(&ATTRIBUTES)));
                }
                let fields = FIELDS.iter().filter(|field| field.value_type() == kind);
                let fields: Vec<Field> = fields.copied().collect();
                if !fields.is_empty() && !self.one_in(3) {
                    return Expr::Field(self.pick(&fields));
                }
            }
            Place::Decision { lets, score } => {
                if score && kind == ValueType::Int && self.one_in(2) {
                    return Expr::Score;
                }
                match self.below(8) {
                    0 => return Expr::Attribute(Text::from(self.pick(&ATTRIBUTES))),
                    1 if lets > 0 => {
                        let at = self.below(lets as usize);
                        // The last `let` may read the score.
                        if self.lets[at] == kind && (at + 1 < LETS as usize || score) {
                            return Expr::Let(LetIndex(u32::try_from(at).unwrap()));
                        }
                    }
                    2 | 3 => {
                        let at = self.below(FEATURES.len());
                        if FEATURES[at] == kind || FEATURES[at] == ValueType::Any {
                            return Expr::Feature(FeatureIndex(u32::try_from(at).unwrap()));
                        }
                    }
                    4..7 => {
                        let fields = FIELDS.iter().filter(|field| field.value_type() == kind);
                        let fields: Vec<Field> = fields.copied().collect();
                        if !fields.is_empty() {
                            return Expr::Field(self.pick(&fields));
                        }
                    }
                    _ => {}
                }
            }
        }
        Expr::Const(self.value(kind))
    }

    fn truth(&mut self, place: Place, below: u8) -> Expr {
        let bool = ValueType::Bool;
        match self.below(14) {
            0 => Expr::And((0..2).map(|_| self.expr(bool, place, below)).collect()),
            1 => Expr::Or((0..2).map(|_| self.expr(bool, place, below)).collect()),
            2 => Expr::Or((0..3).map(|_| self.expr(bool, place, below)).collect()),
            3 => unary(UnaryOp::Not, self.expr(bool, place, below)),
            4 => {
                let kind = self.kind();
                Expr::IsMissing(Box::new(self.expr(kind, place, below)))
            }
            5 => {
                let [needle, start, end] =
                    [ValueType::Int; 3].map(|kind| self.expr(kind, place, below.min(1)));
                Expr::InRange(needle.into(), start.into(), end.into(), self.one_in(2), at())
            }
            6 | 7 => self.contains(place, below),
            8 => {
                let function =
                    self.pick(&[Function::StartsWith, Function::EndsWith, Function::Contains]);
                let args = [ValueType::Text; 2].map(|kind| self.expr(kind, place, below));
                Expr::Call(function, args.into(), at())
            }
            9 => {
                let args =
                    [ValueType::Texts, ValueType::Text].map(|kind| self.expr(kind, place, below));
                Expr::Call(Function::Contains, args.into(), at())
            }
            10 => {
                // What a ratio is written as.
                let [left, right] = [0; 2].map(|_| {
                    let by = constant(i64::from(self.byte()));
                    binary(BinaryOp::Mul, self.leaf(ValueType::Int, place), by)
                });
                binary(self.comparison(), left, right)
            }
            _ => {
                let kind = self.kind();
                let (op, left) = (self.comparison(), self.expr(kind, place, below));
                let right = match kind {
                    ValueType::Int if self.one_in(6) => ValueType::Float,
                    kind => kind,
                };
                binary(op, left, self.expr(right, place, below))
            }
        }
    }

    fn comparison(&mut self) -> BinaryOp {
        self.pick(&[
            BinaryOp::Eq,
            BinaryOp::Ne,
            BinaryOp::Lt,
            BinaryOp::Le,
            BinaryOp::Gt,
            BinaryOp::Ge,
        ])
    }

    fn contains(&mut self, place: Place, below: u8) -> Expr {
        let op = self.pick(&[BinaryOp::In, BinaryOp::In, BinaryOp::NotIn]);
        let text = ValueType::Text;
        match self.below(6) {
            0 => binary(op, self.expr(text, place, below), list("bad")),
            1 => {
                let haystack = self.pick(&[text, ValueType::Texts]);
                binary(op, self.expr(text, place, below), self.expr(haystack, place, below))
            }
            drawn => {
                let kind = if drawn < 4 { text } else { self.kind() };
                let values = self.below(4);
                let values = (0..values).map(|_| {
                    let kind = if self.one_in(12) { self.kind() } else { kind };
                    self.value(kind)
                });
                let values = Expr::Array(values.collect());
                binary(op, self.expr(kind, place, below), values)
            }
        }
    }

    fn number(&mut self, kind: ValueType, place: Place, below: u8) -> Expr {
        let call = |function, args: Vec<Expr>| Expr::Call(function, args, at());
        match self.below(13) {
            0 => unary(UnaryOp::Neg, self.expr(kind, place, below)),
            1 => call(Function::Abs, vec![self.expr(kind, place, below)]),
            2 => {
                let function = self.pick(&[Function::Min, Function::Max]);
                let args = [kind; 2].map(|kind| self.expr(kind, place, below));
                call(function, args.into())
            }
            3 | 4 if kind == ValueType::Float => {
                let args = [ValueType::Int; 2].map(|kind| self.expr(kind, place, below));
                call(Function::Ratio, args.into())
            }
            5 if kind == ValueType::Float => {
                let args = [ValueType::Float; 4].map(|kind| self.expr(kind, place, below));
                call(Function::DistanceKm, args.into())
            }
            3 | 4 => {
                let function = self.pick(&[Function::Age, Function::Hour, Function::Weekday]);
                call(function, vec![self.expr(ValueType::Time, place, below)])
            }
            5 => {
                let kind = self.pick(&[ValueType::Text, ValueType::Texts]);
                call(Function::Len, vec![self.expr(kind, place, below)])
            }
            _ => {
                let op = self.pick(&[
                    BinaryOp::Add,
                    BinaryOp::Sub,
                    BinaryOp::Mul,
                    BinaryOp::Mul,
                    BinaryOp::Div,
                    BinaryOp::Rem,
                ]);
                binary(op, self.expr(kind, place, below), self.expr(kind, place, below))
            }
        }
    }

    fn text(&mut self, place: Place, below: u8) -> Expr {
        let text = ValueType::Text;
        match self.below(5) {
            0 => {
                binary(BinaryOp::Add, self.expr(text, place, below), self.expr(text, place, below))
            }
            1 => Expr::Call(Function::ToLower, vec![self.expr(text, place, below)], at()),
            2 => Expr::Call(Function::ToUpper, vec![self.expr(text, place, below)], at()),
            3 => {
                let mut args = vec![self.expr(text, place, below)];
                args.extend(
                    (0..1 + self.below(2)).map(|_| constant(i64::from(self.byte() % 8) - 3)),
                );
                Expr::Call(Function::SubString, args, at())
            }
            _ => {
                let args = [text; 2].map(|kind| self.expr(kind, place, below));
                Expr::Call(self.pick(&[Function::Min, Function::Max]), args.into(), at())
            }
        }
    }
}

/// Whether an expression reads the score, itself or through one of the `let`s.
fn reads_score(expr: &Expr, lets: &[LetDef]) -> bool {
    let written = format!("{expr:?}");
    let named = |place: usize| written.contains(&format!("Let(LetIndex({place}))"));
    written.contains("Score")
        || lets.iter().enumerate().any(|(place, known)| known.reads_score && named(place))
}
