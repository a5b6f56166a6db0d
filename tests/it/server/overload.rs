//! Deadlines, shedding, and what is answered instead.

use std::time::Duration;

use prost::bytes::Bytes;
use tonic_types::StatusExt as _;
use vajra::config::{Config, Limits};
use vajra::server::client::Code;
use vajra::server::live::Source;
use vajra::server::proto::{self, NextStep};

use super::harness::{
    BUNDLE, Bare, Running, SentBody, bare, bare_request, declined, files, framed, grpc_status,
    payment, quiet, said, score, score_of, start, start_with, until,
};

fn at_most(limits: impl FnOnce(&mut Limits)) -> Running {
    let mut config: Config = quiet();
    limits(&mut config.limits);
    start_with(&config, Source::Files(files(BUNDLE)))
}

/// Opens a call and never says what it wants: it holds its place until it is dropped.
async fn hold_a_place(running: &Running) -> (Bare, tokio::task::JoinHandle<()>) {
    let mut sender = bare(running.server.grpc_addr()).await;
    let body = SentBody { bytes: Some(Bytes::from_static(&[0])), is_open: true };
    let answer = sender.send_request(bare_request("RiskService/Score", &[], body));
    let held = tokio::task::spawn(async move { drop(answer.await) });
    until("a request is in flight", || async {
        running.metric("requests_in_flight").await == Some(1.0)
    })
    .await;
    (sender, held)
}

#[tokio::test]
async fn a_request_whose_deadline_is_spent_is_not_worked_on() {
    let running = start();
    let mut sender = bare(running.server.grpc_addr()).await;
    let body = SentBody { bytes: Some(framed(&score_of(payment("p1", "c1")))), is_open: false };
    let request = bare_request("RiskService/Score", &[("grpc-timeout", "0n")], body);
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(grpc_status(&answer).as_deref(), Some("4"));
    assert_eq!(running.server.engine().held().payments, 0);
    assert_eq!(running.metric("deadlines_spent_total").await, Some(1.0));

    let body = SentBody { bytes: Some(framed(&score_of(payment("p1", "c1")))), is_open: false };
    let request = bare_request("RiskService/Score", &[("grpc-timeout", "10S")], body);
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(grpc_status(&answer), None);
    assert_eq!(running.server.engine().held().payments, 1);
}

#[tokio::test]
async fn a_request_that_never_arrives_whole_ends_at_its_deadline() {
    let running = at_most(|limits| limits.default_deadline = Duration::from_millis(20));
    let mut sender = bare(running.server.grpc_addr()).await;
    let body = SentBody { bytes: None, is_open: true };
    let answer = sender.send_request(bare_request("RiskService/Score", &[], body)).await.unwrap();
    assert_eq!(grpc_status(&answer).as_deref(), Some("4"));
    until("its place is free", || async {
        running.metric("requests_in_flight").await == Some(0.0)
    })
    .await;
    assert_eq!(running.metric("deadlines_spent_total").await, Some(1.0));
}

#[tokio::test]
async fn beyond_the_bound_requests_are_shed_with_a_delay() {
    let running = at_most(|limits| {
        (limits.in_flight_max, limits.default_deadline) = (1, Duration::from_secs(60));
    });
    let mut client = running.risk().await;
    score(&mut client, payment("p0", "c1")).await.unwrap();
    let (sender, held) = hold_a_place(&running).await;

    let error = client.report_outcome(declined("p0")).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    let details = error.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "OVERLOADED");
    assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_millis(100)));
    assert_eq!(running.metric("sheds_total").await, Some(1.0));

    held.abort();
    drop(sender);
    until("there is room again", || async {
        client.clone().report_outcome(declined("p0")).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn under_overload_the_fallback_tiers_answer_by_amount_and_count_nothing() {
    let running = at_most(|limits| {
        (limits.in_flight_max, limits.default_deadline) = (1, Duration::from_secs(60));
    });
    let mut client = running.risk().await;
    let (sender, held) = hold_a_place(&running).await;

    let mut small = payment("p1", "c1");
    small.amount = Some(10_00);
    let answer = score(&mut client, small.clone()).await.unwrap();
    assert_eq!((said(&answer).as_str(), answer.degraded[0].as_str()), ("ALLOW", "overload"));
    assert_eq!((answer.decision_id.as_str(), answer.next_step()), ("", NextStep::Proceed));

    let mut middle = payment("p2", "c1");
    (middle.amount, middle.currency) = (Some(100_00), "USD".to_owned());
    let answer = score(&mut client, middle.clone()).await.unwrap();
    assert_eq!(
        (said(&answer).as_str(), answer.challenge.as_slice()),
        ("CHALLENGE", &["3ds".to_owned()][..])
    );
    middle.off_session = true;
    assert_eq!(said(&score(&mut client, middle.clone()).await.unwrap()), "BLOCK");
    (middle.off_session, middle.authenticated) = (false, vec!["3ds".to_owned()]);
    assert_eq!(said(&score(&mut client, middle).await.unwrap()), "ALLOW");

    let mut large = payment("p3", "c1");
    large.amount = Some(50_01);
    let error = score(&mut client, large.clone()).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    (large.amount, large.currency) = (Some(1), "GBP".to_owned());
    assert_eq!(score(&mut client, large).await.unwrap_err().code(), Code::ResourceExhausted);
    let bad = score(&mut client, payment("", "c1")).await.unwrap_err();
    assert_eq!(super::errors::violated(&bad), ["payment.id"]);
    assert_eq!(running.server.engine().held().payments, 0);

    // Its idempotency key is not used up, and its outcome is accepted with its own blocks.
    held.abort();
    drop(sender);
    until("there is room again", || async {
        running.metric("requests_in_flight").await == Some(0.0)
    })
    .await;
    let authorized = proto::ReportOutcomeRequest {
        payment_id: "p0".to_owned(),
        attempt: 1,
        status: proto::OutcomeStatus::Authorized.into(),
        payment: Some(proto::Payment { amount: Some(30_00), ..payment("p0", "c1") }),
        ..proto::ReportOutcomeRequest::default()
    };
    assert!(!client.report_outcome(authorized.clone()).await.unwrap().into_inner().repeated);
    assert!(client.report_outcome(authorized).await.unwrap().into_inner().repeated);
    let answer = score(&mut client, small).await.unwrap();
    assert_eq!((said(&answer).as_str(), answer.score), ("ALLOW SPENDER", 30));
    assert!(!answer.decision_id.is_empty());
}

#[tokio::test]
async fn streams_are_bounded_too() {
    let running = at_most(|limits| limits.streams_max = 1);
    let mut client = running.risk().await;
    let (_first, messages) = tokio::sync::mpsc::channel(1);
    let open = tokio_stream::wrappers::ReceiverStream::new(messages);
    let _answers = client.score_stream(open).await.unwrap();
    let error = client.score_stream(tokio_stream::empty()).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
}
