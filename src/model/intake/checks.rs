//! What is wrong with one value, whoever sent it: no card numbers, no clock.

use super::bounds;
use crate::model::field::{Field, Fields};
use crate::model::value::{Text, Value};

/// An empty string, an empty list and an unset field are all missing.
pub(super) fn is_absent(value: &Value) -> bool {
    match value {
        Value::Missing => true,
        Value::Text(text) => text.is_empty(),
        Value::Texts(texts) => texts.is_empty(),
        Value::Unknown | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Time(_) => false,
    }
}

/// What is wrong with a text as such. Free texts may have more than one line.
pub(super) fn problem_of_text(text: &str, bytes_max: usize, is_free: bool) -> Option<String> {
    if text.len() > bytes_max {
        return Some(format!("must have at most {bytes_max} bytes"));
    }
    // Nearly every text, told without decoding it.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    let is_allowed = |char| is_free && matches!(char, '\t' | '\n' | '\r');
    text.chars()
        .any(|char| char.is_control() && !is_allowed(char))
        .then(|| "must not have control characters".to_owned())
}

/// A number of an attempt or an amount.
pub(super) fn int(field: Field, number: i64) -> Result<(), String> {
    let (least, most) =
        if field == Field::Attempt { (1, bounds::ATTEMPT_MAX) } else { (0, bounds::AMOUNT_MAX) };
    if number < least {
        return Err(format!("must be at least {least}"));
    }
    if number > most {
        return Err(format!("must be at most {most}"));
    }
    Ok(())
}

/// Degrees of latitude or longitude.
pub(super) fn coordinate(field: Field, degrees: f64) -> Result<(), String> {
    let is_latitude = matches!(field, Field::DeviceLat | Field::BillingLat | Field::ShippingLat);
    let most = if is_latitude { 90.0 } else { 180.0 };
    // A NaN is in no range.
    if (-most..=most).contains(&degrees) {
        Ok(())
    } else {
        Err(format!("must be between -{most} and {most} degrees"))
    }
}

/// The domain of the address that was sent; where there is none, what was sent as the domain stands.
pub(super) fn derive_email_domain(fields: &mut Fields) {
    if let Some(domain) = fields.get(Field::AccountEmail).as_text().and_then(email_domain) {
        fields.set(Field::AccountEmailDomain, Value::Text(domain));
    }
}

/// The domain of an address, in lower case.
pub(super) fn email_domain(email: &str) -> Option<Text> {
    let (_, domain) = email.rsplit_once('@')?;
    (!domain.is_empty()).then(|| Text::from(domain).to_lowercase())
}

/// The challenge methods already passed.
pub(super) fn texts(texts: &[Text]) -> Result<(), String> {
    if texts.len() > bounds::AUTHENTICATED_MAX {
        return Err(format!("must have at most {} entries", bounds::AUTHENTICATED_MAX));
    }
    if texts.iter().any(Text::is_empty) {
        return Err("must not have an empty entry".to_owned());
    }
    texts
        .iter()
        .find_map(|text| problem_of_text(text, bounds::WORD_BYTES_MAX, false))
        .map_or(Ok(()), |problem| Err(format!("each entry {problem}")))
}

/// The events that scores and outcomes make: who records one by hand would forge a history.
const OWN_EVENTS: [&str; 12] = [
    "attempt",
    "allowed",
    "challenged",
    "blocked",
    "authorized",
    "captured",
    "declined",
    "failed",
    "unknown",
    "canceled",
    "expired",
    "refunded",
];

/// What is wrong with the name of an event that a caller records.
pub(super) fn problem_of_event_name(name: &str) -> Option<&'static str> {
    let mut letters = name.bytes();
    let begins_well = letters.next().is_some_and(|first| first.is_ascii_alphabetic());
    if name.is_empty() {
        Some(super::REQUIRED_PROBLEM)
    } else if !begins_well
        || name.len() > bounds::WORD_BYTES_MAX
        || !letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        Some("must be a letter, then letters, digits and underscores, at most 64")
    } else if OWN_EVENTS.contains(&name) {
        Some("is the name of a score's or an outcome's event, which is not recorded by hand")
    } else {
        None
    }
}
