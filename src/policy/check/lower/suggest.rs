//! Names that are not known, and what was probably meant.

use super::{Lowerer, Scope, Typed, width_of};
use crate::model::field::Field;
use crate::policy::ast::{Expr, Position, Spanned};
use crate::policy::check::names::Meaning;
use crate::policy::diagnostic::nearest;

impl<'a> Lowerer<'_, 'a> {
    /// A bare name that nobody declared.
    pub(super) fn unknown_name(&mut self, name: &str, at: &Position) -> Typed {
        let consts = || self.known.names.all(|meaning| matches!(meaning, Meaning::Const(_)));
        let (expected, suggestion) = match self.scope {
            // A reason's code is a text: its bare name is the likeliest slip.
            Scope::Constant if self.is_reason(name) => {
                ("a declared `const` or a text", Some(format!("\"{name}\"")))
            }
            Scope::Constant => ("a declared `const`", nearest(name, consts()).map(str::to_owned)),
            Scope::Event { .. } => {
                let suggestion = nearest(name, consts()).map(str::to_owned);
                ("a declared `const`", suggestion.or_else(|| in_payment(name)))
            }
            Scope::Helper(params) => {
                let params = params.iter().map(|param| param.name);
                let suggestion = nearest(name, params.chain(consts())).map(str::to_owned);
                ("a parameter or a declared `const`", suggestion)
            }
            Scope::Decision => {
                let lets = self.known.names.all(|meaning| matches!(meaning, Meaning::Let(_)));
                let suggestion = nearest(name, consts().chain(lets).chain(["score"]));
                let suggestion = suggestion
                    .map(str::to_owned)
                    .or_else(|| self.feature_named(name))
                    .or_else(|| in_payment(name));
                ("a declared `let` or `const`", suggestion)
            }
        };
        self.problems
            .error("unknown-name", at, format!("`{name}` is not declared"))
            .under(name)
            .expected(expected)
            .suggest(suggestion);
        Typed::broken()
    }

    fn is_reason(&self, name: &str) -> bool {
        self.known.bundle.is_some_and(|bundle| bundle.reasons.contains_key(name))
    }

    /// A name before a dot that is no entity.
    pub(super) fn unknown_root(
        &mut self,
        root: &str,
        dotted: Option<String>,
        expr: &Expr,
    ) -> Typed {
        let known = self.known.entity_names().chain(["payment", "outcome"]);
        let suggestion = dotted
            .and_then(|dotted| in_payment(&dotted))
            .or_else(|| nearest(root, known).map(str::to_owned));
        self.problems
            .error("unknown-name", &expr.at, format!("`{root}` is not declared"))
            .under(root)
            .expected("`payment`, `outcome` or an entity before the dot")
            .suggest(suggestion);
        Typed::broken()
    }

    /// A path into the payment or the outcome that is no field.
    pub(super) fn unknown_field(&mut self, dotted: &str, expr: &Expr) -> Typed {
        let inside = format!("{dotted}.");
        let fields: Vec<&str> =
            Field::ALL.iter().filter_map(|field| field.path().strip_prefix(&inside)).collect();
        if !fields.is_empty() {
            self.problems
                .error("not-a-value", &expr.at, format!("`{dotted}` is a block, not a value"))
                .wide(width_of(expr))
                .expected(format!("one of its fields: {}", fields.join(", ")));
            return Typed::broken();
        }
        let mut outer = dotted;
        while let Some((before, _)) = outer.rsplit_once('.') {
            if Field::from_path(before).is_some() {
                let message = format!("`{before}` is a value and has no fields");
                self.problems.error("unknown-field", &expr.at, message).wide(width_of(expr));
                return Typed::broken();
            }
            outer = before;
        }
        let expected = if dotted.starts_with("outcome.") {
            "a field of the outcome"
        } else {
            "a field of the payment, or `payment.attributes.NAME`"
        };
        self.problems
            .error("unknown-field", &expr.at, format!("there is no field `{dotted}`"))
            .wide(width_of(expr))
            .expected(expected)
            .suggest(nearest_field(dotted));
        Typed::broken()
    }

    /// A name behind an entity that is none of its features.
    pub(super) fn unknown_feature(
        &mut self,
        entity: usize,
        root: &str,
        name: &Spanned<String>,
    ) -> Typed {
        let known: Vec<&'a str> = self.known.features_of(entity).collect();
        let expected = if known.is_empty() {
            format!("a `feature … by {root}`; there is none")
        } else {
            format!("a feature of `{root}`: {}", known.join(", "))
        };
        let suggestion = nearest(&name.value, known)
            .map(str::to_owned)
            .or_else(|| in_payment(&format!("{root}.{}", name.value)))
            .or_else(|| self.feature_named(&name.value));
        self.problems
            .error("unknown-feature", &name.at, format!("`{root}` has no feature `{}`", name.value))
            .under(&name.value)
            .expected(expected)
            .suggest(suggestion);
        Typed::broken()
    }

    /// `entity.name` of the first feature of that name.
    fn feature_named(&self, name: &str) -> Option<String> {
        let (entity, _) = self.known.features.keys().find(|(_, known)| *known == name)?;
        let entity = self.known.declarations.entities.get(*entity)?;
        Some(format!("{}.{name}", entity.name.value))
    }
}

/// The field of the payment that was named without `payment`, or without its block too.
fn in_payment(name: &str) -> Option<String> {
    let path = format!("payment.{name}");
    Field::from_path(&path).map(|_| path)
}

/// The field that was probably meant: one of the same last name, in another block, before one that is
/// only written alike.
fn nearest_field(dotted: &str) -> Option<&'static str> {
    let last = |path: &str| path.rsplit('.').next().map(str::to_owned);
    let wanted = last(dotted);
    let paths = || Field::ALL.iter().map(|field| field.path());
    let namesakes: Vec<&str> = paths().filter(|path| last(path) == wanted).collect();
    match namesakes.as_slice() {
        [] => nearest(dotted, paths()),
        [only] => Some(only),
        several => nearest(dotted, several.iter().copied()),
    }
}
