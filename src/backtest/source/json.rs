//! JSON Lines: one object a line. Only the wanted keys are kept.
//!
//! A column `card.token` is the key `card.token` or, where there is none, `token` within the object
//! `card`.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;

use super::{Reader, Stand};
use crate::backtest::cell::{Cell, CellProblem};
use crate::model::value::Text;

struct JsonReader {
    reader: BufReader<File>,
    bytes: Vec<u8>,
    line: u64,
    wanted: Vec<Wanted>,
    found: Vec<Option<Json>>,
    places: Vec<Place>,
}

/// A key at the top of the object.
struct Wanted {
    key: String,
}

/// Where the cell of a column stands: at a key, or along a path from another.
struct Place {
    key: usize,
    within: Option<(usize, Vec<String>)>,
}

/// Takes the wanted keys out of an object.
struct ObjectVisitor<'a> {
    wanted: &'a [Wanted],
    found: &'a mut [Option<Json>],
}

pub(super) fn open(path: &Path, columns: &[String]) -> Result<Box<dyn Reader>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut key_of = |key: &str| {
        wanted.iter().position(|known| known.key == key).unwrap_or_else(|| {
            wanted.push(Wanted { key: key.to_owned() });
            wanted.len() - 1
        })
    };
    let mut places = Vec::new();
    for column in columns {
        let key = key_of(column);
        let within = column.split_once('.').map(|(first, rest)| {
            (key_of(first), rest.split('.').map(str::to_owned).collect::<Vec<String>>())
        });
        places.push(Place { key, within });
    }
    let found = vec![None; wanted.len()];
    Ok(Box::new(JsonReader {
        reader: BufReader::with_capacity(1 << 18, file),
        bytes: Vec::new(),
        line: 0,
        wanted,
        found,
        places,
    }))
}

// === impl JsonReader ===

impl Reader for JsonReader {
    fn advance(&mut self) -> Result<Option<Stand>, String> {
        loop {
            self.bytes.clear();
            let read = self.reader.read_until(b'\n', &mut self.bytes);
            if read.map_err(|error| error.to_string())? == 0 {
                return Ok(None);
            }
            self.line += 1;
            let mut line = self.bytes.trim_ascii();
            if self.line == 1 {
                line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            }
            if line.is_empty() {
                continue;
            }
            self.found.fill(None);
            let mut reader = serde_json::Deserializer::from_slice(line);
            let visitor = ObjectVisitor { wanted: &self.wanted, found: &mut self.found };
            let read = reader.deserialize_map(visitor).and_then(|()| reader.end());
            let problem = read.err().map(|error| format!("is not a JSON object: {error}"));
            return Ok(Some(Stand { line: self.line, problem }));
        }
    }

    fn cell(&self, column: usize) -> Result<Cell<'_>, CellProblem> {
        let Some(place) = self.places.get(column) else { return Ok(Cell::Missing) };
        let own = self.found.get(place.key).and_then(Option::as_ref);
        let found = own.or_else(|| {
            let (key, path) = place.within.as_ref()?;
            let outer = self.found.get(*key).and_then(Option::as_ref)?;
            path.iter().try_fold(outer, |inner, key| inner.get(key))
        });
        found.map_or(Ok(Cell::Missing), cell_of)
    }
}

impl<'de> Visitor<'de> for ObjectVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(key) = object.next_key::<Cow<'de, str>>()? {
            let place = self.wanted.iter().position(|wanted| wanted.key == key);
            match place.and_then(|place| self.found.get_mut(place)) {
                Some(found) => *found = Some(object.next_value()?),
                None => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

fn cell_of(json: &Json) -> Result<Cell<'_>, CellProblem> {
    Ok(match json {
        Json::Null => Cell::Missing,
        Json::Bool(truth) => Cell::Bool(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Cell::Int(number),
            (None, Some(_), _) => Cell::Numeral(Cow::Owned(number.to_string())),
            (None, None, Some(number)) => Cell::Float(number),
            (None, None, None) => return Err("is not a finite number".to_owned()),
        },
        Json::String(text) => Cell::Text(Cow::Borrowed(text)),
        Json::Array(items) => {
            let texts: Option<Vec<Text>> =
                items.iter().map(|item| cell_of(item).ok()?.text()).collect();
            Cell::Texts(texts.ok_or("is an array of more than texts")?)
        }
        Json::Object(_) => return Err("is an object".to_owned()),
    })
}
