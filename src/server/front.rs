//! The gRPC face of one worker: every request is counted, dated and given its id as its headers are
//! read, then handed to its service.
//!
//! It stands directly on hyper, because a service behind a router first sees a request when its turn
//! has come, which is too late to know how long it waited.
// CRITICAL PATH: a change here carries its number from `benches/rpc.rs`.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use prost::bytes::Bytes;
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tower::Service as _;

use super::admission::{Admission, Permit, REQUEST_ID};
use super::lists::Lists;
use super::refusal::Refusal;
use super::risk::Risk;
use super::services::list_service_server::ListServiceServer;
use super::services::risk_service_server::RiskServiceServer;

const RISK: &str = "/vajra.v1.RiskService/";
const LISTS: &str = "/vajra.v1.ListService/";
const SCORE_STREAM: &str = "/vajra.v1.RiskService/ScoreStream";

/// A message of a stream that is too long is answered, and the stream goes on, up to so many times the
/// bound; beyond, the stream ends.
const STREAM_MESSAGE_FACTOR: usize = 16;

/// All services, and what is counted before them.
#[derive(Clone)]
pub(super) struct Front {
    risk: RiskServiceServer<Risk>,
    streams: RiskServiceServer<Risk>,
    lists: ListServiceServer<Lists>,
    /// Health and reflection, which are not counted.
    others: Routes,
    admission: Arc<Admission>,
}

/// An answer on its way.
pub(super) struct Answering {
    inner: Pin<Box<dyn Future<Output = Response<Body>> + Send>>,
    permit: Option<Permit>,
    deadline: Option<std::time::Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    request_id: HeaderValue,
}

/// An answer that gives its place back when it was sent.
#[derive(Debug)]
pub(super) struct AnswerBody {
    inner: Body,
    permit: Option<Permit>,
}

// === impl Front ===

impl Front {
    /// Puts the services together.
    pub(super) fn new(risk: Risk, lists: Lists, others: Routes, admission: Arc<Admission>) -> Self {
        let bytes_max = admission.limits().message_bytes_max;
        let risk = Arc::new(risk);
        let services = |bytes_max| {
            RiskServiceServer::from_arc(Arc::clone(&risk))
                .max_decoding_message_size(bytes_max)
                .accept_compressed(CompressionEncoding::Gzip)
        };
        Self {
            risk: services(bytes_max),
            streams: services(bytes_max.saturating_mul(STREAM_MESSAGE_FACTOR)),
            lists: ListServiceServer::new(lists).max_decoding_message_size(bytes_max),
            others,
            admission,
        }
    }
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Front(..)")
    }
}

impl hyper::service::Service<Request<Incoming>> for Front {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, mut request: Request<Incoming>) -> Answering {
        let path = request.uri().path();
        let is_stream = path == SCORE_STREAM;
        let is_risk = path.starts_with(RISK);
        if !is_risk && !path.starts_with(LISTS) {
            let request_id = self.admission.request_id(request.headers());
            let mut others = self.others.clone();
            let answer = async move {
                match others.call(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                }
            };
            let inner = Box::pin(answer);
            return Answering { inner, permit: None, deadline: None, timer: None, request_id };
        }
        let (permit, is_over) =
            if is_stream { self.admission.stream() } else { self.admission.request() };
        let arrival = self.admission.arrival(request.headers(), is_stream, is_over);
        let (deadline, request_id) = (arrival.deadline, arrival.request_id.clone());
        request.extensions_mut().insert(arrival);
        // Not called yet: what is done before its first poll would be done in the turn of another.
        let (risk, lists) = match (is_stream, is_risk) {
            (true, _) => (Some(self.streams.clone()), None),
            (false, true) => (Some(self.risk.clone()), None),
            (false, false) => (None, Some(self.lists.clone())),
        };
        let inner = Box::pin(async move {
            let answer = match (risk, lists) {
                (Some(mut risk), _) => risk.call(request).await,
                (None, Some(mut lists)) => lists.call(request).await,
                (None, None) => Ok(Status::internal("no service").into_http()),
            };
            answer.unwrap_or_else(|never| match never {})
        });
        Answering { inner, permit: Some(permit), deadline, timer: None, request_id }
    }
}

// === impl Answering ===

impl Answering {
    fn finish(&mut self, answer: Response<Body>) -> Response<AnswerBody> {
        let permit = self.permit.take();
        let mut answer = answer.map(|inner| AnswerBody { inner, permit });
        answer.headers_mut().insert(REQUEST_ID, self.request_id.clone());
        answer
    }
}

impl std::fmt::Debug for Answering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answering(..)")
    }
}

impl Future for Answering {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(answer) = self.inner.as_mut().poll(cx) {
            return Poll::Ready(Ok(self.finish(answer)));
        }
        // Most are answered at once; only one whose bytes are not all here needs a timer.
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let timer =
            self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        ready!(timer.as_mut().poll(cx));
        if let Some(permit) = &self.permit {
            permit.overdue();
        }
        let answer = Status::from(Refusal::DeadlineSpent).into_http();
        Poll::Ready(Ok(self.finish(answer)))
    }
}

// === impl AnswerBody ===

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if frame.is_none() {
            self.permit = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
