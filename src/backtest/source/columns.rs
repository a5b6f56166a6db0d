//! A column of a batch, typed once, and its cells.

use std::borrow::Cow;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, LargeStringArray, StringArray,
    StringViewArray, UInt64Array,
};
use arrow_schema::{DataType, TimeUnit};

use crate::backtest::cell::{Cell, CellProblem};
use crate::model::time::Timestamp;
use crate::model::value::Text;

/// A column of a batch. Narrow numbers are widened once, so that reading a cell is one step.
pub(super) enum Column {
    Null,
    Bool(BooleanArray),
    Int(Int64Array),
    Unsigned(UInt64Array),
    Float(Float64Array),
    /// Exact decimals in their text.
    Numerals(StringArray),
    Text(StringArray),
    LargeText(LargeStringArray),
    TextView(StringViewArray),
    /// Microseconds, and whether they are instants or on the clock of some zone.
    Time(Int64Array, bool),
    /// The code of each row, and the value of each code; a row without a value has a code beyond them.
    Dictionary(Vec<u32>, Box<Self>, usize),
    List(Vec<Option<ArrayRef>>),
}

// === impl Column ===

impl Column {
    /// Whether columns of that type can be read.
    #[expect(clippy::wildcard_enum_match_arm, reason = "types of Arrow that we do not read")]
    pub(super) fn can_be(data_type: &DataType) -> bool {
        match data_type {
            DataType::Dictionary(_, values) => Self::can_be(values),
            DataType::List(item) | DataType::LargeList(item) => item.data_type().is_string(),
            DataType::Null
            | DataType::Boolean
            | DataType::Timestamp(..)
            | DataType::Date32
            | DataType::Date64 => true,
            other => {
                other.is_string()
                    || other.is_integer()
                    || matches!(other, DataType::Float32 | DataType::Float64)
                    || other.is_decimal()
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "types of Arrow that we do not read")]
    pub(super) fn new(array: &dyn Array) -> Result<Self, String> {
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool(array.as_boolean().clone()),
            DataType::Utf8 => Self::Text(array.as_string::<i32>().clone()),
            DataType::LargeUtf8 => Self::LargeText(array.as_string::<i64>().clone()),
            DataType::Utf8View => Self::TextView(array.as_string_view().clone()),
            DataType::Float64 => Self::Float(array.as_primitive::<Float64Type>().clone()),
            DataType::Float32 => Self::Float(widened(array)),
            DataType::Date32 => {
                let days = array.as_primitive::<Date32Type>();
                Self::Time(days.unary(|days| i64::from(days) * 86_400_000_000), false)
            }
            DataType::Date64 => {
                let millis = array.as_primitive::<Date64Type>();
                Self::Time(millis.unary(|millis| millis.saturating_mul(1_000)), false)
            }
            DataType::Timestamp(unit, zone) => Self::Time(micros(array, *unit), zone.is_some()),
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                if dictionary.values().is_empty() {
                    return Ok(Self::Null);
                }
                let codes =
                    dictionary.normalized_keys().into_iter().enumerate().map(|(row, code)| {
                        let code = u32::try_from(code).ok().filter(|_| array.is_valid(row));
                        code.unwrap_or(u32::MAX)
                    });
                let values = Self::new(dictionary.values().as_ref())?;
                Self::Dictionary(codes.collect(), Box::new(values), dictionary.values().len())
            }
            DataType::List(_) => Self::List(array.as_list::<i32>().iter().collect()),
            DataType::LargeList(_) => Self::List(array.as_list::<i64>().iter().collect()),
            other => return numbers(array, other),
        })
    }

    /// The code of each row and how many codes there are, where rows share their values.
    pub(super) fn codes(&self) -> Option<(&[u32], usize)> {
        match self {
            Self::Dictionary(codes, _, different) => Some((codes, *different)),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Unsigned(_)
            | Self::Float(_)
            | Self::Numerals(_)
            | Self::Text(_)
            | Self::LargeText(_)
            | Self::TextView(_)
            | Self::Time(..)
            | Self::List(_) => None,
        }
    }

    /// Whether it is of texts.
    pub(super) const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_) | Self::LargeText(_) | Self::TextView(_))
    }

    pub(super) fn cell(&self, row: usize) -> Result<Cell<'_>, CellProblem> {
        Ok(match self {
            Self::Null => Cell::Missing,
            Self::Bool(array) if array.is_valid(row) => Cell::Bool(array.value(row)),
            Self::Int(array) if array.is_valid(row) => Cell::Int(array.value(row)),
            Self::Unsigned(array) if array.is_valid(row) => {
                let number = array.value(row);
                match i64::try_from(number) {
                    Ok(number) => Cell::Int(number),
                    Err(_) => Cell::Numeral(Cow::Owned(number.to_string())),
                }
            }
            Self::Float(array) if array.is_valid(row) => Cell::Float(array.value(row)),
            Self::Numerals(array) if array.is_valid(row) => {
                Cell::Numeral(Cow::Borrowed(array.value(row)))
            }
            Self::Text(array) if array.is_valid(row) => Cell::Text(Cow::Borrowed(array.value(row))),
            Self::LargeText(array) if array.is_valid(row) => {
                Cell::Text(Cow::Borrowed(array.value(row)))
            }
            Self::TextView(array) if array.is_valid(row) => {
                Cell::Text(Cow::Borrowed(array.value(row)))
            }
            Self::Time(array, is_instant) if array.is_valid(row) => {
                let micros = array.value(row);
                if *is_instant {
                    Cell::Instant(Timestamp::from_micros(micros))
                } else {
                    Cell::Local(micros)
                }
            }
            Self::Dictionary(codes, values, different) => {
                let code = codes.get(row).and_then(|code| usize::try_from(*code).ok());
                match code.filter(|code| code < different) {
                    Some(code) => values.cell(code)?,
                    None => Cell::Missing,
                }
            }
            Self::List(lists) => match lists.get(row).and_then(Option::as_ref) {
                Some(list) => Cell::Texts(texts(list)?),
                None => Cell::Missing,
            },
            Self::Bool(_)
            | Self::Int(_)
            | Self::Unsigned(_)
            | Self::Float(_)
            | Self::Numerals(_)
            | Self::Text(_)
            | Self::LargeText(_)
            | Self::TextView(_)
            | Self::Time(..) => Cell::Missing,
        })
    }
}

/// Whole numbers widened to 64 bits, and decimals as text.
#[expect(clippy::wildcard_enum_match_arm, reason = "types of Arrow that we do not read")]
fn numbers(array: &dyn Array, data_type: &DataType) -> Result<Column, String> {
    Ok(match data_type {
        DataType::Int8 => Column::Int(array.as_primitive::<Int8Type>().unary(i64::from)),
        DataType::Int16 => Column::Int(array.as_primitive::<Int16Type>().unary(i64::from)),
        DataType::Int32 => Column::Int(array.as_primitive::<Int32Type>().unary(i64::from)),
        DataType::Int64 => Column::Int(array.as_primitive::<Int64Type>().clone()),
        DataType::UInt8 => Column::Int(array.as_primitive::<UInt8Type>().unary(i64::from)),
        DataType::UInt16 => Column::Int(array.as_primitive::<UInt16Type>().unary(i64::from)),
        DataType::UInt32 => Column::Int(array.as_primitive::<UInt32Type>().unary(i64::from)),
        DataType::UInt64 => Column::Unsigned(array.as_primitive::<UInt64Type>().clone()),
        DataType::Decimal32(..) => {
            decimals(array, |row| array.as_primitive::<Decimal32Type>().value_as_string(row))
        }
        DataType::Decimal64(..) => {
            decimals(array, |row| array.as_primitive::<Decimal64Type>().value_as_string(row))
        }
        DataType::Decimal128(..) => {
            decimals(array, |row| array.as_primitive::<Decimal128Type>().value_as_string(row))
        }
        DataType::Decimal256(..) => {
            decimals(array, |row| array.as_primitive::<Decimal256Type>().value_as_string(row))
        }
        other => return Err(format!("a column is of type {other}, which cannot be read")),
    })
}

fn decimals(array: &dyn Array, text: impl Fn(usize) -> String) -> Column {
    let rows = 0..array.len();
    Column::Numerals(rows.map(|row| array.is_valid(row).then(|| text(row))).collect())
}

/// A narrow float as the wide one with the same shortest decimal text: 0.1 stays 0.1.
fn widened(array: &dyn Array) -> Float64Array {
    array.as_primitive::<Float32Type>().unary(|narrow| {
        let text = compact_str::format_compact!("{narrow:e}");
        text.parse().unwrap_or_else(|_| f64::from(narrow))
    })
}

fn micros(array: &dyn Array, unit: TimeUnit) -> Int64Array {
    match unit {
        TimeUnit::Second => {
            array.as_primitive::<TimestampSecondType>().unary(|secs| secs.saturating_mul(1_000_000))
        }
        TimeUnit::Millisecond => array
            .as_primitive::<TimestampMillisecondType>()
            .unary(|millis| millis.saturating_mul(1_000)),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().unary(|at| at),
        TimeUnit::Nanosecond => {
            array.as_primitive::<TimestampNanosecondType>().unary(|nanos| nanos.div_euclid(1_000))
        }
    }
}

fn texts(list: &ArrayRef) -> Result<Vec<Text>, CellProblem> {
    let items = Column::new(list.as_ref())?;
    let mut texts = Vec::with_capacity(list.len());
    for row in 0..list.len() {
        texts.extend(items.cell(row)?.text());
    }
    Ok(texts)
}
