//! A payment path in small: payments that go well, fail, time out and are found again, against a server
//! over gRPC and a made-up provider with a ledger of its own. `payer.rs` is the part to copy.
//!
//! ```sh
//! cargo run --release -- serve --policies examples/payment_path/policies
//! cargo run --release --example payment_path -- [HOST:PORT]
//! ```
//!
//! It takes about a minute: a request that was lost is asked for on the schedule of the advice.

#![expect(clippy::large_futures, reason = "each payment is a task, whose future is on the heap")]

mod payer;
mod provider;

use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use vajra::server::client::{RiskServiceClient, connect};
use vajra::server::clock::{instant, now};
use vajra::server::proto::{Card, Need, Payment};

use payer::{Customer, End, PaymentPath};
use provider::Provider;

/// What happens to each payment, by the end of its id.
const PAYMENTS: [(&str, &str); 10] = [
    ("plain", "nothing goes wrong"),
    ("funds", "the card has no money; the payer takes another"),
    ("expired", "the card has expired, and so has the other"),
    ("stolen", "the bank says never"),
    ("prove-it", "the bank wants the payer to prove who they are"),
    ("refused", "the connection is refused once"),
    ("outage", "the channel is down"),
    ("app", "the payer confirms in an app"),
    ("answer-lost", "charged, but the answer is lost"),
    ("request-lost", "the request is lost; the channel knows nothing of it"),
];

/// A payer who does what they are asked for.
struct Willing {
    /// How many other cards they have taken out.
    cards: u32,
}

impl Customer for Willing {
    fn prove(&mut self, methods: &[String]) -> Option<String> {
        methods.first().cloned()
    }

    fn ask(&mut self, _needs: &[Need], _message: &str) -> Option<Card> {
        self.cards += 1;
        Some(card("other", self.cards))
    }
}

fn card(of: &str, number: u32) -> Card {
    let token = format!("tok-{of}-{number}-{}", now().as_micros());
    Card { token, brand: "visa".to_owned(), country: "NL".to_owned(), ..Card::default() }
}

fn payment(name: &str) -> Payment {
    Payment {
        id: format!("{}/{name}", now().as_micros()),
        amount: Some(25_00),
        currency: "EUR".to_owned(),
        method: "card".to_owned(),
        channel: "north".to_owned(),
        card: Some(card(name, 0)),
        ..Payment::default()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:50051".to_owned());
    let risk = RiskServiceClient::new(connect(server.parse()?).await?);
    let provider = Arc::new(Provider::default());
    let mut out = std::io::stdout();
    writeln!(out, "{} payments at once …\n", PAYMENTS.len())?;
    let mut all = JoinSet::new();
    let began = instant();
    for (name, story) in PAYMENTS {
        let payment = payment(name);
        let mut path = PaymentPath {
            risk: risk.clone(),
            provider: Arc::clone(&provider),
            customer: Willing { cards: 0 },
            patience: Duration::from_secs(90),
        };
        all.spawn(async move {
            let id = payment.id.clone();
            (name, story, id, path.pay(payment).await)
        });
    }
    let mut charged_twice = 0;
    while let Some(ended) = all.join_next().await {
        let (name, story, id, end) = ended?;
        let charges = provider.charges(&id);
        charged_twice += usize::from(charges > 1);
        let end = match end? {
            End::Paid(attempt) => format!("paid by attempt {attempt}"),
            End::NotPaid(message) => format!("not paid: {message}"),
            End::Later(at) => format!("later: {at:?}"),
        };
        let took = began.elapsed().as_secs_f64();
        writeln!(out, "{took:6.1} s  {name:13} {story}\n          charged {charges} ×, {end}")?;
    }
    writeln!(out, "\nCharged twice: {charged_twice}.")?;
    if charged_twice > 0 { Err("a payer was charged twice".into()) } else { Ok(()) }
}
