//! A bundle that is replayed, and its counts. With a baseline there are two, side by side.

use std::sync::Arc;

use crate::backtest::tally::{Counted, Tally};
use crate::engine::Engine;
use crate::model::decision::Decision;
use crate::model::time::Timestamp;
use crate::model::verdict::Verdict;

/// One bundle on an engine of its own.
pub(in crate::backtest) struct Lane {
    pub(super) engine: Engine,
    pub(in crate::backtest) tally: Tally,
    /// The names of the rules, to find the place of one that fired.
    rules: Vec<Arc<str>>,
}

// === impl Lane ===

impl Lane {
    pub(in crate::backtest) fn new(engine: Engine) -> Self {
        let set = engine.policies();
        let rules: Vec<Arc<str>> = set.rules.iter().map(|rule| Arc::clone(&rule.name)).collect();
        let tally = Tally::new(rules.len(), set.bundle.time_zone.clone());
        Self { engine, tally, rules }
    }

    pub(super) fn count(
        &mut self,
        decision: &Decision,
        at: Timestamp,
        label: Option<bool>,
        amount: i64,
    ) {
        let fired: smallvec::SmallVec<[usize; 8]> = decision
            .evaluation
            .fired
            .iter()
            .filter_map(|name| self.rules.iter().position(|rule| rule == name))
            .collect();
        self.tally.count(&Counted {
            at,
            label,
            amount_base: amount,
            is_stopped: decision.evaluation.verdict > Verdict::Allow,
            fired: &fired,
        });
    }
}
