//! The bodies of helpers: one expression for us to evaluate, or a script for Rhai to run.
//!
//! Of a script only the names and calls that reach outside it are kept, to be checked, and what no
//! script may do is refused.

use rhai::{ASTFlags, ASTNode, Expr as From, FnCallExpr, Stmt, StmtBlock};

use super::grammar::EXPRESSION_DEPTH_MAX;
use super::place::Place;
use super::problem;
use super::walk::{Walker, statement_name};
use crate::policy::ast::{HelperBody, Spanned};
use crate::policy::diagnostic::Diagnostic;

/// The body of a helper, given as the statements between its braces.
pub(super) fn body(
    block: &StmtBlock,
    params: &[String],
    place: &Place<'_>,
) -> Result<HelperBody, Diagnostic> {
    let mut walker = Walker::new(place);
    let at = place.at(block.position());
    let expression = match block.statements() {
        [Stmt::Return(Some(value), flags, _)] if !flags.contains(ASTFlags::BREAK) => {
            walker.expr(value)
        }
        [] => {
            return Err(Diagnostic::error("syntax", at, "the helper has no value")
                .expecting("an expression between the braces"));
        }
        _ => walker.branch(block, &at),
    };
    if let Some(problem) = walker.problem {
        return Err(problem);
    }
    if !walker.needs_script {
        return Ok(HelperBody::Expression(expression));
    }
    let mut script = Script {
        place,
        scope: params.to_vec(),
        names: Vec::new(),
        calls: Vec::new(),
        lists: Vec::new(),
        problem: None,
        depth: 0,
    };
    script.block(block);
    match script.problem {
        Some(problem) => Err(problem),
        None => Ok(HelperBody::Script {
            names: script.names,
            calls: script.calls,
            lists: script.lists,
            source: format!("|{}| {}", params.join(", "), place.tokens().join(" ")),
        }),
    }
}

/// What a script reads from outside, as far as it has been walked.
struct Script<'a> {
    place: &'a Place<'a>,
    /// Parameters and the locals that are visible here, the innermost last.
    scope: Vec<String>,
    names: Vec<Spanned<String>>,
    calls: Vec<Spanned<(String, usize)>>,
    lists: Vec<Spanned<String>>,
    problem: Option<Diagnostic>,
    /// How many statements and expressions are around the one that is walked.
    depth: usize,
}

// === impl Script ===

impl Script<'_> {
    fn block(&mut self, block: &StmtBlock) {
        let visible = self.scope.len();
        for statement in block.statements() {
            self.statement(statement);
        }
        self.scope.truncate(visible);
    }

    fn statement(&mut self, statement: &Stmt) {
        self.within(statement.position(), |script| script.statement_here(statement));
    }

    fn expr(&mut self, expr: &From) {
        self.within(expr.start_position(), |script| script.expr_here(expr));
    }

    /// Walks something that stands within what is being walked, unless that is too deep.
    fn within(&mut self, position: rhai::Position, walk: impl FnOnce(&mut Self)) {
        if self.depth > EXPRESSION_DEPTH_MAX {
            return self.report(problem::too_deep(self.place.at(position)));
        }
        self.depth += 1;
        walk(self);
        self.depth -= 1;
    }

    fn statement_here(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Noop(_) | Stmt::BreakLoop(None, ..) | Stmt::Return(None, ..) => {}
            Stmt::If(flow, _) | Stmt::While(flow, _) | Stmt::Do(flow, _, _) => {
                if let Stmt::While(flow, position) = statement
                    && matches!(flow.expr, From::Unit(_) | From::BoolConstant(true, _))
                    && !can_leave(&flow.body)
                {
                    self.forbid("a loop without `break` or `return`", *position);
                }
                self.expr(&flow.expr);
                self.block(&flow.body);
                self.block(&flow.branch);
            }
            Stmt::For(parts, _) => {
                let (variable, counter, flow) = parts.as_ref();
                self.expr(&flow.expr);
                let visible = self.scope.len();
                self.scope.push(variable.name.to_string());
                self.scope.extend(counter.iter().map(|counter| counter.name.to_string()));
                self.block(&flow.body);
                self.scope.truncate(visible);
            }
            Stmt::Var(parts, _, _) => {
                let (name, value, _) = parts.as_ref();
                self.expr(value);
                self.scope.push(name.name.to_string());
            }
            Stmt::Assignment(parts) => {
                self.expr(&parts.1.lhs);
                self.expr(&parts.1.rhs);
            }
            Stmt::FnCall(call, position) => self.call(call, *position, 0),
            Stmt::Block(block) => self.block(block),
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::Switch(parts, _) => {
                let (value, cases) = parts.as_ref();
                self.expr(value);
                for case in &cases.expressions {
                    self.expr(&case.lhs);
                    self.expr(&case.rhs);
                }
            }
            Stmt::Return(Some(value), flags, position) => {
                if flags.contains(ASTFlags::BREAK) {
                    self.forbid("`throw`", *position);
                }
                self.expr(value);
            }
            Stmt::BreakLoop(Some(value), _, _) => self.expr(value),
            other => self.forbid(statement_name(other), other.position()),
        }
    }

    fn expr_here(&mut self, expr: &From) {
        match expr {
            From::BoolConstant(..)
            | From::IntegerConstant(..)
            | From::FloatConstant(..)
            | From::StringConstant(..)
            | From::CharConstant(..)
            | From::Unit(..)
            | From::Property(..) => {}
            From::Variable(variable, _, position) => {
                let name = variable.1.as_str();
                if !self.scope.iter().any(|local| local == name) {
                    let at = self.place.at(*position);
                    self.names.push(Spanned { value: name.to_owned(), at });
                }
            }
            From::Array(items, _) | From::InterpolatedString(items, _) => {
                items.iter().for_each(|item| self.expr(item));
            }
            From::And(parts, _) | From::Or(parts, _) | From::Coalesce(parts, _) => {
                parts.iter().for_each(|part| self.expr(part));
            }
            From::FnCall(call, position) => self.call(call, *position, 0),
            From::MethodCall(call, position) => self.call(call, *position, 1),
            From::Dot(pair, _, _) | From::Index(pair, _, _) => {
                self.expr(&pair.lhs);
                self.expr(&pair.rhs);
            }
            From::Stmt(block) => self.block(block),
            From::Custom(custom, position) => {
                let word = custom.tokens.first().map_or("", |word| word.as_str());
                let at = self.place.at(*position);
                self.report(problem::nested(Diagnostic::error("", at, ""), word));
            }
            From::ThisPtr(position) => self.forbid("`this`", *position),
            From::Map(parts, _) => parts.0.iter().for_each(|(_, value)| self.expr(value)),
            From::DynamicConstant(_, position) => self.forbid("a closure", *position),
            other => self.forbid("this construct", other.position()),
        }
    }

    /// A call with its arguments; `receivers` is 1 for a method, whose receiver is one more.
    fn call(&mut self, call: &FnCallExpr, position: rhai::Position, receivers: usize) {
        call.args.iter().for_each(|arg| self.expr(arg));
        let name = call.name.as_str();
        if call.capture_parent_scope {
            self.forbid(&format!("`{name}!(…)`"), position);
        } else if call.op_token.is_some() {
            // Operators are not called by name.
        } else if Walker::is_forbidden_call(name) {
            self.forbid(&format!("`{name}`"), position);
        } else if self.place.token_at(position) == name {
            let count = call.args.len().saturating_add(receivers);
            let at = self.place.at(position);
            if let ("list", [From::StringConstant(list, position)]) = (name, call.args.as_slice()) {
                let at = self.place.at(*position);
                self.lists.push(Spanned { value: list.to_string(), at });
            }
            self.calls.push(Spanned { value: (name.to_owned(), count), at });
        }
        // What is left is `in`, which Rhai turns into a call of `contains` at the place of the word.
    }

    fn forbid(&mut self, what: &str, position: rhai::Position) {
        let message = format!("{what} is not part of the language");
        let found = self.place.token_at(position);
        self.report(Diagnostic::error("forbidden", self.place.at(position), message).over(found));
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.problem.get_or_insert(diagnostic);
    }
}

/// Whether anything in a block ends a loop around it.
fn can_leave(block: &StmtBlock) -> bool {
    let mut goes_on = true;
    for statement in block.statements() {
        goes_on &= statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            !path.iter().any(|node| match node {
                ASTNode::Stmt(Stmt::BreakLoop(_, flags, _)) => flags.contains(ASTFlags::BREAK),
                ASTNode::Stmt(Stmt::Return(..)) => true,
                _ => false,
            })
        });
    }
    !goes_on
}
