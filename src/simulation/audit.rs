//! After the end: what the provider's ledger says, and whether the limits say the same.

use std::collections::BTreeMap;

use super::policies::LEDGER;
use super::report::invalid;
use super::{End, SimulationError, Tally, World};
use crate::engine::ScoreRequest;
use crate::model::field::{Field, Fields};
use crate::model::limit::RESERVATION_KEPT;
use crate::model::value::{Text, Value};

impl World {
    /// Looks into the ledger, and at every card's limit.
    pub(super) fn settle(mut self) -> Result<Tally, SimulationError> {
        // What nobody reported has expired by then.
        self.now = self.now.plus(RESERVATION_KEPT);
        let mut by_card: BTreeMap<Text, i64> = BTreeMap::new();
        for (place, order) in self.orders.iter().enumerate() {
            let charges: Vec<_> = self.provider.charges(place as u64).collect();
            for token in &order.tokens {
                by_card.entry(token.clone()).or_default();
            }
            let mut left = 0;
            for charge in &charges {
                left += charge.left(self.now);
                let token = order.tokens.get(usize::try_from(charge.card).unwrap_or(0));
                if let Some(sum) = token.and_then(|token| by_card.get_mut(token)) {
                    *sum += charge.left(self.now);
                }
            }
            let is_twice = charges.iter().enumerate().any(|(number, one)| {
                charges.iter().skip(number + 1).any(|other| one.overlaps(other))
            });
            self.tally.count_end(order.end, is_twice);
            if order.end != Some(End::Paid) && left > 0 {
                self.tally.taken_unserved += 1;
            }
            let is_served = order.end == Some(End::Paid);
            let was_taken = charges.iter().any(|charge| charge.was_taken());
            self.tally.served_unpaid += u64::from(is_served && !was_taken);
        }
        for (number, (token, expected)) in by_card.iter().enumerate() {
            let (used, reserved) = self.usage(number, token)?;
            self.tally.cards += 1;
            self.tally.cards_wrong += u64::from(used != *expected || reserved != 0);
        }
        Ok(self.tally)
    }

    /// What the ledger's limit holds of a card.
    fn usage(&self, number: usize, token: &Text) -> Result<(i64, i64), SimulationError> {
        let mut fields = Fields::new();
        fields.set(Field::Id, Value::Text(Text::from(format!("audit-{number}"))));
        fields.set(Field::Attempt, Value::Int(1));
        fields.set(Field::Amount, Value::Int(0));
        fields.set(Field::Currency, Value::Text(Text::const_new("EUR")));
        fields.set(Field::CardToken, Value::Text(token.clone()));
        let payment = self.intake.payment(fields, self.now).map_err(invalid)?.value;
        let request =
            ScoreRequest { payment, locale: Text::default(), dry_run: true, trace: false };
        let decision = self.engine.score(&request, self.now)?.decision;
        let usage = decision.evaluation.limits.iter().find(|usage| &*usage.name == LEDGER);
        let usage = usage.ok_or_else(|| SimulationError::Invalid(format!("no `{LEDGER}`")))?;
        Ok((usage.used, usage.reserved))
    }
}
