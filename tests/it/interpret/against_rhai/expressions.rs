//! Random expressions, typed, each as a checked tree and as the source text of it.

use proptest::prelude::*;
use vajra::model::field::Field;
use vajra::model::time::Timestamp;
use vajra::model::value::Text;
use vajra::policy::ast::{BinaryOp, UnaryOp};
use vajra::policy::ir::{Expr, FeatureIndex, Function, HelperIndex, LetIndex};

use crate::hand_made::{array, at, binary, constant, list, now, unary};

/// One expression, as a tree and as text.
#[derive(Clone, Debug)]
pub(super) struct Both {
    pub(super) tree: Expr,
    pub(super) text: String,
}

/// Expressions of one depth, by type.
#[derive(Clone)]
struct Level {
    bools: BoxedStrategy<Both>,
    ints: BoxedStrategy<Both>,
    floats: BoxedStrategy<Both>,
    texts: BoxedStrategy<Both>,
    times: BoxedStrategy<Both>,
}

/// All that one case needs.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) facts: Bound,
    pub(super) named: [Both; 2],
    pub(super) helpers: [Both; 2],
    pub(super) root: Both,
}

/// Values of the fields and the feature that expressions name.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) amount: i64,
    pub(super) attempts: i64,
    pub(super) recurring: bool,
    pub(super) lat: f64,
    pub(super) token: &'static str,
    pub(super) created_at: Timestamp,
}

const TEXTS: [&str; 9] = ["", "a", "ab", "bad", "Straße", "ÉCLAIR", "naïve", "b c", "日本"];

fn both(tree: Expr, text: impl Into<String>) -> Both {
    Both { tree, text: text.into() }
}

fn ints() -> impl Strategy<Value = i64> {
    prop_oneof![6 => -20_i64..20, 1 => Just(i64::MAX), 1 => Just(-i64::MAX), 1 => any::<i32>().prop_map(i64::from)]
}

fn int_literal(number: i64) -> Both {
    both(constant(number), format!("({number})"))
}

fn halves() -> impl Strategy<Value = f64> {
    (-16_i32..=16).prop_map(|half| f64::from(half) / 2.0)
}

fn float_literal(number: f64) -> Both {
    both(constant(number), format!("({number:?})"))
}

fn texts() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&TEXTS[..])
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

// === leaves ===

/// Literals, fields, attributes, a feature.
fn facts_level() -> Level {
    let field = |field: Field| both(Expr::Field(field), field.path());
    let attribute =
        |name: &str| both(Expr::Attribute(Text::from(name)), format!("payment.attributes.{name}"));
    let feature = both(Expr::Feature(FeatureIndex(0)), "card.attempts_1h");
    Level {
        bools: prop_oneof![literal_bools(), Just(field(Field::Recurring))].boxed(),
        ints: prop_oneof![
            ints().prop_map(int_literal),
            Just(field(Field::Amount)),
            Just(attribute("number")),
            Just(feature),
        ]
        .boxed(),
        floats: prop_oneof![halves().prop_map(float_literal), Just(field(Field::DeviceLat))]
            .boxed(),
        texts: prop_oneof![literal_texts(), Just(field(Field::CardToken))].boxed(),
        times: prop_oneof![
            Just(field(Field::AccountCreatedAt)),
            Just(both(constant(now()), "NOW")),
        ]
        .boxed(),
    }
}

/// Literals and the parameters of a helper: an int and a string.
fn params_level() -> Level {
    let floats = halves().prop_map(float_literal).boxed();
    Level {
        bools: literal_bools(),
        ints: prop_oneof![ints().prop_map(int_literal), Just(both(Expr::Param(0), "n"))].boxed(),
        floats,
        texts: prop_oneof![literal_texts(), Just(both(Expr::Param(1), "s"))].boxed(),
        times: Just(both(constant(now()), "now()")).boxed(),
    }
}

fn literal_bools() -> BoxedStrategy<Both> {
    any::<bool>().prop_map(|truth| both(constant(truth), truth.to_string())).boxed()
}

fn literal_texts() -> BoxedStrategy<Both> {
    texts().prop_map(|text| both(constant(text), quoted(text))).boxed()
}

// === what is built from other expressions ===

/// Expressions over those of the level below.
fn above(below: &Level) -> Level {
    Level {
        bools: bools(below),
        ints: whole_numbers(below),
        floats: floats(below),
        texts: strings(below),
        times: chosen(below, &below.times),
    }
}

/// What every type has: the expression itself, `if`, `??`.
fn chosen(below: &Level, same: &BoxedStrategy<Both>) -> BoxedStrategy<Both> {
    let conditional = (below.bools.clone(), same.clone(), same.clone()).prop_map(|(c, a, b)| {
        let text = format!("(if {} {{ {} }} else {{ {} }})", c.text, a.text, b.text);
        both(Expr::If(Box::new(c.tree), Box::new(a.tree), Box::new(b.tree)), text)
    });
    let default = (same.clone(), same.clone()).prop_map(|(a, b)| {
        let text = format!("({} ?? {})", a.text, b.text);
        both(Expr::Coalesce(vec![a.tree, b.tree]), text)
    });
    prop_oneof![3 => same.clone(), 1 => conditional, 1 => default].boxed()
}

fn joined(
    left: &BoxedStrategy<Both>,
    right: &BoxedStrategy<Both>,
    ops: &'static [(BinaryOp, &'static str)],
) -> BoxedStrategy<Both> {
    (left.clone(), prop::sample::select(ops), right.clone())
        .prop_map(|(left, (op, sign), right)| {
            let text = format!("({} {sign} {})", left.text, right.text);
            both(binary(op, left.tree, right.tree), text)
        })
        .boxed()
}

fn prefixed(operand: &BoxedStrategy<Both>, op: UnaryOp, sign: &'static str) -> BoxedStrategy<Both> {
    operand
        .clone()
        .prop_map(move |a| both(unary(op, a.tree), format!("({sign}({}))", a.text)))
        .boxed()
}

fn called<const N: usize>(
    args: [&BoxedStrategy<Both>; N],
    function: Function,
    name: &'static str,
) -> BoxedStrategy<Both> {
    let args: Vec<_> = args.into_iter().cloned().collect();
    args.prop_map(move |args| {
        let texts: Vec<_> = args.iter().map(|arg| arg.text.as_str()).collect();
        let text = format!("{name}({})", texts.join(", "));
        let trees = args.into_iter().map(|arg| arg.tree).collect();
        both(Expr::Call(function, trees, at()), text)
    })
    .boxed()
}

const COMPARISONS: &[(BinaryOp, &str)] = &[
    (BinaryOp::Eq, "=="),
    (BinaryOp::Ne, "!="),
    (BinaryOp::Lt, "<"),
    (BinaryOp::Le, "<="),
    (BinaryOp::Gt, ">"),
    (BinaryOp::Ge, ">="),
];
const EXACT: &[(BinaryOp, &str)] =
    &[(BinaryOp::Add, "+"), (BinaryOp::Sub, "-"), (BinaryOp::Mul, "*")];
const PARTIAL: &[(BinaryOp, &str)] = &[(BinaryOp::Div, "/"), (BinaryOp::Rem, "%")];
const JOIN: &[(BinaryOp, &str)] = &[(BinaryOp::Add, "+")];
const WITHIN: &[(BinaryOp, &str)] = &[(BinaryOp::In, "in"), (BinaryOp::NotIn, "!in")];

fn bools(below: &Level) -> BoxedStrategy<Both> {
    let Level { bools, ints, floats, texts, times } = below;
    let junction = |sign: &'static str, join: fn(Vec<Expr>) -> Expr| {
        prop::collection::vec(bools.clone(), 2..4).prop_map(move |terms| {
            let texts: Vec<_> = terms.iter().map(|term| term.text.as_str()).collect();
            let text = format!("({})", texts.join(sign));
            both(join(terms.into_iter().map(|term| term.tree).collect()), text)
        })
    };
    let int_arrays = prop::collection::vec(-5_i64..5, 0..4)
        .prop_map(|numbers| both(array(numbers.clone()), format!("{numbers:?}")))
        .boxed();
    let text_arrays = prop::collection::vec(self::texts(), 0..4)
        .prop_map(|texts| both(array(texts.clone()), format!("{texts:?}")))
        .boxed();
    let lists = Just(both(list("bad"), "list(\"bad\")")).boxed();
    let range = (ints.clone(), -9_i64..9, -9_i64..9, any::<bool>()).prop_map(
        |(needle, start, end, is_closed)| {
            let sign = if is_closed { "..=" } else { ".." };
            let text = format!("({} in ({start}){sign}({end}))", needle.text);
            let [start, end] = [start, end].map(|bound| Box::new(constant(bound)));
            both(Expr::InRange(Box::new(needle.tree), start, end, is_closed, at()), text)
        },
    );
    let is_missing = texts.clone().prop_map(|operand| {
        let text = format!("is_missing({})", operand.text);
        both(Expr::IsMissing(Box::new(operand.tree)), text)
    });
    // A quotient is not exact, and far enough from the halves it is compared with.
    let quotient = (floats.clone(), prop::sample::select(COMPARISONS), halves()).prop_map(
        |(dividend, (op, sign), half)| {
            let text = format!("({} / 3.0 {sign} ({half:?}))", dividend.text);
            let quotient = binary(BinaryOp::Div, dividend.tree, constant(3.0));
            both(binary(op, quotient, constant(half)), text)
        },
    );
    prop_oneof![
        3 => chosen(below, bools),
        2 => junction(" && ", Expr::And),
        2 => junction(" || ", Expr::Or),
        1 => prefixed(bools, UnaryOp::Not, "!"),
        1 => joined(bools, bools, COMPARISONS),
        2 => joined(ints, ints, COMPARISONS),
        2 => joined(floats, floats, COMPARISONS),
        2 => joined(texts, texts, COMPARISONS),
        1 => joined(times, times, COMPARISONS),
        1 => joined(ints, &int_arrays, WITHIN),
        1 => joined(texts, &text_arrays, WITHIN),
        1 => joined(texts, &lists, WITHIN),
        1 => joined(texts, texts, WITHIN),
        1 => range,
        1 => is_missing,
        1 => quotient,
        1 => called([texts, texts], Function::StartsWith, "starts_with"),
        1 => called([texts, texts], Function::EndsWith, "ends_with"),
        1 => called([texts, texts], Function::Contains, "contains"),
    ]
    .boxed()
}

fn whole_numbers(below: &Level) -> BoxedStrategy<Both> {
    let Level { ints, texts, times, .. } = below;
    prop_oneof![
        3 => chosen(below, ints),
        3 => joined(ints, ints, EXACT),
        1 => joined(ints, ints, PARTIAL),
        1 => prefixed(ints, UnaryOp::Neg, "-"),
        1 => called([ints, ints], Function::Min, "min"),
        1 => called([ints, ints], Function::Max, "max"),
        1 => called([ints], Function::Abs, "abs"),
        1 => called([texts], Function::Len, "len"),
        1 => called([times], Function::Age, "age"),
        1 => called([times], Function::Hour, "hour"),
        1 => called([times], Function::Weekday, "weekday"),
    ]
    .boxed()
}

fn floats(below: &Level) -> BoxedStrategy<Both> {
    let Level { floats, .. } = below;
    let divisors = Just(float_literal(2.5)).boxed();
    const REMAINDER: &[(BinaryOp, &str)] = &[(BinaryOp::Rem, "%")];
    prop_oneof![
        3 => chosen(below, floats),
        3 => joined(floats, floats, EXACT),
        1 => joined(floats, &divisors, REMAINDER),
        1 => prefixed(floats, UnaryOp::Neg, "-"),
        1 => called([floats, floats], Function::Min, "min"),
        1 => called([floats, floats], Function::Max, "max"),
        1 => called([floats], Function::Abs, "abs"),
    ]
    .boxed()
}

fn strings(below: &Level) -> BoxedStrategy<Both> {
    let Level { ints, texts, .. } = below;
    prop_oneof![
        3 => chosen(below, texts),
        2 => joined(texts, texts, JOIN),
        1 => called([texts], Function::ToLower, "to_lower"),
        1 => called([texts], Function::ToUpper, "to_upper"),
        1 => called([texts, texts], Function::Min, "min"),
        1 => called([texts, texts], Function::Max, "max"),
        1 => called([texts, ints], Function::SubString, "sub_string"),
        1 => called([texts, ints, ints], Function::SubString, "sub_string"),
    ]
    .boxed()
}

/// The level with the two `let`s and the two helpers of a case beside its own leaves.
fn with_names(level: &Level) -> Level {
    let call = |index, name: &'static str| {
        (level.ints.clone(), level.texts.clone()).prop_map(move |(n, s)| {
            let text = format!("{name}({}, {})", n.text, s.text);
            both(Expr::Helper(HelperIndex(index), vec![n.tree, s.tree], at()), text)
        })
    };
    let named = |index, name: &str| Just(both(Expr::Let(LetIndex(index)), name));
    Level {
        bools:
            prop_oneof![3 => level.bools.clone(), 1 => named(0, "LET_0"), 1 => call(0, "helper_0")]
                .boxed(),
        texts:
            prop_oneof![3 => level.texts.clone(), 1 => named(1, "LET_1"), 1 => call(1, "helper_1")]
                .boxed(),
        ..level.clone()
    }
}

/// Random cases.
pub(super) fn cases() -> impl Strategy<Value = Case> {
    let leaves = facts_level();
    let low = above(&leaves);
    let high = above(&above(&with_names(&low)));
    let body = above(&above(&params_level()));
    // Functions whose value is not exact stand only at the root.
    let distance = {
        let floats = &low.floats;
        called([floats, floats, floats, floats], Function::DistanceKm, "distance_km")
    };
    let divisors = (1_i64..9).prop_map(int_literal).boxed();
    let ratio = called([&low.ints, &divisors], Function::Ratio, "ratio");
    let quotient = joined(&low.floats, &Just(float_literal(3.0)).boxed(), PARTIAL);
    let root = prop_oneof![
        4 => high.bools, 2 => high.ints, 2 => high.floats, 2 => high.texts,
        1 => distance, 1 => ratio, 1 => quotient,
    ];
    let named = (low.bools, low.texts).prop_map(<[Both; 2]>::from);
    let helpers = (body.bools, body.texts).prop_map(<[Both; 2]>::from);
    (bound(), named, helpers, root).prop_map(|(facts, named, helpers, root)| Case {
        facts,
        named,
        helpers,
        root,
    })
}

fn bound() -> impl Strategy<Value = Bound> {
    (ints(), prop_oneof![ints(), Just(i64::MIN)], any::<bool>(), halves(), texts(), any::<i32>())
        .prop_map(|(amount, attempts, recurring, lat, token, secs)| Bound {
            amount,
            attempts,
            recurring,
            lat,
            token,
            created_at: Timestamp::from_secs(i64::from(secs)),
        })
}
