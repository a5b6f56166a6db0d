//! What every engine decides: payments, lists, and rules in a form that each engine's language can be
//! written from. Integers, strings, lists, ratios as products; nothing is missing.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// How many payments are decided in turn.
pub(crate) const PAYMENTS: usize = 10_000;

/// How many values each list has.
pub(crate) const LIST_VALUES: usize = 1_000;

/// How many features each payment has.
pub(crate) const FEATURES: usize = 35;

/// A payment as a service holds it: plain fields, no options, no shared pointers.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) amount: i64,
    pub(crate) amount_base: i64,
    pub(crate) attempt: i64,
    pub(crate) recurring: bool,
    pub(crate) off_session: bool,
    pub(crate) currency: String,
    pub(crate) method: String,
    pub(crate) wallet: String,
    pub(crate) channel: String,
    pub(crate) bank: String,
    pub(crate) region: String,
    pub(crate) card_bin: String,
    pub(crate) card_brand: String,
    pub(crate) card_country: String,
    pub(crate) card_funding: String,
    pub(crate) account_email_domain: String,
    pub(crate) account_country: String,
    pub(crate) account_standing: String,
    pub(crate) device_ip_country: String,
    pub(crate) merchant_id: String,
    pub(crate) merchant_mcc: String,
    pub(crate) merchant_country: String,
    pub(crate) billing_country: String,
    pub(crate) shipping_country: String,
    pub(crate) checks_cvc: String,
    pub(crate) features: [i64; FEATURES],
}

/// A field that holds a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    Amount,
    AmountBase,
    Attempt,
    /// The feature of that place.
    Feature(usize),
}

/// A field that holds a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Currency,
    Method,
    Wallet,
    Channel,
    Bank,
    Region,
    CardBin,
    CardBrand,
    CardCountry,
    CardFunding,
    AccountEmailDomain,
    AccountCountry,
    AccountStanding,
    DeviceIpCountry,
    MerchantId,
    MerchantMcc,
    MerchantCountry,
    BillingCountry,
    ShippingCountry,
    ChecksCvc,
}

/// A field that holds a truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    Recurring,
    OffSession,
}

/// The lists, by place.
pub(crate) const LISTS: [&str; 3] = ["disposable", "bins", "merchants"];

/// One test of a rule; a rule holds when all its tests do.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Above(Number, i64),
    AtLeast(Number, i64),
    Below(Number, i64),
    /// The first times 100 is above the second times the number: a ratio without a division.
    Ratio(Number, Number, i64),
    Is(Word, &'static str),
    IsNot(Word, &'static str),
    Differ(Word, Word),
    OneOf(Word, &'static [&'static str]),
    OnList(Word, usize),
    Holds(Flag),
    HoldsNot(Flag),
}

/// The rules of that number: one template after another, each with its own thresholds.
pub(crate) fn rules(count: usize) -> Vec<Vec<Test>> {
    (0..count).map(|place| template(place % TEMPLATES, variant(place))).collect()
}

/// How many templates there are.
pub(crate) const TEMPLATES: usize = 20;

/// The number that tells rules of one template apart.
pub(crate) fn variant(place: usize) -> i64 {
    i64::try_from(place / TEMPLATES).unwrap()
}

/// A feature that a rule of that variant reads.
pub(crate) fn feature(base: usize, n: i64) -> usize {
    (base + usize::try_from(n).unwrap() * 7) % FEATURES
}

#[expect(clippy::too_many_lines, reason = "a table: one row per template")]
fn template(template: usize, n: i64) -> Vec<Test> {
    use Number::{Amount, AmountBase, Attempt, Feature};
    let f = |base| Feature(feature(base, n));
    match template {
        0 => vec![Test::Above(f(0), 60 + n % 9), Test::AtLeast(f(1), 30)],
        1 => vec![
            Test::Above(AmountBase, 900_00 + n * 7),
            Test::Differ(Word::CardCountry, Word::DeviceIpCountry),
        ],
        2 => vec![Test::Above(f(2), 85), Test::Ratio(AmountBase, f(3), 40_000 + n)],
        3 => vec![
            Test::OneOf(Word::BillingCountry, &["XA", "XB", "XC", "XD"]),
            Test::Above(f(4), 50),
        ],
        4 => vec![Test::OnList(Word::AccountEmailDomain, 0), Test::Above(f(5), 20 + n % 50)],
        5 => vec![
            Test::Is(Word::CardFunding, "prepaid"),
            Test::HoldsNot(Flag::Recurring),
            Test::Above(AmountBase, 850_00 + n),
        ],
        6 => vec![Test::OnList(Word::CardBin, 1), Test::AtLeast(f(6), 40 + n % 30)],
        7 => vec![Test::Ratio(f(7), f(8), 1_500 + n % 100), Test::AtLeast(f(8), 4)],
        8 => vec![
            Test::Is(Word::ChecksCvc, "fail"),
            Test::Is(Word::CardBrand, "amex"),
            Test::Above(Amount, 10_00 + n),
        ],
        9 => vec![
            Test::Above(Attempt, 3),
            Test::Above(f(9), 30 + n % 40),
            Test::Below(AmountBase, 5_00),
        ],
        10 => vec![Test::OnList(Word::MerchantId, 2), Test::Above(AmountBase, 700_00 + n)],
        11 => vec![
            Test::Is(Word::Method, "wallet"),
            Test::Is(Word::Wallet, "none"),
            Test::Above(f(10), n % 60),
        ],
        12 => vec![
            Test::Holds(Flag::OffSession),
            Test::HoldsNot(Flag::Recurring),
            Test::Above(f(11), 75),
        ],
        13 => vec![
            Test::Differ(Word::BillingCountry, Word::ShippingCountry),
            Test::Is(Word::AccountStanding, "watched"),
            Test::Above(f(12), 25 + n % 20),
        ],
        14 => vec![
            Test::Is(Word::MerchantMcc, "7995"),
            Test::Above(f(13), 45),
            Test::Above(AmountBase, 100_00 + n),
        ],
        15 => vec![Test::AtLeast(f(14), 80), Test::AtLeast(f(15), 80 - n % 20)],
        16 => vec![
            Test::Is(Word::Region, "north"),
            Test::Is(Word::Bank, "bank-7"),
            Test::Ratio(f(16), f(17), 300 + n),
        ],
        17 => vec![
            Test::IsNot(Word::Currency, "EUR"),
            Test::Differ(Word::AccountCountry, Word::CardCountry),
            Test::Above(f(18), 65 + n % 10),
        ],
        18 => {
            vec![Test::Is(Word::Channel, "backup"), Test::Above(f(19), 55), Test::Below(f(20), 10)]
        }
        _ => vec![
            Test::IsNot(Word::MerchantCountry, "DE"),
            Test::OneOf(Word::DeviceIpCountry, &["XA", "XB", "XE"]),
            Test::AtLeast(f(21), 35 + n % 25),
        ],
    }
}

/// The values of a list.
pub(crate) fn list(place: usize) -> Vec<String> {
    (0..LIST_VALUES)
        .map(|value| match place {
            0 => format!("trash{value}.test"),
            1 => format!("{}", 400_000 + value * 37),
            _ => format!("merchant-{}", value * 11),
        })
        .collect()
}

/// The same payments in every run.
pub(crate) fn payments() -> Vec<Payment> {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    (0..PAYMENTS).map(|_| payment(&mut random)).collect()
}

fn payment(random: &mut ChaCha8Rng) -> Payment {
    const COUNTRIES: [&str; 12] =
        ["DE", "DE", "DE", "FR", "NL", "US", "GB", "XA", "XB", "XC", "XD", "XE"];
    let country = pick(random, &COUNTRIES);
    let near = |random: &mut ChaCha8Rng| {
        if random.random_ratio(9, 10) { country.clone() } else { pick(random, &COUNTRIES) }
    };
    let email_domain = if random.random_ratio(1, 10) {
        format!("trash{}.test", random.random_range(0..1_500))
    } else {
        pick(random, &["gmail.com", "outlook.com", "qq.com", "example.org"])
    };
    let features = std::array::from_fn(|_| {
        let low = random.random_range(0..100_i64);
        // Most histories are short, some are long.
        low * low / 100
    });
    let amount = random.random_range(1_00..1_000_00);
    Payment {
        amount,
        amount_base: amount,
        attempt: random.random_range(1..6),
        recurring: random.random_ratio(1, 5),
        off_session: random.random_ratio(1, 6),
        currency: pick(random, &["EUR", "EUR", "EUR", "USD", "CNY"]),
        method: pick(random, &["card", "card", "card", "wallet"]),
        wallet: pick(random, &["none", "none", "apple_pay", "alipay"]),
        channel: pick(random, &["main", "main", "main", "backup"]),
        bank: format!("bank-{}", random.random_range(0..20)),
        region: pick(random, &["north", "south", "east", "west"]),
        card_bin: format!("{}", 400_000 + random.random_range(0..300_000)),
        card_brand: pick(random, &["visa", "mastercard", "amex"]),
        card_country: near(random),
        card_funding: pick(random, &["credit", "debit", "prepaid"]),
        account_email_domain: email_domain,
        account_country: near(random),
        account_standing: pick(random, &["good", "good", "good", "watched"]),
        device_ip_country: near(random),
        merchant_id: format!("merchant-{}", random.random_range(0..30_000)),
        merchant_mcc: pick(random, &["5411", "5812", "7995", "4829"]),
        merchant_country: pick(random, &["DE", "DE", "NL"]),
        billing_country: near(random),
        shipping_country: near(random),
        checks_cvc: pick(random, &["pass", "pass", "fail"]),
        features,
    }
}

fn pick(random: &mut ChaCha8Rng, words: &[&str]) -> String {
    words[random.random_range(0..words.len())].to_owned()
}
