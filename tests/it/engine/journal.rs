//! The journal gets everything that was applied, and what it refuses has not happened.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use vajra::engine::journal::Entry;
use vajra::engine::timeline::Step;
use vajra::engine::{Engine, ReportError, ScoreError};
use vajra::journal::Memory;
use vajra::list::{ChangeKind, ListChange};
use vajra::model::outcome::OutcomeStatus;
use vajra::model::packed::PackedFeatures;
use vajra::model::value::Value;

use super::fixture::{
    Moody, SETTINGS, at, event, feature, fields, outcome, score, set_with, try_score,
};

const POLICY: &str = r#"
    entity card = payment.card.token;
    feature attempts_1h = count(attempt) by card over "1h";
    feature declines_1h = count(declined) by card over "1h";
    feature logins_1h = count(login) by card over "1h";
    rule "attempts" when card.attempts_1h >= 3 then block("ATTEMPTS");
    rule "listed" when payment.card.token in list("blocked") then block("LISTED");
"#;
const FILE: (&str, &str) = ("lists/blocked.csv", "value\nx\n");

fn listed(value: &str) -> ListChange {
    let kind = ChangeKind::Add { expires_at: None, reason: None };
    ListChange { list: "blocked".into(), value: value.into(), kind }
}

#[test]
fn everything_applied_is_appended_in_order() {
    let journal = Arc::new(Memory::new(100));
    let set = set_with(POLICY, &[FILE]);
    let engine = Engine::new(Arc::clone(&set), SETTINGS, journal.clone());
    let decision = score(&engine, "p", "c", at(0));
    engine.report_outcome(&outcome("p", OutcomeStatus::Declined), at(1)).unwrap();
    engine.record_event(&event("login", "e"), at(2)).unwrap();
    engine.change_list(&listed("y"), at(3)).unwrap();
    engine.publish(set, at(4)).unwrap();
    score(&engine, "p", "c", at(5));

    let entries = journal.entries();

    let sequences: Vec<_> = entries.iter().map(Entry::sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
    let Entry::Score { content, decision: stored, received_at, .. } = &entries[0] else {
        panic!("a score comes first")
    };
    assert_eq!((stored, *received_at), (&decision, at(0)));
    assert_eq!(content.unpack().get(vajra::model::field::Field::Id), &super::text("p"));
    assert!(matches!(&entries[1], Entry::Outcome { outcome, .. } if outcome.payment_id == "p"));
    assert!(matches!(&entries[2], Entry::Event { event, .. } if event.name == "login"));
    assert!(matches!(&entries[3], Entry::List { change, .. } if change.value == "y"));
    assert!(matches!(&entries[4], Entry::Publication { at: time, .. } if *time == at(4)));
}

#[test]
fn a_decision_stays_with_the_features_that_it_was_made_on() {
    let journal = Arc::new(Memory::new(100));
    let engine = Engine::new(set_with(POLICY, &[FILE]), SETTINGS, journal.clone());
    for number in 0..3 {
        score(&engine, &format!("p{number}"), "c", at(number));
        engine.record_event(&event("login", &format!("e{number}")), at(number)).unwrap();
    }
    // Other policies, and so other features, later.
    let next = r#"entity card = payment.card.token;
        feature logins_1h = count(login) by card over "1h";
        rule "logins" when card.logins_1h > 9 then block("ATTEMPTS");"#;
    engine.publish(set_with(next, &[FILE]), at(10)).unwrap();

    // Only what a rule reads was read.
    let entries = journal.entries();
    let recorded = entries.iter().filter_map(|entry| match entry {
        Entry::Score { features, .. } => Some(read(features)),
        Entry::Outcome { .. }
        | Entry::Event { .. }
        | Entry::List { .. }
        | Entry::Publication { .. } => None,
    });
    let counts: Vec<_> =
        (0..3).map(|count| vec![("card.attempts_1h".to_owned(), Value::Int(count))]).collect();
    assert_eq!(recorded.collect::<Vec<_>>(), counts);
    let steps = engine.payment("p2", at(11)).unwrap().steps;
    let Step::Score { features, .. } = &steps[0] else { panic!("a score comes first") };
    assert_eq!(read(features), counts[2]);
}

fn read(features: &PackedFeatures) -> Vec<(String, Value)> {
    features.iter().map(|(name, value)| (name.to_string(), value)).collect()
}

#[test]
fn what_the_journal_refuses_has_not_happened() {
    let journal = Arc::new(Moody::default());
    let set = set_with(POLICY, &[FILE]);
    let engine = Engine::new(Arc::clone(&set), SETTINGS, journal.clone());
    score(&engine, "p1", "c", at(0));
    let refused = |refuses| journal.refuses.store(refuses, Ordering::SeqCst);
    let declined = outcome("p1", OutcomeStatus::Declined);

    refused(true);
    for i in 0..5 {
        let error = try_score(&engine, fields("p2", 1, "c"), at(i)).unwrap_err();
        assert!(matches!(error, ScoreError::Journal(_)), "{error}");
        let error = engine.report_outcome(&declined, at(i)).unwrap_err();
        assert!(matches!(error, ReportError::Journal(_)), "{error}");
        engine.record_event(&event("login", "e"), at(i)).unwrap_err();
        engine.change_list(&listed("c"), at(i)).unwrap_err();
        engine.publish(super::fixture::set("const X = 1;"), at(i)).unwrap_err();
    }
    refused(false);

    assert!(engine.payment("p2", at(9)).is_none());
    assert_eq!(engine.held().payments, 1);
    assert_eq!(engine.payment("p1", at(9)).unwrap().steps.len(), 1);
    assert!(Arc::ptr_eq(&engine.policies(), &set));
    let value = |name| feature(&engine, name, fields("p9", 1, "c"), at(9));
    assert_eq!(value("card.attempts_1h"), Value::Int(1));
    assert_eq!(value("card.declines_1h"), Value::Int(0));
    let next = try_score(&engine, fields("p2", 1, "c"), at(9)).unwrap();
    assert_eq!((next.repeated, next.decision.sequence), (false, 2));
    assert!(!engine.report_outcome(&declined, at(9)).unwrap().receipt.repeated);
    assert!(!engine.record_event(&event("login", "e"), at(9)).unwrap().repeated);
}
