//! What is counted: each scenario prepares all that it needs and gives back what is done a number of
//! times, always with the same input.

use std::hint::black_box;
use std::sync::Arc;

use prost::Message as _;
use vajra::engine::{Engine, ScoreRequest, Settings};
use vajra::journal::Discard;
use vajra::model::card_number::HashKey;
use vajra::model::failure::RetrySettings;
use vajra::model::field::{Field, Fields};
use vajra::model::intake::Intake;
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::Text;
use vajra::policy::bundle::Files;
use vajra::policy::check::check;
use vajra::policy::set::PolicySet;
use vajra::server::client::payment_message;
use vajra::server::proto;
use vajra::traffic::{self, Traffic};

use crate::vajra_side::{Vajra, policies};
use crate::workload::payments;

/// What is counted, and how often it is done in one run.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) times: u32,
    pub(crate) prepare: fn() -> Box<dyn FnMut()>,
}

pub(crate) const SCENARIOS: [Scenario; 6] = [
    Scenario { name: "score", times: SCORES, prepare: || score(shipped(), false) },
    Scenario { name: "score-dry-run", times: SCORES, prepare: || score(shipped(), true) },
    Scenario {
        name: "score-ten-features",
        times: SCORES,
        prepare: || score(ten_features(), false),
    },
    Scenario { name: "evaluate-100-rules", times: SCORES, prepare: evaluated },
    Scenario { name: "decode-score-request", times: SCORES, prepare: decode },
    Scenario { name: "encode-score-response", times: SCORES, prepare: encode },
];

const SCORES: u32 = 1_000;

/// How many payments give the entities a history first.
const HISTORY: u32 = 4_000;

const FIRST_AT: Timestamp = Timestamp::from_secs(1_770_000_000);

/// Scores generated payments, by an engine that has scored others of the same customers before.
fn score(set: Arc<PolicySet>, dry_run: bool) -> Box<dyn FnMut()> {
    let settings = Settings {
        payment_kept: Span::from_secs(600),
        late_max: Span::from_days(1),
        entities_max: 1_000_000,
        retry: RetrySettings::default(),
    };
    let engine = Engine::new(set, settings, Arc::new(Discard));
    let intake = Intake::for_history(HashKey::new([7; 32]));
    let mut requests = generated().map(move |fields| {
        let now = fields.get(Field::OccurredAt).as_time().expect("it is always there");
        let payment = intake.payment(fields, now).expect("generated payments are valid").value;
        (ScoreRequest { payment, locale: Text::default(), dry_run: false, trace: false }, now)
    });
    for (request, now) in requests.by_ref().take(HISTORY as usize) {
        engine.score(&request, now).expect("it is new");
    }
    let mut requests: Vec<_> = requests.collect();
    for (request, _) in &mut requests {
        request.dry_run = dry_run;
    }
    Box::new(move || {
        for (request, now) in &requests {
            black_box(engine.score(request, *now)).expect("it is new");
        }
    })
}

fn generated() -> impl Iterator<Item = Fields> {
    let settings = traffic::Settings {
        seed: 1,
        payments: u64::from(HISTORY + SCORES),
        customers: 800,
        start: FIRST_AT,
        length: Span::from_days(1),
    };
    Traffic::new(settings).map(|attempt| attempt.fields)
}

fn shipped() -> Arc<PolicySet> {
    check(&Files::shipped()).set.expect("the shipped policies are valid")
}

/// Ten windows over the events of a card, all read by one rule.
fn ten_features() -> Arc<PolicySet> {
    let mut rules = "entity card = payment.card.token;\n".to_owned();
    let mut condition = Vec::new();
    for hours in 1..=10 {
        rules += &format!("feature f{hours} = count(attempt) by card over \"{hours}h\";\n");
        condition.push(format!("card.f{hours} > 1000"));
    }
    rules += &format!("rule \"all\" when {} then block(\"CODE\");\n", condition.join(" || "));
    let files = [
        ("bundle.toml", "name = \"bench\"\nbase_currency = \"EUR\"\ntime_zone = \"Europe/Berlin\""),
        ("reasons.toml", "[CODE]\nclass = \"FRAUD\"\nmessage = { en = \"No.\" }"),
        ("rules.rhai", rules.as_str()),
    ];
    let files = files.map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()));
    check(&Files(files.into())).set.expect("these policies are valid")
}

/// Binds payments to what the rules read, and evaluates a hundred of them.
fn evaluated() -> Box<dyn FnMut()> {
    let payments = payments();
    let mut vajra = Vajra::new(policies(100));
    let mut fired = Vec::new();
    Box::new(move || {
        for payment in payments.iter().take(SCORES as usize) {
            vajra.decide(payment, &mut fired);
            black_box(&fired);
        }
    })
}

/// Reads requests from their bytes.
fn decode() -> Box<dyn FnMut()> {
    let requests: Vec<Vec<u8>> = generated()
        .take(SCORES as usize)
        .map(|fields| {
            let payment = Some(payment_message(&fields));
            proto::ScoreRequest { payment, ..Default::default() }.encode_to_vec()
        })
        .collect();
    Box::new(move || {
        for bytes in &requests {
            black_box(proto::ScoreRequest::decode(bytes.as_slice())).expect("it was encoded");
        }
    })
}

/// Writes answers as bytes.
fn encode() -> Box<dyn FnMut()> {
    let answer = proto::ScoreResponse {
        decision_id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
        payment_id: "payment-000000000001".to_owned(),
        attempt: 1,
        verdict: proto::Verdict::Block.into(),
        score: 70,
        reasons: vec![proto::Reason {
            code: "CARD_TESTING".to_owned(),
            class: proto::ReasonClass::Fraud.into(),
            rule: "card testing".to_owned(),
            message: "Your bank has declined this payment.".to_owned(),
        }],
        next_step: proto::NextStep::Stop.into(),
        customer_message: "This payment cannot be made.".to_owned(),
        policy_version: "b4a1c0ffee55".to_owned(),
        ..Default::default()
    };
    Box::new(move || {
        for _ in 0..SCORES {
            black_box(black_box(&answer).encode_to_vec());
        }
    })
}
