//! Rego by regorus, on its register machine: one rule that collects the places of those that fire. A
//! program of more than some 4,000 of ours would be too long for it, so that there are several then.

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine as Rego, Value};

use crate::engine::Engine;
use crate::workload::{Payment, rules};
use crate::written::{Interned, Language, Slots};

pub(crate) struct Regorus {
    machines: Vec<RegoVM>,
    names: Vec<Value>,
    words: Interned<Value>,
    slots: Slots,
}

struct Syntax;

impl Language for Syntax {
    const AND: &'static str = "; ";
    const NOT: &'static str = "not ";
    const BEFORE: &'static str = "input.";

    fn one_of(&mut self, word: &str, values: &[&str]) -> String {
        let values: Vec<_> = values.iter().map(|value| self.text(value)).collect();
        format!("{word} in {{{}}}", values.join(", "))
    }
}

const RULES_PER_PROGRAM: usize = 4_000;

impl Regorus {
    pub(crate) fn new(count: usize) -> Self {
        let rules = rules(count);
        let slots = Slots::of(&rules);
        let conditions: Vec<_> =
            rules.iter().map(|rule| Syntax.condition(&slots, rule)).zip(0..).collect();
        let machines = conditions.chunks(RULES_PER_PROGRAM).map(machine).collect();
        let names = slots.names().map(Value::from).collect();
        Self { machines, names, words: Interned::new(), slots }
    }

    fn bind(&mut self, payment: &Payment) -> Value {
        let mut input = Value::new_object();
        let object = input.as_object_mut().unwrap();
        let numbers = self.slots.numbers(payment).map(Value::from);
        let words = self.slots.words(payment).map(|word| self.words.get(word, Value::from).clone());
        let truths = self.slots.truths(payment).map(Value::from);
        for (name, value) in self.names.iter().zip(numbers.chain(words).chain(truths)) {
            object.insert(name.clone(), value);
        }
        input
    }
}

/// A machine with these conditions and the places of their rules.
fn machine(conditions: &[(String, usize)]) -> RegoVM {
    const FIRED: &str = "data.risk.fired";
    let mut source = "package risk\n".to_owned();
    for (condition, place) in conditions {
        source += &format!("fired contains {place} if {{ {condition} }}\n");
    }
    let mut rego = Rego::new();
    rego.add_policy("risk.rego".to_owned(), source).unwrap();
    let compiled = rego.compile_with_entrypoint(&FIRED.into()).unwrap();
    let mut machine = RegoVM::new();
    machine.load_program(Compiler::compile_from_policy(&compiled, &[FIRED]).unwrap());
    machine.set_max_instructions(usize::MAX);
    machine
}

impl Engine for Regorus {
    fn decide(&mut self, payment: &Payment, fired: &mut Vec<usize>) {
        let input = self.bind(payment);
        fired.clear();
        for machine in &mut self.machines {
            machine.set_input(input.clone());
            let found = machine.execute().unwrap();
            let places = found.as_set().unwrap().iter();
            fired.extend(places.map(|place| usize::try_from(place.as_u64().unwrap()).unwrap()));
        }
        fired.sort_unstable();
    }
}
