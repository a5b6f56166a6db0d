//! `RiskService`: from a request to the engine and back. Between the decoded request and its decision
//! nothing is awaited; the answer waits for the journal.
// CRITICAL PATH: a change here carries its number from `benches/rpc.rs`.

use std::sync::Arc;

use prost::Message as _;
use tonic::{Request, Response, Status, Streaming};

use super::admission::Arrival;
use super::convert::{self, Checks, answer, payment, wire_time};
use super::core::Core;
use super::fallback;
use super::refusal::{Refusal, violation};
use super::services::risk_service_server::RiskService;
use super::stream::Answers;
use super::wire::StreamMessage;
use super::{clock, proto};
use crate::engine::payments::Reported;
use crate::engine::timeline::Step;
use crate::engine::{Receipt, RecordedEvent, ReportError, ScoreRequest};
use crate::journal::log::Settled;
use crate::model::field::{Field, Fields};
use crate::model::intake::{Admitted, Violation};
use crate::model::outcome::Outcome;
use crate::model::payment::Payment;
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};

/// What `degraded` has when a decision is not as durable as was promised.
const UNKEPT_MARK: &str = "journal";
const LOCALE_BYTES_MAX: usize = 35;

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Risk {
    core: Arc<Core>,
}

// === impl Risk ===

impl Risk {
    /// The service over what all share.
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// What all services share.
    pub(super) const fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Decides one attempt, as a call of its own or as a message of a stream.
    ///
    /// # Errors
    /// Why there is no decision; then nothing was counted.
    pub(super) fn decide(
        &self,
        request: proto::ScoreRequest,
        is_over: bool,
    ) -> Result<proto::ScoreResponse, Refusal> {
        let begun = clock::instant();
        let proto::ScoreRequest { payment, locale, dry_run, trace } = request;
        let received_at = clock::now();
        let mut violations = Vec::new();
        if !is_locale(&locale) {
            violations.push(violation("locale", "is not a language tag, such as `zh-CN`"));
        }
        let Some(payment) = payment else {
            violations.push(violation("payment", "is required"));
            return Err(Refusal::Invalid(violations));
        };
        let payment_id = payment.id.clone();
        let payment = self.admit(payment, violations, received_at)?;
        if is_over {
            return self.fall_back(&payment, payment_id, &locale);
        }
        let request = ScoreRequest { payment, locale: Text::from(locale), dry_run, trace };
        let scored = self.core.engine.score(&request, received_at).map_err(|error| {
            Refusal::from_score(error, self.core.admission.limits().retry_after)
        })?;
        let decision = &scored.decision;
        let response = answer::decision(decision, payment_id);
        let metrics = &self.core.metrics;
        if scored.repeated {
            metrics.repeats.increment(1);
        } else if !dry_run {
            let evaluation = &decision.evaluation;
            metrics.decided(evaluation.verdict);
            metrics.rules_fired(&evaluation.fired);
            if !evaluation.errors.is_empty() {
                metrics.rule_failures.increment(evaluation.errors.len() as u64);
            }
        }
        metrics.decision_duration.record(clock::instant().duration_since(begun).as_secs_f64());
        Ok(response)
    }

    /// Takes a payment through the edge. What the wire found wrong is said with what the edge finds.
    fn admit(
        &self,
        payment: proto::Payment,
        mut violations: Vec<Violation>,
        received_at: Timestamp,
    ) -> Result<Payment, Refusal> {
        let fields = payment::fields(payment, &mut violations);
        match self.core.intake.payment(fields, received_at) {
            Ok(admitted) if violations.is_empty() => Ok(self.count_hashed(admitted)),
            Ok(_) => Err(Refusal::Invalid(violations)),
            Err(more) => {
                violations.extend(more);
                Err(Refusal::Invalid(violations))
            }
        }
    }

    fn count_hashed<T>(&self, admitted: Admitted<T>) -> T {
        let Admitted { value, hashed } = admitted;
        if hashed > 0 {
            self.core.metrics.card_numbers_hashed.increment(hashed.into());
        }
        value
    }

    fn fall_back(
        &self,
        payment: &Payment,
        payment_id: String,
        locale: &str,
    ) -> Result<proto::ScoreResponse, Refusal> {
        let set = self.core.engine.policies();
        let answer = fallback::answer(&set.bundle, payment, payment_id, locale);
        let answer = answer.ok_or_else(|| self.core.overloaded())?;
        self.core.metrics.fallbacks.increment(1);
        Ok(answer)
    }

    fn report(
        &self,
        mut request: proto::ReportOutcomeRequest,
    ) -> Result<proto::ReportOutcomeResponse, Refusal> {
        let received_at = clock::now();
        let blocks = request.payment.take();
        // Neither is content: an outcome told again in another language is a repeat.
        let locale = std::mem::take(&mut request.locale);
        let id = unscored_id(&request);
        let core = &self.core;
        let (outcome, hashed) = convert::outcome(request, &core.intake, received_at, core.skew_max)
            .map_err(Refusal::Invalid)?;
        core.metrics.card_numbers_hashed.increment(hashed.into());
        let retry_after = core.admission.limits().retry_after;
        let reported = match (core.engine.report_outcome(&outcome, received_at), blocks) {
            (
                Err(ReportError::UnknownPayment(_) | ReportError::UnknownAttempt { .. }),
                Some(blocks),
            ) => self.report_unscored(&id, &outcome, blocks, received_at)?,
            (Ok(reported), _) => reported,
            (Err(error), _) => return Err(Refusal::from_report(error, retry_after)),
        };
        if !reported.receipt.repeated {
            let channel = core.engine.channel_of(&reported.outcome, received_at);
            core.metrics.reported(&reported.assessment, channel.as_deref());
        }
        let set = core.engine.policies();
        let locale = if locale.is_empty() { set.bundle.locale.as_str() } else { &locale };
        let Reported { receipt, assessment, outcome } = &reported;
        Ok(answer::assessed(*receipt, (outcome, assessment), &set.bundle.failures, locale))
    }

    /// The outcome of an attempt that was answered under overload: it comes with its own blocks.
    fn report_unscored(
        &self,
        id: &Text,
        outcome: &Outcome,
        mut blocks: proto::Payment,
        received_at: Timestamp,
    ) -> Result<Reported, Refusal> {
        let mut violations = Vec::new();
        if blocks.id.is_empty() {
            blocks.id = outcome.payment_id.to_string();
        }
        if blocks.attempt == 0 {
            blocks.attempt = outcome.attempt;
        } else if blocks.attempt != outcome.attempt {
            violations.push(violation("payment.attempt", "must be that of the outcome"));
        }
        let is_dated = blocks.occurred_at.is_some();
        let payment = self.admit(blocks, violations, received_at)?;
        if payment.id() != outcome.payment_id {
            return Err(Refusal::field("payment.id", "must be that of the outcome"));
        }
        let mut fields = payment.fields().clone();
        if !is_dated {
            fields.set(Field::OccurredAt, Value::Missing);
        }
        self.core
            .engine
            .report_unscored(id, outcome, &fields, received_at)
            .map_err(|error| Refusal::from_report(error, self.core.admission.limits().retry_after))
    }

    fn record(
        &self,
        request: proto::RecordEventRequest,
    ) -> Result<proto::RecordEventResponse, Refusal> {
        let proto::RecordEventRequest { name, event_id, payment_id, occurred_at, payment } =
            request;
        let core = &self.core;
        let received_at = clock::now();
        let mut checks = Checks { intake: &core.intake, violations: Vec::new(), hashed: 0 };
        let name = checks.event_name("name", &name);
        let event_id = checks.id("event_id", &event_id);
        let payment_id =
            (!payment_id.is_empty()).then(|| checks.id("payment_id", &payment_id)).flatten();
        let occurred_at = checks.occurred_at(occurred_at, received_at, core.skew_max);
        if payment_id.is_some() && payment.is_some() {
            checks.refuse("payment", "must not stand beside `payment_id`, which brings its own");
        }
        let Checks { intake: _, mut violations, hashed } = checks;
        let fields = payment::event_fields(payment.unwrap_or_default(), &mut violations);
        let fields = match core.intake.event(fields) {
            Ok(admitted) => self.count_hashed(admitted),
            Err(more) => {
                violations.extend(more);
                Fields::new()
            }
        };
        let (Some(name), Some(event_id), true) = (name, event_id, violations.is_empty()) else {
            return Err(Refusal::Invalid(violations));
        };
        core.metrics.card_numbers_hashed.increment(hashed.into());
        let event = RecordedEvent { name, event_id, payment_id, fields, occurred_at };
        let Receipt { sequence, effective_at, repeated } = core
            .engine
            .record_event(&event, received_at)
            .map_err(|error| Refusal::from_report(error, core.admission.limits().retry_after))?;
        if !repeated {
            core.metrics.events.increment(1);
        }
        let effective_at = Some(wire_time(effective_at));
        Ok(proto::RecordEventResponse { sequence, effective_at, repeated })
    }

    fn timeline(
        &self,
        request: proto::GetPaymentRequest,
    ) -> Result<proto::GetPaymentResponse, Refusal> {
        let proto::GetPaymentRequest { payment_id, trace, locale } = request;
        if !is_locale(&locale) {
            return Err(Refusal::field("locale", "is not a language tag, such as `zh-CN`"));
        }
        let engine = &self.core.engine;
        let stored = self
            .core
            .intake
            .id("payment_id", &payment_id)
            .map_err(|violation| Refusal::Invalid(vec![violation]))?;
        let Some(timeline) = engine.payment(&stored.value, clock::now()) else {
            let error = ReportError::UnknownPayment(stored.value);
            return Err(Refusal::from_report(error, self.core.admission.limits().retry_after));
        };
        let bundle = &engine.policies().bundle;
        let locale = if locale.is_empty() { bundle.locale.as_str() } else { &locale };
        let explain = |step: &Step| engine.explain(step);
        let explain = trace.then_some(&explain as &_);
        Ok(convert::timeline::timeline(&timeline, payment_id, (bundle, locale), explain))
    }

    fn codes(&self) -> proto::ListFailureCodesResponse {
        let (met, left_out) = self.core.engine.unmapped();
        let set = self.core.engine.policies();
        convert::codes::codes(&set.bundle.failures, &met, left_out)
    }

    async fn unary<T, R>(
        &self,
        request: Request<T>,
        work: impl FnOnce(&Self, T, &Arrival) -> Result<R, Refusal>,
    ) -> Result<Response<R>, Status> {
        self.settled(request, work, |_| {}).await
    }

    /// Answers once what was done is as durable as was promised, or marks the answer when it was said
    /// that it is given all the same.
    async fn settled<T, R>(
        &self,
        request: Request<T>,
        work: impl FnOnce(&Self, T, &Arrival) -> Result<R, Refusal>,
        mark: impl FnOnce(&mut R),
    ) -> Result<Response<R>, Status> {
        let (_, extensions, message) = request.into_parts();
        let Some(arrival) = extensions.get::<Arrival>() else {
            return Err(Status::internal("a request came in at no door"));
        };
        let mut answered = self.core.answer(arrival, || work(self, message, arrival))?;
        match self.core.settle(arrival).await? {
            Settled::Kept => {}
            Settled::Degraded => mark(&mut answered),
        }
        Ok(Response::new(answered))
    }
}

/// Marks a decision that is not as durable as was promised.
pub(super) fn mark_unkept(response: &mut proto::ScoreResponse) {
    response.degraded.push(UNKEPT_MARK.to_owned());
}

#[tonic::async_trait]
impl RiskService for Risk {
    type ScoreStreamStream = Answers;

    async fn score(
        &self,
        request: Request<proto::ScoreRequest>,
    ) -> Result<Response<proto::ScoreResponse>, Status> {
        let work = |risk: &Self, message, arrival: &Arrival| risk.decide(message, arrival.is_over);
        self.settled(request, work, mark_unkept).await
    }

    async fn score_stream(
        &self,
        request: Request<Streaming<StreamMessage>>,
    ) -> Result<Response<Answers>, Status> {
        self.unary(request, |risk, messages, arrival| {
            risk.core.check_room(arrival)?;
            Ok(Answers::new(messages, risk.clone(), arrival.clone()))
        })
        .await
    }

    async fn report_outcome(
        &self,
        request: Request<proto::ReportOutcomeRequest>,
    ) -> Result<Response<proto::ReportOutcomeResponse>, Status> {
        self.unary(request, |risk, message, arrival| {
            risk.core.check_room(arrival)?;
            risk.report(message)
        })
        .await
    }

    async fn record_event(
        &self,
        request: Request<proto::RecordEventRequest>,
    ) -> Result<Response<proto::RecordEventResponse>, Status> {
        self.unary(request, |risk, message, arrival| {
            risk.core.check_room(arrival)?;
            risk.record(message)
        })
        .await
    }

    async fn get_payment(
        &self,
        request: Request<proto::GetPaymentRequest>,
    ) -> Result<Response<proto::GetPaymentResponse>, Status> {
        self.unary(request, |risk, message, arrival| {
            risk.core.check_room(arrival)?;
            risk.timeline(message)
        })
        .await
    }

    async fn list_failure_codes(
        &self,
        request: Request<proto::ListFailureCodesRequest>,
    ) -> Result<Response<proto::ListFailureCodesResponse>, Status> {
        self.unary(request, |risk, proto::ListFailureCodesRequest {}, arrival| {
            risk.core.check_room(arrival)?;
            Ok(risk.codes())
        })
        .await
    }
}

fn is_locale(locale: &str) -> bool {
    locale.len() <= LOCALE_BYTES_MAX
        && locale.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The id under which the outcome of an attempt that was never scored is kept. No caller's id begins
/// with a control character.
fn unscored_id(request: &proto::ReportOutcomeRequest) -> Text {
    let digest = if request.outcome_id.is_empty() {
        blake3::hash(&request.encode_to_vec())
    } else {
        let proto::ReportOutcomeRequest { payment_id, attempt, outcome_id, .. } = request;
        blake3::hash(format!("{payment_id}\0{attempt}\0{outcome_id}").as_bytes())
    };
    Text::from(format!("\u{1}{}", digest.to_hex()))
}
