//! Checked expressions as flat programs over slots: the same values and the same errors as
//! [`crate::policy::interpret`] gives, at the speed of hand-written code.
//!
//! * **A row of slots** ([`row`]). What some live rule or limit reads is bound once per payment: eight
//!   bytes and a tag each, a string as its key. A literal that is compared with what is not one has a slot
//!   too, and so has each operand that must be computed, a `let` among them: it is computed when it is
//!   first read, and what several rules compute is one slot.
//! * **Trees** ([`tree`], [`build`]). An expression over slots, helpers spelt out. Of each part it is
//!   known whether it can fail: arithmetic over tame numbers does not overflow, so most conditions cannot.
//! * **Programs** ([`code`], [`compile`]). A condition is a list of tests, each with where to go on;
//!   terms that cannot fail are asked in the order of their cost. Operands are operations over a stack.
//! * **Guards** ([`guard`]) say which rules are worth a look.
//!
//! A program knows present and missing values of the types that it was made for. Everything else is left
//! to the interpreter, for the rules that it concerns alone: what could not be read (which must be noted),
//! an attribute of another type, a number that is not tame, an error that was reached (which has a text).
//! [`Run`] keeps a bit for each rule for that. So programs are small, and the meaning stays in one place.

mod build;
mod code;
mod compile;
pub mod cost;

mod guard;
mod make;
mod row;
mod run;
pub mod tap;
mod tree;

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::model::field::Field;
use crate::model::value::{Text, Value};
use crate::model::verdict::Mode;
use crate::policy::interpret::Facts;
use crate::policy::interpret::functions::Clock;
use crate::policy::ir::FeatureIndex;
use crate::policy::program::build::Source;
use crate::policy::program::code::{Op, Step, Tables, Target};
use crate::policy::program::guard::Guards;
use crate::policy::program::row::{Slot, Tag};
use crate::policy::program::tree::SlotIndex;
use crate::policy::set::{PolicySet, RuleDef};

pub use run::Scratch;
pub(crate) use run::{Bail, Run};

/// Why an expression is left to the interpreter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLowered {
    /// A helper has loops or locals.
    #[error("`{0}` has loops or locals, so Rhai runs it")]
    Script(Arc<str>),
    /// Expressions stand too deep within each other.
    #[error("its expressions stand too deep within each other")]
    TooDeep,
    /// It would come to too many steps.
    #[error("it is too long")]
    TooLong,
    /// It names something that is not there.
    #[error("it names something that is not in the set")]
    Malformed,
}

/// The programs of a set.
#[derive(Debug, Default)]
pub struct Programs {
    slots: Vec<SlotCode>,
    /// The row before anything is bound: literals in their slots, the others empty.
    template: Vec<Slot>,
    tables: Tables,
    steps: Vec<Step>,
    rules: Vec<RuleCode>,
    limits: Vec<LimitCode>,
    guards: Guards,
    bindings: Bindings,
    readers: Readers,
    phases: Phases,
}

/// What is in a slot.
#[derive(Clone, Debug)]
enum SlotCode {
    Const(Value),
    Source(Source),
    Derived(Vec<Op>),
}

/// The steps of one condition.
#[derive(Clone, Copy, Debug)]
struct Program {
    from: u32,
    to: u32,
    start: Target,
}

/// How a rule is evaluated.
#[derive(Clone, Debug)]
struct RuleCode {
    program: Result<Program, NotLowered>,
}

/// How a limit is evaluated.
#[derive(Clone, Debug)]
struct LimitCode {
    filter: Option<Result<Program, NotLowered>>,
    amount: Option<Result<SlotIndex, NotLowered>>,
    max: Result<SlotIndex, NotLowered>,
}

/// What is put where before the programs run, and the tag that it must have.
#[derive(Debug, Default)]
struct Bindings {
    fields: Vec<(Field, Option<Tag>, SlotIndex)>,
    attributes: Vec<(Text, Option<Tag>, SlotIndex)>,
    features: Vec<(FeatureIndex, Option<Tag>, SlotIndex)>,
    score: Option<SlotIndex>,
}

/// Per slot, a bit for each rule and then for each limit.
#[derive(Debug, Default)]
struct Readers {
    /// How many words a slot has.
    words: usize,
    /// Those that read it.
    all: Vec<u64>,
    /// Those of them that compute something, so that it must be tame.
    computing: Vec<u64>,
    /// Those that have no program.
    interpreted: Vec<u64>,
}

/// A bit for each rule that is evaluated then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phases {
    /// Active rules that do not read the score.
    pub(crate) first: Vec<u64>,
    /// Active rules that read it.
    pub(crate) scored: Vec<u64>,
    /// Shadow rules.
    pub(crate) shadow: Vec<u64>,
    /// Active and shadow rules.
    pub(crate) live: Vec<u64>,
    /// Those of them that read the score.
    pub(crate) reading_score: Vec<u64>,
}

// === impl Program ===

impl Program {
    const fn steps(self) -> std::ops::Range<usize> {
        self.from as usize..self.to as usize
    }
}

// === impl Phases ===

impl Phases {
    pub(crate) fn of(rules: &[RuleDef]) -> Self {
        let mut phases = Self::default();
        for (place, rule) in rules.iter().enumerate() {
            let phase = match rule.mode {
                Mode::Active if rule.reads_score => &mut phases.scored,
                Mode::Active => &mut phases.first,
                Mode::Shadow => &mut phases.shadow,
                Mode::Off => continue,
            };
            set_bit(phase, place);
            set_bit(&mut phases.live, place);
            if rule.reads_score {
                set_bit(&mut phases.reading_score, place);
            }
        }
        phases
    }
}

/// How many words hold that many bits.
const fn words_of(bits: usize) -> usize {
    bits.div_ceil(64)
}

fn set_bit(words: &mut Vec<u64>, place: usize) {
    let word = place >> 6;
    if words.len() <= word {
        words.resize(word + 1, 0);
    }
    if let Some(word) = words.get_mut(word) {
        *word |= 1 << (place & 63);
    }
}

fn has_bit(words: &[u64], place: usize) -> bool {
    words.get(place >> 6).is_some_and(|word| word >> (place & 63) & 1 == 1)
}

fn union(words: &mut [u64], others: &[u64]) {
    for (word, other) in words.iter_mut().zip(others) {
        *word |= other;
    }
}

// === impl Readers ===

impl Readers {
    fn of(&self, slot: SlotIndex) -> &[u64] {
        let from = self.words * slot as usize;
        self.all.get(from..from + self.words).unwrap_or_default()
    }

    fn computing(&self, slot: SlotIndex) -> &[u64] {
        let from = self.words * slot as usize;
        self.computing.get(from..from + self.words).unwrap_or_default()
    }
}

// === impl Programs ===

impl Programs {
    /// The programs of those declarations.
    pub fn of(set: &PolicySet) -> Self {
        make::make(set).0
    }

    /// Why the rule of that place is interpreted; nothing when it is not.
    pub fn rule_not_lowered(&self, rule: usize) -> Option<&NotLowered> {
        self.rules.get(rule)?.program.as_ref().err()
    }

    /// Whether they were made from that set, and not left out.
    pub(crate) const fn are_of(&self, set: &PolicySet) -> bool {
        self.rules.len() == set.rules.len() && self.limits.len() == set.limits.len()
    }

    pub(crate) const fn phases(&self) -> &Phases {
        &self.phases
    }
}

// === impl Scratch ===

impl Scratch {
    fn mark_fired(&mut self, rule: u32) {
        set_bit(&mut self.fired, rule as usize);
    }

    fn mark_interpreted(&mut self, place: usize) {
        set_bit(&mut self.interpreted, place);
    }

    fn reset(&mut self, programs: &Programs) {
        self.row.clear();
        self.row.extend_from_slice(&programs.template);
        self.probes.clear();
        self.probes.resize(programs.tables.probes.len(), None);
        self.made.clear();
        self.interpreted.clear();
        self.interpreted.extend_from_slice(&programs.readers.interpreted);
        self.fired.clear();
        self.fired.resize(words_of(programs.rules.len()), 0);
    }
}

// === impl Run ===

impl<'a, 's> Run<'a, 's> {
    /// The programs of the set over these facts, all but the score bound.
    pub(crate) fn new(set: &'a PolicySet, facts: Facts<'a>, scratch: &'s mut Scratch) -> Self {
        Self::over(&set.programs, &set.bundle.time_zone, facts, scratch)
    }

    fn over(
        programs: &'a Programs,
        zone: &'a TimeZone,
        facts: Facts<'a>,
        scratch: &'s mut Scratch,
    ) -> Self {
        scratch.reset(programs);
        let clock = Clock { now: facts.now, zone };
        let mut run = Self { programs, facts, clock, scratch };
        for (field, tag, slot) in &programs.bindings.fields {
            run.bind(*slot, *tag, facts.fields.get(*field));
        }
        for (name, tag, slot) in &programs.bindings.attributes {
            run.bind(*slot, *tag, facts.fields.attribute(name));
        }
        for (index, tag, slot) in &programs.bindings.features {
            let value = facts.features.get(index.0 as usize).unwrap_or(&Value::Missing);
            run.bind(*slot, *tag, value);
        }
        if (Slot { tag: Tag::Time, bits: facts.now.as_micros() }).is_wild() {
            run.scratch.interpreted.fill(u64::MAX);
        }
        run
    }

    #[inline]
    fn bind(&mut self, slot: SlotIndex, tag: Option<Tag>, value: &Value) {
        let found = Slot::of(value);
        if let Some(place) = self.scratch.row.get_mut(slot as usize) {
            *place = found;
        }
        let fits = tag.is_none_or(|tag| tag == found.tag);
        if !fits && (found.is_present() || matches!(value, Value::Unknown))
            || tag.is_none() && matches!(value, Value::Unknown)
        {
            self.leave(self.programs.readers.of(slot));
        } else if tag != Some(Tag::Text) && found.is_wild() {
            self.leave(self.programs.readers.computing(slot));
        }
    }

    /// Leaves the readers of a slot to the interpreter.
    #[cold]
    fn leave(&mut self, readers: &[u64]) {
        union(&mut self.scratch.interpreted, readers);
    }

    /// Lets programs read the score.
    pub(crate) fn set_score(&mut self, score: i64) {
        if let Some(slot) = self.programs.bindings.score {
            self.bind(slot, Some(Tag::Int), &Value::Int(score));
        }
    }

    /// Runs the programs of those rules.
    pub(crate) fn fire_all(&mut self, rules: &[u64]) {
        for (word, bits) in rules.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let place = word << 6 | bits.trailing_zeros() as usize;
                bits &= bits - 1;
                self.verify(u32::try_from(place).unwrap_or(u32::MAX));
            }
        }
    }

    /// Runs the program of a rule, and marks the rule when it fires or has to be interpreted.
    fn verify(&mut self, rule: u32) {
        let programs = self.programs;
        let Some(RuleCode { program: Ok(program) }) = programs.rules.get(rule as usize) else {
            return;
        };
        match self.condition(*program) {
            Ok(true) => self.scratch.mark_fired(rule),
            Ok(false) => {}
            Err(Bail) => self.scratch.mark_interpreted(rule as usize),
        }
    }

    /// The rules of a phase that fired, and those that the interpreter has to evaluate.
    pub(crate) fn outcome(&self, phase: &[u64], word: usize) -> (u64, u64) {
        let at = |words: &[u64]| words.get(word).copied().unwrap_or(0);
        let phase = at(phase);
        let interpreted = at(&self.scratch.interpreted) & phase;
        (at(&self.scratch.fired) & phase & !interpreted, interpreted)
    }

    /// Whether the filter of a limit is true; it has one.
    ///
    /// # Errors
    /// [`Bail`] when the interpreter has to say.
    pub(crate) fn limit_filter(&mut self, limit: usize) -> Result<bool, Bail> {
        let code = self.limit(limit)?;
        let program = code.filter.as_ref().and_then(|filter| filter.as_ref().ok()).ok_or(Bail)?;
        self.condition(*program)
    }

    /// What a limit sums; it does.
    ///
    /// # Errors
    /// [`Bail`] when the interpreter has to say.
    pub(crate) fn limit_amount(&mut self, limit: usize) -> Result<Value, Bail> {
        let code = self.limit(limit)?;
        let slot = code.amount.as_ref().and_then(|slot| slot.as_ref().ok()).ok_or(Bail)?;
        self.number(*slot)
    }

    /// What a limit sums, whatever it is.
    ///
    /// # Errors
    /// [`Bail`] when the interpreter has to say.
    fn limit_value(&mut self, limit: usize) -> Result<Value, Bail> {
        let code = self.limit(limit)?;
        let slot = code.amount.as_ref().and_then(|slot| slot.as_ref().ok()).ok_or(Bail)?;
        self.operand(*slot)?.into_value().ok().ok_or(Bail)
    }

    /// The maximum of a limit.
    ///
    /// # Errors
    /// [`Bail`] when the interpreter has to say.
    pub(crate) fn limit_max(&mut self, limit: usize) -> Result<Value, Bail> {
        let slot = self.limit(limit)?.max.as_ref().ok().ok_or(Bail)?;
        self.number(*slot)
    }

    fn limit(&self, limit: usize) -> Result<&'a LimitCode, Bail> {
        let programs = self.programs;
        if has_bit(&self.scratch.interpreted, programs.rules.len() + limit) {
            return Err(Bail);
        }
        programs.limits.get(limit).ok_or(Bail)
    }

    /// A value that is missing or a number; what else it may be is for the interpreter to say.
    fn number(&mut self, slot: SlotIndex) -> Result<Value, Bail> {
        let found = self.read(slot)?;
        match found.tag {
            Tag::Missing => Ok(Value::Missing),
            Tag::Int => Ok(Value::Int(found.bits)),
            Tag::Unset
            | Tag::Failed
            | Tag::Bool
            | Tag::Float
            | Tag::Time
            | Tag::Text
            | Tag::Texts => Err(Bail),
        }
    }
}
