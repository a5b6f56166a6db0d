//! Why each rule fired or not: what its condition names, with the values of that moment.

use std::sync::Arc;

use crate::model::decision::RuleTrace;
use crate::model::value::{Text, Value};
use crate::policy::evaluate::{Condition, Decided, attribute};
use crate::policy::interpret::Operand;
use crate::policy::interpret::evaluator::Evaluator;
use crate::policy::ir::Expr;
use crate::policy::set::{PolicySet, RuleDef};

/// A trace of every rule that was evaluated. Names without a value, such as a `let` that errors, are
/// left out.
pub(crate) fn trace<'a>(
    set: &'a PolicySet,
    evaluator: &mut Evaluator<'a>,
    decided: &[Decided<'a>],
) -> Vec<RuleTrace> {
    decided
        .iter()
        .filter_map(|Decided { rule, condition, .. }| {
            let condition = match condition {
                Condition::NotRun => return None,
                Condition::True => Some(Value::Bool(true)),
                Condition::False => Some(Value::Bool(false)),
                Condition::Missing => Some(Value::Missing),
                Condition::Unknown => Some(Value::Unknown),
                Condition::Failed(_) => None,
            };
            let values = values(set, evaluator, rule);
            Some(RuleTrace { rule: Arc::clone(&rule.name), condition, values })
        })
        .collect()
}

/// The fields, attributes, features, `let`s and the score that a condition names, in its own order.
fn values<'a>(
    set: &'a PolicySet,
    evaluator: &mut Evaluator<'a>,
    rule: &'a RuleDef,
) -> Vec<(Text, Value)> {
    let mut values: Vec<(Text, Value)> = Vec::new();
    rule.when.walk(&mut |expr| {
        let Some(name) = name(set, expr) else { return };
        if values.iter().any(|(known, _)| *known == name) {
            return;
        }
        if let Ok(value) = evaluator.eval(expr, &[]).and_then(Operand::into_value) {
            values.push((name, value));
        }
    });
    values
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
