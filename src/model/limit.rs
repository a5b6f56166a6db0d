//! Limits: how they count in time, what a payment holds in them, what an answer says of them.

use std::sync::Arc;

use crate::model::time::{Span, Timestamp};
use crate::model::value::Value;

/// How a limit counts in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// A window (t−W, t] that slides.
    Over(Span),
    /// From midnight to midnight in the bundle's zone.
    Day,
    /// From Monday 00:00.
    Week,
    /// From the first of the month, 00:00.
    Month,
}

/// Where the usage of one limit by one entity is kept: 128 bits of a hash over the limit's identity and
/// the entity's key. Keys are ordered so that several can be locked without a deadlock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitKey(pub u128);

/// What counts in a limit: amounts in minor units of the base currency, or payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Usage {
    /// Confirmed.
    pub used: i64,
    /// Reserved by payments whose end is not known.
    pub reserved: i64,
}

/// What an answer says of one limit that the attempt met.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitUsage {
    /// Its name.
    pub name: Arc<str>,
    /// What is confirmed, this payment's own left out.
    pub used: i64,
    /// What is reserved, this attempt included unless it is blocked.
    pub reserved: i64,
    /// The most that both may come to; `Missing` or `Unknown` when it had no value.
    pub max: Value,
    /// When the calendar period ends; absent for a sliding window.
    pub resets_at: Option<Timestamp>,
    /// Whether it did not apply, because its key or its amount is missing.
    pub not_applied: bool,
}

/// What an attempt reserved in one limit; journalled with its decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Reservation {
    /// The limit's name.
    pub name: Arc<str>,
    /// Where it counts.
    pub key: LimitKey,
    /// How the limit counts in time.
    pub period: Period,
    /// How much.
    pub amount: i64,
    /// Whether refunds give it back.
    pub returns_refunded: bool,
    /// Whether it counts payments: 1 each, whatever part of the amount is left.
    pub counts: bool,
}
