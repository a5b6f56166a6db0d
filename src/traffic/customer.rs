//! A person who pays: everything about them follows from their number, so no one need be kept.

use super::chance::Chance;
use super::world::{
    BRANDS, DISPOSABLE_DOMAINS, FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS, PLACES, Place,
    SCRIPT_AGENTS, STREETS, USER_AGENTS,
};
use crate::model::time::{Span, Timestamp};

/// A person who pays.
#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub(super) account: Option<Account>,
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) line1: String,
    pub(super) postal_code: String,
    pub(super) cards: Vec<Card>,
    pub(super) devices: Vec<Device>,
    /// What they spend, beside what is usual at a merchant.
    pub(super) spends: f64,
}

/// An account at the caller.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) created_at: Timestamp,
    pub(super) email: String,
    pub(super) phone: Option<String>,
    pub(super) standing: &'static str,
}

/// A card.
#[derive(Clone, Debug)]
pub(super) struct Card {
    pub(super) token: String,
    pub(super) bin: String,
    pub(super) last4: String,
    pub(super) brand: &'static str,
    pub(super) country: &'static str,
    pub(super) funding: &'static str,
    pub(super) expires: String,
}

/// A device and where it is.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) id: String,
    pub(super) ip: String,
    pub(super) ip_is_anonymous: bool,
    pub(super) user_agent: &'static str,
    pub(super) place: Place,
}

// === impl Customer ===

impl Customer {
    /// A customer who was there before `start`.
    pub(super) fn everyday(seed: u64, number: u64, start: Timestamp) -> Self {
        let mut chance = Chance::new(seed, "customer", number);
        let place = place(&mut chance);
        let name = name(&mut chance);
        let account = chance.is(0.88).then(|| {
            let age = Span::from_secs(chance.between(0, 900 * 86_400));
            Account {
                id: format!("acc-{:012x}", chance.bits() >> 16),
                created_at: start.minus(age),
                email: email(&mut chance, &name, false),
                phone: chance.is(0.7).then(|| phone(&mut chance)),
                standing: if chance.is(0.97) { "good" } else { "restricted" },
            }
        });
        let cards = (0..chance.between(1, 2)).map(|_| Card::of(&mut chance, &place)).collect();
        let devices =
            (0..chance.between(1, 2)).map(|_| Device::of(&mut chance, &place, false)).collect();
        Self {
            account,
            name,
            place,
            line1: line1(&mut chance),
            postal_code: postal_code(&mut chance),
            cards,
            devices,
            spends: chance.log_normal(0.4),
        }
    }

    /// Someone who opened an account just now, for one purpose.
    pub(super) fn mule(seed: u64, number: u64, opened_at: Timestamp) -> Self {
        let mut chance = Chance::new(seed, "mule", number);
        let mut mule = Self::everyday(seed ^ 0x6d75_6c65, number, opened_at);
        mule.account = Some(Account {
            id: format!("acc-{:012x}", chance.bits() >> 16),
            created_at: opened_at,
            email: email(&mut chance, &mule.name, true),
            phone: None,
            standing: "new",
        });
        for card in &mut mule.cards {
            card.funding = "prepaid";
        }
        mule
    }
}

/// How likely the customer is to be about at that hour, from 0 to 1.
pub(super) fn activity_at(seed: u64, number: u64, at: Timestamp) -> f64 {
    // Only the first draw of a customer is needed: where they live.
    let place = place(&mut Chance::new(seed, "customer", number));
    let local_secs = at.as_micros().div_euclid(1_000_000) + place.zone_hours * 3_600;
    match local_secs.div_euclid(3_600).rem_euclid(24) {
        0..=5 => 0.08,
        6..=8 => 0.5,
        9..=16 => 0.75,
        17..=21 => 1.0,
        _ => 0.4,
    }
}

// === impl Card ===

impl Card {
    pub(super) fn of(chance: &mut Chance, place: &Place) -> Self {
        let (brand, first) = chance.pick(&BRANDS);
        // A few banks per country, so that strangers share a BIN.
        let bank = u64::from_le_bytes(std::array::from_fn(|byte| {
            place.country.as_bytes().get(byte).copied().unwrap_or_default()
        })) % 900;
        let bin = format!("{first}{bank:03}{:02}", chance.between(10, 25));
        Self::with_bin(chance, brand, &bin, place.country)
    }

    /// Another card that begins alike.
    pub(super) fn with_bin(
        chance: &mut Chance,
        brand: &'static str,
        bin: &str,
        country: &'static str,
    ) -> Self {
        Self {
            token: format!("tok_{:016x}", chance.bits()),
            bin: bin.to_owned(),
            last4: format!("{:04}", chance.below(10_000)),
            brand,
            country,
            funding: chance.pick(&["credit", "debit", "debit", "debit"]),
            expires: format!("20{}-{:02}", chance.between(27, 31), chance.between(1, 12)),
        }
    }
}

// === impl Device ===

impl Device {
    pub(super) fn of(chance: &mut Chance, place: &Place, is_hidden: bool) -> Self {
        // The range that is set aside for measuring networks.
        let ip =
            format!("198.{}.{}.{}", chance.between(18, 19), chance.below(256), chance.below(256));
        Self {
            id: format!("dev-{:014x}", chance.bits() >> 8),
            ip,
            ip_is_anonymous: is_hidden || chance.is(0.02),
            user_agent: chance.pick(&USER_AGENTS),
            place: *place,
        }
    }

    /// A machine that tries cards.
    pub(super) fn script(chance: &mut Chance, place: &Place) -> Self {
        let user_agent = chance.pick(&SCRIPT_AGENTS);
        Self { user_agent, ..Self::of(chance, place, true) }
    }
}

/// Where someone lives.
pub(super) fn place(chance: &mut Chance) -> Place {
    chance.weighted(&PLACES, |place| place.weight)
}

fn name(chance: &mut Chance) -> String {
    format!("{} {}", chance.pick(&FIRST_NAMES), chance.pick(&LAST_NAMES))
}

fn email(chance: &mut Chance, name: &str, is_throwaway: bool) -> String {
    let domain = if is_throwaway && chance.is(0.6) {
        chance.pick(&DISPOSABLE_DOMAINS)
    } else {
        chance.pick(&MAIL_DOMAINS)
    };
    format!("{}.{}@{domain}", name.to_lowercase().replace(' ', "."), chance.below(10_000))
}

fn phone(chance: &mut Chance) -> String {
    format!("+00 {} {:06}", chance.between(10, 99), chance.below(1_000_000))
}

pub(super) fn line1(chance: &mut Chance) -> String {
    format!("{} {}", chance.between(1, 180), chance.pick(&STREETS))
}

pub(super) fn postal_code(chance: &mut Chance) -> String {
    format!(
        "{} {}",
        chance.between(1_000, 9_999),
        chance.pick(&["AB", "CD", "EK", "HT", "RM", "XZ"])
    )
}
