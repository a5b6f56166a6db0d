//! What evaluating each rule, limit, `let` and feature takes: for `vajra check --explain-cost`.

use std::fmt;
use std::sync::Arc;

use crate::model::value::Value;
use crate::policy::ir::Expr;
use crate::policy::program::build::{Builder, Declared, Source};
use crate::policy::program::code::{Op, Step, Test};
use crate::policy::program::compile::Compiler;
use crate::policy::program::make::{Note, make};
use crate::policy::program::tree::SlotIndex;
use crate::policy::program::{NotLowered, Program, Programs, SlotCode};
use crate::policy::set::{LimitDef, PolicySet, RuleDef};

/// What evaluating one declaration takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// What is declared, such as `rule "card tested"`.
    pub what: String,
    /// How many tests and operations it is at most, or why it is left to the interpreter.
    pub program: Result<Size, NotLowered>,
    /// The tests that are asked before its program is run, the first of them shared with other rules.
    pub guards: Vec<String>,
    /// The features that it reads.
    pub features: Vec<Arc<str>>,
}

/// How long a program is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Tests, each with where to go on.
    pub tests: usize,
    /// Operations that compute operands; those of an operand that others need too are run only once.
    pub operations: usize,
}

/// The costs of a set: its rules, limits and `let`s, and what its features count.
pub fn costs(set: &PolicySet) -> Vec<Cost> {
    let (programs, notes) = make(set);
    let explained = Explained { set, programs: &programs };
    let rules = set.rules.iter().zip(&notes).enumerate();
    let mut costs: Vec<Cost> =
        rules.map(|(place, (rule, note))| explained.rule(place, rule, note)).collect();
    let limits = set.limits.iter().enumerate();
    costs.extend(limits.map(|(place, limit)| explained.limit(place, limit)));
    costs.extend(
        set.lets.iter().map(|named| {
            explained.alone(format!("let {}", named.name), [&named.value].into_iter())
        }),
    );
    for (event, taps) in &set.taps {
        for tap in taps {
            let reads = tap.filter.iter().chain(&tap.value);
            costs.push(explained.alone(feature_of(set, event, tap.entity, tap.stream), reads));
        }
    }
    costs
}

/// The features that a stream feeds.
fn feature_of(set: &PolicySet, event: &str, entity: usize, stream: usize) -> String {
    let fed = set.features.iter().filter(|feature| {
        let layout = set.entities.get(entity).map(|entity| &entity.layout);
        let spec = layout.and_then(|layout| layout.features.get(feature.slot));
        feature.entity == entity && spec.is_some_and(|spec| spec.stream == stream)
    });
    let names: Vec<&str> = fed.map(|feature| &*feature.name).collect();
    format!("feature {} at `{event}`", names.join(", "))
}

#[derive(Clone, Copy, Debug)]
struct Explained<'a> {
    set: &'a PolicySet,
    programs: &'a Programs,
}

// === impl Explained ===

impl<'a> Explained<'a> {
    fn rule(self, place: usize, rule: &'a RuleDef, note: &Note) -> Cost {
        let program = self.programs.rules.get(place).map(|code| code.program.clone());
        let program = program.unwrap_or(Err(NotLowered::Malformed));
        let guards = [note.guard, note.second].into_iter().flatten();
        Cost {
            what: format!("rule {:?}", rule.name),
            program: program.map(|program| self.size(&[program], &[])),
            guards: guards.map(|(test, negated)| self.written(&test, negated)).collect(),
            features: self.features([&rule.when].into_iter()),
        }
    }

    fn limit(self, place: usize, limit: &'a LimitDef) -> Cost {
        let reads = limit.filter.iter().chain(&limit.amount).chain([&limit.max]);
        let size = self.programs.limits.get(place).ok_or(NotLowered::Malformed).and_then(|code| {
            let filter = code.filter.clone().transpose()?;
            let slots = [code.amount.clone().transpose()?, Some(code.max.clone()?)];
            let slots: Vec<SlotIndex> = slots.into_iter().flatten().collect();
            Ok(self.size(filter.as_slice(), &slots))
        });
        Cost {
            what: format!("limit {:?}", limit.name),
            program: size,
            guards: Vec::new(),
            features: self.features(reads),
        }
    }

    /// Expressions as if nothing else were there.
    fn alone(self, what: String, exprs: impl Iterator<Item = &'a Expr> + Clone) -> Cost {
        let PolicySet { features, lets, helpers, .. } = self.set;
        let builder = Builder::new(Declared { features, lets, helpers });
        let mut compiler = Compiler::new(builder);
        let operations = exprs.clone().map(|expr| {
            let node = compiler.builder.value(expr)?;
            compiler.value(&node).map(|ops| ops.len())
        });
        let operations: Result<usize, NotLowered> = operations.sum();
        Cost {
            what,
            program: operations.map(|operations| Size { tests: 0, operations }),
            guards: Vec::new(),
            features: self.features(exprs),
        }
    }

    fn features(self, exprs: impl Iterator<Item = &'a Expr>) -> Vec<Arc<str>> {
        let mut read = self.set.features_read(exprs);
        read.sort_unstable();
        let names = read.iter().filter_map(|index| self.set.features.get(index.0 as usize));
        names.map(|feature| Arc::clone(&feature.name)).collect()
    }

    /// The steps of the programs, and the operations of every slot that they or `slots` need.
    fn size(self, programs: &[Program], slots: &[SlotIndex]) -> Size {
        let steps = programs.iter().flat_map(|program| self.programs.steps.get(program.steps()));
        let steps: Vec<&Step> = steps.flatten().collect();
        let mut open: Vec<SlotIndex> = slots.to_vec();
        open.extend(steps.iter().flat_map(|step| self.read_by(&step.test)).flatten());
        let mut seen: Vec<SlotIndex> = Vec::new();
        let mut operations = 0;
        while let Some(slot) = open.pop() {
            if seen.contains(&slot) {
                continue;
            }
            seen.push(slot);
            if let Some(SlotCode::Derived(ops)) = self.programs.slots.get(slot as usize) {
                operations += ops.len();
                open.extend(ops.iter().filter_map(|op| match op {
                    Op::Slot(slot) | Op::Touch(slot) | Op::Given { slot, .. } => Some(*slot),
                    Op::Const(_)
                    | Op::Array(_)
                    | Op::List(_)
                    | Op::Unary(_)
                    | Op::Binary(_)
                    | Op::InRange { .. }
                    | Op::IsMissing
                    | Op::Call(..)
                    | Op::FirstTerm { .. }
                    | Op::Term { .. }
                    | Op::Present { .. }
                    | Op::Branch { .. }
                    | Op::Jump { .. } => None,
                }));
            }
        }
        Size { tests: steps.len(), operations }
    }

    /// The slots that a test reads.
    fn read_by(self, test: &Test) -> [Option<SlotIndex>; 2] {
        let tables = &self.programs.tables;
        match *test {
            Test::Between { slot, .. }
            | Test::Holds { slot }
            | Test::IsText { slot, .. }
            | Test::OneOf { slot, .. }
            | Test::IsMissing { slot } => [Some(slot), None],
            Test::OnList { probe } => {
                [tables.probes.get(probe as usize).map(|probe| probe.slot), None]
            }
            Test::SameText { left, right } | Test::Compare { left, right, .. } => {
                [Some(left), Some(right)]
            }
            Test::Products { place } => match tables.products.get(place as usize) {
                Some(products) => [Some(products.left), Some(products.right)],
                None => [None, None],
            },
        }
    }

    /// A guard as a policy would write it.
    fn written(self, test: &Test, negated: bool) -> String {
        let tables = &self.programs.tables;
        match *test {
            Test::Between { slot, low, high } => {
                let name = self.name(slot);
                if low == high {
                    format!("{name} == {low}")
                } else if high == i64::MAX {
                    format!("{name} >= {low}")
                } else if low == i64::MIN {
                    format!("{name} <= {high}")
                } else {
                    format!("{name} in {low}..={high}")
                }
            }
            Test::Holds { slot } if negated => format!("!{}", self.name(slot)),
            Test::Holds { slot } => self.name(slot),
            Test::IsText { slot, text, .. } => {
                let text = tables.texts.get(text as usize).map_or("", |text| text.as_str());
                format!("{} == {text:?}", self.name(slot))
            }
            Test::OneOf { slot, set } => {
                let many = tables.sets.get(set as usize).map_or(0, |set| set.keys.len());
                format!("{} in {many} values", self.name(slot))
            }
            Test::OnList { probe } => match tables.probes.get(probe as usize) {
                Some(probe) => format!("{} in list({:?})", self.name(probe.slot), probe.list),
                None => String::new(),
            },
            Test::IsMissing { slot } => format!("is_missing({})", self.name(slot)),
            Test::SameText { .. } | Test::Compare { .. } | Test::Products { .. } => String::new(),
        }
    }

    fn name(self, slot: SlotIndex) -> String {
        match self.programs.slots.get(slot as usize) {
            Some(SlotCode::Source(Source::Field(field))) => field.path().to_owned(),
            Some(SlotCode::Source(Source::Attribute(name))) => format!("payment.attributes.{name}"),
            Some(SlotCode::Source(Source::Feature(index))) => {
                let feature = self.set.features.get(index.0 as usize);
                feature.map_or_else(String::new, |feature| feature.name.to_string())
            }
            Some(SlotCode::Source(Source::Score)) => "score".to_owned(),
            Some(SlotCode::Const(Value::Text(text))) => format!("{text:?}"),
            Some(SlotCode::Const(_) | SlotCode::Derived(_)) | None => String::new(),
        }
    }
}

// === impl Cost ===

impl fmt::Display for Cost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.what)?;
        match &self.program {
            Ok(size) => write!(formatter, "{size}")?,
            Err(why) => write!(formatter, "interpreted, {why}")?,
        }
        if !self.guards.is_empty() {
            write!(formatter, " behind {}", self.guards.join(" && "))?;
        }
        if !self.features.is_empty() {
            write!(formatter, "; reads {}", self.features.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let Self { tests, operations } = *self;
        match (tests, operations) {
            (0, 0) => formatter.write_str("nothing to run"),
            (0, _) => write!(formatter, "{operations} operation{}", plural(operations)),
            (_, 0) => write!(formatter, "{tests} test{}", plural(tests)),
            _ => write!(
                formatter,
                "{tests} test{} and {operations} operation{}",
                plural(tests),
                plural(operations)
            ),
        }
    }
}
