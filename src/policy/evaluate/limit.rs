//! How the limits come out: what the attempt would come to in each, and whether that is too much.

use std::sync::Arc;

use crate::model::limit::{LimitUsage, Usage};
use crate::model::time::Timestamp;
use crate::model::value::Value;
use crate::model::verdict::Mode;
use crate::policy::evaluate::Condition;
use crate::policy::evaluate::judge::Judge;
use crate::policy::interpret::{EvalError, Truth};
use crate::policy::set::LimitDef;

/// What is known of a limit before an attempt is decided: what others have used and reserved, the
/// payment's own hold left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitReading {
    /// A part of its key is missing.
    Missing,
    /// Its key or its usage could not be read.
    Unknown,
    /// What is used and reserved, and when the calendar period ends.
    Usage(Usage, Option<Timestamp>),
}

/// How one limit came out.
#[derive(Clone, Debug)]
pub(crate) struct Met {
    /// Whether it fires.
    pub(crate) condition: Condition,
    /// What the attempt counts in it; `None` when it does not apply or that is not known.
    pub(crate) amount: Option<i64>,
    /// What the answer says of it; `None` when it was not run or its filter does not hold.
    pub(crate) usage: Option<LimitUsage>,
}

/// Evaluates the limits of a mode. Those of another mode stay as they are.
pub(super) fn run(
    judge: &mut Judge<'_, '_>,
    readings: &[LimitReading],
    mode: Mode,
    met: &mut [Met],
) {
    let set = judge.set;
    for (place, (limit, met)) in set.limits.iter().zip(met).enumerate() {
        if limit.mode == mode {
            let reading = readings.get(place).copied().unwrap_or(LimitReading::Missing);
            *met = meet(judge, place, limit, reading);
        }
    }
}

fn meet<'a>(
    judge: &mut Judge<'a, '_>,
    place: usize,
    limit: &'a LimitDef,
    reading: LimitReading,
) -> Met {
    if let Some(filter) = &limit.filter {
        match judge.filter(place, filter) {
            Ok(Truth::True) => {}
            Ok(Truth::False | Truth::Missing) => return Met::NOT_RUN,
            Ok(Truth::Unknown) => return Met::undecided(limit, Condition::Unknown),
            Err(error) => return Met::undecided(limit, Condition::Failed(error)),
        }
    }
    let mut usage = unread(limit);
    if reading == LimitReading::Missing {
        usage.not_applied = true;
        return Met { condition: Condition::False, amount: None, usage: Some(usage) };
    }
    let amount = match judge.amount(place, limit) {
        None => Ok(1),
        Some(Ok(Value::Int(amount))) => Ok(amount.max(0)),
        Some(Ok(Value::Missing)) => {
            usage.not_applied = true;
            return Met { condition: Condition::False, amount: None, usage: Some(usage) };
        }
        Some(Ok(Value::Unknown)) => Err(Condition::Unknown),
        Some(Ok(other)) => Err(not_whole("the sum", &other)),
        Some(Err(error)) => Err(Condition::Failed(error)),
    };
    let max = match judge.maximum(place, limit) {
        Ok(Value::Int(max)) => Ok(max),
        // A limit without a maximum cannot be decided any more than one whose maximum is not known.
        Ok(Value::Missing | Value::Unknown) => Err(Condition::Unknown),
        Ok(other) => Err(not_whole("the maximum", &other)),
        Err(error) => Err(Condition::Failed(error)),
    };
    usage.max = max.as_ref().map_or(Value::Missing, |max| Value::Int(*max));
    let LimitReading::Usage(Usage { used, reserved }, resets_at) = reading else {
        let condition = amount.as_ref().err().cloned().unwrap_or(Condition::Unknown);
        return Met { condition, amount: amount.ok(), usage: Some(usage) };
    };
    (usage.used, usage.reserved, usage.resets_at) = (used, reserved, resets_at);
    match (amount, max) {
        (Ok(amount), Ok(max)) => {
            usage.reserved = reserved.saturating_add(amount);
            let total = i128::from(used) + i128::from(reserved) + i128::from(amount);
            let condition =
                if total > i128::from(max) { Condition::True } else { Condition::False };
            Met { condition, amount: Some(amount), usage: Some(usage) }
        }
        (Err(condition), _) => Met { condition, amount: None, usage: Some(usage) },
        (Ok(amount), Err(condition)) => {
            usage.reserved = reserved.saturating_add(amount);
            Met { condition, amount: Some(amount), usage: Some(usage) }
        }
    }
}

/// Of a limit of which nothing is read yet.
fn unread(limit: &LimitDef) -> LimitUsage {
    LimitUsage {
        name: Arc::clone(&limit.name),
        used: 0,
        reserved: 0,
        max: Value::Missing,
        resets_at: None,
        not_applied: false,
        counts: limit.amount.is_none(),
    }
}

fn not_whole(what: &str, found: &Value) -> Condition {
    let kind = found.value_type().map_or("nothing", |kind| kind.name());
    let problem = format!("{what} of a limit must be a whole number, and is {kind}");
    Condition::Failed(Box::new(EvalError::Type(problem)))
}

// === impl Met ===

impl Met {
    /// It was not run, or its filter does not hold.
    pub(crate) const NOT_RUN: Self =
        Self { condition: Condition::NotRun, amount: None, usage: None };

    fn undecided(limit: &LimitDef, condition: Condition) -> Self {
        Self { condition, amount: None, usage: Some(unread(limit)) }
    }
}
