//! The same rules over the same payments by each engine, side by side in one run. Binding the payment
//! to what the engine reads is included on every side, and all agree on every payment.
#![expect(
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark stops when something is wrong"
)]

#[path = "peers/native.rs"]
mod native;
#[path = "peers/vajra_side.rs"]
mod vajra_side;
#[path = "peers/workload.rs"]
mod workload;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};

use native::Native;
use vajra_side::Vajra;
use workload::{PAYMENTS, Payment, payments};

/// How often, on average, a rule of a payment fires, in thousandths: what the workload is made for.
const HITS: std::ops::Range<usize> = 20..40;

fn decisions(criterion: &mut Criterion) {
    let payments = payments();
    for count in [10, 100, 1_000, 10_000] {
        let native = Native::new(count);
        let mut vajra = Vajra::new(count);
        let wanted: Vec<Vec<usize>> = payments
            .iter()
            .map(|payment| fired(payment, |payment, fired| native.decide(payment, fired)))
            .collect();
        let hits: usize = wanted.iter().map(Vec::len).sum();
        let share = hits * 1_000 / (PAYMENTS * count);
        assert!(count < 100 || HITS.contains(&share), "{share} in a thousand rules fire");
        for (payment, wanted) in payments.iter().zip(&wanted) {
            let found = fired(payment, |payment, fired| vajra.decide(payment, fired));
            assert_eq!(found, *wanted, "vajra decides {payment:?} otherwise");
        }
        let mut group = criterion.benchmark_group(format!("decision_{count}_rules"));
        measure(&mut group, "native", &payments, |payment, fired| native.decide(payment, fired));
        measure(&mut group, "vajra", &payments, |payment, fired| vajra.decide(payment, fired));
        group.finish();
    }
}

/// Decides the payments in turn.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: &str,
    payments: &[Payment],
    mut decide: impl FnMut(&Payment, &mut Vec<usize>),
) {
    let mut turn = payments.iter().cycle();
    let mut fired = Vec::new();
    group.bench_function(id, |bencher| {
        bencher.iter(|| {
            let payment = turn.next().unwrap();
            decide(payment, &mut fired);
            fired.len()
        });
    });
}

fn fired(payment: &Payment, decide: impl FnOnce(&Payment, &mut Vec<usize>)) -> Vec<usize> {
    let mut fired = Vec::new();
    decide(payment, &mut fired);
    fired
}

criterion_group!(benches, decisions);
criterion_main!(benches);
