//! What really happened to an attempt, as the caller reports it.

use crate::model::failure::Money;
use crate::model::time::{Span, Timestamp};
use crate::model::value::Text;

/// The status of a reported outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutcomeStatus {
    /// The issuer said yes; the money is reserved.
    Authorized,
    /// The money moved, in whole or in part.
    Captured,
    /// A definite no.
    Declined,
    /// A technical failure; the stage says whether the request may have left.
    Failed,
    /// No answer in time.
    TimedOut,
    /// In progress; makes no event.
    Pending,
    /// Called off.
    Canceled,
    /// Ended by time.
    Expired,
    /// Given back, in whole or in part.
    Refunded,
}

/// How far a failed request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It did not leave.
    NotSent,
    /// It left, so it may have been carried out.
    Sent,
}

/// What a channel says of when it may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushback {
    /// After that long.
    After(Span),
    /// Never.
    Never,
}

/// One reported outcome of one attempt; valid and normalized.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The payment, as stored.
    pub payment_id: Text,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The caller's id of this report; two equal reports without one are one.
    pub outcome_id: Option<Text>,
    /// What happened.
    pub status: OutcomeStatus,
    /// How far it got; required with [`OutcomeStatus::Failed`].
    pub stage: Option<Stage>,
    /// The amount of this capture or refund in minor units; the payment's when absent.
    pub amount: Option<i64>,
    /// Whether a capture is the last one.
    pub is_final: bool,
    /// The provider that answered.
    pub provider: Option<Text>,
    /// The operation that was called.
    pub operation: Option<Text>,
    /// The network that carried it.
    pub network: Option<Text>,
    /// The provider's or issuer's code.
    pub code: Option<Text>,
    /// The network's advice code beside the code, such as a Mastercard merchant advice code.
    pub advice_code: Option<Text>,
    /// When the channel lets itself be asked again: `Retry-After`, `RetryInfo`, a
    /// gRPC pushback.
    pub retry_after: Option<Pushback>,
    /// The channel it went through; the score's when absent.
    pub channel: Option<Text>,
    /// How long the answer took.
    pub latency: Option<Span>,
    /// When it happened at the caller; at most 24 h back.
    pub occurred_at: Option<Timestamp>,
}

/// Operations that take no payment.
const OTHER_OPERATIONS: [&str; 7] =
    ["refund", "void", "cancel", "reverse", "reversal", "query", "profitsharing"];

// === impl OutcomeStatus ===

impl OutcomeStatus {
    /// Every status, in the order of the contract.
    pub const ALL: [Self; 9] = [
        Self::Authorized,
        Self::Captured,
        Self::Declined,
        Self::Failed,
        Self::TimedOut,
        Self::Pending,
        Self::Canceled,
        Self::Expired,
        Self::Refunded,
    ];

    /// The name in capital letters, as maps and the wire write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorized => "AUTHORIZED",
            Self::Captured => "CAPTURED",
            Self::Declined => "DECLINED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Pending => "PENDING",
            Self::Canceled => "CANCELED",
            Self::Expired => "EXPIRED",
            Self::Refunded => "REFUNDED",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

// === impl Outcome ===

impl Outcome {
    /// What the status says of the money.
    pub const fn money(&self) -> Money {
        match (self.status, self.stage) {
            (OutcomeStatus::Authorized | OutcomeStatus::Captured | OutcomeStatus::Refunded, _) => {
                Money::Succeeded
            }
            (OutcomeStatus::Declined | OutcomeStatus::Canceled | OutcomeStatus::Expired, _) => {
                Money::Declined
            }
            (OutcomeStatus::Failed, Some(Stage::NotSent)) => Money::NotSent,
            (OutcomeStatus::Failed, Some(Stage::Sent) | None) | (OutcomeStatus::TimedOut, _) => {
                Money::Unknown
            }
            (OutcomeStatus::Pending, _) => Money::InProgress,
        }
    }

    /// Whether it says something of the payment's money: that a refund or a query failed does not.
    pub fn settles(&self) -> bool {
        let is_failure = matches!(
            self.status,
            OutcomeStatus::Declined
                | OutcomeStatus::Failed
                | OutcomeStatus::TimedOut
                | OutcomeStatus::Pending
        );
        !is_failure || self.is_about_payment()
    }

    /// Whether the operation it is about takes the payment. That a refund was declined says nothing of the
    /// payment's money, its payer or its card.
    pub fn is_about_payment(&self) -> bool {
        let operation = self.operation.as_deref().unwrap_or_default();
        !OTHER_OPERATIONS.iter().any(|other| operation.eq_ignore_ascii_case(other))
    }

    /// The event that features count, once its code has said what is known of the money; `None` while
    /// the channel is at it.
    pub const fn event(&self, money: Money) -> Option<&'static str> {
        match (self.status, money) {
            (OutcomeStatus::Authorized, _) => Some("authorized"),
            (OutcomeStatus::Captured, _) => Some("captured"),
            (OutcomeStatus::Canceled, _) => Some("canceled"),
            (OutcomeStatus::Expired, _) => Some("expired"),
            (OutcomeStatus::Refunded, _) => Some("refunded"),
            (OutcomeStatus::Pending, _) | (_, Money::InProgress) => None,
            (_, Money::Unknown) => Some("unknown"),
            (OutcomeStatus::Declined, _) => Some("declined"),
            (OutcomeStatus::Failed | OutcomeStatus::TimedOut, _) => Some("failed"),
        }
    }
}
