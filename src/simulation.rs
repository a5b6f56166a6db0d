//! Payments at a made-up provider on a virtual clock: what it is worth to follow the advice.
//!
//! The payers, the banks and the provider's troubles are the same for every [`Strategy`]; only what is
//! done after an attempt differs. The provider keeps its own ledger of what it really charged, and at
//! the end that ledger, not the payer's opinion, says what was paid, what was charged twice, and what
//! the limits should hold.

mod audit;
mod customer;
mod issuer;
mod payer;
mod policies;
mod provider;
mod report;
mod tally;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{Engine, ReportError, ScoreError};
use crate::journal::Discard;
use crate::model::card_number::HashKey;
use crate::model::failure::RetrySettings;
use crate::model::field::{Field, Fields};
use crate::model::intake::Intake;
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Text, Value};
use crate::traffic::{Scenario, Traffic};
use provider::{CHANNELS, Hours, Provider, Reply};
pub use tally::{Tally, render};

/// What a payer does after an attempt that has not succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// What the answers say.
    Advice,
    /// Try the next channel at once, whatever happened, up to three attempts.
    AtOnce,
    /// Nothing.
    Never,
}

/// What to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Equal seeds give equal payments, banks and troubles.
    pub seed: u64,
    /// How many payments begin.
    pub payments: u64,
}

/// Why a simulation ended before its end.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SimulationError {
    /// A score was refused.
    #[error("a score was refused: {0}")]
    Score(#[from] ScoreError),
    /// An outcome was refused.
    #[error("an outcome was refused: {0}")]
    Report(#[from] ReportError),
    /// What was made up did not pass the edge, or its policies did not check out.
    #[error("what was made up is not valid: {0}")]
    Invalid(String),
}

/// A Monday, the second of a month with time enough before its end for the last refund.
const START: Timestamp = Timestamp::from_secs(1_772_409_600);
/// Longer than any payment takes.
const PAYMENT_KEPT: Span = Span::from_days(60);

/// Something that is to come for one payment.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The payer's side tries. What has been overtaken by another turn is dropped.
    Try { turn: u32 },
    /// The caller sees a reply, or gives up waiting.
    Reply { attempt: u32, reply: Reply },
    /// The payer's side asks what became of an attempt.
    Query { turn: u32, attempt: u32 },
    /// It asks to close one.
    Close { turn: u32, attempt: u32 },
    /// It looks into the next day's file.
    Reconcile { turn: u32, attempt: u32 },
    /// The provider tells of it by itself.
    Notice { attempt: u32 },
    /// The merchant ships, and takes the money.
    Capture { attempt: u32 },
    /// The merchant gives some of it back.
    Refund { attempt: u32, amount: i64 },
}

/// How a payment ended for the payer's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It is paid.
    Paid,
    /// The policies stopped it, or the payer did not prove who they are.
    Refused,
    /// It failed.
    Failed,
}

/// One payment.
#[derive(Debug)]
struct Order {
    fields: Fields,
    amount: i64,
    /// The tokens of the payer's cards.
    tokens: [Text; 2],
    channel: usize,
    began_at: Timestamp,
    is_present: bool,
    payer: Payer,
    /// The number of the last attempt that was scored.
    attempt: u32,
    /// The attempts that went to the provider.
    made: BTreeMap<u32, Made>,
    /// How many outcomes were reported; their ids come from it.
    reports: u32,
    turn: u32,
    end: Option<End>,
}

/// What the payer has done so far.
#[derive(Clone, Copy, Debug, Default)]
struct Payer {
    /// Which card is used.
    card: u32,
    /// How often they were asked to do something.
    asked: u32,
    is_proven: bool,
    is_mended: bool,
    /// Whether they did something since the last request.
    has_acted: bool,
}

/// An attempt that went to the provider.
#[derive(Clone, Copy, Debug)]
struct Made {
    channel: usize,
    /// Whether the reply is not there yet.
    is_awaited: bool,
    /// Whether it was asked to be closed.
    is_closing: bool,
}

/// All that is going on.
#[derive(Debug)]
struct World {
    strategy: Strategy,
    seed: u64,
    engine: Engine,
    intake: Intake,
    provider: Provider,
    orders: Vec<Order>,
    planned: BTreeMap<(Timestamp, u64), (usize, Event)>,
    planned_count: u64,
    now: Timestamp,
    tally: Tally,
}

/// Plays all payments from the first attempt to the last refund, and looks into the ledger.
///
/// # Errors
/// [`SimulationError`]: the engine refused what it should have taken.
pub fn run(settings: Settings, strategy: Strategy) -> Result<Tally, SimulationError> {
    let mut world = World::new(settings, strategy)?;
    let mut arrivals = arrivals(settings).peekable();
    loop {
        let next = world.planned.first_key_value().map(|((at, _), _)| *at);
        let arrival = arrivals.peek().map(|(at, _)| *at);
        match (arrival, next) {
            (Some(at), next) if next.is_none_or(|next| at <= next) => {
                if let Some((at, fields)) = arrivals.next() {
                    world.now = at;
                    world.begin(fields);
                }
            }
            _ => {
                let Some(((at, _), (place, event))) = world.planned.pop_first() else { break };
                world.now = at;
                world.happen(place, event)?;
            }
        }
    }
    world.settle()
}

/// Everyday payments in order of time; all in the base currency, so that the ledger's sums are those of
/// the limits.
fn arrivals(settings: Settings) -> impl Iterator<Item = (Timestamp, Fields)> {
    let Settings { seed, payments } = settings;
    let Hours { start, length } = Hours::of(START, payments);
    let generated = payments.saturating_add(payments.div_euclid(4)).saturating_add(500);
    let traffic = Traffic::new(crate::traffic::Settings {
        seed,
        payments: generated,
        // In two days hardly anybody pays eight times.
        customers: payments.max(1),
        start,
        length,
    });
    let is_first = |fields: &Fields| fields.get(Field::Attempt).as_int() == Some(1);
    traffic
        .filter(move |made| made.scenario == Scenario::Everyday && is_first(&made.fields))
        .filter_map(|made| Some((made.fields.get(Field::OccurredAt).as_time()?, made.fields)))
        .take(usize::try_from(payments).unwrap_or(usize::MAX))
}

// === impl Strategy ===

impl Strategy {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Advice, Self::AtOnce, Self::Never];

    /// For a reader.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advice => "following advice",
            Self::AtOnce => "retry at once",
            Self::Never => "no retry",
        }
    }
}

// === impl World ===

impl World {
    fn new(settings: Settings, strategy: Strategy) -> Result<Self, SimulationError> {
        let engine_settings = crate::engine::Settings {
            payment_kept: PAYMENT_KEPT,
            late_max: Span::from_days(1),
            entities_max: 10_000_000,
            retry: RetrySettings::default(),
        };
        let set = policies::set()?;
        Ok(Self {
            strategy,
            seed: settings.seed,
            engine: Engine::new(set, engine_settings, Arc::new(Discard)),
            intake: Intake::for_history(HashKey::new([0; 32])),
            provider: Provider::new(settings.seed, Hours::of(START, settings.payments)),
            orders: Vec::new(),
            planned: BTreeMap::new(),
            planned_count: 0,
            now: START,
            tally: Tally::new(strategy),
        })
    }

    /// A payer comes.
    fn begin(&mut self, mut fields: Fields) {
        let number = self.orders.len();
        let token = fields.get(Field::CardToken).as_text().map(Text::from).unwrap_or_default();
        let mut second = token.clone();
        second.push_str("-b");
        let channel = customer::channel(self.seed, number as u64);
        fields.set(Field::Id, Value::Text(Text::from(format!("order-{number}"))));
        fields.set(Field::Currency, Value::Text(Text::const_new("EUR")));
        fields.set(Field::OccurredAt, Value::Missing);
        self.orders.push(Order {
            amount: fields.get(Field::Amount).as_int().unwrap_or(0),
            tokens: [token, second],
            channel,
            began_at: self.now,
            is_present: fields.get(Field::OffSession).as_bool() != Some(true),
            payer: Payer::default(),
            attempt: 0,
            made: BTreeMap::new(),
            reports: 0,
            turn: 0,
            end: None,
            fields,
        });
        self.tally.payments += 1;
        self.plan_try(number, self.now);
    }

    fn plan(&mut self, at: Timestamp, place: usize, event: Event) {
        self.planned_count += 1;
        self.planned.insert((at.max(self.now), self.planned_count), (place, event));
    }

    /// The next attempt, unless something else comes before it.
    fn plan_try(&mut self, place: usize, at: Timestamp) {
        let turn = self.next_turn(place);
        self.plan(at, place, Event::Try { turn });
    }

    /// What was planned for the payer's side before is overtaken.
    fn next_turn(&mut self, place: usize) -> u32 {
        self.orders.get_mut(place).map_or(0, |order| {
            order.turn += 1;
            order.turn
        })
    }

    fn happen(&mut self, place: usize, event: Event) -> Result<(), SimulationError> {
        let Some(order) = self.orders.get(place) else { return Ok(()) };
        let is_current = |turn| turn == order.turn;
        let number = place as u64;
        let route = |attempt| order.route(attempt);
        match event {
            Event::Try { turn } if is_current(turn) => self.attempt(place),
            Event::Query { turn, attempt } if is_current(turn) => {
                self.tally.queries += 1;
                let reply = self.provider.query((number, attempt), route(attempt), self.now);
                self.learn(place, attempt, reply, report::Word::Answer)
            }
            Event::Close { turn, attempt } if is_current(turn) => {
                self.tally.closed += 1;
                let reply = self.provider.close((number, attempt), route(attempt), self.now);
                self.learn(place, attempt, reply, report::Word::Answer)
            }
            Event::Reconcile { turn, attempt } if is_current(turn) => {
                self.tally.reconciled += 1;
                let reply = self.provider.file((number, attempt), self.now);
                self.learn(place, attempt, reply, report::Word::Answer)
            }
            Event::Try { .. }
            | Event::Query { .. }
            | Event::Close { .. }
            | Event::Reconcile { .. } => Ok(()),
            Event::Reply { attempt, reply } => {
                let orders = &mut self.orders;
                let made = orders.get_mut(place).and_then(|order| order.made.get_mut(&attempt));
                if let Some(made) = made {
                    made.is_awaited = false;
                }
                self.learn(place, attempt, reply, report::Word::Answer)
            }
            Event::Notice { attempt } => match self.provider.notice((number, attempt), self.now) {
                Some(reply) => self.learn(place, attempt, reply, report::Word::Notice),
                None => Ok(()),
            },
            Event::Capture { attempt } => self.capture(place, attempt),
            Event::Refund { attempt, amount } => self.refund(place, attempt, amount),
        }
    }
}
