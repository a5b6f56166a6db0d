//! Journals on simulated disks, and entries that can be told apart.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vajra::engine::journal::{Entry, Event, Journal as _, Position};
use vajra::journal::damage::{Damage, Loss};
use vajra::journal::log::{Durability, Found, Log, Means, OnFailure, Settings, Settled};
use vajra::journal::reader::{Range, Reader};
use vajra::journal::simulated::SimulatedDisk;
use vajra::model::field::{Field, Fields};
use vajra::model::packed::Packed;
use vajra::model::time::Timestamp;
use vajra::model::value::Value;

/// Nothing happens by itself: what the writer does, a test asks for.
pub(super) const SETTINGS: Settings = Settings {
    durability: Durability::Interval,
    interval: Duration::from_secs(3_600),
    spacing: Duration::ZERO,
    segment_bytes: 64 * 1_024,
    held_bytes_max: 1_024 * 1_024,
    on_failure: OnFailure::Refuse,
    accepts_loss: false,
};

#[expect(clippy::disallowed_methods, reason = "syncs are timed")]
pub(super) fn means() -> Means {
    Means { id: 7, clock: Instant::now }
}

pub(super) fn open(disk: &SimulatedDisk, settings: Settings) -> Result<(Log, Found), Damage> {
    Log::open(Arc::new(disk.clone()), settings, means())
}

pub(super) fn log(disk: &SimulatedDisk) -> Log {
    open(disk, SETTINGS).unwrap().0
}

/// An entry of some size whose sequence tells it from others.
pub(super) fn entry(sequence: u64) -> Entry {
    let mut fields = Fields::new();
    fields.set(Field::DeviceUserAgent, Value::Text("agent ".repeat(20).into()));
    let event = Event {
        name: "login".into(),
        event_id: Some(format!("e{sequence}").into()),
        payment_id: None,
        content: Packed::new(&fields, &[]),
        occurred_at: None,
    };
    let effective_at = Timestamp::from_secs(sequence.cast_signed());
    let (received_at, applied_at) = (effective_at, effective_at);
    Entry::Event { sequence, received_at, applied_at, effective_at, event: Arc::new(event) }
}

/// Appends the entries of these sequences.
pub(super) fn append(log: &Log, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        log.append(&entry(sequence)).unwrap();
    }
}

pub(super) fn settle(log: &Log) -> Result<Settled, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(log.settle()).map_err(|error| error.to_string())
}

/// The sequences that are read from a disk, what was passed over, and how it ended.
pub(super) fn read_range(
    disk: &SimulatedDisk,
    range: Range,
) -> (Vec<u64>, Vec<Loss>, Option<Damage>) {
    let mut reader = match Reader::open(Arc::new(disk.clone()), range) {
        Ok(reader) => reader,
        Err(damage) => return (Vec::new(), Vec::new(), Some(damage)),
    };
    let mut sequences = Vec::new();
    let mut damage = None;
    for read in &mut reader {
        match read {
            Ok((position, read)) => {
                assert_eq!(read, entry(read.sequence()));
                assert_eq!(position, Position(read.sequence()));
                sequences.push(read.sequence());
            }
            Err(error) => damage = Some(error),
        }
    }
    (sequences, reader.losses().to_vec(), damage)
}

/// The sequences that are read from a disk that is whole.
pub(super) fn read(disk: &SimulatedDisk) -> Vec<u64> {
    let (sequences, _, damage) = read_range(disk, Range::ALL);
    assert!(damage.is_none(), "{damage:?}");
    sequences
}

pub(super) fn segments(disk: &SimulatedDisk) -> Vec<String> {
    use vajra::journal::disk::Disk as _;
    let mut names = disk.names().unwrap();
    names.retain(|name| name.ends_with(".log"));
    names
}

pub(super) fn up_to(last: u64) -> Vec<u64> {
    (1..=last).collect()
}
