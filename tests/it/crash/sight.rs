//! What a server knows, as far as its callers can see it: timelines, features, limits.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tonic::transport::Channel;
use vajra::server::client::{RiskServiceClient, connect};
use vajra::server::proto;

use super::client::{CARDS, payment};
use super::ledger::Ledger;

#[derive(Debug, PartialEq)]
pub(super) struct Sight {
    timelines: BTreeMap<String, Vec<proto::TimelineEntry>>,
    /// Per card: the trace with the values of its features, and the usage of its limits.
    cards: BTreeMap<u64, (Vec<proto::RuleTrace>, Vec<proto::LimitUsage>)>,
}

impl Sight {
    pub(super) async fn take(grpc: SocketAddr, rounds: &[Ledger]) -> Self {
        let mut risk = RiskServiceClient::new(connect(grpc).await.unwrap());
        let mut timelines = BTreeMap::new();
        for payment_id in rounds.iter().flat_map(Ledger::payments) {
            let timeline = timeline(&mut risk, &payment_id).await;
            timelines.insert(payment_id, timeline);
        }
        let mut cards = BTreeMap::new();
        for card in 0..CARDS {
            let request = proto::ScoreRequest {
                payment: Some(payment(format!("looked at {card}"), 1, card, 1)),
                dry_run: true,
                trace: true,
                ..proto::ScoreRequest::default()
            };
            let response = risk.score(request).await.unwrap().into_inner();
            // When a rolling limit has room again depends on the moment of the question.
            let limits = response
                .limits
                .into_iter()
                .map(|usage| proto::LimitUsage { resets_at: None, ..usage })
                .collect();
            cards.insert(card, (response.trace, limits));
        }
        Self { timelines, cards }
    }

    /// Holds it against another, piece by piece, so that a difference can be read.
    pub(super) fn assert_equals(&self, other: &Self) {
        for (card, seen) in &self.cards {
            assert_eq!(other.cards.get(card), Some(seen), "card {card}");
        }
        assert_eq!(self.timelines.len(), other.timelines.len());
        for (payment_id, seen) in &self.timelines {
            assert_eq!(other.timelines.get(payment_id), Some(seen), "{payment_id}");
        }
    }
}

async fn timeline(
    risk: &mut RiskServiceClient<Channel>,
    payment_id: &str,
) -> Vec<proto::TimelineEntry> {
    let request = proto::GetPaymentRequest {
        payment_id: payment_id.to_owned(),
        ..proto::GetPaymentRequest::default()
    };
    risk.get_payment(request).await.unwrap().into_inner().timeline
}
