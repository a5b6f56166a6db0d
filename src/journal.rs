//! Journals: today one in memory; a durable one stands behind the same trait.

use crate::engine::journal::{Entry, Journal, JournalError};

/// Keeps nothing: for backtests, policy tests and runs without durability.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

// === impl Discard ===

impl Journal for Discard {
    fn append(&self, _entry: &Entry) -> Result<(), JournalError> {
        Ok(())
    }
}
