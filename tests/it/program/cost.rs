//! What `vajra check --explain-cost` says.

use std::process::Command;

use vajra::policy::bundle::Files;
use vajra::policy::check::check;
use vajra::policy::program::NotLowered;
use vajra::policy::program::cost::{Cost, Size, costs};

use crate::check::bundle;

fn cost_of(what: &str, source: &str) -> Cost {
    let checked = check(&bundle(source, &[]));
    let set = checked.set.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    let costs = costs(&set);
    costs.iter().find(|cost| cost.what == what).cloned().unwrap_or_else(|| panic!("{costs:#?}"))
}

const FEATURES: &str = r#"entity card = payment.card.token;
feature attempts = count(attempt) by card over "1h";
feature declines = count(declined) by card over "1h";
"#;

#[test]
fn a_rule_of_two_thresholds_is_decided_by_its_guards() {
    let source = format!(
        "{FEATURES}rule \"tested\" when card.attempts > 10 && card.declines >= 3 then block(\"CARD_TESTING\");"
    );
    let cost = cost_of("rule \"tested\"", &source);
    assert_eq!(cost.program, Ok(Size { tests: 0, operations: 0 }));
    assert_eq!(cost.guards, ["card.attempts >= 11", "card.declines >= 3"]);
    assert_eq!(
        cost.to_string(),
        "rule \"tested\": nothing to run behind card.attempts >= 11 && card.declines >= 3; \
         reads card.attempts, card.declines"
    );
}

#[test]
fn the_most_telling_test_is_the_guard_wherever_it_stands() {
    let source = format!(
        "{FEATURES}rule \"prepaid\" when payment.recurring && card.attempts > 3 && payment.card.funding == \
         \"prepaid\" && payment.amount_base * 100 > card.declines * 7 then block(\"CARD_TESTING\");"
    );
    let cost = cost_of("rule \"prepaid\"", &source);
    assert_eq!(cost.guards, ["payment.card.funding == \"prepaid\"", "card.attempts >= 4"]);
    assert_eq!(cost.program, Ok(Size { tests: 2, operations: 0 }));
}

#[test]
fn what_may_fail_is_no_guard_and_lets_none_stand_before_it() {
    let source = format!(
        "{FEATURES}rule \"share\" when card.attempts / card.declines > 3 && payment.recurring then block(\"CARD_TESTING\");"
    );
    let cost = cost_of("rule \"share\"", &source);
    assert_eq!(cost.guards, Vec::<String>::new());
    assert!(matches!(cost.program, Ok(Size { tests: 2.., operations: 3.. })), "{cost}");
}

#[test]
fn a_helper_with_a_loop_is_said_to_be_interpreted() {
    let source = "fn looped(a) { let x = a; for i in 0..3 { x += a; } x }\n\
                  rule \"looping\" when looped(payment.amount) > 3 then block(\"CARD_TESTING\");";
    let cost = cost_of("rule \"looping\"", source);
    assert_eq!(cost.program, Err(NotLowered::Script("looped".into())));
    assert!(cost.to_string().contains("interpreted, `looped` has loops or locals"), "{cost}");
}

#[test]
fn the_shipped_bundle_is_compiled_whole() {
    let set = check(&Files::shipped()).set.unwrap();
    for cost in costs(&set) {
        assert!(cost.program.is_ok(), "{cost}");
    }
}

#[test]
fn the_command_adds_a_line_for_each_declaration() {
    let output = Command::new(env!("CARGO_BIN_EXE_vajra"))
        .args(["check", "policies", "--explain-cost"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success());
    let output = String::from_utf8(output.stdout).unwrap();
    let set = check(&Files::shipped()).set.unwrap();
    for cost in costs(&set) {
        assert!(output.lines().any(|line| line == cost.to_string()), "{cost}\n{output}");
    }
}
