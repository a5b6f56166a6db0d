//! A decision is explained later on what it was made on, by the policies that made it.

use vajra::list::{ChangeKind, ListChange};
use vajra::model::decision::RuleTrace;
use vajra::model::value::Value;

use super::fixture::{at, engine_of, score, set_with, text};

const POLICY: &str = r#"
    entity card = payment.card.token;
    feature attempts_1h = count(attempt) by card over "1h";
    rule "attempts" when card.attempts_1h >= 2 then block("ATTEMPTS");
    rule "listed" when payment.card.token in list("blocked") then challenge("DEVICE", "3ds");
    limit "card day" = sum(payment.amount_base) by card per "day" max 25_00 then block("ATTEMPTS");
    limit "shadowed" mode shadow = count() by card per "day" max 0 then block("ATTEMPTS");
"#;
const FILE: (&str, &str) = ("lists/blocked.csv", "value\nx\n");

fn of<'a>(trace: &'a [RuleTrace], rule: &str) -> &'a RuleTrace {
    trace.iter().find(|trace| trace.rule.as_ref() == rule).unwrap()
}

fn value(trace: &RuleTrace, name: &str) -> Value {
    trace.values.iter().find(|(known, _)| known == name).unwrap().1.clone()
}

#[test]
fn what_a_rule_and_a_limit_read_is_told_as_it_was() {
    let engine = engine_of(set_with(POLICY, &[FILE]));
    for number in 0..4 {
        score(&engine, &format!("p{number}"), "c", at(number));
    }
    let told = |id: &str| {
        let steps = engine.payment(id, at(10)).unwrap().steps;
        engine.explain(&steps[0]).unwrap().trace
    };

    let passed = told("p1");
    let rule = of(&passed, "attempts");
    assert_eq!((&rule.condition, rule.line), (&Some(Value::Bool(false)), 4));
    assert_eq!(value(rule, "card.attempts_1h"), Value::Int(1));
    assert_eq!(rule.actions[0].as_ref(), r#"block("ATTEMPTS")"#);
    let limit = of(&passed, "card day");
    assert_eq!(limit.condition, Some(Value::Bool(false)));
    assert_eq!(value(limit, "payment.card.token"), text("c"));
    let figures = ["used", "reserved", "asked", "max"].map(|name| value(limit, name));
    assert_eq!(figures, [0, 10_00, 10_00, 25_00].map(Value::Int));
    assert!(of(&passed, "shadowed").is_shadow);
    assert_eq!(of(&passed, "shadowed").condition, Some(Value::Bool(true)));

    let blocked = told("p3");
    assert_eq!(value(of(&blocked, "attempts"), "card.attempts_1h"), Value::Int(3));
    assert_eq!(of(&blocked, "card day").condition, Some(Value::Bool(true)));
    assert_eq!(value(of(&blocked, "card day"), "reserved"), Value::Int(20_00));
}

#[test]
fn the_policies_that_decided_explain_it_as_long_as_they_are_held() {
    let engine = engine_of(set_with(POLICY, &[FILE]));
    score(&engine, "p", "c", at(0));
    let explained = || {
        let steps = engine.payment("p", at(10)).unwrap().steps;
        engine.explain(&steps[0])
    };
    let before = explained();
    for version in 0..3 {
        assert_eq!(explained(), before);
        let next = format!("{POLICY} const VERSION = {version};");
        engine.publish(set_with(&next, &[FILE]), at(version)).unwrap();
    }
    assert_eq!(explained(), before);
    engine
        .publish(
            set_with(r#"rule "r" when payment.amount > 0 then review("DEVICE");"#, &[FILE]),
            at(5),
        )
        .unwrap();
    assert_eq!(explained(), None);
}

#[test]
fn what_would_come_out_otherwise_now_is_named() {
    let engine = engine_of(set_with(POLICY, &[FILE]));
    score(&engine, "p", "c", at(0));
    let kind = ChangeKind::Add { expires_at: None, reason: None };
    let change = ListChange { list: "blocked".into(), value: "c".into(), kind };
    engine.change_list(&change, at(1)).unwrap();

    let steps = engine.payment("p", at(2)).unwrap().steps;
    let explained = engine.explain(&steps[0]).unwrap();

    assert_eq!(explained.changed.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["listed"]);
}
