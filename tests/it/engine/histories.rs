//! Random histories of payments, and what a limit says of them, against a model that computes everything
//! anew from what was told.

use std::collections::BTreeMap;

use proptest::prelude::*;
use vajra::model::outcome::{Outcome, OutcomeStatus, Stage};
use vajra::model::verdict::Verdict;

use super::fixture::{at, outcome};
use super::limits::{engine, paid, seen};

/// What a random history does next.
#[derive(Clone, Debug)]
enum Step {
    Score { payment: u8, amount: i64 },
    Report { payment: u8, attempt: u8, status: OutcomeStatus, sent: bool, amount: i64, last: bool },
    Again,
    Wait { secs: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop::sample::select(OutcomeStatus::ALL.to_vec());
    prop_oneof![
        3 => (0_u8..6, 0_i64..8_00).prop_map(|(payment, amount)| Step::Score { payment, amount }),
        4 => (0_u8..6, 0_u8..3, status, any::<bool>(), 0_i64..9_00, any::<bool>()).prop_map(
            |(payment, attempt, status, sent, amount, last)| Step::Report {
                payment, attempt, status, sent, amount, last
            }
        ),
        1 => Just(Step::Again),
        2 => (1_i64..40_000).prop_map(|secs| Step::Wait { secs }),
    ]
}

/// An attempt as the model keeps it: everything is computed anew from these each time.
#[derive(Clone, Debug)]
struct Attempted {
    at: i64,
    amount: i64,
    is_blocked: bool,
    told: Vec<(OutcomeStatus, bool, i64, bool)>,
}

const WINDOW: i64 = 3 * 86_400;
const KEPT: i64 = 24 * 3_600 + 900;

/// What one attempt holds at `now`: used and reserved.
fn holds(attempt: &Attempted, now: i64) -> (i64, i64, bool) {
    let whole = attempt.amount;
    let (mut success, mut unknown) = (false, false);
    let (mut authorized, mut called_off, mut complete) = (false, false, false);
    let (mut captured, mut refunded) = (0, 0);
    for (status, sent, amount, last) in &attempt.told {
        match status {
            OutcomeStatus::Authorized => {
                // What was called off and comes through all the same is no longer called off.
                (success, authorized, called_off) = (true, true, false);
            }
            OutcomeStatus::Captured => {
                (success, captured) = (true, captured + amount);
                complete |= *last;
            }
            OutcomeStatus::Refunded => (success, refunded) = (true, refunded + amount),
            OutcomeStatus::Canceled | OutcomeStatus::Expired => {
                called_off = true;
                if captured == 0 && refunded == 0 {
                    (success, unknown) = (false, false);
                }
            }
            OutcomeStatus::Declined if !success => unknown = false,
            OutcomeStatus::Failed if !success => unknown = *sent,
            OutcomeStatus::TimedOut | OutcomeStatus::Pending if !success => unknown = true,
            _ => {}
        }
    }
    if attempt.told.is_empty() {
        return (0, if now < attempt.at + KEPT { whole } else { 0 }, false);
    }
    if !success {
        return if unknown { (0, whole, true) } else { (0, 0, false) };
    }
    let part = captured.max(refunded);
    let closed = called_off || complete;
    let used = if authorized && !closed { whole.max(part) } else { part };
    let waits = if closed || authorized { 0 } else { (whole - part).max(0) };
    (used, waits, true)
}

/// From when the payment counts, and what it has used and reserved.
fn all_holds(attempts: &[Attempted], now: i64) -> Option<(i64, i64, i64)> {
    let made: Vec<&Attempted> = attempts.iter().filter(|it| !it.is_blocked).collect();
    // What is sure of the earlier ones, the larger first made; then what the last one waits for, in which
    // that is contained until the wait ends.
    let mut best: Option<(i64, i64, i64)> = None;
    for attempt in &made {
        let (used, reserved, keeps) = holds(attempt, now);
        let total = best.map_or(-1, |(_, used, reserved)| used + reserved);
        if keeps && used + reserved > total {
            best = Some((attempt.at, used, reserved));
        }
    }
    if let Some(last) = made.last().filter(|last| last.told.is_empty()) {
        let sure = best.map_or((0, 0), |(_, used, reserved)| (used, reserved));
        if last.amount > sure.0 + sure.1 {
            let waits = now < last.at + KEPT;
            let open = if waits { last.amount - sure.0 - sure.1 } else { 0 };
            best = Some((last.at, sure.0, sure.1 + open));
        }
    }
    best
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Amounts are captured in the currency of the payment, so a reservation's part is the amount.
    ///
    /// Usage stays within the maximum but for what was flagged: whatever a report adds to what its payment
    /// holds is flagged, so that the bound holds as long as no report was.
    #[test]
    fn whatever_happens_in_whatever_order_usage_is_what_the_payments_say(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let engine = engine(
            r#"entity card = payment.card.token;
               limit "three days" = sum(payment.amount) by card over "3d" max 20_00
                 then block("SPENT");"#,
        );
        let mut payments: BTreeMap<u8, Vec<Attempted>> = BTreeMap::new();
        let (mut now, mut reported, mut is_flagged) = (0, 0, false);
        let mut last: Option<Outcome> = None;
        for step in steps {
            match step {
                Step::Wait { secs } => now += secs,
                Step::Again => {
                    if let Some(outcome) = &last {
                        let again = engine.report_outcome(outcome, at(now)).unwrap();
                        prop_assert!(again.receipt.repeated);
                    }
                }
                Step::Score { payment, amount } => {
                    let attempts = payments.entry(payment).or_default();
                    // A free one has no parts; it is another test's.
                    let amount = amount + 1;
                    let number = i64::try_from(attempts.len()).unwrap() + 1;
                    let request = paid(&format!("p{payment}"), number, "c", "m", amount);
                    let decision = engine.score(&request, at(now)).unwrap().decision;
                    let is_blocked = decision.evaluation.verdict == Verdict::Block;
                    attempts.push(Attempted { at: now, amount, is_blocked, told: Vec::new() });
                }
                Step::Report { payment, attempt, status, sent, amount, last: is_final } => {
                    let Some(attempts) = payments.get_mut(&payment) else { continue };
                    let before = all_holds(attempts, now);
                    let Some(about) = attempts.get_mut(usize::from(attempt)) else { continue };
                    // What we stopped was not made.
                    if about.is_blocked { continue }
                    reported += 1;
                    let stage = if sent { Stage::Sent } else { Stage::NotSent };
                    let report = Outcome {
                        attempt: u32::from(attempt) + 1,
                        outcome_id: Some(format!("o{reported}").into()),
                        stage: (status == OutcomeStatus::Failed).then_some(stage),
                        amount: Some(amount),
                        is_final,
                        ..outcome(&format!("p{payment}"), status)
                    };
                    about.told.push((status, sent, amount, is_final));
                    let answer = engine.report_outcome(&report, at(now)).unwrap();
                    let flags = &answer.assessment.flags;
                    let total = |held: Option<(i64, i64, i64)>| {
                        held.map_or(0, |(_, used, reserved)| used + reserved)
                    };
                    let grows = total(all_holds(attempts, now)) > total(before);
                    prop_assert!(!grows || !flags.is_empty(), "{:?} adds unseen", report);
                    is_flagged |= !flags.is_empty();
                    last = Some(report);
                }
            }
            let all = payments.values().filter_map(|attempts| all_holds(attempts, now));
            let inside = all.filter(|(from, ..)| *from > now - WINDOW);
            let (used, reserved) =
                inside.fold((0, 0), |sum, (_, used, reserved)| (sum.0 + used, sum.1 + reserved));
            prop_assert!(is_flagged || used + reserved <= 20_00);
            prop_assert_eq!(seen(&engine, "three days", at(now)), (used, reserved));
        }
    }
}
