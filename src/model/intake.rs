//! The edge: raw fields are normalized and checked here once, whichever way they came in.
//!
//! It does not know the wire, files or policies: a driver fills [`Fields`] with what it was sent and
//! passes them here. What comes out is valid, in the letter case of the contract, and holds no card
//! number.

pub mod bounds;
mod checks;
mod single;

use crate::model::card_number::{HashKey, holds_card_number, is_card_number};
use crate::model::currency::Currency;
use crate::model::field::{CardNumbers, Case, Field, Fields};
use crate::model::payment::Payment;
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Text, Value, ValueType};

/// The fields that have a value in every payment, said or not.
const DEFAULTED: [Field; 4] = [Field::Wallet, Field::ThreeDs, Field::Recurring, Field::OffSession];

/// The fields without which there is no payment.
const REQUIRED: [Field; 4] = [Field::Id, Field::Attempt, Field::Amount, Field::Currency];

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid `{field}`: {problem}")]
pub struct Violation {
    /// The path of the field as the caller wrote it, such as `payment.card.token`.
    pub field: String,
    /// What is wrong with it, for the person who must mend it. Never the value itself.
    pub problem: String,
}

/// How raw fields become a payment or an event.
#[derive(Clone, Debug)]
pub struct Intake {
    hash_key: HashKey,
    source: Source,
}

/// Where raw fields come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// A caller, who can be told what is wrong.
    Caller {
        /// How far `occurred_at` may be from the receive time.
        skew_max: Span,
    },
    /// History, which cannot be mended: card numbers are hashed wherever they stand.
    History,
}

/// Fields that passed the edge, and how many of their values were card numbers and are now hashes.
#[derive(Clone, Debug)]
pub struct Admitted<T> {
    /// What passed.
    pub value: T,
    /// How many values were replaced by their keyed hash.
    pub hashed: u32,
}

// === impl Intake ===

impl Intake {
    /// An edge that hashes with `hash_key` and refuses an `occurred_at` further than `skew_max` from
    /// the receive time.
    pub const fn new(hash_key: HashKey, skew_max: Span) -> Self {
        Self { hash_key, source: Source::Caller { skew_max } }
    }

    /// An edge for history: a card number is hashed where a caller's would be refused, and
    /// `occurred_at` may be any time.
    pub const fn for_history(hash_key: HashKey) -> Self {
        Self { hash_key, source: Source::History }
    }

    /// Normalizes and checks the fields of a payment: cases, derived fields, defaults, lengths,
    /// ranges, card numbers, the currency, the clock.
    ///
    /// # Errors
    /// Every violation at once, in the order of the fields.
    pub fn payment(
        &self,
        mut fields: Fields,
        received_at: Timestamp,
    ) -> Result<Admitted<Payment>, Vec<Violation>> {
        for field in DEFAULTED {
            if checks::is_absent(fields.get(field)) {
                fields.set(field, Self::default_of(field));
            }
        }
        if !fields.get(Field::OccurredAt).is_present() {
            fields.set(Field::OccurredAt, Value::Time(received_at));
        }
        let mut pass = Pass::new(self, &REQUIRED, Some(received_at));
        pass.check(&mut fields);
        pass.finish(Payment::from_checked(fields))
    }

    /// The same for a recorded event, which need not have the fields that a payment requires and gets
    /// no default for what it does not say.
    ///
    /// # Errors
    /// Every violation at once, in the order of the fields.
    pub fn event(&self, mut fields: Fields) -> Result<Admitted<Fields>, Vec<Violation>> {
        let mut pass = Pass::new(self, &[], None);
        pass.check(&mut fields);
        pass.finish(fields)
    }

    /// Checks an id that is not a field (`outcome_id`, `event_id`) and hashes it when it is a card number.
    ///
    /// # Errors
    /// When it is empty, too long or has control characters.
    pub fn id(&self, field: &str, id: &str) -> Result<Admitted<Text>, Violation> {
        self.hashable(field, id, bounds::ID_BYTES_MAX)
    }

    /// Checks a value that is put on a list or taken off it, and hashes it when it is a card number.
    ///
    /// # Errors
    /// When it is empty, too long or has control characters.
    pub fn list_value(&self, field: &str, value: &str) -> Result<Admitted<Text>, Violation> {
        self.hashable(field, value, bounds::LIST_VALUE_BYTES_MAX)
    }

    /// Checks a short text that is not a field (a provider, a code); an empty one is `None`.
    ///
    /// # Errors
    /// When it is too long or has control characters.
    pub fn word(field: &str, text: &str) -> Result<Option<Text>, Violation> {
        let problem = checks::problem_of_text(text, bounds::ID_BYTES_MAX, false);
        match problem.or_else(|| is_card_number(text).then(|| CARD_NUMBER.to_owned())) {
            Some(problem) => Err(Violation { field: field.to_owned(), problem }),
            None => Ok((!text.is_empty()).then(|| Text::from(text))),
        }
    }

    /// Checks an amount that is not a field: the part of a payment that was captured or refunded.
    ///
    /// # Errors
    /// When it is out of range for an amount.
    pub fn amount(field: &str, amount: i64) -> Result<(), Violation> {
        checks::int(Field::Amount, amount)
            .map_err(|problem| Violation { field: field.to_owned(), problem })
    }

    /// Checks the name of an event that a caller records: a name as features write it, and none of those
    /// that scores and outcomes make.
    ///
    /// # Errors
    /// When it is empty, no name, too long or one of ours.
    pub fn event_name(field: &str, name: &str) -> Result<Text, Violation> {
        match checks::problem_of_event_name(name) {
            Some(problem) => {
                Err(Violation { field: field.to_owned(), problem: problem.to_owned() })
            }
            None => Ok(Text::from(name)),
        }
    }

    fn hashable(&self, field: &str, text: &str, max: usize) -> Result<Admitted<Text>, Violation> {
        let missing = text.is_empty().then(|| REQUIRED_PROBLEM.to_owned());
        if let Some(problem) = missing.or_else(|| checks::problem_of_text(text, max, false)) {
            return Err(Violation { field: field.to_owned(), problem });
        }
        Ok(match self.hash_key.hash_card_number(text) {
            Some(hash) => Admitted { value: hash, hashed: 1 },
            None => Admitted { value: Text::from(text), hashed: 0 },
        })
    }
}

const REQUIRED_PROBLEM: &str = "is required";
const CARD_NUMBER: &str = "must not be a card number: send a token of it";
const HOLDS_CARD_NUMBER: &str = "must not contain a card number";

/// One passage of one request: collects what is wrong instead of stopping at the first.
struct Pass<'a> {
    intake: &'a Intake,
    required: &'static [Field],
    received_at: Option<Timestamp>,
    violations: Vec<Violation>,
    hashed: u32,
}

impl<'a> Pass<'a> {
    const fn new(
        intake: &'a Intake,
        required: &'static [Field],
        received_at: Option<Timestamp>,
    ) -> Self {
        Self { intake, required, received_at, violations: Vec::new(), hashed: 0 }
    }

    fn finish<T>(self, value: T) -> Result<Admitted<T>, Vec<Violation>> {
        if self.violations.is_empty() {
            Ok(Admitted { value, hashed: self.hashed })
        } else {
            Err(self.violations)
        }
    }

    fn refuse(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.violations.push(Violation { field: field.into(), problem: problem.into() });
    }

    fn check(&mut self, fields: &mut Fields) {
        for field in Field::ALL.iter().copied() {
            let value = fields.get_mut(field);
            if checks::is_absent(value) {
                *value = Value::Missing;
                if self.required.contains(&field) {
                    self.refuse(field.path(), REQUIRED_PROBLEM);
                }
                continue;
            }
            if let Err(problem) = self.value(field, value) {
                self.refuse(field.path(), problem);
            }
        }
        checks::derive_email_domain(fields);
        self.attributes(fields.attributes_mut());
    }

    /// Normalizes and checks a value that was sent.
    fn value(&mut self, field: Field, value: &mut Value) -> Result<(), String> {
        if field == Field::AmountBase || field.is_of_outcome() {
            return Err("is computed, and cannot be sent".to_owned());
        }
        match (field.value_type(), value) {
            (ValueType::Text, Value::Text(text)) => self.text(field, text),
            (ValueType::Texts, Value::Texts(texts)) => checks::texts(texts),
            (ValueType::Int, Value::Int(number)) => checks::int(field, *number),
            (ValueType::Float, Value::Float(number)) => checks::coordinate(field, *number),
            (ValueType::Float, value @ Value::Int(_)) => {
                let degrees = value.as_int().and_then(|degrees| i16::try_from(degrees).ok());
                let degrees = degrees.map_or(f64::INFINITY, f64::from);
                *value = Value::Float(degrees);
                checks::coordinate(field, degrees)
            }
            (ValueType::Time, Value::Time(at)) => self.time(field, *at),
            (ValueType::Bool, Value::Bool(_)) => Ok(()),
            (ValueType::Int, _) => Err("must be an int".to_owned()),
            (expected, _) => Err(format!("must be a {}", expected.name())),
        }
    }

    fn text(&mut self, field: Field, text: &mut Text) -> Result<(), String> {
        match (field.case(), text.is_ascii()) {
            (Case::Keep, _) => {}
            (Case::Upper, true) => text.make_ascii_uppercase(),
            (Case::Lower, true) => text.make_ascii_lowercase(),
            (Case::Upper, false) => *text = text.to_uppercase(),
            (Case::Lower, false) => *text = text.to_lowercase(),
        }
        let is_free = field.card_numbers() == CardNumbers::RefuseWithin;
        if let Some(problem) = checks::problem_of_text(text, bounds::bytes_max(field), is_free) {
            return Err(problem);
        }
        if field == Field::Currency && Currency::from_code(text).is_none() {
            return Err("is not an active ISO 4217 currency".to_owned());
        }
        self.card_numbers(field.card_numbers(), text)
    }

    /// Refuses or hashes a card number, as the field and the source ask for.
    fn card_numbers(&mut self, found: CardNumbers, text: &mut Text) -> Result<(), String> {
        match (found, self.intake.source) {
            (CardNumbers::Ignore, _) => {}
            (CardNumbers::Refuse, Source::Caller { .. }) if is_card_number(text) => {
                return Err(CARD_NUMBER.to_owned());
            }
            (CardNumbers::RefuseWithin, Source::Caller { .. }) if holds_card_number(text) => {
                return Err(HOLDS_CARD_NUMBER.to_owned());
            }
            (CardNumbers::Refuse | CardNumbers::RefuseWithin, Source::Caller { .. }) => {}
            (CardNumbers::RefuseWithin, Source::History) => {
                if holds_card_number(text) {
                    let (hashed, count) = self.intake.hash_key.hash_within(text);
                    *text = hashed;
                    self.hashed += count;
                }
            }
            (CardNumbers::Hash, _) | (CardNumbers::Refuse, Source::History) => {
                if let Some(hash) = self.intake.hash_key.hash_card_number(text) {
                    *text = hash;
                    self.hashed += 1;
                }
            }
        }
        Ok(())
    }

    fn time(&self, field: Field, at: Timestamp) -> Result<(), String> {
        if !(bounds::TIME_MIN..=bounds::TIME_MAX).contains(&at) {
            return Err("must be between the years 1 and 9999".to_owned());
        }
        let (Field::OccurredAt, Source::Caller { skew_max }, Some(received_at)) =
            (field, self.intake.source, self.received_at)
        else {
            return Ok(());
        };
        if at.since(received_at).max(received_at.since(at)) > skew_max {
            return Err(format!("must be within {skew_max} of the time it is received"));
        }
        Ok(())
    }

    fn attributes(&mut self, attributes: &mut Vec<(Text, Value)>) {
        attributes.retain(|(_, value)| !checks::is_absent(value));
        if attributes.len() > bounds::ATTRIBUTES_MAX {
            let problem = format!("must have at most {} entries", bounds::ATTRIBUTES_MAX);
            self.refuse("payment.attributes", problem);
            return;
        }
        for (name, value) in attributes {
            if name.is_empty() {
                self.refuse("payment.attributes", "must not have an empty name");
            } else if let Some(problem) =
                checks::problem_of_text(name, bounds::ATTRIBUTE_NAME_BYTES_MAX, false)
            {
                self.refuse("payment.attributes", format!("each name {problem}"));
            } else if holds_card_number(name) {
                self.refuse("payment.attributes", format!("each name {HOLDS_CARD_NUMBER}"));
            } else if let Err(problem) = self.attribute(value) {
                self.refuse(format!("payment.attributes[\"{name}\"]"), problem);
            }
        }
    }

    fn attribute(&mut self, value: &mut Value) -> Result<(), String> {
        let mut text = match value {
            Value::Text(text) => {
                if let Some(problem) =
                    checks::problem_of_text(text, bounds::DESCRIPTION_BYTES_MAX, true)
                {
                    return Err(problem);
                }
                return self.card_numbers(CardNumbers::RefuseWithin, text);
            }
            Value::Int(number) => Text::from(number.to_string()),
            Value::Float(number) if !number.is_finite() => {
                return Err("must be a finite number".to_owned());
            }
            Value::Float(number) => Text::from(number.to_string()),
            Value::Bool(_) => return Ok(()),
            Value::Missing | Value::Unknown | Value::Time(_) | Value::Texts(_) => {
                return Err("must be a string, a number or a bool".to_owned());
            }
        };
        // A card number sent as a number is one all the same.
        let hashed_before = self.hashed;
        self.card_numbers(CardNumbers::Refuse, &mut text)?;
        if self.hashed > hashed_before {
            *value = Value::Text(text);
        }
        Ok(())
    }
}
