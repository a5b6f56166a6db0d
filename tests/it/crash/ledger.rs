//! What a caller asked and what it was answered: the record that the server is held against.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use tonic::transport::Channel;
use vajra::server::client::{ListServiceClient, RiskServiceClient, Status, connect};
use vajra::server::proto;

/// One request.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a test keeps a few thousand of them")]
pub(super) enum Asked {
    Score(proto::ScoreRequest),
    Outcome(proto::ReportOutcomeRequest),
    Event(proto::RecordEventRequest),
    /// A value for the list of blocked cards.
    Listed(String),
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Score(Box<proto::ScoreResponse>),
    Outcome(Box<proto::ReportOutcomeResponse>),
    Event(proto::RecordEventResponse),
    Listed,
}

/// Everything that was asked in one round, with its answer where one came.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Vec<(Asked, Option<Answer>)>,
}

// === impl Asked ===

impl Asked {
    pub(super) async fn send(
        &self,
        risk: &mut RiskServiceClient<Channel>,
        lists: &mut ListServiceClient<Channel>,
    ) -> Result<Answer, Status> {
        Ok(match self {
            Self::Score(request) => {
                Answer::Score(Box::new(risk.score(request.clone()).await?.into_inner()))
            }
            Self::Outcome(request) => {
                Answer::Outcome(Box::new(risk.report_outcome(request.clone()).await?.into_inner()))
            }
            Self::Event(request) => {
                Answer::Event(risk.record_event(request.clone()).await?.into_inner())
            }
            Self::Listed(value) => {
                let request = proto::AddListEntryRequest {
                    list: "blocked".to_owned(),
                    value: value.clone(),
                    ..proto::AddListEntryRequest::default()
                };
                lists.add_list_entry(request).await?;
                Answer::Listed
            }
        })
    }
}

// === impl Answer ===

impl Answer {
    /// The attempt that may now get an outcome.
    pub(super) fn open(&self) -> Option<(String, u32)> {
        match self {
            Self::Score(response) if response.verdict() != proto::Verdict::Block => {
                Some((response.payment_id.clone(), response.attempt))
            }
            _ => None,
        }
    }

    /// The same, as it is answered to one who asks again.
    fn repeated(&self) -> Self {
        let mut answer = self.clone();
        match &mut answer {
            Self::Outcome(response) => response.repeated = true,
            Self::Event(response) => response.repeated = true,
            Self::Score(_) | Self::Listed => {}
        }
        answer
    }
}

// === impl Ledger ===

impl Ledger {
    pub(super) fn note(&mut self, asked: Asked, answer: Option<Answer>) {
        self.entries.push((asked, answer));
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// How many requests were answered.
    pub(super) fn acknowledged(&self) -> usize {
        self.entries.iter().filter(|(_, answer)| answer.is_some()).count()
    }

    /// The payments that it knows to be there.
    pub(super) fn payments(&self) -> BTreeSet<String> {
        let scored = self.entries.iter().filter_map(|(_, answer)| match answer {
            Some(Answer::Score(response)) => Some(response.payment_id.clone()),
            _ => None,
        });
        scored.collect()
    }

    /// Asks everything again: what was answered is answered the same, and what was not is done by now,
    /// once.
    pub(super) async fn ask_again(&mut self, grpc: SocketAddr) {
        let channel = connect(grpc).await.unwrap();
        let mut risk = RiskServiceClient::new(channel.clone());
        let mut lists = ListServiceClient::new(channel);
        let listed = listed(&mut lists).await;
        for (asked, answer) in &mut self.entries {
            match (&*asked, &*answer) {
                (Asked::Listed(value), Some(_)) => {
                    assert!(listed.contains(value), "`{value}` is no longer listed");
                }
                (_, known) => {
                    let again = asked.send(&mut risk, &mut lists).await;
                    let again = again.unwrap_or_else(|error| panic!("{asked:?}: {error:?}"));
                    if let Some(known) = known {
                        assert_eq!(again, known.repeated(), "{asked:?}");
                    } else {
                        *answer = Some(again);
                    }
                }
            }
        }
    }
}

/// Every value of the list.
async fn listed(lists: &mut ListServiceClient<Channel>) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    let mut request = proto::ListListEntriesRequest {
        list: "blocked".to_owned(),
        ..proto::ListListEntriesRequest::default()
    };
    loop {
        let page = lists.list_list_entries(request.clone()).await.unwrap().into_inner();
        values.extend(page.entries.into_iter().map(|entry| entry.value));
        if page.next_page_token.is_empty() {
            return values;
        }
        request.page_token = page.next_page_token;
    }
}
