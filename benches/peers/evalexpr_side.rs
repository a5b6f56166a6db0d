//! evalexpr: a tree for each rule over a context of slots.

use evalexpr::{
    Context, DefaultNumericTypes, EvalexprError, EvalexprResult, Node, Value, build_operator_tree,
};

use crate::engine::Engine;
use crate::workload::{Payment, rules};
use crate::written::{Language, Slots, parsed};

pub(crate) struct Evalexpr {
    rules: Vec<Node>,
    bound: Bound,
    slots: Slots,
}

struct Syntax;

impl Language for Syntax {}

#[derive(Default)]
struct Bound {
    numbers: Vec<Value>,
    words: Vec<Value>,
    truths: Vec<Value>,
}

impl Context for Bound {
    type NumericTypes = DefaultNumericTypes;

    fn get_value(&self, name: &str) -> Option<&Value> {
        match parsed(name)? {
            (b'n', place) => self.numbers.get(place),
            (b'w', place) => self.words.get(place),
            (_, place) => self.truths.get(place),
        }
    }

    fn call_function(&self, name: &str, _: &Value) -> EvalexprResult<Value> {
        Err(EvalexprError::FunctionIdentifierNotFound(name.to_owned()))
    }

    fn are_builtin_functions_disabled(&self) -> bool {
        true
    }

    fn set_builtin_functions_disabled(&mut self, _: bool) -> EvalexprResult<()> {
        Ok(())
    }
}

impl Evalexpr {
    pub(crate) fn new(count: usize) -> Self {
        let rules = rules(count);
        let slots = Slots::of(&rules);
        let compiled =
            rules.iter().map(|rule| build_operator_tree(&Syntax.condition(&slots, rule)).unwrap());
        Self { rules: compiled.collect(), bound: Bound::default(), slots }
    }
}

impl Engine for Evalexpr {
    fn decide(&mut self, payment: &Payment, fired: &mut Vec<usize>) {
        let Bound { numbers, words, truths } = &mut self.bound;
        numbers.clear();
        numbers.extend(self.slots.numbers(payment).map(Value::Int));
        words.clear();
        words.extend(self.slots.words(payment).map(|word| Value::String(word.to_owned())));
        truths.clear();
        truths.extend(self.slots.truths(payment).map(Value::Boolean));
        fired.clear();
        for (place, rule) in self.rules.iter().enumerate() {
            if rule.eval_boolean_with_context(&self.bound).unwrap() {
                fired.push(place);
            }
        }
    }
}
