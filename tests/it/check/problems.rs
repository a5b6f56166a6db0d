//! Every kind of problem, each with its place, what was expected and the nearest known name.

use insta::assert_snapshot;
use vajra::policy::check::check;
use vajra::policy::diagnostic::render_json;

use super::{bundle, check_text, check_text_with};

#[test]
fn a_name_that_nobody_declared_is_reported_with_the_nearest_known_one() {
    let said = check_text(
        r#"entity card = payment.card.token;
feature attempts_1h = count(attempt) by card over "1h";
const LARGE = 500_00;
let burst = card.attempts_1h - 2;
fn risky(country) { country in ["XA", "XB"] }
rule "misspelt let" when brust > 3 then block("CARD_TESTING");
rule "misspelt constant" when payment.amount > LARG then block("CARD_TESTING");
rule "misspelt entity" when crad.attempts_1h > 3 then block("CARD_TESTING");
rule "misspelt feature" when card.attemps_1h > 3 then block("CARD_TESTING");
rule "misspelt field" when payment.card.contry == "DE" then block("CARD_TESTING");
rule "field of another block" when payment.ip_country == "DE" then block("CARD_TESTING");
rule "field of a field" when payment.amount.minor > 1 then block("CARD_TESTING");
rule "a feature without its entity" when attempts_1h > 3 then block("CARD_TESTING");
rule "a field without its payment" when amount > 3 then block("CARD_TESTING");
rule "a block without its payment" when device.ip == "::1" then block("CARD_TESTING");
rule "a field behind an entity" when card.token == "c1" then block("CARD_TESTING");
rule "a name like nothing" when weather then block("CARD_TESTING");
rule "used rightly" when burst > LARGE && risky(payment.card.country) then block("CARD_TESTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn a_name_that_is_no_value_is_reported_with_what_would_be_one() {
    let said = check_text(
        r#"entity card = payment.card.token;
feature attempts_1h = count(attempt) by card over "1h";
const LARGE = 500_00;
fn risky(country) { country in ["XA", "XB"] }
rule "a block" when payment.card == "c1" then block("CARD_TESTING");
rule "the payment" when payment == "p1" then block("CARD_TESTING");
rule "all attributes" when payment.attributes == "a" then block("CARD_TESTING");
rule "inside an attribute" when payment.attributes.tier.name == "a" then block("CARD_TESTING");
rule "an entity" when card == "c1" then block("CARD_TESTING");
rule "a helper" when risky then block("CARD_TESTING");
rule "inside a constant" when LARGE.minor > 1 then block("CARD_TESTING");
rule "inside a feature" when card.attempts_1h.count > 1 then block("CARD_TESTING");
rule "inside a result" when (payment.amount + 1).major > 1 then block("CARD_TESTING");
rule "an index" when payment.authenticated[0] == "3ds" then block("CARD_TESTING");
rule "an index of no name" when payment.attributes[1] == "a" then block("CARD_TESTING");
rule "a constant as a function" when LARGE(1) > 1 then block("CARD_TESTING");
rule "used rightly" when risky(payment.card.country) then block("CARD_TESTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn a_duplicate_is_reported_at_the_later_declaration() {
    let said = check_text_with(
        r#"entity card = payment.card.token;
let card = payment.amount + 1;
const LARGE = 1;
fn LARGE(a) { a }
feature seen = count(attempt) by card over "1h";
feature seen = count(declined) by card over "1h";
rule "one" when card.seen > LARGE then block("CARD_TESTING");
rule "one" when card.seen > 2 then block("CARD_TESTING");
rule "" when card.seen > 3 then block("CARD_TESTING");
entity twice = [payment.card.token, payment.card.token];
"#,
        &[("zz.rhai", "let LARGE = 3;\nrule \"one\" when false then block(\"CARD_TESTING\");\n")],
    );
    assert_snapshot!(said);
}

#[test]
fn a_name_of_the_language_cannot_be_declared() {
    let said = check_text(
        r#"const payment = 1;
let score = 2;
let outcome = 3;
fn age(t) { t }
entity list = payment.card.token;
fn helper(payment) { payment }
rule "one" when helper(payment.amount) == 1 then block("CARD_TESTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn a_cycle_is_reported_once_with_its_path() {
    let said = check_text(
        r#"let a = b + 1;
let b = c + 1;
let c = a + 1;
let reads_the_cycle = a + 1;
let itself = itself;
const X = Y;
const Y = X;
rule "one" when a > 1 && reads_the_cycle > 1 && itself && X == 1 then block("CARD_TESTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn a_tower_of_lets_has_a_limit() {
    let tower = |floors: usize| {
        let lets: String =
            (1..floors).map(|floor| format!("let a{floor} = a{} + 1;\n", floor - 1)).collect();
        let top = floors - 1;
        format!(
            "let a0 = payment.amount;\n{lets}rule \"one\" when a{top} > 1 then block(\"CARD_TESTING\");\n"
        )
    };
    assert_eq!(check_text(&tower(100)), "");
    let said = check_text(&tower(200));
    assert!(said.starts_with("error[too-deep]: `a129` stands on too many others"), "{said}");
    assert_eq!(said.matches("error[").count(), 1);
}

#[test]
fn what_a_place_cannot_see_is_reported_there() {
    let said = check_text(
        r#"entity card = payment.card.token;
let burst = payment.amount + 1;
const FROM_PAYMENT = payment.amount;
const FROM_FEATURE = card.seen;
const FROM_LIST = "m1" in list("blocked");
fn reads_payment(a) { a > payment.amount }
fn reads_feature(a) { a > card.seen }
fn reads_let(a) { a > burst }
fn reads_score(a) { a > score }
fn calls_helper(a) { reads_let(a) }
feature seen = count(attempt) by card over "1h" where card.other > 1;
feature other = count(attempt) by card over "1h" where burst > 1;
feature third = count(attempt) by card over "1h" where score > 1;
feature fourth = count(attempt) by card over "1h" where outcome.is_evidence;
feature fifth = count(login) by card over "1h" where outcome.code == "51";
rule "outcome" when outcome.code == "51" then block("CARD_TESTING");
rule "rest" when FROM_PAYMENT + FROM_FEATURE > burst && FROM_LIST && card.third + card.fourth
  + card.fifth > 1 && reads_payment(1) && reads_feature(1) && reads_score(1) && calls_helper(1)
  then block("CARD_TESTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn types_that_do_not_fit_are_reported_where_they_are_known() {
    let said = check_text(
        r#"entity card = payment.card.token;
feature avg_30d = avg(authorized, payment.amount) by card over "30d";
rule "string and int" when payment.currency == 978 then block("CARD_TESTING");
rule "time and int" when payment.account.created_at > 3600 then block("CARD_TESTING");
rule "order of truths" when payment.recurring > false then block("CARD_TESTING");
rule "several strings" when payment.authenticated == "3ds" then block("CARD_TESTING");
rule "not boolean" when payment.amount + 1 then block("CARD_TESTING");
rule "and" when payment.recurring && payment.currency then block("CARD_TESTING");
rule "or" when payment.attempt || payment.recurring then block("CARD_TESTING");
rule "not" when !payment.currency then block("CARD_TESTING");
rule "minus a string" when -payment.currency == 1 then block("CARD_TESTING");
rule "string minus" when payment.currency - 1 == 1 then block("CARD_TESTING");
rule "string plus" when payment.currency + 1 == "EUR1" then block("CARD_TESTING");
rule "time minus" when payment.occurred_at - payment.account.created_at < 60 then block("CARD_TESTING");
rule "branches" when (if payment.recurring { 1 } else { "one" }) == 1 then block("CARD_TESTING");
rule "no else" when if payment.recurring { true } then block("CARD_TESTING");
rule "condition of if" when (if payment.amount { 1 } else { 2 }) == 1 then block("CARD_TESTING");
rule "fallback" when (payment.currency ?? 0) == 0 then block("CARD_TESTING");
rule "int and float" when payment.amount > 3.5 * card.avg_30d then block("CARD_TESTING");
rule "an attribute" when payment.attributes.x > 1 && payment.attributes.y then block("CARD_TESTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn what_the_language_does_not_have_is_refused() {
    let said = check_text(
        r#"rule "unit" when payment.card.token == () then block("CARD_TESTING");
rule "an array" when [1, 2] == [1, 2] then block("CARD_TESTING");
rule "an array of fields" when [payment.amount].len() == 1 then block("CARD_TESTING");
rule "a range" when (1..2) == 1 then block("CARD_TESTING");
rule "a list" when list("blocked") then block("CARD_TESTING");
rule "a map" when #{ a: 1 } == 1 then block("CARD_TESTING");
rule "a bit operator" when payment.amount & 1 == 1 then block("CARD_TESTING");
rule "a closure" when payment.card.token.contains(|x| x) then block("CARD_TESTING");
rule "a huge number" when payment.card.token in [payment.card.bin, [1]] then block("CARD_TESTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn calls_that_do_not_fit_their_function_are_reported() {
    let said = check_text(
        r#"const LIMIT = 3;
fn over(a, b) { a > b }
fn local(a) { let n = 0; for i in 0..a { n += LIMITS; } n }
fn wild(a) { let n = 0; n += frobnicate(a); n + payment }
rule "unknown" when agee(payment.occurred_at) > 1 then block("CARD_TESTING");
rule "too few" when ratio(payment.amount) > 1.0 then block("CARD_TESTING");
rule "too many" when payment.card.bin.sub_string(0, 1, 2) == "4" then block("CARD_TESTING");
rule "wrong type" when age(payment.amount) > 1 then block("CARD_TESTING");
rule "wrong later type" when payment.card.bin.sub_string("0") == "4" then block("CARD_TESTING");
rule "wrong receiver" when payment.amount.len() > 1 then block("CARD_TESTING");
rule "distance" when distance_km(1, 2, "a", 4) > 1 then block("CARD_TESTING");
rule "helper as method" when payment.amount.over(3) then block("CARD_TESTING");
rule "too few for a helper" when over(payment.amount) then block("CARD_TESTING");
rule "helper with wrong types" when over(payment.amount, payment.currency) then block("CARD_TESTING");
rule "an aggregate" when count(attempt) > 1 then block("CARD_TESTING");
rule "used rightly" when over(payment.amount, LIMIT) && local(1) + wild(1) > 1 then block("CARD_TESTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn what_is_looked_into_must_be_able_to_hold_what_is_looked_for() {
    let said = check_text(
        r#"const COUNTRIES = ["XA", "XB"];
rule "elements" when payment.currency in [978, 840] then block("CARD_TESTING");
rule "constant array" when payment.amount in COUNTRIES then block("CARD_TESTING");
rule "mixed fields" when payment.currency in [payment.card.country, payment.amount] then block("CARD_TESTING");
rule "a number" when 1 in payment.amount then block("CARD_TESTING");
rule "a number in a list" when payment.amount in list("blocked") then block("CARD_TESTING");
rule "an unknown list" when payment.merchant.id in list("bloked") then block("CARD_TESTING");
rule "a list by a field" when payment.merchant.id in list(payment.region) then block("CARD_TESTING");
rule "a number in strings" when 3 in payment.authenticated then block("CARD_TESTING");
rule "strings in a range" when payment.currency in 1..3 then block("CARD_TESTING");
rule "used rightly" when payment.card.country in COUNTRIES && payment.merchant.id in list("blocked")
  && "3ds" !in payment.authenticated && hour(payment.occurred_at) in 1..=5
  && payment.card.country in [payment.billing.country, "XC"] && "x" in payment.description
  then block("CARD_TESTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn features_that_could_never_have_a_value_are_reported() {
    let said = check_text(
        r#"entity card = payment.card.token;
feature a = cuont(attempt) by card over "1h";
feature b = count(attempt) by crad over "1h";
feature c = sum(attempt) by card over "1h";
feature d = count(attempt, payment.amount) by card over "1h";
feature e = sum(attempt, payment.currency) by card over "1h";
feature f = max(attempt, payment.currency) by card over "1h";
feature g = distinct(attempt, payment.authenticated) by card over "1h";
feature h = count(attempt) by card over "1 hour";
feature i = count(attempt) by card over "0d";
feature j = count(attempt) by card over "1h" delayed "40000d";
feature k = count(attempt) by card over "1h" where payment.amount;
feature l = count(attempt) by LARGE over "1h";
feature m = last(declined, outcome.codes) by card;
const LARGE = 1;
entity nothing = [];
entity number = 3;
entity other = card.a;
entity several = payment.authenticated;
entity late = outcome.code;
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn actions_that_could_never_be_taken_are_reported() {
    let said = check_text(
        r#"const POINTS = -5;
const HALF = 0.5;
let high = score > 10;
rule "verb" when true then blok("CARD_TESTING");
rule "code" when true then block("CARD_TESTNG");
rule "no code" when true then block();
rule "code is a number" when true then allow(3);
rule "code is a field" when true then review(payment.currency);
rule "two codes" when true then block("CARD_TESTING", "NEW_DEVICE");
rule "points" when true then score("CARD_TESTING");
rule "half a point" when true then score(HALF, "CARD_TESTING");
rule "negative points" when true then score(POINTS, "CARD_TESTING");
rule "method" when true then challenge("CARD_TESTING", 3);
rule "reads and adds" when score > 3 then score(1, "CARD_TESTING");
rule "reads through a let and adds" when high then score(1, "CARD_TESTING");
rule "twice" when true then block("CARD_TESTING"), block("CARD_TESTING");
rule "both" when true then allow("NEW_DEVICE"), block("CARD_TESTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn a_constant_that_has_no_value_is_reported() {
    let said = check_text(
        r#"const TOO_LARGE = 9223372036854775807 + 1;
const BY_ZERO = 10 / 0;
const CALLED = abs(-3);
const MIXED = "a" + 1;
const NESTED = [1, [2]];
rule "one" when payment.amount > TOO_LARGE + BY_ZERO + CALLED then block("CARD_TESTING");
rule "two" when payment.currency == MIXED && payment.amount in NESTED then block("CARD_TESTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn what_works_but_is_hardly_meant_is_warned_of() {
    let said = check_text(
        r#"entity card = payment.card.token;
feature logins = count(logn) by card over "1h";
feature unread = count(attempt) by card over "1h";
feature of_an_off_rule = count(attempt) by card over "2h";
const UNREAD = 1;
let nobody = card.unread + 1;
fn idle(a) { a }
feature failed = count(declined) by card over "1h" where outcome.status == "declined";
rule "status" when card.failed > 3 then block("CARD_TESTING");
rule "word" when payment.method == "crad" then block("CARD_TESTING");
rule "words" when payment.card.funding in ["credit", "debut"] then block("CARD_TESTING");
rule "case" when payment.card.country == "de" || payment.card.brand == "Visa" then block("CARD_TESTING");
rule "currency" when payment.currency in ["EUR", "DEM"] then block("CARD_TESTING");
rule "empty" when payment.description == "" then block("CARD_TESTING");
rule "quotient" when payment.amount / 100 > 3 then block("CARD_TESTING");
rule "night" when hour(payment.occurred_at) in 22..6 then block("CARD_TESTING");
rule "fails" when payment.amount > 1 / 0 then block("CARD_TESTING");
rule "logins" when card.logins > 3 then block("CARD_TESTING");
rule "off" mode off when card.of_an_off_rule > 3 then block("CARD_TESTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn an_amount_in_its_own_currency_is_warned_of_when_the_bundle_has_rates() {
    let source = r#"entity card = payment.card.token;
feature spent = sum(authorized, payment.amount) by card over "1h";
feature large = count(captured) by card over "1h" where outcome.amount > 100;
feature right = sum(authorized, payment.amount_base) by card over "1h";
let half = payment.amount / 2;
fn many(a) { a > 10 }
rule "one" when payment.amount * 2 > 100_00 then block("CARD_TESTING");
rule "two" when half > 100 || many(payment.amount) || payment.amount in 1..3 then block("CARD_TESTING");
rule "three" when card.spent + card.large + card.right > 1 then block("CARD_TESTING");
"#;
    let rates = [("rates.toml", "[rates]\nUSD = \"0.92\"\n")];
    let said = check_text_with(source, &rates);
    assert_snapshot!(said);
    assert!(!check_text(source).contains("mixed-currencies"));
}

#[test]
fn a_reason_that_no_rule_gives_is_warned_of_at_its_table() {
    let reasons = "[CARD_TESTING]\nclass = \"FRAUD\"\nmessage = { en = \"No.\" }\n\n\
                   [\"NEVER_GIVEN\"]\nclass = \"FRAUD\"\nmessage = { en = \"No.\" }\n";
    let said = check_text_with(
        r#"rule "one" when payment.recurring then block("CARD_TESTING");"#,
        &[("reasons.toml", reasons)],
    );
    assert_snapshot!(said);
}

#[test]
fn plans_are_refused_by_name() {
    let said = check_text(
        r#"entity card = payment.card.token;
plan "outage" when card.failed_5m > 3 then notify("oncall");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn what_is_wrong_with_a_limit_is_told_at_once() {
    let said = check_text(
        r#"entity card = payment.card.token;
feature seen = since_first(attempt) by card;
rule "taken" when card.seen > 3 then score(1, "CARD_TESTING");
limit "taken" = count() by card per "day" max 3 then block("CARD_TESTING");
limit "twice" = count() by card per "day" max 3 then block("CARD_TESTING");
limit "twice" = count() by card per "week" max 3 then block("CARD_TESTING");
limit "both" = count() by card over "1h" per "day" max 3 then block("CARD_TESTING");
limit "neither" = count() by card max 3 then block("CARD_TESTING");
limit "year" = count() by card per "moth" max 3 then block("CARD_TESTING");
limit "window" = count() by card over "1x" max 3 then block("CARD_TESTING");
limit "average" = avg(payment.amount_base) by card per "day" max 3 then block("CARD_TESTING");
limit "no call" = payment.amount_base by card per "day" max 3 then block("CARD_TESTING");
limit "text" = sum(payment.currency) by card per "day" max 3 then block("CARD_TESTING");
limit "half" = count() by card per "day" max 0.5 then block("CARD_TESTING");
limit "loop" = count() by card per "day" max score then block("CARD_TESTING");
limit "who" = count() by crad per "day" max 3 then block("CARD_TESTING");
limit "code" = count() by card per "day" max 3 then block("CARD_TASTING");
"#,
    );
    assert_snapshot!(said);
}

#[test]
fn problems_of_syntax_and_of_meaning_are_reported_together() {
    let said = check_text_with(
        "rule \"one\" when brust > 3 then block(\"CARD_TESTING\");\n\
         rule \"two\" when then block(\"CARD_TESTING\");\n",
        &[("rates.toml", "[rates]\nXXY = \"many\"\n")],
    );
    assert_snapshot!(said);
}

#[test]
fn editors_get_the_same_as_json() {
    let files = bundle("rule \"one\" when socre > 3 then block(\"CARD_TESTING\");\n", &[]);
    let said = render_json(&check(&files).diagnostics);
    assert_snapshot!(said);
}

#[test]
fn a_reason_code_without_its_quotes_is_told_to_have_them() {
    let told = check_text(
        "rule \"a\" when true then block(TRUSTED);\nrule \"b\" when true then allow(\"TRUSTED\");",
    );
    assert!(told.contains("help: did you mean `\"TRUSTED\"`?"), "{told}");
}
