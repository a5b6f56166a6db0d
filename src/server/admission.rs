//! What is taken on: how much at once, until when, and under which request id.
//!
//! A request is counted and dated when its headers are read, before it waits for its turn, so that a
//! queue is seen as such. What is held is given back by `Drop`.
// CRITICAL PATH: a change here carries its number from `benches/rpc.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};

use crate::config::Limits;
use crate::model::card_number::holds_card_number;
use crate::server::clock;
use crate::server::refusal::Refusal;

/// The header that carries the id of a request, in both directions.
pub const REQUEST_ID: &str = "x-request-id";

const REQUEST_ID_BYTES_MAX: usize = 128;

/// Counts what is open.
#[derive(Debug)]
pub struct Admission {
    in_flight: AtomicUsize,
    streams: AtomicUsize,
    connections: AtomicUsize,
    /// Requests that ended at their deadline before they were here whole, since it was last asked.
    overdue: AtomicU64,
    limits: Limits,
    /// Tells the request ids of this process from those of others.
    id_prefix: u64,
    ids: AtomicU64,
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Request,
    Stream,
    Connection,
}

/// A place among what is open; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    kind: Kind,
}

/// How a request came in; travels with it.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Until when its caller waits; `None` for a stream without a deadline.
    pub deadline: Option<Instant>,
    /// Whether there were too many before it.
    pub is_over: bool,
    /// Its id, for the log and the answer.
    pub request_id: HeaderValue,
}

// === impl Admission ===

impl Admission {
    /// Nothing is open.
    pub fn new(limits: Limits, id_prefix: u64) -> Arc<Self> {
        Arc::new(Self {
            in_flight: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            overdue: AtomicU64::new(0),
            limits,
            id_prefix,
            ids: AtomicU64::new(0),
        })
    }

    /// How many requests ended at their deadline before they were here whole, since the last call.
    pub fn take_overdue(&self) -> u64 {
        self.overdue.swap(0, Ordering::Relaxed)
    }

    /// A request came in; whether it is one too many is in the second.
    pub fn request(self: &Arc<Self>) -> (Permit, bool) {
        self.enter(Kind::Request, self.limits.in_flight_max)
    }

    /// A stream was opened; whether it is one too many is in the second.
    pub fn stream(self: &Arc<Self>) -> (Permit, bool) {
        self.enter(Kind::Stream, self.limits.streams_max)
    }

    /// A connection was opened; `None` when it is one too many.
    pub fn connection(self: &Arc<Self>) -> Option<Permit> {
        let (permit, is_over) = self.enter(Kind::Connection, self.limits.connections_max);
        (!is_over).then_some(permit)
    }

    /// Requests accepted and not yet answered.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Open streams.
    pub fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The limits.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Dates a request by its headers.
    pub fn arrival(&self, headers: &HeaderMap, is_stream: bool, is_over: bool) -> Arrival {
        let budget =
            grpc_timeout(headers).or_else(|| (!is_stream).then_some(self.limits.default_deadline));
        Arrival {
            deadline: budget.and_then(|budget| clock::instant().checked_add(budget)),
            is_over,
            request_id: self.request_id(headers),
        }
    }

    /// The id that the caller gave, when it can be shown in a log; else one of ours.
    pub fn request_id(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(given) = headers.get(REQUEST_ID)
            && let Ok(text) = given.to_str()
            && (1..=REQUEST_ID_BYTES_MAX).contains(&text.len())
            && !holds_card_number(text)
        {
            return given.clone();
        }
        // Relaxed: the numbers differ, and that is all that is asked of them.
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut id = HeaderValue::try_from(format!("{:016x}{number:016x}", self.id_prefix))
            .unwrap_or_else(|_| HeaderValue::from_static("unnamed"));
        // Sent as it is: no two are alike, and each would push a header that comes again out of the
        // table that HPACK keeps of a connection.
        id.set_sensitive(true);
        id
    }

    // Relaxed throughout: the counts bound what is open, they order nothing.
    fn enter(self: &Arc<Self>, kind: Kind, most: usize) -> (Permit, bool) {
        let before = self.counter(kind).fetch_add(1, Ordering::Relaxed);
        (Permit { admission: Arc::clone(self), kind }, before >= most)
    }

    const fn counter(&self, kind: Kind) -> &AtomicUsize {
        match kind {
            Kind::Request => &self.in_flight,
            Kind::Stream => &self.streams,
            Kind::Connection => &self.connections,
        }
    }
}

impl Permit {
    /// Notes that its request ended at its deadline before it was here whole.
    pub fn overdue(&self) {
        self.admission.overdue.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.counter(self.kind).fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Arrival ===

impl Arrival {
    /// Whether its caller still waits.
    ///
    /// # Errors
    /// When they do not.
    pub fn check_deadline(&self, now: Instant) -> Result<(), Refusal> {
        match self.deadline {
            Some(deadline) if deadline <= now => Err(Refusal::DeadlineSpent),
            Some(_) | None => Ok(()),
        }
    }

    /// The id, for the log.
    pub fn id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }
}

/// What the caller allows, from the header of that name: at most eight digits and a unit. A header that
/// is neither says nothing.
fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.is_empty() || number.len() > 8 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}
