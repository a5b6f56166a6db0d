//! From a scene to an attempt: who pays what where, and what the provider answers.

use super::answer::{declined, failed, paid, timed_out};
use super::chance::{Chance, whole};
use super::customer::{Card, Customer, Device, line1, postal_code};
use super::play;
use super::scenario::Scene;
use super::world::{CHANNELS, MERCHANTS, Merchant};
use super::{Answer, Attempt, Settings};
use crate::model::field::{Field, Fields};
use crate::model::outcome::OutcomeStatus;
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};

/// What is paid, by whom, with what.
pub(super) struct Draft {
    pub(super) customer: Customer,
    pub(super) card: Card,
    pub(super) device: Device,
    pub(super) merchant: Merchant,
    /// In cents of a euro.
    pub(super) cents: f64,
    pub(super) channel: &'static str,
    /// Where it is sent, if it is not the customer's address.
    pub(super) ships_to: Option<(Customer, &'static str)>,
    pub(super) cvc: &'static str,
    pub(super) is_recurring: bool,
    pub(super) answer: Answer,
}

/// The attempt of that number at the payment of a scene.
pub(super) fn make(settings: &Settings, scene: &Scene, at: Timestamp, number: i64) -> Attempt {
    // Drawn again for every attempt, so that a retry is the same payment.
    let mut chance = Chance::new(scene.seed, scene.scenario.name(), scene.number);
    let mut draft = everyday(settings, scene, &mut chance);
    play::play(settings, scene, &mut draft, &mut chance);
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
    let merchant = chance.weighted(&MERCHANTS, |merchant| merchant.weight);
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
