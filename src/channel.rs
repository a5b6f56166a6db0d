//! The channels an attempt can take: which fit a payment, how they did of late, and whether one may be
//! retried.
//!
//! Each channel has its own lock; without channels nothing is kept. Health beyond plain success counts,
//! breakers and plans are not here: they would weigh in where [`ChannelStore::rank`] takes its ratio.

use std::cmp::Ordering;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::codec::{Codec, Input, Malformed, record};
use crate::model::failure::RankedChannel;
use crate::model::time::Timestamp;
use crate::model::value::Text;

/// The width of a bucket of results.
const BUCKET_MICROS: i64 = 10_000_000;
/// Five minutes of buckets.
const BUCKETS: usize = 30;
/// One retry, in thousandths: the budget is fixed-point so that replay agrees to the last digit.
const RETRY: u32 = 1_000;
/// What a first attempt saves up: 20 % of a retry (Finagle's default retry budget).
const DEPOSIT: u32 = 200;
/// What can be saved up: ten retries. A channel starts with it.
const SAVED_MAX: u32 = 10 * RETRY;

/// A route that an attempt can take.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelDef {
    /// Its id, as in `payment.channel`.
    pub id: Text,
    /// The methods it serves; empty: all.
    pub methods: Vec<Text>,
    /// The currencies it serves; empty: all.
    pub currencies: Vec<Text>,
    /// The regions it serves; empty: all.
    pub regions: Vec<Text>,
    /// What an attempt costs, for ranking.
    pub cost: f64,
}

/// What a payment asks of a channel; what is not known excludes none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// The method, such as `card`.
    pub method: Option<&'a str>,
    /// The currency.
    pub currency: Option<&'a str>,
    /// The region.
    pub region: Option<&'a str>,
}

/// The results of late and the retry budget of every channel of a bundle.
#[derive(Debug, Default)]
pub struct ChannelStore {
    channels: Vec<(Arc<ChannelDef>, Mutex<Kept>)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    number: i64,
    succeeded: u32,
    attempts: u32,
}

/// What is known of one channel.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    buckets: [Bucket; BUCKETS],
    saved: u32,
}

// === impl ChannelDef ===

impl ChannelDef {
    fn fits(&self, wanted: Wanted<'_>) -> bool {
        let serves = |served: &[Text], asked: Option<&str>| {
            asked.is_none_or(|asked| served.is_empty() || served.iter().any(|one| one == asked))
        };
        serves(&self.methods, wanted.method)
            && serves(&self.currencies, wanted.currency)
            && serves(&self.regions, wanted.region)
    }
}

// === impl ChannelStore ===

impl ChannelStore {
    /// The channels of the next bundle: those that stay keep what is known of them.
    pub fn carried_over(&self, defs: impl IntoIterator<Item = ChannelDef>) -> Self {
        let next = Self::new(defs);
        for (def, kept) in &next.channels {
            if let Some(known) = self.kept(&def.id) {
                *kept.lock() = *known.lock();
            }
        }
        next
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// A store for these channels, in the order of the file, without results and with full budgets.
    pub fn new(defs: impl IntoIterator<Item = ChannelDef>) -> Self {
        let kept = || Mutex::new(Kept { buckets: [Bucket::default(); BUCKETS], saved: SAVED_MAX });
        Self { channels: defs.into_iter().map(|def| (Arc::new(def), kept())).collect() }
    }

    /// Counts a technical or successful result; an unknown one counts as failed. What a customer caused
    /// is not to be reported here. A channel that no bundle knows is ignored.
    pub fn record(&self, id: &str, succeeded: bool, now: Timestamp) {
        let Some(kept) = self.kept(id) else { return };
        kept.lock().record(succeeded, now);
    }

    /// Saves up for retries: once for each first attempt.
    pub fn deposit(&self, id: &str) {
        let Some(kept) = self.kept(id) else { return };
        let mut kept = kept.lock();
        kept.saved = kept.saved.saturating_add(DEPOSIT).min(SAVED_MAX);
    }

    /// Takes one retry out of the budget; `false`, and nothing taken, when it is spent. Over any run of
    /// `n` first attempts at most `n / 5 + 10` retries are granted. A channel that no bundle knows has no
    /// budget to overrun.
    pub fn withdraw(&self, id: &str) -> bool {
        let Some(kept) = self.kept(id) else { return true };
        let mut kept = kept.lock();
        let Some(left) = kept.saved.checked_sub(RETRY) else { return false };
        kept.saved = left;
        true
    }

    /// The channels that fit, best first: by success of late (smoothed, so that a few results say
    /// little), then cost, then the order of the file.
    pub fn rank(&self, wanted: Wanted<'_>, now: Timestamp) -> Vec<RankedChannel> {
        let fit = self.channels.iter().filter(|(def, _)| def.fits(wanted));
        let mut ranked: Vec<_> = fit
            .map(|(def, kept)| {
                let (succeeded, attempts) = kept.lock().of_late(now);
                let ratio = (f64::from(succeeded) + 9.0) / (f64::from(attempts) + 10.0);
                let why = match attempts {
                    0 => format!("no results of late; cost {}", def.cost),
                    _ => format!(
                        "{succeeded} of {attempts} in the last 5 minutes; cost {}",
                        def.cost
                    ),
                };
                let (id, cost) = (def.id.clone(), def.cost);
                (ratio, RankedChannel { id, succeeded, attempts, cost, why: Text::from(why) })
            })
            .collect();
        ranked.sort_by(|(a_ratio, a), (b_ratio, b)| match b_ratio.total_cmp(a_ratio) {
            Ordering::Equal => a.cost.total_cmp(&b.cost),
            unequal @ (Ordering::Less | Ordering::Greater) => unequal,
        });
        ranked.into_iter().map(|(_, channel)| channel).collect()
    }

    /// What is known of each.
    pub fn all(&self) -> Vec<(Text, Kept)> {
        self.channels.iter().map(|(def, kept)| (def.id.clone(), *kept.lock())).collect()
    }

    /// Puts back what a snapshot had of a channel; of one that no bundle knows it is lost.
    pub fn restore(&self, id: &str, known: &Kept) {
        if let Some(kept) = self.kept(id) {
            *kept.lock() = *known;
        }
    }

    fn kept(&self, id: &str) -> Option<&Mutex<Kept>> {
        self.channels.iter().find(|(def, _)| def.id == id).map(|(_, kept)| kept)
    }
}

// === impl Kept ===

impl Kept {
    fn record(&mut self, succeeded: bool, now: Timestamp) {
        let number = now.as_micros().div_euclid(BUCKET_MICROS);
        let Some(oldest) = self
            .buckets
            .iter_mut()
            .max_by_key(|bucket| (bucket.number == number, std::cmp::Reverse(bucket.number)))
        else {
            return;
        };
        if oldest.number > number {
            return; // older than everything kept
        }
        if oldest.number != number {
            *oldest = Bucket { number, ..Bucket::default() };
        }
        oldest.attempts = oldest.attempts.saturating_add(1);
        oldest.succeeded = oldest.succeeded.saturating_add(u32::from(succeeded));
    }

    fn of_late(&self, now: Timestamp) -> (u32, u32) {
        let last = now.as_micros().div_euclid(BUCKET_MICROS);
        let kept = self.buckets.iter().filter(|bucket| (0..30).contains(&(last - bucket.number)));
        kept.fold((0, 0), |(succeeded, attempts), bucket| {
            (bucket.succeeded.saturating_add(succeeded), bucket.attempts.saturating_add(attempts))
        })
    }
}

record!(Bucket { 1 number, 2 succeeded, 3 attempts });

impl Codec for Kept {
    fn encode(&self, out: &mut Vec<u8>) {
        self.buckets.iter().for_each(|bucket| bucket.encode(out));
        self.saved.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let mut buckets = [Bucket::default(); BUCKETS];
        for bucket in &mut buckets {
            *bucket = Codec::decode(input)?;
        }
        Ok(Self { buckets, saved: Codec::decode(input)? })
    }
}
