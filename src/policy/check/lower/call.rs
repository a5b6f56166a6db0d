//! Calls: functions of the language, as functions or as methods of their first argument, and helpers.

use std::sync::Arc;

use super::{Lowerer, Param, Scope, Typed, width_of};
use crate::feature::spec::Aggregate;
use crate::model::value::Value;
use crate::policy::ast::{Expr, Helper, HelperBody, Spanned};
use crate::policy::check::function::{self, Callable, Kind};
use crate::policy::check::names::Meaning;
use crate::policy::check::types::{Class, Type};
use crate::policy::diagnostic::{Severity, nearest};
use crate::policy::ir::{self, Function, HelperIndex};

impl<'a> Lowerer<'_, 'a> {
    /// `name(args)` or `receiver.name(args)`.
    pub(super) fn call(
        &mut self,
        name: &'a Spanned<String>,
        receiver: Option<&'a Expr>,
        args: &'a [Expr],
    ) -> Typed {
        let all: Vec<&'a Expr> = receiver.into_iter().chain(args).collect();
        if let Some(callable) = function::by_name(&name.value) {
            if !(callable.least..=callable.most).contains(&all.len()) {
                self.wrong_count(name, callable.least, callable.most, all.len());
                return self.given_up(&all);
            }
            return match callable.kind {
                Kind::List => self.list(name, receiver, &all),
                Kind::IsMissing => {
                    let args: Vec<Typed> = all.iter().map(|arg| self.value(arg)).collect();
                    match args.into_iter().next() {
                        Some(arg) => {
                            Typed::new(ir::Expr::IsMissing(Box::new(arg.expr)), Type::Bool)
                        }
                        None => Typed::broken(),
                    }
                }
                Kind::Plain(function) => self.function(callable, function, name, &all),
            };
        }
        match self.known.names.get(&name.value) {
            Some(Meaning::Helper(place)) if receiver.is_none() => {
                self.reads.names.insert(&name.value);
                self.helper(place, name, args)
            }
            Some(meaning) => {
                self.reads.names.insert(&name.value);
                self.not_callable(name, meaning);
                self.given_up(&all)
            }
            None if Aggregate::ALL.iter().any(|(aggregate, _)| *aggregate == name.value) => {
                let message =
                    format!("`{}` aggregates events: it only stands in a `feature`", name.value);
                self.problems
                    .error("unknown-function", &name.at, message)
                    .under(&name.value)
                    .expected("a declared feature, read as `entity.feature`");
                Typed::broken()
            }
            None => {
                self.unknown_function(name);
                self.given_up(&all)
            }
        }
    }

    /// A declared name that cannot be called this way.
    fn not_callable(&mut self, name: &Spanned<String>, meaning: Meaning) {
        let what = match meaning {
            Meaning::Entity(_) => "an entity",
            Meaning::Const(_) => "a constant",
            Meaning::Let(_) => "a `let`",
            Meaning::Helper(_) => {
                let message = format!("`{}` is a helper and has no receiver", name.value);
                self.problems
                    .error("not-a-method", &name.at, message)
                    .under(&name.value)
                    .expected(format!("`{}(x)`", name.value));
                return;
            }
        };
        let message = format!("`{}` is {what}, not a function", name.value);
        self.problems.error("not-a-function", &name.at, message).under(&name.value);
    }

    /// Looks at the arguments of a call that is wrong already, for their own problems.
    fn given_up(&mut self, args: &[&'a Expr]) -> Typed {
        for arg in args {
            self.any(arg);
        }
        Typed::broken()
    }

    fn unknown_function(&mut self, name: &Spanned<String>) {
        let known =
            function::ALL.iter().map(|callable| callable.name).chain(self.known.helper_names());
        let suggestion = nearest(&name.value, known);
        self.problems
            .error("unknown-function", &name.at, format!("there is no function `{}`", name.value))
            .under(&name.value)
            .expected("a function of the language or a declared `fn`")
            .suggest(suggestion);
    }

    fn wrong_count(&mut self, name: &Spanned<String>, least: usize, most: usize, given: usize) {
        let takes = match (least, most) {
            (1, 1) => "1 argument".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        };
        self.problems
            .error(
                "wrong-argument-count",
                &name.at,
                format!("`{}` takes {takes}, not {given}", name.value),
            )
            .under(&name.value)
            .expected(takes);
    }

    fn list(
        &mut self,
        name: &Spanned<String>,
        receiver: Option<&'a Expr>,
        args: &[&'a Expr],
    ) -> Typed {
        if matches!(self.scope, Scope::Constant) {
            self.problems
                .error("not-visible", &name.at, "a constant cannot read a list")
                .under(&name.value)
                .expected("literals and other constants");
            return Typed::broken();
        }
        let Some(arg) = args.first().filter(|_| receiver.is_none()) else {
            return Typed::broken();
        };
        let typed = self.value(arg);
        if typed.ty == Type::Broken {
            return typed;
        }
        let Some(Value::Text(list)) = typed.value() else {
            self.problems
                .error("bad-list", &arg.at, "the name of a list must be known before it is read")
                .wide(width_of(arg))
                .expected("`list(\"name\")`");
            return Typed::broken();
        };
        if let Some(bundle) = self.known.bundle
            && !bundle.lists.contains_key(list.as_str())
        {
            self.problems
                .error("unknown-list", &arg.at, format!("the bundle has no list `{list}`"))
                .wide(width_of(arg))
                .expected(format!("a file `lists/{list}.csv`"))
                .suggest(nearest(list, bundle.lists.keys().map(AsRef::as_ref)));
            return Typed::broken();
        }
        Typed::new(ir::Expr::List(Arc::from(list.as_str())), Type::List)
    }

    fn function(
        &mut self,
        callable: Callable,
        function: Function,
        name: &Spanned<String>,
        args: &[&'a Expr],
    ) -> Typed {
        let typed: Vec<Typed> = args.iter().map(|arg| self.any(arg)).collect();
        if let (Some(held), Some(holder)) = (typed.first(), args.first())
            && matches!(held.ty, Type::Texts | Type::Array(_) | Type::List)
            && let Some(typed) = self.of_several(function, held, holder, (&typed, args, name))
        {
            return typed;
        }
        if typed.iter().any(|arg| arg.ty == Type::Broken) {
            return Typed::broken();
        }
        let types: Vec<Type> = typed.iter().map(|arg| arg.ty).collect();
        let ty = match function::result_type(function, &types) {
            Ok(ty) => ty,
            Err((place, expected)) => {
                let given = types.get(place).map_or("", |ty| ty.name());
                let at = args.get(place).map_or(&name.at, |arg| &arg.at);
                let width = args.get(place).map_or(1, |arg| width_of(arg));
                self.problems
                    .error(
                        "wrong-argument-type",
                        at,
                        format!("`{}` needs {expected} here, not {given}", callable.name),
                    )
                    .wide(width)
                    .expected(expected);
                return Typed::broken();
            }
        };
        let is_number = ty.class() == Some(Class::Number);
        let amount = typed.iter().find_map(|arg| arg.amount.clone()).filter(|_| is_number);
        let exprs = typed.into_iter().map(|arg| arg.expr).collect();
        Typed { amount, ..Typed::new(ir::Expr::Call(function, exprs, name.at.clone()), ty) }
    }

    /// `contains` and `len` of an array, a list or several strings.
    fn of_several(
        &mut self,
        function: Function,
        held: &Typed,
        holder: &'a Expr,
        (typed, args, name): (&[Typed], &[&'a Expr], &Spanned<String>),
    ) -> Option<Typed> {
        match (function, &held.expr, typed.get(1), args.get(1)) {
            (Function::Contains, _, Some(needle), Some(at)) if needle.ty.is_scalar() => {
                Some(self.member((needle.clone(), at), (held.clone(), holder), &name.at))
            }
            (Function::Len, ir::Expr::Array(values), _, _) => {
                Some(Typed::constant(Value::Int(i64::try_from(values.len()).unwrap_or(i64::MAX))))
            }
            (Function::Len, _, _, _) if held.ty != Type::List => {
                let args = vec![held.expr.clone()];
                Some(Typed::new(ir::Expr::Call(function, args, name.at.clone()), Type::Int))
            }
            _ => None,
        }
    }

    /// A call of a helper: its body is checked again with the types of these arguments.
    fn helper(&mut self, place: usize, name: &Spanned<String>, args: &'a [Expr]) -> Typed {
        let declarations = self.known.declarations;
        let Some(helper) = declarations.helpers.get(place) else { return Typed::broken() };
        if matches!(self.scope, Scope::Constant | Scope::Helper(_)) {
            let who = if matches!(self.scope, Scope::Constant) { "constant" } else { "helper" };
            self.problems
                .error("not-visible", &name.at, format!("a {who} cannot call a helper"))
                .under(&name.value)
                .expected("functions of the language");
            return Typed::broken();
        }
        let typed: Vec<Typed> = args.iter().map(|arg| self.any(arg)).collect();
        let count = helper.params.len();
        if typed.len() != count {
            self.wrong_count(name, count, count, typed.len());
            return Typed::broken();
        }
        if typed.iter().any(|arg| arg.ty == Type::Broken) {
            return Typed::broken();
        }
        let ty = match &helper.body {
            HelperBody::Expression(body) => self.typed_body(place, helper, body, (name, &typed)),
            HelperBody::Script { .. } => Type::Any,
        };
        let index = HelperIndex(u32::try_from(place).unwrap_or(u32::MAX));
        let exprs = typed.into_iter().map(|arg| arg.expr).collect();
        Typed::new(ir::Expr::Helper(index, exprs, name.at.clone()), ty)
    }

    /// The type of a helper's body for these arguments. What is wrong with the body only because of
    /// them is reported at the call.
    fn typed_body(
        &mut self,
        place: usize,
        helper: &'a Helper,
        body: &'a Expr,
        (name, args): (&Spanned<String>, &[Typed]),
    ) -> Type {
        let params: Vec<Param<'_>> = helper
            .params
            .iter()
            .zip(args)
            .map(|(name, arg)| Param {
                name,
                ty: arg.ty,
                origin: arg.origin,
                amount: arg.amount.clone(),
            })
            .collect();
        let mut inner = Lowerer::new(self.known, Scope::Helper(&params));
        let ty = inner.value(body).ty;
        let (found, _) = inner.finish();
        let always = self.known.helper_problems.get(place);
        for problem in found {
            if problem.severity == Severity::Warning {
                self.problems.extend([problem]);
            } else if !always.is_some_and(|all| all.contains(&(problem.name, problem.at.clone()))) {
                let message = format!(
                    "`{}` fails with these arguments: {} ({}:{})",
                    name.value, problem.message, problem.at.file, problem.at.line
                );
                let report =
                    self.problems.error(problem.name, &name.at, message).under(&name.value);
                if let Some(expected) = problem.expected {
                    report.expected(expected);
                }
            }
        }
        ty
    }
}
