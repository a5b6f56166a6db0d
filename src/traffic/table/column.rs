//! The columns of a table of attempts.

use crate::model::field::Field;
use crate::model::outcome::{OutcomeStatus, Stage};
use crate::model::value::{Text, Value, ValueType};
use crate::traffic::Attempt;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) source: Source,
}

/// Where its values come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    Field(Field),
    Items,
    Scenario,
    IsFraud,
    OutcomeStatus,
    OutcomeCode,
    OutcomeLatency,
}

macro_rules! columns {
    ($($name:literal $field:ident;)+) => {
        /// All columns in order.
        pub(super) const COLUMNS: &[Column] = &[
            $(Column { name: $name, source: Source::Field(Field::$field) },)+
            Column { name: "items", source: Source::Items },
            Column { name: "scenario", source: Source::Scenario },
            Column { name: "is_fraud", source: Source::IsFraud },
            Column { name: "outcome_status", source: Source::OutcomeStatus },
            Column { name: "outcome_code", source: Source::OutcomeCode },
            Column { name: "outcome_latency_ms", source: Source::OutcomeLatency },
        ];
    };
}

columns! {
    "payment_id" Id;
    "attempt" Attempt;
    "occurred_at" OccurredAt;
    "amount" Amount;
    "currency" Currency;
    "method" Method;
    "wallet" Wallet;
    "channel" Channel;
    "bank" Bank;
    "region" Region;
    "recurring" Recurring;
    "off_session" OffSession;
    "three_ds" ThreeDs;
    "card_token" CardToken;
    "card_bin" CardBin;
    "card_last4" CardLast4;
    "card_brand" CardBrand;
    "card_country" CardCountry;
    "card_funding" CardFunding;
    "card_holder_name" CardHolderName;
    "card_expires" CardExpires;
    "account_id" AccountId;
    "account_created_at" AccountCreatedAt;
    "account_email" AccountEmail;
    "account_phone" AccountPhone;
    "account_country" AccountCountry;
    "account_standing" AccountStanding;
    "device_id" DeviceId;
    "device_ip" DeviceIp;
    "device_ip_country" DeviceIpCountry;
    "device_ip_is_anonymous" DeviceIpIsAnonymous;
    "device_user_agent" DeviceUserAgent;
    "device_lat" DeviceLat;
    "device_lon" DeviceLon;
    "merchant_id" MerchantId;
    "merchant_mcc" MerchantMcc;
    "merchant_country" MerchantCountry;
    "billing_line1" BillingLine1;
    "billing_city" BillingCity;
    "billing_postal_code" BillingPostalCode;
    "billing_country" BillingCountry;
    "shipping_line1" ShippingLine1;
    "shipping_city" ShippingCity;
    "shipping_postal_code" ShippingPostalCode;
    "shipping_country" ShippingCountry;
    "cvc_check" ChecksCvc;
    "postal_code_check" ChecksPostalCode;
}

// === impl Source ===

impl Source {
    /// The type of its values.
    pub(super) const fn value_type(self) -> ValueType {
        match self {
            Self::Field(field) => field.value_type(),
            Self::Items | Self::OutcomeLatency => ValueType::Int,
            Self::IsFraud => ValueType::Bool,
            Self::Scenario | Self::OutcomeStatus | Self::OutcomeCode => ValueType::Text,
        }
    }

    /// Its value for an attempt.
    pub(super) fn value(self, attempt: &Attempt) -> Value {
        let answer = &attempt.answer;
        match self {
            Self::Field(field) => attempt.fields.get(field).clone(),
            Self::Items => attempt.fields.attribute("items").clone(),
            Self::Scenario => Value::Text(Text::const_new(attempt.scenario.name())),
            Self::IsFraud => Value::Bool(attempt.is_fraud),
            Self::OutcomeStatus => Value::Text(Text::const_new(status_name(attempt))),
            Self::OutcomeCode => answer.code.clone().map_or(Value::Missing, Value::Text),
            Self::OutcomeLatency => Value::Int(answer.latency.as_micros().div_euclid(1_000)),
        }
    }
}

const fn status_name(attempt: &Attempt) -> &'static str {
    match (attempt.answer.status, attempt.answer.stage, attempt.answer.refunded_after) {
        (_, _, Some(_)) => OutcomeStatus::Refunded.name(),
        (OutcomeStatus::Failed, Some(Stage::Sent), None) => "FAILED_SENT",
        (OutcomeStatus::Failed, Some(Stage::NotSent) | None, None) => "FAILED_NOT_SENT",
        (status, _, None) => status.name(),
    }
}
