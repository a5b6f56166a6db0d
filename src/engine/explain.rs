//! Why a decision came out as it did, told later: the policies that made it, on what it was made on.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::timeline::Step;
use crate::model::decision::{Decision, RuleTrace};
use crate::model::limit::Usage;
use crate::model::value::Value;
use crate::model::verdict::{Mode, Verdict};
use crate::policy::evaluate::{LimitReading, evaluate};
use crate::policy::interpret::Facts;
use crate::policy::set::PolicySet;

/// Why each rule and limit of a decision fired or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// In order of file and line, with the values of then.
    pub trace: Vec<RuleTrace>,
    /// Rules and limits that would come out otherwise now, since a list that they read has changed.
    pub changed: Vec<Arc<str>>,
}

impl Engine {
    /// Why each rule and limit of a decision fired or not, on the fields, the features and the usage of
    /// then; lists are those of now. `None` when the step is no decision, or was decided by policies that
    /// are no longer held.
    pub fn explain(&self, step: &Step) -> Option<Explanation> {
        let Step::Score { fields, features, decision, .. } = step else { return None };
        let set = self.live.load().set_of(&decision.policy_version)?;
        let mut values = vec![Value::Missing; set.features.len()];
        for (name, value) in features.iter() {
            let place = set.features.iter().position(|feature| feature.name == *name);
            if let Some(slot) = place.and_then(|place| values.get_mut(place)) {
                *slot = value;
            }
        }
        let lists = self.lists_over(&set);
        let facts = Facts { fields, features: &values, now: decision.effective_at, lists: &lists };
        let mut trace = evaluate(&set, &facts, &readings(&set, decision), true).trace;
        // What fired then is known, whatever a list says now.
        let mut changed = Vec::new();
        for told in &mut trace {
            let fired = decision.evaluation.fired.contains(&told.rule);
            let is_known = set
                .limits
                .iter()
                .all(|limit| limit.name != told.rule || limit.mode == Mode::Active);
            if is_known && fired != (told.condition == Some(Value::Bool(true))) {
                changed.push(Arc::clone(&told.rule));
            }
            if fired {
                told.condition = Some(Value::Bool(true));
            } else if !is_known {
                told.condition = Some(Value::Bool(false));
            }
        }
        Some(Explanation { trace, changed })
    }
}

/// What was read of each limit of the set, from what the answer said of it. Nothing was said of shadow
/// limits.
fn readings(set: &PolicySet, decision: &Decision) -> Vec<LimitReading> {
    let said = &decision.evaluation;
    let limits = set.limits.iter().enumerate().map(|(place, limit)| {
        let Some(usage) = said.limits.iter().find(|usage| usage.name == limit.name) else {
            return LimitReading::Unknown;
        };
        if usage.not_applied {
            return LimitReading::Missing;
        }
        if said.errors.iter().any(|error| error.rule == limit.name) {
            return LimitReading::Unknown;
        }
        let own = said.amounts.iter().find(|(known, _)| *known == place);
        let own = match said.verdict {
            Verdict::Block => 0,
            Verdict::Allow | Verdict::Challenge => own.map_or(0, |(_, amount)| *amount),
        };
        let reserved = usage.reserved.saturating_sub(own);
        LimitReading::Usage(Usage { used: usage.used, reserved }, usage.resets_at)
    });
    limits.collect()
}
