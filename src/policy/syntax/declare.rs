//! One parsed statement to one declaration.

use rhai::{ASTFlags, CustomExpr, Expr as From, Stmt};

use super::grammar::{EXPRESSION_DEPTH_MAX, PARSER, PLAIN, RESERVED, RHAI_STACK_BYTES, Slot, Tape};
use super::place::Place;
use super::walk::Walker;
use super::{helper, problem, scan};
use crate::model::verdict::{Mode, OnError};
use crate::policy::ast::{
    Action, Declarations, Entity, Expr, ExprKind, Feature, Helper, HelperBody, Limit, Named,
    Position, Rule, Spanned,
};
use crate::policy::diagnostic::Diagnostic;

/// Parses one statement and adds what it declares.
pub(super) fn declare(
    word: &str,
    place: &Place<'_>,
    declarations: &mut Declarations,
) -> Result<(), Diagnostic> {
    let ast = compile(&PARSER, place)?;
    if word == "fn" {
        declarations.helpers.push(helper(&ast, place)?);
        return Ok(());
    }
    match ast.statements() {
        [Stmt::Var(parts, flags, _)] => {
            let (name, value, _) = parts.as_ref();
            let named = named(&name.name, name.pos, value, place)?;
            if flags.contains(ASTFlags::CONSTANT) {
                declarations.consts.push(named);
            } else {
                declarations.lets.push(named);
            }
            Ok(())
        }
        [Stmt::Expr(expr)] => match expr.as_ref() {
            From::Custom(custom, _) => statement(word, custom, place, declarations),
            _ => Err(not_one(place, None)),
        },
        [_, second, ..] => Err(not_one(place, Some(second))),
        _ => Err(not_one(place, None)),
    }
}

/// Parses a statement with Rhai.
pub(super) fn compile(engine: &rhai::Engine, place: &Place<'_>) -> Result<rhai::AST, Diagnostic> {
    compile_text(engine, place.text(), place)
}

/// Parses a text with Rhai that stands for a statement. Rhai's parser recurses, so it gets a stack of
/// its own; that it panics is a problem of the text, not the end of the server.
pub(super) fn compile_text(
    engine: &rhai::Engine,
    text: &str,
    place: &Place<'_>,
) -> Result<rhai::AST, Diagnostic> {
    if let Some(at) = scan::too_deep(text, EXPRESSION_DEPTH_MAX) {
        return Err(problem::too_deep(place.at(at)));
    }
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(RHAI_STACK_BYTES);
        parser.spawn_scoped(scope, || engine.compile(text)).ok()?.join().ok()
    })
    .ok_or_else(|| Diagnostic::error("syntax", place.start(), "the statement cannot be parsed"))?
    .map_err(|error| problem::of_rhai(&error, place))
}

/// The problem of a statement that turned out to be none, or more than one.
fn not_one(place: &Place<'_>, second: Option<&Stmt>) -> Diagnostic {
    let at = second.map_or_else(|| place.start(), |second| place.at(second.position()));
    Diagnostic::error("syntax", at, "the statement goes on where it should end").expecting("`;`")
}

fn named(
    name: &str,
    position: rhai::Position,
    value: &From,
    place: &Place<'_>,
) -> Result<Named, Diagnostic> {
    let name = declared(name, position, place)?;
    if matches!(value, From::Unit(position) if position.is_none()) {
        let at = place.end();
        return Err(Diagnostic::error("syntax", at, format!("`{}` has no value", name.value))
            .expecting("`=` and an expression"));
    }
    Ok(Named { name, value: expression(value, place)? })
}

/// A name that is declared; the words of the language are none.
fn declared(
    name: &str,
    position: rhai::Position,
    place: &Place<'_>,
) -> Result<Spanned<String>, Diagnostic> {
    let at = place.at(position);
    if RESERVED.contains(&name) {
        return Err(problem::reserved(name, at));
    }
    Ok(Spanned { value: name.to_owned(), at })
}

fn expression(expr: &From, place: &Place<'_>) -> Result<Expr, Diagnostic> {
    let mut walker = Walker::new(place);
    let expr = walker.expr(expr);
    walker.problem.map_or(Ok(expr), Err)
}

fn helper(ast: &rhai::AST, place: &Place<'_>) -> Result<Helper, Diagnostic> {
    let Some((_, _, _, _, function)) = ast.shared_lib().iter_script_fn_info().next() else {
        return Err(not_one(place, None));
    };
    if let [statement, ..] = ast.statements() {
        return Err(not_one(place, Some(statement)));
    }
    let name = declared(&function.name, place.second_word(), place)?;
    if function.this_type.is_some() {
        return Err(Diagnostic::error(
            "forbidden",
            name.at,
            "methods are not part of the language",
        ));
    }
    let params: Vec<String> = function.params.iter().map(ToString::to_string).collect();
    if let Some(param) = params.iter().find(|param| RESERVED.contains(&param.as_str())) {
        let (at, _) = place.word_before(param, function.body.start_position());
        return Err(problem::reserved(param, place.at(at)));
    }
    // Rhai does not show the body of a function, so it is parsed once more as a block.
    let inner = place.from(function.body.start_position());
    let block = compile(&PARSER, &inner)?;
    let body = match block.statements() {
        [Stmt::Block(block)] => helper::body(block, &params, &inner)?,
        _ => return Err(not_one(&inner, None)),
    };
    Ok(Helper { name, params, body })
}

/// The functions of a helper that Rhai runs, at their places in the file.
pub(super) fn script(helper: &Helper, place: &Place<'_>) -> Result<rhai::AST, Diagnostic> {
    debug_assert!(matches!(helper.body, HelperBody::Script { .. }));
    let Position { line, column, .. } = place.start();
    let rows = usize::try_from(line.saturating_sub(1)).unwrap_or_default();
    let columns = usize::try_from(column.saturating_sub(1)).unwrap_or_default();
    let text = format!("{}{}{}", "\n".repeat(rows), " ".repeat(columns), place.text());
    compile_text(&PLAIN, &text, place)
}

/// An `entity`, `feature`, `rule`, `limit` or `plan`.
fn statement(
    word: &str,
    custom: &CustomExpr,
    place: &Place<'_>,
    declarations: &mut Declarations,
) -> Result<(), Diagnostic> {
    let parts = Parts::new(custom, place);
    let name = parts.text(Slot::Name).ok_or_else(|| not_one(place, None))?;
    match word {
        "entity" => {
            let value = parts.expression(Slot::Value)?;
            let parts = match value {
                Some(Expr { kind: ExprKind::Array(parts), .. }) => parts,
                Some(part) => vec![part],
                None => Vec::new(),
            };
            declarations.entities.push(Entity { name, parts });
        }
        "feature" => declarations.features.push(parts.feature(name)?),
        "rule" => declarations.rules.push(parts.rule(name)?),
        "limit" => declarations.limits.push(parts.limit(name)?),
        _ => {
            for expr in custom.inputs.iter() {
                expression(expr, place)?;
            }
            declarations.unsupported.push(name);
        }
    }
    Ok(())
}

/// The parts of a statement by what they are.
struct Parts<'a> {
    tape: Tape,
    inputs: &'a [From],
    place: &'a Place<'a>,
}

// === impl Parts ===

impl<'a> Parts<'a> {
    fn new(custom: &'a CustomExpr, place: &'a Place<'a>) -> Self {
        let tape = custom.state.clone().try_cast::<Tape>().unwrap_or_default();
        Self { tape, inputs: &custom.inputs, place }
    }

    fn all(&self, slot: Slot) -> impl Iterator<Item = &'a From> {
        self.tape
            .slots
            .iter()
            .zip(self.inputs)
            .filter(move |(is, _)| **is == slot)
            .map(|(_, input)| input)
    }

    /// A name, a word or a string.
    fn text(&self, slot: Slot) -> Option<Spanned<String>> {
        self.all(slot).next().and_then(|input| match input {
            From::Variable(variable, _, position) => {
                Some(Spanned { value: variable.1.to_string(), at: self.place.at(*position) })
            }
            From::StringConstant(text, position) => {
                Some(Spanned { value: text.to_string(), at: self.place.at(*position) })
            }
            _ => None,
        })
    }

    fn needed(&self, slot: Slot) -> Result<Spanned<String>, Diagnostic> {
        self.text(slot).ok_or_else(|| not_one(self.place, None))
    }

    fn expression(&self, slot: Slot) -> Result<Option<Expr>, Diagnostic> {
        self.all(slot).next().map(|input| expression(input, self.place)).transpose()
    }

    fn feature(&self, name: Spanned<String>) -> Result<Feature, Diagnostic> {
        Ok(Feature {
            name,
            aggregate: self.needed(Slot::Aggregate)?,
            event: self.needed(Slot::Event)?,
            value: self.expression(Slot::Aggregated)?,
            entity: self.needed(Slot::Entity)?,
            over: self.text(Slot::Over),
            delayed: self.text(Slot::Delayed),
            inclusive: self.tape.clauses.contains(&"inclusive"),
            filter: self.expression(Slot::Filter)?,
        })
    }

    fn rule(&self, name: Spanned<String>) -> Result<Rule, Diagnostic> {
        Ok(Rule {
            name,
            mode: self.mode(),
            always: self.tape.clauses.contains(&"always"),
            on_error: self.on_error(),
            when: self.needed_expression(Slot::Condition)?,
            actions: self.actions()?,
        })
    }

    fn limit(&self, name: Spanned<String>) -> Result<Limit, Diagnostic> {
        Ok(Limit {
            name,
            mode: self.mode(),
            on_error: self.on_error(),
            counted: self.needed_expression(Slot::Value)?,
            entity: self.needed(Slot::Entity)?,
            over: self.text(Slot::Over),
            per: self.text(Slot::Per),
            max: self.needed_expression(Slot::Max)?,
            filter: self.expression(Slot::Filter)?,
            returns_refunded: self.tape.clauses.contains(&"returns"),
            actions: self.actions()?,
        })
    }

    fn mode(&self) -> Mode {
        match self.text(Slot::Mode).as_ref().map(|mode| mode.value.as_str()) {
            Some("shadow") => Mode::Shadow,
            Some("off") => Mode::Off,
            _ => Mode::Active,
        }
    }

    fn on_error(&self) -> Option<OnError> {
        self.text(Slot::OnError).map(|on_error| match on_error.value.as_str() {
            "challenge" => OnError::Challenge,
            "block" => OnError::Block,
            _ => OnError::Skip,
        })
    }

    fn needed_expression(&self, slot: Slot) -> Result<Expr, Diagnostic> {
        self.expression(slot)?.ok_or_else(|| not_one(self.place, None))
    }

    fn actions(&self) -> Result<Vec<Action>, Diagnostic> {
        self.all(Slot::Action).map(|input| self.action(input)).collect()
    }

    fn action(&self, input: &From) -> Result<Action, Diagnostic> {
        let written = expression(input, self.place)?;
        match written.kind {
            ExprKind::Call(verb, args) => Ok(Action { verb, args }),
            _ => {
                let found = self.place.token_at(input.start_position());
                let message = "this is not an action".to_owned();
                Err(Diagnostic::error("syntax", written.at, message).over(found).expecting(
                    "`allow`, `review`, `challenge`, `block` or `score` and its arguments",
                ))
            }
        }
    }
}
