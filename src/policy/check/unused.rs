//! What is declared and does nothing: features, names and reasons that nothing reads.

use std::collections::BTreeSet;

use super::feature::CheckedFeature;
use super::known::Known;
use super::limit::CheckedLimit;
use super::problem::Problems;
use super::rule::CheckedRule;
use crate::model::verdict::Mode;
use crate::policy::ast::{Position, Spanned};
use crate::policy::bundle::Files;
use crate::policy::ir::FeatureIndex;

/// The file that reasons are declared in.
const REASONS: &str = "reasons.toml";

/// The reason that the program itself gives.
const RULE_ERROR: &str = "RULE_ERROR";

/// The features that some rule or limit, active or shadow, can reach.
pub(super) fn live_features(
    rules: &[CheckedRule<'_>],
    limits: &[CheckedLimit<'_>],
) -> BTreeSet<FeatureIndex> {
    let rules = rules.iter().map(|rule| (rule.def.mode, &rule.reads));
    let limits = limits.iter().map(|limit| (limit.def.mode, &limit.reads));
    rules
        .chain(limits)
        .filter(|(mode, _)| *mode != Mode::Off)
        .flat_map(|(_, reads)| reads.features.iter().copied())
        .collect()
}

/// Warns of features that no rule reaches; those that are wrong have been told of already.
pub(super) fn features(
    known: &Known<'_>,
    checked: &[Option<CheckedFeature>],
    live: &BTreeSet<FeatureIndex>,
    problems: &mut Problems,
) {
    let written = known.declarations.features.iter().zip(checked);
    for (place, (feature, checked)) in written.enumerate() {
        let index = FeatureIndex(u32::try_from(place).unwrap_or(u32::MAX));
        if checked.is_some() && !live.contains(&index) {
            let (entity, name) = (&feature.entity.value, &feature.name);
            problems
                .warn(
                    "unread-feature",
                    &name.at,
                    format!("no active or shadow rule reads `{entity}.{}`", name.value),
                )
                .under(&name.value)
                .expected("a rule that reads it, or none of it");
        }
    }
}

/// Warns of constants, `let`s and helpers that nothing names.
pub(super) fn names(known: &Known<'_>, used: &BTreeSet<&str>, problems: &mut Problems) {
    let mut warn = |name: &Spanned<String>| {
        let is_known = known.names.get(&name.value).is_some();
        if is_known && !used.contains(name.value.as_str()) {
            problems
                .warn("unread-name", &name.at, format!("nothing reads `{}`", name.value))
                .under(&name.value);
        }
    };
    known.declarations.consts.iter().for_each(|named| warn(&named.name));
    known.declarations.lets.iter().for_each(|named| warn(&named.name));
    known.declarations.helpers.iter().for_each(|helper| warn(&helper.name));
}

/// Warns of reasons that no rule gives.
pub(super) fn reasons(
    known: &Known<'_>,
    rules: &[CheckedRule<'_>],
    limits: &[CheckedLimit<'_>],
    files: &Files,
    problems: &mut Problems,
) {
    let Some(bundle) = known.bundle else { return };
    let given: BTreeSet<&str> = rules
        .iter()
        .flat_map(|rule| rule.def.actions.iter())
        .chain(limits.iter().flat_map(|limit| limit.def.actions.iter()))
        .map(|action| action.code().as_ref())
        .collect();
    for code in bundle.reasons.keys().map(AsRef::as_ref) {
        if code != RULE_ERROR && !given.contains(code) {
            problems
                .warn("unused-reason", &table(files, code), format!("no rule gives `{code}`"))
                .under(code);
        }
    }
}

/// Where the table of a code begins in `reasons.toml`; its first line when it is written in a way
/// that is not found.
fn table(files: &Files, code: &str) -> Position {
    let text = files.0.get(REASONS).map(|bytes| String::from_utf8_lossy(bytes));
    let mut found = (1, 1);
    for (line, text) in (1..).zip(text.as_deref().unwrap_or_default().lines()) {
        let head = text.trim_start_matches([' ', '\t', '[', '"', '\'']);
        let is_head = head.strip_prefix(code).is_some_and(|rest| {
            rest.trim_start_matches(['"', '\'']).trim_start().starts_with([']', '.', '='])
        });
        if is_head {
            let column = text.len() - head.len() + 1;
            found = (line, u32::try_from(column).unwrap_or(1));
            break;
        }
    }
    Position { file: REASONS.into(), line: found.0, column: found.1 }
}
