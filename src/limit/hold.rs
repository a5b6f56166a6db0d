//! What a payment holds in its limits, from what has become of its attempts.
//!
//! A pure function of the attempts: after each change everything is computed anew, and the difference is
//! what is reserved, confirmed or given back. So no order of reports, no repeat and no late success can
//! leave something behind.

use smallvec::SmallVec;

use crate::model::failure::Money;
use crate::model::limit::{Held, LimitKey, Period, Reservation};
use crate::model::settlement::Settlement;
use crate::model::time::Timestamp;

/// One attempt of a payment.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The time of its score: what it holds counts from then.
    pub at: Timestamp,
    /// What was asked for, in minor units of the payment's currency.
    pub amount: i64,
    /// Whether it was blocked: then it changes nothing.
    pub is_blocked: bool,
    /// What it reserved.
    pub reservations: &'a [Reservation],
    /// What has become of its money.
    pub settlement: &'a Settlement,
}

/// What a payment holds in one limit of one entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Where.
    pub key: LimitKey,
    /// How the limit counts in time.
    pub period: Period,
    /// From when it counts.
    pub at: Timestamp,
    /// How much.
    pub held: Held,
}

/// The holdings of one payment, in order of key.
pub type Holdings = SmallVec<[Holding; 4]>;

/// What a payment with these attempts, in the order of their scores, holds: in each limit the largest of
/// what its attempts hold. An attempt whose money is unknown, in progress or taken keeps what it holds
/// whatever a later one does; any other is replaced by the next that is not blocked.
pub fn holdings<'a>(attempts: impl DoubleEndedIterator<Item = Attempt<'a>>) -> Holdings {
    let mut holdings = Holdings::new();
    let mut is_replaced = false;
    for attempt in attempts.rev() {
        if attempt.is_blocked {
            continue;
        }
        let keeps = attempt.settlement.money().is_some_and(Money::keeps_hold);
        if is_replaced && !keeps {
            continue;
        }
        is_replaced = true;
        for reservation in attempt.reservations {
            let held = held(reservation, attempt.amount, attempt.settlement);
            if held == Held::NONE {
                continue;
            }
            let holding =
                Holding { key: reservation.key, period: reservation.period, at: attempt.at, held };
            match holdings.iter_mut().find(|known| known.key == reservation.key) {
                Some(known) => *known = larger(*known, holding),
                None => holdings.push(holding),
            }
        }
    }
    holdings.sort_unstable_by_key(|holding| holding.key);
    holdings
}

/// The larger of what a later and an earlier attempt hold; of equals the earlier, which has counted
/// longer. Where the later one waits for an outcome, what the earlier one is sure of stands within it,
/// and is left when the wait ends: until then it counts from the later time, which errs on keeping.
fn larger(later: Holding, earlier: Holding) -> Holding {
    if earlier.held.total() >= later.held.total() {
        return earlier;
    }
    if later.held.open == 0 {
        return later;
    }
    let sure = later.held.used.saturating_add(later.held.reserved);
    if earlier.held.total() < sure {
        return later;
    }
    // Only the last attempt waits, so that an earlier one is sure of all that it holds.
    let Held { used, reserved, open: _ } = earlier.held;
    let open = later.held.total().saturating_sub(earlier.held.total());
    Holding { held: Held { used, reserved, open }, ..later }
}

/// What one attempt holds of one reservation.
fn held(reservation: &Reservation, amount: i64, settlement: &Settlement) -> Held {
    let whole = reservation.amount;
    match settlement.money() {
        None => Held { open: whole, ..Held::NONE },
        Some(Money::Unknown | Money::InProgress) => Held { reserved: whole, ..Held::NONE },
        Some(Money::NotSent | Money::Declined) => Held::NONE,
        Some(Money::Succeeded) => {
            let part = |of: i64| {
                if reservation.counts { i64::from(of > 0) } else { share(whole, of, amount) }
            };
            let captured = part(settlement.taken());
            let used = if settlement.is_open_for_capture() {
                // The authorisation confirmed the whole; without one only what was captured is.
                if settlement.is_authorized() { whole.max(captured) } else { captured }
            } else if amount == 0 && !settlement.is_called_off() {
                whole
            } else {
                captured
            };
            let waits = if settlement.is_open_for_capture() && !settlement.is_authorized() {
                if reservation.counts {
                    i64::from(captured == 0)
                } else {
                    whole.saturating_sub(captured).max(0)
                }
            } else {
                0
            };
            let used = if !reservation.returns_refunded {
                used
            } else if reservation.counts {
                let is_all_back = settlement.refunded() > 0 && settlement.left() <= 0;
                if is_all_back { 0 } else { used }
            } else {
                used.saturating_sub(share(whole, settlement.refunded(), amount)).max(0)
            };
            Held { used, reserved: waits, open: 0 }
        }
    }
}

/// `whole × of ÷ amount`, half to even: what a part of the money is of a reservation.
fn share(whole: i64, of: i64, amount: i64) -> i64 {
    let (product, amount) = (i128::from(whole) * i128::from(of), i128::from(amount));
    let (Some(quotient), Some(rest)) =
        (product.checked_div_euclid(amount), product.checked_rem_euclid(amount))
    else {
        return if of > 0 { whole } else { 0 };
    };
    let up = rest * 2 > amount || rest * 2 == amount && quotient % 2 != 0;
    i64::try_from(quotient + i128::from(up)).unwrap_or(i64::MAX)
}
