//! `let`s and rules: conditions, actions, and which rules read the score.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::known::{Known, LetFacts, Reads};
use super::lower::{Lowerer, Scope, width_of};
use super::names::{self, Meaning};
use super::problem::Problems;
use super::types::Type;
use crate::model::value::{Text, Value};
use crate::model::verdict::OnError;
use crate::policy::ast::{Action, Expr as Written, Rule, Spanned};
use crate::policy::diagnostic::nearest;
use crate::policy::interpret::DEPTH_MAX;
use crate::policy::ir::{Expr, LetIndex};
use crate::policy::set::{ActionDef, LetDef, RuleDef};

/// The verbs of actions, and how they are called.
const VERBS: [(&str, &str); 5] = [
    ("allow", "allow(\"CODE\")"),
    ("review", "review(\"CODE\")"),
    ("challenge", "challenge(\"CODE\", \"3ds\")"),
    ("block", "block(\"CODE\")"),
    ("score", "score(30, \"CODE\")"),
];

/// How deep the expressions of a `let` and of those that it reads may stand within each other. With a
/// condition and a helper on top it stays below what the interpreter takes.
const LET_DEPTH_MAX: u32 = DEPTH_MAX.div_ceil(2);

/// A rule that was checked, and what it reads.
#[derive(Debug)]
pub(super) struct CheckedRule<'a> {
    /// The rule.
    pub(super) def: RuleDef,
    /// What its condition reads, itself or through `let`s.
    pub(super) reads: Reads<'a>,
}

/// Checks every `let`, each after those that it reads, and makes it known.
pub(super) fn lets<'a>(
    known: &mut Known<'a>,
    used: &mut BTreeSet<&'a str>,
    problems: &mut Problems,
) -> Vec<LetDef> {
    let lets = &known.declarations.lets;
    known.lets = vec![None; lets.len()];
    let names = &known.names;
    let place_of = |name: &str| match names.get(name) {
        Some(Meaning::Let(place)) => Some(place),
        Some(Meaning::Entity(_) | Meaning::Const(_) | Meaning::Helper(_)) | None => None,
    };
    let mut defs = Vec::with_capacity(lets.len());
    let mut depths = Vec::with_capacity(lets.len());
    for named in lets {
        names::each_name(&named.value, &mut |name| used.extend([name]));
    }
    for place in names::in_order(lets, place_of, problems) {
        let Some(named) = lets.get(place) else { continue };
        let mut lowerer = Lowerer::new(known, Scope::Decision);
        let typed = lowerer.value(&named.value);
        let (found, reads) = lowerer.finish();
        problems.extend(found);
        used.extend(&reads.names);
        let index = LetIndex(u32::try_from(defs.len()).unwrap_or(u32::MAX));
        let depth = depth_of(&typed.expr, &depths);
        if depth > LET_DEPTH_MAX {
            let name = &named.name.value;
            problems
                .error("too-deep", &named.name.at, format!("`{name}` stands on too many others"))
                .under(name)
                .expected(format!(
                    "at most {LET_DEPTH_MAX} expressions within each other, those of other `let`s included"
                ));
        }
        // A tower that is too high is reported once, not at each floor from there.
        depths.push(if depth > LET_DEPTH_MAX { 0 } else { depth });
        defs.push(LetDef {
            name: Arc::from(named.name.value.as_str()),
            value: typed.expr,
            reads_score: reads.score,
        });
        if typed.ty != Type::Broken
            && let Some(slot) = known.lets.get_mut(place)
        {
            let amount_in_base = typed.amount.map(|amount| amount.in_base);
            let (ty, origin) = (typed.ty, typed.origin);
            *slot = Some(LetFacts { index, ty, origin, amount_in_base, reads });
        }
    }
    defs
}

/// How deep an expression is, with the `let`s that it reads, whose depths are given.
fn depth_of(expr: &Expr, lets: &[u32]) -> u32 {
    let deepest = |all: &[Expr]| all.iter().map(|one| depth_of(one, lets)).max().unwrap_or(0);
    let inner = match expr {
        Expr::Const(_)
        | Expr::Array(_)
        | Expr::Field(_)
        | Expr::Attribute(_)
        | Expr::Feature(_)
        | Expr::Param(_)
        | Expr::Score
        | Expr::List(_) => return 0,
        Expr::Let(index) => {
            usize::try_from(index.0).ok().and_then(|place| lets.get(place)).copied().unwrap_or(0)
        }
        Expr::Unary(_, a, _) | Expr::IsMissing(a) => depth_of(a, lets),
        Expr::Binary(_, a, b, _) => depth_of(a, lets).max(depth_of(b, lets)),
        Expr::InRange(a, b, c, ..) | Expr::If(a, b, c) => {
            depth_of(a, lets).max(depth_of(b, lets)).max(depth_of(c, lets))
        }
        Expr::And(all) | Expr::Or(all) | Expr::Coalesce(all) => deepest(all),
        Expr::Call(_, args, _) | Expr::Helper(_, args, _) => deepest(args),
    };
    inner.saturating_add(1)
}

/// Checks every rule, in order of file and line.
pub(super) fn rules<'a>(
    known: &Known<'a>,
    used: &mut BTreeSet<&'a str>,
    problems: &mut Problems,
) -> Vec<CheckedRule<'a>> {
    let mut written: Vec<&'a Rule> = known.declarations.rules.iter().collect();
    written.sort_by_key(|rule| &rule.name.at);
    let mut places: BTreeMap<&str, &'a Rule> = BTreeMap::new();
    let mut checked = Vec::with_capacity(written.len());
    for rule in written {
        let name = rule.name.value.as_str();
        if name.trim().is_empty() {
            problems
                .error("empty-name", &rule.name.at, "a rule needs a name")
                .wide(name.chars().count() + 2)
                .expected("`rule \"what it catches\"`");
        } else if let Some(first) = places.get(name) {
            let at = &first.name.at;
            problems
                .error(
                    "duplicate-rule",
                    &rule.name.at,
                    format!("rule `{name}` is declared before, at {}:{}", at.file, at.line),
                )
                .wide(name.chars().count() + 2)
                .expected("a name that no other rule has");
        } else {
            places.insert(name, rule);
        }
        let mut lowerer = Lowerer::new(known, Scope::Decision);
        let when = lowerer.condition(&rule.when, "the condition after `when`");
        let (found, reads) = lowerer.finish();
        problems.extend(found);
        let actor = Actor {
            kind: "rule",
            name: &rule.name,
            always: rule.always,
            reads_score: reads.score,
            actions: &rule.actions,
        };
        let actions = actions(known, actor, used, problems);
        used.extend(&reads.names);
        let on_error = rule
            .on_error
            .unwrap_or_else(|| known.bundle.map_or(OnError::Skip, |bundle| bundle.on_error));
        let def = RuleDef {
            name: Arc::from(name),
            at: rule.name.at.clone(),
            mode: rule.mode,
            always: rule.always,
            on_error,
            when: when.expr,
            reads_score: reads.score,
            actions_written: actions.iter().map(written_action).collect(),
            actions,
        };
        checked.push(CheckedRule { def, reads });
    }
    checked
}

/// Something that acts when it fires: a rule or a limit.
#[derive(Clone, Copy)]
pub(super) struct Actor<'a> {
    /// "rule" or "limit"
    pub(super) kind: &'static str,
    /// Its name.
    pub(super) name: &'a Spanned<String>,
    /// Whether an `allow` leaves it in force.
    pub(super) always: bool,
    /// Whether its condition reads the score.
    pub(super) reads_score: bool,
    /// Its actions as written.
    pub(super) actions: &'a [Action],
}

/// Checks the actions of a rule or a limit.
pub(super) fn actions<'a>(
    known: &Known<'a>,
    actor: Actor<'a>,
    used: &mut BTreeSet<&'a str>,
    problems: &mut Problems,
) -> Vec<ActionDef> {
    let mut defs = Vec::with_capacity(actor.actions.len());
    for action in actor.actions {
        let verb = &action.verb;
        let Some(def) = checked_action(known, action, used, problems) else { continue };
        if matches!(def, ActionDef::Score(..)) && actor.reads_score {
            problems
                .error(
                    "score-reads-and-adds",
                    &verb.at,
                    format!("{} `{}` reads `score` and adds to it", actor.kind, actor.name.value),
                )
                .under(&verb.value)
                .expected("another action, or a condition that does not read `score`");
        }
        if defs.contains(&def) {
            problems
                .error(
                    "repeated-action",
                    &verb.at,
                    format!("`{}` stands here twice", written_action(&def)),
                )
                .under(&verb.value);
        } else {
            defs.push(def);
        }
    }
    let stops = |def: &ActionDef| matches!(def, ActionDef::Block(_) | ActionDef::Challenge(..));
    if !actor.always
        && defs.iter().any(|def| matches!(def, ActionDef::Allow(_)))
        && defs.iter().any(stops)
    {
        problems
            .warn(
                "contradicting-actions",
                &actor.name.at,
                format!(
                    "{} `{}` allows, which sets its other actions aside",
                    actor.kind, actor.name.value
                ),
            )
            .wide(actor.name.value.chars().count() + 2)
            .expected("`allow` in a rule of its own, or `always`");
    }
    defs
}

fn checked_action<'a>(
    known: &Known<'a>,
    action: &'a Action,
    used: &mut BTreeSet<&'a str>,
    problems: &mut Problems,
) -> Option<ActionDef> {
    let verb = &action.verb;
    let Some((_, usage)) = VERBS.into_iter().find(|(name, _)| *name == verb.value) else {
        let names = || VERBS.into_iter().map(|(name, _)| name);
        problems
            .error("unknown-action", &verb.at, format!("`{}` is no action", verb.value))
            .under(&verb.value)
            .expected(format!("one of {}", names().collect::<Vec<_>>().join(", ")))
            .suggest(nearest(&verb.value, names()));
        return None;
    };
    let (points, rest) = match (verb.value.as_str(), action.args.as_slice()) {
        ("score", [points, rest @ ..]) => (Some(points), rest),
        (_, rest) => (None, rest),
    };
    let count_fits = match verb.value.as_str() {
        "challenge" => !rest.is_empty(),
        "score" => points.is_some() && rest.len() == 1,
        _ => rest.len() == 1,
    };
    if !count_fits {
        problems
            .error(
                "wrong-action-arguments",
                &verb.at,
                format!("wrong number of arguments for `{}`: {}", verb.value, action.args.len()),
            )
            .under(&verb.value)
            .expected(format!("`{usage}`"));
        return None;
    }
    let mut constants = Constants { known, used, problems, verb, usage };
    let points = points.map(|points| constants.points(points));
    let (first, methods) = rest.split_first()?;
    let code = constants.code(first);
    let methods: Option<Vec<Text>> =
        methods.iter().map(|method| constants.text(method, "method")).collect();
    let code: Arc<str> = code?;
    Some(match verb.value.as_str() {
        "allow" => ActionDef::Allow(code),
        "review" => ActionDef::Review(code),
        "block" => ActionDef::Block(code),
        "challenge" => ActionDef::Challenge(code, methods?),
        _ => ActionDef::Score(points??, code),
    })
}

/// Reads the constant arguments of one action.
struct Constants<'c, 'a> {
    known: &'c Known<'a>,
    used: &'c mut BTreeSet<&'a str>,
    problems: &'c mut Problems,
    verb: &'a Spanned<String>,
    usage: &'static str,
}

impl<'a> Constants<'_, 'a> {
    fn value(&mut self, written: &'a Written) -> Option<Value> {
        let mut lowerer = Lowerer::new(self.known, Scope::Constant);
        let typed = lowerer.any(written);
        let (found, reads) = lowerer.finish();
        self.problems.extend(found);
        self.used.extend(reads.names);
        if typed.ty == Type::Broken {
            return None;
        }
        Some(if let Expr::Const(value) = typed.expr { value } else { Value::Missing })
    }

    fn text(&mut self, written: &'a Written, what: &str) -> Option<Text> {
        let value = self.value(written)?;
        let text = value.as_text().filter(|text| !text.is_empty()).map(Text::from);
        if text.is_none() {
            let message = format!("the {what} of `{}` must be a string", self.verb.value);
            self.wrong(written, message);
        }
        text
    }

    fn wrong(&mut self, written: &Written, message: String) {
        self.problems
            .error("wrong-action-arguments", &written.at, message)
            .wide(width_of(written))
            .expected(format!("`{}`", self.usage));
    }

    fn code(&mut self, written: &'a Written) -> Option<Arc<str>> {
        let code = self.text(written, "reason code")?;
        if let Some(bundle) = self.known.bundle
            && !bundle.reasons.contains_key(code.as_str())
        {
            self.problems
                .error("unknown-reason", &written.at, format!("`{code}` is not in `reasons.toml`"))
                .wide(width_of(written))
                .expected("a code that `reasons.toml` has a table for")
                .suggest(nearest(&code, bundle.reasons.keys().map(AsRef::as_ref)));
            return None;
        }
        Some(Arc::from(code.as_str()))
    }

    fn points(&mut self, written: &'a Written) -> Option<i64> {
        let points = self.value(written)?.as_int();
        if points.is_none() {
            self.wrong(written, "the points of `score` must be an integer".to_owned());
        }
        points
    }
}

/// An action as policies write it.
pub(super) fn written_action(action: &ActionDef) -> Arc<str> {
    let text = match action {
        ActionDef::Allow(code) => format!("allow(\"{code}\")"),
        ActionDef::Review(code) => format!("review(\"{code}\")"),
        ActionDef::Block(code) => format!("block(\"{code}\")"),
        ActionDef::Score(points, code) => format!("score({points}, \"{code}\")"),
        ActionDef::Challenge(code, methods) => {
            let mut text = format!("challenge(\"{code}\"");
            for method in methods {
                text.push_str(", \"");
                text.push_str(method);
                text.push('"');
            }
            text.push(')');
            text
        }
    };
    Arc::from(text)
}
