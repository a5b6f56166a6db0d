//! What is still to be done about a payment, and what has ended without a word.

use crate::engine::payments::{Attempt, PaymentRecord};
use crate::failure::advice::RECONCILED_AFTER;
use crate::model::failure::{Debt, Flag, Money, Owed};
use crate::model::limit::RESERVATION_KEPT;
use crate::model::time::Timestamp;
use crate::model::value::Text;

impl PaymentRecord {
    /// What is still to be done at `now`.
    pub(super) fn owed(&self, now: Timestamp) -> Vec<Debt> {
        let mut owed = Vec::new();
        let last_number = self.last_made().map(|attempt| attempt.decision.attempt);
        for attempt in self.attempts().iter().filter(|attempt| !attempt.is_blocked()) {
            let number = attempt.decision.attempt;
            let last = self.outcomes_of(number).next_back();
            let since = last.map_or(attempt.decision.effective_at, |it| it.receipt.effective_at);
            let debt = |owed, due_at, what: &'static str| Debt {
                owed,
                attempt: number,
                since,
                due_at,
                what: Text::const_new(what),
            };
            match attempt.settlement.money() {
                Some(Money::Unknown | Money::InProgress) => {
                    let since = self.open_since(number).unwrap_or(since);
                    let open = if now.since(since) >= RECONCILED_AFTER {
                        let what = "not known for a day: reconcile with the channel's file";
                        debt(Owed::Reconciliation, None, what)
                    } else {
                        let queries = last.map(|it| it.assessment.advice.queries.as_slice());
                        let next = queries.unwrap_or_default().iter().find(|at| **at > now);
                        let what = "ask the channel for the result, with the same key";
                        debt(Owed::Query, next.copied().or(Some(now)), what)
                    };
                    owed.push(Debt { since, ..open });
                }
                // What an earlier attempt held was replaced by the next.
                None if !attempt.decision.reservations.is_empty()
                    && Some(number) == last_number
                    && now < since.plus(RESERVATION_KEPT) =>
                {
                    owed.push(debt(
                        Owed::Outcome,
                        Some(since.plus(RESERVATION_KEPT)),
                        "report what became of it: it holds limits until then",
                    ));
                }
                None | Some(Money::NotSent | Money::Declined | Money::Succeeded) => {}
            }
        }
        owed.extend(self.reversals());
        owed
    }

    /// Money that was taken twice: a success that came second is owed back until it, or all others, are.
    fn reversals(&self) -> impl Iterator<Item = Debt> {
        self.outcomes().iter().filter_map(|known| {
            if !known.assessment.flags.contains(&Flag::SecondSuccess) {
                return None;
            }
            let attempt = self.attempt(known.outcome.attempt)?;
            let number = attempt.decision.attempt;
            let mut others = self.attempts().iter().filter(|it| it.decision.attempt != number);
            (attempt.is_paid() && others.any(Attempt::is_paid)).then(|| Debt {
                owed: Owed::Reversal,
                attempt: known.outcome.attempt,
                since: known.receipt.effective_at,
                due_at: None,
                what: Text::const_new("a second attempt succeeded: reverse one of them"),
            })
        })
    }

    /// Whether a reservation ended by time, without an outcome.
    pub(super) fn flags(&self, now: Timestamp) -> Vec<Flag> {
        let has_expired = self.last_made().is_some_and(|attempt| {
            attempt.settlement.money().is_none()
                && !attempt.decision.reservations.is_empty()
                && attempt.decision.effective_at.plus(RESERVATION_KEPT) <= now
        });
        if has_expired { vec![Flag::ReservationExpired] } else { Vec::new() }
    }
}
