//! From a scene to an attempt: who pays what where, and what the provider answers.

use super::chance::{Chance, whole};
use super::customer::{Card, Customer, Device, line1, place, postal_code};
use super::scenario::{Scenario, Scene};
use super::world::{CHANNELS, MERCHANTS, Merchant};
use super::{Answer, Attempt, Settings};
use crate::model::field::{Field, Fields};
use crate::model::outcome::{OutcomeStatus, Stage};
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Text, Value};

/// What is paid, by whom, with what.
struct Draft {
    customer: Customer,
    card: Card,
    device: Device,
    merchant: Merchant,
    /// In cents of a euro.
    cents: f64,
    channel: &'static str,
    /// Where it is sent, if it is not the customer's address.
    ships_to: Option<(Customer, &'static str)>,
    cvc: &'static str,
    is_recurring: bool,
    answer: Answer,
}

/// The attempt of that number at the payment of a scene.
pub(super) fn make(settings: &Settings, scene: &Scene, at: Timestamp, number: i64) -> Attempt {
    // Drawn again for every attempt, so that a retry is the same payment.
    let mut chance = Chance::new(scene.seed, scene.scenario.name(), scene.number);
    let mut draft = everyday(settings, scene, &mut chance);
    stage(settings, scene, &mut draft, &mut chance);
    if number > 1 {
        retry(scene, &mut draft);
    }
    let id = format!("pay-{:016x}", Chance::new(scene.seed, "payment", scene.number).bits());
    let mut fields = fields(&draft, &mut chance);
    fields.set(Field::Id, text(&id));
    fields.set(Field::Attempt, Value::Int(number));
    fields.set(Field::OccurredAt, Value::Time(at));
    Attempt {
        fields,
        scenario: scene.scenario,
        is_fraud: scene.scenario.is_fraud(),
        answer: draft.answer,
    }
}

/// What the customer would do on any day.
fn everyday(settings: &Settings, scene: &Scene, chance: &mut Chance) -> Draft {
    let customer = Customer::everyday(settings.seed, scene.customer, settings.start);
    let merchant =
        chance.weighted(MERCHANTS, |merchant| merchant.weight).copied().unwrap_or(MERCHANTS[0]);
    // The first card and device are the usual ones.
    let card = usual(chance, &customer.cards).cloned();
    let device = usual(chance, &customer.devices).cloned();
    let card = card.unwrap_or_else(|| Card::of(chance, &customer.place));
    let device = device.unwrap_or_else(|| Device::of(chance, &customer.place, false));
    let cents = merchant.typical_cents * customer.spends * chance.log_normal(0.5);
    let answer = match chance.unit() {
        share if share < 0.93 => paid(chance),
        share if share < 0.965 => declined(chance, "51"),
        share if share < 0.985 => declined(chance, "05"),
        share if share < 0.992 => declined(chance, "54"),
        share if share < 0.997 => failed(chance),
        _ => timed_out(chance),
    };
    Draft {
        is_recurring: merchant.id == "m-streaming" && chance.is(0.7),
        cvc: if chance.is(0.985) { "pass" } else { "fail" },
        channel: chance.pick(&CHANNELS),
        ships_to: None,
        customer,
        card,
        device,
        merchant,
        cents,
        answer,
    }
}

/// Makes of it what the scenario asks for.
fn stage(settings: &Settings, scene: &Scene, draft: &mut Draft, chance: &mut Chance) {
    // Equal for all attempts of the episode.
    let mut common = Chance::new(scene.seed, "common", 0);
    match scene.scenario {
        Scenario::Everyday => {}
        Scenario::CardTesting => {
            let here = place(&mut common);
            draft.device = Device::script(&mut common, &here);
            draft.merchant = merchant("m-charity");
            draft.card = Card::of(chance, &place(&mut common.clone()));
            draft.customer = stranger(settings, chance);
            draft.cents = 100.0 + 300.0 * chance.unit();
            draft.cvc = if chance.is(0.45) { "fail" } else { "pass" };
            draft.answer = mostly_declined(chance, 0.8, &["14", "54", "05", "51"]);
        }
        Scenario::Enumeration => {
            let here = place(&mut common);
            let first = Card::of(&mut common, &here);
            draft.card = Card::with_bin(chance, first.brand, &first.bin, here.country);
            draft.device = Device::script(chance, &here);
            draft.merchant = merchant("m-games");
            draft.customer = stranger(settings, chance);
            draft.cents = 499.0;
            draft.cvc = if chance.is(0.85) { "fail" } else { "pass" };
            draft.answer = mostly_declined(chance, 0.95, &["14", "14", "14", "05"]);
        }
        Scenario::AccountTakeover => {
            let elsewhere = place(&mut common);
            draft.device = Device::of(&mut common, &elsewhere, true);
            draft.card = draft.customer.cards.first().cloned().unwrap_or(draft.card.clone());
            draft.merchant = merchant(common.pick(&["m-electronics", "m-phones"]));
            draft.cents = draft.merchant.typical_cents * (1.5 + 2.0 * chance.unit());
            let drop = Customer::mule(settings.seed, scene.customer, scene.started_at);
            draft.ships_to = Some((drop, elsewhere.country));
            draft.answer = mostly_declined(chance, 0.15, &["05", "59", "51", "51"]);
        }
        Scenario::VelocityBurst => {
            draft.card = draft.customer.cards.first().cloned().unwrap_or(draft.card.clone());
            let here = place(&mut common);
            draft.device = Device::of(&mut common, &here, false);
            draft.customer = stranger(settings, &mut common);
            draft.merchant = merchant("m-gift-cards");
            draft.cents = *[5_000.0, 10_000.0].get(usize::from(chance.is(0.5))).unwrap_or(&5_000.0);
            let share = if scene.number < 6 { 0.1 } else { 0.75 };
            draft.answer = mostly_declined(chance, share, &["51", "65", "61", "05"]);
        }
        Scenario::SpendCap => {
            draft.card = draft.customer.cards.first().cloned().unwrap_or(draft.card.clone());
            draft.device = draft.customer.devices.first().cloned().unwrap_or(draft.device.clone());
            draft.merchant = merchant(chance.pick(&["m-electronics", "m-home", "m-travel"]));
            draft.cents = 32_000.0 + 25_000.0 * chance.unit();
            draft.answer = paid(chance);
        }
        Scenario::RefundAbuse => {
            draft.merchant = merchant(chance.pick(&["m-fashion", "m-shoes"]));
            draft.answer = paid(chance);
            draft.answer.status = OutcomeStatus::Captured;
            draft.answer.refunded_after =
                chance.is(0.8).then(|| Span::from_secs(chance.between(900, 7_200)));
        }
        Scenario::Mule => {
            // Two payments each, then the next account.
            let account = scene.seed.wrapping_add(scene.number.div_euclid(2));
            draft.customer = Customer::mule(settings.seed, account, scene.started_at);
            draft.card =
                Card { funding: "prepaid", ..Card::of(&mut common, &draft.customer.place) };
            let here = draft.customer.place;
            draft.device = Device::of(&mut common, &here, true);
            draft.merchant = merchant(chance.pick(&["m-gift-cards", "m-phones", "m-electronics"]));
            draft.cents = 25_000.0 + 45_000.0 * chance.unit();
            draft.answer = mostly_declined(chance, 0.2, &["05", "51", "57", "61"]);
        }
        Scenario::ProviderTimeout => {
            draft.channel = CHANNELS[1];
            draft.answer = timed_out(chance);
        }
    }
}

/// A customer tries again: another card after a decline, another channel after silence.
fn retry(scene: &Scene, draft: &mut Draft) {
    let mut chance = Chance::new(scene.seed, "second try", scene.number);
    if draft.answer.status == OutcomeStatus::TimedOut {
        draft.channel = CHANNELS[0];
    } else if let Some(other) = draft.customer.cards.last() {
        draft.card = other.clone();
    }
    draft.answer = if chance.is(0.85) { paid(&mut chance) } else { declined(&mut chance, "51") };
}

fn usual<'a, T>(chance: &mut Chance, choices: &'a [T]) -> Option<&'a T> {
    if chance.is(0.8) { choices.first() } else { choices.last() }
}

fn merchant(id: &str) -> Merchant {
    MERCHANTS.iter().copied().find(|merchant| merchant.id == id).unwrap_or(MERCHANTS[0])
}

/// Someone without an account.
fn stranger(settings: &Settings, chance: &mut Chance) -> Customer {
    let number = chance.bits() | 1 << 63;
    Customer { account: None, ..Customer::everyday(settings.seed, number, settings.start) }
}

fn mostly_declined(chance: &mut Chance, share: f64, codes: &[&'static str; 4]) -> Answer {
    let code = chance.pick(codes);
    if chance.is(share) { declined(chance, code) } else { paid(chance) }
}

fn paid(chance: &mut Chance) -> Answer {
    Answer {
        status: OutcomeStatus::Authorized,
        stage: None,
        code: None,
        latency: latency(chance, 450.0),
        refunded_after: None,
    }
}

fn declined(chance: &mut Chance, code: &'static str) -> Answer {
    let latency = latency(chance, 380.0);
    let code = Some(Text::const_new(code));
    Answer { status: OutcomeStatus::Declined, code, latency, ..paid(chance) }
}

fn failed(chance: &mut Chance) -> Answer {
    let stage = Some(Stage::NotSent);
    let latency = latency(chance, 40.0);
    Answer { status: OutcomeStatus::Failed, stage, latency, ..paid(chance) }
}

fn timed_out(chance: &mut Chance) -> Answer {
    let latency = Span::from_secs(30);
    Answer { status: OutcomeStatus::TimedOut, latency, ..paid(chance) }
}

fn latency(chance: &mut Chance, typical_ms: f64) -> Span {
    Span::from_micros(whole(typical_ms * chance.log_normal(0.4)) * 1_000)
}

fn fields(draft: &Draft, chance: &mut Chance) -> Fields {
    let mut fields = Fields::new();
    let place = &draft.customer.place;
    let amount = whole(draft.cents * place.minor_per_cent).max(1);
    fields.set(Field::Amount, Value::Int(amount));
    fields.set(Field::Currency, text(place.currency));
    let wallet = if chance.is(0.25) { chance.pick(&["apple_pay", "google_pay"]) } else { "none" };
    fields.set(Field::Method, text(if wallet == "none" { "card" } else { "wallet" }));
    fields.set(Field::Wallet, text(wallet));
    fields.set(Field::Channel, text(draft.channel));
    fields.set(Field::Region, text(place.country));
    fields.set(Field::Bank, text(&format!("bank-{}", draft.card.bin.get(..4).unwrap_or_default())));
    fields.set(Field::Recurring, Value::Bool(draft.is_recurring));
    fields.set(Field::OffSession, Value::Bool(draft.is_recurring));
    let three_ds = if chance.is(0.1) { "attempted" } else { "none" };
    fields.set(Field::ThreeDs, text(three_ds));
    fields.set(Field::ChecksCvc, text(if draft.is_recurring { "unchecked" } else { draft.cvc }));
    let postal = if chance.is(0.95) { "pass" } else { "unavailable" };
    fields.set(Field::ChecksPostalCode, text(postal));
    fields.set_attribute(Text::const_new("items"), Value::Int(chance.between(1, 6)));
    card_fields(&mut fields, draft);
    account_fields(&mut fields, draft);
    if !draft.is_recurring {
        device_fields(&mut fields, draft, chance);
    }
    merchant_fields(&mut fields, draft, chance);
    fields
}

fn card_fields(fields: &mut Fields, draft: &Draft) {
    let card = &draft.card;
    fields.set(Field::CardToken, text(&card.token));
    fields.set(Field::CardBin, text(&card.bin));
    fields.set(Field::CardLast4, text(&card.last4));
    fields.set(Field::CardBrand, text(card.brand));
    fields.set(Field::CardCountry, text(card.country));
    fields.set(Field::CardFunding, text(card.funding));
    fields.set(Field::CardHolderName, text(&draft.customer.name));
    fields.set(Field::CardExpires, text(&card.expires));
}

fn account_fields(fields: &mut Fields, draft: &Draft) {
    let Some(account) = &draft.customer.account else { return };
    fields.set(Field::AccountId, text(&account.id));
    fields.set(Field::AccountCreatedAt, Value::Time(account.created_at));
    fields.set(Field::AccountEmail, text(&account.email));
    if let Some(phone) = &account.phone {
        fields.set(Field::AccountPhone, text(phone));
    }
    fields.set(Field::AccountCountry, text(draft.customer.place.country));
    fields.set(Field::AccountStanding, text(account.standing));
}

fn device_fields(fields: &mut Fields, draft: &Draft, chance: &mut Chance) {
    let device = &draft.device;
    fields.set(Field::DeviceId, text(&device.id));
    fields.set(Field::DeviceIp, text(&device.ip));
    fields.set(Field::DeviceIpCountry, text(device.place.country));
    fields.set(Field::DeviceIpIsAnonymous, Value::Bool(device.ip_is_anonymous));
    fields.set(Field::DeviceUserAgent, text(device.user_agent));
    if chance.is(0.6) {
        // Within a few kilometres.
        let near = |degrees: f64, chance: &mut Chance| {
            whole((degrees + 0.05 * (chance.unit() - 0.5)) * 10_000.0)
        };
        let lat = near(device.place.lat, chance);
        let lon = near(device.place.lon, chance);
        fields.set(Field::DeviceLat, Value::Float(degrees(lat)));
        fields.set(Field::DeviceLon, Value::Float(degrees(lon)));
    }
}

fn merchant_fields(fields: &mut Fields, draft: &Draft, chance: &mut Chance) {
    let Draft { customer, merchant, .. } = draft;
    fields.set(Field::MerchantId, text(merchant.id));
    fields.set(Field::MerchantMcc, text(merchant.mcc));
    fields.set(Field::MerchantCountry, text(merchant.country));
    fields.set(Field::BillingLine1, text(&customer.line1));
    fields.set(Field::BillingCity, text(customer.place.city));
    fields.set(Field::BillingPostalCode, text(&customer.postal_code));
    fields.set(Field::BillingCountry, text(customer.place.country));
    if !merchant.ships {
        return;
    }
    let gift = chance.is(0.04).then(|| (line1(chance), postal_code(chance)));
    let (to, country) = draft
        .ships_to
        .as_ref()
        .map_or((customer, customer.place.country), |(to, country)| (to, *country));
    let (street, postal) = gift.unwrap_or_else(|| (to.line1.clone(), to.postal_code.clone()));
    fields.set(Field::ShippingLine1, text(&street));
    fields.set(Field::ShippingCity, text(to.place.city));
    fields.set(Field::ShippingPostalCode, text(&postal));
    fields.set(Field::ShippingCountry, text(country));
}

fn text(text: &str) -> Value {
    Value::Text(Text::from(text))
}

/// From ten-thousandths.
fn degrees(parts: i64) -> f64 {
    f64::from(i32::try_from(parts).unwrap_or_default()) / 10_000.0
}
