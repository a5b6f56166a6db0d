//! What was decided is decided again, and what was changed since is found.

use std::sync::Arc;

use proptest::prelude::*;
use vajra::engine::Engine;
use vajra::engine::apply::ApplyError;
use vajra::engine::journal::Entry;
use vajra::journal::Discard;
use vajra::journal::verify::Verified;
use vajra::model::verdict::Verdict;

use super::apply::{Driven, acts, compile};
use super::fixture::SETTINGS;

/// Everything that was appended, after the policies that it began with.
fn verified(driven: &Driven, change: impl FnOnce(&mut [Entry])) -> Verified {
    let mut entries = driven.journal.entries();
    change(&mut entries);
    let mut entries = entries.into_iter();
    let first = entries.next().unwrap();
    let engine = Engine::begun_by(&first, SETTINGS, Arc::new(Discard), &compile).unwrap();
    let mut verified = Verified::default();
    verified.go_on(&engine, &compile, entries.map(Ok::<_, ApplyError>)).unwrap();
    verified
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_score_comes_out_as_it_was_recorded(acts in acts(80)) {
        let mut driven = Driven::begun();
        acts.iter().for_each(|act| driven.act(act));

        let verified = verified(&driven, |_| {});

        prop_assert_eq!(verified.differences, []);
        prop_assert_eq!(verified.differing, 0);
        let is_score = |entry: &&Entry| matches!(entry, Entry::Score { .. });
        let scores = driven.journal.entries().iter().filter(is_score).count();
        prop_assert_eq!(verified.scores, scores as u64);
    }
}

#[test]
fn a_decision_that_was_changed_is_told_with_what_it_was_and_what_it_should_be() {
    let mut driven = Driven::begun();
    driven.act(&super::apply::Act::Score {
        payment: None,
        parts: [0; 4],
        amount: 1,
        clock_back: 0,
    });
    driven.act(&super::apply::Act::Score {
        payment: None,
        parts: [1; 4],
        amount: 1,
        clock_back: 0,
    });

    let verified = verified(&driven, |entries| {
        let Entry::Score { decision, .. } = &mut entries[2] else { panic!("the second score") };
        Arc::make_mut(decision).evaluation.verdict = Verdict::Block;
    });

    assert_eq!((verified.scores, verified.differing), (2, 1));
    let found = &verified.differences[0];
    assert_eq!((found.sequence, found.payment_id.as_str(), found.attempt), (3, "p1", 1));
    assert_eq!(found.parts, [("verdict", "Block".to_owned(), "Allow".to_owned())]);
}
