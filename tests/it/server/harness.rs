//! Starts servers and speaks to them. What knows the API is here; tests say what they mean.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use prost::bytes::{Buf as _, BufMut as _, Bytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status};
use vajra::config::Config;
use vajra::policy::bundle::Files;
use vajra::server::client::{ListServiceClient, RiskServiceClient};
use vajra::server::live::Source;
use vajra::server::proto::{self, Account, Card, Payment, ScoreRequest, ScoreResponse};
use vajra::server::{Server, client};

pub(crate) const BUNDLE: &[(&str, &str)] = &[
    (
        "bundle.toml",
        r#"
            name = "test"
            base_currency = "EUR"
            time_zone = "UTC"
            fallback = [
                { up_to = 10_00, verdict = "allow" },
                { up_to = 50_00, verdict = "challenge" },
            ]
        "#,
    ),
    (
        "rules.rhai",
        r#"
            entity card    = payment.card.token;
            entity account = payment.account.id;
            feature attempts_1h = count(attempt)    by card over "1h";
            feature declines_1h = count(declined)   by card over "1h";
            feature logins_1h   = count(login)      by account over "1h";
            feature spent_1h    = sum(authorized, payment.amount_base) by card over "1h";

            rule "card testing" when card.attempts_1h >= 3 then block("CARD_TESTING");
            rule "large" when payment.amount_base > 500_00 then challenge("LARGE", "otp", "3ds");
            rule "many logins" when account.logins_1h >= 2 then review("LOGINS");
            rule "blocked account" when payment.account.id in list("blocked") then block("LISTED");
            rule "spender" when card.spent_1h > 20_00 then score(30, "SPENDER");
            rule "declined" mode shadow when card.declines_1h > 0 then block("CARD_TESTING");
        "#,
    ),
    (
        "reasons.toml",
        r#"
            [CARD_TESTING]
            class = "VELOCITY"
            message = { en = "Please try again later.", "zh-CN" = "请稍后再试。" }
            [LARGE]
            class = "FRAUD"
            message = { en = "Please confirm this payment." }
            [LOGINS]
            class = "FRAUD"
            message = { en = "We are looking at this payment." }
            [LISTED]
            class = "LIST"
            message = { en = "This payment is not possible." }
            [SPENDER]
            class = "FRAUD"
            message = { en = "Please confirm this payment." }
        "#,
    ),
    ("rates.toml", "[rates]\nUSD = \"0.5\"\n"),
    ("lists/blocked.csv", "value\nmallory\n"),
];

/// A server of its own for each test.
pub(crate) struct Running {
    pub(crate) server: Server,
}

pub(crate) fn files(files: &[(&str, &str)]) -> Files {
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
    Files(files.iter().map(owned).collect::<BTreeMap<_, _>>())
}

pub(crate) fn quiet() -> Config {
    Config { workers: 2, ..Config::ephemeral() }
}

pub(crate) fn start() -> Running {
    start_with(&quiet(), Source::Files(files(BUNDLE)))
}

pub(crate) fn start_with(config: &Config, source: Source) -> Running {
    match Server::start(config, source) {
        Ok(server) => Running { server },
        Err(error) => panic!("{error}: {error:?}"),
    }
}

impl Running {
    pub(crate) async fn channel(&self) -> Channel {
        client::connect(self.server.grpc_addr()).await.unwrap()
    }

    pub(crate) async fn risk(&self) -> RiskServiceClient<Channel> {
        RiskServiceClient::new(self.channel().await)
    }

    pub(crate) async fn lists(&self) -> ListServiceClient<Channel> {
        ListServiceClient::new(self.channel().await)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        get(self.server.http_addr(), path, "").await
    }

    /// The value of a metric; none when it was never counted.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let text = self.get("/metrics").await.body;
        let line = text
            .lines()
            .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    pub(crate) async fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.get("/status").await.body).unwrap()
    }
}

/// What came back over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) async fn get(address: SocketAddr, path: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// Waits until something holds; a test that waits in vain fails.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(), "never: {what}");
}

pub(crate) fn payment(id: &str, card: &str) -> Payment {
    Payment {
        id: id.to_owned(),
        attempt: 1,
        amount: Some(5_00),
        currency: "EUR".to_owned(),
        card: Some(Card { token: card.to_owned(), ..Card::default() }),
        account: Some(Account { id: format!("owner of {card}"), ..Account::default() }),
        ..Payment::default()
    }
}

pub(crate) fn score_of(payment: Payment) -> ScoreRequest {
    ScoreRequest { payment: Some(payment), ..ScoreRequest::default() }
}

pub(crate) async fn score(
    client: &mut RiskServiceClient<Channel>,
    payment: Payment,
) -> Result<ScoreResponse, Status> {
    client.score(score_of(payment)).await.map(tonic::Response::into_inner)
}

/// What of an answer most tests care for: verdict and codes.
pub(crate) fn said(response: &ScoreResponse) -> String {
    let codes: Vec<&str> = response.reasons.iter().map(|reason| reason.code.as_str()).collect();
    let verdict = response.verdict().as_str_name().trim_start_matches("VERDICT_");
    format!("{verdict} {}", codes.join(" ")).trim().to_owned()
}

pub(crate) fn declined(payment_id: &str) -> proto::ReportOutcomeRequest {
    proto::ReportOutcomeRequest {
        payment_id: payment_id.to_owned(),
        attempt: 1,
        status: proto::OutcomeStatus::Declined.into(),
        code: "51".to_owned(),
        ..proto::ReportOutcomeRequest::default()
    }
}

/// Sends bytes as they are.
#[derive(Clone, Copy, Default)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        *self
    }
    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;
    fn encode(&mut self, item: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;
    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// Calls a method with bytes that may be no message.
pub(crate) async fn call_raw(
    channel: &Channel,
    method: &str,
    bytes: Vec<u8>,
) -> Result<Bytes, Status> {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let path = format!("/vajra.v1.{method}").parse().unwrap();
    grpc.unary(Request::new(bytes), path, Raw).await.map(tonic::Response::into_inner)
}

/// The body of a request that is sent frame by frame; without an end when `is_open`.
pub(crate) struct SentBody {
    pub(crate) bytes: Option<Bytes>,
    pub(crate) is_open: bool,
}

impl http_body::Body for SentBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        match self.bytes.take() {
            Some(bytes) => Poll::Ready(Some(Ok(http_body::Frame::data(bytes)))),
            None if self.is_open => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

/// A connection below the level of gRPC, whose client adds nothing of its own.
pub(crate) type Bare = hyper::client::conn::http2::SendRequest<SentBody>;

pub(crate) async fn bare(address: SocketAddr) -> Bare {
    let stream = TcpStream::connect(address).await.unwrap();
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.unwrap();
    drop(tokio::task::spawn(connection));
    sender
}

/// A message as gRPC frames it.
pub(crate) fn framed(message: &impl Message) -> Bytes {
    let mut bytes = vec![0];
    bytes.put_u32(u32::try_from(message.encoded_len()).unwrap());
    message.encode(&mut bytes).unwrap();
    bytes.into()
}

pub(crate) fn bare_request(
    method: &str,
    headers: &[(&str, &str)],
    body: SentBody,
) -> http::Request<SentBody> {
    let mut request = http::Request::builder()
        .method("POST")
        .uri(format!("http://test/vajra.v1.{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

/// The status of an answer that has nothing but one.
pub(crate) fn grpc_status<B>(answer: &http::Response<B>) -> Option<String> {
    answer.headers().get("grpc-status").map(|code| code.to_str().unwrap().to_owned())
}
