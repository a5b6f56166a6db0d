//! The words that a field is known to take. Other words are accepted at the edge: a provider may know
//! more than we do. A policy that compares with one that is not here gets a warning, because a misspelt
//! word is a rule that never fires.

use crate::model::field::Field;

const METHOD: &[&str] = &["card", "wallet", "bank_transfer", "bank_debit", "other"];
const WALLET: &[&str] = &["none", "apple_pay", "google_pay", "alipay", "wechat_pay", "paypal"];
const FUNDING: &[&str] = &["credit", "debit", "prepaid", "unknown"];
const THREE_DS: &[&str] = &["authenticated", "attempted", "failed", "unavailable", "none"];
const STATUS: &[&str] = &[
    "AUTHORIZED",
    "CAPTURED",
    "DECLINED",
    "FAILED",
    "TIMED_OUT",
    "PENDING",
    "CANCELED",
    "EXPIRED",
    "REFUNDED",
];
const CHECK: &[&str] = &["pass", "fail", "unavailable", "unchecked"];

/// What `payment.wallet` and `payment.three_ds` are when they are not sent.
pub const NONE: &str = "none";

impl Field {
    /// The words that the field is known to take; empty when it takes any.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most fields take any word")]
    pub const fn known_words(self) -> &'static [&'static str] {
        match self {
            Self::Method => METHOD,
            Self::Wallet => WALLET,
            Self::CardFunding => FUNDING,
            Self::ThreeDs => THREE_DS,
            Self::ChecksCvc | Self::ChecksLine1 | Self::ChecksPostalCode => CHECK,
            Self::OutcomeStatus => STATUS,
            _ => &[],
        }
    }
}
