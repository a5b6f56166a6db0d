//! What rows cause later, in order of time, and events that wait for their payment.

use std::collections::BTreeMap;

use crate::engine::RecordedEvent;
use crate::model::field::Fields;
use crate::model::outcome::Outcome;
use crate::model::time::Timestamp;
use crate::model::value::Text;

/// Something that a payment's row says of a later time.
#[derive(Debug)]
pub(super) enum Happening {
    /// The payment turns out to be fraud; with its fields.
    Fraud(Box<Fields>),
    /// Its outcome.
    Outcome(Box<Outcome>),
}

/// What is still to come, by time and then in the order of the rows that said so.
#[derive(Debug, Default)]
pub(super) struct Pending {
    happenings: BTreeMap<(Timestamp, u64), Happening>,
    pushed: u64,
}

/// Events about a payment that is not there yet at their own instant.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<HeldEvent>);

/// One of them.
#[derive(Debug)]
pub(super) struct HeldEvent {
    pub(super) at: Timestamp,
    pub(super) file: usize,
    pub(super) line: u64,
    pub(super) event: RecordedEvent,
}

// === impl Pending ===

impl Pending {
    pub(super) fn push(&mut self, at: Timestamp, happening: Happening) {
        self.pushed += 1;
        self.happenings.insert((at, self.pushed), happening);
    }

    /// The next that is due at `at`.
    pub(super) fn due(&mut self, at: Timestamp) -> Option<(Timestamp, Happening)> {
        let first = self.happenings.first_entry()?;
        (first.key().0 <= at).then(|| {
            let ((due, _), happening) = first.remove_entry();
            (due, happening)
        })
    }
}

// === impl Held ===

impl Held {
    pub(super) fn push(&mut self, at: Timestamp, (file, line): (usize, u64), event: RecordedEvent) {
        self.0.push(HeldEvent { at, file, line, event });
    }

    /// Those of an instant before `at`: nothing more happens at theirs.
    pub(super) fn before(&mut self, at: Timestamp) -> Vec<HeldEvent> {
        match self.0.last() {
            Some(held) if held.at < at => std::mem::take(&mut self.0),
            Some(_) | None => Vec::new(),
        }
    }
}

/// An event about a payment, with an id that no other row has.
pub(super) fn about(
    name: &Text,
    (file, line): (usize, u64),
    payment_id: Text,
    fields: Fields,
) -> RecordedEvent {
    RecordedEvent {
        name: name.clone(),
        event_id: compact_str::format_compact!("row {line} of file {file}"),
        payment_id: Some(payment_id),
        fields,
        occurred_at: None,
    }
}
