//! The map in `lib.rs` is true: a module uses only those above it in the map, and each library is
//! known to the rooms that own it.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the bottom up: a room may import those before it.
const ROOMS: &[&str] = &[
    "model",
    "list",
    "failure",
    "feature",
    "limit",
    "channel",
    "policy",
    "engine",
    "journal",
    "testing",
    "traffic",
    "simulation",
    "backtest",
    "telemetry",
    "config",
    "server",
    "command",
];

/// Pairs of rooms that lie beside each other and do not know each other, whatever their order.
const STRANGERS: &[(&str, &str)] = &[
    ("feature", "list"),
    ("feature", "limit"),
    ("limit", "list"),
    ("channel", "list"),
    ("channel", "feature"),
    ("channel", "limit"),
    ("channel", "failure"),
    ("backtest", "testing"),
    ("backtest", "simulation"),
    ("simulation", "testing"),
    ("traffic", "testing"),
];

/// A library and the rooms that may name it.
const OWNERS: &[(&str, &[&str])] = &[
    ("rhai", &["policy", "testing"]),
    ("dashmap", &["failure", "feature", "limit", "list", "engine"]),
    ("tonic", &["server"]),
    ("prost", &["server"]),
    ("axum", &["server"]),
    ("notify", &["server"]),
    ("parquet", &["backtest", "traffic"]),
    ("arrow_array", &["backtest", "traffic"]),
    ("clap", &["command"]),
    ("indicatif", &["command", "backtest"]),
    ("anyhow", &["command"]),
];

struct Source {
    path: PathBuf,
    room: String,
    lines: Vec<String>,
}

#[test]
fn every_module_has_a_row_in_the_map() {
    for source in sources() {
        assert!(
            ROOMS.contains(&source.room.as_str()),
            "{}: `{}` has no row in the map of layers",
            source.path.display(),
            source.room
        );
    }
}

#[test]
fn a_module_imports_only_what_lies_below_it() {
    let mut found = Vec::new();
    for source in sources() {
        for (number, line) in source.lines.iter().enumerate() {
            for used in rooms_named(line) {
                if !may_use(&source.room, &used) {
                    found.push(format!(
                        "{}:{}: `{}` must not use `{used}`",
                        source.path.display(),
                        number + 1,
                        source.room
                    ));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn one_room_knows_each_library() {
    let mut found = Vec::new();
    for source in sources() {
        for (number, line) in source.lines.iter().enumerate() {
            for (library, owners) in OWNERS {
                if names_library(line, library) && !owners.contains(&source.room.as_str()) {
                    found.push(format!(
                        "{}:{}: `{library}` belongs to {}",
                        source.path.display(),
                        number + 1,
                        owners.join(" and ")
                    ));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Every source file of the library, tests inside files and comments left out.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths
        .into_iter()
        .filter(|path| !path.ends_with("main.rs") && !path.ends_with("lib.rs"))
        .map(|path| {
            let inside = path.strip_prefix(&root).unwrap().to_path_buf();
            let first = inside.components().next().unwrap().as_os_str().to_string_lossy();
            let room = first.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let lines =
                code.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned());
            Source { path: inside, room, lines: lines.collect() }
        })
        .collect()
}

fn collect(directory: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

fn rooms_named(line: &str) -> Vec<String> {
    line.match_indices("crate::")
        .filter_map(|(at, found)| {
            let rest = &line[at + found.len()..];
            let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            ROOMS.contains(&name).then(|| name.to_owned())
        })
        .collect()
}

fn may_use(room: &str, used: &str) -> bool {
    let place = |name: &str| ROOMS.iter().position(|known| *known == name);
    let strangers = STRANGERS
        .iter()
        .any(|(one, other)| (room == *one && used == *other) || (room == *other && used == *one));
    !strangers && place(used) <= place(room)
}

fn names_library(line: &str, library: &str) -> bool {
    line.match_indices(&format!("{library}::")).any(|(at, _)| {
        !line[..at].ends_with(|letter: char| {
            letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'
        })
    })
}
