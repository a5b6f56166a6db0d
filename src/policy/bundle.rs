//! The files of a bundle: settings, reasons, rates, lists and sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::currency::Currency;
use crate::model::time::{Span, Timestamp};
use crate::model::value::Text;
use crate::model::verdict::{OnError, ReasonClass, Verdict};
use crate::policy::diagnostic::Diagnostic;

/// The files of a bundle as bytes, by path within it (with `/`), in order of path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(pub BTreeMap<String, Vec<u8>>);

/// Everything in a bundle but its declarations.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// `name`
    pub name: String,
    /// The hash of the content, in hex.
    pub version: Text,
    /// `base_currency`
    pub base_currency: Currency,
    /// `time_zone`
    pub time_zone: jiff::tz::TimeZone,
    /// `on_error`
    pub on_error: OnError,
    /// `locale`
    pub locale: Text,
    /// `default_challenge`
    pub default_challenge: Text,
    /// `challenge_off_session`
    pub challenge_off_session: OffSession,
    /// `idle_max`
    pub idle_max: Span,
    /// `fallback`: ascending tiers.
    pub fallback: Vec<FallbackTier>,
    /// `[[channel]]`
    pub channels: Vec<ChannelDef>,
    /// `reasons.toml`, and the built-in `RULE_ERROR`.
    pub reasons: BTreeMap<Arc<str>, ReasonDef>,
    /// `rates.toml`
    pub rates: Rates,
    /// `lists/NAME.csv` by name.
    pub lists: BTreeMap<Arc<str>, ListDef>,
}

/// What stands in for a challenge of an absent payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffSession {
    /// Block.
    Block,
    /// Allow.
    Allow,
    /// Allow and review.
    Review,
}

/// What is answered under overload up to an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FallbackTier {
    /// The greatest base amount of the tier, in minor units.
    pub up_to: i64,
    /// The verdict.
    pub verdict: Verdict,
}

/// A route that an attempt can take.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelDef {
    /// Its id, as in `payment.channel`.
    pub id: Text,
    /// The methods it serves; empty: all.
    pub methods: Vec<Text>,
    /// The currencies it serves; empty: all.
    pub currencies: Vec<Text>,
    /// The regions it serves; empty: all.
    pub regions: Vec<Text>,
    /// What an attempt costs, for ranking.
    pub cost: f64,
}

/// A reason code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonDef {
    /// Its class.
    pub class: ReasonClass,
    /// What to tell the customer, by locale; `en` is always there.
    pub message: BTreeMap<Text, Arc<str>>,
    /// The text with `{clears_at}`, used when `not_before` is given.
    pub message_at: BTreeMap<Text, Arc<str>>,
}

/// Rates to the base currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// One unit of the currency in units of the base currency, as an exact decimal: digits and scale.
    rates: BTreeMap<Text, (i128, u32)>,
    /// Whether the bundle has the file.
    pub is_given: bool,
}

/// A list from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListDef {
    /// The values, each with the instant at which it stops to count.
    pub values: BTreeMap<Text, Option<Timestamp>>,
}

// === impl Files ===

impl Files {
    /// Reads a directory.
    ///
    /// # Errors
    /// When it cannot be read, or is too large.
    pub fn read(directory: &std::path::Path) -> std::io::Result<Self> {
        let _ = directory;
        Ok(Self::default())
    }

    /// The bundle that is part of the program.
    pub fn shipped() -> Self {
        Self::default()
    }
}

// === impl Bundle ===

impl Bundle {
    /// Reads everything but the declarations.
    ///
    /// # Errors
    /// Every problem at once; warnings come with a bundle.
    pub fn load(files: &Files) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let _ = files;
        Err(Vec::new())
    }

    /// The customer message of a code: locale, its language, the bundle's locale, `en`.
    pub fn message(&self, code: &str, locale: &str) -> Option<Arc<str>> {
        let _ = (code, locale, &self.reasons);
        None
    }
}

// === impl Rates ===

impl Rates {
    /// An amount in minor units of a currency, in minor units of the base currency: half to even,
    /// ISO 4217 exponents. `None` without a rate, or when it does not fit.
    pub fn to_base(&self, amount: i64, currency: Currency, base: Currency) -> Option<i64> {
        let _ = &self.rates;
        (currency == base).then_some(amount)
    }
}
