//! Between the wire and the model. Everything is taken apart by name, so that a new field of a message
//! breaks the build where a choice is needed.
//!
//! Nothing is checked here but what only the wire can get wrong: enum values, times out of range, ids
//! that are no fields. The rest is [`crate::model::intake`]'s.
// CRITICAL PATH: a change here carries its number from `benches/rpc.rs`.

pub(super) mod answer;
pub(super) mod codes;
pub(super) mod payment;
pub(super) mod timeline;

use prost_types::Timestamp as WireTime;

use crate::model::intake::{Intake, Violation};
use crate::model::outcome::{Outcome, OutcomeStatus, Pushback, Stage};
use crate::model::time::{Span, Timestamp};
use crate::model::value::Text;
use crate::server::proto;
use crate::server::refusal::violation;

/// The greatest latency that is taken, in milliseconds: a day.
const LATENCY_MS_MAX: i64 = 86_400_000;

/// An outcome, and how many of its ids were card numbers.
///
/// # Errors
/// Every violation at once.
pub(super) fn outcome(
    request: proto::ReportOutcomeRequest,
    intake: &Intake,
    received_at: Timestamp,
    skew_max: Span,
) -> Result<(Outcome, u32), Vec<Violation>> {
    let proto::ReportOutcomeRequest {
        payment_id,
        attempt,
        outcome_id,
        status,
        amount,
        r#final,
        stage,
        provider,
        operation,
        network,
        code,
        channel,
        latency_ms,
        occurred_at,
        locale: _,
        advice_code,
        retry_after_ms,
        payment: _,
    } = request;
    let mut checks = Checks { intake, violations: Vec::new(), hashed: 0 };
    let payment_id = checks.id("payment_id", &payment_id);
    if attempt == 0 {
        checks.refuse("attempt", "is required, and counts from 1");
    }
    let outcome_id =
        (!outcome_id.is_empty()).then(|| checks.id("outcome_id", &outcome_id)).flatten();
    let status = checks.status(status);
    let stage = checks.stage(status, stage);
    if let Some(Err(violation)) = amount.map(|amount| Intake::amount("amount", amount)) {
        checks.violations.push(violation);
    }
    let provider = checks.word("provider", &provider);
    let operation = checks.word("operation", &operation);
    let network = checks.word("network", &network);
    let code = checks.word("code", &code);
    let channel = checks.word("channel", &channel);
    let advice_code = checks.word("advice_code", &advice_code);
    if latency_ms.is_some_and(|latency| !(0..=LATENCY_MS_MAX).contains(&latency)) {
        checks.refuse("latency_ms", &format!("must be from 0 to {LATENCY_MS_MAX}"));
    }
    let occurred_at = checks.occurred_at(occurred_at, received_at, skew_max);
    let (Some(payment_id), Some(status), true) = (payment_id, status, checks.violations.is_empty())
    else {
        return Err(checks.violations);
    };
    let outcome = Outcome {
        payment_id,
        attempt,
        outcome_id,
        status,
        stage,
        amount,
        is_final: r#final.unwrap_or(true),
        provider,
        operation,
        network,
        code,
        channel,
        advice_code,
        retry_after: retry_after_ms.map(pushback),
        latency: latency_ms.map(|ms| Span::from_micros(ms.saturating_mul(1_000))),
        occurred_at,
    };
    Ok((outcome, checks.hashed))
}

/// What a channel says of when it may be asked again; negative: never.
const fn pushback(ms: i64) -> Pushback {
    if ms < 0 {
        Pushback::Never
    } else {
        Pushback::After(Span::from_micros(ms.saturating_mul(1_000)))
    }
}

/// Checks fields of a request that are no fields of a payment, and collects what is wrong.
#[derive(Debug)]
pub(super) struct Checks<'a> {
    /// The edge.
    pub intake: &'a Intake,
    /// What was wrong so far.
    pub violations: Vec<Violation>,
    /// How many ids were card numbers.
    pub hashed: u32,
}

// === impl Checks ===

impl Checks<'_> {
    /// Refuses a field.
    pub(super) fn refuse(&mut self, field: &str, problem: &str) {
        self.violations.push(violation(field, problem));
    }

    /// An id that is required.
    pub(super) fn id(&mut self, field: &str, id: &str) -> Option<Text> {
        match self.intake.id(field, id) {
            Ok(admitted) => {
                self.hashed += admitted.hashed;
                Some(admitted.value)
            }
            Err(violation) => {
                self.violations.push(violation);
                None
            }
        }
    }

    /// The name of an event that a caller records.
    pub(super) fn event_name(&mut self, field: &str, name: &str) -> Option<Text> {
        Intake::event_name(field, name).map_err(|violation| self.violations.push(violation)).ok()
    }

    /// When an outcome or an event happened: not after now, but for the skew of clocks. How far back it
    /// may be is the engine's to say.
    pub(super) fn occurred_at(
        &mut self,
        sent: Option<WireTime>,
        received_at: Timestamp,
        skew_max: Span,
    ) -> Option<Timestamp> {
        let sent = sent?;
        let Some(at) = timestamp(sent) else {
            self.refuse("occurred_at", OUT_OF_RANGE);
            return None;
        };
        if at.since(received_at) > skew_max {
            self.refuse("occurred_at", "must not lie in the future");
        }
        Some(at)
    }

    fn word(&mut self, field: &str, text: &str) -> Option<Text> {
        match Intake::word(field, text) {
            Ok(word) => word,
            Err(violation) => {
                self.violations.push(violation);
                None
            }
        }
    }

    fn status(&mut self, status: i32) -> Option<OutcomeStatus> {
        use proto::OutcomeStatus as Wire;
        match Wire::try_from(status) {
            Ok(Wire::Authorized) => Some(OutcomeStatus::Authorized),
            Ok(Wire::Captured) => Some(OutcomeStatus::Captured),
            Ok(Wire::Declined) => Some(OutcomeStatus::Declined),
            Ok(Wire::Failed) => Some(OutcomeStatus::Failed),
            Ok(Wire::TimedOut) => Some(OutcomeStatus::TimedOut),
            Ok(Wire::Pending) => Some(OutcomeStatus::Pending),
            Ok(Wire::Canceled) => Some(OutcomeStatus::Canceled),
            Ok(Wire::Expired) => Some(OutcomeStatus::Expired),
            Ok(Wire::Refunded) => Some(OutcomeStatus::Refunded),
            Ok(Wire::Unspecified) => {
                self.refuse("status", "is required");
                None
            }
            Err(_unknown) => {
                self.refuse("status", "is not a known status");
                None
            }
        }
    }

    /// The stage says something of a failure alone.
    fn stage(&mut self, status: Option<OutcomeStatus>, stage: i32) -> Option<Stage> {
        use proto::FailureStage as Wire;
        let stage = match Wire::try_from(stage) {
            Ok(Wire::NotSent) => Some(Stage::NotSent),
            Ok(Wire::Sent) => Some(Stage::Sent),
            Ok(Wire::Unspecified) => None,
            Err(_unknown) => {
                self.refuse("stage", "is not a known stage");
                return None;
            }
        };
        if status != Some(OutcomeStatus::Failed) {
            return None;
        }
        if stage.is_none() {
            self.refuse("stage", "is required with the status FAILED");
        }
        stage
    }
}

/// An instant of the wire; `None` when it is none. What is finer than a microsecond is cut off.
#[expect(clippy::integer_division, reason = "the rest is cut off")]
pub(super) fn timestamp(time: WireTime) -> Option<Timestamp> {
    if !(0..1_000_000_000).contains(&time.nanos) {
        return None;
    }
    let micros = time.seconds.checked_mul(1_000_000)?.checked_add(i64::from(time.nanos / 1_000))?;
    Some(Timestamp::from_micros(micros))
}

/// An instant for the wire.
pub(super) fn wire_time(at: Timestamp) -> WireTime {
    let micros = at.as_micros();
    let nanos = micros.rem_euclid(1_000_000).saturating_mul(1_000);
    WireTime {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}

const OUT_OF_RANGE: &str = "is not an instant between the years 1 and 9999";
