//! Who changed verdict against a baseline, and how much money.

use super::report::{CHANGED_MAX, Change, ChangedPayment};
use crate::model::verdict::Verdict;

/// The changes so far.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    by_verdict: Vec<Change>,
    payments: Vec<ChangedPayment>,
}

// === impl Changes ===

impl Changes {
    /// Counts a payment when the two verdicts differ.
    pub fn count(&mut self, from: Verdict, to: Verdict, payment: impl FnOnce() -> ChangedPayment) {
        if from == to {
            return;
        }
        let payment = payment();
        let change = self.change(from, to);
        if let Some(change) = change {
            change.payments += 1;
            change.amount = change.amount.saturating_add(payment.amount);
            match payment.label {
                Some(true) => {
                    change.fraud += 1;
                    change.fraud_amount = change.fraud_amount.saturating_add(payment.amount);
                }
                Some(false) => {
                    change.good += 1;
                    change.good_amount = change.good_amount.saturating_add(payment.amount);
                }
                None => {}
            }
        }
        if self.payments.len() < CHANGED_MAX {
            self.payments.push(payment);
        }
    }

    /// The changes by the verdicts, mildest baseline first, and the payments.
    pub fn finish(mut self) -> (Vec<Change>, Vec<ChangedPayment>) {
        let rank = |name: &str| Verdict::ALL.iter().position(|verdict| verdict.name() == name);
        self.by_verdict.sort_by_key(|change| (rank(change.from), rank(change.to)));
        (self.by_verdict, self.payments)
    }

    fn change(&mut self, from: Verdict, to: Verdict) -> Option<&mut Change> {
        let (from, to) = (from.name(), to.name());
        let same = |change: &Change| change.from == from && change.to == to;
        if !self.by_verdict.iter().any(same) {
            self.by_verdict.push(Change {
                from,
                to,
                payments: 0,
                amount: 0,
                fraud: 0,
                fraud_amount: 0,
                good: 0,
                good_amount: 0,
            });
        }
        self.by_verdict.iter_mut().find(|change| same(change))
    }
}
