//! What the events of one stream add up to over all time, for events that are no longer kept.

use std::collections::HashSet;

use crate::feature::event::Event;
use crate::feature::large::EXACT_MAX;
use crate::feature::sketch::Sketch;
use crate::feature::spec::Distinct;
use crate::feature::summary::{Part as _, Summary};
use crate::model::codec::{Codec, Input, Malformed, encode_unsigned, record};

/// The sums over all time of one stream.
#[derive(Clone, Debug)]
pub(super) struct AllTime {
    /// Of pushed out events only.
    pushed: Summary,
    /// The last of them.
    last: Option<Event>,
    /// Of all events, those in the ring included.
    distinct: Option<Different>,
    /// Of pushed out events only, for delayed features.
    distinct_pushed: Option<Different>,
}

/// Different values: all of them, or, when they are too many, an estimate of how many.
#[derive(Clone, Debug)]
enum Different {
    Each(HashSet<u64, ahash::RandomState>),
    Many(Sketch),
}

// === impl AllTime ===

impl AllTime {
    pub(super) fn new(needs: Distinct) -> Self {
        Self {
            pushed: Summary::default(),
            last: None,
            distinct: needs.up_to_now.then(Different::default),
            distinct_pushed: needs.delayed.then(Different::default),
        }
    }

    /// Takes an event that is now in the ring, or too old for it.
    pub(super) fn observe(&mut self, event: &Event) {
        if let Some(values) = &mut self.distinct {
            values.add(event.identity());
        }
    }

    /// Takes an event that is no longer in the ring.
    pub(super) fn push(&mut self, event: &Event) {
        self.pushed.add(event);
        if let Some(values) = &mut self.distinct_pushed {
            values.add(event.identity());
        }
        if self.last.is_none_or(|last| last.at <= event.at) {
            self.last = Some(*event);
        }
    }

    /// Follows a change of policies.
    pub(super) fn refit<'a>(&mut self, needs: Distinct, ring: impl Iterator<Item = &'a Event>) {
        if !needs.up_to_now {
            self.distinct = None;
        } else if self.distinct.is_none() {
            let mut values = Different::default();
            ring.for_each(|event| values.add(event.identity()));
            self.distinct = Some(values);
        }
        self.distinct_pushed =
            needs.delayed.then(|| self.distinct_pushed.take().unwrap_or_default());
    }

    /// What the pushed out events add up to.
    pub(super) const fn pushed(&self) -> &Summary {
        &self.pushed
    }

    /// The last of the pushed out events.
    pub(super) const fn last(&self) -> Option<Event> {
        self.last
    }

    /// How many different values all events have, with `also` if given.
    pub(super) fn distinct(&self, also: Option<u64>) -> u64 {
        self.distinct.as_ref().map_or(0, |values| values.count(also))
    }

    /// How many different values the pushed out events have, with those of some in the ring.
    pub(super) fn distinct_with<'a>(&self, others: impl Iterator<Item = &'a Event>) -> u64 {
        let Some(mut values) = self.distinct_pushed.clone() else { return 0 };
        others.for_each(|event| values.add(event.identity()));
        values.count(None)
    }
}

// === impl Different ===

impl Different {
    fn add(&mut self, identity: u64) {
        match self {
            Self::Each(known) => {
                known.insert(identity);
                if known.len() > EXACT_MAX {
                    let mut sketch = Sketch::new();
                    #[expect(clippy::iter_over_hash_type, reason = "a sketch has no order")]
                    for identity in &*known {
                        sketch.add(*identity);
                    }
                    *self = Self::Many(sketch);
                }
            }
            Self::Many(sketch) => sketch.add(identity),
        }
    }

    fn count(&self, also: Option<u64>) -> u64 {
        match self {
            Self::Each(known) => {
                let is_new = also.is_some_and(|identity| !known.contains(&identity));
                known.len() as u64 + u64::from(is_new)
            }
            Self::Many(sketch) => sketch.estimate(also),
        }
    }
}

impl Default for Different {
    fn default() -> Self {
        Self::Each(HashSet::default())
    }
}

record!(AllTime { 1 pushed, 2 last, 3 distinct, 4 distinct_pushed });

impl Codec for Different {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Each(known) => {
                out.push(1);
                encode_unsigned(out, known.len() as u64);
                #[expect(clippy::iter_over_hash_type, reason = "a set has no order")]
                for identity in known {
                    out.extend_from_slice(&identity.to_le_bytes());
                }
            }
            Self::Many(sketch) => {
                out.push(2);
                sketch.encode(out);
            }
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(match input.byte()? {
            1 => {
                let count = input.count()?;
                let identity = |_| input.array().map(u64::from_le_bytes);
                Self::Each((0..count).map(identity).collect::<Result<_, _>>()?)
            }
            2 => Self::Many(Codec::decode(input)?),
            number => return Err(Malformed::Newer { type_name: "Different", number }),
        })
    }
}
