//! An outcome in a timeline.

use std::fmt::Write as _;

use super::{flagged, line, more};
use crate::command::wording::{money, time, word};
use crate::server::proto::policy_value::Kind;
use crate::server::proto::timeline_entry::Entry;
use crate::server::proto::{
    Advice, Diagnosis, Money, ReportOutcomeRequest, ReportOutcomeResponse, TimelineEntry,
};

/// Writes an outcome: what was reported, what it means, and what is to be done.
pub(super) fn render(
    out: &mut String,
    step: &TimelineEntry,
    outcome: &ReportOutcomeRequest,
    timeline: &[TimelineEntry],
) -> std::fmt::Result {
    writeln!(out, "attempt {}: {}", outcome.attempt, reported(outcome, timeline)?)?;
    let Some(ReportOutcomeResponse { diagnosis, advice, flags: _, customer_message, .. }) =
        &step.answer
    else {
        return Ok(());
    };
    if let Some(diagnosis) = diagnosis {
        means(out, diagnosis)?;
    }
    if let Some(advice) = advice {
        then(out, advice)?;
    }
    if !customer_message.is_empty() {
        line(out, "customer", customer_message)?;
    }
    for flag in step.answer.iter().flat_map(ReportOutcomeResponse::flags) {
        line(out, "flagged", &flagged(word(flag.as_str_name(), "FLAG_")))?;
    }
    Ok(())
}

/// What was reported, in a line.
fn reported(
    outcome: &ReportOutcomeRequest,
    timeline: &[TimelineEntry],
) -> Result<String, std::fmt::Error> {
    let mut text = word(outcome.status().as_str_name(), "OUTCOME_STATUS_").to_owned();
    let stage = word(outcome.stage().as_str_name(), "FAILURE_STAGE_");
    if stage != "UNSPECIFIED" {
        write!(text, " ({stage})")?;
    }
    if let Some(amount) = outcome.amount {
        write!(text, " {}", money(amount, currency(outcome.attempt, timeline)))?;
    }
    let parts = [
        ("code", &outcome.code),
        ("advice code", &outcome.advice_code),
        ("of", &outcome.provider),
        ("on", &outcome.operation),
        ("over", &outcome.network),
        ("through", &outcome.channel),
    ];
    for (about, part) in parts {
        if !part.is_empty() {
            write!(text, ", {about} {part}")?;
        }
    }
    if let Some(latency) = outcome.latency_ms {
        write!(text, ", after {latency} ms")?;
    }
    Ok(text)
}

/// The currency that an attempt was scored in.
fn currency(attempt: u32, timeline: &[TimelineEntry]) -> &str {
    let scored = timeline.iter().find(|step| match &step.entry {
        Some(Entry::Scored(answer)) => answer.attempt == attempt,
        Some(Entry::Outcome(_) | Entry::Event(_)) | None => false,
    });
    let field = scored.and_then(|step| {
        let field = step.fields.iter().find(|field| field.name == "payment.currency")?;
        field.value.as_ref()?.kind.as_ref()
    });
    match field {
        Some(Kind::StringValue(currency)) => currency,
        _ => "",
    }
}

/// What the outcome was made of.
fn means(out: &mut String, diagnosis: &Diagnosis) -> std::fmt::Result {
    let money = match diagnosis.money() {
        Money::NotSent => "no money was taken: the request did not leave",
        Money::Declined => "no money was taken",
        Money::Unknown => "whether money was taken is not known",
        Money::InProgress => "the channel is still at it",
        Money::Succeeded => "the money was taken or set aside",
        Money::Unspecified => "of the money nothing is said",
    };
    if diagnosis.cause.is_empty() {
        return line(out, "means", money);
    }
    let class = word(diagnosis.class().as_str_name(), "FAILURE_CLASS_");
    let family = word(diagnosis.family().as_str_name(), "FAILURE_FAMILY_").to_lowercase();
    let family = family.replace('_', "-");
    let evidence = if diagnosis.is_evidence { ", counts as evidence about the payer" } else { "" };
    line(
        out,
        "means",
        &format!("{}, {family}, class {class}; {money}{evidence}", diagnosis.cause),
    )?;
    if diagnosis.is_unmapped {
        more(out, "its code stands in no table: see `vajra codes --unmapped`")?;
    }
    Ok(())
}

/// What is to be done.
fn then(out: &mut String, advice: &Advice) -> std::fmt::Result {
    let mut text = word(advice.next_step().as_str_name(), "NEXT_STEP_").to_owned();
    if let Some(at) = advice.not_before {
        write!(text, " not before {}", time(at))?;
    }
    if let Some(at) = advice.deadline {
        write!(text, " not after {}", time(at))?;
    }
    if advice.attempts_left > 0 && advice.attempts_left < u32::MAX {
        let s = if advice.attempts_left == 1 { "" } else { "s" };
        write!(text, ", {} attempt{s} left", advice.attempts_left)?;
    }
    let needs: Vec<&str> = advice.needs().map(|need| word(need.as_str_name(), "NEED_")).collect();
    if !needs.is_empty() {
        write!(text, ", needs {}", needs.join(", "))?;
    }
    line(out, "next", &text)?;
    if !advice.queries.is_empty() {
        let times: Vec<String> = advice.queries.iter().copied().map(time).collect();
        line(out, "ask at", &times.join(", "))?;
    }
    for channel in &advice.channels {
        line(out, "channel", &format!("{}: {}", channel.id, channel.why))?;
    }
    if !advice.why.is_empty() {
        line(out, "because", &advice.why)?;
    }
    if !advice.source.is_empty() {
        line(out, "source", &advice.source)?;
    }
    Ok(())
}
