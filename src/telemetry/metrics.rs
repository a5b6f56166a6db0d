//! Every metric of the server: its name, its handle, and what it counts. No label is ever an id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use metrics::{Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, gauge};
use metrics::{describe_histogram, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};

use crate::model::failure::{Assessment, Class};
use crate::model::verdict::Verdict;

/// The upper bounds of the buckets of `decision_duration_seconds`.
const DURATION_BUCKETS_SECONDS: [f64; 14] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25,
];

/// The upper bounds of the buckets of `journal_sync_duration_seconds`.
const SYNC_BUCKETS_SECONDS: [f64; 12] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// How many rules get a counter of their own, over the life of the process; the rest share one.
const RULE_LABELS_MAX: usize = 1_000;

/// How many channels do, over the life of the process.
const CHANNEL_LABELS_MAX: usize = 256;

/// The metrics of one server. Two servers in one process do not share them.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handles: Handles,
    decisions: [Counter; Verdict::ALL.len()],
    decided: AtomicU64,
    rules: ArcSwap<BTreeMap<Arc<str>, Counter>>,
    other_rules: Counter,
    /// The channels that have a label, of all bundles that were live.
    channels: ArcSwap<BTreeSet<String>>,
}

/// Declares the handles: their documentation is what Prometheus shows.
macro_rules! handles {
    ($($(#[doc = $help:literal])+ $name:ident: $kind:ident = $exported:literal;)+) => {
        /// A handle per metric, resolved once.
        #[derive(Clone)]
        pub struct Handles {
            $($(#[doc = $help])+ pub $name: handles!(@type $kind),)+
        }

        impl Handles {
            /// Registers with the recorder of the current scope.
            fn register() -> Self {
                $(handles!(@describe $kind, $exported, concat!($($help),+));)+
                Self { $($name: handles!(@make $kind, $exported)),+ }
            }
        }
    };
    (@type counter) => { Counter };
    (@type gauge) => { Gauge };
    (@type histogram) => { Histogram };
    (@make counter, $name:literal) => { counter!($name) };
    (@make gauge, $name:literal) => { gauge!($name) };
    (@make histogram, $name:literal) => { histogram!($name) };
    (@describe counter, $name:literal, $help:expr) => { describe_counter!($name, $help.trim()) };
    (@describe gauge, $name:literal, $help:expr) => { describe_gauge!($name, $help.trim()) };
    (@describe histogram, $name:literal, $help:expr) => { describe_histogram!($name, $help.trim()) };
}

handles! {
    /// How long a decision took, without the wire.
    decision_duration: histogram = "decision_duration_seconds";
    /// Decisions answered again from memory.
    repeats: counter = "decisions_repeated_total";
    /// Answers from the fallback tiers.
    fallbacks: counter = "fallbacks_total";
    /// Requests turned away, because too many were in flight.
    sheds: counter = "sheds_total";
    /// Requests whose deadline had passed before their turn came.
    deadlines_spent: counter = "deadlines_spent_total";
    /// Requests with fields that could not be accepted.
    invalid: counter = "requests_invalid_total";
    /// Requests that failed through no fault of the caller.
    failures: counter = "failures_total";
    /// Rules that failed or were left undecided.
    rule_failures: counter = "rule_failures_total";
    /// Values that were card numbers and were replaced by a hash.
    card_numbers_hashed: counter = "card_numbers_hashed_total";
    /// Outcomes stored.
    outcomes: counter = "outcomes_total";
    /// Outcomes whose code stands in no table.
    unmapped_codes: counter = "unmapped_codes_total";
    /// Events recorded.
    events: counter = "events_total";
    /// Values added to lists and removed from them.
    list_changes: counter = "list_changes_total";
    /// Bundles that were refused.
    reload_failures: counter = "policy_reload_failures_total";
    /// Bundles that went live.
    reloads: counter = "policy_reloads_total";
    /// When the live bundle was published, in seconds since the epoch.
    published_at: gauge = "policy_published_timestamp_seconds";
    /// Requests accepted and not yet answered.
    in_flight: gauge = "requests_in_flight";
    /// Open streams.
    streams: gauge = "streams_open";
    /// Open gRPC connections.
    connections: gauge = "connections_open";
    /// Entities in memory.
    entities: gauge = "entities";
    /// Payments in memory.
    payments: gauge = "payments";
    /// Entries of the journal that are not on the disk.
    journal_lag_entries: gauge = "journal_lag_entries";
    /// Bytes of the journal that are not on the disk.
    journal_lag_bytes: gauge = "journal_lag_bytes";
    /// Segments of the journal.
    journal_segments: gauge = "journal_segments";
    /// Bytes of the journal.
    journal_bytes: gauge = "journal_bytes";
    /// 1 while the journal cannot take entries.
    journal_failing: gauge = "journal_failing";
    /// How often something could not be written to the journal or brought to the disk.
    journal_failures: counter = "journal_failures_total";
    /// Answers that were given although what they say is not as durable as was promised.
    journal_degraded: counter = "journal_degraded_total";
    /// How long it took to bring what was written to the disk.
    journal_sync_duration: histogram = "journal_sync_duration_seconds";
}

// === impl Metrics ===

impl Metrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// Never for the bounds above; the library asks.
    pub fn new() -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(
                Matcher::Full("decision_duration_seconds".to_owned()),
                &DURATION_BUCKETS_SECONDS,
            )?
            .set_buckets_for_metric(
                Matcher::Full("journal_sync_duration_seconds".to_owned()),
                &SYNC_BUCKETS_SECONDS,
            )?
            .build_recorder();
        let (handles, decisions, other_rules) = metrics::with_local_recorder(&recorder, || {
            describe_counter!("decisions_total", "Decisions by verdict, repeats left out.");
            describe_counter!("rule_hits_total", "How often a rule fired, in shadow mode too.");
            describe_counter!(
                "outcome_causes_total",
                "Outcomes by cause, class and what is known of the money; repeats left out."
            );
            describe_counter!(
                "channel_outcomes_total",
                "Outcomes by channel of the bundle, what is known of the money and the next step advised."
            );
            describe_counter!("advice_total", "Outcomes by the next step that was advised.");
            describe_counter!("payment_flags_total", "What must not be overlooked, by kind.");
            describe_gauge!("policy_info", "1 for the version of the live bundle.");
            let of = |verdict: Verdict| counter!("decisions_total", "verdict" => verdict.name());
            let other = counter!("rule_hits_total", "rule" => "other");
            (Handles::register(), Verdict::ALL.map(of), other)
        });
        Ok(Self {
            recorder,
            handles,
            decisions,
            decided: AtomicU64::new(0),
            rules: ArcSwap::default(),
            other_rules,
            channels: ArcSwap::default(),
        })
    }

    /// Counts a decision.
    pub fn decided(&self, verdict: Verdict) {
        // Relaxed: nothing is ordered by it.
        self.decided.fetch_add(1, Ordering::Relaxed);
        let [allow, challenge, block] = &self.decisions;
        match verdict {
            Verdict::Allow => allow.increment(1),
            Verdict::Challenge => challenge.increment(1),
            Verdict::Block => block.increment(1),
        }
    }

    /// Counts an outcome by what was made of it, and by its channel. Causes are bounded by the tables,
    /// channels by the bundles.
    pub fn reported(&self, assessment: &Assessment, channel: Option<&str>) {
        let Assessment { diagnosis, advice, flags } = assessment;
        let cause = diagnosis.cause.as_deref().unwrap_or("none").to_owned();
        let class = diagnosis.class.map_or("none", Class::name);
        metrics::with_local_recorder(&self.recorder, || {
            let money = diagnosis.money.name();
            counter!("outcome_causes_total", "cause" => cause, "class" => class, "money" => money)
                .increment(1);
            let next_step = advice.next_step.name();
            counter!("advice_total", "next_step" => next_step).increment(1);
            let channels = self.channels.load();
            let channel = channel
                .map_or("none", |channel| channels.get(channel).map_or("other", String::as_str));
            let channel = channel.to_owned();
            counter!(
                "channel_outcomes_total",
                "channel" => channel, "money" => money, "next_step" => next_step
            )
            .increment(1);
            for flag in flags {
                counter!("payment_flags_total", "flag" => flag.name()).increment(1);
            }
        });
        self.handles.outcomes.increment(1);
        if diagnosis.is_unmapped {
            self.handles.unmapped_codes.increment(1);
        }
    }

    /// How many decisions were counted so far.
    pub fn decided_total(&self) -> u64 {
        self.decided.load(Ordering::Relaxed)
    }

    /// Counts a rule that fired. Rules of the live bundle have their handles.
    pub fn rules_fired(&self, fired: &[Arc<str>]) {
        if fired.is_empty() {
            return;
        }
        let rules = self.rules.load();
        for rule in fired {
            rules.get(rule).unwrap_or(&self.other_rules).increment(1);
        }
    }

    /// A bundle went live: its version is shown, and its rules get their handles.
    pub fn published<'a>(
        &self,
        version: &str,
        before: &str,
        rules: impl Iterator<Item = &'a Arc<str>>,
    ) {
        metrics::with_local_recorder(&self.recorder, || {
            if before != version {
                gauge!("policy_info", "version" => before.to_owned()).set(0.0);
            }
            gauge!("policy_info", "version" => version.to_owned()).set(1.0);
            let mut known = BTreeMap::clone(&self.rules.load());
            for rule in rules {
                if known.len() >= RULE_LABELS_MAX {
                    break;
                }
                known
                    .entry(Arc::clone(rule))
                    .or_insert_with(|| counter!("rule_hits_total", "rule" => rule.to_string()));
            }
            self.rules.store(Arc::new(known));
        });
    }

    /// The channels of the bundle that goes live get labels of their own.
    pub fn has_channels<'a>(&self, channels: impl Iterator<Item = &'a str>) {
        let mut known = BTreeSet::clone(&self.channels.load());
        for channel in channels {
            if known.len() < CHANNEL_LABELS_MAX {
                known.insert(channel.to_owned());
            }
        }
        self.channels.store(Arc::new(known));
    }

    /// The metrics in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.recorder.handle().render()
    }

    /// Folds what was recorded since the last time; called now and then, or memory grows.
    pub fn run_upkeep(&self) {
        self.recorder.handle().run_upkeep();
    }
}

impl std::ops::Deref for Metrics {
    type Target = Handles;

    fn deref(&self) -> &Handles {
        &self.handles
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics(..)")
    }
}

impl std::fmt::Debug for Handles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handles(..)")
    }
}
