//! The outcome that a row tells, through the edge.

use crate::backtest::absent::Present;
use crate::backtest::row::RowOutcome;
use crate::failure::tables::Tables;
use crate::model::field::Field;
use crate::model::intake::{Intake, Violation};
use crate::model::outcome::Outcome;
use crate::model::value::Text;

/// The outcome of a payment.
pub(super) fn of(
    row: &RowOutcome,
    (payment_id, attempt): (&str, u32),
    intake: &Intake,
) -> Result<Outcome, Violation> {
    let text = |field: &str, text: &Option<Text>| {
        let text = text.as_ref().map(|text| intake.id(field, text));
        text.transpose().map(|text| text.map(|admitted| admitted.value))
    };
    let RowOutcome {
        status,
        stage,
        amount,
        is_final,
        code,
        channel,
        provider,
        operation,
        network,
        latency,
    } = row;
    Ok(Outcome {
        payment_id: Text::from(payment_id),
        attempt,
        outcome_id: None,
        status: *status,
        stage: *stage,
        amount: *amount,
        is_final: *is_final,
        provider: text("outcome.provider", provider)?,
        operation: text("outcome.operation", operation)?,
        network: text("outcome.network", network)?,
        code: text("outcome.code", code)?,
        channel: text("outcome.channel", channel)?,
        advice_code: None,
        retry_after: None,
        latency: *latency,
        occurred_at: None,
    })
}

/// Notes what policies can read of an outcome; `has_channel` says whether its payment has one.
pub(super) fn note(outcome: &Outcome, has_channel: bool, tables: &Tables, present: &mut Present) {
    let diagnosis = tables.diagnose(outcome, None);
    if let Some(event) = outcome.event(diagnosis.money) {
        present.events.insert(Text::const_new(event));
    }
    let always = [
        Field::OutcomeStatus,
        Field::OutcomeIsEvidence,
        Field::OutcomeAmount,
        Field::OutcomeAmountBase,
    ];
    for field in always {
        present.field(field);
    }
    if diagnosis.cause.is_some() {
        for field in [Field::OutcomeCause, Field::OutcomeFamily, Field::OutcomeClass] {
            present.field(field);
        }
    }
    if outcome.code.is_some() {
        present.field(Field::OutcomeCode);
    }
    if outcome.latency.is_some() {
        present.field(Field::OutcomeLatencyMs);
    }
    if outcome.channel.is_some() {
        present.field(Field::Channel);
    }
    if outcome.channel.is_some() || has_channel {
        present.field(Field::OutcomeChannel);
    }
}
