//! What must hold however the provider behaves: nobody is charged twice, nothing is taken unserved, and
//! the limits say what the provider's own ledger says.

use vajra::simulation::{Settings, Strategy, Tally, render, run};

fn tally(seed: u64, payments: u64, strategy: Strategy) -> Tally {
    run(Settings { seed, payments }, strategy).unwrap()
}

/// What following the advice must never do.
fn assert_sound(tally: &Tally) {
    let seen = format!("{tally:#?}");
    assert_eq!(tally.charged_twice, 0, "{seen}");
    assert_eq!(tally.taken_unserved, 0, "{seen}");
    assert_eq!(tally.served_unpaid, 0, "{seen}");
    assert_eq!(tally.cards_wrong, 0, "{seen}");
    assert_eq!(tally.left_without_word, 0, "{seen}");
    assert_eq!(tally.told_twice_differs, 0, "{seen}");
    assert_eq!(tally.open, 0, "{seen}");
    let ended = tally.paid() + tally.refused + tally.failed;
    assert_eq!(ended, tally.payments, "{seen}");
}

#[test]
fn who_follows_the_advice_saves_payments_and_charges_nobody_twice() {
    let advised = tally(7, 1_200, Strategy::Advice);
    assert_sound(&advised);
    // What it is sound against has happened.
    assert!(advised.queries > 0 && advised.closed > 0 && advised.reconciled > 0, "{advised:#?}");
    assert!(advised.told_twice > 0 && advised.cards > 0 && advised.asked > 0, "{advised:#?}");
    assert!(advised.saved_by_retry > 0 && advised.saved_by_payer > 0, "{advised:#?}");

    let at_once = tally(7, 1_200, Strategy::AtOnce);
    let never = tally(7, 1_200, Strategy::Never);
    assert!(at_once.charged_twice > 0, "the provider is too kind to show anything");
    assert!(never.taken_unserved > 0, "the provider is too kind to show anything");
    assert!(advised.paid() > never.paid() && advised.paid() > at_once.paid());
    assert!(advised.retries < at_once.retries);
    let shown = render(&[advised, at_once, never]).unwrap();
    assert!(shown.lines().count() > 20 && !shown.lines().any(|line| line.ends_with(' ')));
}

#[test]
fn other_luck_is_no_excuse() {
    for seed in [1, 2, 3] {
        assert_sound(&tally(seed, 400, Strategy::Advice));
    }
}

#[test]
fn equal_seeds_play_equal_payments() {
    let once = format!("{:?}", tally(5, 200, Strategy::Advice));
    assert_eq!(once, format!("{:?}", tally(5, 200, Strategy::Advice)));
    assert_ne!(once, format!("{:?}", tally(6, 200, Strategy::Advice)));
}

/// As many payments as the example plays.
#[cfg(feature = "heavy")]
#[test]
fn a_hundred_thousand_payments_are_sound_and_spare_the_channels_that_are_out() {
    let advised = tally(7, 100_000, Strategy::Advice);
    assert_sound(&advised);
    let never = tally(7, 100_000, Strategy::Never);
    // Retries add a fifth at most to the load that a channel would have had, and what six outages found
    // saved up; and who goes by the ranks spares a channel that is out far more than that.
    assert!(advised.retries_in_outage * 5 <= never.requests_in_outage + 6 * 50, "{advised:#?}");
    assert!(advised.requests_in_outage < never.requests_in_outage, "{advised:#?}");
}
