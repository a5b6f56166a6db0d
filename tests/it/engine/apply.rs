//! An engine that applied the entries of another equals it: its answers, its features, its limits, its
//! timelines, its lists and its next decisions, whatever happened in whatever order.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use vajra::engine::apply::ApplyError;
use vajra::engine::journal::Entry;
use vajra::engine::{Engine, ScoreRequest};
use vajra::journal::{Discard, Memory};
use vajra::list::{ChangeKind, ListChange};
use vajra::model::field::{Field, Fields};
use vajra::model::outcome::{Outcome, OutcomeStatus, Stage};
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::Value;
use vajra::policy::bundle::Files;
use vajra::policy::check::check;
use vajra::policy::set::PolicySet;

use super::fixture::{
    BUNDLE, SETTINGS, at, event, fields, files, outcome, request, score, set_with, text,
};

const ENTITIES: &str = r#"
    entity card = payment.card.token;
    entity device = payment.device.id;
    entity pair = [payment.card.token, payment.merchant.id];
    feature attempts = count(attempt) by card over "60s";
    feature own = count(attempt) by card over "60s" inclusive;
    feature since = since_last(attempt) by card;
    feature last_merchant = last(attempt, payment.merchant.id) by card;
    feature captured = sum(captured, outcome.amount) by card;
    feature cards = distinct(attempt, payment.card.token) by device over "60s" inclusive;
    feature logins = count(login) by device over "60s";
    feature fraud = count(fraud) by card;
    limit "spend" = sum(payment.amount_base) by card per "day" max 60_00 returns refunded
      then block("ATTEMPTS");
    limit "number" = count() by pair over "90s" max 5 then challenge("DEVICE");
    rule "listed" when payment.card.token in list("blocked") then block("LISTED");
"#;

/// What the versions of the bundle have besides: a feature more, another value of a feature, fewer.
const VERSIONS: [&str; 3] = [
    r#"rule "own" when card.own > 4 then block("ATTEMPTS");"#,
    r#"feature listed = count(declined) by card over "90s" where payment.card.token in list("blocked");
       feature spent = sum(authorized, payment.amount_base) by card over "120s";
       rule "spent" when card.spent > 20_00 || card.listed > 1 then challenge("DEVICE");"#,
    r#"feature allowed = count(allowed) by pair over "90s";
       rule "own" when pair.allowed > 2 then challenge("DEVICE");"#,
];

const CHANNELS: &str = r#"
[[channel]]
id = "h0"
cost = 1
[[channel]]
id = "h1"
cost = 2
"#;

/// One thing that happens. Indices are taken modulo what there is.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Wait(i64),
    Score { payment: Option<usize>, parts: [u8; 4], amount: i64, clock_back: i64 },
    Report { payment: usize, attempt: u32, status: OutcomeStatus, code: u8, back: Option<i64> },
    Login { device: u8, back: Option<i64> },
    About { payment: usize },
    Label { card: u8 },
    List { card: u8, kind: u8 },
    Publish(usize),
    Sweep,
}

/// An engine with all that was done to it.
pub(super) struct Driven {
    pub(super) engine: Engine,
    pub(super) journal: Arc<Memory>,
    clock: i64,
    /// The attempts of each payment.
    payments: Vec<Vec<Fields>>,
    outcomes: Vec<Outcome>,
    events: usize,
}

/// Checked once: most of the time would go there.
pub(super) fn version(number: usize) -> Arc<PolicySet> {
    static SETS: [OnceLock<Arc<PolicySet>>; VERSIONS.len()] =
        [const { OnceLock::new() }; VERSIONS.len()];
    let set = SETS[number].get_or_init(|| {
        let policies = format!("{ENTITIES}{}", VERSIONS[number]);
        let bundle = format!("{BUNDLE}{CHANNELS}");
        set_with(&policies, &[("bundle.toml", &bundle), ("lists/blocked.csv", "value\nc2\n")])
    });
    Arc::clone(set)
}

pub(super) fn compile(files: &Files) -> Result<Arc<PolicySet>, String> {
    let known = (0..VERSIONS.len()).map(version).find(|set| *set.bundle.files == *files);
    if let Some(set) = known {
        return Ok(set);
    }
    let checked = check(files);
    checked.set.ok_or_else(|| format!("{:?}", checked.diagnostics))
}

pub(super) fn acts(most: usize) -> impl Strategy<Value = Vec<Act>> {
    let back = || proptest::option::of(0..100i64);
    let status = proptest::sample::select(OutcomeStatus::ALL.as_slice());
    let act = prop_oneof![
        3 => prop_oneof![4 => 0..40i64, 1 => Just(86_400)].prop_map(Act::Wait),
        8 => (
            proptest::option::weighted(0.3, any::<usize>()),
            [0..4u8, 0..3u8, 0..3u8, 0..3u8],
            1..30_00i64,
            0..5i64,
        )
            .prop_map(|(payment, parts, amount, clock_back)| Act::Score {
                payment, parts, amount, clock_back,
            }),
        6 => (any::<usize>(), 1..3u32, status, 50..54u8, back()).prop_map(
            |(payment, attempt, status, code, back)| Act::Report {
                payment, attempt, status, code, back,
            }
        ),
        1 => (0..3u8, back()).prop_map(|(device, back)| Act::Login { device, back }),
        1 => any::<usize>().prop_map(|payment| Act::About { payment }),
        1 => (0..3u8).prop_map(|card| Act::Label { card }),
        1 => (0..4u8, 0..3u8).prop_map(|(card, kind)| Act::List { card, kind }),
        1 => (0..3usize).prop_map(Act::Publish),
        1 => Just(Act::Sweep),
    ];
    prop::collection::vec(act, 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_engine_that_applied_the_entries_of_another_equals_it(acts in acts(80)) {
        let mut driven = Driven::new();
        for act in &acts {
            driven.act(act);
        }

        let rebuilt = driven.rebuilt();

        driven.assert_equals(&rebuilt);
    }
}

#[test]
fn an_entry_about_an_attempt_that_is_missing_says_which_and_changes_nothing() {
    let mut driven = Driven::new();
    for act in [
        Act::Score { payment: None, parts: [0; 4], amount: 10_00, clock_back: 0 },
        Act::Report {
            payment: 0,
            attempt: 1,
            status: OutcomeStatus::Authorized,
            code: 50,
            back: None,
        },
    ] {
        driven.act(&act);
    }
    let entries = driven.journal.entries();
    let engine = Engine::new(version(0), SETTINGS, Arc::new(Discard));

    let error = engine.apply(&entries[1], &compile).unwrap_err();

    let sequence = entries[1].sequence();
    assert_eq!(error, ApplyError::UnknownAttempt { sequence, payment_id: "p0".into() });
    assert_eq!(engine.held().payments, 0);
    assert_eq!(score(&engine, "q", "c9", at(0)).sequence, 1);
}

#[test]
fn a_publication_whose_files_are_refused_today_says_which_and_changes_nothing() {
    let engine = Engine::new(version(0), SETTINGS, Arc::new(Discard));
    let entry = Entry::Publication {
        sequence: 7,
        at: at(0),
        policy_version: "v".into(),
        files: Arc::new(files("rule \"broken", &[])),
    };

    let error = engine.apply(&entry, &compile).unwrap_err();

    assert!(error.to_string().starts_with("policies v, which entry 7 published, are refused"));
    assert_eq!(engine.policies().bundle.version, version(0).bundle.version);
}

impl Driven {
    pub(super) fn new() -> Self {
        let journal = Arc::new(Memory::new(1_000_000));
        Self {
            engine: Engine::new(version(0), SETTINGS, journal.clone()),
            journal,
            clock: 0,
            payments: Vec::new(),
            outcomes: Vec::new(),
            events: 0,
        }
    }

    /// The same, with the policies that it begins with as the first entry.
    pub(super) fn begun() -> Self {
        let driven = Self::new();
        driven.engine.record_beginning(at(0)).unwrap();
        driven
    }

    /// Another engine that applied what this one appended.
    pub(super) fn rebuilt(&self) -> Engine {
        let engine = Engine::new(version(0), SETTINGS, Arc::new(Memory::new(1_000_000)));
        for entry in self.journal.entries() {
            engine.apply(&entry, &compile).unwrap();
        }
        engine
    }

    pub(super) fn act(&mut self, act: &Act) {
        match act.clone() {
            Act::Wait(secs) => self.clock += secs,
            Act::Score { payment, parts, amount, clock_back } => {
                let payment = payment.and_then(|it| it.checked_rem(self.payments.len()));
                let payment = payment.unwrap_or(self.payments.len());
                let attempt = self.payments.get(payment).map_or(0, Vec::len) + 1;
                let fields = sent(payment, attempt, parts, amount);
                self.engine.score(&request(fields.clone()), at(self.clock - clock_back)).unwrap();
                self.payments.resize_with(self.payments.len().max(payment + 1), Vec::new);
                self.payments[payment].push(fields);
            }
            Act::Report { payment, attempt, status, code, back } => {
                let Some(payment) = payment.checked_rem(self.payments.len()) else { return };
                let outcome = Outcome {
                    attempt,
                    outcome_id: Some(format!("o{}", self.outcomes.len()).into()),
                    stage: (status == OutcomeStatus::Failed).then_some(Stage::Sent),
                    provider: Some("iso8583".into()),
                    code: Some(code.to_string().into()),
                    channel: (code == 53).then(|| "h1".into()),
                    occurred_at: back.map(|back| at(self.clock - back)),
                    ..outcome(&format!("p{payment}"), status)
                };
                if self.engine.report_outcome(&outcome, at(self.clock)).is_ok() {
                    self.outcomes.push(outcome);
                }
            }
            Act::Login { device, back } => {
                self.events += 1;
                let mut login = event("login", &format!("e{}", self.events));
                login.fields.set(Field::DeviceId, text(&format!("d{device}")));
                login.occurred_at = back.map(|back| at(self.clock - back));
                self.engine.record_event(&login, at(self.clock)).unwrap();
            }
            Act::About { payment } => {
                let Some(payment) = payment.checked_rem(self.payments.len()) else { return };
                self.events += 1;
                let mut fraud = event("fraud", &format!("e{}", self.events));
                fraud.payment_id = Some(format!("p{payment}").into());
                // Refused when its payment is forgotten.
                let _known = self.engine.record_event(&fraud, at(self.clock));
            }
            Act::Label { card } => {
                let fields = fields("any", 1, &format!("c{card}"));
                self.engine.apply_event("fraud", &fields, at(self.clock)).unwrap();
            }
            Act::List { card, kind } => {
                let expires_at = (kind == 1).then(|| at(self.clock + 30));
                let kind = match kind {
                    0 => ChangeKind::Remove { reason: None },
                    _ => ChangeKind::Add { expires_at, reason: Some("test".into()) },
                };
                let change =
                    ListChange { list: "blocked".into(), value: format!("c{card}").into(), kind };
                self.engine.change_list(&change, at(self.clock)).unwrap();
            }
            Act::Publish(number) => {
                self.engine.publish(version(number), at(self.clock)).unwrap();
            }
            Act::Sweep => {
                self.engine.sweep(at(self.clock));
            }
        }
    }

    pub(super) fn assert_equals(&self, other: &Engine) {
        assert_eq!(self.engine.policies().bundle.version, other.policies().bundle.version);
        let now = at(self.clock);
        let ids: Vec<String> =
            (0..self.payments.len()).map(|number| format!("p{number}")).collect();
        for secs in [0, 20, 80, 86_400, 2 * 86_400] {
            let now = now.plus(Span::from_secs(secs));
            assert_eq!(seen(&self.engine, &ids, now), seen(other, &ids, now));
        }
        // What was answered is answered again, byte for byte, and counts nothing.
        for fields in self.payments.iter().flatten() {
            let asked = |engine: &Engine| {
                let scored = engine.score(&request(fields.clone()), now);
                scored.map(|scored| (scored.repeated, scored.decision)).map_err(|it| it.to_string())
            };
            assert_eq!(asked(&self.engine), asked(other));
        }
        for outcome in &self.outcomes {
            let told = |engine: &Engine| {
                let reported = engine.report_outcome(outcome, now);
                format!("{reported:?}")
            };
            assert_eq!(told(&self.engine), told(other));
        }
        for number in 0..self.events {
            let login = event("login", &format!("e{}", number + 1));
            let told = |engine: &Engine| format!("{:?}", engine.record_event(&login, now));
            assert_eq!(told(&self.engine), told(other));
        }
        // What comes next is decided alike.
        for number in 0..6 {
            let parts = [number % 3, number % 2, number % 3, number % 2];
            let fields = sent(1_000 + usize::from(number), 1, parts, 15_00);
            let decided =
                |engine: &Engine| engine.score(&request(fields.clone()), now).unwrap().decision;
            assert_eq!(decided(&self.engine), decided(other));
            let declined = Outcome {
                code: Some("05".into()),
                provider: Some("iso8583".into()),
                ..outcome(&format!("p{}", 1_000 + usize::from(number)), OutcomeStatus::Declined)
            };
            let told = |engine: &Engine| format!("{:?}", engine.report_outcome(&declined, now));
            assert_eq!(told(&self.engine), told(other));
        }
    }
}

/// All that can be seen of an engine without changing it.
pub(super) fn seen(
    engine: &Engine,
    payments: &[String],
    now: Timestamp,
) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    for id in payments {
        let timeline = engine.payment(id, now);
        seen.insert(id.clone(), format!("{timeline:?}"));
    }
    for card in 0..4u8 {
        for device in 0..3u8 {
            for merchant in 0..3u8 {
                let fields = sent(900, 1, [card, device, merchant, 0], 5_00);
                let request = ScoreRequest { dry_run: true, trace: true, ..request(fields) };
                let scored = engine.score_with_features(&request, now).unwrap();
                let name = format!("c{card} d{device} m{merchant}");
                seen.insert(name, format!("{:?} {:?}", scored.features, scored.decision));
            }
        }
    }
    let listed = engine.list_entries("blocked", now);
    seen.insert("blocked".to_owned(), format!("{listed:?}"));
    seen
}

fn sent(payment: usize, attempt: usize, parts: [u8; 4], amount: i64) -> Fields {
    let mut fields = fields(&format!("p{payment}"), i64::try_from(attempt).unwrap(), "");
    let [card, device, merchant, channel] = parts;
    fields.set(Field::Amount, Value::Int(amount));
    fields.set(Field::CardToken, text(&format!("c{card}")));
    fields.set(Field::DeviceId, text(&format!("d{device}")));
    fields.set(Field::MerchantId, text(&format!("m{merchant}")));
    fields.set(Field::Channel, text(&format!("h{channel}")));
    fields
}
