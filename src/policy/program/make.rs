//! A set to its programs.

use crate::model::verdict::Mode;
use crate::policy::ir::Expr;
use crate::policy::program::build::{Builder, Declared, SlotDef, Source};
use crate::policy::program::code::{Step, Target, Test};
use crate::policy::program::compile::Compiler;
use crate::policy::program::guard::{Chosen, Collector, Guarded, Term};
use crate::policy::program::row::Slot;
use crate::policy::program::tree::{Node, NodeKind, SlotIndex};
use crate::policy::program::{
    Bindings, LimitCode, NotLowered, Phases, Program, Programs, Readers, RuleCode, SlotCode,
    has_bit, set_bit, union, words_of,
};
use crate::policy::set::{LimitDef, PolicySet, RuleDef, Tap};

/// What one rule or limit reads: the trees of its expressions.
type Reads = Vec<Node>;

/// What stands before the program of a rule.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Note {
    /// The test without which it is not looked at, and whether that must come out false.
    pub(super) guard: Option<(Test, bool)>,
    /// The second one.
    pub(super) second: Option<(Test, bool)>,
}

#[derive(Debug)]
struct Maker<'a> {
    compiler: Compiler<'a>,
    collector: Collector,
    steps: Vec<Step>,
    notes: Vec<Note>,
}

/// The programs of all rules and limits that are not off.
pub(super) fn make(set: &PolicySet) -> (Programs, Vec<Note>) {
    let PolicySet { features, lets, helpers, .. } = set;
    let builder = Builder::new(Declared { features, lets, helpers });
    let mut maker = Maker::new(builder);
    maker.notes = vec![Note::default(); set.rules.len()];
    let mut reads: Vec<Reads> = Vec::with_capacity(set.rules.len() + set.limits.len());
    let mut rules = Vec::with_capacity(set.rules.len());
    for (rule, place) in set.rules.iter().zip(0..) {
        let mut read = Reads::new();
        rules.push(maker.rule(rule, place, &mut read));
        reads.push(read);
    }
    let mut limits = Vec::with_capacity(set.limits.len());
    for limit in &set.limits {
        let mut read = Reads::new();
        limits.push(maker.limit(limit, &mut read));
        reads.push(read);
    }
    let Maker { mut compiler, collector, steps, notes } = maker;
    let codes = slot_codes(&mut compiler);
    let bindings = bindings(&compiler.builder.slots);
    let mut readers = readers(&compiler.builder.slots, &reads);
    let score = bindings.score.map(|slot| readers.of(slot).to_vec()).unwrap_or_default();
    let declared =
        set.rules.iter().map(|rule| rule.reads_score).chain(limits.iter().map(|_| false));
    for (place, reads_score) in declared.enumerate() {
        // Who reads the score before there is one gets an error, which the interpreter words.
        if has_bit(&score, place)
            && !reads_score
            && let Some(rule) = rules.get_mut(place)
        {
            rule.program = Err(NotLowered::Malformed);
        }
        let is_lowered = rules.get(place).is_none_or(|rule| rule.program.is_ok());
        if !is_lowered || has_bit(&score, place) && !reads_score {
            set_bit(&mut readers.interpreted, place);
        }
    }
    let programs = Programs {
        template: codes.iter().map(empty).collect(),
        bindings,
        slots: codes,
        tables: compiler.tables,
        steps,
        rules,
        limits,
        guards: collector.finish(),
        readers,
        phases: Phases::of(&set.rules),
    };
    (programs, notes)
}

/// The programs of the taps of one event: each is made as a limit that sums what the tap aggregates.
pub(super) fn make_taps(set: &PolicySet, taps: &[Tap]) -> Programs {
    let PolicySet { features, lets, helpers, .. } = set;
    let builder = Builder::new(Declared { features, lets, helpers });
    let mut maker = Maker::new(builder);
    let mut reads = Vec::with_capacity(taps.len());
    let mut limits = Vec::with_capacity(taps.len());
    for tap in taps {
        let mut read = Reads::new();
        let filter = tap.filter.as_ref().map(|filter| maker.filter(filter, &mut read));
        // The value of a field is taken as it is.
        let value = tap.value.as_ref().filter(|value| !matches!(value, Expr::Field(_)));
        let amount = value.map(|value| maker.slot(value, &mut read));
        limits.push(LimitCode { filter, amount, max: Err(NotLowered::Malformed) });
        reads.push(read);
    }
    let Maker { mut compiler, steps, .. } = maker;
    let codes = slot_codes(&mut compiler);
    Programs {
        template: codes.iter().map(empty).collect(),
        bindings: bindings(&compiler.builder.slots),
        slots: codes,
        readers: readers(&compiler.builder.slots, &reads),
        tables: compiler.tables,
        steps,
        limits,
        ..Programs::default()
    }
}

// === impl Maker ===

impl<'a> Maker<'a> {
    fn new(builder: Builder<'a>) -> Self {
        Self {
            compiler: Compiler::new(builder),
            collector: Collector::default(),
            steps: Vec::new(),
            notes: Vec::new(),
        }
    }
}

impl Maker<'_> {
    fn rule(&mut self, rule: &RuleDef, place: u32, reads: &mut Reads) -> RuleCode {
        let not_run = Program { from: 0, to: 0, start: Target::FALSE };
        if rule.mode == Mode::Off {
            return RuleCode { program: Ok(not_run) };
        }
        let node = match self.compiler.builder.condition(&rule.when) {
            Ok(node) => node,
            Err(why) => return RuleCode { program: Err(why) },
        };
        reads.push(node.clone());
        let mut nodes = Vec::new();
        terms(node, &mut nodes);
        let test = |compiler: &mut Compiler<'_>, node: &Node| Term {
            test: compiler.test(node),
            may_fail: node.known.may_fail || !node.is_bool(),
        };
        let mut terms: Vec<(Term, Node)> =
            nodes.into_iter().map(|node| (test(&mut self.compiler, &node), node)).collect();
        if terms.iter().all(|(term, _)| !term.may_fail) {
            terms.sort_by_key(|(term, _)| self.cost(term));
        }
        let (tests, mut nodes): (Vec<Term>, Vec<Node>) = terms.into_iter().unzip();
        if rule.reads_score {
            return RuleCode { program: self.program(&nodes) };
        }
        let slots = &self.compiler.builder.slots;
        let is_bound = |slot: SlotIndex| matches!(slots.get(slot as usize), Some(SlotDef::Source(source, Some(_))) if *source != Source::Score);
        let chosen = Chosen::of(&tests, &self.compiler.tables, is_bound);
        let mut dropped = Vec::new();
        dropped.extend(chosen.guard.filter(|_| chosen.drops_guard));
        dropped.extend(chosen.second.filter(|_| chosen.drops_second));
        let mut at = 0;
        nodes.retain(|_| {
            at += 1;
            !dropped.contains(&(at - 1))
        });
        let program = self.program(&nodes);
        if program.is_ok() {
            let is_decided = nodes.is_empty();
            let test_of = |place: Option<usize>| tests.get(place?)?.test;
            if let Some(note) = self.notes.get_mut(place as usize) {
                *note = Note { guard: test_of(chosen.guard), second: test_of(chosen.second) };
            }
            let guarded = Guarded { rule: place, terms: &tests, chosen, is_decided };
            self.collector.add(guarded, &self.compiler.tables);
        }
        RuleCode { program }
    }

    /// The steps of a condition that holds when all of these do.
    fn program(&mut self, nodes: &[Node]) -> Result<Program, NotLowered> {
        let (steps, start) = self.compiler.condition(nodes)?;
        let place = |len: usize| u32::try_from(len).ok().ok_or(NotLowered::TooLong);
        let from = place(self.steps.len())?;
        self.steps.extend(steps);
        Ok(Program { from, to: place(self.steps.len())?, start })
    }

    /// How long a term takes, roughly, in tests of a number.
    fn cost(&self, term: &Term) -> u32 {
        let derived = |slot: SlotIndex| {
            let def = self.compiler.builder.slots.get(slot as usize);
            if matches!(def, Some(SlotDef::Derived(_))) { 8 } else { 0 }
        };
        match term.test {
            Some((
                Test::Between { slot, .. }
                | Test::Holds { slot }
                | Test::IsText { slot, .. }
                | Test::IsMissing { slot },
                _,
            )) => 1 + derived(slot),
            Some((Test::OneOf { slot, .. }, _)) => 2 + derived(slot),
            Some((Test::SameText { left, right } | Test::Compare { left, right, .. }, _)) => {
                2 + derived(left) + derived(right)
            }
            Some((Test::Products { .. }, _)) => 2,
            Some((Test::OnList { .. }, _)) => 4,
            None => 12,
        }
    }

    fn limit(&mut self, limit: &LimitDef, reads: &mut Reads) -> LimitCode {
        if limit.mode == Mode::Off {
            return LimitCode { filter: None, amount: None, max: Err(NotLowered::Malformed) };
        }
        let filter = limit.filter.as_ref().map(|filter| self.filter(filter, reads));
        let amount = limit.amount.as_ref().map(|amount| self.slot(amount, reads));
        let max = self.slot(&limit.max, reads);
        LimitCode { filter, amount, max }
    }

    fn filter(&mut self, expr: &Expr, reads: &mut Reads) -> Result<Program, NotLowered> {
        let node = self.compiler.builder.condition(expr)?;
        reads.push(node.clone());
        self.program(&[node])
    }

    fn slot(&mut self, expr: &Expr, reads: &mut Reads) -> Result<SlotIndex, NotLowered> {
        let node = self.compiler.builder.value(expr)?;
        reads.push(node.clone());
        Ok(self.compiler.builder.slot_of(node))
    }
}

/// The terms of `&&`, and of `&&` within it.
fn terms(node: Node, into: &mut Vec<Node>) {
    if !matches!(&node.kind, NodeKind::And(inner) if inner.iter().all(Node::is_bool)) {
        into.push(node);
    } else if let NodeKind::And(inner) = node.kind {
        inner.into_iter().for_each(|node| terms(node, into));
    }
}

/// The operations of every slot that is computed; compiling one may not add others, since what it is
/// computed from was given its slots when its tree was made.
fn slot_codes(compiler: &mut Compiler<'_>) -> Vec<SlotCode> {
    let slots = compiler.builder.slots.clone();
    let code = |def| match def {
        SlotDef::Const(value) => SlotCode::Const(value),
        SlotDef::Source(source, _) => SlotCode::Source(source),
        // Too many operations: without any it fails, and the interpreter is asked.
        SlotDef::Derived(node) => SlotCode::Derived(compiler.value(&node).unwrap_or_default()),
    };
    slots.into_iter().map(code).collect()
}

fn empty(code: &SlotCode) -> Slot {
    match code {
        SlotCode::Const(value) => Slot::of(value),
        SlotCode::Source(_) => Slot::MISSING,
        SlotCode::Derived(_) => Slot::UNSET,
    }
}

fn bindings(slots: &[SlotDef]) -> Bindings {
    let mut bindings = Bindings::default();
    for (def, slot) in slots.iter().zip(0..) {
        let SlotDef::Source(source, tag) = def else { continue };
        match source {
            Source::Field(field) => bindings.fields.push((*field, *tag, slot)),
            Source::Attribute(name) => bindings.attributes.push((name.clone(), *tag, slot)),
            Source::Feature(index) => bindings.features.push((*index, *tag, slot)),
            Source::Score => bindings.score = Some(slot),
        }
    }
    bindings
}

/// Who reads each slot, also through slots that are computed.
fn readers(slots: &[SlotDef], reads: &[Reads]) -> Readers {
    let words = words_of(reads.len());
    let mut all = vec![0; words * slots.len()];
    let mut computing = vec![0; words * slots.len()];
    for (reader, read) in reads.iter().enumerate() {
        let mut sources = Vec::new();
        let mut seen = Vec::new();
        let mut computes = false;
        let mut open: Vec<&Node> = read.iter().collect();
        while let Some(node) = open.pop() {
            computes |= node.computes();
            node.walk(&mut |part| {
                for slot in part.slots_read() {
                    if seen.contains(slot) {
                        continue;
                    }
                    seen.push(*slot);
                    match slots.get(*slot as usize) {
                        Some(SlotDef::Derived(inner)) => open.push(inner),
                        Some(SlotDef::Source(..)) => sources.push(*slot),
                        Some(SlotDef::Const(_)) | None => {}
                    }
                }
            });
        }
        let mut bit = vec![0; words];
        set_bit(&mut bit, reader);
        for slot in sources {
            let from = words * slot as usize;
            union(all.get_mut(from..from + words).unwrap_or_default(), &bit);
            if computes {
                union(computing.get_mut(from..from + words).unwrap_or_default(), &bit);
            }
        }
    }
    Readers { words, all, computing, interpreted: vec![0; words] }
}
