//! The functions of the language: their names, how many arguments they take, and of which types.

use super::types::{Class, Type};
use crate::policy::ir::Function;

/// A function that policies can call by name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Callable {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) kind: Kind,
    /// The least number of arguments.
    pub(super) least: usize,
    /// The greatest number of arguments.
    pub(super) most: usize,
}

/// What a name in front of parentheses stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A function over values.
    Plain(Function),
    /// `is_missing(x)`, which alone sees that a value is missing.
    IsMissing,
    /// `list("name")`
    List,
}

/// An argument of the wrong type: its place, and what was expected there.
pub(super) type WrongArgument = (usize, &'static str);

const fn plain(name: &'static str, function: Function, least: usize, most: usize) -> Callable {
    Callable { name, kind: Kind::Plain(function), least, most }
}

/// Every function of the language.
pub(super) const ALL: [Callable; 17] = [
    plain("age", Function::Age, 1, 1),
    plain("hour", Function::Hour, 1, 1),
    plain("weekday", Function::Weekday, 1, 1),
    plain("distance_km", Function::DistanceKm, 4, 4),
    plain("ratio", Function::Ratio, 2, 2),
    Callable { name: "list", kind: Kind::List, least: 1, most: 1 },
    Callable { name: "is_missing", kind: Kind::IsMissing, least: 1, most: 1 },
    plain("min", Function::Min, 2, 2),
    plain("max", Function::Max, 2, 2),
    plain("abs", Function::Abs, 1, 1),
    plain("starts_with", Function::StartsWith, 2, 2),
    plain("ends_with", Function::EndsWith, 2, 2),
    plain("contains", Function::Contains, 2, 2),
    plain("to_lower", Function::ToLower, 1, 1),
    plain("to_upper", Function::ToUpper, 1, 1),
    plain("len", Function::Len, 1, 1),
    plain("sub_string", Function::SubString, 2, 3),
];

/// What a helper that Rhai runs may do besides, with the strings, arrays and numbers it has made.
pub(super) const OF_SCRIPTS: [&str; 22] = [
    "ceiling",
    "chars",
    "clear",
    "floor",
    "get",
    "index_of",
    "insert",
    "is_empty",
    "parse_float",
    "parse_int",
    "pop",
    "push",
    "range",
    "remove",
    "replace",
    "reverse",
    "round",
    "split",
    "to_float",
    "to_int",
    "to_string",
    "trim",
];

/// The function of that name.
pub(super) fn by_name(name: &str) -> Option<Callable> {
    ALL.into_iter().find(|callable| callable.name == name)
}

/// The name of a function.
pub(super) fn name_of(function: Function) -> &'static str {
    ALL.into_iter()
        .find(|callable| callable.kind == Kind::Plain(function))
        .map_or("", |callable| callable.name)
}

/// The type that a function gives for arguments of these types; their number is right.
///
/// # Errors
/// The first argument of a wrong type.
pub(super) fn result_type(function: Function, args: &[Type]) -> Result<Type, WrongArgument> {
    let all = |fits: fn(Type) -> bool, expected| match args.iter().position(|arg| !fits(*arg)) {
        Some(place) => Err((place, expected)),
        None => Ok(()),
    };
    match function {
        Function::Age | Function::Hour | Function::Weekday => {
            all(Type::may_be_time, "time")?;
            Ok(Type::Int)
        }
        Function::DistanceKm | Function::Ratio => {
            all(Type::may_be_number, "number")?;
            Ok(Type::Float)
        }
        Function::Min | Function::Max => extreme(args),
        Function::Abs => {
            all(Type::may_be_number, "number")?;
            Ok(args.first().map_or(Type::Broken, |arg| arg.arithmetic(*arg)))
        }
        Function::StartsWith | Function::EndsWith | Function::Contains => {
            all(Type::may_be_text, "string")?;
            Ok(Type::Bool)
        }
        Function::ToLower | Function::ToUpper => {
            all(Type::may_be_text, "string")?;
            Ok(Type::Text)
        }
        Function::Len => {
            all(Type::may_be_text, "string")?;
            Ok(Type::Int)
        }
        Function::SubString => {
            for (place, arg) in args.iter().enumerate() {
                match place {
                    0 if !arg.may_be_text() => return Err((0, "string")),
                    1.. if *arg != Type::Int && !arg.is_open() => return Err((place, "int")),
                    _ => {}
                }
            }
            Ok(Type::Text)
        }
    }
}

/// The lesser or greater of two values that can be ordered; of an integer and a float it is a float.
fn extreme(args: &[Type]) -> Result<Type, WrongArgument> {
    let (Some(first), Some(second)) = (args.first().copied(), args.get(1).copied()) else {
        return Ok(Type::Broken);
    };
    for (place, arg) in [first, second].into_iter().enumerate() {
        if arg == Type::Bool || !arg.is_scalar() {
            return Err((place, "number, time or string"));
        }
    }
    if !first.is_comparable_with(second) {
        return Err((1, first.name()));
    }
    Ok(match (first.class(), second.class()) {
        (Some(Class::Number), Some(Class::Number)) if first != second => first.arithmetic(second),
        (Some(_), Some(_)) => first,
        _ if first == Type::Broken || second == Type::Broken => Type::Broken,
        _ => Type::Any,
    })
}
