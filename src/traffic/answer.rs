//! What a provider answers.

use super::chance::{Chance, whole};
use crate::model::outcome::{OutcomeStatus, Stage};
use crate::model::time::Span;
use crate::model::value::Text;

/// What a provider answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What happened.
    pub status: OutcomeStatus,
    /// How far a failed request got.
    pub stage: Option<Stage>,
    /// The issuer's code, of a decline.
    pub code: Option<Text>,
    /// How long it took.
    pub latency: Span,
    /// How long after that the money is given back.
    pub refunded_after: Option<Span>,
}

/// A decline with one of the codes in that share of cases, else paid.
pub(super) fn mostly_declined(
    chance: &mut Chance,
    share: f64,
    codes: &[&'static str; 4],
) -> Answer {
    let code = chance.pick(codes);
    if chance.is(share) { declined(chance, code) } else { paid(chance) }
}

pub(super) fn paid(chance: &mut Chance) -> Answer {
    Answer {
        status: OutcomeStatus::Authorized,
        stage: None,
        code: None,
        latency: latency(chance, 450.0),
        refunded_after: None,
    }
}

pub(super) fn declined(chance: &mut Chance, code: &'static str) -> Answer {
    let latency = latency(chance, 380.0);
    let code = Some(Text::const_new(code));
    Answer { status: OutcomeStatus::Declined, code, latency, ..paid(chance) }
}

pub(super) fn failed(chance: &mut Chance) -> Answer {
    let stage = Some(Stage::NotSent);
    let latency = latency(chance, 40.0);
    Answer { status: OutcomeStatus::Failed, stage, latency, ..paid(chance) }
}

pub(super) fn timed_out(chance: &mut Chance) -> Answer {
    let latency = Span::from_secs(30);
    Answer { status: OutcomeStatus::TimedOut, latency, ..paid(chance) }
}

fn latency(chance: &mut Chance, typical_ms: f64) -> Span {
    Span::from_micros(whole(typical_ms * chance.log_normal(0.4)) * 1_000)
}
