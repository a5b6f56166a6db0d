//! The edge: what passes, what is refused and in which words.

mod card_numbers;

use proptest::prelude::*;
use vajra::model::card_number::HashKey;
use vajra::model::currency::Currency;
use vajra::model::field::{Field, Fields};
use vajra::model::intake::{Admitted, Intake, Violation, bounds};
use vajra::model::payment::Payment;
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Text, Value, ValueType};

const VISA: &str = "4111111111111111";
const NOW: Timestamp = Timestamp::from_secs(1_770_000_000);

fn intake() -> Intake {
    Intake::new(HashKey::new([7; 32]), Span::from_secs(300))
}

fn history() -> Intake {
    Intake::for_history(HashKey::new([7; 32]))
}

fn text(value: &str) -> Value {
    Value::Text(Text::from(value))
}

fn smallest() -> Fields {
    let mut fields = Fields::new();
    fields.set(Field::Id, text("p1"));
    fields.set(Field::Attempt, Value::Int(1));
    fields.set(Field::Amount, Value::Int(0));
    fields.set(Field::Currency, text("eur"));
    fields
}

fn with(field: Field, value: Value) -> Fields {
    let mut fields = smallest();
    fields.set(field, value);
    fields
}

fn with_attribute(name: &str, value: Value) -> Fields {
    let mut fields = smallest();
    fields.set_attribute(Text::from(name), value);
    fields
}

fn admit(fields: Fields) -> Admitted<Payment> {
    intake().payment(fields, NOW).unwrap()
}

fn admitted(field: Field, value: Value) -> Value {
    admit(with(field, value)).value.fields().get(field).clone()
}

/// The violations, each as `path: problem`.
fn refusals(fields: Fields) -> Vec<String> {
    let violations = intake().payment(fields, NOW).unwrap_err();
    violations
        .into_iter()
        .map(|Violation { field, problem }| format!("{field}: {problem}"))
        .collect()
}

#[test]
fn the_smallest_payment_gets_its_defaults() {
    let payment = admit(smallest()).value;
    let fields = payment.fields();
    assert_eq!(fields.get(Field::Currency), &text("EUR"));
    assert_eq!(fields.get(Field::Wallet), &text("none"));
    assert_eq!(fields.get(Field::ThreeDs), &text("none"));
    assert_eq!(fields.get(Field::Recurring), &Value::Bool(false));
    assert_eq!(fields.get(Field::OffSession), &Value::Bool(false));
    assert_eq!(fields.get(Field::OccurredAt), &Value::Time(NOW));
    assert_eq!(fields.get(Field::AmountBase), &Value::Missing);
    assert_eq!(fields.iter().count(), 9);
}

#[test]
fn every_violation_is_reported_at_once_in_the_order_of_the_fields() {
    let mut fields = Fields::new();
    fields.set(Field::Attempt, Value::Int(0));
    fields.set(Field::Amount, Value::Int(-1));
    fields.set(Field::Currency, text("EUX"));
    fields.set(Field::CardToken, text(VISA));
    fields.set(Field::DeviceLat, Value::Float(90.5));
    fields.set_attribute(Text::from("note"), text("my card is 4111-1111-1111-1111."));
    assert_eq!(
        refusals(fields),
        [
            "payment.id: is required",
            "payment.attempt: must be at least 1",
            "payment.amount: must be at least 0",
            "payment.currency: is not an active ISO 4217 currency",
            "payment.card.token: must not be a card number: send a token of it",
            "payment.device.lat: must be between -90 and 90 degrees",
            "payment.attributes[\"note\"]: must not contain a card number",
        ]
    );
}

#[test]
fn without_anything_each_required_field_is_named() {
    assert_eq!(
        refusals(Fields::new()),
        [
            "payment.id: is required",
            "payment.attempt: is required",
            "payment.amount: is required",
            "payment.currency: is required",
        ]
    );
}

#[test]
fn an_empty_string_is_missing() {
    assert_eq!(admitted(Field::CardToken, text("")), Value::Missing);
    assert_eq!(admitted(Field::Wallet, text("")), text("none"));
    assert_eq!(admitted(Field::Authenticated, Value::Texts(Box::default())), Value::Missing);
    assert_eq!(refusals(with(Field::Id, text(""))), ["payment.id: is required"]);
    let payment = admit(with_attribute("plan", text(""))).value;
    assert!(payment.fields().attributes().is_empty());
}

#[test]
fn letters_take_the_case_of_the_contract_and_others_are_kept() {
    for (field, sent, kept) in [
        (Field::CardCountry, "de", "DE"),
        (Field::DeviceIpCountry, "De", "DE"),
        (Field::ShippingCountry, "de", "DE"),
        (Field::CardBrand, "VISA", "visa"),
        (Field::AccountEmailDomain, "Example.COM", "example.com"),
        (Field::AccountEmail, "Ann@Example.COM", "Ann@Example.COM"),
        (Field::Method, "Card", "Card"),
        (Field::AccountId, " A1 ", " A1 "),
    ] {
        assert_eq!(admitted(field, text(sent)), text(kept), "{}", field.path());
    }
}

#[test]
fn the_email_domain_is_that_of_the_address() {
    for (email, domain, derived) in [
        ("ann@Example.COM", "", text("example.com")),
        ("ann@example.com", "other.example", text("example.com")),
        ("\"a@b\"@example.com", "", text("example.com")),
        ("", "Other.Example", text("other.example")),
        ("ann@", "", Value::Missing),
        ("ann", "", Value::Missing),
    ] {
        let mut fields = with(Field::AccountEmail, text(email));
        fields.set(Field::AccountEmailDomain, text(domain));
        let payment = admit(fields).value;
        assert_eq!(payment.fields().get(Field::AccountEmailDomain), &derived, "{email}");
    }
}

#[test]
fn numbers_have_bounds() {
    for (field, value, problem) in [
        (Field::Attempt, Value::Int(4_294_967_296), "must be at most 4294967295"),
        (Field::Amount, Value::Int(i64::MAX), "must be at most 100000000000000000"),
        (Field::Amount, Value::Int(i64::MIN), "must be at least 0"),
        (Field::BillingLon, Value::Float(f64::NAN), "must be between -180 and 180 degrees"),
        (Field::BillingLon, Value::Float(f64::INFINITY), "must be between -180 and 180 degrees"),
        (Field::ShippingLat, Value::Int(91), "must be between -90 and 90 degrees"),
    ] {
        assert_eq!(refusals(with(field, value)), [format!("{}: {problem}", field.path())]);
    }
    assert_eq!(
        admitted(Field::Amount, Value::Int(bounds::AMOUNT_MAX)).as_int(),
        Some(bounds::AMOUNT_MAX)
    );
    assert_eq!(admitted(Field::Attempt, Value::Int(4_294_967_295)).as_int(), Some(4_294_967_295));
    assert_eq!(admitted(Field::DeviceLat, Value::Int(-90)), Value::Float(-90.0));
}

#[test]
fn texts_have_bounds_and_no_control_characters() {
    for (field, max) in [
        (Field::Id, bounds::ID_BYTES_MAX),
        (Field::CardToken, bounds::ID_BYTES_MAX),
        (Field::Method, bounds::WORD_BYTES_MAX),
        (Field::AccountEmail, bounds::EMAIL_BYTES_MAX),
        (Field::BillingLine1, bounds::LINE_BYTES_MAX),
        (Field::Description, bounds::DESCRIPTION_BYTES_MAX),
        (Field::DeviceUserAgent, bounds::USER_AGENT_BYTES_MAX),
    ] {
        let longest = text(&"x".repeat(max));
        assert_eq!(admitted(field, longest.clone()), longest);
        let path = field.path();
        let too_long = format!("{path}: must have at most {max} bytes");
        assert_eq!(refusals(with(field, text(&"x".repeat(max + 1)))), [too_long]);
        let control = format!("{path}: must not have control characters");
        assert_eq!(refusals(with(field, text("a\0b"))), [control]);
    }
    assert_eq!(admitted(Field::Description, text("two\r\n\tlines")), text("two\r\n\tlines"));
    assert_eq!(refusals(with(Field::CardToken, text("two\nlines"))).len(), 1);
}

#[test]
fn a_value_of_another_type_is_refused() {
    for (field, value, problem) in [
        (Field::CardToken, Value::Int(4), "must be a string"),
        (Field::Amount, Value::Float(1.0), "must be an int"),
        (Field::Recurring, text("yes"), "must be a bool"),
        (Field::OccurredAt, Value::Int(0), "must be a time"),
        (Field::Authenticated, text("3ds"), "must be a list of strings"),
        (Field::CardBin, Value::Unknown, "must be a string"),
    ] {
        assert_eq!(refusals(with(field, value)), [format!("{}: {problem}", field.path())]);
    }
}

#[test]
fn what_the_score_computes_cannot_be_sent() {
    for field in [Field::AmountBase, Field::OutcomeAmount] {
        let refused = refusals(with(field, Value::Int(1)));
        assert_eq!(refused, [format!("{}: is computed, and cannot be sent", field.path())]);
    }
}

#[test]
fn occurred_at_must_be_close_to_the_receive_time_but_not_in_a_history() {
    let (skew, more) = (Span::from_secs(300), Span::from_micros(300_000_001));
    for at in [NOW.plus(skew), NOW.minus(skew)] {
        assert_eq!(admitted(Field::OccurredAt, Value::Time(at)), Value::Time(at));
    }
    for at in [NOW.plus(more), NOW.minus(more)] {
        let fields = with(Field::OccurredAt, Value::Time(at));
        assert_eq!(
            refusals(fields.clone()),
            ["payment.occurred_at: must be within 5m of the time it is received"]
        );
        assert!(history().payment(fields, NOW).is_ok());
    }
    for at in [Timestamp::MIN, Timestamp::MAX] {
        assert!(history().payment(with(Field::AccountCreatedAt, Value::Time(at)), NOW).is_err());
    }
}

#[test]
fn challenges_passed_are_bounded() {
    let methods = |count: usize, method: &str| {
        Value::Texts(std::iter::repeat_n(Text::from(method), count).collect())
    };
    assert_eq!(
        admit(with(Field::Authenticated, methods(16, "3ds"))).value.authenticated().len(),
        16
    );
    for (value, problem) in [
        (methods(17, "3ds"), "must have at most 16 entries"),
        (methods(1, ""), "must not have an empty entry"),
        (methods(1, &"x".repeat(65)), "each entry must have at most 64 bytes"),
    ] {
        let refused = refusals(with(Field::Authenticated, value));
        assert_eq!(refused, [format!("payment.authenticated: {problem}")]);
    }
}

#[test]
fn attributes_are_strings_numbers_and_bools_within_bounds() {
    for value in [text("gold"), Value::Int(-1), Value::Float(0.5), Value::Bool(true)] {
        let payment = admit(with_attribute("plan", value.clone())).value;
        assert_eq!(payment.fields().attribute("plan"), &value);
    }
    for (name, value, problem) in [
        ("t", Value::Time(NOW), "[\"t\"]: must be a string, a number or a bool"),
        ("f", Value::Float(f64::NAN), "[\"f\"]: must be a finite number"),
        ("s", text(&"x".repeat(1_025)), "[\"s\"]: must have at most 1024 bytes"),
        ("", Value::Int(1), ": must not have an empty name"),
        ("a\nb", Value::Int(1), ": each name must not have control characters"),
        (&"n".repeat(65), Value::Int(1), ": each name must have at most 64 bytes"),
        (VISA, Value::Int(1), ": each name must not contain a card number"),
    ] {
        assert_eq!(refusals(with_attribute(name, value)), [format!("payment.attributes{problem}")]);
    }
    let mut many = smallest();
    for name in 0..65 {
        many.set_attribute(Text::from(format!("a{name}")), Value::Int(1));
    }
    assert_eq!(refusals(many), ["payment.attributes: must have at most 64 entries"]);
}

#[test]
fn an_event_requires_nothing_and_gets_no_defaults() {
    let mut fields = Fields::new();
    fields.set(Field::AccountEmail, text("ann@Example.com"));
    fields.set(Field::DeviceId, text(VISA));
    let admitted = intake().event(fields).unwrap();
    assert_eq!(admitted.hashed, 1);
    assert_eq!(admitted.value.iter().count(), 3);
    assert_eq!(admitted.value.get(Field::AccountEmailDomain), &text("example.com"));
    let mut bad = Fields::new();
    bad.set(Field::CardToken, text(VISA));
    assert_eq!(intake().event(bad).unwrap_err().len(), 1);
}

#[test]
fn an_id_outside_the_fields_has_the_same_bounds() {
    let refused = |id: &str| intake().id("event_id", id).unwrap_err().to_string();
    assert_eq!(refused(""), "invalid `event_id`: is required");
    assert_eq!(refused(&"x".repeat(129)), "invalid `event_id`: must have at most 128 bytes");
    assert_eq!(refused("a\u{7f}"), "invalid `event_id`: must not have control characters");
    assert_eq!(intake().id("event_id", "e1").unwrap().value, "e1");
    assert_eq!(Intake::word("code", "").unwrap(), None);
    assert_eq!(Intake::word("code", "51").unwrap().as_deref(), Some("51"));
    assert!(Intake::word("code", VISA).is_err());
}

#[test]
fn an_event_that_a_caller_records_has_a_name_of_its_own() {
    for name in ["login", "disputed", "fraud", "Password_Changed2"] {
        assert_eq!(Intake::event_name("name", name).unwrap(), name);
    }
    for name in ["", "2fa", "pass word", "é", "attempt", "declined", &"x".repeat(65)] {
        assert!(Intake::event_name("name", name).is_err(), "{name}");
    }
}

#[test]
fn currencies_know_their_minor_unit() {
    for (code, exponent) in [
        ("EUR", 2),
        ("usd", 2),
        ("Jpy", 0),
        ("KRW", 0),
        ("KWD", 3),
        ("TND", 3),
        ("CLF", 4),
        ("CNY", 2),
    ] {
        let currency = Currency::from_code(code).unwrap();
        assert_eq!(currency.exponent(), exponent, "{code}");
        assert_eq!(currency.code(), code.to_uppercase());
    }
    for code in ["", "EU", "EURO", "XAU", "XTS", "XXX", "DEM", "AED ", " AE", "D A", "€", "ZZZ"] {
        assert_eq!(Currency::from_code(code), None, "{code}");
    }
    let all: Vec<Currency> = Currency::all().collect();
    let distinct: std::collections::HashSet<_> = all.iter().map(Currency::code).collect();
    assert_eq!(all.len(), distinct.len());
    assert!(all.len() > 160);
}

#[test]
fn known_words_are_those_of_texts() {
    for field in Field::ALL {
        let words = field.known_words();
        assert!(words.is_empty() || field.value_type() == ValueType::Text, "{}", field.path());
    }
    assert!(Field::ThreeDs.known_words().contains(&"attempted"));
    assert!(Field::Channel.known_words().is_empty());
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Missing),
        Just(Value::Unknown),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        any::<i64>().prop_map(|micros| Value::Time(Timestamp::from_micros(micros))),
        any::<String>().prop_map(|sent| text(&sent)),
        "[0-9 -]{0,40}".prop_map(|sent| text(&sent)),
        prop::collection::vec(".{0,4}", 0..4)
            .prop_map(|texts| Value::Texts(texts.into_iter().map(Text::from).collect())),
    ]
}

proptest! {
    #[test]
    fn no_fields_make_the_edge_panic_and_what_passes_once_passes_again(
        values in prop::collection::vec((prop::sample::select(Field::ALL), any_value()), 0..12),
        attributes in prop::collection::vec((".{0,6}", any_value()), 0..4),
        from_history in any::<bool>(),
    ) {
        let mut fields = smallest();
        for (field, value) in values {
            fields.set(field, value);
        }
        for (name, value) in attributes {
            fields.set_attribute(Text::from(name), value);
        }
        let intake = if from_history { history() } else { intake() };
        if let Ok(admitted) = intake.payment(fields.clone(), NOW) {
            let again = intake.payment(admitted.value.fields().clone(), NOW).unwrap();
            prop_assert_eq!(&again.value, &admitted.value);
            prop_assert_eq!(again.hashed, 0);
        }
        drop(intake.event(fields));
    }
}
