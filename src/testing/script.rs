//! What a test script may say. This is the whole answer to what a test can reach: the functions below
//! and plain Rhai within bounds; no clock, no file, no other test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map, NativeCallContext, Scope};

use super::blocks::unknown;
use super::world::{Handle, Reported, World};
use crate::list::ChangeKind;
use crate::model::decision::Decision;
use crate::model::outcome::OutcomeStatus;
use crate::model::value::Text;
use crate::policy::set::PolicySet;
use crate::policy::syntax::TestSource;

const OPERATIONS_MAX: u64 = 1_000_000;
const CALL_LEVELS_MAX: usize = 24;
const STRING_BYTES_MAX: usize = 100_000;
const ITEMS_MAX: usize = 100_000;
/// How many failed expectations of one test are told.
const PROBLEMS_MAX: usize = 20;
/// Whose codes a declined payment has when the test does not say.
const PROVIDER: &str = "iso8583";

/// What running a script showed.
#[derive(Debug)]
pub(super) struct Seen {
    /// What failed, in the order it happened.
    pub(super) problems: Vec<Problem>,
    /// How often `expect` was called.
    pub(super) expectations: usize,
    /// The rules that fired.
    pub(super) fired: BTreeSet<Arc<str>>,
}

/// One thing that failed.
#[derive(Debug)]
pub(super) struct Problem {
    /// Line and column, from 1; none when Rhai does not know.
    pub(super) at: Option<(u32, u32)>,
    /// What failed.
    pub(super) text: String,
    /// The last decision.
    pub(super) seen: Option<String>,
}

/// The world, and what was expected of it.
#[derive(Debug)]
struct Stage {
    world: World,
    problems: Vec<Problem>,
    expectations: usize,
}

type Shared = Arc<Mutex<Stage>>;
type ScriptResult<T> = Result<T, Box<EvalAltResult>>;

/// Runs one test in a new world.
pub(super) fn run(set: &Arc<PolicySet>, source: &TestSource) -> Seen {
    let stage = Stage { world: World::new(set), problems: Vec::new(), expectations: 0 };
    let stage = Arc::new(Mutex::new(stage));
    {
        let mut engine = engine(&stage);
        let mut scope = Scope::new();
        let mut ran = engine.run_ast_with_scope(&mut scope, &source.shared);
        if ran.is_ok() {
            show_constants(&mut engine, &scope);
            ran = engine.run_ast_with_scope(&mut scope, &source.block);
        }
        if let Err(error) = ran {
            let mut stage = stage.lock();
            let seen = stage.world.seen();
            let (at, text) = explain(*error);
            stage.problems.push(Problem { at, text, seen });
        }
        // What the script kept of the world goes with the engine and the scope.
    }
    match Arc::try_unwrap(stage) {
        Ok(stage) => {
            let Stage { world, problems, expectations } = stage.into_inner();
            Seen { problems, expectations, fired: world.into_fired() }
        }
        Err(_) => Seen { problems: Vec::new(), expectations: 0, fired: BTreeSet::new() },
    }
}

fn engine(stage: &Shared) -> Engine {
    let mut engine = Engine::new();
    engine
        .set_max_operations(OPERATIONS_MAX)
        .set_max_call_levels(CALL_LEVELS_MAX)
        .set_max_string_size(STRING_BYTES_MAX)
        .set_max_array_size(ITEMS_MAX)
        .set_max_map_size(ITEMS_MAX)
        .set_fail_on_invalid_map_property(true)
        .disable_symbol("eval")
        .on_print(|_| {})
        .on_debug(|_, _, _| {});
    register_world(&mut engine, stage);
    register_handle(&mut engine, stage);
    register_decision(&mut engine);
    register_expect(&mut engine, stage);
    engine
}

/// Lets the functions of the file read its constants, as helpers read those of a policy: Rhai's own see
/// nothing around them.
fn show_constants(engine: &mut Engine, scope: &Scope<'_>) {
    let constants: BTreeMap<String, Dynamic> = scope
        .iter()
        .filter(|(_, is_constant, _)| *is_constant)
        .map(|(name, _, value)| (name.to_owned(), value))
        .collect();
    #[expect(deprecated, reason = "unstable, so a test holds it")]
    engine.on_var(move |name, offset, context| {
        // A local of the same name has an offset, or is found in the scope.
        let is_local = offset != 0 || context.scope().contains(name);
        Ok(if is_local { None } else { constants.get(name).cloned() })
    });
}

/// Calls the world with the lock held for this one call.
fn with<T>(stage: &Shared, act: impl FnOnce(&mut World) -> Result<T, String>) -> ScriptResult<T> {
    act(&mut stage.lock().world).map_err(Into::into)
}

fn register_world(engine: &mut Engine, stage: &Shared) {
    let at = Arc::clone(stage);
    engine.register_fn("pay", move |map: Map| with(&at, |world| world.score(map)));
    let at = Arc::clone(stage);
    engine.register_fn("score", move |map: Map| {
        with(&at, |world| world.score(map)).map(|handle| handle.decision)
    });
    let at = Arc::clone(stage);
    engine.register_fn("record", move |name: &str, map: Map| {
        with(&at, |world| world.record(name, map))
    });
    let at = Arc::clone(stage);
    engine.register_fn("advance", move |span: &str| with(&at, |world| world.advance(span)));
    let at = Arc::clone(stage);
    engine.register_fn("at", move |time: &str| with(&at, |world| world.go_to(time)));
    let at = Arc::clone(stage);
    engine.register_fn("ago", move |span: &str| with(&at, |world| world.ago(span)));
    let at = Arc::clone(stage);
    engine.register_fn("list_add", move |list: &str, value: &str| {
        let kind = ChangeKind::Add { expires_at: None, reason: None };
        with(&at, |world| world.change_list(list, value, kind))
    });
    let at = Arc::clone(stage);
    engine.register_fn("list_remove", move |list: &str, value: &str| {
        let kind = ChangeKind::Remove { reason: None };
        with(&at, |world| world.change_list(list, value, kind))
    });
}

fn register_handle(engine: &mut Engine, stage: &Shared) {
    engine.register_type_with_name::<Handle>("payment");
    engine.register_get("decision", |handle: &mut Handle| Arc::clone(&handle.decision));
    for (name, status) in [
        ("authorized", OutcomeStatus::Authorized),
        ("captured", OutcomeStatus::Captured),
        ("timed_out", OutcomeStatus::TimedOut),
        ("pending", OutcomeStatus::Pending),
        ("canceled", OutcomeStatus::Canceled),
        ("expired", OutcomeStatus::Expired),
        ("refunded", OutcomeStatus::Refunded),
    ] {
        let at = Arc::clone(stage);
        engine.register_fn(name, move |handle: &mut Handle| {
            report(&at, handle, Reported::of(status))
        });
    }
    for (name, status) in
        [("captured", OutcomeStatus::Captured), ("refunded", OutcomeStatus::Refunded)]
    {
        let at = Arc::clone(stage);
        engine.register_fn(name, move |handle: &mut Handle, amount: i64| {
            report(&at, handle, Reported { amount: Some(amount), ..Reported::of(status) })
        });
    }
    for (name, status) in [("declined", OutcomeStatus::Declined), ("failed", OutcomeStatus::Failed)]
    {
        register_coded(engine, stage, name, status);
    }
    for name in ["disputed", "fraud"] {
        let at = Arc::clone(stage);
        engine.register_fn(name, move |handle: &mut Handle| {
            with(&at, |world| world.record_about(handle, name))?;
            Ok::<_, Box<EvalAltResult>>(handle.clone())
        });
    }
}

/// `p.declined(code[, provider])` and its like.
fn register_coded(engine: &mut Engine, stage: &Shared, name: &str, status: OutcomeStatus) {
    let coded = move |stage: &Shared, handle: &mut Handle, code: &str, provider: &str| {
        let (code, provider) = (Some(Text::from(code)), Some(Text::from(provider)));
        report(stage, handle, Reported { code, provider, ..Reported::of(status) })
    };
    let at = Arc::clone(stage);
    engine.register_fn(name, move |handle: &mut Handle, code: &str| {
        coded(&at, handle, code, PROVIDER)
    });
    let at = Arc::clone(stage);
    engine.register_fn(name, move |handle: &mut Handle, code: &str, provider: &str| {
        coded(&at, handle, code, provider)
    });
}

fn report(stage: &Shared, handle: &Handle, reported: Reported) -> ScriptResult<Handle> {
    with(stage, |world| world.report(handle, reported))?;
    Ok(handle.clone())
}

/// What a test may ask of a decision.
const DECISION: [&str; 11] = [
    "verdict",
    "review",
    "score",
    "reasons",
    "fired",
    "next_step",
    "challenge",
    "shadow",
    "exempted",
    "errors",
    "message",
];

fn register_decision(engine: &mut Engine) {
    type Seen = Arc<Decision>;
    engine.register_type_with_name::<Seen>("decision");
    engine.register_get("verdict", |decision: &mut Seen| decision.evaluation.verdict.name());
    engine.register_get("review", |decision: &mut Seen| decision.evaluation.review);
    engine.register_get("score", |decision: &mut Seen| decision.evaluation.score);
    engine.register_get("next_step", |decision: &mut Seen| decision.next_step.name());
    engine.register_get("reasons", |decision: &mut Seen| {
        texts(decision.evaluation.reasons.iter().map(|reason| &*reason.code))
    });
    engine.register_get("fired", |decision: &mut Seen| {
        texts(decision.evaluation.fired.iter().map(|rule| &**rule))
    });
    engine.register_get("challenge", |decision: &mut Seen| {
        texts(decision.evaluation.challenge.iter().map(Text::as_str))
    });
    engine.register_get("shadow", |decision: &mut Seen| {
        texts(decision.evaluation.shadow.iter().map(|hit| &*hit.rule))
    });
    engine.register_get("exempted", |decision: &mut Seen| {
        texts(decision.evaluation.exempted.iter().map(|rule| &**rule))
    });
    engine.register_get("errors", |decision: &mut Seen| {
        texts(decision.evaluation.errors.iter().map(|error| &*error.rule))
    });
    engine.register_get("message", |decision: &mut Seen| {
        decision
            .customer_message
            .as_deref()
            .map_or(Dynamic::UNIT, |text| Dynamic::from(text.to_owned()))
    });
}

fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Array {
    texts.map(|text| Dynamic::from(ImmutableString::from(text))).collect()
}

fn register_expect(engine: &mut Engine, stage: &Shared) {
    let at = Arc::clone(stage);
    engine.register_fn("expect", move |context: NativeCallContext<'_>, holds: bool| {
        expect(&at, &context, holds, None)
    });
    let at = Arc::clone(stage);
    engine.register_fn("expect", move |context: NativeCallContext<'_>, holds: bool, text: &str| {
        expect(&at, &context, holds, Some(text))
    });
}

/// Notes a failed expectation and goes on, so that one run tells all of them.
fn expect(
    stage: &Shared,
    context: &NativeCallContext<'_>,
    holds: bool,
    text: Option<&str>,
) -> ScriptResult<()> {
    let mut stage = stage.lock();
    stage.expectations += 1;
    if holds {
        return Ok(());
    }
    if stage.problems.len() >= PROBLEMS_MAX {
        return Err(format!("more than {PROBLEMS_MAX} expectations failed").into());
    }
    let seen = stage.world.seen();
    let text = text.map_or_else(
        || "this was expected to be true".to_owned(),
        |text| format!("expected: {text}"),
    );
    stage.problems.push(Problem { at: place(context.call_position()), text, seen });
    Ok(())
}

fn place(position: rhai::Position) -> Option<(u32, u32)> {
    let line = position.line().and_then(|line| u32::try_from(line).ok())?;
    let column = position.position().and_then(|column| u32::try_from(column).ok());
    Some((line, column.unwrap_or(1)))
}

/// Where a script stopped, and why, in the words of its author.
#[expect(clippy::wildcard_enum_match_arm, reason = "Rhai says the rest well enough itself")]
fn explain(error: EvalAltResult) -> (Option<(u32, u32)>, String) {
    let at = place(error.position());
    match error {
        // The place in the helper is where it went wrong; the call only led there.
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => {
            let (inner_at, text) = explain(*inner);
            (inner_at.or(at), text)
        }
        EvalAltResult::ErrorRuntime(value, _) => (at, value.to_string()),
        EvalAltResult::ErrorTooManyOperations(_) => {
            (at, format!("a test may take at most {OPERATIONS_MAX} operations"))
        }
        EvalAltResult::ErrorDotExpr(text, _) if text.contains("decision") => {
            (at, unknown("part of a decision", quoted(&text), DECISION))
        }
        mut error => {
            error.set_position(rhai::Position::NONE);
            (at, error.to_string())
        }
    }
}

/// The first name that a message of Rhai's has in quotes.
fn quoted(text: &str) -> &str {
    text.split('\'').nth(1).unwrap_or(text)
}
