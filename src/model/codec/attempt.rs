//! Bytes of what is reported of an attempt.

use super::{Codec, Input, Malformed, choice, record};
use crate::model::outcome::{Outcome, OutcomeStatus, Pushback, Stage};

record!(Outcome {
    1 payment_id,
    2 attempt,
    3 outcome_id,
    4 status,
    5 stage,
    6 amount,
    7 is_final,
    8 provider,
    9 operation,
    10 network,
    11 code,
    12 advice_code,
    13 retry_after,
    14 channel,
    15 latency,
    16 occurred_at,
});

choice!(OutcomeStatus {
    1 Authorized,
    2 Captured,
    3 Declined,
    4 Failed,
    5 TimedOut,
    6 Pending,
    7 Canceled,
    8 Expired,
    9 Refunded,
});

choice!(Stage { 1 NotSent, 2 Sent });

impl Codec for Pushback {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::After(span) => {
                out.push(1);
                span.encode(out);
            }
            Self::Never => out.push(2),
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        match input.byte()? {
            1 => Codec::decode(input).map(Self::After),
            2 => Ok(Self::Never),
            number => Err(Malformed::Newer { type_name: "Pushback", number }),
        }
    }
}
