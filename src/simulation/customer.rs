//! What payers do when they are asked, and what the merchant does with what was paid.

use crate::model::failure::Need;
use crate::model::time::Span;
use crate::traffic::chance::Chance;

/// How many payers prove who they are.
const PROVES: f64 = 0.92;
/// How many come back when they are told what to do.
const COMES_BACK: f64 = 0.45;
/// How long a payer waits in front of the shop for an answer.
pub(super) const PATIENCE: Span = Span::from_secs(15 * 60);

/// What a payer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Proves who they are.
    Proves,
    /// Sends better details of the same card.
    Mends,
    /// Takes another card.
    OtherCard,
    /// Leaves.
    Leaves,
}

/// What becomes of an order that is paid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fulfilment {
    /// How long until it is shipped or called off.
    pub(super) after: Span,
    /// What is taken of the amount; `None`: it is called off.
    pub(super) captured: Option<i64>,
    /// What is given back, and how long after.
    pub(super) refund: Option<(Span, i64)>,
}

/// The channel that the merchant sends a payment over when all is well.
pub(super) fn channel(seed: u64, payment: u64) -> usize {
    Chance::new(seed, "channel", payment).pick(&[0, 1, 2])
}

/// What the payer does when asked for the n-th time, and after how long.
pub(super) fn asked(seed: u64, (payment, time): (u64, u32), needs: &[Need]) -> (Act, Span) {
    let mut chance = Chance::new(seed, "customer", payment * 16 + u64::from(time));
    let after = Span::from_secs(chance.between(10, 150));
    let (proves, comes_back) = (chance.is(PROVES), chance.is(COMES_BACK));
    let act = match needs.first() {
        Some(Need::StepUp) if proves => Act::Proves,
        Some(Need::Correction | Need::Cvv | Need::NewToken) if comes_back => Act::Mends,
        Some(Need::NewCard | Need::OtherMethod | Need::BankContact) if comes_back => Act::OtherCard,
        _ => Act::Leaves,
    };
    (act, after)
}

/// What becomes of an order of that amount.
pub(super) fn fulfilment(seed: u64, payment: u64, amount: i64) -> Fulfilment {
    let mut chance = Chance::new(seed, "fulfilment", payment);
    let after = Span::from_secs(chance.between(3_600, 20 * 3_600));
    let captured = match chance.unit() {
        share if share < 0.03 => None,
        share if share < 0.08 => Some(amount - amount.div_euclid(3)),
        _ => Some(amount),
    };
    let refunded_after = Span::from_secs(chance.between(3_600, 48 * 3_600));
    let is_refunded = chance.is(0.03);
    let refund =
        captured.filter(|_| is_refunded).map(|amount| (refunded_after, amount.div_euclid(2)));
    Fulfilment { after, captured, refund: refund.filter(|(_, amount)| *amount > 0) }
}
