//! LuaJIT: one function of all rules over a table that is filled anew for each payment; another table
//! takes the places of the rules that fire.

use mlua::{Function, Lua, LuaString, Table};

use crate::engine::Engine;
use crate::workload::{Payment, rules};
use crate::written::{Interned, Language, Slots};

pub(crate) struct LuaJit {
    lua: Lua,
    decide: Function,
    values: Table,
    fired: Table,
    words: Interned<LuaString>,
    slots: Slots,
}

struct Syntax;

impl Language for Syntax {
    const AND: &'static str = " and ";
    const OR: &'static str = " or ";
    const NOT: &'static str = "not ";
    const UNEQUAL: &'static str = "~=";
}

impl LuaJit {
    pub(crate) fn new(count: usize) -> Self {
        let rules = rules(count);
        let slots = Slots::of(&rules);
        let mut source = "local values, fired = ...\nlocal count = 0\n".to_owned();
        for (place, name) in (1..).zip(slots.names()) {
            source += &format!("local {name} = values[{place}]\n");
        }
        for (place, rule) in rules.iter().enumerate() {
            let condition = Syntax.condition(&slots, rule);
            source +=
                &format!("if {condition} then count = count + 1; fired[count] = {place} end\n");
        }
        source += "return count";
        let lua = Lua::new();
        let decide = lua.load(source).into_function().unwrap();
        let (values, fired) = (lua.create_table().unwrap(), lua.create_table().unwrap());
        Self { lua, decide, values, fired, words: Interned::new(), slots }
    }
}

impl Engine for LuaJit {
    fn decide(&mut self, payment: &Payment, fired: &mut Vec<usize>) {
        let Self { lua, values, words, slots, .. } = self;
        let mut places = 1..;
        let mut next = || places.next().unwrap();
        for number in slots.numbers(payment) {
            values.raw_seti(next(), number).unwrap();
        }
        for word in slots.words(payment) {
            let word = words.get(word, |word| lua.create_string(word).unwrap());
            values.raw_seti(next(), word).unwrap();
        }
        for truth in slots.truths(payment) {
            values.raw_seti(next(), truth).unwrap();
        }
        let count: usize = self.decide.call((&self.values, &self.fired)).unwrap();
        fired.clear();
        for place in 1..=count {
            fired.push(self.fired.raw_get(place).unwrap());
        }
    }
}
