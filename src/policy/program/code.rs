//! What a program is: steps that decide, and operations that compute.
//!
//! A condition is a list of [`Step`]s. Each tests something and says where to go on when that is true,
//! false or missing; `&&`, `||`, `!` and `if` are nothing but where the steps go. What a step tests lies
//! in slots. An operand that is more than a name or a literal has a slot of its own, filled when it is
//! first read by a list of [`Op`]s over a stack, so that what several rules compute is computed once.

use std::cmp::Ordering;

use crate::model::value::Text;
use crate::policy::ast::{BinaryOp, UnaryOp};
use crate::policy::ir::Function;
use crate::policy::program::row::{is_hashed, key};
use crate::policy::program::tree::SlotIndex;

/// Where a program goes on: at a step, or at one of the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target(pub(super) u16);

/// One test, and where to go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) test: Test,
    pub(super) on_true: Target,
    pub(super) on_false: Target,
    pub(super) on_missing: Target,
}

/// What a step tests. Each is missing when a slot that it reads is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Test {
    /// A whole number is within bounds, both included.
    Between { slot: SlotIndex, low: i64, high: i64 },
    /// A bool is true.
    Holds { slot: SlotIndex },
    /// A string has that key and, where the key is a hash, equals that of [`Tables::texts`].
    IsText { slot: SlotIndex, text: u32, key: i64 },
    /// The value is in a set of [`Tables::sets`].
    OneOf { slot: SlotIndex, set: u32 },
    /// The string of a probe of [`Tables::probes`] is on its list.
    OnList { probe: u32 },
    /// Two strings are equal.
    SameText { left: SlotIndex, right: SlotIndex },
    /// Numbers, times or bools in that relation.
    Compare { left: SlotIndex, right: SlotIndex, relation: Relation },
    /// The products of [`Tables::products`].
    Products { place: u32 },
    /// The value is missing. Never missing itself.
    IsMissing { slot: SlotIndex },
}

/// How two values stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Less,
    LessOrEqual,
    Equal,
}

/// Whole numbers times literals: `left * left_by` against `right * right_by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Products {
    pub(super) left: SlotIndex,
    pub(super) left_by: i64,
    pub(super) right: SlotIndex,
    pub(super) right_by: i64,
    pub(super) relation: Relation,
}

/// A string that may be on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) slot: SlotIndex,
    pub(super) list: std::sync::Arc<str>,
}

/// Literals of one type, to look for one among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Set {
    /// In order, without repeats.
    pub(super) keys: Vec<i64>,
    /// Those whose keys are hashes, in order.
    pub(super) long: Vec<Text>,
}

/// One operation over a stack of operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    /// Pushes a literal of [`Tables::consts`].
    Const(u32),
    /// Pushes an array of [`Tables::arrays`].
    Array(u32),
    /// Pushes a list of [`Tables::lists`].
    List(u32),
    /// Pushes what is in a slot.
    Slot(SlotIndex),
    /// Replaces the operand.
    Unary(UnaryOp),
    /// Replaces both operands.
    Binary(BinaryOp),
    /// Replaces the needle and the ends of the range.
    InRange { is_closed: bool },
    /// Replaces the operand by whether it is missing.
    IsMissing,
    /// Replaces the arguments.
    Call(Function, u8),
    /// A first term of `&&` or `||`: if it is the truth that ends it, goes to the end with it.
    FirstTerm { ending: bool, end: u16 },
    /// A later term: joined with what the terms before came to.
    Term { ending: bool, end: u16 },
    /// A term of `??`: if it is not missing, goes to the end with it; else drops it.
    Present { end: u16 },
    /// Takes a condition; unless it is true, goes on there.
    Branch { otherwise: u16 },
    /// Goes on there.
    Jump { to: u16 },
    /// Computes the slot, so that it fails before anything after it.
    Touch(SlotIndex),
    /// If the slot is missing, goes to the end with that.
    Given { slot: SlotIndex, end: u16 },
}

/// What steps and operations refer to by place.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub(super) texts: Vec<Text>,
    pub(super) sets: Vec<Set>,
    pub(super) probes: Vec<Probe>,
    pub(super) products: Vec<Products>,
    pub(super) consts: Vec<crate::model::value::Value>,
    pub(super) arrays: Vec<std::sync::Arc<[crate::model::value::Value]>>,
    pub(super) lists: Vec<std::sync::Arc<str>>,
}

// === impl Target ===

impl Target {
    pub(super) const TRUE: Self = Self(u16::MAX);
    pub(super) const FALSE: Self = Self(u16::MAX - 1);
    /// How many steps a program may have.
    pub(super) const STEPS_MAX: usize = 4_096;

    /// The step of that place.
    pub(super) fn step(place: usize) -> Self {
        Self(u16::try_from(place).unwrap_or(u16::MAX))
    }

    /// Whether it is no step.
    pub(super) const fn is_end(self) -> bool {
        self.0 >= Self::FALSE.0
    }
}

// === impl Relation ===

impl Relation {
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Equal => order.is_eq(),
        }
    }
}

// === impl Set ===

impl Set {
    /// Beyond, halving finds a key sooner than looking at each.
    const SCANNED_MAX: usize = 8;

    pub(super) fn of_texts<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut texts: Vec<&str> = texts.collect();
        texts.sort_unstable();
        texts.dedup();
        let mut keys: Vec<i64> = texts.iter().map(|text| key(text)).collect();
        keys.sort_unstable();
        keys.dedup();
        let long = texts.iter().filter(|text| is_hashed(key(text)));
        Self { keys, long: long.map(|text| Text::from(*text)).collect() }
    }

    pub(super) fn of_numbers(numbers: impl Iterator<Item = i64>) -> Self {
        let mut keys: Vec<i64> = numbers.collect();
        keys.sort_unstable();
        keys.dedup();
        Self { keys, long: Vec::new() }
    }

    pub(super) fn has_key(&self, key: i64) -> bool {
        if self.keys.len() <= Self::SCANNED_MAX {
            self.keys.contains(&key)
        } else {
            self.keys.binary_search(&key).is_ok()
        }
    }

    pub(super) fn has_text(&self, text: &str) -> bool {
        self.long.binary_search_by(|known| known.as_str().cmp(text)).is_ok()
    }
}

// === impl Tables ===

/// The place of a value in a table that holds each only once.
pub(super) fn place_in<T: PartialEq>(table: &mut Vec<T>, value: T) -> u32 {
    let known = table.iter().position(|known| *known == value);
    let place = known.unwrap_or_else(|| {
        table.push(value);
        table.len() - 1
    });
    u32::try_from(place).unwrap_or(u32::MAX)
}
