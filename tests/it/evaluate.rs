//! How rules are merged: score, exemption, verdict, reasons, challenges, errors, shadow, trace.

mod challenge;
mod undecided;

use std::sync::Arc;

use vajra::model::decision::Evaluation;
use vajra::model::field::Fields;
use vajra::model::value::Text;
use vajra::model::verdict::{Mode, OnError, Verdict};
use vajra::policy::ast::BinaryOp;
use vajra::policy::evaluate::evaluate;
use vajra::policy::ir::{Expr, LetIndex};
use vajra::policy::set::{ActionDef, LetDef, PolicySet, RuleDef};

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
    evaluate(set, &facts(&fields()), &[], false)
}

fn of(rules: Vec<RuleDef>) -> Evaluation {
    of_set(&set_of(rules))
}

fn with(rules: Vec<RuleDef>, change: impl FnOnce(&mut Fields)) -> Evaluation {
    let mut fields = fields();
    change(&mut fields);
    evaluate(&set_of(rules), &facts(&fields), &[], false)
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
