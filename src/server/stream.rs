//! `ScoreStream`: one answer for each message, in order. A message that cannot be answered gets its own
//! error; the stream goes on. Messages that have come in together are decided together, and their answers
//! wait for the journal together.
// CRITICAL PATH: a change here carries its number from `benches/rpc.rs`.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;
use tokio_stream::Stream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Status, Streaming};

use super::admission::Arrival;
use super::clock;
use super::proto;
use super::proto::score_stream_response::Answer;
use super::refusal::Refusal;
use super::risk::{Risk, mark_unkept};
use super::wire::StreamMessage;
use crate::journal::log::Settled;

/// How long a stream must have brought nothing, while the server drains, before it is ended.
const QUIET: Duration = Duration::from_millis(100);
/// How many messages are decided before their answers are given.
const BATCH_MAX: usize = 64;

/// The answers to the messages of one stream.
pub(super) struct Answers {
    messages: Streaming<StreamMessage>,
    risk: Risk,
    arrival: Arrival,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    is_stopping: bool,
    quiet: Option<Pin<Box<Sleep>>>,
    is_over: bool,
    /// Answers that wait for the journal, or are to be given.
    answers: VecDeque<proto::ScoreStreamResponse>,
    settling: Option<Settling>,
    /// What ends the stream once they are given.
    end: Option<Status>,
}

type Settling = Pin<Box<dyn Future<Output = Result<Settled, Refusal>> + Send>>;

// === impl Answers ===

impl Answers {
    /// The answers to those messages.
    pub(super) fn new(messages: Streaming<StreamMessage>, risk: Risk, arrival: Arrival) -> Self {
        let stop = Box::pin(risk.core().stop.clone().cancelled_owned());
        Self {
            messages,
            risk,
            arrival,
            stop,
            is_stopping: false,
            quiet: None,
            is_over: false,
            answers: VecDeque::new(),
            settling: None,
            end: None,
        }
    }

    fn answer(&self, message: &StreamMessage) -> proto::ScoreStreamResponse {
        let most = self.risk.core().admission.limits().message_bytes_max;
        // The deadline of a stream is the stream's, and was looked at before.
        let arrival = Arrival { deadline: None, ..self.arrival.clone() };
        let answered = self.risk.core().answer(&arrival, || {
            if message.length > most {
                return Err(Refusal::TooLong { length: message.length, most });
            }
            self.risk.decide(message.request()?, false)
        });
        let answer = match answered {
            Ok(response) => Answer::Response(response),
            Err(refusal) => Answer::Status(refusal.to_rpc_status()),
        };
        let correlation_id = message.correlation_id().to_owned();
        proto::ScoreStreamResponse { correlation_id, answer: Some(answer) }
    }

    /// Decides what has come in, and begins to wait for the journal.
    fn decide(&mut self, cx: &mut Context<'_>) {
        while self.answers.len() < BATCH_MAX && !self.is_over {
            match Pin::new(&mut self.messages).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    self.quiet = None;
                    let answer = self.answer(&message);
                    self.answers.push_back(answer);
                }
                Poll::Ready(Some(Err(status))) => {
                    self.is_over = true;
                    self.end = Some(status);
                }
                Poll::Ready(None) => self.is_over = true,
                Poll::Pending => break,
            }
        }
        if !self.answers.is_empty() {
            let (core, arrival) = (Arc::clone(self.risk.core()), self.arrival.clone());
            self.settling = Some(Box::pin(async move { core.settle(&arrival).await }));
        }
    }

    /// What the journal says of the answers that waited for it.
    fn settle(&mut self, settled: Result<Settled, Refusal>) {
        let refused = match settled {
            Ok(Settled::Kept) => return,
            Ok(Settled::Degraded) => None,
            Err(refusal) => Some(refusal.to_rpc_status()),
        };
        for answer in &mut self.answers {
            if let Some(Answer::Response(response)) = &mut answer.answer {
                match &refused {
                    None => mark_unkept(response),
                    Some(status) => answer.answer = Some(Answer::Status(status.clone())),
                }
            }
        }
    }

    fn end(&mut self, refusal: Refusal) -> Status {
        self.is_over = true;
        refusal.into()
    }
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answers(..)")
    }
}

impl Stream for Answers {
    type Item = Result<proto::ScoreStreamResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.answers.is_empty() && !self.is_over {
            if let Err(refusal) = self.arrival.check_deadline(clock::instant()) {
                let status = self.end(refusal);
                return Poll::Ready(Some(Err(status)));
            }
            self.decide(cx);
        }
        if let Some(settling) = &mut self.settling {
            let settled = ready!(settling.as_mut().poll(cx));
            self.settling = None;
            self.settle(settled);
        }
        if let Some(answer) = self.answers.pop_front() {
            return Poll::Ready(Some(Ok(answer)));
        }
        if self.is_over {
            return Poll::Ready(self.end.take().map(Err));
        }
        // While draining, whatever has come in is answered; a stream that is quiet is then ended, so
        // that its caller knows which messages to send elsewhere.
        if !self.is_stopping {
            ready!(self.stop.as_mut().poll(cx));
            self.is_stopping = true;
        }
        let quiet = self.quiet.get_or_insert_with(|| Box::pin(tokio::time::sleep(QUIET)));
        ready!(quiet.as_mut().poll(cx));
        let status = self.end(Refusal::Draining);
        Poll::Ready(Some(Err(status)))
    }
}
