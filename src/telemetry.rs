//! Logs and metrics.
//!
//! Logs are JSON lines on the standard error; no line is written for a decision that went well. Metrics
//! are registered once, before the first request, and recorded through handles.

pub mod metrics;

use tracing_subscriber::EnvFilter;

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error("`log.filter` cannot be read: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something else in this process took the logs before.
    #[error("logs are taken already: {0}")]
    Taken(String),
}

/// Sends the logs of this process to the standard error, as JSON lines.
///
/// # Errors
/// When the filter cannot be read, or logs were begun before.
pub fn log_to_stderr(filter: &str) -> Result<(), LogError> {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::try_new(filter)?)
        .try_init()
        .map_err(|error| LogError::Taken(error.to_string()))
}
