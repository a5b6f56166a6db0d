//! How long and how large a field may be. A bound stands well above what real traffic sends, and well
//! below what would make one request expensive to keep.

use crate::model::field::Field;
use crate::model::time::Timestamp;

/// Ids, tokens and fingerprints.
pub const ID_BYTES_MAX: usize = 128;
/// Words and codes: methods, brands, countries, provider codes.
pub const WORD_BYTES_MAX: usize = 64;
/// A name, a city, a phone.
pub const NAME_BYTES_MAX: usize = 256;
/// An e-mail address; mail servers take at most 254.
pub const EMAIL_BYTES_MAX: usize = 256;
/// An address line.
pub const LINE_BYTES_MAX: usize = 512;
/// A description, or a string attribute.
pub const DESCRIPTION_BYTES_MAX: usize = 1_024;
/// A user agent; those of in-app browsers are long.
pub const USER_AGENT_BYTES_MAX: usize = 2_048;
/// A value on a list: the longest of the fields that lists are made of.
pub const LIST_VALUE_BYTES_MAX: usize = EMAIL_BYTES_MAX;

/// The attributes of one payment.
pub const ATTRIBUTES_MAX: usize = 64;
/// The name of an attribute.
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 64;
/// The challenge methods in `payment.authenticated`.
pub const AUTHENTICATED_MAX: usize = 16;

/// An amount in minor units: more than any payment, and small enough that the sum of dozens and the
/// conversion to another currency stay within 64 bits.
pub const AMOUNT_MAX: i64 = 100_000_000_000_000_000;
/// An attempt's number.
pub const ATTEMPT_MAX: i64 = 4_294_967_295;

/// The year 1, where the wire's timestamps begin.
pub const TIME_MIN: Timestamp = Timestamp::from_secs(-62_135_596_800);
/// The last second of the year 9999, where they end.
pub const TIME_MAX: Timestamp = Timestamp::from_secs(253_402_300_799);

/// How many bytes the text of a field may have.
#[expect(clippy::wildcard_enum_match_arm, reason = "most fields are words and codes")]
pub(super) const fn bytes_max(field: Field) -> usize {
    match field {
        Field::Id
        | Field::CardToken
        | Field::AccountId
        | Field::DeviceId
        | Field::MerchantId
        | Field::Channel
        | Field::Bank
        | Field::Region => ID_BYTES_MAX,
        Field::CardHolderName
        | Field::BillingCity
        | Field::BillingState
        | Field::ShippingCity
        | Field::ShippingState => NAME_BYTES_MAX,
        Field::AccountEmail | Field::AccountEmailDomain => EMAIL_BYTES_MAX,
        Field::BillingLine1 | Field::ShippingLine1 => LINE_BYTES_MAX,
        Field::Description => DESCRIPTION_BYTES_MAX,
        Field::DeviceUserAgent => USER_AGENT_BYTES_MAX,
        _ => WORD_BYTES_MAX,
    }
}
