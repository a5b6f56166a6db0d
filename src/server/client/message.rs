//! Fields as a message: what a caller sends for a payment of ours.

use crate::model::field::{Field, Fields};
use crate::model::value::Value;
use crate::server::convert::wire_time;
use crate::server::proto;

/// The message of a payment with these fields. `payment.amount_base` is not sent: the score computes it.
pub fn payment_message(fields: &Fields) -> proto::Payment {
    let text = |field| fields.get(field).as_text().unwrap_or_default().to_owned();
    let time = |field| fields.get(field).as_time().map(wire_time);
    let truth = |field| fields.get(field).as_bool();
    proto::Payment {
        id: text(Field::Id),
        attempt: integer(fields, Field::Attempt)
            .and_then(|attempt| u32::try_from(attempt).ok())
            .unwrap_or_default(),
        occurred_at: time(Field::OccurredAt),
        amount: integer(fields, Field::Amount),
        currency: text(Field::Currency),
        method: text(Field::Method),
        wallet: text(Field::Wallet),
        channel: text(Field::Channel),
        bank: text(Field::Bank),
        region: text(Field::Region),
        recurring: truth(Field::Recurring).unwrap_or_default(),
        off_session: truth(Field::OffSession).unwrap_or_default(),
        three_ds: text(Field::ThreeDs),
        authenticated: texts(fields, Field::Authenticated),
        description: text(Field::Description),
        card: Some(proto::Card {
            token: text(Field::CardToken),
            bin: text(Field::CardBin),
            last4: text(Field::CardLast4),
            brand: text(Field::CardBrand),
            country: text(Field::CardCountry),
            funding: text(Field::CardFunding),
            holder_name: text(Field::CardHolderName),
            expires: text(Field::CardExpires),
        }),
        account: Some(proto::Account {
            id: text(Field::AccountId),
            created_at: time(Field::AccountCreatedAt),
            email: text(Field::AccountEmail),
            email_domain: text(Field::AccountEmailDomain),
            phone: text(Field::AccountPhone),
            country: text(Field::AccountCountry),
            standing: text(Field::AccountStanding),
        }),
        device: Some(proto::Device {
            id: text(Field::DeviceId),
            ip: text(Field::DeviceIp),
            ip_country: text(Field::DeviceIpCountry),
            ip_is_anonymous: truth(Field::DeviceIpIsAnonymous),
            user_agent: text(Field::DeviceUserAgent),
            lat: float(fields, Field::DeviceLat),
            lon: float(fields, Field::DeviceLon),
        }),
        merchant: Some(proto::Merchant {
            id: text(Field::MerchantId),
            mcc: text(Field::MerchantMcc),
            country: text(Field::MerchantCountry),
        }),
        billing: Some(address(fields, BILLING)),
        shipping: Some(address(fields, SHIPPING)),
        checks: Some(proto::Checks {
            cvc: text(Field::ChecksCvc),
            line1: text(Field::ChecksLine1),
            postal_code: text(Field::ChecksPostalCode),
        }),
        attributes: fields
            .attributes()
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), attribute(value)?)))
            .collect(),
    }
}

/// Line, city, state, postal code, country, latitude, longitude.
type AddressFields = [Field; 7];

const BILLING: AddressFields = [
    Field::BillingLine1,
    Field::BillingCity,
    Field::BillingState,
    Field::BillingPostalCode,
    Field::BillingCountry,
    Field::BillingLat,
    Field::BillingLon,
];
const SHIPPING: AddressFields = [
    Field::ShippingLine1,
    Field::ShippingCity,
    Field::ShippingState,
    Field::ShippingPostalCode,
    Field::ShippingCountry,
    Field::ShippingLat,
    Field::ShippingLon,
];

fn address(fields: &Fields, places: AddressFields) -> proto::Address {
    let [line1, city, state, postal_code, country, lat, lon] = places;
    let text = |field| fields.get(field).as_text().unwrap_or_default().to_owned();
    proto::Address {
        line1: text(line1),
        city: text(city),
        state: text(state),
        postal_code: text(postal_code),
        country: text(country),
        lat: float(fields, lat),
        lon: float(fields, lon),
    }
}

fn integer(fields: &Fields, field: Field) -> Option<i64> {
    fields.get(field).as_int()
}

fn float(fields: &Fields, field: Field) -> Option<f64> {
    if let Value::Float(number) = fields.get(field) { Some(*number) } else { None }
}

fn texts(fields: &Fields, field: Field) -> Vec<String> {
    if let Value::Texts(texts) = fields.get(field) {
        texts.iter().map(ToString::to_string).collect()
    } else {
        Vec::new()
    }
}

fn attribute(value: &Value) -> Option<proto::AttributeValue> {
    use proto::attribute_value::Kind;
    let kind = match value {
        Value::Bool(truth) => Kind::BoolValue(*truth),
        Value::Int(number) => Kind::IntValue(*number),
        Value::Float(number) => Kind::NumberValue(*number),
        Value::Text(text) => Kind::StringValue(text.to_string()),
        Value::Missing | Value::Unknown | Value::Time(_) | Value::Texts(_) => return None,
    };
    Some(proto::AttributeValue { kind: Some(kind) })
}
