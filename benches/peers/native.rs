//! The yardstick: the rules as a Rust programmer would write them, a table of closures over the plain
//! payment. No clones, the hasher that the other side uses, lists as sets.

use std::collections::HashSet;
use std::sync::Arc;

use crate::workload::{FEATURES, LISTS, Payment, TEMPLATES, feature, list, variant};

/// A condition over a payment.
type Condition = Box<dyn Fn(&Payment) -> bool>;

type Set = Arc<HashSet<String, ahash::RandomState>>;

/// All rules of one decision.
pub(crate) struct Native {
    rules: Vec<Condition>,
}

impl Native {
    /// The rules of that number.
    pub(crate) fn new(count: usize) -> Self {
        let lists: [Set; LISTS.len()] =
            std::array::from_fn(|place| Arc::new(list(place).into_iter().collect()));
        let rules =
            (0..count).map(|place| rule(place % TEMPLATES, variant(place), &lists)).collect();
        Self { rules }
    }

    /// The places of the rules that fire.
    pub(crate) fn decide(&self, payment: &Payment, fired: &mut Vec<usize>) {
        fired.clear();
        for (place, rule) in self.rules.iter().enumerate() {
            if rule(payment) {
                fired.push(place);
            }
        }
    }
}

#[expect(clippy::too_many_lines, reason = "a table: one row per template")]
fn rule(template: usize, n: i64, lists: &[Set; 3]) -> Condition {
    let at = |base: usize| {
        let place = feature(base, n);
        assert!(place < FEATURES);
        place
    };
    match template {
        0 => {
            let (a, b, least) = (at(0), at(1), 60 + n % 9);
            Box::new(move |p| p.features[a] > least && p.features[b] >= 30)
        }
        1 => {
            let least = 900_00 + n * 7;
            Box::new(move |p| p.amount_base > least && p.card_country != p.device_ip_country)
        }
        2 => {
            let (a, b, share) = (at(2), at(3), 40_000 + n);
            Box::new(move |p| p.features[a] > 85 && p.amount_base * 100 > p.features[b] * share)
        }
        3 => {
            let a = at(4);
            Box::new(move |p| {
                matches!(p.billing_country.as_str(), "XA" | "XB" | "XC" | "XD")
                    && p.features[a] > 50
            })
        }
        4 => {
            let (list, a, least) = (Arc::clone(&lists[0]), at(5), 20 + n % 50);
            Box::new(move |p| list.contains(&p.account_email_domain) && p.features[a] > least)
        }
        5 => {
            let least = 850_00 + n;
            Box::new(move |p| p.card_funding == "prepaid" && !p.recurring && p.amount_base > least)
        }
        6 => {
            let (list, a, least) = (Arc::clone(&lists[1]), at(6), 40 + n % 30);
            Box::new(move |p| list.contains(&p.card_bin) && p.features[a] >= least)
        }
        7 => {
            let (a, b, share) = (at(7), at(8), 1_500 + n % 100);
            Box::new(move |p| p.features[a] * 100 > p.features[b] * share && p.features[b] >= 4)
        }
        8 => {
            let least = 10_00 + n;
            Box::new(move |p| p.checks_cvc == "fail" && p.card_brand == "amex" && p.amount > least)
        }
        9 => {
            let (a, least) = (at(9), 30 + n % 40);
            Box::new(move |p| p.attempt > 3 && p.features[a] > least && p.amount_base < 5_00)
        }
        10 => {
            let (list, least) = (Arc::clone(&lists[2]), 700_00 + n);
            Box::new(move |p| list.contains(&p.merchant_id) && p.amount_base > least)
        }
        11 => {
            let (a, least) = (at(10), n % 60);
            Box::new(move |p| p.method == "wallet" && p.wallet == "none" && p.features[a] > least)
        }
        12 => {
            let a = at(11);
            Box::new(move |p| p.off_session && !p.recurring && p.features[a] > 75)
        }
        13 => {
            let (a, least) = (at(12), 25 + n % 20);
            Box::new(move |p| {
                p.billing_country != p.shipping_country
                    && p.account_standing == "watched"
                    && p.features[a] > least
            })
        }
        14 => {
            let (a, least) = (at(13), 100_00 + n);
            Box::new(move |p| {
                p.merchant_mcc == "7995" && p.features[a] > 45 && p.amount_base > least
            })
        }
        15 => {
            let (a, b, least) = (at(14), at(15), 80 - n % 20);
            Box::new(move |p| p.features[a] >= 80 && p.features[b] >= least)
        }
        16 => {
            let (a, b, share) = (at(16), at(17), 300 + n);
            Box::new(move |p| {
                p.region == "north"
                    && p.bank == "bank-7"
                    && p.features[a] * 100 > p.features[b] * share
            })
        }
        17 => {
            let (a, least) = (at(18), 65 + n % 10);
            Box::new(move |p| {
                p.currency != "EUR" && p.account_country != p.card_country && p.features[a] > least
            })
        }
        18 => {
            let (a, b) = (at(19), at(20));
            Box::new(move |p| p.channel == "backup" && p.features[a] > 55 && p.features[b] < 10)
        }
        _ => {
            let (a, least) = (at(21), 35 + n % 25);
            Box::new(move |p| {
                p.merchant_country != "DE"
                    && matches!(p.device_ip_country.as_str(), "XA" | "XB" | "XE")
                    && p.features[a] >= least
            })
        }
    }
}
