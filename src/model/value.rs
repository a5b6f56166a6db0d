//! The values that fields, features and expressions take.

use crate::model::time::Timestamp;

/// A short string, held inline up to 24 bytes.
pub type Text = compact_str::CompactString;

/// A value of the policy language, owned.
///
/// `Missing` and `Unknown` are the third and fourth truth: a fact that is not there, and a fact that
/// could not be read. An empty string never becomes a value: at the edge it is `Missing`.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// Not there.
    #[default]
    Missing,
    /// Could not be read, is not yet warm, or was evicted.
    Unknown,
    /// True or false.
    Bool(bool),
    /// A whole number; money in minor units.
    Int(i64),
    /// A finite float.
    Float(f64),
    /// An instant.
    Time(Timestamp),
    /// A string, compared byte for byte.
    Text(Text),
    /// Several strings: `payment.authenticated`.
    Texts(Box<[Text]>),
}

/// The type of a field, a feature or an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A float.
    Float,
    /// An instant.
    Time,
    /// A string.
    Text,
    /// Several strings.
    Texts,
    /// Decided when it is read: an attribute, a parameter of a helper.
    Any,
}

// === impl Value ===

impl Value {
    /// The type of a present value.
    pub const fn value_type(&self) -> Option<ValueType> {
        match self {
            Self::Missing | Self::Unknown => None,
            Self::Bool(_) => Some(ValueType::Bool),
            Self::Int(_) => Some(ValueType::Int),
            Self::Float(_) => Some(ValueType::Float),
            Self::Time(_) => Some(ValueType::Time),
            Self::Text(_) => Some(ValueType::Text),
            Self::Texts(_) => Some(ValueType::Texts),
        }
    }

    /// Whether it is neither missing nor unknown.
    pub const fn is_present(&self) -> bool {
        !matches!(self, Self::Missing | Self::Unknown)
    }

    /// The string, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Missing
            | Self::Unknown
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Time(_)
            | Self::Texts(_) => None,
        }
    }

    /// The whole number, when it is one.
    pub const fn as_int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The truth, when it is one.
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The instant, when it is one.
    pub const fn as_time(&self) -> Option<Timestamp> {
        if let Self::Time(at) = self { Some(*at) } else { None }
    }
}

// === impl ValueType ===

impl ValueType {
    /// The name that policies and diagnostics use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::Time => "time",
            Self::Text => "string",
            Self::Texts => "list of strings",
            Self::Any => "any",
        }
    }
}
