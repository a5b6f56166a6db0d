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

/// An expression of any shape, sensible or not; attributes are left out because their types are only
/// known at run time.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "payment.amount",
        "payment.attempt",
        "payment.currency",
        "payment.card.country",
        "payment.recurring",
        "payment.occurred_at",
        "payment.account.created_at",
        "payment.device.lat",
        "payment.authenticated",
        "card.attempts",
        "card.average",
        "card.last_country",
        "card.last_seen",
        "doubled",
        "is_far",
        "LARGE",
        "COUNTRIES",
        "7",
        "0.5",
        "true",
        "\"XA\"",
        "[\"XA\", payment.billing.country]",
        "[1, 2.5]",
        "1..=9",
        "list(\"blocked\")",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(vec![
            "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "in", "!in", "&&", "||",
            "??",
        ]);
        let unary = prop::sample::select(vec![
            "!",
            "-",
            "is_missing",
            "age",
            "hour",
            "weekday",
            "abs",
            "len",
            "to_lower",
            "twice",
        ]);
        let pair = prop::sample::select(vec![
            "ratio",
            "min",
            "max",
            "starts_with",
            "ends_with",
            "contains",
            "sub_string",
            "over",
            "one_of",
        ]);
        prop_oneof![
            4 => (inner.clone(), operator, inner.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            2 => (unary, inner.clone()).prop_map(|(function, a)| format!("{function}({a})")),
            2 => (pair, inner.clone(), inner.clone())
                .prop_map(|(function, a, b)| format!("{function}({a}, {b})")),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(c, a, b)| format!("(if {c} {{ {a} }} else {{ {b} }})")),
        ]
    })
}

/// A condition: an expression of which something is asked, so that more of them pass.
fn condition() -> impl Strategy<Value = String> {
    let asked = prop::sample::select(vec!["_", "is_missing(_)", "_ > 1", "_ == \"XA\"", "!_"]);
    (expression(), asked).prop_map(|(expression, asked)| asked.replace('_', &expression))
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
    #![proptest_config(ProptestConfig { cases: 1_500, max_global_rejects: 1_000_000, ..ProptestConfig::default() })]

    #[test]
    fn what_passes_the_check_never_fails_for_its_types(
        condition in condition(),
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
