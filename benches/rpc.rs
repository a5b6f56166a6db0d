//! What a score costs the server, wire included, as a call of its own and as a message of a stream,
//! beside a bare echo of the same sizes in the same run.
//!
//! Both servers are processes of their own with one worker; what is measured is the time that their
//! threads were on a CPU, so that the load on the machine and the client do not count. Passes alternate,
//! the median of five is compared. `--test` makes one short pass of each.
//!
//! This is no criterion benchmark: criterion measures time in this process, and the work is in another.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::integer_division,
    clippy::large_futures,
    reason = "a benchmark may fail, and prints what it measured"
)]

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::task::{Context, Poll};

use prost::Message;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use vajra::config::Config;
use vajra::server::client::{RiskServiceClient, connect};
use vajra::server::live::Source;
use vajra::server::{Server, proto};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 8;
const STREAMS: usize = 8;
const PASSES: usize = 5;
/// So many that no card comes to what its limits stop in all passes together.
const CARDS: u64 = 40_000;
/// The goals: at most so many times the echo.
const GOAL: f64 = 1.5;
const STREAM_GOAL: f64 = 0.8;

/// The echo's only message.
#[derive(Clone, PartialEq, Message)]
struct Load {
    #[prost(bytes = "vec", tag = "1")]
    bytes: Vec<u8>,
    /// How many bytes to answer with.
    #[prost(uint32, tag = "2")]
    answer: u32,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("serve-vajra") => serve_vajra(),
        Some("serve-echo") => serve_echo(),
        _ => {
            let is_test = arguments.iter().any(|argument| argument == "--test");
            measure(if is_test { (1, 1_000) } else { (PASSES, 40_000) });
        }
    }
}

// --- the two servers

fn serve_vajra() {
    let config = Config { workers: 1, ..Config::ephemeral() };
    let server = Server::start(&config, Source::Shipped).unwrap();
    announce(server.grpc_addr());
    until_told();
    server.stop();
}

fn serve_echo() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let incoming =
            tonic::transport::server::TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
        announce(incoming.local_addr().unwrap());
        let told = tokio::task::spawn_blocking(until_told);
        tonic::transport::Server::builder()
            .add_service(Echo)
            .serve_with_incoming_shutdown(incoming.with_nodelay(Some(true)), async {
                told.await.unwrap();
            })
            .await
            .unwrap();
    });
}

fn announce(address: SocketAddr) {
    println!("{address}");
    std::io::stdout().flush().unwrap();
}

/// Until the one who measures closes the pipe.
fn until_told() {
    let mut line = String::new();
    drop(std::io::stdin().read_line(&mut line));
}

#[derive(Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "echo.Echo";
}

impl tower::Service<http::Request<tonic::body::Body>> for Echo {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Load, Load>::default());
            Ok(grpc.unary(EchoOnce, request).await)
        })
    }
}

struct EchoOnce;

impl UnaryService<Load> for EchoOnce {
    type Response = Load;
    type Future = std::future::Ready<Result<Response<Load>, Status>>;

    fn call(&mut self, request: Request<Load>) -> Self::Future {
        let length = usize::try_from(request.get_ref().answer).unwrap();
        std::future::ready(Ok(Response::new(Load { bytes: vec![7; length], answer: 0 })))
    }
}

// --- the one who measures

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().parse().unwrap() }
    }

    /// How long its threads were on a CPU, in microseconds.
    fn cpu_us(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let nanos: u64 = tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
            .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
            .sum();
        nanos as f64 / 1e3
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

fn measure((passes, requests): (usize, u64)) {
    let (vajra, echo) = (Process::start("serve-vajra"), Process::start("serve-echo"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let vajra_channels = channels(vajra.address).await;
        let echo_channels = channels(echo.address).await;
        let request = proto::ScoreRequest { payment: Some(payment(0)), ..Default::default() };
        let sample = RiskServiceClient::new(vajra_channels[0].clone());
        let answer = sample.clone().score(request.clone()).await.unwrap().into_inner();
        let (asked, answered) = (request.encoded_len(), answer.encoded_len());
        println!(
            "{CONNECTIONS} connections x {STREAMS} streams, {requests} requests a pass, \
             {asked} bytes asked, {answered} answered, one worker each"
        );
        let load = Load { bytes: vec![7; asked - 6], answer: u32::try_from(answered).unwrap() - 3 };
        // Both warm up outside the figures.
        let mut first = 1;
        score_pass(&vajra, &vajra_channels, &mut first, requests).await;
        echo_pass(&echo, &echo_channels, &load, requests).await;
        let (mut scores, mut streams, mut echoes) = (Vec::new(), Vec::new(), Vec::new());
        for pass in 1..=passes {
            let score = score_pass(&vajra, &vajra_channels, &mut first, requests).await;
            let stream = stream_pass(&vajra, &vajra_channels, &mut first, requests).await;
            let echo = echo_pass(&echo, &echo_channels, &load, requests).await;
            println!(
                "pass {pass}: score {score:.1} us, streamed {stream:.1} us, echo {echo:.1} us of server \
                 CPU per request, ratios {:.2} and {:.2}",
                score / echo,
                stream / echo
            );
            scores.push(score);
            streams.push(stream);
            echoes.push(echo);
        }
        for (what, costs, goal) in [("score", scores, GOAL), ("streamed", streams, STREAM_GOAL)] {
            let ratio = median(costs.iter().zip(&echoes).map(|(cost, echo)| cost / echo).collect());
            println!(
                "median: {what} {:.1} us, echo {:.1} us, ratio {ratio:.2} (goal: at most {goal}): {}",
                median(costs),
                median(echoes.clone()),
                if ratio <= goal { "met" } else { "not met" }
            );
        }
    });
}

async fn channels(address: SocketAddr) -> Vec<Channel> {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(connect(address).await.unwrap());
    }
    channels
}

/// Scores payments that were never seen, from `first` on; the CPU of the server for each.
async fn score_pass(server: &Process, channels: &[Channel], first: &mut u64, requests: u64) -> f64 {
    let share = requests / (CONNECTIONS * STREAMS) as u64;
    let before = server.cpu_us();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..(CONNECTIONS * STREAMS) as u64 {
        let mut client = RiskServiceClient::new(channels[caller as usize % CONNECTIONS].clone());
        let begin = *first + caller * share;
        callers.spawn(async move {
            for number in begin..begin + share {
                let payment = Some(payment(number));
                let request = proto::ScoreRequest { payment, ..Default::default() };
                client.score(request).await.unwrap();
            }
        });
    }
    callers.join_all().await;
    let done = share * (CONNECTIONS * STREAMS) as u64;
    *first += done;
    (server.cpu_us() - before) / done as f64
}

/// The same as messages of one stream per connection, as many in flight.
async fn stream_pass(
    server: &Process,
    channels: &[Channel],
    first: &mut u64,
    requests: u64,
) -> f64 {
    let share = requests / CONNECTIONS as u64;
    let before = server.cpu_us();
    let mut callers = tokio::task::JoinSet::new();
    for (caller, channel) in (0..).zip(channels) {
        let mut client = RiskServiceClient::new(channel.clone());
        let begin = *first + caller * share;
        callers.spawn(async move {
            let (sender, messages) = tokio::sync::mpsc::channel(STREAMS);
            let mut numbers = begin..begin + share;
            for number in numbers.by_ref().take(STREAMS) {
                sender.send(message(number)).await.unwrap();
            }
            let messages = tokio_stream::wrappers::ReceiverStream::new(messages);
            let mut answers = client.score_stream(messages).await.unwrap().into_inner();
            for _ in 0..share {
                let answer = answers.message().await.unwrap().unwrap().answer;
                assert!(matches!(answer, Some(proto::score_stream_response::Answer::Response(_))));
                if let Some(number) = numbers.next() {
                    sender.send(message(number)).await.unwrap();
                }
            }
        });
    }
    callers.join_all().await;
    let done = share * CONNECTIONS as u64;
    *first += done;
    (server.cpu_us() - before) / done as f64
}

fn message(number: u64) -> proto::ScoreStreamRequest {
    let request = proto::ScoreRequest { payment: Some(payment(number)), ..Default::default() };
    proto::ScoreStreamRequest { correlation_id: number.to_string(), request: Some(request) }
}

async fn echo_pass(server: &Process, channels: &[Channel], load: &Load, requests: u64) -> f64 {
    let share = requests / (CONNECTIONS * STREAMS) as u64;
    let before = server.cpu_us();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CONNECTIONS * STREAMS {
        let (channel, load) = (channels[caller % CONNECTIONS].clone(), load.clone());
        callers.spawn(async move {
            let mut grpc = tonic::client::Grpc::new(channel);
            for _ in 0..share {
                grpc.ready().await.unwrap();
                let codec = ProstCodec::<Load, Load>::default();
                let path = http::uri::PathAndQuery::from_static("/echo.Echo/Once");
                let answer = grpc.unary(Request::new(load.clone()), path, codec).await.unwrap();
                assert_eq!(answer.get_ref().bytes.len(), load.answer as usize);
            }
        });
    }
    callers.join_all().await;
    (server.cpu_us() - before) / (share * (CONNECTIONS * STREAMS) as u64) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// An everyday payment of one of many cards.
fn payment(number: u64) -> proto::Payment {
    // Spread, so that neighbours have nothing in common.
    let card = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % CARDS;
    let attribute = |text: &str| proto::AttributeValue {
        kind: Some(proto::attribute_value::Kind::StringValue(text.to_owned())),
    };
    let address = proto::Address {
        line1: format!("{} Long Street", card % 200),
        city: "Utrecht".to_owned(),
        postal_code: format!("{:04} AB", card % 10_000),
        country: "NL".to_owned(),
        ..Default::default()
    };
    proto::Payment {
        id: format!("payment-{number:012}"),
        attempt: 1,
        amount: Some(i64::try_from(10_00 + number % 90_00).unwrap()),
        currency: "EUR".to_owned(),
        method: "card".to_owned(),
        channel: "acquirer-a".to_owned(),
        description: "Order".to_owned(),
        card: Some(proto::Card {
            token: format!("card-token-{card:08}"),
            bin: "411111".to_owned(),
            last4: format!("{:04}", card % 10_000),
            brand: "visa".to_owned(),
            country: "NL".to_owned(),
            funding: "credit".to_owned(),
            ..Default::default()
        }),
        account: Some(proto::Account {
            id: format!("account-{card:08}"),
            email: format!("customer{card}@example.com"),
            country: "NL".to_owned(),
            ..Default::default()
        }),
        device: Some(proto::Device {
            id: format!("device-{card:08}"),
            ip: format!("10.{}.{}.{}", card >> 16, (card >> 8) & 255, card & 255),
            ip_country: "NL".to_owned(),
            user_agent: "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101".to_owned(),
            ..Default::default()
        }),
        merchant: Some(proto::Merchant {
            id: format!("merchant-{}", card % 50),
            mcc: "5411".to_owned(),
            country: "NL".to_owned(),
        }),
        billing: Some(address.clone()),
        shipping: Some(address),
        checks: Some(proto::Checks { cvc: "pass".to_owned(), ..Default::default() }),
        attributes: [("plan".to_owned(), attribute("basic"))].into(),
        ..Default::default()
    }
}
