//! Names and paths: fields, attributes, features, constants, `let`s, parameters.

use super::{Lowerer, OwnAmount, Scope, Typed, width_of};
use crate::model::field::Field;
use crate::model::value::{Text, Value};
use crate::policy::ast::{Expr, ExprKind, Position, Spanned};
use crate::policy::check::known::{Constant, LetFacts};
use crate::policy::check::names::Meaning;
use crate::policy::check::types::Type;
use crate::policy::ir;

/// `root.a.b["c"]`, taken apart.
struct Path<'a> {
    root: &'a str,
    steps: Vec<Step<'a>>,
}

/// What follows the root of a path.
enum Step<'a> {
    /// `.name`
    Name(&'a Spanned<String>),
    /// `["name"]`
    Index(&'a Expr),
}

impl<'a> Path<'a> {
    /// The parts of a path; `None` when it does not start with a name.
    fn of(expr: &'a Expr) -> Option<Self> {
        let (inner, step) = match &expr.kind {
            ExprKind::Name(root) => return Some(Self { root, steps: Vec::new() }),
            ExprKind::Property(inner, name) => (inner, Step::Name(name)),
            ExprKind::Index(inner, index) => (inner, Step::Index(index)),
            ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Text(_)
            | ExprKind::Unit
            | ExprKind::Array(_)
            | ExprKind::Call(..)
            | ExprKind::Method(..)
            | ExprKind::And(_)
            | ExprKind::Or(_)
            | ExprKind::Coalesce(_)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Range(..)
            | ExprKind::If(..)
            | ExprKind::Forbidden(_) => return None,
        };
        let mut path = Self::of(inner)?;
        path.steps.push(step);
        Some(path)
    }

    /// The names, when all steps are names.
    fn dotted(&self) -> Option<String> {
        let mut text = self.root.to_owned();
        for step in &self.steps {
            let Step::Name(name) = step else { return None };
            text.push('.');
            text.push_str(&name.value);
        }
        Some(text)
    }
}

impl<'a> Lowerer<'_, 'a> {
    /// A path with at least one dot or index.
    pub(super) fn path(&mut self, expr: &'a Expr) -> Typed {
        let Some(path) = Path::of(expr) else {
            return self.step_into_value(expr);
        };
        if self.param(path.root).is_some() {
            let message = format!("`{}` is a value and has no fields", path.root);
            return self.no_field(expr, &message, Some("the field itself as an argument"));
        }
        match path.root {
            "payment" | "outcome" => self.block_path(&path, expr),
            root => match self.known.names.get(root) {
                Some(Meaning::Entity(entity)) => {
                    self.reads.names.insert(root);
                    self.feature(entity, &path, expr)
                }
                Some(Meaning::Const(_) | Meaning::Let(_)) => {
                    self.reads.names.insert(root);
                    let message = format!("`{root}` is a value and has no fields");
                    self.no_field(expr, &message, None)
                }
                Some(Meaning::Helper(_)) => {
                    self.reads.names.insert(root);
                    self.not_a_value(root, "a helper", &format!("`{root}(…)`"), &expr.at)
                }
                None if root == "score" => self.no_field(expr, "`score` has no fields", None),
                None => self.unknown_root(root, path.dotted(), expr),
            },
        }
    }

    /// `(a + b).c`, `f(x)[0]`: no value has anything inside.
    fn step_into_value(&mut self, expr: &'a Expr) -> Typed {
        if let ExprKind::Property(inner, name) = &expr.kind {
            let inner = self.any(inner);
            if inner.ty != Type::Broken {
                let message = format!("{} has no field `{}`", inner.ty.name(), name.value);
                self.problems
                    .error("unknown-field", &name.at, message)
                    .under(&name.value)
                    .expected("a function, such as `x.len()`");
            }
        } else if let ExprKind::Index(inner, _) = &expr.kind
            && self.any(inner).ty != Type::Broken
        {
            self.bad_index(expr);
        }
        Typed::broken()
    }

    fn no_field(&mut self, expr: &Expr, message: &str, expected: Option<&str>) -> Typed {
        let report = self.problems.error("unknown-field", &expr.at, message).wide(width_of(expr));
        if let Some(expected) = expected {
            report.expected(expected);
        }
        Typed::broken()
    }

    fn bad_index(&mut self, expr: &Expr) -> Typed {
        self.problems
            .error("bad-index", &expr.at, "only attributes are looked up by name in brackets")
            .expected("`payment.attributes[\"name\"]`");
        Typed::broken()
    }

    /// `payment.…` or `outcome.…`
    fn block_path(&mut self, path: &Path<'a>, expr: &'a Expr) -> Typed {
        if !self.sees_block(path.root, expr) {
            return Typed::broken();
        }
        if let [Step::Name(block), rest @ ..] = path.steps.as_slice()
            && path.root == "payment"
            && block.value == "attributes"
        {
            return self.attribute(rest, expr);
        }
        let Some(dotted) = path.dotted() else { return self.bad_index(expr) };
        let Some(field) = Field::from_path(&dotted) else {
            return self.unknown_field(&dotted, expr);
        };
        let in_base = if field == Field::Amount {
            Some(Field::AmountBase)
        } else if field == Field::OutcomeAmount {
            Some(Field::OutcomeAmountBase)
        } else {
            None
        };
        let amount = in_base.filter(|_| self.known.mixes_currencies()).map(|in_base| OwnAmount {
            at: expr.at.clone(),
            width: width_of(expr),
            in_base,
        });
        let ty = Type::of(field.value_type());
        Typed { origin: Some(field), amount, ..Typed::new(ir::Expr::Field(field), ty) }
    }

    /// Whether blocks are seen here; reports it when not.
    fn sees_block(&mut self, root: &str, expr: &Expr) -> bool {
        let (message, expected) = match (self.scope, root) {
            (Scope::Constant, _) => {
                (format!("a constant cannot read `{root}`"), "literals and other constants")
            }
            (Scope::Helper(_), _) => (
                format!("a helper cannot read `{root}`: it sees its parameters and constants"),
                "the field as an argument of the call",
            ),
            (Scope::Decision, "outcome") => (
                "`outcome` is only known to features over outcomes".to_owned(),
                "a feature that counts the outcome",
            ),
            (Scope::Event { name, has_outcome: false }, "outcome") => (
                format!("`{name}` is not an outcome, so it has no `outcome`"),
                "an outcome such as `declined` as the event",
            ),
            (Scope::Event { .. } | Scope::Decision, _) => return true,
        };
        self.problems
            .error("not-visible", &expr.at, message)
            .wide(width_of(expr))
            .expected(expected);
        false
    }

    fn attribute(&mut self, rest: &[Step<'a>], expr: &'a Expr) -> Typed {
        let name = match rest {
            [Step::Name(name)] => Text::from(name.value.as_str()),
            [Step::Index(index)] => {
                let typed = self.value(index);
                match typed.value() {
                    Some(Value::Text(name)) if typed.ty == Type::Text => name.clone(),
                    _ if typed.ty == Type::Broken => return Typed::broken(),
                    _ => return self.bad_index(expr),
                }
            }
            [] => {
                return self.no_field(
                    expr,
                    "`payment.attributes` is not a value",
                    Some("`payment.attributes.NAME`"),
                );
            }
            [_, ..] => {
                let message = "an attribute is a value and has no fields";
                return self.no_field(expr, message, Some("`payment.attributes.NAME`"));
            }
        };
        Typed::new(ir::Expr::Attribute(name), Type::Any)
    }

    /// `entity.feature`
    fn feature(&mut self, entity: usize, path: &Path<'a>, expr: &'a Expr) -> Typed {
        let [Step::Name(name)] = path.steps.as_slice() else {
            if let Some(Step::Name(name)) = path.steps.first()
                && let Some(facts) = self.known.features.get(&(entity, name.value.as_str()))
            {
                self.reads.features.insert(facts.index);
            }
            let message = "a feature is a value and has nothing inside";
            return self.no_field(expr, message, Some("`entity.feature`"));
        };
        let why = match self.scope {
            Scope::Constant => Some("a constant cannot read features"),
            Scope::Helper(_) => Some("a helper cannot read features"),
            Scope::Event { .. } => Some("a feature cannot read features"),
            Scope::Decision => None,
        };
        if let Some(message) = why {
            let expected = match self.scope {
                Scope::Helper(_) => "the feature as an argument of the call",
                Scope::Constant | Scope::Event { .. } | Scope::Decision => {
                    "the feature in a `let` or in a rule"
                }
            };
            self.problems
                .error("not-visible", &expr.at, message)
                .wide(width_of(expr))
                .expected(expected);
            return Typed::broken();
        }
        let Some(facts) = self.known.features.get(&(entity, name.value.as_str())).copied() else {
            return self.unknown_feature(entity, path.root, name);
        };
        self.reads.features.insert(facts.index);
        Typed::new(ir::Expr::Feature(facts.index), facts.ty)
    }

    /// A bare name.
    pub(super) fn name(&mut self, name: &'a str, at: &Position) -> Typed {
        if let Some(param) = self.param(name) {
            return param;
        }
        match (name, self.known.names.get(name)) {
            ("score", _) => self.score(at),
            ("payment" | "outcome", _) => {
                self.not_a_value(name, "a block", "one of its fields", at)
            }
            (_, Some(meaning)) => {
                self.reads.names.insert(name);
                self.declared(name, meaning, at)
            }
            (_, None) => self.unknown_name(name, at),
        }
    }

    fn declared(&mut self, name: &'a str, meaning: Meaning, at: &Position) -> Typed {
        match meaning {
            Meaning::Const(place) => match self.known.constants.get(place) {
                Some(Some(constant)) => constant_expr(constant),
                Some(None) | None => Typed::broken(),
            },
            Meaning::Let(place) => match self.scope {
                Scope::Decision => self.let_value(name, place, at),
                Scope::Constant | Scope::Helper(_) | Scope::Event { .. } => {
                    self.problems
                        .error(
                            "not-visible",
                            at,
                            format!("`{name}` is a `let`: only rules and other `let`s read it"),
                        )
                        .under(name)
                        .expected("a `const`, or a parameter of a helper");
                    Typed::broken()
                }
            },
            Meaning::Entity(entity) => {
                let expected = match self.known.features_of(entity).next() {
                    Some(feature) => format!("one of its features, such as `{name}.{feature}`"),
                    None => "one of its features".to_owned(),
                };
                self.not_a_value(name, "an entity", &expected, at)
            }
            Meaning::Helper(_) => self.not_a_value(name, "a helper", &format!("`{name}(…)`"), at),
        }
    }

    fn let_value(&mut self, name: &str, place: usize, at: &Position) -> Typed {
        let known = self.known;
        let Some(Some(facts)) = known.lets.get(place) else { return Typed::broken() };
        let LetFacts { index, ty, origin, amount_in_base, reads } = facts;
        self.reads.absorb(reads);
        let amount = amount_in_base.map(|in_base| OwnAmount {
            at: at.clone(),
            width: name.chars().count(),
            in_base,
        });
        Typed { expr: ir::Expr::Let(*index), ty: *ty, origin: *origin, amount }
    }

    fn score(&mut self, at: &Position) -> Typed {
        if matches!(self.scope, Scope::Decision) {
            self.reads.score = true;
            return Typed::new(ir::Expr::Score, Type::Int);
        }
        self.problems
            .error("not-visible", at, "`score` is only known to rules and `let`s")
            .under("score")
            .expected("`score` in the condition of a rule");
        Typed::broken()
    }

    fn param(&self, name: &str) -> Option<Typed> {
        let Scope::Helper(params) = self.scope else { return None };
        let (place, param) = params.iter().enumerate().find(|(_, param)| param.name == name)?;
        Some(Typed {
            expr: ir::Expr::Param(u16::try_from(place).unwrap_or(u16::MAX)),
            ty: param.ty,
            origin: param.origin,
            amount: param.amount.clone(),
        })
    }

    fn not_a_value(&mut self, name: &str, what: &str, expected: &str, at: &Position) -> Typed {
        self.problems
            .error("not-a-value", at, format!("`{name}` is {what}, not a value"))
            .under(name)
            .expected(expected);
        Typed::broken()
    }
}

fn constant_expr(constant: &Constant) -> Typed {
    Typed::new(constant.expr(), constant.ty())
}
