//! Recorded scores decided again, to see that the same comes out.

use crate::engine::Engine;
use crate::engine::ScoreRequest;
use crate::engine::journal::Entry;
use crate::engine::score::Asked;
use crate::model::decision::Decision;
use crate::model::field::Field;
use crate::model::payment::Payment;
use crate::model::value::Value;

impl Engine {
    /// Decides a recorded attempt again, by the policies and the state that are live here: those that
    /// decided it, when every entry before it was applied and it was not. `None` for what is no score.
    pub fn decide_again(&self, entry: &Entry) -> Option<Decision> {
        let Entry::Score { content, received_at, occurred_at, locale, decision, .. } = entry else {
            return None;
        };
        let mut fields = content.unpack();
        if let Some(at) = occurred_at {
            fields.set(Field::OccurredAt, Value::Time(*at));
        }
        let request = ScoreRequest {
            payment: Payment::from_checked(fields),
            locale: locale.clone(),
            dry_run: true,
            trace: !decision.evaluation.trace.is_empty(),
        };
        let asked = Asked { request: &request, received_at: *received_at, all_features: false };
        let id = &decision.payment_id;
        let imagined = self
            .payments
            .with_known(id, *received_at, |record| self.imagine(asked, record, decision.sequence));
        let imagined =
            imagined.unwrap_or_else(|| self.imagine(asked, &Default::default(), decision.sequence));
        Some(Decision::clone(&imagined.decision))
    }
}
