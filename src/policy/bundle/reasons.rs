//! `reasons.toml`: what each code means, and what the customer is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::table::{Document, Entry, Table};
use super::{Files, RULE_ERROR, ReasonDef};
use crate::model::value::Text;
use crate::model::verdict::ReasonClass;
use crate::policy::diagnostic::Diagnostic;

const FILE: &str = "reasons.toml";

/// Stands in a text for the instant from which the payment would pass.
pub(super) const CLEARS_AT: &str = "{clears_at}";

/// The built-in texts of [`RULE_ERROR`].
const RULE_ERROR_TEXTS: [(&str, &str); 2] = [
    ("en", "This payment could not be completed. Please try again later or contact support."),
    ("zh-CN", "此笔付款暂时无法完成，请稍后重试或联系客服。"),
];

/// Reads `reasons.toml`, and adds what is built in.
pub(super) fn read(
    files: &Files,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<Arc<str>, ReasonDef> {
    let mut reasons = BTreeMap::from([(Arc::from(RULE_ERROR), rule_error())]);
    if let Some(document) = Document::parse(files, FILE, diagnostics) {
        for (code, _, entry) in document.root().entries() {
            if let Some(table) = entry.table(diagnostics) {
                reasons.insert(Arc::from(code), reason(code, &table, diagnostics));
            }
        }
    }
    reasons
}

fn rule_error() -> ReasonDef {
    let message = RULE_ERROR_TEXTS
        .into_iter()
        .map(|(locale, text)| (Text::from(locale), Arc::from(text)))
        .collect();
    ReasonDef { class: ReasonClass::Degraded, message, message_at: BTreeMap::new() }
}

/// A reason as far as it can be read: its code is known even when its texts are not right.
fn reason(code: &str, table: &Table<'_>, diagnostics: &mut Vec<Diagnostic>) -> ReasonDef {
    table.refuse_unknown(&["class", "message", "message_at"], diagnostics);
    let classes = ReasonClass::ALL.map(|class| (class.name(), class));
    let class_entry = table.need("class", diagnostics);
    let class = class_entry.and_then(|entry| entry.choice(&classes, diagnostics));
    if code == RULE_ERROR
        && let (Some(entry), Some(class)) = (class_entry, class)
        && class != ReasonClass::Degraded
    {
        let message = format!("`{RULE_ERROR}` is always of class DEGRADED");
        diagnostics.push(entry.error("bad-value", message).expecting("`DEGRADED`"));
    }
    let message = table
        .need("message", diagnostics)
        .map_or_else(BTreeMap::new, |entry| texts(entry, false, diagnostics));
    let message_at =
        table.get("message_at").map_or_else(BTreeMap::new, |entry| texts(entry, true, diagnostics));
    ReasonDef { class: class.unwrap_or(ReasonClass::Degraded), message, message_at }
}

fn texts(
    entry: Entry<'_>,
    may_clear: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<Text, Arc<str>> {
    let mut texts = BTreeMap::new();
    let Some(table) = entry.table(diagnostics) else { return texts };
    table.need("en", diagnostics);
    for (locale, at, entry) in table.entries() {
        if !is_locale(locale) {
            let message = format!("`{locale}` is not a locale");
            diagnostics.push(
                Diagnostic::error("bad-locale", at, message)
                    .over(locale)
                    .expecting("a language, such as `en` or `\"zh-CN\"`"),
            );
            continue;
        }
        let Some(text) = entry.full_text(diagnostics) else { continue };
        for placeholder in placeholders(text) {
            if placeholder != CLEARS_AT {
                let message = format!("unknown placeholder `{placeholder}`");
                diagnostics.push(
                    entry
                        .error("unknown-placeholder", message)
                        .expecting(format!("no placeholder, or in `message_at` `{CLEARS_AT}`")),
                );
            } else if !may_clear {
                let message = format!("`{CLEARS_AT}` may stand only in `message_at`");
                diagnostics.push(
                    entry
                        .error("misplaced-placeholder", message)
                        .expecting("a text that is true without a date"),
                );
            }
        }
        texts.insert(Text::from(locale), Arc::from(text));
    }
    texts
}

/// What stands in braces in a text, braces included.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(|(start, _)| {
        let rest = text.get(start..)?;
        rest.get(..rest.find('}')?.checked_add(1)?)
    })
}

/// Whether a text can be a locale: letters, then parts of letters and digits.
pub(super) fn is_locale(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}
