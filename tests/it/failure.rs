//! What failures mean and what to do about them: the tables, the traps in them, and the advice.

mod advice;
mod tables;

use vajra::failure::tables::Tables;
use vajra::model::failure::{Advice, Assessment, Diagnosis, NextChannel};
use vajra::model::outcome::{Outcome, OutcomeStatus, Stage};
use vajra::model::verdict::NextStep;

/// An outcome of a provider's code.
fn coded(status: OutcomeStatus, provider: &str, code: &str) -> Outcome {
    Outcome {
        payment_id: "p".into(),
        attempt: 1,
        outcome_id: None,
        status,
        stage: (status == OutcomeStatus::Failed).then_some(Stage::Sent),
        amount: None,
        is_final: true,
        provider: (!provider.is_empty()).then(|| provider.into()),
        operation: None,
        network: None,
        code: (!code.is_empty()).then(|| code.into()),
        advice_code: None,
        retry_after: None,
        channel: Some("main".into()),
        latency: None,
        occurred_at: None,
    }
}

fn declined(provider: &str, code: &str) -> Outcome {
    coded(OutcomeStatus::Declined, provider, code)
}

fn diagnosed(outcome: &Outcome, network: &str) -> Diagnosis {
    Tables::built_in().diagnose(outcome, (!network.is_empty()).then_some(network))
}

/// What the payer is told of an outcome after which that is advised.
fn told(outcome: &Outcome, next_step: NextStep, locale: &str) -> Option<String> {
    let advice = Advice {
        next_step,
        next: NextChannel::None,
        not_before: None,
        attempts_left: 0,
        deadline: None,
        needs: Vec::new(),
        queries: Vec::new(),
        channels: Vec::new(),
        why: "".into(),
        source: "".into(),
    };
    let diagnosis = diagnosed(outcome, "visa");
    let assessment = Assessment { diagnosis, advice, flags: Vec::new() };
    Tables::built_in().message((outcome, &assessment), locale, "en")
}
