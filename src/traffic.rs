//! Labelled synthetic payments: everyday traffic mixed with known fraud patterns.
//!
//! [`Traffic`] is an endless-looking stream in order of time, made from a seed alone: the same settings
//! give the same payments on every machine. Nothing is drawn from data about real people. Each
//! payment carries what only a laboratory knows: the scenario it belongs to, whether it is fraud, and
//! what the provider will answer.

mod answer;
mod attempt;
pub(crate) mod chance;
mod customer;
mod play;
mod scenario;
mod table;
mod world;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::field::Fields;
use crate::model::outcome::OutcomeStatus;
use crate::model::time::{Span, Timestamp};
pub use answer::Answer;
use chance::Chance;
use customer::activity_at;
pub use scenario::Scenario;
use scenario::{Episode, Scene};
pub use table::{TableError, map_toml, write};

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Equal seeds give equal payments.
    pub seed: u64,
    /// How many attempts in all.
    pub payments: u64,
    /// How many customers there are; see [`Settings::customers_usual`].
    pub customers: u64,
    /// The time of the first.
    pub start: Timestamp,
    /// The time from the first to the last.
    pub length: Span,
}

/// One attempt, before the edge, and what only a laboratory knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// What a caller would send; `payment.occurred_at` is always there.
    pub fields: Fields,
    /// What it is part of.
    pub scenario: Scenario,
    /// Whether it is fraud.
    pub is_fraud: bool,
    /// What the provider answers if it is asked.
    pub answer: Answer,
}

/// The attempts, in order of time.
#[derive(Debug)]
pub struct Traffic {
    settings: Settings,
    left: u64,
    everyday: Everyday,
    episodes: Vec<Episode>,
    /// What comes next beside everyday first attempts: time, order of planning, what.
    planned: BinaryHeap<Reverse<(Timestamp, u64, Planned)>>,
    order: u64,
}

/// First attempts of everyday customers: uniform over the time that is left.
#[derive(Debug)]
struct Everyday {
    chance: Chance,
    number: u64,
    left: u64,
    /// The share of the time that has passed.
    passed: f64,
}

/// Something that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Planned {
    /// The next payment of an episode.
    Episode { place: usize, number: u64 },
    /// A customer tries once more what was declined or timed out.
    Retry { customer: u64, number: u64, scene: Option<usize> },
}

// === impl Traffic ===

impl Traffic {
    /// The attempts of these settings.
    pub fn new(settings: Settings) -> Self {
        let episodes = scenario::plan(&settings);
        let in_episodes: u64 = episodes.iter().map(|episode| episode.size).sum();
        let left = settings.payments.saturating_sub(in_episodes);
        let mut traffic = Self {
            settings,
            left: settings.payments,
            everyday: Everyday {
                chance: Chance::new(settings.seed, "arrivals", 0),
                number: 0,
                left,
                passed: 0.0,
            },
            episodes,
            planned: BinaryHeap::new(),
            order: 0,
        };
        for place in 0..traffic.episodes.len() {
            if let Some(start) = traffic.episodes.get(place).map(|episode| episode.start) {
                traffic.plan(start, Planned::Episode { place, number: 0 });
            }
        }
        traffic.everyday.step();
        traffic
    }

    fn plan(&mut self, at: Timestamp, planned: Planned) {
        self.order += 1;
        self.planned.push(Reverse((at, self.order, planned)));
    }

    fn everyday_at(&self) -> Option<Timestamp> {
        (self.everyday.number <= self.everyday.left).then(|| {
            let passed = chance::share_of(self.settings.length, self.everyday.passed);
            self.settings.start.plus(passed)
        })
    }

    fn everyday(&mut self, at: Timestamp) -> Attempt {
        let number = self.everyday.number;
        let customer = self.awake_customer(at);
        self.everyday.step();
        let scene = Scene::everyday(self.settings.seed, customer, number);
        self.with_retry(attempt::make(&self.settings, &scene, at, 1), &scene, at, None)
    }

    /// A customer for whom it is a usual hour.
    fn awake_customer(&mut self, at: Timestamp) -> u64 {
        let customers = self.settings.customers;
        let mut customer = 0;
        for _ in 0..4 {
            customer = self.everyday.chance.below(customers);
            let activity = activity_at(self.settings.seed, customer, at);
            if self.everyday.chance.unit() < activity {
                break;
            }
        }
        customer
    }

    fn planned(&mut self, at: Timestamp, planned: Planned) -> Option<Attempt> {
        match planned {
            Planned::Retry { customer, number, scene } => {
                let scene = match scene.and_then(|place| self.episodes.get(place)) {
                    Some(episode) => episode.scene(number),
                    None => Scene::everyday(self.settings.seed, customer, number),
                };
                Some(attempt::make(&self.settings, &scene, at, 2))
            }
            Planned::Episode { place, number } => {
                let episode = self.episodes.get(place)?.clone();
                if number + 1 < episode.size {
                    let next = at.plus(episode.gap(number));
                    self.plan(next, Planned::Episode { place, number: number + 1 });
                }
                let scene = episode.scene(number);
                let made = attempt::make(&self.settings, &scene, at, 1);
                Some(self.with_retry(made, &scene, at, Some(place)))
            }
        }
    }

    /// Some customers try again, with another card or through another channel.
    fn with_retry(
        &mut self,
        made: Attempt,
        scene: &Scene,
        at: Timestamp,
        place: Option<usize>,
    ) -> Attempt {
        let mut chance = Chance::new(scene.seed, "retry", scene.number);
        let is_everyday = made.scenario == Scenario::Everyday;
        let share = if made.answer.status == OutcomeStatus::TimedOut {
            0.6
        } else if made.answer.status == OutcomeStatus::Declined && is_everyday {
            0.4
        } else {
            0.0
        };
        if chance.unit() < share {
            let customer = scene.customer;
            let wait = Span::from_secs(chance.between(20, 120));
            let retry = Planned::Retry { customer, number: scene.number, scene: place };
            self.plan(at.plus(made.answer.latency).plus(wait), retry);
        }
        made
    }
}

impl Iterator for Traffic {
    type Item = Attempt;

    fn next(&mut self) -> Option<Attempt> {
        self.left = self.left.checked_sub(1)?;
        let next_planned = self.planned.peek().map(|Reverse((at, ..))| *at);
        match (self.everyday_at(), next_planned) {
            (Some(at), planned) if planned.is_none_or(|planned| at <= planned) => {
                Some(self.everyday(at))
            }
            _ => {
                let Reverse((at, _, planned)) = self.planned.pop()?;
                self.planned(at, planned)
            }
        }
    }
}

// === impl Settings ===

impl Settings {
    /// How many customers make so many payments when each pays about eight times.
    pub const fn customers_usual(payments: u64) -> u64 {
        let customers = payments.div_euclid(8);
        if customers < 40 { 40 } else { customers }
    }
}

// === impl Everyday ===

impl Everyday {
    /// Moves to the next arrival: the least of as many uniform ones as are left.
    fn step(&mut self) {
        self.number += 1;
        if self.number <= self.left {
            let remaining = chance::float(self.left - self.number + 1);
            let least = 1.0 - self.chance.unit().powf(1.0 / remaining);
            self.passed += (1.0 - self.passed) * least;
        }
    }
}
