//! `vajra load`: payments at a fixed rate, whatever the answers do, and how long each one took from
//! the moment it was due.
//!
//! The same rate is then sent to a bare echo of the same message sizes in the same run: what the
//! machine and the transport cost is in both, so the difference is the server's. The rate is open-loop:
//! a slow answer does not delay the next request, and time spent waiting to be sent counts.

use std::fmt::Write as _;
use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use tokio::task::{JoinError, JoinSet};

use super::Failure;
use super::pace;
use crate::model::field::Field;
use crate::model::time::Span;
use crate::model::value::Value;
use crate::server::client::{
    Channel, RiskServiceClient, Status, connect, encoded_bytes, payment_message,
};
use crate::server::clock::{instant, now};
use crate::server::echo::{self, Echo, Load};
use crate::server::proto::ScoreRequest;
use crate::traffic::{self, Traffic};

/// Arguments of `vajra load`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Arguments {
    /// The server
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:50051")]
    target: SocketAddr,
    /// Requests a second
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// Seconds of load, once on the server and once on the echo
    #[arg(long, value_name = "S", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3_600))]
    duration: u32,
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 8)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_024))]
    connections: u32,
}

/// Requests open at once; beyond, one that is due is not sent but counted.
const OPEN_MAX: usize = 16_384;
/// Different payments, made before the clock starts; a longer run sends them again under new ids.
const PAYMENTS_MAX: u64 = 100_000;
/// The longest latency that is told apart, in microseconds.
const LATENCY_US_MAX: u64 = 60_000_000;

/// What a run came to.
struct Run {
    latency_us: Histogram<u64>,
    failed: u64,
    not_sent: u64,
    first_failure: Option<Status>,
    took: Duration,
}

/// Runs it.
///
/// # Errors
/// [`Failure`] when the server cannot be reached, or not every request was answered.
#[expect(clippy::print_stdout, reason = "the percentiles are what the command is for")]
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (score, echo) = runtime.block_on(score_and_echo(&arguments))?;
    print!("{}", report(arguments.rate, &score, &echo)?);
    if score.failed + score.not_sent == 0 { Ok(()) } else { Err(Failure::Found) }
}

async fn score_and_echo(arguments: &Arguments) -> anyhow::Result<(Run, Run)> {
    let Arguments { target, rate, duration, connections } = *arguments;
    let total = u64::from(rate) * u64::from(duration);
    let requests = requests(total.min(PAYMENTS_MAX));
    let channels = connected(target, connections).await?;
    let load = sizes(&channels, &requests).await?;
    let mut turns = requests.iter().cycle().enumerate();
    let score = run_at(rate, total, &channels, |channel| {
        let mut request = turns.next().map(|(number, request)| again(request, number));
        async move {
            let request = request.take().unwrap_or_default();
            Box::pin(RiskServiceClient::new(channel).score(request)).await.map(drop)
        }
    })
    .await?;
    let echo = Echo::start()?;
    let channels = connected(echo.address(), connections).await?;
    let echo = run_at(rate, total, &channels, |channel| {
        let load = load.clone();
        async move { echo::call(channel, load).await.map(drop) }
    })
    .await?;
    Ok((score, echo))
}

/// Generated payments as messages, without their times: they happen when they are sent.
fn requests(count: u64) -> Vec<ScoreRequest> {
    let start = now().minus(Span::from_days(1));
    let seed = start.as_micros().unsigned_abs();
    // As many customers as payments: the pace is not that of life, and nobody pays eight times a second.
    let length = Span::from_days(1);
    let settings =
        traffic::Settings { seed, payments: count, customers: count.max(40), start, length };
    Traffic::new(settings)
        .map(|mut attempt| {
            attempt.fields.set(Field::OccurredAt, Value::Missing);
            let payment = Some(payment_message(&attempt.fields));
            ScoreRequest { payment, ..ScoreRequest::default() }
        })
        .collect()
}

/// The request under an id of its own: a repeated one would be answered from memory.
fn again(request: &ScoreRequest, number: usize) -> ScoreRequest {
    let mut request = request.clone();
    if let Some(payment) = &mut request.payment {
        let _ = write!(payment.id, "-{number}");
    }
    request
}

async fn connected(target: SocketAddr, connections: u32) -> anyhow::Result<Vec<Channel>> {
    let mut channels = Vec::new();
    for _ in 0..connections {
        let channel = connect(target).await;
        channels.push(channel.with_context(|| format!("cannot reach {target}"))?);
    }
    Ok(channels)
}

/// A load for the echo as large as a middle request, that asks for as much as its answer has.
async fn sizes(channels: &[Channel], requests: &[ScoreRequest]) -> anyhow::Result<Load> {
    let middle = requests.get(requests.len().div_euclid(2)).context("there is nothing to send")?;
    let channel = channels.first().context("there is no connection")?;
    let request = ScoreRequest { dry_run: true, ..again(middle, requests.len()) };
    let bytes = encoded_bytes(&request);
    let mut client = RiskServiceClient::new(channel.clone());
    let answer = Box::pin(client.score(request)).await?.into_inner();
    Ok(Load::new(bytes, u32::try_from(encoded_bytes(&answer))?))
}

/// Sends `total` requests, `rate` a second, over the channels in turn.
async fn run_at<Answer>(
    rate: u32,
    total: u64,
    channels: &[Channel],
    mut call: impl FnMut(Channel) -> Answer,
) -> anyhow::Result<Run>
where
    Answer: Future<Output = Result<(), Status>> + Send + 'static,
{
    let mut run = Run {
        latency_us: Histogram::new_with_max(LATENCY_US_MAX, 3)?,
        failed: 0,
        not_sent: 0,
        first_failure: None,
        took: Duration::ZERO,
    };
    let began = instant();
    let mut open = JoinSet::new();
    let mut due = pace::start(rate, total)?;
    let mut turns = channels.iter().cycle();
    while let Some(due) = due.recv().await {
        while let Some(answered) = open.try_join_next() {
            run.count(answered)?;
        }
        match turns.next() {
            Some(channel) if open.len() < OPEN_MAX => {
                let answer = call(channel.clone());
                open.spawn(async move { (due, answer.await, instant()) });
            }
            _ => run.not_sent += 1,
        }
    }
    while let Some(answered) = open.join_next().await {
        run.count(answered)?;
    }
    run.took = instant().saturating_duration_since(began);
    Ok(run)
}

/// When it was due, what came back, and when.
type Answered = Result<(Instant, Result<(), Status>, Instant), JoinError>;

// === impl Run ===

impl Run {
    fn count(&mut self, answered: Answered) -> anyhow::Result<()> {
        let (due, answer, at) = answered?;
        match answer {
            Ok(()) => {
                let took = at.saturating_duration_since(due).as_micros();
                self.latency_us.saturating_record(u64::try_from(took).unwrap_or(LATENCY_US_MAX));
            }
            Err(status) => {
                self.failed += 1;
                self.first_failure.get_or_insert(status);
            }
        }
        Ok(())
    }
}

fn report(rate: u32, score: &Run, echo: &Run) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(out, "{rate} requests a second; latency in microseconds from the time each was due")?;
    writeln!(out, "{:8} {:>12} {:>12}", "", "score", "bare echo")?;
    for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
        let of = |run: &Run| run.latency_us.value_at_quantile(quantile);
        writeln!(out, "{name:8} {:>12} {:>12}", of(score), of(echo))?;
    }
    let (most, echo_most) = (score.latency_us.max(), echo.latency_us.max());
    writeln!(out, "{:8} {most:>12} {echo_most:>12}", "max")?;
    let (answered, echo_answered) = (score.latency_us.len(), echo.latency_us.len());
    writeln!(out, "{:8} {answered:>12} {echo_answered:>12}", "answered")?;
    writeln!(out, "{:8} {:>12} {:>12}", "failed", score.failed, echo.failed)?;
    writeln!(out, "{:8} {:>12} {:>12}", "not sent", score.not_sent, echo.not_sent)?;
    let (took, echo_took) = (score.took.as_secs_f64(), echo.took.as_secs_f64());
    writeln!(out, "{:8} {took:>12.2} {echo_took:>12.2}", "seconds")?;
    if let Some(status) = &score.first_failure {
        writeln!(out, "first failure: {}: {}", status.code(), status.message())?;
    }
    Ok(out)
}
