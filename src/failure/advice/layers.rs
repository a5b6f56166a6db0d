//! The layers, in order of precedence. Each looks at one kind of rule and says what it leaves; `None`
//! when it says nothing.

use crate::failure::advice::{PastAttempt, Plan, Situation};
use crate::failure::cause::{Permit, Retry};
use crate::failure::code::Hint;
use crate::model::failure::{Class, Money, Need};
use crate::model::outcome::{OutcomeStatus, Pushback};
use crate::model::time::{Span, Timestamp};
use crate::model::value::Text;

/// A layer.
type Layer = fn(&Situation<'_>) -> Option<Plan>;

/// All of them.
pub(super) const LAYERS: [Layer; 11] = [
    unknown,
    on_its_way,
    paid,
    never,
    hard_stop,
    network_counters,
    timing,
    closed,
    cause,
    attempts,
    budget,
];

/// How long the channel itself is asked; then its next file says what became of it.
pub const RECONCILED_AFTER: Span = Span::from_days(1);

/// A result that is not known is queried, with the same idempotency key. Until it is known nothing is
/// tried, here or elsewhere: the money may have been taken. The schedule counts from when the result
/// was first not known, so that asking does not prolong it; when it has ended, the attempt is closed.
fn unknown(situation: &Situation<'_>) -> Option<Plan> {
    let attempt =
        situation.attempts.iter().find(|attempt| attempt.money.is_some_and(Money::is_open))?;
    let (_, diagnosis, at) = attempt.last?;
    let since = attempt.open_since.unwrap_or(at);
    let named = diagnosis.cause.as_deref().and_then(|name| situation.tables.cause(name));
    let fallback = || situation.tables.cause("OUTCOME_UNKNOWN");
    let retry = &named.filter(|cause| !cause.retry.queries.is_empty()).or_else(fallback)?.retry;
    let queries: Vec<Timestamp> = retry
        .queries
        .iter()
        .map(|after| since.plus(*after))
        .filter(|at| *at > situation.now)
        .collect();
    if queries.is_empty() {
        return Some(unresolved(situation.now, since));
    }
    let mut needs = vec![Need::Query];
    needs.extend(retry.needs.iter().copied().filter(|need| *need != Need::Query));
    Some(Plan {
        not_before: queries.first().copied(),
        needs,
        queries,
        attempts_left: u32::MAX,
        ..Plan::nothing(
            "the result is not known: ask the channel, with the same key, before anything else",
            &retry.source,
        )
    })
}

/// The schedule of queries has ended without a result.
fn unresolved(now: Timestamp, since: Timestamp) -> Plan {
    let file_at = since.plus(RECONCILED_AFTER);
    let (needs, queries, why) = if now < file_at {
        (
            vec![Need::Reversal, Need::Query],
            vec![file_at],
            "still not known after the last query: close or reverse the attempt, and report CANCELED \
             once the channel confirms it; else reconcile with its next file",
        )
    } else {
        (
            vec![Need::Query, Need::Operations],
            Vec::new(),
            "not known for a day: reconcile with the channel's file, by hand if need be",
        )
    };
    let source = "UnionPay 04: see the reconciliation file; Antom: cancel when the query fails";
    Plan { needs, queries, attempts_left: u32::MAX, ..Plan::nothing(why, source) }
}

/// Word of an attempt that comes after the next one was sent decides nothing: the next one may be paid.
fn on_its_way(situation: &Situation<'_>) -> Option<Plan> {
    let is_paid = situation.attempts.iter().any(|it| it.money == Some(Money::Succeeded));
    let reported = situation.reported.filter(|_| !is_paid)?;
    let is_later = |attempt: &&PastAttempt<'_>| attempt.number > reported;
    let later = situation.attempts.iter().find(|it| is_later(it) && it.money.is_none())?;
    let why = format!("attempt {} is on its way: what becomes of it decides", later.number);
    let source = "a payment is one intent: its attempts follow each other";
    Some(Plan { needs: vec![Need::Query], attempts_left: u32::MAX, ..Plan::nothing(&why, source) })
}

/// What is paid is not paid again.
fn paid(situation: &Situation<'_>) -> Option<Plan> {
    let succeeded = |attempt: &&PastAttempt<'_>| attempt.money == Some(Money::Succeeded);
    match situation.attempts.iter().filter(succeeded).count() {
        0 => None,
        1 => Some(Plan::nothing("the payment has succeeded", "an attempt succeeded")),
        _ => Some(Plan {
            needs: vec![Need::Reversal],
            ..Plan::nothing("the payment was taken twice: reverse one", "two attempts succeeded")
        }),
    }
}

/// Causes after which nothing is ever tried again.
fn never(situation: &Situation<'_>) -> Option<Plan> {
    let attempt = last(situation).filter(|attempt| !is_closed(attempt))?;
    let name = attempt.last?.1.cause.as_deref()?;
    let cause = situation.tables.cause(name).filter(|cause| cause.class == Class::Never)?;
    Some(Plan::nothing("the cause forbids another attempt", &cause.retry.source))
}

/// What a network or a provider forbids in so many words.
fn hard_stop(situation: &Situation<'_>) -> Option<Plan> {
    let attempt = last(situation)?;
    hints(situation, attempt).into_iter().find_map(|(hint, source)| match hint {
        Hint::Never => Some(Plan::nothing("the network or provider says never to retry", &source)),
        Hint::Category(1) => {
            Some(Plan::nothing("Visa category 1: the issuer will never approve", &source))
        }
        Hint::Later(_) | Hint::Fix | Hint::Cust | Hint::Category(_) => None,
    })
}

/// How often a network lets a card be tried, counted over all channels.
fn network_counters(situation: &Situation<'_>) -> Option<Plan> {
    let network = last(situation)?.network?.to_ascii_lowercase();
    let (settings, card) = (situation.settings, situation.card);
    let (is_over, why, source) = match network.as_str() {
        "visa" => (
            // The first decline is of the attempt itself; a reattempt is each after it.
            card.window_of_amount > settings.visa_reattempts_max,
            "Visa: the reattempts of this amount on this card are used up",
            "Visa Core Rules 2026-04-18, table 7-2, by a secondary source",
        ),
        "mastercard" => (
            card.day_at_acceptor >= settings.mastercard_day_max
                || card.month_of_amount_at_acceptor >= settings.mastercard_month_max,
            "Mastercard: the declines of this card at this acceptor are used up",
            "Mastercard, by processors' pages: 10 in 24 hours, 35 in 30 days",
        ),
        _ => return None,
    };
    is_over.then(|| Plan { needs: vec![Need::OtherMethod], ..Plan::nothing(why, source) })
}

/// What a channel or a network says of when.
fn timing(situation: &Situation<'_>) -> Option<Plan> {
    let attempt = last(situation)?;
    let (outcome, _, at) = attempt.last?;
    if outcome.retry_after == Some(Pushback::Never) {
        let source = "gRPC retry pushback";
        return Some(Plan::nothing("the channel says never to retry", source));
    }
    let asked = match outcome.retry_after {
        Some(Pushback::After(wait)) => Some((wait, Text::from("the channel's own wait"))),
        Some(Pushback::Never) | None => None,
    };
    let hinted = hints(situation, attempt).into_iter().filter_map(|(hint, source)| match hint {
        Hint::Later(wait) => Some((wait, source)),
        Hint::Never | Hint::Fix | Hint::Cust | Hint::Category(_) => None,
    });
    let (wait, source) = hinted.chain(asked).max_by_key(|(wait, _)| *wait)?;
    Some(Plan {
        not_before: Some(at.plus(wait)),
        ..Plan::open("the network or channel names the earliest time", &source)
    })
}

/// An attempt that was never answered and is closed now was not paid: one more may be made, as after a
/// failure that is the channel's. That it was called off says nothing of the payer.
fn closed(situation: &Situation<'_>) -> Option<Plan> {
    let attempt = last(situation).filter(|attempt| is_closed(attempt))?;
    let before = situation.attempts.iter().filter(|it| is_closed(it)).count().saturating_sub(1);
    let (_, _, at) = attempt.last?;
    Some(Plan {
        not_before: Some(at),
        attempts_left: u32::from(before == 0),
        ..Plan::open(
            "the attempt was closed without having been paid",
            "failures of channels: one more",
        )
    })
}

fn is_closed(attempt: &PastAttempt<'_>) -> bool {
    attempt.was_unknown
        && attempt.money == Some(Money::Declined)
        && attempt.last.is_some_and(|(outcome, ..)| {
            outcome.code.is_none()
                && matches!(outcome.status, OutcomeStatus::Canceled | OutcomeStatus::Expired)
        })
}

/// What the cause says.
fn cause(situation: &Situation<'_>) -> Option<Plan> {
    let attempt = last(situation).filter(|attempt| !is_closed(attempt))?;
    let (_, diagnosis, at) = attempt.last?;
    if matches!(diagnosis.money, Money::Unknown | Money::InProgress | Money::Succeeded) {
        return None;
    }
    let name = diagnosis.cause.as_deref()?;
    let cause = situation.tables.cause(name)?;
    let retry = &cause.retry;
    let why = format!("the rule of {name}");
    let failed_so = situation
        .attempts
        .iter()
        .filter(|attempt| attempt.last.is_some_and(|(_, known, _)| known.cause == diagnosis.cause))
        .count();
    let before = u32::try_from(failed_so.saturating_sub(1)).unwrap_or(u32::MAX);
    let is_asked = retry.absent_only && !situation.is_absent;
    let same = match retry.same {
        Permit::Never => false,
        Permit::Now | Permit::Changed => true,
        Permit::Later => !is_asked,
    };
    let hinted = hints(situation, attempt).into_iter().filter_map(|(hint, _)| match hint {
        Hint::Fix => Some(Need::Operations),
        Hint::Cust => Some(Need::NewCard),
        Hint::Never | Hint::Later(_) | Hint::Category(_) => None,
    });
    // What a retry needs: a change, or for a payer who is there the payer. A wait needs nothing.
    let own = match retry.same {
        Permit::Changed | Permit::Never => retry.needs.as_slice(),
        Permit::Later if is_asked => retry.needs.as_slice(),
        Permit::Later | Permit::Now => &[],
    };
    Some(Plan {
        same,
        other: retry.other == Permit::Now,
        not_before: same
            .then(|| wait(situation, retry, before))
            .flatten()
            .map(|wait| at.plus(wait)),
        attempts_left: retry.more.saturating_sub(before),
        needs: own.iter().copied().chain(hinted).collect(),
        ..Plan::nothing(&why, &retry.source)
    })
}

/// A payment has so many attempts.
fn attempts(situation: &Situation<'_>) -> Option<Plan> {
    let made = u32::try_from(situation.attempts.len()).unwrap_or(u32::MAX);
    let left = situation.settings.attempts_max.saturating_sub(made);
    Some(Plan {
        attempts_left: left,
        ..Plan::open("attempts per payment", "Google SRE book: three per request")
    })
}

/// A channel takes so many retries, lest they become the outage.
fn budget(situation: &Situation<'_>) -> Option<Plan> {
    (!situation.has_budget).then(|| {
        let source = "Finagle's default retry budget: a fifth of the first attempts";
        Plan::nothing("the retry budget of the channel is used up", source)
    })
}

/// How long the cause says to wait before the same channel is tried, after so many failures like it.
fn wait(situation: &Situation<'_>, retry: &Retry, before: u32) -> Option<Span> {
    match retry.same {
        Permit::Later => {
            let place = usize::try_from(before).unwrap_or(usize::MAX);
            retry.waits.get(place).or(retry.waits.last()).copied()
        }
        Permit::Now if retry.base > Span::ZERO => {
            let doubled = retry.base.as_micros().checked_shl(before.min(30)).unwrap_or(i64::MAX);
            let most = doubled.min(retry.cap.as_micros()).max(1);
            Some(Span::from_micros(jitter(situation.seed, before, most)))
        }
        Permit::Never | Permit::Changed | Permit::Now => None,
    }
}

/// Full jitter: evenly from 0 to `most`, the same for the same seed.
fn jitter(seed: u64, before: u32, most: i64) -> i64 {
    // SplitMix64: one round is enough to spread consecutive seeds.
    let mut mixed = seed.wrapping_add(u64::from(before).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    let range = u64::try_from(most).unwrap_or(1).saturating_add(1);
    i64::try_from(mixed.checked_rem(range).unwrap_or(0)).unwrap_or(most)
}

/// The last attempt that was made.
fn last<'a>(situation: &Situation<'a>) -> Option<&'a PastAttempt<'a>> {
    situation.attempts.last()
}

/// What the codes of an attempt say of retries, and where that is written.
fn hints(situation: &Situation<'_>, attempt: &PastAttempt<'_>) -> Vec<(Hint, Text)> {
    let Some((outcome, ..)) = attempt.last else { return Vec::new() };
    let code = situation
        .tables
        .code_of(outcome, attempt.network)
        .and_then(|code| Some((code.hint?, code.source.clone())));
    let advised = situation
        .tables
        .advice_code_of(outcome, attempt.network)
        .and_then(|code| Some((code.hint?, code.source.clone())));
    code.into_iter().chain(advised).collect()
}
