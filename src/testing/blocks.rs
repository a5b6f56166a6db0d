//! The maps of a test script to the fields of a payment or an event. They have the blocks and names
//! that the API has, and a name that is not one of them is refused: a misspelt `tokn` would make a
//! test about another payment than the one it means.

use rhai::{Dynamic, Map};

use crate::model::field::{Field, Fields};
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value, ValueType};
use crate::policy::diagnostic::nearest;

/// What a script wrote between `#{` and `}`.
#[derive(Debug)]
pub(super) struct Blocks {
    /// The fields it gives.
    pub(super) fields: Fields,
    /// The other keys it gives, such as `locale`.
    pub(super) options: Options,
}

/// The keys of a map that are no fields.
#[derive(Debug)]
pub(super) struct Options(Map);

// === impl Blocks ===

impl Blocks {
    /// Reads a map; `options` are the keys that are no fields and are handed over as they are.
    ///
    /// # Errors
    /// The first key that is not known, or value that cannot be one of a field.
    pub(super) fn read(map: Map, options: &[&str]) -> Result<Self, String> {
        let mut blocks = Self { fields: Fields::new(), options: Options(Map::new()) };
        for (key, value) in map {
            if options.contains(&key.as_str()) {
                blocks.options.0.insert(key, value);
            } else if key == "attributes" {
                blocks.attributes(value)?;
            } else if is_block(&key) {
                blocks.block(&key, value)?;
            } else if let Some(field) = field_of(&key) {
                blocks.fields.set(field, value_of(field, &key, &value)?);
            } else {
                return Err(unknown_key(&key, "", options));
            }
        }
        Ok(blocks)
    }

    fn block(&mut self, block: &str, value: Dynamic) -> Result<(), String> {
        for (key, value) in map_of(block, value)? {
            let path = format!("{block}.{key}");
            let field = field_of(&path).ok_or_else(|| unknown_key(&path, block, &[]))?;
            self.fields.set(field, value_of(field, &path, &value)?);
        }
        Ok(())
    }

    fn attributes(&mut self, value: Dynamic) -> Result<(), String> {
        for (key, value) in map_of("attributes", value)? {
            let value = plain_value(&value).ok_or_else(|| {
                format!("`attributes.{key}` must be a string, a number or a bool")
            })?;
            self.fields.set_attribute(Text::from(key.as_str()), value);
        }
        Ok(())
    }
}

// === impl Options ===

impl Options {
    /// A text that is no field.
    ///
    /// # Errors
    /// When it is given and not a string.
    pub(super) fn text(&self, key: &str) -> Result<Option<Text>, String> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        match plain_value(value) {
            Some(Value::Text(text)) => Ok(Some(text)),
            _ => Err(format!("`{key}` must be a string")),
        }
    }

    /// A truth that is no field.
    ///
    /// # Errors
    /// When it is given and not a bool.
    pub(super) fn truth(&self, key: &str) -> Result<Option<bool>, String> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        value.as_bool().map(Some).map_err(|_other| format!("`{key}` must be a bool"))
    }
}

/// The field that a test writes as `card.token`.
fn field_of(key: &str) -> Option<Field> {
    Field::from_path(&format!("payment.{key}")).filter(|field| key_of(*field).is_some())
}

/// What a test writes for a field: the path without `payment.`; none for those that the engine sets.
fn key_of(field: Field) -> Option<&'static str> {
    if field == Field::AmountBase { None } else { field.path().strip_prefix("payment.") }
}

fn is_block(key: &str) -> bool {
    let keys = Field::ALL.iter().filter_map(|field| key_of(*field));
    keys.filter_map(|known| known.split_once('.')).any(|(block, _)| block == key)
}

fn map_of(key: &str, value: Dynamic) -> Result<Map, String> {
    value.try_cast::<Map>().ok_or_else(|| format!("`{key}` must be a map, such as `#{{ … }}`"))
}

/// A value as the field takes it. Types are judged at the edge, as those of every other caller; only
/// times have no literal of their own.
fn value_of(field: Field, path: &str, value: &Dynamic) -> Result<Value, String> {
    let plain =
        plain_value(value).ok_or_else(|| format!("`{path}` cannot be a {}", kind(value)))?;
    match (field.value_type(), plain) {
        (ValueType::Time, Value::Text(text)) => Timestamp::parse_rfc3339(&text)
            .map(Value::Time)
            .ok_or_else(|| format!("`{path}` must be a time such as \"2026-01-31T12:00:00Z\"")),
        (_, plain) => Ok(plain),
    }
}

fn plain_value(value: &Dynamic) -> Option<Value> {
    if value.is_unit() {
        return Some(Value::Missing);
    }
    if let Ok(truth) = value.as_bool() {
        return Some(Value::Bool(truth));
    }
    if let Ok(number) = value.as_int() {
        return Some(Value::Int(number));
    }
    if let Ok(number) = value.as_float() {
        return Some(Value::Float(number));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Some(Value::Text(Text::from(text.as_str())));
    }
    let texts = value.as_array_ref().ok()?;
    let texts: Option<Box<[Text]>> = texts
        .iter()
        .map(|text| text.as_immutable_string_ref().ok().map(|text| Text::from(text.as_str())))
        .collect();
    texts.map(Value::Texts)
}

/// What a script's value is called in messages.
fn kind(value: &Dynamic) -> &'static str {
    if value.is_map() { "map" } else { "value of this kind" }
}

/// The refusal of a key, with the nearest that stands in the same block.
fn unknown_key(path: &str, block: &str, options: &[&str]) -> String {
    let known = Field::ALL.iter().filter_map(|field| key_of(*field));
    // At the top the names of blocks stand beside those of fields; within a block, its own.
    let in_block: Vec<&str> = if block.is_empty() {
        known
            .map(|known| known.split_once('.').map_or(known, |(block, _)| block))
            .chain(["attributes"])
            .chain(options.iter().copied())
            .collect()
    } else {
        known.filter(|known| known.split_once('.').is_some_and(|(of, _)| of == block)).collect()
    };
    unknown("key", path, in_block)
}

/// "unknown X `a`", with the nearest of the known names when one is near.
pub(super) fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> String {
    match nearest(name, known) {
        Some(nearest) => format!("unknown {what} `{name}`: did you mean `{nearest}`?"),
        None => format!("unknown {what} `{name}`"),
    }
}
