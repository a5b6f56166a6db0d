//! `vajra serve`: reads the settings, starts the server, waits for a signal, ends without losing a
//! request.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;
use crate::config::{self, Config};
use crate::policy::diagnostic::render_text;
use crate::server::live::{LoadError, Source};
use crate::server::{Server, StartError};
use crate::telemetry;

/// Arguments of `vajra serve`. They win over the file and the environment.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The directory of the bundle; the shipped bundle without it
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// The directory for what must outlive the process; without it nothing does
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where gRPC is served [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where metrics, health and status are served [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// The file with the settings; `vajra.toml` in the current directory when there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Where settings are looked for when no file is named.
const DEFAULT_FILE: &str = "vajra.toml";
/// How often it is looked whether the server has ended.
const END_LOOK: Duration = Duration::from_millis(10);

/// Runs it.
///
/// # Errors
/// [`Failure`] when it could not run, or was interrupted while draining.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let config = settings(arguments)?;
    telemetry::log_to_stderr(&config.log_filter)?;
    let source = config.policies.clone().map_or(Source::Shipped, Source::Directory);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Before the server starts: a signal that comes early must not end it halfway.
    let (mut terminate, mut interrupt) = {
        let _entered = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let server = Server::start(&config, source).map_err(show_diagnostics)?;
    let ended_well = runtime.block_on(until_ended(&server, &mut terminate, &mut interrupt));
    if ended_well {
        server.stop();
        Ok(())
    } else {
        tracing::warn!("interrupted while draining: requests may be unanswered");
        Err(Failure::Found)
    }
}

/// Waits for a signal, then for the end; whether it came before somebody interrupted the drain. To be
/// terminated again changes nothing: a supervisor may well signal the process and its group, and has
/// SIGKILL for when it means it.
async fn until_ended(server: &Server, terminate: &mut Signal, interrupt: &mut Signal) -> bool {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    server.drain();
    while !server.is_finished() {
        tokio::select! {
            _ = interrupt.recv() => return false,
            () = tokio::time::sleep(END_LOOK) => {}
        }
    }
    true
}

/// The settings from file, environment and command line.
fn settings(arguments: Arguments) -> Result<Config, Failure> {
    let Arguments { policies, data, listen, http, config } = arguments;
    let mut config = load(config)?;
    config.policies = policies.or(config.policies);
    config.data = data.or(config.data);
    config.listen = listen.unwrap_or(config.listen);
    config.http = http.unwrap_or(config.http);
    Ok(config)
}

/// The settings from file and environment.
///
/// # Errors
/// When the file cannot be read, or a setting cannot be used.
pub(super) fn load(file: Option<PathBuf>) -> Result<Config, Failure> {
    let file = file.or_else(|| {
        let file = PathBuf::from(DEFAULT_FILE);
        file.exists().then_some(file)
    });
    let name = file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
    let text = match &file {
        Some(file) => Some(
            std::fs::read_to_string(file).with_context(|| format!("`{name}` cannot be read"))?,
        ),
        None => None,
    };
    let file = text.as_ref().map(|text| config::File { name: &name, text });
    let config = Config::load(file, &config::environment()).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        anyhow::anyhow!("the settings cannot be used:{}", lines.concat())
    })?;
    Ok(config)
}

/// Says what is wrong with a bundle, as `vajra check` says it.
#[expect(clippy::print_stderr, reason = "diagnostics go to the terminal")]
fn show_diagnostics(error: StartError) -> Failure {
    if let StartError::Bundle(LoadError::Refused { files, diagnostics }) = &error {
        eprintln!("{}", render_text(diagnostics, files));
    }
    error.into()
}
