//! What to tell the payer of a failure.

use crate::failure::tables::{Tables, UNCLASSIFIED};
use crate::model::failure::{Assessment, Money};
use crate::model::outcome::Outcome;
use crate::model::verdict::NextStep;

/// "No money was taken", by locale: said only where that is known.
const NOT_TAKEN: [(&str, &str); 2] = [("en", " No money was taken."), ("zh", "本次未扣款。")];

impl Tables {
    /// What to tell the payer: what happened, what to do, and, where that is known, that no money was
    /// taken. `None` after a success. In the locale, its language, the fallback's, or English.
    ///
    /// An attempt that was declined says nothing of the others: while one of them is not known, or when one
    /// has succeeded, the payer must not hear that no money was taken, nor be asked to pay again.
    pub fn message(
        &self,
        (outcome, assessment): (&Outcome, &Assessment),
        locale: &str,
        fallback: &str,
    ) -> Option<String> {
        let Assessment { diagnosis, advice, flags: _ } = assessment;
        let name = diagnosis.cause.as_deref()?;
        let is_open = matches!(advice.next_step, NextStep::Query);
        let is_paid = matches!(advice.next_step, NextStep::Proceed);
        // What the cause says of the money may be more than is known of it.
        let name = match diagnosis.money {
            Money::Unknown if !self.is_open(name) => "OUTCOME_UNKNOWN",
            Money::InProgress if !self.is_open(name) => "PAYMENT_IN_PROGRESS",
            Money::NotSent | Money::Declined if is_open => "OUTCOME_UNKNOWN",
            Money::NotSent | Money::Declined if is_paid && outcome.is_about_payment() => {
                "ORDER_ALREADY_PAID"
            }
            Money::NotSent
            | Money::Declined
            | Money::Unknown
            | Money::InProgress
            | Money::Succeeded => name,
        };
        let is_not_taken = matches!(diagnosis.money, Money::NotSent | Money::Declined)
            && !is_open
            && !is_paid
            && outcome.is_about_payment();
        let cause = self.cause(name).or_else(|| self.cause(UNCLASSIFIED))?;
        let wanted = languages(locale).chain(languages(fallback)).chain(std::iter::once("en"));
        let (language, text) = wanted
            .filter_map(|wanted| {
                let found = cause.message.iter().find(|(known, _)| {
                    known.eq_ignore_ascii_case(wanted)
                        || !wanted.contains('-')
                            && known
                                .split('-')
                                .next()
                                .is_some_and(|it| it.eq_ignore_ascii_case(wanted))
                });
                found.map(|(known, text)| (known.as_str(), text))
            })
            .next()?;
        let mut message = text.to_string();
        if is_not_taken {
            let short = language.split('-').next().unwrap_or_default();
            let said = NOT_TAKEN.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(short));
            message.push_str(said.map_or("", |(_, said)| said));
        }
        Some(message)
    }

    /// Whether the cause itself leaves open whether money was taken.
    fn is_open(&self, name: &str) -> bool {
        self.cause(name)
            .is_some_and(|cause| matches!(cause.money, Money::Unknown | Money::InProgress))
    }
}

/// A locale and what it is a case of: `zh-Hans-CN`, `zh-Hans`, `zh`.
fn languages(locale: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(locale), |longer| {
        longer.rfind(['-', '_']).and_then(|end| longer.get(..end))
    })
}
