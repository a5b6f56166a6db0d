//! A snapshot put back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Head, part};
use crate::engine::apply::Compile;
use crate::engine::journal::{Entry, Journal, Position};
use crate::engine::live::Live;
use crate::engine::payments::{Attempt, EventRecord, Reported};
use crate::engine::{Engine, Receipt, Settings};
use crate::failure::card::Card;
use crate::feature::spec::EntityLayout;
use crate::feature::state::EntityState;
use crate::limit::state::LimitState;
use crate::list::ListChange;
use crate::model::codec::{Codec, Context, FieldCodes, Input, Malformed};
use crate::model::field::Field;
use crate::model::packed::FeatureNames;
use crate::model::time::Timestamp;
use crate::model::value::Text;

/// An engine that is being put together from the chunks of a snapshot.
pub struct Restoring<'a> {
    settings: Settings,
    journal: Arc<dyn Journal>,
    compile: Compile<'a>,
    context: Context,
    layouts: Vec<Arc<EntityLayout>>,
    engine: Option<(Engine, Position)>,
}

/// Why a snapshot cannot be put back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// It is not what was written.
    #[error("the snapshot cannot be read: {0}")]
    Malformed(#[from] Malformed),
    /// Its policies are refused today.
    #[error("the policies of the snapshot are refused: {0}")]
    Policies(String),
    /// It has a field that this version does not know.
    #[error("the snapshot has the field `{0}`, which only another version knows")]
    Field(Text),
}

/// There is no head.
const HEADLESS: RestoreError = RestoreError::Malformed(Malformed::Not("snapshot with a head"));
/// An entity is under a layout that did not come before it.
const NO_LAYOUT: Malformed = Malformed::Not("number of a layout");
/// A payment without an attempt.
const NO_ATTEMPT: Malformed = Malformed::Not("payment with an attempt");

// === impl Restoring ===

impl<'a> Restoring<'a> {
    /// Nothing yet. The engine will append to `journal`.
    pub fn new(settings: Settings, journal: Arc<dyn Journal>, compile: Compile<'a>) -> Self {
        Self {
            settings,
            journal,
            compile,
            context: Context::own(),
            layouts: Vec::new(),
            engine: None,
        }
    }

    /// Puts back what the next chunk has.
    ///
    /// # Errors
    /// [`RestoreError`]; what was put together is of no use then.
    pub fn chunk(&mut self, chunk: &[u8]) -> Result<(), RestoreError> {
        let mut rest = chunk;
        if self.engine.is_none() {
            let (head, left) = head(chunk)?;
            rest = chunk.get(chunk.len().saturating_sub(left)..).unwrap_or_default();
            self.begin(head)?;
        }
        let Some((engine, _)) = &self.engine else { return Err(HEADLESS) };
        let mut input = Input::new(rest, &mut self.context);
        while !input.rest().is_empty() {
            engine.put_back(&mut input, &mut self.layouts)?;
        }
        Ok(())
    }

    /// The engine, and the position of the last entry that is in it.
    ///
    /// # Errors
    /// When there was no chunk.
    pub fn finish(self) -> Result<(Engine, Position), RestoreError> {
        self.engine.ok_or(HEADLESS)
    }

    fn begin(&mut self, head: Head) -> Result<(), RestoreError> {
        let paths = head.fields.iter().map(Text::as_str);
        self.context.fields = FieldCodes::of_paths(paths).map_err(RestoreError::Field)?;
        let set = (self.compile)(&head.files).map_err(RestoreError::Policies)?;
        let engine = Engine::new(Arc::clone(&set), self.settings, Arc::clone(&self.journal));
        let (publication, at) = (head.publication, head.at);
        let live = Live::restored(set, publication, at, &head.layouts, head.channels);
        // States of a layout that has not changed share that of the live set.
        self.layouts = head
            .layouts
            .iter()
            .map(|(_, layout)| {
                let same = live.layouts.iter().find(|live| *live == layout);
                Arc::clone(same.unwrap_or(layout))
            })
            .collect();
        engine.live.store(Arc::new(live));
        engine.sequence.store(head.sequence, Ordering::Relaxed);
        engine.entities.restore_evicted(head.entities_evicted_at);
        if let Some(at) = head.limits_evicted_at {
            engine.limits.restore_evicted(at);
        }
        self.engine = Some((engine, Position(head.position)));
        Ok(())
    }
}

impl std::fmt::Debug for Restoring<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Restoring").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl Engine {
    /// Puts one part back.
    fn put_back(
        &self,
        input: &mut Input<'_>,
        layouts: &mut Vec<Arc<EntityLayout>>,
    ) -> Result<(), Malformed> {
        match input.byte()? {
            part::LAYOUT => layouts.push(Arc::new(EntityLayout::decode(input)?)),
            part::ENTITY => {
                let key = Codec::decode(input)?;
                let layout = match usize::decode(input)?.checked_sub(1) {
                    None => None,
                    Some(place) => Some(Arc::clone(layouts.get(place).ok_or(NO_LAYOUT)?)),
                };
                self.entities.restore(key, EntityState::decode(layout, input)?);
            }
            part::LIMIT => {
                let key = Codec::decode(input)?;
                self.limits.restore(key, LimitState::decode(input)?);
            }
            part::CARD => {
                let key = Codec::decode(input)?;
                self.cards.restore(key, Card::decode(input)?);
            }
            part::FEATURES => {
                let names = FeatureNames::decode(input)?;
                input.learn(Arc::new(names));
            }
            part::PAYMENT => self.put_payment_back(Codec::decode(input)?)?,
            part::EVENT => {
                for entry in Vec::decode(input)? {
                    self.put_event_back(entry);
                }
            }
            // Whether the file has the value was settled when the change was made.
            part::LIST => self.lists.apply(ListChange::decode(input)?, true),
            number => return Err(Malformed::Newer { type_name: "part of a snapshot", number }),
        }
        Ok(())
    }

    fn put_payment_back(&self, entries: Vec<Entry>) -> Result<(), Malformed> {
        let Some(Entry::Score { decision, received_at, .. }) = entries.first() else {
            return Err(NO_ATTEMPT);
        };
        let (id, received_at) = (decision.payment_id.clone(), *received_at);
        self.payments.with(&id, received_at, |record| {
            for entry in entries {
                match entry {
                    Entry::Score {
                        content,
                        received_at,
                        occurred_at,
                        amount_base,
                        features,
                        decision,
                        locale: _,
                    } => {
                        let times = (received_at, occurred_at);
                        record.push_attempt(Attempt::of(
                            content,
                            times,
                            &amount_base,
                            &features,
                            &decision,
                        ));
                    }
                    Entry::Outcome {
                        sequence,
                        received_at,
                        effective_at,
                        outcome,
                        assessment,
                        ..
                    } => {
                        let attempt = record.attempt(outcome.attempt).ok_or(NO_ATTEMPT)?;
                        let asked = attempt.content.unpack();
                        let money = assessment.diagnosis.money;
                        let settlement =
                            attempt.settlement.with(&outcome, money, asked.get(Field::Amount));
                        record.settle(outcome.attempt, settlement);
                        let receipt = receipt(sequence, effective_at);
                        let reported = Reported { outcome, assessment, receipt };
                        record.push_outcome(reported, received_at);
                    }
                    Entry::Event { sequence, received_at, effective_at, event, .. } => {
                        record.push_event(event, receipt(sequence, effective_at), received_at);
                    }
                    Entry::List { .. } | Entry::Publication { .. } => {}
                }
            }
            Ok(())
        })
    }

    fn put_event_back(&self, entry: Entry) {
        if let Entry::Event { sequence, received_at, effective_at, event, .. } = entry
            && let Some(id) = event.event_id.clone()
        {
            let applied = Some((event, receipt(sequence, effective_at), received_at));
            self.events.with(&id, received_at, |record| *record = EventRecord { applied });
        }
    }
}

/// What a snapshot begins with, and how many bytes are left behind it. It has no packed fields, so that the
/// codes of this build will do.
fn head(chunk: &[u8]) -> Result<(Head, usize), RestoreError> {
    let mut context = Context::own();
    let mut input = Input::new(chunk, &mut context);
    if input.byte()? != part::HEAD {
        return Err(HEADLESS);
    }
    Ok((Head::decode(&mut input)?, input.rest().len()))
}

const fn receipt(sequence: u64, effective_at: Timestamp) -> Receipt {
    Receipt { sequence, effective_at, repeated: false }
}
