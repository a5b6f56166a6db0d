//! The fields of an event: what came with it, and what the engine computes.

use crate::model::currency::Currency;
use crate::model::failure::{Class, Diagnosis, Family};
use crate::model::field::{Field, Fields};
use crate::model::outcome::Outcome;
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Text, Value};
use crate::policy::set::PolicySet;

/// The fields with what is computed once: `amount_base` from the set's rates, and the receive time for
/// an absent `occurred_at`.
pub(super) fn completed(mut fields: Fields, set: &PolicySet, received_at: Timestamp) -> Fields {
    if let (Value::Missing, Some(amount)) =
        (fields.get(Field::AmountBase), fields.get(Field::Amount).as_int())
    {
        let amount_base = amount_base(set, amount, fields.get(Field::Currency));
        fields.set(Field::AmountBase, amount_base);
    }
    if matches!(fields.get(Field::OccurredAt), Value::Missing) {
        fields.set(Field::OccurredAt, Value::Time(received_at));
    }
    fields
}

/// The event of an outcome carries the attempt's fields, the outcome's channel, and the outcome.
pub(super) fn of_outcome(
    mut fields: Fields,
    outcome: &Outcome,
    diagnosis: &Diagnosis,
    set: &PolicySet,
) -> Fields {
    if outcome.channel.is_some() {
        fields.set(Field::Channel, text(outcome.channel.as_ref()));
    }
    let channel = fields.get(Field::Channel).clone();
    let (amount, base) = match (outcome.amount, fields.get(Field::Amount).as_int()) {
        // The payment's own amount has its conversion, of the time of the score.
        (Some(amount), own) if Some(amount) != own => {
            (Value::Int(amount), amount_base(set, amount, fields.get(Field::Currency)))
        }
        (Some(_) | None, _) => {
            (fields.get(Field::Amount).clone(), fields.get(Field::AmountBase).clone())
        }
    };
    fields.set(Field::OutcomeStatus, Value::Text(Text::const_new(outcome.status.name())));
    fields.set(Field::OutcomeChannel, channel);
    fields.set(Field::OutcomeCode, text(outcome.code.as_ref()));
    let name =
        |name: Option<&str>| name.map_or(Value::Missing, |name| Value::Text(Text::from(name)));
    fields.set(Field::OutcomeCause, name(diagnosis.cause.as_deref()));
    fields.set(Field::OutcomeFamily, name(diagnosis.family.map(Family::name)));
    fields.set(Field::OutcomeClass, name(diagnosis.class.map(Class::name)));
    fields.set(Field::OutcomeIsEvidence, Value::Bool(diagnosis.is_evidence));
    fields.set(Field::OutcomeLatencyMs, outcome.latency.map_or(Value::Missing, millis));
    fields.set(Field::OutcomeAmount, amount);
    fields.set(Field::OutcomeAmountBase, base);
    fields
}

/// The amount in minor units of the base currency; unknown without a rate.
pub(super) fn amount_base(set: &PolicySet, amount: i64, currency: &Value) -> Value {
    let Some(code) = currency.as_text() else { return Value::Missing };
    let bundle = &set.bundle;
    Currency::from_code(code)
        .and_then(|currency| bundle.rates.to_base(amount, currency, bundle.base_currency))
        .map_or(Value::Unknown, Value::Int)
}

fn text(text: Option<&Text>) -> Value {
    text.map_or(Value::Missing, |text| Value::Text(text.clone()))
}

#[expect(clippy::integer_division, reason = "whole milliseconds are what the field holds")]
const fn millis(span: Span) -> Value {
    Value::Int(span.as_micros() / 1_000)
}
