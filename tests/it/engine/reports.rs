//! Outcomes and recorded events: where they are placed, what they carry, when they are a repeat.

use vajra::engine::payments::STEPS_MAX;
use vajra::engine::timeline::Step;
use vajra::engine::{ReportError, ScoreError};
use vajra::model::field::{Field, Fields};
use vajra::model::outcome::{Outcome, OutcomeStatus, Stage};
use vajra::model::time::Span;
use vajra::model::value::Value;

use super::fixture::{at, engine, event, feature, fields, outcome, score, text, try_score};

const OUTCOMES: &str = r#"
    entity card = payment.card.token;
    entity channel = payment.channel;
    entity device = payment.device.id;
    feature declines_1h = count(declined) by card over "1h" where outcome.is_evidence;
    feature coded_1h = count(declined) by card over "1h" where outcome.code == "51";
    feature captured = sum(captured, outcome.amount_base) by card;
    feature captured_of = sum(captured, payment.amount_base) by card;
    feature slowest = max(authorized, outcome.latency_ms) by card;
    feature unknowns_1h = count(unknown) by channel over "1h";
    feature failures_1h = count(failed) by channel over "1h";
    feature last_status = last(declined, outcome.status) by card;
    feature logins_1h = count(login) by device over "1h";
    feature disputes = count(disputed) by card;
    feature frauds = sum(fraud, payment.amount_base) by card;
    rule "declines" when card.declines_1h >= 3 then block("ATTEMPTS");
"#;

fn declined(payment_id: &str, code: &str) -> Outcome {
    Outcome { code: Some(code.into()), ..outcome(payment_id, OutcomeStatus::Declined) }
}

fn card(engine: &vajra::engine::Engine, name: &str, now: i64) -> Value {
    feature(engine, &format!("card.{name}"), fields("any", 1, "c"), at(now))
}

#[test]
fn an_outcome_carries_its_payment_and_itself() {
    let engine = engine(OUTCOMES);
    score(&engine, "p", "c", at(0));
    engine.report_outcome(&declined("p", "51"), at(1)).unwrap();
    engine.report_outcome(&declined("p", "05"), at(2)).unwrap();
    let captured = Outcome { amount: Some(4_00), ..outcome("p", OutcomeStatus::Captured) };
    engine.report_outcome(&captured, at(3)).unwrap();
    let latency = Some(Span::from_micros(250_999));
    let authorized = Outcome { latency, ..outcome("p", OutcomeStatus::Authorized) };
    engine.report_outcome(&authorized, at(4)).unwrap();

    assert_eq!(card(&engine, "declines_1h", 5), Value::Int(2));
    assert_eq!(card(&engine, "coded_1h", 5), Value::Int(1));
    assert_eq!(card(&engine, "captured", 5), Value::Int(4_00));
    assert_eq!(card(&engine, "captured_of", 5), Value::Int(10_00));
    assert_eq!(card(&engine, "slowest", 5), Value::Int(250));
    assert_eq!(card(&engine, "last_status", 5), text("DECLINED"));
}

#[test]
fn an_outcome_counts_for_its_own_channel_and_else_for_the_scores() {
    let engine = engine(OUTCOMES);
    let mut paid = fields("p", 1, "c");
    paid.set(Field::Channel, text("one"));
    try_score(&engine, paid, at(0)).unwrap();
    let timed_out = outcome("p", OutcomeStatus::TimedOut);
    engine.report_outcome(&timed_out, at(1)).unwrap();
    let other = Outcome { channel: Some("two".into()), ..timed_out };
    engine.report_outcome(&other, at(2)).unwrap();
    let sent = Outcome { stage: Some(Stage::Sent), ..outcome("p", OutcomeStatus::Failed) };
    engine.report_outcome(&sent, at(3)).unwrap();
    let not_sent = Outcome { stage: Some(Stage::NotSent), ..sent };
    engine.report_outcome(&not_sent, at(4)).unwrap();

    let of = |name: &str, channel: &str| {
        let mut fields = fields("any", 1, "c");
        fields.set(Field::Channel, text(channel));
        feature(&engine, name, fields, at(5))
    };
    assert_eq!(of("channel.unknowns_1h", "one"), Value::Int(2));
    assert_eq!(of("channel.unknowns_1h", "two"), Value::Int(1));
    assert_eq!(of("channel.failures_1h", "one"), Value::Int(1));
}

#[test]
fn an_outcome_of_what_was_never_scored_is_refused() {
    let engine = engine(OUTCOMES);
    score(&engine, "p", "c", at(0));

    let unknown = engine.report_outcome(&declined("q", "51"), at(1)).unwrap_err();
    assert!(matches!(unknown, ReportError::UnknownPayment(_)), "{unknown}");
    let second = Outcome { attempt: 2, ..declined("p", "51") };
    let unknown = engine.report_outcome(&second, at(1)).unwrap_err();
    assert!(matches!(unknown, ReportError::UnknownAttempt { attempt: 2, .. }), "{unknown}");
    let over = at(0).plus(Span::from_days(7));
    let unknown = engine.report_outcome(&declined("p", "51"), over).unwrap_err();
    assert!(matches!(unknown, ReportError::UnknownPayment(_)), "{unknown}");
}

#[test]
fn an_outcome_reported_again_is_answered_from_the_store() {
    let engine = engine(OUTCOMES);
    score(&engine, "p", "c", at(0));
    let named = Outcome { outcome_id: Some("o1".into()), ..declined("p", "51") };
    let first = engine.report_outcome(&named, at(1)).unwrap();
    let again = engine.report_outcome(&named, at(2)).unwrap();
    assert!(again.receipt.repeated);
    assert_eq!(
        (again.receipt.sequence, again.receipt.effective_at),
        (first.receipt.sequence, first.receipt.effective_at)
    );

    let other = Outcome { code: Some("05".into()), ..named };
    let refused = engine.report_outcome(&other, at(2)).unwrap_err();
    assert!(matches!(refused, ReportError::AlreadyExists(id) if id == "o1"));

    assert!(!engine.report_outcome(&declined("p", "51"), at(3)).unwrap().receipt.repeated);
    assert!(engine.report_outcome(&declined("p", "51"), at(4)).unwrap().receipt.repeated);
    assert!(!engine.report_outcome(&declined("p", "05"), at(5)).unwrap().receipt.repeated);
    assert_eq!(card(&engine, "declines_1h", 6), Value::Int(3));
}

#[test]
fn an_outcome_is_placed_where_it_happened() {
    let engine = engine(OUTCOMES);
    score(&engine, "p", "c", at(0));
    let dated = |code: &str, at| Outcome { occurred_at: Some(at), ..declined("p", code) };
    let now = at(86_400);

    let back = engine.report_outcome(&dated("51", at(0)), now).unwrap();
    assert_eq!(back.receipt.effective_at, at(0));
    let future = engine.report_outcome(&dated("05", at(99_999)), now).unwrap();
    assert_eq!(future.receipt.effective_at, now);
    let micro = Span::from_micros(1);
    let late = engine.report_outcome(&dated("54", at(0).minus(micro)), now).unwrap_err();
    assert!(matches!(late, ReportError::TooLate(_)), "{late}");

    assert_eq!(card(&engine, "declines_1h", 86_400), Value::Int(1));
    let recent = dated("61", now.minus(Span::from_secs(3_599)));
    engine.report_outcome(&recent, now).unwrap();
    assert_eq!(card(&engine, "declines_1h", 86_400), Value::Int(2));
    assert_eq!(card(&engine, "declines_1h", 86_401), Value::Int(1));
}

#[test]
fn a_pending_outcome_is_kept_and_counts_nowhere() {
    let engine = engine(OUTCOMES);
    score(&engine, "p", "c", at(0));
    engine.report_outcome(&outcome("p", OutcomeStatus::Pending), at(1)).unwrap();

    let steps = engine.payment("p", at(5)).unwrap().steps;
    assert!(matches!(steps.as_slice(), [Step::Score { .. }, Step::Outcome { .. }]));
    assert_eq!(card(&engine, "declines_1h", 2), Value::Int(0));
}

#[test]
fn an_event_carries_its_own_fields_or_those_of_its_payment() {
    let engine = engine(OUTCOMES);
    score(&engine, "p", "c", at(0));
    let mut login = event("login", "e1");
    login.fields.set(Field::DeviceId, text("d"));
    engine.record_event(&login, at(1)).unwrap();
    let mut disputed = event("disputed", "e2");
    disputed.payment_id = Some("p".into());
    engine.record_event(&disputed, at(2)).unwrap();

    let mut there = Fields::clone(&fields("any", 1, "c"));
    there.set(Field::DeviceId, text("d"));
    assert_eq!(feature(&engine, "device.logins_1h", there, at(3)), Value::Int(1));
    assert_eq!(card(&engine, "disputes", 3), Value::Int(1));

    let mut nowhere = event("disputed", "e3");
    nowhere.payment_id = Some("q".into());
    let unknown = engine.record_event(&nowhere, at(4)).unwrap_err();
    assert!(matches!(unknown, ReportError::UnknownPayment(id) if id == "q"));
}

#[test]
fn an_event_recorded_again_is_answered_from_the_store() {
    let engine = engine(OUTCOMES);
    let mut login = event("login", "e1");
    login.fields.set(Field::DeviceId, text("d"));
    let first = engine.record_event(&login, at(1)).unwrap();
    let again = engine.record_event(&login, at(2)).unwrap();

    assert!(again.repeated);
    assert_eq!(again.sequence, first.sequence);
    let mut other = login.clone();
    other.fields.set(Field::DeviceId, text("e"));
    let refused = engine.record_event(&other, at(3)).unwrap_err();
    assert!(matches!(refused, ReportError::AlreadyExists(id) if id == "e1"));
    let over = at(1).plus(Span::from_days(7));
    assert!(!engine.record_event(&other, over).unwrap().repeated);
}

#[test]
fn a_refused_event_leaves_its_id_free() {
    let engine = engine(OUTCOMES);
    let mut early = event("disputed", "e");
    early.payment_id = Some("p".into());
    engine.record_event(&early, at(0)).unwrap_err();
    score(&engine, "p", "c", at(1));

    assert!(!engine.record_event(&early, at(2)).unwrap().repeated);
}

#[test]
fn a_label_counts_long_after_its_payment_was_forgotten() {
    let engine = engine(OUTCOMES);
    let paid = fields("p", 1, "c");
    try_score(&engine, paid.clone(), at(0)).unwrap();
    let later = at(0).plus(Span::from_days(30));
    engine.sweep(later);

    let receipt = engine.apply_event("fraud", &paid, later).unwrap();

    assert_eq!((receipt.effective_at, receipt.repeated), (later, false));
    let frauds = feature(&engine, "card.frauds", fields("any", 1, "c"), later);
    assert_eq!(frauds, Value::Int(10_00));
}

#[test]
fn a_payment_to_which_too_much_happened_takes_no_more_but_still_answers_repeats() {
    let engine = engine(OUTCOMES);
    score(&engine, "p", "c", at(0));
    for number in 1..STEPS_MAX {
        let outcome_id = Some(number.to_string().into());
        let pending = Outcome { outcome_id, ..outcome("p", OutcomeStatus::Pending) };
        engine.report_outcome(&pending, at(1)).unwrap();
    }

    let refused = engine.report_outcome(&declined("p", "51"), at(2)).unwrap_err();
    assert!(matches!(refused, ReportError::TooMany(_)), "{refused}");
    let refused = try_score(&engine, fields("p", 2, "c"), at(2)).unwrap_err();
    assert!(matches!(refused, ScoreError::TooMany(_)), "{refused}");
    assert!(try_score(&engine, fields("p", 1, "c"), at(2)).unwrap().repeated);
}

#[test]
fn a_timeline_tells_everything_in_the_order_of_application() {
    let engine = engine(OUTCOMES);
    score(&engine, "p", "c", at(0));
    engine.report_outcome(&declined("p", "51"), at(1)).unwrap();
    try_score(&engine, fields("p", 2, "c"), at(2)).unwrap();
    let mut disputed = event("disputed", "e");
    disputed.payment_id = Some("p".into());
    engine.record_event(&disputed, at(3)).unwrap();
    let late = Outcome { occurred_at: Some(at(1)), attempt: 2, ..declined("p", "05") };
    engine.report_outcome(&late, at(4)).unwrap();

    let timeline = engine.payment("p", at(5)).unwrap();

    let told: Vec<_> =
        timeline.steps.iter().map(|step| (step.sequence(), step.effective_at())).collect();
    assert_eq!(told, [(1, at(0)), (2, at(1)), (3, at(2)), (4, at(3)), (5, at(1))]);
    let Some(Step::Score { fields, .. }) = timeline.steps.first() else { panic!("a score") };
    assert_eq!(fields.get(Field::AmountBase), &Value::Int(10_00));
    assert_eq!(fields.get(Field::OccurredAt), &Value::Time(at(0)));
}
