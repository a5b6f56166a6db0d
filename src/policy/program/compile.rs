//! Trees to steps and operations.

use std::sync::Arc;

use crate::model::value::{Value, ValueType};
use crate::policy::ast::{BinaryOp, UnaryOp};
use crate::policy::program::NotLowered;
use crate::policy::program::build::Builder;
use crate::policy::program::code::{
    Op, Probe, Products, Relation, Set, Step, Tables, Target, Test, place_in,
};
use crate::policy::program::row::key;
use crate::policy::program::tree::{Node, NodeKind, SlotIndex, are_comparable};

/// How many operations one value may take.
const OPS_MAX: usize = 4_096;

/// Where a condition goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    on_true: Target,
    on_false: Target,
    on_missing: Target,
}

/// Makes programs that share their slots and tables.
#[derive(Debug)]
pub(super) struct Compiler<'a> {
    pub(super) builder: Builder<'a>,
    pub(super) tables: Tables,
}

/// The steps of one condition, the last first, so that those after a step are known when it is made.
#[derive(Debug, Default)]
struct Reversed(Vec<Step>);

// === impl Compiler ===

impl<'a> Compiler<'a> {
    pub(super) fn new(builder: Builder<'a>) -> Self {
        Self { builder, tables: Tables::default() }
    }

    /// The steps of a condition that holds when all of these do, and where they begin.
    ///
    /// # Errors
    /// [`NotLowered`] when there are too many.
    pub(super) fn condition(&mut self, terms: &[Node]) -> Result<(Vec<Step>, Target), NotLowered> {
        // What is missing holds no more than what is false.
        let (on_true, on_false) = (Target::TRUE, Target::FALSE);
        let ends = Ends { on_true, on_false, on_missing: on_false };
        let mut reversed = Reversed::default();
        let start = self.all(terms, ends, &mut reversed)?;
        let last = reversed.0.len().saturating_sub(1);
        let flip = |target: Target| {
            if target.is_end() { target } else { Target::step(last - usize::from(target.0)) }
        };
        let steps = reversed.0.iter().rev().map(|step| Step {
            test: step.test,
            on_true: flip(step.on_true),
            on_false: flip(step.on_false),
            on_missing: flip(step.on_missing),
        });
        Ok((steps.collect(), flip(start)))
    }

    /// Adds the steps that decide a condition, and says where they begin.
    fn decide(
        &mut self,
        node: &Node,
        ends: Ends,
        into: &mut Reversed,
    ) -> Result<Target, NotLowered> {
        if let NodeKind::Const(Value::Bool(truth)) = node.kind {
            return Ok(if truth { ends.on_true } else { ends.on_false });
        }
        if !node.is_bool() {
            return self.holds(node, ends, into);
        }
        match &node.kind {
            NodeKind::Unary(UnaryOp::Not, inner) if inner.is_bool() => {
                self.decide(inner, ends.swapped(), into)
            }
            NodeKind::And(terms) if ends.merge_missing() && terms.iter().all(Node::is_bool) => {
                self.all(terms, ends, into)
            }
            NodeKind::Or(terms) if ends.merge_missing() && terms.iter().all(Node::is_bool) => {
                self.any(terms, ends, into)
            }
            NodeKind::Coalesce(terms) if terms.iter().all(Node::is_bool) => {
                let mut next = ends;
                let mut start = ends.on_missing;
                for term in terms.iter().rev() {
                    start = self.decide(term, next, into)?;
                    next = Ends { on_missing: start, ..ends };
                }
                Ok(start)
            }
            NodeKind::If(parts) if parts.iter().all(Node::is_bool) => {
                let [condition, then, otherwise] = &**parts;
                let on_true = self.decide(then, ends, into)?;
                let on_false = self.decide(otherwise, ends, into)?;
                self.decide(condition, Ends { on_true, on_false, on_missing: on_false }, into)
            }
            NodeKind::Given(given) => {
                let mut start = self.decide(&given.value, ends, into)?;
                for slot in given.slots.iter().rev() {
                    let (on_true, test) = (ends.on_missing, Test::IsMissing { slot: *slot });
                    start =
                        into.push(test, Ends { on_true, on_false: start, on_missing: start })?;
                }
                for slot in given.touched.iter().rev() {
                    start = into.push(Test::IsMissing { slot: *slot }, Ends::all(start))?;
                }
                Ok(start)
            }
            NodeKind::Const(_)
            | NodeKind::Array(_)
            | NodeKind::List(_)
            | NodeKind::Slot(_)
            | NodeKind::Unary(..)
            | NodeKind::Binary(..)
            | NodeKind::And(_)
            | NodeKind::Or(_)
            | NodeKind::Coalesce(_)
            | NodeKind::IsMissing(_)
            | NodeKind::InRange(..)
            | NodeKind::If(_)
            | NodeKind::Call(..) => match self.test(node) {
                Some((test, true)) => into.push(test, ends.swapped()),
                Some((test, false)) => into.push(test, ends),
                None => self.holds(node, ends, into),
            },
        }
    }

    /// `&&`: only `false` ends it; a missing term leaves the others to be looked at if they may fail.
    fn all(
        &mut self,
        terms: &[Node],
        ends: Ends,
        into: &mut Reversed,
    ) -> Result<Target, NotLowered> {
        let Ends { on_true, on_false, on_missing } = ends;
        // Where it goes on when all terms before were true, and when one was missing.
        let (mut after_true, mut after_missing) = (on_true, on_missing);
        let mut may_fail = false;
        for term in terms.iter().rev() {
            let ends = Ends { on_true: after_true, on_false, on_missing: after_missing };
            let start = self.decide(term, ends, into)?;
            may_fail |= term.known.may_fail;
            after_missing = if on_true == on_missing {
                start
            } else if may_fail {
                let ends = Ends { on_true: after_missing, on_false, on_missing: after_missing };
                self.decide(term, ends, into)?
            } else {
                on_missing
            };
            after_true = start;
        }
        Ok(after_true)
    }

    /// `||`: only `true` ends it.
    fn any(
        &mut self,
        terms: &[Node],
        ends: Ends,
        into: &mut Reversed,
    ) -> Result<Target, NotLowered> {
        let Ends { on_true, on_false, on_missing } = ends;
        let (mut after_false, mut after_missing) = (on_false, on_missing);
        let mut may_fail = false;
        for term in terms.iter().rev() {
            let ends = Ends { on_true, on_false: after_false, on_missing: after_missing };
            let start = self.decide(term, ends, into)?;
            may_fail |= term.known.may_fail;
            after_missing = if on_false == on_missing {
                start
            } else if may_fail {
                let ends = Ends { on_true, on_false: after_missing, on_missing: after_missing };
                self.decide(term, ends, into)?
            } else {
                on_missing
            };
            after_false = start;
        }
        Ok(after_false)
    }

    /// The step that asks a slot whether it holds.
    fn holds(
        &mut self,
        node: &Node,
        ends: Ends,
        into: &mut Reversed,
    ) -> Result<Target, NotLowered> {
        let slot = self.builder.slot_of(node.clone());
        into.push(Test::Holds { slot }, ends)
    }

    /// The test that a part of a condition is, and whether it must come out false.
    pub(super) fn test(&mut self, node: &Node) -> Option<(Test, bool)> {
        match &node.kind {
            NodeKind::Unary(UnaryOp::Not, inner) if inner.is_bool() => {
                self.test(inner).map(|(test, negated)| (test, !negated))
            }
            NodeKind::Slot(slot) => Some((Test::Holds { slot: *slot }, false)),
            NodeKind::IsMissing(inner) => {
                let slot = self.builder.slot_of(Node::clone(inner));
                Some((Test::IsMissing { slot }, false))
            }
            NodeKind::Binary(BinaryOp::In, needle, haystack) => {
                Some((self.contains(needle, haystack)?, false))
            }
            NodeKind::Binary(BinaryOp::NotIn, needle, haystack) => {
                Some((self.contains(needle, haystack)?, true))
            }
            NodeKind::Binary(op, left, right) => self.comparison(*op, left, right),
            NodeKind::InRange(parts, is_closed) => {
                let [needle, start, end] = &**parts;
                let (low, end) = (start.as_int()?, end.as_int()?);
                let high = if *is_closed { Some(end) } else { end.checked_sub(1) };
                (needle.known.value_type == Some(ValueType::Int)).then(|| {
                    let slot = self.builder.slot_of(needle.clone());
                    (between(slot, Some(low), high), false)
                })
            }
            NodeKind::Const(_)
            | NodeKind::Array(_)
            | NodeKind::List(_)
            | NodeKind::Unary(..)
            | NodeKind::And(_)
            | NodeKind::Or(_)
            | NodeKind::Coalesce(_)
            | NodeKind::If(_)
            | NodeKind::Call(..)
            | NodeKind::Given(_) => None,
        }
    }

    fn contains(&mut self, needle: &Node, haystack: &Node) -> Option<Test> {
        match (&haystack.kind, needle.known.value_type?) {
            (NodeKind::Array(values), ValueType::Text) => {
                let texts: Option<Vec<&str>> = values.iter().map(Value::as_text).collect();
                let set = Set::of_texts(texts?.into_iter());
                let slot = self.builder.slot_of(needle.clone());
                Some(Test::OneOf { slot, set: place_in(&mut self.tables.sets, set) })
            }
            (NodeKind::Array(values), ValueType::Int) => {
                let numbers: Option<Vec<i64>> = values.iter().map(Value::as_int).collect();
                let set = Set::of_numbers(numbers?.into_iter());
                let slot = self.builder.slot_of(needle.clone());
                Some(Test::OneOf { slot, set: place_in(&mut self.tables.sets, set) })
            }
            (NodeKind::List(name), ValueType::Text) => {
                let slot = self.builder.slot_of(needle.clone());
                let probe = Probe { slot, list: Arc::clone(name) };
                Some(Test::OnList { probe: place_in(&mut self.tables.probes, probe) })
            }
            _ => None,
        }
    }

    fn comparison(&mut self, op: BinaryOp, left: &Node, right: &Node) -> Option<(Test, bool)> {
        if !are_comparable(left.known, right.known) {
            return None;
        }
        if matches!(left.kind, NodeKind::Const(_)) && !matches!(right.kind, NodeKind::Const(_)) {
            return self.comparison(mirrored(op)?, right, left);
        }
        if left.known.value_type == Some(ValueType::Text) {
            return self.texts(op, left, right);
        }
        if left.known.value_type == Some(ValueType::Int)
            && let Some(literal) = right.as_int()
        {
            return self.against_literal(op, left, literal);
        }
        // `a > b` is `b < a`; `a != b` is `a == b` come out false.
        let (left, right, relation, negated) = match op {
            BinaryOp::Lt => (left, right, Relation::Less, false),
            BinaryOp::Le => (left, right, Relation::LessOrEqual, false),
            BinaryOp::Gt => (right, left, Relation::Less, false),
            BinaryOp::Ge => (right, left, Relation::LessOrEqual, false),
            BinaryOp::Eq => (left, right, Relation::Equal, false),
            BinaryOp::Ne => (left, right, Relation::Equal, true),
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Rem
            | BinaryOp::In
            | BinaryOp::NotIn => return None,
        };
        if let (Some((left, left_by)), Some((right, right_by))) = (scaled(left), scaled(right)) {
            let products = Products { left, left_by, right, right_by, relation };
            let place = place_in(&mut self.tables.products, products);
            return Some((Test::Products { place }, negated));
        }
        let left = self.builder.slot_of(left.clone());
        let right = self.builder.slot_of(right.clone());
        Some((Test::Compare { left, right, relation }, negated))
    }

    /// Two strings; which comes first is left to operations.
    fn texts(&mut self, op: BinaryOp, left: &Node, right: &Node) -> Option<(Test, bool)> {
        if !matches!(op, BinaryOp::Eq | BinaryOp::Ne) {
            return None;
        }
        let negated = op == BinaryOp::Ne;
        let slot = self.builder.slot_of(left.clone());
        if let NodeKind::Const(Value::Text(text)) = &right.kind {
            let key = key(text);
            let text = place_in(&mut self.tables.texts, text.clone());
            return Some((Test::IsText { slot, text, key }, negated));
        }
        let right = self.builder.slot_of(right.clone());
        Some((Test::SameText { left: slot, right }, negated))
    }

    fn against_literal(&mut self, op: BinaryOp, left: &Node, literal: i64) -> Option<(Test, bool)> {
        let slot = self.builder.slot_of(left.clone());
        let (low, high) = (Some(i64::MIN), Some(i64::MAX));
        Some(match op {
            BinaryOp::Lt => (between(slot, low, literal.checked_sub(1)), false),
            BinaryOp::Le => (between(slot, low, Some(literal)), false),
            BinaryOp::Gt => (between(slot, literal.checked_add(1), high), false),
            BinaryOp::Ge => (between(slot, Some(literal), high), false),
            BinaryOp::Eq => (between(slot, Some(literal), Some(literal)), false),
            BinaryOp::Ne => (between(slot, Some(literal), Some(literal)), true),
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Rem
            | BinaryOp::In
            | BinaryOp::NotIn => return None,
        })
    }

    /// The operations that compute a value.
    ///
    /// # Errors
    /// [`NotLowered`] when there are too many.
    pub(super) fn value(&mut self, node: &Node) -> Result<Vec<Op>, NotLowered> {
        let mut ops = Vec::new();
        self.push(node, &mut ops);
        if ops.len() > OPS_MAX { Err(NotLowered::TooLong) } else { Ok(ops) }
    }

    /// Adds the operations that leave the value on the stack.
    fn push(&mut self, node: &Node, ops: &mut Vec<Op>) {
        match &node.kind {
            NodeKind::Const(value) => {
                self.tables.consts.push(value.clone());
                ops.push(Op::Const(last(&self.tables.consts)));
            }
            NodeKind::Array(values) => {
                self.tables.arrays.push(Arc::clone(values));
                ops.push(Op::Array(last(&self.tables.arrays)));
            }
            NodeKind::List(name) => {
                ops.push(Op::List(place_in(&mut self.tables.lists, Arc::clone(name))));
            }
            NodeKind::Slot(slot) => ops.push(Op::Slot(*slot)),
            NodeKind::Unary(op, inner) => {
                self.push(inner, ops);
                ops.push(Op::Unary(*op));
            }
            NodeKind::Binary(op, left, right) => {
                self.push(left, ops);
                self.push(right, ops);
                ops.push(Op::Binary(*op));
            }
            NodeKind::And(terms) => self.push_terms(terms, false, ops),
            NodeKind::Or(terms) => self.push_terms(terms, true, ops),
            NodeKind::Coalesce(terms) => {
                let mut jumps = Vec::new();
                for (place, term) in terms.iter().enumerate() {
                    self.push(term, ops);
                    if place + 1 < terms.len() {
                        jumps.push(ops.len());
                        ops.push(Op::Present { end: 0 });
                    }
                }
                land(ops, &jumps);
            }
            NodeKind::IsMissing(inner) => {
                self.push(inner, ops);
                ops.push(Op::IsMissing);
            }
            NodeKind::InRange(parts, is_closed) => {
                parts.iter().for_each(|part| self.push(part, ops));
                ops.push(Op::InRange { is_closed: *is_closed });
            }
            NodeKind::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                self.push(condition, ops);
                let branch = ops.len();
                ops.push(Op::Branch { otherwise: 0 });
                self.push(then, ops);
                let jump = ops.len();
                ops.push(Op::Jump { to: 0 });
                land(ops, &[branch]);
                self.push(otherwise, ops);
                land(ops, &[jump]);
            }
            NodeKind::Call(function, args) => {
                args.iter().for_each(|arg| self.push(arg, ops));
                ops.push(Op::Call(*function, u8::try_from(args.len()).unwrap_or(u8::MAX)));
            }
            NodeKind::Given(given) => {
                ops.extend(given.touched.iter().map(|slot| Op::Touch(*slot)));
                let first = ops.len();
                ops.extend(given.slots.iter().map(|slot| Op::Given { slot: *slot, end: 0 }));
                let jumps: Vec<usize> = (first..ops.len()).collect();
                self.push(&given.value, ops);
                land(ops, &jumps);
            }
        }
    }

    fn push_terms(&mut self, terms: &[Node], ending: bool, ops: &mut Vec<Op>) {
        let mut jumps = Vec::new();
        for (place, term) in terms.iter().enumerate() {
            self.push(term, ops);
            jumps.push(ops.len());
            ops.push(if place == 0 {
                Op::FirstTerm { ending, end: 0 }
            } else {
                Op::Term { ending, end: 0 }
            });
        }
        land(ops, &jumps);
    }
}

/// Lets jumps land behind the last operation.
fn land(ops: &mut [Op], jumps: &[usize]) {
    // A value that is too long for its jumps is not kept.
    let here = u16::try_from(ops.len()).unwrap_or(u16::MAX);
    for jump in jumps {
        if let Some(
            Op::FirstTerm { end, .. }
            | Op::Term { end, .. }
            | Op::Present { end }
            | Op::Given { end, .. }
            | Op::Branch { otherwise: end }
            | Op::Jump { to: end },
        ) = ops.get_mut(*jump)
        {
            *end = here;
        }
    }
}

fn last<T>(table: &[T]) -> u32 {
    u32::try_from(table.len().saturating_sub(1)).unwrap_or(u32::MAX)
}

/// Bounds, both included; without one of them nothing is within.
fn between(slot: SlotIndex, low: Option<i64>, high: Option<i64>) -> Test {
    let (low, high) = low.zip(high).unwrap_or((1, 0));
    Test::Between { slot, low, high }
}

/// A whole number from the row, times a literal.
fn scaled(node: &Node) -> Option<(SlotIndex, i64)> {
    if node.known.value_type != Some(ValueType::Int) {
        return None;
    }
    if let NodeKind::Slot(slot) = node.kind {
        return Some((slot, 1));
    }
    let NodeKind::Binary(BinaryOp::Mul, left, right) = &node.kind else { return None };
    match (&left.kind, &right.kind) {
        (NodeKind::Slot(slot), NodeKind::Const(Value::Int(by)))
        | (NodeKind::Const(Value::Int(by)), NodeKind::Slot(slot))
            if !node.known.may_fail =>
        {
            Some((*slot, *by))
        }
        _ => None,
    }
}

/// The comparison with its sides exchanged.
const fn mirrored(op: BinaryOp) -> Option<BinaryOp> {
    Some(match op {
        BinaryOp::Eq | BinaryOp::Ne => op,
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Le => BinaryOp::Ge,
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Ge => BinaryOp::Le,
        BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::Div
        | BinaryOp::Rem
        | BinaryOp::In
        | BinaryOp::NotIn => return None,
    })
}

// === impl Reversed ===

impl Reversed {
    fn push(&mut self, test: Test, ends: Ends) -> Result<Target, NotLowered> {
        if self.0.len() >= Target::STEPS_MAX {
            return Err(NotLowered::TooLong);
        }
        let Ends { on_true, on_false, on_missing } = ends;
        self.0.push(Step { test, on_true, on_false, on_missing });
        Ok(Target::step(self.0.len() - 1))
    }
}

// === impl Ends ===

impl Ends {
    const fn all(target: Target) -> Self {
        Self { on_true: target, on_false: target, on_missing: target }
    }

    const fn swapped(self) -> Self {
        Self { on_true: self.on_false, on_false: self.on_true, on_missing: self.on_missing }
    }

    /// Whether missing leads to where true or false does. Then what joins terms need not remember, while
    /// it looks at a term, whether one before was missing.
    fn merge_missing(self) -> bool {
        self.on_missing == self.on_true || self.on_missing == self.on_false
    }
}
