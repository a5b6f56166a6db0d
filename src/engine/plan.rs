//! What to do next with an attempt that is being decided, by what became of those before it.

use crate::channel::Wanted;
use crate::engine::Engine;
use crate::engine::live::Live;
use crate::engine::payments::PaymentRecord;
use crate::engine::settle::{card_attempt, seed};
use crate::failure::advice::{CardCounts, Situation, advise};
use crate::model::failure::{Advice, RankedChannel};
use crate::model::field::{Field, Fields};
use crate::model::time::Timestamp;
use crate::model::verdict::{NextStep, Verdict};

impl Engine {
    /// What the attempts before this one leave to do; `None` when there were none that count.
    pub(super) fn advice_before(
        &self,
        live: &Live,
        record: &PaymentRecord,
        fields: &Fields,
        now: Timestamp,
    ) -> Option<Box<Advice>> {
        let past = record.past();
        let last = past.last()?;
        let card = card_attempt(fields, now).map_or_else(CardCounts::default, |(card, attempt)| {
            self.cards.counts(card, attempt, &self.settings.retry)
        });
        Some(Box::new(advise(&Situation {
            now,
            seed: seed(fields.get(Field::Id).as_text().unwrap_or_default(), last.number),
            tables: &live.set.bundle.failures,
            settings: &self.settings.retry,
            attempts: &past,
            reported: None,
            card,
            is_absent: fields.get(Field::OffSession).as_bool() == Some(true),
            channels: &[],
            has_budget: true,
        })))
    }
}

/// The channels that fit a payment, best first; none when the bundle has none.
pub(super) fn ranked(live: &Live, fields: &Fields, now: Timestamp) -> Vec<RankedChannel> {
    if live.channels.is_empty() {
        return Vec::new();
    }
    let wanted = Wanted {
        method: fields.get(Field::Method).as_text(),
        currency: fields.get(Field::Currency).as_text(),
        region: fields.get(Field::Region).as_text(),
    };
    live.channels.rank(wanted, now)
}

/// What the caller does next: what the policies say, unless an attempt before this one forbids it.
///
/// Nothing is tried while a result is not known, and nothing that is paid is paid again, on whatever
/// card or channel. What else advice says was said when the outcome was reported: whoever asks again
/// has heard it, and may come with another card or other details.
pub(super) fn next_step(
    verdict: Verdict,
    not_before: Option<Timestamp>,
    advice: Option<&Advice>,
) -> NextStep {
    match (verdict, advice.map(|advice| advice.next_step)) {
        (Verdict::Block, _) if not_before.is_some() => NextStep::RetryLater,
        (Verdict::Block, _) => NextStep::Stop,
        (_, Some(NextStep::Query)) => NextStep::Query,
        // To whom a payment has succeeded, to proceed is to let it be.
        (_, Some(NextStep::Proceed)) => NextStep::Stop,
        (Verdict::Challenge, _) => NextStep::StepUp,
        (Verdict::Allow, _) => NextStep::Proceed,
    }
}
