//! What an expression works on: a value that borrows from the facts and from the policy set wherever
//! it can, so that an ordinary condition allocates nothing and counts no reference.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};
use crate::policy::interpret::EvalError;

/// What an evaluation gives. The error is boxed because it is rare and larger than any operand.
pub(crate) type Evaluated<'a> = Result<Operand<'a>, Box<EvalError>>;

/// A value during an evaluation.
#[derive(Clone, Debug)]
pub(crate) enum Operand<'a> {
    /// Not there.
    Missing,
    /// Could not be read.
    Unknown,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite float.
    Float(f64),
    /// An instant.
    Time(Timestamp),
    /// A string of the facts or of the policy.
    Text(&'a str),
    /// A string that a function or `+` made.
    Made(Text),
    /// Several strings.
    Texts(&'a [Text]),
    /// A constant array.
    Array(&'a [Value]),
    /// A list, by its name.
    List(&'a Arc<str>),
}

/// What a condition, a term of `&&` or a term of `||` comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Something it needs is not there.
    Missing,
    /// Something it needs could not be read.
    Unknown,
}

// === impl Truth ===

impl From<bool> for Truth {
    fn from(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }
}

// === impl Operand ===

impl From<Truth> for Operand<'_> {
    fn from(truth: Truth) -> Self {
        match truth {
            Truth::True => Self::Bool(true),
            Truth::False => Self::Bool(false),
            Truth::Missing => Self::Missing,
            Truth::Unknown => Self::Unknown,
        }
    }
}

impl<'a> Operand<'a> {
    /// A view of a value.
    pub(crate) fn of(value: &'a Value) -> Self {
        match value {
            Value::Missing => Self::Missing,
            Value::Unknown => Self::Unknown,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Int(number) => Self::Int(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Time(at) => Self::Time(*at),
            Value::Text(text) => Self::Text(text),
            Value::Texts(texts) => Self::Texts(texts),
        }
    }

    /// An owned copy.
    ///
    /// # Errors
    /// An array or a list is no value: it only stands beside `in` and in calls.
    pub(crate) fn into_value(self) -> Result<Value, Box<EvalError>> {
        Ok(match self {
            Self::Missing => Value::Missing,
            Self::Unknown => Value::Unknown,
            Self::Bool(truth) => Value::Bool(truth),
            Self::Int(number) => Value::Int(number),
            Self::Float(number) => Value::Float(number),
            Self::Time(at) => Value::Time(at),
            Self::Text(text) => Value::Text(Text::from(text)),
            Self::Made(text) => Value::Text(text),
            Self::Texts(texts) => Value::Texts(texts.into()),
            Self::Array(_) | Self::List(_) => {
                return Err(type_error(format!("{} is not a value", self.type_name())));
            }
        })
    }

    /// The truth that stands at `place`.
    ///
    /// # Errors
    /// [`EvalError::Type`] when it is present and no bool.
    pub(crate) fn truth(&self, place: &str) -> Result<Truth, Box<EvalError>> {
        match self {
            Self::Bool(truth) => Ok(Truth::from(*truth)),
            Self::Missing => Ok(Truth::Missing),
            Self::Unknown => Ok(Truth::Unknown),
            Self::Int(_)
            | Self::Float(_)
            | Self::Time(_)
            | Self::Text(_)
            | Self::Made(_)
            | Self::Texts(_)
            | Self::Array(_)
            | Self::List(_) => {
                Err(type_error(format!("{place} is {} and not a bool", self.type_name())))
            }
        }
    }

    /// The string, when it is one.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Made(text) => Some(text),
            Self::Missing
            | Self::Unknown
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Time(_)
            | Self::Texts(_)
            | Self::Array(_)
            | Self::List(_) => None,
        }
    }

    /// The number as a float, when it is one.
    pub(crate) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(float_of(*number)),
            Self::Float(number) => Some(*number),
            Self::Missing
            | Self::Unknown
            | Self::Bool(_)
            | Self::Time(_)
            | Self::Text(_)
            | Self::Made(_)
            | Self::Texts(_)
            | Self::Array(_)
            | Self::List(_) => None,
        }
    }

    /// Its type with an article, as problems name it.
    pub(crate) const fn type_name(&self) -> &'static str {
        match self {
            Self::Missing => "a missing value",
            Self::Unknown => "an unknown value",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::Time(_) => "a time",
            Self::Text(_) | Self::Made(_) => "a string",
            Self::Texts(_) => "a list of strings",
            Self::Array(_) => "an array",
            Self::List(_) => "a list",
        }
    }

    /// How two present values of one type compare; an integer against a float compares as float.
    ///
    /// # Errors
    /// [`EvalError::Type`] for values of different types, and for types that have no order.
    pub(crate) fn compare(&self, other: &Operand<'_>) -> Result<Ordering, Box<EvalError>> {
        match (self, other) {
            (Self::Int(left), Operand::Int(right)) => return Ok(left.cmp(right)),
            (Self::Bool(left), Operand::Bool(right)) => return Ok(left.cmp(right)),
            (Self::Time(left), Operand::Time(right)) => return Ok(left.cmp(right)),
            _ => {}
        }
        if let (Some(left), Some(right)) = (self.as_str(), other.as_str()) {
            return Ok(left.cmp(right));
        }
        if let (Some(left), Some(right)) = (self.as_float(), other.as_float()) {
            return left.partial_cmp(&right).ok_or_else(|| Box::new(EvalError::NotFinite));
        }
        let (left, right) = (self.type_name(), other.type_name());
        Err(type_error(format!("cannot compare {left} with {right}")))
    }
}

/// What comes of several operands of which one is absent: `Unknown` if any is unknown, else
/// `Missing` if any is missing, else nothing.
pub(crate) fn absent<'a>(operands: &[Operand<'_>]) -> Option<Operand<'a>> {
    let mut absent = None;
    for operand in operands {
        match operand {
            Operand::Unknown => return Some(Operand::Unknown),
            Operand::Missing => absent = Some(Operand::Missing),
            Operand::Bool(_)
            | Operand::Int(_)
            | Operand::Float(_)
            | Operand::Time(_)
            | Operand::Text(_)
            | Operand::Made(_)
            | Operand::Texts(_)
            | Operand::Array(_)
            | Operand::List(_) => {}
        }
    }
    absent
}

/// An integer where a float is needed; above 2^53 it is the nearest float.
#[expect(clippy::cast_precision_loss, reason = "an integer meets a float as a float")]
pub(crate) const fn float_of(number: i64) -> f64 {
    number as f64
}

/// A float that an operation gave, when it is finite.
pub(crate) fn finite<'a>(number: f64) -> Evaluated<'a> {
    if number.is_finite() {
        Ok(Operand::Float(number))
    } else {
        Err(Box::new(EvalError::NotFinite))
    }
}

/// A problem of types.
#[cold]
pub(crate) fn type_error(problem: String) -> Box<EvalError> {
    Box::new(EvalError::Type(problem))
}
