//! Declarations to a policy set: names, types, codes, windows, cycles. Every problem is reported.
//!
//! In the order in which things become known: what each name stands for ([`names`]), constants and
//! helpers ([`constant`]), entities and features ([`feature`]), `let`s and rules ([`rule`]), what is
//! kept for each entity ([`layout`]). Expressions of all of them go through [`lower`]. A problem is reported where it is written and
//! only once; what is wrong counts as fitting everywhere else. Nothing here runs a policy.

mod canonical;
mod constant;
mod feature;
mod fold;
mod function;
mod known;
mod layout;
mod limit;
mod lower;
mod names;
mod problem;
mod rule;
mod types;
mod unused;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::card_number::{HashKey, is_card_number};
use crate::policy::ast::Declarations;
use crate::policy::bundle::{Bundle, Files};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::interpret::Scripts;
use crate::policy::ir::FeatureIndex;
use crate::policy::program::Programs;
use crate::policy::program::tap::{self, TapProgram};
use crate::policy::set::{EntityDef, HelperDef, KeyPart, LetDef, LimitDef, PolicySet};
use crate::policy::syntax;
use canonical::Printer;
use feature::CheckedFeature;
use known::Known;
use limit::CheckedLimit;
use names::Names;
use problem::Problems;
use rule::CheckedRule;

/// What checking a bundle gives.
#[derive(Debug)]
pub struct Checked {
    /// The set, when there is no error.
    pub set: Option<Arc<PolicySet>>,
    /// Every problem, in order of file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks a bundle whole. Card numbers among its literals and list values stay as they are: whoever
/// will compare them with ids that went through the edge checks with [`check_with`].
pub fn check(files: &Files) -> Checked {
    run(files, None)
}

/// Checks a bundle whole, and replaces card numbers among its literals and list values by their keyed
/// hash, as the edge does with the ids that they are compared with. Literals in a helper that Rhai runs
/// stay as they are: it compares them itself.
pub fn check_with(files: &Files, hash_key: &HashKey) -> Checked {
    run(files, Some(hash_key))
}

fn run(files: &Files, hash_key: Option<&HashKey>) -> Checked {
    let mut problems = Problems::default();
    // Also when it cannot go live: the declarations are checked against what is there of it.
    let (bundle, found) = Bundle::read(files);
    problems.extend(found);
    let parsed = syntax::parse(files);
    let is_whole = !parsed.diagnostics.iter().any(Diagnostic::is_error);
    problems.extend(parsed.diagnostics);

    let bundle = hashed_lists(bundle, hash_key);
    let mut check = Check::new(Some(&bundle), hash_key, &parsed.declarations, problems);
    let parts = check.declarations();
    if is_whole {
        check.unused(&parts, files);
    }
    let Check { known, problems, .. } = check;
    let mut diagnostics = problems.into_sorted();
    diagnostics.retain(|problem| !is_consequence(problem, &parsed.broken));
    let has_errors = diagnostics.iter().any(Diagnostic::is_error);
    let set = if has_errors {
        None
    } else {
        assemble(&known, parts, bundle.clone(), parsed.scripts).map(Arc::new)
    };
    Checked { set, diagnostics }
}

/// Whether a name is only missed because the statement that declares it could not be parsed.
fn is_consequence(problem: &Diagnostic, broken: &[String]) -> bool {
    let mut named = problem.message.split('`').skip(1).step_by(2);
    problem.name.starts_with("unknown-") && named.any(|name| broken.iter().any(|it| it == name))
}

/// The bundle with the card numbers among its list values hashed, as ids are at the edge.
fn hashed_lists(mut bundle: Bundle, hash_key: Option<&HashKey>) -> Bundle {
    let Some(key) = hash_key else { return bundle };
    for list in bundle.lists.values_mut() {
        list.values = std::mem::take(&mut list.values)
            .into_iter()
            .map(|(value, expires)| {
                (if is_card_number(&value) { key.hash(&value) } else { value }, expires)
            })
            .collect();
    }
    bundle
}

/// One check of one bundle.
struct Check<'a> {
    known: Known<'a>,
    problems: Problems,
    /// Every declared name that something reads.
    used: BTreeSet<&'a str>,
}

/// What the declarations come to, in the order in which they become known.
struct Parts<'a> {
    keys: Vec<Vec<KeyPart>>,
    helpers: Vec<HelperDef>,
    features: Vec<Option<CheckedFeature>>,
    lets: Vec<LetDef>,
    rules: Vec<CheckedRule<'a>>,
    limits: Vec<CheckedLimit<'a>>,
    live: BTreeSet<FeatureIndex>,
}

// === impl Check ===

impl<'a> Check<'a> {
    fn new(
        bundle: Option<&'a Bundle>,
        hash_key: Option<&'a HashKey>,
        declarations: &'a Declarations,
        mut problems: Problems,
    ) -> Self {
        let names = Names::collect(declarations, &mut problems);
        let known = Known {
            bundle,
            hash_key,
            declarations,
            names,
            constants: Vec::new(),
            helper_problems: Vec::new(),
            features: BTreeMap::new(),
            lets: Vec::new(),
        };
        Self { known, problems, used: BTreeSet::new() }
    }

    fn declarations(&mut self) -> Parts<'a> {
        let Self { known, problems, used } = self;
        for statement in &known.declarations.unsupported {
            let name = &statement.value;
            problems
                .error(
                    "not-supported",
                    &statement.at,
                    format!("`{name}` cannot go live: plans are not supported yet"),
                )
                .wide(name.chars().count() + 2)
                .expected("a `rule` or a `limit`");
        }
        constant::evaluate(known, used, problems);
        let helpers = constant::helpers(known, used, problems);
        let keys = feature::entities(known, problems);
        let features = feature::features(known, used, problems);
        let lets = rule::lets(known, used, problems);
        let rules = rule::rules(known, used, problems);
        let limits = limit::limits(known, used, problems);
        let live = unused::live_features(&rules, &limits);
        Parts { keys, helpers, features, lets, rules, limits, live }
    }

    /// Warns of what does nothing. Not when something was not parsed: it may have used it.
    fn unused(&mut self, parts: &Parts<'_>, files: &Files) {
        unused::features(&self.known, &parts.features, &parts.live, &mut self.problems);
        unused::names(&self.known, &self.used, &mut self.problems);
        if self.known.declarations.unsupported.is_empty() {
            unused::reasons(&self.known, &parts.rules, &parts.limits, files, &mut self.problems);
        }
    }
}

/// The set that correct declarations come to; `None` when a feature is not.
fn assemble(
    known: &Known<'_>,
    parts: Parts<'_>,
    bundle: Bundle,
    scripts: Scripts,
) -> Option<PolicySet> {
    let features: Option<Vec<CheckedFeature>> = parts.features.into_iter().collect();
    let printer =
        Printer { bundle: &bundle, helpers: &parts.helpers, declarations: known.declarations };
    let laid = layout::lay_out(known, parts.keys, features?, &printer);
    let limits =
        parts.limits.into_iter().map(|limit| identified(limit.def, &laid.entities)).collect();
    let mut set = PolicySet {
        bundle,
        entities: laid.entities,
        features: laid.features,
        taps: laid.taps,
        lets: parts.lets,
        helpers: parts.helpers,
        rules: parts.rules.into_iter().map(|rule| rule.def).collect(),
        limits,
        live_features: parts.live.into_iter().collect(),
        scripts,
        programs: Programs::default(),
    };
    set.programs = Programs::of(&set);
    let taps: Vec<Vec<TapProgram>> =
        set.taps.values().map(|taps| tap::compile(&set, taps)).collect();
    for (taps, programs) in set.taps.values_mut().zip(taps) {
        for (tap, program) in taps.iter_mut().zip(programs) {
            tap.program = program;
        }
    }
    Some(set)
}

/// The limit with its identity, by which its usage is kept across versions.
fn identified(mut limit: LimitDef, entities: &[EntityDef]) -> LimitDef {
    let kind = entities.get(limit.entity).map_or(0, |entity| entity.kind.0);
    let mut hasher = blake3::Hasher::new();
    hasher.update(limit.name.as_bytes());
    hasher.update(&kind.to_le_bytes());
    hasher.update(&[u8::from(limit.amount.is_some())]);
    hasher.update(format!("{:?}", limit.period).as_bytes());
    let hash = hasher.finalize();
    limit.identity = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    limit
}
