//! How long a policy takes to evaluate: 10, 30 and 100 typical rules by the interpreter, and the same
//! 100 conditions by Rhai itself, one script over nested maps.
#![expect(
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark stops when something is wrong"
)]

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use rhai::{AST, Dynamic, Engine, Map, Scope};
use vajra::model::field::{Field, Fields};
use vajra::model::time::Timestamp;
use vajra::model::value::{Text, Value};
use vajra::policy::bundle::Files;
use vajra::policy::check::check;
use vajra::policy::evaluate::evaluate;
use vajra::policy::interpret::{Facts, Lists};
use vajra::policy::set::PolicySet;

const DECLARATIONS: &str = r#"
entity card   = payment.card.token;
entity device = payment.device.id;
feature attempts_1h = count(attempt)                               by card   over "1h";
feature declines_1h = count(declined)                              by card   over "1h";
feature avg_30d     = avg(attempt, payment.amount_base)            by card   over "30d";
feature cards_24h   = distinct(attempt, payment.card.token)        by device over "24h";
let far = distance_km(payment.device.lat, payment.device.lon, payment.billing.lat, payment.billing.lon);
"#;

/// Conditions as analysts write them; `N` differs from rule to rule, so that none fires.
const CONDITIONS: [&str; 10] = [
    "card.attempts_1h > 1N && card.declines_1h >= 3",
    "payment.amount_base > 9N_00 && payment.card.country != payment.device.ip_country",
    "device.cards_24h > 1N && payment.amount_base > 3 * card.avg_30d",
    "payment.billing.country in [\"XA\", \"XB\", \"XC\", \"XD\", \"X0\"]",
    "payment.account.email_domain in list(\"disposable\") && card.attempts_1h > N",
    "age(payment.account.created_at) < N * 60 && payment.amount_base > 1_00",
    "payment.card.funding == \"prepaid\" && !payment.recurring && payment.amount_base > N",
    "hour(payment.occurred_at) in 0..3 && payment.amount_base > 5N_00",
    "far > 12N.0 && payment.card.brand == \"amex\"",
    "(payment.attributes.tier ?? \"\") == \"trial-N\" || payment.checks.cvc == \"fail\"",
];

#[derive(Clone, Debug)]
struct Disposable(Arc<HashSet<String>>);

impl Lists for Disposable {
    fn contains(&self, _: &str, value: &str, _: Timestamp) -> bool {
        self.0.contains(value)
    }

    fn to_shared(&self) -> Arc<dyn Lists> {
        Arc::new(self.clone())
    }
}

fn conditions(rules: usize) -> impl Iterator<Item = String> {
    CONDITIONS
        .iter()
        .cycle()
        .take(rules)
        .enumerate()
        .map(|(place, condition)| condition.replace('N', &(place / 10).to_string()))
}

fn set_of(rules: usize) -> Arc<PolicySet> {
    let mut source = DECLARATIONS.to_owned();
    for (place, condition) in conditions(rules).enumerate() {
        let action = ["block", "challenge", "review"][place % 3];
        writeln!(source, "rule \"r{place}\" when {condition} then {action}(\"CODE\");").unwrap();
    }
    let files = [
        ("bundle.toml", "name = \"bench\"\nbase_currency = \"EUR\"\ntime_zone = \"Europe/Berlin\""),
        ("reasons.toml", "[CODE]\nclass = \"FRAUD\"\nmessage = { en = \"No.\" }"),
        ("lists/disposable.csv", "value\nmailinator.com\n"),
        ("rules.rhai", source.as_str()),
    ];
    let files = files.map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()));
    let checked = check(&Files(BTreeMap::from(files)));
    checked.set.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics))
}

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-03-02T12:00:00Z").unwrap()
}

/// The fields of a payment; texts are longer than what is held inline here and there.
fn payment() -> Vec<(Field, Value)> {
    let text = |text: &str| Value::Text(Text::from(text));
    vec![
        (Field::Id, text("pay_01HV6Z8K9M2N3P4Q5R6S7T8V9W")),
        (Field::AmountBase, Value::Int(42_00)),
        (Field::Recurring, Value::Bool(false)),
        (Field::OccurredAt, Value::Time(now())),
        (Field::CardToken, text("tok_4b825dc642cb6eb9a060e54bf8d69288")),
        (Field::CardCountry, text("DE")),
        (Field::CardFunding, text("credit")),
        (Field::CardBrand, text("visa")),
        (Field::AccountCreatedAt, Value::Time(Timestamp::from_secs(1_700_000_000))),
        (Field::AccountEmailDomain, text("example.com")),
        (Field::DeviceIpCountry, text("DE")),
        (Field::DeviceLat, Value::Float(52.5)),
        (Field::DeviceLon, Value::Float(13.4)),
        (Field::BillingCountry, text("DE")),
        (Field::BillingLat, Value::Float(48.1)),
        (Field::BillingLon, Value::Float(11.6)),
        (Field::ChecksCvc, text("pass")),
    ]
}

fn features() -> Vec<Value> {
    vec![Value::Int(2), Value::Int(0), Value::Float(39_50.0), Value::Int(1)]
}

fn lists() -> Disposable {
    Disposable(Arc::new((0..1_000).map(|place| format!("trash{place}.test")).collect()))
}

/// The same conditions as one Rhai script that counts those that hold.
fn rhai(rules: usize) -> (Engine, AST) {
    let lists = lists();
    let mut engine = Engine::new();
    engine
        .set_max_strings_interned(0)
        .set_max_expr_depths(0, 0)
        .register_type_with_name::<Timestamp>("time")
        .register_fn("age", |at: Timestamp| now().since(at).as_secs())
        .register_fn("hour", |at: Timestamp| {
            i64::from(at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).hour())
        })
        .register_fn("list", move |_: &str| lists.clone())
        .register_fn("contains", |list: Disposable, value: &str| list.0.contains(value))
        .register_fn("distance_km", |a: f64, b: f64, c: f64, d: f64| (a - c).hypot(b - d) * 111.0);
    let mut source = String::from(
        "let fired = 0;\nlet far = distance_km(payment.device.lat, payment.device.lon, \
         payment.billing.lat, payment.billing.lon);\n",
    );
    for condition in conditions(rules) {
        writeln!(source, "if {condition} {{ fired += 1; }}").unwrap();
    }
    source.push_str("fired");
    let ast = engine.compile(source).unwrap();
    (engine, ast)
}

fn scope() -> Scope<'static> {
    let mut blocks: BTreeMap<&str, Map> = BTreeMap::new();
    let mut payment_block = Map::new();
    for (field, value) in payment() {
        let path = field.path().strip_prefix("payment.").unwrap();
        let value = dynamic(value);
        match path.split_once('.') {
            Some((block, name)) => {
                blocks.entry(block).or_default().insert(name.into(), value);
            }
            None => {
                payment_block.insert(path.into(), value);
            }
        }
    }
    let attributes = Map::from([("tier".into(), "standard".into())]);
    payment_block.insert("attributes".into(), attributes.into());
    payment_block.extend(blocks.into_iter().map(|(name, block)| (name.into(), block.into())));
    let [attempts, declines, average, cards] = features().try_into().unwrap();
    let card = Map::from([
        ("attempts_1h".into(), dynamic(attempts)),
        ("declines_1h".into(), dynamic(declines)),
        ("avg_30d".into(), dynamic(average)),
    ]);
    let mut scope = Scope::new();
    scope.push("payment", payment_block);
    scope.push("card", card);
    scope.push("device", Map::from([("cards_24h".into(), dynamic(cards))]));
    scope
}

fn dynamic(value: Value) -> Dynamic {
    match value {
        Value::Bool(truth) => truth.into(),
        Value::Int(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Time(at) => Dynamic::from(at),
        Value::Text(text) => text.as_str().into(),
        Value::Missing | Value::Unknown | Value::Texts(_) => Dynamic::UNIT,
    }
}

fn bench(criterion: &mut Criterion) {
    let mut fields = Fields::new();
    for (field, value) in payment() {
        fields.set(field, value);
    }
    fields.set_attribute(Text::from("tier"), Value::Text(Text::from("standard")));
    let features = features();
    let lists = lists();
    let facts = Facts { fields: &fields, features: &features, now: now(), lists: &lists };

    let mut group = criterion.benchmark_group("policy");
    for rules in [10, 30, 100] {
        let set = set_of(rules);
        let evaluation = evaluate(&set, &facts, &[], false);
        assert!(evaluation.fired.is_empty() && evaluation.errors.is_empty(), "{evaluation:#?}");
        group.bench_function(format!("interpreter/{rules}"), |bencher| {
            bencher.iter(|| evaluate(black_box(&set), black_box(&facts), &[], false));
        });
    }
    let (engine, ast) = rhai(100);
    let mut scope = scope();
    let fired: i64 = engine.eval_ast_with_scope(&mut scope, &ast).unwrap();
    assert_eq!(fired, 0);
    scope.rewind(3);
    group.bench_function("rhai/100", |bencher| {
        bencher.iter(|| {
            let fired: i64 = engine.eval_ast_with_scope(&mut scope, black_box(&ast)).unwrap();
            scope.rewind(3);
            fired
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
