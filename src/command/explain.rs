//! `vajra explain`: everything that happened to a payment, and why, for a person.

mod outcome;
mod score;

use std::fmt::Write as _;
use std::net::SocketAddr;

use anyhow::Context as _;

use super::Failure;
use super::wording::{money, time, word};
use crate::server::client::{Code, RiskServiceClient, connect};
use crate::server::proto::timeline_entry::Entry;
use crate::server::proto::{GetPaymentRequest, GetPaymentResponse, Hold, TimelineEntry};

/// Arguments of `vajra explain`.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The caller's id of the payment
    payment_id: String,
    /// The server that knows it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:50051")]
    server: SocketAddr,
    /// Leave out the rules that did not fire and the values that no rule names
    #[arg(long)]
    brief: bool,
    /// The language of what the customer is told; the bundle's own when left out
    #[arg(long, value_name = "LOCALE", default_value = "")]
    locale: String,
}

/// Runs it.
///
/// # Errors
/// [`Failure`] when the server cannot be reached, or does not know the payment.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "what the command is for")]
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { payment_id, server, brief, locale } = arguments;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        let channel = connect(server).await.context("the server cannot be reached")?;
        let request = GetPaymentRequest { payment_id, trace: true, locale };
        anyhow::Ok(RiskServiceClient::new(channel).get_payment(request).await)
    })?;
    match answer {
        Ok(payment) => {
            let shown = if brief { Shown::Brief } else { Shown::All };
            print!("{}", render(payment.get_ref(), shown)?);
            Ok(())
        }
        Err(status) if status.code() == Code::NotFound => {
            eprintln!("vajra: {}", status.message());
            Err(Failure::Found)
        }
        Err(status) => Err(status.into()),
    }
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// What fired and what it read.
    Brief,
    /// What did not fire as well, and everything that was read.
    All,
}

/// The timeline of a payment for a reader.
///
/// # Errors
/// When memory for it cannot be had.
pub fn render(payment: &GetPaymentResponse, shown: Shown) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(out, "Payment {}", payment.payment_id)?;
    let mut before: &[Hold] = &[];
    for (number, step) in (1_usize..).zip(&payment.timeline) {
        let at = step.effective_at.map_or_else(String::new, time);
        write!(out, "\n{number}  {at}  ")?;
        match &step.entry {
            Some(Entry::Scored(answer)) => {
                score::render(&mut out, step, answer, (shown, &payment.base_currency))?;
            }
            Some(Entry::Outcome(outcome)) => {
                outcome::render(&mut out, step, outcome, &payment.timeline)?;
            }
            Some(Entry::Event(event)) => {
                writeln!(out, "event {}, id {}", event.name, event.event_id)?;
            }
            None => writeln!(out, "something that this version does not know")?,
        }
        if !matches!(step.entry, Some(Entry::Event(_))) {
            holds(&mut out, before, step, &payment.base_currency)?;
            before = &step.holds;
        }
    }
    owed(&mut out, payment)?;
    Ok(out)
}

/// What the payment holds in limits after a step, when that is not what it held before.
fn holds(
    out: &mut String,
    before: &[Hold],
    step: &TimelineEntry,
    base_currency: &str,
) -> std::fmt::Result {
    let amount = |amount: i64, hold: &Hold| {
        if hold.counts { payments(amount) } else { money(amount, base_currency) }
    };
    let mut told = Told::default();
    let all = |hold: &Hold| hold.used.saturating_add(hold.reserved);
    for hold in before {
        let now = step.holds.iter().find(|now| now.limit == hold.limit);
        let less = all(hold).saturating_sub(now.map_or(0, all));
        if less > 0 {
            told.add("gives back", amount(less, hold), "", &hold.limit);
        }
    }
    for hold in step.holds.iter().filter(|hold| !before.contains(hold)) {
        if hold.used > 0 {
            told.add("has used", amount(hold.used, hold), "", &hold.limit);
        }
        if hold.reserved > 0 {
            let until = hold.ends_at.map_or_else(
                || "until it is known".to_owned(),
                |at| format!("until an outcome comes, at most until {}", time(at)),
            );
            told.add("reserves", amount(hold.reserved, hold), &until, &hold.limit);
        }
    }
    for (about, amount, until, limits) in told.0 {
        let comma = if until.is_empty() { "" } else { ", " };
        line(out, about, &format!("{amount} of {}{comma}{until}", limits.join(", ")))?;
    }
    Ok(())
}

/// What is told of limits: what happens, how much, until when, and in which.
#[derive(Default)]
struct Told(Vec<(&'static str, String, String, Vec<String>)>);

impl Told {
    /// Adds a limit to those of which the same is told.
    fn add(&mut self, about: &'static str, amount: String, until: &str, limit: &str) {
        let same = self
            .0
            .iter_mut()
            .find(|(known, much, end, _)| *known == about && *much == amount && end == until);
        match same {
            Some((.., limits)) => limits.push(limit.to_owned()),
            None => self.0.push((about, amount, until.to_owned(), vec![limit.to_owned()])),
        }
    }
}

/// What is still to be done, or that nothing is.
fn owed(out: &mut String, payment: &GetPaymentResponse) -> std::fmt::Result {
    writeln!(out)?;
    for flag in payment.flags() {
        writeln!(out, "Flagged: {}", flagged(word(flag.as_str_name(), "FLAG_")))?;
    }
    if payment.owed.is_empty() {
        return writeln!(out, "Nothing is owed.");
    }
    writeln!(out, "Still owed")?;
    for debt in &payment.owed {
        let what = word(debt.owed().as_str_name(), "OWED_").to_lowercase();
        let mut text = format!("attempt {}: {}", debt.attempt, debt.what);
        if let Some(since) = debt.since {
            write!(text, "; since {}", time(since))?;
        }
        if let Some(due_at) = debt.due_at {
            write!(text, ", due {}", time(due_at))?;
        }
        line(out, &what, &text)?;
    }
    Ok(())
}

/// A flag as words.
fn flagged(name: &str) -> String {
    name.to_lowercase().replace('_', " ")
}

fn payments(count: i64) -> String {
    if count == 1 { "1 payment".to_owned() } else { format!("{count} payments") }
}

/// One line under a step: what it is about, and what it says.
fn line(out: &mut String, about: &str, text: &str) -> std::fmt::Result {
    writeln!(out, "     {about:<11}  {text}")
}

/// A line that goes on.
fn more(out: &mut String, text: &str) -> std::fmt::Result {
    line(out, "", text)
}
