//! Codes: what a provider, an issuer or a transport says, and the cause that it stands for.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::model::failure::Money;
use crate::model::time::Span;
use crate::model::value::Text;

/// What a code stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeDef {
    /// The name of the cause.
    pub cause: Arc<str>,
    /// What the code says of the money, when it says more than the status.
    pub money: Option<Money>,
    /// What the code says of retries.
    pub hint: Option<Hint>,
    /// Where that is written.
    pub source: Text,
    /// How sure it is.
    pub certainty: Certainty,
}

/// What a code says of retries, besides its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Never again.
    Never,
    /// Not before that long.
    Later(Span),
    /// After something was changed at our side.
    Fix,
    /// After the customer did something.
    Cust,
    /// Visa's category, 1 to 4: 1 forbids retries, the others are counted.
    Category(u8),
}

/// How sure a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// Read where the provider says it.
    Read,
    /// Read where somebody else says it.
    Secondary,
    /// Guessed: it counts as unclassified until somebody confirms it.
    Guess,
}

/// What a code is looked up by. An empty part stands for any.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeKey {
    /// Who says it: `stripe`, `iso8583`, `http`, `grpc`, `network`, …
    pub provider: Text,
    /// Of which operation, such as `pay` or `refund`.
    pub operation: Text,
    /// Over which network: `visa`, `mastercard`, …
    pub network: Text,
    /// The code.
    pub code: Text,
}

/// A row of `failures.csv`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeRow {
    provider: String,
    operation: String,
    network: String,
    code: String,
    cause: String,
    outcome: String,
    advice: String,
    source: String,
    certainty: Certainty,
}

/// All codes.
pub(super) type Codes = HashMap<CodeKey, CodeDef, ahash::RandomState>;

// === impl CodeKey ===

impl CodeKey {
    /// The key of what was reported, its parts as tables write them: providers, operations and networks
    /// in lower case, codes in upper case and without Alipay's `ACQ.`.
    pub fn new(provider: &str, operation: &str, network: &str, code: &str) -> Self {
        let part = |text: &str| {
            if text == "*" { Text::default() } else { Text::from(text.trim().to_ascii_lowercase()) }
        };
        let code = code.trim().to_ascii_uppercase();
        let code = code.strip_prefix("ACQ.").unwrap_or(&code);
        Self {
            provider: part(provider),
            operation: part(operation),
            network: part(network),
            code: Text::from(code),
        }
    }

    /// The keys under which it may stand in a table, the most exact first.
    pub(super) fn candidates(&self) -> impl Iterator<Item = Self> {
        const ANY: [(bool, bool, bool); 8] = [
            (false, false, false),
            (false, true, false),
            (false, false, true),
            (false, true, true),
            (true, false, false),
            (true, true, false),
            (true, false, true),
            (true, true, true),
        ];
        ANY.into_iter().map(|(provider, operation, network)| {
            let part = |is_any: bool, part: &Text| {
                if is_any { Text::default() } else { part.clone() }
            };
            Self {
                provider: part(provider, &self.provider),
                operation: part(operation, &self.operation),
                network: part(network, &self.network),
                code: self.code.clone(),
            }
        })
    }
}

// === impl CodeRow ===

impl CodeRow {
    /// What the row says, or what is wrong with it.
    pub(super) fn into_code(self) -> Result<(CodeKey, CodeDef), String> {
        if self.code.trim().is_empty() || self.provider.trim().is_empty() {
            return Err("a row needs a provider (`*` is any) and a code".to_owned());
        }
        let key = CodeKey::new(&self.provider, &self.operation, &self.network, &self.code);
        let money = match self.outcome.as_str() {
            "" => None,
            name => Some(
                Money::ALL
                    .into_iter()
                    .find(|money| money.name() == name && money.keeps_hold())
                    .ok_or_else(|| {
                        format!(
                            "`{name}` cannot be the outcome of a code: it may only say that the money is \
                             less sure than the status does: `UNKNOWN`, `IN_PROGRESS` or `SUCCEEDED`"
                        )
                    })?,
            ),
        };
        let hint = match self.advice.as_str() {
            "" => None,
            written => Some(Hint::parse(written).ok_or_else(|| {
                format!(
                    "`{written}` is no advice: `never`, `later:72h`, `fix`, `cust`, `category:1`"
                )
            })?),
        };
        let (cause, source) = (Arc::from(self.cause.as_str()), Text::from(self.source));
        Ok((key, CodeDef { cause, money, hint, source, certainty: self.certainty }))
    }
}

// === impl Hint ===

impl Hint {
    fn parse(written: &str) -> Option<Self> {
        Some(match written.split_once(':') {
            None if written == "never" => Self::Never,
            None if written == "fix" => Self::Fix,
            None if written == "cust" => Self::Cust,
            Some(("later", wait)) => Self::Later(Span::parse(wait).ok()?),
            Some(("category", number)) => {
                Self::Category(number.parse().ok().filter(|number| (1..=4).contains(number))?)
            }
            _ => return None,
        })
    }
}
