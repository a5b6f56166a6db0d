//! What the bank behind a card says. A card has one trouble or none, and the trouble stays until what
//! clears it has happened: asking again at once, or over another channel, mostly meets it again.

use crate::model::time::{Span, Timestamp};
use crate::traffic::chance::Chance;

/// What keeps a card from paying.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// None.
    None,
    /// It stays.
    Lasting(&'static str),
    /// It goes by itself.
    Passing { code: &'static str, after: Span },
    /// The next attempt may meet another mood, over whatever channel.
    Moody(&'static str),
    /// It goes when the payer mends what they sent.
    Mendable(&'static str),
    /// It goes when the payer proves who they are.
    Unproven(&'static str),
}

/// Makes a trouble.
type Make = fn(&mut Chance) -> Trouble;

/// How many payments out of a thousand meet which trouble; a real mix differs by merchant.
const PER_MILLE: [(f64, Make); 13] = [
    (9.0, |_| Trouble::Lasting("51")),
    (24.0, |chance| Trouble::Passing { code: "51", after: hours(chance, 8, 60) }),
    (20.0, |_| Trouble::Moody("05")),
    (8.0, |_| Trouble::Lasting("54")),
    (4.0, |_| Trouble::Mendable("14")),
    (5.0, |_| Trouble::Mendable("N7")),
    (3.0, |_| Trouble::Lasting("59")),
    (2.0, |_| Trouble::Lasting("41")),
    (3.0, |_| Trouble::Lasting("57")),
    (4.0, |chance| Trouble::Passing { code: "61", after: hours(chance, 2, 24) }),
    (4.0, |chance| Trouble::Passing {
        code: "91",
        after: Span::from_secs(chance.between(20, 600)),
    }),
    (6.0, |_| Trouble::Unproven("1A")),
    (3.0, |_| Trouble::Passing { code: "96", after: Span::from_micros(150_000) }),
];

/// How often a moody bank says yes.
const MOOD: f64 = 0.3;

/// One request as the bank sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presented {
    /// The payment, and which of the payer's cards.
    pub(super) card: (u64, u32),
    /// The number of the attempt.
    pub(super) attempt: u32,
    /// When the payment began.
    pub(super) began_at: Timestamp,
    /// Whether the payer has proved who they are.
    pub(super) is_proven: bool,
    /// Whether the payer has mended what they sent.
    pub(super) is_mended: bool,
}

/// Yes, or the code of the no.
pub(super) fn decide(seed: u64, asked: Presented, at: Timestamp) -> Result<(), &'static str> {
    let (payment, card) = asked.card;
    let mut chance = Chance::new(seed, "issuer", payment * 8 + u64::from(card));
    let refusal = match trouble(&mut chance) {
        Trouble::None => return Ok(()),
        Trouble::Lasting(code) => code,
        Trouble::Passing { code, after } if at.since(asked.began_at) < after => code,
        Trouble::Moody(code) => {
            let number = payment * 64 + u64::from(asked.attempt);
            let is_first = asked.attempt == 1;
            if !is_first && Chance::new(seed, "mood", number).is(MOOD) {
                return Ok(());
            }
            code
        }
        Trouble::Mendable(code) if !asked.is_mended => code,
        Trouble::Unproven(code) if !asked.is_proven => code,
        Trouble::Passing { .. } | Trouble::Mendable(_) | Trouble::Unproven(_) => return Ok(()),
    };
    Err(refusal)
}

fn trouble(chance: &mut Chance) -> Trouble {
    let mut rest = chance.unit() * 1_000.0;
    for (share, make) in PER_MILLE {
        rest -= share;
        if rest < 0.0 {
            return make(chance);
        }
    }
    Trouble::None
}

fn hours(chance: &mut Chance, least: i64, most: i64) -> Span {
    Span::from_secs(chance.between(least, most) * 3_600)
}
