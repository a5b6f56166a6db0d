//! From what is on the disk to an engine: the newest snapshot that can be read, and the entries after it.

use std::sync::Arc;

use super::snapshots::{Snapshots, Unusable};
use crate::engine::apply::{ApplyError, Compile};
use crate::engine::journal::{Entry, Journal, Position};
use crate::engine::snapshot::Restoring;
use crate::engine::{Engine, Settings};
use crate::model::time::Timestamp;

/// What an engine is put together with.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a closure has nothing to show")]
pub struct With<'a> {
    /// What the operator set.
    pub settings: Settings,
    /// Where it will append.
    pub journal: &'a Arc<dyn Journal>,
    /// Checks the bundles that were live.
    pub compile: Compile<'a>,
}

/// An engine as it was.
#[derive(Debug)]
pub struct Restarted {
    /// The engine.
    pub engine: Engine,
    /// The snapshot that it began with; `None` when the journal was read from its first entry.
    pub snapshot: Option<Position>,
    /// How many entries were applied after it.
    pub applied: u64,
    /// Snapshots that could not be used, newest first, and why.
    pub unusable: Vec<(Position, Unusable)>,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum RestartError<E> {
    /// The snapshots cannot be looked for.
    #[error("the snapshots cannot be read: {0}")]
    Snapshots(std::io::Error),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(E),
    /// An entry cannot be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// How many entries are applied before progress is told and what is idle is forgotten.
const ENTRIES_PER_STEP: u64 = 16_384;

/// Brings an engine to where it was when the last entry was appended. `read` gives the entries after a
/// position; `last` is the position of the last one. `None` when nothing was ever appended. `progress` is
/// told the position that was reached, now and then.
///
/// # Errors
/// [`RestartError`]; what is on the disk is as it was.
pub fn restart<E, I: Iterator<Item = Result<Entry, E>>>(
    with: With<'_>,
    snapshots: &Snapshots,
    last: Position,
    read: impl FnOnce(Position) -> Result<I, E>,
    progress: &mut dyn FnMut(Position),
) -> Result<Option<Restarted>, RestartError<E>> {
    let mut unusable = Vec::new();
    let mut engine = None;
    let positions = snapshots.positions().map_err(RestartError::Snapshots)?;
    for position in positions.into_iter().rev() {
        // What the journal lost cannot be known by a snapshot: it waits until the journal is on the disk.
        if position > last {
            let why = "it goes on where the journal has ended";
            let why = std::io::Error::new(std::io::ErrorKind::InvalidData, why);
            unusable.push((position, why.into()));
            continue;
        }
        let restoring = Restoring::new(with.settings, Arc::clone(with.journal), with.compile);
        match snapshots.restore(position, restoring) {
            Ok(restored) => {
                engine = Some((restored, position));
                break;
            }
            Err(why) => unusable.push((position, why)),
        }
    }
    let snapshot = engine.as_ref().map(|(_, position)| *position);
    let from = snapshot.unwrap_or(Position::START);
    let mut entries = read(from).map_err(RestartError::Journal)?;
    let engine = match engine {
        Some((engine, _)) => engine,
        None => match entries.next() {
            None => return Ok(None),
            Some(first) => {
                let first = first.map_err(RestartError::Journal)?;
                Engine::begun_by(&first, with.settings, Arc::clone(with.journal), with.compile)?
            }
        },
    };
    let begun = u64::from(snapshot.is_none());
    let applied = begun + catch_up(&engine, with.compile, entries, from.0 + begun, progress)?;
    Ok(Some(Restarted { engine, snapshot, applied, unusable }))
}

/// Applies entries one after another, and forgets by and by what nothing can read any more, so that a
/// long history needs no more memory than a long run does. Returns how many there were.
fn catch_up<E>(
    engine: &Engine,
    compile: Compile<'_>,
    entries: impl Iterator<Item = Result<Entry, E>>,
    from: u64,
    progress: &mut dyn FnMut(Position),
) -> Result<u64, RestartError<E>> {
    let (mut applied, mut latest_at) = (0, Timestamp::MIN);
    for entry in entries {
        let entry = entry.map_err(RestartError::Journal)?;
        engine.apply(&entry, compile)?;
        applied += 1;
        latest_at = latest_at.max(entry.effective_at());
        if u64::is_multiple_of(applied, ENTRIES_PER_STEP) {
            engine.sweep(latest_at);
            progress(Position(from + applied));
        }
    }
    progress(Position(from + applied));
    Ok(applied)
}
