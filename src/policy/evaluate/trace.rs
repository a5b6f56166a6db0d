//! Why each rule and limit fired or not: what it names, with the values of that moment.

use std::sync::Arc;

use crate::model::decision::RuleTrace;
use crate::model::value::{Text, Value};
use crate::model::verdict::Mode;
use crate::policy::ast::Position;
use crate::policy::evaluate::limit::Met;
use crate::policy::evaluate::{Condition, Decided, attribute, limit_reads};
use crate::policy::interpret::evaluator::Evaluator;
use crate::policy::interpret::{Facts, Operand};
use crate::policy::ir::Expr;
use crate::policy::set::{KeyPart, LimitDef, PolicySet, RuleDef};

/// Names with their values, each once.
type Values = Vec<(Text, Value)>;

/// A trace of every rule and limit that is not off, in order of file and line. Names without a value, such
/// as a `let` that errors, are left out.
pub(crate) fn trace<'a>(
    set: &'a PolicySet,
    facts: &Facts<'a>,
    evaluator: &mut Evaluator<'a>,
    (decided, met): (&[Decided<'a>], &[Met]),
) -> Vec<RuleTrace> {
    let mut all: Vec<(&Position, RuleTrace)> = Vec::new();
    for Decided { rule, condition, .. } in decided {
        all.push((&rule.at, of_rule(set, evaluator, rule, condition)));
    }
    for (limit, met) in set.limits.iter().zip(met) {
        if limit.mode != Mode::Off {
            all.push((&limit.at, of_limit(set, facts, evaluator, (limit, met))));
        }
    }
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, trace)| trace).collect()
}

fn of_rule<'a>(
    set: &'a PolicySet,
    evaluator: &mut Evaluator<'a>,
    rule: &'a RuleDef,
    condition: &Condition,
) -> RuleTrace {
    let mut values = Values::new();
    read(set, evaluator, &rule.when, &mut values);
    RuleTrace {
        rule: Arc::clone(&rule.name),
        file: Arc::clone(&rule.at.file),
        line: rule.at.line,
        is_shadow: rule.mode == Mode::Shadow,
        actions: rule.actions_written.clone(),
        condition: outcome(condition),
        values,
    }
}

fn of_limit<'a>(
    set: &'a PolicySet,
    facts: &Facts<'a>,
    evaluator: &mut Evaluator<'a>,
    (limit, met): (&'a LimitDef, &Met),
) -> RuleTrace {
    let mut values = Values::new();
    for part in set.entities.get(limit.entity).iter().flat_map(|entity| &entity.parts) {
        let (name, value) = match part {
            KeyPart::Field(field) => (Text::from(field.path()), facts.fields.get(*field)),
            KeyPart::Attribute(name) => (attribute(name), facts.fields.attribute(name)),
        };
        values.push((name, value.clone()));
    }
    for expr in limit_reads(limit) {
        read(set, evaluator, expr, &mut values);
    }
    if let Some(usage) = met.usage.as_ref().filter(|usage| !usage.not_applied) {
        let asked = met.amount.unwrap_or(0);
        let others = usage.reserved.saturating_sub(asked);
        let figures = [("used", usage.used), ("reserved", others), ("asked", asked)];
        values.extend(figures.map(|(name, figure)| (Text::from(name), Value::Int(figure))));
        values.push((Text::from("max"), usage.max.clone()));
    }
    RuleTrace {
        rule: Arc::clone(&limit.name),
        file: Arc::clone(&limit.at.file),
        line: limit.at.line,
        is_shadow: limit.mode == Mode::Shadow,
        actions: limit.actions_written.clone(),
        condition: outcome(&met.condition),
        values,
    }
}

/// How it came out; a limit whose `where` does not hold did not fire.
const fn outcome(condition: &Condition) -> Option<Value> {
    match condition {
        Condition::True => Some(Value::Bool(true)),
        Condition::False | Condition::NotRun => Some(Value::Bool(false)),
        Condition::Missing => Some(Value::Missing),
        Condition::Unknown => Some(Value::Unknown),
        Condition::Failed(_) => None,
    }
}

/// Adds the fields, attributes, features, `let`s and the score that an expression names, in its own order.
fn read<'a>(
    set: &'a PolicySet,
    evaluator: &mut Evaluator<'a>,
    expr: &'a Expr,
    values: &mut Values,
) {
    expr.walk(&mut |expr| {
        let Some(name) = name(set, expr) else { return };
        if values.iter().any(|(known, _)| *known == name) {
            return;
        }
        if let Ok(value) = evaluator.eval(expr, &[]).and_then(Operand::into_value) {
            values.push((name, value));
        }
    });
}

/// The name of what an expression reads, when it is a name.
fn name(set: &PolicySet, expr: &Expr) -> Option<Text> {
    match expr {
        Expr::Field(field) => Some(Text::from(field.path())),
        Expr::Attribute(name) => Some(attribute(name)),
        Expr::Feature(index) => {
            set.features.get(index.0 as usize).map(|feature| Text::from(feature.name.as_ref()))
        }
        Expr::Let(index) => {
            set.lets.get(index.0 as usize).map(|named| Text::from(named.name.as_ref()))
        }
        Expr::Score => Some(Text::from("score")),
        Expr::Const(_)
        | Expr::Array(_)
        | Expr::Param(_)
        | Expr::List(_)
        | Expr::Unary(..)
        | Expr::Binary(..)
        | Expr::And(_)
        | Expr::Or(_)
        | Expr::Coalesce(_)
        | Expr::IsMissing(_)
        | Expr::InRange(..)
        | Expr::If(..)
        | Expr::Call(..)
        | Expr::Helper(..) => None,
    }
}
