//! `[outcome]` of a map.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeValue;

use super::{Reader, SpecKeys, Table};
use crate::backtest::map::OutcomeColumns;
use crate::model::outcome::{OutcomeStatus, Stage};
use crate::model::time::Span;

const KEYS: [&str; 12] = [
    "status",
    "words",
    "delay",
    "stage",
    "code",
    "channel",
    "provider",
    "operation",
    "network",
    "latency_ms",
    "amount",
    "final",
];

/// What a word may stand for beside the names of the statuses: a failure and how far it got.
const STAGED: [(&str, (OutcomeStatus, Option<Stage>)); 2] = [
    ("FAILED_NOT_SENT", (OutcomeStatus::Failed, Some(Stage::NotSent))),
    ("FAILED_SENT", (OutcomeStatus::Failed, Some(Stage::Sent))),
];

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn outcome(&mut self, table: &Table<'_>, at: usize) -> Option<Box<OutcomeColumns>> {
        let mut columns = BTreeMap::new();
        let mut delay = Span::ZERO;
        let mut words = BTreeMap::new();
        let mut amount = None;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "delay" => delay = self.delay(value),
                "words" => words = self.words(value),
                "amount" => {
                    let spec = self.spec(key, value, SpecKeys::UNIT);
                    amount = spec.map(|spec| (self.column(&spec.column), spec.unit));
                }
                name if KEYS.contains(&name) => {
                    if let Some(spec) = self.spec(key, value, SpecKeys::COLUMN) {
                        columns.insert(name, self.column(&spec.column));
                    }
                }
                other => self.unknown_key(key.span().start, other, KEYS),
            }
        }
        if !table.keys().any(|key| key.get_ref() == "status") {
            self.problem(at, "`[outcome]` needs `status`".to_owned(), None);
        }
        let mut take = |name| columns.remove(name);
        Some(Box::new(OutcomeColumns {
            status: take("status")?,
            words,
            delay,
            stage: take("stage"),
            code: take("code"),
            channel: take("channel"),
            provider: take("provider"),
            operation: take("operation"),
            network: take("network"),
            latency_ms: take("latency_ms"),
            amount,
            is_final: take("final"),
        }))
    }

    fn words(
        &mut self,
        value: &Spanned<DeValue<'_>>,
    ) -> BTreeMap<String, (OutcomeStatus, Option<Stage>)> {
        let Some(table) = value.get_ref().as_table() else {
            self.problem(value.span().start, "`words` must be a table".to_owned(), None);
            return BTreeMap::new();
        };
        let mut words = BTreeMap::new();
        for (word, status) in table {
            let name = status.get_ref().as_str().unwrap_or_default();
            if let Some(meaning) = status_of(name) {
                words.insert(word.get_ref().to_string(), meaning);
            } else {
                let names: Vec<&str> = OutcomeStatus::ALL.iter().map(|one| one.name()).collect();
                let help = Some(format!("one of {}", names.join(", ")));
                let message = format!("`{}` stands for no status", word.get_ref());
                self.problem(status.span().start, message, help);
            }
        }
        words
    }
}

/// The status of a name in any letter case, with the stage when the name says it.
pub(in crate::backtest) fn status_of(name: &str) -> Option<(OutcomeStatus, Option<Stage>)> {
    let name = name.to_ascii_uppercase();
    let staged = STAGED.into_iter().find(|(known, _)| *known == name).map(|(_, meaning)| meaning);
    staged.or_else(|| OutcomeStatus::from_name(&name).map(|status| (status, None)))
}
