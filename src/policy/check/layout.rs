//! What is kept for each entity: the streams that features share, and who feeds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::canonical::{self, Printer};
use super::feature::CheckedFeature;
use super::known::Known;
use crate::feature::spec::{Aggregate, EntityLayout, FeatureId, FeatureSpec, StreamId, StreamSpec};
use crate::model::value::Text;
use crate::policy::ir::Expr;
use crate::policy::program::tap::TapProgram;
use crate::policy::set::{EntityDef, FeatureDef, KeyPart, Tap};

/// What entities and features come to in a set.
#[derive(Debug, Default)]
pub(super) struct Laid {
    /// The entities with their layouts.
    pub(super) entities: Vec<EntityDef>,
    /// The features.
    pub(super) features: Vec<FeatureDef>,
    /// The streams that each event feeds.
    pub(super) taps: BTreeMap<Text, Vec<Tap>>,
}

/// Lays out entities: features over the same events with the same value share a stream. A `count`
/// does not share the stream of a `sum`, though it could: which stream it reads, and so whether its
/// history survives a new version, would then hang on its neighbours.
pub(super) fn lay_out(
    known: &Known<'_>,
    keys: Vec<Vec<KeyPart>>,
    features: Vec<CheckedFeature>,
    printer: &Printer<'_>,
) -> Laid {
    let mut laid = Laid::default();
    let mut layouts = vec![EntityLayout::default(); keys.len()];
    for feature in features {
        let Some(layout) = layouts.get_mut(feature.entity) else { continue };
        let print = |expr: Option<&Expr>| expr.map_or_else(String::new, |expr| printer.print(expr));
        let value = feature.value.as_ref();
        let stream_id = StreamId(canonical::hash(&format!(
            "stream {} where {} value {}",
            feature.event,
            print(feature.filter.as_ref()),
            print(value.map(|(expr, _)| expr)),
        )));
        let known_stream = layout.streams.iter().position(|stream| stream.id == stream_id);
        let stream = known_stream.unwrap_or_else(|| {
            let value_type = value.map(|(_, value_type)| *value_type);
            layout.streams.push(StreamSpec { id: stream_id, value_type });
            let stream = layout.streams.len() - 1;
            laid.taps.entry(feature.event.clone()).or_default().push(Tap {
                entity: feature.entity,
                stream,
                filter: feature.filter.clone(),
                value: value.map(|(expr, _)| expr.clone()),
                program: TapProgram::default(),
            });
            stream
        });
        let name = &feature.name;
        laid.features.push(FeatureDef {
            name: Arc::clone(name),
            entity: feature.entity,
            slot: layout.features.len(),
            value_type: feature.result,
        });
        layout.features.push(spec(&feature, stream_id, stream));
    }
    // Without a bundle there will be no set.
    let idle_max = known.bundle.map(|bundle| bundle.idle_max).unwrap_or_default();
    for ((entity, parts), layout) in known.declarations.entities.iter().zip(keys).zip(layouts) {
        let name = entity.name.value.as_str();
        laid.entities.push(EntityDef {
            name: Arc::from(name),
            kind: canonical::entity_kind(name, &parts),
            parts,
            layout: Arc::new(EntityLayout::new(layout.streams, layout.features, idle_max)),
        });
    }
    laid
}

fn spec(feature: &CheckedFeature, stream_id: StreamId, stream: usize) -> FeatureSpec {
    let aggregate = Aggregate::ALL
        .into_iter()
        .find(|(_, aggregate)| *aggregate == feature.aggregate)
        .map_or("", |(name, _)| name);
    let window = feature.window.map_or_else(|| "all".to_owned(), |window| window.to_string());
    let id = FeatureId(canonical::hash(&format!(
        "feature {:016x} {aggregate} over {window} delayed {} inclusive {}",
        stream_id.0, feature.delay, feature.inclusive,
    )));
    FeatureSpec {
        id,
        stream,
        aggregate: feature.aggregate,
        window: feature.window,
        delay: feature.delay,
        inclusive: feature.inclusive,
        value_type: feature.result,
    }
}
