//! The payer's side: scores an attempt, does what the answer says, reports what the provider answered.

use std::collections::BTreeMap;

use super::account::{Account, End};
use crate::model::field::Field;
use crate::model::outcome::OutcomeStatus;
use crate::model::outcome::Stage;
use crate::model::value::Value;
use crate::server::client::{Channel, RiskServiceClient, Status, payment_message};
use crate::server::clock::instant;
use crate::server::proto::{
    self, NextStep, Payment, ReportOutcomeRequest, ScoreRequest, ScoreResponse,
};
use crate::traffic::{Answer, Attempt};

/// A payment path in small.
pub(super) struct Payer {
    client: RiskServiceClient<Channel>,
    account: Account,
    payments: BTreeMap<String, Progress>,
}

/// How far a payment has come.
#[derive(Clone, Copy, Default)]
struct Progress {
    attempts: u32,
    /// Whether an attempt may have been charged: then nothing is sent again before it is known.
    is_unknown: bool,
}

// === impl Payer ===

impl Payer {
    pub(super) fn new(client: RiskServiceClient<Channel>) -> Self {
        Self { client, account: Account::default(), payments: BTreeMap::new() }
    }

    pub(super) fn into_account(self) -> Account {
        self.account
    }

    /// Takes an attempt to its end: let through, stopped, or held.
    pub(super) async fn pay(&mut self, mut attempt: Attempt) -> Result<(), Status> {
        // The generated day is played in seconds: an attempt happens when it is sent.
        attempt.fields.set(Field::OccurredAt, Value::Missing);
        let mut payment = payment_message(&attempt.fields);
        if self.progress(&payment).is_unknown {
            self.account.end(&attempt, End::Held);
            return Ok(());
        }
        let mut answer = self.score(&mut payment, &attempt).await?;
        let mut challenged = false;
        if answer.next_step() == NextStep::StepUp {
            challenged = true;
            if attempt.is_fraud {
                // A stranger does not have the cardholder's phone.
                self.account.end(&attempt, End::ChallengeFailed);
                return Ok(());
            }
            payment.authenticated.clone_from(&answer.challenge);
            answer = self.score(&mut payment, &attempt).await?;
        }
        if answer.next_step() != NextStep::Proceed {
            self.account.end(&attempt, End::Blocked);
            return Ok(());
        }
        self.report(&payment, &attempt.answer).await?;
        self.account.end(&attempt, End::LetThrough { challenged, review: answer.review });
        Ok(())
    }

    fn progress(&mut self, payment: &Payment) -> &mut Progress {
        self.payments.entry(payment.id.clone()).or_default()
    }

    /// Asks with the next number of the payment's attempts.
    async fn score(
        &mut self,
        payment: &mut Payment,
        attempt: &Attempt,
    ) -> Result<ScoreResponse, Status> {
        let progress = self.progress(payment);
        progress.attempts += 1;
        payment.attempt = progress.attempts;
        let request = ScoreRequest {
            payment: Some(payment.clone()),
            trace: attempt.is_fraud,
            ..ScoreRequest::default()
        };
        let asked = instant();
        let answer = Box::pin(self.client.score(request)).await?.into_inner();
        self.account.answered(attempt, payment, &answer, asked.elapsed());
        Ok(answer)
    }

    /// Tells what the provider answered, and that money was given back.
    async fn report(&mut self, payment: &Payment, answer: &Answer) -> Result<(), Status> {
        let Answer { status, stage, code, latency, refunded_after } = answer;
        let outcome = ReportOutcomeRequest {
            payment_id: payment.id.clone(),
            attempt: payment.attempt,
            status: wire_status(*status).into(),
            stage: stage.map_or(proto::FailureStage::Unspecified, wire_stage).into(),
            code: code.as_ref().map(ToString::to_string).unwrap_or_default(),
            latency_ms: Some(latency.as_micros().div_euclid(1_000)),
            ..ReportOutcomeRequest::default()
        };
        let told = Box::pin(self.client.report_outcome(outcome.clone())).await?.into_inner();
        self.account.advised(&told);
        self.progress(payment).is_unknown =
            *status == OutcomeStatus::TimedOut || *stage == Some(Stage::Sent);
        if refunded_after.is_some() {
            let status = proto::OutcomeStatus::Refunded.into();
            let refund = ReportOutcomeRequest { status, code: String::new(), ..outcome };
            Box::pin(self.client.report_outcome(refund)).await?;
        }
        Ok(())
    }
}

const fn wire_status(status: OutcomeStatus) -> proto::OutcomeStatus {
    match status {
        OutcomeStatus::Authorized => proto::OutcomeStatus::Authorized,
        OutcomeStatus::Captured => proto::OutcomeStatus::Captured,
        OutcomeStatus::Declined => proto::OutcomeStatus::Declined,
        OutcomeStatus::Failed => proto::OutcomeStatus::Failed,
        OutcomeStatus::TimedOut => proto::OutcomeStatus::TimedOut,
        OutcomeStatus::Pending => proto::OutcomeStatus::Pending,
        OutcomeStatus::Canceled => proto::OutcomeStatus::Canceled,
        OutcomeStatus::Expired => proto::OutcomeStatus::Expired,
        OutcomeStatus::Refunded => proto::OutcomeStatus::Refunded,
    }
}

const fn wire_stage(stage: Stage) -> proto::FailureStage {
    match stage {
        Stage::NotSent => proto::FailureStage::NotSent,
        Stage::Sent => proto::FailureStage::Sent,
    }
}
