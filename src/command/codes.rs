//! `vajra codes`: what codes of providers, networks and transports stand for, and which ones a server met that
//! stand in no table.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;

use super::Failure;
use super::check::bundle;
use super::wording::time;
use crate::policy::check::check;
use crate::server::client::{RiskServiceClient, code_counts, connect};
use crate::server::proto::{
    CodeCount, ListFailureCodesRequest, ListFailureCodesResponse, UnmappedCode,
};

/// Arguments of `vajra codes`.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The directory of the bundle whose `failures.csv` and `causes.toml` stand over the tables of the program.
    /// Without one: `policies` if there is such a directory here, else the shipped bundle
    directory: Option<PathBuf>,
    /// Show the codes that a server met and that stand in no table, or only as a guess
    #[arg(long)]
    unmapped: bool,
    /// Show the tables that are live at this server
    #[arg(long, value_name = "ADDR", conflicts_with = "directory")]
    server: Option<SocketAddr>,
}

/// Where a server is looked for when none is named.
const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 50_051);

/// Runs it.
///
/// # Errors
/// [`Failure`] when the bundle cannot be read or has an error, or the server cannot be reached.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "what the command is for")]
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { directory, unmapped, server } = arguments;
    if unmapped || server.is_some() {
        let live = ask(server.unwrap_or(SERVER))?;
        print!("{}", if unmapped { render_unmapped(&live)? } else { render_counts(&live.counts)? });
        return Ok(());
    }
    let (shown, files) = bundle(directory)?;
    let Some(set) = check(&files).set else {
        eprintln!("vajra: {shown} has errors: see `vajra check`");
        return Err(Failure::Found);
    };
    print!("{}", render_counts(&code_counts(&set.bundle.failures))?);
    Ok(())
}

fn ask(server: SocketAddr) -> anyhow::Result<ListFailureCodesResponse> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let channel = connect(server).await.context("the server cannot be reached")?;
        let answer =
            RiskServiceClient::new(channel).list_failure_codes(ListFailureCodesRequest {}).await?;
        Ok(answer.into_inner())
    })
}

/// The table of counts.
///
/// # Errors
/// When memory for it cannot be had.
pub fn render_counts(counts: &[CodeCount]) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(
        out,
        "{:20} {:>7} {:>10} {:>7} {:>7}",
        "provider", "read", "secondary", "guess", "codes"
    )?;
    let mut all = CodeCount { provider: "all".to_owned(), ..CodeCount::default() };
    for count in counts {
        render_count(&mut out, count)?;
        all.read += count.read;
        all.secondary += count.secondary;
        all.guess += count.guess;
    }
    render_count(&mut out, &all)?;
    writeln!(
        out,
        "\n`read` where the provider says it, `secondary` where somebody else does; a `guess` counts as \
         UNCLASSIFIED until a row of `failures.csv` in the bundle confirms it."
    )?;
    Ok(out)
}

fn render_count(out: &mut String, count: &CodeCount) -> std::fmt::Result {
    let CodeCount { provider, read, secondary, guess } = count;
    let provider = if provider.is_empty() { "*" } else { provider };
    let sum = read.saturating_add(*secondary).saturating_add(*guess);
    writeln!(out, "{provider:20} {read:>7} {secondary:>10} {guess:>7} {sum:>7}")
}

/// What was met and could not be mapped, and the rows to fill in.
///
/// # Errors
/// When memory for it cannot be had.
pub fn render_unmapped(live: &ListFailureCodesResponse) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    if live.unmapped.is_empty() {
        writeln!(out, "Every code that was met stands in a table.")?;
        return Ok(out);
    }
    writeln!(out, "{:>8}  {:24}  {:24}  code", "times", "first", "last")?;
    for code in &live.unmapped {
        let at = |at: Option<_>| at.map_or_else(String::new, time);
        let (first, last) = (at(code.first_at), at(code.last_at));
        writeln!(out, "{:>8}  {first:24}  {last:24}  {}", code.count, named(code))?;
    }
    if live.left_out > 0 {
        writeln!(out, "{:>8}  times others, for which there was no room", live.left_out)?;
    }
    writeln!(
        out,
        "\nRows for `failures.csv` of the bundle, to be completed with a cause, a source and a certainty:\n\n\
         provider,operation,network,code,cause,outcome,advice,source,certainty"
    )?;
    for code in &live.unmapped {
        let any = |part: &str| if part.is_empty() { "*".to_owned() } else { quoted(part) };
        let UnmappedCode { provider, operation, network, code, guessed_cause, .. } = code;
        let key = [any(provider), any(operation), any(network), quoted(code)].join(",");
        writeln!(out, "{key},{guessed_cause},,,,")?;
    }
    Ok(out)
}

/// A code with all that it is looked up by.
fn named(code: &UnmappedCode) -> String {
    let UnmappedCode { provider, operation, network, code, .. } = code;
    let parts = [("of", provider), ("on", operation), ("over", network)];
    let mut text = code.clone();
    for (about, part) in parts {
        if !part.is_empty() {
            text.push_str(&[" ", about, " ", part].concat());
        }
    }
    text
}

/// A cell of a CSV file.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
