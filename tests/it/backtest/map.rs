//! What a map may say, and that everything wrong with it is said at once.

use vajra::backtest::map::read::read;
use vajra::policy::bundle::Files;
use vajra::policy::diagnostic::render_text;

/// The problems of a map as `line:column message`, with what was meant.
fn problems(text: &str) -> Vec<String> {
    let Err(problems) = read("MAP.toml", text) else { return Vec::new() };
    let shown = problems.iter().map(|problem| {
        let meant =
            problem.suggestion.as_deref().map_or(String::new(), |name| format!(" ({name})"));
        format!("{}:{} {}{meant}", problem.at.line, problem.at.column, problem.message)
    });
    shown.collect()
}

#[test]
fn a_dotted_key_and_a_quoted_key_mean_the_same() {
    let dotted = "[payment]\nid = 'a'\noccurred_at = 'b'\namount = 'c'\ncard.token = 'd'\nattributes.x = 'e'\n";
    let quoted = "[payment]\nid = 'a'\noccurred_at = 'b'\namount = 'c'\n\"card.token\" = 'd'\n\"attributes.x\" = 'e'\n";
    let [dotted, quoted] = [dotted, quoted].map(|text| format!("{:?}", read("m", text).unwrap()));
    assert_eq!(dotted, quoted);
}

#[test]
fn every_problem_is_reported_with_its_line() {
    let text = "\
[payment]
id = 'tx'
amuont = 'a'
occurred_at = { column = 'ts', zone = 'Mars/Olympus' }
card.tokn = 'c'
card.token = { column = 'c', unit = 'major' }
amount_base = 'b'
attributes.x = { column = 'x', type = 'text' }
[label]
fraud = 1
delay = '7 days'
[outcome]
code = 'code'
[outcome.words]
ok = 'AUTHORISED'
[extra]
";
    assert_eq!(
        problems(text),
        [
            "1:2 `[payment]` needs `amount`",
            "3:1 unknown key `amuont` (amount)",
            "4:39 `Mars/Olympus` is not a time zone",
            "5:6 unknown key `card.tokn` (card.token)",
            "6:30 unknown key `unit`",
            "7:1 unknown key `amount_base`",
            "8:39 `type` must be `string`, `int`, `float` or `bool`",
            "10:9 `fraud` must name a column, or be a table with `column`",
            "11:9 `delay`: expected an integer and one of `s`, `m`, `h`, `d`, such as `1h`",
            "12:2 `[outcome]` needs `status`",
            "15:6 `ok` stands for no status",
            "16:2 unknown key `extra`",
        ]
    );
}

#[test]
fn a_key_given_twice_in_two_ways_is_a_problem() {
    let text = "[payment]\nid = 'a'\noccurred_at = 'b'\namount = 'c'\ncard.token = 'd'\n\"card.token\" = 'e'\n";
    assert_eq!(problems(text).len(), 1, "{:?}", problems(text));
}

#[test]
fn a_map_is_of_payments_or_of_events() {
    let both = "[payment]\nid = 'a'\noccurred_at = 'b'\namount = 'c'\n[event]\nname = 'login'\noccurred_at = 'b'\n";
    assert_eq!(problems(both), ["5:2 a map has either `[payment]` or `[event]`"]);
    assert_eq!(problems(""), ["1:1 the table `[payment]` or `[event]` is missing"]);
    let labelled = "[event]\nname = 'login'\noccurred_at = 'b'\n[label]\nfraud = 'f'\n";
    assert_eq!(problems(labelled), ["4:2 `[label]` belongs to a map of payments"]);
    assert_eq!(
        problems("[event]\n"),
        ["1:2 `[event]` needs `name`", "1:2 `[event]` needs `occurred_at`"]
    );
}

#[test]
fn the_currency_is_said_once() {
    let twice = "[payment]\nid = 'a'\noccurred_at = 'b'\ncurrency = 'e'\namount = { column = 'c', currency = 'EUR' }\n";
    assert_eq!(problems(twice), ["4:1 the currency is already said with `amount`"]);
    let wrong =
        "[payment]\nid = 'a'\noccurred_at = 'b'\namount = { column = 'c', currency = 'EURO' }\n";
    assert_eq!(problems(wrong), ["4:37 `EURO` is not a currency of ISO 4217"]);
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    let found = problems("[payment]\nid = \n");
    assert!(found.iter().any(|problem| problem.starts_with("2:")), "{found:?}");
}

#[test]
fn a_problem_is_shown_as_those_of_a_bundle_are() {
    let text = "[payment]\nid = 'a'\noccurred_at = 'b'\namount = 'c'\nbilling.citty = 'd'\n";
    let problems = read("MAP.toml", text).unwrap_err();
    let files = Files([("MAP.toml".to_owned(), text.as_bytes().to_vec())].into());
    let shown = render_text(&problems, &files);
    assert!(
        shown.starts_with("error[unknown-key]: unknown key `billing.citty`\n --> MAP.toml:5:9\n"),
        "{shown}"
    );
}
