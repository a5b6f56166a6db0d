//! The expressions of GoRules' zen-engine: bytecode for each rule, one machine, one object that is
//! filled anew for each payment. A decision table of zen-engine evaluates the same expressions and costs
//! more.

use std::sync::Arc;

use zen_expression::compiler::Opcode;
use zen_expression::variable::VariableMap;
use zen_expression::vm::VM;
use zen_expression::{Isolate, Scope, Variable};

use crate::engine::Engine;
use crate::workload::{Payment, rules};
use crate::written::{Language, Slots};

pub(crate) struct Zen {
    rules: Vec<Arc<[Opcode]>>,
    machine: VM,
    scope: Scope,
    names: Vec<String>,
    slots: Slots,
}

struct Syntax;

impl Language for Syntax {
    const AND: &'static str = " and ";
    const OR: &'static str = " or ";
    const NOT: &'static str = "not ";
}

impl Zen {
    pub(crate) fn new(count: usize) -> Self {
        let rules = rules(count);
        let slots = Slots::of(&rules);
        let mut isolate = Isolate::new();
        let compiled = rules.iter().map(|rule| {
            let condition = Syntax.condition(&slots, rule);
            Arc::clone(isolate.compile_standard(&condition).unwrap().bytecode())
        });
        let names: Vec<_> = slots.names().collect();
        let mut object = VariableMap::with_capacity(names.len());
        for name in &names {
            object.insert(Variable::key(name), Variable::Null);
        }
        Self {
            rules: compiled.collect(),
            machine: VM::new(),
            scope: Scope::new(Variable::from_object(object)),
            names,
            slots,
        }
    }

    fn bind(&self, payment: &Payment) {
        let object = self.scope.base().as_object().unwrap();
        let mut object = object.borrow_mut();
        let numbers = self.slots.numbers(payment).map(|number| Variable::Number(number.into()));
        let words = self.slots.words(payment).map(|word| Variable::String(word.into()));
        let truths = self.slots.truths(payment).map(Variable::Bool);
        for (name, value) in self.names.iter().zip(numbers.chain(words).chain(truths)) {
            *object.get_mut(&Variable::key(name)).unwrap() = value;
        }
    }
}

impl Engine for Zen {
    fn decide(&mut self, payment: &Payment, fired: &mut Vec<usize>) {
        self.bind(payment);
        fired.clear();
        for (place, rule) in self.rules.iter().enumerate() {
            if self.machine.run(rule, &self.scope).unwrap().as_bool().unwrap() {
                fired.push(place);
            }
        }
    }
}
