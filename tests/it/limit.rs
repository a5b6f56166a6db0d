//! What entities have used and reserved of limits, in windows that slide and in calendar periods.

use jiff::tz::TimeZone;
use proptest::prelude::*;
use vajra::limit::calendar::bounds;
use vajra::limit::state::{LimitState, Reading};
use vajra::limit::store::LimitStore;
use vajra::model::entity::{EntityKey, EntityKind};
use vajra::model::limit::{Held, LimitKey, OnExpiry, Period, RESERVATION_KEPT, Usage};
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::Value;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn period_of(period: Period, zone: &str, instant: &str) -> (String, String) {
    let zone = TimeZone::get(zone).unwrap();
    let bounds = bounds(period, at(instant), &zone).unwrap();
    (bounds.start.to_jiff().to_string(), bounds.end.to_jiff().to_string())
}

#[test]
fn a_day_is_as_long_as_the_clocks_make_it() {
    let day = |instant| period_of(Period::Day, "Europe/Amsterdam", instant);
    let (start, end) = day("2026-03-29T12:00:00Z");
    assert_eq!((start.as_str(), end.as_str()), ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"));
    let (start, end) = day("2026-10-25T12:00:00Z");
    assert_eq!((start.as_str(), end.as_str()), ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"));
    // The last microsecond of a day is in it, the first of the next is not.
    assert_eq!(day("2026-10-25T22:59:59.999999Z"), day("2026-10-24T22:00:00Z"));
    assert_ne!(day("2026-10-25T23:00:00Z"), day("2026-10-25T22:59:59.999999Z"));
}

#[test]
fn a_day_whose_midnight_is_skipped_starts_when_it_starts() {
    let (start, end) = period_of(Period::Day, "America/Sao_Paulo", "2017-10-15T12:00:00Z");
    assert_eq!((start.as_str(), end.as_str()), ("2017-10-15T03:00:00Z", "2017-10-16T02:00:00Z"));
}

#[test]
fn a_week_starts_on_monday_and_a_month_on_its_first_day() {
    let (start, end) = period_of(Period::Week, "UTC", "2026-03-01T12:00:00Z");
    assert_eq!((start.as_str(), end.as_str()), ("2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z"));
    let (start, end) = period_of(Period::Month, "UTC", "2028-02-29T23:59:59Z");
    assert_eq!((start.as_str(), end.as_str()), ("2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"));
    let (start, end) = period_of(Period::Month, "UTC", "2026-12-31T23:59:59Z");
    assert_eq!((start.as_str(), end.as_str()), ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"));
    assert!(
        bounds(Period::Over(Span::from_days(1)), at("2026-01-01T00:00:00Z"), &TimeZone::UTC)
            .is_none()
    );
}

/// One payment's hold, as the model keeps it.
#[derive(Clone, Copy, Debug)]
struct Kept {
    at: i64,
    held: Held,
}

#[derive(Clone, Debug)]
enum Change {
    Add { held: Held },
    Take { which: prop::sample::Index },
    Settle { which: prop::sample::Index, used: i64 },
    Wait { secs: i64 },
}

fn change() -> impl Strategy<Value = Change> {
    let part = || prop_oneof![Just(0_i64), 1..1_000_i64];
    prop_oneof![
        4 => (part(), part(), part())
            .prop_map(|(used, reserved, open)| Change::Add { held: Held { used, reserved, open } }),
        1 => any::<prop::sample::Index>().prop_map(|which| Change::Take { which }),
        2 => (any::<prop::sample::Index>(), part())
            .prop_map(|(which, used)| Change::Settle { which, used }),
        2 => (1_i64..60_000).prop_map(|secs| Change::Wait { secs }),
    ]
}

fn model(kept: &[Kept], period: Period, on_expiry: OnExpiry, zone: &TimeZone, now: i64) -> Usage {
    let instant = Timestamp::from_secs(now);
    let start = match period {
        Period::Over(window) => instant.minus(window).plus(Span::from_micros(1)),
        _ => bounds(period, instant, zone).unwrap().start,
    };
    let mut usage = Usage::default();
    for kept in kept.iter().filter(|kept| Timestamp::from_secs(kept.at) >= start) {
        let waits = now < kept.at + RESERVATION_KEPT.as_secs();
        usage.used += kept.held.used;
        usage.reserved += kept.held.reserved;
        match on_expiry {
            _ if waits => usage.reserved += kept.held.open,
            OnExpiry::Confirm => usage.used += kept.held.open,
            OnExpiry::Release => {}
        }
    }
    usage
}

proptest! {
    #[test]
    fn usage_is_what_the_holds_in_the_period_come_to(
        changes in prop::collection::vec(change(), 1..120),
        period in prop_oneof![
            (1_i64..400_000).prop_map(|secs| Period::Over(Span::from_secs(secs))),
            Just(Period::Day), Just(Period::Week), Just(Period::Month)
        ],
        confirms in any::<bool>(),
        start in 1_770_000_000_i64..1_800_000_000,
        ahead in 0_i64..700_000,
    ) {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        let on_expiry = if confirms { OnExpiry::Confirm } else { OnExpiry::Release };
        let reading = Reading { period, zone: &zone, on_expiry };
        let mut state = LimitState::default();
        let mut kept: Vec<Kept> = Vec::new();
        let mut now = start;
        for change in changes {
            let instant = Timestamp::from_secs(now);
            match change {
                Change::Wait { secs } => now += secs,
                Change::Add { held } => {
                    state.add(reading, instant, instant, held);
                    kept.push(Kept { at: now, held });
                }
                Change::Take { which } if !kept.is_empty() => {
                    let gone = kept.remove(which.index(kept.len()));
                    state.take(reading, instant, Timestamp::from_secs(gone.at), gone.held);
                }
                Change::Settle { which, used } if !kept.is_empty() => {
                    let place = which.index(kept.len());
                    let settled = &mut kept[place];
                    let at = Timestamp::from_secs(settled.at);
                    state.take(reading, instant, at, settled.held);
                    settled.held = Held { used, ..Held::NONE };
                    state.add(reading, instant, at, settled.held);
                }
                Change::Take { .. } | Change::Settle { .. } => {}
            }
            for read_at in [now, now + ahead] {
                let found = state.usage(reading, Timestamp::from_secs(read_at)).unwrap();
                prop_assert_eq!(found, model(&kept, period, on_expiry, &zone, read_at));
            }
        }
    }
}

#[test]
fn of_very_many_payments_the_old_edge_is_coarse_on_the_keeping_side() {
    let window = Span::from_secs(10_000);
    let reading = Reading {
        period: Period::Over(window),
        zone: &TimeZone::UTC,
        on_expiry: OnExpiry::Release,
    };
    let mut state = LimitState::default();
    let held = Held { used: 1, ..Held::NONE };
    for step in 0..50_000_i64 {
        let now = Timestamp::from_micros(step * 500_000);
        state.add(reading, now, now, held);
        if step % 997 == 0 {
            let exact = (step + 1).min(20_000);
            let found = state.usage(reading, now).unwrap().used;
            assert!(
                (exact..=exact + exact.div_euclid(100) + 1).contains(&found),
                "{found}, not {exact}"
            );
        }
    }
    // What was confirmed long ago can still be given back.
    let before = state.usage(reading, Timestamp::from_secs(25_000)).unwrap().used;
    let old = Timestamp::from_secs(17_000);
    state.take(reading, Timestamp::from_secs(25_000), old, held);
    assert_eq!(state.usage(reading, Timestamp::from_secs(25_000)).unwrap().used, before - 1);
}

#[test]
fn what_had_to_go_is_unknown_until_its_period_is_over() {
    let window = Span::from_secs(100);
    let reading = Reading {
        period: Period::Over(window),
        zone: &TimeZone::UTC,
        on_expiry: OnExpiry::Release,
    };
    let store = LimitStore::new();
    let key = |number: i64| {
        LimitKey::new(1, EntityKey::new(EntityKind(1), [&Value::Int(number)]).unwrap())
    };
    for number in 0..10 {
        let now = Timestamp::from_secs(1_000 + number);
        let held = Held { used: 1, ..Held::NONE };
        store.slot(key(number)).lock().add(reading, now, now, held);
    }
    let now = Timestamp::from_secs(1_010);
    assert_eq!(store.sweep(now, 4), 6);
    assert!(store.find(key(0)).is_none() && store.find(key(9)).is_some());
    let usage = |now| store.slot(key(0)).lock().usage(reading, now);
    assert_eq!(usage(now), None);
    assert_eq!(usage(now.plus(window)), Some(Usage::default()));
    store.sweep(Timestamp::from_secs(2_000), 100);
    assert_eq!(store.len(), 0);
}
