//! `vajra backtest`

mod show;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;
use crate::backtest::map::{self, DatasetMap};
use crate::backtest::problem::BacktestError;
use crate::backtest::report::Report;
use crate::backtest::source::DataFile;
use crate::backtest::{Backtest, FIXED_HASH_KEY, html};
use crate::model::card_number::HashKey;
use crate::policy::bundle::Files;
use crate::policy::check::check_with;
use crate::policy::diagnostic::{Diagnostic, render_text};
use crate::policy::set::PolicySet;

/// Arguments of `vajra backtest`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Data files: CSV, JSON Lines or Parquet by extension.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    events: Vec<PathBuf>,
    /// What the columns mean: the n-th map is for the n-th file, one map is for all.
    #[arg(long, required = true, num_args = 1.., value_name = "MAP.toml")]
    dataset: Vec<PathBuf>,
    /// The bundle to try.
    #[arg(long, value_name = "DIR")]
    policies: PathBuf,
    /// A bundle to compare it with.
    #[arg(long, value_name = "DIR")]
    baseline: Option<PathBuf>,
    /// Write the whole report here, as JSON.
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// Write the report for people here, as one HTML page.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Write what was decided here, a row per payment.
    #[arg(long, value_name = "FILE")]
    decisions: Option<PathBuf>,
    /// Write the features at the moment of each decision here, a row per payment.
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// Hash card numbers with the `hash.key` of this data directory, not with a fixed key.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Stop when more rows than this cannot be read; without it 1 % of them, but at least 100.
    #[arg(long, value_name = "N")]
    bad_rows_max: Option<u64>,
}

/// Runs it.
///
/// # Errors
/// [`Failure`] when it could not run or found a problem.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let hash_key = match &arguments.data {
        Some(directory) => hash_key(directory)?,
        None => FIXED_HASH_KEY,
    };
    let maps = maps(&arguments.dataset, arguments.events.len())?;
    let policies = policies_of(&arguments.policies, &hash_key)?;
    let baseline = arguments.baseline.as_deref().map(|path| policies_of(path, &hash_key));
    let files = arguments.events.iter().zip(maps).map(|(path, map)| DataFile::open(path, map));
    let backtest = Backtest {
        files: files.collect::<Result<_, BacktestError>>()?,
        policies,
        baseline: baseline.transpose()?,
        hash_key,
        bad_rows_max: arguments.bad_rows_max,
        decisions: arguments.decisions,
        features: arguments.features,
        one_by_one: false,
    };
    let report = measured(&backtest)?;
    if let Some(path) = &arguments.report {
        let json = serde_json::to_string_pretty(&report)? + "\n";
        write(path, &json)?;
    }
    if let Some(path) = &arguments.html {
        write(path, &html::page(&report))?;
    }
    show::report(&report);
    Ok(())
}

/// The key of a data directory. A backtest never makes one: with a new key nothing would be equal to
/// what the server hashed.
fn hash_key(directory: &Path) -> Result<HashKey, Failure> {
    let path = directory.join("hash.key");
    let bytes =
        std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let key = <[u8; 32]>::try_from(bytes).ok();
    let key = key.with_context(|| format!("`{}` must have exactly 32 bytes", path.display()))?;
    Ok(HashKey::new(key))
}

/// A map per file: the n-th for the n-th, or one for all.
#[expect(clippy::print_stdout, reason = "problems of a map are shown like those of a bundle")]
fn maps(paths: &[PathBuf], files: usize) -> Result<Vec<Arc<DatasetMap>>, Failure> {
    if paths.len() != 1 && paths.len() != files {
        let maps = paths.len();
        return Err(Failure::CouldNotRun(anyhow::anyhow!(
            "there are {files} files and {maps} maps: give one map per file, or one for all"
        )));
    }
    let mut sources = Files::default();
    let mut problems: Vec<Diagnostic> = Vec::new();
    let mut maps = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read `{name}`"))?;
        let text = String::from_utf8(bytes).with_context(|| format!("`{name}` is not UTF-8"))?;
        match map::read::read(&name, &text) {
            Ok(map) => maps.push(Arc::new(map)),
            Err(found) => problems.extend(found),
        }
        sources.0.insert(name, text.into_bytes());
    }
    if !problems.is_empty() {
        print!("{}", render_text(&problems, &sources));
        return Err(Failure::Found);
    }
    let shared = maps.first().filter(|_| maps.len() == 1).map(Arc::clone);
    Ok(shared.map_or(maps, |map| vec![map; files]))
}

/// A checked bundle; its warnings are for `vajra check`.
#[expect(clippy::print_stdout, reason = "problems of a bundle are shown")]
fn policies_of(directory: &Path, hash_key: &HashKey) -> Result<Arc<PolicySet>, Failure> {
    let name = directory.display();
    let files =
        Files::read(directory).with_context(|| format!("cannot read the bundle `{name}`"))?;
    let checked = check_with(&files, hash_key);
    checked.set.ok_or_else(|| {
        let errors: Vec<Diagnostic> =
            checked.diagnostics.into_iter().filter(Diagnostic::is_error).collect();
        print!("{}", render_text(&errors, &files));
        Failure::Found
    })
}

/// Runs it with a progress bar, and says how long it took.
#[expect(clippy::disallowed_methods, reason = "the time that a replay takes is told to people")]
fn measured(backtest: &Backtest) -> Result<Report, Failure> {
    let began = Instant::now();
    let surveys = backtest.survey()?;
    let rows = surveys.iter().map(|survey| survey.rows).sum();
    // It is drawn on a terminal only.
    let bar = ProgressBar::new(rows).with_style(
        ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} rows, {eta} to go")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let report = backtest.run(&surveys, |rows| bar.set_position(rows));
    bar.finish_and_clear();
    match report {
        Ok(report) => Ok(Report { seconds: began.elapsed().as_secs_f64(), ..report }),
        Err(error @ BacktestError::TooManyBadRows { .. }) => {
            show::too_many_bad_rows(&error);
            Err(Failure::Found)
        }
        Err(error) => Err(error.into()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = std::fs::write(path, text);
    Ok(written.with_context(|| format!("cannot write `{}`", path.display()))?)
}
