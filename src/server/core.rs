//! What every service of one server shares.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::admission::{Admission, Arrival};
use super::refusal::Refusal;
use crate::engine::Engine;
use crate::journal::log::{Log, Settled};
use crate::model::intake::Intake;
use crate::model::time::Span;
use crate::telemetry::metrics::Metrics;

/// What every service of one server shares.
#[derive(Debug)]
pub struct Core {
    /// The state machine.
    pub engine: Arc<Engine>,
    /// What the state machine appends to; without a data directory, nothing outlives the process.
    pub journal: Option<Arc<Log>>,
    /// The edge.
    pub intake: Intake,
    /// What is counted.
    pub metrics: Metrics,
    /// What is taken on.
    pub admission: Arc<Admission>,
    /// How far clocks may be apart.
    pub skew_max: Span,
    /// Set when the server stops accepting.
    pub stop: CancellationToken,
}

// === impl Core ===

impl Core {
    /// Does the work of a request: not when its caller no longer waits, and without letting a panic take
    /// more than this one request.
    ///
    /// # Errors
    /// Why there is no answer; it is counted and, when it is our fault, logged.
    pub fn answer<T>(
        &self,
        arrival: &Arrival,
        work: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let answered = arrival.check_deadline(super::clock::instant()).and_then(|()| {
            catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
                let cause = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                Err(Refusal::Internal { cause: format!("panic: {cause}") })
            })
        });
        if let Err(refusal) = &answered {
            self.note(arrival, refusal);
        }
        answered
    }

    /// Waits until all that an answer was made of is as durable as was promised.
    ///
    /// # Errors
    /// When it cannot be now; what was changed stays so, and the caller asks again.
    pub async fn settle(&self, arrival: &Arrival) -> Result<Settled, Refusal> {
        let Some(journal) = &self.journal else { return Ok(Settled::Kept) };
        match journal.settle().await {
            Ok(Settled::Degraded) => {
                self.metrics.journal_degraded.increment(1);
                Ok(Settled::Degraded)
            }
            Ok(Settled::Kept) => Ok(Settled::Kept),
            Err(error) => {
                let retry_after = self.admission.limits().retry_after;
                let refusal = Refusal::NotConfirmed { cause: error.to_string(), retry_after };
                self.note(arrival, &refusal);
                Err(refusal)
            }
        }
    }

    /// The answer to a request that is one too many.
    pub fn overloaded(&self) -> Refusal {
        let retry_after = self.admission.limits().retry_after;
        Refusal::Overloaded { what: "too many requests are in flight", retry_after }
    }

    /// Refuses a request that is one too many, where there is no other answer.
    ///
    /// # Errors
    /// When it is.
    pub fn check_room(&self, arrival: &Arrival) -> Result<(), Refusal> {
        if arrival.is_over { Err(self.overloaded()) } else { Ok(()) }
    }

    /// Shows how much is held and open, and what ended before a service saw it, before metrics are read.
    pub fn gauge(&self) {
        let held = self.engine.held();
        self.metrics.entities.set(count(held.entities));
        self.metrics.payments.set(count(held.payments));
        self.metrics.in_flight.set(count(self.admission.in_flight()));
        self.metrics.streams.set(count(self.admission.streams()));
        self.metrics.connections.set(count(self.admission.connections()));
        self.metrics.deadlines_spent.increment(self.admission.take_overdue());
        if let Some(journal) = &self.journal {
            self.gauge_journal(journal);
        }
    }

    fn gauge_journal(&self, journal: &Log) {
        let status = journal.status();
        let metrics = &self.metrics;
        let lag = status.appended.0.saturating_sub(status.synced.0);
        metrics.journal_lag_entries.set(count(usize::try_from(lag).unwrap_or(usize::MAX)));
        metrics.journal_lag_bytes.set(count(status.held_bytes));
        metrics.journal_segments.set(count(status.segments));
        metrics.journal_bytes.set(count(usize::try_from(status.bytes).unwrap_or(usize::MAX)));
        metrics.journal_failing.set(if status.failure.is_some() { 1.0 } else { 0.0 });
        metrics.journal_failures.absolute(status.failures);
        for time in journal.take_sync_times() {
            metrics.journal_sync_duration.record(time.as_secs_f64());
        }
    }

    fn note(&self, arrival: &Arrival, refusal: &Refusal) {
        match refusal {
            Refusal::Invalid(_) | Refusal::Undecodable { .. } | Refusal::TooLong { .. } => {
                self.metrics.invalid.increment(1);
            }
            Refusal::Overloaded { .. } => self.metrics.sheds.increment(1),
            Refusal::DeadlineSpent => self.metrics.deadlines_spent.increment(1),
            Refusal::NotRecorded { .. }
            | Refusal::NotConfirmed { .. }
            | Refusal::Internal { .. } => {
                self.metrics.failures.increment(1);
            }
            Refusal::AlreadyExists(_) | Refusal::NotFound { .. } | Refusal::Draining => {}
        }
        match refusal.hidden_cause() {
            Some(cause) => tracing::error!(request_id = arrival.id(), cause, "a request failed"),
            None => tracing::debug!(request_id = arrival.id(), %refusal, "a request was refused"),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn count(number: usize) -> f64 {
    number as f64
}
