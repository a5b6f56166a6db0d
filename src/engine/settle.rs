//! What becomes of an attempt: diagnosed, settled in the limits, counted, and what to do next.

use std::sync::Arc;

use crate::engine::entities::Unseen;
use crate::engine::event::of_outcome;
use crate::engine::journal::Entry;
use crate::engine::live::Live;
use crate::engine::payments::{Attempt, PaymentRecord, Reported};
use crate::engine::plan::ranked;
use crate::engine::reserve::Wanted;
use crate::engine::taps::brought;
use crate::engine::{Engine, Receipt, ReportError};
use crate::failure::advice::{CardCounts, PastAttempt, Situation, advise};
use crate::failure::card::CardAttempt;
use crate::failure::cause::Health;
use crate::model::entity::{EntityKey, EntityKind};
use crate::model::failure::{Advice, Assessment, Diagnosis, Flag, Money};
use crate::model::field::{Field, Fields};
use crate::model::limit::{OnExpiry, RESERVATION_KEPT};
use crate::model::outcome::{Outcome, OutcomeStatus};
use crate::model::settlement::Settlement;
use crate::model::time::{Span, Timestamp};
use crate::model::verdict::NextStep;
use crate::policy::interpret::Facts;
use crate::policy::set::PolicySet;

/// A retry that comes sooner than this adds to the load of now.
const AT_ONCE: Span = Span::from_secs(60);

/// Under which cards are told apart for the counters of networks.
const CARD: EntityKind = EntityKind(u64::from_le_bytes(*b"net-card"));

/// Under which acceptors are.
const ACCEPTOR: EntityKind = EntityKind(u64::from_le_bytes(*b"net-acpt"));

impl Engine {
    /// Applies an outcome to the record of its payment.
    pub(super) fn apply_outcome(
        &self,
        record: &mut PaymentRecord,
        outcome: &Outcome,
        received_at: Timestamp,
    ) -> Result<Reported, ReportError> {
        if let Some(known) = record.outcome_like(outcome) {
            return told_again(known, outcome);
        }
        let unknown = || ReportError::UnknownAttempt {
            payment_id: outcome.payment_id.clone(),
            attempt: outcome.attempt,
        };
        let attempt = record.attempt(outcome.attempt).ok_or_else(unknown)?;
        let fields = attempt.fields();
        self.check_age(outcome.occurred_at, received_at)?;
        if !record.has_room() {
            return Err(ReportError::TooMany(outcome.payment_id.clone()));
        }
        let network = attempt.network.clone();
        let diagnose = |set: &PolicySet| set.bundle.failures.diagnose(outcome, network.as_deref());
        let reported = self.with_entities(
            Unseen::Make,
            Wanted::Reserved(&record.limit_keys()),
            |set| of_outcome(fields.clone(), outcome, &diagnose(set), set),
            |live, fields, mut entities, mut limits| {
                let set = &live.set;
                let diagnosis = diagnose(set);
                let applied_at = limits.effective(entities.effective(received_at));
                let at = outcome.occurred_at.map_or(applied_at, |at| at.min(applied_at));
                let lists = self.lists_over(set);
                let facts = Facts { fields, features: &[], now: at, lists: &lists };
                let event = outcome.event(diagnosis.money);
                let taps = event.map(|event| live.taps(event)).unwrap_or_default();
                let brought = brought(live, taps, &facts, &entities);

                let before =
                    attempt_of(record, outcome).map(|it| it.settlement).unwrap_or_default();
                let after = before.with(outcome, diagnosis.money, fields.get(Field::Amount));
                let flags = flags(set, record, outcome, (&before, &after), applied_at);
                let card = self.card_counts(fields, outcome, &diagnosis, applied_at);
                let advice =
                    self.advice_with(live, record, outcome, &diagnosis, (fields, after, card, at));
                let assessment = Arc::new(Assessment { diagnosis, advice, flags });
                let stored = Arc::new(outcome.clone());
                let sequence = self.append(|sequence| {
                    let entry = Entry::Outcome {
                        sequence,
                        received_at,
                        applied_at,
                        effective_at: at,
                        outcome: Arc::clone(&stored),
                        assessment: Arc::clone(&assessment),
                    };
                    (entry, sequence)
                })?;
                entities.advance(applied_at);
                entities.observe(taps, at, &brought);
                let held = record.holdings();
                let holds = record.holdings_with(outcome.attempt, &after);
                limits.replace(set, applied_at, &held, &holds);
                self.note_card(fields, outcome, &assessment.diagnosis, applied_at);
                let unmapped = set.bundle.failures.unmapped(outcome, network.as_deref());
                self.unmapped.note(unmapped, applied_at);
                Self::note_channel(live, fields, &assessment.diagnosis, applied_at);
                let receipt = Receipt { sequence, effective_at: at, repeated: false };
                Ok::<_, ReportError>((Reported { outcome: stored, assessment, receipt }, after))
            },
        );
        let (reported, settlement) = reported?;
        record.settle(outcome.attempt, settlement);
        record.push_outcome(reported.clone(), received_at);
        Ok(reported)
    }

    /// What to do once this outcome is known.
    #[expect(clippy::too_many_arguments, reason = "an outcome, and what is known of it by now")]
    fn advice_with(
        &self,
        live: &Live,
        record: &PaymentRecord,
        outcome: &Outcome,
        diagnosis: &Diagnosis,
        (fields, after, card, at): (&Fields, Settlement, CardCounts, Timestamp),
    ) -> Advice {
        let past = past_with(record, outcome, diagnosis, (after, at));
        let is_absent = attempt_of(record, outcome).is_some_and(Attempt::is_absent);
        let channels = ranked(live, fields, at);
        let situation = Situation {
            now: at,
            seed: seed(&outcome.payment_id, outcome.attempt),
            tables: &live.set.bundle.failures,
            settings: &self.settings.retry,
            attempts: &past,
            reported: Some(outcome.attempt),
            card,
            is_absent,
            channels: &channels,
            has_budget: true,
        };
        let advice = advise(&situation);
        if goes_to(&advice, &past, at).is_none_or(|channel| live.channels.withdraw(channel)) {
            return advice;
        }
        advise(&Situation { has_budget: false, ..situation })
    }

    /// Notes how the channel did: what is the payer's or the bank's doing is on neither side.
    pub(super) fn note_channel(live: &Live, fields: &Fields, diagnosis: &Diagnosis, at: Timestamp) {
        let Some(channel) = fields.get(Field::Channel).as_text() else { return };
        let cause = diagnosis.cause.as_deref().and_then(|it| live.set.bundle.failures.cause(it));
        match diagnosis.money {
            Money::Succeeded => live.channels.record(channel, true, at),
            Money::Unknown => live.channels.record(channel, false, at),
            Money::NotSent | Money::Declined => {
                if cause.is_some_and(|cause| cause.health == Health::Channel) {
                    live.channels.record(channel, false, at);
                }
            }
            Money::InProgress => {}
        }
    }

    /// How often the card was declined, with this outcome.
    fn card_counts(
        &self,
        fields: &Fields,
        outcome: &Outcome,
        diagnosis: &Diagnosis,
        at: Timestamp,
    ) -> CardCounts {
        let Some((card, attempt)) = card_attempt(fields, at) else { return CardCounts::default() };
        let counts = self.cards.counts(card, attempt, &self.settings.retry);
        let more = u32::from(is_card_decline(outcome, diagnosis));
        CardCounts {
            day_at_acceptor: counts.day_at_acceptor.saturating_add(more),
            month_of_amount_at_acceptor: counts.month_of_amount_at_acceptor.saturating_add(more),
            window_of_amount: counts.window_of_amount.saturating_add(more),
        }
    }

    /// Notes what the networks count.
    pub(super) fn note_card(
        &self,
        fields: &Fields,
        outcome: &Outcome,
        diagnosis: &Diagnosis,
        at: Timestamp,
    ) {
        let Some((card, attempt)) = card_attempt(fields, at) else { return };
        if is_card_decline(outcome, diagnosis) {
            self.cards.declined(card, attempt, |key, card| self.images.card(key, card));
        } else if diagnosis.money == Money::Succeeded {
            self.cards.approved(card, at, |key, card| self.images.card(key, card));
        }
    }
}

/// The attempts of a payment once this outcome of one of them is known.
pub(super) fn past_with<'a>(
    record: &'a PaymentRecord,
    outcome: &'a Outcome,
    diagnosis: &'a Diagnosis,
    (after, at): (Settlement, Timestamp),
) -> Vec<PastAttempt<'a>> {
    let mut past = record.past();
    if let Some(attempt) = past.iter_mut().find(|attempt| attempt.number == outcome.attempt) {
        attempt.money = after.money();
        attempt.last = Some((outcome, diagnosis, at));
        if diagnosis.money.is_open() {
            attempt.open_since.get_or_insert(at);
        }
        attempt.was_unknown |= diagnosis.money == Money::Unknown;
        if outcome.channel.is_some() {
            attempt.channel = outcome.channel.as_deref();
        }
    }
    past
}

/// The channel whose retry budget the advice draws on: that of a retry that comes at once.
pub(super) fn goes_to<'a>(
    advice: &'a Advice,
    past: &[PastAttempt<'a>],
    at: Timestamp,
) -> Option<&'a str> {
    match advice.next_step {
        NextStep::SwitchChannel => advice.channels.first().map(|channel| channel.id.as_str()),
        NextStep::RetryLater
            if advice.not_before.is_none_or(|not_before| not_before.since(at) < AT_ONCE) =>
        {
            past.last().and_then(|attempt| attempt.channel)
        }
        NextStep::Proceed
        | NextStep::StepUp
        | NextStep::Query
        | NextStep::RetryLater
        | NextStep::AskCustomer
        | NextStep::Stop => None,
    }
}

/// The answer to an outcome that was reported before.
fn told_again(known: &Reported, outcome: &Outcome) -> Result<Reported, ReportError> {
    if *known.outcome != *outcome {
        let id = outcome.outcome_id.clone().unwrap_or_default();
        return Err(ReportError::AlreadyExists(id));
    }
    let receipt = Receipt { repeated: true, ..known.receipt };
    Ok(Reported { receipt, ..known.clone() })
}

/// The jitter of a payment's backoff.
pub(super) fn seed(payment_id: &str, attempt: u32) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(payment_id.as_bytes());
    hasher.update(&attempt.to_le_bytes());
    hasher.finalize().as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The card of a payment as networks count it, and the attempt on it; `None` without a card.
pub(super) fn card_attempt(fields: &Fields, at: Timestamp) -> Option<(EntityKey, CardAttempt)> {
    let card = EntityKey::new(CARD, [fields.get(Field::CardToken)])?;
    let acceptor = EntityKey::new(ACCEPTOR, [fields.get(Field::MerchantId)]);
    let acceptor = acceptor.map_or(0, |key| u64::try_from(key.bits() >> 64).unwrap_or(0));
    let amount = fields.get(Field::Amount).as_int().unwrap_or(0);
    Some((card, CardAttempt { acceptor, amount, at }))
}

fn is_card_decline(outcome: &Outcome, diagnosis: &Diagnosis) -> bool {
    outcome.status == OutcomeStatus::Declined
        && diagnosis.money == Money::Declined
        && outcome.is_about_payment()
}

fn attempt_of<'a>(record: &'a PaymentRecord, outcome: &Outcome) -> Option<&'a Attempt> {
    record.attempt(outcome.attempt)
}

/// What must not be overlooked after an outcome. Whatever it adds to what the payment holds in limits is
/// among it.
fn flags(
    set: &PolicySet,
    record: &PaymentRecord,
    outcome: &Outcome,
    (before, after): (&Settlement, &Settlement),
    now: Timestamp,
) -> Vec<Flag> {
    let mut flags = Vec::new();
    let Some(attempt) = record.attempt(outcome.attempt) else { return flags };
    let was_released = match before.money() {
        Some(Money::Declined | Money::NotSent) => true,
        None => {
            let ends_at = attempt.decision.effective_at.plus(RESERVATION_KEPT);
            let has_expired = set.bundle.on_expiry == OnExpiry::Release && ends_at <= now;
            has_expired || !record.is_last_made(outcome.attempt)
        }
        Some(Money::Unknown | Money::InProgress | Money::Succeeded) => false,
    };
    let succeeds =
        after.money() == Some(Money::Succeeded) && before.money() != Some(Money::Succeeded);
    if succeeds && record.is_paid_but_by(outcome.attempt) {
        flags.push(Flag::SecondSuccess);
    }
    if succeeds && was_released || goes_on(before, after) {
        flags.push(Flag::LateSuccess);
    }
    if was_released && matches!(after.money(), Some(Money::Unknown | Money::InProgress)) {
        flags.push(Flag::HeldAgain);
    }
    if after.captured() > attempt.amount && after.captured() != before.captured() {
        flags.push(Flag::CapturedAboveAmount);
    }
    let taken = if after.captured() == 0 { attempt.amount } else { after.captured() };
    if after.refunded() > taken && after.refunded() != before.refunded() {
        flags.push(Flag::RefundedAboveCapture);
    }
    flags
}

/// Whether a success goes on after it was over, and what was left of it was given back. A refund above
/// what was captured is another thing.
fn goes_on(before: &Settlement, after: &Settlement) -> bool {
    let was_over = before.money() == Some(Money::Succeeded) && !before.is_open_for_capture();
    let takes_more = after.captured() > before.captured()
        || after.captured() == 0 && after.refunded() > before.refunded();
    was_over && (after.is_open_for_capture() || takes_more)
}
