//! What happened in a demo, counted and told.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::command::wording::values;
use crate::server::proto::{
    Advice, Condition, NextStep, Payment, ReportOutcomeResponse, ScoreResponse, Verdict,
};
use crate::traffic::{Attempt, Scenario};

/// The longest latency that is told apart, in microseconds.
const LATENCY_US_MAX: u64 = 10_000_000;
/// How many rules that did not fire are shown beside those that did.
const NEAR_MISSES: usize = 4;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It went to the provider.
    LetThrough {
        /// After the payer had proved who they are.
        challenged: bool,
        /// A person will look.
        review: bool,
    },
    /// The payer could not prove who they are.
    ChallengeFailed,
    /// It was blocked.
    Blocked,
    /// An attempt before it may have been charged, so it was not sent.
    Held,
}

/// The counts of one scenario.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    attempts: u64,
    allowed: u64,
    reviewed: u64,
    challenge_passed: u64,
    challenge_failed: u64,
    blocked: u64,
    held: u64,
}

/// What happened in a demo.
#[derive(Debug, Default)]
pub(super) struct Account {
    tallies: BTreeMap<Scenario, Tally>,
    /// How often each reason was given, by verdict.
    reasons: BTreeMap<(String, &'static str), u64>,
    /// How often each cause was found, and what it was answered with.
    causes: BTreeMap<(String, NextStep), u64>,
    latency_us: Option<Histogram<u64>>,
    /// The block that had the most to say.
    explained: Option<(Scenario, Payment, ScoreResponse)>,
}

// === impl Account ===

impl Account {
    /// Counts an answer.
    pub(super) fn answered(
        &mut self,
        attempt: &Attempt,
        payment: &Payment,
        answer: &ScoreResponse,
        took: Duration,
    ) {
        if self.latency_us.is_none() {
            self.latency_us = Histogram::new_with_max(LATENCY_US_MAX, 3).ok();
        }
        if let Some(latency) = &mut self.latency_us {
            latency.saturating_record(u64::try_from(took.as_micros()).unwrap_or(LATENCY_US_MAX));
        }
        for reason in &answer.reasons {
            *self.reasons.entry((reason.code.clone(), verdict_name(answer))).or_default() += 1;
        }
        let most = self.explained.as_ref().map_or(0, |(_, _, before)| before.reasons.len());
        if answer.verdict() == Verdict::Block && attempt.is_fraud && answer.reasons.len() > most {
            self.explained = Some((attempt.scenario, payment.clone(), answer.clone()));
        }
    }

    /// Counts what an outcome was made of.
    pub(super) fn advised(&mut self, told: &ReportOutcomeResponse) {
        let cause = told.diagnosis.as_ref().map(|diagnosis| diagnosis.cause.clone());
        let step = told.advice.as_ref().map(Advice::next_step);
        if let (Some(cause), Some(step)) = (cause.filter(|cause| !cause.is_empty()), step) {
            *self.causes.entry((cause, step)).or_default() += 1;
        }
    }

    /// Counts the end of an attempt.
    pub(super) fn end(&mut self, attempt: &Attempt, end: End) {
        let tally = self.tallies.entry(attempt.scenario).or_default();
        tally.attempts += 1;
        match end {
            End::LetThrough { challenged, review } => {
                tally.allowed += u64::from(!challenged);
                tally.challenge_passed += u64::from(challenged);
                tally.reviewed += u64::from(review);
            }
            End::ChallengeFailed => tally.challenge_failed += 1,
            End::Blocked => tally.blocked += 1,
            End::Held => tally.held += 1,
        }
    }

    /// The account for a reader.
    pub(super) fn render(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        self.render_scenarios(&mut out)?;
        self.render_reasons(&mut out)?;
        self.render_explained(&mut out)?;
        self.render_causes(&mut out)?;
        self.render_latency(&mut out)?;
        Ok(out)
    }

    fn render_scenarios(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "{:18} {:>8} {:>8} {:>8} {:>10} {:>10} {:>8} {:>6}",
            "scenario",
            "attempts",
            "allowed",
            "(review)",
            "challenge",
            "challenge",
            "blocked",
            "held"
        )?;
        writeln!(
            out,
            "{:18} {:>8} {:>8} {:>8} {:>10} {:>10} {:>8} {:>6}",
            "", "", "", "", "passed", "failed", "", ""
        )?;
        for (scenario, tally) in &self.tallies {
            let Tally {
                attempts,
                allowed,
                reviewed,
                challenge_passed,
                challenge_failed,
                blocked,
                held,
            } = tally;
            writeln!(
                out,
                "{:18} {attempts:>8} {allowed:>8} {reviewed:>8} {challenge_passed:>10} \
                 {challenge_failed:>10} {blocked:>8} {held:>6}",
                scenario.name()
            )?;
        }
        let (caught, slipped) = self.sums(true);
        let (stopped, served) = self.sums(false);
        writeln!(out)?;
        writeln!(
            out,
            "Fraud:  {caught} of {} attempts were caught, {slipped} slipped through: {}.",
            caught + slipped,
            self.slipped_by_scenario()
        )?;
        writeln!(
            out,
            "Honest: {stopped} of {} attempts were stopped, those over the daily cap among them.",
            stopped + served
        )?;
        writeln!(
            out,
            "Held:   an attempt whose predecessor timed out is not sent: it may have been charged.\n"
        )
    }

    /// Attempts stopped, and attempts let through, of fraud or of honest customers.
    fn sums(&self, is_fraud: bool) -> (u64, u64) {
        let of = self.tallies.iter().filter(|(scenario, _)| scenario.is_fraud() == is_fraud);
        of.fold((0, 0), |(stopped, passed), (_, tally)| {
            (
                stopped + tally.challenge_failed + tally.blocked,
                passed + tally.allowed + tally.challenge_passed,
            )
        })
    }

    fn slipped_by_scenario(&self) -> String {
        let slipped: Vec<String> = self
            .tallies
            .iter()
            .filter(|(scenario, tally)| scenario.is_fraud() && tally.allowed > 0)
            .map(|(scenario, tally)| format!("{} {}", scenario.name(), tally.allowed))
            .collect();
        if slipped.is_empty() { "none".to_owned() } else { slipped.join(", ") }
    }

    fn render_reasons(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{:26} {:>10} {:>10}", "reason", "verdict", "times")?;
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by(|(one, less), (other, more)| more.cmp(less).then_with(|| one.cmp(other)));
        for ((code, verdict), times) in reasons {
            writeln!(out, "{code:26} {verdict:>10} {times:>10}")?;
        }
        writeln!(out)
    }

    fn render_causes(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{:26} {:>16} {:>10}", "what failed, and why", "what to do", "times")?;
        let mut causes: Vec<_> = self.causes.iter().collect();
        causes.sort_by(|(one, less), (other, more)| more.cmp(less).then_with(|| one.cmp(other)));
        for ((cause, step), times) in causes {
            let step = step.as_str_name().trim_start_matches("NEXT_STEP_");
            writeln!(out, "{cause:26} {step:>16} {times:>10}")?;
        }
        writeln!(out)
    }

    fn render_explained(&self, out: &mut String) -> std::fmt::Result {
        let Some((scenario, payment, answer)) = &self.explained else { return Ok(()) };
        let (fired, others): (Vec<_>, Vec<_>) =
            answer.trace.iter().partition(|rule| rule.condition() == Condition::True);
        writeln!(
            out,
            "One decision, line by line: payment {} attempt {}, {} {} in minor units, {}",
            payment.id,
            payment.attempt,
            payment.amount.unwrap_or_default(),
            payment.currency,
            scenario.name()
        )?;
        writeln!(out, "  verdict  {}, score {}", verdict_name(answer), answer.score)?;
        for reason in &answer.reasons {
            let class = reason.class().as_str_name().trim_start_matches("REASON_CLASS_");
            writeln!(out, "  reason   {} ({class}), from rule \"{}\"", reason.code, reason.rule)?;
        }
        writeln!(out, "  customer {}", answer.customer_message)?;
        for rule in fired {
            writeln!(out, "  fired    \"{}\": {}", rule.rule, values(&rule.values))?;
        }
        let not_fired = others.len();
        for rule in
            others.into_iter().filter(|rule| rule.condition() == Condition::False).take(NEAR_MISSES)
        {
            writeln!(out, "  not      \"{}\": {}", rule.rule, values(&rule.values))?;
        }
        writeln!(
            out,
            "  … and {} more rules that did not fire\n",
            not_fired.saturating_sub(NEAR_MISSES)
        )
    }

    fn render_latency(&self, out: &mut String) -> std::fmt::Result {
        let Some(latency) = &self.latency_us else { return Ok(()) };
        let at = |quantile| latency.value_at_quantile(quantile);
        writeln!(
            out,
            "Latency of {} scores, one after the other, client and server on this machine: \
             p50 {} µs, p99 {} µs, p99.9 {} µs\n",
            latency.len(),
            at(0.5),
            at(0.99),
            at(0.999)
        )
    }
}

/// What a reader can go on with.
pub(super) const NEXT: &str = "\
What to try next:
  vajra serve                        serve the shipped policies, and see localhost:8080/status
  vajra test                         run the tests of the shipped policies
  vajra generate --payments 100000 --out payments.parquet
                                     labelled traffic, with a map beside it for `vajra backtest`
  vajra check my_policies            every problem of a bundle of your own
";

fn verdict_name(answer: &ScoreResponse) -> &'static str {
    match answer.verdict() {
        Verdict::Unspecified => "none",
        Verdict::Allow => "allow",
        Verdict::Challenge => "challenge",
        Verdict::Block => "block",
    }
}
