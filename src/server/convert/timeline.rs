//! From the timeline of a payment to the wire.

use super::answer::{assessed, decision, wire_flags, wire_trace, wire_traced};
use super::wire_time;
use crate::engine::Explanation;
use crate::engine::timeline::{Hold, Step, Timeline};
use crate::model::failure::{Debt, Owed};
use crate::model::field::Fields;
use crate::model::limit::Reservation;
use crate::model::outcome::{Outcome, OutcomeStatus, Pushback, Stage};
use crate::model::value::Text;
use crate::policy::bundle::Bundle;
use crate::server::proto::timeline_entry::Entry;
use crate::server::proto::{self, GetPaymentResponse, TimelineEntry, TracedValue};

/// Why the decision of a step came out as it did.
type Explain<'a> = dyn Fn(&Step) -> Option<Explanation> + 'a;

/// The history of a payment, with the caller's own id of it. `explain` tells why a decision came out as it
/// did; without it what the decisions were made on is left out.
pub(in crate::server) fn timeline(
    timeline: &Timeline,
    payment_id: String,
    (bundle, locale): (&Bundle, &str),
    explain: Option<&Explain<'_>>,
) -> GetPaymentResponse {
    let Timeline { payment_id: _, steps, owed, flags } = timeline;
    let entries = steps.iter().map(|step| {
        let mut entry = entry(step, &payment_id, (bundle, locale));
        if let Some(explain) = explain {
            add_explanation(&mut entry, step, explain(step));
        }
        entry
    });
    GetPaymentResponse {
        timeline: entries.collect(),
        owed: owed.iter().map(wire_debt).collect(),
        flags: wire_flags(flags),
        base_currency: bundle.base_currency.code().to_owned(),
        payment_id,
    }
}

fn entry(step: &Step, payment_id: &str, (bundle, locale): (&Bundle, &str)) -> TimelineEntry {
    let mut entry = TimelineEntry {
        sequence: step.sequence(),
        effective_at: Some(wire_time(step.effective_at())),
        ..TimelineEntry::default()
    };
    match step {
        Step::Score { decision: decided, holds, .. } => {
            entry.entry = Some(Entry::Scored(decision(decided, payment_id.to_owned())));
            entry.reservations = decided.reservations.iter().map(wire_reservation).collect();
            entry.holds = holds.iter().map(wire_hold).collect();
        }
        Step::Outcome { receipt, outcome, assessment, holds } => {
            entry.entry = Some(Entry::Outcome(wire_outcome(outcome, payment_id.to_owned())));
            entry.answer =
                Some(assessed(*receipt, (outcome, assessment), &bundle.failures, locale));
            entry.holds = holds.iter().map(wire_hold).collect();
        }
        Step::Event { event, .. } => {
            entry.entry = Some(Entry::Event(proto::RecordedEvent {
                name: event.name.to_string(),
                event_id: event.event_id.as_deref().unwrap_or_default().to_owned(),
            }));
        }
    }
    entry
}

/// Adds to a score what it was made on, and why its rules came out as they did.
fn add_explanation(entry: &mut TimelineEntry, step: &Step, explanation: Option<Explanation>) {
    let Step::Score { fields, features, .. } = step else { return };
    entry.fields = all_fields(fields);
    entry.features = features.iter().map(|(name, value)| wire_traced(name, &value)).collect();
    let (Some(Entry::Scored(answer)), Some(explanation)) = (&mut entry.entry, explanation) else {
        return;
    };
    let Explanation { trace, changed } = explanation;
    answer.trace = trace.iter().map(wire_trace).collect();
    entry.changed = changed.iter().map(|rule| rule.to_string()).collect();
}

fn all_fields(fields: &Fields) -> Vec<TracedValue> {
    let known = fields.iter().map(|(field, value)| wire_traced(field.path(), value));
    let own = fields
        .attributes()
        .iter()
        .map(|(name, value)| wire_traced(&format!("payment.attributes.{name}"), value));
    known.chain(own).collect()
}

fn wire_hold(hold: &Hold) -> proto::Hold {
    let Hold { limit, counts, held, ends_at } = hold;
    proto::Hold {
        limit: limit.to_string(),
        used: held.used,
        reserved: held.reserved.saturating_add(held.open),
        ends_at: ends_at.map(wire_time),
        counts: *counts,
    }
}

/// A reported outcome, as it was sent.
fn wire_outcome(outcome: &Outcome, payment_id: String) -> proto::ReportOutcomeRequest {
    let Outcome {
        payment_id: _,
        attempt,
        outcome_id,
        status,
        stage,
        amount,
        is_final,
        provider,
        operation,
        network,
        code,
        channel,
        advice_code,
        retry_after,
        latency,
        occurred_at,
    } = outcome;
    let status = match status {
        OutcomeStatus::Authorized => proto::OutcomeStatus::Authorized,
        OutcomeStatus::Captured => proto::OutcomeStatus::Captured,
        OutcomeStatus::Declined => proto::OutcomeStatus::Declined,
        OutcomeStatus::Failed => proto::OutcomeStatus::Failed,
        OutcomeStatus::TimedOut => proto::OutcomeStatus::TimedOut,
        OutcomeStatus::Pending => proto::OutcomeStatus::Pending,
        OutcomeStatus::Canceled => proto::OutcomeStatus::Canceled,
        OutcomeStatus::Expired => proto::OutcomeStatus::Expired,
        OutcomeStatus::Refunded => proto::OutcomeStatus::Refunded,
    };
    let stage = match stage {
        Some(Stage::NotSent) => proto::FailureStage::NotSent,
        Some(Stage::Sent) => proto::FailureStage::Sent,
        None => proto::FailureStage::Unspecified,
    };
    let word = |text: &Option<Text>| text.as_ref().map(Text::to_string).unwrap_or_default();
    proto::ReportOutcomeRequest {
        payment_id,
        attempt: *attempt,
        outcome_id: word(outcome_id),
        status: status.into(),
        amount: *amount,
        r#final: Some(*is_final),
        stage: stage.into(),
        provider: word(provider),
        operation: word(operation),
        network: word(network),
        code: word(code),
        channel: word(channel),
        latency_ms: latency.map(|latency| latency.as_micros().div_euclid(1_000)),
        occurred_at: occurred_at.map(wire_time),
        locale: String::new(),
        advice_code: word(advice_code),
        retry_after_ms: retry_after.map(|pushback| match pushback {
            Pushback::After(wait) => wait.as_micros().div_euclid(1_000),
            Pushback::Never => -1,
        }),
        payment: None,
    }
}

/// What is still to be done, on the wire.
fn wire_debt(debt: &Debt) -> proto::Debt {
    let Debt { owed, attempt, since, due_at, what } = debt;
    let owed = match owed {
        Owed::Query => proto::Owed::Query,
        Owed::Reversal => proto::Owed::Reversal,
        Owed::Outcome => proto::Owed::Outcome,
        Owed::Reconciliation => proto::Owed::Reconciliation,
    };
    proto::Debt {
        owed: owed.into(),
        attempt: *attempt,
        since: Some(wire_time(*since)),
        due_at: due_at.map(wire_time),
        what: what.to_string(),
    }
}

/// What an attempt reserved, on the wire.
fn wire_reservation(reservation: &Reservation) -> proto::Reservation {
    proto::Reservation { limit: reservation.name.to_string(), amount: reservation.amount }
}
