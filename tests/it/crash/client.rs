//! One caller: it scores, reports, records and changes a list until the server is gone.

use std::net::SocketAddr;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tonic::transport::Channel;
use vajra::server::client::{Code, ListServiceClient, RiskServiceClient, Status, connect};
use vajra::server::proto::{self, Account, Card, OutcomeStatus, Payment, ScoreRequest};

use super::ledger::{Asked, Ledger};

/// How many cards all callers share.
pub(super) const CARDS: u64 = 12;

pub(super) struct Client {
    name: u64,
    random: ChaCha8Rng,
    risk: RiskServiceClient<Channel>,
    lists: ListServiceClient<Channel>,
    ledger: Ledger,
    /// Attempts that may get an outcome.
    open: Vec<(String, u32)>,
    made: u64,
}

impl Client {
    pub(super) async fn connect(grpc: SocketAddr, name: u64, seed: u64) -> Self {
        let channel = connect(grpc).await.unwrap();
        Self {
            name,
            random: ChaCha8Rng::seed_from_u64(seed),
            risk: RiskServiceClient::new(channel.clone()),
            lists: ListServiceClient::new(channel),
            ledger: Ledger::default(),
            open: Vec::new(),
            made: 0,
        }
    }

    /// Asks one thing after the other until an answer does not come.
    pub(super) async fn drive(mut self) -> Ledger {
        loop {
            let asked = self.next();
            let answer = asked.send(&mut self.risk, &mut self.lists).await;
            let is_over = match &answer {
                Ok(_) => false,
                Err(status) if is_gone(status) => true,
                Err(status) => panic!("{asked:?} is refused: {status:?}"),
            };
            if let Ok(answer) = &answer {
                self.open.extend(answer.open());
            }
            self.ledger.note(asked, answer.ok());
            if is_over {
                return self.ledger;
            }
        }
    }

    fn next(&mut self) -> Asked {
        self.made += 1;
        let id = format!("{}-{}", self.name, self.made);
        match self.random.random_range(0..100) {
            0..40 => Asked::Score(self.payment(id, 1)),
            40..55 => match self.any_open() {
                Some((payment_id, attempt)) => Asked::Score(self.payment(payment_id, attempt + 1)),
                None => Asked::Score(self.payment(id, 1)),
            },
            55..85 => match self.any_open() {
                Some((payment_id, attempt)) => {
                    Asked::Outcome(self.outcome(payment_id, attempt, id))
                }
                None => Asked::Score(self.payment(id, 1)),
            },
            85..95 => Asked::Event(self.event(id)),
            _ => Asked::Listed(format!("listed {id}")),
        }
    }

    fn any_open(&mut self) -> Option<(String, u32)> {
        if self.open.is_empty() {
            return None;
        }
        let place = self.random.random_range(0..self.open.len());
        Some(self.open.swap_remove(place))
    }

    fn payment(&mut self, id: String, attempt: u32) -> ScoreRequest {
        let card = self.random.random_range(0..CARDS);
        let payment = payment(id, attempt, card, self.random.random_range(1..200_00));
        ScoreRequest { payment: Some(payment), ..ScoreRequest::default() }
    }

    fn outcome(
        &mut self,
        payment_id: String,
        attempt: u32,
        id: String,
    ) -> proto::ReportOutcomeRequest {
        let statuses = [
            OutcomeStatus::Authorized,
            OutcomeStatus::Captured,
            OutcomeStatus::Declined,
            OutcomeStatus::TimedOut,
            OutcomeStatus::Canceled,
        ];
        let status = statuses[self.random.random_range(0..statuses.len())];
        let code = if status == OutcomeStatus::Declined { "51" } else { "" };
        proto::ReportOutcomeRequest {
            payment_id,
            attempt,
            outcome_id: format!("outcome {id}"),
            status: status.into(),
            provider: "iso8583".to_owned(),
            code: code.to_owned(),
            ..proto::ReportOutcomeRequest::default()
        }
    }

    fn event(&mut self, id: String) -> proto::RecordEventRequest {
        let card = self.random.random_range(0..CARDS);
        proto::RecordEventRequest {
            name: if self.random.random_bool(0.5) { "login" } else { "disputed" }.to_owned(),
            event_id: format!("event {id}"),
            payment: Some(payment(String::new(), 0, card, 1)),
            ..proto::RecordEventRequest::default()
        }
    }
}

pub(super) fn payment(id: String, attempt: u32, card: u64, amount: i64) -> Payment {
    Payment {
        id,
        attempt,
        amount: Some(amount),
        currency: "EUR".to_owned(),
        card: Some(Card { token: format!("card {card}"), ..Card::default() }),
        account: Some(Account { id: format!("account {}", card % 3), ..Account::default() }),
        ..Payment::default()
    }
}

/// Whether the server did not answer, which is no refusal. A connection that breaks in the middle of a frame
/// is an error of the protocol to the client.
fn is_gone(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::Unknown | Code::Cancelled => true,
        Code::Internal => status.message().contains("h2 protocol error"),
        _ => false,
    }
}
