//! Channels: which fit, in what order, and how many retries an outage is allowed.

use vajra::channel::{ChannelDef, ChannelStore, Wanted};
use vajra::model::time::Timestamp;

fn def(id: &str, currency: &str, cost: f64) -> ChannelDef {
    let currencies = if currency.is_empty() { vec![] } else { vec![currency.into()] };
    ChannelDef { id: id.into(), methods: vec![], currencies, regions: vec![], cost }
}

fn ids(store: &ChannelStore, now: i64) -> Vec<String> {
    let wanted = Wanted { currency: Some("EUR"), ..Wanted::default() };
    store.rank(wanted, Timestamp::from_secs(now)).iter().map(|one| one.id.to_string()).collect()
}

#[test]
fn only_fit_channels_are_ranked_by_cost_then_order_while_nothing_is_known() {
    let defs = [def("a", "", 2.0), def("b", "USD", 0.0), def("c", "EUR", 1.0), def("d", "", 2.0)];
    assert_eq!(ids(&ChannelStore::new(defs), 1_000), ["c", "a", "d"]);
}

#[test]
fn failures_of_late_outweigh_cost_until_five_minutes_have_passed() {
    let store = ChannelStore::new([def("a", "", 1.0), def("b", "", 2.0)]);
    store.record("a", false, Timestamp::from_secs(1_000));
    assert_eq!(ids(&store, 1_000), ["b", "a"]);
    assert_eq!(ids(&store, 1_299), ["b", "a"]);
    assert_eq!(ids(&store, 1_300), ["a", "b"]);
}

#[test]
fn in_an_outage_retries_add_a_fifth_of_the_load_and_the_burst() {
    let store = ChannelStore::new([def("a", "", 1.0)]);
    let mut granted = 0;
    for _ in 0..1_000 {
        store.deposit("a");
        granted += (0..3).filter(|_| store.withdraw("a")).count();
    }
    assert!((200..=210).contains(&granted), "{granted}");
}
