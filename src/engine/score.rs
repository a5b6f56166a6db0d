//! One attempt: known or new, read, evaluated, written, in one step over all its entities.
// CRITICAL PATH: a change here carries its number from `benches/score.rs`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use crate::engine::entities::{Entities, Unseen};
use crate::engine::event::completed;
use crate::engine::journal::{Entry, JournalError};
use crate::engine::live::Live;
use crate::engine::not_before::{Blocked, not_before};
use crate::engine::payments::{Attempt, NOT_CONTENT, PaymentRecord};
use crate::engine::plan::{next_step, ranked};
use crate::engine::reserve::{Limits, Wanted};
use crate::engine::taps::{Brought, brought};
use crate::engine::{Engine, ScoreError, ScoreRequest, Scored};
use crate::limit::hold::Holdings;
use crate::model::decision::{Decision, Evaluation};
use crate::model::failure::{Advice, RankedChannel};
use crate::model::field::{Field, Fields};
use crate::model::limit::Reservation;
use crate::model::packed::Packed;
use crate::model::settlement::Settlement;
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};
use crate::model::verdict::{NextStep, Verdict};
use crate::policy::evaluate::evaluate;
use crate::policy::interpret::Facts;
use crate::policy::set::PolicySet;

/// What is asked of the engine, and when.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) request: &'a ScoreRequest,
    pub(super) received_at: Timestamp,
    /// Whether every feature of the set is read, or those that its rules can reach.
    pub(super) all_features: bool,
}

/// What was found out about an attempt; nothing is written yet.
struct Weighed {
    /// What the attempt brings to the taps of `attempt`.
    attempt: Brought,
    /// What it brings to the taps of its verdict.
    verdict: Brought,
    found: Found,
    /// A value per feature of the set.
    features: Vec<Value>,
}

/// What a decision says.
struct Found {
    effective_at: Timestamp,
    evaluation: Evaluation,
    /// When it would pass, if it is blocked and that clears with time.
    not_before: Option<Timestamp>,
    /// What it reserves in limits.
    reservations: Vec<Reservation>,
    /// What earlier attempts leave to do.
    advice: Option<Box<Advice>>,
    /// The channels that fit it, best first.
    channels: Vec<RankedChannel>,
}

/// All that an attempt is decided on, locked.
#[derive(Clone, Copy)]
struct Locked<'a, 'e, 'l> {
    live: &'a Live,
    fields: &'a Fields,
    entities: &'a Entities<'e>,
    limits: &'a Limits<'l>,
    /// What the payment holds in limits.
    held: &'a Holdings,
}

impl Engine {
    /// Decides an attempt, or finds what was decided.
    pub(super) fn decide(&self, asked: Asked<'_>) -> Result<Scored, ScoreError> {
        let payment = &asked.request.payment;
        let payment_id = Text::from(payment.id());
        let content = Packed::new(payment.fields(), &NOT_CONTENT);
        if asked.request.dry_run {
            let next = self.sequence.load(Ordering::Relaxed) + 1;
            let known = self.payments.with_known(&payment_id, asked.received_at, |record| {
                known_attempt(record, asked.request, &content)
                    .unwrap_or_else(|| Ok(self.imagine(asked, record, next)))
            });
            let first = PaymentRecord::default();
            return known.unwrap_or_else(|| Ok(self.imagine(asked, &first, next)));
        }
        let _passing = self.gate.pass();
        self.payments.with(&payment_id, asked.received_at, |record| {
            match known_attempt(record, asked.request, &content) {
                Some(known) => known,
                None if !record.has_room() => Err(ScoreError::TooMany(payment_id.clone())),
                None => Ok(self.apply_attempt(asked, record, content)?),
            }
        })
    }

    /// What would be decided under that sequence; nothing is stored or counted.
    pub(super) fn imagine(
        &self,
        asked: Asked<'_>,
        record: &PaymentRecord,
        sequence: u64,
    ) -> Scored {
        let (held, keys) = (record.holdings(), record.limit_keys());
        let (unseen, wanted) = (Unseen::Imagine, Wanted::Met(&keys));
        self.with_entities(unseen, wanted, asked.fields(), |live, fields, entities, limits| {
            let locked = Locked { live, fields, entities: &entities, limits: &limits, held: &held };
            let Weighed { found, features, .. } = self.weigh(asked, record, locked);
            let decision = decision(&live.set, asked.request, found, sequence);
            Scored { decision: Arc::new(decision), repeated: false, features: asked.told(features) }
        })
    }

    /// Decides a new attempt, and stores and counts it.
    fn apply_attempt(
        &self,
        asked: Asked<'_>,
        record: &mut PaymentRecord,
        content: Packed,
    ) -> Result<Scored, JournalError> {
        let Asked { request, received_at, .. } = asked;
        let (held, keys) = (record.holdings(), record.limit_keys());
        let (unseen, wanted) = (Unseen::Make, Wanted::Met(&keys));
        self.with_entities(unseen, wanted, asked.fields(), |live, fields, mut entities, limits| {
            let locked = Locked { live, fields, entities: &entities, limits: &limits, held: &held };
            let Weighed { attempt, verdict, found, features } = self.weigh(asked, record, locked);
            let effective_at = found.effective_at;
            let verdict_taps = live.taps(found.evaluation.verdict.event());
            let occurred_at = request.payment.fields().get(Field::OccurredAt).as_time();
            let amount_base = fields.get(Field::AmountBase);
            let read = live.packed(&features);
            let decision = self.append(|sequence| {
                let decision = decision(&live.set, request, found, sequence);
                let decision = Arc::new(decision);
                let entry = Entry::Score {
                    content: content.clone(),
                    received_at,
                    occurred_at,
                    amount_base: amount_base.clone(),
                    locale: request.locale.clone(),
                    features: read.clone(),
                    decision: Arc::clone(&decision),
                };
                (entry, decision)
            })?;
            let attempted = Attempt {
                content,
                received_at,
                occurred_at,
                amount_base: amount_base.clone(),
                amount: fields.get(Field::Amount).as_int().unwrap_or(0),
                features: read,
                decision: Arc::clone(&decision),
                channel: fields.get(Field::Channel).as_text().map(Text::from),
                network: fields.get(Field::CardBrand).as_text().map(Text::from),
                settlement: Settlement::default(),
            };
            entities.advance(effective_at);
            entities.observe(live.taps("attempt"), effective_at, &attempt);
            entities.observe(verdict_taps, effective_at, &verdict);
            drop(entities);
            keep_attempt(live, record, attempted, &held, limits);
            Ok(Scored { decision, repeated: false, features: asked.told(features) })
        })
    }

    /// Reads and evaluates; changes nothing.
    fn weigh(
        &self,
        asked: Asked<'_>,
        record: &PaymentRecord,
        locked: Locked<'_, '_, '_>,
    ) -> Weighed {
        let Asked { request, received_at, all_features } = asked;
        let Locked { live, fields, entities, limits, held } = locked;
        let set = &live.set;
        let lists = self.lists_over(set);
        let effective_at = limits.effective(entities.effective(received_at));
        let event = Facts { fields, features: &[], now: effective_at, lists: &lists };
        let attempt = brought(live, live.taps("attempt"), &event, entities);
        let wanted = if all_features { &live.all_features } else { &live.live_features };
        let features = entities.read(wanted, effective_at, &attempt);
        let readings = limits.read(set, effective_at, held);
        let facts = Facts { features: &features, ..event };
        let evaluation = evaluate(set, &facts, &readings, request.trace);
        let verdict = brought(live, live.taps(evaluation.verdict.event()), &event, entities);
        let is_blocked = evaluation.verdict == Verdict::Block;
        let found = Found {
            effective_at,
            not_before: not_before(Blocked {
                live,
                fields,
                entities,
                limits,
                held,
                lists: &lists,
                now: effective_at,
                attempt: &attempt,
                verdict: &verdict,
                evaluation: &evaluation,
            }),
            reservations: if is_blocked {
                Vec::new()
            } else {
                limits.reservations(set, &evaluation.amounts)
            },
            advice: self.advice_before(live, record, fields, effective_at),
            channels: if is_blocked { Vec::new() } else { ranked(live, fields, effective_at) },
            evaluation,
        };
        Weighed { attempt, verdict, found, features }
    }
}

// === impl Asked ===

impl<'a> Asked<'a> {
    fn fields(self) -> impl Fn(&PolicySet) -> Fields + 'a {
        move |set| {
            let mut fields = self.request.payment.fields().clone();
            // Ours to compute, whatever was sent.
            fields.set(Field::AmountBase, Value::Missing);
            completed(fields, set, self.received_at)
        }
    }

    /// What is told of the features.
    fn told(self, features: Vec<Value>) -> Option<Vec<Value>> {
        self.all_features.then_some(features)
    }
}

/// Keeps a counted attempt in the record of its payment, and what it holds in limits; `held` is what
/// the payment held before.
pub(super) fn keep_attempt(
    live: &Live,
    record: &mut PaymentRecord,
    attempt: Attempt,
    held: &Holdings,
    mut limits: Limits<'_>,
) {
    let effective_at = attempt.decision.effective_at;
    if record.attempts().is_empty()
        && let Some(channel) = &attempt.channel
    {
        live.channels.deposit(channel);
    }
    record.push_attempt(attempt);
    if !live.set.limits.is_empty() || !held.is_empty() {
        limits.replace(&live.set, effective_at, held, &record.holdings());
    }
}

/// What was answered to an attempt of that number; `None` when there was none.
fn known_attempt(
    record: &PaymentRecord,
    request: &ScoreRequest,
    content: &Packed,
) -> Option<Result<Scored, ScoreError>> {
    let number = request.payment.attempt();
    let known = record.attempt(number)?;
    Some(if known.content == *content {
        Ok(Scored { decision: Arc::clone(&known.decision), repeated: true, features: None })
    } else {
        let payment_id = Text::from(request.payment.id());
        Err(ScoreError::AlreadyExists { payment_id, attempt: number })
    })
}

fn decision(set: &PolicySet, request: &ScoreRequest, found: Found, sequence: u64) -> Decision {
    let Found { effective_at, mut evaluation, not_before, reservations, advice, channels } = found;
    let payment = &request.payment;
    let locale = if request.locale.is_empty() { &set.bundle.locale } else { &request.locale };
    for reason in &mut evaluation.reasons {
        let dated = not_before.and_then(|at| set.bundle.message_at(&reason.code, locale, at));
        reason.message = dated.map(Arc::from).or_else(|| set.bundle.message(&reason.code, locale));
    }
    let next_step = next_step(evaluation.verdict, not_before, advice.as_deref());
    Decision {
        decision_id: decision_id(payment.id(), payment.attempt(), sequence),
        payment_id: Text::from(payment.id()),
        attempt: payment.attempt(),
        sequence,
        effective_at,
        policy_version: set.bundle.version.clone(),
        next_step,
        not_before,
        customer_message: customer_message(&evaluation),
        advice,
        // While a result is not known, and once it is paid, there is nowhere to go.
        channels: match next_step {
            NextStep::Query | NextStep::Stop => Vec::new(),
            NextStep::Proceed
            | NextStep::StepUp
            | NextStep::RetryLater
            | NextStep::SwitchChannel
            | NextStep::AskCustomer => channels,
        },
        reservations,
        evaluation,
    }
}

/// 88 bits of a hash; the whole text is held inline.
fn decision_id(payment_id: &str, attempt: u32, sequence: u64) -> Text {
    // One buffer, hashed in one go: the state of a hasher is larger than what is hashed.
    let mut bytes = SmallVec::<[u8; 64]>::new();
    bytes.extend_from_slice(&sequence.to_le_bytes());
    bytes.extend_from_slice(&attempt.to_le_bytes());
    bytes.extend_from_slice(payment_id.as_bytes());
    let digits = blake3::hash(&bytes).to_hex();
    let mut id = Text::const_new("d_");
    id.push_str(digits.get(..22).unwrap_or_default());
    id
}

/// The message of the first code of the verdict; reasons stand in the order of the verdicts.
fn customer_message(evaluation: &Evaluation) -> Option<Arc<str>> {
    match evaluation.verdict {
        Verdict::Allow => None,
        Verdict::Challenge | Verdict::Block => evaluation.reasons.first()?.message.clone(),
    }
}
