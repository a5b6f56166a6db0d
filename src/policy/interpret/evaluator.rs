//! Walks a checked expression and gives it its value.

use smallvec::SmallVec;

use crate::model::field::Field;
use crate::model::value::Value;
use crate::policy::ast::BinaryOp;
use crate::policy::interpret::functions::{self, Clock};
use crate::policy::interpret::operand::{Evaluated, Operand, Truth, absent, type_error};
use crate::policy::interpret::{DEPTH_MAX, EvalError, Facts, operators};
use crate::policy::ir::{Expr, FeatureIndex, HelperIndex, LetIndex};
use crate::policy::set::PolicySet;

/// The arguments of a call; four fit without an allocation.
type Arguments<'a> = SmallVec<[Operand<'a>; 4]>;

/// Evaluates expressions of one policy set over one set of facts, each `let` at most once.
#[derive(Debug)]
pub(crate) struct Evaluator<'a> {
    set: &'a PolicySet,
    facts: Facts<'a>,
    /// The sum of points, once it is known.
    score: Option<i64>,
    lets: Vec<Option<Evaluated<'a>>>,
    unknown: Vec<Unreadable<'a>>,
    /// Whether the unknowns that are read are noted.
    is_noting: bool,
    depth: u32,
}

/// Something that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable<'a> {
    /// A field.
    Field(Field),
    /// An attribute.
    Attribute(&'a str),
    /// A feature.
    Feature(FeatureIndex),
}

// === impl Evaluator ===

impl<'a> Evaluator<'a> {
    /// Nothing is evaluated yet.
    pub(crate) const fn new(set: &'a PolicySet, facts: Facts<'a>) -> Self {
        Self {
            set,
            facts,
            score: None,
            lets: Vec::new(),
            unknown: Vec::new(),
            is_noting: true,
            depth: 0,
        }
    }

    /// Lets expressions read `score`.
    pub(crate) const fn set_score(&mut self, score: i64) {
        self.score = Some(score);
    }

    /// From now on, unknowns that are read are not noted: what is evaluated decides nothing.
    pub(crate) const fn stop_noting(&mut self) {
        self.is_noting = false;
    }

    /// The unknowns that were read, in the order in which they were first read.
    pub(crate) fn unknown(&self) -> &[Unreadable<'a>] {
        &self.unknown
    }

    /// How a condition comes out: a truth, missing or unknown.
    ///
    /// # Errors
    /// [`EvalError`] of the first error that is reached, and when the value is no truth.
    pub(crate) fn truth(&mut self, condition: &'a Expr) -> Result<Truth, Box<EvalError>> {
        self.eval(condition, &[])?.truth("the condition")
    }

    /// The value of an expression within a helper whose arguments are `frame`; elsewhere it is empty.
    pub(crate) fn eval(&mut self, expr: &'a Expr, frame: &[Operand<'a>]) -> Evaluated<'a> {
        match expr {
            Expr::Const(value) => Ok(Operand::of(value)),
            Expr::Array(values) => Ok(Operand::Array(values)),
            Expr::Field(field) => Ok(self.field(*field)),
            Expr::Attribute(name) => {
                let value = self.facts.fields.attribute(name);
                Ok(self.noted(value, Unreadable::Attribute(name)))
            }
            Expr::Feature(index) => Ok(self.feature(*index)),
            Expr::Param(place) => frame
                .get(usize::from(*place))
                .cloned()
                .ok_or_else(|| type_error("a parameter has no value here".to_owned())),
            Expr::Score => self
                .score
                .map(Operand::Int)
                .ok_or_else(|| type_error("`score` has no value here".to_owned())),
            Expr::List(name) => Ok(Operand::List(name)),
            Expr::Let(_)
            | Expr::Unary(..)
            | Expr::Binary(..)
            | Expr::And(_)
            | Expr::Or(_)
            | Expr::Coalesce(_)
            | Expr::IsMissing(_)
            | Expr::InRange(..)
            | Expr::If(..)
            | Expr::Call(..)
            | Expr::Helper(..) => {
                if self.depth >= DEPTH_MAX {
                    return Err(Box::new(EvalError::TooDeep));
                }
                self.depth += 1;
                let value = self.inner(expr, frame);
                self.depth -= 1;
                value
            }
        }
    }

    /// The expressions that have expressions within.
    fn inner(&mut self, expr: &'a Expr, frame: &[Operand<'a>]) -> Evaluated<'a> {
        match expr {
            Expr::Binary(op, left, right, _) => {
                let left = self.eval(left, frame)?;
                let right = self.eval(right, frame)?;
                if *op == BinaryOp::In {
                    self.is_in(&left, &right)
                } else if *op == BinaryOp::NotIn {
                    operators::not(&self.is_in(&left, &right)?)
                } else {
                    operators::binary(*op, left, right)
                }
            }
            Expr::And(terms) => self.junction(terms, frame, false),
            Expr::Or(terms) => self.junction(terms, frame, true),
            Expr::Let(index) => self.named(*index),
            Expr::Unary(op, operand, _) => operators::unary(*op, &self.eval(operand, frame)?),
            Expr::Call(function, args, _) => {
                let args = self.arguments(args, frame)?;
                functions::call(*function, &args, self.clock())
            }
            Expr::If(condition, then, otherwise) => {
                // It holds only on true: an absent condition takes the other branch.
                match self.eval(condition, frame)?.truth("the condition of `if`")? {
                    Truth::True => self.eval(then, frame),
                    Truth::False | Truth::Missing | Truth::Unknown => self.eval(otherwise, frame),
                }
            }
            Expr::IsMissing(operand) => {
                let operand = self.eval(operand, frame)?;
                if matches!(operand, Operand::Unknown) {
                    return Ok(operand);
                }
                Ok(Operand::Bool(matches!(operand, Operand::Missing)))
            }
            Expr::Coalesce(terms) => self.coalesce(terms, frame),
            Expr::InRange(needle, start, end, is_closed, _) => {
                let needle = self.eval(needle, frame)?;
                let start = self.eval(start, frame)?;
                let end = self.eval(end, frame)?;
                operators::is_in_range(&[needle, start, end], *is_closed)
            }
            Expr::Helper(index, args, _) => self.helper(*index, args, frame),
            Expr::Const(_)
            | Expr::Array(_)
            | Expr::Field(_)
            | Expr::Attribute(_)
            | Expr::Feature(_)
            | Expr::Param(_)
            | Expr::Score
            | Expr::List(_) => self.eval(expr, frame),
        }
    }

    /// `&&` when `ending` is false, `||` when it is true: left to right, and only a term that is
    /// `ending` ends it; an absent one leaves the rest to be evaluated.
    fn junction(
        &mut self,
        terms: &'a [Expr],
        frame: &[Operand<'a>],
        ending: bool,
    ) -> Evaluated<'a> {
        let mut value = Truth::from(!ending);
        for term in terms {
            let place = if ending { "a term of `||`" } else { "a term of `&&`" };
            let truth = self.eval(term, frame)?.truth(place)?;
            if truth == Truth::from(ending) {
                return Ok(truth.into());
            }
            match truth {
                Truth::Unknown => value = truth,
                Truth::Missing if value != Truth::Unknown => value = truth,
                Truth::Missing | Truth::True | Truth::False => {}
            }
        }
        Ok(value.into())
    }

    /// The first term that is not missing.
    fn coalesce(&mut self, terms: &'a [Expr], frame: &[Operand<'a>]) -> Evaluated<'a> {
        for term in terms {
            let value = self.eval(term, frame)?;
            if !matches!(value, Operand::Missing) {
                return Ok(value);
            }
        }
        Ok(Operand::Missing)
    }

    /// The value of a `let`, evaluated when it is first needed.
    fn named(&mut self, index: LetIndex) -> Evaluated<'a> {
        let place = index.0 as usize;
        let Some(named) = self.set.lets.get(place) else {
            return Err(type_error("a `let` is not in the set".to_owned()));
        };
        if let Some(Some(value)) = self.lets.get(place) {
            return value.clone();
        }
        let value = self.eval(&named.value, &[]);
        if self.lets.is_empty() {
            self.lets.resize(self.set.lets.len(), None);
        }
        if let Some(memo) = self.lets.get_mut(place) {
            *memo = Some(value.clone());
        }
        value
    }

    /// A helper's value; it is not run when an argument is absent.
    fn helper(
        &mut self,
        index: HelperIndex,
        args: &'a [Expr],
        frame: &[Operand<'a>],
    ) -> Evaluated<'a> {
        let Some(helper) = self.set.helpers.get(index.0 as usize) else {
            return Err(type_error("a helper is not in the set".to_owned()));
        };
        let args = self.arguments(args, frame)?;
        if let Some(absent) = absent(&args) {
            return Ok(absent);
        }
        match &helper.inline {
            Some(value) => self.eval(value, &args),
            None => self.set.scripts.call(helper, &args, self.clock(), self.facts.lists),
        }
    }

    fn arguments(
        &mut self,
        args: &'a [Expr],
        frame: &[Operand<'a>],
    ) -> Result<Arguments<'a>, Box<EvalError>> {
        args.iter().map(|arg| self.eval(arg, frame)).collect()
    }

    fn field(&mut self, field: Field) -> Operand<'a> {
        self.noted(self.facts.fields.get(field), Unreadable::Field(field))
    }

    fn feature(&mut self, index: FeatureIndex) -> Operand<'a> {
        let value = self.facts.features.get(index.0 as usize).unwrap_or(&Value::Missing);
        self.noted(value, Unreadable::Feature(index))
    }

    /// The value as an operand; an unknown is noted.
    fn noted(&mut self, value: &'a Value, name: Unreadable<'a>) -> Operand<'a> {
        if matches!(value, Value::Unknown) && self.is_noting && !self.unknown.contains(&name) {
            self.unknown.push(name);
        }
        Operand::of(value)
    }

    fn is_in(&self, needle: &Operand<'a>, haystack: &Operand<'a>) -> Evaluated<'a> {
        operators::is_in(needle, haystack, self.facts.lists, self.facts.now)
    }

    const fn clock(&self) -> Clock<'a> {
        Clock { now: self.facts.now, zone: &self.set.bundle.time_zone }
    }
}
