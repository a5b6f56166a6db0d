//! Who says how a condition or a value comes out: its program, or the interpreter.

use crate::model::value::Value;
use crate::policy::evaluate::{Condition, Decided};
use crate::policy::interpret::evaluator::Evaluator;
use crate::policy::interpret::{EvalError, Operand, Truth};
use crate::policy::ir::Expr;
use crate::policy::program::{Phases, Run};
use crate::policy::set::{LimitDef, PolicySet};

/// Evaluates the rules and limits of a set over one set of facts.
#[derive(Debug)]
pub(super) struct Judge<'a, 's> {
    pub(super) set: &'a PolicySet,
    pub(super) evaluator: Evaluator<'a>,
    /// `None` when all is interpreted.
    pub(super) run: Option<Run<'a, 's>>,
}

// === impl Judge ===

impl<'a> Judge<'a, '_> {
    /// Runs the programs of the rules that do not read the score.
    pub(super) fn fire(&mut self) {
        if let Some(run) = &mut self.run {
            run.fire();
        }
    }

    /// Lets expressions read the score, and runs the programs of the rules that do.
    pub(super) fn set_score(&mut self, score: i64, phases: &Phases) {
        self.evaluator.set_score(score);
        if let Some(run) = &mut self.run {
            run.set_score(score);
            run.fire_all(&phases.reading_score);
        }
    }

    /// Adds the rules of a phase in file order: those that came out true or have no value, and all of
    /// them when they are traced.
    pub(super) fn decide(&mut self, phase: &[u64], trace: bool, decided: &mut Vec<Decided<'a>>) {
        for (word, bits) in phase.iter().enumerate() {
            let (fired, interpreted) = match &self.run {
                Some(run) => run.outcome(phase, word),
                None => (0, *bits),
            };
            let mut open = fired | interpreted;
            while open != 0 {
                let bit = open & open.wrapping_neg();
                open ^= bit;
                let place = word << 6 | bit.trailing_zeros() as usize;
                let Some(rule) = self.set.rules.get(place) else { return };
                let condition = if fired & bit == 0 {
                    Condition::of(self.evaluator.truth(&rule.when))
                } else {
                    Condition::True
                };
                if trace || !matches!(condition, Condition::False | Condition::Missing) {
                    decided.push(Decided { place, rule, condition });
                }
            }
        }
    }

    /// Adds the places of those rules that are true, in file order.
    pub(super) fn fired(&mut self, rules: &[u64], into: &mut Vec<usize>) {
        for (word, bits) in rules.iter().enumerate() {
            let (fired, interpreted) = match &self.run {
                Some(run) => run.outcome(rules, word),
                None => (0, *bits),
            };
            let mut open = fired | interpreted;
            while open != 0 {
                let bit = open & open.wrapping_neg();
                open ^= bit;
                let place = word << 6 | bit.trailing_zeros() as usize;
                let is_true = fired & bit != 0
                    || self.set.rules.get(place).is_some_and(|rule| {
                        matches!(self.evaluator.truth(&rule.when), Ok(Truth::True))
                    });
                if is_true {
                    into.push(place);
                }
            }
        }
    }

    /// Whether the filter of the limit of that place is true.
    ///
    /// # Errors
    /// [`EvalError`] of the first error that is reached.
    pub(super) fn filter(
        &mut self,
        place: usize,
        filter: &'a Expr,
    ) -> Result<Truth, Box<EvalError>> {
        let known = self.run.as_mut().and_then(|run| run.limit_filter(place).ok());
        known.map_or_else(|| self.evaluator.truth(filter), |truth| Ok(Truth::from(truth)))
    }

    /// What the limit of that place sums; nothing when it counts.
    ///
    /// # Errors
    /// [`EvalError`] of the first error that is reached.
    pub(super) fn amount(
        &mut self,
        place: usize,
        limit: &'a LimitDef,
    ) -> Option<Result<Value, Box<EvalError>>> {
        let amount = limit.amount.as_ref()?;
        let known = self.run.as_mut().and_then(|run| run.limit_amount(place).ok());
        Some(known.map_or_else(|| self.value(amount), Ok))
    }

    /// The maximum of the limit of that place.
    ///
    /// # Errors
    /// [`EvalError`] of the first error that is reached.
    pub(super) fn maximum(
        &mut self,
        place: usize,
        limit: &'a LimitDef,
    ) -> Result<Value, Box<EvalError>> {
        let known = self.run.as_mut().and_then(|run| run.limit_max(place).ok());
        known.map_or_else(|| self.value(&limit.max), Ok)
    }

    fn value(&mut self, expr: &'a Expr) -> Result<Value, Box<EvalError>> {
        self.evaluator.eval(expr, &[]).and_then(Operand::into_value)
    }
}
