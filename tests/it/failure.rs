//! What failures mean and what to do about them: the tables, the traps in them, and the advice.

mod advice;
mod tables;

use vajra::failure::tables::Tables;
use vajra::model::failure::Diagnosis;
use vajra::model::outcome::{Outcome, OutcomeStatus, Stage};

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
