//! Which events the features count, and with what value, as programs: those of one event share a row.

use std::sync::Arc;

use crate::model::value::Value;
use crate::policy::interpret::{EvalError, Facts, value_of};
use crate::policy::ir::Expr;
use crate::policy::program::make::make_taps;
use crate::policy::program::{Programs, Run, Scratch};
use crate::policy::set::{PolicySet, Tap};

/// The programs of all taps of an event, and which of them a tap's are.
#[derive(Clone, Debug, Default)]
pub struct TapProgram {
    programs: Arc<Programs>,
    place: usize,
}

/// Whether an event is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Its filter is true, or there is none.
    Yes,
    /// It is not, or has no value.
    No,
    /// It could not be read.
    Unknown,
}

/// Evaluates the taps of one event.
#[derive(Debug)]
pub struct Counting<'a, 's> {
    set: &'a PolicySet,
    facts: Facts<'a>,
    /// `None` when there is nothing to run.
    run: Option<Run<'a, 's>>,
}

/// Gives the taps of an event their programs.
pub fn compile(set: &PolicySet, taps: &[Tap]) -> Vec<TapProgram> {
    let programs = Arc::new(make_taps(set, taps));
    (0..taps.len()).map(|place| TapProgram { programs: Arc::clone(&programs), place }).collect()
}

// === impl Counting ===

impl<'a, 's> Counting<'a, 's> {
    /// Binds what the taps, which are all of one event, read.
    pub fn new(
        set: &'a PolicySet,
        taps: &'a [Tap],
        facts: Facts<'a>,
        scratch: &'s mut Scratch,
    ) -> Self {
        let programs = taps.first().map(|tap| &*tap.program.programs);
        let run = programs
            .filter(|programs| programs.limits.len() == taps.len() && !programs.slots.is_empty())
            .map(|programs| Run::over(programs, &set.bundle.time_zone, facts, scratch));
        Self { set, facts, run }
    }

    /// Whether the event is counted.
    pub fn counted(&mut self, tap: &Tap) -> Counted {
        let Some(filter) = &tap.filter else { return Counted::Yes };
        let known = self.run.as_mut().and_then(|run| run.limit_filter(tap.program.place).ok());
        match known
            .map_or_else(|| value_of(self.set, filter, &self.facts), |it| Ok(Value::Bool(it)))
        {
            Ok(Value::Bool(true)) => Counted::Yes,
            Ok(Value::Unknown) => Counted::Unknown,
            Ok(
                Value::Missing
                | Value::Bool(false)
                | Value::Int(_)
                | Value::Float(_)
                | Value::Time(_)
                | Value::Text(_)
                | Value::Texts(_),
            )
            | Err(_) => Counted::No,
        }
    }

    /// What is aggregated; nothing when only the event is.
    ///
    /// # Errors
    /// [`EvalError`] of the first error that is reached.
    pub fn value(&mut self, tap: &Tap) -> Option<Result<Value, EvalError>> {
        let value = tap.value.as_ref()?;
        if let Expr::Field(field) = value {
            return Some(Ok(self.facts.fields.get(*field).clone()));
        }
        let known = self.run.as_mut().and_then(|run| run.limit_value(tap.program.place).ok());
        Some(known.map_or_else(|| value_of(self.set, value, &self.facts), Ok))
    }
}
