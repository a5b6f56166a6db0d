//! A plan, and how two of them are joined: what both allow.

use crate::failure::advice::{RECONCILED_AFTER, Situation};
use crate::model::failure::{Advice, Money, Need, NextChannel, RankedChannel};
use crate::model::time::Timestamp;
use crate::model::value::Text;
use crate::model::verdict::NextStep;

/// What may be done next. The fewer, later and more conditional, the stricter.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Whether the same channel may be taken.
    pub same: bool,
    /// Whether another channel may be taken.
    pub other: bool,
    /// Not before this instant.
    pub not_before: Option<Timestamp>,
    /// Attempts that are left.
    pub attempts_left: u32,
    /// What must be there first.
    pub needs: Vec<Need>,
    /// When to ask the channel; while there are any, nothing is tried.
    pub queries: Vec<Timestamp>,
    /// Why: of the layer that first took something away.
    pub why: Text,
    /// Where that rule comes from.
    pub source: Text,
}

// === impl Plan ===

impl Plan {
    /// Everything is allowed.
    pub(super) fn free(situation: &Situation<'_>) -> Self {
        Self {
            same: true,
            other: true,
            not_before: None,
            attempts_left: situation.settings.attempts_max,
            needs: Vec::new(),
            queries: Vec::new(),
            why: Text::default(),
            source: Text::default(),
        }
    }

    /// Nothing is allowed, for that reason.
    pub(super) fn nothing(why: &str, source: &str) -> Self {
        Self {
            same: false,
            other: false,
            not_before: None,
            attempts_left: 0,
            needs: Vec::new(),
            queries: Vec::new(),
            why: Text::from(why),
            source: Text::from(source),
        }
    }

    /// Everything is allowed that another plan does not take away, for that reason.
    pub(super) fn open(why: &str, source: &str) -> Self {
        Self { same: true, other: true, attempts_left: u32::MAX, ..Self::nothing(why, source) }
    }

    /// What both allow. The reason is the first that took something away.
    #[must_use]
    pub fn tightened(self, stricter: Self) -> Self {
        let mut needs = self.needs;
        for need in stricter.needs {
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
        let explains = self.why.is_empty();
        Self {
            same: self.same && stricter.same,
            other: self.other && stricter.other,
            not_before: self.not_before.max(stricter.not_before),
            attempts_left: self.attempts_left.min(stricter.attempts_left),
            needs,
            queries: if self.queries.is_empty() { stricter.queries } else { self.queries },
            why: if explains { stricter.why } else { self.why },
            source: if explains { stricter.source } else { self.source },
        }
    }

    /// Whether nothing is allowed by it that `before` did not allow.
    pub fn is_no_looser_than(&self, before: &Self) -> bool {
        (before.same || !self.same)
            && (before.other || !self.other)
            && self.not_before >= before.not_before
            && self.attempts_left <= before.attempts_left
            && before.needs.iter().all(|need| self.needs.contains(need))
            && (before.queries.is_empty() || !self.queries.is_empty())
    }

    /// As advice.
    pub(super) fn into_advice(self, situation: &Situation<'_>) -> Advice {
        let succeeded =
            situation.attempts.iter().any(|attempt| attempt.money == Some(Money::Succeeded));
        let must_query = self.needs.contains(&Need::Query);
        let tried: Vec<&str> =
            situation.attempts.iter().filter_map(|attempt| attempt.channel).collect();
        let channels: Vec<_> = if self.other && !must_query && self.attempts_left > 0 {
            let fits = |channel: &&RankedChannel| {
                !tried.contains(&channel.id.as_str()) && !channel.is_failing()
            };
            situation.channels.iter().filter(fits).cloned().collect()
        } else {
            Vec::new()
        };
        let can_retry = self.attempts_left > 0 && !must_query;
        let is_better_elsewhere = !channels.is_empty() && is_same_failing(situation);
        let (next, next_step) = if succeeded && !must_query {
            (NextChannel::None, NextStep::Proceed)
        } else if must_query {
            (NextChannel::None, NextStep::Query)
        } else if can_retry && self.needs.is_empty() && self.same && !is_better_elsewhere {
            (NextChannel::Same, NextStep::RetryLater)
        } else if can_retry && self.other && !channels.is_empty() {
            (NextChannel::Other, NextStep::SwitchChannel)
        } else if can_retry && self.same && self.needs.contains(&Need::StepUp) {
            (NextChannel::Same, NextStep::StepUp)
        } else if !self.needs.is_empty() && !self.needs.iter().all(|need| *need == Need::Operations)
        {
            let next = if can_retry && self.same { NextChannel::Same } else { NextChannel::None };
            (next, NextStep::AskCustomer)
        } else {
            (NextChannel::None, NextStep::Stop)
        };
        let is_over = matches!(next_step, NextStep::Stop | NextStep::Proceed);
        Advice {
            next_step,
            next,
            not_before: self.not_before.filter(|_| !is_over),
            attempts_left: if is_over { 0 } else { self.attempts_left },
            deadline: must_query.then(|| deadline(situation)).flatten(),
            needs: self.needs,
            queries: self.queries,
            channels: if next == NextChannel::Other { channels } else { Vec::new() },
            why: self.why,
            source: self.source,
        }
    }
}

/// Whether the channel of the last attempt is not worth another: it failed this payment twice, or most
/// of its results of late were failures.
fn is_same_failing(situation: &Situation<'_>) -> bool {
    let Some(last) = situation.attempts.last() else { return false };
    let failed_here = situation
        .attempts
        .iter()
        .filter(|attempt| attempt.channel.is_some() && attempt.channel == last.channel)
        .count();
    let of_late =
        |channel: &RankedChannel| Some(channel.id.as_str()) == last.channel && channel.is_failing();
    failed_here > 1 || last.was_unknown || situation.channels.iter().any(of_late)
}

/// Until when the channel itself is asked for a result that is not known.
fn deadline(situation: &Situation<'_>) -> Option<Timestamp> {
    let mut attempts = situation.attempts.iter();
    let open = attempts.find(|attempt| attempt.money.is_some_and(Money::is_open))?;
    Some(open.open_since?.plus(RECONCILED_AFTER))
}
