//! One column of a map: a plain name, or a table that says more about it.

use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::DeValue;

use super::{Key, Reader};
use crate::backtest::map::{Reading, Unit};
use crate::model::currency::Currency;
use crate::model::field::Field;
use crate::model::value::ValueType;

/// A column as written.
pub(super) struct Spec {
    pub(super) column: String,
    pub(super) zone: TimeZone,
    pub(super) unit: Unit,
    pub(super) currency: Option<Currency>,
    pub(super) currency_column: Option<String>,
    pub(super) reading: Reading,
}

/// The keys that a column may have.
#[derive(Clone, Copy)]
pub(super) struct SpecKeys(&'static [&'static str]);

// === impl SpecKeys ===

impl SpecKeys {
    pub(super) const COLUMN: Self = Self(&["column"]);
    pub(super) const ATTRIBUTE: Self = Self(&["column", "type"]);
    pub(super) const UNIT: Self = Self(&["column", "unit"]);
    const TIME: Self = Self(&["column", "zone"]);
    const AMOUNT: Self = Self(&["column", "unit", "currency", "currency_column"]);

    pub(super) fn of(field: Field) -> Self {
        match field.value_type() {
            ValueType::Time => Self::TIME,
            ValueType::Int if field == Field::Amount => Self::AMOUNT,
            ValueType::Int
            | ValueType::Bool
            | ValueType::Float
            | ValueType::Text
            | ValueType::Texts
            | ValueType::Any => Self::COLUMN,
        }
    }
}

// === impl Reader ===

impl Reader<'_> {
    /// Reads a column; `None` when its name could not be read, which is reported.
    pub(super) fn spec(
        &mut self,
        key: Key<'_, '_>,
        value: &Spanned<DeValue<'_>>,
        keys: SpecKeys,
    ) -> Option<Spec> {
        let at = value.span().start;
        let mut spec = Spec {
            column: String::new(),
            zone: TimeZone::UTC,
            unit: Unit::Minor,
            currency: None,
            currency_column: None,
            reading: Reading::Own,
        };
        if let Some(column) = value.get_ref().as_str() {
            column.clone_into(&mut spec.column);
            if column.is_empty() {
                self.problem(at, format!("`{}` names no column", key.get_ref()), None);
            }
        } else if let Some(table) = value.get_ref().as_table() {
            for (key, value) in table {
                self.spec_key(&mut spec, key, value, keys);
            }
            if !table.keys().any(|key| key.get_ref() == "column") {
                self.problem(at, format!("`{}` needs `column`", key.get_ref()), None);
            }
            if spec.currency.is_some() && spec.currency_column.is_some() {
                let message = "give either `currency` or `currency_column`".to_owned();
                self.problem(at, message, None);
            }
        } else {
            let name = key.get_ref();
            let message = format!("`{name}` must name a column, or be a table with `column`");
            self.problem(at, message, None);
        }
        (!spec.column.is_empty()).then_some(spec)
    }

    fn spec_key(
        &mut self,
        spec: &mut Spec,
        key: Key<'_, '_>,
        value: &Spanned<DeValue<'_>>,
        SpecKeys(keys): SpecKeys,
    ) {
        let name = key.get_ref().as_ref();
        if !keys.contains(&name) {
            return self.unknown_key(key.span().start, name, keys.iter().copied());
        }
        let at = value.span().start;
        let Some(text) = value.get_ref().as_str().filter(|text| !text.is_empty()) else {
            return self.problem(at, format!("`{name}` must be a string"), None);
        };
        match name {
            "column" => text.clone_into(&mut spec.column),
            "currency_column" => spec.currency_column = Some(text.to_owned()),
            "zone" => match TimeZone::get(text).ok() {
                Some(zone) => spec.zone = zone,
                None => {
                    let help = "a name of the IANA database, such as `Europe/Paris`".to_owned();
                    self.problem(at, format!("`{text}` is not a time zone"), Some(help));
                }
            },
            "unit" => match text {
                "major" => spec.unit = Unit::Major,
                "minor" => spec.unit = Unit::Minor,
                _ => self.problem(at, "`unit` must be `major` or `minor`".to_owned(), None),
            },
            "currency" => match Currency::from_code(text) {
                Some(currency) => spec.currency = Some(currency),
                None => self.problem(at, format!("`{text}` is not a currency of ISO 4217"), None),
            },
            _ => match text {
                "string" => spec.reading = Reading::Text,
                "int" => spec.reading = Reading::Int,
                "float" => spec.reading = Reading::Float,
                "bool" => spec.reading = Reading::Bool,
                _ => {
                    let message = "`type` must be `string`, `int`, `float` or `bool`".to_owned();
                    self.problem(at, message, None);
                }
            },
        }
    }
}

/// As what the cells of a field are read.
pub(super) fn reading_of(field: Field, zone: TimeZone) -> Reading {
    match field.value_type() {
        ValueType::Text | ValueType::Any => Reading::Text,
        ValueType::Int => Reading::Int,
        ValueType::Float => Reading::Float,
        ValueType::Bool => Reading::Bool,
        ValueType::Time => Reading::Time(zone),
        ValueType::Texts => Reading::Texts,
    }
}
