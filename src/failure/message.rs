//! What to tell the payer of a failure.

use crate::failure::tables::{Tables, UNCLASSIFIED};
use crate::model::failure::{Diagnosis, Money};

/// "No money was taken", by locale: said only where that is known.
const NOT_TAKEN: [(&str, &str); 2] = [("en", " No money was taken."), ("zh", "本次未扣款。")];

impl Tables {
    /// What to tell the payer: what happened, what to do, and, where that is known, that no money was
    /// taken. `None` after a success. In the locale, its language, the fallback's, or English.
    pub fn message(&self, diagnosis: &Diagnosis, locale: &str, fallback: &str) -> Option<String> {
        let name = diagnosis.cause.as_deref()?;
        // What the cause says of the money may be more than is known of it.
        let name = match diagnosis.money {
            Money::Unknown if !self.is_open(name) => "OUTCOME_UNKNOWN",
            Money::InProgress if !self.is_open(name) => "PAYMENT_IN_PROGRESS",
            Money::NotSent
            | Money::Declined
            | Money::Unknown
            | Money::InProgress
            | Money::Succeeded => name,
        };
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
        if matches!(diagnosis.money, Money::NotSent | Money::Declined) {
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
