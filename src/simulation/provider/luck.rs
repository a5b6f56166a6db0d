//! What happens to one request on its way.

use super::Request;
use crate::model::time::Span;
use crate::traffic::chance::{Chance, whole};

/// What happens to a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Luck {
    /// It is answered in time.
    Answered,
    /// The connection is refused: it never left.
    Refused,
    /// The channel says that it is not there.
    Away,
    /// It is lost before it arrives, and the caller hears nothing.
    Lost,
    /// It is carried out, and the answer is lost.
    Unanswered { notice: Option<Span> },
    /// It is carried out, after the caller has given up.
    Slow { by: Span, notice: Option<Span> },
    /// It lies in a queue where no question finds it, and is carried out later.
    Queued { by: Span, notice: Option<Span> },
    /// The channel says that it is at it.
    Pending { by: Span, notice: Option<Span> },
    /// The connection breaks before the answer.
    Reset,
}

/// How long the bank takes, and what happens to the request; drawn from its key and channel, so that
/// two payers who do the same meet the same.
pub(super) fn luck(seed: u64, request: &Request, outage: f64) -> (Span, Luck) {
    let (payment, attempt) = request.key;
    let number = payment * 64 + u64::from(attempt) * 4 + request.channel as u64;
    let mut chance = Chance::new(seed, "luck", number);
    let latency_ms = (450.0 * chance.log_normal(0.4)).min(9_000.0);
    let latency = Span::from_micros(whole(latency_ms) * 1_000);
    let is_out = chance.is(outage);
    let mut secs = |least, most| Span::from_secs(chance.between(least, most));
    let (slow, queued, pending) = (secs(2, 30), secs(5, 90), secs(6, 55));
    let notice = (chance.is(0.8)).then(|| Span::from_secs(chance.between(1, 240)));
    let luck = if is_out {
        match chance.unit() {
            share if share < 0.50 => Luck::Refused,
            share if share < 0.65 => Luck::Away,
            share if share < 0.80 => Luck::Lost,
            share if share < 0.90 => Luck::Unanswered { notice },
            share if share < 0.96 => Luck::Queued { by: queued, notice },
            _ => Luck::Reset,
        }
    } else {
        match chance.unit() {
            share if share < 0.0030 => Luck::Refused,
            share if share < 0.0060 => Luck::Lost,
            share if share < 0.0080 => Luck::Unanswered { notice },
            share if share < 0.0100 => Luck::Slow { by: slow, notice },
            share if share < 0.0115 => Luck::Queued { by: queued, notice },
            share if share < 0.0135 => Luck::Pending { by: pending, notice },
            share if share < 0.0145 => Luck::Reset,
            _ => Luck::Answered,
        }
    };
    (latency, luck)
}
