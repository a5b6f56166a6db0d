//! What is counted of the decisions of one bundle.

use std::sync::Arc;

use super::report::{RuleScores, Scores};
use super::tally::{Counted, Tally};
use crate::model::decision::Evaluation;
use crate::model::time::Timestamp;
use crate::model::verdict::{Mode, Verdict};
use crate::policy::set::PolicySet;

/// The counts of one bundle.
#[derive(Debug)]
pub(super) struct Books {
    tally: Tally,
    /// The names of the rules, to find the place of one that fired.
    rules: Vec<Arc<str>>,
}

// === impl Books ===

impl Books {
    pub(super) fn new(set: &PolicySet) -> Self {
        let rules: Vec<Arc<str>> = set.rules.iter().map(|rule| Arc::clone(&rule.name)).collect();
        Self { tally: Tally::new(rules.len(), set.bundle.time_zone.clone()), rules }
    }

    /// Counts a decision.
    pub(super) fn count(
        &mut self,
        evaluation: &Evaluation,
        at: Timestamp,
        label: Option<bool>,
        amount_base: i64,
    ) {
        let fired = evaluation.fired.iter();
        let fired: smallvec::SmallVec<[usize; 8]> =
            fired.filter_map(|name| self.rules.iter().position(|rule| rule == name)).collect();
        self.tally.count(&Counted {
            at,
            label,
            amount_base,
            is_stopped: evaluation.verdict > Verdict::Allow,
            fired: &fired,
        });
    }

    /// Payments that are labelled, and those that are fraud.
    pub(super) fn labels(&self) -> (u64, u64) {
        self.tally.labels()
    }

    /// The scores of the verdict.
    pub(super) fn overall(&self) -> Scores {
        self.tally.overall()
    }

    /// The scores of each rule of the set.
    pub(super) fn rules(&self, set: &PolicySet) -> Vec<RuleScores> {
        let rules = set.rules.iter().enumerate().map(|(place, rule)| RuleScores {
            name: rule.name.to_string(),
            mode: match rule.mode {
                Mode::Active => "active",
                Mode::Shadow => "shadow",
                Mode::Off => "off",
            },
            scores: self.tally.rule(place),
        });
        rules.collect()
    }
}
