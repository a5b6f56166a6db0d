//! The files of a bundle: what they say, what is refused, and how a directory is read.

use std::fs;
use std::path::Path;

use vajra::model::currency::Currency;
use vajra::model::time::Timestamp;
use vajra::model::verdict::ReasonClass;
use vajra::policy::bundle::{Bundle, Files};
use vajra::policy::diagnostic::{Diagnostic, render_json, render_text};

const SETTINGS: &str = "name = \"b\"\nbase_currency = \"EUR\"\ntime_zone = \"Europe/Berlin\"\n";

fn files(sources: &[(&str, &str)]) -> Files {
    Files(
        sources.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect(),
    )
}

fn with(path: &str, text: &str) -> Files {
    files(&[("bundle.toml", SETTINGS), (path, text)])
}

#[track_caller]
fn good(files: &Files) -> Bundle {
    match Bundle::load(files) {
        Ok((bundle, warnings)) => {
            assert!(warnings.is_empty(), "{}", render_text(&warnings, files));
            bundle
        }
        Err(problems) => panic!("{}", render_text(&problems, files)),
    }
}

/// Each problem as `severity name line:column message`, with what was expected and suggested.
fn problems(files: &Files) -> Vec<String> {
    let diagnostics = match Bundle::load(files) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    };
    diagnostics.iter().map(brief).collect()
}

fn brief(problem: &Diagnostic) -> String {
    let Diagnostic { severity, name, at, message, suggestion, .. } = problem;
    let near = suggestion.as_ref().map_or_else(String::new, |near| format!(" ({near}?)"));
    format!("{} {name} {}:{} {message}{near}", severity.name(), at.line, at.column)
}

#[test]
fn what_a_bundle_does_not_say_has_the_defaults_of_the_contract() {
    let bundle = good(&files(&[("bundle.toml", SETTINGS)]));
    assert_eq!(bundle.name, "b");
    assert_eq!(bundle.base_currency.code(), "EUR");
    assert_eq!(bundle.time_zone.iana_name(), Some("Europe/Berlin"));
    let said = format!(
        "{:?} {} {} {:?} {} {:?} {:?} {:?}",
        bundle.on_error,
        bundle.locale,
        bundle.default_challenge,
        bundle.challenge_off_session,
        bundle.idle_max,
        bundle.fallback,
        bundle.channels,
        bundle.lists,
    );
    assert_eq!(said, "Skip en 3ds Block 400d [] [] {}");
    assert!(!bundle.rates.is_given);
    assert_eq!(bundle.reasons["RULE_ERROR"].class, ReasonClass::Degraded);
}

#[test]
fn every_setting_is_read() {
    let bundle = good(&files(&[(
        "bundle.toml",
        r#"name = "shop"
base_currency = "JPY"
time_zone = "UTC"
on_error = "challenge"
locale = "zh-CN"
default_challenge = "otp"
challenge_off_session = "review"
idle_max = "90d"
on_expiry = "confirm"
fallback = [{ up_to = 50_00, verdict = "allow" }, { up_to = 100_00, verdict = "challenge" }]
[[channel]]
id = "acquirer-a"
methods = ["card", "wallet"]
currencies = ["eur", "USD"]
regions = ["eu"]
cost = 0.2
[[channel]]
id = "acquirer-b"
"#,
    )]));
    let said = format!(
        "{:?} {} {} {:?} {} {:?} {:?}",
        bundle.on_error,
        bundle.locale,
        bundle.default_challenge,
        bundle.challenge_off_session,
        bundle.idle_max,
        bundle.fallback,
        bundle.channels,
    );
    assert_eq!(
        said,
        "Challenge zh-CN otp Review 90d [FallbackTier { up_to: 5000, verdict: Allow }, \
         FallbackTier { up_to: 10000, verdict: Challenge }] [ChannelDef { id: \"acquirer-a\", \
         methods: [\"card\", \"wallet\"], currencies: [\"EUR\", \"USD\"], regions: [\"eu\"], \
         cost: 0.2 }, ChannelDef { id: \"acquirer-b\", methods: [], currencies: [], regions: [], \
         cost: 0.0 }]"
    );
}

#[test]
fn every_problem_of_the_settings_is_reported_at_once_at_its_place() {
    let found = problems(&files(&[(
        "bundle.toml",
        r#"nam = "b"
base_currency = "EUX"
time_zone = "Europe/Berln"
on_error = "skp"
locale = "!"
idle_max = "400"
default_challenge = ""
challenge_off_session = 3
on_expiry = "never"
fallback = [{ up_to = 2, verdict = "allow" }, { up_to = 2, verdict = "maybe" }, { upto = 3 }, 4]
[[channel]]
id = "a"
methods = ["crad"]
currencies = ["EU"]
cost = -1
[[channel]]
id = "a"
regions = [1]
name = "x"
"#,
    )]));
    assert_eq!(
        found,
        [
            "error unknown-key 1:1 unknown key `nam` (name?)",
            "error missing-key 1:1 `name` is missing",
            "error unknown-currency 2:17 `EUX` is not a currency of ISO 4217",
            "error unknown-time-zone 3:13 `Europe/Berln` is not a time zone (Europe/Berlin?)",
            "error bad-value 4:12 `skp` is not one of the choices (skip?)",
            "error bad-locale 5:10 `!` is not a locale",
            "error bad-duration 6:12 `400` is not a duration: expected an integer and one of `s`, `m`, `h`, `d`, such as `1h`",
            "error bad-value 7:21 must not be empty",
            "error wrong-type 8:25 integer where a text in quotes is needed",
            "error bad-value 9:13 `never` is not one of the choices",
            "error bad-value 10:57 the tiers are not ascending",
            "error bad-value 10:70 `maybe` is not one of the choices",
            "error missing-key 10:81 `up_to` is missing",
            "error missing-key 10:81 `verdict` is missing",
            "error unknown-key 10:83 unknown key `upto` (up_to?)",
            "error wrong-type 10:95 integer where a table is needed",
            "warning unknown-word 13:12 `crad` is not a known method (card?)",
            "error unknown-currency 14:15 `EU` is not a currency of ISO 4217",
            "error bad-value 15:8 must not be negative",
            "error duplicate-name 17:6 the channel `a` is declared twice",
            "error wrong-type 18:12 integer where a text in quotes is needed",
            "error unknown-key 19:1 unknown key `name`",
        ]
    );
}

#[test]
fn broken_toml_is_reported_where_it_breaks() {
    let found = problems(&files(&[("bundle.toml", "name = \"b\"\nbase_currency = \ntime_zone")]));
    assert!(found.len() >= 2, "{found:#?}");
    assert!(found.iter().all(|problem| problem.starts_with("error toml-syntax")), "{found:#?}");
    assert!(found[0].starts_with("error toml-syntax 2:"), "{found:#?}");
    assert_eq!(problems(&Files::default()), ["error missing-file 1:1 `bundle.toml` is missing"]);
}

#[test]
fn a_message_is_looked_up_by_locale_language_bundle_and_english() {
    let reasons = r#"
[A]
class = "FRAUD"
message = { en = "english", "zh-CN" = "simplified", zh = "chinese", de = "german" }
message_at = { en = "again at {clears_at}" }
[B]
class = "TRUST"
[B.message]
en = "only english"
"#;
    let german = format!("{SETTINGS}locale = \"de\"\n");
    let bundle = good(&files(&[("bundle.toml", &german), ("reasons.toml", reasons)]));
    let message = |code: &str, locale: &str| {
        bundle.message(code, locale).map_or_else(String::new, |text| text.to_string())
    };
    for (locale, expected) in [
        ("zh-CN", "simplified"),
        ("zh_cn", "chinese"),
        ("ZH-cn", "simplified"),
        ("zh-TW", "chinese"),
        ("zh-Hans-CN", "chinese"),
        ("zh", "chinese"),
        ("en-GB", "english"),
        ("fr", "german"),
        ("", "german"),
    ] {
        assert_eq!(message("A", locale), expected, "{locale}");
    }
    assert_eq!(message("B", "fr"), "only english");
    assert_eq!(message("C", "en"), "");
    assert!(message("RULE_ERROR", "zh-CN").contains("付款"));
    let clears_at = Timestamp::parse_rfc3339("2026-03-29T01:30:01Z").unwrap();
    assert_eq!(
        bundle.message_at("A", "fr", clears_at).unwrap(),
        "again at 2026-03-29 03:31 +02:00"
    );
    assert_eq!(bundle.message_at("B", "fr", clears_at), None);
}

#[test]
fn a_reason_says_its_class_and_an_english_text() {
    let found = problems(&with(
        "reasons.toml",
        r#"[A]
class = "FRUAD"
message = { de = "x", "d!" = "y", en = "{clears_at} {name}" }
mesage_at = {}
[B]
message = "text"
message_at = { de = "{clears_at}" }
[RULE_ERROR]
class = "FRAUD"
message = { en = "" }
"#,
    ));
    assert_eq!(
        found,
        [
            "error bad-value 2:9 `FRUAD` is not one of the choices (FRAUD?)",
            "error bad-locale 3:23 `d!` is not a locale",
            "error misplaced-placeholder 3:40 `{clears_at}` may stand only in `message_at`",
            "error unknown-placeholder 3:40 unknown placeholder `{name}`",
            "error unknown-key 4:1 unknown key `mesage_at` (message_at?)",
            "error missing-key 5:1 `class` is missing",
            "error wrong-type 6:11 string where a table is needed",
            "error missing-key 7:14 `en` is missing",
            "error bad-value 9:9 `RULE_ERROR` is always of class DEGRADED",
            "error bad-value 10:18 must not be empty",
        ]
    );
}

#[test]
fn the_text_of_a_rule_that_errored_may_be_overridden() {
    let bundle = good(&with(
        "reasons.toml",
        "[RULE_ERROR]\nclass = \"DEGRADED\"\nmessage = { en = \"call us\" }\n",
    ));
    assert_eq!(bundle.message("RULE_ERROR", "en").unwrap().as_ref(), "call us");
}

#[test]
fn rates_convert_exactly_and_round_half_to_even() {
    let bundle = good(&with(
        "rates.toml",
        "[rates]\nUSD = \"0.92\"\nJPY = \"0.0061\"\nKWD = \"3\"\nGBP = \"0.5\"\n",
    ));
    let euro = Currency::from_code("EUR").unwrap();
    let convert = |amount: i64, code: &str| {
        bundle.rates.to_base(amount, Currency::from_code(code).unwrap(), euro)
    };
    for (amount, code, expected) in [
        (100_00, "USD", Some(92_00)),
        (100_00, "EUR", Some(100_00)),
        (10_000, "JPY", Some(61_00)),
        (1_000, "KWD", Some(3_00)),
        (5, "KWD", Some(2)), // 1.5 cents
        (1, "GBP", Some(0)), // 0.5
        (3, "GBP", Some(2)), // 1.5
        (5, "GBP", Some(2)), // 2.5
        (7, "GBP", Some(4)), // 3.5
        (-1, "GBP", Some(0)),
        (-3, "GBP", Some(-2)),
        (0, "USD", Some(0)),
        (i64::MAX, "KWD", Some(2_767_011_611_056_432_742)),
        (i64::MAX, "JPY", Some(5_626_256_942_481_413_242)),
        (1, "CHF", None),
    ] {
        assert_eq!(convert(amount, code), expected, "{amount} {code}");
    }
    let bundle = good(&with("rates.toml", "[rates]\nUSD = \"900\"\n"));
    assert_eq!(bundle.rates.to_base(i64::MAX, Currency::from_code("USD").unwrap(), euro), None);
}

#[test]
fn a_rate_is_a_decimal_above_zero_of_a_known_currency() {
    let found = problems(&with(
        "rates.toml",
        "[rates]\nUSD = 0.92\nGBP = \"-1\"\nJPY = \"1e3\"\nCHF = \"0\"\nSEK = \".5\"\nNOK = \"1.\"\nXYZ = \"1\"\nEUR = \"2\"\n\
         DKK = \"0.1234567890123456\"\nusd = \"1\"\nUsd = \"1\"\n[rate]\n",
    ));
    assert_eq!(
        found,
        [
            "error wrong-type 2:7 float where a text in quotes is needed",
            "error bad-rate 3:7 `-1` is not a rate",
            "error bad-rate 4:7 `1e3` is not a rate",
            "error bad-rate 5:7 `0` is not a rate",
            "error bad-rate 6:7 `.5` is not a rate",
            "error bad-rate 7:7 `1.` is not a rate",
            "error unknown-currency 8:1 `XYZ` is not a currency of ISO 4217",
            "error bad-rate 9:7 `EUR` is the base currency",
            "error bad-rate 10:7 `0.1234567890123456` is not a rate",
            "error duplicate-name 11:1 `usd` has a rate already",
            "error unknown-key 13:2 unknown key `rate` (rates?)",
        ]
    );
}

#[test]
fn a_list_has_values_and_an_optional_end() {
    let bundle = good(&with(
        "lists/bins.csv",
        "\u{feff}reason,value,expires\nfraud,424242,\n\"a, b\",\"quoted, value\",2026-12-31T00:00:00+01:00\n",
    ));
    let list = &bundle.lists["bins"];
    let values: Vec<String> = list
        .values
        .iter()
        .map(|(value, end)| {
            format!("{value} {}", end.map_or_else(String::new, |end| end.to_string()))
        })
        .collect();
    assert_eq!(values, ["424242 ", "quoted, value 2026-12-30T23:00:00Z"]);
}

#[test]
fn rows_of_a_list_are_refused_one_by_one() {
    let found = problems(&with(
        "lists/l.csv",
        "value,expires,note\na,tomorrow,\nb,,\nb,2026-01-01T00:00:00Z,\n,,\n x ,,\nc\nd,,\u{7}\n",
    ));
    assert_eq!(
        found,
        [
            "error unknown-key 1:15 unknown column `note`",
            "error bad-time 2:3 `tomorrow` is not a time",
            "warning duplicate-value 4:1 `b` is on the list already",
            "error bad-value 5:1 the value is empty",
            "warning space-around 6:1 the value has spaces around it, which are compared too",
            "error bad-row 7:1 the row has 1 columns, the header 3",
        ]
    );
    let (bundle, _) =
        Bundle::read(&with("lists/l.csv", "value,expires\nb,\nb,2026-01-01T00:00:00Z\n"));
    assert_eq!(bundle.lists["l"].values["b"], None, "it never ends if one of its rows never does");
    assert_eq!(
        problems(&with("lists/e.csv", "")),
        ["error missing-key 1:1 the list has no column `value`"]
    );
}

#[test]
fn files_that_are_not_part_of_a_bundle_are_warned_of() {
    let found = problems(&files(&[
        ("bundle.toml", SETTINGS),
        ("README.md", ""),
        ("a.rhai", ""),
        ("a.rhia", ""),
        ("causes.toml", ""),
        ("failures.csv", ""),
        ("lists/a.txt", ""),
        ("reason.toml", ""),
        ("sub/", ""),
        ("tests/a.rhai", ""),
    ]));
    let names: Vec<&str> =
        found.iter().map(|problem| problem.split('`').nth(1).unwrap_or_default()).collect();
    assert_eq!(names, ["a.rhia", "lists/a.txt", "reason.toml", "sub/"]);
    assert!(found[2].ends_with("(reasons.toml?)"));
    assert!(found.iter().all(|problem| problem.starts_with("warning extra-file")));
}

#[test]
fn the_version_is_the_hash_of_every_path_and_byte() {
    let version = |sources: &[(&str, &str)]| files(sources).version();
    let one = version(&[("bundle.toml", SETTINGS), ("tests/a.rhai", "x")]);
    assert_eq!(one, version(&[("tests/a.rhai", "x"), ("bundle.toml", SETTINGS)]));
    assert_ne!(one, version(&[("bundle.toml", SETTINGS), ("tests/b.rhai", "x")]));
    assert_ne!(one, version(&[("bundle.toml", SETTINGS), ("tests/a.rhai", "y")]));
    assert_ne!(version(&[("a", "bc")]), version(&[("ab", "c")]));
    assert_eq!(
        good(&files(&[("bundle.toml", SETTINGS)])).version,
        version(&[("bundle.toml", SETTINGS)])
    );
}

fn put(directory: &Path, path: &str, text: &str) {
    let path = directory.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn paths(files: &Files) -> Vec<&str> {
    files.0.keys().map(String::as_str).collect()
}

#[test]
fn a_directory_is_read_without_hidden_and_foreign_files() {
    let directory = tempfile::tempdir().unwrap();
    for path in [
        "bundle.toml",
        "a.rhai",
        ".a.rhai.swp",
        "lists/a.csv",
        "tests/a.rhai",
        ".git/x",
        "sub/b.rhai",
        "lists/deep/b.csv",
    ] {
        put(directory.path(), path, path);
    }
    let files = Files::read(directory.path()).unwrap();
    assert_eq!(
        paths(&files),
        ["a.rhai", "bundle.toml", "lists/a.csv", "lists/deep/", "sub/", "tests/a.rhai"]
    );
    assert_eq!(files.0["lists/a.csv"], b"lists/a.csv");
    assert!(Files::read(&directory.path().join("none")).is_err());
}

#[cfg(unix)]
#[test]
fn a_config_map_is_read_behind_its_links() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    put(root, "..2026_a/bundle.toml", "old");
    put(root, "..2026_a/a.rhai", "old");
    symlink("..2026_a", root.join("..data")).unwrap();
    symlink("..data/bundle.toml", root.join("bundle.toml")).unwrap();
    symlink("..data/a.rhai", root.join("a.rhai")).unwrap();
    put(root, "lists/..2026_b/a.csv", "value");
    symlink("..2026_b", root.join("lists/..data")).unwrap();
    symlink("..data/a.csv", root.join("lists/a.csv")).unwrap();
    let before = Files::read(root).unwrap();
    assert_eq!(paths(&before), ["a.rhai", "bundle.toml", "lists/a.csv"]);
    // The swap: a new directory, and the link renamed over the old one.
    put(root, "..2026_c/bundle.toml", "new");
    put(root, "..2026_c/a.rhai", "new");
    symlink("..2026_c", root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    let after = Files::read(root).unwrap();
    assert_eq!(after.0["a.rhai"], b"new");
    assert_ne!(before.version(), after.version());
}

#[test]
fn a_directory_with_too_many_files_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..=vajra::policy::bundle::FILES_MAX {
        put(directory.path(), &format!("{number}.rhai"), "");
    }
    assert!(Files::read(directory.path()).unwrap_err().to_string().contains("files"));
}

#[test]
fn the_shipped_bundle_is_the_directory_policies() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    assert_eq!(paths(&Files::shipped()), paths(&Files::read(&directory).unwrap()));
    assert!(Bundle::load(&Files::shipped()).is_ok());
}

#[test]
fn a_diagnostic_shows_its_line_with_a_marker() {
    let files =
        files(&[("bundle.toml", "name = \"b\"\n\tbase_curency = \"EUR\"\ntime_zone = \"UTC\"\n")]);
    let found = Bundle::load(&files).unwrap_err();
    let text = [
        "error[missing-key]: `base_currency` is missing",
        " --> bundle.toml:1:1",
        "  |",
        "1 | name = \"b\"",
        "  | ^",
        "  = expected: `base_currency = …`",
        "",
        "error[unknown-key]: unknown key `base_curency`",
        " --> bundle.toml:2:2",
        "  |",
        "2 | \tbase_curency = \"EUR\"",
        "  | \t^^^^^^^^^^^^",
        "  = expected: `name`, `base_currency`, `time_zone`, `on_error`, `locale`, \
         `default_challenge`, `challenge_off_session`, `idle_max`, `on_expiry`, `fallback`, `channel`",
        "  = help: did you mean `base_currency`?",
        "",
    ];
    assert_eq!(render_text(&found, &files), text.join("\n"));
    let json: serde_json::Value = serde_json::from_str(&render_json(&found)).unwrap();
    assert_eq!(
        json[0],
        serde_json::json!({
            "severity": "error",
            "name": "missing-key",
            "file": "bundle.toml",
            "line": 1,
            "column": 1,
            "message": "`base_currency` is missing",
            "expected": "`base_currency = …`",
            "suggestion": null,
        })
    );
    assert_eq!(json[1]["suggestion"], "base_currency");
}
