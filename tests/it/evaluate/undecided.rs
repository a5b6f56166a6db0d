//! Rules that cannot be decided, what could not be read, and the trace that shows why.

use std::sync::Arc;

use vajra::model::decision::{Evaluation, RuleError};
use vajra::model::field::Field;
use vajra::model::value::{Value, ValueType};
use vajra::model::verdict::{Mode, OnError, ReasonClass, Verdict};
use vajra::policy::ast::BinaryOp;
use vajra::policy::evaluate::evaluate;
use vajra::policy::interpret::Facts;
use vajra::policy::ir::{Expr, FeatureIndex, LetIndex};
use vajra::policy::set::{FeatureDef, PolicySet, RuleDef};

use super::{
    allow, block, codes, names, of, on_error, review, score, score_is_at_least, shadow, yes,
};
use crate::hand_made::{
    binary, constant, facts, failing, fields, missing, named, rule, set_of, unknown,
};

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
    set.lets.push(named("many", binary(BinaryOp::Gt, first(), constant(3))));
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
    let evaluation = evaluate(&set, &facts, &[], false);
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
    assert!(evaluate(&set, &facts, &[], false).trace.is_empty());
    let trace = evaluate(&set, &facts, &[], true).trace;
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
        let traced = evaluate(&set, &facts, &[], true);
        let untraced = evaluate(&set, &facts, &[], false);
        assert_eq!(Evaluation { trace: Vec::new(), ..traced }, untraced);
    }
}
