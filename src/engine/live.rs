//! A policy set as it is live: with what follows from it and from the set before, computed once.

use std::sync::Arc;

use crate::channel::{ChannelStore, Kept};
use crate::feature::spec::EntityLayout;
use crate::model::entity::EntityKind;
use crate::model::packed::{FeatureNames, PackedFeatures};
use crate::model::time::{Span, Timestamp};
use crate::model::value::{Text, Value};
use crate::policy::ir::FeatureIndex;
use crate::policy::set::{FeatureDef, PolicySet, Tap};

/// All that a decision reads besides the state of its entities. Swapped whole, never changed.
#[derive(Debug)]
pub(super) struct Live {
    /// The set.
    pub(super) set: Arc<PolicySet>,
    /// The layout of each entity of the set, as it went live: it knows from when on its features can
    /// be trusted.
    pub(super) layouts: Vec<Arc<EntityLayout>>,
    /// The channels of the bundle, and what is known of them.
    pub(super) channels: Arc<ChannelStore>,
    /// Every feature of the set, those over one stream one after another.
    pub(super) all_features: Vec<FeatureIndex>,
    /// The same for those that a live decision reads.
    pub(super) live_features: Vec<FeatureIndex>,
    /// The names of those that a decision reads.
    names: Arc<FeatureNames>,
    /// Per feature: the place among the taps of `attempt` of what the attempt that is being decided
    /// brings to it, when it is inclusive.
    own: Vec<Option<usize>>,
    /// The sets before this one that are still held to explain what they decided, the last first.
    former: Vec<Arc<PolicySet>>,
    publication: u64,
}

/// How many former sets are held: each may have large lists.
const FORMER_MAX: usize = 3;

// === impl Live ===

impl Live {
    /// The first set of an engine, which knows of all that ever happened: nothing.
    pub(super) fn first(set: Arc<PolicySet>) -> Self {
        let layouts = set.entities.iter().map(|entity| Arc::clone(&entity.layout)).collect();
        let channels = ChannelStore::new(set.bundle.channels.iter().cloned());
        Self::new(set, layouts, channels, 0)
    }

    /// The set that goes live at `at` in place of this one.
    pub(super) fn next(&self, set: Arc<PolicySet>, at: Timestamp) -> Self {
        let publication = self.publication + 1;
        let layouts = set
            .entities
            .iter()
            .map(|entity| {
                let before = self.set.entities.iter().position(|known| known.kind == entity.kind);
                let before = before.and_then(|place| self.layouts.get(place)).map(Arc::as_ref);
                Arc::new(entity.layout.carried_over(before, at, publication))
            })
            .collect();
        let channels = self.channels.carried_over(set.bundle.channels.iter().cloned());
        let former = std::iter::once(&self.set)
            .chain(&self.former)
            .filter(|known| known.bundle.version != set.bundle.version)
            .take(FORMER_MAX)
            .cloned()
            .collect();
        Self { former, ..Self::new(set, layouts, channels, publication) }
    }

    /// The set of that version, if it is live or was of late.
    pub(super) fn set_of(&self, version: &str) -> Option<Arc<PolicySet>> {
        let mut held = std::iter::once(&self.set).chain(&self.former);
        held.find(|set| set.bundle.version == version).map(Arc::clone)
    }

    /// The set that was live when a snapshot was taken, with the layouts that its entities had, by their
    /// kind, and what was known of its channels. What this build counts otherwise is unknown until it has
    /// seen a whole window after `at`.
    pub(super) fn restored(
        set: Arc<PolicySet>,
        publication: u64,
        at: Timestamp,
        layouts: &[(EntityKind, Arc<EntityLayout>)],
        channels: Vec<(Text, Kept)>,
    ) -> Self {
        let layouts = set.entities.iter().map(|entity| {
            let before = layouts.iter().find(|(kind, _)| *kind == entity.kind);
            let before = before.map(|(_, layout)| layout);
            let layout = entity.layout.carried_over(before.map(Arc::as_ref), at, publication);
            // The same one, so that states need not find out that nothing has changed.
            before.filter(|before| ***before == layout).map_or_else(|| Arc::new(layout), Arc::clone)
        });
        let layouts = layouts.collect();
        let store = ChannelStore::new(set.bundle.channels.iter().cloned());
        for (id, kept) in channels {
            store.restore(&id, &kept);
        }
        Self::new(set, layouts, store, publication)
    }

    /// The number of its publication.
    pub(super) const fn publication(&self) -> u64 {
        self.publication
    }

    fn new(
        set: Arc<PolicySet>,
        layouts: Vec<Arc<EntityLayout>>,
        channels: ChannelStore,
        publication: u64,
    ) -> Self {
        let taps = set.taps.get("attempt").map(Vec::as_slice).unwrap_or_default();
        let own = set.features.iter().map(|feature| own_tap(&layouts, feature, taps)).collect();
        let by_stream = |mut features: Vec<FeatureIndex>| {
            features.sort_by_key(|index| {
                let feature = set.features.get(index.0 as usize)?;
                let spec = layouts.get(feature.entity)?.features.get(feature.slot)?;
                Some((feature.entity, spec.stream))
            });
            features
        };
        let all_features = (0..).map(FeatureIndex).zip(&set.features).map(|(index, _)| index);
        let (all_features, live_features) =
            (by_stream(all_features.collect()), by_stream(set.live_features.clone()));
        let read = set.live_features.iter().filter_map(|index| set.features.get(index.0 as usize));
        let names =
            Arc::new(FeatureNames::new(read.map(|feature| Arc::clone(&feature.name)).collect()));
        Self {
            set,
            layouts,
            channels: Arc::new(channels),
            all_features,
            live_features,
            names,
            own,
            former: Vec::new(),
            publication,
        }
    }

    /// What a decision reads of the values of all features.
    pub(super) fn packed(&self, features: &[Value]) -> PackedFeatures {
        let read = self.set.live_features.iter();
        PackedFeatures::new(
            &self.names,
            read.map(|index| features.get(index.0 as usize).unwrap_or(&Value::Missing)),
        )
    }

    /// What is counted when that event happens.
    pub(super) fn taps(&self, event: &str) -> &[Tap] {
        self.set.taps.get(event).map(Vec::as_slice).unwrap_or_default()
    }

    /// The place among the taps of `attempt` of what the attempt brings to an inclusive feature.
    pub(super) fn own_tap(&self, feature: usize) -> Option<usize> {
        self.own.get(feature).copied().flatten()
    }
}

fn own_tap(layouts: &[Arc<EntityLayout>], feature: &FeatureDef, taps: &[Tap]) -> Option<usize> {
    let spec = layouts.get(feature.entity)?.features.get(feature.slot)?;
    if !spec.inclusive || spec.delay > Span::ZERO {
        return None;
    }
    taps.iter().position(|tap| tap.entity == feature.entity && tap.stream == spec.stream)
}
