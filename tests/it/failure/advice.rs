//! What is advised after an attempt, rule by rule, and that no rule loosens what another forbids.

use proptest::prelude::*;
use vajra::failure::advice::{CardCounts, PastAttempt, Situation, advise, plans};
use vajra::failure::tables::Tables;
use vajra::model::failure::{Advice, Money, Need, NextChannel, RankedChannel, RetrySettings};
use vajra::model::outcome::{Outcome, OutcomeStatus, Pushback, Stage};
use vajra::model::time::{Span, Timestamp};
use vajra::model::verdict::NextStep;

use super::{coded, declined, diagnosed};

const NOW: Timestamp = Timestamp::from_secs(1_770_000_000);

#[derive(Clone, Debug)]
struct Case {
    outcomes: Vec<Outcome>,
    network: &'static str,
    is_absent: bool,
    card: CardCounts,
    others: usize,
    has_budget: bool,
}

impl Case {
    fn of(outcome: Outcome) -> Self {
        Self {
            outcomes: vec![outcome],
            network: "visa",
            is_absent: false,
            card: CardCounts::default(),
            others: 0,
            has_budget: true,
        }
    }

    fn with<T>(&self, ask: impl FnOnce(&Situation<'_>) -> T) -> T {
        let diagnoses: Vec<_> =
            self.outcomes.iter().map(|outcome| diagnosed(outcome, self.network)).collect();
        let attempts: Vec<_> = (1..)
            .zip(self.outcomes.iter().zip(&diagnoses))
            .map(|(number, (outcome, diagnosis))| PastAttempt {
                number,
                channel: outcome.channel.as_deref(),
                money: Some(diagnosis.money),
                last: Some((outcome, diagnosis, NOW)),
                open_since: diagnosis.money.is_open().then_some(NOW),
                was_unknown: diagnosis.money == Money::Unknown,
                network: Some(self.network),
            })
            .collect();
        let channels: Vec<_> = (0..self.others)
            .map(|number| RankedChannel {
                id: format!("other-{number}").into(),
                succeeded: 9,
                attempts: 10,
                cost: 0.1,
                why: "fit".into(),
            })
            .collect();
        ask(&Situation {
            now: NOW,
            seed: 7,
            tables: &Tables::built_in(),
            settings: &RetrySettings::DEFAULT,
            attempts: &attempts,
            reported: Some(attempts.last().map_or(1, |last| last.number)),
            card: self.card,
            is_absent: self.is_absent,
            channels: &channels,
            has_budget: self.has_budget,
        })
    }

    fn advice(&self) -> Advice {
        self.with(advise)
    }
}

fn hours(number: i64) -> Option<Timestamp> {
    Some(NOW.plus(Span::from_secs(number * 3_600)))
}

#[test]
fn a_timeout_is_queried_on_a_schedule_and_never_retried() {
    let advice = Case { others: 2, ..Case::of(coded(OutcomeStatus::TimedOut, "", "")) }.advice();
    assert_eq!((advice.next_step, advice.next), (NextStep::Query, NextChannel::None));
    let after: Vec<i64> = advice.queries.iter().map(|at| at.since(NOW).as_secs()).collect();
    assert_eq!(after, [5, 10, 20, 40, 60, 300, 1_800]);
    assert_eq!(advice.not_before, Some(NOW.plus(Span::from_secs(5))));
    assert!(advice.channels.is_empty() && advice.needs[0] == Need::Query);
}

#[test]
fn an_attempt_that_is_not_known_outranks_one_that_was_declined_after_it() {
    let case = Case {
        outcomes: vec![coded(OutcomeStatus::TimedOut, "", ""), declined("", "96")],
        others: 2,
        ..Case::of(declined("", "51"))
    };
    assert_eq!(case.advice().next_step, NextStep::Query);
}

#[test]
fn what_is_in_progress_is_polled_every_five_seconds() {
    let advice = Case::of(coded(OutcomeStatus::Pending, "", "")).advice();
    let after: Vec<i64> = advice.queries.iter().map(|at| at.since(NOW).as_secs()).collect();
    assert_eq!((after[0], after[11], after.len()), (5, 60, 12));
}

/// The rules, each with what it leaves: provider, network, code, advice code, payer absent or not.
#[test]
fn each_sourced_rule_leaves_what_its_source_says() {
    use NextStep::{AskCustomer, RetryLater, StepUp, Stop};
    type Row =
        (&'static str, &'static str, &'static str, &'static str, bool, NextStep, Option<Timestamp>);
    let rows: &[Row] = &[
        // Visa category 1: never with what was sent; another number is another matter.
        ("", "visa", "14", "", true, AskCustomer, None),
        ("", "visa", "46", "", false, Stop, None),
        ("", "visa", "R1", "", true, Stop, None),
        // Funds: a payer who is there is asked, else 24 h; a merchant advice code says how long.
        ("", "visa", "51", "", false, AskCustomer, None),
        ("", "visa", "51", "", true, RetryLater, hours(24)),
        ("", "mastercard", "51", "02", true, RetryLater, hours(72)),
        ("", "mastercard", "51", "24", true, RetryLater, hours(24)),
        ("", "mastercard", "51", "30", true, RetryLater, hours(240)),
        ("", "mastercard", "51", "03", true, Stop, None),
        ("", "mastercard", "05", "21", true, Stop, None),
        ("", "mastercard", "05", "99", true, Stop, None),
        // The same number means another thing at Visa.
        ("", "visa", "05", "02", true, Stop, None),
        ("stripe", "", "do_not_try_again", "", true, Stop, None),
        ("braintree", "", "2012", "", true, Stop, None),
        // What only the customer can mend.
        ("", "visa", "54", "", false, AskCustomer, None),
        ("", "visa", "82", "", false, AskCustomer, None),
        ("stripe", "", "authentication_required", "", false, StepUp, None),
        // Fraud, the law, a stolen card.
        ("", "visa", "59", "", false, Stop, None),
        ("", "visa", "43", "", false, Stop, None),
        ("", "mastercard", "51", "42", true, Stop, None),
        // Nobody knows it: not retried.
        ("stripe", "", "no_such_code", "", true, Stop, None),
    ];
    for (provider, network, code, advice_code, is_absent, step, not_before) in rows {
        let advice_code = (!advice_code.is_empty()).then(|| (*advice_code).into());
        let outcome = Outcome { advice_code, ..declined(provider, code) };
        let case = Case { network, is_absent: *is_absent, ..Case::of(outcome) };
        let advice = case.advice();
        assert_eq!(advice.next_step, *step, "{provider} {network} {code}: {advice:?}");
        if not_before.is_some() {
            assert_eq!(advice.not_before, *not_before, "{provider} {network} {code}");
        }
        assert!(!advice.why.is_empty() && !advice.source.is_empty(), "{provider} {network} {code}");
    }
}

#[test]
fn a_failed_connection_is_retried_with_jitter_that_a_replay_repeats() {
    let mut failed = coded(OutcomeStatus::Failed, "network", "connect_refused");
    failed.stage = Some(Stage::NotSent);
    let first = Case::of(failed.clone()).advice();
    assert_eq!((first.next_step, first.attempts_left), (NextStep::RetryLater, 2));
    let wait = first.not_before.unwrap().since(NOW);
    assert!(wait <= Span::from_micros(100_000), "{wait}");
    assert_eq!(first, Case::of(failed.clone()).advice());
    let third = Case {
        outcomes: vec![failed.clone(), failed.clone(), failed],
        ..Case::of(declined("", "51"))
    };
    assert_eq!(third.advice().next_step, NextStep::Stop);
}

#[test]
fn a_channel_that_is_down_is_left_for_one_that_was_not_tried() {
    let down = declined("braintree", "3000");
    let advice = Case { others: 2, ..Case::of(down.clone()) }.advice();
    assert_eq!((advice.next_step, advice.next), (NextStep::SwitchChannel, NextChannel::Other));
    assert_eq!(advice.channels.len(), 2);
    assert_eq!(Case::of(down).advice().next_step, NextStep::Stop);
}

#[test]
fn a_channel_says_when_and_whether_it_may_be_asked_again() {
    let busy = |pushback| Outcome { retry_after: Some(pushback), ..declined("http", "429") };
    let advice = Case::of(busy(Pushback::After(Span::from_secs(60)))).advice();
    assert_eq!(advice.next_step, NextStep::RetryLater);
    assert!(advice.not_before.unwrap().since(NOW) >= Span::from_secs(60));
    assert_eq!(Case::of(busy(Pushback::Never)).advice().next_step, NextStep::Stop);
}

#[test]
fn networks_bound_how_often_a_card_is_tried() {
    let with = |network, card| {
        Case { network, card, is_absent: true, ..Case::of(declined("", "51")) }.advice()
    };
    let visa =
        |declines| with("visa", CardCounts { window_of_amount: declines, ..CardCounts::default() });
    assert_eq!(visa(20).next_step, NextStep::RetryLater);
    assert_eq!(visa(21).next_step, NextStep::AskCustomer);
    let day = |declines| {
        with("mastercard", CardCounts { day_at_acceptor: declines, ..CardCounts::default() })
    };
    assert_eq!(day(9).next_step, NextStep::RetryLater);
    assert_eq!(day(10).next_step, NextStep::AskCustomer);
    let month = CardCounts { month_of_amount_at_acceptor: 35, ..CardCounts::default() };
    assert_eq!(with("mastercard", month).attempts_left, 0);
}

#[test]
fn a_channel_whose_budget_is_used_up_is_not_tried_again() {
    let down = declined("braintree", "3000");
    let case = Case { others: 2, has_budget: false, ..Case::of(down) };
    assert_eq!(case.advice().next_step, NextStep::Stop);
}

#[test]
fn what_is_paid_is_let_be() {
    let paid = Case {
        outcomes: vec![declined("", "96"), coded(OutcomeStatus::Authorized, "", "")],
        ..Case::of(declined("", "51"))
    };
    let advice = paid.advice();
    assert_eq!(
        (advice.next_step, advice.next, advice.attempts_left),
        (NextStep::Proceed, NextChannel::None, 0)
    );
}

fn case() -> impl Strategy<Value = Case> {
    let rows: Vec<(String, String)> = Tables::built_in()
        .codes()
        .into_iter()
        .map(|(key, _)| (key.provider.to_string(), key.code.to_string()))
        .collect();
    let outcome = (
        prop::sample::select(rows),
        prop::sample::select(OutcomeStatus::ALL.to_vec()),
        prop::option::of(prop::sample::select(vec!["01", "02", "03", "21", "24", "30", "99"])),
        prop::option::of(prop_oneof![
            Just(Pushback::Never),
            (0_i64..100_000).prop_map(|ms| Pushback::After(Span::from_micros(ms * 1_000)))
        ]),
    )
        .prop_map(|((provider, code), status, advice_code, wait)| Outcome {
            advice_code: advice_code.map(Into::into),
            retry_after: wait,
            ..coded(status, &provider, &code)
        });
    (
        prop::collection::vec(outcome, 1..4),
        prop::sample::select(vec!["visa", "mastercard", "amex"]),
        any::<bool>(),
        (0_u32..40, 0_u32..40, 0_u32..40),
        0_usize..3,
        any::<bool>(),
    )
        .prop_map(
            |(outcomes, network, is_absent, (day, month, window), others, has_budget)| Case {
                has_budget,
                outcomes,
                network,
                is_absent,
                others,
                card: CardCounts {
                    day_at_acceptor: day,
                    month_of_amount_at_acceptor: month,
                    window_of_amount: window,
                },
            },
        )
}

proptest! {
    #[test]
    fn no_layer_makes_the_plan_looser(case in case()) {
        let plans = case.with(plans);
        for pair in plans.windows(2) {
            prop_assert!(pair[1].is_no_looser_than(&pair[0]), "{:?}", pair);
        }
    }

    #[test]
    fn nothing_is_ever_tried_while_a_result_is_not_known(case in case()) {
        let open = case.outcomes.iter().any(|outcome| {
            matches!(diagnosed(outcome, case.network).money, Money::Unknown | Money::InProgress)
        });
        let advice = case.advice();
        if open {
            prop_assert_eq!(advice.next_step, NextStep::Query);
            prop_assert_eq!(advice.next, NextChannel::None);
            prop_assert!(advice.channels.is_empty());
        }
        if advice.next == NextChannel::None {
            prop_assert!(advice.channels.is_empty());
        }
    }
}
