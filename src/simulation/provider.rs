//! The made-up provider: three channels, each a state machine with a ledger of what it really charged.
//!
//! What it answers and what it did are two things: it times out after charging and before, carries out
//! a request a minute after the caller has given up, and knows nothing of it when asked meanwhile. One
//! key is charged once, whatever happens.

mod luck;
mod outage;

use std::collections::BTreeMap;

use super::issuer::{Presented, decide};
use crate::model::outcome::{OutcomeStatus, Stage};
use crate::model::time::{Span, Timestamp};
use luck::{Luck, luck};
pub(super) use outage::{CHANNELS, Hours};

/// How long a caller waits for an answer.
const CALLER_WAITS: Span = Span::from_secs(10);

/// What tells one request from another: the payment and the number of its attempt.
pub(super) type Key = (u64, u32);

/// A request to take money.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) key: Key,
    pub(super) channel: usize,
    pub(super) amount: i64,
    pub(super) presented: Presented,
}

/// What a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: OutcomeStatus,
    pub(super) stage: Option<Stage>,
    /// Whose code it is, and the code.
    pub(super) code: Option<(&'static str, &'static str)>,
}

/// What comes of a request: what the caller sees and when, and when the provider sends word by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) reply: (Timestamp, Reply),
    pub(super) notice_at: Option<Timestamp>,
}

/// What the ledger holds of one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    /// Which of the payer's cards.
    pub(super) card: u32,
    amount: i64,
    /// From when the provider knows of it; before, a question finds nothing.
    known_at: Timestamp,
    /// When the bank decides, and what.
    decided_at: Timestamp,
    verdict: Result<(), &'static str>,
    /// When it was closed: not carried out any more, or taken back.
    closed_at: Option<Timestamp>,
    captured: Option<i64>,
    refunded: i64,
}

/// The provider.
#[derive(Debug)]
pub(super) struct Provider {
    seed: u64,
    hours: Hours,
    charges: BTreeMap<Key, Charge>,
}

// === impl Reply ===

impl Reply {
    const fn of(status: OutcomeStatus) -> Self {
        Self { status, stage: None, code: None }
    }

    const fn coded(status: OutcomeStatus, provider: &'static str, code: &'static str) -> Self {
        Self { status, stage: None, code: Some((provider, code)) }
    }

    const fn failed(stage: Stage) -> Self {
        Self { status: OutcomeStatus::Failed, stage: Some(stage), code: None }
    }

    const fn decided(verdict: Result<(), &'static str>) -> Self {
        match verdict {
            Ok(()) => Self::of(OutcomeStatus::Authorized),
            Err(code) => Self::coded(OutcomeStatus::Declined, "iso8583", code),
        }
    }
}

// === impl Charge ===

impl Charge {
    /// What a caller who asks is told.
    fn told(&self, now: Timestamp) -> Reply {
        if self.closed_at.is_some_and(|closed| closed <= now) {
            Reply::of(OutcomeStatus::Canceled)
        } else if self.decided_at > now {
            Reply::of(OutcomeStatus::Pending)
        } else {
            Reply::decided(self.verdict)
        }
    }

    /// What of it is, or is set aside to be, the merchant's at that time.
    pub(super) fn left(&self, at: Timestamp) -> i64 {
        let is_taken = self.verdict.is_ok() && self.decided_at <= at;
        if !is_taken || self.closed_at.is_some_and(|closed| closed <= at) {
            return 0;
        }
        self.captured.unwrap_or(self.amount) - self.refunded
    }

    /// Whether the money was ever taken.
    pub(super) fn was_taken(&self) -> bool {
        self.verdict.is_ok() && self.closed_at.is_none_or(|closed| self.decided_at < closed)
    }

    /// Whether both were the payer's to bear at one time.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let end = |charge: &Self| charge.closed_at.unwrap_or(Timestamp::from_micros(i64::MAX));
        self.was_taken()
            && other.was_taken()
            && self.decided_at < end(other)
            && other.decided_at < end(self)
    }
}

// === impl Provider ===

impl Provider {
    pub(super) const fn new(seed: u64, hours: Hours) -> Self {
        Self { seed, hours, charges: BTreeMap::new() }
    }

    /// Whether a channel fails more than it usually does.
    pub(super) fn is_out(&self, channel: usize, now: Timestamp) -> bool {
        self.hours.out(channel, now) > 0.0
    }

    /// Asks for money. A key that is known is not charged again.
    pub(super) fn authorise(&mut self, request: &Request, now: Timestamp) -> Sent {
        let at_once = now.plus(Span::from_micros(20_000));
        if let Some(known) = self.charges.get(&request.key).copied() {
            return Sent { reply: (at_once, known.told(at_once)), notice_at: None };
        }
        let out = self.hours.out(request.channel, now);
        let (latency, luck) = luck(self.seed, request, out);
        let given_up = now.plus(CALLER_WAITS);
        let silence = (given_up, Reply::of(OutcomeStatus::TimedOut));
        let in_time = now.plus(latency);
        // When the provider learns of it, when the bank decides, what the caller sees, any word later.
        let (known_at, decided_at, reply, notice_at) = match luck {
            Luck::Answered => (now, in_time, None, None),
            Luck::Refused => {
                let reply = Reply::failed(Stage::NotSent);
                return Sent { reply: (at_once, reply), notice_at: None };
            }
            Luck::Away => {
                let reply = Reply::coded(OutcomeStatus::Declined, "braintree", "3000");
                return Sent { reply: (at_once, reply), notice_at: None };
            }
            Luck::Lost => return Sent { reply: silence, notice_at: None },
            Luck::Unanswered { notice } => (now, in_time, Some(silence), notice),
            Luck::Slow { by, notice } => (now, given_up.plus(by), Some(silence), notice),
            Luck::Queued { by, notice } => {
                let starts_at = given_up.plus(by);
                (starts_at, starts_at.plus(latency), Some(silence), notice)
            }
            Luck::Pending { by, notice } => {
                let reply = (in_time, Reply::of(OutcomeStatus::Pending));
                (now, in_time.plus(by), Some(reply), notice)
            }
            Luck::Reset => (now, in_time, Some((in_time, Reply::failed(Stage::Sent))), None),
        };
        let verdict = decide(self.seed, request.presented, decided_at);
        let charge = Charge {
            card: request.presented.card.1,
            amount: request.amount,
            known_at,
            decided_at,
            verdict,
            closed_at: None,
            captured: None,
            refunded: 0,
        };
        self.charges.insert(request.key, charge);
        Sent {
            reply: reply.unwrap_or((decided_at, Reply::decided(verdict))),
            notice_at: notice_at.map(|after| decided_at.plus(after)),
        }
    }

    /// Asks what became of a request.
    pub(super) fn query(&self, key: Key, channel: usize, now: Timestamp) -> Reply {
        if self.is_deaf(key, channel, now, 0.01) {
            return Reply::of(OutcomeStatus::TimedOut);
        }
        match self.charges.get(&key) {
            Some(charge) if charge.known_at <= now => charge.told(now),
            _ => Reply::coded(OutcomeStatus::TimedOut, "http", "404"),
        }
    }

    /// Asks to close a request: to take back what was charged, and to charge nothing from now on.
    pub(super) fn close(&mut self, key: Key, channel: usize, now: Timestamp) -> Reply {
        if self.is_deaf(key, channel, now, 0.1) {
            return Reply::of(OutcomeStatus::TimedOut);
        }
        if let Some(charge) = self.charges.get_mut(&key) {
            charge.closed_at = Some(charge.closed_at.map_or(now, |closed| closed.min(now)));
        }
        Reply::of(OutcomeStatus::Canceled)
    }

    /// What the next day's file says; what is not in it by then is not carried out any more.
    pub(super) fn file(&mut self, key: Key, now: Timestamp) -> Reply {
        match self.charges.get_mut(&key) {
            Some(charge) if charge.decided_at <= now => charge.told(now),
            Some(charge) => {
                charge.closed_at = Some(now);
                Reply::of(OutcomeStatus::Canceled)
            }
            None => Reply::of(OutcomeStatus::Canceled),
        }
    }

    /// What it tells by itself; of what is closed by then, nothing.
    pub(super) fn notice(&self, key: Key, now: Timestamp) -> Option<Reply> {
        let charge = self.charges.get(&key)?;
        let is_closed = charge.closed_at.is_some_and(|closed| closed <= now);
        (!is_closed && charge.decided_at <= now).then(|| Reply::decided(charge.verdict))
    }

    /// Takes part or all of what was authorised, or lets it go with `None`.
    pub(super) fn capture(&mut self, key: Key, amount: Option<i64>, now: Timestamp) {
        if let Some(charge) = self.charges.get_mut(&key) {
            match amount {
                Some(amount) => charge.captured = Some(amount),
                None => charge.closed_at = Some(now),
            }
        }
    }

    /// Gives part or all of it back.
    pub(super) fn refund(&mut self, key: Key, amount: i64) {
        if let Some(charge) = self.charges.get_mut(&key) {
            charge.refunded += amount;
        }
    }

    /// What the ledger holds of a payment.
    pub(super) fn charges(&self, payment: u64) -> impl Iterator<Item = &Charge> {
        self.charges.range((payment, 0)..=(payment, u32::MAX)).map(|(_, charge)| charge)
    }

    /// Whether a question goes unanswered: some always do, in an outage most.
    fn is_deaf(&self, (payment, attempt): Key, channel: usize, now: Timestamp, least: f64) -> bool {
        let minute = now.since(self.hours.start).as_secs().div_euclid(60).unsigned_abs();
        let number = payment.wrapping_mul(64).wrapping_add(u64::from(attempt) ^ (minute << 40));
        let mut chance = crate::traffic::chance::Chance::new(self.seed, "question", number);
        let share = self.hours.out(channel, now).max(least);
        chance.is(share)
    }
}
