//! Helpers that have loops or locals: Rhai runs them, within bounds.
//!
//! Everything else is evaluated by us; Rhai never sees a payment, a feature or a rule.

use std::sync::Arc;

use jiff::tz::TimeZone;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage,
    BasicStringPackage, LogicPackage, MoreStringPackage, Package as _,
};
use rhai::{AST, CallFnOptions, Dynamic, Engine, EvalAltResult, NativeCallContext, Scope};

use crate::model::time::Timestamp;
use crate::model::value::Text;
use crate::policy::interpret::functions::{self, Clock};
use crate::policy::interpret::operand::{Evaluated, Operand, finite};
use crate::policy::interpret::{EvalError, Lists, TEXT_BYTES_MAX};
use crate::policy::ir::{Expr, Function};
use crate::policy::set::HelperDef;

/// How many operations one call of a helper may take.
const OPERATIONS_MAX: u64 = 10_000;
/// How many elements an array may have.
const ARRAY_LEN_MAX: usize = 1_000;
/// How many entries a map may have.
const MAP_LEN_MAX: usize = 1_000;
/// How deep helpers may call each other.
const CALL_LEVELS_MAX: usize = 16;
/// How deep an expression may be.
const EXPR_DEPTH_MAX: usize = 64;
/// How many variables a helper may have at a time.
const VARIABLES_MAX: usize = 100;

/// Helpers that Rhai runs.
#[derive(Clone, Debug)]
pub struct Scripts {
    ast: AST,
    engine: Arc<Engine>,
}

/// What a helper sees beside its arguments; Rhai keeps it while the helper runs, so it owns all it
/// has.
#[derive(Debug)]
struct Scene {
    now: Timestamp,
    zone: TimeZone,
    lists: Arc<dyn Lists>,
    constants: Vec<(Arc<str>, Dynamic)>,
}

/// A list in a helper.
#[derive(Clone, Debug)]
struct ListName(Arc<str>);

type Native<T> = Result<T, Box<EvalAltResult>>;

// === impl Scripts ===

impl Scripts {
    /// The helpers of that tree, which has functions only.
    pub fn new(ast: AST) -> Self {
        Self { ast, engine: Arc::new(engine()) }
    }

    /// The helpers.
    pub const fn ast(&self) -> &AST {
        &self.ast
    }

    /// Runs a helper with arguments that are present.
    ///
    /// # Errors
    /// [`EvalError::Helper`] when it fails, runs out of its bounds, or gives something that is no
    /// value of the language.
    pub(crate) fn call<'a>(
        &self,
        helper: &HelperDef,
        args: &[Operand<'a>],
        clock: Clock<'_>,
        lists: &dyn Lists,
    ) -> Evaluated<'a> {
        let scene = Scene {
            now: clock.now,
            zone: clock.zone.clone(),
            lists: lists.to_shared(),
            constants: helper.constants.iter().filter_map(constant).collect(),
        };
        let options = CallFnOptions::new().eval_ast(false).with_tag(Arc::new(scene));
        let args: Vec<Dynamic> = args.iter().map(dynamic_of).collect();
        let failed = |problem: String| {
            Box::new(EvalError::Helper { helper: helper.name.to_string(), problem })
        };
        let result: Dynamic = self
            .engine
            .call_fn_with_options(options, &mut Scope::new(), &self.ast, &helper.name, args)
            .map_err(|error| failed(error.unwrap_inner().to_string()))?;
        operand_of(result).map_err(failed)
    }
}

impl Default for Scripts {
    fn default() -> Self {
        Self::new(AST::empty())
    }
}

/// A constant as Rhai has it.
fn constant((name, value): &(Arc<str>, Expr)) -> Option<(Arc<str>, Dynamic)> {
    let operand = if let Expr::Const(value) = value {
        Operand::of(value)
    } else if let Expr::Array(values) = value {
        Operand::Array(values)
    } else {
        return None;
    };
    Some((Arc::clone(name), dynamic_of(&operand)))
}

/// An engine that starts from nothing and adds what a helper may do, so that this function and
/// [`register`] are the whole answer to what a helper can reach.
fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    engine
        .set_max_operations(OPERATIONS_MAX)
        .set_max_call_levels(CALL_LEVELS_MAX)
        .set_max_expr_depths(EXPR_DEPTH_MAX, EXPR_DEPTH_MAX)
        .set_max_variables(VARIABLES_MAX)
        .set_max_string_size(TEXT_BYTES_MAX)
        .set_max_array_size(ARRAY_LEN_MAX)
        .set_max_map_size(MAP_LEN_MAX)
        // The interner is one lock for all threads.
        .set_max_strings_interned(0)
        .disable_symbol("eval")
        .disable_symbol("print")
        .disable_symbol("debug");
    register(&mut engine);
    // Rhai's functions see nothing around them, so constants are given to them by name.
    #[expect(deprecated, reason = "unstable, so a test holds it")]
    engine.on_var(|name, offset, context| {
        // A local of the same name has an offset, or is found in the scope.
        if offset != 0 || context.scope().contains(name) {
            return Ok(None);
        }
        let scene = scene(Some(context.tag()))?;
        Ok(scene
            .constants
            .iter()
            .find(|(known, _)| known.as_ref() == name)
            .map(|(_, value)| value.clone()))
    });
    engine
}

/// The functions of the language that Rhai does not have.
fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Timestamp>("time")
        .register_type_with_name::<ListName>("list")
        .register_fn("==", |left: Timestamp, right: Timestamp| left == right)
        .register_fn("!=", |left: Timestamp, right: Timestamp| left != right)
        .register_fn("<", |left: Timestamp, right: Timestamp| left < right)
        .register_fn("<=", |left: Timestamp, right: Timestamp| left <= right)
        .register_fn(">", |left: Timestamp, right: Timestamp| left > right)
        .register_fn(">=", |left: Timestamp, right: Timestamp| left >= right)
        .register_fn("age", |context: NativeCallContext<'_>, at: Timestamp| {
            of_time(Function::Age, &context, at)
        })
        .register_fn("hour", |context: NativeCallContext<'_>, at: Timestamp| {
            of_time(Function::Hour, &context, at)
        })
        .register_fn("weekday", |context: NativeCallContext<'_>, at: Timestamp| {
            of_time(Function::Weekday, &context, at)
        })
        .register_fn(
            "distance_km",
            |context: NativeCallContext<'_>, a: Dynamic, b: Dynamic, c: Dynamic, d: Dynamic| {
                of_values(Function::DistanceKm, &context, [a, b, c, d])
            },
        )
        .register_fn("ratio", |context: NativeCallContext<'_>, a: Dynamic, b: Dynamic| {
            of_values(Function::Ratio, &context, [a, b])
        })
        .register_fn("is_missing", |value: Dynamic| value.is_unit())
        .register_fn("list", |name: &str| ListName(Arc::from(name)))
        .register_fn(
            "contains",
            |context: NativeCallContext<'_>, list: ListName, value: &str| -> Native<bool> {
                let scene = scene(context.tag())?;
                Ok(scene.lists.contains(&list.0, value, scene.now))
            },
        );
}

/// Calls a function over one instant.
fn of_time(function: Function, context: &NativeCallContext<'_>, at: Timestamp) -> Native<Dynamic> {
    let scene = scene(context.tag())?;
    let clock = Clock { now: scene.now, zone: &scene.zone };
    result_of(functions::call(function, &[Operand::Time(at)], clock))
}

/// Calls a function over numbers.
fn of_values<const N: usize>(
    function: Function,
    context: &NativeCallContext<'_>,
    args: [Dynamic; N],
) -> Native<Dynamic> {
    let scene = scene(context.tag())?;
    let clock = Clock { now: scene.now, zone: &scene.zone };
    let mut operands = [const { Operand::Missing }; N];
    for (operand, arg) in operands.iter_mut().zip(args) {
        *operand = operand_of(arg)?;
    }
    result_of(functions::call(function, &operands, clock))
}

/// The scene that the caller of the helper has set.
fn scene(tag: Option<&Dynamic>) -> Native<Arc<Scene>> {
    tag.and_then(|tag| tag.clone().try_cast::<Arc<Scene>>())
        .ok_or_else(|| "the helper was called without facts".into())
}

fn result_of(result: Evaluated<'_>) -> Native<Dynamic> {
    match result {
        Ok(operand) => Ok(dynamic_of(&operand)),
        Err(problem) => Err(problem.to_string().into()),
    }
}

/// A value as Rhai has it; an absent one is `()`.
fn dynamic_of(operand: &Operand<'_>) -> Dynamic {
    match operand {
        Operand::Missing | Operand::Unknown => Dynamic::UNIT,
        Operand::Bool(truth) => Dynamic::from(*truth),
        Operand::Int(number) => Dynamic::from(*number),
        Operand::Float(number) => Dynamic::from(*number),
        Operand::Time(at) => Dynamic::from(*at),
        Operand::Text(text) => Dynamic::from((*text).to_owned()),
        Operand::Made(text) => Dynamic::from(text.as_str().to_owned()),
        Operand::Texts(texts) => Dynamic::from_array(
            texts.iter().map(|text| Dynamic::from(text.as_str().to_owned())).collect(),
        ),
        Operand::Array(values) => Dynamic::from_array(
            values.iter().map(|value| dynamic_of(&Operand::of(value))).collect(),
        ),
        Operand::List(name) => Dynamic::from(ListName(Arc::clone(name))),
    }
}

/// What Rhai gave, as a value of the language; `()` is missing.
fn operand_of<'a>(value: Dynamic) -> Result<Operand<'a>, String> {
    if value.is_unit() {
        return Ok(Operand::Missing);
    }
    if let Ok(truth) = value.as_bool() {
        return Ok(Operand::Bool(truth));
    }
    if let Ok(number) = value.as_int() {
        return Ok(Operand::Int(number));
    }
    if let Ok(number) = value.as_float() {
        return finite(number).map_err(|error| error.to_string());
    }
    if let Some(at) = value.clone().try_cast::<Timestamp>() {
        return Ok(Operand::Time(at));
    }
    let type_name = value.type_name();
    match value.into_immutable_string() {
        Ok(text) => Ok(Operand::Made(Text::from(text.as_str()))),
        Err(_) => Err(format!("`{type_name}` is not a value of a policy")),
    }
}
