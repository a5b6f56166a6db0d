//! The tables of causes and codes, and the diagnosis of an outcome by them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::failure::cause::{CauseDef, CauseTable};
use crate::failure::code::{Certainty, CodeDef, CodeKey, CodeRow, Codes};
use crate::model::failure::{Class, Diagnosis, Money};
use crate::model::outcome::{Outcome, OutcomeStatus, Stage};

/// The cause of a code that stands in no table.
pub const UNCLASSIFIED: &str = "UNCLASSIFIED";

/// How many causes there are at most, those of a bundle included: they label metrics.
pub const CAUSES_MAX: usize = 256;

/// Causes by name, and the codes that stand for them.
#[derive(Clone, Debug)]
pub struct Tables {
    causes: BTreeMap<Arc<str>, CauseDef>,
    codes: Codes,
}

/// Something wrong in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableProblem {
    /// The file: `causes.toml` or `failures.csv`.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
    /// Whether it works all the same, and is hardly meant.
    pub is_warning: bool,
}

/// A table of causes in a bundle.
pub const CAUSES_FILE: &str = "causes.toml";

/// A table of codes in a bundle.
pub const CODES_FILE: &str = "failures.csv";

static BUILT_IN: LazyLock<Arc<Tables>> = LazyLock::new(|| {
    let mut tables = Tables { causes: BTreeMap::new(), codes: Codes::default() };
    let mut problems = Vec::new();
    tables.read_causes(include_str!("causes.toml"), &mut problems);
    tables.read_codes(include_str!("failures.csv"), &mut problems);
    debug_assert!(problems.is_empty(), "{problems:?}");
    Arc::new(tables)
});

// === impl Tables ===

impl Tables {
    /// The tables of the program.
    pub fn built_in() -> Arc<Self> {
        Arc::clone(&BUILT_IN)
    }

    /// The tables of the program with those of a bundle over them: a table or a row of the bundle
    /// replaces the one of the same name or key. Rows that are wrong are reported and left out.
    pub fn with_overrides(
        causes: Option<&str>,
        codes: Option<&str>,
    ) -> (Arc<Self>, Vec<TableProblem>) {
        if causes.is_none() && codes.is_none() {
            return (Self::built_in(), Vec::new());
        }
        let mut tables = Self::clone(&BUILT_IN);
        let mut problems = Vec::new();
        if let Some(text) = causes {
            tables.read_causes(text, &mut problems);
        }
        if let Some(text) = codes {
            tables.read_codes(text, &mut problems);
        }
        (Arc::new(tables), problems)
    }

    /// The cause of that name.
    pub fn cause(&self, name: &str) -> Option<&CauseDef> {
        self.causes.get(name)
    }

    /// Every cause, by name.
    pub fn causes(&self) -> impl Iterator<Item = &CauseDef> {
        self.causes.values()
    }

    /// Every code, in order of its key.
    pub fn codes(&self) -> Vec<(&CodeKey, &CodeDef)> {
        let mut codes: Vec<_> = self.codes.iter().collect();
        codes.sort_by_key(|(key, _)| *key);
        codes
    }

    /// What a code stands for: the most exact row there is. A network's row outranks a provider's
    /// general one, and the operation decides before the network.
    pub fn code(&self, key: &CodeKey) -> Option<&CodeDef> {
        key.candidates().find_map(|key| self.codes.get(&key))
    }

    /// What the code of an outcome stands for. Without a provider it is an issuer's code of ISO 8583.
    pub fn code_of(&self, outcome: &Outcome, network: Option<&str>) -> Option<&CodeDef> {
        self.code(&key_of(outcome, network)?)
    }

    /// The key of an outcome's code, when that stands in no table, or only as a guess.
    pub fn unmapped(&self, outcome: &Outcome, network: Option<&str>) -> Option<CodeKey> {
        let key = key_of(outcome, network)?;
        let is_mapped = self.code(&key).is_some_and(|code| code.certainty != Certainty::Guess);
        (!is_mapped).then_some(key)
    }

    /// What the advice code of a network stands for.
    pub fn advice_code_of(&self, outcome: &Outcome, network: Option<&str>) -> Option<&CodeDef> {
        let code = outcome.advice_code.as_deref()?;
        let network = outcome.network.as_deref().or(network).unwrap_or_default();
        self.code(&CodeKey::new("advice", "", network, code))
    }

    /// What an outcome was made of. `network` is the card's brand, for an outcome that names none.
    ///
    /// The status comes first, then the code: it may move the money towards unknown and never away. A
    /// request that did not leave stays so, whatever the code.
    pub fn diagnose(&self, outcome: &Outcome, network: Option<&str>) -> Diagnosis {
        let said = outcome.money();
        if said == Money::Succeeded {
            return Diagnosis {
                cause: None,
                family: None,
                money: said,
                class: None,
                is_evidence: false,
                is_unmapped: false,
            };
        }
        let code = self.code_of(outcome, network);
        let is_guess = code.is_some_and(|code| code.certainty == Certainty::Guess);
        let is_unmapped = outcome.code.is_some() && code.is_none();
        let name = match code {
            Some(code) if !is_guess => Arc::clone(&code.cause),
            Some(_) => Arc::from(UNCLASSIFIED),
            None if is_unmapped => Arc::from(UNCLASSIFIED),
            None => self.cause_without_code(outcome, network),
        };
        let money = match (said, code.and_then(|code| code.money)) {
            (Money::Declined, Some(Money::Unknown | Money::Succeeded)) => Money::Unknown,
            (Money::Declined, Some(Money::InProgress)) => Money::InProgress,
            (
                Money::NotSent
                | Money::Declined
                | Money::Unknown
                | Money::InProgress
                | Money::Succeeded,
                _,
            ) => said,
        };
        let cause = self.causes.get(&name);
        let class = match money {
            Money::Unknown | Money::InProgress => Some(Class::Query),
            Money::NotSent | Money::Declined | Money::Succeeded => cause.map(|cause| cause.class),
        };
        Diagnosis {
            family: cause.map(|cause| cause.family),
            class,
            is_evidence: outcome.status == OutcomeStatus::Declined
                && outcome.is_about_payment()
                && money == Money::Declined
                && cause.is_some_and(|cause| cause.is_evidence),
            money,
            cause: Some(name),
            is_unmapped,
        }
    }

    /// What an outcome without a code stands for: a decline what its advice code does, any other what its
    /// status does.
    fn cause_without_code(&self, outcome: &Outcome, network: Option<&str>) -> Arc<str> {
        let advised = self.advice_code_of(outcome, network);
        let is_sure = |code: &&CodeDef| code.certainty != Certainty::Guess;
        if outcome.status == OutcomeStatus::Declined
            && let Some(code) = advised.filter(is_sure)
        {
            return Arc::clone(&code.cause);
        }
        Arc::from(match (outcome.status, outcome.stage) {
            (OutcomeStatus::Failed, Some(Stage::NotSent)) => "NETWORK_CONNECT_FAILED",
            (OutcomeStatus::Failed, Some(Stage::Sent) | None) => "OUTCOME_UNKNOWN",
            (OutcomeStatus::TimedOut, _) => "CHANNEL_TIMEOUT",
            (OutcomeStatus::Pending, _) => "PAYMENT_IN_PROGRESS",
            (OutcomeStatus::Canceled, _) => "CUSTOMER_CANCELLED",
            (OutcomeStatus::Expired, _) => "SESSION_EXPIRED",
            (
                OutcomeStatus::Declined
                | OutcomeStatus::Authorized
                | OutcomeStatus::Captured
                | OutcomeStatus::Refunded,
                _,
            ) => UNCLASSIFIED,
        })
    }

    fn read_causes(&mut self, text: &str, problems: &mut Vec<TableProblem>) {
        let tables: BTreeMap<String, toml::Spanned<toml::Value>> = match toml::from_str(text) {
            Ok(tables) => tables,
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                let message = error.message().to_owned();
                problems.push(TableProblem {
                    file: CAUSES_FILE,
                    line: line_at(text, start),
                    message,
                    is_warning: false,
                });
                return;
            }
        };
        for (name, table) in tables {
            let line = line_at(text, table.span().start);
            let read = CauseTable::from_value(table.into_inner());
            match read.and_then(|table| table.into_cause(&name)) {
                Ok(cause)
                    if self.causes.len() < CAUSES_MAX || self.causes.contains_key(&cause.name) =>
                {
                    self.causes.insert(Arc::clone(&cause.name), cause);
                }
                Ok(_) => {
                    let message = format!("there are more than {CAUSES_MAX} causes");
                    problems.push(TableProblem::error(CAUSES_FILE, line, message));
                }
                Err(message) => problems.push(TableProblem::error(CAUSES_FILE, line, message)),
            }
        }
    }

    fn read_codes(&mut self, text: &str, problems: &mut Vec<TableProblem>) {
        let mut seen = std::collections::BTreeSet::new();
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let mut rows = reader.deserialize::<CodeRow>();
        loop {
            // A quoted cell may have lines of its own.
            let line = u32::try_from(rows.reader().position().line()).unwrap_or(u32::MAX).max(2);
            let Some(row) = rows.next() else { break };
            let mut report =
                |message| problems.push(TableProblem::error(CODES_FILE, line, message));
            let (key, code) =
                match row.map_err(|error| problem(&error)).and_then(CodeRow::into_code) {
                    Ok(read) => read,
                    Err(message) => {
                        report(message);
                        continue;
                    }
                };
            if !self.causes.contains_key(&code.cause) {
                let names = self.causes.keys().map(AsRef::as_ref);
                let hint = nearest(&code.cause, names)
                    .map(|name| format!("; did you mean `{name}`?"))
                    .unwrap_or_default();
                report(format!("`{}` is no cause{hint}", code.cause));
            } else if !seen.insert(key.clone()) {
                report(format!("the code `{}` of `{}` stands here twice", key.code, key.provider));
            } else {
                if let Some(money) = self.codes.get(&key).and_then(|known| known.money)
                    && code.money.is_none()
                {
                    problems.push(TableProblem {
                        file: CODES_FILE,
                        line,
                        message: format!(
                            "the row of the program says that the money of `{}` is {}, by which it may \
                             have been taken; this one lets a decline be final",
                            key.code,
                            money.name()
                        ),
                        is_warning: true,
                    });
                }
                self.codes.insert(key, code);
            }
        }
    }
}

/// What is wrong with a row, without the place, which is told beside it.
fn problem(error: &csv::Error) -> String {
    if let csv::ErrorKind::Deserialize { err, .. } = error.kind() {
        err.to_string()
    } else {
        error.to_string()
    }
}

/// What the code of an outcome is looked up by.
fn key_of(outcome: &Outcome, network: Option<&str>) -> Option<CodeKey> {
    let code = outcome.code.as_deref()?;
    let provider = outcome.provider.as_deref().unwrap_or("iso8583");
    let network = outcome.network.as_deref().or(network).unwrap_or_default();
    let operation = outcome.operation.as_deref().unwrap_or_default();
    Some(CodeKey::new(provider, operation, network, code))
}

impl TableProblem {
    const fn error(file: &'static str, line: u32, message: String) -> Self {
        Self { file, line, message, is_warning: false }
    }
}

impl CauseTable {
    fn from_value(value: toml::Value) -> Result<Self, String> {
        value.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
    }
}

fn line_at(text: &str, offset: usize) -> u32 {
    let before = text.get(..offset).unwrap_or(text);
    u32::try_from(before.matches('\n').count()).unwrap_or(u32::MAX).saturating_add(1)
}

/// The name that is most like it, when one is.
fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (strsim::jaro_winkler(written, name), name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, name)| name)
}
