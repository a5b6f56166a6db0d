//! Bytes of a decision.

use super::{Codec, Input, Malformed, choice, record};
use crate::model::decision::{
    Decision, Evaluation, MetChallenge, Reason, RuleError, RuleTrace, ShadowHit,
};
use crate::model::limit::{LimitKey, LimitUsage, Period, Reservation};
use crate::model::verdict::{NextStep, ReasonClass, Verdict};

record!(Decision {
    1 decision_id,
    2 payment_id,
    3 attempt,
    4 sequence,
    5 effective_at,
    6 policy_version,
    7 evaluation,
    8 next_step,
    9 not_before,
    10 customer_message,
    11 advice,
    12 channels,
    13 reservations,
});

record!(Evaluation {
    1 verdict,
    2 review,
    3 score,
    4 reasons,
    5 challenge,
    6 fired,
    7 degraded,
    8 shadow,
    9 exempted,
    10 challenges_met,
    11 errors,
    12 trace,
    13 limits,
    14 clears_with_time,
    15 amounts,
});

record!(Reason { 1 code, 2 class, 3 rule, 4 message });
record!(ShadowHit { 1 rule, 2 actions });
record!(MetChallenge { 1 rule, 2 code, 3 method });
record!(RuleError { 1 rule, 2 problem });
record!(RuleTrace { 1 rule, 2 condition, 3 values, 4 file, 5 line, 6 is_shadow, 7 actions });
record!(LimitUsage { 1 name, 2 used, 3 reserved, 4 max, 5 resets_at, 6 not_applied, 7 counts });
record!(Reservation { 1 name, 2 key, 3 period, 4 amount, 5 returns_refunded, 6 counts });

choice!(Verdict { 1 Allow, 2 Challenge, 3 Block });

choice!(ReasonClass {
    1 Fraud,
    2 Velocity,
    3 Limit,
    4 List,
    5 Suspension,
    6 Trust,
    7 Degraded,
});

choice!(NextStep {
    1 Proceed,
    2 StepUp,
    3 Query,
    4 RetryLater,
    5 SwitchChannel,
    6 AskCustomer,
    7 Stop,
});

impl Codec for LimitKey {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Codec::decode(input).map(Self)
    }
}

impl Codec for Period {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Over(span) => {
                out.push(1);
                span.encode(out);
            }
            Self::Day => out.push(2),
            Self::Week => out.push(3),
            Self::Month => out.push(4),
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(match input.byte()? {
            1 => Self::Over(Codec::decode(input)?),
            2 => Self::Day,
            3 => Self::Week,
            4 => Self::Month,
            number => return Err(Malformed::Newer { type_name: "Period", number }),
        })
    }
}
