//! What is advised over the life of a payment: that it ends, that it does not contradict itself, and that
//! what is owed is cleared by what is asked for.

use std::sync::Arc;

use vajra::engine::Engine;
use vajra::model::failure::{Advice, Money, Need, NextChannel, Owed};
use vajra::model::field::Field;
use vajra::model::outcome::{Outcome, OutcomeStatus, Stage};
use vajra::model::time::{Span, Timestamp};
use vajra::model::verdict::NextStep;

use super::fixture::{BUNDLE, at, engine_of, fields, outcome, request, set_with, text};

const CHANNELS: &str = "[[channel]]\nid = \"north\"\n[[channel]]\nid = \"south\"\n";

fn engine() -> Engine {
    engine_over("entity card = payment.card.token;")
}

fn engine_over(policies: &str) -> Engine {
    let bundle = format!("{BUNDLE}\n{CHANNELS}");
    engine_of(set_with(policies, &[("bundle.toml", &bundle)]))
}

/// Scores the attempt over a channel. Returns what to do next.
fn score(engine: &Engine, number: i64, channel: &str, now: Timestamp) -> NextStep {
    score_of(engine, "p", number, channel, now)
}

fn score_of(engine: &Engine, id: &str, number: i64, channel: &str, now: Timestamp) -> NextStep {
    let mut fields = fields(id, number, "c");
    fields.set(Field::Channel, text(channel));
    engine.score(&request(fields), now).unwrap().decision.next_step
}

fn report(engine: &Engine, attempt: u32, status: OutcomeStatus, now: Timestamp) -> Arc<Advice> {
    report_as(engine, Outcome { attempt, ..outcome("p", status) }, now)
}

fn report_as(engine: &Engine, outcome: Outcome, now: Timestamp) -> Arc<Advice> {
    let id = format!("{}-{}-{}", outcome.payment_id, outcome.attempt, now.as_micros());
    let outcome = Outcome { outcome_id: Some(id.into()), ..outcome };
    Arc::new(engine.report_outcome(&outcome, now).unwrap().assessment.advice.clone())
}

fn secs(number: i64) -> Span {
    Span::from_secs(number)
}

#[test]
fn asking_for_a_result_does_not_prolong_the_asking() {
    let engine = engine();
    assert_eq!(score(&engine, 1, "north", at(0)), NextStep::Proceed);
    let mut advice = report(&engine, 1, OutcomeStatus::TimedOut, at(10));
    let first = advice.queries.clone();
    assert_eq!(advice.deadline, Some(at(10).plus(Span::from_days(1))));
    let mut asked = Vec::new();
    while advice.needs.first() == Some(&Need::Query) {
        let next = advice.queries[0];
        assert!(asked.len() < 20, "{asked:?}");
        asked.push(next);
        advice = report(&engine, 1, OutcomeStatus::TimedOut, next);
        assert_eq!((advice.next_step, advice.next), (NextStep::Query, NextChannel::None));
    }
    assert_eq!(asked, first);
    // Close it now; what cannot be closed stands in the next day's file.
    assert_eq!(advice.needs[..], [Need::Reversal, Need::Query]);
    assert_eq!(
        (advice.not_before, &advice.queries[..]),
        (None, &[at(10).plus(Span::from_days(1))][..])
    );
    let advice = report(&engine, 1, OutcomeStatus::TimedOut, advice.queries[0]);
    assert_eq!(advice.needs[..], [Need::Query, Need::Operations]);
    assert!(advice.queries.is_empty() && advice.why.contains("by hand"), "{advice:?}");
    let owed = engine.payment("p", at(100_000)).unwrap().owed;
    assert_eq!((owed[0].owed, owed[0].since), (Owed::Reconciliation, at(10)));
}

#[test]
fn what_is_found_to_be_in_progress_keeps_the_time_of_the_first_doubt() {
    let engine = engine();
    score(&engine, 1, "north", at(0));
    report(&engine, 1, OutcomeStatus::TimedOut, at(0));
    let advice = report(&engine, 1, OutcomeStatus::Pending, at(20));
    assert_eq!(advice.queries.first(), Some(&at(25)));
    let advice = report(&engine, 1, OutcomeStatus::Pending, at(60));
    assert_eq!(advice.needs.first(), Some(&Need::Reversal));
}

#[test]
fn an_unanswered_attempt_that_is_closed_may_be_made_once_more_elsewhere() {
    let engine = engine();
    score(&engine, 1, "north", at(0));
    report(&engine, 1, OutcomeStatus::TimedOut, at(10));
    assert_eq!(score(&engine, 2, "south", at(20)), NextStep::Query);
    let advice = report(&engine, 1, OutcomeStatus::Canceled, at(30));
    assert_eq!((advice.next_step, advice.attempts_left), (NextStep::SwitchChannel, 1));
    assert_eq!(advice.channels[0].id, "south");
    assert_eq!(score(&engine, 3, "south", at(31)), NextStep::Proceed);
    report(&engine, 3, OutcomeStatus::TimedOut, at(40));
    let advice = report(&engine, 3, OutcomeStatus::Canceled, at(60));
    assert_eq!((advice.next_step, advice.attempts_left), (NextStep::Stop, 0));
}

#[test]
fn a_payment_that_was_called_off_is_not_tried_again() {
    let engine = engine();
    score(&engine, 1, "north", at(0));
    report(&engine, 1, OutcomeStatus::Authorized, at(1));
    assert_eq!(report(&engine, 1, OutcomeStatus::Canceled, at(2)).next_step, NextStep::Stop);
    score_of(&engine, "q", 1, "north", at(3));
    let canceled = Outcome { attempt: 1, ..outcome("q", OutcomeStatus::Canceled) };
    assert_eq!(report_as(&engine, canceled, at(4)).next_step, NextStep::Stop);
}

#[test]
fn late_word_of_an_attempt_does_not_start_another_while_the_next_is_on_its_way() {
    let engine = engine();
    let declined = |attempt| Outcome {
        attempt,
        code: Some("96".into()),
        ..outcome("p", OutcomeStatus::Declined)
    };
    score(&engine, 1, "north", at(0));
    assert_ne!(report_as(&engine, declined(1), at(1)).next_step, NextStep::Query);
    score(&engine, 2, "south", at(2));
    let advice = report_as(&engine, declined(1), at(3));
    assert_eq!((advice.next_step, advice.next), (NextStep::Query, NextChannel::None));
    assert!(advice.why.contains("attempt 2 is on its way"), "{advice:?}");
    // Unless it says that it is paid.
    let paid = report(&engine, 1, OutcomeStatus::Authorized, at(4));
    assert_eq!(paid.next_step, NextStep::Proceed);
}

#[test]
fn a_second_success_is_owed_back_until_either_is_reversed() {
    for reversed in [1, 2] {
        let engine = engine();
        for attempt in [1, 2] {
            score(&engine, i64::from(attempt), "north", at(i64::from(attempt)));
            report(&engine, attempt, OutcomeStatus::Authorized, at(10 + i64::from(attempt)));
        }
        let owed = |now| engine.payment("p", now).unwrap().owed;
        let debts: Vec<_> = owed(at(20)).iter().map(|debt| (debt.owed, debt.attempt)).collect();
        assert_eq!(debts, [(Owed::Reversal, 2)]);
        report(&engine, reversed, OutcomeStatus::Canceled, at(21));
        assert!(owed(at(22)).is_empty(), "attempt {reversed}: {:?}", owed(at(22)));
    }
}

#[test]
fn a_challenge_that_was_asked_for_is_no_attempt_that_was_made() {
    let engine = engine_over(
        r#"entity card = payment.card.token;
           rule "all" when payment.amount > 0 then challenge("DEVICE", "3ds");"#,
    );
    assert_eq!(score(&engine, 1, "north", at(0)), NextStep::StepUp);
    let mut proven = fields("p", 2, "c");
    proven.set(Field::Authenticated, vajra::model::value::Value::Texts(["3ds".into()].into()));
    proven.set(Field::Channel, text("north"));
    let decision = engine.score(&request(proven), at(1)).unwrap().decision;
    assert_eq!(decision.next_step, NextStep::Proceed);
    let refused =
        Outcome { attempt: 2, stage: Some(Stage::NotSent), ..outcome("p", OutcomeStatus::Failed) };
    assert_eq!(report_as(&engine, refused, at(2)).attempts_left, 2);
}

/// Payments of other cards, all of which find that the channel is not there.
fn fail_all(engine: &Engine, channel: &str, times: i64, now: Timestamp) {
    for number in 0..times {
        let id = format!("{channel}-{number}");
        score_of(engine, &id, 1, channel, now);
        let failed = Outcome { stage: Some(Stage::NotSent), ..outcome(&id, OutcomeStatus::Failed) };
        let assessment = engine.report_outcome(&failed, now).unwrap().assessment;
        assert_eq!(assessment.diagnosis.money, Money::NotSent);
    }
}

fn refused(engine: &Engine, id: &str, channel: &str, now: Timestamp) -> Arc<Advice> {
    score_of(engine, id, 1, channel, now);
    let failed = Outcome { stage: Some(Stage::NotSent), ..outcome(id, OutcomeStatus::Failed) };
    report_as(engine, failed, now)
}

#[test]
fn a_channel_that_is_down_is_left_and_never_proposed() {
    let engine = engine();
    assert_eq!(refused(&engine, "first", "north", at(0)).next_step, NextStep::RetryLater);
    fail_all(&engine, "north", 25, at(1));
    // Its budget is used up by now, so that a switch is all there is.
    let advice = refused(&engine, "second", "north", at(2));
    assert_eq!((advice.next_step, advice.next), (NextStep::SwitchChannel, NextChannel::Other));
    assert_eq!(advice.channels[0].id, "south");
    let advice = refused(&engine, "third", "south", at(3));
    assert_eq!(advice.next_step, NextStep::RetryLater, "{advice:?}");
    fail_all(&engine, "south", 25, at(4));
    let advice = refused(&engine, "fourth", "north", at(5));
    assert_ne!(advice.next_step, NextStep::SwitchChannel);
    assert!(advice.channels.is_empty());
    // Once nothing was heard of it for five minutes it may be tried again.
    let advice = refused(&engine, "fifth", "north", at(5 + 330));
    assert_eq!(advice.next_step, NextStep::RetryLater, "{advice:?}");
    assert_eq!(secs(330), at(335).since(at(5)));
}
