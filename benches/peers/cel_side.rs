//! The Common Expression Language: a program for each rule, its values borrowed from the payment by a
//! resolver.

use std::sync::Arc;

use cel::common::types::{CelBool, CelInt, CelString};
use cel::common::value::CowVal;
use cel::context::{Context, VariableResolver};
use cel::{Env, Program, Value};

use crate::engine::Engine;
use crate::workload::{Payment, rules};
use crate::written::{Language, Slots, parsed};

pub(crate) struct Cel {
    rules: Vec<Program>,
    root: Context<'static, 'static>,
    numbers: Vec<CelInt>,
    truths: Vec<CelBool>,
    slots: Slots,
}

struct Syntax;

impl Language for Syntax {}

impl Cel {
    pub(crate) fn new(count: usize) -> Self {
        let rules = rules(count);
        let slots = Slots::of(&rules);
        let env = Arc::new(Env::stdlib());
        let compiled =
            rules.iter().map(|rule| env.compile(&Syntax.condition(&slots, rule)).unwrap());
        Self {
            rules: compiled.collect(),
            root: Context::with_env(Arc::clone(&env)),
            numbers: Vec::new(),
            truths: Vec::new(),
            slots,
        }
    }
}

struct Bound<'a> {
    numbers: &'a [CelInt],
    words: [CelString<'a>; 20],
    truths: &'a [CelBool],
}

impl VariableResolver for Bound<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        Some(match parsed(name)? {
            (b'n', place) => CowVal::Borrowed(self.numbers.get(place)?),
            (b'w', place) => CowVal::Borrowed(self.words.get(place)?),
            (_, place) => CowVal::Borrowed(self.truths.get(place)?),
        })
    }
}

impl Engine for Cel {
    fn decide(&mut self, payment: &Payment, fired: &mut Vec<usize>) {
        self.numbers.clear();
        self.numbers.extend(self.slots.numbers(payment).map(CelInt::from));
        self.truths.clear();
        self.truths.extend(self.slots.truths(payment).map(CelBool::from));
        let mut words = self.slots.words(payment);
        let words = std::array::from_fn(|_| CelString::from(words.next().unwrap_or_default()));
        let bound = Bound { numbers: &self.numbers, words, truths: &self.truths };
        let mut context = self.root.new_inner_scope();
        context.set_variable_resolver(&bound);
        fired.clear();
        for (place, rule) in self.rules.iter().enumerate() {
            if matches!(rule.execute(&context).unwrap(), Value::Bool(true)) {
                fired.push(place);
            }
        }
    }
}
