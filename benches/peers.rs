//! The same rules over the same payments by each engine, side by side in one run, in CPU time. Binding
//! the payment to what the engine reads is included on every side, and all agree on every payment.
//!
//! `--test` checks that they agree and measures nothing. A table of all medians is printed at the end.
#![expect(
    clippy::format_push_string,
    clippy::inconsistent_digit_grouping,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops when something is wrong; amounts are in minor units"
)]

#[path = "peers/cedar_side.rs"]
mod cedar_side;
#[path = "peers/cel_side.rs"]
mod cel_side;
#[path = "peers/cpu_time.rs"]
mod cpu_time;
#[path = "peers/engine.rs"]
mod engine;
#[path = "peers/evalexpr_side.rs"]
mod evalexpr_side;
#[path = "peers/fasteval_side.rs"]
mod fasteval_side;
#[path = "peers/luajit_side.rs"]
mod luajit_side;
#[path = "peers/native.rs"]
mod native;
#[path = "peers/regorus_side.rs"]
mod regorus_side;
#[path = "peers/rhai_side.rs"]
mod rhai_side;
#[path = "peers/table.rs"]
mod table;
#[path = "peers/vajra_side.rs"]
mod vajra_side;
#[path = "peers/workload.rs"]
mod workload;
#[path = "peers/written.rs"]
mod written;
#[path = "peers/zen_side.rs"]
mod zen_side;

use std::cell::LazyCell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use criterion::measurement::Measurement as _;
use vajra::policy::program::Programs;

use cedar_side::Cedar;
use cel_side::Cel;
use cpu_time::CpuTime;
use engine::{Build, Engine};
use evalexpr_side::Evalexpr;
use fasteval_side::Fasteval;
use luajit_side::LuaJit;
use native::Native;
use regorus_side::Regorus;
use rhai_side::Rhai;
use table::{SAMPLES, Table};
use vajra_side::{Vajra, policies};
use workload::{PAYMENTS, Payment, payments};
use zen_side::Zen;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often, on average, a rule of a payment fires, in thousandths: what the workload is made for.
const HITS: std::ops::Range<usize> = 20..40;

/// The engines whose languages say what policies say.
const ENGINES: [(&str, Build); 9] = [
    ("native", |count| Box::new(Native::new(count))),
    ("vajra", |count| Box::new(Vajra::new(policies(count)))),
    ("vajra_interpreted", |count| Box::new(interpreted(count))),
    ("rhai", |count| Box::new(Rhai::new(count))),
    ("zen-engine", |count| Box::new(Zen::new(count))),
    ("cel", |count| Box::new(Cel::new(count))),
    ("regorus", |count| Box::new(Regorus::new(count))),
    ("cedar-policy", |count| Box::new(Cedar::new(count))),
    ("evalexpr", |count| Box::new(Evalexpr::new(count))),
];

/// Those that are faster and say less, beside the yardstick again.
const OTHERS: [(&str, Build); 4] = [
    ("native", |count| Box::new(Native::new(count))),
    ("vajra", |count| Box::new(Vajra::new(policies(count)))),
    ("luajit", |count| Box::new(LuaJit::new(count))),
    ("fasteval", |count| Box::new(Fasteval::new(count))),
];

fn main() {
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime)
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let payments = payments();
    let mut table = Table::default();
    for count in [10, 100, 1_000, 10_000] {
        let name = format!("decision_{count}_rules");
        decisions(&mut criterion, &mut table, &payments, (&name, count), &ENGINES);
        if count == 100 {
            decisions(&mut criterion, &mut table, &payments, ("decision_others", count), &OTHERS);
        }
    }
    criterion.final_summary();
    table.print();
}

/// Measures each engine, once it is seen to agree with the yardstick.
fn decisions(
    criterion: &mut Criterion<CpuTime>,
    table: &mut Table,
    payments: &[Payment],
    (name, count): (&str, usize),
    engines: &[(&'static str, Build)],
) {
    let wanted = LazyCell::new(|| wanted(payments, count));
    let mut group = criterion.benchmark_group(name);
    for (id, build) in engines {
        let mut engine = LazyCell::new(|| agreeing(id, *build, count, payments, &wanted));
        let mut turn = payments.iter().cycle();
        let mut fired = Vec::new();
        let mut samples = Vec::new();
        group.bench_function(*id, |bencher| {
            let engine = &mut *engine;
            bencher.iter_custom(|count| {
                let start = CpuTime.start();
                for payment in turn.by_ref().take(usize::try_from(count).unwrap()) {
                    engine.decide(payment, &mut fired);
                    black_box(&fired);
                }
                let spent = CpuTime.end(start);
                samples.push((count, spent));
                spent
            });
        });
        table.add(name, id, &samples);
    }
    group.finish();
}

/// What the yardstick decides.
fn wanted(payments: &[Payment], count: usize) -> Vec<Vec<usize>> {
    let native = Native::new(count);
    let wanted: Vec<Vec<usize>> = payments
        .iter()
        .map(|payment| {
            let mut fired = Vec::new();
            native.decide(payment, &mut fired);
            fired
        })
        .collect();
    let hits: usize = wanted.iter().map(Vec::len).sum();
    let share = hits * 1_000 / (PAYMENTS * count);
    assert!(count < 100 || HITS.contains(&share), "{share} in a thousand rules fire");
    wanted
}

/// An engine that decides every payment as the yardstick does.
fn agreeing(
    id: &str,
    build: Build,
    count: usize,
    payments: &[Payment],
    wanted: &[Vec<usize>],
) -> Box<dyn Engine> {
    let mut engine = build(count);
    let mut fired = Vec::new();
    for (payment, wanted) in payments.iter().zip(wanted) {
        engine.decide(payment, &mut fired);
        assert_eq!(fired, *wanted, "{id} decides {payment:?} otherwise");
    }
    engine
}

/// Vajra by the interpreter that defines what its programs mean.
fn interpreted(count: usize) -> Vajra {
    let mut set = policies(count);
    Arc::get_mut(&mut set).unwrap().programs = Programs::default();
    Vajra::new(set)
}

impl Engine for Native {
    fn decide(&mut self, payment: &Payment, fired: &mut Vec<usize>) {
        Self::decide(self, payment, fired);
    }
}

impl Engine for Vajra {
    fn decide(&mut self, payment: &Payment, fired: &mut Vec<usize>) {
        Self::decide(self, payment, fired);
    }
}
