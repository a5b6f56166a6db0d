//! From the model to the wire.
// CRITICAL PATH: a change here carries its number from `benches/rpc.rs`.

use super::wire_time;
use crate::engine::Receipt;
use crate::failure::tables::Tables;
use crate::model::decision::{
    Decision, Evaluation, MetChallenge, Reason, RuleError, RuleTrace, ShadowHit,
};
use crate::model::failure::{
    Advice, Assessment, Class, Diagnosis, Family, Flag, Money, Need, NextChannel, RankedChannel,
};
use crate::model::limit::LimitUsage;
use crate::model::outcome::Outcome;
use crate::model::value::{Text, Value};
use crate::model::verdict::{NextStep, ReasonClass, Verdict};
use crate::server::proto;

/// A decision as the caller gets it: with their own id of the payment.
pub(in crate::server) fn decision(decision: &Decision, payment_id: String) -> proto::ScoreResponse {
    let Decision {
        decision_id,
        payment_id: _,
        attempt,
        sequence: _,
        effective_at: _,
        policy_version,
        evaluation,
        next_step,
        not_before,
        customer_message,
        advice,
        channels,
        reservations: _,
    } = decision;
    let Evaluation {
        verdict,
        review,
        score,
        reasons,
        challenge,
        fired: _,
        degraded,
        shadow,
        exempted,
        challenges_met,
        errors,
        trace,
        limits,
        amounts: _,
        clears_with_time: _,
    } = evaluation;
    proto::ScoreResponse {
        decision_id: decision_id.to_string(),
        payment_id,
        attempt: *attempt,
        verdict: wire_verdict(*verdict).into(),
        review: *review,
        score: *score,
        reasons: reasons.iter().map(wire_reason).collect(),
        challenge: strings(challenge),
        next_step: wire_next_step(*next_step).into(),
        not_before: not_before.map(wire_time),
        max_attempts: advice.as_ref().map(|advice| advice.attempts_left),
        channels: channels.iter().map(wire_channel).collect(),
        advice: advice.as_deref().map(wire_advice),
        customer_message: customer_message.as_deref().unwrap_or_default().to_owned(),
        limits: limits.iter().map(wire_limit).collect(),
        policy_version: policy_version.to_string(),
        degraded: strings(degraded),
        shadow: shadow.iter().map(wire_shadow).collect(),
        exempted: exempted.iter().map(|rule| rule.to_string()).collect(),
        errors: errors.iter().map(wire_error).collect(),
        trace: trace.iter().map(wire_trace).collect(),
        challenges_met: challenges_met.iter().map(wire_met).collect(),
    }
}

/// The verdict on the wire.
pub(in crate::server) const fn wire_verdict(verdict: Verdict) -> proto::Verdict {
    match verdict {
        Verdict::Allow => proto::Verdict::Allow,
        Verdict::Challenge => proto::Verdict::Challenge,
        Verdict::Block => proto::Verdict::Block,
    }
}

/// The next step on the wire.
pub(in crate::server) const fn wire_next_step(step: NextStep) -> proto::NextStep {
    match step {
        NextStep::Proceed => proto::NextStep::Proceed,
        NextStep::StepUp => proto::NextStep::StepUp,
        NextStep::Query => proto::NextStep::Query,
        NextStep::RetryLater => proto::NextStep::RetryLater,
        NextStep::SwitchChannel => proto::NextStep::SwitchChannel,
        NextStep::AskCustomer => proto::NextStep::AskCustomer,
        NextStep::Stop => proto::NextStep::Stop,
    }
}

fn wire_channel(channel: &RankedChannel) -> proto::RankedChannel {
    let RankedChannel { id, succeeded, attempts, cost, why } = channel;
    proto::RankedChannel {
        id: id.to_string(),
        succeeded: *succeeded,
        attempts: *attempts,
        cost: *cost,
        why: why.to_string(),
    }
}

/// Advice on the wire.
pub(in crate::server) fn wire_advice(advice: &Advice) -> proto::Advice {
    let Advice {
        next_step,
        next,
        not_before,
        attempts_left,
        deadline,
        needs,
        queries,
        channels,
        why,
        source,
    } = advice;
    proto::Advice {
        next_step: wire_next_step(*next_step).into(),
        next: match next {
            NextChannel::Same => proto::NextChannel::Same,
            NextChannel::Other => proto::NextChannel::Other,
            NextChannel::None => proto::NextChannel::None,
        }
        .into(),
        not_before: not_before.map(wire_time),
        attempts_left: *attempts_left,
        deadline: deadline.map(wire_time),
        needs: needs.iter().map(|need| wire_need(*need).into()).collect(),
        queries: queries.iter().copied().map(wire_time).collect(),
        channels: channels.iter().map(wire_channel).collect(),
        why: why.to_string(),
        source: source.to_string(),
    }
}

const fn wire_need(need: Need) -> proto::Need {
    match need {
        Need::Query => proto::Need::Query,
        Need::Reversal => proto::Need::Reversal,
        Need::NewCard => proto::Need::NewCard,
        Need::Correction => proto::Need::Correction,
        Need::Cvv => proto::Need::Cvv,
        Need::StepUp => proto::Need::StepUp,
        Need::NewToken => proto::Need::NewToken,
        Need::OtherMethod => proto::Need::OtherMethod,
        Need::BankContact => proto::Need::BankContact,
        Need::Operations => proto::Need::Operations,
    }
}

fn wire_limit(limit: &LimitUsage) -> proto::LimitUsage {
    let LimitUsage { name, used, reserved, max, resets_at, not_applied, counts } = limit;
    proto::LimitUsage {
        name: name.to_string(),
        used: *used,
        reserved: *reserved,
        max: max.as_int(),
        resets_at: resets_at.map(wire_time),
        not_applied: *not_applied,
        counts: *counts,
    }
}

const fn wire_class(class: ReasonClass) -> proto::ReasonClass {
    match class {
        ReasonClass::Fraud => proto::ReasonClass::Fraud,
        ReasonClass::Velocity => proto::ReasonClass::Velocity,
        ReasonClass::Limit => proto::ReasonClass::Limit,
        ReasonClass::List => proto::ReasonClass::List,
        ReasonClass::Suspension => proto::ReasonClass::Suspension,
        ReasonClass::Trust => proto::ReasonClass::Trust,
        ReasonClass::Degraded => proto::ReasonClass::Degraded,
    }
}

fn wire_reason(reason: &Reason) -> proto::Reason {
    let Reason { code, class, rule, message } = reason;
    proto::Reason {
        code: code.to_string(),
        class: wire_class(*class).into(),
        rule: rule.to_string(),
        message: message.as_deref().unwrap_or_default().to_owned(),
    }
}

fn wire_shadow(hit: &ShadowHit) -> proto::ShadowHit {
    let ShadowHit { rule, actions } = hit;
    proto::ShadowHit {
        rule: rule.to_string(),
        actions: actions.iter().map(|action| action.to_string()).collect(),
    }
}

fn wire_met(met: &MetChallenge) -> proto::MetChallenge {
    let MetChallenge { rule, code, method } = met;
    proto::MetChallenge {
        rule: rule.to_string(),
        code: code.to_string(),
        method: method.to_string(),
    }
}

fn wire_error(error: &RuleError) -> proto::RuleError {
    let RuleError { rule, problem } = error;
    proto::RuleError { rule: rule.to_string(), problem: problem.clone() }
}

/// Why a rule or a limit fired or not, on the wire.
pub(in crate::server) fn wire_trace(trace: &RuleTrace) -> proto::RuleTrace {
    let RuleTrace { rule, file, line, is_shadow, actions, condition, values } = trace;
    let condition = match condition {
        Some(Value::Bool(true)) => proto::Condition::True,
        Some(Value::Bool(false)) => proto::Condition::False,
        Some(Value::Missing) => proto::Condition::Missing,
        Some(Value::Unknown) => proto::Condition::Unknown,
        // A condition of another type is a rule that errored.
        Some(
            Value::Int(_) | Value::Float(_) | Value::Time(_) | Value::Text(_) | Value::Texts(_),
        )
        | None => proto::Condition::Error,
    };
    proto::RuleTrace {
        rule: rule.to_string(),
        condition: condition.into(),
        values: values.iter().map(|(name, value)| wire_traced(name, value)).collect(),
        file: file.to_string(),
        line: *line,
        shadow: *is_shadow,
        actions: actions.iter().map(|action| action.to_string()).collect(),
    }
}

/// A name with its value, on the wire.
pub(in crate::server) fn wire_traced(name: &str, value: &Value) -> proto::TracedValue {
    proto::TracedValue { name: name.to_owned(), value: Some(wire_value(value)) }
}

fn wire_value(value: &Value) -> proto::PolicyValue {
    use proto::policy_value::Kind;
    let kind = match value {
        Value::Missing => Kind::Missing(true),
        Value::Unknown => Kind::Unknown(true),
        Value::Bool(truth) => Kind::BoolValue(*truth),
        Value::Int(number) => Kind::IntValue(*number),
        Value::Float(number) => Kind::NumberValue(*number),
        Value::Time(at) => Kind::TimeValue(wire_time(*at)),
        Value::Text(text) => Kind::StringValue(text.to_string()),
        Value::Texts(texts) => Kind::ListValue(proto::StringList { values: strings(texts) }),
    };
    proto::PolicyValue { kind: Some(kind) }
}

fn strings(texts: &[Text]) -> Vec<String> {
    texts.iter().map(Text::to_string).collect()
}

/// What was made of an outcome, with what to tell the customer in that locale.
pub(in crate::server) fn assessed(
    receipt: Receipt,
    (outcome, assessment): (&Outcome, &Assessment),
    tables: &Tables,
    locale: &str,
) -> proto::ReportOutcomeResponse {
    let Receipt { sequence, effective_at, repeated } = receipt;
    let message = tables.message((outcome, assessment), locale, "en");
    let Assessment { diagnosis, advice, flags } = assessment;
    proto::ReportOutcomeResponse {
        sequence,
        effective_at: Some(wire_time(effective_at)),
        repeated,
        customer_message: message.unwrap_or_default(),
        diagnosis: Some(wire_diagnosis(diagnosis)),
        advice: Some(wire_advice(advice)),
        flags: wire_flags(flags),
    }
}

fn wire_diagnosis(diagnosis: &Diagnosis) -> proto::Diagnosis {
    let Diagnosis { cause, family, money, class, is_evidence, is_unmapped } = diagnosis;
    let family = match family {
        None => proto::FailureFamily::Unspecified,
        Some(Family::Technical) => proto::FailureFamily::Technical,
        Some(Family::NonTechnical) => proto::FailureFamily::NonTechnical,
    };
    let class = match class {
        None => proto::FailureClass::Unspecified,
        Some(Class::Tech) => proto::FailureClass::Tech,
        Some(Class::Query) => proto::FailureClass::Query,
        Some(Class::Later) => proto::FailureClass::Later,
        Some(Class::Cust) => proto::FailureClass::Cust,
        Some(Class::Fix) => proto::FailureClass::Fix,
        Some(Class::Never) => proto::FailureClass::Never,
    };
    let money = match money {
        Money::NotSent => proto::Money::NotSent,
        Money::Declined => proto::Money::Declined,
        Money::Unknown => proto::Money::Unknown,
        Money::InProgress => proto::Money::InProgress,
        Money::Succeeded => proto::Money::Succeeded,
    };
    proto::Diagnosis {
        cause: cause.as_deref().unwrap_or_default().to_owned(),
        family: family.into(),
        money: money.into(),
        class: class.into(),
        is_evidence: *is_evidence,
        is_unmapped: *is_unmapped,
    }
}

/// Flags on the wire.
pub(in crate::server) fn wire_flags(flags: &[Flag]) -> Vec<i32> {
    let wire = flags.iter().map(|flag| match flag {
        Flag::SecondSuccess => proto::Flag::SecondSuccess,
        Flag::LateSuccess => proto::Flag::LateSuccess,
        Flag::HeldAgain => proto::Flag::HeldAgain,
        Flag::ReservationExpired => proto::Flag::ReservationExpired,
        Flag::CapturedAboveAmount => proto::Flag::CapturedAboveAmount,
        Flag::RefundedAboveCapture => proto::Flag::RefundedAboveCapture,
    });
    wire.map(Into::into).collect()
}
