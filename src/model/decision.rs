//! The record of one decision: what was answered, why, and what could not be read.

use std::sync::Arc;

use crate::model::failure::{Advice, RankedChannel};
use crate::model::limit::{LimitUsage, Reservation};
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value};
use crate::model::verdict::{NextStep, ReasonClass, Verdict};

/// One decision about one attempt. Equal inputs give equal bytes: no wall time, no latency.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Derives from payment, attempt and sequence.
    pub decision_id: Text,
    /// The caller's payment, as stored (hashed when it was a card number).
    pub payment_id: Text,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The place of this decision in the order of application; for a dry run the one it would have had.
    pub sequence: u64,
    /// The effective time that windows and ages were read at.
    pub effective_at: Timestamp,
    /// The version of the policies that decided: a hash of the bundle's content.
    pub policy_version: Text,
    /// What the policies said.
    pub evaluation: Evaluation,
    /// What the caller does next.
    pub next_step: NextStep,
    /// The earliest instant at which the same payment would not be blocked.
    pub not_before: Option<Timestamp>,
    /// What to tell the customer, in the locale of the request; absent on allow.
    pub customer_message: Option<Arc<str>>,
    /// What earlier attempts of the payment leave to do; absent when they bind nothing.
    pub advice: Option<Box<Advice>>,
    /// Channels that the attempt could take, best first; empty when the bundle has none.
    pub channels: Vec<RankedChannel>,
    /// What the attempt holds in limits; empty on a block.
    pub reservations: Vec<Reservation>,
}

/// What a policy set says of one attempt: the merged verdict, the reasons, and what was set aside.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Block, else challenge, else allow.
    pub verdict: Verdict,
    /// Whether a person should look; never on a block.
    pub review: bool,
    /// The points of all active fired rules.
    pub score: i64,
    /// In the order block, challenge, review, score, allow, then file and line; no repeats.
    pub reasons: Vec<Reason>,
    /// The challenge methods in order of preference.
    pub challenge: Vec<Text>,
    /// The names of the rules whose condition was true, shadow rules included, in file order.
    pub fired: Vec<Arc<str>>,
    /// What could not be read: names of features or fields that were unknown.
    pub degraded: Vec<Text>,
    /// Fired shadow rules and what they would have done.
    pub shadow: Vec<ShadowHit>,
    /// Rules set aside by an `allow`.
    pub exempted: Vec<Arc<str>>,
    /// Challenges that the payer has already passed.
    pub challenges_met: Vec<MetChallenge>,
    /// Rules that errored or were left undecided.
    pub errors: Vec<RuleError>,
    /// Why each rule and limit fired or not, on request, in order of file and line.
    pub trace: Vec<RuleTrace>,
    /// The limits that the attempt met, in order of file and line; shadow ones are not among them.
    pub limits: Vec<LimitUsage>,
    /// Whether it is blocked, and every code that blocks it is of a class that clears with time.
    pub clears_with_time: bool,
    /// What the attempt counts in each limit that applies, shadow ones included, by the limit's place in
    /// the set: what it reserves unless it is blocked.
    pub amounts: Vec<(usize, i64)>,
}

/// One reason of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The stable machine name, such as `CARD_TESTING`.
    pub code: Arc<str>,
    /// What kind of reason it is.
    pub class: ReasonClass,
    /// The rule that gave it first.
    pub rule: Arc<str>,
    /// What to tell the customer, in the locale of the request. Policies are evaluated without one: the
    /// engine sets it once, so that asking again gives the same words under any later policies.
    pub message: Option<Arc<str>>,
}

/// A shadow rule that fired, and the actions it would have taken, as the policy writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowHit {
    /// The rule.
    pub rule: Arc<str>,
    /// Its actions as written, such as `block("CARD_TESTING")`.
    pub actions: Vec<Arc<str>>,
}

/// A challenge that was asked for and had been passed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetChallenge {
    /// The rule that asked.
    pub rule: Arc<str>,
    /// The reason code it gave.
    pub code: Arc<str>,
    /// The method that was passed.
    pub method: Text,
}

/// A rule that errored or was left undecided by an unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The rule.
    pub rule: Arc<str>,
    /// What went wrong.
    pub problem: String,
}

/// Why a rule or a limit fired or not.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTrace {
    /// The rule or the limit.
    pub rule: Arc<str>,
    /// The file of the bundle that declares it.
    pub file: Arc<str>,
    /// The line there.
    pub line: u32,
    /// Whether it only says what it would do.
    pub is_shadow: bool,
    /// Its actions as written, such as `block("CARD_TESTING")`.
    pub actions: Vec<Arc<str>>,
    /// How its condition came out: `Bool`, `Missing`, `Unknown`; `None` when it errored.
    pub condition: Option<Value>,
    /// Every field, feature and `let` that it names, with its value at that moment; of a limit its key
    /// too, and how much is `used` and `reserved` by others, `asked` by this attempt, and the `max`.
    pub values: Vec<(Text, Value)>,
}
