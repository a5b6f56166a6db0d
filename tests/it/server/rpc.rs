//! What each method does.

use vajra::server::client::Code;
use vajra::server::proto::{self, NextStep, ReasonClass, Verdict};

use super::harness::{declined, payment, said, score, score_of, start};

#[tokio::test]
async fn a_payment_that_no_rule_minds_is_allowed() {
    let running = start();
    let mut client = running.risk().await;
    let answer = score(&mut client, payment("p1", "c1")).await.unwrap();
    assert_eq!(said(&answer), "ALLOW");
    assert_eq!(answer.next_step(), NextStep::Proceed);
    assert_eq!((answer.payment_id.as_str(), answer.attempt), ("p1", 1));
    assert!(!answer.decision_id.is_empty());
    assert_eq!(answer.customer_message, "");
    assert_eq!(
        answer.policy_version,
        running.status().await["policy"]["version"].as_str().unwrap()
    );
}

#[tokio::test]
async fn a_block_is_an_answer_with_its_reason_and_a_message_for_the_customer() {
    let running = start();
    let mut client = running.risk().await;
    for id in ["p1", "p2", "p3"] {
        assert_eq!(said(&score(&mut client, payment(id, "c1")).await.unwrap()), "ALLOW");
    }
    let mut request = score_of(payment("p4", "c1"));
    request.locale = "zh-CN".to_owned();
    request.trace = true;
    let answer = client.score(request).await.unwrap().into_inner();
    assert_eq!(said(&answer), "BLOCK CARD_TESTING");
    assert_eq!(answer.next_step(), NextStep::RetryLater);
    assert!(answer.not_before.is_some());
    assert_eq!(answer.customer_message, "请稍后再试。");
    let reason = &answer.reasons[0];
    assert_eq!((reason.class(), reason.rule.as_str()), (ReasonClass::Velocity, "card testing"));
    assert_eq!(reason.message, "请稍后再试。");
    let trace = answer.trace.iter().find(|trace| trace.rule == "card testing").unwrap();
    assert_eq!(trace.condition(), proto::Condition::True);
    assert_eq!(trace.values[0].name, "card.attempts_1h");
    let value = trace.values[0].value.clone().unwrap().kind.unwrap();
    assert_eq!(value, proto::policy_value::Kind::IntValue(3));
}

#[tokio::test]
async fn a_challenge_names_its_methods_and_is_met_at_the_next_attempt() {
    let running = start();
    let mut client = running.risk().await;
    let mut large = payment("p1", "c1");
    large.amount = Some(600_00);
    let answer = score(&mut client, large.clone()).await.unwrap();
    assert_eq!(said(&answer), "CHALLENGE LARGE");
    assert_eq!(answer.challenge, ["otp", "3ds"]);
    assert_eq!(answer.next_step(), NextStep::StepUp);

    large.attempt = 2;
    large.authenticated = vec!["otp".to_owned()];
    let answer = score(&mut client, large).await.unwrap();
    assert_eq!(said(&answer), "ALLOW");
    let met = &answer.challenges_met[0];
    assert_eq!((met.rule.as_str(), met.method.as_str()), ("large", "otp"));
}

#[tokio::test]
async fn amounts_are_compared_in_the_base_currency() {
    let running = start();
    let mut client = running.risk().await;
    let mut dollars = payment("p1", "c1");
    (dollars.amount, dollars.currency) = (Some(1_000_00), "usd".to_owned());
    assert_eq!(said(&score(&mut client, dollars.clone()).await.unwrap()), "ALLOW");
    (dollars.id, dollars.amount) = ("p2".to_owned(), Some(1_000_04));
    assert_eq!(said(&score(&mut client, dollars).await.unwrap()), "CHALLENGE LARGE");
}

#[tokio::test]
async fn asked_again_the_stored_answer_comes_back_and_nothing_is_counted() {
    let running = start();
    let mut client = running.risk().await;
    let first = score(&mut client, payment("p1", "c1")).await.unwrap();
    for _ in 0..5 {
        assert_eq!(score(&mut client, payment("p1", "c1")).await.unwrap(), first);
    }
    let mut other = payment("p1", "c1");
    other.amount = Some(1);
    assert_eq!(score(&mut client, other).await.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(said(&score(&mut client, payment("p2", "c1")).await.unwrap()), "ALLOW");
    assert_eq!(running.metric("decisions_total{verdict=\"allow\"}").await, Some(2.0));
    assert_eq!(running.metric("decisions_repeated_total").await, Some(5.0));
}

#[tokio::test]
async fn a_dry_run_counts_nothing() {
    let running = start();
    let mut client = running.risk().await;
    for attempt in 0..5 {
        let mut request = score_of(payment(&format!("p{attempt}"), "c1"));
        request.dry_run = true;
        assert_eq!(said(&client.score(request).await.unwrap().into_inner()), "ALLOW");
    }
    assert_eq!(running.server.engine().held().payments, 0);
}

#[tokio::test]
async fn an_outcome_feeds_the_features_and_is_part_of_the_timeline() {
    let running = start();
    let mut client = running.risk().await;
    score(&mut client, payment("p1", "c1")).await.unwrap();
    let receipt = client.report_outcome(declined("p1")).await.unwrap().into_inner();
    assert!(!receipt.repeated);
    let again = client.report_outcome(declined("p1")).await.unwrap().into_inner();
    assert_eq!((again.sequence, again.repeated), (receipt.sequence, true));

    let answer = score(&mut client, payment("p2", "c1")).await.unwrap();
    assert_eq!(answer.shadow[0].rule, "declined");
    assert_eq!(answer.shadow[0].actions, ["block(\"CARD_TESTING\")"]);

    let request = proto::GetPaymentRequest { payment_id: "p1".to_owned(), ..Default::default() };
    let history = client.get_payment(request).await.unwrap().into_inner();
    use proto::timeline_entry::Entry;
    let [scored, reported] = &history.timeline[..] else { panic!("{history:?}") };
    assert!(scored.sequence < reported.sequence);
    let Some(Entry::Scored(decision)) = &scored.entry else { panic!("{scored:?}") };
    assert_eq!(decision.verdict(), Verdict::Allow);
    let Some(Entry::Outcome(outcome)) = &reported.entry else { panic!("{reported:?}") };
    assert_eq!((outcome.status(), outcome.code.as_str()), (proto::OutcomeStatus::Declined, "51"));
}

#[tokio::test]
async fn an_event_of_the_callers_own_feeds_the_features() {
    let running = start();
    let mut client = running.risk().await;
    for number in 0..2 {
        let account = payment("-", "c1").account;
        let event = proto::RecordEventRequest {
            name: "login".to_owned(),
            event_id: format!("e{number}"),
            payment: Some(proto::Payment { account, ..proto::Payment::default() }),
            ..proto::RecordEventRequest::default()
        };
        assert!(!client.record_event(event.clone()).await.unwrap().into_inner().repeated);
        assert!(client.record_event(event).await.unwrap().into_inner().repeated);
    }
    let answer = score(&mut client, payment("p1", "c1")).await.unwrap();
    assert_eq!(said(&answer), "ALLOW LOGINS");
    assert!(answer.review);
}

#[tokio::test]
async fn an_event_about_a_payment_is_part_of_its_timeline() {
    let running = start();
    let mut client = running.risk().await;
    score(&mut client, payment("p1", "c1")).await.unwrap();
    let event = proto::RecordEventRequest {
        name: "fraud".to_owned(),
        event_id: "e1".to_owned(),
        payment_id: "p1".to_owned(),
        ..proto::RecordEventRequest::default()
    };
    client.record_event(event).await.unwrap();
    let request = proto::GetPaymentRequest { payment_id: "p1".to_owned(), ..Default::default() };
    let history = client.get_payment(request).await.unwrap().into_inner();
    let Some(proto::timeline_entry::Entry::Event(event)) = &history.timeline[1].entry else {
        panic!("{history:?}")
    };
    assert_eq!((event.name.as_str(), event.event_id.as_str()), ("fraud", "e1"));
}

#[tokio::test]
async fn a_card_number_as_an_id_is_hashed_but_comes_back_as_the_caller_wrote_it() {
    let running = start();
    let mut client = running.risk().await;
    let number = "4111 1111 1111 1111";
    let answer = score(&mut client, payment(number, "c1")).await.unwrap();
    assert_eq!(answer.payment_id, number);
    let request = proto::GetPaymentRequest { payment_id: number.to_owned(), ..Default::default() };
    let history = client.get_payment(request).await.unwrap().into_inner();
    assert_eq!(history.payment_id, number);
    assert_eq!(running.metric("card_numbers_hashed_total").await, Some(1.0));
    assert!(running.server.engine().payment(number, vajra::server::clock::now()).is_none());
}

#[tokio::test]
async fn the_request_id_of_the_caller_comes_back_and_one_is_made_otherwise() {
    let running = start();
    let mut client = running.risk().await;
    let mut request = tonic::Request::new(score_of(payment("p1", "c1")));
    request.metadata_mut().insert("x-request-id", "mine-1".parse().unwrap());
    let answer = client.score(request).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "mine-1");
    let answer = client.score(score_of(payment("p2", "c1"))).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap().len(), 32);
}
