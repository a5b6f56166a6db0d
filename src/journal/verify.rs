//! Recorded scores decided again with the policies that decided them, from the state that they were
//! decided on: the answer to whether what was answered is what the rules say.

use crate::engine::Engine;
use crate::engine::apply::{ApplyError, Compile};
use crate::engine::journal::Entry;
use crate::model::codec::Codec as _;
use crate::model::decision::Decision;
use crate::model::value::Text;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Entries that were read.
    pub entries: u64,
    /// Scores that were decided again.
    pub scores: u64,
    /// How many of them came out otherwise.
    pub differing: u64,
    /// The first of those.
    pub differences: Vec<Difference>,
}

/// A score that came out otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its place in the order of application.
    pub sequence: u64,
    /// The payment.
    pub payment_id: Text,
    /// The attempt.
    pub attempt: u32,
    /// The parts of the decision that differ, each as it was recorded and as it is decided now.
    pub parts: Vec<(&'static str, String, String)>,
}

/// How many differences are told one by one.
pub const DIFFERENCES_MAX: usize = 20;
/// How many entries are applied before what is idle is forgotten.
const ENTRIES_PER_SWEEP: u64 = 16_384;

// === impl Verified ===

impl Verified {
    /// Decides the scores among these entries again and applies them all, one after another.
    ///
    /// # Errors
    /// When an entry cannot be read or applied; what was found until then is in `self`.
    pub fn go_on<E: From<ApplyError>>(
        &mut self,
        engine: &Engine,
        compile: Compile<'_>,
        entries: impl Iterator<Item = Result<Entry, E>>,
    ) -> Result<(), E> {
        for entry in entries {
            let entry = entry?;
            if let (Some(again), Entry::Score { decision, .. }) =
                (engine.decide_again(&entry), &entry)
            {
                self.compare(decision, &again);
            }
            engine.apply(&entry, compile)?;
            self.entries += 1;
            if self.entries.is_multiple_of(ENTRIES_PER_SWEEP) {
                engine.sweep(entry.effective_at());
            }
        }
        Ok(())
    }

    fn compare(&mut self, recorded: &Decision, again: &Decision) {
        self.scores += 1;
        let bytes = |decision: &Decision| {
            let mut bytes = Vec::new();
            decision.encode(&mut bytes);
            bytes
        };
        if bytes(recorded) == bytes(again) {
            return;
        }
        self.differing += 1;
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(Difference {
                sequence: recorded.sequence,
                payment_id: recorded.payment_id.clone(),
                attempt: recorded.attempt,
                parts: differing(recorded, again),
            });
        }
    }
}

/// The parts that differ.
fn differing(recorded: &Decision, again: &Decision) -> Vec<(&'static str, String, String)> {
    let (before, after) = (&recorded.evaluation, &again.evaluation);
    let mut parts = Vec::new();
    macro_rules! compare {
        ($($name:literal: $left:expr, $right:expr;)+) => {
            $(if $left != $right {
                parts.push(($name, format!("{:?}", $left), format!("{:?}", $right)));
            })+
        };
    }
    compare! {
        "decision_id": recorded.decision_id, again.decision_id;
        "effective_at": recorded.effective_at, again.effective_at;
        "policy_version": recorded.policy_version, again.policy_version;
        "verdict": before.verdict, after.verdict;
        "review": before.review, after.review;
        "score": before.score, after.score;
        "reasons": before.reasons, after.reasons;
        "challenge": before.challenge, after.challenge;
        "fired": before.fired, after.fired;
        "degraded": before.degraded, after.degraded;
        "shadow": before.shadow, after.shadow;
        "exempted": before.exempted, after.exempted;
        "errors": before.errors, after.errors;
        "trace": before.trace, after.trace;
        "limits": before.limits, after.limits;
        "next_step": recorded.next_step, again.next_step;
        "not_before": recorded.not_before, again.not_before;
        "customer_message": recorded.customer_message, again.customer_message;
        "advice": recorded.advice, again.advice;
        "channels": recorded.channels, again.channels;
        "reservations": recorded.reservations, again.reservations;
    }
    parts
}
