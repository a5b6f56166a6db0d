//! Reads a `MAP.toml` strictly: unknown keys are refused, and every problem is reported at once with
//! its line.

mod outcome;
mod spec;

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{
    AmountColumn, AmountCurrency, DatasetMap, EventName, LabelColumns, Reading, SlotColumn,
    Subject, TimeColumn,
};
use crate::model::columns::Slot;
use crate::model::field::Field;
use crate::model::time::Span;
use crate::model::value::Text;
use crate::policy::ast::Position;
use crate::policy::diagnostic::{Diagnostic, nearest};
use spec::{Spec, SpecKeys};

pub(in crate::backtest) use outcome::status_of;

/// Reads a map.
///
/// # Errors
/// Every problem, in the order of their lines.
pub fn read(path: &str, text: &str) -> Result<DatasetMap, Vec<Diagnostic>> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let mut reader = Reader::new(path, text);
    for error in &syntax {
        let at = error.span().map_or(0, |span| span.start);
        reader.problem(at, error.message().to_owned(), None);
    }
    if syntax.is_empty() {
        let map = reader.document(document.get_ref());
        if let (Some(map), true) = (map, reader.problems.is_empty()) {
            return Ok(map);
        }
    }
    reader.problems.sort_by(|one, other| one.at.cmp(&other.at));
    Err(reader.problems)
}

/// A key of the file and where it stands.
type Key<'a, 'i> = &'a Spanned<DeString<'i>>;

/// A table of the file.
type Table<'i> = DeTable<'i>;

struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    columns: Vec<String>,
    problems: Vec<Diagnostic>,
}

/// The columns of `[payment]` or `[event]` as far as they are read.
#[derive(Default)]
struct Mapped {
    occurred_at: Option<TimeColumn>,
    amount: Option<AmountColumn>,
    currency: Option<usize>,
    slots: Vec<SlotColumn>,
    /// The keys of the table that are no fields.
    others: &'static [&'static str],
    /// The names that are written, to find a key given both dotted and quoted.
    seen: BTreeMap<String, usize>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    const fn new(path: &'a str, text: &'a str) -> Self {
        Self { path, text, columns: Vec::new(), problems: Vec::new() }
    }

    /// Notes a problem at a byte of the text.
    fn problem(&mut self, at: usize, message: String, expected: Option<String>) {
        let problem = Diagnostic::error("bad-map", self.position(at), message);
        self.problems.push(Diagnostic { expected, ..problem });
    }

    fn unknown_key<'k>(&mut self, at: usize, key: &str, known: impl IntoIterator<Item = &'k str>) {
        let message = format!("unknown key `{key}`");
        let problem = Diagnostic::error("unknown-key", self.position(at), message);
        let written = key.rsplit('.').next().unwrap_or(key);
        self.problems.push(problem.over(written).suggesting(nearest(key, known)));
    }

    fn position(&self, at: usize) -> Position {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Position { file: self.path.into(), line: number(line), column: number(column) }
    }

    /// The index of a column, each name once.
    fn column(&mut self, name: &str) -> usize {
        if let Some(index) = self.columns.iter().position(|known| known == name) {
            return index;
        }
        self.columns.push(name.to_owned());
        self.columns.len() - 1
    }

    fn document(&mut self, document: &Table<'_>) -> Option<DatasetMap> {
        const TABLES: [&str; 4] = ["payment", "event", "label", "outcome"];
        let mut tables: BTreeMap<&str, (&Table<'_>, usize)> = BTreeMap::new();
        for (key, value) in document {
            let name = key.get_ref().as_ref();
            match (TABLES.contains(&name), value.get_ref().as_table()) {
                (false, _) => self.unknown_key(key.span().start, name, TABLES),
                (true, None) => {
                    self.problem(key.span().start, format!("`{name}` must be a table"), None);
                }
                (true, Some(table)) => {
                    tables.insert(name, (table, key.span().start));
                }
            }
        }
        match (tables.get("payment"), tables.get("event")) {
            (Some(&(payment, at)), None) => self.payments(payment, at, &tables),
            (None, Some(&(event, at))) => {
                for name in ["label", "outcome"] {
                    if let Some((_, at)) = tables.get(name) {
                        self.problem(*at, format!("`[{name}]` belongs to a map of payments"), None);
                    }
                }
                self.events(event, at)
            }
            (Some(_), Some((_, at))) => {
                let help = "give the events a file and a map of their own";
                let message = "a map has either `[payment]` or `[event]`";
                self.problem(*at, message.to_owned(), Some(help.to_owned()));
                None
            }
            (None, None) => {
                self.problem(0, "the table `[payment]` or `[event]` is missing".to_owned(), None);
                None
            }
        }
    }

    fn payments(
        &mut self,
        payment: &Table<'_>,
        at: usize,
        tables: &BTreeMap<&str, (&Table<'_>, usize)>,
    ) -> Option<DatasetMap> {
        let mut mapped = Mapped::default();
        self.fields("", payment, &mut mapped);
        for required in ["id", "amount"] {
            if !mapped.seen.contains_key(required) {
                self.problem(at, format!("`[payment]` needs `{required}`"), None);
            }
        }
        let label = tables.get("label").and_then(|&(table, at)| self.label(table, at));
        let outcome = tables.get("outcome").and_then(|&(table, at)| self.outcome(table, at));
        self.finish(mapped, at, "payment", Some(Subject::Payments { label, outcome }))
    }

    fn events(&mut self, event: &Table<'_>, at: usize) -> Option<DatasetMap> {
        let mut mapped = Mapped { others: &["name", "payment_id"], ..Mapped::default() };
        self.fields("", event, &mut mapped);
        let mut name = None;
        let mut payment_id = None;
        for (key, value) in event {
            match key.get_ref().as_ref() {
                "name" => name = self.event_name(key, value),
                "payment_id" => {
                    payment_id = self
                        .spec(key, value, SpecKeys::COLUMN)
                        .map(|spec| self.column(&spec.column));
                }
                _ => {}
            }
        }
        if !event.keys().any(|key| key.get_ref() == "name") {
            self.problem(at, "`[event]` needs `name`".to_owned(), None);
        }
        let subject = name.map(|name| Subject::Events { name, payment_id });
        self.finish(mapped, at, "event", subject)
    }

    /// A plain text is the name itself; a table with `column` says where it stands.
    fn event_name(&mut self, key: Key<'_, '_>, value: &Spanned<DeValue<'_>>) -> Option<EventName> {
        match value.get_ref().as_str() {
            Some("") => {
                self.problem(value.span().start, "an event needs a name".to_owned(), None);
                None
            }
            Some(name) => Some(EventName::Constant(Text::from(name))),
            None => {
                let spec = self.spec(key, value, SpecKeys::COLUMN)?;
                Some(EventName::Column(self.column(&spec.column)))
            }
        }
    }

    fn finish(
        &mut self,
        mut mapped: Mapped,
        at: usize,
        table: &str,
        subject: Option<Subject>,
    ) -> Option<DatasetMap> {
        if !mapped.seen.contains_key("occurred_at") {
            self.problem(at, format!("`[{table}]` needs `occurred_at`"), None);
        }
        if let (Some(amount), Some(currency)) = (&mut mapped.amount, mapped.currency) {
            if amount.currency == AmountCurrency::Base {
                amount.currency = AmountCurrency::Column(currency);
            } else {
                let at = mapped.seen.get("currency").copied().unwrap_or(at);
                self.problem(at, "the currency is already said with `amount`".to_owned(), None);
            }
        } else if let Some(column) = mapped.currency {
            let reading = Reading::Text;
            mapped.slots.push(SlotColumn { slot: Slot::Field(Field::Currency), column, reading });
        }
        Some(DatasetMap {
            path: self.path.to_owned(),
            columns: std::mem::take(&mut self.columns),
            occurred_at: mapped.occurred_at?,
            slots: mapped.slots,
            amount: mapped.amount,
            subject: subject?,
        })
    }

    /// Reads the keys of a table of fields. A dotted key arrives as nested tables, a quoted one as one
    /// name: both are put together to the same path.
    fn fields(&mut self, prefix: &str, table: &Table<'_>, mapped: &mut Mapped) {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            if prefix.is_empty() && mapped.others.contains(&name) {
                continue;
            }
            let is_leaf = path.starts_with("attributes.") || field_of(&path).is_some();
            match value.get_ref().as_table() {
                Some(inner) if !is_leaf && is_block(&path) => {
                    self.fields(&path, inner, mapped);
                }
                Some(_) | None => self.field(&path, key, value, mapped),
            }
        }
    }

    fn field(
        &mut self,
        path: &str,
        key: Key<'_, '_>,
        value: &Spanned<DeValue<'_>>,
        mapped: &mut Mapped,
    ) {
        let at = key.span().start;
        if let Some(name) = path.strip_prefix("attributes.").filter(|name| !name.is_empty()) {
            if !self.is_first(path, at, mapped) {
                return;
            }
            if let Some(spec) = self.spec(key, value, SpecKeys::ATTRIBUTE) {
                let column = self.column(&spec.column);
                let slot = Slot::Attribute(Text::from(name));
                mapped.slots.push(SlotColumn { slot, column, reading: spec.reading });
            }
            return;
        }
        let Some(field) = field_of(path) else {
            let known = mappable().map(short).chain(mapped.others.iter().copied());
            return self.unknown_key(at, path, known);
        };
        if !self.is_first(path, at, mapped) {
            return;
        }
        let Some(spec) = self.spec(key, value, SpecKeys::of(field)) else { return };
        self.place(field, spec, mapped);
    }

    fn place(&mut self, field: Field, spec: Spec, mapped: &mut Mapped) {
        let column = self.column(&spec.column);
        if field == Field::OccurredAt {
            mapped.occurred_at = Some(TimeColumn { column, zone: spec.zone });
        } else if field == Field::Amount {
            let currency = match (spec.currency, spec.currency_column) {
                (Some(currency), _) => AmountCurrency::Constant(currency),
                (None, Some(name)) => AmountCurrency::Column(self.column(&name)),
                (None, None) => AmountCurrency::Base,
            };
            mapped.amount = Some(AmountColumn { column, unit: spec.unit, currency });
        } else if field == Field::Currency {
            mapped.currency = Some(column);
        } else {
            let reading = spec::reading_of(field, spec.zone);
            mapped.slots.push(SlotColumn { slot: Slot::Field(field), column, reading });
        }
    }

    fn is_first(&mut self, path: &str, at: usize, mapped: &mut Mapped) -> bool {
        let is_first = mapped.seen.insert(path.to_owned(), at).is_none();
        if !is_first {
            self.problem(at, format!("`{path}` is mapped twice"), None);
        }
        is_first
    }

    fn label(&mut self, table: &Table<'_>, at: usize) -> Option<LabelColumns> {
        let mut fraud = None;
        let mut delay = Span::ZERO;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "fraud" => {
                    let spec = self.spec(key, value, SpecKeys::COLUMN);
                    fraud = spec.map(|spec| self.column(&spec.column));
                }
                "delay" => delay = self.delay(value),
                other => self.unknown_key(key.span().start, other, ["fraud", "delay"]),
            }
        }
        if !table.keys().any(|key| key.get_ref() == "fraud") {
            self.problem(at, "`[label]` needs `fraud`".to_owned(), None);
        }
        Some(LabelColumns { fraud: fraud?, delay })
    }

    /// A duration; unlike a window it may be zero.
    fn delay(&mut self, value: &Spanned<DeValue<'_>>) -> Span {
        let text = value.get_ref().as_str().unwrap_or_default();
        if ["0s", "0m", "0h", "0d"].contains(&text) {
            return Span::ZERO;
        }
        Span::parse(text).unwrap_or_else(|error| {
            self.problem(value.span().start, format!("`delay`: {error}"), None);
            Span::ZERO
        })
    }
}

/// The field of that path in a map, which leaves out the `payment.` of policies.
fn field_of(path: &str) -> Option<Field> {
    mappable().find(|field| short(*field) == path)
}

/// Whether the path is a block of fields such as `card`.
fn is_block(path: &str) -> bool {
    path == "attributes"
        || mappable()
            .any(|field| short(field).strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The fields that data may fill; `amount_base` is computed.
fn mappable() -> impl Iterator<Item = Field> {
    let all = Field::ALL.iter().copied();
    all.filter(|field| !field.is_of_outcome() && *field != Field::AmountBase)
}

fn short(field: Field) -> &'static str {
    field.path().strip_prefix("payment.").unwrap_or_default()
}
