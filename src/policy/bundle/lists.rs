//! `lists/*.csv`: values with an optional end.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Files, ListDef, start_of};
use crate::model::time::Timestamp;
use crate::model::value::Text;
use crate::policy::ast::Position;
use crate::policy::diagnostic::{Diagnostic, nearest};

/// How many bytes a value may have, as many as an id.
const VALUE_BYTES_MAX: usize = 256;

/// The columns that a list may have.
const COLUMNS: [&str; 3] = ["value", "expires", "reason"];

/// Where the known columns stand.
#[derive(Clone, Copy, Debug, Default)]
struct Columns {
    value: Option<usize>,
    expires: Option<usize>,
    count: usize,
}

/// One file being read.
struct Reader<'a> {
    path: &'a str,
    file: Arc<str>,
    lines: Vec<&'a str>,
    diagnostics: &'a mut Vec<Diagnostic>,
    list: ListDef,
}

/// Reads every list.
pub(super) fn read(
    files: &Files,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<Arc<str>, ListDef> {
    let mut lists = BTreeMap::new();
    for (path, bytes) in &files.0 {
        let name = path.strip_prefix("lists/").and_then(|name| name.strip_suffix(".csv"));
        let Some(name) = name.filter(|name| !name.contains('/')) else { continue };
        let list = match std::str::from_utf8(bytes) {
            Ok(text) => {
                let text = text.trim_start_matches('\u{feff}');
                let lines = text.lines().collect();
                let file = Arc::from(path.as_str());
                let list = ListDef::default();
                Reader { path, file, lines, diagnostics, list }.read(text)
            }
            Err(_) => {
                let problem =
                    Diagnostic::error("not-utf8", start_of(path), "the file is not UTF-8");
                diagnostics.push(problem);
                ListDef::default()
            }
        };
        lists.insert(Arc::from(name), list);
    }
    lists
}

// === impl Reader ===

impl Reader<'_> {
    fn read(mut self, text: &str) -> ListDef {
        let mut records = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut record = csv::StringRecord::new();
        let mut columns = None;
        loop {
            match records.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let line = error.position().map_or(1, csv::Position::line);
                    let message = format!("the row cannot be read: {error}");
                    let at = self.at(line, "");
                    self.diagnostics.push(Diagnostic::error("bad-row", at, message));
                    continue;
                }
            }
            let line = record.position().map_or(1, csv::Position::line);
            match columns {
                None => columns = Some(self.header(&record, line)),
                Some(columns) => self.row(&record, line, columns),
            }
        }
        if columns.is_none() {
            self.lacks_value(start_of(self.path));
        }
        self.list
    }

    fn header(&mut self, record: &csv::StringRecord, line: u64) -> Columns {
        let mut columns = Columns { count: record.len(), ..Columns::default() };
        for (index, name) in record.iter().enumerate() {
            let name = name.trim();
            let is_repeated = record.iter().take(index).any(|before| before.trim() == name);
            match name {
                _ if is_repeated => {
                    let message = format!("the column `{name}` stands twice");
                    let at = self.at(line, name);
                    self.diagnostics
                        .push(Diagnostic::error("duplicate-name", at, message).over(name));
                }
                "value" => columns.value = Some(index),
                "expires" => columns.expires = Some(index),
                "reason" => {}
                _ => {
                    let at = self.at(line, name);
                    self.diagnostics.push(
                        Diagnostic::error("unknown-key", at, format!("unknown column `{name}`"))
                            .over(name)
                            .expecting("`value`, `expires`, `reason`")
                            .suggesting(nearest(name, COLUMNS)),
                    );
                }
            }
        }
        if columns.value.is_none() {
            let at = self.at(line, "");
            self.lacks_value(at);
        }
        columns
    }

    fn lacks_value(&mut self, at: Position) {
        self.diagnostics.push(
            Diagnostic::error("missing-key", at, "the list has no column `value`")
                .expecting("a header such as `value,expires,reason`"),
        );
    }

    fn row(&mut self, record: &csv::StringRecord, line: u64, columns: Columns) {
        if record.len() != columns.count {
            let message =
                format!("the row has {} columns, the header {}", record.len(), columns.count);
            let at = self.at(line, "");
            self.diagnostics.push(Diagnostic::error("bad-row", at, message));
            return;
        }
        let expires = columns.expires.and_then(|index| record.get(index)).unwrap_or_default();
        let end = if expires.is_empty() { None } else { Timestamp::parse_rfc3339(expires) };
        if !expires.is_empty() && end.is_none() {
            let at = self.at(line, expires);
            self.diagnostics.push(
                Diagnostic::error("bad-time", at, format!("`{expires}` is not a time"))
                    .over(expires)
                    .expecting("RFC 3339, such as `2026-12-31T00:00:00Z`, or nothing"),
            );
        }
        if let Some(value) = columns.value.and_then(|index| record.get(index)) {
            self.value(value, end, line);
        }
    }

    fn value(&mut self, value: &str, end: Option<Timestamp>, line: u64) {
        let at = self.at(line, value);
        let problem = if value.is_empty() {
            Some("the value is empty")
        } else if value.len() > VALUE_BYTES_MAX {
            Some("the value is longer than 256 bytes")
        } else if value.chars().any(char::is_control) {
            Some("the value has control characters")
        } else {
            None
        };
        if let Some(problem) = problem {
            self.diagnostics.push(Diagnostic::error("bad-value", at, problem).over(value));
            return;
        }
        if value.trim() != value {
            let message = "the value has spaces around it, which are compared too";
            self.diagnostics
                .push(Diagnostic::warning("space-around", at.clone(), message).over(value));
        }
        match self.list.values.entry(Text::from(value)) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(end);
            }
            std::collections::btree_map::Entry::Occupied(mut known) => {
                // It counts for as long as any of its rows says.
                let longer = known.get().zip(end).map(|(one, other)| one.max(other));
                known.insert(longer);
                let message = format!("`{value}` is on the list already");
                self.diagnostics
                    .push(Diagnostic::warning("duplicate-value", at, message).over(value));
            }
        }
    }

    /// Where a text stands on a line, as far as it can be found there.
    fn at(&self, line: u64, text: &str) -> Position {
        let source = usize::try_from(line.saturating_sub(1))
            .ok()
            .and_then(|index| self.lines.get(index))
            .copied()
            .unwrap_or_default();
        let before = source.find(text).and_then(|start| source.get(..start)).unwrap_or_default();
        let column = u32::try_from(before.chars().count()).unwrap_or(u32::MAX).saturating_add(1);
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        Position { file: Arc::clone(&self.file), line, column }
    }
}
