//! From the journal of a data directory to the state machine that the last server had, and on from there.

use std::path::Path;
use std::sync::Arc;

use super::clock;
use super::live::{LoadError, check};
use crate::config::Config;
use crate::engine::apply::ApplyError;
use crate::engine::journal::{Entry, Journal, JournalError, Position};
use crate::engine::{Engine, Settings};
use crate::journal::Discard;
use crate::journal::damage::Damage;
use crate::journal::disk::Directory;
use crate::journal::log::{Durability, Found, Log, Means};
use crate::model::card_number::HashKey;
use crate::policy::bundle::Files;
use crate::policy::set::PolicySet;

/// The directory of the journal within the data directory.
pub const JOURNAL_NAME: &str = "journal";

/// A state machine, and what it appends to.
#[derive(Debug)]
pub(super) struct Durable {
    pub(super) engine: Engine,
    pub(super) journal: Option<Arc<Log>>,
}

/// Why a journal cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// There is no directory.
    #[error("the journal cannot be made: {0}")]
    Directory(std::io::Error),
    /// It is damaged, or somebody else has it.
    #[error("the journal cannot be used: {0}")]
    Damaged(#[from] Damage),
    /// It cannot be appended to.
    #[error(transparent)]
    Unavailable(#[from] JournalError),
    /// Its first entries are not there any more.
    #[error("the journal does not begin with the first policies")]
    NoBeginning,
    /// The first policies are refused today.
    #[error("the first policies of the journal are refused: {0}")]
    Policies(String),
    /// What it says cannot be done again.
    #[error("the journal cannot be applied: {0}")]
    Inapplicable(#[from] ApplyError),
}

/// Opens the journal, and applies what it has. The first thing in it are the first policies; where the
/// bundle has changed since the last server ended, it is published.
pub(super) fn open(
    config: &Config,
    settings: Settings,
    set: Arc<PolicySet>,
    hash_key: &HashKey,
    id: u64,
) -> Result<Durable, DurableError> {
    let data = match (&config.data, config.journal.durability) {
        (Some(data), Durability::Sync | Durability::Interval) => data,
        (_, Durability::Memory) | (None, _) => {
            tracing::warn!(durability = "memory", "nothing outlives the process");
            let engine = Engine::new(set, settings, Arc::new(Discard));
            return Ok(Durable { engine, journal: None });
        }
    };
    let (log, found) = open_log(config, data, id)?;
    let log = Arc::new(log);
    let journal: Arc<dyn Journal> = Arc::clone(&log) as _;
    let compile =
        |files: &Files| check(files, hash_key).map_err(|error: LoadError| error.to_string());
    let mut entries = log.read(Position::START)?;
    let engine = match entries.next().transpose()? {
        None => {
            let engine = Engine::new(Arc::clone(&set), settings, journal);
            engine.publish(set, clock::now())?;
            engine
        }
        Some((_, first)) => {
            let Entry::Publication { files, .. } = &first else {
                return Err(DurableError::NoBeginning);
            };
            let begun = compile(files).map_err(DurableError::Policies)?;
            let engine = Engine::new(begun, settings, journal);
            engine.apply(&first, &compile)?;
            for entry in entries {
                let (_, entry) = entry?;
                engine.apply(&entry, &compile)?;
            }
            if engine.policies().bundle.version != set.bundle.version {
                engine.publish(set, clock::now())?;
            }
            engine
        }
    };
    log.sync()?;
    tracing::info!(entries = found.last.0, "the journal was applied");
    Ok(Durable { engine, journal: Some(log) })
}

fn open_log(config: &Config, data: &Path, id: u64) -> Result<(Log, Found), DurableError> {
    let directory = Directory::make(&data.join(JOURNAL_NAME)).map_err(DurableError::Directory)?;
    let means = Means { id, clock: clock::instant };
    let (log, found) = Log::open(Arc::new(directory), config.journal, means)?;
    for loss in &found.losses {
        tracing::warn!("{loss}");
    }
    let durability = match config.journal.durability {
        Durability::Sync => "sync",
        Durability::Interval => "interval",
        Durability::Memory => "memory",
    };
    let (interval, spacing) = (config.journal.interval, config.journal.spacing);
    tracing::info!(durability, ?interval, ?spacing, last = found.last.0, "the journal is open");
    Ok((log, found))
}
