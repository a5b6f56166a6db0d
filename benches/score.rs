//! What a score and a report cost: CPU time per decision with the shipped policies, over entities that
//! have a history; alone, and on two threads that meet on no entity. What each limit adds, as the slope
//! over bundles with 0, 5 and 10 limits; and how long the locks are held that the end of 10,000 open
//! reservations takes.
//!
//! CPU time is what the kernel says a thread ran, so that a busy machine does not count. How long a
//! lock is held is told by the clock: the best of several runs, each of which shows its longest.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::integer_division,
    clippy::print_stdout,
    reason = "a benchmark stops when something is wrong, divides to vary its payments, reads the clock, \
              and prints"
)]

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use jiff::tz::TimeZone;
use vajra::engine::{Engine, ScoreRequest, Settings};
use vajra::journal::Discard;
use vajra::limit::state::Reading;
use vajra::limit::store::LimitStore;
use vajra::model::card_number::HashKey;
use vajra::model::field::{Field, Fields};
use vajra::model::intake::Intake;
use vajra::model::limit::{Held, LimitKey, OnExpiry, Period, RESERVATION_KEPT};
use vajra::model::outcome::{Outcome, OutcomeStatus};
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Text, Value};
use vajra::policy::bundle::Files;
use vajra::policy::check::check;
use vajra::policy::set::PolicySet;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A payment each 50 ms over so many cards: each is seen every quarter of an hour.
const CARDS: u64 = 20_000;
const PERIOD_MS: u64 = 50;

/// Scores between two readings of the CPU clock, which ticks in milliseconds.
const BATCH: u64 = 4_000;

fn shipped() -> Arc<PolicySet> {
    check(&Files::shipped()).set.expect("the shipped policies are valid")
}

/// The shipped policies with so many limits in place of their own: daily spend by card, account, device
/// and merchant in turn.
fn with_limits(limits: usize) -> Arc<PolicySet> {
    let Files(mut files) = Files::shipped();
    files.retain(|path, _| !path.starts_with("tests/"));
    let entities = ["card", "account", "device", "merchant"];
    let limits = (0..limits).zip(entities.iter().cycle()).map(|(number, entity)| {
        format!(
            "limit \"{number}\" = sum(payment.amount_base) by {entity} over \"24h\" max 900_000_00 \
             then block(\"LIMIT_DAILY_SPEND\");"
        )
    });
    let merchant = "entity merchant = payment.merchant.id;".to_owned();
    let source = std::iter::once(merchant).chain(limits).collect::<Vec<_>>().join("\n");
    files.insert("limits.rhai".to_owned(), source.into_bytes());
    check(&Files(files)).set.expect("the policies are valid")
}

fn engine(set: Arc<PolicySet>) -> Engine {
    let settings = Settings {
        payment_kept: Span::from_secs(600),
        late_max: Span::from_days(1),
        entities_max: 1_000_000,
        retry: vajra::model::failure::RetrySettings::default(),
    };
    Engine::new(set, settings, Arc::new(Discard))
}

fn at(number: u64) -> Timestamp {
    let millis = i64::try_from(number * PERIOD_MS).unwrap_or(i64::MAX);
    Timestamp::from_secs(1_770_000_000).plus(Span::from_micros(millis * 1_000))
}

/// A card-not-present payment with all that a merchant usually sends.
fn request(intake: &Intake, lane: u64, number: u64) -> ScoreRequest {
    // A step that is coprime to the number of cards spreads them.
    let card = number * 7_919 % CARDS;
    let texts = [
        (Field::Id, format!("order-{lane}-{number:012}")),
        (Field::Currency, "EUR".to_owned()),
        (Field::Method, "card".to_owned()),
        (Field::Channel, format!("psp-{lane}")),
        (Field::CardToken, format!("tok_{lane}_{card:016}")),
        (Field::CardBin, format!("41{lane}{:03}", card % 100)),
        (Field::CardLast4, "1111".to_owned()),
        (Field::CardBrand, "visa".to_owned()),
        (Field::CardCountry, "DE".to_owned()),
        (Field::CardFunding, "credit".to_owned()),
        (Field::AccountId, format!("account-{lane}-{card}")),
        (Field::AccountEmail, format!("somebody{card}@mail{lane}.example.com")),
        (Field::AccountCountry, "DE".to_owned()),
        (Field::DeviceId, format!("device-{lane}-{card}")),
        (Field::DeviceIp, format!("10.{lane}.{}.{}", card / 250 % 250, card % 250)),
        (Field::DeviceIpCountry, "DE".to_owned()),
        (Field::MerchantId, format!("shop-{lane}-{}", card % 40)),
        (Field::MerchantMcc, "5732".to_owned()),
        (Field::MerchantCountry, "DE".to_owned()),
        (Field::BillingCity, "Berlin".to_owned()),
        (Field::BillingPostalCode, "10115".to_owned()),
        (Field::BillingCountry, "DE".to_owned()),
        (Field::ShippingCity, "Berlin".to_owned()),
        (Field::ShippingPostalCode, "10115".to_owned()),
        (Field::ShippingCountry, "DE".to_owned()),
        (Field::ChecksCvc, "pass".to_owned()),
    ];
    let mut fields = Fields::new();
    for (field, text) in texts {
        fields.set(field, Value::Text(Text::from(text)));
    }
    fields.set(Field::Attempt, Value::Int(1));
    fields.set(Field::Amount, Value::Int(10_00 + i64::try_from(card % 90_00).unwrap_or(0)));
    fields.set(Field::AccountCreatedAt, Value::Time(Timestamp::from_secs(1_700_000_000)));
    let payment = intake.payment(fields, at(number)).expect("it is valid").value;
    ScoreRequest { payment, locale: Text::default(), dry_run: false, trace: false }
}

fn authorized(request: &ScoreRequest) -> Outcome {
    Outcome {
        payment_id: request.payment.id().into(),
        attempt: 1,
        outcome_id: None,
        status: OutcomeStatus::Authorized,
        stage: None,
        amount: None,
        is_final: true,
        provider: None,
        operation: None,
        network: None,
        code: None,
        channel: None,
        advice_code: None,
        retry_after: None,
        latency: None,
        occurred_at: None,
    }
}

/// A lane of payments that shares no entity with another.
struct Lane {
    number: u64,
    lane: u64,
    intake: Intake,
}

impl Lane {
    fn new(lane: u64) -> Self {
        Self { number: 0, lane, intake: Intake::for_history(HashKey::new([7; 32])) }
    }

    fn next(&mut self, count: u64) -> Vec<ScoreRequest> {
        let first = self.number;
        self.number += count;
        (first..self.number).map(|number| request(&self.intake, self.lane, number)).collect()
    }

    /// Gives every entity a history, with outcomes.
    fn warm(&mut self, engine: &Engine) {
        for number in 0..4 * CARDS {
            for request in self.next(1) {
                engine.score(&request, at(number)).expect("it is new");
                engine.report_outcome(&authorized(&request), at(number)).expect("it is known");
            }
            if number % 1_000 == 0 {
                engine.sweep(at(number));
            }
        }
    }

    /// CPU time of so many scores, or of the reports that follow them, taken from whole batches.
    fn run(&mut self, engine: &Engine, count: u64, timed: Timed) -> Duration {
        let mut spent = Duration::ZERO;
        let batches = count.div_ceil(BATCH);
        for _ in 0..batches {
            let first = self.number;
            let requests = self.next(BATCH);
            let outcomes: Vec<Outcome> = requests.iter().map(authorized).collect();
            let begun = cpu();
            for (number, request) in (first..).zip(&requests) {
                black_box(engine.score(request, at(number))).expect("it is new");
            }
            let scored = cpu();
            let now = at(self.number);
            for outcome in &outcomes {
                black_box(engine.report_outcome(outcome, now)).expect("it is known");
            }
            spent += match timed {
                Timed::Score => scored - begun,
                Timed::Report => cpu() - scored,
            };
            engine.sweep(now);
        }
        part_of(spent, count, batches * BATCH)
    }
}

/// What of a payment is timed.
#[derive(Clone, Copy)]
enum Timed {
    Score,
    Report,
}

/// The share of `count` in what `all` took.
fn part_of(spent: Duration, count: u64, all: u64) -> Duration {
    let nanos = spent.as_nanos() * u128::from(count) / u128::from(all);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How long this thread ran.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux kernel");
    let ran = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(ran.expect("nanoseconds come first"))
}

fn score(c: &mut Criterion) {
    let set = shipped();
    let size = format!("score: {} rules, {} features", set.rules.len(), set.features.len());
    let mut group = c.benchmark_group(size);
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.measurement_time(Duration::from_secs(4));

    let alone = engine(Arc::clone(&set));
    let mut lane = Lane::new(1);
    lane.warm(&alone);
    group.bench_function("one thread", |b| {
        b.iter_custom(|count| lane.run(&alone, count, Timed::Score));
    });
    group.bench_function("report of an outcome", |b| {
        b.iter_custom(|count| lane.run(&alone, count, Timed::Report));
    });

    let mut request = request(&lane.intake, lane.lane, lane.number);
    request.dry_run = true;
    let now = at(lane.number);
    group.bench_function("dry run", |b| {
        b.iter_custom(|count| {
            let all = count.next_multiple_of(BATCH);
            let before = cpu();
            for _ in 0..all {
                black_box(alone.score(&request, now)).expect("nothing is stored");
            }
            part_of(cpu() - before, count, all)
        });
    });

    let shared = engine(set);
    let mut lanes = [Lane::new(1), Lane::new(2)];
    for lane in &mut lanes {
        lane.warm(&shared);
    }
    group.bench_function("each of two threads", |b| {
        b.iter_custom(|count| {
            let spent: Duration = thread::scope(|scope| {
                let threads: Vec<_> = lanes
                    .iter_mut()
                    .map(|lane| scope.spawn(|| lane.run(&shared, count, Timed::Score)))
                    .collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
            });
            spent / 2
        });
    });
    group.finish();
}

/// What each limit adds, from passes that alternate between the bundles.
fn limits(c: &mut Criterion) {
    let mut group = c.benchmark_group("score by limits");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.measurement_time(Duration::from_secs(2));
    for limits in [0, 5, 10] {
        let engine = engine(with_limits(limits));
        let mut lane = Lane::new(1);
        lane.warm(&engine);
        group.bench_function(BenchmarkId::from_parameter(limits), |b| {
            b.iter_custom(|count| lane.run(&engine, count, Timed::Score));
        });
    }
    group.finish();
}

/// Ten thousand payments of one card and of as many cards reserve and are never heard of again: how long
/// the call takes that ends them, which holds a lock for no longer than that.
fn expiry(_: &mut Criterion) {
    const OPEN: u64 = 10_000;
    const RUNS: usize = 5;
    let mut longest = [Duration::MAX; 2];
    for _ in 0..RUNS {
        let store = LimitStore::new();
        let zone = TimeZone::UTC;
        let reading = Reading {
            period: Period::Over(Span::from_days(7)),
            zone: &zone,
            on_expiry: OnExpiry::Release,
        };
        let held = Held { open: 1, ..Held::NONE };
        let one = store.slot(LimitKey(0));
        for number in 0..OPEN {
            one.lock().add(reading, at(number), at(number), held);
            let own = store.slot(LimitKey(1 + u128::from(number)));
            own.lock().add(reading, at(number), at(number), held);
        }
        let ended = at(OPEN).plus(RESERVATION_KEPT);
        let [of_one, of_many] = &mut longest;
        let begun = Instant::now();
        let mut state = one.lock();
        assert_eq!(state.usage(reading, ended).map(|usage| usage.reserved), Some(0));
        state.add(reading, ended, ended, held);
        drop(state);
        *of_one = begun.elapsed().min(*of_one);
        let mut this_run = Duration::ZERO;
        for number in 0..OPEN {
            let own = store.slot(LimitKey(1 + u128::from(number)));
            let begun = Instant::now();
            own.lock().add(reading, ended, ended, held);
            this_run = begun.elapsed().max(this_run);
        }
        *of_many = this_run.min(*of_many);
    }
    let [of_one, of_many] = longest;
    println!(
        "the end of {OPEN} open reservations holds a lock for at most {} us when they are of one card, \
         {} us when each has its own (goal: 1,000)",
        of_one.as_micros(),
        of_many.as_micros()
    );
}

criterion_group!(benches, score, limits, expiry);
criterion_main!(benches);
