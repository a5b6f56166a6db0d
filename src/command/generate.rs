//! `vajra generate`: labelled synthetic payments in a file, and beside it the map for a backtest.

use std::path::PathBuf;

use anyhow::Context as _;

use super::Failure;
use crate::model::time::{Span, Timestamp};
use crate::traffic::{self, Settings, Traffic};

/// Arguments of `vajra generate`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How many attempts.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    payments: u64,
    /// Where to: CSV, JSON Lines or Parquet by extension. What its columns mean goes beside it, to the
    /// same name with the extension `map.toml`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Equal seeds give equal files.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// When the first attempt is made (RFC 3339).
    #[arg(long, value_name = "TIME", default_value = "2026-01-01T00:00:00Z")]
    start: String,
    /// The time from the first attempt to the last, such as `30d`.
    #[arg(long, value_name = "SPAN", default_value = "60d")]
    length: String,
}

/// Runs it.
///
/// # Errors
/// [`Failure`] when it could not run.
#[expect(clippy::print_stdout, reason = "a command says what it did")]
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { payments, out, seed, start, length } = arguments;
    let start = Timestamp::parse_rfc3339(&start).with_context(|| {
        format!("--start: `{start}` is not a time such as 2026-01-01T00:00:00Z")
    })?;
    let length = Span::parse(&length).with_context(|| format!("--length: `{length}`"))?;
    let customers = Settings::customers_usual(payments);
    let settings = Settings { seed, payments, customers, start, length };
    let mut fraud = 0_u64;
    let attempts = Traffic::new(settings).inspect(|attempt| fraud += u64::from(attempt.is_fraud));
    traffic::write(&out, attempts).with_context(|| format!("cannot write `{}`", out.display()))?;
    let map = out.with_extension("map.toml");
    std::fs::write(&map, traffic::map_toml())
        .with_context(|| format!("cannot write `{}`", map.display()))?;
    println!("{payments} payments, {fraud} of them fraud: {}", out.display());
    println!("what the columns mean: {}", map.display());
    let (out, map) = (out.display(), map.display());
    println!("try: vajra backtest --events {out} --dataset {map} --policies policies");
    Ok(())
}
