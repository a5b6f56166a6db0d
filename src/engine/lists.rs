//! Lists as policies see them: the bundle's files, with what was changed since laid over them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::journal::{Entry, JournalError};
use crate::list::{ChangeKind, ListChange, Overlay};
use crate::model::time::Timestamp;
use crate::model::value::Text;
use crate::policy::interpret::Lists;
use crate::policy::set::PolicySet;

/// How many changed values are held over all lists.
pub const CHANGES_MAX: usize = 1_000_000;

/// One value that is on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// The value.
    pub value: Text,
    /// When it stops to count.
    pub expires_at: Option<Timestamp>,
    /// Why it was added, when that was said.
    pub reason: Option<Text>,
    /// Whether the bundle's file has it; else it was added since.
    pub is_from_file: bool,
}

/// Why a list was not changed or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The bundle has no such list.
    #[error("there is no list `{name}`{}", suggestion(nearest))]
    UnknownList {
        /// The name that was asked for.
        name: Text,
        /// The known names that resemble it most, the nearest first.
        nearest: Vec<Text>,
    },
    /// Too many values are changed.
    #[error("lists hold at most {CHANGES_MAX} changed values")]
    Full,
    /// The journal did not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The lists of a set with the changes over them, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListsOver<'a> {
    set: &'a Arc<PolicySet>,
    overlay: &'a Arc<Overlay>,
}

/// The same, to keep.
#[derive(Debug)]
struct SharedLists {
    set: Arc<PolicySet>,
    overlay: Arc<Overlay>,
}

/// How far a known name may be from the one asked for, in edits, to be suggested.
const EDITS_MAX: usize = 3;

impl Engine {
    /// Puts a value on a list, or takes it off, until the next such change: over what the files of this
    /// bundle and later ones say. Returns its place in the order of application.
    ///
    /// # Errors
    /// [`ListError`]; nothing is changed then.
    pub fn change_list(&self, change: &ListChange, at: Timestamp) -> Result<u64, ListError> {
        let _one_at_a_time = self.changing.lock();
        let set = self.policies();
        let file = set.bundle.lists.get(change.list.as_str());
        let Some(file) = file else { return Err(unknown_list(&set, &change.list)) };
        if !self.lists.has_room(change) {
            return Err(ListError::Full);
        }
        let in_file = file.values.contains_key(&change.value);
        let _nobody_passes = self.gate.close();
        let sequence = self
            .append(|sequence| (Entry::List { sequence, at, change: change.clone() }, sequence))?;
        self.lists.apply(change.clone(), in_file);
        Ok(sequence)
    }

    /// What is on a list at `now`, in the order of the values.
    ///
    /// # Errors
    /// When the bundle has no such list.
    pub fn list_entries(&self, list: &str, now: Timestamp) -> Result<Vec<ListEntry>, ListError> {
        let set = self.policies();
        let file = set.bundle.lists.get(list).ok_or_else(|| unknown_list(&set, list))?;
        let mut entries: BTreeMap<Text, ListEntry> = file
            .values
            .iter()
            .filter(|(_, expires_at)| counts(**expires_at, now))
            .map(|(value, expires_at)| {
                let value = value.clone();
                let entry = ListEntry {
                    value: value.clone(),
                    expires_at: *expires_at,
                    reason: None,
                    is_from_file: true,
                };
                (value, entry)
            })
            .collect();
        for (value, change) in self.lists.changes(list, now) {
            match change {
                ChangeKind::Remove { reason: _ } => {
                    entries.remove(&value);
                }
                ChangeKind::Add { expires_at, reason } => {
                    let is_from_file = false;
                    let entry =
                        ListEntry { value: value.clone(), expires_at, reason, is_from_file };
                    entries.insert(value, entry);
                }
            }
        }
        Ok(entries.into_values().collect())
    }

    /// The lists as the rules of that set see them.
    pub(super) const fn lists_over<'a>(&'a self, set: &'a Arc<PolicySet>) -> ListsOver<'a> {
        ListsOver::new(set, &self.lists)
    }
}

// === impl ListsOver ===

impl<'a> ListsOver<'a> {
    pub(super) const fn new(set: &'a Arc<PolicySet>, overlay: &'a Arc<Overlay>) -> Self {
        Self { set, overlay }
    }
}

// === impl Lists ===

impl Lists for ListsOver<'_> {
    fn contains(&self, list: &str, value: &str, now: Timestamp) -> bool {
        contains(self.set, self.overlay, list, value, now)
    }

    fn to_shared(&self) -> Arc<dyn Lists> {
        Arc::new(SharedLists { set: Arc::clone(self.set), overlay: Arc::clone(self.overlay) })
    }
}

impl Lists for SharedLists {
    fn contains(&self, list: &str, value: &str, now: Timestamp) -> bool {
        contains(&self.set, &self.overlay, list, value, now)
    }

    fn to_shared(&self) -> Arc<dyn Lists> {
        Arc::new(Self { set: Arc::clone(&self.set), overlay: Arc::clone(&self.overlay) })
    }
}

fn contains(set: &PolicySet, overlay: &Overlay, list: &str, value: &str, now: Timestamp) -> bool {
    overlay.holds(list, value, now).unwrap_or_else(|| {
        set.bundle
            .lists
            .get(list)
            .and_then(|file| file.values.get(value))
            .is_some_and(|expires_at| counts(*expires_at, now))
    })
}

fn counts(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_none_or(|at| now < at)
}

fn unknown_list(set: &PolicySet, name: &str) -> ListError {
    let mut nearest: Vec<(usize, &Arc<str>)> = set
        .bundle
        .lists
        .keys()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(edits, _)| *edits <= EDITS_MAX)
        .collect();
    nearest.sort_unstable();
    let nearest = nearest.into_iter().map(|(_, known)| Text::from(known.as_ref())).collect();
    ListError::UnknownList { name: Text::from(name), nearest }
}

fn suggestion(nearest: &[Text]) -> String {
    nearest.first().map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}
