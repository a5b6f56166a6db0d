//! `vajra check`: reports every problem of a bundle.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::policy::bundle::Files;
use crate::policy::check::{Checked, check};
use crate::policy::diagnostic::{Diagnostic, render_json, render_text};
use crate::policy::program::cost::{Cost, costs};
use crate::policy::syntax::parse_tests;

/// Where a bundle is looked for when none is named.
const DIRECTORY: &str = "policies";

/// Arguments of `vajra check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The directory of the bundle. Without one: `policies` if there is such a directory here, else
    /// the bundle that is part of the program.
    directory: Option<PathBuf>,
    /// How problems are written: for people or for editors.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Say of each rule, limit, `let` and feature what evaluating it takes, and why when it is not
    /// compiled.
    #[arg(long, conflicts_with = "format")]
    explain_cost: bool,
}

/// How problems are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Each with its source line, and a summary at the end.
    Text,
    /// A list of objects.
    Json,
}

/// Runs it.
///
/// # Errors
/// [`Failure`] when it could not run or found a problem.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { directory, format, explain_cost } = arguments;
    let (shown, files) = bundle(directory)?;
    let Checked { set, mut diagnostics } = check(&files);
    diagnostics.extend(parse_tests(&files).1);
    diagnostics.sort_by(|left, right| left.at.cmp(&right.at));
    let mut written = match format {
        Format::Text => text(&shown, &diagnostics, &files),
        Format::Json => render_json(&diagnostics),
    };
    if let Some(set) = set.filter(|_| explain_cost) {
        let lines: Vec<String> = costs(&set).iter().map(Cost::to_string).collect();
        written.push_str(&lines.join("\n"));
        written.push('\n');
    }
    match std::io::stdout().lock().write_all(written.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written?,
    }
    if diagnostics.iter().any(Diagnostic::is_error) { Err(Failure::Found) } else { Ok(()) }
}

/// The bundle that is meant, and what to call it.
pub(super) fn bundle(directory: Option<PathBuf>) -> Result<(String, Files), Failure> {
    let named = directory.or_else(|| {
        let default = Path::new(DIRECTORY);
        default.is_dir().then(|| default.to_owned())
    });
    let Some(directory) = named else {
        return Ok(("the shipped bundle".to_owned(), Files::shipped()));
    };
    let files = Files::read(&directory)
        .map_err(|error| anyhow::Error::from(error).context("the bundle cannot be read"))?;
    Ok((directory.display().to_string(), files))
}

fn text(shown: &str, diagnostics: &[Diagnostic], files: &Files) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = diagnostics.len().saturating_sub(errors);
    let mut text = render_text(diagnostics, files);
    if !diagnostics.is_empty() {
        text.push('\n');
    }
    let summary = format!("{shown}: {}, {}\n", count(errors, "error"), count(warnings, "warning"));
    text.push_str(&summary);
    text
}

fn count(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}
