//! Causes: why an attempt failed, and all that follows from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::model::failure::{Class, Family, Money, Need};
use crate::model::time::Span;
use crate::model::value::Text;

/// What a cause means.
#[derive(Clone, Debug, PartialEq)]
pub struct CauseDef {
    /// Its name, such as `INSUFFICIENT_FUNDS`.
    pub name: Arc<str>,
    /// Whose side it is on.
    pub family: Family,
    /// What kind of action it calls for.
    pub class: Class,
    /// What is known of the money when nothing else says so.
    pub money: Money,
    /// What becomes of what was reserved, when nothing else says so.
    pub limits: LimitEffect,
    /// Whose health it counts against.
    pub health: Health,
    /// Whether a decline for it says something about the payer.
    pub is_evidence: bool,
    /// What may be tried.
    pub retry: Retry,
    /// What to tell the payer, by locale; `en` is always there.
    pub message: BTreeMap<Text, Arc<str>>,
}

/// What becomes of what was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LimitEffect {
    /// It is given back.
    Release,
    /// It is held until the result is known.
    Hold,
    /// It is used.
    Confirm,
}

/// Whose health a failure counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// The channel's.
    Channel,
    /// The issuing bank's.
    Bank,
    /// Our own: operators are told.
    Operators,
    /// Nobody's.
    None,
}

/// Whether the next attempt may take a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permit {
    /// No.
    #[default]
    Never,
    /// Once what is needed is there.
    Changed,
    /// After a wait.
    Later,
    /// At once.
    Now,
}

/// What may be tried after a failure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retry {
    /// Over the same channel.
    pub same: Permit,
    /// Over another channel.
    pub other: Permit,
    /// Attempts after this one, at most.
    pub more: u32,
    /// The first wait of a retry that may come at once; doubled each time, with full jitter.
    pub base: Span,
    /// The longest such wait.
    pub cap: Span,
    /// How long to wait before the first, the second, … retry that comes later.
    pub waits: Vec<Span>,
    /// When to ask the channel for the result, after the attempt.
    pub queries: Vec<Span>,
    /// What must be there first.
    pub needs: Vec<Need>,
    /// Whether that holds only while the payer is absent; one who is there is asked instead.
    pub absent_only: bool,
    /// Where the rule comes from.
    pub source: Text,
}

/// A table of `causes.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CauseTable {
    family: FamilyName,
    class: ClassName,
    outcome: MoneyName,
    limits: LimitEffect,
    health: Health,
    evidence: bool,
    #[serde(default)]
    retry: RetryTable,
    message: BTreeMap<Text, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FamilyName {
    Technical,
    NonTechnical,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ClassName {
    Tech,
    Query,
    Later,
    Cust,
    Fix,
    Never,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum MoneyName {
    NotSent,
    Declined,
    Unknown,
    InProgress,
    Succeeded,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NeedName {
    Query,
    Reversal,
    NewCard,
    Correction,
    Cvv,
    StepUp,
    NewToken,
    OtherMethod,
    BankContact,
    Operations,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetryTable {
    same: Permit,
    other: Permit,
    more: u32,
    base_ms: u32,
    cap_ms: u32,
    waits: Vec<String>,
    queries: Vec<String>,
    needs: Vec<NeedName>,
    absent_only: bool,
    source: Text,
}

// === impl CauseTable ===

impl CauseTable {
    /// The cause of that name, or what is wrong with it.
    pub(super) fn into_cause(self, name: &str) -> Result<CauseDef, String> {
        if !is_name(name) {
            return Err(format!("`{name}` is no name of a cause: capital letters, digits and `_`"));
        }
        if !self.message.contains_key("en") {
            return Err(format!("`{name}` has no `message.en`"));
        }
        let is_open = matches!(self.outcome, MoneyName::Unknown | MoneyName::InProgress);
        if is_open && matches!(self.limits, LimitEffect::Release) {
            return Err(format!(
                "`{name}`: while it is not known whether money was taken, limits are held: `limits = \"HOLD\"`"
            ));
        }
        Ok(CauseDef {
            name: Arc::from(name),
            family: match self.family {
                FamilyName::Technical => Family::Technical,
                FamilyName::NonTechnical => Family::NonTechnical,
            },
            class: match self.class {
                ClassName::Tech => Class::Tech,
                ClassName::Query => Class::Query,
                ClassName::Later => Class::Later,
                ClassName::Cust => Class::Cust,
                ClassName::Fix => Class::Fix,
                ClassName::Never => Class::Never,
            },
            money: match self.outcome {
                MoneyName::NotSent => Money::NotSent,
                MoneyName::Declined => Money::Declined,
                MoneyName::Unknown => Money::Unknown,
                MoneyName::InProgress => Money::InProgress,
                MoneyName::Succeeded => Money::Succeeded,
            },
            limits: self.limits,
            health: self.health,
            is_evidence: self.evidence,
            retry: self.retry.into_retry(name)?,
            message: self
                .message
                .into_iter()
                .map(|(locale, text)| (locale, Arc::from(text)))
                .collect(),
        })
    }
}

// === impl RetryTable ===

impl RetryTable {
    fn into_retry(self, name: &str) -> Result<Retry, String> {
        let spans = |written: &[String]| -> Result<Vec<Span>, String> {
            let spans = written.iter().map(|text| {
                Span::parse(text).map_err(|problem| format!("`{name}`: `\"{text}\"`: {problem}"))
            });
            spans.collect()
        };
        let millis = |ms: u32| Span::from_micros(i64::from(ms) * 1_000);
        let needs = self.needs.iter().map(|need| match need {
            NeedName::Query => Need::Query,
            NeedName::Reversal => Need::Reversal,
            NeedName::NewCard => Need::NewCard,
            NeedName::Correction => Need::Correction,
            NeedName::Cvv => Need::Cvv,
            NeedName::StepUp => Need::StepUp,
            NeedName::NewToken => Need::NewToken,
            NeedName::OtherMethod => Need::OtherMethod,
            NeedName::BankContact => Need::BankContact,
            NeedName::Operations => Need::Operations,
        });
        Ok(Retry {
            same: self.same,
            other: self.other,
            more: self.more,
            base: millis(self.base_ms),
            cap: millis(self.cap_ms),
            waits: spans(&self.waits)?,
            queries: spans(&self.queries)?,
            needs: needs.collect(),
            absent_only: self.absent_only,
            source: self.source,
        })
    }
}

/// Capital letters, digits and underscores, as the details of an error have them: at most 63.
fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
        && name.starts_with(|first: char| first.is_ascii_uppercase())
}
