//! The HTTP side, health and reflection.

use tokio_stream::StreamExt as _;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use vajra::server::client::Code;

use super::harness::{get, payment, score, start};

#[tokio::test]
async fn health_is_told_for_the_server_and_for_each_service() {
    let running = start();
    let mut health = HealthClient::new(running.channel().await);
    for service in ["", "vajra.v1.RiskService", "vajra.v1.ListService"] {
        let answer =
            health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap();
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving, "{service}");
    }
    let unknown = health.check(HealthCheckRequest { service: "nothing".to_owned() }).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn reflection_lists_the_services_and_describes_them() {
    let running = start();
    let mut reflection = ServerReflectionClient::new(running.channel().await);
    let ask =
        |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let symbol = "vajra.v1.RiskService".to_owned();
    let questions = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(symbol)),
        ask(MessageRequest::FileByFilename("google/rpc/status.proto".to_owned())),
    ];
    let answers = reflection.server_reflection_info(tokio_stream::iter(questions)).await.unwrap();
    let answers: Vec<_> = answers.into_inner().collect().await;
    let [services, risk, status] = &answers[..] else { panic!("{answers:?}") };
    let Some(MessageResponse::ListServicesResponse(services)) =
        &services.as_ref().unwrap().message_response
    else {
        panic!("{services:?}")
    };
    let names: Vec<_> = services.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["vajra.v1.RiskService", "vajra.v1.ListService", "grpc.health.v1.Health"] {
        assert!(names.contains(&name), "{names:?}");
    }
    for file in [risk, status] {
        let response = &file.as_ref().unwrap().message_response;
        assert!(matches!(response, Some(MessageResponse::FileDescriptorResponse(_))), "{file:?}");
    }
}

#[tokio::test]
async fn the_http_side_tells_what_is_live_and_what_is_counted() {
    let running = start();
    let mut client = running.risk().await;
    score(&mut client, payment("p1", "c1")).await.unwrap();

    assert_eq!(running.get("/healthz").await.status, 200);
    assert_eq!(running.get("/readyz").await.status, 200);
    assert_eq!(running.get("/nothing").await.status, 404);

    let status = running.status().await;
    assert_eq!(status["policy"]["name"], "test");
    assert_eq!(status["policy"]["last_refused"], serde_json::Value::Null);
    assert_eq!((&status["ready"], &status["draining"]), (&true.into(), &false.into()));
    assert_eq!(status["held"]["payments"], 1);
    assert_eq!(status["held"]["entities"], 2);

    let metrics = running.get("/metrics").await.body;
    let version = status["policy"]["version"].as_str().unwrap();
    for line in [
        "decisions_total{verdict=\"allow\"} 1".to_owned(),
        "decisions_total{verdict=\"block\"} 0".to_owned(),
        "decision_duration_seconds_bucket{le=\"+Inf\"} 1".to_owned(),
        "rule_hits_total{rule=\"card testing\"} 0".to_owned(),
        "requests_in_flight 0".to_owned(),
        "entities 2".to_owned(),
        "payments 1".to_owned(),
        format!("policy_info{{version=\"{version}\"}} 1"),
    ] {
        assert!(metrics.lines().any(|known| known == line), "`{line}` in\n{metrics}");
    }
}

#[tokio::test]
async fn an_http_answer_carries_a_request_id() {
    let running = start();
    let address = running.server.http_addr();
    let answer = get(address, "/healthz", "x-request-id: abc\r\n").await;
    assert!(answer.head.contains("x-request-id: abc"), "{}", answer.head);
    assert!(get(address, "/healthz", "").await.head.contains("x-request-id: "));
    // One that looks like a card number would end up in logs.
    let answer = get(address, "/healthz", "x-request-id: 4111111111111111\r\n").await;
    assert!(!answer.head.contains("4111"), "{}", answer.head);
}
