//! Settings of the server: file, environment, checked whole.
//!
//! A setting has a section and a key: `[server] listen = "…"` in `vajra.toml`, or
//! `VAJRA__SERVER__LISTEN` in the environment, which wins. A setting that does not exist is refused,
//! and every problem is reported at once. The environment is read here and nowhere else, and handed
//! in as a map, so that a test needs none.

mod reader;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::journal::log::{self, Durability, OnFailure};
use crate::journal::segments::Retention;
use crate::model::failure::RetrySettings;
use crate::model::time::Span;
use reader::Reader;

/// The settings of a server, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `server.listen`: where gRPC is served.
    pub listen: SocketAddr,
    /// `server.http`: where metrics, health and status are served.
    pub http: SocketAddr,
    /// `server.workers`: threads that decide, each with its own listener; as many as cores when not set.
    pub workers: usize,
    /// `server.reflection`: whether gRPC reflection is served.
    pub reflection: bool,
    /// What one server takes on at once.
    pub limits: Limits,
    /// How it ends.
    pub drain: Drain,
    /// `policies.directory`: the bundle; the shipped one when not set.
    pub policies: Option<PathBuf>,
    /// `policies.poll`: how often the directory is read even without a notice of change.
    pub policies_poll: Duration,
    /// `data.directory`: where the hash key and the journal are kept; in memory when not set.
    pub data: Option<PathBuf>,
    /// `journal.…`: what is promised of answers, and how it is kept.
    pub journal: log::Settings,
    /// `journal.kept` and `journal.kept_bytes`: how much of the journal is kept.
    pub retention: Retention,
    /// What is kept in memory, and how times are taken.
    pub memory: Memory,
    /// `retry.…`: figures of networks, and our own bound of attempts.
    pub retry: RetrySettings,
    /// `log.filter`: what is logged, such as `info` or `vajra=debug`.
    pub log_filter: String,
}

/// What one server takes on at once. Beyond, requests are shed early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `limits.in_flight_max`: requests accepted and not yet answered.
    pub in_flight_max: usize,
    /// `limits.streams_max`: open `ScoreStream` calls.
    pub streams_max: usize,
    /// `limits.connections_max`: open gRPC connections.
    pub connections_max: usize,
    /// `limits.requests_per_connection_max`: requests open on one connection.
    pub requests_per_connection_max: u32,
    /// `limits.message_bytes_max`: the size of one request.
    pub message_bytes_max: usize,
    /// `limits.default_deadline`: for a request whose caller names none.
    pub default_deadline: Duration,
    /// `limits.retry_after`: what a shed caller is told to wait.
    pub retry_after: Duration,
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// `drain.delay`: how long it goes on accepting after it says that it is not ready.
    pub delay: Duration,
    /// `drain.max`: how long requests that were accepted may take.
    pub max: Duration,
}

/// What is kept in memory, and how times are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// `memory.payment_kept`: how long a payment and its idempotency keys are kept.
    pub payment_kept: Span,
    /// `memory.entities_max`: entities held at most.
    pub entities_max: usize,
    /// `time.late_max`: how far back outcomes and recorded events may be dated.
    pub late_max: Span,
    /// `time.skew_max`: how far `occurred_at` of a payment may be from the clock.
    pub skew_max: Span,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: `{key}`: {problem}")]
pub struct Problem {
    /// The file, or the environment.
    pub source_name: String,
    /// The setting as it was written.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A configuration file: its name for messages, and its text.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// The path, as given.
    pub name: &'a str,
    /// The content.
    pub text: &'a str,
}

/// The environment of this process, as far as it is ours.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value)))
        .filter(|(key, _)| key.starts_with(reader::ENVIRONMENT_PREFIX))
        .map(|(key, value)| (key, value.to_string_lossy().into_owned()))
        .collect()
}

// === impl Config ===

impl Config {
    /// Checks a file and an environment.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn load(
        file: Option<File<'_>>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(file, environment)?;
        let config = Self {
            listen: reader.address("server.listen", "127.0.0.1:50051"),
            http: reader.address("server.http", "127.0.0.1:8080"),
            workers: reader.count("server.workers", cores(), 1, 256),
            reflection: reader.flag("server.reflection", true),
            limits: Limits::read(&mut reader),
            drain: Drain {
                delay: reader.duration("drain.delay", "2s"),
                max: reader.duration("drain.max", "30s"),
            },
            policies: reader.path("policies.directory"),
            policies_poll: reader.positive_duration("policies.poll", "5s"),
            data: reader.path("data.directory"),
            journal: journal(&mut reader),
            retention: Retention {
                age: reader.optional_span("journal.kept"),
                bytes: reader.optional_count("journal.kept_bytes").map(|bytes| bytes as u64),
            },
            memory: Memory {
                payment_kept: reader.span("memory.payment_kept", "7d"),
                entities_max: reader.count("memory.entities_max", 5_000_000, 1, 1 << 40),
                late_max: reader.span("time.late_max", "24h"),
                skew_max: reader.span("time.skew_max", "5m"),
            },
            retry: retry(&mut reader),
            log_filter: reader.text("log.filter", "info"),
        };
        reader.finish(config)
    }

    /// Every setting at its default, on free ports of the loopback interface, ending without delay:
    /// for a server that is started inside another program.
    pub fn ephemeral() -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let memory = Memory {
            payment_kept: Span::from_days(7),
            entities_max: 5_000_000,
            late_max: Span::from_days(1),
            skew_max: Span::from_secs(300),
        };
        Self {
            listen: loopback,
            http: loopback,
            workers: cores(),
            reflection: true,
            limits: Limits::DEFAULT,
            drain: Drain { delay: Duration::ZERO, max: Duration::from_secs(30) },
            policies: None,
            policies_poll: Duration::from_secs(5),
            data: None,
            journal: JOURNAL,
            retention: Retention::default(),
            memory,
            retry: RetrySettings::default(),
            log_filter: "info".to_owned(),
        }
    }
}

// === impl Limits ===

impl Limits {
    const DEFAULT: Self = Self {
        in_flight_max: 1_024,
        streams_max: 256,
        connections_max: 4_096,
        requests_per_connection_max: 512,
        message_bytes_max: 64 * 1_024,
        default_deadline: Duration::from_secs(1),
        retry_after: Duration::from_millis(100),
    };

    fn read(reader: &mut Reader) -> Self {
        let default = Self::DEFAULT;
        let per_connection = reader.count("limits.requests_per_connection_max", 512, 1, 65_536);
        Self {
            in_flight_max: reader.count(
                "limits.in_flight_max",
                default.in_flight_max,
                1,
                1_000_000,
            ),
            streams_max: reader.count("limits.streams_max", default.streams_max, 1, 1_000_000),
            connections_max: reader.count(
                "limits.connections_max",
                default.connections_max,
                1,
                1_000_000,
            ),
            requests_per_connection_max: u32::try_from(per_connection)
                .unwrap_or(default.requests_per_connection_max),
            message_bytes_max: reader.count(
                "limits.message_bytes_max",
                default.message_bytes_max,
                1_024,
                4 * 1_024 * 1_024,
            ),
            default_deadline: reader.positive_duration("limits.default_deadline", "1s"),
            retry_after: reader.positive_duration("limits.retry_after", "100ms"),
        }
    }
}

/// What holds when nobody says otherwise.
const JOURNAL: log::Settings = log::Settings {
    durability: Durability::Interval,
    interval: Duration::from_millis(50),
    spacing: Duration::from_millis(1),
    segment_bytes: 64 * 1_024 * 1_024,
    held_bytes_max: 256 * 1_024 * 1_024,
    on_failure: OnFailure::Refuse,
    accepts_loss: false,
};

fn journal(reader: &mut Reader) -> log::Settings {
    let durabilities = [
        ("sync", Durability::Sync),
        ("interval", Durability::Interval),
        ("memory", Durability::Memory),
    ];
    let on_failures = [("refuse", OnFailure::Refuse), ("answer", OnFailure::Answer)];
    log::Settings {
        durability: reader.choice("journal.durability", JOURNAL.durability, &durabilities),
        interval: reader.positive_duration("journal.interval", "50ms"),
        spacing: reader.duration("journal.spacing", "1ms"),
        segment_bytes: reader.count("journal.segment_bytes", 1 << 26, 1 << 20, 1 << 32) as u64,
        held_bytes_max: reader.count(
            "journal.held_bytes_max",
            JOURNAL.held_bytes_max,
            1 << 20,
            1 << 36,
        ),
        on_failure: reader.choice("journal.on_failure", JOURNAL.on_failure, &on_failures),
        accepts_loss: reader.flag("journal.accepts_loss", JOURNAL.accepts_loss),
    }
}

fn retry(reader: &mut Reader) -> RetrySettings {
    let default = RetrySettings::default();
    let mut count = |key: &'static str, default: u32| {
        let read = reader.count(key, usize::try_from(default).unwrap_or(0), 1, 64);
        u32::try_from(read).unwrap_or(default)
    };
    RetrySettings {
        attempts_max: count("retry.attempts_max", default.attempts_max),
        visa_reattempts_max: count("retry.visa_reattempts_max", default.visa_reattempts_max),
        mastercard_day_max: count("retry.mastercard_day_max", default.mastercard_day_max),
        mastercard_month_max: count("retry.mastercard_month_max", default.mastercard_month_max),
        visa_window: reader.span("retry.visa_window", "30d"),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
