//! What a check says of a bundle: every problem of meaning at once, or a set that engines can use.

mod problems;
mod set;
mod sound;

use vajra::policy::bundle::Files;
use vajra::policy::check::{Checked, check};
use vajra::policy::diagnostic::render_text;

/// The reason codes that a source may name; those that it does not name are not in its bundle, so
/// that they are not reported as unused.
const CODES: [&str; 4] = ["CARD_TESTING", "NEW_DEVICE", "RISKY_COUNTRY", "TRUSTED"];

/// A bundle whose `policy.rhai` is `source`, with the list `blocked` and further files.
pub(crate) fn bundle(source: &str, more: &[(&str, &str)]) -> Files {
    let reasons: String = CODES
        .iter()
        .filter(|code| source.contains(&format!("\"{code}\"")))
        .map(|code| format!("[{code}]\nclass = \"FRAUD\"\nmessage = {{ en = \"No.\" }}\n"))
        .collect();
    let settings = "name = \"test\"\nbase_currency = \"EUR\"\ntime_zone = \"UTC\"\n";
    let fixed = [
        ("bundle.toml", settings),
        ("lists/blocked.csv", "value\nm1\n4111111111111111\n"),
        ("policy.rhai", source),
        ("reasons.toml", &reasons),
    ];
    Files(
        fixed
            .iter()
            .chain(more)
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect(),
    )
}

/// What is said of a policy, as text.
fn check_text(source: &str) -> String {
    check_text_with(source, &[])
}

/// The same with further files.
fn check_text_with(source: &str, more: &[(&str, &str)]) -> String {
    let files = bundle(source, more);
    let Checked { set, diagnostics } = check(&files);
    let has_errors = diagnostics.iter().any(|diagnostic| diagnostic.is_error());
    assert_eq!(set.is_none(), has_errors, "a set comes exactly when there is no error");
    render_text(&diagnostics, &files)
}
