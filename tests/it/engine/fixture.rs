//! The only code of these tests that knows how payments, outcomes and engines are made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vajra::engine::journal::{Entry, Journal, JournalError, Position};
use vajra::engine::{Engine, RecordedEvent, ScoreError, ScoreRequest, Scored, Settings};
use vajra::journal::Memory;
use vajra::model::card_number::HashKey;
use vajra::model::decision::Decision;
use vajra::model::field::{Field, Fields};
use vajra::model::intake::Intake;
use vajra::model::outcome::{Outcome, OutcomeStatus};
use vajra::model::payment::Payment;
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Text, Value};
use vajra::policy::bundle::Files;
use vajra::policy::check::check;
use vajra::policy::diagnostic::Severity;
use vajra::policy::set::PolicySet;

pub(super) const BUNDLE: &str = r#"
name = "tests"
base_currency = "EUR"
time_zone = "UTC"
"#;

pub(super) const REASONS: &str = r#"
[ATTEMPTS]
class = "VELOCITY"
message = { en = "Please try again later.", "zh-CN" = "请稍后再试。" }
[DEVICE]
class = "FRAUD"
message = { en = "Please confirm that it is you." }
[LISTED]
class = "LIST"
message = { en = "Please contact us." }
[TRUSTED]
class = "TRUST"
message = { en = "Thank you." }
"#;

/// Seconds after an instant of no meaning.
pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_770_000_000 + secs)
}

pub(super) fn text(value: &str) -> Value {
    Value::Text(Text::from(value))
}

pub(super) fn files(policies: &str, more: &[(&str, &str)]) -> Files {
    let mut files = BTreeMap::from([
        ("bundle.toml".to_owned(), BUNDLE.into()),
        ("reasons.toml".to_owned(), REASONS.into()),
        ("policies.rhai".to_owned(), policies.into()),
    ]);
    files.extend(more.iter().map(|(path, content)| ((*path).to_owned(), (*content).into())));
    Files(files)
}

pub(super) fn set(policies: &str) -> Arc<PolicySet> {
    set_with(policies, &[])
}

pub(super) fn set_with(policies: &str, more: &[(&str, &str)]) -> Arc<PolicySet> {
    let checked = check(&files(policies, more));
    checked.set.unwrap_or_else(|| {
        let errors = checked.diagnostics.iter().filter(|said| said.severity == Severity::Error);
        panic!("{:#?}", errors.collect::<Vec<_>>())
    })
}

pub(super) const SETTINGS: Settings = Settings {
    payment_kept: Span::from_days(7),
    late_max: Span::from_days(1),
    entities_max: 100_000,
    retry: vajra::model::failure::RetrySettings::DEFAULT,
};

pub(super) fn engine(policies: &str) -> Engine {
    engine_of(set(policies))
}

pub(super) fn engine_of(set: Arc<PolicySet>) -> Engine {
    Engine::new(set, SETTINGS, Arc::new(Memory::new(1_000_000)))
}

/// A payment of 10.00 EUR by a card.
pub(super) fn fields(id: &str, attempt: i64, card: &str) -> Fields {
    let mut fields = Fields::new();
    fields.set(Field::Id, text(id));
    fields.set(Field::Attempt, Value::Int(attempt));
    fields.set(Field::Amount, Value::Int(10_00));
    fields.set(Field::Currency, text("EUR"));
    if !card.is_empty() {
        fields.set(Field::CardToken, text(card));
    }
    fields
}

pub(super) fn payment(fields: Fields) -> Payment {
    let intake = Intake::for_history(HashKey::new([7; 32]));
    intake.payment(fields, at(0)).unwrap().value
}

pub(super) fn request(fields: Fields) -> ScoreRequest {
    let payment = payment(fields);
    ScoreRequest { payment, locale: Text::default(), dry_run: false, trace: false }
}

/// What is decided about a payment by a card.
pub(super) fn score(engine: &Engine, id: &str, card: &str, now: Timestamp) -> Arc<Decision> {
    try_score(engine, fields(id, 1, card), now).unwrap().decision
}

pub(super) fn try_score(
    engine: &Engine,
    fields: Fields,
    now: Timestamp,
) -> Result<Scored, ScoreError> {
    engine.score(&request(fields), now)
}

/// The value of a feature for a payment that is only imagined.
pub(super) fn feature(engine: &Engine, name: &str, fields: Fields, now: Timestamp) -> Value {
    let request = ScoreRequest { dry_run: true, ..request(fields) };
    let features = engine.score_with_features(&request, now).unwrap().features.unwrap();
    let set = engine.policies();
    let place = set.features.iter().position(|feature| feature.name.as_ref() == name).unwrap();
    features[place].clone()
}

pub(super) fn outcome(payment_id: &str, status: OutcomeStatus) -> Outcome {
    Outcome {
        payment_id: payment_id.into(),
        attempt: 1,
        outcome_id: None,
        status,
        stage: None,
        amount: None,
        is_final: true,
        provider: None,
        operation: None,
        network: None,
        code: None,
        channel: None,
        advice_code: None,
        retry_after: None,
        latency: None,
        occurred_at: None,
    }
}

pub(super) fn event(name: &str, event_id: &str) -> RecordedEvent {
    RecordedEvent {
        name: name.into(),
        event_id: event_id.into(),
        payment_id: None,
        fields: Fields::new(),
        occurred_at: None,
    }
}

/// A journal that can be told to refuse.
#[derive(Debug, Default)]
pub(super) struct Moody {
    pub(super) refuses: AtomicBool,
}

impl Journal for Moody {
    fn append(&self, _entry: &Entry) -> Result<Position, JournalError> {
        // SeqCst: a switch of a test, in no hurry.
        if self.refuses.load(Ordering::SeqCst) {
            return Err(JournalError("the disk is full".to_owned()));
        }
        Ok(Position::START)
    }

    fn last(&self) -> Position {
        Position(0)
    }
}
