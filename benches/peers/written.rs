//! The rules in the languages of the peers, and the values that they read.
//!
//! Every peer is given the form that is best for it: only what some rule reads is bound, under a short
//! name that tells its place, and lists are probed here, once for a payment, so that no engine has to
//! hold a thousand strings or to look among them rule by rule.

use std::collections::{HashMap, HashSet};

use crate::workload::{Flag, LISTS, Number, Payment, Test, Word, list};

/// A truth that rules read: a flag of the payment, or whether a word of it is on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Flag(Flag),
    OnList(Word, usize),
}

/// What some rule reads, each in its place: numbers are named `n0`, `n1` and so on, words `w0`, truths `b0`.
pub(crate) struct Slots {
    numbers: Vec<Number>,
    words: Vec<Word>,
    truths: Vec<Truth>,
    lists: [HashSet<String, ahash::RandomState>; LISTS.len()],
}

impl Slots {
    /// What these rules read.
    pub(crate) fn of(rules: &[Vec<Test>]) -> Self {
        let lists = std::array::from_fn(|place| list(place).into_iter().collect());
        let mut slots = Self { numbers: Vec::new(), words: Vec::new(), truths: Vec::new(), lists };
        for test in rules.iter().flatten() {
            slots.add(test);
        }
        slots
    }

    fn add(&mut self, test: &Test) {
        match *test {
            Test::Above(number, _) | Test::AtLeast(number, _) | Test::Below(number, _) => {
                place_of(&mut self.numbers, number);
            }
            Test::Ratio(left, right, _) => {
                place_of(&mut self.numbers, left);
                place_of(&mut self.numbers, right);
            }
            Test::Is(word, _) | Test::IsNot(word, _) | Test::OneOf(word, _) => {
                place_of(&mut self.words, word);
            }
            Test::Differ(left, right) => {
                place_of(&mut self.words, left);
                place_of(&mut self.words, right);
            }
            Test::OnList(word, list) => {
                place_of(&mut self.truths, Truth::OnList(word, list));
            }
            Test::Holds(flag) | Test::HoldsNot(flag) => {
                place_of(&mut self.truths, Truth::Flag(flag));
            }
        }
    }

    /// The numbers of a payment, by place.
    pub(crate) fn numbers(&self, payment: &Payment) -> impl Iterator<Item = i64> {
        self.numbers.iter().map(|number| payment.number(*number))
    }

    /// The words of a payment, by place. None of them has more than a few values over all payments.
    pub(crate) fn words<'a>(&self, payment: &'a Payment) -> impl Iterator<Item = &'a str> {
        self.words.iter().map(|word| payment.word(*word))
    }

    /// The truths of a payment, by place.
    pub(crate) fn truths(&self, payment: &Payment) -> impl Iterator<Item = bool> {
        self.truths.iter().map(|truth| match *truth {
            Truth::Flag(flag) => payment.flag(flag),
            Truth::OnList(word, list) => self.lists[list].contains(payment.word(word)),
        })
    }

    /// The names of all slots: the numbers, then the words, then the truths.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let named =
            |kind: char, count: usize| (0..count).map(move |place| format!("{kind}{place}"));
        named('n', self.numbers.len())
            .chain(named('w', self.words.len()))
            .chain(named('b', self.truths.len()))
    }
}

/// The place of a value among those that are there, where it is put if it is not.
fn place_of<T: Copy + PartialEq>(all: &mut Vec<T>, one: T) -> usize {
    all.iter().position(|other| *other == one).unwrap_or_else(|| {
        all.push(one);
        all.len() - 1
    })
}

/// The kind of a slot and its place, from its name.
pub(crate) fn parsed(name: &str) -> Option<(u8, usize)> {
    let (kind, place) = name.as_bytes().split_first()?;
    let place = place.iter().fold(0, |place, digit| place * 10 + usize::from(digit - b'0'));
    Some((*kind, place))
}

/// How a language writes what rules say.
pub(crate) trait Language {
    const AND: &'static str = " && ";
    const OR: &'static str = " || ";
    const NOT: &'static str = "!";
    const UNEQUAL: &'static str = "!=";
    /// What stands before the name of a slot.
    const BEFORE: &'static str = "";

    /// A string as a literal.
    fn text(&mut self, text: &str) -> String {
        format!("{text:?}")
    }

    /// Whether a word is one of these.
    fn one_of(&mut self, word: &str, values: &[&str]) -> String {
        let tests: Vec<_> =
            values.iter().map(|value| format!("{word} == {}", self.text(value))).collect();
        format!("({})", tests.join(Self::OR))
    }

    /// A rule's condition.
    fn condition(&mut self, slots: &Slots, rule: &[Test]) -> String {
        let tests: Vec<_> = rule.iter().map(|test| self.test(slots, test)).collect();
        tests.join(Self::AND)
    }

    fn test(&mut self, slots: &Slots, test: &Test) -> String {
        let number = |number| named::<Self, _>('n', &slots.numbers, number);
        let word = |word| named::<Self, _>('w', &slots.words, word);
        let truth = |truth| named::<Self, _>('b', &slots.truths, truth);
        match *test {
            Test::Above(left, right) => format!("{} > {right}", number(left)),
            Test::AtLeast(left, right) => format!("{} >= {right}", number(left)),
            Test::Below(left, right) => format!("{} < {right}", number(left)),
            Test::Ratio(left, right, share) => {
                format!("{} * 100 > {} * {share}", number(left), number(right))
            }
            Test::Is(left, right) => format!("{} == {}", word(left), self.text(right)),
            Test::IsNot(left, right) => {
                format!("{} {} {}", word(left), Self::UNEQUAL, self.text(right))
            }
            Test::Differ(left, right) => {
                format!("{} {} {}", word(left), Self::UNEQUAL, word(right))
            }
            Test::OneOf(left, right) => self.one_of(&word(left), right),
            Test::OnList(left, list) => truth(Truth::OnList(left, list)),
            Test::Holds(flag) => truth(Truth::Flag(flag)),
            Test::HoldsNot(flag) => format!("{}{}", Self::NOT, truth(Truth::Flag(flag))),
        }
    }
}

fn named<L: Language + ?Sized, T: Copy + PartialEq>(kind: char, all: &[T], one: T) -> String {
    let place = all.iter().position(|other| *other == one).unwrap();
    format!("{}{kind}{place}", L::BEFORE)
}

/// What an engine made of each word, so that it is made once.
pub(crate) struct Interned<T>(HashMap<String, T, ahash::RandomState>);

impl<T> Interned<T> {
    pub(crate) fn new() -> Self {
        Self(HashMap::default())
    }

    /// What was made of a word, or is made of it now.
    pub(crate) fn get<'a>(&mut self, word: &'a str, make: impl FnOnce(&'a str) -> T) -> &T {
        if !self.0.contains_key(word) {
            self.0.insert(word.to_owned(), make(word));
        }
        &self.0[word]
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Payment {
    /// What a field holds.
    pub(crate) const fn number(&self, number: Number) -> i64 {
        match number {
            Number::Amount => self.amount,
            Number::AmountBase => self.amount_base,
            Number::Attempt => self.attempt,
            Number::Feature(place) => self.features[place],
        }
    }

    /// What a field holds.
    pub(crate) fn word(&self, word: Word) -> &str {
        match word {
            Word::Currency => &self.currency,
            Word::Method => &self.method,
            Word::Wallet => &self.wallet,
            Word::Channel => &self.channel,
            Word::Bank => &self.bank,
            Word::Region => &self.region,
            Word::CardBin => &self.card_bin,
            Word::CardBrand => &self.card_brand,
            Word::CardCountry => &self.card_country,
            Word::CardFunding => &self.card_funding,
            Word::AccountEmailDomain => &self.account_email_domain,
            Word::AccountCountry => &self.account_country,
            Word::AccountStanding => &self.account_standing,
            Word::DeviceIpCountry => &self.device_ip_country,
            Word::MerchantId => &self.merchant_id,
            Word::MerchantMcc => &self.merchant_mcc,
            Word::MerchantCountry => &self.merchant_country,
            Word::BillingCountry => &self.billing_country,
            Word::ShippingCountry => &self.shipping_country,
            Word::ChecksCvc => &self.checks_cvc,
        }
    }

    /// What a field holds.
    pub(crate) const fn flag(&self, flag: Flag) -> bool {
        match flag {
            Flag::Recurring => self.recurring,
            Flag::OffSession => self.off_session,
        }
    }
}
