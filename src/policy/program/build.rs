//! Checked expressions to trees over slots.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::model::field::Field;
use crate::model::value::{Text, Value, ValueType};
use crate::policy::ast::{BinaryOp, UnaryOp};
use crate::policy::ir::{Expr, FeatureIndex, Function, HelperIndex, LetIndex};
use crate::policy::program::NotLowered;
use crate::policy::program::row::Tag;
use crate::policy::program::tree::{Given, Known, Node, NodeKind, SlotIndex};
use crate::policy::set::{FeatureDef, HelperDef, LetDef};

/// How deep expressions may stand within each other, those of `let`s and helpers included: below what
/// the interpreter takes, so that no program gives a value where it would not.
const DEPTH_MAX: u32 = 400;

/// Where the value of a slot comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A field.
    Field(Field),
    /// An attribute.
    Attribute(Text),
    /// A feature.
    Feature(FeatureIndex),
    /// The sum of points.
    Score,
}

/// What a slot is.
#[derive(Clone, Debug)]
pub(super) enum SlotDef {
    /// A literal.
    Const(Value),
    /// Bound before the programs run; the tag of its present values, where they must have one.
    Source(Source, Option<Tag>),
    /// Computed when it is first read.
    Derived(Node),
}

/// The declarations that expressions name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared<'a> {
    pub(super) features: &'a [FeatureDef],
    pub(super) lets: &'a [LetDef],
    pub(super) helpers: &'a [HelperDef],
}

/// Makes trees, and gives each thing that they read one slot.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    declared: Declared<'a>,
    /// Every slot so far.
    pub(super) slots: Vec<SlotDef>,
    sources: HashMap<(Source, Option<Tag>), SlotIndex, ahash::RandomState>,
    /// By what they compute, written out.
    derived: HashMap<String, SlotIndex, ahash::RandomState>,
    lets: Vec<Option<Result<(Node, u32), NotLowered>>>,
    depth: u32,
    depth_reached: u32,
}

/// The arguments of the helper that is being spelt out.
type Params<'p> = &'p [Node];

// === impl Builder ===

impl<'a> Builder<'a> {
    pub(super) fn new(declared: Declared<'a>) -> Self {
        Self {
            declared,
            slots: Vec::new(),
            sources: HashMap::default(),
            derived: HashMap::default(),
            lets: vec![None; declared.lets.len()],
            depth: 0,
            depth_reached: 0,
        }
    }

    /// The tree of a condition.
    pub(super) fn condition(&mut self, expr: &Expr) -> Result<Node, NotLowered> {
        self.node(expr, &[], Some(ValueType::Bool))
    }

    /// The tree of any value.
    pub(super) fn value(&mut self, expr: &Expr) -> Result<Node, NotLowered> {
        self.node(expr, &[], None)
    }

    /// The slot that holds the value of the tree: its own if it is one, else one that computes it.
    pub(super) fn slot_of(&mut self, node: Node) -> SlotIndex {
        if let NodeKind::Slot(slot) = node.kind {
            slot
        } else if let NodeKind::Const(value) = node.kind {
            let written = format!("{value:?}");
            self.interned(written, || SlotDef::Const(value))
        } else {
            let written = format!("{:?}", node.kind);
            self.interned(written, || SlotDef::Derived(node))
        }
    }

    fn interned(&mut self, written: String, def: impl FnOnce() -> SlotDef) -> SlotIndex {
        if let Some(slot) = self.derived.get(&written) {
            return *slot;
        }
        let slot = self.push(def());
        self.derived.insert(written, slot);
        slot
    }

    fn push(&mut self, def: SlotDef) -> SlotIndex {
        let slot = SlotIndex::try_from(self.slots.len()).unwrap_or(SlotIndex::MAX);
        self.slots.push(def);
        slot
    }

    fn source(&mut self, source: Source, value_type: ValueType) -> Node {
        let tag = Tag::of(value_type);
        let known = self.sources.get(&(source.clone(), tag)).copied();
        let slot = known.unwrap_or_else(|| {
            let slot = self.push(SlotDef::Source(source.clone(), tag));
            self.sources.insert((source, tag), slot);
            slot
        });
        Node::slot(slot, Known::of(value_type))
    }

    /// `expected` is the type that its place asks for; it gives one to what has its type from the
    /// payment alone.
    fn node(
        &mut self,
        expr: &Expr,
        params: Params<'_>,
        expected: Option<ValueType>,
    ) -> Result<Node, NotLowered> {
        if self.depth >= DEPTH_MAX {
            return Err(NotLowered::TooDeep);
        }
        self.depth += 1;
        self.depth_reached = self.depth_reached.max(self.depth);
        let node = self.inner(expr, params, expected);
        self.depth -= 1;
        node
    }

    fn inner(
        &mut self,
        expr: &Expr,
        params: Params<'_>,
        expected: Option<ValueType>,
    ) -> Result<Node, NotLowered> {
        let bool = Some(ValueType::Bool);
        let kind = match expr {
            Expr::Const(value) => NodeKind::Const(value.clone()),
            Expr::Array(values) => NodeKind::Array(Arc::clone(values)),
            Expr::List(name) => NodeKind::List(Arc::clone(name)),
            Expr::Field(field) => return Ok(self.source(Source::Field(*field), field.value_type())),
            Expr::Attribute(name) => {
                let value_type = expected.unwrap_or(ValueType::Any);
                return Ok(self.source(Source::Attribute(name.clone()), value_type));
            }
            Expr::Feature(index) => return Ok(self.feature(*index, expected)),
            Expr::Score => return Ok(self.source(Source::Score, ValueType::Int)),
            Expr::Let(index) => return self.named(*index),
            Expr::Param(place) => {
                let param = params.get(usize::from(*place));
                return param.cloned().ok_or(NotLowered::Malformed);
            }
            Expr::Unary(op, operand, _) => {
                let expected = if *op == UnaryOp::Not { bool } else { expected };
                NodeKind::Unary(*op, Box::new(self.node(operand, params, expected)?))
            }
            Expr::Binary(op, left, right, _) => return self.binary(*op, left, right, params),
            Expr::And(terms) => NodeKind::And(self.nodes(terms, params, bool)?),
            Expr::Or(terms) => NodeKind::Or(self.nodes(terms, params, bool)?),
            Expr::Coalesce(terms) => NodeKind::Coalesce(self.alike(terms, params, expected)?),
            Expr::IsMissing(operand) => {
                NodeKind::IsMissing(Box::new(self.node(operand, params, None)?))
            }
            Expr::InRange(needle, start, end, is_closed, _) => {
                let parts = [
                    self.node(needle, params, None)?,
                    self.node(start, params, None)?,
                    self.node(end, params, None)?,
                ];
                NodeKind::InRange(Box::new(parts), *is_closed)
            }
            Expr::If(condition, then, otherwise) => {
                let parts = [
                    self.node(condition, params, bool)?,
                    self.node(then, params, expected)?,
                    self.node(otherwise, params, expected)?,
                ];
                NodeKind::If(Box::new(parts))
            }
            Expr::Call(function, args, _) => {
                NodeKind::Call(*function, self.nodes(args, params, taken(*function))?)
            }
            Expr::Helper(index, args, _) => return self.helper(*index, args, params, expected),
        };
        Ok(Node::new(kind))
    }

    fn nodes(
        &mut self,
        exprs: &[Expr],
        params: Params<'_>,
        expected: Option<ValueType>,
    ) -> Result<Vec<Node>, NotLowered> {
        exprs.iter().map(|expr| self.node(expr, params, expected)).collect()
    }

    /// Expressions that should have one type: the first that is known is expected of the others.
    fn alike(
        &mut self,
        exprs: &[Expr],
        params: Params<'_>,
        expected: Option<ValueType>,
    ) -> Result<Vec<Node>, NotLowered> {
        let mut expected = expected;
        for expr in exprs {
            if expected.is_none() && !has_open_type(expr) {
                expected = self.node(expr, params, None)?.known.value_type;
            }
        }
        self.nodes(exprs, params, expected)
    }

    fn binary(
        &mut self,
        op: BinaryOp,
        left: &Expr,
        right: &Expr,
        params: Params<'_>,
    ) -> Result<Node, NotLowered> {
        let (left, right) = if has_open_type(left) {
            let right = self.node(right, params, None)?;
            (self.node(left, params, beside(op, &right))?, right)
        } else {
            let left = self.node(left, params, None)?;
            let expected = if matches!(op, BinaryOp::In | BinaryOp::NotIn) {
                None
            } else {
                left.known.value_type
            };
            let right = self.node(right, params, expected)?;
            (left, right)
        };
        Ok(Node::new(NodeKind::Binary(op, Box::new(left), Box::new(right))))
    }

    fn feature(&mut self, index: FeatureIndex, expected: Option<ValueType>) -> Node {
        let feature = self.declared.features.get(index.0 as usize);
        let declared = feature.map_or(ValueType::Any, |feature| feature.value_type);
        let value_type =
            if declared == ValueType::Any { expected.unwrap_or(declared) } else { declared };
        self.source(Source::Feature(index), value_type)
    }

    /// A `let` is the slot that it names, or has one of its own.
    fn named(&mut self, index: LetIndex) -> Result<Node, NotLowered> {
        let place = index.0 as usize;
        let known = self.lets.get(place).ok_or(NotLowered::Malformed)?.clone();
        let (node, depth) = match known {
            Some(known) => known?,
            None => {
                let lets = self.declared.lets;
                let named = lets.get(place).ok_or(NotLowered::Malformed)?;
                let (depth, reached) = (self.depth, self.depth_reached);
                self.depth_reached = depth;
                let made = self.node(&named.value, &[], None);
                let taken = self.depth_reached - depth;
                self.depth_reached = reached.max(self.depth_reached);
                let made = made.map(|node| (self.settled(node), taken));
                if let Some(memo) = self.lets.get_mut(place) {
                    *memo = Some(made.clone());
                }
                made?
            }
        };
        self.depth_reached = self.depth_reached.max(self.depth + depth);
        if self.depth + depth > DEPTH_MAX { Err(NotLowered::TooDeep) } else { Ok(node) }
    }

    /// A literal or a slot, as it is or made for the tree.
    fn settled(&mut self, node: Node) -> Node {
        if matches!(
            node.kind,
            NodeKind::Const(_) | NodeKind::Array(_) | NodeKind::List(_) | NodeKind::Slot(_)
        ) {
            return node;
        }
        let known = node.known;
        Node::slot(self.slot_of(node), known)
    }

    /// A helper spelt out over its arguments; without one of them it is missing.
    fn helper(
        &mut self,
        index: HelperIndex,
        args: &[Expr],
        params: Params<'_>,
        expected: Option<ValueType>,
    ) -> Result<Node, NotLowered> {
        let helpers = self.declared.helpers;
        let helper = helpers.get(index.0 as usize).ok_or(NotLowered::Malformed)?;
        let Some(value) = &helper.inline else {
            return Err(NotLowered::Script(Arc::clone(&helper.name)));
        };
        let args = self.nodes(args, params, None)?;
        let args: Vec<Node> = args.into_iter().map(|arg| self.settled(arg)).collect();
        let value = self.node(value, &args, expected)?;
        let slots = args.iter().filter_map(|arg| {
            let NodeKind::Slot(slot) = arg.kind else { return None };
            Some((slot, arg.known.may_fail))
        });
        let slots: Vec<(SlotIndex, bool)> = slots.collect();
        if !value.known.may_fail && slots.iter().all(|(slot, _)| needs(&value, *slot)) {
            return Ok(value);
        }
        let may_fail = value.known.may_fail || slots.iter().any(|(_, may_fail)| *may_fail);
        let known = Known { may_fail, ..value.known };
        let failing = slots.iter().filter(|(_, may_fail)| *may_fail).map(|(slot, _)| *slot);
        let given = Given {
            touched: failing.collect(),
            slots: slots.iter().map(|(slot, _)| *slot).collect(),
            value,
        };
        Ok(Node { kind: NodeKind::Given(Box::new(given)), known })
    }
}

/// Whether the value, which cannot fail, is missing whenever the slot is, so that this need not be asked
/// before.
fn needs(value: &Node, slot: SlotIndex) -> bool {
    let mut parts: SmallVec<[&Node; 8]> = SmallVec::from_slice(&[value]);
    while let Some(part) = parts.pop() {
        match &part.kind {
            NodeKind::Slot(known) if *known == slot => return true,
            NodeKind::Unary(_, inner) => parts.push(inner),
            NodeKind::Binary(_, left, right) => parts.extend([&**left, &**right]),
            NodeKind::InRange(all, _) => parts.extend(&**all),
            NodeKind::Call(_, all) => parts.extend(all),
            NodeKind::Given(given) => {
                if given.slots.contains(&slot) {
                    return true;
                }
                parts.push(&given.value);
            }
            NodeKind::Const(_)
            | NodeKind::Array(_)
            | NodeKind::List(_)
            | NodeKind::Slot(_)
            | NodeKind::And(_)
            | NodeKind::Or(_)
            | NodeKind::Coalesce(_)
            | NodeKind::IsMissing(_)
            | NodeKind::If(_) => {}
        }
    }
    false
}

/// Whether its type is only known from the payment.
fn has_open_type(expr: &Expr) -> bool {
    if let Expr::Coalesce(terms) = expr {
        return terms.iter().all(has_open_type);
    }
    matches!(expr, Expr::Attribute(_))
}

/// The type that the right operand asks of the left one.
fn beside(op: BinaryOp, right: &Node) -> Option<ValueType> {
    if !matches!(op, BinaryOp::In | BinaryOp::NotIn) {
        return right.known.value_type;
    }
    if let NodeKind::Array(values) = &right.kind {
        let first = values.first()?.value_type();
        return first.filter(|_| values.iter().all(|value| value.value_type() == first));
    }
    let has_texts = matches!(right.known.value_type, Some(ValueType::Text | ValueType::Texts));
    (has_texts || matches!(right.kind, NodeKind::List(_))).then_some(ValueType::Text)
}

/// The type that a function takes wherever it takes but one.
const fn taken(function: Function) -> Option<ValueType> {
    match function {
        Function::Age | Function::Hour | Function::Weekday => Some(ValueType::Time),
        Function::StartsWith | Function::EndsWith | Function::ToLower | Function::ToUpper => {
            Some(ValueType::Text)
        }
        Function::DistanceKm
        | Function::Ratio
        | Function::Min
        | Function::Max
        | Function::Abs
        | Function::Contains
        | Function::Len
        | Function::SubString => None,
    }
}
