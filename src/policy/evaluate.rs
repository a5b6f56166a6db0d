//! Facts to an evaluation: all rules, merged.
//!
//! Rules that do not read `score` run first, then the points are summed, then the rules that read it
//! run. Nothing is cut short. Shadow rules see the same facts and the same score, and come last, since
//! what they read must not mark the decision. Programs say what comes out, and the interpreter where
//! they leave it to it.
// CRITICAL PATH: a change here carries its number from `benches/policy.rs`.

mod judge;
mod limit;
mod merge;
mod trace;

use std::sync::Arc;

use crate::model::decision::{Evaluation, RuleError, ShadowHit};
use crate::model::limit::LimitUsage;
use crate::model::value::Text;
use crate::model::verdict::{Mode, Verdict};
use crate::policy::ast::Position;
use crate::policy::interpret::evaluator::{Evaluator, Unreadable};
use crate::policy::interpret::{EvalError, Facts, Truth};
use crate::policy::ir::Expr;
use crate::policy::program::{Phases, Run, Scratch};
use crate::policy::set::{ActionDef, LimitDef, PolicySet, RuleDef};
use judge::Judge;
use limit::Met;

pub use limit::LimitReading;

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

/// A rule that was evaluated, and how it came out.
#[derive(Debug)]
struct Decided<'a> {
    /// Its place in the set.
    place: usize,
    rule: &'a RuleDef,
    condition: Condition,
}

/// Evaluates every rule and merges what they ask for. Never fails: a rule that errors is in
/// [`Evaluation::errors`]. `facts.fields` are a payment's; `limits` are readings of the set's limits, in
/// their order.
pub fn evaluate(
    set: &PolicySet,
    facts: &Facts<'_>,
    limits: &[LimitReading],
    trace: bool,
) -> Evaluation {
    // A trace tells missing from false, which a program does not.
    if trace || !set.programs.are_of(set) {
        return evaluate_interpreted(set, facts, limits, trace);
    }
    let mut scratch = Scratch::take();
    let run = Run::new(set, *facts, &mut scratch);
    let judge = Judge { set, evaluator: Evaluator::new(set, *facts), run: Some(run) };
    let evaluation = merged(judge, set.programs.phases(), facts, limits, trace);
    scratch.give_back();
    evaluation
}

/// The same by the reference interpreter alone.
pub fn evaluate_interpreted(
    set: &PolicySet,
    facts: &Facts<'_>,
    limits: &[LimitReading],
    trace: bool,
) -> Evaluation {
    let judge = Judge { set, evaluator: Evaluator::new(set, *facts), run: None };
    merged(judge, &Phases::of(&set.rules), facts, limits, trace)
}

/// The places of the rules, not off, that hold over these facts and this score, in file order: nothing is
/// summed or merged. `scratch` is for the next call to use again.
pub fn fired_rules(
    set: &PolicySet,
    facts: &Facts<'_>,
    score: i64,
    scratch: &mut Scratch,
    fired: &mut Vec<usize>,
) {
    fired.clear();
    let are_lowered = set.programs.are_of(set);
    let run = are_lowered.then(|| Run::new(set, *facts, scratch));
    let mut judge = Judge { set, evaluator: Evaluator::new(set, *facts), run };
    let made;
    let phases = if are_lowered {
        set.programs.phases()
    } else {
        made = Phases::of(&set.rules);
        &made
    };
    judge.fire();
    judge.set_score(score, phases);
    judge.fired(&phases.live, fired);
}

fn merged<'a>(
    mut judge: Judge<'a, '_>,
    phases: &Phases,
    facts: &Facts<'a>,
    limits: &[LimitReading],
    trace: bool,
) -> Evaluation {
    let set = judge.set;
    let mut decided = Vec::new();
    let mut met = vec![Met::NOT_RUN; set.limits.len()];

    judge.fire();
    judge.decide(&phases.first, trace, &mut decided);
    limit::run(&mut judge, limits, Mode::Active, &mut met);
    let score = points(set, &decided, &met);
    judge.set_score(score, phases);
    judge.decide(&phases.scored, trace, &mut decided);
    let unknown = judge.evaluator.unknown();
    let degraded = unknown.iter().map(|unknown| name(set, *unknown)).collect();
    judge.evaluator.stop_noting();
    judge.decide(&phases.shadow, trace, &mut decided);
    limit::run(&mut judge, limits, Mode::Shadow, &mut met);
    decided.sort_unstable_by_key(|decided| decided.place);

    let merged = merge::merge(set, facts.fields, &decided, &met);
    let fired = Fired::of(set, &decided, &met);
    Evaluation {
        verdict: merged.verdict,
        review: merged.review,
        clears_with_time: merged.clears_with_time,
        score,
        reasons: merged.reasons,
        challenge: merged.challenge,
        fired: fired.iter().map(|fired| Arc::clone(fired.name)).collect(),
        degraded,
        shadow: fired
            .iter()
            .filter(|fired| fired.mode == Mode::Shadow)
            .map(|fired| ShadowHit {
                rule: Arc::clone(fired.name),
                actions: fired.actions_written.to_vec(),
            })
            .collect(),
        exempted: merged.exempted,
        challenges_met: merged.challenges_met,
        errors: errors(set, facts, &decided, &met),
        trace: if trace {
            trace::trace(set, facts, &mut judge.evaluator, (&decided, &met))
        } else {
            Vec::new()
        },
        limits: usages(set, merged.verdict, &mut met),
        amounts: (0..).zip(&met).filter_map(|(place, met)| Some((place, met.amount?))).collect(),
    }
}

/// The sum of the points of all active fired rules and limits; saturates.
fn points(set: &PolicySet, decided: &[Decided<'_>], met: &[Met]) -> i64 {
    Fired::of(set, decided, met)
        .iter()
        .filter(|fired| fired.mode == Mode::Active)
        .flat_map(|fired| fired.actions)
        .map(|action| match action {
            ActionDef::Score(points, _) => *points,
            ActionDef::Allow(_)
            | ActionDef::Review(_)
            | ActionDef::Challenge(..)
            | ActionDef::Block(_) => 0,
        })
        .fold(0, i64::saturating_add)
}

/// What the answer says of the active limits. A blocked attempt reserves nothing.
fn usages(set: &PolicySet, verdict: Verdict, met: &mut [Met]) -> Vec<LimitUsage> {
    let active = set.limits.iter().zip(met).filter(|(limit, _)| limit.mode == Mode::Active);
    active
        .filter_map(|(_, met)| {
            let mut usage = met.usage.take()?;
            if verdict == Verdict::Block {
                usage.reserved = usage.reserved.saturating_sub(met.amount.unwrap_or(0));
            }
            Some(usage)
        })
        .collect()
}

/// A rule or a limit that fired.
#[derive(Clone, Copy, Debug)]
struct Fired<'a> {
    name: &'a Arc<str>,
    at: &'a Position,
    mode: Mode,
    actions: &'a [ActionDef],
    actions_written: &'a [Arc<str>],
}

impl<'a> Fired<'a> {
    /// Those that fired, in order of file and line.
    fn of(set: &'a PolicySet, decided: &[Decided<'a>], met: &[Met]) -> Vec<Self> {
        let rules = decided.iter().filter_map(|Decided { rule, condition, .. }| {
            matches!(condition, Condition::True).then_some(Self {
                name: &rule.name,
                at: &rule.at,
                mode: rule.mode,
                actions: &rule.actions,
                actions_written: &rule.actions_written,
            })
        });
        let limits = set.limits.iter().zip(met).filter_map(|(limit, met)| {
            matches!(met.condition, Condition::True).then_some(Self {
                name: &limit.name,
                at: &limit.at,
                mode: limit.mode,
                actions: &limit.actions,
                actions_written: &limit.actions_written,
            })
        });
        let mut fired: Vec<Self> = rules.collect();
        let rules = fired.len();
        fired.extend(limits);
        if fired.len() > rules {
            fired.sort_by_key(|fired| fired.at);
        }
        fired
    }
}

/// The rules and limits that could not be decided, and why.
fn errors(
    set: &PolicySet,
    facts: &Facts<'_>,
    decided: &[Decided<'_>],
    met: &[Met],
) -> Vec<RuleError> {
    let rules = decided.iter().filter_map(|Decided { rule, condition, .. }| {
        let reads = [&rule.when];
        let problem = problem(set, facts, condition, reads.into_iter())?;
        Some((&rule.at, RuleError { rule: Arc::clone(&rule.name), problem }))
    });
    let limits = set.limits.iter().zip(met).filter_map(|(limit, met)| {
        let problem = problem(set, facts, &met.condition, limit_reads(limit))?;
        Some((&limit.at, RuleError { rule: Arc::clone(&limit.name), problem }))
    });
    let mut errors: Vec<(&Position, RuleError)> = rules.chain(limits).collect();
    errors.sort_by_key(|(at, _)| *at);
    errors.into_iter().map(|(_, error)| error).collect()
}

fn problem<'a>(
    set: &'a PolicySet,
    facts: &Facts<'a>,
    condition: &Condition,
    reads: impl Iterator<Item = &'a Expr>,
) -> Option<String> {
    match condition {
        Condition::Failed(error) => Some(error.to_string()),
        Condition::Unknown => Some(undecided(set, facts, reads)),
        Condition::NotRun | Condition::True | Condition::False | Condition::Missing => None,
    }
}

/// What a limit evaluates.
fn limit_reads(limit: &LimitDef) -> impl Iterator<Item = &Expr> {
    limit.filter.iter().chain(&limit.amount).chain(std::iter::once(&limit.max))
}

/// What could not be read, found by evaluating once more on its own.
fn undecided<'a>(
    set: &'a PolicySet,
    facts: &Facts<'a>,
    reads: impl Iterator<Item = &'a Expr>,
) -> String {
    let mut evaluator = Evaluator::new(set, *facts);
    evaluator.set_score(0);
    for expr in reads {
        // Only what it reads is of interest; how it comes out is known.
        let _ = evaluator.eval(expr, &[]).is_ok();
    }
    let names: Vec<_> =
        evaluator.unknown().iter().map(|unknown| format!("`{}`", name(set, *unknown))).collect();
    if names.is_empty() {
        return "undecided: its usage or its maximum could not be read".to_owned();
    }
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
