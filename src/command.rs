//! One function per command of the program. Only here is anything written to the terminal.
//!
//! The exit status is 0 when done (warnings allowed), 1 on an error or a failed test, 2 when the
//! command could not run.

pub mod backtest;
pub mod check;
pub mod codes;
pub mod demo;
pub mod explain;
pub mod generate;
pub mod journal;
pub mod load;
mod pace;
pub mod serve;
pub mod test;
mod wording;

use std::process::ExitCode;

/// A risk-control rules engine for payments.
#[derive(Debug, clap::Parser)]
#[command(name = "vajra", version, about)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Serve decisions over gRPC.
    Serve(serve::Arguments),
    /// Start a server, send generated payments, show what happens.
    Demo(demo::Arguments),
    /// Check a bundle and report every problem.
    Check(check::Arguments),
    /// Show what failure codes stand for, and which were met and stand for nothing.
    Codes(codes::Arguments),
    /// Run the policy tests of a bundle.
    Test(test::Arguments),
    /// Replay history through a bundle and score it against labels.
    Backtest(backtest::Arguments),
    /// Write labelled synthetic payments.
    Generate(generate::Arguments),
    /// Tell everything that happened to a payment, and why.
    Explain(explain::Arguments),
    /// Look at the journal of a data directory.
    Journal(journal::Arguments),
    /// Load a server at a fixed rate and print percentiles.
    Load(load::Arguments),
}

/// Why a command did not end well.
#[derive(Debug)]
pub enum Failure {
    /// It ran, and found an error or a failed test; everything is already said. Exit status 1.
    Found,
    /// It could not run. Exit status 2.
    CouldNotRun(anyhow::Error),
}

/// Runs the command that was asked for.
#[expect(clippy::print_stderr, reason = "the last word of a command goes to the terminal")]
pub fn run(arguments: Arguments) -> ExitCode {
    let done = match arguments.command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Codes(arguments) => codes::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Backtest(arguments) => backtest::run(arguments),
        Command::Generate(arguments) => generate::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Journal(arguments) => journal::run(arguments),
        Command::Load(arguments) => load::run(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Found) => ExitCode::from(1),
        Err(Failure::CouldNotRun(error)) => {
            eprintln!("vajra: {error:#}");
            ExitCode::from(2)
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::CouldNotRun(error.into())
    }
}
