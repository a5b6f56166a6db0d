//! What it costs to keep and read the features of an entity.
//!
//! * `warm`: one attempt counted and ten features read, of an entity in cache, by how many events its
//!   windows hold. The goal is 0.4 µs with few events.
//! * `cold`: the same for a random one of a million entities, beside a bare read-modify-write of 248
//!   bytes in a `DashMap`. The goal is 1 µs, and three times the bare map.
//! * The bytes per entity are what the process grew by while a million were made: with two attempts in
//!   three streams, one of them with texts, and with two attempts that are only counted.
#![expect(
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops when something is wrong"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dashmap::DashMap;
use vajra::feature::spec::{Aggregate, EntityLayout, FeatureId, FeatureSpec, StreamId, StreamSpec};
use vajra::feature::state::{EntityState, Observed};
use vajra::feature::store::EntityStore;
use vajra::model::entity::{EntityKey, EntityKind};
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Value, ValueType};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENTITIES: u64 = 1_000_000;

/// Ten features such as a card has: attempts and declines over three windows each, amounts, countries.
fn ten_features() -> Arc<EntityLayout> {
    let hour = Span::from_secs(3_600);
    let (day, month) = (Span::from_days(1), Span::from_days(30));
    let features = [
        (0, Aggregate::Count, hour),
        (0, Aggregate::Count, day),
        (0, Aggregate::Count, month),
        (0, Aggregate::SinceLast, month),
        (1, Aggregate::Sum, day),
        (1, Aggregate::Avg, month),
        (1, Aggregate::Max, month),
        (1, Aggregate::Stddev, month),
        (2, Aggregate::Distinct, day),
        (2, Aggregate::Last, month),
    ];
    let features = features
        .into_iter()
        .zip(0..)
        .map(|((stream, aggregate, window), id)| FeatureSpec {
            id: FeatureId(id),
            stream,
            aggregate,
            window: Some(window),
            delay: Span::ZERO,
            inclusive: false,
            value_type: ValueType::Int,
        })
        .collect();
    let streams = [None, Some(ValueType::Int), Some(ValueType::Text)]
        .into_iter()
        .zip(0..)
        .map(|(value_type, id)| StreamSpec { id: StreamId(id), value_type })
        .collect();
    Arc::new(EntityLayout::new(streams, features, Span::from_days(400)))
}

/// Ten windows over one stream that is only counted.
fn ten_counts() -> Arc<EntityLayout> {
    let features = (1..=10)
        .map(|hours| FeatureSpec {
            id: FeatureId(hours),
            stream: 0,
            aggregate: Aggregate::Count,
            window: Some(Span::from_secs(hours.cast_signed() * 3_600)),
            delay: Span::ZERO,
            inclusive: false,
            value_type: ValueType::Int,
        })
        .collect();
    let streams = vec![StreamSpec { id: StreamId(0), value_type: None }];
    Arc::new(EntityLayout::new(streams, features, Span::from_days(400)))
}

/// Reads all ten, then counts an attempt.
fn decide(state: &mut EntityState, layout: &Arc<EntityLayout>, now: Timestamp, country: &Observed) {
    state.adopt(layout).unwrap();
    let mut reader = state.reader(now);
    for place in 0..layout.features.len() {
        black_box(reader.read(place, None));
    }
    state.advance(now);
    state.observe(0, now, &Observed::Event);
    state.observe(1, now, &Observed::Value(Value::Int(1_999)));
    state.observe(2, now, country);
}

fn country() -> Observed {
    Observed::Value(Value::Text("SE".into()))
}

fn warm(criterion: &mut Criterion) {
    let layout = ten_features();
    let country = country();
    let mut group = criterion.benchmark_group("warm");
    for events in [4_i64, 30, 300, 1_000, 10_000] {
        // So that the longest window always holds that many.
        let step = Span::from_micros(Span::from_days(30).as_micros() / events);
        let mut state = EntityState::default();
        let mut now = Timestamp::from_secs(1_700_000_000);
        for _ in 0..=events {
            now = now.plus(step);
            decide(&mut state, &layout, now, &country);
        }
        group.bench_function(
            BenchmarkId::new("update and read of 10 features", events),
            |bencher| {
                bencher.iter(|| {
                    now = now.plus(step);
                    decide(&mut state, &layout, now, &country);
                });
            },
        );
    }
}

fn cold(criterion: &mut Criterion) {
    let layout = ten_features();
    let country = country();
    let key =
        |number: u64| EntityKey::new(EntityKind(1), [&Value::Int(number.cast_signed())]).unwrap();
    let keys: Vec<EntityKey> = (0..ENTITIES).map(key).collect();
    let mut now = Timestamp::from_secs(1_700_000_000);

    let before = resident_bytes();
    let bare: DashMap<EntityKey, [u64; 31], ahash::RandomState> = DashMap::default();
    for key in &keys {
        bare.insert(*key, [0; 31]);
    }
    let after_bare = resident_bytes();
    let store = EntityStore::new();
    for _ in 0..2 {
        for key in &keys {
            now = now.plus(Span::from_micros(1));
            decide(&mut store.slot(*key).lock(), &layout, now, &country);
        }
    }
    let after_store = resident_bytes();
    let counted = EntityStore::new();
    let counts = ten_counts();
    for _ in 0..2 {
        for key in &keys {
            now = now.plus(Span::from_micros(1));
            let slot = counted.slot(*key);
            let mut state = slot.lock();
            state.adopt(&counts).unwrap();
            state.advance(now);
            state.observe(0, now, &Observed::Event);
        }
    }
    let per_entity = |bytes: u64| bytes / ENTITIES;
    println!(
        "bytes per entity: {} with ten features over three streams, {} with ten counts over one, \
         {} in a bare map of 248 bytes",
        per_entity(after_store - after_bare),
        per_entity(resident_bytes() - after_store),
        per_entity(after_bare - before),
    );
    drop(counted);

    let mut group = criterion.benchmark_group("cold");
    let mut place = 0_u64;
    let mut next = || {
        place =
            place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        keys[usize::try_from((place >> 33) % ENTITIES).unwrap()]
    };
    group.bench_function("bare read-modify-write", |bencher| {
        bencher.iter(|| {
            bare.alter(&next(), |_, mut value| {
                value.iter_mut().for_each(|word| *word += 1);
                value
            });
        });
    });
    group.bench_function("update and read of 10 features", |bencher| {
        bencher.iter(|| {
            now = now.plus(Span::from_micros(1));
            decide(&mut store.slot(next()).lock(), &layout, now, &country);
        });
    });
}

/// What the process has in memory, as the kernel counts it; 0 where it does not say.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or_default() * 4_096
}

criterion_group!(benches, warm, cold);
criterion_main!(benches);
