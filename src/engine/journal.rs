//! What the engine asks of a journal. Implementations are in [`crate::journal`].

/// An append-only log of everything that was applied.
pub trait Journal: std::fmt::Debug + Send + Sync {
    /// Takes an entry, in the order of its sequence. Called while the entities are locked.
    ///
    /// # Errors
    /// When it can take no more; the engine then changes nothing.
    fn append(&self, entry: &Entry) -> Result<(), JournalError>;
}

/// One applied change.
#[derive(Clone, Debug)]
pub enum Entry {}

/// Why the journal did not take an entry.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the journal is unavailable: {0}")]
pub struct JournalError(pub String);
