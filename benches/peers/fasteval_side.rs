//! fasteval: it knows numbers only, so that words are told by numbers here.

use fasteval::{Compiler as _, EvalNamespace, Evaler as _, Instruction, Parser, Slab};

use crate::engine::Engine;
use crate::workload::{Payment, rules};
use crate::written::{Interned, Language, Slots, parsed};

pub(crate) struct Fasteval {
    rules: Vec<Instruction>,
    slab: Slab,
    words: Interned<f64>,
    bound: Bound,
    slots: Slots,
}

struct Syntax<'a>(&'a mut Interned<f64>);

impl Language for Syntax<'_> {
    fn text(&mut self, text: &str) -> String {
        number_of(self.0, text).to_string()
    }
}

#[derive(Default)]
struct Bound {
    numbers: Vec<f64>,
    words: Vec<f64>,
    truths: Vec<f64>,
}

impl EvalNamespace for Bound {
    fn lookup(&mut self, name: &str, _: Vec<f64>, _: &mut String) -> Option<f64> {
        match parsed(name)? {
            (b'n', place) => self.numbers.get(place).copied(),
            (b'w', place) => self.words.get(place).copied(),
            (_, place) => self.truths.get(place).copied(),
        }
    }
}

impl Fasteval {
    pub(crate) fn new(count: usize) -> Self {
        let rules = rules(count);
        let slots = Slots::of(&rules);
        let mut words = Interned::new();
        let mut slab = Slab::with_capacity(count * 32);
        let parser = Parser { expr_len_limit: 4_096, expr_depth_limit: 32 };
        let compiled = rules.iter().map(|rule| {
            let condition = Syntax(&mut words).condition(&slots, rule);
            let parsed = parser.parse(&condition, &mut slab.ps).unwrap();
            parsed.from(&slab.ps).compile(&slab.ps, &mut slab.cs)
        });
        let compiled = compiled.collect();
        Self { rules: compiled, slab, words, bound: Bound::default(), slots }
    }
}

impl Engine for Fasteval {
    fn decide(&mut self, payment: &Payment, fired: &mut Vec<usize>) {
        let Bound { numbers, words, truths } = &mut self.bound;
        numbers.clear();
        numbers.extend(self.slots.numbers(payment).map(|number| f64_of(number)));
        words.clear();
        words.extend(self.slots.words(payment).map(|word| number_of(&mut self.words, word)));
        truths.clear();
        truths.extend(self.slots.truths(payment).map(|truth| if truth { 1.0 } else { 0.0 }));
        fired.clear();
        for (place, rule) in self.rules.iter().enumerate() {
            if rule.eval(&self.slab, &mut self.bound).unwrap() > 0.5 {
                fired.push(place);
            }
        }
    }
}

/// The number that stands for a word.
fn number_of(words: &mut Interned<f64>, word: &str) -> f64 {
    let next = f64_of(i64::try_from(words.len()).unwrap());
    *words.get(word, |_| next)
}

#[expect(clippy::cast_precision_loss, reason = "amounts and counts are far below 2^53")]
const fn f64_of(number: i64) -> f64 {
    number as f64
}
