//! The engine against a model that keeps every event and reads every feature by looking at all of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use vajra::engine::{Engine, ScoreRequest};
use vajra::model::field::{Field, Fields};
use vajra::model::outcome::{Outcome, OutcomeStatus};
use vajra::model::value::Value;
use vajra::model::verdict::Verdict;

use super::fixture::{at, engine, event, fields, outcome, request, text};

const POLICY: &str = r#"
    entity card = payment.card.token;
    entity device = payment.device.id;
    entity channel = payment.channel;
    entity pair = [payment.card.token, payment.merchant.id];
    feature attempts = count(attempt) by card over "60s";
    feature own = count(attempt) by card over "60s" inclusive;
    feature delayed = count(attempt) by card over "60s" delayed "30s" inclusive;
    feature blocked = count(blocked) by card over "60s";
    feature since = since_last(attempt) by card;
    feature last_merchant = last(attempt, payment.merchant.id) by card;
    feature spent = sum(authorized, payment.amount_base) by card over "120s";
    feature captured = sum(captured, outcome.amount) by card;
    feature cards = distinct(attempt, payment.card.token) by device over "60s" inclusive;
    feature logins = count(login) by device over "60s";
    feature coded = count(declined) by channel over "60s" where outcome.code == "51";
    feature allowed = count(allowed) by pair over "90s";
    rule "own" when card.own > 4 then block("ATTEMPTS");
    rule "spent" on_error challenge when card.spent > 20_00 then block("DEVICE");
    rule "cards" when device.cards >= 2 then challenge("DEVICE");
"#;

const FEATURES: [&str; 12] = [
    "card.attempts",
    "card.own",
    "card.delayed",
    "card.blocked",
    "card.since",
    "card.last_merchant",
    "card.spent",
    "card.captured",
    "device.cards",
    "device.logins",
    "channel.coded",
    "pair.allowed",
];

/// What a payment or event is about; each a small number, or missing.
#[derive(Clone, Debug, Default)]
struct About {
    card: Option<u8>,
    device: Option<u8>,
    merchant: Option<u8>,
    channel: Option<u8>,
    /// Paid in a currency without a rate.
    is_foreign: bool,
}

#[derive(Clone, Debug)]
struct Happened {
    name: &'static str,
    at: i64,
    about: About,
    code: Option<u8>,
    amount: i64,
}

/// One thing that a caller does. Indices are taken modulo what there is.
#[derive(Clone, Debug)]
enum Act {
    Wait(i64),
    Score {
        about: About,
        dry_run: bool,
        clock_back: i64,
    },
    Retry {
        payment: usize,
        about: About,
    },
    Repeat {
        payment: usize,
    },
    Report {
        payment: usize,
        status: OutcomeStatus,
        code: u8,
        channel: Option<u8>,
        back: Option<i64>,
    },
    Login {
        device: Option<u8>,
        back: Option<i64>,
    },
    LoginOf {
        payment: usize,
    },
    Sweep,
}

#[derive(Default)]
struct Model {
    clock: i64,
    events: Vec<Happened>,
    /// The attempts of each payment.
    payments: Vec<Vec<About>>,
    last_effective: BTreeMap<(&'static str, Vec<u8>), i64>,
    reported: usize,
}

fn about() -> impl Strategy<Value = About> {
    let part = || prop_oneof![1 => Just(None), 5 => (0..3u8).prop_map(Some)];
    (part(), part(), part(), part(), proptest::bool::weighted(0.1)).prop_map(
        |(card, device, merchant, channel, is_foreign)| About {
            card,
            device,
            merchant,
            channel,
            is_foreign,
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    let back = || proptest::option::of(0..100i64);
    let status = prop_oneof![
        Just(OutcomeStatus::Authorized),
        Just(OutcomeStatus::Captured),
        Just(OutcomeStatus::Declined),
        Just(OutcomeStatus::Pending),
    ];
    prop_oneof![
        3 => (0..40i64).prop_map(Act::Wait),
        6 => (about(), proptest::bool::weighted(0.2), 0..5i64).prop_map(
            |(about, dry_run, clock_back)| Act::Score { about, dry_run, clock_back }
        ),
        1 => (any::<usize>(), about())
            .prop_map(|(payment, about)| Act::Retry { payment, about }),
        1 => any::<usize>().prop_map(|payment| Act::Repeat { payment }),
        4 => (any::<usize>(), status, 50..53u8, proptest::option::of(0..3u8), back()).prop_map(
            |(payment, status, code, channel, back)| Act::Report {
                payment,
                status,
                code,
                channel,
                back,
            }
        ),
        1 => (proptest::option::of(0..3u8), back())
            .prop_map(|(device, back)| Act::Login { device, back }),
        1 => any::<usize>().prop_map(|payment| Act::LoginOf { payment }),
        1 => Just(Act::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_engine_equals_a_model_that_forgets_nothing(acts in prop::collection::vec(act(), 1..80)) {
        let engine = engine(POLICY);
        let mut model = Model::default();
        for act in acts {
            model.act(&engine, &act);
        }
    }

    #[test]
    fn the_same_events_give_the_same_bytes(acts in prop::collection::vec(act(), 1..60)) {
        let told = || {
            let engine = engine(POLICY);
            let mut model = Model::default();
            for act in &acts {
                model.act(&engine, act);
            }
            let ids = 0..model.payments.len();
            let timelines = ids.map(|id| engine.payment(&format!("p{id}"), at(0)));
            format!("{:?}", timelines.collect::<Vec<_>>())
        };
        prop_assert_eq!(told(), told());
    }
}

impl Model {
    fn act(&mut self, engine: &Engine, act: &Act) {
        match act.clone() {
            Act::Wait(secs) => self.clock += secs,
            Act::Score { about, dry_run, clock_back } => {
                let payment = self.payments.len();
                self.score(engine, payment, about, (dry_run, self.clock - clock_back));
            }
            Act::Retry { payment, about } => {
                if let Some(payment) = payment.checked_rem(self.payments.len()) {
                    self.score(engine, payment, about, (false, self.clock));
                }
            }
            Act::Repeat { payment } => {
                let Some(payment) = payment.checked_rem(self.payments.len()) else { return };
                let fields = sent(payment, 1, &self.payments[payment][0]);
                let scored = engine.score(&request(fields), at(self.clock)).unwrap();
                assert!(scored.repeated);
            }
            Act::Report { payment, status, code, channel, back } => {
                let Some(payment) = payment.checked_rem(self.payments.len()) else { return };
                self.report(engine, payment, (status, code, channel, back));
            }
            Act::Login { device, back } => {
                self.reported += 1;
                let mut login = event("login", &format!("e{}", self.reported));
                let about = About { device, ..About::default() };
                login.fields = parts(Fields::new(), &about);
                login.occurred_at = back.map(|back| at(self.clock - back));
                engine.record_event(&login, at(self.clock)).unwrap();
                self.happen("login", about, (back, 0, None));
            }
            Act::LoginOf { payment } => {
                let Some(payment) = payment.checked_rem(self.payments.len()) else { return };
                self.reported += 1;
                let mut login = event("login", &format!("e{}", self.reported));
                login.payment_id = Some(format!("p{payment}").into());
                engine.record_event(&login, at(self.clock)).unwrap();
                let about = self.payments[payment].last().unwrap().clone();
                self.happen("login", about, (None, 0, None));
            }
            Act::Sweep => {
                engine.sweep(at(self.clock));
            }
        }
    }

    fn score(&mut self, engine: &Engine, payment: usize, about: About, how: (bool, i64)) {
        let (dry_run, received) = how;
        let attempt = self.payments.get(payment).map_or(0, Vec::len) + 1;
        let request = ScoreRequest { dry_run, ..request(sent(payment, attempt, &about)) };
        let scored = engine.score_with_features(&request, at(received)).unwrap();
        let now = self.effective(&about, received);

        let names: Vec<_> =
            engine.policies().features.iter().map(|feature| feature.name.clone()).collect();
        let features: BTreeMap<_, _> =
            names.iter().map(AsRef::as_ref).zip(scored.features.unwrap()).collect();
        for name in FEATURES {
            assert_eq!(features[name], self.read(name, &about, now), "`{name}` at {now}");
        }
        let verdict = self.verdict(&about, now);
        assert_eq!(scored.decision.evaluation.verdict, verdict);
        assert_eq!(scored.decision.effective_at, at(now));

        if !dry_run {
            self.touch(&about, now);
            if payment == self.payments.len() {
                self.payments.push(Vec::new());
            }
            self.payments[payment].push(about.clone());
            for name in ["attempt", verdict.event()] {
                let about = about.clone();
                self.events.push(Happened { name, at: now, about, code: None, amount: 10_00 });
            }
        }
    }

    fn report(
        &mut self,
        engine: &Engine,
        payment: usize,
        what: (OutcomeStatus, u8, Option<u8>, Option<i64>),
    ) {
        let (status, code, channel, back) = what;
        let mut about = self.payments[payment].last().unwrap().clone();
        about.channel = channel.or(about.channel);
        self.reported += 1;
        let amount = i64::from(code);
        let report = Outcome {
            attempt: u32::try_from(self.payments[payment].len()).unwrap(),
            outcome_id: Some(format!("o{}", self.reported).into()),
            code: Some(code.to_string().into()),
            channel: channel.map(|channel| name('h', channel).into()),
            amount: Some(amount),
            occurred_at: back.map(|back| at(self.clock - back)),
            ..outcome(&format!("p{payment}"), status)
        };
        let receipt = engine.report_outcome(&report, at(self.clock)).unwrap();
        let event = report.event(report.money()).unwrap_or("pending");
        let placed = self.happen(event, about, (back, amount, Some(code)));
        assert_eq!(receipt.receipt.effective_at, at(placed));
    }

    /// Places something that happened `back` seconds ago, and says where.
    fn happen(
        &mut self,
        name: &'static str,
        about: About,
        what: (Option<i64>, i64, Option<u8>),
    ) -> i64 {
        let (back, amount, code) = what;
        let now = self.effective(&about, self.clock);
        self.touch(&about, now);
        let at = back.map_or(now, |back| now.min(self.clock - back));
        self.events.push(Happened { name, at, about, code, amount });
        at
    }

    fn effective(&self, about: &About, received: i64) -> i64 {
        let last = keys(about).filter_map(|key| self.last_effective.get(&key)).max();
        last.map_or(received, |last| received.max(*last))
    }

    fn touch(&mut self, about: &About, now: i64) {
        for key in keys(about) {
            self.last_effective.insert(key, now);
        }
    }

    fn verdict(&self, about: &About, now: i64) -> Verdict {
        let above = |name, most| matches!(self.read(name, about, now), Value::Int(n) if n > most);
        if above("card.own", 4) || above("card.spent", 20_00) {
            Verdict::Block
        } else if above("device.cards", 1) || self.read("card.spent", about, now) == Value::Unknown
        {
            Verdict::Challenge
        } else {
            Verdict::Allow
        }
    }

    /// The events of a name about the same entity, in a window, oldest first.
    fn window(&self, of: (&str, &str), about: &About, window: (i64, i64)) -> Vec<&Happened> {
        let (entity, name) = of;
        let key = keys(about).find(|(kind, _)| *kind == entity);
        let mut found: Vec<_> = self
            .events
            .iter()
            .filter(|event| event.name == name && window.0 < event.at && event.at <= window.1)
            .filter(|event| keys(&event.about).find(|(kind, _)| *kind == entity) == key)
            .collect();
        found.sort_by_key(|event| event.at);
        found
    }

    fn read(&self, feature: &str, about: &About, now: i64) -> Value {
        let (entity, _) = feature.split_once('.').unwrap();
        if !keys(about).any(|(kind, _)| kind == entity) {
            return Value::Missing;
        }
        let of = |name, secs| self.window((entity, name), about, (now - secs, now));
        let count = |found: Vec<&Happened>| int(found.len());
        let all_time = 1_000_000;
        match feature {
            "card.attempts" => count(of("attempt", 60)),
            "card.own" => int(of("attempt", 60).len() + 1),
            "card.delayed" => count(self.window((entity, "attempt"), about, (now - 90, now - 30))),
            "card.blocked" => count(of("blocked", 60)),
            "card.since" => of("attempt", all_time)
                .last()
                .map_or(Value::Missing, |event| Value::Int(now - event.at)),
            "card.last_merchant" => of("attempt", all_time)
                .iter()
                .rev()
                .find_map(|event| event.about.merchant)
                .map_or(Value::Missing, |merchant| text(&name('m', merchant))),
            "card.spent" => {
                let paid = of("authorized", 120);
                if paid.iter().any(|event| event.about.is_foreign) {
                    Value::Unknown
                } else {
                    int(paid.len() * 10_00)
                }
            }
            "card.captured" => {
                Value::Int(of("captured", all_time).iter().map(|event| event.amount).sum())
            }
            "device.cards" => {
                let cards = of("attempt", 60).into_iter().map(|event| event.about.card);
                int(cards.chain([about.card]).flatten().collect::<BTreeSet<_>>().len())
            }
            "device.logins" => count(of("login", 60)),
            "channel.coded" => {
                int(of("declined", 60).iter().filter(|event| event.code == Some(51)).count())
            }
            "pair.allowed" => count(of("allowed", 90)),
            _ => panic!("`{feature}` is not modelled"),
        }
    }
}

/// The entities that something is about.
fn keys(about: &About) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let one = |kind, part: Option<u8>| part.map(|part| (kind, vec![part]));
    let pair = about.card.zip(about.merchant).map(|(card, at)| ("pair", vec![card, at]));
    [one("card", about.card), one("device", about.device), one("channel", about.channel), pair]
        .into_iter()
        .flatten()
}

fn sent(payment: usize, attempt: usize, about: &About) -> Fields {
    let mut fields = fields(&format!("p{payment}"), i64::try_from(attempt).unwrap(), "");
    if about.is_foreign {
        fields.set(Field::Currency, text("NOK"));
    }
    parts(fields, about)
}

fn parts(mut fields: Fields, about: &About) -> Fields {
    let parts = [
        (Field::CardToken, 'c', about.card),
        (Field::DeviceId, 'd', about.device),
        (Field::MerchantId, 'm', about.merchant),
        (Field::Channel, 'h', about.channel),
    ];
    for (field, letter, part) in parts {
        if let Some(part) = part {
            fields.set(field, text(&name(letter, part)));
        }
    }
    fields
}

fn name(letter: char, number: u8) -> String {
    format!("{letter}{number}")
}

fn int(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap())
}
