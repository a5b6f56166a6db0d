//! One cell of a data file, whatever its format, and how it becomes a value.
//!
//! The rules are the same for every format: an empty text is missing, a number in a text column is its
//! decimal text, a text in a number column is parsed.

use std::borrow::Cow;

use jiff::civil;
use jiff::tz::TimeZone;

use super::decimal::Decimal;
use super::map::{Reading, Unit};
use crate::model::currency::Currency;
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};

/// One cell as the file has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Missing,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// An exact number in decimal text: a Parquet decimal, or an integer beyond 64 bits.
    Numeral(Cow<'a, str>),
    /// Text.
    Text(Cow<'a, str>),
    /// Several texts.
    Texts(Vec<Text>),
    /// An instant.
    Instant(Timestamp),
    /// Microseconds since 1970-01-01T00:00:00 on the clock of some zone.
    Local(i64),
}

/// What is wrong with a cell, to follow the name of its column.
pub type CellProblem = String;

// === impl Cell ===

impl Cell<'_> {
    /// The value of the cell, read as the map wants it.
    ///
    /// # Errors
    /// What was expected and what stands there.
    pub fn read(&self, reading: &Reading) -> Result<Value, CellProblem> {
        if self.is_missing() {
            return Ok(Value::Missing);
        }
        Ok(match reading {
            Reading::Text => self.text().map_or(Value::Missing, Value::Text),
            Reading::Int => Value::Int(self.int()?),
            Reading::Float => Value::Float(self.float()?),
            Reading::Bool => Value::Bool(self.truth()?),
            Reading::Time(zone) => Value::Time(self.instant(zone)?),
            Reading::Texts => Value::Texts(self.texts()),
            Reading::Own => self.own()?,
        })
    }

    /// Whether nothing is there.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Missing => true,
            Self::Text(text) | Self::Numeral(text) => text.is_empty(),
            Self::Float(number) => number.is_nan(),
            Self::Texts(texts) => texts.is_empty(),
            Self::Bool(_) | Self::Int(_) | Self::Instant(_) | Self::Local(_) => false,
        }
    }

    /// The text; a number becomes its decimal text.
    pub fn text(&self) -> Option<Text> {
        if self.is_missing() {
            return None;
        }
        Some(match self {
            Self::Missing => return None,
            Self::Bool(truth) => Text::const_new(if *truth { "true" } else { "false" }),
            Self::Int(number) => compact_str::format_compact!("{number}"),
            Self::Float(number) => compact_str::format_compact!("{number}"),
            Self::Numeral(text) | Self::Text(text) => Text::from(text.as_ref()),
            Self::Texts(texts) => Text::from(texts.join("|")),
            Self::Instant(at) => compact_str::format_compact!("{at}"),
            Self::Local(micros) => compact_str::format_compact!("{}", civil_of(*micros)),
        })
    }

    /// The whole number.
    ///
    /// # Errors
    /// When it is none.
    pub fn int(&self) -> Result<i64, CellProblem> {
        let exact = match self {
            Self::Int(number) => return Ok(*number),
            Self::Bool(truth) => return Ok(i64::from(*truth)),
            Self::Float(number) => Decimal::from_float(*number).and_then(Decimal::to_int),
            Self::Numeral(text) | Self::Text(text) => {
                Decimal::parse(text.trim()).and_then(Decimal::to_int)
            }
            Self::Missing | Self::Texts(_) | Self::Instant(_) | Self::Local(_) => None,
        };
        exact.ok_or_else(|| self.not("a whole number"))
    }

    /// The float.
    ///
    /// # Errors
    /// When it is none, or not finite.
    pub fn float(&self) -> Result<f64, CellProblem> {
        #[expect(clippy::cast_precision_loss, reason = "the field is a float: this is its nearest")]
        let number = match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Numeral(text) | Self::Text(text) => text.trim().parse().ok(),
            Self::Missing | Self::Bool(_) | Self::Texts(_) | Self::Instant(_) | Self::Local(_) => {
                None
            }
        };
        number.filter(|number| number.is_finite()).ok_or_else(|| self.not("a finite number"))
    }

    /// True or false; also 1 and 0.
    ///
    /// # Errors
    /// When it is neither.
    pub fn truth(&self) -> Result<bool, CellProblem> {
        if let Self::Bool(truth) = self {
            return Ok(*truth);
        }
        if let Self::Text(text) = self {
            let text = text.trim();
            if text.eq_ignore_ascii_case("true") {
                return Ok(true);
            }
            if text.eq_ignore_ascii_case("false") {
                return Ok(false);
            }
        }
        match self.int() {
            Ok(0) => Ok(false),
            Ok(1) => Ok(true),
            Ok(_) | Err(_) => Err(self.not("0, 1, true or false")),
        }
    }

    /// The instant. A time without a zone is on the clock of `zone`, the earlier one where that clock
    /// shows it twice. A number counts from 1970 in seconds, milli-, micro- or nanoseconds: whichever
    /// puts it between 1973 and 5138.
    ///
    /// # Errors
    /// When it is none.
    pub fn instant(&self, zone: &TimeZone) -> Result<Timestamp, CellProblem> {
        let at = match self {
            Self::Instant(at) => Some(*at),
            Self::Local(micros) => in_zone(civil_of(*micros), zone),
            Self::Text(text) => parse_time(text.trim(), zone),
            Self::Int(number) => Some(since_epoch(*number)),
            Self::Float(_) | Self::Numeral(_) => self.int().ok().map(since_epoch),
            Self::Missing | Self::Bool(_) | Self::Texts(_) => None,
        };
        at.ok_or_else(|| self.not("a time"))
    }

    /// Several texts; one text is split at `|`.
    fn texts(&self) -> Box<[Text]> {
        if let Self::Texts(texts) = self {
            return texts.iter().filter(|text| !text.is_empty()).cloned().collect();
        }
        let joined = self.text().unwrap_or_default();
        joined.split('|').filter(|part| !part.is_empty()).map(Text::from).collect()
    }

    /// What the file says it is; only strings, numbers and bools can be attributes.
    fn own(&self) -> Result<Value, CellProblem> {
        Ok(match self {
            Self::Missing => Value::Missing,
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Int(number) => Value::Int(*number),
            Self::Float(_) | Self::Numeral(_) => Value::Float(self.float()?),
            Self::Text(_) | Self::Texts(_) | Self::Instant(_) | Self::Local(_) => {
                self.text().map_or(Value::Missing, Value::Text)
            }
        })
    }

    /// The amount in minor units. From major ones it is rounded half to even, exactly from decimal
    /// text; a float counts as the shortest decimal text that means it.
    ///
    /// # Errors
    /// When it is no number, has a fraction of a minor unit though minor units are meant, or is too
    /// large.
    pub fn amount(&self, unit: Unit, currency: Option<Currency>) -> Result<Value, CellProblem> {
        if self.is_missing() {
            return Ok(Value::Missing);
        }
        let decimal = match self {
            Self::Int(number) => Some(Decimal::from_int(*number)),
            Self::Float(number) => Decimal::from_float(*number),
            Self::Numeral(text) | Self::Text(text) => Decimal::parse(text.trim()),
            Self::Missing | Self::Bool(_) | Self::Texts(_) | Self::Instant(_) | Self::Local(_) => {
                None
            }
        };
        let decimal = decimal.ok_or_else(|| self.not("an amount"))?;
        match unit {
            Unit::Minor => decimal
                .to_int()
                .map(Value::Int)
                .ok_or_else(|| self.not("a whole number of minor units")),
            Unit::Major => {
                let currency = currency.ok_or("without a known currency its unit is unknown")?;
                decimal
                    .to_minor(currency.exponent())
                    .map(Value::Int)
                    .ok_or_else(|| self.not("an amount of less than 64 bits"))
            }
        }
    }

    fn not(&self, expected: &str) -> CellProblem {
        let text = self.text().unwrap_or_default();
        let shown: String = text.chars().take(40).collect();
        format!("`{shown}` is not {expected}")
    }
}

/// The instant of a time in text: RFC 3339, or without an offset, or only a date, or a number.
fn parse_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Some(at) = Timestamp::parse_rfc3339(text) {
        return Some(at);
    }
    let Ok(civil) = text.parse::<civil::DateTime>() else {
        return text.parse().ok().map(since_epoch);
    };
    // An offset or `Z` that the parser of plain times would skip must not be lost.
    let clock = text.get(10..).unwrap_or_default();
    if clock.contains(['Z', 'z', '+', '-', '[']) {
        return None;
    }
    in_zone(civil, zone)
}

fn in_zone(civil: civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let at = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
    Some(Timestamp::from_micros(at.as_microsecond()))
}

fn civil_of(micros: i64) -> civil::DateTime {
    jiff::tz::Offset::UTC.to_datetime(Timestamp::from_micros(micros).to_jiff())
}

fn since_epoch(number: i64) -> Timestamp {
    match number.unsigned_abs() {
        0..100_000_000_000 => Timestamp::from_secs(number),
        100_000_000_000..100_000_000_000_000 => Timestamp::from_millis(number),
        100_000_000_000_000..100_000_000_000_000_000 => Timestamp::from_micros(number),
        _ => Timestamp::from_micros(number.div_euclid(1_000)),
    }
}
