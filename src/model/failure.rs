//! What an attempt's end means: its cause, what is known of the money, and what to do next.

use std::sync::Arc;

use crate::model::time::{Span, Timestamp};
use crate::model::value::Text;
use crate::model::verdict::NextStep;

/// What is known of the money after an attempt. It outranks the cause: nothing is released and nothing
/// is tried elsewhere while it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Money {
    /// The request never left.
    NotSent,
    /// A definite no.
    Declined,
    /// It may have been taken.
    Unknown,
    /// The channel is still at it.
    InProgress,
    /// It was taken or set aside.
    Succeeded,
}

/// Whose side a failure is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// A machine's: interface, network, server, token, parameter.
    Technical,
    /// A customer's, bank's or policy's.
    NonTechnical,
}

/// What kind of action a failure calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Retry or switch now.
    Tech,
    /// Ask the channel first.
    Query,
    /// Retry at a later time.
    Later,
    /// The customer must act.
    Cust,
    /// We or the merchant must act.
    Fix,
    /// Never again.
    Never,
}

/// What the end of an attempt was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// The name of the cause, such as `INSUFFICIENT_FUNDS`; `None` after a success.
    pub cause: Option<Arc<str>>,
    /// The family of the cause.
    pub family: Option<Family>,
    /// What is known of the money, after the code has had its say.
    pub money: Money,
    /// The class, after network advice has had its say.
    pub class: Option<Class>,
    /// Whether it says something about the payer: `outcome.is_evidence`.
    pub is_evidence: bool,
    /// Whether the code stands in no table and was reported as `UNCLASSIFIED` for that.
    pub is_unmapped: bool,
}

/// What must be there before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// The result of the attempt before, asked of its channel with the same idempotency key.
    Query,
    /// The first attempt reversed or closed.
    Reversal,
    /// Another card or account.
    NewCard,
    /// Corrected details.
    Correction,
    /// The security code.
    Cvv,
    /// A challenge passed.
    StepUp,
    /// A new token, credential or session.
    NewToken,
    /// Another payment method.
    OtherMethod,
    /// A call by the customer to their bank.
    BankContact,
    /// A change at the merchant's or our side.
    Operations,
}

/// Which channel the next attempt may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NextChannel {
    /// The same one.
    Same,
    /// Another one.
    Other,
    /// None: no further attempt.
    None,
}

/// The plan after an attempt. A layer of rules may only make it stricter.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// The plan in one word.
    pub next_step: NextStep,
    /// Which channel the next attempt may take.
    pub next: NextChannel,
    /// Not before this instant: of the next query, when [`Need::Query`] stands first, else of the next
    /// attempt.
    pub not_before: Option<Timestamp>,
    /// How many attempts are left.
    pub attempts_left: u32,
    /// After this instant it is of no use.
    pub deadline: Option<Timestamp>,
    /// What must be there first, most urgent first.
    pub needs: Vec<Need>,
    /// When to ask the channel, while the result is not known: instants, ascending.
    pub queries: Vec<Timestamp>,
    /// Other channels, best first; none that the cause or an unknown result forbids.
    pub channels: Vec<RankedChannel>,
    /// Why, for a person: the rule that decided.
    pub why: Text,
    /// Where that rule comes from.
    pub source: Text,
}

/// A channel that an attempt could take, and why it stands where it does.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedChannel {
    /// Its id, as in `payment.channel`.
    pub id: Text,
    /// Successes among its technical or successful results of late.
    pub succeeded: u32,
    /// Technical or successful results of late.
    pub attempts: u32,
    /// What an attempt costs, as the bundle says.
    pub cost: f64,
    /// Why it stands here, for a person.
    pub why: Text,
}

/// What was made of an outcome when it was applied; kept with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// What it was made of.
    pub diagnosis: Diagnosis,
    /// What to do next.
    pub advice: Advice,
    /// What must not be overlooked.
    pub flags: Vec<Flag>,
}

/// What must not be overlooked about a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// A second attempt succeeded: one of them is to be reversed.
    SecondSuccess,
    /// A success after the hold on limits was given back; it counts, even above the maximum.
    LateSuccess,
    /// A result is not known any more after the hold on limits was given back; it holds again, even above
    /// the maximum.
    HeldAgain,
    /// The hold on limits ended by time, without an outcome.
    ReservationExpired,
    /// More was captured than the attempt was for.
    CapturedAboveAmount,
    /// More was refunded than was captured.
    RefundedAboveCapture,
}

/// What is still to be done about a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owed {
    /// The result of an attempt is not known: query it.
    Query,
    /// Money was taken twice or too late: reverse it.
    Reversal,
    /// A hold on limits waits for an outcome.
    Outcome,
    /// The result is still not known after a day: reconcile with the channel's file.
    Reconciliation,
}

/// One thing that is still to be done about a payment.
#[derive(Clone, Debug, PartialEq)]
pub struct Debt {
    /// What.
    pub owed: Owed,
    /// Which attempt it is about.
    pub attempt: u32,
    /// Since when.
    pub since: Timestamp,
    /// By when it is due, or next due.
    pub due_at: Option<Timestamp>,
    /// What to do, for a person.
    pub what: Text,
}

/// What advice hangs on besides the tables: dated figures of networks, and our own bound.
/// The source of each default stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// Attempts per payment at most.
    pub attempts_max: u32,
    /// Visa, categories 2 to 4: reattempts of one amount on one card in [`Self::visa_window`].
    pub visa_reattempts_max: u32,
    /// 30 days.
    pub visa_window: Span,
    /// Mastercard: consecutive declines of one card at one acceptor in 24 hours.
    pub mastercard_day_max: u32,
    /// Mastercard: declines of one amount on one card at one acceptor in 30 days.
    pub mastercard_month_max: u32,
}

// === impl Money ===

impl Money {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::NotSent, Self::Declined, Self::Unknown, Self::InProgress, Self::Succeeded];

    /// The name in capitals, as tables and the wire write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotSent => "NOT_SENT",
            Self::Declined => "DECLINED",
            Self::Unknown => "UNKNOWN",
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
        }
    }

    /// Whether it may still become either.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Unknown | Self::InProgress)
    }

    /// Whether an attempt that ended so keeps its hold on limits whatever a later one does.
    pub const fn keeps_hold(self) -> bool {
        matches!(self, Self::Unknown | Self::InProgress | Self::Succeeded)
    }
}

// === impl Family ===

impl Family {
    /// As policies write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Technical => "technical",
            Self::NonTechnical => "non_technical",
        }
    }
}

// === impl Flag ===

impl Flag {
    /// As metrics write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SecondSuccess => "second_success",
            Self::LateSuccess => "late_success",
            Self::HeldAgain => "held_again",
            Self::ReservationExpired => "reservation_expired",
            Self::CapturedAboveAmount => "captured_above_amount",
            Self::RefundedAboveCapture => "refunded_above_capture",
        }
    }
}

// === impl Class ===

impl Class {
    /// Every class.
    pub const ALL: [Self; 6] =
        [Self::Tech, Self::Query, Self::Later, Self::Cust, Self::Fix, Self::Never];

    /// The name in capitals, as tables and policies write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tech => "TECH",
            Self::Query => "QUERY",
            Self::Later => "LATER",
            Self::Cust => "CUST",
            Self::Fix => "FIX",
            Self::Never => "NEVER",
        }
    }
}

// === impl RankedChannel ===

impl RankedChannel {
    /// How many results of late say how a channel does: Hystrix takes 20 calls, and half of them.
    const RESULTS_MIN: u32 = 20;

    /// Whether most of its results of late were failures.
    pub const fn is_failing(&self) -> bool {
        self.attempts >= Self::RESULTS_MIN && self.succeeded < self.attempts - self.succeeded
    }
}

// === impl RetrySettings ===

impl Default for RetrySettings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl RetrySettings {
    /// What holds when nobody says otherwise.
    pub const DEFAULT: Self = Self {
        attempts_max: 3,                  // Google SRE book: 3 per request
        visa_reattempts_max: 20,          // Visa Core Rules table 7-2, by a secondary source
        visa_window: Span::from_days(30), // the same
        mastercard_day_max: 10,           // processors' pages, since 2022-10-01
        mastercard_month_max: 35,         // Braintree, since 2023-11-01
    };
}
