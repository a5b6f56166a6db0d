//! Takes settings out of a file and an environment, and remembers what was wrong and what was left.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{File, Problem};
use crate::model::time::Span;

/// What the name of a variable of ours begins with.
pub(super) const ENVIRONMENT_PREFIX: &str = "VAJRA__";

/// A value as written, and where.
#[derive(Debug)]
struct Written {
    source_name: String,
    /// The setting in the words of its source.
    key: String,
    value: toml::Value,
}

/// Settings that were written and not yet taken.
#[derive(Debug, Default)]
pub(super) struct Reader {
    written: BTreeMap<String, Written>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

// === impl Reader ===

impl Reader {
    /// Reads a file and lays the environment over it.
    ///
    /// # Errors
    /// When the file is no TOML: then nothing else can be said of it.
    pub(super) fn new(
        file: Option<File<'_>>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Problem>> {
        let mut reader = Self::default();
        if let Some(file) = file {
            reader.read_file(file)?;
        }
        for (variable, value) in environment {
            let Some(rest) = variable.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
            let key = rest.to_lowercase().replace("__", ".");
            let written = Written {
                source_name: "environment".to_owned(),
                key: variable.clone(),
                value: toml::Value::String(value.clone()),
            };
            drop(reader.written.insert(key, written));
        }
        Ok(reader)
    }

    fn read_file(&mut self, file: File<'_>) -> Result<(), Vec<Problem>> {
        let table = file.text.parse::<toml::Table>().map_err(|error| {
            let line = error
                .span()
                .and_then(|span| file.text.get(..span.start))
                .map_or(1, |before| before.matches('\n').count() + 1);
            vec![Problem {
                source_name: file.name.to_owned(),
                key: format!("line {line}"),
                problem: error.message().to_owned(),
            }]
        })?;
        for (section, value) in table {
            let toml::Value::Table(settings) = value else {
                self.problems.push(Problem {
                    source_name: file.name.to_owned(),
                    key: section,
                    problem: "must stand in a section, such as `[server]`".to_owned(),
                });
                continue;
            };
            for (name, value) in settings {
                let key = format!("{section}.{name}");
                let written =
                    Written { source_name: file.name.to_owned(), key: key.clone(), value };
                drop(self.written.insert(key, written));
            }
        }
        Ok(())
    }

    pub(super) fn address(&mut self, key: &'static str, default: &str) -> SocketAddr {
        let fallback = default.parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)));
        self.take(
            key,
            fallback,
            "expected an address and a port, such as `127.0.0.1:50051`",
            |value| value.as_str()?.parse().ok(),
        )
    }

    pub(super) fn count(
        &mut self,
        key: &'static str,
        default: usize,
        least: usize,
        most: usize,
    ) -> usize {
        let expected = format!("expected a whole number from {least} to {most}");
        self.take(key, default, &expected, |value| {
            let number = match value.as_integer() {
                Some(number) => usize::try_from(number).ok()?,
                None => value.as_str()?.parse().ok()?,
            };
            (least..=most).contains(&number).then_some(number)
        })
    }

    /// A number of which there may be none.
    pub(super) fn optional_count(&mut self, key: &'static str) -> Option<usize> {
        self.take(key, None, "expected a whole number", |value| {
            let number = match value.as_integer() {
                Some(number) => usize::try_from(number).ok()?,
                None => value.as_str()?.parse().ok()?,
            };
            Some(Some(number))
        })
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        default: T,
        words: &[(&'static str, T)],
    ) -> T {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.take(key, default, &format!("expected {}", known.join(" or ")), |value| {
            let written = value.as_str()?;
            words.iter().find(|(word, _)| *word == written).map(|(_, choice)| *choice)
        })
    }

    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        self.take(key, default, "expected `true` or `false`", |value| {
            value.as_bool().or_else(|| value.as_str()?.parse().ok())
        })
    }

    pub(super) fn text(&mut self, key: &'static str, default: &str) -> String {
        self.take(key, default.to_owned(), "expected a string that is not empty", |value| {
            value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        })
    }

    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.take(key, None, "expected a path", |value| {
            value.as_str().filter(|text| !text.is_empty()).map(|text| Some(PathBuf::from(text)))
        })
    }

    /// A length of time that may be zero.
    pub(super) fn duration(&mut self, key: &'static str, default: &str) -> Duration {
        self.take(key, parse_duration(default).unwrap_or_default(), DURATION, |value| {
            parse_duration(value.as_str()?)
        })
    }

    /// A length of time that may not be zero.
    pub(super) fn positive_duration(&mut self, key: &'static str, default: &str) -> Duration {
        self.take(key, parse_duration(default).unwrap_or_default(), DURATION, |value| {
            parse_duration(value.as_str()?).filter(|duration| !duration.is_zero())
        })
    }

    /// A span of the domain, such as `7d`.
    pub(super) fn span(&mut self, key: &'static str, default: &str) -> Span {
        let expected = "expected an integer and one of `s`, `m`, `h`, `d`, such as `7d`";
        self.take(key, Span::parse(default).unwrap_or_default(), expected, |value| {
            Span::parse(value.as_str()?).ok()
        })
    }

    /// A span of which there may be none.
    pub(super) fn optional_span(&mut self, key: &'static str) -> Option<Span> {
        let expected = "expected an integer and one of `s`, `m`, `h`, `d`, such as `400d`";
        self.take(key, None, expected, |value| Span::parse(value.as_str()?).ok().map(Some))
    }

    /// The value, unless something was wrong or was left over.
    ///
    /// # Errors
    /// Every problem, in order of the settings.
    pub(super) fn finish<T>(mut self, value: T) -> Result<T, Vec<Problem>> {
        for (key, written) in std::mem::take(&mut self.written) {
            let nearest = self
                .known
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known, &key), *known))
                .min()
                .filter(|(distance, _)| *distance <= 4);
            let problem = match nearest {
                Some((_, known)) => format!("there is no such setting; the nearest is `{known}`"),
                None => "there is no such setting".to_owned(),
            };
            self.problems.push(Problem {
                source_name: written.source_name,
                key: written.key,
                problem,
            });
        }
        if self.problems.is_empty() { Ok(value) } else { Err(self.problems) }
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        default: T,
        expected: &str,
        parse: impl FnOnce(&toml::Value) -> Option<T>,
    ) -> T {
        self.known.push(key);
        let Some(written) = self.written.remove(key) else { return default };
        match parse(&written.value) {
            Some(value) => value,
            None => {
                self.problems.push(Problem {
                    source_name: written.source_name,
                    key: written.key,
                    problem: format!("{expected}, not `{}`", as_written(&written.value)),
                });
                default
            }
        }
    }
}

const DURATION: &str = "expected an integer and one of `ms`, `s`, `m`, `h`, such as `250ms`";

/// Up to a year.
fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let ms = number.parse::<u64>().ok()?.checked_mul(unit_ms)?;
    (ms <= 365 * 24 * 3_600_000).then(|| Duration::from_millis(ms))
}

fn as_written(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
