//! A payment's timeline as `vajra explain` prints it: what happened, why, on what, and what is owed.

use vajra::command::explain::{Shown, render};
use vajra::server::live::Source;
use vajra::server::proto::{
    self, FailureStage, GetPaymentRequest, GetPaymentResponse, OutcomeStatus, ReportOutcomeRequest,
};

use super::harness::{Running, payment, quiet, score, start_with};

/// A payment with what a shop usually sends, after others by the same card.
fn order(id: &str, attempt: u32, channel: &str) -> proto::Payment {
    let mut order = payment(id, "tok_1");
    order.attempt = attempt;
    order.amount = Some(120_00);
    order.channel = channel.to_owned();
    order.card.get_or_insert_default().brand = "visa".to_owned();
    order.card.get_or_insert_default().last4 = "1111".to_owned();
    order.merchant = Some(proto::Merchant { id: "shop".to_owned(), ..Default::default() });
    order.account = Some(proto::Account { id: "ann".to_owned(), ..Default::default() });
    order
}

fn reported(id: &str, attempt: u32, status: OutcomeStatus) -> ReportOutcomeRequest {
    ReportOutcomeRequest {
        payment_id: id.to_owned(),
        attempt,
        outcome_id: format!("{id}-{attempt}-{}", status.as_str_name()),
        status: status.into(),
        ..Default::default()
    }
}

async fn told(running: &Running, id: &str) -> GetPaymentResponse {
    let request =
        GetPaymentRequest { payment_id: id.to_owned(), trace: true, locale: String::new() };
    running.risk().await.get_payment(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_timeline_says_what_happened_and_why_and_what_is_owed() {
    let running = start_with(&quiet(), Source::Shipped);
    let mut client = running.risk().await;
    score(&mut client, order("ord-1", 1, "psp-a")).await.unwrap();
    let declined = ReportOutcomeRequest {
        provider: "stripe".to_owned(),
        code: "processing_error".to_owned(),
        latency_ms: Some(840),
        ..reported("ord-1", 1, OutcomeStatus::Declined)
    };
    client.report_outcome(declined).await.unwrap();
    score(&mut client, order("ord-1", 2, "psp-b")).await.unwrap();
    let timed_out = reported("ord-1", 2, OutcomeStatus::TimedOut);
    client.report_outcome(timed_out).await.unwrap();
    let failed = ReportOutcomeRequest {
        stage: FailureStage::Sent.into(),
        ..reported("ord-1", 2, OutcomeStatus::Failed)
    };
    client.report_outcome(failed).await.unwrap();

    let text = render(&told(&running, "ord-1").await, Shown::All).unwrap();
    for part in [
        "attempt 1 scored: ALLOW, then PROCEED",
        "payment      120.00 EUR, through psp-a, visa ending in 1111",
        "limit        daily spend: 0.00 EUR used and 120.00 EUR reserved of 2000.00 EUR",
        "reserves     120.00 EUR of daily spend, merchant day, account day, until an outcome comes",
        "attempt 1: DECLINED, code processing_error, of stripe, after 840 ms",
        "means        CHANNEL_SYSTEM_ERROR, technical, class TECH; no money was taken",
        "gives back   120.00 EUR of daily spend, merchant day, account day",
        "\"card burst\" (velocity.rhai:10): card.attempts_10m = 2\n",
        "a fact is missing: payment.card.funding = missing, account_age = missing\n",
        "features     account.last_email = missing",
        "bound by     the rule of CHANNEL_SYSTEM_ERROR (source: Visa 96/19",
        "attempt 2: TIMED_OUT\n",
        "ask at       ",
        "reserves     120.00 EUR of daily spend, merchant day, account day, until it is known\n",
        "Still owed\n     query        attempt 2: ask the channel",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let captured = ReportOutcomeRequest {
        amount: Some(100_00),
        ..reported("ord-1", 2, OutcomeStatus::Captured)
    };
    client.report_outcome(captured).await.unwrap();
    client.report_outcome(reported("ord-1", 1, OutcomeStatus::Authorized)).await.unwrap();
    let text = render(&told(&running, "ord-1").await, Shown::Brief).unwrap();
    for part in [
        "attempt 2: CAPTURED 100.00 EUR\n",
        "gives back   20.00 EUR of daily spend, merchant day, account day\n",
        "has used     1 payment of orders a week\n",
        "flagged      second success\n",
        "because      the payment was taken twice: reverse one\n",
        "Still owed\n     reversal     attempt 1: ",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert!(!text.contains("card burst"), "{text}");
}
