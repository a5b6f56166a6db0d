//! What is refused, with which code, naming which field.

use tonic::Status;
use tonic_types::StatusExt as _;
use vajra::server::client::Code;
use vajra::server::proto::{self, Payment, ScoreRequest};

use super::harness::{call_raw, declined, payment, score, start};

/// The fields that an error names.
pub(crate) fn violated(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(info.domain, "vajra");
    let violations = &details.bad_request().unwrap().field_violations;
    violations.iter().map(|violation| violation.field.clone()).collect()
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named_and_nothing_is_counted() {
    let running = start();
    let mut client = running.risk().await;
    let cases: Vec<(Payment, &[&str])> = vec![
        (
            Payment::default(),
            &["payment.id", "payment.attempt", "payment.amount", "payment.currency"],
        ),
        (Payment { id: "x".repeat(129), ..payment("p", "c") }, &["payment.id"]),
        (Payment { amount: Some(-1), ..payment("p", "c") }, &["payment.amount"]),
        (Payment { amount: Some(i64::MAX), ..payment("p", "c") }, &["payment.amount"]),
        (Payment { currency: "EUX".to_owned(), ..payment("p", "c") }, &["payment.currency"]),
        (payment("p", "4111111111111111"), &["payment.card.token"]),
        (
            Payment { description: "card 4111-1111-1111-1111".to_owned(), ..payment("p", "c") },
            &["payment.description"],
        ),
        (
            Payment { occurred_at: at(1_000_000_000, 0), ..payment("p", "c") },
            &["payment.occurred_at"],
        ),
        (Payment { occurred_at: at(0, -1), ..payment("p", "c") }, &["payment.occurred_at"]),
        (Payment { occurred_at: at(i64::MAX, 0), ..payment("p", "c") }, &["payment.occurred_at"]),
        (with_number(f64::NAN), &["payment.attributes[\"score\"]"]),
        (
            Payment {
                device: Some(proto::Device { lat: Some(91.0), ..proto::Device::default() }),
                amount: Some(-5),
                ..payment("p", "c")
            },
            &["payment.amount", "payment.device.lat"],
        ),
    ];
    for (payment, fields) in cases {
        let error = score(&mut client, payment.clone()).await.unwrap_err();
        assert_eq!(violated(&error), fields, "{payment:?}");
        assert_eq!(reason(&error), "INVALID_FIELDS");
        assert!(!error.message().contains("4111"));
    }
    let error = client.score(ScoreRequest::default()).await.unwrap_err();
    assert_eq!(violated(&error), ["payment"]);
    let locale = ScoreRequest {
        payment: Some(payment("p", "c")),
        locale: "no locale".to_owned(),
        ..ScoreRequest::default()
    };
    assert_eq!(violated(&client.score(locale).await.unwrap_err()), ["locale"]);
    assert_eq!(running.server.engine().held().payments, 0);
}

fn at(seconds: i64, nanos: i32) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos })
}

fn with_number(number: f64) -> Payment {
    let kind = Some(proto::attribute_value::Kind::NumberValue(number));
    let attributes = [("score".to_owned(), proto::AttributeValue { kind })].into();
    Payment { attributes, ..payment("p", "c") }
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_the_callers_mistake() {
    let running = start();
    let channel = running.channel().await;
    let message =
        prost::Message::encode_to_vec(&super::harness::score_of(payment("p1", "card-token")));
    let truncated = message[..message.len() - 3].to_vec();
    let error = call_raw(&channel, "RiskService/Score", truncated).await.unwrap_err();
    assert_eq!(
        (error.code(), reason(&error).as_str()),
        (Code::InvalidArgument, "MALFORMED_MESSAGE")
    );

    let place = message.windows(10).position(|window| window == b"card-token").unwrap();
    let mut not_utf8 = message;
    not_utf8[place] = 0xff;
    let error = call_raw(&channel, "RiskService/Score", not_utf8).await.unwrap_err();
    assert_eq!(violated(&error), ["payment.card.token"]);
}

#[tokio::test]
async fn a_message_that_is_too_long_is_out_of_range() {
    let running = start();
    let mut client = running.risk().await;
    let long = Payment { description: "x".repeat(65 * 1_024), ..payment("p1", "c1") };
    let error = score(&mut client, long).await.unwrap_err();
    assert_eq!(error.code(), Code::OutOfRange);
    assert!(score(&mut client, payment("p1", "c1")).await.is_ok());
}

#[tokio::test]
async fn many_violations_still_fit_the_headers_of_an_answer() {
    let running = start();
    let mut client = running.risk().await;
    let bad = |text: &str| {
        let kind = Some(proto::attribute_value::Kind::NumberValue(f64::NAN));
        (format!("{text}-{}", "n".repeat(40)), proto::AttributeValue { kind })
    };
    let attributes = (0..64).map(|number| bad(&number.to_string())).collect();
    let error = score(&mut client, Payment { attributes, ..Payment::default() }).await.unwrap_err();
    assert!(violated(&error).len() > 10);
    assert!(error.details().len() < 8 * 1_024);
}

#[tokio::test]
async fn an_outcome_is_checked_field_by_field() {
    let running = start();
    let mut client = running.risk().await;
    score(&mut client, payment("p1", "c1")).await.unwrap();
    let good = declined("p1");
    let cases = [
        (proto::ReportOutcomeRequest { status: 0, ..good.clone() }, "status"),
        (proto::ReportOutcomeRequest { status: 77, ..good.clone() }, "status"),
        (proto::ReportOutcomeRequest { stage: -1, ..good.clone() }, "stage"),
        (proto::ReportOutcomeRequest { status: 4, ..good.clone() }, "stage"),
        (proto::ReportOutcomeRequest { payment_id: String::new(), ..good.clone() }, "payment_id"),
        (proto::ReportOutcomeRequest { attempt: 0, ..good.clone() }, "attempt"),
        (proto::ReportOutcomeRequest { amount: Some(-1), ..good.clone() }, "amount"),
        // One of these would overflow every sum that it is in.
        (proto::ReportOutcomeRequest { amount: Some(i64::MAX), ..good.clone() }, "amount"),
        (proto::ReportOutcomeRequest { latency_ms: Some(-1), ..good.clone() }, "latency_ms"),
        (proto::ReportOutcomeRequest { code: "x".repeat(500), ..good.clone() }, "code"),
        (proto::ReportOutcomeRequest { occurred_at: at(1, 0), ..good.clone() }, "occurred_at"),
        (
            proto::ReportOutcomeRequest { occurred_at: at(253_000_000_000, 0), ..good.clone() },
            "occurred_at",
        ),
    ];
    for (request, field) in cases {
        let error = client.report_outcome(request.clone()).await.unwrap_err();
        assert_eq!(violated(&error), [field], "{request:?}");
    }
    let error = client.report_outcome(declined("p2")).await.unwrap_err();
    assert_eq!((error.code(), reason(&error).as_str()), (Code::NotFound, "PAYMENT_UNKNOWN"));
    let second = proto::ReportOutcomeRequest { attempt: 2, ..good.clone() };
    let error = client.report_outcome(second).await.unwrap_err();
    assert_eq!((error.code(), reason(&error).as_str()), (Code::NotFound, "ATTEMPT_UNKNOWN"));

    let named = proto::ReportOutcomeRequest { outcome_id: "o1".to_owned(), ..good };
    client.report_outcome(named.clone()).await.unwrap();
    let changed = proto::ReportOutcomeRequest { code: "05".to_owned(), ..named };
    let error = client.report_outcome(changed).await.unwrap_err();
    assert_eq!((error.code(), reason(&error).as_str()), (Code::AlreadyExists, "ID_REUSED"));
}

#[tokio::test]
async fn an_event_is_checked_field_by_field() {
    let running = start();
    let mut client = running.risk().await;
    let good = proto::RecordEventRequest {
        name: "login".to_owned(),
        event_id: "e1".to_owned(),
        ..proto::RecordEventRequest::default()
    };
    let card = payment("", "4111111111111111");
    let cases = [
        (proto::RecordEventRequest { name: String::new(), ..good.clone() }, vec!["name"]),
        (proto::RecordEventRequest { name: "9lives".to_owned(), ..good.clone() }, vec!["name"]),
        (proto::RecordEventRequest { name: "authorized".to_owned(), ..good.clone() }, vec!["name"]),
        (proto::RecordEventRequest { event_id: String::new(), ..good.clone() }, vec!["event_id"]),
        (
            proto::RecordEventRequest { payment: Some(card), ..good.clone() },
            vec!["payment.card.token"],
        ),
        (
            proto::RecordEventRequest {
                payment: Some(Payment::default()),
                payment_id: "p1".to_owned(),
                ..good.clone()
            },
            vec!["payment"],
        ),
    ];
    for (request, fields) in cases {
        let error = client.record_event(request.clone()).await.unwrap_err();
        assert_eq!(violated(&error), fields, "{request:?}");
    }
    let about = proto::RecordEventRequest { payment_id: "p9".to_owned(), ..good };
    let error = client.record_event(about).await.unwrap_err();
    assert_eq!((error.code(), reason(&error).as_str()), (Code::NotFound, "PAYMENT_UNKNOWN"));
    let error = client
        .get_payment(proto::GetPaymentRequest { payment_id: "p9".to_owned(), ..Default::default() })
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_unimplemented() {
    let running = start();
    let channel = running.channel().await;
    for method in ["RiskService/Nothing", "Nothing/Score"] {
        let error = call_raw(&channel, method, Vec::new()).await.unwrap_err();
        assert_eq!(error.code(), Code::Unimplemented, "{method}");
    }
}
