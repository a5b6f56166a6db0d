//! What is answered under overload when the bundle has fallback tiers: a marked verdict by amount, from
//! the payment alone. It makes no event and uses up no idempotency key.

use super::convert::answer::{wire_next_step, wire_verdict};
use super::proto;
use crate::model::currency::Currency;
use crate::model::payment::Payment;
use crate::model::verdict::{NextStep, Verdict};
use crate::policy::bundle::{Bundle, OffSession};

/// The mark of such an answer.
pub(super) const MARK: &str = "overload";

/// The code whose neutral text tells the customer of a verdict that no rule gave.
const NEUTRAL_CODE: &str = "RULE_ERROR";

/// The answer of the first tier that the amount fits; `None` above the last one, and without a known
/// amount in the base currency.
pub(super) fn answer(
    bundle: &Bundle,
    payment: &Payment,
    payment_id: String,
    locale: &str,
) -> Option<proto::ScoreResponse> {
    let currency = Currency::from_code(payment.currency())?;
    let amount_base = bundle.rates.to_base(payment.amount(), currency, bundle.base_currency)?;
    let tier = bundle.fallback.iter().find(|tier| amount_base <= tier.up_to)?;
    let (verdict, review) = settle(bundle, payment, tier.verdict);
    let next_step = match verdict {
        Verdict::Allow => NextStep::Proceed,
        Verdict::Challenge => NextStep::StepUp,
        Verdict::Block => NextStep::Stop,
    };
    let challenge = match verdict {
        Verdict::Challenge => vec![bundle.default_challenge.to_string()],
        Verdict::Allow | Verdict::Block => Vec::new(),
    };
    let message = match verdict {
        Verdict::Allow => None,
        Verdict::Challenge | Verdict::Block => bundle.message(NEUTRAL_CODE, locale),
    };
    Some(proto::ScoreResponse {
        payment_id,
        attempt: payment.attempt(),
        verdict: wire_verdict(verdict).into(),
        review,
        challenge,
        next_step: wire_next_step(next_step).into(),
        customer_message: message.as_deref().unwrap_or_default().to_owned(),
        policy_version: bundle.version.to_string(),
        degraded: vec![MARK.to_owned()],
        ..proto::ScoreResponse::default()
    })
}

/// A challenge that was passed is none any more, and an absent payer cannot be challenged.
fn settle(bundle: &Bundle, payment: &Payment, verdict: Verdict) -> (Verdict, bool) {
    match verdict {
        Verdict::Allow | Verdict::Block => (verdict, false),
        Verdict::Challenge if has_passed(bundle, payment) => (Verdict::Allow, false),
        Verdict::Challenge if payment.is_off_session() => match bundle.challenge_off_session {
            OffSession::Block => (Verdict::Block, false),
            OffSession::Allow => (Verdict::Allow, false),
            OffSession::Review => (Verdict::Allow, true),
        },
        Verdict::Challenge => (Verdict::Challenge, false),
    }
}

fn has_passed(bundle: &Bundle, payment: &Payment) -> bool {
    use crate::model::field::Field;
    let three_ds = payment.fields().get(Field::ThreeDs).as_text();
    payment.authenticated().contains(&bundle.default_challenge)
        || (bundle.default_challenge == "3ds" && three_ds == Some("authenticated"))
}
