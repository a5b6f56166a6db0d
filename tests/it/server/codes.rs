//! Codes that stand in no table: met, counted, and listed for whoever adds a row.

use vajra::command::codes::{render_counts, render_unmapped};
use vajra::server::proto::{ListFailureCodesRequest, OutcomeStatus, ReportOutcomeRequest};

use super::harness::{payment, score, start};

#[tokio::test]
async fn a_code_that_stands_in_no_table_is_listed_with_the_row_to_fill_in() {
    let running = start();
    let mut client = running.risk().await;
    for (id, provider, code) in
        [("p1", "stripe", "no_such, code"), ("p2", "stripe", "no_such, code"), ("p3", "", "51")]
    {
        score(&mut client, payment(id, id)).await.unwrap();
        let outcome = ReportOutcomeRequest {
            payment_id: id.to_owned(),
            attempt: 1,
            status: OutcomeStatus::Declined.into(),
            provider: provider.to_owned(),
            code: code.to_owned(),
            channel: "psp".to_owned(),
            ..Default::default()
        };
        client.report_outcome(outcome.clone()).await.unwrap();
        // A repeat is no second meeting.
        client.report_outcome(outcome).await.unwrap();
    }

    let live = client.list_failure_codes(ListFailureCodesRequest {}).await.unwrap().into_inner();

    assert_eq!(live.unmapped.len(), 1);
    assert_eq!((live.unmapped[0].count, live.left_out), (2, 0));
    let text = render_unmapped(&live).unwrap();
    assert!(text.contains("NO_SUCH, CODE of stripe\n"), "{text}");
    assert!(text.ends_with("\nstripe,*,*,\"NO_SUCH, CODE\",,,,,\n"), "{text}");
    let text = render_counts(&live.counts).unwrap();
    assert!(text.lines().any(|line| line.starts_with("stripe ")), "{text}");
    assert!(text.lines().any(|line| line.starts_with("all ")), "{text}");
    // A channel that the bundle does not have shares a label.
    let series = r#"channel_outcomes_total{channel="other",money="DECLINED",next_step="stop"}"#;
    assert_eq!(running.metric(series).await, Some(2.0));
}
