//! The functions of the language. Those over strings do what Rhai's own do.

use jiff::tz::TimeZone;

use crate::model::time::Timestamp;
use crate::model::value::Text;
use crate::policy::interpret::operand::{Evaluated, Operand, absent, finite, float_of, type_error};
use crate::policy::interpret::{EvalError, TEXT_BYTES_MAX};
use crate::policy::ir::Function;

/// The mean radius of the earth in kilometres, as the IUGG gives it.
const EARTH_RADIUS_KM: f64 = 6_371.008_8;

/// What functions of time read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock<'a> {
    /// The effective time.
    pub(crate) now: Timestamp,
    /// The bundle's zone.
    pub(crate) zone: &'a TimeZone,
}

/// Calls a function. With an absent argument the result is absent.
///
/// # Errors
/// [`EvalError`] when an argument has another type than the function takes, or the result cannot be
/// represented.
pub(crate) fn call<'a>(
    function: Function,
    args: &[Operand<'a>],
    clock: Clock<'_>,
) -> Evaluated<'a> {
    if let Some(absent) = absent(args) {
        return Ok(absent);
    }
    match (function, args) {
        (Function::Age, [Operand::Time(at)]) => age(*at, clock.now),
        (Function::Hour, [Operand::Time(at)]) => {
            Ok(Operand::Int(i64::from(clock.zone.to_datetime(at.to_jiff()).hour())))
        }
        (Function::Weekday, [Operand::Time(at)]) => {
            let weekday = clock.zone.to_datetime(at.to_jiff()).weekday();
            Ok(Operand::Int(i64::from(weekday.to_monday_one_offset())))
        }
        (Function::DistanceKm, args) => distance_km(args),
        (Function::Ratio, [dividend, divisor]) => ratio(dividend, divisor),
        (Function::Min | Function::Max, [Operand::Bool(_), _]) => {
            Err(wrong_arguments(function, args))
        }
        (Function::Min, [left, right]) => Ok(extreme(left, right, left.compare(right)?.is_le())),
        (Function::Max, [left, right]) => Ok(extreme(left, right, left.compare(right)?.is_ge())),
        (Function::Abs, [Operand::Int(number)]) => {
            number.checked_abs().map(Operand::Int).ok_or_else(|| Box::new(EvalError::Overflow))
        }
        (Function::Abs, [Operand::Float(number)]) => Ok(Operand::Float(number.abs())),
        (Function::Len, [Operand::Texts(texts)]) => Ok(Operand::Int(count(texts.len()))),
        (Function::Len, [Operand::Array(values)]) => Ok(Operand::Int(count(values.len()))),
        (Function::Contains, [Operand::Texts(texts), Operand::Text(text)]) => {
            Ok(Operand::Bool(texts.iter().any(|known| known == text)))
        }
        _ => of_text(function, args),
    }
}

/// The functions whose first argument is a string.
fn of_text<'a>(function: Function, args: &[Operand<'a>]) -> Evaluated<'a> {
    let Some((Some(text), rest)) = args.split_first().map(|(first, rest)| (first.as_str(), rest))
    else {
        return Err(wrong_arguments(function, args));
    };
    match (function, rest) {
        (Function::Len, []) => Ok(Operand::Int(count(text.chars().count()))),
        (Function::ToLower, []) if text.chars().all(char::is_lowercase) => Ok(same(args)),
        (Function::ToLower, []) => made(text.to_lowercase()),
        (Function::ToUpper, []) if text.chars().all(char::is_uppercase) => Ok(same(args)),
        (Function::ToUpper, []) => made(text.to_uppercase()),
        (Function::SubString, [Operand::Int(start)]) => Ok(cut(args, *start, i64::MAX)),
        (Function::SubString, [Operand::Int(start), Operand::Int(chars)]) => {
            Ok(cut(args, *start, *chars))
        }
        (_, [pattern]) => {
            let Some(pattern) = pattern.as_str() else {
                return Err(wrong_arguments(function, args));
            };
            Ok(Operand::Bool(match function {
                Function::StartsWith => text.starts_with(pattern),
                Function::EndsWith => text.ends_with(pattern),
                Function::Contains => text.contains(pattern),
                Function::Age
                | Function::Hour
                | Function::Weekday
                | Function::DistanceKm
                | Function::Ratio
                | Function::Min
                | Function::Max
                | Function::Abs
                | Function::ToLower
                | Function::ToUpper
                | Function::Len
                | Function::SubString => return Err(wrong_arguments(function, args)),
            }))
        }
        _ => Err(wrong_arguments(function, args)),
    }
}

/// Whole seconds from `at` to `now`, rounded down; negative when `at` is still to come.
fn age<'a>(at: Timestamp, now: Timestamp) -> Evaluated<'a> {
    now.as_micros()
        .checked_sub(at.as_micros())
        .map(|micros| Operand::Int(micros.div_euclid(1_000_000)))
        .ok_or_else(|| Box::new(EvalError::Overflow))
}

/// The great-circle distance on a sphere, by the haversine formula.
fn distance_km<'a>(args: &[Operand<'_>]) -> Evaluated<'a> {
    let mut degrees = [0.0; 4];
    if args.len() != degrees.len() {
        return Err(wrong_arguments(Function::DistanceKm, args));
    }
    for (degree, arg) in degrees.iter_mut().zip(args) {
        *degree = arg.as_float().ok_or_else(|| wrong_arguments(Function::DistanceKm, args))?;
    }
    let [lat_1, lon_1, lat_2, lon_2] = degrees.map(f64::to_radians);
    let lat_sine = ((lat_2 - lat_1) / 2.0).sin();
    let lon_sine = ((lon_2 - lon_1) / 2.0).sin();
    let chord = lat_sine * lat_sine + lat_1.cos() * lat_2.cos() * lon_sine * lon_sine;
    // Rounding may carry the chord of two antipodes past 1, which has no arc sine.
    finite(2.0 * EARTH_RADIUS_KM * chord.clamp(0.0, 1.0).sqrt().asin())
}

/// A float quotient; missing when the divisor is 0.
fn ratio<'a>(dividend: &Operand<'_>, divisor: &Operand<'_>) -> Evaluated<'a> {
    match (dividend.as_float(), divisor.as_float()) {
        (Some(_), Some(0.0)) => Ok(Operand::Missing),
        (Some(dividend), Some(divisor)) => finite(dividend / divisor),
        _ => {
            let args = [dividend.type_name(), divisor.type_name()];
            Err(type_error(format!("`ratio` does not take {}", args.join(" and "))))
        }
    }
}

/// The chosen one of two operands; of an integer and a float it is a float either way.
fn extreme<'a>(left: &Operand<'a>, right: &Operand<'a>, takes_left: bool) -> Operand<'a> {
    let chosen = if takes_left { left } else { right };
    match (chosen, left, right) {
        (Operand::Int(number), Operand::Float(_), _)
        | (Operand::Int(number), _, Operand::Float(_)) => Operand::Float(float_of(*number)),
        _ => chosen.clone(),
    }
}

/// At most `chars` characters of the first argument, from `start`; a negative start counts from the
/// end, and one before the beginning is the beginning.
fn cut<'a>(args: &[Operand<'a>], start: i64, chars: i64) -> Operand<'a> {
    match args.first() {
        Some(Operand::Text(text)) => Operand::Text(sub_string(text, start, chars)),
        Some(Operand::Made(text)) => Operand::Made(Text::from(sub_string(text, start, chars))),
        _ => same(args),
    }
}

fn sub_string(text: &str, start: i64, chars: i64) -> &str {
    let Ok(chars) = usize::try_from(chars) else { return "" };
    let skipped = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
    let rest = if start < 0 {
        let from = skipped
            .checked_sub(1)
            .and_then(|back| text.char_indices().nth_back(back))
            .map_or(0, |(at, _)| at);
        text.get(from..).unwrap_or_default()
    } else {
        let from = text.char_indices().nth(skipped).map_or(text.len(), |(at, _)| at);
        text.get(from..).unwrap_or_default()
    };
    let to = rest.char_indices().nth(chars).map_or(rest.len(), |(at, _)| at);
    rest.get(..to).unwrap_or_default()
}

/// The first argument as it is.
fn same<'a>(args: &[Operand<'a>]) -> Operand<'a> {
    args.first().cloned().unwrap_or(Operand::Missing)
}

fn made<'a>(text: String) -> Evaluated<'a> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Box::new(EvalError::TooLong));
    }
    Ok(Operand::Made(Text::from(text)))
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cold]
fn wrong_arguments(function: Function, args: &[Operand<'_>]) -> Box<EvalError> {
    let types: Vec<_> = args.iter().map(Operand::type_name).collect();
    type_error(format!("`{}` does not take {}", name(function), types.join(", ")))
}

/// The name that policies use.
pub(crate) const fn name(function: Function) -> &'static str {
    match function {
        Function::Age => "age",
        Function::Hour => "hour",
        Function::Weekday => "weekday",
        Function::DistanceKm => "distance_km",
        Function::Ratio => "ratio",
        Function::Min => "min",
        Function::Max => "max",
        Function::Abs => "abs",
        Function::StartsWith => "starts_with",
        Function::EndsWith => "ends_with",
        Function::Contains => "contains",
        Function::ToLower => "to_lower",
        Function::ToUpper => "to_upper",
        Function::Len => "len",
        Function::SubString => "sub_string",
    }
}
