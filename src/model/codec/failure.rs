//! Bytes of what was made of an outcome.

use super::{choice, record};
use crate::model::failure::{
    Advice, Assessment, Class, Diagnosis, Family, Flag, Money, Need, NextChannel, RankedChannel,
};

record!(Assessment { 1 diagnosis, 2 advice, 3 flags });

record!(Diagnosis { 1 cause, 2 family, 3 money, 4 class, 5 is_evidence, 6 is_unmapped });

record!(Advice {
    1 next_step,
    2 next,
    3 not_before,
    4 attempts_left,
    5 deadline,
    6 needs,
    7 queries,
    8 channels,
    9 why,
    10 source,
});

record!(RankedChannel { 1 id, 2 succeeded, 3 attempts, 4 cost, 5 why });

choice!(Money { 1 NotSent, 2 Declined, 3 Unknown, 4 InProgress, 5 Succeeded });
choice!(Family { 1 Technical, 2 NonTechnical });
choice!(Class { 1 Tech, 2 Query, 3 Later, 4 Cust, 5 Fix, 6 Never });
choice!(NextChannel { 1 Same, 2 Other, 3 None });

choice!(Need {
    1 Query,
    2 Reversal,
    3 NewCard,
    4 Correction,
    5 Cvv,
    6 StepUp,
    7 NewToken,
    8 OtherMethod,
    9 BankContact,
    10 Operations,
});

choice!(Flag {
    1 SecondSuccess,
    2 LateSuccess,
    3 ReservationExpired,
    4 CapturedAboveAmount,
    5 RefundedAboveCapture,
    6 HeldAgain,
});
