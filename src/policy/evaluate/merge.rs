//! How what the rules ask for becomes one verdict with its reasons.

use std::sync::Arc;

use crate::model::decision::{MetChallenge, Reason};
use crate::model::field::{Field, Fields};
use crate::model::value::{Text, Value};
use crate::model::verdict::{Mode, OnError, ReasonClass, Verdict};
use crate::policy::ast::Position;
use crate::policy::bundle::OffSession;
use crate::policy::evaluate::limit::Met;
use crate::policy::evaluate::{Condition, Decided, RULE_ERROR};
use crate::policy::set::{ActionDef, PolicySet};

/// What is left of the rules' actions.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) verdict: Verdict,
    pub(crate) review: bool,
    pub(crate) clears_with_time: bool,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) challenge: Vec<Text>,
    pub(crate) exempted: Vec<Arc<str>>,
    pub(crate) challenges_met: Vec<MetChallenge>,
}

/// Where the codes of an action stand among the reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Block,
    Challenge,
    Review,
    Score,
    Allow,
}

/// Collects actions in file order.
#[derive(Debug)]
struct Collector<'a> {
    set: &'a PolicySet,
    fields: &'a Fields,
    /// Each code with the rank of its action and the name of its rule or limit.
    codes: Vec<(Rank, &'a str, &'a Arc<str>)>,
    methods: Vec<Text>,
    met: Vec<MetChallenge>,
}

/// A rule or a limit that fired, or whose `on_error` stands in.
#[derive(Clone, Copy, Debug)]
struct Acting<'a> {
    name: &'a Arc<str>,
    at: &'a Position,
    actions: &'a [ActionDef],
    /// What stands in for its actions when it could not be decided.
    stands_in: Option<OnError>,
    /// Whether an `allow` sets it aside: a limit never, and not a rule that is `always`.
    can_be_exempted: bool,
}

/// Merges the actions of the active rules and limits.
pub(crate) fn merge(
    set: &PolicySet,
    fields: &Fields,
    decided: &[Decided<'_>],
    met: &[Met],
) -> Merged {
    let rules = decided.iter().filter(|decided| decided.rule.mode == Mode::Active);
    let rules = rules.filter_map(|Decided { rule, condition, .. }| {
        Some(Acting {
            name: &rule.name,
            at: &rule.at,
            actions: &rule.actions,
            stands_in: stands_in(condition, rule.on_error)?,
            can_be_exempted: !rule.always,
        })
    });
    let limits = set.limits.iter().zip(met);
    let limits =
        limits.filter(|(limit, _)| limit.mode == Mode::Active).filter_map(|(limit, met)| {
            Some(Acting {
                name: &limit.name,
                at: &limit.at,
                actions: &limit.actions,
                stands_in: stands_in(&met.condition, limit.on_error)?,
                can_be_exempted: false,
            })
        });
    let mut acting: Vec<Acting<'_>> = rules.collect();
    let decided = acting.len();
    acting.extend(limits);
    if acting.len() > decided {
        acting.sort_by_key(|acting| acting.at);
    }
    let is_exempting = acting.iter().any(Acting::allows);
    let mut exempted = Vec::new();
    let mut collector = Collector::new(set, fields);
    for acting in acting {
        // The rules that allow are what sets the others aside; they stand.
        if is_exempting && acting.can_be_exempted && !acting.allows() {
            exempted.push(Arc::clone(acting.name));
            continue;
        }
        match acting.stands_in {
            None => collector.actions(acting),
            Some(OnError::Block) => collector.code(Rank::Block, RULE_ERROR, acting),
            Some(OnError::Challenge) => collector.challenge(RULE_ERROR, &[], acting),
            Some(OnError::Skip) => {}
        }
    }
    collector.finish(exempted)
}

/// What stands in for the actions: the inner `None` when they stand themselves, the outer when nothing
/// is done.
fn stands_in(condition: &Condition, on_error: OnError) -> Option<Option<OnError>> {
    match condition {
        Condition::True => Some(None),
        Condition::Unknown | Condition::Failed(_) => {
            (on_error != OnError::Skip).then_some(Some(on_error))
        }
        Condition::NotRun | Condition::False | Condition::Missing => None,
    }
}

// === impl Acting ===

impl Acting<'_> {
    /// Whether it fired and lets the payment through.
    fn allows(&self) -> bool {
        self.stands_in.is_none()
            && self.actions.iter().any(|action| matches!(action, ActionDef::Allow(_)))
    }
}

// === impl Collector ===

impl<'a> Collector<'a> {
    const fn new(set: &'a PolicySet, fields: &'a Fields) -> Self {
        Self { set, fields, codes: Vec::new(), methods: Vec::new(), met: Vec::new() }
    }

    fn actions(&mut self, rule: Acting<'a>) {
        for action in rule.actions {
            match action {
                ActionDef::Block(code) => self.code(Rank::Block, code, rule),
                ActionDef::Challenge(code, methods) => self.challenge(code, methods, rule),
                ActionDef::Review(code) => self.code(Rank::Review, code, rule),
                ActionDef::Score(_, code) => self.code(Rank::Score, code, rule),
                ActionDef::Allow(code) => self.code(Rank::Allow, code, rule),
            }
        }
    }

    fn code(&mut self, rank: Rank, code: &'a str, rule: Acting<'a>) {
        self.codes.push((rank, code, rule.name));
    }

    /// A challenge: met when one of its methods has been passed, and replaced by what the bundle says
    /// when the payer is absent.
    fn challenge(&mut self, code: &'a str, methods: &'a [Text], rule: Acting<'a>) {
        let default = std::slice::from_ref(&self.set.bundle.default_challenge);
        let methods = if methods.is_empty() { default } else { methods };
        if let Some(method) = methods.iter().find(|method| self.is_passed(method)) {
            self.met.push(MetChallenge {
                rule: Arc::clone(rule.name),
                code: self.shared(code),
                method: method.clone(),
            });
            return;
        }
        if self.fields.get(Field::OffSession).as_bool() == Some(true) {
            let rank = match self.set.bundle.challenge_off_session {
                OffSession::Block => Rank::Block,
                OffSession::Review => Rank::Review,
                OffSession::Allow => Rank::Allow,
            };
            self.code(rank, code, rule);
            return;
        }
        self.code(Rank::Challenge, code, rule);
        for method in methods {
            if !self.methods.contains(method) {
                self.methods.push(method.clone());
            }
        }
    }

    /// Whether the payer has passed the challenge method before.
    fn is_passed(&self, method: &Text) -> bool {
        let is_listed = match self.fields.get(Field::Authenticated) {
            Value::Texts(passed) => passed.contains(method),
            Value::Missing
            | Value::Unknown
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Time(_)
            | Value::Text(_) => false,
        };
        is_listed
            || method == "3ds" && self.fields.get(Field::ThreeDs).as_text() == Some("authenticated")
    }

    fn finish(mut self, exempted: Vec<Arc<str>>) -> Merged {
        let has = |rank| self.codes.iter().any(|(known, ..)| *known == rank);
        let verdict = if has(Rank::Block) {
            Verdict::Block
        } else if has(Rank::Challenge) {
            Verdict::Challenge
        } else {
            Verdict::Allow
        };
        let review = verdict != Verdict::Block && has(Rank::Review);
        // The sort is stable: within a rank the order stays that of file and line.
        self.codes.sort_by_key(|(rank, ..)| *rank);
        let clears_with_time = verdict == Verdict::Block
            && self.codes.iter().filter(|(rank, ..)| *rank == Rank::Block).all(|(_, code, _)| {
                matches!(
                    self.class(code),
                    ReasonClass::Velocity | ReasonClass::Limit | ReasonClass::Suspension
                )
            });
        let mut reasons: Vec<Reason> = Vec::with_capacity(self.codes.len());
        for (_, code, rule) in &self.codes {
            if reasons.iter().all(|reason| reason.code.as_ref() != *code) {
                reasons.push(Reason {
                    code: self.shared(code),
                    class: self.class(code),
                    rule: Arc::clone(rule),
                    message: None,
                });
            }
        }
        let challenge = if verdict == Verdict::Challenge { self.methods } else { Vec::new() };
        Merged {
            verdict,
            review,
            clears_with_time,
            reasons,
            challenge,
            exempted,
            challenges_met: self.met,
        }
    }

    /// The code as the bundle holds it.
    fn shared(&self, code: &str) -> Arc<str> {
        let known = self.set.bundle.reasons.get_key_value(code);
        known.map_or_else(|| Arc::from(code), |(code, _)| Arc::clone(code))
    }

    fn class(&self, code: &str) -> ReasonClass {
        self.set.bundle.reasons.get(code).map_or(ReasonClass::Degraded, |reason| reason.class)
    }
}
