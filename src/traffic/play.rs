//! What each scenario makes of an everyday payment.

use super::Settings;
use super::answer::{mostly_declined, paid, timed_out};
use super::attempt::Draft;
use super::chance::Chance;
use super::customer::{Card, Customer, Device, place};
use super::scenario::{Scenario, Scene};
use super::world::{CHANNELS, MERCHANTS, Merchant};
use crate::model::outcome::OutcomeStatus;
use crate::model::time::Span;

/// Makes of it what the scenario asks for.
pub(super) fn play(settings: &Settings, scene: &Scene, draft: &mut Draft, chance: &mut Chance) {
    // Equal for all attempts of the episode.
    let mut common = Chance::new(scene.seed, "common", 0);
    if scene.scenario != Scenario::Everyday {
        draft.is_recurring = false;
    }
    match scene.scenario {
        Scenario::Everyday => {}
        Scenario::CardTesting => card_testing(settings, draft, chance, &mut common),
        Scenario::Enumeration => enumeration(settings, draft, chance, &mut common),
        Scenario::AccountTakeover => {
            account_takeover(settings, scene, draft, (chance, &mut common));
        }
        Scenario::VelocityBurst => {
            // With someone else's card.
            draft.card = first_card(draft);
            draft.customer = stranger(settings, &mut common);
            draft.cents = if common.is(0.5) { 5_000.0 } else { 10_000.0 };
            velocity_burst(scene, draft, chance, &mut common);
        }
        Scenario::SpendCap => spend_cap(draft, chance),
        Scenario::RefundAbuse => refund_abuse(draft, chance),
        Scenario::Mule => mule(settings, scene, draft, (chance, &mut common)),
        Scenario::ProviderTimeout => {
            draft.channel = CHANNELS[1];
            draft.answer = timed_out(chance);
        }
    }
}

fn card_testing(settings: &Settings, draft: &mut Draft, chance: &mut Chance, common: &mut Chance) {
    let here = place(common);
    draft.device = Device::script(common, &here);
    draft.merchant = merchant("m-charity");
    draft.card = Card::of(chance, &place(common));
    draft.customer = stranger(settings, chance);
    draft.cents = 100.0 + 300.0 * chance.unit();
    draft.cvc = if chance.is(0.45) { "fail" } else { "pass" };
    draft.answer = mostly_declined(chance, 0.8, &["14", "54", "05", "51"]);
}

fn enumeration(settings: &Settings, draft: &mut Draft, chance: &mut Chance, common: &mut Chance) {
    let here = place(common);
    let first = Card::of(common, &here);
    draft.card = Card::with_bin(chance, first.brand, &first.bin, here.country);
    draft.device = Device::script(chance, &here);
    draft.merchant = merchant("m-games");
    draft.customer = stranger(settings, chance);
    draft.cents = 499.0;
    draft.cvc = if chance.is(0.85) { "fail" } else { "pass" };
    draft.answer = mostly_declined(chance, 0.95, &["14", "14", "14", "05"]);
}

fn account_takeover(
    settings: &Settings,
    scene: &Scene,
    draft: &mut Draft,
    (chance, common): (&mut Chance, &mut Chance),
) {
    let elsewhere = place(common);
    draft.device = Device::of(common, &elsewhere, true);
    draft.card = first_card(draft);
    draft.merchant = merchant(common.pick(&["m-electronics", "m-phones"]));
    draft.cents = draft.merchant.typical_cents * (1.5 + 2.0 * chance.unit());
    let receiver = Customer::mule(settings.seed, scene.customer, scene.started_at);
    draft.ships_to = Some((receiver, elsewhere.country));
    draft.answer = mostly_declined(chance, 0.15, &["05", "59", "51", "51"]);
}

fn velocity_burst(scene: &Scene, draft: &mut Draft, chance: &mut Chance, common: &mut Chance) {
    let here = place(common);
    draft.device = Device::of(common, &here, false);
    draft.merchant = merchant("m-gift-cards");
    // The money on the card runs out.
    let share = if scene.number < 6 { 0.1 } else { 0.75 };
    draft.answer = mostly_declined(chance, share, &["51", "65", "61", "05"]);
}

fn spend_cap(draft: &mut Draft, chance: &mut Chance) {
    draft.card = first_card(draft);
    if let Some(device) = draft.customer.devices.first() {
        draft.device = device.clone();
    }
    draft.merchant = merchant(chance.pick(&["m-electronics", "m-home", "m-travel"]));
    draft.cents = 32_000.0 + 25_000.0 * chance.unit();
    draft.answer = paid(chance);
}

fn refund_abuse(draft: &mut Draft, chance: &mut Chance) {
    draft.merchant = merchant(chance.pick(&["m-fashion", "m-shoes"]));
    draft.answer = paid(chance);
    draft.answer.status = OutcomeStatus::Captured;
    draft.answer.refunded_after =
        chance.is(0.8).then(|| Span::from_secs(chance.between(900, 7_200)));
}

fn mule(
    settings: &Settings,
    scene: &Scene,
    draft: &mut Draft,
    (chance, common): (&mut Chance, &mut Chance),
) {
    // Two payments each, then the next account; one device for all.
    let account = scene.seed.wrapping_add(scene.number.div_euclid(2));
    let here = place(common);
    draft.device = Device::of(common, &here, true);
    draft.customer = Customer::mule(settings.seed, account, scene.started_at);
    draft.card = Card { funding: "prepaid", ..Card::of(common, &draft.customer.place) };
    draft.merchant = merchant(chance.pick(&["m-gift-cards", "m-phones", "m-electronics"]));
    draft.cents = 25_000.0 + 45_000.0 * chance.unit();
    draft.answer = mostly_declined(chance, 0.2, &["05", "51", "57", "61"]);
}

fn first_card(draft: &Draft) -> Card {
    draft.customer.cards.first().unwrap_or(&draft.card).clone()
}

fn merchant(id: &str) -> Merchant {
    MERCHANTS.into_iter().find(|merchant| merchant.id == id).unwrap_or(MERCHANTS[0])
}

/// Someone without an account.
fn stranger(settings: &Settings, chance: &mut Chance) -> Customer {
    let number = chance.bits() | 1 << 63;
    Customer { account: None, ..Customer::everyday(settings.seed, number, settings.start) }
}
