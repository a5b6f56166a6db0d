//! Rhai, by its bytecode machine: one function of all rules whose parameters are the values they read.
//! The forms that were slower: the tree walker over the same function, one script over a scope, getters
//! of a type of its own, and a script for each rule.

use rhai::grain::{Compiler, Program, Vm};
use rhai::{Array, CallFnOptions, Dynamic, FuncArgs, ImmutableString, Scope};

use crate::engine::Engine;
use crate::workload::{Payment, rules};
use crate::written::{Interned, Language, Slots};

pub(crate) struct Rhai {
    machine: Vm<'static>,
    program: Program<'static>,
    scope: Scope<'static>,
    slots: Slots,
    words: Interned<ImmutableString>,
}

struct Syntax;

impl Language for Syntax {}

impl Rhai {
    pub(crate) fn new(count: usize) -> Self {
        let rules = rules(count);
        let slots = Slots::of(&rules);
        let parameters: Vec<_> = slots.names().collect();
        let mut source = format!("fn decide({}) {{ let fired = []; ", parameters.join(", "));
        for (place, rule) in rules.iter().enumerate() {
            let condition = Syntax.condition(&slots, rule);
            source += &format!("if {condition} {{ fired.push({place}); }}\n");
        }
        source += "fired }";
        let mut engine = rhai::Engine::new();
        engine.set_max_expr_depths(0, 0).set_max_strings_interned(0);
        // The machine borrows its engine for as long as it is.
        let engine: &'static rhai::Engine = Box::leak(Box::new(engine));
        let program = Compiler::new().compile(&engine.compile(source).unwrap());
        assert_eq!(program.residual_count(), 0, "all of it is bytecode");
        let machine = Vm::new(engine);
        Self { machine, program, scope: Scope::new(), slots, words: Interned::new() }
    }
}

impl Engine for Rhai {
    fn decide(&mut self, payment: &Payment, fired: &mut Vec<usize>) {
        let arguments = Arguments { slots: &self.slots, words: &mut self.words, payment };
        let options = CallFnOptions::new().eval_ast(false);
        let found: Array = self
            .machine
            .call_fn_with_options(options, &mut self.scope, &self.program, "decide", arguments)
            .unwrap();
        fired.clear();
        fired.extend(found.iter().map(|place| usize::try_from(place.as_int().unwrap()).unwrap()));
    }
}

struct Arguments<'a> {
    slots: &'a Slots,
    words: &'a mut Interned<ImmutableString>,
    payment: &'a Payment,
}

impl FuncArgs for Arguments<'_> {
    fn parse<A: Extend<Dynamic>>(self, arguments: &mut A) {
        arguments.extend(self.slots.numbers(self.payment).map(Dynamic::from));
        arguments.extend(
            self.slots
                .words(self.payment)
                .map(|word| Dynamic::from(self.words.get(word, ImmutableString::from).clone())),
        );
        arguments.extend(self.slots.truths(self.payment).map(Dynamic::from));
    }
}
