//! Why a request gets no answer, and the one map from that to the wire.
//!
//! What the caller reads never holds a rule's source, a threshold, a list entry or a card number; the
//! cause of a failure of ours goes to the log alone.

use std::time::Duration;

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::engine::{ReportError, ScoreError};
use crate::model::intake::Violation;

/// The domain of every reason.
pub(super) const DOMAIN: &str = "vajra";

/// How many bytes of violations an answer carries: details travel in a header, which peers bound.
const VIOLATION_BYTES_MAX: usize = 4_096;

/// Why a request gets no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// Fields cannot be accepted.
    #[error("{}", first(.0))]
    Invalid(Vec<Violation>),
    /// The bytes are no message, or a field of it cannot be read.
    #[error("the message cannot be read: {problem}")]
    Undecodable {
        /// The path of the field; empty when it cannot be said.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// The message of a stream is too long.
    #[error("the message has {length} bytes, at most {most} are taken")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The bound.
        most: usize,
    },
    /// An id was used before with other content.
    #[error("{0}")]
    AlreadyExists(String),
    /// What the request is about is not known.
    #[error("{problem}")]
    NotFound {
        /// The stable reason.
        reason: &'static str,
        /// What is not known.
        problem: String,
    },
    /// Too much at once.
    #[error("{what}; try again later")]
    Overloaded {
        /// What there is too much of.
        what: &'static str,
        /// How long to wait.
        retry_after: Duration,
    },
    /// The server is about to end.
    #[error("the server is draining: what was not answered was not counted, send it again")]
    Draining,
    /// The caller no longer waits.
    #[error("the deadline had passed before the turn of this request came; nothing was counted")]
    DeadlineSpent,
    /// The change could not be recorded, so that it was not made.
    #[error("the change cannot be recorded now; nothing was counted")]
    NotRecorded {
        /// What the journal said, for the log.
        cause: String,
        /// How long to wait.
        retry_after: Duration,
    },
    /// The change was made, and is not as durable as was promised.
    #[error("what was done cannot be confirmed now; send the same request again")]
    NotConfirmed {
        /// What the journal said, for the log.
        cause: String,
        /// How long to wait.
        retry_after: Duration,
    },
    /// A failure of ours.
    #[error("internal error")]
    Internal {
        /// What happened, for the log.
        cause: String,
    },
}

// === impl Refusal ===

impl Refusal {
    /// One field that cannot be accepted.
    pub fn field(field: &str, problem: &str) -> Self {
        Self::Invalid(vec![violation(field, problem)])
    }

    /// A message that cannot be read.
    pub fn undecodable(field: &str, problem: &str) -> Self {
        Self::Undecodable { field: field.to_owned(), problem: problem.to_owned() }
    }

    /// What the log should have and the caller should not.
    pub fn hidden_cause(&self) -> Option<&str> {
        match self {
            Self::NotRecorded { cause, .. }
            | Self::NotConfirmed { cause, .. }
            | Self::Internal { cause } => Some(cause),
            Self::Invalid(_)
            | Self::Undecodable { .. }
            | Self::TooLong { .. }
            | Self::AlreadyExists(_)
            | Self::NotFound { .. }
            | Self::Overloaded { .. }
            | Self::Draining
            | Self::DeadlineSpent => None,
        }
    }

    /// As the error model of gRPC, to travel inside a message.
    pub fn to_rpc_status(&self) -> tonic_types::pb::Status {
        let status = self.to_status();
        tonic_types::pb::Status::decode(status.details()).unwrap_or_default()
    }

    fn code_and_reason(&self) -> (Code, &'static str) {
        match self {
            Self::Invalid(_) => (Code::InvalidArgument, "INVALID_FIELDS"),
            Self::Undecodable { .. } => (Code::InvalidArgument, "MALFORMED_MESSAGE"),
            Self::TooLong { .. } => (Code::OutOfRange, "MESSAGE_TOO_LONG"),
            Self::AlreadyExists(_) => (Code::AlreadyExists, "ID_REUSED"),
            Self::NotFound { reason, .. } => (Code::NotFound, reason),
            Self::Overloaded { .. } => (Code::ResourceExhausted, "OVERLOADED"),
            Self::Draining => (Code::Unavailable, "DRAINING"),
            Self::DeadlineSpent => (Code::DeadlineExceeded, "DEADLINE_SPENT"),
            Self::NotRecorded { .. } => (Code::Unavailable, "NOT_RECORDED"),
            Self::NotConfirmed { .. } => (Code::Unavailable, "NOT_CONFIRMED"),
            Self::Internal { .. } => (Code::Internal, "INTERNAL"),
        }
    }

    fn to_status(&self) -> Status {
        let (code, reason) = self.code_and_reason();
        let mut details = ErrorDetails::new();
        details.set_error_info(reason, DOMAIN, std::collections::HashMap::new());
        match self {
            Self::Invalid(violations) => {
                for violation in shown(violations) {
                    details.add_bad_request_violation(&violation.field, &violation.problem);
                }
            }
            Self::Undecodable { field, problem } => {
                details.add_bad_request_violation(field, problem);
            }
            Self::Overloaded { retry_after, .. }
            | Self::NotRecorded { retry_after, .. }
            | Self::NotConfirmed { retry_after, .. } => {
                details.set_retry_info(Some(*retry_after));
            }
            Self::Draining => {
                details.set_retry_info(Some(Duration::ZERO));
            }
            Self::TooLong { .. }
            | Self::AlreadyExists(_)
            | Self::NotFound { .. }
            | Self::DeadlineSpent
            | Self::Internal { .. } => {}
        }
        Status::with_error_details(code, self.to_string(), details)
    }

    /// Why a score was refused.
    pub fn from_score(error: ScoreError, retry_after: Duration) -> Self {
        match error {
            ScoreError::AlreadyExists { .. } => Self::AlreadyExists(error.to_string()),
            ScoreError::TooMany(_) => Self::field("payment.id", &error.to_string()),
            ScoreError::Journal(cause) => {
                Self::NotRecorded { cause: cause.to_string(), retry_after }
            }
        }
    }

    /// Why an outcome or an event was refused.
    pub fn from_report(error: ReportError, retry_after: Duration) -> Self {
        match error {
            ReportError::UnknownPayment(_) => {
                Self::NotFound { reason: "PAYMENT_UNKNOWN", problem: error.to_string() }
            }
            ReportError::UnknownAttempt { .. } => {
                Self::NotFound { reason: "ATTEMPT_UNKNOWN", problem: error.to_string() }
            }
            ReportError::AlreadyExists(_) => Self::AlreadyExists(error.to_string()),
            ReportError::TooMany(_) => Self::field("payment_id", &error.to_string()),
            ReportError::TooLate(span) => {
                Self::field("occurred_at", &format!("must be at most {span} back"))
            }
            ReportError::Journal(cause) => {
                Self::NotRecorded { cause: cause.to_string(), retry_after }
            }
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        refusal.to_status()
    }
}

/// A violation of one field.
pub(super) fn violation(field: &str, problem: &str) -> Violation {
    Violation { field: field.to_owned(), problem: problem.to_owned() }
}

fn first(violations: &[Violation]) -> String {
    match violations {
        [] => "a field cannot be accepted".to_owned(),
        [only] => clipped(only),
        [one, rest @ ..] => format!("{} and {} more", clipped(one), rest.len()),
    }
}

fn clipped(violation: &Violation) -> String {
    violation.to_string().chars().take(256).collect()
}

/// As many violations as a header may carry, the first ones.
fn shown(violations: &[Violation]) -> impl Iterator<Item = Violation> {
    violations
        .iter()
        .map(|violation| Violation {
            field: violation.field.chars().take(256).collect(),
            problem: violation.problem.chars().take(256).collect(),
        })
        .scan(0, |bytes, violation| {
            *bytes += violation.field.len() + violation.problem.len() + 8;
            (*bytes <= VIOLATION_BYTES_MAX).then_some(violation)
        })
}
