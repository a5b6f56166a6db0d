//! Runs programs over one payment.
// CRITICAL PATH: a change here carries its number from `benches/peers.rs`.

use std::cell::Cell;

use smallvec::SmallVec;

use crate::model::value::{Text, Value};
use crate::policy::ast::BinaryOp;
use crate::policy::interpret::functions::{self, Clock};
use crate::policy::interpret::operators;
use crate::policy::interpret::{Facts, Operand, Truth, absent};
use crate::policy::program::build::Source;
use crate::policy::program::code::{Op, Products, Relation, Step, Target, Test};
use crate::policy::program::row::{Slot, Tag, is_hashed};
use crate::policy::program::tree::SlotIndex;
use crate::policy::program::{Program, Programs, SlotCode};

/// What programs write while they run, kept from one payment to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) row: Vec<Slot>,
    /// What each probe found, once it was made.
    pub(super) probes: Vec<Option<bool>>,
    /// The strings that derived slots hold.
    pub(super) made: Vec<(SlotIndex, Text)>,
    /// A bit per rule and limit that the interpreter must evaluate.
    pub(super) interpreted: Vec<u64>,
    /// A bit per rule whose program came out true.
    pub(super) fired: Vec<u64>,
}

/// The interpreter has to say what comes out: something failed, or is not what the program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bail;

/// The programs of a set over one payment.
#[derive(Debug)]
pub(crate) struct Run<'a, 's> {
    pub(super) programs: &'a Programs,
    pub(super) facts: Facts<'a>,
    pub(super) clock: Clock<'a>,
    pub(super) scratch: &'s mut Scratch,
}

/// How a test comes out; without a value it is missing.
type Tested = Result<Option<bool>, Bail>;

type Stack<'a> = SmallVec<[Operand<'a>; 8]>;

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch::NEW) };
}

// === impl Scratch ===

impl Scratch {
    /// Nothing was run yet.
    const NEW: Self = Self {
        row: Vec::new(),
        probes: Vec::new(),
        made: Vec::new(),
        interpreted: Vec::new(),
        fired: Vec::new(),
    };

    /// That of the thread, to be given back with [`Self::give_back`].
    pub(crate) fn take() -> Self {
        SCRATCH.take()
    }

    /// For the next of the thread to use again.
    pub(crate) fn give_back(self) {
        SCRATCH.set(self);
    }
}

// === impl Run ===

impl<'a> Run<'a, '_> {
    /// Whether a condition is true.
    ///
    /// # Errors
    /// [`Bail`] when the interpreter has to say.
    pub(super) fn condition(&mut self, program: Program) -> Result<bool, Bail> {
        let programs = self.programs;
        let steps = programs.steps.get(program.steps()).ok_or(Bail)?;
        let mut at = program.start;
        while !at.is_end() {
            let step: &Step = steps.get(usize::from(at.0)).ok_or(Bail)?;
            at = match self.test(&step.test)? {
                Some(true) => step.on_true,
                Some(false) => step.on_false,
                None => step.on_missing,
            };
        }
        Ok(at == Target::TRUE)
    }

    #[inline]
    fn test(&mut self, test: &Test) -> Tested {
        match *test {
            Test::Between { slot, low, high } => {
                let slot = self.read(slot)?;
                Ok(slot.is_present().then_some(low <= slot.bits && slot.bits <= high))
            }
            Test::Holds { slot } => match self.read(slot)? {
                Slot { tag: Tag::Bool, bits } => Ok(Some(bits != 0)),
                Slot { tag: Tag::Missing, .. } => Ok(None),
                _ => Err(Bail),
            },
            Test::IsText { slot, text, key } => {
                let found = self.read(slot)?;
                if found.bits != key || !found.is_present() {
                    return Ok(found.is_present().then_some(false));
                }
                if !is_hashed(key) {
                    return Ok(Some(true));
                }
                let literal = self.programs.tables.texts.get(place(text)).ok_or(Bail)?;
                self.with_text(slot, |text| text == literal.as_str()).map(Some)
            }
            Test::OneOf { slot, set } => {
                let found = self.read(slot)?;
                let set = self.programs.tables.sets.get(place(set)).ok_or(Bail)?;
                if !found.is_present() || !set.has_key(found.bits) {
                    return Ok(found.is_present().then_some(false));
                }
                if found.tag != Tag::Text || !is_hashed(found.bits) {
                    return Ok(Some(true));
                }
                self.with_text(slot, |text| set.has_text(text)).map(Some)
            }
            Test::OnList { probe } => self.probe(probe),
            Test::SameText { left, right } => self.same_text(left, right),
            Test::Compare { left, right, relation } => self.compare(left, right, relation),
            Test::Products { place: at } => {
                let Products { left, left_by, right, right_by, relation } =
                    *self.programs.tables.products.get(place(at)).ok_or(Bail)?;
                let (left, right) = (self.read(left)?, self.read(right)?);
                if !left.is_present() || !right.is_present() {
                    return Ok(None);
                }
                // The compiler has seen to it that tame factors do not overflow; with a wild one the
                // program is not asked.
                let (left, right) =
                    (left.bits.wrapping_mul(left_by), right.bits.wrapping_mul(right_by));
                Ok(Some(relation.holds(left.cmp(&right))))
            }
            Test::IsMissing { slot } => Ok(Some(!self.read(slot)?.is_present())),
        }
    }

    /// What is in a slot; computed when it is first read.
    #[inline]
    pub(super) fn read(&mut self, slot: SlotIndex) -> Result<Slot, Bail> {
        match self.scratch.row.get(place(slot)) {
            Some(found) if found.tag >= Tag::Missing => Ok(*found),
            _ => self.derive(slot),
        }
    }

    #[cold]
    #[inline(never)]
    fn derive(&mut self, slot: SlotIndex) -> Result<Slot, Bail> {
        let found = self.scratch.row.get(place(slot)).ok_or(Bail)?;
        let Some(SlotCode::Derived(ops)) = self.programs.slots.get(place(slot)) else {
            return Err(Bail);
        };
        if found.tag == Tag::Failed {
            return Err(Bail);
        }
        let value = self.value(ops);
        let computed = value.as_ref().map_or(Slot::FAILED, Slot::of_operand);
        if let Ok(text @ (Operand::Text(_) | Operand::Made(_))) = &value {
            let text = text.as_str().map(Text::from).unwrap_or_default();
            self.scratch.made.push((slot, text));
        }
        if let Some(memo) = self.scratch.row.get_mut(place(slot)) {
            *memo = computed;
        }
        if computed.tag == Tag::Failed { Err(Bail) } else { Ok(computed) }
    }

    /// Whether the string of a probe is on its list; looked up once.
    pub(super) fn probe(&mut self, probe: u32) -> Tested {
        let known = self.programs.tables.probes.get(place(probe)).ok_or(Bail)?;
        if let Some(Some(found)) = self.scratch.probes.get(place(probe)) {
            return Ok(Some(*found));
        }
        let slot = self.read(known.slot)?;
        if !slot.is_present() {
            return Ok(None);
        }
        let (lists, now) = (self.facts.lists, self.facts.now);
        let found = self.with_text(known.slot, |text| lists.contains(&known.list, text, now))?;
        if let Some(memo) = self.scratch.probes.get_mut(place(probe)) {
            *memo = Some(found);
        }
        Ok(Some(found))
    }

    fn same_text(&mut self, left: SlotIndex, right: SlotIndex) -> Tested {
        let (one, other) = (self.read(left)?, self.read(right)?);
        if !one.is_present() || !other.is_present() {
            return Ok(None);
        }
        if one.bits != other.bits || !is_hashed(one.bits) {
            return Ok(Some(one.bits == other.bits));
        }
        let (one, other) = (self.operand(left)?, self.operand(right)?);
        Ok(Some(one.as_str() == other.as_str()))
    }

    fn compare(&mut self, left: SlotIndex, right: SlotIndex, relation: Relation) -> Tested {
        let (left, right) = (self.read(left)?, self.read(right)?);
        if !left.is_present() || !right.is_present() {
            return Ok(None);
        }
        let order = if left.tag == right.tag && left.tag != Tag::Float {
            left.bits.cmp(&right.bits)
        } else {
            left.as_float().partial_cmp(&right.as_float()).ok_or(Bail)?
        };
        Ok(Some(relation.holds(order)))
    }

    /// What is in a slot, strings too.
    pub(super) fn operand(&mut self, slot: SlotIndex) -> Result<Operand<'a>, Bail> {
        let programs = self.programs;
        match programs.slots.get(place(slot)).ok_or(Bail)? {
            SlotCode::Const(value) => Ok(Operand::of(value)),
            SlotCode::Source(Source::Score) => self.read(slot)?.operand().ok_or(Bail),
            SlotCode::Source(source) => Ok(Operand::of(self.value_of(source))),
            SlotCode::Derived(_) => {
                let found = self.read(slot)?;
                if let Some(operand) = found.operand() {
                    return Ok(operand);
                }
                let made = self.scratch.made.iter().find(|(known, _)| *known == slot);
                made.map(|(_, text)| Operand::Made(text.clone())).ok_or(Bail)
            }
        }
    }

    /// Shows the string of a slot.
    fn with_text<T>(&mut self, slot: SlotIndex, look: impl FnOnce(&str) -> T) -> Result<T, Bail> {
        if let Some(SlotCode::Source(source)) = self.programs.slots.get(place(slot)) {
            return self.value_of(source).as_text().map(look).ok_or(Bail);
        }
        self.operand(slot)?.as_str().map(look).ok_or(Bail)
    }

    fn value_of(&self, source: &Source) -> &'a Value {
        match source {
            Source::Field(field) => self.facts.fields.get(*field),
            Source::Attribute(name) => self.facts.fields.attribute(name),
            Source::Feature(index) => {
                self.facts.features.get(place(index.0)).unwrap_or(&Value::Missing)
            }
            Source::Score => &Value::Missing,
        }
    }

    /// Computes a value.
    fn value(&mut self, ops: &'a [Op]) -> Result<Operand<'a>, Bail> {
        let mut stack = Stack::new();
        let mut at = 0;
        while let Some(op) = ops.get(at) {
            at = match self.step(*op, &mut stack)? {
                Some(to) => usize::from(to),
                None => at + 1,
            };
        }
        stack.pop().ok_or(Bail)
    }

    /// One operation; where it goes on unless that is the next.
    fn step(&mut self, op: Op, stack: &mut Stack<'a>) -> Result<Option<u16>, Bail> {
        let programs = self.programs;
        let tables = &programs.tables;
        let pushed = match op {
            Op::Const(at) => Operand::of(tables.consts.get(place(at)).ok_or(Bail)?),
            Op::Array(at) => Operand::Array(tables.arrays.get(place(at)).ok_or(Bail)?),
            Op::List(at) => Operand::List(tables.lists.get(place(at)).ok_or(Bail)?),
            Op::Slot(slot) => self.operand(slot)?,
            Op::Unary(op) => {
                let operand = stack.pop().ok_or(Bail)?;
                operators::unary(op, &operand).map_err(bail)?
            }
            Op::Binary(op) => {
                let (right, left) = stack.pop().zip(stack.pop()).ok_or(Bail)?;
                self.binary(op, left, right)?
            }
            Op::InRange { is_closed } => {
                let end = stack.pop().ok_or(Bail)?;
                let (start, needle) = stack.pop().zip(stack.pop()).ok_or(Bail)?;
                operators::is_in_range(&[needle, start, end], is_closed).map_err(bail)?
            }
            Op::IsMissing => {
                let operand = stack.pop().ok_or(Bail)?;
                if matches!(operand, Operand::Unknown) {
                    operand
                } else {
                    Operand::Bool(matches!(operand, Operand::Missing))
                }
            }
            Op::Call(function, args) => {
                let from = stack.len().checked_sub(usize::from(args)).ok_or(Bail)?;
                let args = stack.get(from..).ok_or(Bail)?;
                let value = functions::call(function, args, self.clock).map_err(bail)?;
                stack.truncate(from);
                value
            }
            Op::FirstTerm { .. } | Op::Term { .. } => return term(op, stack),
            Op::Present { end } => {
                if !matches!(stack.last(), Some(Operand::Missing)) {
                    return Ok(Some(end));
                }
                stack.pop();
                return Ok(None);
            }
            Op::Branch { otherwise } => {
                let holds = stack.pop().ok_or(Bail)?.truth("").map_err(bail)? == Truth::True;
                return Ok((!holds).then_some(otherwise));
            }
            Op::Jump { to } => return Ok(Some(to)),
            Op::Touch(slot) => {
                self.operand(slot)?;
                return Ok(None);
            }
            Op::Given { slot, end } => match absent(&[self.operand(slot)?]) {
                Some(absent) => {
                    stack.push(absent);
                    return Ok(Some(end));
                }
                None => return Ok(None),
            },
        };
        stack.push(pushed);
        Ok(None)
    }

    fn binary(
        &self,
        op: BinaryOp,
        left: Operand<'a>,
        right: Operand<'a>,
    ) -> Result<Operand<'a>, Bail> {
        let contains =
            |needle, haystack| operators::is_in(needle, haystack, self.facts.lists, self.facts.now);
        let value = if op == BinaryOp::In {
            contains(&left, &right)
        } else if op == BinaryOp::NotIn {
            contains(&left, &right).and_then(|found| operators::not(&found))
        } else {
            operators::binary(op, left, right)
        };
        value.map_err(bail)
    }
}

/// A term of `&&` or `||`, joined with what came before it.
fn term(op: Op, stack: &mut Stack<'_>) -> Result<Option<u16>, Bail> {
    let (Op::FirstTerm { ending, end } | Op::Term { ending, end }) = op else { return Err(Bail) };
    let truth = stack.pop().ok_or(Bail)?.truth("").map_err(bail)?;
    let before = if matches!(op, Op::Term { .. }) {
        stack.pop().ok_or(Bail)?.truth("").map_err(bail)?
    } else {
        Truth::from(!ending)
    };
    let ends = truth == Truth::from(ending);
    let joined = match (truth, before) {
        _ if ends => truth,
        (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
        (Truth::Missing, _) | (_, Truth::Missing) => Truth::Missing,
        (Truth::True | Truth::False, _) => truth,
    };
    stack.push(joined.into());
    Ok(ends.then_some(end))
}

/// What went wrong is the interpreter's to say.
#[cold]
fn bail(_: Box<crate::policy::interpret::EvalError>) -> Bail {
    Bail
}

const fn place(index: u32) -> usize {
    index as usize
}
