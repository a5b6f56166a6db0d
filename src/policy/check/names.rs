//! The one namespace of a bundle: what each name stands for, and in which order names that read
//! others can be worked out.

use std::collections::{BTreeMap, BTreeSet};

use super::function;
use super::problem::Problems;
use crate::policy::ast::{Declarations, Expr, ExprKind, Named, Position, Spanned};

/// What a declared name stands for: the place of its declaration among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// `entity`
    Entity(usize),
    /// `const`
    Const(usize),
    /// `let`
    Let(usize),
    /// `fn`
    Helper(usize),
}

/// What every declared name stands for.
#[derive(Debug, Default)]
pub(super) struct Names<'a>(BTreeMap<&'a str, Meaning>);

/// Names that the language itself gives a meaning, functions aside.
const BUILT_IN: [&str; 3] = ["payment", "outcome", "score"];

// === impl Names ===

impl<'a> Names<'a> {
    /// Takes up every declared name; reports those that are taken, at the later declaration.
    pub(super) fn collect(declarations: &'a Declarations, problems: &mut Problems) -> Self {
        let mut all: Vec<(&'a Spanned<String>, Meaning)> = Vec::new();
        for (place, entity) in declarations.entities.iter().enumerate() {
            all.push((&entity.name, Meaning::Entity(place)));
        }
        for (place, named) in declarations.consts.iter().enumerate() {
            all.push((&named.name, Meaning::Const(place)));
        }
        for (place, named) in declarations.lets.iter().enumerate() {
            all.push((&named.name, Meaning::Let(place)));
        }
        for (place, helper) in declarations.helpers.iter().enumerate() {
            all.push((&helper.name, Meaning::Helper(place)));
        }
        all.sort_by_key(|(name, _)| &name.at);

        let mut names: BTreeMap<&'a str, Meaning> = BTreeMap::new();
        let mut places: BTreeMap<&'a str, &'a Position> = BTreeMap::new();
        for (name, meaning) in all {
            let text = name.value.as_str();
            if is_built_in(text) {
                problems
                    .error("built-in-name", &name.at, format!("`{text}` is part of the language"))
                    .under(text)
                    .expected("another name");
            } else if let Some(first) = places.get(text) {
                problems
                    .error(
                        "duplicate-name",
                        &name.at,
                        format!("`{text}` is declared before, at {}:{}", first.file, first.line),
                    )
                    .under(text)
                    .expected("a name that no `entity`, `let`, `const` or `fn` has");
            } else {
                names.insert(text, meaning);
                places.insert(text, &name.at);
            }
        }
        Self(names)
    }

    /// What a name stands for.
    pub(super) fn get(&self, name: &str) -> Option<Meaning> {
        self.0.get(name).copied()
    }

    /// The names that stand for something of a kind.
    pub(super) fn all(&self, of: fn(Meaning) -> bool) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(_, meaning)| of(**meaning)).map(|(name, _)| *name)
    }
}

/// Whether the language itself gives the name a meaning.
pub(super) fn is_built_in(name: &str) -> bool {
    BUILT_IN.contains(&name) || function::by_name(name).is_some()
}

/// The places of `named`, each after those that it reads. Names that read themselves are reported
/// and left out, and so are those that read them.
pub(super) fn in_order(
    named: &[Named],
    place_of: impl Fn(&str) -> Option<usize>,
    problems: &mut Problems,
) -> Vec<usize> {
    let reads: Vec<BTreeSet<usize>> = named
        .iter()
        .map(|one| {
            let mut places = BTreeSet::new();
            each_name(&one.value, &mut |name| places.extend(place_of(name)));
            places
        })
        .collect();
    let mut open: Vec<usize> = reads.iter().map(BTreeSet::len).collect();
    let mut readers = vec![Vec::new(); named.len()];
    for (reader, places) in reads.iter().enumerate() {
        for place in places {
            if let Some(list) = readers.get_mut(*place) {
                list.push(reader);
            }
        }
    }
    let mut ready: BTreeSet<usize> =
        open.iter().enumerate().filter(|(_, count)| **count == 0).map(|(at, _)| at).collect();
    let mut order = Vec::with_capacity(named.len());
    while let Some(place) = ready.pop_first() {
        order.push(place);
        for reader in readers.get(place).into_iter().flatten() {
            if let Some(count) = open.get_mut(*reader) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(*reader);
                }
            }
        }
    }
    let done: BTreeSet<usize> = order.iter().copied().collect();
    let stuck: BTreeSet<usize> = (0..named.len()).filter(|at| !done.contains(at)).collect();
    report_cycles(named, &reads, &stuck, problems);
    order
}

/// Every stuck name reads another stuck one, so following them from anywhere ends in a cycle.
fn report_cycles(
    named: &[Named],
    reads: &[BTreeSet<usize>],
    stuck: &BTreeSet<usize>,
    problems: &mut Problems,
) {
    let next = |place: usize| {
        reads.get(place).and_then(|places| places.iter().copied().find(|at| stuck.contains(at)))
    };
    let mut seen = BTreeSet::new();
    for start in stuck {
        let mut path = Vec::new();
        let mut here = Some(*start);
        while let Some(place) = here {
            if !seen.insert(place) {
                break;
            }
            path.push(place);
            here = next(place);
        }
        let Some(begin) = here.and_then(|end| path.iter().position(|place| *place == end)) else {
            continue;
        };
        let mut cycle = path.split_off(begin);
        let first = cycle.iter().enumerate().min_by_key(|(_, place)| **place);
        let first = first.map_or(0, |(at, _)| at);
        cycle.rotate_left(first);
        let names: Vec<&Spanned<String>> =
            cycle.iter().filter_map(|place| named.get(*place)).map(|one| &one.name).collect();
        let Some(first) = names.first() else { continue };
        let way: Vec<&str> = names.iter().chain([first]).map(|name| name.value.as_str()).collect();
        problems
            .error(
                "cycle",
                &first.at,
                format!("`{}` reads itself: {}", first.value, way.join(" → ")),
            )
            .under(&first.value)
            .expected("values that do not read themselves");
    }
}

/// Calls back with every bare name in an expression, and with the name before the first dot.
pub(super) fn each_name<'e>(expr: &'e Expr, found: &mut impl FnMut(&'e str)) {
    match &expr.kind {
        ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Text(_)
        | ExprKind::Unit
        | ExprKind::Forbidden(_) => {}
        ExprKind::Name(name) => found(name),
        ExprKind::Array(all)
        | ExprKind::And(all)
        | ExprKind::Or(all)
        | ExprKind::Coalesce(all)
        | ExprKind::Call(_, all) => all.iter().for_each(|one| each_name(one, found)),
        ExprKind::Property(inner, _) | ExprKind::Unary(_, inner) => each_name(inner, found),
        ExprKind::Method(inner, _, args) => {
            each_name(inner, found);
            args.iter().for_each(|one| each_name(one, found));
        }
        ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) | ExprKind::Range(a, b, _) => {
            each_name(a, found);
            each_name(b, found);
        }
        ExprKind::If(condition, then, otherwise) => {
            each_name(condition, found);
            each_name(then, found);
            otherwise.iter().for_each(|one| each_name(one, found));
        }
    }
}
