//! Constants to their values, and helpers to their bodies: all that a name can stand for without
//! reading a payment.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::function;
use super::known::{Constant, Known};
use super::lower::{Lowerer, Param, Scope, Typed};
use super::names::{self, Meaning};
use super::problem::Problems;
use super::types::Type;
use crate::policy::ast::{Helper, HelperBody, Spanned};
use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::ir::Expr;
use crate::policy::set::HelperDef;

/// Works out every constant, each after those that it reads; says which names are read.
pub(super) fn evaluate<'a>(
    known: &mut Known<'a>,
    used: &mut BTreeSet<&'a str>,
    problems: &mut Problems,
) {
    let consts = &known.declarations.consts;
    known.constants = vec![None; consts.len()];
    let names = &known.names;
    let place_of = |name: &str| match names.get(name) {
        Some(Meaning::Const(place)) => Some(place),
        Some(Meaning::Entity(_) | Meaning::Let(_) | Meaning::Helper(_)) | None => None,
    };
    for named in consts {
        names::each_name(&named.value, &mut |name| used.extend([name]));
    }
    for place in names::in_order(consts, place_of, problems) {
        let Some(named) = consts.get(place) else { continue };
        let mut lowerer = Lowerer::new(known, Scope::Constant);
        let typed = lowerer.any(&named.value);
        let (found, _) = lowerer.finish();
        let is_told = found.iter().any(Diagnostic::is_error);
        problems.extend(found);
        let value = constant(typed);
        if value == Some(None) && !is_told {
            problems
                .error(
                    "not-constant",
                    &named.value.at,
                    format!("the value of `{}` is not known before a payment is", named.name.value),
                )
                .expected("literals, other constants and operators");
        }
        if let Some(slot) = known.constants.get_mut(place) {
            *slot = value.flatten();
        }
    }
}

/// The value of a constant: the outer `None` when it was reported, the inner when it has none.
fn constant(typed: Typed) -> Option<Option<Constant>> {
    if typed.ty == Type::Broken {
        return None;
    }
    Some(if let Expr::Const(value) = typed.expr {
        Some(Constant::Value(value))
    } else if let Expr::Array(values) = typed.expr {
        Some(Constant::Array(values))
    } else {
        None
    })
}

/// Checks every helper for whatever it may be called with.
pub(super) fn helpers<'a>(
    known: &mut Known<'a>,
    used: &mut BTreeSet<&'a str>,
    problems: &mut Problems,
) -> Vec<HelperDef> {
    let mut defs = Vec::with_capacity(known.declarations.helpers.len());
    for helper in &known.declarations.helpers {
        let mut own = Problems::default();
        check_params(helper, &mut own);
        let (inline, constants) = match &helper.body {
            HelperBody::Expression(body) => {
                let params: Vec<Param<'_>> = helper
                    .params
                    .iter()
                    .map(|name| Param { name, ty: Type::Any, origin: None, amount: None })
                    .collect();
                let mut lowerer = Lowerer::new(known, Scope::Helper(&params));
                let body = lowerer.value(body);
                let (found, reads) = lowerer.finish();
                own.extend(found);
                used.extend(reads.names);
                (Some(body.expr), Vec::new())
            }
            HelperBody::Script { names, calls, lists, .. } => {
                check_calls(known, calls, &mut own);
                check_lists(known, lists, &mut own);
                used.extend(names.iter().map(|name| name.value.as_str()));
                (None, script_constants(known, names, &mut own))
            }
        };
        let found = own.into_found();
        known
            .helper_problems
            .push(found.iter().map(|problem| (problem.name, problem.at.clone())).collect());
        problems.extend(found);
        defs.push(HelperDef {
            name: Arc::from(helper.name.value.as_str()),
            params: helper.params.len(),
            inline,
            constants,
        });
    }
    defs
}

fn check_params(helper: &Helper, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for param in &helper.params {
        if names::is_built_in(param) {
            problems
                .error(
                    "built-in-name",
                    &helper.name.at,
                    format!("the parameter `{param}` is part of the language"),
                )
                .under(&helper.name.value)
                .expected("another name");
        } else if !seen.insert(param) {
            problems
                .error(
                    "duplicate-name",
                    &helper.name.at,
                    format!("the parameter `{param}` is declared twice"),
                )
                .under(&helper.name.value);
        }
    }
}

/// The constants that a script names; whatever else it names is reported.
fn script_constants(
    known: &Known<'_>,
    names: &[Spanned<String>],
    problems: &mut Problems,
) -> Vec<(Arc<str>, Expr)> {
    let mut constants = Vec::new();
    for name in names {
        match known.names.get(&name.value) {
            Some(Meaning::Const(place)) => {
                if let Some(Some(constant)) = known.constants.get(place)
                    && constants.iter().all(|(known, _): &(Arc<str>, _)| **known != *name.value)
                {
                    constants.push((Arc::from(name.value.as_str()), constant.expr()));
                }
            }
            Some(Meaning::Entity(_) | Meaning::Let(_) | Meaning::Helper(_)) => {
                not_visible(name, problems);
            }
            None if names::is_built_in(&name.value) => not_visible(name, problems),
            None => {
                let consts = known.names.all(|meaning| matches!(meaning, Meaning::Const(_)));
                problems
                    .error("unknown-name", &name.at, format!("`{}` is not declared", name.value))
                    .under(&name.value)
                    .expected("a parameter, a local or a declared `const`")
                    .suggest(nearest(&name.value, consts));
            }
        }
    }
    constants
}

fn not_visible(name: &Spanned<String>, problems: &mut Problems) {
    problems
        .error(
            "not-visible",
            &name.at,
            format!("a helper cannot read `{}`: it sees its parameters and constants", name.value),
        )
        .under(&name.value)
        .expected("the value as an argument of the call");
}

fn check_calls(known: &Known<'_>, calls: &[Spanned<(String, usize)>], problems: &mut Problems) {
    for call in calls {
        let (name, count) = &call.value;
        if function::OF_SCRIPTS.contains(&name.as_str()) {
            continue;
        }
        if let Some(callable) = function::by_name(name) {
            if !(callable.least..=callable.most).contains(count) {
                problems
                    .error(
                        "wrong-argument-count",
                        &call.at,
                        format!("`{name}` does not take {count} arguments"),
                    )
                    .under(name);
            }
        } else if matches!(known.names.get(name), Some(Meaning::Helper(_))) {
            problems
                .error("not-visible", &call.at, "a helper cannot call a helper")
                .under(name)
                .expected("functions of the language");
        } else {
            let functions = function::ALL.iter().map(|callable| callable.name);
            problems
                .error("unknown-function", &call.at, format!("there is no function `{name}`"))
                .under(name)
                .expected("a function of the language")
                .suggest(nearest(name, functions));
        }
    }
}

fn check_lists(known: &Known<'_>, lists: &[Spanned<String>], problems: &mut Problems) {
    let Some(bundle) = known.bundle else { return };
    for list in lists {
        let name = &list.value;
        if !bundle.lists.contains_key(name.as_str()) {
            problems
                .error("unknown-list", &list.at, format!("the bundle has no list `{name}`"))
                .wide(name.chars().count() + 2)
                .expected(format!("a file `lists/{name}.csv`"))
                .suggest(nearest(name, bundle.lists.keys().map(AsRef::as_ref)));
        }
    }
}
