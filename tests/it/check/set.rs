//! What a correct bundle comes to.

use std::sync::Arc;

use vajra::feature::spec::{Aggregate, EntityLayout};
use vajra::model::card_number::HashKey;
use vajra::model::time::Span;
use vajra::model::value::{Text, Value, ValueType};
use vajra::model::verdict::Mode;
use vajra::policy::ast::BinaryOp;
use vajra::policy::check::{check, check_with};
use vajra::policy::diagnostic::render_text;
use vajra::policy::ir::Expr;
use vajra::policy::set::{ActionDef, PolicySet};

use super::bundle;

/// The set of a policy that has no error.
fn set_of(source: &str) -> Arc<PolicySet> {
    set_of_files(source, &[])
}

fn set_of_files(source: &str, more: &[(&str, &str)]) -> Arc<PolicySet> {
    let files = bundle(source, more);
    let checked = check(&files);
    checked.set.unwrap_or_else(|| panic!("{}", render_text(&checked.diagnostics, &files)))
}

/// The condition of the only rule over `expr`.
fn condition(expr: &str) -> Expr {
    set_of(&format!("rule \"one\" when {expr} then block(\"CARD_TESTING\");")).rules[0].when.clone()
}

fn layout<'a>(set: &'a PolicySet, entity: &str) -> &'a EntityLayout {
    &set.entities.iter().find(|one| &*one.name == entity).unwrap().layout
}

const DESIGN: &str = r#"
entity card    = payment.card.token;
entity device  = payment.device.id;
entity pair    = [payment.card.token, payment.merchant.id];
feature attempts_1h = count(attempt)                                by card   over "1h";
feature attempts_1d = count(attempt)                                by card   over "1d" inclusive;
feature declines_1h = count(declined)                               by card   over "1h" where outcome.is_evidence;
feature cards_24h   = distinct(attempt, payment.card.token)         by device over "24h";
feature avg_30d     = avg(authorized, payment.amount_base)          by card   over "30d" delayed "1d";
feature last_ip_country = last(attempt, payment.device.ip_country)  by card;
feature first_seen  = since_first(attempt)                          by pair;
const LARGE = 500_00;
let burst = card.attempts_1h - card.declines_1h;
fn risky(country) { country in ["XA", "XB"] }
rule "card testing" when card.attempts_1h > 10 && card.declines_1h >= 3 then block("CARD_TESTING");
rule "new device" mode shadow when device.cards_24h > 3 && payment.amount_base > 3 * card.avg_30d
  then challenge("NEW_DEVICE", "3ds");
rule "points" when risky(payment.device.ip_country) && burst > LARGE then score(30, "RISKY_COUNTRY");
rule "too many points" always on_error block when score >= 80 then block("CARD_TESTING"), review("NEW_DEVICE");
rule "off" mode off when card.last_ip_country == "XA" && pair.first_seen < 60 then allow("TRUSTED");
"#;

#[test]
fn every_declaration_has_its_place() {
    let set = set_of(DESIGN);
    let names: Vec<&str> = set.features.iter().map(|feature| &*feature.name).collect();
    assert_eq!(
        names,
        [
            "card.attempts_1h",
            "card.attempts_1d",
            "card.declines_1h",
            "device.cards_24h",
            "card.avg_30d",
            "card.last_ip_country",
            "pair.first_seen"
        ]
    );
    let types: Vec<ValueType> = set.features.iter().map(|feature| feature.value_type).collect();
    assert_eq!(
        types,
        [
            ValueType::Int,
            ValueType::Int,
            ValueType::Int,
            ValueType::Int,
            ValueType::Float,
            ValueType::Text,
            ValueType::Int
        ]
    );
    for feature in &set.features {
        let spec = &set.entities[feature.entity].layout.features[feature.slot];
        assert_eq!(spec.value_type, feature.value_type, "{}", feature.name);
    }
    let (_, average) = set.feature("card.avg_30d").unwrap();
    let spec = &layout(&set, "card").features[average.slot];
    assert_eq!(spec.aggregate, Aggregate::Avg);
    assert_eq!(spec.window, Some(Span::from_days(30)));
    assert_eq!(spec.delay, Span::from_days(1));
}

#[test]
fn features_over_the_same_events_share_a_stream_and_each_stream_is_fed_once() {
    let set = set_of(DESIGN);
    let card = layout(&set, "card");
    assert_eq!(card.streams.len(), 4);
    assert_eq!(card.features[0].stream, card.features[1].stream);
    assert!(!card.features[0].inclusive);
    assert!(card.features[1].inclusive);
    let fed: Vec<(&str, usize)> =
        set.taps.iter().map(|(event, taps)| (event.as_str(), taps.len())).collect();
    assert_eq!(fed, [("attempt", 4), ("authorized", 1), ("declined", 1)]);
    assert!(set.taps_of("declined")[0].filter.is_some());
    assert!(set.taps_of("never").is_empty());
}

#[test]
fn only_features_that_an_active_or_shadow_rule_reaches_are_live() {
    let set = set_of(DESIGN);
    let live: Vec<&str> = set
        .live_features
        .iter()
        .map(|index| &*set.features[usize::try_from(index.0).unwrap()].name)
        .collect();
    assert_eq!(live, ["card.attempts_1h", "card.declines_1h", "device.cards_24h", "card.avg_30d"]);
}

#[test]
fn rules_keep_what_they_were_declared_with() {
    let set = set_of(DESIGN);
    let rule = set.rule("new device").unwrap();
    assert_eq!(rule.mode, Mode::Shadow);
    assert_eq!(
        rule.actions,
        [ActionDef::Challenge(Arc::from("NEW_DEVICE"), vec![Text::from("3ds")])]
    );
    assert_eq!(&*rule.actions_written[0], "challenge(\"NEW_DEVICE\", \"3ds\")");
    assert!(!rule.reads_score);
    let last = set.rule("too many points").unwrap();
    assert!(last.reads_score && last.always);
    assert_eq!(last.actions_written.len(), 2);
    assert!(set.rule("never").is_none());
}

#[test]
fn rules_stand_in_order_of_file_and_line() {
    let rule = |name: &str| format!("rule \"{name}\" when true then block(\"CARD_TESTING\");\n");
    let source = format!("{}{}", rule("policy 1"), rule("policy 2"));
    let files = [("a.rhai", rule("a")), ("z.rhai", rule("z")), ("b/c.rhai", rule("ignored"))];
    let files: Vec<(&str, &str)> =
        files.iter().take(2).map(|(path, text)| (*path, text.as_str())).collect();
    let set = set_of_files(&source, &files);
    let names: Vec<&str> = set.rules.iter().map(|rule| &*rule.name).collect();
    assert_eq!(names, ["a", "policy 1", "policy 2", "z"]);
}

#[test]
fn a_let_comes_after_those_that_it_reads_and_passes_on_that_it_reads_the_score() {
    let set = set_of(
        r#"let c = b > 3;
let b = a + 1;
let a = score + 1;
rule "one" when c then block("CARD_TESTING");"#,
    );
    let names: Vec<&str> = set.lets.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(set.lets.iter().all(|one| one.reads_score));
    assert!(set.rules[0].reads_score);
}

#[test]
fn constants_are_computed_once() {
    let set = set_of(
        r#"const B = A * 3 + 1;
const A = 2;
const NAMES = [LOWER, "y"];
const LOWER = "x" + "x";
rule "one" when payment.amount > B && payment.region in NAMES then block("CARD_TESTING");"#,
    );
    let Expr::And(terms) = &set.rules[0].when else { panic!("{:?}", set.rules[0].when) };
    let Expr::Binary(BinaryOp::Gt, _, seven, _) = &terms[0] else { panic!("{:?}", terms[0]) };
    assert_eq!(**seven, Expr::Const(Value::Int(7)));
    let Expr::Binary(BinaryOp::In, _, names, _) = &terms[1] else { panic!("{:?}", terms[1]) };
    let text = |text: &str| Value::Text(Text::from(text));
    assert_eq!(**names, Expr::Array(Arc::from([text("xx"), text("y")])));
}

#[test]
fn ids_follow_the_meaning_and_not_the_writing() {
    let of = |source: &str| {
        let source =
            format!("{source}\nrule \"one\" when card.f > 1 then block(\"CARD_TESTING\");");
        let set = set_of(&source);
        let layout = layout(&set, "card");
        (set.entities[0].kind, layout.streams[0].id, layout.features[0].id)
    };
    let entity = "entity card = payment.card.token;";
    let plain = of(&format!(
        "{entity} feature f = count(attempt) by card over \"1h\" where payment.amount > 100 && payment.region == \"x\";"
    ));
    let rewritten = of(&format!(
        "const HUNDRED = 50 * 2;\n\n{entity}\nfeature f = count(attempt) where payment.amount > HUNDRED \
         && payment.region == \"x\" by card over \"60m\";"
    ));
    assert_eq!(plain, rewritten);
    let by_helper = |body: &str| {
        of(&format!(
            "{entity} fn large(a) {{ {body} }} feature f = count(attempt) by card over \"1h\" where large(payment.amount);"
        ))
    };
    assert_eq!(by_helper("a > 100"), by_helper("a  >  10 * 10"));
    assert_ne!(by_helper("a > 100").1, by_helper("a > 101").1);
    let script = "let n = 0; for i in 0..a { n += 1; } n > 3";
    assert_eq!(by_helper(script), by_helper(&script.replace("; ", ";\n  ")));
    assert_ne!(by_helper(script).1, by_helper(&script.replace('3', "4")).1);
    let longer = of(&format!(
        "{entity} feature f = count(attempt) by card over \"2h\" where payment.amount > 100 && payment.region == \"x\";"
    ));
    assert_eq!(plain.1, longer.1, "the same events are counted");
    assert_ne!(plain.2, longer.2, "over another window");
    let other =
        of("entity card = payment.card.bin; feature f = count(attempt) by card over \"1h\";");
    assert_ne!(plain.0, other.0);
}

#[test]
fn an_element_that_is_not_constant_is_compared_by_itself() {
    let Expr::Or(terms) = condition("payment.card.country in [payment.billing.country, \"XA\"]")
    else {
        panic!("not one comparison after the other")
    };
    assert_eq!(terms.len(), 2);
}

#[test]
fn a_number_that_is_an_integer_or_a_float_is_kept_as_a_float() {
    let set = set_of(
        r#"entity card = payment.card.token;
feature f = sum(attempt, payment.device.lat ?? 0) by card over "1h";
rule "one" when card.f > 1 then block("CARD_TESTING");"#,
    );
    assert_eq!(layout(&set, "card").streams[0].value_type, Some(ValueType::Float));
    let value = set.taps_of("attempt")[0].value.as_ref().unwrap();
    assert!(matches!(value, Expr::Binary(BinaryOp::Mul, ..)), "{value:?}");
}

#[test]
fn card_numbers_that_are_compared_with_ids_are_hashed_under_the_key() {
    let source = r#"rule "one" when payment.account.id == "4111111111111111" || payment.account.email == "4111111111111111"
  || payment.account.phone in ["4111 1111 1111 1111", "+49"] || payment.merchant.id in list("blocked")
  then block("CARD_TESTING");"#;
    let files = bundle(source, &[]);
    let key = HashKey::new([7; 32]);
    let shown = format!("{:?}", check_with(&files, &key).set.unwrap().rules[0].when);
    assert_eq!(shown.matches("h:").count(), 2, "{shown}");
    assert_eq!(shown.matches("4111111111111111").count(), 1, "the e-mail stays: {shown}");
    let list = &check_with(&files, &key).set.unwrap().bundle.lists["blocked"];
    assert!(list.values.contains_key(&key.hash("4111111111111111")));
    assert!(list.values.contains_key("m1"));
    assert_eq!(list.values.len(), 2);
    let plain = format!("{:?}", check(&files).set.unwrap().rules[0].when);
    assert_eq!(plain.matches("h:").count(), 0, "{plain}");
}
