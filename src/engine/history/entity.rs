//! The entities of one kind: the features of each payment, computed in order of time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::engine::history::completer::{Completed, Happened};
use crate::engine::history::keys::{Keys, Who};
use crate::engine::history::{Batch, Of, RowFields, View, reads};
use crate::engine::lists::ListsOver;
use crate::engine::taps::observed;
use crate::feature::forward::{ForwardPlan, ForwardState};
use crate::feature::state::Observed;
use crate::list::Overlay;
use crate::model::columns::Slot;
use crate::model::entity::EntityKind;
use crate::model::field::Fields;
use crate::model::time::Timestamp;
use crate::model::value::{Text, Value, ValueType};
use crate::policy::interpret::Facts;
use crate::policy::program::Scratch;
use crate::policy::program::tap::Counting;
use crate::policy::set::PolicySet;

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
    events: BTreeMap<Text, Counted>,
    /// What is still to come, by time and then in the order of the rows that said so.
    pending: VecDeque<(Timestamp, u32, Brought)>,
    fields: Fields,
}

/// What is counted when an event of one name happens.
#[derive(Debug, Default)]
struct Counted {
    /// The places of the taps among those of the event, and what their streams carry.
    taps: Vec<(usize, Option<ValueType>)>,
    reads: Vec<Slot>,
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
                    events.entry(event.clone()).or_default().taps.push((place, carries));
                }
            }
        }
        for (event, counted) in &mut events {
            let taps = set.taps_of(event);
            let taps = counted.taps.iter().filter_map(|(place, _)| taps.get(*place));
            let exprs = taps.flat_map(|tap| tap.filter.iter().chain(&tap.value));
            counted.reads = reads::slots(set, exprs);
        }
        let kind = def.map_or(EntityKind(0), |def| def.kind);
        Self {
            set: Arc::clone(set),
            overlay: Arc::new(Overlay::new(0)),
            streams: layout.features.iter().map(|spec| spec.stream).collect(),
            plan,
            features,
            keys: Keys::new(kind, def.map(reads::parts).unwrap_or_default()),
            states: Vec::new(),
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
        self.keys.parts().iter().chain(self.events.values().flat_map(|counted| &counted.reads))
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
        let brought = self.brought(payment, "attempt", at);
        let Some(state) = self.states.get_mut(number as usize) else { return };
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

    /// What an event brings to the streams of this kind of entity.
    fn brought(&mut self, row: RowFields<'_>, event: &str, now: Timestamp) -> Brought {
        let Some(counted) = self.events.get(event) else { return Brought::new() };
        row.fill(&counted.reads, &mut self.fields);
        let lists = ListsOver::new(&self.set, &self.overlay);
        let facts = Facts { fields: &self.fields, features: &[], now, lists: &lists };
        let taps = self.set.taps_of(event);
        let mut scratch = Scratch::take();
        let mut counting = Counting::new(&self.set, taps, facts, &mut scratch);
        let brought = counted.taps.iter().filter_map(|(place, carries)| {
            let tap = taps.get(*place)?;
            Some((tap.stream, observed(&mut counting, tap, *carries)?))
        });
        let brought = brought.collect();
        scratch.give_back();
        brought
    }

    /// Notes what will happen to the entity of a row.
    fn expect(&mut self, row: RowFields<'_>, event: &str, due: Timestamp, who: Who) {
        let Who::Number(number) = who else { return };
        let brought = self.brought(row, event, due);
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
