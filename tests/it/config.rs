//! Settings: file, environment, checked whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use vajra::config::{Config, File};
use vajra::model::time::Span;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let environment: BTreeMap<_, _> =
        environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Config::load(Some(File { name: "vajra.toml", text }), &environment)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn problems(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    load(text, environment).unwrap_err()
}

#[test]
fn the_file_that_lists_every_setting_has_the_defaults() {
    let text = include_str!("../../deploy/vajra.toml");
    assert_eq!(load(text, &[]).unwrap(), load("", &[]).unwrap());
    // The settings without a default are there as comments.
    let all = text.replace("# workers =", "workers =").replace("# directory", "directory");
    let config = load(&all, &[]).unwrap();
    assert_eq!(config.policies, Some(PathBuf::from("/etc/vajra/policies")));
    assert_eq!(config.data, Some(PathBuf::from("/var/lib/vajra")));
}

#[test]
fn by_default_only_this_machine_is_listened_to() {
    let config = load("", &[]).unwrap();
    assert!(config.listen.ip().is_loopback() && config.http.ip().is_loopback());
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = "[drain]\ndelay = \"1s\"\n[server]\nreflection = true\nworkers = 3\n";
    let environment = [("VAJRA__DRAIN__DELAY", "250ms"), ("VAJRA__SERVER__REFLECTION", "false")];
    let config = load(text, &environment).unwrap();
    assert_eq!(config.drain.delay, Duration::from_millis(250));
    assert_eq!((config.reflection, config.workers), (false, 3));
}

#[test]
fn lengths_of_time_have_units() {
    let text = "[memory]\npayment_kept = \"36h\"\n[drain]\nmax = \"2m\"\ndelay = \"0s\"\n";
    let config = load(text, &[]).unwrap();
    assert_eq!(config.memory.payment_kept, Span::from_secs(36 * 3_600));
    assert_eq!((config.drain.max, config.drain.delay), (Duration::from_secs(120), Duration::ZERO));
}

#[test]
fn every_problem_is_told_at_once() {
    let text =
        "[server]\nlisten = \"here\"\nlisten_on = 5\n[sever]\nhttp = \"x\"\n[drain]\nmax = 5\n";
    let environment = [("VAJRA__LIMITS__STREAMS_MAX", "0"), ("VAJRA__NOTHING__LIKE", "1")];
    assert_eq!(
        problems(text, &environment),
        [
            "vajra.toml: `server.listen`: expected an address and a port, such as \
             `127.0.0.1:50051`, not `here`",
            "environment: `VAJRA__LIMITS__STREAMS_MAX`: expected a whole number from 1 to 1000000, \
             not `0`",
            "vajra.toml: `drain.max`: expected an integer and one of `ms`, `s`, `m`, `h`, such as \
             `250ms`, not `5`",
            "environment: `VAJRA__NOTHING__LIKE`: there is no such setting",
            "vajra.toml: `server.listen_on`: there is no such setting; the nearest is \
             `server.listen`",
            "vajra.toml: `sever.http`: there is no such setting; the nearest is `server.http`",
        ]
    );
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_line() {
    let told = problems("[server]\nlisten = \n", &[]);
    assert!(told[0].starts_with("vajra.toml: `line 2`"), "{told:?}");
    assert_eq!(
        problems("listen = \"127.0.0.1:1\"", &[]),
        ["vajra.toml: `listen`: must stand in a section, such as `[server]`"]
    );
}
