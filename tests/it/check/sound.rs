//! A condition that passed the check never fails for its types: whatever fields, features, `let`s and
//! helpers it joins, and whatever is missing.

use std::sync::Arc;

use proptest::prelude::*;
use vajra::model::field::{Field, Fields};
use vajra::model::time::Timestamp;
use vajra::model::value::{Text, Value};
use vajra::policy::check::check;
use vajra::policy::interpret::{EvalError, Facts, Lists, value_of};

use super::bundle;

/// Declarations that the conditions build on.
const PRELUDE: &str = r#"entity card = payment.card.token;
feature attempts = count(attempt) by card over "1h";
feature average = avg(attempt, payment.amount) by card over "1h";
feature last_country = last(attempt, payment.card.country) by card;
feature last_seen = max(attempt, payment.occurred_at) by card;
const LARGE = 500_00;
const COUNTRIES = ["XA", "XB"];
let doubled = card.attempts * 2;
let is_far = payment.card.country != payment.billing.country;
fn over(a, b) { a > b }
fn twice(a) { a + a }
fn one_of(a, b) { a in b }
"#;

/// No list has anything on it.
#[derive(Debug)]
struct Nobody;

impl Lists for Nobody {
    fn contains(&self, _: &str, _: &str, _: Timestamp) -> bool {
        false
    }

    fn to_shared(&self) -> Arc<dyn Lists> {
        Arc::new(Self)
    }
}

/// What an expression is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Truth,
    Number,
    Text,
    Time,
    Several,
}

const KINDS: [Kind; 5] = [Kind::Truth, Kind::Number, Kind::Text, Kind::Time, Kind::Several];

/// Templates in which `#N`, `#S`, `#T`, `#B` and `#A` stand for a number, a string, a time, a truth, and
/// what holds several strings. Attributes are left out: their types are only known at run time.
const fn templates(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Truth => &[
            "payment.recurring",
            "is_far",
            "true",
            "(#N > #N)",
            "(#N == #N)",
            "(#S == #S)",
            "(#S < #S)",
            "(#T <= #T)",
            "(#T != #T)",
            "(#B == #B)",
            "(#B && #B)",
            "(#B || #B)",
            "!#B",
            "(#B ?? #B)",
            "(#S in #A)",
            "(#S !in #A)",
            "(#N in [1, 2.5, #N])",
            "(#N in 1..=9)",
            "(#S in #S)",
            "is_missing(#N)",
            "is_missing(#A)",
            "#S.starts_with(#S)",
            "contains(#S, #S)",
            "over(#N, #N)",
            "over(#T, #T)",
            "one_of(#S, #A)",
            "(if #B { #B } else { #B })",
            "#A.contains(#S)",
        ],
        Kind::Number => &[
            "payment.amount",
            "payment.attempt",
            "payment.device.lat",
            "card.attempts",
            "card.average",
            "doubled",
            "LARGE",
            "7",
            "0.5",
            "-#N",
            "(#N + #N)",
            "(#N - #N)",
            "(#N * #N)",
            "(#N / #N)",
            "(#N % #N)",
            "(#N ?? #N)",
            "abs(#N)",
            "min(#N, #N)",
            "max(#N, #N)",
            "ratio(#N, #N)",
            "age(#T)",
            "hour(#T)",
            "#T.weekday()",
            "#S.len()",
            "len(#A)",
            "twice(#N)",
            "distance_km(#N, #N, #N, #N)",
            "(if #B { #N } else { #N })",
        ],
        Kind::Text => &[
            "payment.currency",
            "payment.card.country",
            "card.last_country",
            "\"XA\"",
            "(#S + #S)",
            "(#S ?? #S)",
            "to_lower(#S)",
            "#S.to_upper()",
            "#S.sub_string(1)",
            "sub_string(#S, 0, 1)",
            "twice(#S)",
            "min(#S, #S)",
            "(if #B { #S } else { #S })",
        ],
        Kind::Time => &[
            "payment.occurred_at",
            "payment.account.created_at",
            "card.last_seen",
            "(#T ?? #T)",
            "max(#T, #T)",
            "(if #B { #T } else { #T })",
        ],
        Kind::Several => &[
            "payment.authenticated",
            "COUNTRIES",
            "[\"XA\", \"XB\"]",
            "[#S, \"XB\"]",
            "list(\"blocked\")",
            "#S",
        ],
    }
}

/// An expression that is meant to be of a kind: here and there it is of another.
fn expression(kind: Kind, depth: u32) -> BoxedStrategy<String> {
    let index = any::<prop::sample::Index>;
    (0..30_usize, index(), index())
        .prop_flat_map(move |(slip, other, which)| {
            let kind = if slip == 0 { *other.get(&KINDS) } else { kind };
            let choice: Vec<&str> = templates(kind)
                .iter()
                .filter(|template| depth > 0 || !template.contains('#'))
                .copied()
                .collect();
            let template: &&str = which.get(&choice);
            filled(template, depth)
        })
        .boxed()
}

/// A template with something in place of what it leaves open.
fn filled(template: &str, depth: u32) -> BoxedStrategy<String> {
    let mut pieces = template.split('#');
    let mut whole = Just(pieces.next().unwrap_or_default().to_owned()).boxed();
    for piece in pieces {
        let (hole, rest) = piece.split_at(1);
        let kind = match hole {
            "N" => Kind::Number,
            "S" => Kind::Text,
            "T" => Kind::Time,
            "B" => Kind::Truth,
            _ => Kind::Several,
        };
        let rest = rest.to_owned();
        whole = (whole, expression(kind, depth - 1))
            .prop_map(move |(before, inner)| format!("{before}{inner}{rest}"))
            .boxed();
    }
    whole
}

fn present(field: Field) -> Value {
    match field {
        Field::Amount | Field::Attempt => Value::Int(3),
        Field::Recurring => Value::Bool(true),
        Field::OccurredAt | Field::AccountCreatedAt => Value::Time(Timestamp::from_secs(86_400)),
        Field::DeviceLat => Value::Float(52.5),
        Field::Authenticated => Value::Texts(Box::new([Text::from("3ds")])),
        _ => Value::Text(Text::from("XA")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_passes_the_check_never_fails_for_its_types(
        condition in expression(Kind::Truth, 3),
        fields_there in prop::collection::vec(any::<bool>(), 9),
        features_there in prop::collection::vec(any::<bool>(), 4),
    ) {
        let source = format!("{PRELUDE}rule \"one\" when {condition} then block(\"CARD_TESTING\");\n");
        let Some(set) = check(&bundle(&source, &[])).set else { return Ok(()) };
        let mut fields = Fields::new();
        let known = [
            Field::Amount,
            Field::Attempt,
            Field::Currency,
            Field::CardCountry,
            Field::Recurring,
            Field::OccurredAt,
            Field::AccountCreatedAt,
            Field::DeviceLat,
            Field::Authenticated,
        ];
        for (field, is_there) in known.into_iter().zip(fields_there) {
            if is_there {
                fields.set(field, present(field));
            }
        }
        let features = [
            Value::Int(3),
            Value::Float(2.5),
            Value::Text(Text::from("XA")),
            Value::Time(Timestamp::from_secs(60)),
        ];
        let features: Vec<Value> = features
            .into_iter()
            .zip(features_there)
            .map(|(value, is_there)| if is_there { value } else { Value::Missing })
            .collect();
        let facts = Facts {
            fields: &fields,
            features: &features,
            now: Timestamp::from_secs(100_000),
            lists: &Nobody,
        };
        match value_of(&set, &set.rules[0].when, &facts) {
            Ok(Value::Bool(_) | Value::Missing | Value::Unknown)
            | Err(EvalError::Overflow | EvalError::DivisionByZero | EvalError::NotFinite) => {}
            other => prop_assert!(false, "{condition} came to {other:?}"),
        }
    }
}
