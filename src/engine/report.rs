//! What happens after a decision: outcomes of attempts, and events that callers record.

use std::sync::Arc;

use crate::engine::entities::Unseen;
use crate::engine::event::{completed, of_outcome};
use crate::engine::journal::{Entry, Event, JournalError};
use crate::engine::payments::{Attempt, EventRecord, PaymentRecord, Reported};
use crate::engine::reserve::Wanted;
use crate::engine::settle::seed;
use crate::engine::taps::brought;
use crate::engine::{Engine, Receipt, RecordedEvent, ReportError};
use crate::failure::advice::{CardCounts, PastAttempt, Situation, advise};
use crate::model::failure::{Assessment, Money};
use crate::model::field::{Field, Fields};
use crate::model::outcome::Outcome;
use crate::model::packed::Packed;
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};
use crate::policy::interpret::Facts;
use crate::policy::set::PolicySet;

impl Engine {
    /// Stores what happened to an attempt, diagnoses it, settles what the payment holds in limits, feeds
    /// it to the features, and says what to do next.
    ///
    /// Reported again with the same content, it gives the stored answer.
    ///
    /// # Errors
    /// [`ReportError`]; nothing is changed then.
    pub fn report_outcome(
        &self,
        outcome: &Outcome,
        received_at: Timestamp,
    ) -> Result<Reported, ReportError> {
        let id = &outcome.payment_id;
        let _passing = self.gate.pass();
        self.payments
            .with_known(id, received_at, |record| self.apply_outcome(record, outcome, received_at))
            .unwrap_or_else(|| Err(ReportError::UnknownPayment(id.clone())))
    }

    /// Feeds an event to the features.
    ///
    /// Recorded again with the same content, it gives the stored receipt.
    ///
    /// # Errors
    /// [`ReportError`]; nothing is changed then.
    pub fn record_event(
        &self,
        event: &RecordedEvent,
        received_at: Timestamp,
    ) -> Result<Receipt, ReportError> {
        let RecordedEvent { name, event_id, payment_id, fields, occurred_at } = event;
        let stored = Arc::new(Event {
            name: name.clone(),
            event_id: Some(event_id.clone()),
            payment_id: payment_id.clone(),
            content: Packed::new(fields, &[]),
            occurred_at: *occurred_at,
        });
        let _passing = self.gate.pass();
        self.events.with(event_id, received_at, |record| {
            if let Some((known, receipt, _)) = &record.applied {
                return if *known == stored {
                    Ok(Receipt { repeated: true, ..*receipt })
                } else {
                    Err(ReportError::AlreadyExists(event_id.clone()))
                };
            }
            self.check_age(*occurred_at, received_at)?;
            let receipt = match payment_id {
                None => self.apply_own(&stored, fields, received_at)?,
                Some(id) => self
                    .payments
                    .with_known(id, received_at, |payment| {
                        self.apply_to_payment(payment, &stored, received_at)
                    })
                    .unwrap_or_else(|| Err(ReportError::UnknownPayment(id.clone())))?,
            };
            *record = EventRecord { applied: Some((stored, receipt, received_at)) };
            Ok(receipt)
        })
    }

    /// Feeds the outcome of an attempt that was answered without being scored, from the fields it comes
    /// with. `id` tells repeats from others, beside the callers' ids of events. A pending one makes no
    /// event, and nothing is kept of it.
    ///
    /// # Errors
    /// [`ReportError`]; nothing is changed then.
    pub fn report_unscored(
        &self,
        id: &Text,
        outcome: &Outcome,
        fields: &Fields,
        received_at: Timestamp,
    ) -> Result<Reported, ReportError> {
        let set = self.policies();
        let network = fields.get(Field::CardBrand).as_text().map(str::to_owned);
        let diagnosis = set.bundle.failures.diagnose(outcome, network.as_deref());
        let money = diagnosis.money;
        let receipt = match outcome.event(money) {
            // It makes no event, and nothing is kept of it.
            None => Receipt { sequence: 0, effective_at: received_at, repeated: false },
            Some(name) => {
                let at = outcome.occurred_at.unwrap_or(received_at);
                let is_dated = fields.get(Field::OccurredAt).is_present();
                let fields = completed(fields.clone(), &set, at);
                let mut fields = of_outcome(fields, outcome, &diagnosis, &set);
                if !is_dated {
                    // The receive time is no content: a repeat has another.
                    fields.set(Field::OccurredAt, Value::Missing);
                }
                let event = RecordedEvent {
                    name: Text::const_new(name),
                    event_id: id.clone(),
                    payment_id: None,
                    fields,
                    occurred_at: outcome.occurred_at,
                };
                self.record_event(&event, received_at)?
            }
        };
        let attempt = PastAttempt {
            number: outcome.attempt,
            channel: outcome.channel.as_deref(),
            money: Some(money),
            last: Some((outcome, &diagnosis, receipt.effective_at)),
            open_since: money.is_open().then_some(receipt.effective_at),
            was_unknown: money == Money::Unknown,
            network: network.as_deref(),
        };
        let advice = advise(&Situation {
            now: receipt.effective_at,
            seed: seed(&outcome.payment_id, outcome.attempt),
            tables: &set.bundle.failures,
            settings: &self.settings.retry,
            attempts: &[attempt],
            reported: Some(outcome.attempt),
            card: CardCounts::default(),
            is_absent: fields.get(Field::OffSession).as_bool() == Some(true),
            channels: &[],
            has_budget: true,
        });
        let assessment = Assessment { diagnosis, advice, flags: Vec::new() };
        Ok(Reported {
            outcome: Arc::new(outcome.clone()),
            assessment: Arc::new(assessment),
            receipt,
        })
    }

    /// Feeds an event of the program's own to the features: in a replay, a label that arrives long
    /// after its payment was forgotten. `fields` are those of the payment or of the event; it happens at
    /// `at` and is not compared with what happened before.
    ///
    /// # Errors
    /// When the journal does not take it; nothing is changed then.
    pub fn apply_event(
        &self,
        name: &str,
        fields: &Fields,
        at: Timestamp,
    ) -> Result<Receipt, ReportError> {
        let event = Event {
            name: Text::from(name),
            event_id: None,
            payment_id: None,
            content: Packed::new(fields, &[]),
            occurred_at: None,
        };
        let _passing = self.gate.pass();
        Ok(self.apply_own(&Arc::new(event), fields, at)?)
    }

    /// An event about a payment: it carries the fields of the payment's last attempt.
    fn apply_to_payment(
        &self,
        record: &mut PaymentRecord,
        event: &Arc<Event>,
        received_at: Timestamp,
    ) -> Result<Receipt, ReportError> {
        let payment_id = || event.payment_id.clone().unwrap_or_default();
        let last = record.last_attempt().map(Attempt::fields);
        let fields = last.ok_or_else(|| ReportError::UnknownPayment(payment_id()))?;
        if !record.has_room() {
            return Err(ReportError::TooMany(payment_id()));
        }
        let receipt = self.happen(event, |_| fields.clone(), received_at)?;
        record.push_event(Arc::clone(event), receipt, received_at);
        Ok(receipt)
    }

    /// An event that carries its own fields.
    fn apply_own(
        &self,
        event: &Arc<Event>,
        fields: &Fields,
        received_at: Timestamp,
    ) -> Result<Receipt, JournalError> {
        let at = event.occurred_at.unwrap_or(received_at);
        self.happen(event, |set| completed(fields.clone(), set, at), received_at)
    }

    /// Journals and counts one thing that happened, in one step over its entities. It is placed where
    /// it happened, when that is in the past.
    fn happen(
        &self,
        event: &Arc<Event>,
        fields: impl Fn(&PolicySet) -> Fields,
        received_at: Timestamp,
    ) -> Result<Receipt, JournalError> {
        self.with_entities(Unseen::Make, Wanted::None, fields, |live, fields, mut entities, _| {
            let applied_at = entities.effective(received_at);
            let effective_at = event.occurred_at.map_or(applied_at, |at| at.min(applied_at));
            let lists = self.lists_over(&live.set);
            let facts = Facts { fields, features: &[], now: effective_at, lists: &lists };
            let taps = live.taps(&event.name);
            let brought = brought(live, taps, &facts, &entities);
            let sequence = self.append(|sequence| {
                let event = Arc::clone(event);
                (Entry::Event { sequence, received_at, applied_at, effective_at, event }, sequence)
            })?;
            entities.advance(applied_at);
            entities.observe(taps, effective_at, &brought);
            Ok(Receipt { sequence, effective_at, repeated: false })
        })
    }

    pub(super) fn check_age(
        &self,
        occurred_at: Option<Timestamp>,
        received_at: Timestamp,
    ) -> Result<(), ReportError> {
        let late_max = self.settings.late_max;
        if occurred_at.is_some_and(|at| received_at.since(at) > late_max) {
            return Err(ReportError::TooLate(late_max));
        }
        Ok(())
    }
}
