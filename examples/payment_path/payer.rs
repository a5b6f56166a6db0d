//! A payment path: asks, authorises, reports, and does what the answers say. This is the part to copy.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use vajra::server::client::{Channel, Code, RiskServiceClient, Status};
use vajra::server::proto::{
    Card, Need, NextStep, Payment, RankedChannel, ReportOutcomeRequest, ReportOutcomeResponse,
    ScoreRequest,
};

use crate::provider::{Key, Provider, Reply};

/// How a payment ended, for now.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// It is paid, by that attempt.
    Paid(u32),
    /// It is not, and this is what to tell the payer.
    NotPaid(String),
    /// There is more to do then, and the payer does not wait for it: a worker goes on.
    Later(SystemTime),
}

/// The payer in front of the shop.
pub(crate) trait Customer {
    /// Challenges them. Returns the method that they passed.
    fn prove(&mut self, methods: &[String]) -> Option<String>;
    /// Shows the message and asks for what is needed. Returns the card that they pay with now.
    fn ask(&mut self, needs: &[Need], message: &str) -> Option<Card>;
}

/// One payment on its way.
pub(crate) struct PaymentPath<C> {
    pub(crate) risk: RiskServiceClient<Channel>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) customer: C,
    /// How long the payer waits.
    pub(crate) patience: Duration,
}

impl<C: Customer> PaymentPath<C> {
    /// Takes a payment to its end. Nothing is sent that was not allowed, nothing while a result is not
    /// known, and every request under a key of its own: the payment and the number of the attempt.
    pub(crate) async fn pay(&mut self, mut payment: Payment) -> Result<End, Status> {
        payment.attempt = 1;
        loop {
            let request =
                ScoreRequest { payment: Some(payment.clone()), ..ScoreRequest::default() };
            let answer = self.risk.score(request).await?.into_inner();
            match answer.next_step() {
                NextStep::Proceed => {
                    payment.channel = route(payment.channel, &answer.channels);
                    if let Some(end) = self.attempt(&mut payment).await? {
                        return Ok(end);
                    }
                }
                NextStep::StepUp => match self.customer.prove(&answer.challenge) {
                    Some(method) => payment.authenticated.push(method),
                    None => return Ok(End::NotPaid(answer.customer_message)),
                },
                NextStep::RetryLater => match answer.not_before.and_then(time) {
                    Some(at) => return Ok(End::Later(at)),
                    None => return Ok(End::NotPaid(answer.customer_message)),
                },
                NextStep::Stop
                | NextStep::AskCustomer
                | NextStep::SwitchChannel
                | NextStep::Query
                | NextStep::Unspecified => return Ok(End::NotPaid(answer.customer_message)),
            }
            payment.attempt += 1;
        }
    }

    /// Sends one attempt and follows the advice until another may be made, or none.
    async fn attempt(&mut self, payment: &mut Payment) -> Result<Option<End>, Status> {
        let key: Key = (payment.id.clone(), payment.attempt);
        // Store the key durably here: whatever happens from now on, ask for this key before anything else.
        let mut reply = self.provider.authorise(&key, payment).await;
        let mut closing = HashSet::new();
        for number in 1.. {
            let told = self.report(payment, number, &reply).await?;
            let advice = told.advice.unwrap_or_default();
            let not_before = advice.not_before.and_then(time);
            match advice.next_step() {
                NextStep::Proceed => return Ok(Some(End::Paid(payment.attempt))),
                NextStep::Query => {
                    // Closing is tried once; what cannot be closed is asked for when the file is there.
                    if advice.needs().next() == Some(Need::Reversal) && closing.insert(key.clone())
                    {
                        reply = self.provider.close(&key).await;
                        continue;
                    }
                    let Some(at) = advice.queries.first().copied().and_then(time) else {
                        return Ok(Some(End::NotPaid("A person looks into it.".to_owned())));
                    };
                    if !self.wait(at).await {
                        return Ok(Some(End::Later(at)));
                    }
                    reply = self.provider.query(&key).await;
                    continue;
                }
                NextStep::RetryLater => {}
                NextStep::SwitchChannel => match advice.channels.first() {
                    Some(best) => payment.channel.clone_from(&best.id),
                    None => return Ok(Some(End::NotPaid(told.customer_message))),
                },
                NextStep::StepUp => match self.customer.prove(&["3ds".to_owned()]) {
                    Some(method) => payment.authenticated.push(method),
                    None => return Ok(Some(End::NotPaid(told.customer_message))),
                },
                NextStep::AskCustomer if advice.attempts_left > 0 => {
                    match self
                        .customer
                        .ask(&advice.needs().collect::<Vec<_>>(), &told.customer_message)
                    {
                        Some(card) => payment.card = Some(card),
                        None => return Ok(Some(End::NotPaid(told.customer_message))),
                    }
                }
                NextStep::AskCustomer | NextStep::Stop | NextStep::Unspecified => {
                    return Ok(Some(End::NotPaid(told.customer_message)));
                }
            }
            return Ok(match not_before {
                Some(at) if !self.wait(at).await => Some(End::Later(at)),
                _ => None,
            });
        }
        Ok(None)
    }

    /// Reports under an id of its own until it is heard: told twice, it is counted once.
    async fn report(
        &mut self,
        payment: &Payment,
        number: u32,
        reply: &Reply,
    ) -> Result<ReportOutcomeResponse, Status> {
        let outcome = ReportOutcomeRequest {
            payment_id: payment.id.clone(),
            attempt: payment.attempt,
            outcome_id: format!("{}-{number}", payment.attempt),
            status: reply.status.into(),
            stage: reply.stage.into(),
            provider: reply.provider.to_owned(),
            code: reply.code.to_owned(),
            channel: payment.channel.clone(),
            ..ReportOutcomeRequest::default()
        };
        let mut tries = 0;
        loop {
            match self.risk.report_outcome(outcome.clone()).await {
                Err(status) if tries < 5 && status.code() == Code::Unavailable => tries += 1,
                answer => return answer.map(|answer| answer.into_inner()),
            }
            tokio::time::sleep(Duration::from_millis(100 << tries)).await;
        }
    }

    /// Waits until then; `false`, at once, when the payer does not wait so long.
    async fn wait(&self, until: SystemTime) -> bool {
        let left = until.duration_since(now()).unwrap_or_default();
        if left > self.patience {
            return false;
        }
        tokio::time::sleep(left).await;
        true
    }
}

/// The channel that was meant, unless most of its results of late were failures; then the best one.
fn route(meant: String, ranked: &[RankedChannel]) -> String {
    let is_failing = |channel: &RankedChannel| {
        channel.id == meant && channel.attempts >= 20 && channel.succeeded * 2 < channel.attempts
    };
    match ranked.first() {
        Some(best) if ranked.iter().any(is_failing) => best.id.clone(),
        _ => meant,
    }
}

fn time(at: prost_types::Timestamp) -> Option<SystemTime> {
    SystemTime::try_from(at).ok()
}

#[expect(clippy::disallowed_methods, reason = "a payment path lives by the wall clock")]
fn now() -> SystemTime {
    SystemTime::now()
}
