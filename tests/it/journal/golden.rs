//! A journal that the first version of the format wrote: it is read for ever.
//!
//! The file is never written again. When the format of segments changes, another file stands beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vajra::engine::journal::{Entry, Journal as _, Position};
use vajra::journal::disk::Directory;
use vajra::journal::dump;
use vajra::journal::log::{Log, Settings};
use vajra::journal::reader::{Range, Reader};

use super::entries::samples;
use super::fixture::{SETTINGS, means};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/journal/v1")
}

fn read(directory: &Path) -> Vec<(Position, Entry)> {
    let directory = Arc::new(Directory::existing(directory));
    Reader::open(directory, Range::ALL).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_journal_of_version_1_is_read() {
    let lines: Vec<String> = read(&golden())
        .iter()
        .map(|(position, entry)| dump::entry(*position, entry).to_string())
        .collect();
    let expected = std::fs::read_to_string(golden().join("entries.jsonl")).unwrap();
    assert_eq!(lines, expected.lines().collect::<Vec<_>>());
}

#[test]
fn what_is_written_today_is_read_from_a_real_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let settings = Settings { segment_bytes: 1 << 20, ..SETTINGS };
    let open = || Log::open(Arc::new(Directory::make(&path).unwrap()), settings, means());
    let (log, _) = open().unwrap();
    let entries = samples(40);
    for entry in &entries {
        log.append(entry).unwrap();
    }
    log.sync().unwrap();
    // Nobody else gets in, and what is there can be read all the same.
    let refused = open().unwrap_err().to_string();
    assert_eq!(refused, "the directory is in use by another process");
    assert_eq!(read(&path).into_iter().map(|(_, entry)| entry).collect::<Vec<_>>(), entries);
    drop(log);
    let (_, found) = open().unwrap();
    assert_eq!((found.last, found.losses.len()), (Position(40), 0));
}

/// Writes the golden files of a new version: `VAJRA_GOLDEN=1`, into an empty directory.
#[test]
fn golden_files_can_be_made_for_a_new_version() {
    let directory = tempfile::tempdir().unwrap();
    let asked = option_env!("VAJRA_GOLDEN").is_some();
    let path = if asked { golden() } else { directory.path().to_owned() };
    let settings = Settings { segment_bytes: 1 << 20, ..SETTINGS };
    let (log, _) = Log::open(Arc::new(Directory::make(&path).unwrap()), settings, means()).unwrap();
    for entry in samples(40) {
        log.append(&entry).unwrap();
    }
    drop(log);
    let lines: String = read(&path)
        .iter()
        .map(|(position, entry)| format!("{}\n", dump::entry(*position, entry)))
        .collect();
    assert_eq!(lines.lines().count(), 40);
    if asked {
        std::fs::write(path.join("entries.jsonl"), lines).unwrap();
    }
}
