//! Limits: how they count in time, what a payment holds in them, what an answer says of them.

use std::sync::Arc;

use crate::model::entity::EntityKey;
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

/// Where the usage of one limit by one entity is kept: the 128 bits of the entity's key, moved by the
/// limit's identity. Keys are ordered so that several can be locked without a deadlock.
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
    /// Whether it counts payments: the figures are numbers of them, else minor units.
    pub counts: bool,
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

/// What a payment holds in one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Held {
    /// Confirmed.
    pub used: i64,
    /// Reserved until an outcome or an operator says otherwise.
    pub reserved: i64,
    /// Reserved by an attempt of which no outcome is known; it ends by itself after
    /// [`RESERVATION_KEPT`].
    pub open: i64,
}

/// What becomes of a reservation when no outcome ever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnExpiry {
    /// It is given back.
    #[default]
    Release,
    /// It counts as used.
    Confirm,
}

/// How long a reservation waits for an outcome: a session of 15 minutes, and a day in which the channel
/// can be asked. Shorter, and a payer could exceed a limit while a result is still being queried.
pub const RESERVATION_KEPT: Span = Span::from_secs(24 * 3_600 + 15 * 60);

// === impl LimitKey ===

impl LimitKey {
    /// Where the usage of the limit of that identity by that entity is kept.
    pub fn new(identity: u64, entity: EntityKey) -> Self {
        // The entity's key is a hash already: two of them differ by what two identities differ by as
        // rarely as any two hashes are equal. An odd factor spreads an identity over all bits.
        const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        Self(entity.bits() ^ u128::from(identity).wrapping_mul(SPREAD))
    }
}

// === impl Held ===

impl Held {
    /// Nothing.
    pub const NONE: Self = Self { used: 0, reserved: 0, open: 0 };

    /// All of it together; saturates.
    pub const fn total(self) -> i64 {
        self.used.saturating_add(self.reserved).saturating_add(self.open)
    }

    /// What is left of it when its wait for an outcome is over.
    #[must_use]
    pub const fn expired(self, on_expiry: OnExpiry) -> Self {
        match on_expiry {
            OnExpiry::Release => Self { open: 0, ..self },
            OnExpiry::Confirm => {
                Self { used: self.used.saturating_add(self.open), open: 0, ..self }
            }
        }
    }
}
