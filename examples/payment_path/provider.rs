//! A made-up provider. What it answers and what it did are two things; its ledger holds what it did.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use vajra::server::proto::{FailureStage, OutcomeStatus, Payment};

/// The idempotency key: the payment and the number of the attempt.
pub(crate) type Key = (String, u32);

/// What a caller sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    pub(crate) status: OutcomeStatus,
    pub(crate) stage: FailureStage,
    /// Whose code it is, and the code.
    pub(crate) provider: &'static str,
    pub(crate) code: &'static str,
}

/// What the ledger holds of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Charged,
    Declined(&'static str),
    /// The payer is still at it; so many questions from now it is charged.
    InProgress(u32),
    Closed,
}

/// The provider, with a ledger of what it really did.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    ledger: Mutex<BTreeMap<Key, Entry>>,
}

const fn reply(status: OutcomeStatus, provider: &'static str, code: &'static str) -> Reply {
    Reply { status, stage: FailureStage::Unspecified, provider, code }
}

const PAID: Reply = reply(OutcomeStatus::Authorized, "", "");
const SILENCE: Reply = reply(OutcomeStatus::TimedOut, "", "");
const REFUSED: Reply =
    Reply { stage: FailureStage::NotSent, ..reply(OutcomeStatus::Failed, "", "") };

// === impl Provider ===

impl Provider {
    /// Asks for money. What happens follows from the name of the payment and the number of the attempt; a
    /// key that is known is answered from the ledger.
    pub(crate) async fn authorise(&self, key: &Key, payment: &Payment) -> Reply {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let known = self.ledger.lock().get(key).copied();
        if let Some(known) = known {
            return told(known);
        }
        let (name, attempt) = (payment.id.rsplit('/').next().unwrap_or_default(), key.1);
        let is_proven = payment.authenticated.iter().any(|method| method == "3ds");
        let (entry, seen) = match (name, attempt) {
            ("funds", 1) => (Some(Entry::Declined("51")), None),
            ("stolen", _) => (Some(Entry::Declined("43")), None),
            ("expired", _) => (Some(Entry::Declined("54")), None),
            ("prove-it", _) if !is_proven => (Some(Entry::Declined("1A")), None),
            ("refused", 1) => (None, Some(REFUSED)),
            ("outage", _) if payment.channel == "north" => {
                (None, Some(reply(OutcomeStatus::Declined, "braintree", "3000")))
            }
            // The answer is lost; the money is not.
            ("answer-lost", 1) => (Some(Entry::Charged), Some(SILENCE)),
            // The request is lost.
            ("request-lost", 1) => (None, Some(SILENCE)),
            ("app", 1) => (Some(Entry::InProgress(2)), None),
            _ => (Some(Entry::Charged), None),
        };
        if let Some(entry) = entry {
            self.ledger.lock().insert(key.clone(), entry);
        }
        seen.or(entry.map(told)).unwrap_or(SILENCE)
    }

    /// Asks what became of a key. That it is not found proves nothing: it may be on its way.
    pub(crate) async fn query(&self, key: &Key) -> Reply {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut ledger = self.ledger.lock();
        let Some(entry) = ledger.get_mut(key) else {
            return reply(OutcomeStatus::TimedOut, "http", "404");
        };
        match entry {
            Entry::InProgress(0) => *entry = Entry::Charged,
            Entry::InProgress(left) => *left -= 1,
            Entry::Charged | Entry::Declined(_) | Entry::Closed => {}
        }
        told(*entry)
    }

    /// Asks to close a key: what was charged is given back, and nothing is charged from now on.
    pub(crate) async fn close(&self, key: &Key) -> Reply {
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.ledger.lock().insert(key.clone(), Entry::Closed);
        told(Entry::Closed)
    }

    /// How often a payment is charged.
    pub(crate) fn charges(&self, payment_id: &str) -> usize {
        let ledger = self.ledger.lock();
        let of_payment = ledger.iter().filter(|((id, _), _)| id == payment_id);
        of_payment.filter(|(_, entry)| **entry == Entry::Charged).count()
    }
}

const fn told(entry: Entry) -> Reply {
    match entry {
        Entry::Charged => PAID,
        Entry::Declined(code) => reply(OutcomeStatus::Declined, "", code),
        Entry::InProgress(_) => reply(OutcomeStatus::Pending, "", ""),
        Entry::Closed => reply(OutcomeStatus::Canceled, "", ""),
    }
}
