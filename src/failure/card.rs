//! How often each card was declined, over all channels: what networks count retries by.

use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::failure::advice::CardCounts;
use crate::model::codec::{Codec, Input, Malformed, record};
use crate::model::entity::EntityKey;
use crate::model::failure::RetrySettings;
use crate::model::snapshot::{Snapshots, Taken};
use crate::model::time::{Span, Timestamp};

/// How many declines of one card are kept: more than any network's maximum.
const DECLINES_MAX: usize = 64;

/// As long as the longest window of a network's rule.
const KEPT: Span = Span::from_days(30);

const DAY: Span = Span::from_days(1);

/// One attempt on a card, as networks tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardAttempt {
    /// A hash of who accepted the card.
    pub acceptor: u64,
    /// What was asked for, in minor units of its own currency.
    pub amount: i64,
    /// When.
    pub at: Timestamp,
}

/// The declines of every card of late.
#[derive(Debug, Default)]
pub struct CardStore {
    cards: DashMap<EntityKey, Slot, ahash::RandomState>,
    snapshots: Snapshots,
}

/// Where what is known of a card is found, and its lock.
pub type Slot = Arc<Mutex<Card>>;

/// What is known of one card.
#[derive(Clone, Debug, Default)]
pub struct Card {
    declines: SmallVec<[CardAttempt; 2]>,
    /// The last approval, after which declines in a row are counted anew.
    approved_at: Option<Timestamp>,
    /// The snapshot that has it, of those that were begun.
    taken: Taken,
}

// === impl CardStore ===

impl CardStore {
    /// Notes that the card was declined. `take` is given the card as it was, when a snapshot that was
    /// begun is still without it.
    pub fn declined(
        &self,
        key: EntityKey,
        attempt: CardAttempt,
        take: impl FnOnce(EntityKey, &Card),
    ) {
        let now = self.snapshots.now();
        let made = || Arc::new(Mutex::new(Card { taken: now, ..Card::default() }));
        let card = Arc::clone(self.cards.entry(key).or_insert_with(made).value());
        let mut card = card.lock();
        if card.taken.is_due(now) {
            take(key, &card);
        }
        let oldest = attempt.at.minus(KEPT);
        card.declines.retain(|known| known.at > oldest);
        if card.declines.len() >= DECLINES_MAX {
            card.declines.remove(0);
        }
        card.declines.push(attempt);
    }

    /// Notes that the card was approved; `take` as for a decline.
    pub fn approved(&self, key: EntityKey, at: Timestamp, take: impl FnOnce(EntityKey, &Card)) {
        if let Some(card) = self.cards.get(&key).map(|card| Arc::clone(card.value())) {
            let mut card = card.lock();
            if card.taken.is_due(self.snapshots.now()) {
                take(key, &card);
            }
            card.approved_at = card.approved_at.max(Some(at));
        }
    }

    /// How often it was declined, as networks count, without another decline.
    pub fn counts(
        &self,
        card: EntityKey,
        attempt: CardAttempt,
        settings: &RetrySettings,
    ) -> CardCounts {
        let card = self.cards.get(&card).map(|card| Arc::clone(card.value()));
        card.map_or_else(CardCounts::default, |card| card.lock().counts(attempt, settings))
    }

    /// The snapshots that are taken of it.
    pub const fn snapshots(&self) -> &Snapshots {
        &self.snapshots
    }

    /// Every card as it is found now. No shard is locked for longer than it takes to list it.
    pub fn slots(&self) -> Vec<(EntityKey, Slot)> {
        self.cards.iter().map(|slot| (*slot.key(), Arc::clone(slot.value()))).collect()
    }

    /// Puts a card back that a snapshot had.
    pub fn restore(&self, key: EntityKey, card: Card) {
        self.cards.insert(key, Arc::new(Mutex::new(card)));
    }

    /// Forgets cards without a decline of late. Returns how many.
    pub fn sweep(&self, now: Timestamp) -> usize {
        let before = self.cards.len();
        let oldest = now.minus(KEPT);
        self.cards.retain(|_, card| {
            // One that somebody holds is being used.
            Arc::strong_count(card) > 1
                || card.try_lock().is_none_or(|card| {
                    card.declines.last().is_some_and(|decline| decline.at > oldest)
                })
        });
        before.saturating_sub(self.cards.len())
    }
}

// === impl Card ===

impl Card {
    /// The snapshot that has it, of those that were begun.
    pub const fn taken_mut(&mut self) -> &mut Taken {
        &mut self.taken
    }

    fn counts(&self, attempt: CardAttempt, settings: &RetrySettings) -> CardCounts {
        let count = |holds: &dyn Fn(&CardAttempt) -> bool| {
            u32::try_from(self.declines.iter().filter(|known| holds(known)).count())
                .unwrap_or(u32::MAX)
        };
        let since = |known: &CardAttempt| attempt.at.since(known.at);
        CardCounts {
            day_at_acceptor: count(&|known| {
                known.acceptor == attempt.acceptor
                    && since(known) < DAY
                    && self.approved_at.is_none_or(|approved| known.at > approved)
            }),
            month_of_amount_at_acceptor: count(&|known| {
                known.acceptor == attempt.acceptor
                    && known.amount == attempt.amount
                    && since(known) < KEPT
            }),
            window_of_amount: count(&|known| {
                known.amount == attempt.amount && since(known) < settings.visa_window
            }),
        }
    }
}

record!(CardAttempt { 1 acceptor, 2 amount, 3 at });

impl Codec for Card {
    fn encode(&self, out: &mut Vec<u8>) {
        self.declines.encode(out);
        self.approved_at.is_some().encode(out);
        self.approved_at.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let declines = Codec::decode(input)?;
        let approved_at = if bool::decode(input)? { Codec::decode(input)? } else { None };
        Ok(Self { declines, approved_at, taken: Taken::NEVER })
    }
}
