//! The program: parse the arguments, run one command, say how it ended by the exit status.

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    vajra::command::run(vajra::command::Arguments::parse())
}
