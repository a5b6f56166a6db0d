//! Between the wire and the model. Everything is taken apart by name, so that a new field of a message
//! breaks the build where a choice is needed.
//!
//! Nothing is checked here but what only the wire can get wrong: enum values, times out of range, ids
//! that are no fields. The rest is [`crate::model::intake`]'s.
// CRITICAL PATH: a change here carries its number from `benches/rpc.rs`.

pub(super) mod answer;

use prost_types::Timestamp as WireTime;

use crate::model::field::{Field, Fields};
use crate::model::intake::{Intake, Violation};
use crate::model::outcome::{Outcome, OutcomeStatus, Stage};
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Text, Value};
use crate::server::proto;
use crate::server::refusal::violation;

/// The greatest latency that is taken, in milliseconds: a day.
const LATENCY_MS_MAX: i64 = 86_400_000;

/// The fields of a payment as they were sent. What is wrong with them in the eyes of the wire is added
/// to `violations`.
pub(super) fn fields(payment: proto::Payment, violations: &mut Vec<Violation>) -> Fields {
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
    if attempt != 0 {
        fields.set(Field::Attempt, Value::Int(i64::from(attempt)));
    }
    time(&mut fields, Field::OccurredAt, occurred_at, violations);
    if let Some(amount) = amount {
        fields.set(Field::Amount, Value::Int(amount));
    }
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
pub(super) fn event_fields(payment: proto::Payment, violations: &mut Vec<Violation>) -> Fields {
    let (recurring, off_session) = (payment.recurring, payment.off_session);
    let mut fields = fields(payment, violations);
    for (field, is_sent) in [(Field::Recurring, recurring), (Field::OffSession, off_session)] {
        if !is_sent {
            fields.set(field, Value::Missing);
        }
    }
    fields
}

/// An outcome, and how many of its ids were card numbers.
///
/// # Errors
/// Every violation at once.
pub(super) fn outcome(
    request: proto::ReportOutcomeRequest,
    intake: &Intake,
    received_at: Timestamp,
    skew_max: Span,
) -> Result<(Outcome, u32), Vec<Violation>> {
    let proto::ReportOutcomeRequest {
        payment_id,
        attempt,
        outcome_id,
        status,
        amount,
        r#final,
        stage,
        provider,
        operation,
        network,
        code,
        channel,
        latency_ms,
        occurred_at,
        payment: _,
    } = request;
    let mut checks = Checks { intake, violations: Vec::new(), hashed: 0 };
    let payment_id = checks.id("payment_id", &payment_id);
    if attempt == 0 {
        checks.refuse("attempt", "is required, and counts from 1");
    }
    let outcome_id =
        (!outcome_id.is_empty()).then(|| checks.id("outcome_id", &outcome_id)).flatten();
    let status = checks.status(status);
    let stage = checks.stage(status, stage);
    if amount.is_some_and(|amount| amount < 0) {
        checks.refuse("amount", "must not be negative");
    }
    let provider = checks.word("provider", &provider);
    let operation = checks.word("operation", &operation);
    let network = checks.word("network", &network);
    let code = checks.word("code", &code);
    let channel = checks.word("channel", &channel);
    if latency_ms.is_some_and(|latency| !(0..=LATENCY_MS_MAX).contains(&latency)) {
        checks.refuse("latency_ms", &format!("must be from 0 to {LATENCY_MS_MAX}"));
    }
    let occurred_at = checks.occurred_at(occurred_at, received_at, skew_max);
    let (Some(payment_id), Some(status), true) = (payment_id, status, checks.violations.is_empty())
    else {
        return Err(checks.violations);
    };
    let outcome = Outcome {
        payment_id,
        attempt,
        outcome_id,
        status,
        stage,
        amount,
        is_final: r#final.unwrap_or(true),
        provider,
        operation,
        network,
        code,
        channel,
        latency: latency_ms.map(|ms| Span::from_micros(ms.saturating_mul(1_000))),
        occurred_at,
    };
    Ok((outcome, checks.hashed))
}

/// Checks fields of a request that are no fields of a payment, and collects what is wrong.
#[derive(Debug)]
pub(super) struct Checks<'a> {
    /// The edge.
    pub intake: &'a Intake,
    /// What was wrong so far.
    pub violations: Vec<Violation>,
    /// How many ids were card numbers.
    pub hashed: u32,
}

// === impl Checks ===

impl Checks<'_> {
    /// Refuses a field.
    pub(super) fn refuse(&mut self, field: &str, problem: &str) {
        self.violations.push(violation(field, problem));
    }

    /// An id that is required.
    pub(super) fn id(&mut self, field: &str, id: &str) -> Option<Text> {
        match self.intake.id(field, id) {
            Ok(admitted) => {
                self.hashed += admitted.hashed;
                Some(admitted.value)
            }
            Err(violation) => {
                self.violations.push(violation);
                None
            }
        }
    }

    /// The name of an event that a caller records.
    pub(super) fn event_name(&mut self, field: &str, name: &str) -> Option<Text> {
        Intake::event_name(field, name).map_err(|violation| self.violations.push(violation)).ok()
    }

    /// When an outcome or an event happened: not after now, but for the skew of clocks. How far back it
    /// may be is the engine's to say.
    pub(super) fn occurred_at(
        &mut self,
        sent: Option<WireTime>,
        received_at: Timestamp,
        skew_max: Span,
    ) -> Option<Timestamp> {
        let sent = sent?;
        let Some(at) = timestamp(sent) else {
            self.refuse("occurred_at", OUT_OF_RANGE);
            return None;
        };
        if at.since(received_at) > skew_max {
            self.refuse("occurred_at", "must not lie in the future");
        }
        Some(at)
    }

    fn word(&mut self, field: &str, text: &str) -> Option<Text> {
        match Intake::word(field, text) {
            Ok(word) => word,
            Err(violation) => {
                self.violations.push(violation);
                None
            }
        }
    }

    fn status(&mut self, status: i32) -> Option<OutcomeStatus> {
        use proto::OutcomeStatus as Wire;
        match Wire::try_from(status) {
            Ok(Wire::Authorized) => Some(OutcomeStatus::Authorized),
            Ok(Wire::Captured) => Some(OutcomeStatus::Captured),
            Ok(Wire::Declined) => Some(OutcomeStatus::Declined),
            Ok(Wire::Failed) => Some(OutcomeStatus::Failed),
            Ok(Wire::TimedOut) => Some(OutcomeStatus::TimedOut),
            Ok(Wire::Pending) => Some(OutcomeStatus::Pending),
            Ok(Wire::Canceled) => Some(OutcomeStatus::Canceled),
            Ok(Wire::Expired) => Some(OutcomeStatus::Expired),
            Ok(Wire::Refunded) => Some(OutcomeStatus::Refunded),
            Ok(Wire::Unspecified) => {
                self.refuse("status", "is required");
                None
            }
            Err(_unknown) => {
                self.refuse("status", "is not a known status");
                None
            }
        }
    }

    /// The stage says something of a failure alone.
    fn stage(&mut self, status: Option<OutcomeStatus>, stage: i32) -> Option<Stage> {
        use proto::FailureStage as Wire;
        let stage = match Wire::try_from(stage) {
            Ok(Wire::NotSent) => Some(Stage::NotSent),
            Ok(Wire::Sent) => Some(Stage::Sent),
            Ok(Wire::Unspecified) => None,
            Err(_unknown) => {
                self.refuse("stage", "is not a known stage");
                return None;
            }
        };
        if status != Some(OutcomeStatus::Failed) {
            return None;
        }
        if stage.is_none() {
            self.refuse("stage", "is required with the status FAILED");
        }
        stage
    }
}

/// An instant of the wire; `None` when it is none. What is finer than a microsecond is cut off.
#[expect(clippy::integer_division, reason = "the rest is cut off")]
pub(super) fn timestamp(time: WireTime) -> Option<Timestamp> {
    if !(0..1_000_000_000).contains(&time.nanos) {
        return None;
    }
    let micros = time.seconds.checked_mul(1_000_000)?.checked_add(i64::from(time.nanos / 1_000))?;
    Some(Timestamp::from_micros(micros))
}

/// An instant for the wire.
pub(super) fn wire_time(at: Timestamp) -> WireTime {
    let micros = at.as_micros();
    let nanos = micros.rem_euclid(1_000_000).saturating_mul(1_000);
    WireTime {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}

const OUT_OF_RANGE: &str = "is not an instant between the years 1 and 9999";

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
