//! The shipped bundle: nothing to warn of, every rule fired by a test, every text in every language.

use vajra::command::test::render;
use vajra::model::verdict::ReasonClass;
use vajra::policy::bundle::Files;
use vajra::policy::check::check_with;
use vajra::policy::diagnostic::render_text;
use vajra::policy::set::ActionDef;
use vajra::testing;

#[test]
fn the_shipped_bundle_has_no_problem_and_passes_its_tests() {
    let files = Files::shipped();
    let checked = check_with(&files, &testing::HASH_KEY);
    assert!(checked.diagnostics.is_empty(), "{}", render_text(&checked.diagnostics, &files));
    let report = testing::run(&files, &checked.set.unwrap(), None).unwrap();
    assert!(report.is_passed(), "{}", render(&report));
    assert!(report.rules.len() >= 30 && report.tests.len() > report.rules.len());
}

#[test]
fn the_shipped_bundle_is_what_its_directory_holds() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    assert_eq!(Files::shipped(), Files::read(&directory).unwrap());
}

#[test]
fn every_reason_speaks_english_and_chinese_and_names_no_rule() {
    let files = Files::shipped();
    let set = check_with(&files, &testing::HASH_KEY).set.unwrap();
    // Only a block is told until when it lasts.
    let stops = |code: &str| {
        let mut actions = set.limits.iter().flat_map(|limit| &limit.actions);
        actions.any(|action| matches!(action, ActionDef::Block(blocks) if blocks.as_ref() == code))
    };
    for (code, reason) in &set.bundle.reasons {
        for locale in ["en", "zh-CN"] {
            let text = reason.message.get(locale).unwrap_or_else(|| panic!("{code}: no {locale}"));
            assert!(!text.chars().any(|char| char.is_ascii_digit()), "{code}: {text}");
            let names_a_rule = set.rules.iter().any(|rule| text.contains(&*rule.name));
            assert!(!names_a_rule, "{code}: {text}");
        }
        let clears = reason.class == ReasonClass::Limit && stops(code);
        assert!(!clears || reason.message_at.len() == 2, "{code} clears, and does not say when");
    }
}

#[test]
fn every_rule_has_a_program() {
    let set = check_with(&Files::shipped(), &testing::HASH_KEY).set.unwrap();
    for (place, rule) in set.rules.iter().enumerate() {
        assert_eq!(set.programs.rule_not_lowered(place), None, "{}", rule.name);
    }
}
