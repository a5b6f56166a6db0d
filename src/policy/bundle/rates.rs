//! `rates.toml`: what one unit of a currency is worth in the base currency.

use super::decimal::{DIGITS_MAX, Decimal};
use super::table::Document;
use super::{Files, Rates};
use crate::model::currency::Currency;
use crate::policy::diagnostic::Diagnostic;

const FILE: &str = "rates.toml";

/// Reads `rates.toml`.
pub(super) fn read(files: &Files, base: Currency, diagnostics: &mut Vec<Diagnostic>) -> Rates {
    let mut rates = Rates { is_given: files.0.contains_key(FILE), ..Rates::default() };
    let Some(document) = Document::parse(files, FILE, diagnostics) else { return rates };
    let root = document.root();
    root.refuse_unknown(&["rates"], diagnostics);
    let Some(table) = root.need("rates", diagnostics).and_then(|entry| entry.table(diagnostics))
    else {
        return rates;
    };
    for (code, at, entry) in table.entries() {
        let Some(currency) = Currency::from_code(code) else {
            let message = format!("`{code}` is not a currency of ISO 4217");
            diagnostics.push(
                Diagnostic::error("unknown-currency", at, message)
                    .over(code)
                    .expecting("a code such as `USD`"),
            );
            continue;
        };
        let Some(text) = entry.text(diagnostics) else { continue };
        let Some(rate) = Decimal::parse(text) else {
            diagnostics.push(entry.error("bad-rate", format!("`{text}` is not a rate")).expecting(
                format!("a decimal above zero of at most {DIGITS_MAX} digits, such as \"0.92\""),
            ));
            continue;
        };
        if currency == base && !rate.is_one() {
            let message = format!("`{code}` is the base currency");
            diagnostics
                .push(entry.error("bad-rate", message).expecting("\"1\", or no rate at all"));
        } else if rates.rates.insert(currency.text(), rate).is_some() {
            let message = format!("`{code}` has a rate already");
            diagnostics.push(Diagnostic::error("duplicate-name", at, message).over(code));
        }
    }
    rates
}

// === impl Rates ===

impl Rates {
    /// An amount in minor units of a currency, in minor units of the base currency: half to even,
    /// ISO 4217 exponents. `None` without a rate, or when it does not fit.
    pub fn to_base(&self, amount: i64, currency: Currency, base: Currency) -> Option<i64> {
        if currency == base {
            return Some(amount);
        }
        let rate = self.rates.get(currency.code())?;
        rate.convert(amount, currency.exponent(), base.exponent())
    }
}
