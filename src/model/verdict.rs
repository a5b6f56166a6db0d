//! Verdicts, reason classes, modes and what to do when a rule cannot be decided.

/// What is answered for an attempt. Ordered: allow < challenge < block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Go on to the authorisation.
    Allow,
    /// Ask the payer to prove who they are, then ask again with the next attempt.
    Challenge,
    /// Do not authorise.
    Block,
}

/// What kind of reason a code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReasonClass {
    /// It looks like fraud.
    Fraud,
    /// Too many too fast.
    Velocity,
    /// A limit is reached.
    Limit,
    /// A list says so.
    List,
    /// A bank, region, channel or merchant is suspended.
    Suspension,
    /// It is trusted.
    Trust,
    /// Something could not be read or decided.
    Degraded,
}

/// Whether a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// It counts.
    #[default]
    Active,
    /// It is evaluated and reported, without effect.
    Shadow,
    /// It is not evaluated.
    Off,
}

/// What a rule does when its condition errors or is left undecided by an unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum OnError {
    /// Nothing: it fails open.
    #[default]
    Skip,
    /// Challenges with the default method.
    Challenge,
    /// Blocks: it fails closed.
    Block,
}

/// What the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NextStep {
    /// Authorise.
    Proceed,
    /// Challenge the payer, then score the next attempt.
    StepUp,
    /// Ask the channel for the result of an attempt that may have succeeded; until it is known, try
    /// nothing.
    Query,
    /// Try again, not before the instant that is given.
    RetryLater,
    /// Try through another channel.
    SwitchChannel,
    /// Only the customer can help.
    AskCustomer,
    /// Do not try again.
    Stop,
}

// === impl Verdict ===

impl Verdict {
    /// Every verdict, mildest first.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Challenge, Self::Block];

    /// In lower case, as policy tests and files write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Challenge => "challenge",
            Self::Block => "block",
        }
    }

    /// The event that records it.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Allow => "allowed",
            Self::Challenge => "challenged",
            Self::Block => "blocked",
        }
    }
}

// === impl ReasonClass ===

impl ReasonClass {
    /// Every class, as `reasons.toml` writes it.
    pub const ALL: [Self; 7] = [
        Self::Fraud,
        Self::Velocity,
        Self::Limit,
        Self::List,
        Self::Suspension,
        Self::Trust,
        Self::Degraded,
    ];

    /// The name in capital letters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fraud => "FRAUD",
            Self::Velocity => "VELOCITY",
            Self::Limit => "LIMIT",
            Self::List => "LIST",
            Self::Suspension => "SUSPENSION",
            Self::Trust => "TRUST",
            Self::Degraded => "DEGRADED",
        }
    }

    /// The class of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

// === impl NextStep ===

impl NextStep {
    /// In lower case, as policy tests write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::StepUp => "step_up",
            Self::Query => "query",
            Self::RetryLater => "retry_later",
            Self::SwitchChannel => "switch_channel",
            Self::AskCustomer => "ask_customer",
            Self::Stop => "stop",
        }
    }
}
