//! Programs come to what the interpreter comes to: random sets of rules, `let`s, helpers and limits over
//! random payments, each decided by both, and the whole answers compared.

mod cost;
mod drawn;

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use vajra::model::value::Value;
use vajra::policy::evaluate::{LimitReading, evaluate, evaluate_interpreted, fired_rules};
use vajra::policy::interpret::{Facts, value_of};
use vajra::policy::program::tap::{Counted, Counting, compile};
use vajra::policy::program::{Programs, Scratch};
use vajra::policy::set::PolicySet;

use crate::hand_made::BadOnly;
use crate::interpret::against_rhai::{EVERYTHING, note};
use drawn::{Drawer, Drawn};

/// How many payments each set decides.
const PAYMENTS: usize = 24;

/// How many expressions are compared, each over one payment.
fn cases() -> usize {
    let asked = std::env::var_os("VAJRA_CASES");
    let asked = asked.map(|cases| cases.into_string().unwrap().replace('_', "").parse().unwrap());
    asked.unwrap_or(if cfg!(feature = "heavy") { 1_000_000 } else { 100_000 })
}

/// What was seen on the way, so that a generator that misses something is found out.
#[derive(Debug, Default)]
struct Seen {
    expressions: usize,
    kinds: BTreeSet<String>,
    rules: usize,
    lowered: usize,
    fired: usize,
    failed: usize,
    degraded: usize,
}

/// Decides payments by a set, both drawn from the bytes, in both ways.
fn programs_equal_the_interpreter(bytes: &[u8], seen: &mut Seen) {
    let mut drawer = Drawer::new(bytes);
    let mut set = drawer.set();
    set.programs = Programs::of(&set);
    let programs = compile(&set, set.taps_of("attempt"));
    for (tap, program) in set.taps.get_mut("attempt").unwrap().iter_mut().zip(programs) {
        tap.program = program;
    }
    for (place, rule) in set.rules.iter().enumerate() {
        seen.rules += 1;
        seen.lowered += usize::from(set.programs.rule_not_lowered(place).is_none());
        note(&rule.when, &mut seen.kinds);
    }
    for named in set.lets.iter().map(|named| &named.value) {
        note(named, &mut seen.kinds);
    }
    for helper in set.helpers.iter().filter_map(|helper| helper.inline.as_ref()) {
        note(helper, &mut seen.kinds);
    }
    for _ in 0..PAYMENTS {
        let payment = drawer.payment();
        compare(&set, &payment, seen);
    }
}

fn compare(set: &PolicySet, payment: &Drawn, seen: &mut Seen) {
    let Drawn { fields, features, now, readings } = payment;
    let facts = Facts { fields, features, now: *now, lists: &BadOnly };
    let readings: &[LimitReading] = readings;
    let mut scratch = Scratch::default();
    let mut counting = Counting::new(set, set.taps_of("attempt"), facts, &mut scratch);
    for tap in set.taps_of("attempt") {
        let filter =
            tap.filter.as_ref().map_or(Ok(Value::Bool(true)), |it| value_of(set, it, &facts));
        let counted = match filter {
            Ok(Value::Bool(true)) => Counted::Yes,
            Ok(Value::Unknown) => Counted::Unknown,
            _ => Counted::No,
        };
        assert_eq!(counting.counted(tap), counted, "{payment:#?}\n{tap:#?}");
        let value = tap.value.as_ref().map(|value| value_of(set, value, &facts));
        assert_eq!(counting.value(tap), value, "{payment:#?}\n{tap:#?}");
        seen.expressions += 2;
    }
    let mut fired = Vec::new();
    fired_rules(set, &facts, 0, &mut Scratch::default(), &mut fired);
    let lowered = evaluate(set, &facts, readings, false);
    let interpreted = evaluate_interpreted(set, &facts, readings, false);
    let names = fired.iter().map(|place| Arc::clone(&set.rules[*place].name));
    let rules = names.filter(|name| !set.rule(name).unwrap().reads_score);
    let of_rules = |name: &&Arc<str>| set.rule(name).is_some_and(|rule| !rule.reads_score);
    let wanted: Vec<_> = interpreted.fired.iter().filter(of_rules).cloned().collect();
    assert_eq!(rules.collect::<Vec<_>>(), wanted, "{payment:#?}");
    assert_eq!(lowered, interpreted, "{payment:#?}\n{:#?}\n{:#?}", set.rules, set.lets);
    seen.expressions += set.rules.len() + set.limits.len() * 3;
    seen.fired += lowered.fired.len();
    seen.failed += lowered.errors.len();
    seen.degraded += lowered.degraded.len();
}

#[test]
fn programs_come_to_what_the_interpreter_comes_to() {
    let cases = cases();
    let mut seen = Seen::default();
    let mut seed = 0;
    let mut bytes = vec![0; 16 * 1_024];
    while seen.expressions < cases {
        ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
        let case =
            std::panic::AssertUnwindSafe(|| programs_equal_the_interpreter(&bytes, &mut seen));
        if let Err(problem) = std::panic::catch_unwind(case) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(problem);
        }
        seed += 1;
    }
    let expected: BTreeSet<String> =
        EVERYTHING.iter().chain(&["Score"]).map(|name| (*name).to_owned()).collect();
    assert_eq!(expected.difference(&seen.kinds).collect::<Vec<_>>(), Vec::<&String>::new());
    let Seen { expressions, rules, lowered, fired, failed, degraded, .. } = seen;
    assert!(lowered > rules / 2 && lowered < rules, "{lowered} of {rules} rules have programs");
    // Not so few that nothing is compared, and not so many that nothing else is.
    for count in [fired, failed, degraded] {
        assert!((expressions / 100..expressions / 2).contains(&count), "{count} of {expressions}");
    }
}
