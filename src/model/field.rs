//! The fields of contracts: one table of name, type, letter case and what to do with card numbers.
//!
//! Every reader of a payment (the wire, files, policy tests, policies) goes through this table, so a
//! field is added in one place.

use crate::model::value::{Text, Value, ValueType};

/// What the edge does with the case of a field's letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// As sent.
    Keep,
    /// Upper case: countries, currencies.
    Upper,
    /// Lower case: brands, e-mail domains.
    Lower,
}

/// What the edge does with a card number in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardNumbers {
    /// Nothing: the field cannot hold one.
    Ignore,
    /// Refuses the request when the whole value is one.
    Refuse,
    /// Refuses the request when one stands anywhere within the text.
    RefuseWithin,
    /// Replaces the whole value by its keyed hash.
    Hash,
}

macro_rules! fields {
    ($($name:ident = $path:literal: $kind:ident, $case:ident, $numbers:ident;)+) => {
        /// A field of a payment or of an outcome, by its place in [`Fields`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Field {
            $(#[doc = concat!("`", $path, "`")] $name,)+
        }

        impl Field {
            /// Every field in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in a policy, such as `payment.card.token`.
            pub const fn path(self) -> &'static str {
                match self { $(Self::$name => $path),+ }
            }

            /// The type of a present value.
            pub const fn value_type(self) -> ValueType {
                match self { $(Self::$name => ValueType::$kind),+ }
            }

            /// What the edge does with the case of its letters.
            pub const fn case(self) -> Case {
                match self { $(Self::$name => Case::$case),+ }
            }

            /// What the edge does with a card number in it.
            pub const fn card_numbers(self) -> CardNumbers {
                match self { $(Self::$name => CardNumbers::$numbers),+ }
            }
        }
    };
}

fields! {
    Id = "payment.id": Text, Keep, Hash;
    Attempt = "payment.attempt": Int, Keep, Ignore;
    OccurredAt = "payment.occurred_at": Time, Keep, Ignore;
    Amount = "payment.amount": Int, Keep, Ignore;
    Currency = "payment.currency": Text, Upper, Ignore;
    AmountBase = "payment.amount_base": Int, Keep, Ignore;
    Method = "payment.method": Text, Keep, Ignore;
    Wallet = "payment.wallet": Text, Keep, Ignore;
    Channel = "payment.channel": Text, Keep, Ignore;
    Bank = "payment.bank": Text, Keep, Ignore;
    Region = "payment.region": Text, Keep, Ignore;
    Recurring = "payment.recurring": Bool, Keep, Ignore;
    OffSession = "payment.off_session": Bool, Keep, Ignore;
    ThreeDs = "payment.three_ds": Text, Keep, Ignore;
    Authenticated = "payment.authenticated": Texts, Keep, Ignore;
    Description = "payment.description": Text, Keep, RefuseWithin;
    CardToken = "payment.card.token": Text, Keep, Refuse;
    CardBin = "payment.card.bin": Text, Keep, Refuse;
    CardLast4 = "payment.card.last4": Text, Keep, Refuse;
    CardBrand = "payment.card.brand": Text, Lower, Refuse;
    CardCountry = "payment.card.country": Text, Upper, Refuse;
    CardFunding = "payment.card.funding": Text, Keep, Refuse;
    CardHolderName = "payment.card.holder_name": Text, Keep, RefuseWithin;
    CardExpires = "payment.card.expires": Text, Keep, Refuse;
    AccountId = "payment.account.id": Text, Keep, Hash;
    AccountCreatedAt = "payment.account.created_at": Time, Keep, Ignore;
    AccountEmail = "payment.account.email": Text, Keep, Ignore;
    AccountEmailDomain = "payment.account.email_domain": Text, Lower, Ignore;
    AccountPhone = "payment.account.phone": Text, Keep, Hash;
    AccountCountry = "payment.account.country": Text, Upper, Ignore;
    AccountStanding = "payment.account.standing": Text, Keep, Ignore;
    DeviceId = "payment.device.id": Text, Keep, Hash;
    DeviceIp = "payment.device.ip": Text, Keep, Ignore;
    DeviceIpCountry = "payment.device.ip_country": Text, Upper, Ignore;
    DeviceIpIsAnonymous = "payment.device.ip_is_anonymous": Bool, Keep, Ignore;
    DeviceUserAgent = "payment.device.user_agent": Text, Keep, RefuseWithin;
    DeviceLat = "payment.device.lat": Float, Keep, Ignore;
    DeviceLon = "payment.device.lon": Float, Keep, Ignore;
    MerchantId = "payment.merchant.id": Text, Keep, Hash;
    MerchantMcc = "payment.merchant.mcc": Text, Keep, Ignore;
    MerchantCountry = "payment.merchant.country": Text, Upper, Ignore;
    BillingLine1 = "payment.billing.line1": Text, Keep, RefuseWithin;
    BillingCity = "payment.billing.city": Text, Keep, Ignore;
    BillingState = "payment.billing.state": Text, Keep, Ignore;
    BillingPostalCode = "payment.billing.postal_code": Text, Keep, Ignore;
    BillingCountry = "payment.billing.country": Text, Upper, Ignore;
    BillingLat = "payment.billing.lat": Float, Keep, Ignore;
    BillingLon = "payment.billing.lon": Float, Keep, Ignore;
    ShippingLine1 = "payment.shipping.line1": Text, Keep, RefuseWithin;
    ShippingCity = "payment.shipping.city": Text, Keep, Ignore;
    ShippingState = "payment.shipping.state": Text, Keep, Ignore;
    ShippingPostalCode = "payment.shipping.postal_code": Text, Keep, Ignore;
    ShippingCountry = "payment.shipping.country": Text, Upper, Ignore;
    ShippingLat = "payment.shipping.lat": Float, Keep, Ignore;
    ShippingLon = "payment.shipping.lon": Float, Keep, Ignore;
    ChecksCvc = "payment.checks.cvc": Text, Keep, Ignore;
    ChecksLine1 = "payment.checks.line1": Text, Keep, Ignore;
    ChecksPostalCode = "payment.checks.postal_code": Text, Keep, Ignore;
    OutcomeStatus = "outcome.status": Text, Keep, Ignore;
    OutcomeCause = "outcome.cause": Text, Keep, Ignore;
    OutcomeFamily = "outcome.family": Text, Keep, Ignore;
    OutcomeClass = "outcome.class": Text, Keep, Ignore;
    OutcomeChannel = "outcome.channel": Text, Keep, Ignore;
    OutcomeCode = "outcome.code": Text, Keep, Ignore;
    OutcomeIsEvidence = "outcome.is_evidence": Bool, Keep, Ignore;
    OutcomeLatencyMs = "outcome.latency_ms": Int, Keep, Ignore;
    OutcomeAmount = "outcome.amount": Int, Keep, Ignore;
    OutcomeAmountBase = "outcome.amount_base": Int, Keep, Ignore;
}

/// How many fields there are.
pub const FIELD_COUNT: usize = Field::ALL.len();

/// The blocks of one payment or event: a value per [`Field`], and the caller's attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    values: Box<[Value; FIELD_COUNT]>,
    attributes: Vec<(Text, Value)>,
}

// === impl Field ===

impl Field {
    /// The field of that path, such as `payment.card.token`.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.path() == path)
    }

    /// Whether it belongs to an outcome and not to a payment.
    pub fn is_of_outcome(self) -> bool {
        self >= Self::OutcomeStatus
    }
}

// === impl Fields ===

impl Fields {
    /// Nothing but missing values.
    pub fn new() -> Self {
        Self { values: Box::new([const { Value::Missing }; FIELD_COUNT]), attributes: Vec::new() }
    }

    /// The value of a field.
    #[expect(clippy::indexing_slicing, reason = "a field is an index below FIELD_COUNT")]
    pub fn get(&self, field: Field) -> &Value {
        &self.values[field as usize]
    }

    /// Puts a value in a field.
    #[expect(clippy::indexing_slicing, reason = "a field is an index below FIELD_COUNT")]
    pub fn set(&mut self, field: Field, value: Value) {
        self.values[field as usize] = value;
    }

    /// The value of a field, to normalize it.
    #[expect(clippy::indexing_slicing, reason = "a field is an index below FIELD_COUNT")]
    pub(crate) fn get_mut(&mut self, field: Field) -> &mut Value {
        &mut self.values[field as usize]
    }

    /// The value of an attribute; missing when the caller did not send it.
    pub fn attribute(&self, name: &str) -> &Value {
        match self.attributes.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
            Ok(place) => self.attributes.get(place).map_or(&Value::Missing, |(_, value)| value),
            Err(_) => &Value::Missing,
        }
    }

    /// Puts a value in an attribute.
    pub fn set_attribute(&mut self, name: Text, value: Value) {
        match self.attributes.binary_search_by(|(known, _)| known.cmp(&name)) {
            Ok(place) => {
                if let Some(slot) = self.attributes.get_mut(place) {
                    slot.1 = value;
                }
            }
            Err(place) => self.attributes.insert(place, (name, value)),
        }
    }

    /// The attributes in the order of their names.
    pub fn attributes(&self) -> &[(Text, Value)] {
        &self.attributes
    }

    /// The attributes, to normalize their values; names stay as and where they are.
    pub(super) const fn attributes_mut(&mut self) -> &mut Vec<(Text, Value)> {
        &mut self.attributes
    }

    /// The fields that are present or unknown, in the order of the contract.
    pub fn iter(&self) -> impl Iterator<Item = (Field, &Value)> {
        Field::ALL
            .iter()
            .copied()
            .zip(self.values.iter())
            .filter(|(_, value)| !matches!(value, Value::Missing))
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self::new()
    }
}
