//! Values of the wire in words, as the commands print them.

use crate::model::currency::Currency;
use crate::model::time::Timestamp;
use crate::server::client::WireTime;
use crate::server::proto::policy_value::Kind;
use crate::server::proto::{PolicyValue, TracedValue};

/// Names with their values, as `name = value`.
pub(super) fn values<'a>(values: impl IntoIterator<Item = &'a TracedValue>) -> String {
    let values: Vec<String> = values
        .into_iter()
        .map(|traced| {
            format!("{} = {}", traced.name, traced.value.as_ref().map_or_else(String::new, value))
        })
        .collect();
    values.join(", ")
}

/// One value.
pub(super) fn value(value: &PolicyValue) -> String {
    match &value.kind {
        Some(Kind::Missing(_)) | None => "missing".to_owned(),
        Some(Kind::Unknown(_)) => "unknown".to_owned(),
        Some(Kind::BoolValue(truth)) => truth.to_string(),
        Some(Kind::IntValue(number)) => number.to_string(),
        Some(Kind::NumberValue(number)) => format!("{number:.3}"),
        Some(Kind::TimeValue(at)) => time(*at),
        Some(Kind::StringValue(text)) => format!("{text:?}"),
        Some(Kind::ListValue(list)) => list.values.join(" "),
    }
}

/// An instant to the millisecond, in UTC.
#[expect(clippy::integer_division, reason = "whole milliseconds are what is shown")]
pub(super) fn time(at: WireTime) -> String {
    let micros = at.seconds.saturating_mul(1_000_000).saturating_add(i64::from(at.nanos) / 1_000);
    let millis = micros.div_euclid(1_000).saturating_mul(1_000);
    format!("{:.3}", Timestamp::from_micros(millis).to_jiff())
}

/// Minor units of a currency in its major unit, such as `12.50 EUR`.
pub(super) fn money(minor: i64, code: &str) -> String {
    let Some(currency) = Currency::from_code(code) else { return format!("{minor} {code}") };
    let digits = usize::from(currency.exponent());
    let sign = if minor < 0 { "-" } else { "" };
    let written = format!("{:0>width$}", minor.unsigned_abs(), width = digits + 1);
    let (major, fraction) = written.split_at(written.len() - digits);
    let point = if digits == 0 { "" } else { "." };
    format!("{sign}{major}{point}{fraction} {code}")
}

/// The name of a value of a message without the prefix that its kind gives it.
pub(super) fn word(name: &'static str, prefix: &str) -> &'static str {
    name.strip_prefix(prefix).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_digits_of_its_currency() {
        assert_eq!(money(5, "EUR"), "0.05 EUR");
        assert_eq!(money(-12_34, "USD"), "-12.34 USD");
        assert_eq!(money(1_234, "JPY"), "1234 JPY");
        assert_eq!(money(1_234, "KWD"), "1.234 KWD");
        assert_eq!(money(7, "???"), "7 ???");
    }

    #[test]
    fn a_time_is_told_to_the_millisecond() {
        let at = WireTime { seconds: 1_770_000_000, nanos: 20_999_000 };
        assert_eq!(time(at), "2026-02-02T02:40:00.020Z");
    }
}
