//! The types that expressions have while they are checked: those of values, and a few that only a
//! check knows.

use crate::model::value::{Value, ValueType};

/// The type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A float.
    Float,
    /// A whole number or a float, as it turns out: `card.avg_30d ?? 0`.
    Number,
    /// An instant.
    Time,
    /// A string.
    Text,
    /// Several strings.
    Texts,
    /// Decided when it is read.
    Any,
    /// A constant array whose elements are of these classes.
    Array(Classes),
    /// A list of the bundle.
    List,
    /// Something that was already reported; it fits everywhere, so that one problem is told once.
    Broken,
}

/// Values of one class can be compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// True or false.
    Bool,
    /// Whole numbers and floats.
    Number,
    /// Instants.
    Time,
    /// Strings.
    Text,
}

/// A set of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Classes(u8);

// === impl Type ===

impl Type {
    /// The type of a field or a feature.
    pub(super) const fn of(value_type: ValueType) -> Self {
        match value_type {
            ValueType::Bool => Self::Bool,
            ValueType::Int => Self::Int,
            ValueType::Float => Self::Float,
            ValueType::Time => Self::Time,
            ValueType::Text => Self::Text,
            ValueType::Texts => Self::Texts,
            ValueType::Any => Self::Any,
        }
    }

    /// The type of a constant.
    pub(super) fn of_value(value: &Value) -> Self {
        value.value_type().map_or(Self::Broken, Self::of)
    }

    /// The type of a value that is kept. A number that may be either is kept as a float.
    pub(super) const fn value_type(self) -> ValueType {
        match self {
            Self::Bool => ValueType::Bool,
            Self::Int => ValueType::Int,
            Self::Float | Self::Number => ValueType::Float,
            Self::Time => ValueType::Time,
            Self::Text => ValueType::Text,
            Self::Texts => ValueType::Texts,
            Self::Any | Self::Array(_) | Self::List | Self::Broken => ValueType::Any,
        }
    }

    /// The name that diagnostics use.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Array(_) => "array",
            Self::List => "list",
            Self::Bool
            | Self::Int
            | Self::Float
            | Self::Time
            | Self::Text
            | Self::Texts
            | Self::Any
            | Self::Broken => self.value_type().name(),
        }
    }

    /// Whether nothing can be said of it here.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::Any | Self::Broken)
    }

    /// Whether it may be a number.
    pub(super) const fn may_be_number(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Number) || self.is_open()
    }

    /// Whether it may be a truth.
    pub(super) const fn may_be_bool(self) -> bool {
        matches!(self, Self::Bool) || self.is_open()
    }

    /// Whether it may be a string.
    pub(super) const fn may_be_text(self) -> bool {
        matches!(self, Self::Text) || self.is_open()
    }

    /// Whether it may be an instant.
    pub(super) const fn may_be_time(self) -> bool {
        matches!(self, Self::Time) || self.is_open()
    }

    /// Whether it is one value, not several.
    pub(super) const fn is_scalar(self) -> bool {
        !matches!(self, Self::Texts | Self::Array(_) | Self::List)
    }

    /// What it can be compared with; `None` when that is not known, or nothing.
    pub(super) const fn class(self) -> Option<Class> {
        match self {
            Self::Bool => Some(Class::Bool),
            Self::Int | Self::Float | Self::Number => Some(Class::Number),
            Self::Time => Some(Class::Time),
            Self::Text => Some(Class::Text),
            Self::Texts | Self::Any | Self::Array(_) | Self::List | Self::Broken => None,
        }
    }

    /// Whether a comparison with the other type can work.
    pub(super) fn is_comparable_with(self, other: Self) -> bool {
        let either_is_open = self.is_open() || other.is_open();
        self.is_scalar() && other.is_scalar() && (either_is_open || self.class() == other.class())
    }

    /// The type of a value that is either of this type or of the other; `None` when they do not mix.
    pub(super) fn or(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Broken, _) | (_, Self::Broken) => Some(Self::Broken),
            (a, b) if a == b => Some(a),
            (Self::Any, b) | (b, Self::Any) if b.is_scalar() => Some(Self::Any),
            (a, b) if a.class() == Some(Class::Number) && b.class() == Some(Class::Number) => {
                Some(Self::Number)
            }
            _ => None,
        }
    }

    /// The type of arithmetic over two numbers.
    pub(super) const fn arithmetic(self, other: Self) -> Self {
        match (self, other) {
            (Self::Broken, _) | (_, Self::Broken) => Self::Broken,
            (Self::Float, _) | (_, Self::Float) => Self::Float,
            (Self::Int, Self::Int) => Self::Int,
            _ => Self::Number,
        }
    }
}

// === impl Classes ===

impl Classes {
    /// The classes of constants.
    pub(super) fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        values
            .into_iter()
            .filter_map(|value| Type::of_value(value).class())
            .fold(Self::default(), |set, class| Self(set.0 | class.bit()))
    }

    /// Whether every element can be compared with a value of that type.
    pub(super) fn all_comparable_with(self, other: Type) -> bool {
        match other.class() {
            Some(class) => self.0 & !class.bit() == 0,
            None => other.is_open(),
        }
    }
}

// === impl Class ===

impl Class {
    const fn bit(self) -> u8 {
        match self {
            Self::Bool => 1,
            Self::Number => 2,
            Self::Time => 4,
            Self::Text => 8,
        }
    }
}
