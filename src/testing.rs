//! Runs the policy tests of a bundle on the real engine with a virtual clock.
//!
//! A test is `test "name" { … }` in `tests/*.rhai`. Each one starts with an empty engine at the same
//! instant, does what its script says and checks with `expect`; it has no other way to see or change
//! anything. What a script may say is in [`script`], how its maps become payments in [`blocks`], and what
//! it acts on in [`world`]. Printing is the command's business.

mod blocks;
mod script;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::card_number::HashKey;
use crate::model::verdict::Mode;
use crate::policy::ast::Position;
use crate::policy::bundle::Files;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::set::PolicySet;
use crate::policy::syntax::{TestSource, parse_tests};

/// The key that card numbers in ids are hashed with in tests: nothing is kept, so it is no secret. The
/// set to test is checked with the same.
pub const HASH_KEY: HashKey = HashKey::new([0; 32]);

/// What running the tests of a bundle gave.
#[derive(Clone, Debug)]
pub struct Report {
    /// The tests that ran, in order of file and line.
    pub tests: Vec<TestReport>,
    /// Every rule of the bundle in its order, and how many of the tests fired it.
    pub rules: Vec<RuleCoverage>,
    /// Whether some tests were left out, so that a rule without a test says nothing.
    pub is_partial: bool,
}

/// How one test went.
#[derive(Clone, Debug)]
pub struct TestReport {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub at: Position,
    /// What failed; empty when it passed.
    pub failures: Vec<Failure>,
}

/// One thing that failed in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The `expect`, or the line that could not run.
    pub at: Position,
    /// The source line, without the space around it.
    pub line: String,
    /// What went wrong, in one sentence without capital letter and full stop.
    pub problem: String,
    /// What the test had just seen: the last decision.
    pub seen: Option<String>,
}

/// How many tests fired a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCoverage {
    /// The rule.
    pub rule: Arc<str>,
    /// Where it is declared.
    pub at: Position,
    /// Whether it counts; a rule that is off needs no test.
    pub mode: Mode,
    /// How many tests fired it at least once.
    pub tests: usize,
}

/// Runs the tests of a checked bundle whose names contain `filter`, or all of them.
///
/// # Errors
/// The problems of syntax of the test files; no test is run then.
pub fn run(
    files: &Files,
    set: &Arc<PolicySet>,
    filter: Option<&str>,
) -> Result<Report, Vec<Diagnostic>> {
    let (sources, problems) = parse_tests(files);
    if !problems.is_empty() {
        return Err(problems);
    }
    let lines = Lines::of(files);
    let mut fired: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let mut names: BTreeMap<&str, &Position> = BTreeMap::new();
    let mut tests = Vec::new();
    for source in &sources {
        let first = names.insert(&source.name.value, &source.name.at);
        if filter.is_some_and(|part| !source.name.value.contains(part)) {
            continue;
        }
        let (mut report, rules) = run_test(set, source, &lines);
        if let Some(first) = first {
            let problem = format!("a test of this name stands at {}:{}", first.file, first.line);
            report.failures.insert(0, lines.failure(source.name.at.clone(), problem, None));
        }
        for rule in rules {
            *fired.entry(rule).or_default() += 1;
        }
        tests.push(report);
    }
    let rules = set.rules.iter().map(|rule| (&rule.name, &rule.at, rule.mode));
    let limits = set.limits.iter().map(|limit| (&limit.name, &limit.at, limit.mode));
    let mut rules: Vec<RuleCoverage> = rules
        .chain(limits)
        .map(|(name, at, mode)| RuleCoverage {
            rule: Arc::clone(name),
            at: at.clone(),
            mode,
            tests: fired.get(name).copied().unwrap_or_default(),
        })
        .collect();
    rules.sort_by(|left, right| left.at.cmp(&right.at));
    Ok(Report { tests, rules, is_partial: filter.is_some() })
}

/// Runs one test in a world of its own; the rules it fired come with its report.
fn run_test(
    set: &Arc<PolicySet>,
    source: &TestSource,
    lines: &Lines<'_>,
) -> (TestReport, BTreeSet<Arc<str>>) {
    let name = &source.name;
    let seen = script::run(set, source);
    let place = |at: Option<(u32, u32)>| match at {
        Some((line, column)) => Position { file: Arc::clone(&name.at.file), line, column },
        None => name.at.clone(),
    };
    let mut failures: Vec<Failure> = seen
        .problems
        .into_iter()
        .map(|problem| lines.failure(place(problem.at), problem.text, problem.seen))
        .collect();
    if failures.is_empty() && seen.expectations == 0 {
        // Without one it passes whatever the policies say.
        let problem = "the test expects nothing: call `expect` at least once".to_owned();
        failures.push(lines.failure(name.at.clone(), problem, None));
    }
    (TestReport { name: name.value.clone(), at: name.at.clone(), failures }, seen.fired)
}

/// The source lines of the test files.
struct Lines<'a>(&'a Files);

impl<'a> Lines<'a> {
    const fn of(files: &'a Files) -> Self {
        Self(files)
    }

    fn failure(&self, at: Position, problem: String, seen: Option<String>) -> Failure {
        let number = usize::try_from(at.line).unwrap_or_default();
        let line = self
            .0
            .0
            .get(&*at.file)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .and_then(|text| text.lines().nth(number.saturating_sub(1)))
            .map(|line| line.trim().to_owned())
            .unwrap_or_default();
        Failure { at, line, problem, seen }
    }
}

// === impl Report ===

impl Report {
    /// The tests that failed.
    pub fn failed(&self) -> impl Iterator<Item = &TestReport> {
        self.tests.iter().filter(|test| !test.failures.is_empty())
    }

    /// The rules that are not off and that no test fired; none when only some tests ran.
    pub fn never_fired(&self) -> impl Iterator<Item = &RuleCoverage> {
        let is_judged = !self.is_partial;
        self.rules.iter().filter(move |rule| is_judged && rule.mode != Mode::Off && rule.tests == 0)
    }

    /// Whether every test passed and every rule that is not off was fired by one.
    pub fn is_passed(&self) -> bool {
        self.failed().next().is_none() && self.never_fired().next().is_none()
    }
}
