//! The live bundle: where it comes from, how a new one takes its place, and what was refused.
//!
//! A bundle is read and checked whole; then one pointer is stored. One that has an error changes
//! nothing but what is shown of it.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::clock;
use super::core::Core;
use crate::model::card_number::HashKey;
use crate::model::time::Timestamp;
use crate::policy::bundle::Files;
use crate::policy::check::{self, Checked};
use crate::policy::diagnostic::{Diagnostic, Severity};
use crate::policy::set::PolicySet;

/// Where a bundle comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// It is part of the program.
    Shipped,
    /// A directory, which is watched.
    Directory(PathBuf),
    /// These files.
    Files(Files),
}

/// Why a bundle cannot go live.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("the bundle in `{directory}` cannot be read: {error}")]
    Unreadable {
        /// Where it is.
        directory: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It has errors.
    #[error("the bundle has {} errors", errors(diagnostics))]
    Refused {
        /// Its files, to show the places.
        files: Files,
        /// Every problem.
        diagnostics: Vec<Diagnostic>,
    },
}

/// What is live, and what was refused last.
#[derive(Clone, Debug)]
pub struct Status {
    /// The name of the live bundle.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When it went live.
    pub published_at: Timestamp,
    /// Bundles that went live, the first included.
    pub published: u64,
    /// Bundles that were refused.
    pub refused: u64,
    /// The last refusal, unless a bundle went live after it.
    pub last_refused: Option<Refused>,
}

/// A bundle that was refused.
#[derive(Clone, Debug)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// What was wrong, in one sentence.
    pub problem: String,
    /// What was wrong, place by place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Publishes bundles from a source.
#[derive(Debug)]
pub struct Publisher {
    source: Source,
    core: Arc<Core>,
    hash_key: HashKey,
    status: Mutex<Status>,
    /// The files that were looked at last, whether they went live or not.
    seen: Mutex<Option<Files>>,
}

// === impl Source ===

impl Source {
    /// Its files as they are now.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(&self) -> Result<Files, LoadError> {
        match self {
            Self::Shipped => Ok(Files::shipped()),
            Self::Files(files) => Ok(files.clone()),
            Self::Directory(directory) => Files::read(directory)
                .map_err(|error| LoadError::Unreadable { directory: directory.clone(), error }),
        }
    }
}

/// Checks files whole, and hashes the card numbers among their values as the edge does. Warnings are
/// logged.
///
/// # Errors
/// When they have errors.
pub fn check(files: &Files, hash_key: &HashKey) -> Result<Arc<PolicySet>, LoadError> {
    let Checked { set, diagnostics } = check::check_with(files, hash_key);
    let Some(set) = set else {
        return Err(LoadError::Refused { files: files.clone(), diagnostics });
    };
    for warning in &diagnostics {
        let (name, file, line) = (warning.name, &*warning.at.file, warning.at.line);
        tracing::warn!(name, file, line, "{}", warning.message);
    }
    Ok(set)
}

// === impl Publisher ===

impl Publisher {
    /// Takes over from the engine's first set, which came from `files`.
    pub fn new(source: Source, core: Arc<Core>, hash_key: HashKey, files: Files) -> Self {
        let set = core.engine.policies();
        let now = clock::now();
        let status = Status {
            name: set.bundle.name.clone(),
            version: set.bundle.version.to_string(),
            published_at: now,
            published: 1,
            refused: 0,
            last_refused: None,
        };
        let publisher = Self {
            source,
            core,
            hash_key,
            status: Mutex::new(status),
            seen: Mutex::new(Some(files)),
        };
        publisher.show(&set, &set.bundle.version, now);
        publisher
    }

    /// The directory to watch.
    pub const fn directory(&self) -> Option<&PathBuf> {
        match &self.source {
            Source::Directory(directory) => Some(directory),
            Source::Shipped | Source::Files(_) => None,
        }
    }

    /// What is live, and what was refused last.
    pub fn status(&self) -> Status {
        self.status.lock().clone()
    }

    /// Reads the source and publishes it when it differs from what was looked at last. Blocks while it
    /// reads and checks.
    pub fn reload(&self) {
        let files = match self.source.read() {
            Ok(files) => files,
            Err(error) => {
                // A directory that is away, as in the middle of a swap, is said once.
                if self.seen.lock().take().is_some() {
                    self.refuse(&error);
                }
                return;
            }
        };
        if self.seen.lock().replace(files.clone()).is_some_and(|seen| seen == files) {
            return;
        }
        match check(&files, &self.hash_key) {
            Ok(set) => self.publish(&set),
            Err(error) => self.refuse(&error),
        }
    }

    fn publish(&self, set: &Arc<PolicySet>) {
        let before = self.core.engine.policies();
        if before.bundle.version == set.bundle.version {
            // Back to what is live: there is nothing to refuse any more.
            self.status.lock().last_refused = None;
            return;
        }
        let now = clock::now();
        if let Err(error) = self.core.engine.publish(Arc::clone(set), now) {
            tracing::error!(%error, "a bundle could not be published, the old one goes on");
            self.core.metrics.reload_failures.increment(1);
            // Tried again at the next look.
            *self.seen.lock() = None;
            return;
        }
        // A bundle that is live and not yet on the disk is published again by the next start.
        if let Some(journal) = &self.core.journal
            && let Err(error) = journal.sync()
        {
            tracing::error!(%error, "the publication of a bundle is not on the disk");
        }
        {
            let mut status = self.status.lock();
            status.name.clone_from(&set.bundle.name);
            status.version = set.bundle.version.to_string();
            status.published_at = now;
            status.published += 1;
            status.last_refused = None;
        }
        self.show(set, &before.bundle.version, now);
        let version = set.bundle.version.as_str();
        tracing::info!(version, "a bundle went live");
    }

    fn show(&self, set: &PolicySet, before: &str, at: Timestamp) {
        let metrics = &self.core.metrics;
        let rules = set.rules.iter().map(|rule| &rule.name);
        let limits = set.limits.iter().map(|limit| &limit.name);
        metrics.published(&set.bundle.version, before, rules.chain(limits));
        metrics.has_channels(set.bundle.channels.iter().map(|channel| channel.id.as_str()));
        metrics.reloads.increment(1);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics.published_at.set(at.as_micros() as f64 / 1e6);
    }

    fn refuse(&self, error: &LoadError) {
        let diagnostics = match error {
            LoadError::Refused { files: _, diagnostics } => diagnostics.clone(),
            LoadError::Unreadable { .. } => Vec::new(),
        };
        for problem in diagnostics.iter().filter(|problem| problem.severity == Severity::Error) {
            let (name, file, line) = (problem.name, &*problem.at.file, problem.at.line);
            tracing::error!(name, file, line, "{}", problem.message);
        }
        tracing::error!(%error, "a bundle was refused, the old one goes on");
        self.core.metrics.reload_failures.increment(1);
        let mut status = self.status.lock();
        status.refused += 1;
        let problem = error.to_string();
        status.last_refused = Some(Refused { at: clock::now(), problem, diagnostics });
    }
}

fn errors(diagnostics: &[Diagnostic]) -> usize {
    diagnostics.iter().filter(|problem| problem.severity == Severity::Error).count()
}
