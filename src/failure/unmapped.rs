//! Codes that were met and stand in no table, or only as a guess: counted, so that somebody adds a row.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::failure::code::CodeKey;
use crate::model::time::Timestamp;

/// How many codes are told apart; a provider that puts ids into its codes must not fill the memory.
pub const UNMAPPED_MAX: usize = 1_000;

/// A code that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// What a row for it would be found by.
    pub key: CodeKey,
    /// How often it was met.
    pub count: u64,
    /// When first.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
}

/// The codes that were met.
#[derive(Debug, Default)]
pub struct Unmapped {
    codes: Mutex<Codes>,
}

#[derive(Debug, Default)]
struct Codes {
    met: BTreeMap<CodeKey, (u64, Timestamp, Timestamp)>,
    left_out: u64,
}

// === impl Unmapped ===

impl Unmapped {
    /// Notes that a code was met, if there is one.
    pub fn note(&self, key: Option<CodeKey>, at: Timestamp) {
        let Some(key) = key else { return };
        let mut codes = self.codes.lock();
        if let Some((count, first_at, last_at)) = codes.met.get_mut(&key) {
            *count = count.saturating_add(1);
            (*first_at, *last_at) = ((*first_at).min(at), (*last_at).max(at));
        } else if codes.met.len() < UNMAPPED_MAX {
            codes.met.insert(key, (1, at, at));
        } else {
            codes.left_out = codes.left_out.saturating_add(1);
        }
    }

    /// Those that were met, the most frequent first, and how often others were for which there was no room.
    pub fn all(&self) -> (Vec<Met>, u64) {
        let codes = self.codes.lock();
        let mut met: Vec<Met> = codes
            .met
            .iter()
            .map(|(key, (count, first_at, last_at))| Met {
                key: key.clone(),
                count: *count,
                first_at: *first_at,
                last_at: *last_at,
            })
            .collect();
        let left_out = codes.left_out;
        drop(codes);
        met.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.key.cmp(&other.key)));
        (met, left_out)
    }
}
