//! The files of a bundle: settings, reasons, rates and lists.
//!
//! Everything is read and every problem is reported before anything is refused. Sources are read by
//! [`crate::policy::syntax`].

mod decimal;
mod failures;
mod files;
mod lists;
mod rates;
mod reasons;
mod settings;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use decimal::Decimal;

pub use crate::channel::ChannelDef;
use crate::failure::tables::Tables;
use crate::model::currency::Currency;
use crate::model::limit::OnExpiry;
use crate::model::time::{Span, Timestamp};
use crate::model::value::Text;
use crate::model::verdict::{OnError, ReasonClass, Verdict};
use crate::policy::ast::Position;
use crate::policy::diagnostic::{Diagnostic, nearest};

pub use files::{BUNDLE_BYTES_MAX, FILES_MAX};

/// The code of a rule that errored or was left undecided; every bundle has it.
pub const RULE_ERROR: &str = "RULE_ERROR";

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
    /// What it was read from.
    pub files: Arc<Files>,
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
    /// `on_expiry`
    pub on_expiry: OnExpiry,
    /// `[[channel]]`
    pub channels: Vec<ChannelDef>,
    /// `reasons.toml`, and the built-in `RULE_ERROR`.
    pub reasons: BTreeMap<Arc<str>, ReasonDef>,
    /// What failures mean: the tables of the program, with `causes.toml` and `failures.csv` over them.
    pub failures: Arc<Tables>,
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
    /// One unit of the currency in units of the base currency.
    rates: BTreeMap<Text, Decimal>,
    /// Whether the bundle has the file.
    pub is_given: bool,
}

/// A list from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListDef {
    /// The values, each with the instant at which it stops to count.
    pub values: BTreeMap<Text, Option<Timestamp>>,
}

// === impl Bundle ===

impl Bundle {
    /// Reads everything but the declarations.
    ///
    /// # Errors
    /// Every problem at once, in order of file and place; warnings come with a bundle.
    pub fn load(files: &Files) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (bundle, diagnostics) = Self::read(files);
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(diagnostics);
        }
        Ok((bundle, diagnostics))
    }

    /// Reads everything but the declarations as far as it can be read, with defaults in the place of
    /// what cannot: good to check declarations against, and to decide nothing when there is an error.
    pub fn read(files: &Files) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let settings = settings::read(files, &mut diagnostics);
        let bundle = Self {
            version: files.version(),
            files: Arc::new(files.clone()),
            reasons: reasons::read(files, &mut diagnostics),
            failures: failures::read(files, &mut diagnostics),
            rates: rates::read(files, settings.base_currency, &mut diagnostics),
            lists: lists::read(files, &mut diagnostics),
            name: settings.name,
            base_currency: settings.base_currency,
            time_zone: settings.time_zone,
            on_error: settings.on_error,
            locale: settings.locale,
            default_challenge: settings.default_challenge,
            challenge_off_session: settings.challenge_off_session,
            idle_max: settings.idle_max,
            fallback: settings.fallback,
            channels: settings.channels,
            on_expiry: settings.on_expiry,
        };
        warn_of_extra_files(files, &mut diagnostics);
        // What a file means is not known as long as it cannot be parsed.
        let broken: Vec<Arc<str>> = diagnostics
            .iter()
            .filter(|problem| problem.name == table::SYNTAX)
            .map(|problem| Arc::clone(&problem.at.file))
            .collect();
        diagnostics
            .retain(|problem| problem.name == table::SYNTAX || !broken.contains(&problem.at.file));
        diagnostics.sort_by(|left, right| left.at.cmp(&right.at));
        (bundle, diagnostics)
    }

    /// The customer message of a code: locale, its language, the bundle's locale, `en`.
    pub fn message(&self, code: &str, locale: &str) -> Option<Arc<str>> {
        self.localized(&self.reasons.get(code)?.message, locale).cloned()
    }

    /// The customer message of a code that names the instant from which the payment would pass, in
    /// the bundle's zone and rounded up to the minute; `None` when the code has no such text.
    pub fn message_at(&self, code: &str, locale: &str, clears_at: Timestamp) -> Option<String> {
        let template = self.localized(&self.reasons.get(code)?.message_at, locale)?;
        let rounded = clears_at.plus(Span::from_micros(MINUTE_MICROS.saturating_sub(1)));
        let at = rounded.to_jiff().to_zoned(self.time_zone.clone());
        Some(template.replace(reasons::CLEARS_AT, &at.strftime("%Y-%m-%d %H:%M %:z").to_string()))
    }

    fn localized<'a>(
        &self,
        texts: &'a BTreeMap<Text, Arc<str>>,
        locale: &str,
    ) -> Option<&'a Arc<str>> {
        languages(locale).chain(languages(&self.locale)).chain(std::iter::once("en")).find_map(
            |wanted| {
                texts
                    .iter()
                    .find(|(locale, _)| locale.eq_ignore_ascii_case(wanted))
                    .map(|(_, text)| text)
            },
        )
    }
}

const MINUTE_MICROS: i64 = 60_000_000;

/// A locale and what it is a case of: `zh-Hans-CN`, `zh-Hans`, `zh`.
fn languages(locale: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(locale), |longer| {
        longer.rfind(['-', '_']).and_then(|end| longer.get(..end))
    })
}

/// Where a file begins.
fn start_of(path: &str) -> Position {
    Position { file: Arc::from(path), line: 1, column: 1 }
}

fn warn_of_extra_files(files: &Files, diagnostics: &mut Vec<Diagnostic>) {
    const KNOWN: [&str; 5] =
        ["bundle.toml", "reasons.toml", "rates.toml", "causes.toml", "failures.csv"];
    for path in files.0.keys() {
        let is_read = match path.split_once('/') {
            None => KNOWN.contains(&path.as_str()) || path.ends_with(".rhai"),
            Some(("lists", name)) => !name.contains('/') && name.ends_with(".csv"),
            Some(("tests", name)) => !name.contains('/') && name.ends_with(".rhai"),
            Some(_) => false,
        };
        if !is_read && !path.ends_with(".md") {
            let message = format!("`{path}` is not a file of a bundle and is not read");
            diagnostics.push(
                Diagnostic::warning("extra-file", start_of(path), message)
                    .expecting("`*.rhai`, `lists/*.csv`, `tests/*.rhai` or one of the known files")
                    .suggesting(nearest(path, KNOWN)),
            );
        }
    }
}
