//! What happens in the made-up world, and how often: everyday payments, and episodes that each play out
//! one pattern.

use super::Settings;
use super::chance::{Chance, float, share_of, whole};
use crate::model::time::{Span, Timestamp};

/// What a payment is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// Customers who buy things.
    Everyday,
    /// Stolen numbers are tried on one device with small amounts.
    CardTesting,
    /// Numbers of one BIN are guessed, from many addresses.
    Enumeration,
    /// A stranger pays from a real account.
    AccountTakeover,
    /// One stolen card is emptied within minutes.
    VelocityBurst,
    /// An honest customer spends more in a day than a cap allows.
    SpendCap,
    /// A customer takes back the money for most of what they buy.
    RefundAbuse,
    /// Accounts that were just opened, on one device, for one purpose.
    Mule,
    /// Customers who meet a provider that does not answer.
    ProviderTimeout,
}

/// One playing out of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Episode {
    pub(super) scenario: Scenario,
    pub(super) start: Timestamp,
    /// How many first attempts it has.
    pub(super) size: u64,
    seed: u64,
    /// The customer it happens to.
    customer: u64,
    customers: u64,
}

/// One first attempt and its retries: who, and as part of what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    pub(super) scenario: Scenario,
    /// Equal for all attempts of an episode.
    pub(super) seed: u64,
    /// The number of the attempt in the episode, or of all everyday ones.
    pub(super) number: u64,
    pub(super) customer: u64,
    pub(super) started_at: Timestamp,
}

/// The share of attempts, and the least and greatest size of an episode.
struct Measure {
    scenario: Scenario,
    share: f64,
    size: (i64, i64),
}

const MEASURES: [Measure; 8] = [
    Measure { scenario: Scenario::CardTesting, share: 0.010, size: (25, 55) },
    Measure { scenario: Scenario::Enumeration, share: 0.010, size: (30, 70) },
    Measure { scenario: Scenario::AccountTakeover, share: 0.004, size: (3, 6) },
    Measure { scenario: Scenario::VelocityBurst, share: 0.008, size: (10, 22) },
    Measure { scenario: Scenario::SpendCap, share: 0.006, size: (5, 9) },
    Measure { scenario: Scenario::RefundAbuse, share: 0.008, size: (8, 14) },
    Measure { scenario: Scenario::Mule, share: 0.006, size: (4, 9) },
    Measure { scenario: Scenario::ProviderTimeout, share: 0.012, size: (15, 35) },
];

/// Below this many attempts there is no room for every scenario.
const EVERY_SCENARIO_MIN: u64 = 500;

/// The episodes of these settings. With 500 attempts or more every scenario has one.
pub(super) fn plan(settings: &Settings) -> Vec<Episode> {
    let customers = settings.customers;
    let mut episodes = Vec::new();
    for (place, measure) in (0..).zip(&MEASURES) {
        let (least, greatest) = measure.size;
        let wanted = float(settings.payments) * measure.share * 2.0
            / float((least + greatest).unsigned_abs());
        let least_count = i64::from(settings.payments >= EVERY_SCENARIO_MIN);
        let count = whole(wanted).max(least_count).unsigned_abs();
        for number in 0..count {
            let mut chance = Chance::new(settings.seed, "episode", number << 8 | place);
            // Spread out, with room for the last to play out.
            let share = (float(number) + chance.unit()) / float(count) * 0.9;
            episodes.push(Episode {
                scenario: measure.scenario,
                start: settings.start.plus(share_of(settings.length, share)),
                size: chance.between(least, greatest).unsigned_abs(),
                seed: chance.bits(),
                customer: chance.below(customers),
                customers,
            });
        }
    }
    episodes
}

// === impl Scenario ===

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 9] = [
        Self::Everyday,
        Self::CardTesting,
        Self::Enumeration,
        Self::AccountTakeover,
        Self::VelocityBurst,
        Self::SpendCap,
        Self::RefundAbuse,
        Self::Mule,
        Self::ProviderTimeout,
    ];

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everyday => "everyday",
            Self::CardTesting => "card_testing",
            Self::Enumeration => "enumeration",
            Self::AccountTakeover => "account_takeover",
            Self::VelocityBurst => "velocity_burst",
            Self::SpendCap => "spend_cap",
            Self::RefundAbuse => "refund_abuse",
            Self::Mule => "mule",
            Self::ProviderTimeout => "provider_timeout",
        }
    }

    /// Whether its payments are fraud.
    pub const fn is_fraud(self) -> bool {
        match self {
            Self::Everyday | Self::SpendCap | Self::ProviderTimeout => false,
            Self::CardTesting
            | Self::Enumeration
            | Self::AccountTakeover
            | Self::VelocityBurst
            | Self::RefundAbuse
            | Self::Mule => true,
        }
    }
}

// === impl Episode ===

impl Episode {
    /// The first attempt of that number.
    pub(super) fn scene(&self, number: u64) -> Scene {
        let customer = match self.scenario {
            // A provider's trouble meets whoever comes.
            Scenario::ProviderTimeout => {
                Chance::new(self.seed, "who", number).below(self.customers)
            }
            Scenario::Everyday
            | Scenario::CardTesting
            | Scenario::Enumeration
            | Scenario::AccountTakeover
            | Scenario::VelocityBurst
            | Scenario::SpendCap
            | Scenario::RefundAbuse
            | Scenario::Mule => self.customer,
        };
        Scene { scenario: self.scenario, seed: self.seed, number, customer, started_at: self.start }
    }

    /// The time from that attempt to the next.
    pub(super) fn gap(&self, number: u64) -> Span {
        let mut chance = Chance::new(self.seed, "gap", number);
        let millis = match self.scenario {
            Scenario::CardTesting => chance.between(900, 9_000),
            Scenario::Enumeration => chance.between(300, 6_000),
            Scenario::AccountTakeover => chance.between(120_000, 1_500_000),
            Scenario::VelocityBurst => chance.between(4_000, 40_000),
            Scenario::SpendCap => chance.between(600_000, 5_400_000),
            Scenario::RefundAbuse => chance.between(1_800_000, 14_400_000),
            Scenario::Mule => chance.between(60_000, 900_000),
            Scenario::ProviderTimeout => chance.between(2_000, 40_000),
            Scenario::Everyday => 0,
        };
        Span::from_micros(millis * 1_000)
    }
}

// === impl Scene ===

impl Scene {
    /// An everyday first attempt.
    pub(super) const fn everyday(seed: u64, customer: u64, number: u64) -> Self {
        let started_at = Timestamp::EPOCH;
        Self { scenario: Scenario::Everyday, seed, number, customer, started_at }
    }
}
