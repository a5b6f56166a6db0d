//! What is kept for an entity: streams of events, and the features computed from them.

use crate::model::time::Span;
use crate::model::value::ValueType;

/// The identity of a feature's definition: equal for the same meaning in every version of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureId(pub u64);

/// The identity of a stream: the same event, filter and value in every version of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// How the events in a window become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// How many events; 0 when none.
    Count,
    /// The sum, exact for integers; 0 when none.
    Sum,
    /// The exact sum over the count, as a float.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The sample standard deviation; missing below two.
    Stddev,
    /// How many different values; 0 when none.
    Distinct,
    /// The last value.
    Last,
    /// Whole seconds since the first event.
    SinceFirst,
    /// Whole seconds since the last event.
    SinceLast,
}

/// One feature over one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureSpec {
    /// Its identity across versions.
    pub id: FeatureId,
    /// The place of its stream in [`EntityLayout::streams`].
    pub stream: usize,
    /// How events become a value.
    pub aggregate: Aggregate,
    /// The length of the window; `None` is all time.
    pub window: Option<Span>,
    /// How far the window lies back.
    pub delay: Span,
    /// Whether the attempt that is being decided is counted.
    pub inclusive: bool,
    /// The type of a present value.
    pub value_type: ValueType,
}

/// One stream of events that features share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSpec {
    /// Its identity across versions.
    pub id: StreamId,
    /// The type of the value that each event carries; `None` when only its time counts.
    pub value_type: Option<ValueType>,
}

/// All that is kept for one kind of entity. Built by the policy compiler.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EntityLayout {
    /// The streams.
    pub streams: Vec<StreamSpec>,
    /// The features, each over one of the streams.
    pub features: Vec<FeatureSpec>,
}

// === impl Aggregate ===

impl Aggregate {
    /// Every aggregate by the name that policies use.
    pub const ALL: [(&'static str, Self); 10] = [
        ("count", Self::Count),
        ("sum", Self::Sum),
        ("avg", Self::Avg),
        ("min", Self::Min),
        ("max", Self::Max),
        ("stddev", Self::Stddev),
        ("distinct", Self::Distinct),
        ("last", Self::Last),
        ("since_first", Self::SinceFirst),
        ("since_last", Self::SinceLast),
    ];
}
