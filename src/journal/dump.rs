//! Entries as JSON, for a person and for tools of all kinds. What is missing or empty is left out.

use serde_json::{Map, Value as Json, json};

use crate::engine::journal::{Entry, Event, Position};
use crate::list::{ChangeKind, ListChange};
use crate::model::decision::{Decision, Evaluation};
use crate::model::failure::{Advice, Assessment, Class, Diagnosis, Family};
use crate::model::outcome::Outcome;
use crate::model::packed::Packed;
use crate::model::time::{Span, Timestamp};
use crate::model::value::Value;

/// An entry with its place.
pub fn entry(position: Position, entry: &Entry) -> Json {
    let (kind, mut said) = match entry {
        Entry::Score {
            content,
            received_at,
            occurred_at,
            amount_base,
            locale,
            features,
            decision,
        } => {
            let features: Map<String, Json> =
                features.iter().map(|(name, found)| (name.to_string(), value(&found))).collect();
            let mut said = json!({
                "received_at": time(*received_at),
                "occurred_at": occurred_at.map(time),
                "fields": fields(content),
                "amount_base": value(amount_base),
                "features": features,
                "decision": decided(decision),
            });
            // What was recorded before locales were has none.
            if let (Some(said), false) = (said.as_object_mut(), locale.is_empty()) {
                said.insert("locale".to_owned(), json!(locale.as_str()));
            }
            ("score", said)
        }
        Entry::Outcome { received_at, applied_at, outcome, assessment, .. } => {
            let said = json!({
                "received_at": time(*received_at),
                "applied_at": time(*applied_at),
                "outcome": reported(outcome),
                "assessment": assessed(assessment),
            });
            ("outcome", said)
        }
        Entry::Event { received_at, applied_at, event, .. } => {
            let Event { name, event_id, payment_id, content, occurred_at } = event.as_ref();
            let said = json!({
                "received_at": time(*received_at),
                "applied_at": time(*applied_at),
                "name": name.as_str(),
                "event_id": event_id.as_deref(),
                "payment_id": payment_id.as_deref(),
                "fields": fields(content),
                "occurred_at": occurred_at.map(time),
            });
            ("event", said)
        }
        Entry::List { change, .. } => ("list", changed(change)),
        Entry::Publication { policy_version, files, .. } => {
            let files: Map<String, Json> =
                files.0.iter().map(|(path, file)| (path.clone(), json!(file.len()))).collect();
            (
                "publication",
                json!({ "policy_version": policy_version.as_str(), "file_bytes": files }),
            )
        }
    };
    let head = json!({
        "position": position.0,
        "kind": kind,
        "sequence": entry.sequence(),
        "effective_at": time(entry.effective_at()),
    });
    let mut line = Map::new();
    for part in [head, std::mem::take(&mut said)] {
        if let Json::Object(part) = part {
            line.extend(part);
        }
    }
    trimmed(Json::Object(line))
}

fn decided(decision: &Decision) -> Json {
    let Evaluation { verdict, review, score, reasons, challenge, fired, .. } = &decision.evaluation;
    let Evaluation { degraded, shadow, exempted, challenges_met, errors, .. } =
        &decision.evaluation;
    json!({
        "decision_id": decision.decision_id.as_str(),
        "payment_id": decision.payment_id.as_str(),
        "attempt": decision.attempt,
        "policy_version": decision.policy_version.as_str(),
        "verdict": verdict.name(),
        "review": review,
        "score": score,
        "reasons": reasons.iter().map(|reason| json!({
            "code": &*reason.code,
            "class": reason.class.name(),
            "rule": &*reason.rule,
            "message": reason.message.as_deref(),
        })).collect::<Vec<_>>(),
        "challenge": challenge.iter().map(|method| method.as_str()).collect::<Vec<_>>(),
        "fired": fired.iter().map(|rule| &**rule).collect::<Vec<_>>(),
        "degraded": degraded.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        "shadow": shadow.iter().map(|hit| &*hit.rule).collect::<Vec<_>>(),
        "exempted": exempted.iter().map(|rule| &**rule).collect::<Vec<_>>(),
        "challenges_met": challenges_met.iter().map(|met| &*met.rule).collect::<Vec<_>>(),
        "errors": errors.iter().map(|error| json!({
            "rule": &*error.rule,
            "problem": error.problem.as_str(),
        })).collect::<Vec<_>>(),
        "next_step": decision.next_step.name(),
        "not_before": decision.not_before.map(time),
        "customer_message": decision.customer_message.as_deref(),
        "advice": decision.advice.as_deref().map(advised),
        "channels": decision.channels.iter().map(|channel| channel.id.as_str()).collect::<Vec<_>>(),
        "reservations": decision.reservations.iter().map(|reservation| json!({
            "limit": &*reservation.name,
            "amount": reservation.amount,
        })).collect::<Vec<_>>(),
    })
}

fn reported(outcome: &Outcome) -> Json {
    json!({
        "payment_id": outcome.payment_id.as_str(),
        "attempt": outcome.attempt,
        "outcome_id": outcome.outcome_id.as_deref(),
        "status": outcome.status.name(),
        "amount": outcome.amount,
        "final": outcome.is_final,
        "provider": outcome.provider.as_deref(),
        "operation": outcome.operation.as_deref(),
        "network": outcome.network.as_deref(),
        "code": outcome.code.as_deref(),
        "advice_code": outcome.advice_code.as_deref(),
        "channel": outcome.channel.as_deref(),
        "latency_us": outcome.latency.map(Span::as_micros),
        "occurred_at": outcome.occurred_at.map(time),
    })
}

fn assessed(assessment: &Assessment) -> Json {
    let Assessment { diagnosis, advice, flags } = assessment;
    let Diagnosis { cause, family, money, class, is_evidence, is_unmapped } = diagnosis;
    json!({
        "cause": cause.as_deref(),
        "family": family.map(Family::name),
        "money": money.name(),
        "class": class.map(Class::name),
        "is_evidence": is_evidence,
        "is_unmapped": is_unmapped,
        "advice": advised(advice),
        "flags": flags.iter().map(|flag| flag.name()).collect::<Vec<_>>(),
    })
}

fn advised(advice: &Advice) -> Json {
    json!({
        "next_step": advice.next_step.name(),
        "not_before": advice.not_before.map(time),
        "attempts_left": advice.attempts_left,
        "deadline": advice.deadline.map(time),
        "channels": advice.channels.iter().map(|channel| channel.id.as_str()).collect::<Vec<_>>(),
        "why": advice.why.as_str(),
        "source": advice.source.as_str(),
    })
}

fn changed(change: &ListChange) -> Json {
    let (action, expires_at, reason) = match &change.kind {
        ChangeKind::Add { expires_at, reason } => ("add", expires_at.map(time), reason),
        ChangeKind::Remove { reason } => ("remove", None, reason),
    };
    json!({
        "list": change.list.as_str(),
        "value": change.value.as_str(),
        "action": action,
        "expires_at": expires_at,
        "reason": reason.as_deref(),
    })
}

fn fields(content: &Packed) -> Json {
    let fields = content.unpack();
    let named = fields.iter().map(|(field, found)| (field.path().to_owned(), value(found)));
    let attributes = fields
        .attributes()
        .iter()
        .map(|(name, found)| (format!("payment.attributes.{name}"), value(found)));
    Json::Object(named.chain(attributes).collect())
}

fn value(value: &Value) -> Json {
    match value {
        Value::Missing => Json::Null,
        Value::Unknown => json!({ "unknown": true }),
        Value::Bool(truth) => json!(truth),
        Value::Int(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Time(at) => time(*at),
        Value::Text(text) => json!(text.as_str()),
        Value::Texts(texts) => json!(texts.iter().map(|text| text.as_str()).collect::<Vec<_>>()),
    }
}

fn time(at: Timestamp) -> Json {
    json!(at.to_string())
}

/// Without what is nothing.
fn trimmed(json: Json) -> Json {
    match json {
        Json::Object(fields) => {
            let fields = fields.into_iter().map(|(name, field)| (name, trimmed(field)));
            Json::Object(fields.filter(|(_, field)| !is_nothing(field)).collect())
        }
        Json::Array(several) => Json::Array(several.into_iter().map(trimmed).collect()),
        other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_)) => other,
    }
}

fn is_nothing(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Array(several) => several.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}
