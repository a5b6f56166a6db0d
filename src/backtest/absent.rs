//! What a bundle reads and the data never had: rules that nothing in the data can wake.

use std::collections::{BTreeMap, BTreeSet};

use super::report::Absent;
use crate::model::columns::Slot;
use crate::model::field::Field;
use crate::model::value::Text;
use crate::policy::ir::Expr;
use crate::policy::set::{KeyPart, PolicySet};

/// What the data had.
#[derive(Clone, Debug, Default)]
pub struct Present {
    /// Fields with a value in some row.
    pub fields: BTreeSet<Field>,
    /// Attributes with a value in some row.
    pub attributes: BTreeSet<Text>,
    /// Events that happened at least once.
    pub events: BTreeSet<Text>,
}

/// Something that a bundle reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Event(Text),
    Field(Field),
    Attribute(Text),
}

/// Every attempt is one, and every verdict: no data is needed for them.
const OWN_EVENTS: [&str; 4] = ["attempt", "allowed", "challenged", "blocked"];

/// What the set reads and the data never had: events first, then fields, by name.
pub fn absent(set: &PolicySet, present: &Present) -> Vec<Absent> {
    let readers = Readers { set, features: features(set) };
    let mut rules: BTreeMap<Source, Vec<String>> = BTreeMap::new();
    for source in readers.features.iter().flatten() {
        rules.entry(source.clone()).or_default();
    }
    for rule in &set.rules {
        let mut sources = BTreeSet::new();
        readers.sources(&rule.when, &mut sources);
        for source in sources {
            rules.entry(source).or_default().push(rule.name.to_string());
        }
    }
    let mut absent: Vec<Absent> = rules
        .into_iter()
        .filter(|(source, _)| !present.has(source))
        .map(|(source, rules)| source.absent(rules))
        .collect();
    absent.sort();
    absent
}

/// What each feature of the set reads: its events, its filter and value, and the key of its entity.
fn features(set: &PolicySet) -> Vec<BTreeSet<Source>> {
    let readers = Readers { set, features: Vec::new() };
    let mut features = Vec::with_capacity(set.features.len());
    for feature in &set.features {
        let mut sources = BTreeSet::new();
        let Some(entity) = set.entities.get(feature.entity) else { continue };
        sources.extend(entity.parts.iter().map(|part| match part {
            KeyPart::Field(field) => Source::Field(*field),
            KeyPart::Attribute(name) => Source::Attribute(name.clone()),
        }));
        let stream = entity.layout.features.get(feature.slot).map(|spec| spec.stream);
        for (event, taps) in &set.taps {
            for tap in taps {
                if tap.entity != feature.entity || Some(tap.stream) != stream {
                    continue;
                }
                sources.insert(Source::Event(event.clone()));
                for expr in tap.filter.iter().chain(&tap.value) {
                    readers.sources(expr, &mut sources);
                }
            }
        }
        features.push(sources);
    }
    features
}

/// Finds what expressions read.
struct Readers<'a> {
    set: &'a PolicySet,
    features: Vec<BTreeSet<Source>>,
}

// === impl Readers ===

impl Readers<'_> {
    fn sources(&self, expr: &Expr, into: &mut BTreeSet<Source>) {
        match expr {
            Expr::Const(_) | Expr::Array(_) | Expr::Param(_) | Expr::List(_) | Expr::Score => {}
            Expr::Field(field) => {
                into.insert(Source::Field(*field));
            }
            Expr::Attribute(name) => {
                into.insert(Source::Attribute(name.clone()));
            }
            Expr::Feature(index) => {
                let feature = usize::try_from(index.0).ok();
                let feature = feature.and_then(|index| self.features.get(index));
                into.extend(feature.into_iter().flatten().cloned());
            }
            Expr::Let(index) => {
                let named = usize::try_from(index.0).ok();
                if let Some(named) = named.and_then(|index| self.set.lets.get(index)) {
                    self.sources(&named.value, into);
                }
            }
            Expr::Unary(_, inner, _) | Expr::IsMissing(inner) => self.sources(inner, into),
            Expr::Binary(_, left, right, _) => {
                self.sources(left, into);
                self.sources(right, into);
            }
            Expr::InRange(first, second, third, _, _) | Expr::If(first, second, third) => {
                self.sources(first, into);
                self.sources(second, into);
                self.sources(third, into);
            }
            Expr::And(inner)
            | Expr::Or(inner)
            | Expr::Coalesce(inner)
            | Expr::Call(_, inner, _)
            | Expr::Helper(_, inner, _) => {
                for inner in inner {
                    self.sources(inner, into);
                }
            }
        }
    }
}

// === impl Present ===

impl Present {
    /// Notes a field or an attribute.
    pub fn slot(&mut self, slot: &Slot) {
        match slot {
            Slot::Field(field) => self.field(*field),
            Slot::Attribute(name) if !self.attributes.contains(name) => {
                self.attributes.insert(name.clone());
            }
            Slot::Attribute(_) => {}
        }
    }

    /// Whether a field or an attribute was noted.
    pub fn has_slot(&self, slot: &Slot) -> bool {
        match slot {
            Slot::Field(field) => self.fields.contains(field),
            Slot::Attribute(name) => self.attributes.contains(name),
        }
    }

    /// Notes a field, and what the edge derives from it.
    pub fn field(&mut self, field: Field) {
        self.fields.insert(field);
        if field == Field::AccountEmail {
            self.fields.insert(Field::AccountEmailDomain);
        }
    }

    fn has(&self, source: &Source) -> bool {
        match source {
            Source::Event(name) => {
                OWN_EVENTS.contains(&name.as_str()) || self.events.contains(name)
            }
            Source::Field(field) => self.fields.contains(field),
            Source::Attribute(name) => self.attributes.contains(name),
        }
    }
}

// === impl Source ===

impl Source {
    fn absent(self, rules: Vec<String>) -> Absent {
        let (kind, name) = match self {
            Self::Event(name) => ("event", name.to_string()),
            Self::Field(field) => ("field", field.path().to_owned()),
            Self::Attribute(name) => ("field", format!("payment.attributes.{name}")),
        };
        Absent { kind, name, rules }
    }
}
