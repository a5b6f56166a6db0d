//! Plays the same payments three times: following the advice of the engine, retrying at once on any
//! failure, and never retrying; and says what each is worth.
//!
//! ```sh
//! cargo run --release --example simulation -- [PAYMENTS] [SEED]
//! ```

use std::error::Error;
use std::io::Write as _;

use vajra::simulation::{Settings, Strategy, render, run};

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let payments = numbers.next().transpose()?.unwrap_or(100_000);
    let seed = numbers.next().transpose()?.unwrap_or(7);
    let settings = Settings { seed, payments };
    let tallies = Strategy::ALL
        .into_iter()
        .map(|strategy| run(settings, strategy))
        .collect::<Result<Vec<_>, _>>()?;
    std::io::stdout().write_all(render(&tallies)?.as_bytes())?;
    Ok(())
}
