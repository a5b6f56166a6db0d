//! The same backtest computed anew for every payment from the whole history, sharing no code with the
//! program.

use super::data::Payment;

const DAY: i64 = 86_400;

/// What is known and decided of one payment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expected {
    pub(super) features: Features,
    pub(super) verdict: &'static str,
    pub(super) review: bool,
    pub(super) score: i64,
    pub(super) rules: Vec<&'static str>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Features {
    pub(super) count_1d: Option<i64>,
    pub(super) avg_7d: Option<f64>,
    pub(super) declines_7d: Option<i64>,
    pub(super) late_7d: i64,
    pub(super) frauds_14d: i64,
    pub(super) last_card: Option<String>,
}

/// The counts of the report for one rule or for the verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) hits: u64,
    pub(super) true_positive: u64,
    pub(super) false_positive: u64,
    pub(super) false_negative: u64,
    pub(super) true_negative: u64,
    pub(super) fraud_amount: i64,
    pub(super) good_amount: i64,
}

/// `payments` in the order of the replay.
pub(super) fn decide(payments: &[Payment]) -> Vec<Expected> {
    (0..payments.len()).map(|place| decide_one(payments, place)).collect()
}

fn decide_one(payments: &[Payment], place: usize) -> Expected {
    let this = &payments[place];
    let before = &payments[..place];
    let features = Features {
        count_1d: this.card.as_ref().map(|card| {
            length(before.iter().filter(|other| {
                other.card.as_ref() == Some(card) && within(other.at, this.at, DAY)
            }))
        }),
        avg_7d: this.card.as_ref().and_then(|card| {
            let amounts: Vec<i64> = before
                .iter()
                .filter(|other| other.card.as_ref() == Some(card))
                .filter(|other| within(other.at, this.at, 7 * DAY))
                .map(|other| other.cents)
                .collect();
            let sum: i64 = amounts.iter().sum();
            (!amounts.is_empty()).then(|| sum as f64 / amounts.len() as f64)
        }),
        // An hour after its payment; before the payments of that instant.
        declines_7d: this.card.as_ref().map(|card| {
            length(before.iter().filter(|other| {
                other.card.as_ref() == Some(card)
                    && other.status == Some("no")
                    && within(other.at + 3_600, this.at, 7 * DAY)
            }))
        }),
        late_7d: length(before.iter().filter(|other| {
            other.merchant == this.merchant && within(other.at, this.at - 7 * DAY, 7 * DAY)
        })),
        frauds_14d: length(before.iter().filter(|other| {
            other.merchant == this.merchant
                && other.fraud == Some(true)
                && within(other.at + 7 * DAY, this.at, 14 * DAY)
        })),
        last_card: before
            .iter()
            .rev()
            .filter(|other| other.merchant == this.merchant)
            .find_map(|other| other.card.clone()),
    };
    rules(this, features)
}

fn rules(this: &Payment, features: Features) -> Expected {
    let mut fired = Vec::new();
    let busy = features.count_1d.is_some_and(|count| count >= 3);
    let large = features.avg_7d.is_some_and(|avg| this.cents as f64 > avg * 2.0);
    let risky = features.frauds_14d >= 8 && this.cents > 50_00;
    let declined = features.declines_7d.is_some_and(|count| count >= 3);
    let mut score = 0;
    if busy {
        fired.push("busy");
    }
    if large {
        fired.push("large");
        score += 40;
    }
    if risky {
        fired.push("risky");
    }
    if declined {
        fired.push("declined");
        score += 50;
    }
    if features.late_7d > 20 {
        fired.push("watched");
    }
    if score >= 90 {
        fired.push("points");
    }
    let verdict = match (busy, risky) {
        (true, _) => "block",
        (false, true) => "challenge",
        (false, false) => "allow",
    };
    let review = score >= 90 && verdict != "block";
    Expected { features, verdict, review, score, rules: fired }
}

pub(super) fn count<'a>(payments: impl Iterator<Item = (&'a Payment, bool)>) -> Counts {
    let mut counts = Counts::default();
    for (payment, hit) in payments {
        counts.hits += u64::from(hit);
        match (payment.fraud, hit) {
            (Some(true), true) => {
                counts.true_positive += 1;
                counts.fraud_amount += payment.cents;
            }
            (Some(true), false) => counts.false_negative += 1,
            (Some(false), true) => {
                counts.false_positive += 1;
                counts.good_amount += payment.cents;
            }
            (Some(false), false) => counts.true_negative += 1,
            (None, _) => {}
        }
    }
    counts
}

/// Whether an event at `at` is in the window of that length that ends at `now`.
fn within(at: i64, now: i64, length: i64) -> bool {
    now - length < at && at <= now
}

fn length<T>(items: impl Iterator<Item = T>) -> i64 {
    i64::try_from(items.count()).unwrap()
}
