//! Challenges: met, unmet, and of absent payers.

use std::sync::Arc;

use vajra::model::decision::MetChallenge;
use vajra::model::field::{Field, Fields};
use vajra::model::value::{Text, Value};
use vajra::model::verdict::Verdict;
use vajra::policy::bundle::OffSession;
use vajra::policy::evaluate::evaluate;

use super::{challenge, codes, names, of, score, with, yes};
use crate::hand_made::{facts, fields, rule, set_of};

#[test]
fn a_challenge_is_met_by_any_of_its_methods() {
    let passed = |fields: &mut Fields| {
        fields.set(Field::Authenticated, Value::Texts([Text::from("otp")].into()));
    };
    let rules = || {
        vec![
            rule("either", yes(), vec![challenge("E", ["3ds", "otp"])]),
            rule("default", yes(), vec![challenge("D", [])]),
        ]
    };
    let evaluation = with(rules(), passed);
    assert_eq!(evaluation.verdict, Verdict::Challenge);
    assert_eq!(codes(&evaluation), ["D"]);
    assert_eq!(evaluation.challenge, ["3ds"]);
    let met =
        MetChallenge { rule: Arc::from("either"), code: Arc::from("E"), method: Text::from("otp") };
    assert_eq!(evaluation.challenges_met, [met]);
    assert_eq!(names(&evaluation.fired), ["either", "default"]);
}

#[test]
fn an_authenticated_three_ds_implies_its_method_and_an_attempted_one_does_not() {
    let rules = || vec![rule("default", yes(), vec![challenge("D", [])])];
    let three_ds = |word: &'static str| {
        move |fields: &mut Fields| fields.set(Field::ThreeDs, Value::Text(Text::from(word)))
    };
    let evaluation = with(rules(), three_ds("authenticated"));
    assert_eq!(evaluation.verdict, Verdict::Allow);
    assert!(evaluation.reasons.is_empty());
    assert_eq!(evaluation.challenges_met[0].method, "3ds");
    assert_eq!(with(rules(), three_ds("attempted")).verdict, Verdict::Challenge);
}

#[test]
fn methods_follow_the_order_of_the_rules_without_repeats() {
    let evaluation = of(vec![
        rule("a", yes(), vec![challenge("A", ["otp", "3ds"])]),
        rule("b", yes(), vec![challenge("B", ["call", "otp"])]),
    ]);
    assert_eq!(evaluation.challenge, ["otp", "3ds", "call"]);
}

#[test]
fn off_session_another_answer_stands_in_for_a_challenge() {
    let evaluate_with = |stand_in| {
        let mut set = set_of(vec![
            rule("challenge", yes(), vec![challenge("C", [])]),
            rule("points", yes(), vec![score(1, "S")]),
        ]);
        set.bundle.challenge_off_session = stand_in;
        let mut fields = fields();
        fields.set(Field::OffSession, Value::Bool(true));
        evaluate(&set, &facts(&fields), &[], false)
    };
    let evaluation = evaluate_with(OffSession::Block);
    assert_eq!(evaluation.verdict, Verdict::Block);
    assert_eq!(codes(&evaluation), ["C", "S"]);
    let evaluation = evaluate_with(OffSession::Review);
    assert_eq!(evaluation.verdict, Verdict::Allow);
    assert!(evaluation.review);
    assert_eq!(codes(&evaluation), ["C", "S"]);
    let evaluation = evaluate_with(OffSession::Allow);
    assert_eq!(evaluation.verdict, Verdict::Allow);
    assert!(!evaluation.review);
    assert!(evaluation.exempted.is_empty(), "what stands in for a challenge exempts nobody");
    assert_eq!(codes(&evaluation), ["S", "C"]);
    assert!(evaluation.challenge.is_empty());
}

#[test]
fn recurring_alone_changes_nothing() {
    let rules = vec![rule("challenge", yes(), vec![challenge("C", [])])];
    let evaluation = with(rules, |fields| fields.set(Field::Recurring, Value::Bool(true)));
    assert_eq!(evaluation.verdict, Verdict::Challenge);
}

#[test]
fn a_passed_challenge_is_met_off_session_too() {
    let rules = vec![rule("challenge", yes(), vec![challenge("C", ["otp"])])];
    let evaluation = with(rules, |fields| {
        fields.set(Field::OffSession, Value::Bool(true));
        fields.set(Field::Authenticated, Value::Texts([Text::from("otp")].into()));
    });
    assert_eq!(evaluation.verdict, Verdict::Allow);
    assert_eq!(evaluation.challenges_met.len(), 1);
}
