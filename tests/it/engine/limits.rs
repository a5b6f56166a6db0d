//! Limits: what is reserved, confirmed, held and given back, by one thread and by many.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use vajra::engine::{Engine, ScoreRequest};
use vajra::model::decision::Decision;
use vajra::model::failure::{Flag, Owed};
use vajra::model::field::Field;
use vajra::model::limit::LimitUsage;
use vajra::model::outcome::{Outcome, OutcomeStatus};
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::Value;
use vajra::model::verdict::{NextStep, Verdict};

use super::fixture::{at, engine_of, fields, outcome, request, set_with, text};

const LIMITS: &str = r#"
    entity card = payment.card.token;
    entity merchant = payment.merchant.id;
    limit "card day" = sum(payment.amount_base) by card per "day" max 10_00 then block("SPENT");
    limit "merchant hour" = sum(payment.amount_base) by merchant over "1h" max 10_00 returns refunded
      then block("SPENT");
"#;

const REASONS: &str = r#"
[SPENT]
class = "LIMIT"
message = { en = "You have reached a limit." }
[LOOKED]
class = "LIMIT"
message = { en = "We look at it." }
[TRUSTED]
class = "TRUST"
message = { en = "Thank you." }
"#;

pub(super) fn engine(policies: &str) -> Engine {
    engine_of(set_with(policies, &[("reasons.toml", REASONS)]))
}

pub(super) fn paid(
    id: &str,
    attempt: i64,
    card: &str,
    merchant: &str,
    amount: i64,
) -> ScoreRequest {
    let mut fields = fields(id, attempt, card);
    fields.set(Field::Amount, Value::Int(amount));
    if !merchant.is_empty() {
        fields.set(Field::MerchantId, text(merchant));
    }
    request(fields)
}

fn score(engine: &Engine, id: &str, amount: i64, now: Timestamp) -> Arc<Decision> {
    engine.score(&paid(id, 1, "c", "m", amount), now).unwrap().decision
}

fn report(engine: &Engine, outcome: &Outcome, now: Timestamp) -> Vec<Flag> {
    engine.report_outcome(outcome, now).unwrap().assessment.flags.clone()
}

/// What an attempt that costs nothing sees of a limit.
pub(super) fn seen(engine: &Engine, limit: &str, now: Timestamp) -> (i64, i64) {
    let request = ScoreRequest { dry_run: true, ..paid("look", 1, "c", "m", 0) };
    let decision = engine.score(&request, now).unwrap().decision;
    let usage = usage(&decision, limit);
    (usage.used, usage.reserved)
}

fn usage<'a>(decision: &'a Decision, limit: &str) -> &'a LimitUsage {
    decision.evaluation.limits.iter().find(|usage| usage.name.as_ref() == limit).unwrap()
}

#[test]
fn a_limit_fires_when_used_and_reserved_and_this_are_above_it() {
    let engine = engine(LIMITS);
    let first = score(&engine, "p1", 6_00, at(0));
    assert_eq!(first.evaluation.verdict, Verdict::Allow);
    let card = usage(&first, "card day");
    assert_eq!((card.used, card.reserved, &card.max), (0, 6_00, &Value::Int(10_00)));
    assert!(card.resets_at.is_some() && usage(&first, "merchant hour").resets_at.is_none());
    assert_eq!(score(&engine, "p2", 4_00, at(1)).evaluation.verdict, Verdict::Allow);

    let third = score(&engine, "p3", 1, at(2));
    assert_eq!(third.evaluation.verdict, Verdict::Block);
    assert_eq!(third.next_step, NextStep::RetryLater);
    assert_eq!(usage(&third, "card day").reserved, 10_00);
    assert!(third.reservations.is_empty());
    // A blocked attempt reserves nothing.
    assert_eq!(seen(&engine, "card day", at(3)), (0, 10_00));
}

#[test]
fn outcomes_confirm_hold_and_give_back() {
    let engine = engine(LIMITS);
    for id in ["p1", "p2", "p3", "p4"] {
        score(&engine, id, 2_00, at(0));
    }
    report(&engine, &outcome("p1", OutcomeStatus::Authorized), at(1));
    report(&engine, &outcome("p2", OutcomeStatus::Declined), at(1));
    report(&engine, &outcome("p3", OutcomeStatus::TimedOut), at(1));
    assert_eq!(seen(&engine, "card day", at(2)), (2_00, 4_00));
    let part = Outcome { amount: Some(50), ..outcome("p1", OutcomeStatus::Captured) };
    report(&engine, &part, at(3));
    assert_eq!(seen(&engine, "card day", at(4)), (50, 4_00));
    report(&engine, &outcome("p4", OutcomeStatus::Canceled), at(5));
    assert_eq!(seen(&engine, "card day", at(6)), (50, 2_00));
    // Only a definite answer frees what is not known.
    report(&engine, &outcome("p3", OutcomeStatus::Declined), at(7));
    assert_eq!(seen(&engine, "card day", at(8)), (50, 0));
}

#[test]
fn a_refund_gives_back_only_where_the_limit_says_so() {
    let engine = engine(LIMITS);
    score(&engine, "p1", 8_00, at(0));
    report(&engine, &outcome("p1", OutcomeStatus::Captured), at(1));
    let part = Outcome { amount: Some(3_00), ..outcome("p1", OutcomeStatus::Refunded) };
    report(&engine, &part, at(2));
    assert_eq!(seen(&engine, "card day", at(3)), (8_00, 0));
    assert_eq!(seen(&engine, "merchant hour", at(3)), (5_00, 0));
    let more = Outcome { amount: Some(6_00), ..outcome("p1", OutcomeStatus::Refunded) };
    assert_eq!(report(&engine, &more, at(4)), [Flag::RefundedAboveCapture]);
    assert_eq!(seen(&engine, "merchant hour", at(5)), (0, 0));
}

#[test]
fn a_refund_that_was_declined_gives_nothing_back() {
    let engine = engine(LIMITS);
    score(&engine, "p1", 8_00, at(0));
    let refund = Outcome {
        operation: Some("refund".into()),
        code: Some("51".into()),
        ..outcome("p1", OutcomeStatus::Declined)
    };
    report(&engine, &refund, at(1));
    assert_eq!(seen(&engine, "card day", at(2)), (0, 8_00));
    assert_eq!(engine.payment("p1", at(3)).unwrap().owed[0].owed, Owed::Outcome);
}

#[test]
fn a_code_that_moves_the_money_moves_the_limits_with_it() {
    let engine = engine(LIMITS);
    score(&engine, "p1", 2_00, at(0));
    let defective = Outcome {
        provider: Some("unionpay_online".into()),
        code: Some("42".into()),
        ..outcome("p1", OutcomeStatus::Declined)
    };
    let reported = engine.report_outcome(&defective, at(1)).unwrap();
    assert_eq!(reported.assessment.advice.next_step, NextStep::Query);
    assert_eq!(seen(&engine, "card day", at(2)), (0, 2_00));
    let days = at(0).plus(Span::from_days(2));
    let owed = engine.payment("p1", days).unwrap().owed;
    assert_eq!(owed.iter().map(|debt| debt.owed).collect::<Vec<_>>(), [Owed::Reconciliation]);
}

#[test]
fn a_reservation_without_an_outcome_ends_by_itself_and_a_late_success_counts() {
    let policies = LIMITS.replace("over \"1h\"", "over \"5d\"");
    let engine = engine(&policies);
    score(&engine, "p1", 9_00, at(0));
    let kept = Span::from_secs(24 * 3_600 + 900);
    let last = at(0).plus(kept).minus(Span::from_micros(1));
    assert_eq!(seen(&engine, "merchant hour", last), (0, 9_00));
    assert_eq!(engine.payment("p1", last).unwrap().owed[0].owed, Owed::Outcome);
    let over = at(0).plus(kept);
    assert_eq!(seen(&engine, "merchant hour", over), (0, 0));
    assert_eq!(engine.payment("p1", over).unwrap().flags, [Flag::ReservationExpired]);
    score(&engine, "p2", 9_00, over);
    let late = report(&engine, &outcome("p1", OutcomeStatus::Authorized), over);
    assert_eq!(late, [Flag::LateSuccess]);
    assert_eq!(seen(&engine, "merchant hour", over), (9_00, 9_00));
}

#[test]
fn a_payment_has_one_reservation_the_largest_of_what_its_attempts_hold() {
    let engine = engine(LIMITS);
    let attempt = |number, amount, now| {
        engine.score(&paid("p", number, "c", "m", amount), now).unwrap().decision
    };
    attempt(1, 6_00, at(0));
    // Its own reservation is left out: 9.00 would not fit beside 6.00.
    assert_eq!(attempt(2, 9_00, at(1)).evaluation.verdict, Verdict::Allow);
    assert_eq!(seen(&engine, "card day", at(2)), (0, 9_00));
    attempt(3, 3_00, at(3));
    assert_eq!(seen(&engine, "card day", at(4)), (0, 3_00));
    let timed_out = Outcome { attempt: 3, ..outcome("p", OutcomeStatus::TimedOut) };
    report(&engine, &timed_out, at(5));
    let next = attempt(4, 2_00, at(6));
    assert_eq!(next.next_step, NextStep::Query);
    assert_eq!(seen(&engine, "card day", at(7)), (0, 3_00));
    let paid = Outcome { attempt: 4, ..outcome("p", OutcomeStatus::Authorized) };
    report(&engine, &paid, at(8));
    let twice = Outcome { attempt: 3, ..outcome("p", OutcomeStatus::Authorized) };
    assert_eq!(report(&engine, &twice, at(9)), [Flag::SecondSuccess]);
    let owed = engine.payment("p", at(10)).unwrap().owed;
    assert_eq!(owed.iter().map(|debt| debt.owed).collect::<Vec<_>>(), [Owed::Reversal]);
}

#[test]
fn a_missing_key_or_amount_is_not_applied_and_a_missing_maximum_is_an_error() {
    let engine = engine(
        r#"entity merchant = payment.merchant.id;
           limit "a" = count() by merchant per "day" max 1 then block("SPENT");
           limit "b" on_error challenge = sum(payment.attributes.points) by merchant per "day"
             max 5 then block("SPENT");
           limit "c" on_error challenge = count() by merchant per "day"
             max payment.attributes.cap then review("LOOKED");"#,
    );
    let none = engine.score(&paid("p1", 1, "c", "", 1_00), at(0)).unwrap().decision;
    assert!(none.evaluation.limits.iter().all(|usage| usage.not_applied));
    assert_eq!(none.evaluation.verdict, Verdict::Allow);
    let some = engine.score(&paid("p2", 1, "c", "m", 1_00), at(0)).unwrap().decision;
    assert!(usage(&some, "b").not_applied && !usage(&some, "a").not_applied);
    assert_eq!(some.evaluation.verdict, Verdict::Challenge);
    assert_eq!(some.evaluation.errors[0].rule.as_ref(), "c");
}

#[test]
fn an_allow_does_not_set_a_limit_aside_and_a_shadow_limit_does_nothing() {
    let engine = engine(
        r#"entity card = payment.card.token;
           rule "trusted" when payment.amount_base > 0 then allow("TRUSTED");
           rule "aside" when payment.amount_base > 0 then block("LOOKED");
           limit "shadowed" mode shadow = count() by card per "day" max 0 then block("LOOKED");
           limit "three" = count() by card per "day" max 3 then block("SPENT");"#,
    );
    for number in 0..3 {
        let decision = score(&engine, &format!("p{number}"), 1_00, at(number));
        assert_eq!(decision.evaluation.verdict, Verdict::Allow);
        assert_eq!(decision.evaluation.shadow[0].rule.as_ref(), "shadowed");
        assert_eq!(decision.evaluation.exempted[0].as_ref(), "aside");
    }
    let fourth = score(&engine, "p4", 1_00, at(4));
    assert_eq!(fourth.evaluation.verdict, Verdict::Block);
    assert_eq!(fourth.evaluation.reasons[0].code.as_ref(), "SPENT");
}

#[test]
fn of_64_payments_at_once_against_a_limit_of_ten_exactly_ten_pass() {
    for (round, merchants) in [1_usize, 64].into_iter().cycle().take(20).enumerate() {
        let engine = engine(LIMITS);
        let (passed, barrier) = (AtomicUsize::new(0), Barrier::new(64));
        thread::scope(|scope| {
            for number in 0..64 {
                let (engine, passed, barrier) = (&engine, &passed, &barrier);
                scope.spawn(move || {
                    let merchant = format!("m{}", number % merchants);
                    let request = paid(&format!("p{number}"), 1, "c", &merchant, 1_00);
                    barrier.wait();
                    let decision = engine.score(&request, at(0)).unwrap().decision;
                    if decision.evaluation.verdict == Verdict::Allow {
                        // Relaxed: it is read after the threads have ended.
                        passed.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(passed.into_inner(), 10, "in round {round}");
    }
}
