//! `vajra generate`

use super::Failure;

/// Arguments of `vajra generate`.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs it.
///
/// # Errors
/// [`Failure`] when it could not run or found a problem.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments {} = arguments;
    Err(Failure::CouldNotRun(anyhow::anyhow!("not built yet")))
}
