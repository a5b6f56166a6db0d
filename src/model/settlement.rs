//! What has become of the money of one attempt: its outcomes, folded.
//!
//! Reports may come twice, late and out of order. Success is sticky: what was taken is undone only by
//! being called off or given back, never by a decline or a timeout that is reported after it.

use crate::model::failure::Money;
use crate::model::outcome::{Outcome, OutcomeStatus};
use crate::model::value::Value;

/// What has become of the money of one attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    money: Option<Money>,
    is_authorized: bool,
    is_called_off: bool,
    is_final: bool,
    captured: i64,
    refunded: i64,
}

// === impl Settlement ===

impl Settlement {
    /// What it is after one more outcome. `money` is what that outcome says of the money once its code
    /// has had its say; `amount` is that of the capture or refund, in minor units.
    #[must_use]
    pub fn after(self, status: OutcomeStatus, money: Money, amount: i64, is_final: bool) -> Self {
        let mut next = self;
        match status {
            OutcomeStatus::Authorized => {
                next.is_authorized = true;
                // It was called off and came through all the same.
                next.is_called_off = false;
                next.money = Some(Money::Succeeded);
            }
            OutcomeStatus::Captured => {
                next.captured = self.captured.saturating_add(amount);
                next.is_final |= is_final;
                next.money = Some(Money::Succeeded);
            }
            OutcomeStatus::Refunded => {
                next.refunded = self.refunded.saturating_add(amount);
                // A refund before its capture was reported: the money was there.
                next.money = Some(Money::Succeeded);
            }
            OutcomeStatus::Canceled | OutcomeStatus::Expired => {
                next.is_called_off = true;
                if self.captured == 0 && self.refunded == 0 {
                    next.money = Some(Money::Declined);
                }
            }
            OutcomeStatus::Declined
            | OutcomeStatus::Failed
            | OutcomeStatus::TimedOut
            | OutcomeStatus::Pending => {
                if self.money != Some(Money::Succeeded) {
                    next.money = Some(money);
                }
            }
        }
        next
    }

    /// What it is after one more outcome of an attempt for `asked`, once its code has said what is known
    /// of the money.
    #[must_use]
    pub fn with(self, outcome: &Outcome, money: Money, asked: &Value) -> Self {
        if !outcome.settles() {
            return self;
        }
        let amount = outcome.amount.or_else(|| asked.as_int()).unwrap_or(0);
        self.after(outcome.status, money, amount, outcome.is_final)
    }

    /// What is known of the money; `None` as long as nothing was reported.
    pub const fn money(&self) -> Option<Money> {
        self.money
    }

    /// What was captured in all, in minor units of the payment's currency.
    pub const fn captured(&self) -> i64 {
        self.captured
    }

    /// What was given back in all.
    pub const fn refunded(&self) -> i64 {
        self.refunded
    }

    /// What was taken: a refund says that there was a capture, reported or not.
    pub fn taken(&self) -> i64 {
        self.captured.max(self.refunded)
    }

    /// What was captured and not given back.
    pub const fn left(&self) -> i64 {
        self.captured.saturating_sub(self.refunded)
    }

    /// Whether the issuer said yes.
    pub const fn is_authorized(&self) -> bool {
        self.is_authorized
    }

    /// Whether more may be captured: there was no last capture, and it is not called off.
    pub const fn is_open_for_capture(&self) -> bool {
        !self.is_final && !self.is_called_off
    }

    /// Whether it was canceled or has expired.
    pub const fn is_called_off(&self) -> bool {
        self.is_called_off
    }
}
