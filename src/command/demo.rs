//! `vajra demo`: a server on free ports with the shipped policies, a few thousand generated payments
//! through a real gRPC client, and an account of what happened. Then, on a virtual clock, what it is worth
//! to follow the advice when payments fail.
//!
//! One payer's side sends the attempts in order, one after the other: it asks, does what the answer
//! says, and reports what its made-up provider answered. Everything but the latencies follows from the
//! seed.

mod account;
mod payer;

use std::net::SocketAddr;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;
use crate::config::Config;
use crate::model::time::Span;
use crate::server::Server;
use crate::server::client::{RiskServiceClient, connect};
use crate::server::clock::now;
use crate::server::live::Source;
use crate::simulation::{self, Strategy};
use crate::traffic::{Attempt, Settings, Traffic};
use account::{Account, NEXT};
use payer::Payer;

/// How many payments are simulated after those that are sent.
const SIMULATED: u64 = 1_500;

/// Arguments of `vajra demo`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Arguments {
    /// How many attempts are generated
    #[arg(long, value_name = "N", default_value_t = 4_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(500..=20_000))]
    payments: u64,
    /// Equal seeds give equal payments
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
}

/// Runs it.
///
/// # Errors
/// [`Failure`] when the server does not start or does not answer.
#[expect(clippy::print_stdout, reason = "the account is what the command is for")]
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { payments, seed } = arguments;
    let server = Server::start(&Config::ephemeral(), Source::Shipped)?;
    let grpc = server.grpc_addr();
    println!(
        "A server with the shipped policies listens on {grpc} (gRPC) and {} (HTTP).",
        server.http_addr()
    );
    println!("Sending {payments} generated payments, seed {seed} …\n");
    // A day is played in seconds, so no customer has time for the eight payments that are usual.
    let length = Span::from_days(1);
    let start = now().minus(length);
    let settings = Settings { seed, payments, customers: payments * 2, start, length };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let account = runtime.block_on(drive(grpc, payments, Traffic::new(settings)))?;
    print!("{}", account.render()?);
    server.stop();
    let simulated = simulation::Settings { seed, payments: SIMULATED };
    println!(
        "And when payments fail? {SIMULATED} payments, three times over on a virtual clock, at a \
         made-up provider\nwith declines, outages and lost answers, whose own ledger says what was charged:\n"
    );
    let mut tallies = Vec::new();
    for strategy in Strategy::ALL {
        tallies.push(simulation::run(simulated, strategy).map_err(anyhow::Error::from)?);
    }
    println!("{}\n{NEXT}", simulation::render(&tallies)?);
    Ok(())
}

async fn drive(
    server: SocketAddr,
    payments: u64,
    traffic: impl Iterator<Item = Attempt>,
) -> anyhow::Result<Account> {
    let channel = connect(server).await.context("the server cannot be reached")?;
    let mut payer = Payer::new(RiskServiceClient::new(channel));
    let bar = ProgressBar::new(payments);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} payments, {elapsed}")?);
    for attempt in traffic {
        payer.pay(attempt).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(payer.into_account())
}
