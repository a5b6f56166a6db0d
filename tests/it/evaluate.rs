//! How rules are merged: score, exemption, verdict, reasons, challenges, errors, shadow, trace.

use std::sync::Arc;

use vajra::model::decision::{Evaluation, MetChallenge, RuleError};
use vajra::model::field::{Field, Fields};
use vajra::model::value::{Text, Value, ValueType};
use vajra::model::verdict::{Mode, OnError, ReasonClass, Verdict};
use vajra::policy::ast::BinaryOp;
use vajra::policy::bundle::OffSession;
use vajra::policy::evaluate::evaluate;
use vajra::policy::interpret::Facts;
use vajra::policy::ir::{Expr, FeatureIndex, LetIndex};
use vajra::policy::set::{ActionDef, FeatureDef, LetDef, PolicySet, RuleDef};

use crate::hand_made::{binary, constant, facts, failing, fields, missing, rule, set_of, unknown};

fn yes() -> Expr {
    constant(true)
}

fn allow(code: &str) -> ActionDef {
    ActionDef::Allow(Arc::from(code))
}

fn review(code: &str) -> ActionDef {
    ActionDef::Review(Arc::from(code))
}

fn challenge<const N: usize>(code: &str, methods: [&str; N]) -> ActionDef {
    ActionDef::Challenge(Arc::from(code), methods.map(Text::from).into())
}

fn block(code: &str) -> ActionDef {
    ActionDef::Block(Arc::from(code))
}

fn score(points: i64, code: &str) -> ActionDef {
    ActionDef::Score(points, Arc::from(code))
}

fn always(rule: RuleDef) -> RuleDef {
    RuleDef { always: true, ..rule }
}

fn shadow(rule: RuleDef) -> RuleDef {
    RuleDef { mode: Mode::Shadow, ..rule }
}

fn on_error(on_error: OnError, rule: RuleDef) -> RuleDef {
    RuleDef { on_error, ..rule }
}

fn score_is_at_least(points: i64) -> Expr {
    binary(BinaryOp::Ge, Expr::Score, constant(points))
}

fn of_set(set: &PolicySet) -> Evaluation {
    evaluate(set, &facts(&fields()), false)
}

fn of(rules: Vec<RuleDef>) -> Evaluation {
    of_set(&set_of(rules))
}

fn with(rules: Vec<RuleDef>, change: impl FnOnce(&mut Fields)) -> Evaluation {
    let mut fields = fields();
    change(&mut fields);
    evaluate(&set_of(rules), &facts(&fields), false)
}

fn codes(evaluation: &Evaluation) -> Vec<&str> {
    evaluation.reasons.iter().map(|reason| reason.code.as_ref()).collect()
}

fn names(names: &[Arc<str>]) -> Vec<&str> {
    names.iter().map(AsRef::as_ref).collect()
}

#[test]
fn without_rules_a_payment_is_allowed() {
    let evaluation = of(Vec::new());
    assert_eq!(evaluation.verdict, Verdict::Allow);
    assert_eq!(evaluation.score, 0);
    assert!(!evaluation.review);
    assert!(evaluation.reasons.is_empty());
}

#[test]
fn only_true_fires() {
    let evaluation = of(vec![
        rule("true", yes(), vec![review("A")]),
        rule("false", constant(false), vec![block("B")]),
        rule("missing", missing(), vec![block("C")]),
    ]);
    assert_eq!(evaluation.verdict, Verdict::Allow);
    assert_eq!(names(&evaluation.fired), ["true"]);
    assert!(evaluation.errors.is_empty());
    assert!(evaluation.degraded.is_empty());
}

#[test]
fn reasons_stand_by_rank_then_place_and_do_not_repeat() {
    let evaluation = of(vec![
        rule("r1", yes(), vec![score(1, "S"), review("R"), challenge("C", [])]),
        rule("r2", yes(), vec![block("B2"), review("B1")]),
        rule("r3", yes(), vec![block("B1"), score(2, "S"), challenge("B2", [])]),
        rule("r4", yes(), vec![review("S")]),
    ]);
    assert_eq!(codes(&evaluation), ["B2", "B1", "C", "R", "S"]);
    assert_eq!(evaluation.reasons[1].rule.as_ref(), "r3");
    assert_eq!(evaluation.verdict, Verdict::Block);
    assert!(!evaluation.review, "a block is not reviewed");
    assert!(evaluation.challenge.is_empty(), "a block asks for nothing");
    assert_eq!(evaluation.score, 3);
}

#[test]
fn the_strongest_verdict_wins_and_review_is_a_flag() {
    let evaluation =
        of(vec![rule("a", yes(), vec![review("R")]), rule("b", yes(), vec![challenge("C", [])])]);
    assert_eq!(evaluation.verdict, Verdict::Challenge);
    assert!(evaluation.review);
    assert_eq!(codes(&evaluation), ["C", "R"]);
    assert_eq!(evaluation.challenge, ["3ds"]);
}

#[test]
fn rules_that_read_the_score_see_the_points_of_all_active_fired_rules() {
    let points = || {
        vec![
            rule("high", score_is_at_least(30), vec![block("HIGH")]),
            rule("a", yes(), vec![score(10, "A"), score(5, "A2")]),
            rule("b", yes(), vec![score(20, "B")]),
            rule("c", constant(false), vec![score(100, "C")]),
            shadow(rule("d", yes(), vec![score(100, "D")])),
            on_error(OnError::Block, rule("e", failing(), vec![score(100, "E")])),
        ]
    };
    let evaluation = of(points());
    assert_eq!(evaluation.score, 35);
    assert_eq!(names(&evaluation.fired), ["high", "a", "b", "d"]);
    assert_eq!(codes(&evaluation), ["HIGH", "RULE_ERROR", "A", "A2", "B"]);
}

#[test]
fn points_can_be_taken_off_and_saturate() {
    let evaluation =
        of(vec![rule("a", yes(), vec![score(10, "A")]), rule("b", yes(), vec![score(-30, "B")])]);
    assert_eq!(evaluation.score, -20);
    let evaluation = of(vec![
        rule("a", yes(), vec![score(i64::MAX, "A")]),
        rule("b", yes(), vec![score(1, "B")]),
    ]);
    assert_eq!(evaluation.score, i64::MAX);
}

#[test]
fn a_let_carries_the_score_to_the_rules_that_read_it() {
    let mut set = set_of(vec![
        RuleDef { reads_score: true, ..rule("high", Expr::Let(LetIndex(0)), vec![block("HIGH")]) },
        rule("a", yes(), vec![score(30, "A")]),
    ]);
    set.lets.push(LetDef {
        name: Arc::from("is_high"),
        value: score_is_at_least(30),
        reads_score: true,
    });
    assert_eq!(of_set(&set).verdict, Verdict::Block);
}

#[test]
fn an_allow_sets_aside_the_rules_without_always() {
    let evaluation = of(vec![
        rule("block", yes(), vec![block("B")]),
        rule("points", yes(), vec![score(40, "S")]),
        on_error(OnError::Block, rule("broken", failing(), vec![block("X")])),
        rule("broken, skipped", failing(), vec![block("X")]),
        rule("not fired", constant(false), vec![block("N")]),
        always(rule("watch", yes(), vec![review("W")])),
        rule("trusted", yes(), vec![allow("T")]),
        shadow(rule("shadow", yes(), vec![block("H")])),
    ]);
    assert_eq!(evaluation.verdict, Verdict::Allow);
    assert!(evaluation.review);
    assert_eq!(codes(&evaluation), ["W", "T"]);
    assert_eq!(names(&evaluation.exempted), ["block", "points", "broken"]);
    assert_eq!(evaluation.score, 40, "points are summed before anything is set aside");
    assert_eq!(evaluation.errors.len(), 2);
}

#[test]
fn what_stands_always_is_stronger_than_an_allow() {
    let evaluation = of(vec![
        rule("trusted", yes(), vec![allow("T")]),
        always(rule("sanctioned", yes(), vec![block("B")])),
        always(on_error(OnError::Challenge, rule("broken", unknown(), vec![block("X")]))),
    ]);
    assert_eq!(evaluation.verdict, Verdict::Block);
    assert_eq!(codes(&evaluation), ["B", "RULE_ERROR", "T"]);
    assert!(evaluation.exempted.is_empty());
}

#[test]
fn an_allow_that_reads_the_score_exempts_too_and_a_shadow_one_does_not() {
    let rules = |mode| {
        vec![
            rule("block", yes(), vec![block("B"), score(-5, "S")]),
            RuleDef {
                mode,
                ..rule("calm", binary(BinaryOp::Lt, Expr::Score, constant(0)), vec![allow("T")])
            },
        ]
    };
    let evaluation = of(rules(Mode::Active));
    assert_eq!(evaluation.verdict, Verdict::Allow);
    assert_eq!(names(&evaluation.exempted), ["block"]);
    let evaluation = of(rules(Mode::Shadow));
    assert_eq!(evaluation.verdict, Verdict::Block);
    assert_eq!(evaluation.shadow[0].rule.as_ref(), "calm");
    assert!(of(rules(Mode::Off)).shadow.is_empty());
}

#[test]
fn the_other_actions_of_a_rule_that_allows_stand() {
    let evaluation = of(vec![
        rule("trusted, look at some", yes(), vec![allow("T"), review("R")]),
        rule("trusted", yes(), vec![allow("T2")]),
    ]);
    assert!(evaluation.review);
    assert_eq!(codes(&evaluation), ["R", "T", "T2"]);
    assert!(evaluation.exempted.is_empty());
}

#[test]
fn shadow_rules_are_reported_and_count_nowhere() {
    let evaluation = of(vec![
        shadow(rule("s1", yes(), vec![block("B"), score(5, "S")])),
        shadow(rule("s2", constant(false), vec![block("B")])),
        shadow(on_error(OnError::Block, rule("s3", unknown(), vec![block("B")]))),
        RuleDef { mode: Mode::Off, ..rule("off", yes(), vec![block("B")]) },
    ]);
    assert_eq!(evaluation.verdict, Verdict::Allow);
    assert_eq!(evaluation.score, 0);
    assert!(evaluation.reasons.is_empty());
    assert!(evaluation.degraded.is_empty());
    assert_eq!(names(&evaluation.fired), ["s1"]);
    assert_eq!(evaluation.shadow.len(), 1);
    assert_eq!(evaluation.shadow[0].actions.len(), 2);
}

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
        evaluate(&set, &facts(&fields), false)
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

#[test]
fn on_error_stands_in_for_a_rule_that_cannot_be_decided() {
    for undecided in [failing(), unknown(), constant(1)] {
        let of =
            |action| of(vec![on_error(action, rule("r", undecided.clone(), vec![allow("A")]))]);
        let evaluation = of(OnError::Skip);
        assert_eq!(evaluation.verdict, Verdict::Allow);
        assert!(evaluation.reasons.is_empty());
        assert_eq!(evaluation.errors.len(), 1);
        assert!(evaluation.fired.is_empty());
        let evaluation = of(OnError::Challenge);
        assert_eq!(evaluation.verdict, Verdict::Challenge);
        assert_eq!(evaluation.challenge, ["3ds"]);
        assert_eq!(codes(&evaluation), ["RULE_ERROR"]);
        assert_eq!(evaluation.reasons[0].class, ReasonClass::Degraded);
        let evaluation = of(OnError::Block);
        assert_eq!(evaluation.verdict, Verdict::Block);
        assert_eq!(codes(&evaluation), ["RULE_ERROR"]);
    }
}

#[test]
fn errors_say_what_went_wrong() {
    let evaluation = of(vec![
        rule("fails", failing(), vec![block("B")]),
        rule("no bool", constant("x"), vec![block("B")]),
        rule("undecided", unknown(), vec![block("B")]),
        shadow(rule("in the shadow", failing(), vec![block("B")])),
    ]);
    let error = |rule: &str, problem: &str| RuleError {
        rule: Arc::from(rule),
        problem: problem.to_owned(),
    };
    assert_eq!(
        evaluation.errors,
        [
            error("fails", "division by zero"),
            error("no bool", "the condition is a string and not a bool"),
            error("undecided", "undecided: `payment.attributes.unknown` could not be read"),
            error("in the shadow", "division by zero"),
        ]
    );
}

/// A set with the features `card.first` and `card.second`, and a `let` over the first.
fn set_with_features(rules: Vec<RuleDef>) -> PolicySet {
    let mut set = set_of(rules);
    for (slot, name) in ["card.first", "card.second"].into_iter().enumerate() {
        set.features.push(FeatureDef {
            name: Arc::from(name),
            entity: 0,
            slot,
            value_type: ValueType::Int,
        });
    }
    set.lets.push(LetDef {
        name: Arc::from("many"),
        value: binary(BinaryOp::Gt, first(), constant(3)),
        reads_score: false,
    });
    set
}

fn first() -> Expr {
    Expr::Feature(FeatureIndex(0))
}

fn second() -> Expr {
    Expr::Feature(FeatureIndex(1))
}

fn many() -> Expr {
    Expr::Let(LetIndex(0))
}

#[test]
fn what_could_not_be_read_and_was_needed_is_listed_once() {
    let set = set_with_features(vec![
        rule("amount", binary(BinaryOp::Gt, amount(), constant(5)), vec![block("B")]),
        rule("let", many(), vec![block("B")]),
        rule("let again", Expr::And(vec![constant(true), many()]), vec![block("B")]),
        rule("cut short", Expr::And(vec![constant(false), second()]), vec![block("B")]),
        rule("decided", Expr::Or(vec![first(), constant(true)]), vec![review("R")]),
    ]);
    let mut fields = fields();
    fields.set(Field::AmountBase, Value::Unknown);
    let features = [Value::Unknown, Value::Unknown];
    let facts = Facts { features: &features, ..facts(&fields) };
    let evaluation = evaluate(&set, &facts, false);
    assert_eq!(evaluation.degraded, ["payment.amount_base", "card.first"]);
    let undecided: Vec<_> = evaluation.errors.iter().map(|error| error.rule.as_ref()).collect();
    assert_eq!(undecided, ["amount", "let", "let again"]);
    assert_eq!(evaluation.errors[2].problem, "undecided: `card.first` could not be read");
    assert_eq!(names(&evaluation.fired), ["decided"]);
    assert_eq!(evaluation.verdict, Verdict::Allow);
}

fn amount() -> Expr {
    Expr::Field(Field::AmountBase)
}

#[test]
fn a_trace_gives_the_values_of_what_a_condition_names() {
    let set = set_with_features(vec![
        rule(
            "fires",
            Expr::And(vec![many(), binary(BinaryOp::Gt, second(), first())]),
            vec![score(7, "S")],
        ),
        rule("is missing", binary(BinaryOp::Eq, missing(), constant(1)), vec![block("B")]),
        rule("fails", Expr::Or(vec![amount(), failing()]), vec![block("B")]),
        RuleDef { mode: Mode::Off, ..rule("off", yes(), vec![block("B")]) },
        shadow(rule("reads the score", score_is_at_least(8), vec![block("B")])),
    ]);
    let features = [Value::Int(4), Value::Int(9)];
    let fields = fields();
    let facts = Facts { features: &features, ..facts(&fields) };
    assert!(evaluate(&set, &facts, false).trace.is_empty());
    let trace = evaluate(&set, &facts, true).trace;
    let rules: Vec<_> = trace.iter().map(|rule| rule.rule.as_ref()).collect();
    assert_eq!(rules, ["fires", "is missing", "fails", "reads the score"]);
    let conditions: Vec<_> = trace.iter().map(|rule| rule.condition.clone()).collect();
    assert_eq!(
        conditions,
        [Some(Value::Bool(true)), Some(Value::Missing), None, Some(Value::Bool(false))]
    );
    let values = |rule: usize| {
        trace[rule].values.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
    };
    let expected: [Vec<(&str, Value)>; 4] = [
        vec![
            ("many", Value::Bool(true)),
            ("card.second", Value::Int(9)),
            ("card.first", Value::Int(4)),
        ],
        vec![("payment.attributes.missing", Value::Missing)],
        vec![("payment.amount_base", Value::Int(1_000))],
        vec![("score", Value::Int(7))],
    ];
    for (rule, expected) in expected.into_iter().enumerate() {
        let values: Vec<_> = values(rule);
        assert_eq!(values, expected);
    }
}

#[test]
fn a_trace_changes_nothing_else() {
    let set = set_with_features(vec![
        rule("a", Expr::And(vec![constant(false), many()]), vec![block("A")]),
        shadow(rule("b", many(), vec![block("B")])),
        rule("c", many(), vec![review("C")]),
    ]);
    for first in [Value::Unknown, Value::Missing, Value::Int(9)] {
        let features = [first, Value::Unknown];
        let fields = fields();
        let facts = Facts { features: &features, ..facts(&fields) };
        let traced = evaluate(&set, &facts, true);
        let untraced = evaluate(&set, &facts, false);
        assert_eq!(Evaluation { trace: Vec::new(), ..traced }, untraced);
    }
}
