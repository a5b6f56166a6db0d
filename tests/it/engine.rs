//! The engine: an attempt is decided and counted in one step, asked again it has one answer, and the
//! same events give the same decisions.

mod advice;
mod apply;
mod explain;
mod fixture;
mod histories;
mod journal;
mod limits;
mod lists;
mod model;
mod not_before;
mod publication;
mod races;
mod reports;
mod snapshot;
mod verify;

use vajra::engine::ScoreError;
use vajra::engine::ScoreRequest;
use vajra::model::field::Field;
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::Value;
use vajra::model::verdict::{NextStep, Verdict};

use fixture::{
    SETTINGS, at, engine, engine_of, feature, fields, request, score, set_with, text, try_score,
};

const CARDS: &str = r#"
    entity card = payment.card.token;
    entity device = payment.device.id;
    entity pair = [payment.card.token, payment.merchant.id];
    feature attempts_1h = count(attempt) by card over "1h";
    feature own_1h = count(attempt) by card over "1h" inclusive;
    feature blocked_1h = count(blocked) by card over "1h";
    feature allowed_1h = count(allowed) by card over "1h";
    feature attempts_1h = count(attempt) by pair over "1h";
    feature spent_1h = sum(attempt, payment.amount_base) by card over "1h";
    feature plans_1h = distinct(attempt, payment.attributes.tier) by card over "1h";
    feature attempts_1h = count(attempt) by device over "1h";
    rule "attempts" when card.attempts_1h >= 3 then block("ATTEMPTS");
    rule "pair" when pair.attempts_1h >= 2 then challenge("DEVICE", "3ds");
    rule "spent" on_error challenge when card.spent_1h > 50_00 then block("DEVICE");
"#;

#[test]
fn an_attempt_is_not_counted_for_itself_unless_the_feature_is_inclusive() {
    let engine = engine(CARDS);
    score(&engine, "p1", "c", at(0));

    let value = |name| feature(&engine, name, fields("p2", 1, "c"), at(1));
    assert_eq!(value("card.attempts_1h"), Value::Int(1));
    assert_eq!(value("card.own_1h"), Value::Int(2));
}

#[test]
fn a_verdict_is_an_event_recorded_after_its_decision() {
    let engine = engine(CARDS);
    let verdicts: Vec<_> =
        (0..5).map(|i| score(&engine, &format!("p{i}"), "c", at(i)).evaluation.verdict).collect();

    use Verdict::{Allow, Block};
    assert_eq!(verdicts, [Allow, Allow, Allow, Block, Block]);
    let value = |name| feature(&engine, name, fields("p9", 1, "c"), at(9));
    assert_eq!(value("card.allowed_1h"), Value::Int(3));
    assert_eq!(value("card.blocked_1h"), Value::Int(2));
}

#[test]
fn an_entity_with_a_missing_part_has_no_features() {
    let engine = engine(CARDS);
    for i in 0..5 {
        score(&engine, &format!("p{i}"), "", at(i));
    }

    let value = |name| feature(&engine, name, fields("p9", 1, ""), at(9));
    assert_eq!(value("card.attempts_1h"), Value::Missing);
    assert_eq!(value("pair.attempts_1h"), Value::Missing);
    let half = feature(&engine, "pair.attempts_1h", fields("p9", 1, "c"), at(9));
    assert_eq!(half, Value::Missing);
}

#[test]
fn a_composite_entity_is_its_parts_together() {
    let engine = engine(CARDS);
    let pair = |id: &str, card: &str, merchant: &str| {
        let mut fields = fields(id, 1, card);
        fields.set(Field::MerchantId, text(merchant));
        fields
    };
    try_score(&engine, pair("p1", "a", "bc"), at(0)).unwrap();
    try_score(&engine, pair("p2", "ab", "c"), at(0)).unwrap();

    let value =
        |card, merchant| feature(&engine, "pair.attempts_1h", pair("p9", card, merchant), at(1));
    assert_eq!(value("a", "bc"), Value::Int(1));
    assert_eq!(value("ab", "c"), Value::Int(1));
    assert_eq!(value("a", "c"), Value::Int(0));
}

#[test]
fn asked_again_it_gives_the_stored_decision_and_counts_nothing() {
    let engine = engine(CARDS);
    let first = try_score(&engine, fields("p", 1, "c"), at(0)).unwrap();
    let mut again = fields("p", 1, "c");
    again.set(Field::OccurredAt, Value::Time(at(2)));
    let request = ScoreRequest { locale: "zh-CN".into(), trace: true, ..request(again) };
    let second = engine.score(&request, at(3)).unwrap();

    assert!(!first.repeated && second.repeated);
    assert_eq!(first.decision, second.decision);
    let counted = feature(&engine, "card.attempts_1h", fields("q", 1, "c"), at(4));
    assert_eq!(counted, Value::Int(1));
}

#[test]
fn a_key_used_with_other_content_is_refused() {
    let engine = engine(CARDS);
    score(&engine, "p", "c", at(0));
    let mut other = fields("p", 1, "c");
    other.set(Field::Amount, Value::Int(10_01));

    let error = try_score(&engine, other, at(1)).unwrap_err();

    assert!(matches!(error, ScoreError::AlreadyExists { attempt: 1, .. }), "{error}");
    let next = try_score(&engine, fields("p", 2, "c"), at(1)).unwrap();
    assert!(!next.repeated);
}

#[test]
fn a_key_is_free_again_when_its_payment_was_kept_long_enough() {
    let engine = engine(CARDS);
    let first = score(&engine, "p", "c", at(0));
    let last_second = at(0).plus(SETTINGS.payment_kept).minus(Span::from_secs(1));
    assert!(try_score(&engine, fields("p", 1, "c"), last_second).unwrap().repeated);

    let over = at(0).plus(SETTINGS.payment_kept);
    let second = try_score(&engine, fields("p", 1, "c"), over).unwrap();

    assert!(!second.repeated);
    assert_ne!(first.decision_id, second.decision.decision_id);
}

#[test]
fn a_sweep_forgets_payments_and_entities_whose_time_is_up() {
    let engine = engine(CARDS);
    score(&engine, "p", "c", at(0));
    engine.sweep(at(3599));
    assert_eq!((engine.held().payments, engine.held().entities), (1, 1));

    engine.sweep(at(60).plus(SETTINGS.payment_kept));

    assert_eq!((engine.held().payments, engine.held().entities), (0, 0));
    assert!(engine.payment("p", at(0)).is_none());
}

#[test]
fn a_request_that_a_sweep_overtook_still_finds_what_it_could_have_read() {
    let engine = engine(CARDS);
    score(&engine, "p", "c", at(0));
    let edge = at(3_600).minus(Span::from_secs(1));
    let read = || feature(&engine, "card.attempts_1h", fields("any", 1, "c"), edge);
    let before = read();

    engine.sweep(at(3_602));

    assert_eq!((before, read()), (Value::Int(1), Value::Int(1)));
}

#[test]
fn a_payment_is_forgotten_when_its_time_is_up_whether_it_was_swept_or_not() {
    let engine = engine(CARDS);
    score(&engine, "p", "c", at(0));
    let over = at(0).plus(SETTINGS.payment_kept);

    assert!(engine.payment("p", over.minus(Span::from_secs(1))).is_some());
    assert!(engine.payment("p", over).is_none());
}

#[test]
fn a_dry_run_stores_and_counts_nothing() {
    let engine = engine(CARDS);
    for i in 0..9 {
        let request = ScoreRequest { dry_run: true, ..request(fields("p", i + 1, "c")) };
        let scored = engine.score(&request, at(i)).unwrap();
        assert!(!scored.repeated);
        assert_eq!(scored.decision.evaluation.verdict, Verdict::Allow);
    }

    assert!(engine.payment("p", at(9)).is_none());
    assert_eq!((engine.held().payments, engine.held().entities), (0, 0));
    assert_eq!(score(&engine, "p", "c", at(9)).sequence, 1);
}

#[test]
fn a_dry_run_gives_the_answer_that_the_attempt_then_gets() {
    let engine = engine(CARDS);
    for i in 0..5 {
        let asked = request(fields(&format!("p{i}"), 1, "c"));
        let dry = ScoreRequest { dry_run: true, ..asked.clone() };
        let imagined = engine.score(&dry, at(i)).unwrap().decision;
        assert_eq!(imagined, engine.score(&asked, at(i)).unwrap().decision);
    }
}

#[test]
fn a_dry_run_of_a_known_key_gives_what_asking_again_would() {
    let engine = engine(CARDS);
    let stored = score(&engine, "p", "c", at(0));
    let dry = |fields| ScoreRequest { dry_run: true, ..request(fields) };

    let again = engine.score(&dry(fields("p", 1, "c")), at(1)).unwrap();
    assert!(again.repeated);
    assert_eq!(again.decision, stored);
    let other = engine.score(&dry(fields("p", 1, "d")), at(1));
    assert!(matches!(other, Err(ScoreError::AlreadyExists { .. })));
}

#[test]
fn the_effective_time_never_goes_back_for_an_entity() {
    let engine = engine(CARDS);
    score(&engine, "p1", "c", at(100));

    assert_eq!(score(&engine, "p2", "c", at(40)).effective_at, at(100));
    assert_eq!(score(&engine, "p3", "d", at(40)).effective_at, at(40));
    let counted = feature(&engine, "card.attempts_1h", fields("p9", 1, "c"), at(41));
    assert_eq!(counted, Value::Int(2));
}

#[test]
fn a_window_is_open_at_its_old_end() {
    let engine = engine(CARDS);
    score(&engine, "p1", "c", at(0));
    let value = |now: Timestamp| feature(&engine, "card.attempts_1h", fields("p9", 1, "c"), now);

    assert_eq!(value(at(3600).minus(Span::from_micros(1))), Value::Int(1));
    assert_eq!(value(at(3600)), Value::Int(0));
}

#[test]
fn an_amount_without_a_rate_is_unknown_and_its_rules_say_what_that_means() {
    let rates = [("rates.toml", "[rates]\nUSD = \"0.92\"\n")];
    let engine = engine_of(set_with(CARDS, &rates));
    let paid = |id: &str, currency: &str| {
        let mut fields = fields(id, 1, "c");
        fields.set(Field::Currency, text(currency));
        fields
    };
    try_score(&engine, paid("p1", "USD"), at(0)).unwrap();
    let spent = feature(&engine, "card.spent_1h", fields("p9", 1, "c"), at(1));
    assert_eq!(spent, Value::Int(9_20));

    let first = try_score(&engine, paid("p2", "NOK"), at(1)).unwrap().decision;
    let next = try_score(&engine, paid("p3", "USD"), at(2)).unwrap().decision;

    assert_eq!(first.evaluation.verdict, Verdict::Allow);
    assert_eq!(next.evaluation.verdict, Verdict::Challenge);
    assert_eq!(next.evaluation.degraded, ["card.spent_1h"]);
    let spent = feature(&engine, "card.spent_1h", fields("p9", 1, "c"), at(3));
    assert_eq!(spent, Value::Unknown);
}

#[test]
fn the_next_step_and_the_message_follow_the_verdict() {
    let engine = engine(CARDS);
    let asked = |id: &str, locale: &str, now| {
        let request = ScoreRequest { locale: locale.into(), ..request(fields(id, 1, "c")) };
        let decision = engine.score(&request, now).unwrap().decision;
        (decision.next_step, decision.customer_message.as_ref().map(ToString::to_string))
    };
    for i in 0..3 {
        let id = format!("p{i}");
        assert_eq!(asked(&id, "zh-CN", at(i)), (NextStep::Proceed, None));
    }

    let chinese = asked("q1", "zh-CN", at(4));
    assert_eq!(chinese, (NextStep::RetryLater, Some("请稍后再试。".to_owned())));
    let default = asked("q2", "", at(4));
    assert_eq!(default, (NextStep::RetryLater, Some("Please try again later.".to_owned())));
}

#[test]
fn a_decision_id_tells_payments_attempts_and_places_apart() {
    let decided = || {
        let engine = engine(CARDS);
        let first = score(&engine, "p", "c", at(0));
        let second = try_score(&engine, fields("p", 2, "c"), at(1)).unwrap().decision;
        let other = score(&engine, "q", "c", at(2));
        [first, second, other].map(|decision| decision.decision_id.clone())
    };

    let ids = decided();
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
    assert_eq!(ids, decided());
}
