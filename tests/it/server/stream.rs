//! Many attempts over one stream.

use prost::Message as _;
use tokio_stream::StreamExt as _;
use tonic::Streaming;
use vajra::server::client::Code;
use vajra::server::proto::score_stream_response::Answer;
use vajra::server::proto::{ScoreRequest, ScoreStreamRequest, ScoreStreamResponse};

use super::harness::{Raw, payment, said, score_of, start};

fn asked(correlation_id: &str, request: ScoreRequest) -> ScoreStreamRequest {
    ScoreStreamRequest { correlation_id: correlation_id.to_owned(), request: Some(request) }
}

async fn all(answers: Streaming<ScoreStreamResponse>) -> Vec<(String, String)> {
    let answers: Vec<_> = answers.collect().await;
    answers.into_iter().map(|answer| told(answer.unwrap())).collect()
}

/// The correlation id, and what was said: a verdict, or the code of an error.
fn told(answer: ScoreStreamResponse) -> (String, String) {
    let said = match answer.answer.unwrap() {
        Answer::Response(response) => said(&response),
        Answer::Status(status) => format!("{:?}", Code::from(status.code)),
    };
    (answer.correlation_id, said)
}

#[tokio::test]
async fn answers_carry_the_correlation_id_and_come_in_order() {
    let running = start();
    let messages: Vec<_> = (0..6)
        .map(|n| asked(&format!("m{n}"), score_of(payment(&format!("p{n}"), "c1"))))
        .collect();
    let answers = running.risk().await.score_stream(tokio_stream::iter(messages)).await.unwrap();
    let expected = [
        "ALLOW",
        "ALLOW",
        "ALLOW",
        "BLOCK CARD_TESTING",
        "BLOCK CARD_TESTING",
        "BLOCK CARD_TESTING",
    ];
    let expected: Vec<_> = expected
        .iter()
        .enumerate()
        .map(|(n, said)| (format!("m{n}"), (*said).to_owned()))
        .collect();
    assert_eq!(all(answers.into_inner()).await, expected);
}

#[tokio::test]
async fn a_bad_message_gets_its_own_error_and_the_stream_goes_on() {
    let running = start();
    let good = |n: &str| asked(n, score_of(payment(n, "c1"))).encode_to_vec();
    let mut long = payment("long", "c1");
    long.description = "x".repeat(100_000);
    let mut not_utf8 = good("mm");
    not_utf8[3] = 0xff;
    let sent = vec![
        good("m1"),
        asked("no payment", ScoreRequest::default()).encode_to_vec(),
        ScoreStreamRequest { correlation_id: "no request".to_owned(), request: None }
            .encode_to_vec(),
        vec![0xff; 7],
        [
            asked("broken inside", ScoreRequest::default()).encode_to_vec(),
            vec![0x12, 2, 0xff, 0xff],
        ]
        .concat(),
        not_utf8,
        asked("long", score_of(long)).encode_to_vec(),
        asked(&"x".repeat(129), score_of(payment("p", "c1"))).encode_to_vec(),
        Vec::new(),
        good("m2"),
    ];
    let mut grpc = tonic::client::Grpc::new(running.channel().await);
    grpc.ready().await.unwrap();
    let path = "/vajra.v1.RiskService/ScoreStream".parse().unwrap();
    let request = tonic::Request::new(tokio_stream::iter(sent));
    let answers: Streaming<_> = grpc.streaming(request, path, Raw).await.unwrap().into_inner();
    let answers: Vec<_> = answers
        .map(|answer| told(ScoreStreamResponse::decode(answer.unwrap()).unwrap()))
        .collect()
        .await;
    let long_id = "x".repeat(129);
    let expected = [
        ("m1", "ALLOW"),
        ("no payment", "InvalidArgument"),
        ("no request", "InvalidArgument"),
        ("", "InvalidArgument"),
        ("broken inside", "InvalidArgument"),
        ("", "InvalidArgument"),
        ("long", "OutOfRange"),
        (&long_id, "InvalidArgument"),
        ("", "InvalidArgument"),
        ("m2", "ALLOW"),
    ];
    let expected: Vec<_> =
        expected.iter().map(|(id, said)| ((*id).to_owned(), (*said).to_owned())).collect();
    assert_eq!(answers, expected);
    assert_eq!(running.server.engine().held().payments, 2);
}

#[tokio::test]
async fn the_error_of_a_message_names_the_field_as_the_unary_call_does() {
    let running = start();
    let mut bad = payment("p1", "c1");
    bad.currency = "EUX".to_owned();
    let messages = tokio_stream::iter([asked("m1", score_of(bad))]);
    let mut answers = running.risk().await.score_stream(messages).await.unwrap().into_inner();
    let Some(Answer::Status(status)) = answers.next().await.unwrap().unwrap().answer else {
        panic!("an answer")
    };
    use tonic_types::StatusExt as _;
    let details = status.encode_to_vec().into();
    let status = tonic::Status::with_details(Code::from(status.code), status.message, details);
    let violations = status.get_error_details().bad_request().unwrap().field_violations.clone();
    assert_eq!(violations[0].field, "payment.currency");
}
