//! `vajra journal`: what is in the journal of a data directory, whether it is whole, and its entries. It
//! only reads: a server may be at work on the same directory, whose last entry may then seem cut off.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use super::Failure;
use crate::engine::journal::Position;
use crate::journal::damage::Loss;
use crate::journal::disk::{Directory, Disk as _};
use crate::journal::dump;
use crate::journal::reader::{Range, Reader};
use crate::journal::segments::first_of;
use crate::model::time::Timestamp;
use crate::server::durable::JOURNAL_NAME;

/// Arguments of `vajra journal`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show the segments: positions, entries, times, sizes.
    Stat(Place),
    /// Verify every checksum and every position; exit status 1 when something is lost.
    Check(Place),
    /// Write entries as JSON, one a line.
    Dump(Dump),
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The data directory; that of the settings without it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The file with the settings; `vajra.toml` in the current directory when there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Dump {
    #[command(flatten)]
    place: Place,
    /// Only entries about this payment, as it is stored
    #[arg(long, value_name = "ID")]
    payment: Option<String>,
    /// The first position
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    from: u64,
    /// The last position
    #[arg(long, value_name = "POSITION", default_value_t = u64::MAX)]
    until: u64,
}

/// What is known of one segment.
struct Line {
    name: String,
    first: Position,
    bytes: u64,
    entries: u64,
    begins_at: Timestamp,
    ends_at: Timestamp,
}

/// Runs it.
///
/// # Errors
/// [`Failure::Found`] when the journal is not whole, [`Failure::CouldNotRun`] when there is none.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.action {
        Action::Stat(place) => stat(&directory(place)?),
        Action::Check(place) => check(&directory(place)?),
        Action::Dump(Dump { place, payment, from, until }) => {
            let range = Range { from: Position(from), until: Position(until), ..Range::ALL };
            write_entries(&directory(place)?, payment.as_deref(), range)
        }
    }
}

fn directory(place: Place) -> Result<Directory, Failure> {
    let Place { data, config } = place;
    let data = match data {
        Some(data) => Some(data),
        None => super::serve::load(config)?.data,
    };
    let Some(data) = data else {
        return Err(anyhow::anyhow!("there is no data directory: name one with `--data`").into());
    };
    let path = data.join(JOURNAL_NAME);
    if !path.is_dir() {
        return Err(anyhow::anyhow!("there is no journal in `{}`", data.display()).into());
    }
    Ok(Directory::existing(&path))
}

/// The segments, without what only their entries say.
fn lines(directory: &Directory) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for name in directory.names()? {
        let Some(first) = first_of(&name) else { continue };
        let bytes = directory.open(&name)?.len()?;
        let (begins_at, ends_at) = (Timestamp::MAX, Timestamp::MIN);
        lines.push(Line { name, first, bytes, entries: 0, begins_at, ends_at });
    }
    Ok(lines)
}

#[expect(clippy::print_stdout, reason = "the answer of the command")]
fn stat(directory: &Directory) -> Result<(), Failure> {
    let mut lines = lines(directory)?;
    for read in Reader::open(Arc::new(directory.clone()), Range::ALL)? {
        let (position, entry) = read?;
        let after = lines.partition_point(|line| line.first <= position);
        if let Some(line) = after.checked_sub(1).and_then(|place| lines.get_mut(place)) {
            line.entries += 1;
            line.begins_at = line.begins_at.min(entry.effective_at());
            line.ends_at = line.ends_at.max(entry.effective_at());
        }
    }
    println!("{:<24} {:>12} {:>10} {:>12}  times", "segment", "first", "entries", "bytes");
    for Line { name, first, bytes, entries, begins_at, ends_at } in &lines {
        let times = if *entries == 0 { String::new() } else { format!("{begins_at} to {ends_at}") };
        println!("{name:<24} {first:>12} {entries:>10} {bytes:>12}  {times}");
    }
    let (entries, bytes): (u64, u64) = lines
        .iter()
        .fold((0, 0), |(entries, bytes), line| (entries + line.entries, bytes + line.bytes));
    println!("{} segments, {entries} entries, {bytes} bytes", lines.len());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the answer of the command")]
fn check(directory: &Directory) -> Result<(), Failure> {
    let range = Range { accepts_loss: true, ..Range::ALL };
    let mut reader = Reader::open(Arc::new(directory.clone()), range)?;
    let (mut entries, mut is_whole) = (0_u64, true);
    for read in &mut reader {
        match read {
            Ok(_) => entries += 1,
            Err(damage) => {
                println!("error: {damage}");
                is_whole = false;
            }
        }
    }
    for loss in reader.losses() {
        // What was being written when it ended was never promised.
        let is_torn = matches!(loss, Loss::Torn(_));
        println!("{}: {loss}", if is_torn { "warning" } else { "error" });
        is_whole &= is_torn;
    }
    let last = Position(reader.next_position().0.saturating_sub(1));
    println!("{entries} entries up to position {last} are whole");
    if is_whole { Ok(()) } else { Err(Failure::Found) }
}

fn write_entries(
    directory: &Directory,
    payment: Option<&str>,
    range: Range,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for read in Reader::open(Arc::new(directory.clone()), range)? {
        let (position, entry) = read?;
        let is_wanted = payment.is_none_or(|payment| {
            entry.payment_id().is_some_and(|payment_id| payment_id == payment)
        });
        if is_wanted {
            writeln!(out, "{}", dump::entry(position, &entry))?;
        }
    }
    out.flush()?;
    Ok(())
}
