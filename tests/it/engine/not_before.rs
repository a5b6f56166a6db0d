//! When a block clears: the same payment passes at `not_before`, and is stopped a millisecond earlier.

use proptest::prelude::*;
use vajra::engine::{Engine, ScoreRequest};
use vajra::model::field::Field;
use vajra::model::time::{Span, Timestamp};
use vajra::model::verdict::{NextStep, Verdict};

use super::fixture::{at, engine_of, fields, request, set_with, text, try_score};

const MORE: &str = r#"
[ATTEMPTS]
class = "VELOCITY"
message = { en = "Please try again later." }
message_at = { en = "Please try again after {clears_at}." }
[SPENT]
class = "LIMIT"
message = { en = "You have reached a limit." }
[FRAUD]
class = "FRAUD"
message = { en = "No." }
"#;

/// One thing that stops a payment for a time.
fn stop() -> impl Strategy<Value = String> {
    let window = prop_oneof!["[1-9][0-9]s", "[1-9]m", "[1-5]h"];
    let entity = prop_oneof![Just("card"), Just("device")];
    let velocity = (
        entity.clone(),
        prop_oneof![
            Just("count(attempt)"),
            Just("count(blocked)"),
            Just("sum(attempt, payment.amount_base)"),
            Just("distinct(attempt, payment.device.id)")
        ],
        window.clone(),
        prop_oneof![Just(String::new()), "[1-9][0-9]s".prop_map(|by| format!("delayed \"{by}\""))],
        prop_oneof![Just(""), Just("inclusive")],
        1..5_i64,
    )
        .prop_map(|(by, what, over, delayed, inclusive, most)| {
            let most = if what.starts_with("sum") { most * 1_000 } else { most };
            format!(
                "feature f# = {what} by {by} over \"{over}\" {delayed} {inclusive};\n\
                 rule \"r#\" when {by}.f# >= {most} then block(\"ATTEMPTS\");\n"
            )
        });
    let period = prop_oneof![
        window.prop_map(|over| format!("over \"{over}\"")),
        Just("per \"day\"".to_owned()),
        Just("per \"week\"".to_owned())
    ];
    let limit =
        (entity, prop_oneof![Just("count()"), Just("sum(payment.amount_base)")], period, 1..4)
            .prop_map(|(by, what, period, most)| {
                let most = if what.starts_with("sum") { most * 1_000 } else { most };
                format!(
                    "limit \"l#\" = {what} by {by} {period} max {most} then block(\"SPENT\");\n"
                )
            });
    prop_oneof![velocity, limit]
}

fn policies(stops: &[String]) -> Engine {
    let mut source =
        "entity card = payment.card.token;\nentity device = payment.device.id;\n".to_owned();
    for (number, stop) in stops.iter().enumerate() {
        source.push_str(&stop.replace('#', &number.to_string()));
    }
    engine_of(set_with(&source, &[("reasons.toml", MORE)]))
}

fn paid(id: &str, attempt: i64, card: u8, device: u8) -> ScoreRequest {
    let mut fields = fields(id, attempt, &format!("c{card}"));
    fields.set(Field::DeviceId, text(&format!("d{device}")));
    request(fields)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_same_payment_passes_then_and_is_stopped_a_millisecond_before(
        stops in prop::collection::vec(stop(), 1..4),
        history in prop::collection::vec((0_u8..2, 0_u8..2, 0_i64..90_000_000), 1..30),
    ) {
        let engine = policies(&stops);
        let mut now = at(0);
        for (number, (card, device, micros)) in history.into_iter().enumerate() {
            now = now.plus(Span::from_micros(micros));
            let id = format!("p{number}");
            let decision = engine.score(&paid(&id, 1, card, device), now).unwrap().decision;
            let Some(clears) = decision.not_before else {
                prop_assert!(decision.next_step != NextStep::RetryLater);
                continue;
            };
            prop_assert_eq!(decision.evaluation.verdict, Verdict::Block);
            prop_assert_eq!(decision.next_step, NextStep::RetryLater);
            prop_assert_eq!(clears.as_micros() % 1_000, 0);
            prop_assert!(clears > now && clears.since(now) <= Span::from_days(30));
            let asked = |when: Timestamp| {
                let request = ScoreRequest { dry_run: true, ..paid(&id, 2, card, device) };
                engine.score(&request, when).unwrap().decision.evaluation.verdict
            };
            prop_assert_ne!(asked(clears), Verdict::Block, "at {}", clears.to_jiff());
            let before = clears.minus(Span::from_micros(1_000));
            if before >= decision.effective_at {
                prop_assert_eq!(asked(before), Verdict::Block, "before {}", clears.to_jiff());
            }
        }
    }
}

#[test]
fn a_block_for_fraud_never_clears_by_itself() {
    let engine = policies(&["feature f# = count(attempt) by card over \"1h\";\n\
         rule \"r#\" when card.f# >= 1 then block(\"ATTEMPTS\");\n\
         rule \"s#\" when card.f# >= 2 then block(\"FRAUD\");\n"
        .to_owned()]);
    let decided = |id, now| engine.score(&paid(id, 1, 0, 0), now).unwrap().decision;
    decided("a", at(0));
    let velocity = decided("b", at(1));
    assert_eq!(velocity.not_before, Some(at(3_601)));
    let message = velocity.customer_message.as_deref().unwrap();
    assert!(message.starts_with("Please try again after 20"), "{message}");

    let fraud = decided("c", at(2));
    assert_eq!((fraud.not_before, fraud.next_step), (None, NextStep::Stop));
}

#[test]
fn what_reads_all_time_does_not_clear() {
    let engine = policies(&["feature f# = count(attempt) by card;\n\
         rule \"r#\" when card.f# >= 1 then block(\"ATTEMPTS\");\n"
        .to_owned()]);
    try_score(&engine, fields("a", 1, "c0"), at(0)).unwrap();
    let blocked = engine.score(&paid("b", 1, 0, 0), at(1)).unwrap().decision;
    assert_eq!((blocked.not_before, blocked.next_step), (None, NextStep::Stop));
}
