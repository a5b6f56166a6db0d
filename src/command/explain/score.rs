//! A score in a timeline.

use std::fmt::Write as _;

use super::{Shown, line, more};
use crate::command::wording::{money, time, values, word};
use crate::server::proto::policy_value::Kind;
use crate::server::proto::{
    Condition, LimitUsage, RuleTrace, ScoreResponse, TimelineEntry, TracedValue,
};

/// Fields that the line on the payment itself tells.
const TOLD: [&str; 7] = [
    "payment.id",
    "payment.attempt",
    "payment.amount",
    "payment.currency",
    "payment.occurred_at",
    "payment.amount_base",
    "payment.channel",
];

/// Writes a score: what was asked, what was answered, and why.
pub(super) fn render(
    out: &mut String,
    step: &TimelineEntry,
    answer: &ScoreResponse,
    (shown, base): (Shown, &str),
) -> std::fmt::Result {
    let verdict = word(answer.verdict().as_str_name(), "VERDICT_");
    let next = word(answer.next_step().as_str_name(), "NEXT_STEP_");
    let review = if answer.review { " with review" } else { "" };
    write!(out, "attempt {} scored: {verdict}{review}, then {next}", answer.attempt)?;
    if let Some(at) = answer.not_before {
        write!(out, " not before {}", time(at))?;
    }
    writeln!(out)?;
    line(out, "payment", &payment(&step.fields))?;
    for reason in &answer.reasons {
        let class = word(reason.class().as_str_name(), "REASON_CLASS_");
        line(out, "reason", &format!("{} ({class}), by \"{}\"", reason.code, reason.rule))?;
    }
    if answer.score != 0 {
        line(out, "points", &answer.score.to_string())?;
    }
    if !answer.challenge.is_empty() {
        line(out, "challenge", &answer.challenge.join(", "))?;
    }
    if !answer.customer_message.is_empty() {
        line(out, "customer", &answer.customer_message)?;
    }
    rules(out, step, answer, shown)?;
    for limit in &answer.limits {
        line(out, "limit", &limit_line(limit, base))?;
    }
    asides(out, answer)?;
    if shown == Shown::All {
        rest(out, step)?;
        line(
            out,
            "decision",
            &format!("{} by policies {}", answer.decision_id, answer.policy_version),
        )?;
    }
    Ok(())
}

/// What was asked for, in a line.
fn payment(fields: &[TracedValue]) -> String {
    let field = |name: &str| {
        let found = fields.iter().find(|field| field.name == name)?;
        found.value.as_ref()?.kind.as_ref()
    };
    let text = |name: &str| match field(name) {
        Some(Kind::StringValue(text)) => text.clone(),
        _ => String::new(),
    };
    let amount = match field("payment.amount") {
        Some(Kind::IntValue(minor)) => *minor,
        _ => 0,
    };
    let mut parts = vec![money(amount, &text("payment.currency"))];
    for (about, name) in [("through", "payment.channel"), ("by", "payment.method")] {
        if !text(name).is_empty() {
            parts.push(format!("{about} {}", text(name)));
        }
    }
    let (brand, last4) = (text("payment.card.brand"), text("payment.card.last4"));
    if !brand.is_empty() || !last4.is_empty() {
        parts.push(format!("{brand} ending in {last4}").trim().to_owned());
    }
    parts.join(", ")
}

/// Why each rule fired or not.
fn rules(
    out: &mut String,
    step: &TimelineEntry,
    answer: &ScoreResponse,
    shown: Shown,
) -> std::fmt::Result {
    if answer.trace.is_empty() {
        return line(
            out,
            "rules",
            &format!("policies {} are no longer held; see what was read", answer.policy_version),
        );
    }
    let (fired, others): (Vec<_>, Vec<_>) =
        answer.trace.iter().partition(|rule| rule.condition() == Condition::True);
    for rule in fired {
        line(out, if rule.shadow { "shadow" } else { "fired" }, &named(rule))?;
        more(out, &format!("  {}", values(&rule.values)))?;
    }
    for rule in others.iter().filter(|_| shown == Shown::All) {
        let how = match rule.condition() {
            Condition::Missing => "a fact is missing: ",
            Condition::Unknown => "a fact could not be read: ",
            Condition::Error => "it failed: ",
            Condition::False | Condition::True | Condition::Unspecified => "",
        };
        let off = format!("\"{}\" {}: {how}{}", rule.rule, place(rule), values(&rule.values));
        line(out, "not fired", &off)?;
    }
    if shown == Shown::Brief {
        line(out, "not fired", &format!("{} rules and limits", others.len()))?;
    }
    for rule in &step.changed {
        let note = "would come out otherwise now: a list that it reads has changed since";
        line(out, "note", &format!("\"{rule}\" {note}"))?;
    }
    Ok(())
}

fn named(rule: &RuleTrace) -> String {
    format!("\"{}\" {}: {}", rule.rule, place(rule), rule.actions.join(", "))
}

/// Where a rule stands.
fn place(rule: &RuleTrace) -> String {
    format!("({}:{})", rule.file, rule.line)
}

fn limit_line(limit: &LimitUsage, base: &str) -> String {
    let name = &limit.name;
    if limit.not_applied {
        return format!("{name} does not apply: its key or its amount is missing");
    }
    let amount = |number: i64| {
        if limit.counts { number.to_string() } else { money(number, base) }
    };
    let max = limit.max.map_or_else(|| "a maximum without value".to_owned(), amount);
    let until = limit.resets_at.map_or_else(String::new, |at| format!(", resets {}", time(at)));
    let (used, reserved) = (amount(limit.used), amount(limit.reserved));
    format!("{name}: {used} used and {reserved} reserved of {max}{until}")
}

/// What was set aside, met before, or could not be decided.
fn asides(out: &mut String, answer: &ScoreResponse) -> std::fmt::Result {
    if !answer.exempted.is_empty() {
        line(out, "set aside", &answer.exempted.join(", "))?;
    }
    for met in &answer.challenges_met {
        line(out, "passed", &format!("{} for {} by \"{}\"", met.method, met.code, met.rule))?;
    }
    for error in &answer.errors {
        line(out, "error", &format!("\"{}\": {}", error.rule, error.problem))?;
    }
    if !answer.degraded.is_empty() {
        line(out, "degraded", &answer.degraded.join(", "))?;
    }
    if let Some(advice) = &answer.advice {
        line(out, "bound by", &format!("{} (source: {})", advice.why, advice.source))?;
    }
    for channel in &answer.channels {
        line(out, "channel", &format!("{}: {}", channel.id, channel.why))?;
    }
    Ok(())
}

/// Every other field, and every feature that the policies could read.
fn rest(out: &mut String, step: &TimelineEntry) -> std::fmt::Result {
    let fields = step.fields.iter().filter(|field| !TOLD.contains(&field.name.as_str()));
    for (about, all) in
        [("fields", fields.collect::<Vec<_>>()), ("features", step.features.iter().collect())]
    {
        for (place, few) in all.chunks(4).enumerate() {
            let about = if place == 0 { about } else { "" };
            line(out, about, &values(few.iter().copied()))?;
        }
    }
    Ok(())
}
