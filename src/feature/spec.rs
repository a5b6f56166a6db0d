//! What is kept for an entity: streams of events, and the features computed from them.

use crate::model::codec::{Codec, Input, Malformed, choice, record};
use crate::model::time::{Span, Timestamp};
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

/// All that is kept for one kind of entity: the streams, the features, and what follows from them.
///
/// The policy compiler builds one per declared entity; the engine publishes it with
/// [`EntityLayout::carried_over`], which says from when on each feature is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityLayout {
    /// The streams.
    pub streams: Vec<StreamSpec>,
    /// The features, each over one of the streams.
    pub features: Vec<FeatureSpec>,
    plans: Vec<StreamPlan>,
    known_from: Vec<Timestamp>,
    idle_max: Span,
    publication: u64,
}

/// What a stream must keep so that its features can be read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct StreamPlan {
    /// How far back an event must be kept as it is.
    pub(super) reach: Span,
    /// Whether some feature lies back.
    pub(super) is_delayed: bool,
    /// Whether some feature gives back values that do not fit in 64 bits.
    pub(super) keeps_values: bool,
    /// The lengths of the windows, each once, ascending.
    pub(super) windows: Vec<WindowPlan>,
    /// Present when some feature looks at all time.
    pub(super) all_time: Option<Distinct>,
}

/// What the features over one length of window need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WindowPlan {
    pub(super) length: Span,
    /// The length and the longest delay.
    pub(super) reach: Span,
    pub(super) distinct: Distinct,
}

/// Whether some feature counts different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Distinct {
    /// Up to now.
    pub(super) up_to_now: bool,
    /// Up to some time before now.
    pub(super) delayed: bool,
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

// === impl FeatureSpec ===

impl FeatureSpec {
    /// How far back the oldest event lies that can count; `None` when every event counts for ever.
    pub fn reach(&self) -> Option<Span> {
        self.window.map(|window| window.plus(self.delay))
    }
}

// === impl EntityLayout ===

impl EntityLayout {
    /// A layout whose features are all known from the first event on. `idle_max` is how long an
    /// entity that has all-time features may be idle before it is forgotten.
    ///
    /// A feature whose stream does not exist reads as missing.
    pub fn new(streams: Vec<StreamSpec>, features: Vec<FeatureSpec>, idle_max: Span) -> Self {
        let plans = (0..streams.len()).map(|stream| StreamPlan::new(stream, &features)).collect();
        let known_from = vec![Timestamp::MIN; features.len()];
        Self { streams, features, plans, known_from, idle_max, publication: 0 }
    }

    /// This layout as it goes live at `at` in place of `previous` (`None` when that kind of entity was
    /// not declared before). A feature that was there keeps its state; any other is unknown until every
    /// event that it can cover came after `at`. `publication` numbers the publications of an
    /// engine, each greater than the one before.
    #[must_use]
    pub fn carried_over(&self, previous: Option<&Self>, at: Timestamp, publication: u64) -> Self {
        let known_from = self
            .features
            .iter()
            .map(|feature| {
                previous
                    .and_then(|previous| previous.known_from_of(feature.id))
                    .unwrap_or_else(|| at.plus(self.memory_of(feature)))
            })
            .collect();
        Self { known_from, publication, ..self.clone() }
    }

    /// How long an entity may be idle before nothing of it can be read any more.
    pub fn idle_after(&self) -> Span {
        self.features.iter().map(|feature| self.memory_of(feature)).max().unwrap_or_default()
    }

    /// The number of the publication it went live with.
    pub const fn publication(&self) -> u64 {
        self.publication
    }

    /// The instant from which on the feature of that place is known.
    pub(super) fn known_from(&self, feature: usize) -> Timestamp {
        self.known_from.get(feature).copied().unwrap_or(Timestamp::MIN)
    }

    /// How long what happened can matter to a feature.
    pub(super) fn memory_of(&self, feature: &FeatureSpec) -> Span {
        feature.reach().unwrap_or(self.idle_max)
    }

    /// What the stream of that place must keep.
    pub(super) fn plan(&self, stream: usize) -> Option<&StreamPlan> {
        self.plans.get(stream)
    }

    fn known_from_of(&self, id: FeatureId) -> Option<Timestamp> {
        let place = self.features.iter().position(|feature| feature.id == id)?;
        self.known_from.get(place).copied()
    }
}

impl Default for EntityLayout {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new(), Span::ZERO)
    }
}

// === impl StreamPlan ===

impl StreamPlan {
    fn new(stream: usize, features: &[FeatureSpec]) -> Self {
        let mut plan = Self::default();
        for feature in features.iter().filter(|feature| feature.stream == stream) {
            // The old edge of a window with very many events lies up to a 100th further back.
            let slack = feature.window.map(|window| window.as_micros().div_euclid(100));
            let reach = feature.reach().unwrap_or(feature.delay);
            plan.reach = plan.reach.max(reach.plus(Span::from_micros(slack.unwrap_or_default())));
            plan.is_delayed |= feature.delay > Span::ZERO;
            plan.keeps_values |= feature.aggregate == Aggregate::Last;
            match feature.window {
                Some(length) => plan.window(length, feature),
                None => plan.all_time.get_or_insert_default().widen(feature),
            }
        }
        plan.windows.sort_unstable_by_key(|window| window.length);
        plan
    }

    /// Whether some feature counts different values.
    pub(super) fn counts_values(&self) -> bool {
        let windows = self.windows.iter().map(|window| window.distinct);
        windows.chain(self.all_time).any(|distinct| distinct.up_to_now || distinct.delayed)
    }

    fn window(&mut self, length: Span, feature: &FeatureSpec) {
        let reach = length.plus(feature.delay);
        if let Some(known) = self.windows.iter_mut().find(|window| window.length == length) {
            known.reach = known.reach.max(reach);
            known.distinct.widen(feature);
            return;
        }
        let mut distinct = Distinct::default();
        distinct.widen(feature);
        self.windows.push(WindowPlan { length, reach, distinct });
    }
}

// === impl Distinct ===

impl Distinct {
    fn widen(&mut self, feature: &FeatureSpec) {
        let counts = feature.aggregate == Aggregate::Distinct;
        self.delayed |= counts && feature.delay > Span::ZERO;
        self.up_to_now |= counts && feature.delay == Span::ZERO;
    }
}

record!(FeatureSpec {
    1 id,
    2 stream,
    3 aggregate,
    4 window,
    5 delay,
    6 inclusive,
    7 value_type,
});
record!(StreamSpec { 1 id, 2 value_type });

choice!(Aggregate {
    1 Count,
    2 Sum,
    3 Avg,
    4 Min,
    5 Max,
    6 Stddev,
    7 Distinct,
    8 Last,
    9 SinceFirst,
    10 SinceLast,
});
choice!(ValueType { 1 Bool, 2 Int, 3 Float, 4 Time, 5 Text, 6 Texts, 7 Any });

impl Codec for FeatureId {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Codec::decode(input).map(Self)
    }
}

impl Codec for StreamId {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Codec::decode(input).map(Self)
    }
}

/// What must be kept follows from the features.
impl Codec for EntityLayout {
    fn encode(&self, out: &mut Vec<u8>) {
        self.streams.encode(out);
        self.features.encode(out);
        self.known_from.encode(out);
        self.idle_max.encode(out);
        self.publication.encode(out);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let (streams, features): (Vec<StreamSpec>, Vec<FeatureSpec>) = Codec::decode(input)?;
        let known_from: Vec<Timestamp> = Codec::decode(input)?;
        if known_from.len() != features.len() {
            return Err(Malformed::Not("layout"));
        }
        let (idle_max, publication) = Codec::decode(input)?;
        Ok(Self { known_from, publication, ..Self::new(streams, features, idle_max) })
    }
}
