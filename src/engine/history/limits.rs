//! What payments of the past hold in limits: reserved when they are let through, settled when it is told
//! what became of them.

use std::collections::{HashMap, VecDeque};

use smallvec::SmallVec;

use crate::engine::entities::{Keys, Unseen};
use crate::engine::history::completer::Happened;
use crate::engine::history::{Batch, reads};
use crate::engine::reserve::{LimitSlots, Limits, Wanted};
use crate::engine::snapshot::Images;
use crate::limit::hold::{self, Holdings};
use crate::limit::store::LimitStore;
use crate::model::columns::Slot;
use crate::model::decision::Evaluation;
use crate::model::failure::Money;
use crate::model::field::{Field, Fields};
use crate::model::limit::{LimitKey, Reservation};
use crate::model::outcome::OutcomeStatus;
use crate::model::settlement::Settlement;
use crate::model::time::{Span, Timestamp};
use crate::model::value::Text;
use crate::model::verdict::{Mode, Verdict};
use crate::policy::evaluate::LimitReading;
use crate::policy::set::PolicySet;

/// The limits of a set, and the payments that hold something in them.
#[derive(Debug)]
pub(super) struct LimitHistory {
    store: LimitStore,
    payments: HashMap<Text, Held, ahash::RandomState>,
    payment_kept: Span,
    /// When payments that are over were let go last.
    swept_at_len: usize,
    /// What is still to come, by time and then in the order of the rows that said so.
    pending: VecDeque<(Timestamp, Box<Settled>)>,
}

/// A payment, as far as limits are concerned.
#[derive(Debug, Default)]
struct Held {
    attempts: SmallVec<[Attempt; 1]>,
    changed_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Attempt {
    number: i64,
    at: Timestamp,
    amount: i64,
    is_blocked: bool,
    reservations: Vec<Reservation>,
    settlement: Settlement,
}

/// An attempt that is to be decided.
#[derive(Debug)]
pub(super) struct Wants {
    pub(super) payment_id: Text,
    pub(super) number: i64,
    pub(super) amount: i64,
    pub(super) at: Timestamp,
}

/// What becomes of an attempt.
#[derive(Debug)]
struct Settled {
    payment_id: Text,
    number: i64,
    status: OutcomeStatus,
    money: Money,
    amount: Option<i64>,
    is_final: bool,
}

/// What is read of payments to know who holds what.
pub(super) const READS: [Field; 3] = [Field::Id, Field::Attempt, Field::Amount];

/// What the keys of limits are made of.
pub(super) fn slots(set: &PolicySet) -> Vec<Slot> {
    let entities = set.limits.iter().filter_map(|limit| set.entities.get(limit.entity));
    entities.flat_map(reads::parts).collect()
}

// === impl LimitHistory ===

impl LimitHistory {
    /// `None` for a set without limits.
    pub(super) fn new(set: &PolicySet, payment_kept: Span) -> Option<Self> {
        set.limits.iter().any(|limit| limit.mode != Mode::Off).then(|| Self {
            store: LimitStore::new(),
            payments: HashMap::default(),
            payment_kept,
            swept_at_len: 0,
            pending: VecDeque::new(),
        })
    }

    /// Decides an attempt by the readings of the limits, and keeps what it reserves.
    pub(super) fn decide(
        &mut self,
        set: &PolicySet,
        fields: &Fields,
        wants: Wants,
        evaluate: impl FnOnce(&[LimitReading]) -> Evaluation,
    ) -> Evaluation {
        let Wants { payment_id, number, amount, at } = wants;
        let payment = self.payments.entry(payment_id).or_default();
        if payment.is_over(at, self.payment_kept) {
            *payment = Held::default();
        }
        let (held, keys) = (payment.holdings(), payment.keys());
        with_limits(&self.store, set, fields, Wanted::Met(&keys), |limits| {
            let readings = limits.read(set, at, &held);
            let evaluation = evaluate(&readings);
            let is_blocked = evaluation.verdict == Verdict::Block;
            let reservations =
                if is_blocked { Vec::new() } else { limits.reservations(set, &evaluation.amounts) };
            payment.changed_at = payment.changed_at.max(Some(at));
            payment.attempts.push(Attempt {
                number,
                at,
                amount,
                is_blocked,
                reservations,
                settlement: Settlement::default(),
            });
            limits.replace(set, at, &held, &payment.holdings());
            evaluation
        })
    }

    /// Notes what will become of the attempt of a row.
    pub(super) fn expect(&mut self, batch: &Batch, place: usize, happened: &Happened) {
        let Some(told) = batch.outcomes.get(place) else { return };
        let outcome = &told.outcome;
        let own = batch.columns.field(Field::Amount).and_then(|it| it.get(told.row).as_int());
        let settled = Settled {
            payment_id: outcome.payment_id.clone(),
            number: i64::from(outcome.attempt),
            status: outcome.status,
            money: happened.money,
            amount: outcome.amount.or(own),
            is_final: outcome.is_final,
        };
        let place = self.pending.partition_point(|(known, _)| *known <= happened.due);
        self.pending.insert(place, (happened.due, Box::new(settled)));
    }

    /// Lets happen what is due until `at`.
    pub(super) fn happen(&mut self, set: &PolicySet, at: Timestamp) {
        while let Some((due, settled)) = self.pending.pop_front_if(|(due, _)| *due <= at) {
            let Some(payment) = self.payments.get_mut(&settled.payment_id) else { continue };
            let held = payment.holdings();
            let keys = payment.keys();
            let attempt = payment.attempts.iter_mut().find(|it| it.number == settled.number);
            let Some(attempt) = attempt else { continue };
            let Settled { status, money, amount, is_final, .. } = *settled;
            attempt.settlement =
                attempt.settlement.after(status, money, amount.unwrap_or(0), is_final);
            payment.changed_at = payment.changed_at.max(Some(due));
            let holds = payment.holdings();
            with_limits(&self.store, set, &Fields::new(), Wanted::Reserved(&keys), |limits| {
                limits.replace(set, due, &held, &holds);
            });
        }
    }

    /// Forgets payments of which nothing more can be told.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        if self.payments.len() > 1_024 + 2 * self.swept_at_len {
            let kept = self.payment_kept;
            self.payments.retain(|_, payment| !payment.is_over(now, kept));
            self.swept_at_len = self.payments.len();
        }
        self.store.sweep(now, usize::MAX);
    }
}

fn with_limits<T>(
    store: &LimitStore,
    set: &PolicySet,
    fields: &Fields,
    wanted: Wanted<'_>,
    work: impl FnOnce(&mut Limits<'_>) -> T,
) -> T {
    let keys = Keys::of(set, fields);
    loop {
        let slots = LimitSlots::find(store, set, &keys, wanted, Unseen::Make);
        if let Ok(mut limits) = slots.lock(store.snapshots().now(), &Images::default()) {
            return work(&mut limits);
        }
    }
}

// === impl Held ===

impl Held {
    fn is_over(&self, now: Timestamp, kept: Span) -> bool {
        self.changed_at.is_some_and(|at| at.plus(kept) <= now)
    }

    fn holdings(&self) -> Holdings {
        hold::holdings(self.attempts.iter().map(|attempt| hold::Attempt {
            at: attempt.at,
            amount: attempt.amount,
            is_blocked: attempt.is_blocked,
            reservations: &attempt.reservations,
            settlement: &attempt.settlement,
        }))
    }

    fn keys(&self) -> SmallVec<[LimitKey; 8]> {
        let reservations = self.attempts.iter().flat_map(|attempt| &attempt.reservations);
        reservations.map(|reservation| reservation.key).collect()
    }
}
