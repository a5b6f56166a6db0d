//! Facts to an evaluation: all rules, merged.
//!
//! Rules that do not read `score` run first, then the points are summed, then the rules that read it
//! run. Nothing is cut short. Shadow rules see the same facts and the same score, and come last, since
//! what they read must not mark the decision.
// CRITICAL PATH: a change here carries its number from `benches/policy.rs`.

mod merge;
mod trace;

use std::sync::Arc;

use crate::model::decision::{Evaluation, RuleError, ShadowHit};
use crate::model::value::Text;
use crate::model::verdict::Mode;
use crate::policy::interpret::evaluator::{Evaluator, Unreadable};
use crate::policy::interpret::{EvalError, Facts, Truth};
use crate::policy::set::{ActionDef, PolicySet, RuleDef};

/// The code of the reason when a rule could not be decided and its `on_error` stands in.
pub const RULE_ERROR: &str = "RULE_ERROR";

/// How the condition of a rule came out.
#[derive(Clone, Debug)]
enum Condition {
    /// The rule is off.
    NotRun,
    /// True: the rule fired.
    True,
    /// False.
    False,
    /// Missing, which holds no more than false does.
    Missing,
    /// Undecided, because something could not be read.
    Unknown,
    /// It has no value.
    Failed(Box<EvalError>),
}

/// Evaluates every rule and merges what they ask for. Never fails: a rule that errors is in
/// [`Evaluation::errors`]. `facts.fields` are a payment's.
pub fn evaluate(set: &PolicySet, facts: &Facts<'_>, trace: bool) -> Evaluation {
    let mut evaluator = Evaluator::new(set, *facts);
    let mut conditions = vec![Condition::NotRun; set.rules.len()];

    run(set, &mut evaluator, &mut conditions, |rule| {
        rule.mode == Mode::Active && !rule.reads_score
    });
    let score = points(set, &conditions);
    evaluator.set_score(score);
    run(set, &mut evaluator, &mut conditions, |rule| rule.mode == Mode::Active && rule.reads_score);
    let degraded = evaluator.unknown().iter().map(|unknown| name(set, *unknown)).collect();
    evaluator.stop_noting();
    run(set, &mut evaluator, &mut conditions, |rule| rule.mode == Mode::Shadow);

    let merged = merge::merge(set, facts.fields, &conditions);
    Evaluation {
        verdict: merged.verdict,
        review: merged.review,
        score,
        reasons: merged.reasons,
        challenge: merged.challenge,
        fired: fired(set, &conditions).map(|rule| Arc::clone(&rule.name)).collect(),
        degraded,
        shadow: fired(set, &conditions)
            .filter(|rule| rule.mode == Mode::Shadow)
            .map(|rule| ShadowHit {
                rule: Arc::clone(&rule.name),
                actions: rule.actions_written.clone(),
            })
            .collect(),
        exempted: merged.exempted,
        challenges_met: merged.challenges_met,
        errors: errors(set, facts, &conditions),
        trace: if trace { trace::trace(set, &mut evaluator, &conditions) } else { Vec::new() },
        limits: Vec::new(),
    }
}

/// Evaluates the conditions of the chosen rules, in file order.
fn run<'a>(
    set: &'a PolicySet,
    evaluator: &mut Evaluator<'a>,
    conditions: &mut [Condition],
    is_chosen: impl Fn(&RuleDef) -> bool,
) {
    for (rule, condition) in set.rules.iter().zip(conditions) {
        if is_chosen(rule) {
            *condition = Condition::of(evaluator.condition(rule));
        }
    }
}

/// The sum of the points of all active fired rules; saturates.
fn points(set: &PolicySet, conditions: &[Condition]) -> i64 {
    fired(set, conditions)
        .filter(|rule| rule.mode == Mode::Active)
        .flat_map(|rule| &rule.actions)
        .map(|action| match action {
            ActionDef::Score(points, _) => *points,
            ActionDef::Allow(_)
            | ActionDef::Review(_)
            | ActionDef::Challenge(..)
            | ActionDef::Block(_) => 0,
        })
        .fold(0, i64::saturating_add)
}

/// The rules whose condition was true, in file order.
fn fired<'a>(set: &'a PolicySet, conditions: &'a [Condition]) -> impl Iterator<Item = &'a RuleDef> {
    set.rules
        .iter()
        .zip(conditions)
        .filter(|(_, condition)| matches!(condition, Condition::True))
        .map(|(rule, _)| rule)
}

/// The rules that could not be decided, and why.
fn errors(set: &PolicySet, facts: &Facts<'_>, conditions: &[Condition]) -> Vec<RuleError> {
    let problems = set.rules.iter().zip(conditions).filter_map(|(rule, condition)| {
        let problem = match condition {
            Condition::Failed(error) => error.to_string(),
            Condition::Unknown => undecided(set, facts, rule),
            Condition::NotRun | Condition::True | Condition::False | Condition::Missing => {
                return None;
            }
        };
        Some(RuleError { rule: Arc::clone(&rule.name), problem })
    });
    problems.collect()
}

/// What a rule could not read, found by evaluating its condition once more on its own.
fn undecided(set: &PolicySet, facts: &Facts<'_>, rule: &RuleDef) -> String {
    let mut evaluator = Evaluator::new(set, *facts);
    evaluator.set_score(0);
    // Only what it reads is of interest; how it comes out is known.
    let _ = evaluator.condition(rule).is_ok();
    let names: Vec<_> =
        evaluator.unknown().iter().map(|unknown| format!("`{}`", name(set, *unknown))).collect();
    format!("undecided: {} could not be read", names.join(", "))
}

/// The name that policies use.
fn name(set: &PolicySet, unknown: Unreadable<'_>) -> Text {
    match unknown {
        Unreadable::Field(field) => Text::from(field.path()),
        Unreadable::Attribute(name) => attribute(name),
        Unreadable::Feature(index) => set
            .features
            .get(index.0 as usize)
            .map_or_else(Text::default, |feature| Text::from(feature.name.as_ref())),
    }
}

/// The name of an attribute in a policy.
fn attribute(name: &str) -> Text {
    Text::from(format!("payment.attributes.{name}"))
}

// === impl Condition ===

impl Condition {
    fn of(value: Result<Truth, Box<EvalError>>) -> Self {
        match value {
            Ok(Truth::True) => Self::True,
            Ok(Truth::False) => Self::False,
            Ok(Truth::Missing) => Self::Missing,
            Ok(Truth::Unknown) => Self::Unknown,
            Err(error) => Self::Failed(error),
        }
    }
}
