//! The replay in batches: while one is read, the one before is completed, the features of the one before
//! that are computed, each kind of entity by itself, and the one before that is decided.
//!
//! Every stage takes the batches one after another in order of time, so that what comes out is what one
//! ordered pass gives. It is for bundles of which no feature depends on a decision, over files of payments
//! alone; for all others there is [`super::replay`].

use std::thread;

use parking_lot::Mutex;

use super::Done;
use super::books::Books;
use super::diff::Changes;
use super::gather::{Gathered, Gatherer};
use super::problem::BacktestError;
use super::tables::{Decided as Row, Tables};
use crate::engine::history::{
    Completed, Completer, Decided, Decider, EntityHistory, FeatureValues, History,
};
use crate::model::verdict::Verdict;

/// A replay that is going on. With a baseline there are two of each, side by side.
pub(super) struct Pipeline<'a> {
    gatherer: Gatherer<'a>,
    completers: Vec<Completer>,
    entities: Vec<Vec<EntityHistory>>,
    deciders: Vec<(Decider, Books)>,
    tables: Tables,
    changes: Changes,
}

/// A batch, and how far each bundle is with it.
struct InFlight {
    gathered: Gathered,
    stages: Vec<Stage>,
}

/// How far a bundle is with a batch.
#[derive(Default)]
struct Stage {
    completed: Completed,
    /// Per kind of entity.
    values: Vec<FeatureValues>,
    verdicts: Vec<Verdict>,
}

/// Something that can be done beside others.
type Task<'t> = Box<dyn FnOnce() -> Result<(), BacktestError> + Send + 't>;

// === impl Pipeline ===

impl<'a> Pipeline<'a> {
    /// Of one bundle, or of two; the tables are of the first.
    pub(super) fn new(
        gatherer: Gatherer<'a>,
        lanes: impl IntoIterator<Item = (History, Books)>,
        tables: Tables,
    ) -> Self {
        let mut pipeline = Self {
            gatherer,
            completers: Vec::new(),
            entities: Vec::new(),
            deciders: Vec::new(),
            tables,
            changes: Changes::default(),
        };
        for (History { completer, entities, decider }, books) in lanes {
            pipeline.completers.push(completer);
            pipeline.entities.push(entities);
            pipeline.deciders.push((decider, books));
        }
        pipeline
    }

    /// Takes all batches through all stages. `progress` is told how many rows are read.
    pub(super) fn run(mut self, mut progress: impl FnMut(u64)) -> Result<Done<'a>, BacktestError> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (mut read, mut completed, mut featured) = (None, None, None);
        loop {
            let mut next = Ok(None);
            let gatherer = &mut self.gatherer;
            let mut tasks: Vec<Task<'_>> = vec![Box::new(|| {
                next = gatherer.next();
                Ok(())
            })];
            if let Some(InFlight { gathered, stages }) = &mut featured {
                let mut tables = Some(&mut self.tables);
                for (stage, (decider, books)) in stages.iter_mut().zip(&mut self.deciders) {
                    let (gathered, tables) = (&*gathered, tables.take());
                    tasks.push(Box::new(|| decide(gathered, stage, decider, (books, tables))));
                }
            }
            if let Some(InFlight { gathered, stages }) = &mut completed {
                for (stage, entities) in stages.iter_mut().zip(&mut self.entities) {
                    let Stage { completed, values, verdicts: _ } = stage;
                    values.resize_with(entities.len(), FeatureValues::default);
                    for (values, entity) in values.iter_mut().zip(entities) {
                        let (gathered, completed) = (&*gathered, &*completed);
                        tasks.push(Box::new(|| {
                            *values = entity.pass(&gathered.batch, completed);
                            Ok(())
                        }));
                    }
                }
            }
            if let Some(InFlight { gathered, stages }) = &mut read {
                for (stage, completer) in stages.iter_mut().zip(&self.completers) {
                    let gathered = &*gathered;
                    tasks.push(Box::new(|| {
                        stage.completed = completer.complete(&gathered.batch);
                        Ok(())
                    }));
                }
            }
            at_once(tasks, threads)?;
            if let Some(decided) = featured.take() {
                compare(&decided, &mut self.changes);
            }
            progress(self.gatherer.entrance.counts.rows);
            featured = completed.take();
            completed = read.take();
            read = next?.map(|gathered| InFlight {
                stages: self.deciders.iter().map(|_| Stage::default()).collect(),
                gathered,
            });
            if read.is_none() && completed.is_none() && featured.is_none() {
                break;
            }
        }
        let Self { gatherer, deciders, tables, changes, .. } = self;
        let mut books = deciders.into_iter().map(|(_, books)| books);
        let policies = books.next().ok_or(BacktestError::Engine("no policies".to_owned()))?;
        let entrance = gatherer.entrance;
        Ok(Done { entrance, policies, baseline: books.next(), tables, changes })
    }
}

/// Decides a batch, counts what was decided, and writes it to the tables where there are some.
fn decide(
    gathered: &Gathered,
    stage: &mut Stage,
    decider: &mut Decider,
    (books, mut tables): (&mut Books, Option<&mut Tables>),
) -> Result<(), BacktestError> {
    let Stage { completed, values, verdicts } = stage;
    let values = std::mem::take(values);
    decider.decide(&gathered.batch, completed, values, |decided| {
        let Decided { place, at, evaluation, features } = decided;
        let Some(told) = gathered.told.get(place) else { return Ok(()) };
        books.count(evaluation, at, told.label, told.amount_base);
        verdicts.push(evaluation.verdict);
        tables.as_mut().map_or(Ok(()), |tables| {
            tables.write(&Row {
                caller_id: &told.caller_id,
                at,
                evaluation,
                features: tables.want_features().then_some(features),
                label: told.label,
            })
        })
    })
}

/// Counts who changed verdict, where there are two bundles.
fn compare(decided: &InFlight, changes: &mut Changes) {
    let [policies, baseline] = decided.stages.as_slice() else { return };
    let Gathered { batch, told } = &decided.gathered;
    let verdicts = baseline.verdicts.iter().zip(&policies.verdicts);
    for ((row, told), (from, to)) in batch.rows.iter().zip(told).zip(verdicts) {
        if let Some(at) = batch.at.get(*row) {
            changes.count(*from, *to, || told.changed(*at, *from, *to));
        }
    }
}

/// Does all tasks, several at a time; the first come first.
fn at_once(tasks: Vec<Task<'_>>, threads: usize) -> Result<(), BacktestError> {
    let threads = threads.min(tasks.len());
    let left = Mutex::new((tasks.into_iter(), Ok(())));
    let work = || {
        loop {
            let task = left.lock().0.next();
            let Some(task) = task else { return };
            if let Err(error) = task() {
                left.lock().1 = Err(error);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    left.into_inner().1
}
