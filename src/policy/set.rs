//! A checked, immutable set of policies: all that was published together.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::feature::spec::EntityLayout;
use crate::model::entity::EntityKind;
use crate::model::field::Field;
use crate::model::limit::Period;
use crate::model::value::{Text, ValueType};
use crate::model::verdict::{Mode, OnError};
use crate::policy::ast::Position;
use crate::policy::bundle::Bundle;
use crate::policy::ir::{Expr, FeatureIndex};
use crate::policy::program::Programs;
use crate::policy::program::tap::TapProgram;

/// All that was published together. It is swapped whole, never changed.
#[derive(Debug)]
pub struct PolicySet {
    /// Settings, reasons, rates and lists of the bundle, and its version.
    pub bundle: Bundle,
    /// The entities in the order of their declaration.
    pub entities: Vec<EntityDef>,
    /// The features in the order of their declaration.
    pub features: Vec<FeatureDef>,
    /// What is counted when an event of that name happens.
    pub taps: BTreeMap<Text, Vec<Tap>>,
    /// The `let`s, each after those it reads.
    pub lets: Vec<LetDef>,
    /// The helpers.
    pub helpers: Vec<HelperDef>,
    /// The rules in order of file and line, those that are off included.
    pub rules: Vec<RuleDef>,
    /// The limits in order of file and line, those that are off included.
    pub limits: Vec<LimitDef>,
    /// The features that some rule or limit, active or shadow, can reach: all that a live decision reads.
    pub live_features: Vec<FeatureIndex>,
    /// Rhai's own form of the bundle, for helpers that have loops or locals.
    pub scripts: crate::policy::interpret::Scripts,
    /// The rules and limits as programs; those that are left out are interpreted.
    pub programs: Programs,
}

/// A declared entity.
#[derive(Debug)]
pub struct EntityDef {
    /// Its name.
    pub name: Arc<str>,
    /// Its identity across versions.
    pub kind: EntityKind,
    /// The parts of its key.
    pub parts: Vec<KeyPart>,
    /// The streams and features that are kept for it.
    pub layout: Arc<EntityLayout>,
}

/// One part of an entity's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// A field.
    Field(Field),
    /// An attribute.
    Attribute(Text),
}

/// A declared feature.
#[derive(Debug)]
pub struct FeatureDef {
    /// `entity.name`
    pub name: Arc<str>,
    /// The place of its entity in [`PolicySet::entities`].
    pub entity: usize,
    /// Its place in the layout of that entity.
    pub slot: usize,
    /// The type of a present value.
    pub value_type: ValueType,
}

/// Feeds one stream of one entity from one event.
#[derive(Debug)]
pub struct Tap {
    /// The place of the entity in [`PolicySet::entities`].
    pub entity: usize,
    /// The place of the stream in the layout of that entity.
    pub stream: usize,
    /// Only events for which this is true are counted.
    pub filter: Option<Expr>,
    /// What is aggregated; events for which it is missing are not counted.
    pub value: Option<Expr>,
    /// Both as programs.
    pub program: TapProgram,
}

/// A named value.
#[derive(Debug)]
pub struct LetDef {
    /// Its name.
    pub name: Arc<str>,
    /// What it stands for.
    pub value: Expr,
    /// Whether it reads `score`, itself or through another.
    pub reads_score: bool,
}

/// A helper.
#[derive(Debug)]
pub struct HelperDef {
    /// Its name.
    pub name: Arc<str>,
    /// How many parameters it has.
    pub params: usize,
    /// Its value over [`Expr::Param`]; `None` when Rhai runs it.
    pub inline: Option<Expr>,
    /// The constants that it names when Rhai runs it, by name: [`Expr::Const`] or [`Expr::Array`].
    pub constants: Vec<(Arc<str>, Expr)>,
}

/// A rule.
#[derive(Debug)]
pub struct RuleDef {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub at: Position,
    /// Whether it counts.
    pub mode: Mode,
    /// Whether an `allow` leaves it in force.
    pub always: bool,
    /// What it does when it cannot be decided.
    pub on_error: OnError,
    /// The condition.
    pub when: Expr,
    /// Whether the condition reads `score`, itself or through a `let`.
    pub reads_score: bool,
    /// What it does.
    pub actions: Vec<ActionDef>,
    /// Its actions as written, for reports.
    pub actions_written: Vec<Arc<str>>,
}

/// A limit.
#[derive(Debug)]
pub struct LimitDef {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub at: Position,
    /// Whether it counts.
    pub mode: Mode,
    /// What it does when it cannot be decided.
    pub on_error: OnError,
    /// Its identity across versions of a bundle, by which its usage is kept: a hash over its name, its
    /// entity, whether it counts or sums, and its period.
    pub identity: u64,
    /// What is summed; `None` for `count()`.
    pub amount: Option<Expr>,
    /// The place of its entity in [`PolicySet::entities`].
    pub entity: usize,
    /// How it counts in time.
    pub period: Period,
    /// The most that may be used and reserved.
    pub max: Expr,
    /// Only payments for which this is true are counted.
    pub filter: Option<Expr>,
    /// Whether a refund gives back.
    pub returns_refunded: bool,
    /// What it does when it is reached.
    pub actions: Vec<ActionDef>,
    /// Its actions as written, for reports.
    pub actions_written: Vec<Arc<str>>,
}

/// What a fired rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionDef {
    /// Lets the payment through, setting aside rules without `always`.
    Allow(Arc<str>),
    /// Lets it through and has a person look.
    Review(Arc<str>),
    /// Asks the payer to prove who they are; without methods, the bundle's default.
    Challenge(Arc<str>, Vec<Text>),
    /// Stops it.
    Block(Arc<str>),
    /// Adds points.
    Score(i64, Arc<str>),
}

// === impl PolicySet ===

impl PolicySet {
    /// The rule of that name.
    pub fn rule(&self, name: &str) -> Option<&RuleDef> {
        self.rules.iter().find(|rule| &*rule.name == name)
    }

    /// The feature of that name, such as `card.attempts_1h`, and its place.
    pub fn feature(&self, name: &str) -> Option<(FeatureIndex, &FeatureDef)> {
        (0..).map(FeatureIndex).zip(&self.features).find(|(_, feature)| &*feature.name == name)
    }

    /// The features that expressions read, themselves or through `let`s and helpers, without repeats.
    pub fn features_read<'a>(&'a self, exprs: impl Iterator<Item = &'a Expr>) -> Vec<FeatureIndex> {
        let mut features = Vec::new();
        self.walk_all(exprs, &mut |expr| {
            if let Expr::Feature(index) = expr
                && !features.contains(index)
            {
                features.push(*index);
            }
        });
        features
    }

    /// Shows every expression within these to `visit`, and those within the `let`s and helpers that they
    /// name, once each.
    pub(crate) fn walk_all<'a>(
        &'a self,
        exprs: impl Iterator<Item = &'a Expr>,
        visit: &mut impl FnMut(&'a Expr),
    ) {
        let mut open: Vec<&Expr> = exprs.collect();
        let (mut lets, mut helpers) = (Vec::new(), Vec::new());
        while let Some(expr) = open.pop() {
            expr.walk(&mut |expr| {
                visit(expr);
                if let Expr::Let(index) = expr {
                    if !lets.contains(index) {
                        lets.push(*index);
                        open.extend(self.lets.get(index.0 as usize).map(|named| &named.value));
                    }
                } else if let Expr::Helper(index, ..) = expr
                    && !helpers.contains(index)
                {
                    helpers.push(*index);
                    let helper = self.helpers.get(index.0 as usize);
                    open.extend(helper.and_then(|helper| helper.inline.as_ref()));
                }
            });
        }
    }

    /// The list of streams that an event of that name feeds.
    pub fn taps_of(&self, event: &str) -> &[Tap] {
        self.taps.get(event).map_or(&[], Vec::as_slice)
    }
}

// === impl ActionDef ===

impl ActionDef {
    /// The reason code that it gives.
    pub const fn code(&self) -> &Arc<str> {
        match self {
            Self::Allow(code)
            | Self::Review(code)
            | Self::Challenge(code, _)
            | Self::Block(code)
            | Self::Score(_, code) => code,
        }
    }
}
