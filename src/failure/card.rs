//! How often each card was declined, over all channels: what networks count retries by.

use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::failure::advice::CardCounts;
use crate::model::entity::EntityKey;
use crate::model::failure::RetrySettings;
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
    cards: DashMap<EntityKey, Arc<Mutex<Card>>, ahash::RandomState>,
}

#[derive(Debug, Default)]
struct Card {
    declines: SmallVec<[CardAttempt; 2]>,
    /// The last approval, after which declines in a row are counted anew.
    approved_at: Option<Timestamp>,
}

// === impl CardStore ===

impl CardStore {
    /// Notes that the card was declined.
    pub fn declined(&self, card: EntityKey, attempt: CardAttempt) {
        let card = Arc::clone(self.cards.entry(card).or_default().value());
        let mut card = card.lock();
        let oldest = attempt.at.minus(KEPT);
        card.declines.retain(|known| known.at > oldest);
        if card.declines.len() >= DECLINES_MAX {
            card.declines.remove(0);
        }
        card.declines.push(attempt);
    }

    /// Notes that the card was approved.
    pub fn approved(&self, card: EntityKey, at: Timestamp) {
        if let Some(card) = self.cards.get(&card).map(|card| Arc::clone(card.value())) {
            let mut card = card.lock();
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
