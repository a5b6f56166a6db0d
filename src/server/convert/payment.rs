//! The blocks of a payment, off the wire.
// CRITICAL PATH: a change here carries its number from `benches/rpc.rs`.

use prost_types::Timestamp as WireTime;

use super::{OUT_OF_RANGE, timestamp};
use crate::model::field::{Field, Fields};
use crate::model::intake::Violation;
use crate::model::value::{Text, Value};
use crate::server::proto;
use crate::server::refusal::violation;

/// The fields of a payment as they were sent. What is wrong with them in the eyes of the wire is added
/// to `violations`.
pub(in crate::server) fn fields(
    payment: proto::Payment,
    violations: &mut Vec<Violation>,
) -> Fields {
    let mut fields = Fields::new();
    let proto::Payment {
        id,
        attempt,
        occurred_at,
        amount,
        currency,
        method,
        wallet,
        channel,
        bank,
        region,
        recurring,
        off_session,
        three_ds,
        authenticated,
        description,
        card,
        account,
        device,
        merchant,
        billing,
        shipping,
        checks,
        attributes,
    } = payment;
    text(&mut fields, Field::Id, id);
    number(&mut fields, Field::Attempt, (attempt != 0).then_some(attempt.into()));
    time(&mut fields, Field::OccurredAt, occurred_at, violations);
    number(&mut fields, Field::Amount, amount);
    text(&mut fields, Field::Currency, currency);
    text(&mut fields, Field::Method, method);
    text(&mut fields, Field::Wallet, wallet);
    text(&mut fields, Field::Channel, channel);
    text(&mut fields, Field::Bank, bank);
    text(&mut fields, Field::Region, region);
    fields.set(Field::Recurring, Value::Bool(recurring));
    fields.set(Field::OffSession, Value::Bool(off_session));
    text(&mut fields, Field::ThreeDs, three_ds);
    texts(&mut fields, Field::Authenticated, authenticated);
    text(&mut fields, Field::Description, description);
    if let Some(card) = card {
        card_fields(&mut fields, card);
    }
    if let Some(account) = account {
        account_fields(&mut fields, account, violations);
    }
    if let Some(device) = device {
        device_fields(&mut fields, device);
    }
    if let Some(merchant) = merchant {
        merchant_fields(&mut fields, merchant);
    }
    if let Some(address) = billing {
        address_fields(&mut fields, BILLING, address);
    }
    if let Some(address) = shipping {
        address_fields(&mut fields, SHIPPING, address);
    }
    if let Some(checks) = checks {
        check_fields(&mut fields, checks);
    }
    for (name, proto::AttributeValue { kind }) in attributes {
        if let Some(kind) = kind {
            fields.set_attribute(Text::from(name), attribute(kind));
        }
    }
    fields
}

/// The same of a recorded event, for which `false` would say more than was sent.
pub(in crate::server) fn event_fields(
    payment: proto::Payment,
    violations: &mut Vec<Violation>,
) -> Fields {
    let (recurring, off_session) = (payment.recurring, payment.off_session);
    let mut fields = fields(payment, violations);
    for (field, is_sent) in [(Field::Recurring, recurring), (Field::OffSession, off_session)] {
        if !is_sent {
            fields.set(field, Value::Missing);
        }
    }
    fields
}

const BILLING: [Field; 7] = [
    Field::BillingLine1,
    Field::BillingCity,
    Field::BillingState,
    Field::BillingPostalCode,
    Field::BillingCountry,
    Field::BillingLat,
    Field::BillingLon,
];

const SHIPPING: [Field; 7] = [
    Field::ShippingLine1,
    Field::ShippingCity,
    Field::ShippingState,
    Field::ShippingPostalCode,
    Field::ShippingCountry,
    Field::ShippingLat,
    Field::ShippingLon,
];

fn card_fields(fields: &mut Fields, card: proto::Card) {
    let proto::Card { token, bin, last4, brand, country, funding, holder_name, expires } = card;
    text(fields, Field::CardToken, token);
    text(fields, Field::CardBin, bin);
    text(fields, Field::CardLast4, last4);
    text(fields, Field::CardBrand, brand);
    text(fields, Field::CardCountry, country);
    text(fields, Field::CardFunding, funding);
    text(fields, Field::CardHolderName, holder_name);
    text(fields, Field::CardExpires, expires);
}

fn account_fields(fields: &mut Fields, account: proto::Account, violations: &mut Vec<Violation>) {
    let proto::Account { id, created_at, email, email_domain, phone, country, standing } = account;
    text(fields, Field::AccountId, id);
    time(fields, Field::AccountCreatedAt, created_at, violations);
    text(fields, Field::AccountEmail, email);
    text(fields, Field::AccountEmailDomain, email_domain);
    text(fields, Field::AccountPhone, phone);
    text(fields, Field::AccountCountry, country);
    text(fields, Field::AccountStanding, standing);
}

fn device_fields(fields: &mut Fields, device: proto::Device) {
    let proto::Device { id, ip, ip_country, ip_is_anonymous, user_agent, lat, lon } = device;
    text(fields, Field::DeviceId, id);
    text(fields, Field::DeviceIp, ip);
    text(fields, Field::DeviceIpCountry, ip_country);
    if let Some(is_anonymous) = ip_is_anonymous {
        fields.set(Field::DeviceIpIsAnonymous, Value::Bool(is_anonymous));
    }
    text(fields, Field::DeviceUserAgent, user_agent);
    degrees(fields, Field::DeviceLat, lat);
    degrees(fields, Field::DeviceLon, lon);
}

fn merchant_fields(fields: &mut Fields, merchant: proto::Merchant) {
    let proto::Merchant { id, mcc, country } = merchant;
    text(fields, Field::MerchantId, id);
    text(fields, Field::MerchantMcc, mcc);
    text(fields, Field::MerchantCountry, country);
}

fn check_fields(fields: &mut Fields, checks: proto::Checks) {
    let proto::Checks { cvc, line1, postal_code } = checks;
    text(fields, Field::ChecksCvc, cvc);
    text(fields, Field::ChecksLine1, line1);
    text(fields, Field::ChecksPostalCode, postal_code);
}

fn address_fields(fields: &mut Fields, places: [Field; 7], address: proto::Address) {
    let proto::Address { line1, city, state, postal_code, country, lat: latitude, lon: longitude } =
        address;
    let [at_line1, at_city, at_state, at_postal_code, at_country, at_lat, at_lon] = places;
    text(fields, at_line1, line1);
    text(fields, at_city, city);
    text(fields, at_state, state);
    text(fields, at_postal_code, postal_code);
    text(fields, at_country, country);
    degrees(fields, at_lat, latitude);
    degrees(fields, at_lon, longitude);
}

fn text(fields: &mut Fields, field: Field, text: String) {
    if !text.is_empty() {
        fields.set(field, Value::Text(Text::from(text)));
    }
}

fn number(fields: &mut Fields, field: Field, number: Option<i64>) {
    if let Some(number) = number {
        fields.set(field, Value::Int(number));
    }
}

fn texts(fields: &mut Fields, field: Field, texts: Vec<String>) {
    if !texts.is_empty() {
        fields.set(field, Value::Texts(texts.into_iter().map(Text::from).collect()));
    }
}

fn degrees(fields: &mut Fields, field: Field, degrees: Option<f64>) {
    if let Some(degrees) = degrees {
        fields.set(field, Value::Float(degrees));
    }
}

fn time(
    fields: &mut Fields,
    field: Field,
    time: Option<WireTime>,
    violations: &mut Vec<Violation>,
) {
    match time.map(timestamp) {
        Some(Some(at)) => fields.set(field, Value::Time(at)),
        Some(None) => violations.push(violation(field.path(), OUT_OF_RANGE)),
        None => {}
    }
}

fn attribute(kind: proto::attribute_value::Kind) -> Value {
    use proto::attribute_value::Kind;
    match kind {
        Kind::StringValue(text) => Value::Text(Text::from(text)),
        Kind::NumberValue(number) => Value::Float(number),
        Kind::IntValue(number) => Value::Int(number),
        Kind::BoolValue(truth) => Value::Bool(truth),
    }
}
