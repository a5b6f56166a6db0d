//! What one test acts on: an engine without history, a clock that only the test moves, and what it has
//! seen so far.

use std::collections::BTreeSet;
use std::sync::Arc;

use rhai::Map;

use super::HASH_KEY;
use super::blocks::Blocks;
use crate::engine::{Engine, RecordedEvent, ScoreRequest, Settings};
use crate::journal::Discard;
use crate::list::{ChangeKind, ListChange};
use crate::model::decision::Decision;
use crate::model::failure::RetrySettings;
use crate::model::field::Field;
use crate::model::intake::{Intake, Violation};
use crate::model::outcome::{Outcome, OutcomeStatus, Stage};
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Text, Value};
use crate::policy::set::PolicySet;

/// The instant at which every test starts: 2024-01-01, a Monday, at noon in UTC. Early, so that a test
/// can go to any later date it is about.
const START: Timestamp = Timestamp::from_secs(1_704_110_400);
/// The amount of a payment whose test does not care.
const AMOUNT: i64 = 10_00;
/// How many scores, outcomes and events one test may make.
const EVENTS_MAX: u64 = 100_000;
/// Long enough for a test that disputes a payment after months.
const PAYMENT_KEPT: Span = Span::from_days(400);
const LATE_MAX: Span = Span::from_days(1);
const SKEW_MAX: Span = Span::from_secs(300);
const ENTITIES_MAX: usize = 1_000_000;

/// The world of one test.
#[derive(Debug)]
pub(super) struct World {
    engine: Engine,
    set: Arc<PolicySet>,
    intake: Intake,
    now: Timestamp,
    /// How much has happened; ids come from it too.
    events: u64,
    last: Option<Arc<Decision>>,
    fired: BTreeSet<Arc<str>>,
}

/// A scored attempt that a test goes on with.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    pub(super) decision: Arc<Decision>,
    payment_id: Text,
    attempt: u32,
}

/// An outcome as a test writes it.
#[derive(Clone, Debug)]
pub(super) struct Reported {
    pub(super) status: OutcomeStatus,
    pub(super) amount: Option<i64>,
    pub(super) code: Option<Text>,
    pub(super) provider: Option<Text>,
}

// === impl Reported ===

impl Reported {
    /// An outcome without more to say.
    pub(super) const fn of(status: OutcomeStatus) -> Self {
        Self { status, amount: None, code: None, provider: None }
    }
}

// === impl World ===

impl World {
    pub(super) fn new(set: &Arc<PolicySet>) -> Self {
        let settings = Settings {
            payment_kept: PAYMENT_KEPT,
            late_max: LATE_MAX,
            entities_max: ENTITIES_MAX,
            retry: RetrySettings::default(),
        };
        Self {
            engine: Engine::new(Arc::clone(set), settings, Arc::new(Discard)),
            set: Arc::clone(set),
            intake: Intake::new(HASH_KEY, SKEW_MAX),
            now: START,
            events: 0,
            last: None,
            fired: BTreeSet::new(),
        }
    }

    /// `pay(#{…})`, `score(#{…})`
    pub(super) fn score(&mut self, map: Map) -> Result<Handle, String> {
        let number = self.next_event()?;
        let Blocks { mut fields, options } = Blocks::read(map, &["locale", "dry_run"])?;
        let base = self.set.bundle.base_currency;
        for (field, value) in [
            (Field::Id, Value::Text(Text::from(format!("payment-{number}")))),
            (Field::Attempt, Value::Int(1)),
            (Field::Amount, Value::Int(AMOUNT)),
            (Field::Currency, Value::Text(base.text())),
        ] {
            if !fields.get(field).is_present() {
                fields.set(field, value);
            }
        }
        let payment = self.intake.payment(fields, self.now).map_err(refusal)?.value;
        let (payment_id, attempt) = (Text::from(payment.id()), payment.attempt());
        let request = ScoreRequest {
            payment,
            locale: options.text("locale")?.unwrap_or_default(),
            dry_run: options.truth("dry_run")?.unwrap_or_default(),
            trace: false,
        };
        let scored = self.engine.score(&request, self.now).map_err(|error| error.to_string())?;
        self.fired.extend(scored.decision.evaluation.fired.iter().cloned());
        self.last = Some(Arc::clone(&scored.decision));
        Ok(Handle { decision: scored.decision, payment_id, attempt })
    }

    /// `p.authorized()` and its like
    pub(super) fn report(&mut self, handle: &Handle, reported: Reported) -> Result<(), String> {
        let number = self.next_event()?;
        let Reported { status, amount, code, provider } = reported;
        if amount.is_some_and(|amount| amount < 0) {
            return Err("the amount must be at least 0".to_owned());
        }
        let outcome = Outcome {
            payment_id: handle.payment_id.clone(),
            attempt: handle.attempt,
            // Two captures of the same amount are two captures, not one told twice.
            outcome_id: Some(Text::from(format!("outcome-{number}"))),
            status,
            stage: (status == OutcomeStatus::Failed).then_some(Stage::NotSent),
            amount,
            is_final: true,
            provider,
            operation: None,
            network: None,
            code,
            channel: None,
            advice_code: None,
            retry_after: None,
            latency: None,
            occurred_at: None,
        };
        self.engine.report_outcome(&outcome, self.now).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// `p.fraud()`, `p.disputed()`
    pub(super) fn record_about(&mut self, handle: &Handle, name: &str) -> Result<(), String> {
        self.record_event(name, Some(handle.payment_id.clone()), Map::new())
    }

    /// `record("login", #{…})`
    pub(super) fn record(&mut self, name: &str, map: Map) -> Result<(), String> {
        self.record_event(name, None, map)
    }

    fn record_event(&mut self, name: &str, about: Option<Text>, map: Map) -> Result<(), String> {
        let number = self.next_event()?;
        let Blocks { mut fields, options } = Blocks::read(map, &["payment_id", "event_id"])?;
        // When it happened is the event's own, not a field of its blocks.
        let occurred_at = fields.get(Field::OccurredAt).as_time();
        fields.set(Field::OccurredAt, Value::Missing);
        let payment_id = about.or(options.text("payment_id")?);
        let event = RecordedEvent {
            name: Intake::event_name("name", name).map_err(|problem| problem.to_string())?,
            event_id: options
                .text("event_id")?
                .unwrap_or_else(|| Text::from(format!("event-{number}"))),
            payment_id,
            fields: self.intake.event(fields).map_err(refusal)?.value,
            occurred_at,
        };
        self.engine.record_event(&event, self.now).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// `list_add(name, value)`, `list_remove(name, value)`
    pub(super) fn change_list(
        &mut self,
        list: &str,
        value: &str,
        kind: ChangeKind,
    ) -> Result<(), String> {
        self.next_event()?;
        let value =
            self.intake.list_value("value", value).map_err(|problem| problem.to_string())?;
        let change = ListChange { list: Text::from(list), value: value.value, kind };
        self.engine.change_list(&change, self.now).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// `advance("1m")`
    pub(super) fn advance(&mut self, span: &str) -> Result<(), String> {
        self.now = self.now.plus(span_of(span)?);
        Ok(())
    }

    /// `at("2026-03-29T01:30:00Z")`
    pub(super) fn go_to(&mut self, text: &str) -> Result<(), String> {
        let at = Timestamp::parse_rfc3339(text)
            .ok_or_else(|| format!("`{text}` is no time such as \"2026-03-29T01:30:00Z\""))?;
        if at < self.now && self.events > 0 {
            return Err(format!("time cannot go back: it is {} already", self.now));
        }
        self.now = at;
        Ok(())
    }

    /// `ago("30d")`: the time so long before now, as a text.
    pub(super) fn ago(&self, span: &str) -> Result<String, String> {
        Ok(self.now.minus(span_of(span)?).to_string())
    }

    /// What the test saw last, for the report of a failure.
    pub(super) fn seen(&self) -> Option<String> {
        self.last.as_deref().map(describe)
    }

    /// The rules that fired so far.
    pub(super) fn into_fired(self) -> BTreeSet<Arc<str>> {
        self.fired
    }

    fn next_event(&mut self) -> Result<u64, String> {
        if self.events >= EVENTS_MAX {
            return Err(format!("a test may make at most {EVENTS_MAX} payments and events"));
        }
        self.events += 1;
        Ok(self.events)
    }
}

fn span_of(text: &str) -> Result<Span, String> {
    Span::parse(text).map_err(|error| format!("`{text}`: {error}"))
}

/// What the edge refused, with the paths as a test writes them.
fn refusal(violations: Vec<Violation>) -> String {
    let each = violations.into_iter().map(|Violation { field, problem }| {
        format!("`{}` {problem}", field.strip_prefix("payment.").unwrap_or(&field))
    });
    each.collect::<Vec<_>>().join("; ")
}

/// A decision in one line.
fn describe(decision: &Decision) -> String {
    let evaluation = &decision.evaluation;
    let reasons: Vec<&str> = evaluation.reasons.iter().map(|reason| &*reason.code).collect();
    let mut line = format!(
        "{}{}, score {}, reasons [{}], fired [{}]",
        evaluation.verdict.name(),
        if evaluation.review { " with review" } else { "" },
        evaluation.score,
        reasons.join(", "),
        evaluation.fired.join(", "),
    );
    for (what, rules) in [("exempted", evaluation.exempted.join(", "))].into_iter().chain(
        evaluation
            .errors
            .iter()
            .map(|error| ("error", format!("{}: {}", error.rule, error.problem))),
    ) {
        if !rules.is_empty() {
            line.push_str(", ");
            line.push_str(what);
            line.push_str(" [");
            line.push_str(&rules);
            line.push(']');
        }
    }
    line
}
