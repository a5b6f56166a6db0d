//! Finds card numbers, and replaces them by a keyed hash where they are ids.
//!
//! A card number is 13 to 19 digits, spaces and dashes ignored, that pass Luhn and begin as a scheme of
//! that length does. Both tests matter: one in ten order numbers passes Luhn, and far fewer begin like
//! a card of their length too. Nothing here decides whether a number is refused or hashed; that is
//! [`crate::model::intake`].

use std::ops::Range;

use crate::model::value::Text;

/// The digits of the shortest and the longest card number.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// The secret key under which card numbers in ids are hashed; made once per data directory.
#[derive(Clone)]
pub struct HashKey([u8; 32]);

/// Whether the whole text, spaces and dashes ignored, is a card number: 13 to 19 digits that pass
/// Luhn and begin as a scheme of that length does.
pub fn is_card_number(text: &str) -> bool {
    if text.len() < *DIGITS.start() {
        return false;
    }
    let mut digits = Digits::default();
    text.bytes().all(|byte| is_separator(byte) || digits.push(byte)) && digits.are_a_card_number()
}

/// Whether a card number stands anywhere within the text: digits with single spaces or dashes between,
/// and no letter or further digit at either end. The whole text is tried too, so that separators in a
/// row do not hide a number that stands alone.
pub fn holds_card_number(text: &str) -> bool {
    is_card_number(text) || find(text, 0).is_some()
}

/// Where the first card number within the text starts and ends, searched from byte `from`.
///
/// Runs of digits that touch neither letter nor digit are joined over single separators, and every
/// stretch of whole runs is tried, the longest first: `12 4111 1111 1111 1111` holds one, though the
/// `12` before it is not part of it.
fn find(text: &str, from: usize) -> Option<Range<usize>> {
    let runs = runs_of_digits(text, from);
    for (first, start) in runs.iter().enumerate() {
        let mut digits = Digits::default();
        let mut end_before = None;
        let mut found = None;
        for run in runs.iter().skip(first) {
            let joined = end_before.is_none_or(|end: usize| {
                run.start == end + 1 && text.as_bytes().get(end).copied().is_some_and(is_separator)
            });
            let run_bytes = text.as_bytes().get(run.clone()).unwrap_or_default();
            if !joined || !run_bytes.iter().all(|byte| digits.push(*byte)) {
                break;
            }
            if digits.are_a_card_number() {
                found = Some(start.start..run.end);
            }
            end_before = Some(run.end);
        }
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The maximal runs of ASCII digits from byte `from` on that touch no letter.
fn runs_of_digits(text: &str, from: usize) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = None;
    // A letter right before the digits makes them part of a word: `ref4111…` is not a card number.
    let mut after_letter = false;
    let rest = text.get(from..).unwrap_or_default();
    for (place, char) in rest.char_indices().map(|(place, char)| (from + place, char)) {
        if char.is_ascii_digit() {
            if start.is_none() && !after_letter {
                start = Some(place);
            }
            // The digits of a word stay part of it.
            continue;
        }
        if let Some(start) = start.take()
            && !char.is_alphanumeric()
        {
            runs.push(start..place);
        }
        after_letter = char.is_alphanumeric();
    }
    if let Some(start) = start {
        runs.push(start..text.len());
    }
    runs
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-')
}

/// Up to 19 digits, collected without an allocation.
#[derive(Default)]
struct Digits {
    digits: [u8; 19],
    len: usize,
}

impl Digits {
    /// Takes one more digit; false when it is none or the 20th.
    fn push(&mut self, byte: u8) -> bool {
        if !byte.is_ascii_digit() {
            return false;
        }
        let Some(slot) = self.digits.get_mut(self.len) else { return false };
        *slot = byte - b'0';
        self.len += 1;
        true
    }

    fn are_a_card_number(&self) -> bool {
        DIGITS.contains(&self.len) && self.begin_as_a_scheme() && self.pass_luhn()
    }

    /// Whether a scheme issues numbers of this length that begin like this.
    fn begin_as_a_scheme(&self) -> bool {
        let leading = |count| {
            self.digits.iter().take(count).fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit))
        };
        let (one, two, four) = (leading(1), leading(2), leading(4));
        match self.len {
            13 | 19 if one == 4 => true,
            14 => matches!(two, 30 | 36 | 38),
            15 => matches!(two, 34 | 37),
            16 => {
                matches!(one, 4 | 6) || matches!(two, 35 | 51..=55) || matches!(four, 2221..=2720)
            }
            17..=19 => one == 6,
            _ => false,
        }
    }

    fn pass_luhn(&self) -> bool {
        let sum: u32 = self
            .digits
            .iter()
            .take(self.len)
            .rev()
            .enumerate()
            .map(|(place, digit)| match u32::from(*digit) << (place % 2) {
                doubled @ 10.. => doubled - 9,
                small => small,
            })
            .sum();
        sum.is_multiple_of(10)
    }
}

// === impl HashKey ===

impl HashKey {
    /// A key from its 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// `h:` and 32 hex digits.
    pub fn hash(&self, text: &str) -> Text {
        let digest = blake3::keyed_hash(&self.0, text.as_bytes()).to_hex();
        Text::from(format!("h:{}", digest.get(..32).unwrap_or_default()))
    }

    /// The hash of a text that is a card number as a whole; `None` for any other. The digits alone are
    /// hashed: however a caller groups them, it is the same card.
    pub fn hash_card_number(&self, text: &str) -> Option<Text> {
        is_card_number(text).then(|| self.hash_digits(text))
    }

    /// The text with each card number within it replaced by its hash, and how many there were.
    pub fn hash_within(&self, text: &str) -> (Text, u32) {
        if let Some(hash) = self.hash_card_number(text) {
            return (hash, 1);
        }
        let mut replaced = Text::default();
        let mut count = 0;
        let mut done = 0;
        while let Some(found) = find(text, done) {
            replaced.push_str(text.get(done..found.start).unwrap_or_default());
            replaced.push_str(&self.hash_digits(text.get(found.clone()).unwrap_or_default()));
            done = found.end;
            count += 1;
        }
        replaced.push_str(text.get(done..).unwrap_or_default());
        (replaced, count)
    }

    fn hash_digits(&self, number: &str) -> Text {
        self.hash(&number.replace([' ', '-'], ""))
    }
}

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey(..)")
    }
}
