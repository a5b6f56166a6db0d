//! `vajra test`

use std::fmt::Write as _;
use std::path::PathBuf;

use super::Failure;
use super::check::bundle;
use crate::model::verdict::Mode;
use crate::policy::check::check_with;
use crate::policy::diagnostic::render_text;
use crate::testing::{self, Report, TestReport};

/// Arguments of `vajra test`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The directory of the bundle. Without one: `policies` if there is such a directory here, else
    /// the bundle that is part of the program.
    directory: Option<PathBuf>,
    /// Run only the tests whose name contains this, and judge no rule for being without a test.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

/// Runs it.
///
/// # Errors
/// [`Failure`] when it could not run or found a problem.
#[expect(clippy::print_stdout, reason = "the report is what the command is for")]
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { directory, filter } = arguments;
    let (_, files) = bundle(directory)?;
    let checked = check_with(&files, &testing::HASH_KEY);
    let Some(set) = checked.set else {
        print!("{}", render_text(&checked.diagnostics, &files));
        return Err(Failure::Found);
    };
    let report = match testing::run(&files, &set, filter.as_deref()) {
        Ok(report) => report,
        Err(problems) => {
            print!("{}", render_text(&problems, &files));
            return Err(Failure::Found);
        }
    };
    print!("{}", render(&report));
    if report.is_passed() { Ok(()) } else { Err(Failure::Found) }
}

/// The report for a terminal: each test, the failures with their source lines, how often each rule was
/// fired, and the sum of it.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for test in &report.tests {
        render_test(test, &mut out);
    }
    if !report.rules.is_empty() && !report.is_partial {
        render_rules(report, &mut out);
    }
    let (run, failed) = (report.tests.len(), report.failed().count());
    let (rules, silent) = (report.rules.len(), report.never_fired().count());
    let end = if report.is_passed() { "passed" } else { "FAILED" };
    let silent = if report.is_partial {
        "only some tests ran, so no rule is judged".to_owned()
    } else {
        format!("{rules} rules and limits, {silent} that no test fires")
    };
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(out, "{end}: {run} tests, {failed} failed; {silent}");
    out
}

fn render_test(test: &TestReport, out: &mut String) {
    let word = if test.failures.is_empty() { "ok  " } else { "FAIL" };
    let _ = writeln!(out, "{word} {}:{} {}", test.at.file, test.at.line, test.name);
    for failure in &test.failures {
        let at = &failure.at;
        let _ = writeln!(out, "     {}", failure.problem);
        let _ = writeln!(out, "      --> {}:{}:{}", at.file, at.line, at.column);
        if !failure.line.is_empty() {
            let _ = writeln!(out, "        | {}", failure.line);
        }
        if let Some(seen) = &failure.seen {
            let _ = writeln!(out, "     the last decision: {seen}");
        }
    }
}

fn render_rules(report: &Report, out: &mut String) {
    let width = report.rules.iter().map(|rule| rule.rule.chars().count()).max().unwrap_or_default();
    let _ = writeln!(out, "\n{:width$}  tests  where", "rule");
    for rule in &report.rules {
        let mode = match rule.mode {
            Mode::Active => "",
            Mode::Shadow => " (shadow)",
            Mode::Off => " (off)",
        };
        let silent = if rule.tests == 0 && rule.mode != Mode::Off && !report.is_partial {
            "  <-- no test fires it"
        } else {
            ""
        };
        let (name, tests, at) = (&rule.rule, rule.tests, &rule.at);
        let _ = writeln!(out, "{name:width$}  {tests:5}  {}:{}{mode}{silent}", at.file, at.line);
    }
    out.push('\n');
}
