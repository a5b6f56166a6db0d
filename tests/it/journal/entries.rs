//! Entries of every kind, with every field that they can have.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use vajra::engine::journal::{Entry, Event};
use vajra::list::{ChangeKind, ListChange};
use vajra::model::decision::{
    Decision, Evaluation, MetChallenge, Reason, RuleError, RuleTrace, ShadowHit,
};
use vajra::model::failure::{
    Advice, Assessment, Class, Diagnosis, Family, Flag, Money, Need, NextChannel, RankedChannel,
};
use vajra::model::field::{Field, Fields};
use vajra::model::limit::{LimitKey, LimitUsage, Period, Reservation};
use vajra::model::outcome::{Outcome, OutcomeStatus, Pushback, Stage};
use vajra::model::packed::{FeatureNames, Packed, PackedFeatures};
use vajra::model::time::{Span, Timestamp};
use vajra::model::value::{Text, Value};
use vajra::model::verdict::{NextStep, ReasonClass, Verdict};
use vajra::policy::bundle::Files;

pub(super) fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        (packed(), time(), option::of(time()), value(), decision(), vec(value(), 3)).prop_map(
            |(content, received_at, occurred_at, amount_base, decision, values)| Entry::Score {
                content,
                received_at,
                occurred_at,
                amount_base,
                locale: "zh-CN".into(),
                features: PackedFeatures::new(&features(), values.iter()),
                decision: Arc::new(decision),
            }
        ),
        (any::<u64>(), time(), time(), time(), outcome(), assessment()).prop_map(
            |(sequence, received_at, applied_at, effective_at, outcome, assessment)| {
                Entry::Outcome {
                    sequence,
                    received_at,
                    applied_at,
                    effective_at,
                    outcome: Arc::new(outcome),
                    assessment: Arc::new(assessment),
                }
            }
        ),
        (any::<u64>(), time(), time(), time(), event()).prop_map(
            |(sequence, received_at, applied_at, effective_at, event)| {
                Entry::Event {
                    sequence,
                    received_at,
                    applied_at,
                    effective_at,
                    event: Arc::new(event),
                }
            }
        ),
        (any::<u64>(), time(), change()).prop_map(|(sequence, at, change)| Entry::List {
            sequence,
            at,
            change
        }),
        (any::<u64>(), time(), text(), files()).prop_map(
            |(sequence, at, policy_version, files)| {
                Entry::Publication { sequence, at, policy_version, files: Arc::new(files) }
            }
        ),
    ]
}

/// The names of the features of every decision here.
pub(super) fn features() -> Arc<FeatureNames> {
    Arc::new(FeatureNames::new(vec!["card.a".into(), "card.b".into(), "device.c".into()]))
}

/// The same entries at every run.
pub(super) fn samples(count: usize) -> Vec<Entry> {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| entry().new_tree(&mut runner).unwrap().current()).collect()
}

fn files() -> impl Strategy<Value = Files> {
    prop::collection::btree_map("[a-z/]{1,12}", vec(any::<u8>(), 0..200), 0..4).prop_map(Files)
}

fn text() -> impl Strategy<Value = Text> {
    "\\PC{0,40}".prop_map(Text::from)
}

fn name() -> impl Strategy<Value = Arc<str>> {
    "[A-Za-z 支付]{0,12}".prop_map(Arc::from)
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_micros)
}

fn span() -> impl Strategy<Value = Span> {
    any::<i64>().prop_map(Span::from_micros)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Missing),
        Just(Value::Unknown),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        prop::num::f64::NORMAL.prop_map(Value::Float),
        time().prop_map(Value::Time),
        text().prop_map(Value::Text),
        vec(text(), 0..4).prop_map(|texts| Value::Texts(texts.into())),
    ]
}

fn packed() -> impl Strategy<Value = Packed> {
    let fields = vec((prop::sample::select(Field::ALL), value()), 0..12);
    let attributes = vec(("[a-z]{1,8}", value()), 0..4);
    (fields, attributes).prop_map(|(fields, attributes)| {
        let mut all = Fields::new();
        for (field, value) in fields {
            all.set(field, value);
        }
        for (name, value) in attributes {
            all.set_attribute(Text::from(name), value);
        }
        Packed::new(&all, &[])
    })
}

fn decision() -> impl Strategy<Value = Decision> {
    let ids = (text(), text(), any::<u32>(), any::<u64>(), time(), text());
    let next = (next_step(), option::of(time()), option::of(name()), option::of(advice()));
    (ids, evaluation(), next, vec(channel(), 0..3), vec(reservation(), 0..3)).prop_map(
        |(ids, evaluation, next, channels, reservations)| {
            let (decision_id, payment_id, attempt, sequence, effective_at, policy_version) = ids;
            let (next_step, not_before, customer_message, advice) = next;
            Decision {
                decision_id,
                payment_id,
                attempt,
                sequence,
                effective_at,
                policy_version,
                evaluation,
                next_step,
                not_before,
                customer_message,
                advice: advice.map(Box::new),
                channels,
                reservations,
            }
        },
    )
}

fn evaluation() -> impl Strategy<Value = Evaluation> {
    let said = (
        prop::sample::select(&Verdict::ALL),
        any::<bool>(),
        any::<i64>(),
        vec(reason(), 0..3),
        vec(text(), 0..3),
        vec(name(), 0..4),
    );
    let left = (vec(text(), 0..3), vec(shadow(), 0..2), vec(name(), 0..2));
    let more = (
        vec((name(), name(), text()), 0..2),
        vec((name(), ".{0,20}"), 0..2),
        vec(trace(), 0..2),
        vec(usage(), 0..3),
        any::<bool>(),
        vec((0_usize..50, any::<i64>()), 0..3),
    );
    (said, left, more).prop_map(|(said, (degraded, shadow, exempted), more)| {
        let (verdict, review, score, reasons, challenge, fired) = said;
        let (met, errors, trace, limits, clears_with_time, amounts) = more;
        Evaluation {
            verdict,
            review,
            score,
            reasons,
            challenge,
            fired,
            degraded,
            shadow,
            exempted,
            challenges_met: met
                .into_iter()
                .map(|(rule, code, method)| MetChallenge { rule, code, method })
                .collect(),
            errors: errors.into_iter().map(|(rule, problem)| RuleError { rule, problem }).collect(),
            trace,
            limits,
            clears_with_time,
            amounts,
        }
    })
}

fn reason() -> impl Strategy<Value = Reason> {
    (name(), prop::sample::select(&ReasonClass::ALL), name(), option::of(name()))
        .prop_map(|(code, class, rule, message)| Reason { code, class, rule, message })
}

fn shadow() -> impl Strategy<Value = ShadowHit> {
    (name(), vec(name(), 0..3)).prop_map(|(rule, actions)| ShadowHit { rule, actions })
}

fn trace() -> impl Strategy<Value = RuleTrace> {
    let place = (name(), name(), any::<u32>(), any::<bool>(), vec(name(), 0..3));
    (place, option::of(value()), vec((text(), value()), 0..3)).prop_map(
        |((rule, file, line, is_shadow, actions), condition, values)| RuleTrace {
            rule,
            file,
            line,
            is_shadow,
            actions,
            condition,
            values,
        },
    )
}

fn usage() -> impl Strategy<Value = LimitUsage> {
    let figures = (any::<i64>(), any::<i64>(), value());
    (name(), figures, option::of(time()), any::<bool>(), any::<bool>()).prop_map(
        |(name, (used, reserved, max), resets_at, not_applied, counts)| LimitUsage {
            name,
            used,
            reserved,
            max,
            resets_at,
            not_applied,
            counts,
        },
    )
}

fn reservation() -> impl Strategy<Value = Reservation> {
    let period = prop_oneof![
        span().prop_map(Period::Over),
        Just(Period::Day),
        Just(Period::Week),
        Just(Period::Month)
    ];
    (name(), any::<u128>(), period, any::<i64>(), any::<bool>(), any::<bool>()).prop_map(
        |(name, key, period, amount, returns_refunded, counts)| Reservation {
            name,
            key: LimitKey(key),
            period,
            amount,
            returns_refunded,
            counts,
        },
    )
}

fn next_step() -> impl Strategy<Value = NextStep> {
    prop::sample::select(&[
        NextStep::Proceed,
        NextStep::StepUp,
        NextStep::Query,
        NextStep::RetryLater,
        NextStep::SwitchChannel,
        NextStep::AskCustomer,
        NextStep::Stop,
    ])
}

fn channel() -> impl Strategy<Value = RankedChannel> {
    (text(), any::<u32>(), any::<u32>(), prop_oneof![prop::num::f64::NORMAL, Just(0.0)], text())
        .prop_map(|(id, succeeded, attempts, cost, why)| RankedChannel {
            id,
            succeeded,
            attempts,
            cost,
            why,
        })
}

fn advice() -> impl Strategy<Value = Advice> {
    let next = prop::sample::select(&[NextChannel::Same, NextChannel::Other, NextChannel::None]);
    let needs = prop::sample::select(&[
        Need::Query,
        Need::Reversal,
        Need::NewCard,
        Need::Correction,
        Need::Cvv,
        Need::StepUp,
        Need::NewToken,
        Need::OtherMethod,
        Need::BankContact,
        Need::Operations,
    ]);
    let plan = (next_step(), next, option::of(time()), any::<u32>(), option::of(time()));
    (plan, vec(needs, 0..3), vec(time(), 0..3), vec(channel(), 0..2), text(), text()).prop_map(
        |(plan, needs, queries, channels, why, source)| {
            let (next_step, next, not_before, attempts_left, deadline) = plan;
            Advice {
                next_step,
                next,
                not_before,
                attempts_left,
                deadline,
                needs,
                queries,
                channels,
                why,
                source,
            }
        },
    )
}

fn assessment() -> impl Strategy<Value = Assessment> {
    let family = prop::sample::select(&[Family::Technical, Family::NonTechnical]);
    let diagnosis = (
        option::of(name()),
        option::of(family),
        prop::sample::select(&Money::ALL),
        option::of(prop::sample::select(&Class::ALL)),
        any::<bool>(),
        any::<bool>(),
    );
    let flag = prop::sample::select(&[
        Flag::SecondSuccess,
        Flag::LateSuccess,
        Flag::ReservationExpired,
        Flag::CapturedAboveAmount,
        Flag::RefundedAboveCapture,
        Flag::HeldAgain,
    ]);
    (diagnosis, advice(), vec(flag, 0..3)).prop_map(|(diagnosis, advice, flags)| {
        let (cause, family, money, class, is_evidence, is_unmapped) = diagnosis;
        let diagnosis = Diagnosis { cause, family, money, class, is_evidence, is_unmapped };
        Assessment { diagnosis, advice, flags }
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let stage = option::of(prop::sample::select(&[Stage::NotSent, Stage::Sent]));
    let pushback = prop_oneof![span().prop_map(Pushback::After), Just(Pushback::Never)];
    let what = (
        text(),
        any::<u32>(),
        option::of(text()),
        prop::sample::select(&OutcomeStatus::ALL),
        stage,
        option::of(any::<i64>()),
        any::<bool>(),
    );
    let codes = vec(option::of(text()), 6);
    (what, codes, option::of(pushback), option::of(span()), option::of(time())).prop_map(
        |(what, mut codes, retry_after, latency, occurred_at)| {
            let (payment_id, attempt, outcome_id, status, stage, amount, is_final) = what;
            let mut next = || codes.pop().unwrap();
            Outcome {
                payment_id,
                attempt,
                outcome_id,
                status,
                stage,
                amount,
                is_final,
                provider: next(),
                operation: next(),
                network: next(),
                code: next(),
                advice_code: next(),
                retry_after,
                channel: next(),
                latency,
                occurred_at,
            }
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    (text(), option::of(text()), option::of(text()), packed(), option::of(time())).prop_map(
        |(name, event_id, payment_id, content, occurred_at)| Event {
            name,
            event_id,
            payment_id,
            content,
            occurred_at,
        },
    )
}

fn change() -> impl Strategy<Value = ListChange> {
    let kind = prop_oneof![
        (option::of(time()), option::of(text()))
            .prop_map(|(expires_at, reason)| ChangeKind::Add { expires_at, reason }),
        option::of(text()).prop_map(|reason| ChangeKind::Remove { reason }),
    ];
    (text(), text(), kind).prop_map(|(list, value, kind)| ListChange { list, value, kind })
}
