//! Policy tests: what a script can say, what is reported when it fails, and what makes a run fail.

use vajra::command::test::render;
use vajra::policy::bundle::Files;
use vajra::policy::check::check_with;
use vajra::policy::diagnostic::render_text;
use vajra::testing::{self, Report};

const POLICIES: &str = r#"entity card = payment.card.token;
entity account = payment.account.id;
feature attempts_1h = count(attempt) by card over "1h" inclusive;
feature declines_1h = count(declined) by card over "1h";
feature unknowns_1h = count(unknown) by card over "1h";
feature failures_1h = count(failed) by card over "1h";
feature captured = sum(captured, outcome.amount) by card;
feature refunded = sum(refunded, outcome.amount) by card;
feature ended = count(canceled) by card;
feature lapsed = count(expired) by card;
feature approved = count(authorized) by card;
feature disputes = count(disputed) by card;
feature frauds = count(fraud) by card;
feature logins = count(login) by account over "1h";
rule "burst" when card.attempts_1h > 2 then block("BURST");
rule "declined" when card.declines_1h >= 1 then challenge("DECLINED", "3ds", "otp");
rule "points" when payment.amount_base > 100_00 then score(7, "POINTS");
rule "listed" when payment.card.token in list("bad_cards") then review("LISTED");
rule "trusted" when payment.account.id == "trusted" then allow("TRUSTED");
rule "shadow" mode shadow when payment.method == "other" then block("BURST");
rule "other" mode off when card.unknowns_1h + card.failures_1h + card.captured + card.refunded
  + card.ended + card.lapsed + card.approved + card.disputes + card.frauds + account.logins > 0
  then block("BURST");
"#;

const REASONS: &str = r#"
BURST = { class = "VELOCITY", message = { en = "Later.", zh-CN = "请稍后。" } }
DECLINED = { class = "FRAUD", message = { en = "Prove it." } }
POINTS = { class = "FRAUD", message = { en = "Points." } }
LISTED = { class = "LIST", message = { en = "Listed." } }
TRUSTED = { class = "TRUST", message = { en = "Trusted." } }
"#;

/// Tests that fire every rule but `burst`, so that one more test makes a whole run.
const REST: &str = r#"test "the rest" {
  pay(#{ card: #{ token: "x" } }).declined("51");
  let d = score(#{ card: #{ token: "x" }, amount: 100_01, account: #{ id: "trusted" }, method: "other" });
  list_add("bad_cards", "y");
  expect(d.verdict == "allow" && score(#{ card: #{ token: "y" } }).review);
}
"#;

fn files(policies: &str, tests: &[(&str, &str)]) -> Files {
    let mut files = Files::default();
    let mut add = |path: &str, text: &str| {
        files.0.insert(path.to_owned(), text.as_bytes().to_vec());
    };
    add("bundle.toml", "name = \"t\"\nbase_currency = \"EUR\"\ntime_zone = \"UTC\"\n");
    add("reasons.toml", REASONS);
    add("lists/bad_cards.csv", "value\nz\n");
    add("main.rhai", policies);
    for (path, text) in tests {
        add(&format!("tests/{path}"), text);
    }
    files
}

fn run_with(policies: &str, tests: &[(&str, &str)], filter: Option<&str>) -> Report {
    let files = files(policies, tests);
    let checked = check_with(&files, &testing::HASH_KEY);
    let set =
        checked.set.unwrap_or_else(|| panic!("{}", render_text(&checked.diagnostics, &files)));
    testing::run(&files, &set, filter)
        .unwrap_or_else(|problems| panic!("{}", render_text(&problems, &files)))
}

/// Runs the body of one test; its failures as `line: problem`.
fn failures(body: &str) -> Vec<String> {
    let report = run_with(POLICIES, &[("a.rhai", &format!("test \"it\" {{\n{body}\n}}"))], None);
    let failures = &report.tests[0].failures;
    failures.iter().map(|failure| format!("{}: {}", failure.at.line, failure.problem)).collect()
}

fn check_passes(body: &str) {
    assert_eq!(failures(body), [""; 0], "{body}");
}

/// What is on the right of the last test, in a bundle whose only rule says so by its score.
fn check_value(feature: &str, before: &str, expected: i64) {
    let policies = format!(
        "{POLICIES}rule \"probe\" when {feature} == {expected} then score(1000, \"POINTS\");"
    );
    let body = format!(
        "test \"it\" {{ {before} expect(\"probe\" in score(#{{ card: #{{ token: \"c\" }}, account: #{{ id: \"a\" }} }}).fired); }}"
    );
    let report = run_with(&policies, &[("a.rhai", &body)], None);
    assert_eq!(report.tests[0].failures, [], "{feature} after {before}");
}

#[test]
fn a_file_shares_its_constants_with_its_functions_too() {
    let tests = r#"
const AMOUNT = 50_00;
const CARD = #{ token: "c" };
let prefix = "x";
fn times(n) { for i in 0..n { pay(#{ card: CARD, amount: twice(AMOUNT) }); } }
fn twice(n) { n * 2 }
fn own(AMOUNT) { let CARD = 1; AMOUNT + CARD }
test "shared" {
  times(2);
  expect(score(#{ card: CARD }).verdict == "block");
  expect(own(2) == 3 && AMOUNT == 5000 && prefix == "x");
}
"#;
    let report = run_with(POLICIES, &[("a.rhai", tests)], None);
    assert_eq!(report.tests[0].failures, []);
}

#[test]
fn a_decision_shows_what_was_decided() {
    check_passes(
        r#"
        let d = score(#{});
        expect(d.verdict == "allow" && d.next_step == "proceed" && !d.review && d.score == 0);
        expect(d.reasons == [] && d.fired == [] && d.challenge == [] && d.shadow == []);
        expect(d.exempted == [] && d.errors == [] && d.message == ());
        let d = score(#{ card: #{ token: "z" }, amount: 100_01 });
        expect(d.verdict == "allow" && d.review && d.score == 7);
        expect(d.reasons == ["LISTED", "POINTS"] && d.fired == ["points", "listed"]);
        let p = pay(#{ card: #{ token: "c" } }).declined("51");
        expect(p.decision.verdict == "allow");
        let d = score(#{ card: #{ token: "c" } });
        expect(d.verdict == "challenge" && d.next_step == "step_up" && d.challenge == ["3ds", "otp"]);
        expect(d.message == "Prove it.");
        let d = score(#{ card: #{ token: "c" }, locale: "zh-CN" });
        expect(d.verdict == "block" && d.next_step == "retry_later" && d.message == "请稍后。");
        let d = score(#{ card: #{ token: "c" }, account: #{ id: "trusted" } });
        expect(d.verdict == "allow" && d.reasons == ["TRUSTED"] && d.exempted == ["burst", "declined"]);
        expect(score(#{ method: "other" }).shadow == ["shadow"]);
        "#,
    );
}

#[test]
fn every_outcome_is_the_event_that_features_count() {
    for (feature, before, expected) in [
        ("card.approved", "p.authorized();", 1),
        ("card.captured", "p.captured();", 1_000),
        ("card.captured", "p.captured(300).captured(300);", 600),
        ("card.declines_1h", "p.declined(\"51\");", 1),
        ("card.declines_1h", "p.declined(\"do_not_honor\", \"acme\");", 1),
        ("card.failures_1h", "p.failed(\"down\");", 1),
        ("card.unknowns_1h", "p.timed_out();", 1),
        ("card.unknowns_1h + card.approved", "p.pending();", 0),
        ("card.ended", "p.authorized().canceled();", 1),
        ("card.lapsed", "p.expired();", 1),
        ("card.refunded", "p.authorized().captured().refunded();", 1_000),
        ("card.refunded", "p.captured().refunded(1).refunded(1);", 2),
        ("card.disputes", "p.disputed();", 1),
        ("card.frauds", "p.captured(); advance(\"90d\"); p.fraud();", 1),
    ] {
        let before = format!("let p = pay(#{{ card: #{{ token: \"c\" }} }}); {before}");
        check_value(feature, &before, expected);
    }
}

#[test]
fn recorded_events_have_their_own_fields_or_those_of_their_payment() {
    check_value("account.logins", "record(\"login\", #{ account: #{ id: \"a\" } });", 1);
    check_value("account.logins", "record(\"login\", #{ account: #{ id: \"b\" } });", 0);
    check_value(
        "account.logins",
        "pay(#{ id: \"p\", account: #{ id: \"a\" } }); record(\"login\", #{ payment_id: \"p\" });",
        1,
    );
    check_value(
        "account.logins",
        "record(\"login\", #{ event_id: \"e\", account: #{ id: \"a\" } }); record(\"login\", #{ event_id: \"e\", account: #{ id: \"a\" } });",
        1,
    );
}

#[test]
fn the_clock_moves_only_when_the_test_says_so() {
    let twice = "for i in 0..2 { pay(#{ card: #{ token: \"c\" } }); }";
    check_value("card.attempts_1h", twice, 3);
    check_value("card.attempts_1h", &format!("{twice} advance(\"59m\");"), 3);
    check_value("card.attempts_1h", &format!("{twice} advance(\"60m\");"), 1);
    check_value("card.attempts_1h", &format!("{twice} at(\"2024-01-01T13:00:00Z\");"), 1);
    check_passes(r#"at("1999-12-31T23:59:59Z"); expect(ago("1s") == "1999-12-31T23:59:58Z");"#);
    assert_eq!(
        failures("score(#{}); at(\"2023-12-31T00:00:00Z\");"),
        ["2: time cannot go back: it is 2024-01-01T12:00:00Z already"]
    );
}

#[test]
fn each_test_starts_empty() {
    let one = "{ pay(#{ card: #{ token: \"c\" } }); pay(#{ card: #{ token: \"c\" } }); list_add(\"bad_cards\", \"c\"); expect(true); }";
    let two = "{ let d = score(#{ card: #{ token: \"c\" } }); expect(d.fired == []); }";
    let report =
        run_with(POLICIES, &[("a.rhai", &format!("test \"one\" {one} test \"two\" {two}"))], None);
    assert_eq!(report.failed().count(), 0, "{}", render(&report));
}

#[test]
fn an_attempt_is_asked_again_by_its_id() {
    check_passes(
        r#"
        let a = score(#{ id: "p", card: #{ token: "c" } });
        let b = score(#{ id: "p", card: #{ token: "c" } });
        expect(a.verdict == b.verdict);
        score(#{ card: #{ token: "c" }, dry_run: true });
        let d = score(#{ id: "p", attempt: 2, card: #{ token: "c" } });
        expect(d.verdict == "allow", "the repeated and the dry one do not count");
        "#,
    );
    assert_eq!(
        failures("score(#{ id: \"p\" }); score(#{ id: \"p\", amount: 1 });"),
        ["2: payment `p` attempt 1 was scored before with other content"]
    );
}

#[test]
fn a_misspelt_key_is_refused_with_the_nearest() {
    for (map, problem) in [
        ("#{ card: #{ tokn: \"c\" } }", "unknown key `card.tokn`: did you mean `card.token`?"),
        ("#{ amuont: 1 }", "unknown key `amuont`: did you mean `amount`?"),
        ("#{ crad: #{} }", "unknown key `crad`: did you mean `card`?"),
        ("#{ amount_base: 1 }", "unknown key `amount_base`"),
        ("#{ zzz: 1 }", "unknown key `zzz`"),
        ("#{ card: \"c\" }", "`card` must be a map, such as `#{ … }`"),
        (
            "#{ account: #{ created_at: \"yesterday\" } }",
            "`account.created_at` must be a time such as \"2026-01-31T12:00:00Z\"",
        ),
        (
            "#{ attributes: #{ plan: #{} } }",
            "`attributes.plan` must be a string, a number or a bool",
        ),
        (
            "#{ amount: -1, currency: \"EUX\" }",
            "`amount` must be at least 0; `currency` is not an active ISO 4217 currency",
        ),
        (
            "#{ card: #{ token: \"4111 1111 1111 1111\" } }",
            "`card.token` must not be a card number: send a token of it",
        ),
        ("#{ locale: 3 }", "`locale` must be a string"),
    ] {
        let failed = failures(&format!("score({map});"));
        assert_eq!(failed.len(), 1, "{map}");
        assert!(failed[0].starts_with(&format!("2: {problem}")), "{map}: {}", failed[0]);
    }
}

#[test]
fn other_mistakes_are_told_in_words_of_the_test() {
    for (body, problem) in [
        (
            "let d = score(#{}); expect(d.verdit == \"allow\");",
            "unknown part of a decision `verdit`: did you mean `verdict`?",
        ),
        ("list_add(\"bad_card\", \"x\");", "there is no list `bad_card`"),
        (
            "advance(\"soon\");",
            "`soon`: expected an integer and one of `s`, `m`, `h`, `d`, such as `1h`",
        ),
        ("at(\"noon\");", "`noon` is no time such as \"2026-03-29T01:30:00Z\""),
        ("record(\"login\", #{ payment_id: \"nobody\" });", "payment `nobody` is not known"),
        (
            "record(\"declined\", #{});",
            "invalid `name`: is the name of a score's or an outcome's event, which is not recorded by hand",
        ),
        ("loop { }", "a test may take at most 1000000 operations"),
    ] {
        let failed = failures(body);
        assert_eq!(failed.len(), 1, "{body}: {failed:?}");
        assert!(failed[0].starts_with(&format!("2: {problem}")), "{body}: {}", failed[0]);
    }
    assert_eq!(failures("expect(1);").len(), 1, "`expect` takes a bool");
}

#[test]
fn a_test_that_expects_nothing_fails() {
    assert_eq!(
        failures("score(#{});"),
        ["1: the test expects nothing: call `expect` at least once"]
    );
}

#[test]
fn every_failed_expectation_is_told_with_its_line_and_what_was_seen() {
    let body =
        "score(#{ card: #{ token: \"z\" } });\n  expect(1 == 2);\n  expect(false, \"a block\");";
    let report = run_with(POLICIES, &[("a.rhai", &format!("test \"it\" {{\n{body}\n}}"))], None);
    let text = render(&report);
    let shown = "FAIL tests/a.rhai:1 it
     this was expected to be true
      --> tests/a.rhai:3:3
        | expect(1 == 2);
     the last decision: allow with review, score 0, reasons [LISTED], fired [listed]
     expected: a block
      --> tests/a.rhai:4:3
        | expect(false, \"a block\");
     the last decision: allow with review, score 0, reasons [LISTED], fired [listed]
";
    assert!(text.starts_with(shown), "{text}");
    assert!(
        text.ends_with("FAILED: 1 tests, 1 failed; 7 rules and limits, 5 that no test fires\n"),
        "{text}"
    );
}

#[test]
fn a_failure_in_a_function_of_the_file_is_placed_there() {
    let tests = "fn check(d) {\n  expect(d.verdict == \"block\");\n}\ntest \"it\" {\n  check(score(#{}));\n}\n";
    let report = run_with(POLICIES, &[("a.rhai", tests)], None);
    assert_eq!(report.tests[0].failures[0].at.line, 2);
}

#[test]
fn a_name_stands_for_one_test() {
    let test = "test \"it\" { expect(true); }\n";
    let report = run_with(POLICIES, &[("a.rhai", test), ("b.rhai", test)], None);
    assert!(report.tests[0].failures.is_empty());
    assert_eq!(report.tests[1].failures[0].problem, "a test of this name stands at tests/a.rhai:1");
}

#[test]
fn a_rule_that_no_test_fires_fails_the_run_unless_it_is_off_or_only_some_ran() {
    let burst = "test \"burst\" { for i in 0..2 { pay(#{ card: #{ token: \"c\" } }); } expect(score(#{ card: #{ token: \"c\" } }).verdict == \"block\"); }";
    let report = run_with(POLICIES, &[("a.rhai", burst), ("b.rhai", REST)], None);
    assert!(report.is_passed(), "{}", render(&report));
    let report = run_with(POLICIES, &[("b.rhai", REST)], None);
    assert!(!report.is_passed());
    let silent: Vec<&str> = report.never_fired().map(|rule| &*rule.rule).collect();
    assert_eq!(silent, ["burst"]);
    assert!(render(&report).contains("main.rhai:15  <-- no test fires it"), "{}", render(&report));
    let report = run_with(POLICIES, &[("a.rhai", burst), ("b.rhai", REST)], Some("rest"));
    assert!(report.is_passed() && report.tests.len() == 1);
}

#[test]
fn a_problem_of_syntax_runs_no_test() {
    let files = files(POLICIES, &[("a.rhai", "test \"it\" { expect(true) ")]);
    let set = check_with(&files, &testing::HASH_KEY).set.unwrap();
    let problems = testing::run(&files, &set, None).unwrap_err();
    assert_eq!(&*problems[0].at.file, "tests/a.rhai");
}

/// Runs `vajra test` on a bundle in a directory; how it ended and what it wrote.
fn command(files: &Files) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    for (path, bytes) in &files.0 {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vajra"));
    let output = command.arg("test").arg(directory.path()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_command_ends_with_0_when_all_passed_1_when_something_failed_2_when_it_could_not_run() {
    let passing = "rule \"all\" when payment.amount >= 0 then review(\"LISTED\");";
    let reasons = "LISTED = { class = \"LIST\", message = { en = \"Listed.\" } }";
    let mut bundle = files(passing, &[("a.rhai", "test \"it\" { expect(score(#{}).review); }")]);
    bundle.0.insert("reasons.toml".to_owned(), reasons.as_bytes().to_vec());
    let (status, written) = command(&bundle);
    assert_eq!(status, Some(0), "{written}");
    assert!(
        written.ends_with("passed: 1 tests, 0 failed; 1 rules and limits, 0 that no test fires\n")
    );

    bundle.0.insert("tests/a.rhai".to_owned(), b"test \"it\" { expect(false); }".to_vec());
    let (status, written) = command(&bundle);
    assert_eq!(status, Some(1));
    assert!(written.contains(" --> tests/a.rhai:1:"), "{written}");

    bundle.0.insert("main.rhai".to_owned(), b"rule \"all\" when payment.amuont > 0 then".to_vec());
    let (status, written) = command(&bundle);
    assert_eq!(status, Some(1));
    assert!(written.starts_with("error["), "{written}");

    let missing = std::process::Command::new(env!("CARGO_BIN_EXE_vajra"))
        .args(["test", "no/such/directory"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(2));
}
