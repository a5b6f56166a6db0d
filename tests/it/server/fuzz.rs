//! What strangers send: thousands of messages that are random, cut off, or valid ones with a few bytes
//! changed. No answer has a wrong code, nothing that was refused is counted, and the server still
//! answers.

use std::collections::BTreeSet;

use prost::Message as _;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tonic::Streaming;
use tonic::transport::Channel;
use vajra::server::client::Code;
use vajra::server::proto::{self, ScoreRequest, ScoreResponse, ScoreStreamResponse};

use super::harness::{Raw, call_raw, payment, said, score, score_of, start};

const MESSAGES: usize = 10_000;
const STREAMED: usize = 1_000;
const AT_ONCE: usize = 32;

/// The codes that a caller's mistake may have.
const MISTAKES: [Code; 4] =
    [Code::InvalidArgument, Code::AlreadyExists, Code::NotFound, Code::OutOfRange];

#[tokio::test]
async fn no_message_gets_a_wrong_code_or_is_counted_when_it_is_refused() {
    let running = start();
    let channel = running.channel().await;
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut scored = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut left = MESSAGES;
    while left > 0 {
        let mut calls = JoinSet::new();
        for _ in 0..AT_ONCE.min(left) {
            let (method, bytes) = message(&mut random);
            calls.spawn(call(channel.clone(), method, bytes));
        }
        left -= calls.len();
        for (method, bytes, answer) in calls.join_all().await {
            match answer {
                Ok(answer) if method == "RiskService/Score" => {
                    let request = ScoreRequest::decode(bytes.as_slice()).unwrap();
                    let response = ScoreResponse::decode(answer).unwrap();
                    if !request.dry_run {
                        scored.insert(response.payment_id);
                    }
                    seen.insert("OK".to_owned());
                }
                Ok(_) => {}
                Err(status) => {
                    let code = status.code();
                    assert!(MISTAKES.contains(&code), "{method} {bytes:02x?}: {status:?}");
                    seen.insert(format!("{code:?}"));
                }
            }
        }
    }
    assert!(seen.len() >= 4, "the messages are too much alike: {seen:?}");
    assert_eq!(running.server.engine().held().payments, scored.len());
    assert_eq!(running.metric("failures_total").await, Some(0.0));
    let mut client = running.risk().await;
    assert_eq!(said(&score(&mut client, payment("last", "last")).await.unwrap()), "ALLOW");
}

async fn call(
    channel: Channel,
    method: &'static str,
    bytes: Vec<u8>,
) -> (&'static str, Vec<u8>, Result<prost::bytes::Bytes, tonic::Status>) {
    let answer = call_raw(&channel, method, bytes.clone()).await;
    (method, bytes, answer)
}

#[tokio::test]
async fn every_message_of_a_stream_gets_one_answer_whatever_it_is() {
    let running = start();
    let mut random = ChaCha8Rng::seed_from_u64(12);
    let mut sent = Vec::new();
    for number in 0..STREAMED {
        let request = Some(score_of(payment(&format!("p{number}"), "c1")));
        let correlation_id = format!("m{number}");
        let message = proto::ScoreStreamRequest { correlation_id, request };
        sent.push(mutated(&mut random, message.encode_to_vec()));
    }
    let last = proto::ScoreStreamRequest {
        correlation_id: "last".to_owned(),
        request: Some(score_of(payment("last", "last"))),
    };
    sent.push(last.encode_to_vec());
    let mut grpc = tonic::client::Grpc::new(running.channel().await);
    grpc.ready().await.unwrap();
    let path = "/vajra.v1.RiskService/ScoreStream".parse().unwrap();
    let request = tonic::Request::new(tokio_stream::iter(sent));
    let answers: Streaming<_> = grpc.streaming(request, path, Raw).await.unwrap().into_inner();
    let answers: Vec<_> =
        answers.map(|answer| ScoreStreamResponse::decode(answer.unwrap()).unwrap()).collect().await;
    assert_eq!(answers.len(), STREAMED + 1);
    assert_eq!(answers.last().unwrap().correlation_id, "last");
    for answer in &answers {
        if let Some(proto::score_stream_response::Answer::Status(status)) = &answer.answer {
            let code = Code::from(status.code);
            assert!(MISTAKES.contains(&code), "{status:?}");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_not_even_http_harm_no_one() {
    let running = start();
    let mut random = ChaCha8Rng::seed_from_u64(13);
    for round in 0..200 {
        let mut bytes = vec![0; random.random_range(1..2_000)];
        random.fill_bytes(&mut bytes);
        let mut stream = tokio::net::TcpStream::connect(running.server.grpc_addr()).await.unwrap();
        if round % 2 == 0 {
            // Far enough to be taken for a client.
            stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        }
        // The server may have closed already.
        drop(stream.write_all(&bytes).await);
    }
    let mut client = running.risk().await;
    assert_eq!(said(&score(&mut client, payment("p1", "c1")).await.unwrap()), "ALLOW");
    assert_eq!(running.metric("failures_total").await, Some(0.0));
}

fn message(random: &mut ChaCha8Rng) -> (&'static str, Vec<u8>) {
    let id = format!("p{}", random.random_range(0..200));
    let (method, bytes) = match random.random_range(0..10) {
        0..6 => ("RiskService/Score", full(random, &id).encode_to_vec()),
        6 => ("RiskService/ReportOutcome", outcome(random, &id).encode_to_vec()),
        7 => ("RiskService/RecordEvent", event(random, &id).encode_to_vec()),
        8 => {
            let request = proto::GetPaymentRequest { payment_id: id, ..Default::default() };
            ("RiskService/GetPayment", request.encode_to_vec())
        }
        _ => {
            let list = "blocked".to_owned();
            let request = proto::AddListEntryRequest { list, value: id, ..Default::default() };
            ("ListService/AddListEntry", request.encode_to_vec())
        }
    };
    (method, mutated(random, bytes))
}

/// A request in which every block is set, so that every one is mutated.
fn full(random: &mut ChaCha8Rng, id: &str) -> ScoreRequest {
    let text = |random: &mut ChaCha8Rng| format!("text {}", random.random_range(0..1_000));
    let address = proto::Address {
        line1: text(random),
        country: "de".to_owned(),
        lat: Some(random.random_range(-100.0..100.0)),
        ..proto::Address::default()
    };
    let number = proto::attribute_value::Kind::NumberValue(f64::from_bits(random.next_u64()));
    let attribute = proto::AttributeValue { kind: Some(number) };
    let payment = proto::Payment {
        amount: Some(random.random_range(-10..1_000_000)),
        attempt: random.random_range(0..3),
        currency: ["EUR", "usd", "JPY", "XXX", ""][random.random_range(0..5)].to_owned(),
        description: text(random),
        authenticated: vec!["3ds".to_owned()],
        device: Some(proto::Device { user_agent: text(random), ..proto::Device::default() }),
        merchant: Some(proto::Merchant { mcc: "5411".to_owned(), ..proto::Merchant::default() }),
        billing: Some(address.clone()),
        shipping: Some(address),
        checks: Some(proto::Checks { cvc: "pass".to_owned(), ..proto::Checks::default() }),
        attributes: [("a".to_owned(), attribute)].into(),
        ..payment(id, "c1")
    };
    let dry_run = random.random_ratio(1, 10);
    ScoreRequest { payment: Some(payment), locale: "en".to_owned(), dry_run, trace: true }
}

fn outcome(random: &mut ChaCha8Rng, id: &str) -> proto::ReportOutcomeRequest {
    proto::ReportOutcomeRequest {
        status: random.random_range(-2..12),
        stage: random.random_range(-1..4),
        amount: Some(random.random()),
        latency_ms: Some(random.random_range(-5..100_000)),
        ..super::harness::declined(id)
    }
}

fn event(random: &mut ChaCha8Rng, id: &str) -> proto::RecordEventRequest {
    proto::RecordEventRequest {
        name: ["login", "fraud", "captured", "no name"][random.random_range(0..4)].to_owned(),
        event_id: format!("e{}", random.random_range(0..50)),
        payment_id: if random.random() { id.to_owned() } else { String::new() },
        ..proto::RecordEventRequest::default()
    }
}

/// One of: as it is, cut off, a few bytes changed, a piece put in, random, far too long.
fn mutated(random: &mut ChaCha8Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    match random.random_range(0..20) {
        0..6 => {}
        6..9 => bytes.truncate(random.random_range(0..bytes.len())),
        9..15 => {
            for _ in 0..random.random_range(1..4) {
                let place = random.random_range(0..bytes.len());
                bytes[place] = random.random();
            }
        }
        15..17 => {
            let place = random.random_range(0..bytes.len());
            let mut piece = vec![0; random.random_range(1..20)];
            random.fill_bytes(&mut piece);
            drop(bytes.splice(place..place, piece));
        }
        17..19 => {
            bytes = vec![0; random.random_range(0..300)];
            random.fill_bytes(&mut bytes);
        }
        _ => {
            if random.random_ratio(1, 20) {
                bytes.resize(70_000, 0);
            }
        }
    }
    bytes
}
