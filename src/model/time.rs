//! Instants and spans in whole microseconds. There is no clock here: `now` is always an argument.

use std::fmt;

/// An instant: microseconds since 1970-01-01T00:00:00Z, negative before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A length of time in microseconds; never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

/// Why a text is not a span such as `"1h"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Not an integer followed by one of `s m h d`.
    #[error("expected an integer and one of `s`, `m`, `h`, `d`, such as `1h`")]
    Malformed,
    /// Zero, which no window can be.
    #[error("must be longer than zero")]
    Zero,
    /// Longer than 100 years.
    #[error("must be at most 36500d")]
    TooLong,
}

// === impl Timestamp ===

impl Timestamp {
    /// The epoch.
    pub const EPOCH: Self = Self(0);
    /// Before every event.
    pub const MIN: Self = Self(i64::MIN);
    /// After every event.
    pub const MAX: Self = Self(i64::MAX);

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the epoch; saturates.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From seconds since the epoch; saturates.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339 with an offset or `Z`, such as `2026-03-29T01:30:00Z`.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Self(at.as_microsecond()))
    }

    /// As the date library's instant; saturates at its ends.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }

    /// This instant moved later; saturates.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// This instant moved earlier; saturates.
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// Time since `earlier`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Span {
        let micros = self.0.saturating_sub(earlier.0);
        Span(if micros < 0 { 0 } else { micros })
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

// === impl Span ===

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From microseconds; a negative number is zero.
    pub const fn from_micros(micros: i64) -> Self {
        Self(if micros < 0 { 0 } else { micros })
    }

    /// From whole seconds; saturates.
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_micros(secs.saturating_mul(1_000_000))
    }

    /// From days of 24 hours; saturates.
    pub const fn from_days(days: i64) -> Self {
        Self::from_secs(days.saturating_mul(86_400))
    }

    /// In microseconds.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// In whole seconds, rounded down.
    #[expect(clippy::integer_division, reason = "whole seconds are what is asked for")]
    pub const fn as_secs(self) -> i64 {
        self.0 / 1_000_000
    }

    /// The sum; saturates.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Parses `"90s"`, `"5m"`, `"1h"`, `"30d"`; a day is 24 hours.
    ///
    /// # Errors
    /// [`SpanError`] when the text is anything else, zero, or more than 100 years.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        let (number, unit_secs) = match text.as_bytes().last() {
            Some(b's') => (text.strip_suffix('s'), 1),
            Some(b'm') => (text.strip_suffix('m'), 60),
            Some(b'h') => (text.strip_suffix('h'), 3_600),
            Some(b'd') => (text.strip_suffix('d'), 86_400),
            _ => return Err(SpanError::Malformed),
        };
        let number = number.unwrap_or_default();
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SpanError::Malformed);
        }
        let Ok(count) = number.parse::<i64>() else { return Err(SpanError::TooLong) };
        let secs = count.checked_mul(unit_secs).ok_or(SpanError::TooLong)?;
        match secs {
            0 => Err(SpanError::Zero),
            secs if secs > 36_500 * 86_400 => Err(SpanError::TooLong),
            secs => Ok(Self::from_secs(secs)),
        }
    }
}

impl fmt::Display for Span {
    /// In the largest unit that fits without a remainder, as policies write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.as_secs();
        for (unit, unit_secs) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
            if secs != 0 && secs % unit_secs == 0 {
                return write!(f, "{}{unit}", secs.div_euclid(unit_secs));
            }
        }
        write!(f, "{secs}s")
    }
}
