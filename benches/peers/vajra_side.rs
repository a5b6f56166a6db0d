//! The rules as a Vajra bundle, and a payment bound to what it evaluates.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use vajra::model::field::{Field, Fields};
use vajra::model::time::Timestamp;
use vajra::model::value::{Text, Value};
use vajra::policy::bundle::Files;
use vajra::policy::check::check;
use vajra::policy::evaluate::fired_rules;
use vajra::policy::interpret::{Facts, Lists};
use vajra::policy::program::Scratch;
use vajra::policy::set::PolicySet;

use crate::workload::{FEATURES, Flag, LISTS, Number, Payment, Test, Word, list, rules};

/// The rules of one decision, checked.
pub(crate) struct Vajra {
    set: Arc<PolicySet>,
    lists: Known,
    /// The payment as policies have it, overwritten by each.
    fields: Fields,
    features: Vec<Value>,
    scratch: Scratch,
}

/// How many rules stand in one file, which may not be too large.
const RULES_PER_FILE: usize = 1_000;

#[derive(Clone, Debug)]
struct Known(Arc<BTreeMap<&'static str, HashSet<String, ahash::RandomState>>>);

impl Lists for Known {
    fn contains(&self, list: &str, value: &str, _: Timestamp) -> bool {
        self.0.get(list).is_some_and(|values| values.contains(value))
    }

    fn to_shared(&self) -> Arc<dyn Lists> {
        Arc::new(self.clone())
    }
}

impl Vajra {
    /// The rules of that set, as [`policies`] gives it.
    pub(crate) fn new(set: Arc<PolicySet>) -> Self {
        let lists = LISTS.iter().enumerate().map(|(place, name)| {
            (*name, list(place).into_iter().collect::<HashSet<_, ahash::RandomState>>())
        });
        Self {
            set,
            lists: Known(Arc::new(lists.collect())),
            fields: Fields::new(),
            features: vec![Value::Missing; FEATURES],
            scratch: Scratch::default(),
        }
    }

    /// The places of the rules that fire.
    pub(crate) fn decide(&mut self, payment: &Payment, fired: &mut Vec<usize>) {
        bind(payment, &mut self.fields);
        for (feature, value) in self.features.iter_mut().zip(&payment.features) {
            *feature = Value::Int(*value);
        }
        let facts = Facts {
            fields: &self.fields,
            features: &self.features,
            now: Timestamp::EPOCH,
            lists: &self.lists,
        };
        fired_rules(&self.set, &facts, 0, &mut self.scratch, fired);
    }
}

/// The rules of that number, checked and lowered.
pub(crate) fn policies(count: usize) -> Arc<PolicySet> {
    let mut source = String::from("entity card = payment.card.token;\n");
    for place in 0..FEATURES {
        writeln!(source, "feature f{place} = count(e{place}) by card over \"1h\";").unwrap();
    }
    let mut rule_files = Vec::new();
    for (place, tests) in rules(count).iter().enumerate() {
        if place % RULES_PER_FILE == 0 {
            rule_files.push(String::new());
        }
        let tests: Vec<String> = tests.iter().map(written).collect();
        let tests = tests.join(" && ");
        let file = rule_files.last_mut().unwrap();
        writeln!(file, "rule \"{place}\" when {tests} then block(\"CODE\");").unwrap();
    }
    let mut files = BTreeMap::from(
        [
            ("bundle.toml", "name = \"peers\"\nbase_currency = \"EUR\"\ntime_zone = \"UTC\""),
            ("reasons.toml", "[CODE]\nclass = \"FRAUD\"\nmessage = { en = \"No.\" }"),
            ("features.rhai", source.as_str()),
        ]
        .map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec())),
    );
    for (place, source) in rule_files.into_iter().enumerate() {
        files.insert(format!("rules_{place:03}.rhai"), source.into_bytes());
    }
    for (place, name) in LISTS.iter().enumerate() {
        let content = format!("value\n{}\n", list(place).join("\n"));
        files.insert(format!("lists/{name}.csv"), content.into_bytes());
    }
    let checked = check(&Files(files));
    checked.set.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics))
}

fn bind(payment: &Payment, fields: &mut Fields) {
    let text = |text: &str| Value::Text(Text::from(text));
    fields.set(Field::Attempt, Value::Int(payment.attempt));
    fields.set(Field::Amount, Value::Int(payment.amount));
    fields.set(Field::Currency, text(&payment.currency));
    fields.set(Field::AmountBase, Value::Int(payment.amount_base));
    fields.set(Field::Method, text(&payment.method));
    fields.set(Field::Wallet, text(&payment.wallet));
    fields.set(Field::Channel, text(&payment.channel));
    fields.set(Field::Bank, text(&payment.bank));
    fields.set(Field::Region, text(&payment.region));
    fields.set(Field::Recurring, Value::Bool(payment.recurring));
    fields.set(Field::OffSession, Value::Bool(payment.off_session));
    fields.set(Field::CardBin, text(&payment.card_bin));
    fields.set(Field::CardBrand, text(&payment.card_brand));
    fields.set(Field::CardCountry, text(&payment.card_country));
    fields.set(Field::CardFunding, text(&payment.card_funding));
    fields.set(Field::AccountEmailDomain, text(&payment.account_email_domain));
    fields.set(Field::AccountCountry, text(&payment.account_country));
    fields.set(Field::AccountStanding, text(&payment.account_standing));
    fields.set(Field::DeviceIpCountry, text(&payment.device_ip_country));
    fields.set(Field::MerchantId, text(&payment.merchant_id));
    fields.set(Field::MerchantMcc, text(&payment.merchant_mcc));
    fields.set(Field::MerchantCountry, text(&payment.merchant_country));
    fields.set(Field::BillingCountry, text(&payment.billing_country));
    fields.set(Field::ShippingCountry, text(&payment.shipping_country));
    fields.set(Field::ChecksCvc, text(&payment.checks_cvc));
}

fn written(test: &Test) -> String {
    match test {
        Test::Above(left, right) => format!("{} > {right}", number(*left)),
        Test::AtLeast(left, right) => format!("{} >= {right}", number(*left)),
        Test::Below(left, right) => format!("{} < {right}", number(*left)),
        Test::Ratio(left, right, share) => {
            format!("{} * 100 > {} * {share}", number(*left), number(*right))
        }
        Test::Is(left, right) => format!("{} == \"{right}\"", word(*left)),
        Test::IsNot(left, right) => format!("{} != \"{right}\"", word(*left)),
        Test::Differ(left, right) => format!("{} != {}", word(*left), word(*right)),
        Test::OneOf(left, right) => format!("{} in {right:?}", word(*left)),
        Test::OnList(left, place) => format!("{} in list(\"{}\")", word(*left), LISTS[*place]),
        Test::Holds(flag) => name(*flag).to_owned(),
        Test::HoldsNot(flag) => format!("!{}", name(*flag)),
    }
}

fn number(number: Number) -> String {
    match number {
        Number::Amount => "payment.amount".to_owned(),
        Number::AmountBase => "payment.amount_base".to_owned(),
        Number::Attempt => "payment.attempt".to_owned(),
        Number::Feature(place) => format!("card.f{place}"),
    }
}

const fn name(flag: Flag) -> &'static str {
    match flag {
        Flag::Recurring => "payment.recurring",
        Flag::OffSession => "payment.off_session",
    }
}

const fn word(word: Word) -> &'static str {
    match word {
        Word::Currency => "payment.currency",
        Word::Method => "payment.method",
        Word::Wallet => "payment.wallet",
        Word::Channel => "payment.channel",
        Word::Bank => "payment.bank",
        Word::Region => "payment.region",
        Word::CardBin => "payment.card.bin",
        Word::CardBrand => "payment.card.brand",
        Word::CardCountry => "payment.card.country",
        Word::CardFunding => "payment.card.funding",
        Word::AccountEmailDomain => "payment.account.email_domain",
        Word::AccountCountry => "payment.account.country",
        Word::AccountStanding => "payment.account.standing",
        Word::DeviceIpCountry => "payment.device.ip_country",
        Word::MerchantId => "payment.merchant.id",
        Word::MerchantMcc => "payment.merchant.mcc",
        Word::MerchantCountry => "payment.merchant.country",
        Word::BillingCountry => "payment.billing.country",
        Word::ShippingCountry => "payment.shipping.country",
        Word::ChecksCvc => "payment.checks.cvc",
    }
}
