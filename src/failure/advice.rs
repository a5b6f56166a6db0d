//! What to do after an attempt: one pure function of what happened, what networks allow, and the time.
//!
//! Rules come in layers, in an order of precedence. A layer can only make the plan stricter: it hands
//! out a [`Plan`], and plans are joined by their meet.

mod layers;
mod plan;

use crate::failure::tables::Tables;
use crate::model::failure::{Advice, Diagnosis, Money, RankedChannel, RetrySettings};
use crate::model::outcome::Outcome;
use crate::model::time::Timestamp;

pub use layers::RECONCILED_AFTER;
pub use plan::Plan;

/// All that advice hangs on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The time of the advice.
    pub now: Timestamp,
    /// From payment and attempt: the jitter of a backoff, the same in every replay.
    pub seed: u64,
    /// What codes and causes mean.
    pub tables: &'a Tables,
    /// Figures of networks, and our own bounds.
    pub settings: &'a RetrySettings,
    /// The payment's attempts, in order of their numbers; those that were never made are not among them.
    pub attempts: &'a [PastAttempt<'a>],
    /// The number of the attempt whose outcome is reported; `None` when the next one is being decided.
    pub reported: Option<u32>,
    /// What the card has been through, over all channels.
    pub card: CardCounts,
    /// Whether the payer is absent.
    pub is_absent: bool,
    /// Channels that fit the payment, best first.
    pub channels: &'a [RankedChannel],
    /// Whether the retry budget of the channel allows one more at once.
    pub has_budget: bool,
}

/// One attempt that was made.
#[derive(Clone, Copy, Debug)]
pub struct PastAttempt<'a> {
    /// Its number.
    pub number: u32,
    /// The channel it went through.
    pub channel: Option<&'a str>,
    /// What has become of its money; `None` as long as nothing is known.
    pub money: Option<Money>,
    /// The last outcome that was reported of it, what that was made of, and when it was received.
    pub last: Option<(&'a Outcome, &'a Diagnosis, Timestamp)>,
    /// Since when its result was not known, if it ever was.
    pub open_since: Option<Timestamp>,
    /// Whether it ever was unknown, and not only in progress.
    pub was_unknown: bool,
    /// The card's network.
    pub network: Option<&'a str>,
}

/// How often a card was declined, over all channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CardCounts {
    /// Declines in a row at this acceptor within 24 hours.
    pub day_at_acceptor: u32,
    /// Declines of this amount at this acceptor within 30 days.
    pub month_of_amount_at_acceptor: u32,
    /// Declines of this amount within the window of Visa's rule.
    pub window_of_amount: u32,
}

/// What to do next.
pub fn advise(situation: &Situation<'_>) -> Advice {
    layers::LAYERS
        .iter()
        .fold(Plan::free(situation), |plan, layer| match layer(situation) {
            Some(stricter) => plan.tightened(stricter),
            None => plan,
        })
        .into_advice(situation)
}

/// The plans of the layers that apply, in order of precedence; each is the plan up to and with it. For
/// tests: no plan may be looser than the one before.
pub fn plans(situation: &Situation<'_>) -> Vec<Plan> {
    let mut plans = vec![Plan::free(situation)];
    for layer in layers::LAYERS {
        if let (Some(last), Some(stricter)) = (plans.last(), layer(situation)) {
            let next = last.clone().tightened(stricter);
            plans.push(next);
        }
    }
    plans
}
