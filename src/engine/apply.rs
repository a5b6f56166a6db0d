//! Entries applied again: what they say is done, and nothing is decided.
//!
//! A restart, a replica and a backfill bring an engine to where another one was by applying what that one
//! appended. Whatever depends on an order was in that order when it was appended, so that entries are
//! applied one after another, as they stand in the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::entities::Unseen;
use crate::engine::event::{completed, of_outcome};
use crate::engine::journal::{Entry, Event, Journal};
use crate::engine::payments::{Attempt, EventRecord, Reported};
use crate::engine::reserve::Wanted;
use crate::engine::score::keep_attempt;
use crate::engine::settle::{goes_to, past_with};
use crate::engine::taps::brought;
use crate::engine::{Engine, Receipt, Settings};
use crate::list::ListChange;
use crate::model::failure::Assessment;
use crate::model::field::{Field, Fields};
use crate::model::outcome::Outcome;
use crate::model::time::Timestamp;
use crate::model::value::Text;
use crate::policy::bundle::Files;
use crate::policy::interpret::Facts;
use crate::policy::set::PolicySet;

/// Checks the files of a bundle that was live once, as it was checked then.
pub type Compile<'a> = &'a dyn Fn(&Files) -> Result<Arc<PolicySet>, String>;

/// Why an entry cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// It is about an attempt that nothing is known of: an entry before it is missing.
    #[error("entry {sequence} is about payment `{payment_id}`, of which no such attempt is known")]
    UnknownAttempt {
        /// Its place in the order of application.
        sequence: u64,
        /// The payment.
        payment_id: Text,
    },
    /// A log begins with the policies of its first decisions, and this one does not.
    #[error(
        "entry {sequence} is the first, and publishes no policies: what was before it is missing"
    )]
    NoBeginning {
        /// Its place in the order of application.
        sequence: u64,
    },
    /// The files that it published are refused today.
    #[error("policies {policy_version}, which entry {sequence} published, are refused: {problem}")]
    Policies {
        /// Its place in the order of application.
        sequence: u64,
        /// The version.
        policy_version: Text,
        /// Why.
        problem: String,
    },
}

/// Where and when something was applied.
#[derive(Clone, Copy)]
struct Applied {
    sequence: u64,
    received_at: Timestamp,
    applied_at: Timestamp,
    effective_at: Timestamp,
}

impl Engine {
    /// The engine that a log begins with: its first entry publishes the first policies.
    ///
    /// # Errors
    /// When it does not, or they are refused today.
    pub fn begun_by(
        first: &Entry,
        settings: Settings,
        journal: Arc<dyn Journal>,
        compile: Compile<'_>,
    ) -> Result<Self, ApplyError> {
        let sequence = first.sequence();
        let Entry::Publication { policy_version, files, .. } = first else {
            return Err(ApplyError::NoBeginning { sequence });
        };
        let set = compile(files).map_err(|problem| ApplyError::Policies {
            sequence,
            policy_version: policy_version.clone(),
            problem,
        })?;
        let engine = Self::new(set, settings, journal);
        // Relaxed: nobody else has it yet.
        engine.sequence.store(sequence, Ordering::Relaxed);
        Ok(engine)
    }

    /// Applies what another engine with the same history appended. Nothing is appended here, and what the
    /// entry says of limits and decisions stands, whatever would be decided today.
    ///
    /// # Errors
    /// [`ApplyError`]; nothing is changed then.
    pub fn apply(&self, entry: &Entry, compile: Compile<'_>) -> Result<(), ApplyError> {
        let _passing = self.gate.pass();
        match entry {
            Entry::Score {
                content,
                received_at,
                occurred_at,
                amount_base,
                locale: _,
                features,
                decision,
            } => {
                let times = (*received_at, *occurred_at);
                let attempt = Attempt::of(content.clone(), times, amount_base, features, decision);
                self.apply_decision(attempt);
            }
            Entry::Outcome {
                sequence,
                received_at,
                applied_at,
                effective_at,
                outcome,
                assessment,
            } => {
                let (received_at, applied_at) = (*received_at, *applied_at);
                let effective_at = *effective_at;
                let applied =
                    Applied { sequence: *sequence, received_at, applied_at, effective_at };
                self.apply_assessed(outcome, assessment, applied)?;
            }
            Entry::Event { sequence, received_at, applied_at, effective_at, event } => {
                let (received_at, applied_at) = (*received_at, *applied_at);
                let effective_at = *effective_at;
                let applied =
                    Applied { sequence: *sequence, received_at, applied_at, effective_at };
                self.apply_recorded(event, applied)?;
            }
            Entry::List { change, .. } => self.apply_change(change),
            Entry::Publication { sequence, at, policy_version, files } => {
                let set = compile(files).map_err(|problem| ApplyError::Policies {
                    sequence: *sequence,
                    policy_version: policy_version.clone(),
                    problem,
                })?;
                let next = self.live.load().next(set, *at);
                self.live.store(Arc::new(next));
            }
        }
        // Relaxed: entries are applied one after another.
        self.sequence.fetch_max(entry.sequence(), Ordering::Relaxed);
        Ok(())
    }

    fn apply_decision(&self, attempt: Attempt) {
        let decision = Arc::clone(&attempt.decision);
        let received_at = attempt.received_at;
        let fields = attempt.fields();
        self.payments.with(&decision.payment_id, received_at, |record| {
            let (held, keys) = (record.holdings(), record.limit_keys());
            let wanted = Wanted::Met(&keys);
            self.with_entities(
                Unseen::Make,
                wanted,
                |_| fields.clone(),
                |live, fields, mut entities, limits| {
                    let now = decision.effective_at;
                    let lists = self.lists_over(&live.set);
                    let facts = Facts { fields, features: &[], now, lists: &lists };
                    entities.advance(now);
                    for name in ["attempt", decision.evaluation.verdict.event()] {
                        let brought = brought(live, live.taps(name), &facts, &entities);
                        entities.observe(live.taps(name), now, &brought);
                    }
                    drop(entities);
                    keep_attempt(live, record, attempt, &held, limits);
                },
            );
        });
    }

    fn apply_assessed(
        &self,
        outcome: &Arc<Outcome>,
        assessment: &Arc<Assessment>,
        applied: Applied,
    ) -> Result<(), ApplyError> {
        let Applied { sequence, received_at, applied_at, effective_at } = applied;
        let id = &outcome.payment_id;
        let unknown = || ApplyError::UnknownAttempt { sequence, payment_id: id.clone() };
        let known = self.payments.with_known(id, received_at, |record| {
            let attempt = record.attempt(outcome.attempt)?;
            let (before, fields) = (attempt.settlement, attempt.fields());
            let diagnosis = &assessment.diagnosis;
            let after = before.with(outcome, diagnosis.money, fields.get(Field::Amount));
            let keys = record.limit_keys();
            self.with_entities(
                Unseen::Make,
                Wanted::Reserved(&keys),
                |set| of_outcome(fields.clone(), outcome, diagnosis, set),
                |live, fields, mut entities, mut limits| {
                    let lists = self.lists_over(&live.set);
                    let facts = Facts { fields, features: &[], now: effective_at, lists: &lists };
                    let event = outcome.event(diagnosis.money);
                    let taps = event.map(|event| live.taps(event)).unwrap_or_default();
                    let brought = brought(live, taps, &facts, &entities);
                    entities.advance(applied_at);
                    entities.observe(taps, effective_at, &brought);
                    let holds = record.holdings_with(outcome.attempt, &after);
                    limits.replace(&live.set, applied_at, &record.holdings(), &holds);
                    let past = past_with(record, outcome, diagnosis, (after, effective_at));
                    if let Some(channel) = goes_to(&assessment.advice, &past, effective_at) {
                        live.channels.withdraw(channel);
                    }
                    self.note_card(fields, outcome, diagnosis, applied_at);
                    let network = fields.get(Field::CardBrand).as_text();
                    let unmapped = live.set.bundle.failures.unmapped(outcome, network);
                    self.unmapped.note(unmapped, applied_at);
                    Self::note_channel(live, fields, diagnosis, applied_at);
                },
            );
            record.settle(outcome.attempt, after);
            let receipt = Receipt { sequence, effective_at, repeated: false };
            let (outcome, assessment) = (Arc::clone(outcome), Arc::clone(assessment));
            record.push_outcome(Reported { outcome, assessment, receipt }, received_at);
            Some(())
        });
        known.flatten().ok_or_else(unknown)
    }

    fn apply_recorded(&self, event: &Arc<Event>, applied: Applied) -> Result<(), ApplyError> {
        let Applied { sequence, received_at, applied_at: _, effective_at } = applied;
        let receipt = Receipt { sequence, effective_at, repeated: false };
        match &event.payment_id {
            None => {
                let (sent, at) = (event.content.unpack(), event.occurred_at.unwrap_or(received_at));
                self.count_recorded(event, |set| completed(sent.clone(), set, at), applied);
            }
            Some(id) => {
                let known = self.payments.with_known(id, received_at, |record| {
                    let fields = record.last_attempt().map(Attempt::fields)?;
                    self.count_recorded(event, |_| fields.clone(), applied);
                    record.push_event(Arc::clone(event), receipt, received_at);
                    Some(())
                });
                let unknown = || ApplyError::UnknownAttempt { sequence, payment_id: id.clone() };
                known.flatten().ok_or_else(unknown)?;
            }
        }
        if let Some(id) = &event.event_id {
            let applied = Some((Arc::clone(event), receipt, received_at));
            self.events.with(id, received_at, |record| *record = EventRecord { applied });
        }
        Ok(())
    }

    fn count_recorded(
        &self,
        event: &Arc<Event>,
        fields: impl Fn(&PolicySet) -> Fields,
        applied: Applied,
    ) {
        let Applied { applied_at, effective_at, .. } = applied;
        self.with_entities(Unseen::Make, Wanted::None, fields, |live, fields, mut entities, _| {
            let lists = self.lists_over(&live.set);
            let facts = Facts { fields, features: &[], now: effective_at, lists: &lists };
            let taps = live.taps(&event.name);
            let brought = brought(live, taps, &facts, &entities);
            entities.advance(applied_at);
            entities.observe(taps, effective_at, &brought);
        });
    }

    fn apply_change(&self, change: &ListChange) {
        let set = self.policies();
        let file = set.bundle.lists.get(change.list.as_str());
        let in_file = file.is_some_and(|file| file.values.contains_key(&change.value));
        self.lists.apply(change.clone(), in_file);
    }
}
