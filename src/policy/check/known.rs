//! What is known while expressions are checked: it grows from constants over helpers, entities and
//! features to `let`s, so that each sees all that it may read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::names::{Meaning, Names};
use super::types::{Classes, Type};
use crate::model::card_number::HashKey;
use crate::model::field::Field;
use crate::model::value::Value;
use crate::policy::ast::{Declarations, Position};
use crate::policy::bundle::Bundle;
use crate::policy::ir::{Expr, FeatureIndex, LetIndex};

/// What is known so far.
#[derive(Debug)]
pub(super) struct Known<'a> {
    /// Everything but the declarations; `None` when it could not be read, which is reported then.
    pub(super) bundle: Option<&'a Bundle>,
    /// The key under which card numbers in ids are hashed, when there is one.
    pub(super) hash_key: Option<&'a HashKey>,
    /// What is declared.
    pub(super) declarations: &'a Declarations,
    /// What every name stands for.
    pub(super) names: Names<'a>,
    /// The values of constants by place; `None` for those that are wrong.
    pub(super) constants: Vec<Option<Constant>>,
    /// The problems of each helper that it has whatever it is called with.
    pub(super) helper_problems: Vec<BTreeSet<(&'static str, Position)>>,
    /// The features by the place of their entity and their name.
    pub(super) features: BTreeMap<(usize, &'a str), FeatureFacts>,
    /// The `let`s by place; `None` for those that are wrong or not reached yet.
    pub(super) lets: Vec<Option<LetFacts<'a>>>,
}

/// The value of a constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    /// One value.
    Value(Value),
    /// Several.
    Array(Arc<[Value]>),
}

/// What a reader of a feature must know.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeatureFacts {
    /// Its place in the set.
    pub(super) index: FeatureIndex,
    /// The type of a present value.
    pub(super) ty: Type,
}

/// What a reader of a `let` must know.
#[derive(Clone, Debug)]
pub(super) struct LetFacts<'a> {
    /// Its place in the set.
    pub(super) index: LetIndex,
    /// The type of a present value.
    pub(super) ty: Type,
    /// The field that it is another name for.
    pub(super) origin: Option<Field>,
    /// The amount in the base currency, when it is made of one in the payment's own.
    pub(super) amount_in_base: Option<Field>,
    /// What it reads, itself or through others.
    pub(super) reads: Reads<'a>,
}

/// What an expression reads, itself or through `let`s.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads<'a> {
    /// Features.
    pub(super) features: BTreeSet<FeatureIndex>,
    /// Declared names.
    pub(super) names: BTreeSet<&'a str>,
    /// `score`
    pub(super) score: bool,
}

// === impl Known ===

impl<'a> Known<'a> {
    /// Whether the payment's own currency may differ from that of another payment, as far as the
    /// bundle tells.
    pub(super) fn mixes_currencies(&self) -> bool {
        self.bundle.is_some_and(|bundle| bundle.rates.is_given)
    }

    /// The names of the entities.
    pub(super) fn entity_names(&self) -> impl Iterator<Item = &'a str> {
        self.names.all(|meaning| matches!(meaning, Meaning::Entity(_)))
    }

    /// The names of the helpers.
    pub(super) fn helper_names(&self) -> impl Iterator<Item = &'a str> {
        self.names.all(|meaning| matches!(meaning, Meaning::Helper(_)))
    }

    /// The names of the features of an entity.
    pub(super) fn features_of(&self, entity: usize) -> impl Iterator<Item = &'a str> {
        self.features
            .range((entity, "")..)
            .take_while(move |((of, _), _)| *of == entity)
            .map(|((_, name), _)| *name)
    }
}

// === impl Constant ===

impl Constant {
    /// Its type.
    pub(super) fn ty(&self) -> Type {
        match self {
            Self::Value(value) => Type::of_value(value),
            Self::Array(values) => Type::Array(Classes::of(values.iter())),
        }
    }

    /// It as an expression.
    pub(super) fn expr(&self) -> Expr {
        match self {
            Self::Value(value) => Expr::Const(value.clone()),
            Self::Array(values) => Expr::Array(Arc::clone(values)),
        }
    }
}

// === impl Reads ===

impl<'a> Reads<'a> {
    /// Adds what another expression reads.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.features.extend(&other.features);
        self.names.extend(&other.names);
        self.score |= other.score;
    }
}
