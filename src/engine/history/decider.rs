//! The rules and limits of a set over payments of the past, in order of time.

use std::sync::Arc;

use crate::engine::history::completer::Completed;
use crate::engine::history::entity::FeatureValues;
use crate::engine::history::limits::{self, LimitHistory, Wants};
use crate::engine::history::{Batch, Of, RowFields, View, reads};
use crate::engine::lists::ListsOver;
use crate::list::Overlay;
use crate::model::columns::Slot;
use crate::model::decision::Evaluation;
use crate::model::field::{Field, Fields};
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Text, Value};
use crate::policy::evaluate::evaluate;
use crate::policy::interpret::Facts;
use crate::policy::set::PolicySet;

/// Decides payments.
#[derive(Debug)]
pub struct Decider {
    set: Arc<PolicySet>,
    overlay: Arc<Overlay>,
    reads: Vec<Slot>,
    limits: Option<LimitHistory>,
    fields: Fields,
    /// Per feature of the set.
    features: Vec<Value>,
}

/// What was decided of a payment.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// Its place among the payments of the batch.
    pub place: usize,
    /// When it was decided.
    pub at: Timestamp,
    /// What the rules and limits came to.
    pub evaluation: &'a Evaluation,
    /// A value per feature of the set, missing for those that were not asked for.
    pub features: &'a [Value],
}

/// What the merging of verdicts reads, beside what the rules say.
const MERGED: [Field; 3] = [Field::OffSession, Field::ThreeDs, Field::Authenticated];

// === impl Decider ===

impl Decider {
    pub(super) fn new(set: &Arc<PolicySet>, payment_kept: Span) -> Self {
        let rules = set.rules.iter().map(|rule| &rule.when);
        let exprs = set.limits.iter().flat_map(|limit| {
            limit.filter.iter().chain(&limit.amount).chain(std::iter::once(&limit.max))
        });
        let mut reads = reads::slots(set, rules.chain(exprs));
        let limits = LimitHistory::new(set, payment_kept);
        reads.extend(limits::slots(set));
        reads.extend(MERGED.map(Slot::Field));
        if limits.is_some() {
            reads.extend(limits::READS.map(Slot::Field));
        }
        reads.sort_unstable();
        reads.dedup();
        Self {
            reads,
            overlay: Arc::new(Overlay::new(0)),
            limits,
            fields: Fields::new(),
            features: vec![Value::Missing; set.features.len()],
            set: Arc::clone(set),
        }
    }

    /// The fields and attributes that are read.
    pub(super) fn reads(&self) -> &[Slot] {
        &self.reads
    }

    /// Decides the payments of the next batch; `values` are the features of each kind of entity. `tell`
    /// is told of each payment; its error ends it.
    ///
    /// # Errors
    /// That of `tell`.
    pub fn decide<E>(
        &mut self,
        batch: &Batch,
        completed: &Completed,
        values: Vec<FeatureValues>,
        mut tell: impl FnMut(Decided<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let view = View { batch, completed };
        let mut values: Vec<_> = values
            .into_iter()
            .map(|FeatureValues { features, values }| (features, values.into_iter()))
            .collect();
        let mut outcomes = completed.outcomes.iter().enumerate().peekable();
        for (place, row) in batch.rows.iter().copied().enumerate() {
            let Some(at) = batch.at.get(row).copied() else { continue };
            for (features, values) in &mut values {
                for (feature, value) in features.iter().zip(values) {
                    if let Some(known) = self.features.get_mut(*feature) {
                        *known = value;
                    }
                }
            }
            RowFields { view, of: Of::Payment, row }.fill(&self.reads, &mut self.fields);
            let evaluation = self.evaluate(batch, row, at);
            tell(Decided { place, at, evaluation: &evaluation, features: &self.features })?;
            while let Some((told, happened)) = outcomes.next_if(|(_, told)| told.row == row) {
                if let Some(limits) = &mut self.limits {
                    limits.expect(batch, told, happened);
                }
            }
        }
        if let (Some(limits), Some(last)) = (&mut self.limits, batch.at.last()) {
            limits.sweep(*last);
        }
        Ok(())
    }

    fn evaluate(&mut self, batch: &Batch, row: usize, at: Timestamp) -> Evaluation {
        let set = &self.set;
        let lists = ListsOver::new(set, &self.overlay);
        let facts =
            Facts { fields: &self.fields, features: &self.features, now: at, lists: &lists };
        let Some(limits) = &mut self.limits else { return evaluate(set, &facts, &[], false) };
        limits.happen(set, at);
        let of_row = |field| batch.columns.field(field).map_or(&Value::Missing, |it| it.get(row));
        let wants = Wants {
            payment_id: of_row(Field::Id).as_text().map(Text::from).unwrap_or_default(),
            number: of_row(Field::Attempt).as_int().unwrap_or_default(),
            amount: of_row(Field::Amount).as_int().unwrap_or_default(),
            at,
        };
        limits.decide(set, facts.fields, wants, |readings| evaluate(set, &facts, readings, false))
    }
}
