//! The entities of one kind: the features of each payment, computed in order of time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::engine::history::completer::{Completed, Happened};
use crate::engine::history::keys::{Keys, Who};
use crate::engine::history::{Batch, Of, RowFields, View, reads};
use crate::engine::lists::ListsOver;
use crate::engine::taps::{carried, observed};
use crate::feature::forward::{ForwardPlan, ForwardState};
use crate::feature::state::Observed;
use crate::list::Overlay;
use crate::model::columns::Slot;
use crate::model::entity::EntityKind;
use crate::model::field::Fields;
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value, ValueType};
use crate::policy::interpret::Facts;
use crate::policy::ir::Expr;
use crate::policy::program::Scratch;
use crate::policy::program::tap::Counting;
use crate::policy::set::{PolicySet, Tap};

/// What an event brings to streams.
type Brought = SmallVec<[(usize, Observed); 2]>;

/// The entities of one kind, and what has happened to them.
#[derive(Debug)]
pub struct EntityHistory {
    set: Arc<PolicySet>,
    overlay: Arc<Overlay>,
    plan: ForwardPlan,
    /// The features that are read, by their place in the set.
    features: Vec<usize>,
    /// Per feature of the layout: the stream that it looks at.
    streams: Vec<usize>,
    keys: Keys,
    states: Vec<ForwardState>,
    attempt: Counted,
    /// What is counted when something else happens, by its name.
    events: BTreeMap<Text, Counted>,
    /// What is still to come, by time and then in the order of the rows that said so.
    pending: VecDeque<(Timestamp, u32, Brought)>,
    fields: Fields,
}

/// What is counted when an event of one name happens.
#[derive(Debug, Default)]
struct Counted {
    taps: Vec<CountedTap>,
    /// What the expressions of the taps read.
    reads: Vec<Slot>,
}

#[derive(Debug)]
struct CountedTap {
    /// Its place among those of the event.
    place: usize,
    stream: usize,
    /// What its stream carries.
    carries: Option<ValueType>,
    source: Source,
}

/// Where what a tap counts is found.
#[derive(Debug)]
enum Source {
    /// The event alone counts.
    Event,
    /// In a field or an attribute.
    Slot(Slot),
    /// In expressions.
    Exprs,
}

/// The values of features for each payment of a batch.
#[derive(Debug, Default)]
pub struct FeatureValues {
    /// The features, by their place in the set.
    pub(super) features: Vec<usize>,
    /// The values of the first payment, then those of the second, and so on.
    pub(super) values: Vec<Value>,
}

// === impl EntityHistory ===

impl EntityHistory {
    pub(super) fn new(set: &Arc<PolicySet>, entity: usize, wanted: &[usize]) -> Self {
        let of_entity = wanted.iter().copied().filter_map(|place| {
            let feature = set.features.get(place)?;
            (feature.entity == entity).then_some((place, feature.slot))
        });
        let (features, slots): (Vec<usize>, Vec<usize>) = of_entity.unzip();
        let def = set.entities.get(entity);
        let layout = def.map(|def| Arc::clone(&def.layout)).unwrap_or_default();
        let plan = ForwardPlan::new(&layout, &slots);
        let mut events: BTreeMap<Text, Counted> = BTreeMap::new();
        for (event, taps) in &set.taps {
            for (place, tap) in taps.iter().enumerate() {
                if tap.entity == entity && plan.keeps(tap.stream) {
                    let carries = layout.streams.get(tap.stream).and_then(|it| it.value_type);
                    let (stream, source) = (tap.stream, Source::of(tap));
                    let tap = CountedTap { place, stream, carries, source };
                    events.entry(event.clone()).or_default().taps.push(tap);
                }
            }
        }
        for (event, counted) in &mut events {
            let taps = counted.taps.iter().filter(|tap| matches!(tap.source, Source::Exprs));
            let taps = taps.filter_map(|tap| set.taps_of(event).get(tap.place));
            let exprs = taps.flat_map(|tap| tap.filter.iter().chain(&tap.value));
            counted.reads = reads::slots(set, exprs);
        }
        let attempt = events.remove("attempt").unwrap_or_default();
        let kind = def.map_or(EntityKind(0), |def| def.kind);
        Self {
            set: Arc::clone(set),
            overlay: Arc::new(Overlay::new(0)),
            streams: layout.features.iter().map(|spec| spec.stream).collect(),
            plan,
            features,
            keys: Keys::new(kind, def.map(reads::parts).unwrap_or_default()),
            states: Vec::new(),
            attempt,
            events,
            pending: VecDeque::new(),
            fields: Fields::new(),
        }
    }

    /// Whether no feature of it is read.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// The fields and attributes that its key and its events read.
    pub(super) fn reads(&self) -> impl Iterator<Item = &Slot> {
        let counted = std::iter::once(&self.attempt).chain(self.events.values());
        self.keys.parts().iter().chain(counted.flat_map(Counted::reads))
    }

    /// The features of the payments of the next batch.
    pub fn pass(&mut self, batch: &Batch, completed: &Completed) -> FeatureValues {
        let view = View { batch, completed };
        let who = self.keys.of_rows(view, Of::Payment, &batch.rows);
        let told: Vec<usize> = completed.outcomes.iter().map(|told| told.row).collect();
        let told = if self.keys.may_differ() {
            self.keys.of_rows(view, Of::Outcome, &told)
        } else {
            Vec::new()
        };
        self.grow();
        let mut values = Vec::with_capacity(self.features.len() * batch.rows.len());
        let mut frauds = batch.frauds.iter().peekable();
        let mut outcomes = completed.outcomes.iter().enumerate().peekable();
        for (row, who) in batch.rows.iter().copied().zip(who) {
            let Some(at) = batch.at.get(row).copied() else { continue };
            self.happen(at);
            let payment = RowFields { view, of: Of::Payment, row };
            match who {
                Who::Number(number) => self.attempt(payment, at, number, &mut values),
                Who::Missing => values.extend(self.features.iter().map(|_| Value::Missing)),
                Who::Unknown => values.extend(self.features.iter().map(|_| Value::Unknown)),
            }
            while let Some((_, due)) = frauds.next_if(|(fraud, _)| *fraud == row) {
                self.expect(payment, "fraud", *due, who);
            }
            while let Some((place, told_of)) = outcomes.next_if(|(_, told)| told.row == row) {
                let Happened { event: Some(event), due, .. } = told_of else { continue };
                let who = told.get(place).copied().unwrap_or(who);
                let outcome = RowFields { of: Of::Outcome, ..payment };
                self.expect(outcome, event, *due, who);
            }
        }
        FeatureValues { features: self.features.clone(), values }
    }

    /// Makes room for entities that are new in a batch.
    fn grow(&mut self) {
        while self.states.len() < self.keys.len() {
            self.states.push(ForwardState::new(&self.plan));
        }
    }

    /// Reads the features of an attempt, and counts it.
    fn attempt(
        &mut self,
        payment: RowFields<'_>,
        at: Timestamp,
        number: u32,
        values: &mut Vec<Value>,
    ) {
        let brought = self.attempt.brought(
            (&self.set, &self.overlay),
            (payment, "attempt", at),
            &mut self.fields,
        );
        let Some(state) = self.states.get_mut(number as usize) else {
            values.extend(self.features.iter().map(|_| Value::Missing));
            return;
        };
        let streams = &self.streams;
        let own = |feature: usize| {
            let stream = streams.get(feature)?;
            brought.iter().find(|(known, _)| known == stream).map(|(_, observed)| observed)
        };
        state.read(&self.plan, at, own, values);
        for (stream, observed) in &brought {
            state.observe(&self.plan, *stream, at, observed);
        }
    }

    /// Notes what will happen to the entity of a row.
    fn expect(&mut self, row: RowFields<'_>, event: &str, due: Timestamp, who: Who) {
        let Who::Number(number) = who else { return };
        let Some(counted) = self.events.get(event) else { return };
        let brought =
            counted.brought((&self.set, &self.overlay), (row, event, due), &mut self.fields);
        if !brought.is_empty() {
            let place = self.pending.partition_point(|(known, ..)| *known <= due);
            self.pending.insert(place, (due, number, brought));
        }
    }

    /// Lets happen what is due until `at`.
    fn happen(&mut self, at: Timestamp) {
        while let Some((due, number, brought)) = self.pending.pop_front_if(|(due, ..)| *due <= at) {
            let Some(state) = self.states.get_mut(number as usize) else { continue };
            for (stream, observed) in &brought {
                state.observe(&self.plan, *stream, due, observed);
            }
        }
    }
}

// === impl Counted ===

impl Counted {
    /// What an event brings to the streams of a kind of entity.
    fn brought(
        &self,
        (set, overlay): (&Arc<PolicySet>, &Arc<Overlay>),
        (row, event, now): (RowFields<'_>, &str, Timestamp),
        fields: &mut Fields,
    ) -> Brought {
        if self.taps.iter().all(|tap| !matches!(tap.source, Source::Exprs)) {
            return self.taps.iter().filter_map(|tap| tap.taken(row)).collect();
        }
        row.fill(&self.reads, fields);
        let lists = ListsOver::new(set, overlay);
        let facts = Facts { fields, features: &[], now, lists: &lists };
        let taps = set.taps_of(event);
        let mut scratch = Scratch::take();
        let mut counting = Counting::new(set, taps, facts, &mut scratch);
        let brought = self.taps.iter().filter_map(|tap| match tap.source {
            Source::Exprs => {
                let observed = observed(&mut counting, taps.get(tap.place)?, tap.carries)?;
                Some((tap.stream, observed))
            }
            Source::Event | Source::Slot(_) => tap.taken(row),
        });
        let brought = brought.collect();
        scratch.give_back();
        brought
    }

    /// The fields and attributes that are read.
    fn reads(&self) -> impl Iterator<Item = &Slot> {
        let slots = self.taps.iter().filter_map(|tap| match &tap.source {
            Source::Slot(slot) => Some(slot),
            Source::Event | Source::Exprs => None,
        });
        slots.chain(&self.reads)
    }
}

// === impl CountedTap ===

impl CountedTap {
    /// What a row brings to the stream without an expression.
    fn taken(&self, row: RowFields<'_>) -> Option<(usize, Observed)> {
        let observed = match &self.source {
            Source::Event => Observed::Event,
            Source::Slot(slot) => carried(row.get(slot).clone(), self.carries)?,
            Source::Exprs => return None,
        };
        Some((self.stream, observed))
    }
}

// === impl Source ===

impl Source {
    fn of(tap: &Tap) -> Self {
        if tap.filter.is_some() {
            return Self::Exprs;
        }
        // What the commonest expressions are is taken from where it stands.
        if let Some(Expr::Field(field)) = &tap.value {
            return Self::Slot(Slot::Field(*field));
        }
        if let Some(Expr::Attribute(name)) = &tap.value {
            return Self::Slot(Slot::Attribute(name.clone()));
        }
        if tap.value.is_none() { Self::Event } else { Self::Exprs }
    }
}
