//! Rhai's expressions to ours, with a place on each.
//!
//! Nothing fails here: what our language does not have becomes [`ExprKind::Forbidden`] under a name
//! that a person knows, and the check refuses it.

use rhai::{ASTFlags, FnCallExpr, Stmt, StmtBlock, Token};

use super::grammar::EXPRESSION_DEPTH_MAX;
use super::place::Place;
use crate::policy::ast::{BinaryOp, Expr, ExprKind, Position, Spanned, UnaryOp};
use crate::policy::diagnostic::Diagnostic;

/// Functions of Rhai that reach beyond the expression they stand in.
const FORBIDDEN_CALLS: [&str; 11] = [
    "eval",
    "print",
    "debug",
    "Fn",
    "call",
    "curry",
    "type_of",
    "is_def_var",
    "is_def_fn",
    "is_shared",
    "sleep",
];

/// Walks the expressions of one statement.
#[derive(Debug)]
pub(super) struct Walker<'a> {
    place: &'a Place<'a>,
    /// Whether something was found that only a script can do: a local, a loop, several statements.
    pub needs_script: bool,
    /// The first thing that no expression may hold at all.
    pub problem: Option<Diagnostic>,
    /// How many expressions are around the one that is walked.
    depth: usize,
}

// === impl Walker ===

impl<'a> Walker<'a> {
    /// A walker for a statement.
    pub(super) const fn new(place: &'a Place<'a>) -> Self {
        Self { place, needs_script: false, problem: None, depth: 0 }
    }

    /// Whether that function is never part of the language.
    pub(super) fn is_forbidden_call(name: &str) -> bool {
        FORBIDDEN_CALLS.contains(&name)
    }

    /// The expression as ours.
    pub(super) fn expr(&mut self, expr: &rhai::Expr) -> Expr {
        self.within(expr.start_position(), |walker| walker.expr_here(expr))
    }

    /// Walks something that stands within what is being walked, unless that is too deep.
    fn within(&mut self, position: rhai::Position, walk: impl FnOnce(&mut Self) -> Expr) -> Expr {
        if self.depth > EXPRESSION_DEPTH_MAX {
            let at = self.place.at(position);
            self.problem.get_or_insert_with(|| super::problem::too_deep(at.clone()));
            return Expr { kind: forbidden("an expression so deep"), at };
        }
        self.depth += 1;
        let expr = walk(self);
        self.depth -= 1;
        expr
    }

    fn expr_here(&mut self, expr: &rhai::Expr) -> Expr {
        use rhai::Expr as From;
        let at = self.place.at(expr.start_position());
        let kind = match expr {
            From::BoolConstant(value, _) => ExprKind::Bool(*value),
            From::IntegerConstant(value, _) => ExprKind::Int(*value),
            From::FloatConstant(value, _) => ExprKind::Float(**value),
            From::StringConstant(value, _) => ExprKind::Text(value.to_string()),
            From::Unit(_) => ExprKind::Unit,
            From::Array(items, _) => ExprKind::Array(self.all(items)),
            From::Variable(variable, _, _) => ExprKind::Name(variable.1.to_string()),
            From::FnCall(call, position) => return self.call(call, *position),
            From::Dot(pair, flags, _) | From::Index(pair, flags, _) => {
                // What has members is no level of its own.
                let base = self.expr_here(&pair.lhs);
                let is_index = matches!(expr, From::Index(..));
                return self.link(base, &pair.rhs, is_index, *flags);
            }
            From::And(parts, _) => return Self::chain(self.all(parts), ExprKind::And, at),
            From::Or(parts, _) => return Self::chain(self.all(parts), ExprKind::Or, at),
            From::Coalesce(parts, _) => {
                return Self::chain(self.all(parts), ExprKind::Coalesce, at);
            }
            From::Stmt(block) => return self.statement_expression(block, at),
            From::Custom(custom, position) => {
                let word = custom.tokens.first().map_or("", |word| word.as_str());
                if self.problem.is_none() {
                    let at = self.place.at(*position);
                    self.problem =
                        Some(super::problem::nested(Diagnostic::error("", at, ""), word));
                }
                forbidden("a declaration")
            }
            From::CharConstant(..) => forbidden("a character in single quotes"),
            From::InterpolatedString(..) => forbidden("a string with `${…}`"),
            From::Map(..) => forbidden("an object map"),
            From::ThisPtr(..) => forbidden("`this`"),
            From::DynamicConstant(..) => forbidden("a closure"),
            _ => forbidden("this construct"),
        };
        Expr { kind, at }
    }

    fn all(&mut self, exprs: &[rhai::Expr]) -> Vec<Expr> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn chain(parts: Vec<Expr>, kind: fn(Vec<Expr>) -> ExprKind, at: Position) -> Expr {
        let at = parts.first().map_or(at, |first| first.at.clone());
        Expr { kind: kind(parts), at }
    }

    /// `base.rhs` or `base[rhs]`. Rhai nests a chain to the right; ours nests to the left, so what
    /// follows is linked to what has been read so far.
    fn link(&mut self, base: Expr, rhs: &rhai::Expr, is_index: bool, flags: ASTFlags) -> Expr {
        let at = base.at.clone();
        if flags.contains(ASTFlags::NEGATED) {
            let what = if is_index { "`?[`" } else { "`?.`" };
            return Expr { kind: forbidden(what), at };
        }
        let ends_here = is_index && flags.contains(ASTFlags::BREAK);
        match rhs {
            rhai::Expr::Dot(pair, inner, position) if !ends_here => {
                let base = self.link_one(base, &pair.lhs, is_index);
                self.within(*position, |walker| walker.link(base, &pair.rhs, false, *inner))
            }
            rhai::Expr::Index(pair, inner, position) if !ends_here => {
                let base = self.link_one(base, &pair.lhs, is_index);
                self.within(*position, |walker| walker.link(base, &pair.rhs, true, *inner))
            }
            _ => self.link_one(base, rhs, is_index),
        }
    }

    fn link_one(&mut self, base: Expr, rhs: &rhai::Expr, is_index: bool) -> Expr {
        let at = base.at.clone();
        let kind = match rhs {
            _ if is_index => ExprKind::Index(Box::new(base), Box::new(self.expr(rhs))),
            rhai::Expr::Property(names, position) => {
                ExprKind::Property(Box::new(base), self.spanned(names.2.to_string(), *position))
            }
            rhai::Expr::MethodCall(call, position) => {
                let args = self.all(&call.args);
                match call.name.as_str() {
                    name if Self::is_forbidden_call(name) => forbidden(&format!("`{name}`")),
                    name => ExprKind::Method(
                        Box::new(base),
                        self.spanned(name.to_owned(), *position),
                        args,
                    ),
                }
            }
            _ => forbidden("this construct"),
        };
        Expr { kind, at }
    }

    /// A call, or an operator, which Rhai writes as a call.
    pub(super) fn call(&mut self, call: &FnCallExpr, position: rhai::Position) -> Expr {
        let args = self.all(&call.args);
        let own = self.place.at(position);
        if call.capture_parent_scope {
            return Expr { kind: forbidden(&format!("`{}!(…)`", call.name)), at: own };
        }
        if let Some(token) = &call.op_token {
            return operator(token, args, own);
        }
        if call.name == "contains" && args.len() == 2 {
            // `x in y` is `contains(y, x)` to Rhai; but then the word stands behind its second operand.
            if let [container, item] = args.as_slice()
                && item.at < own
                && own < container.at
            {
                let at = item.at.clone();
                let kind = ExprKind::Binary(
                    BinaryOp::In,
                    Box::new(item.clone()),
                    Box::new(container.clone()),
                );
                return Expr { kind, at };
            }
        }
        let kind = match call.name.as_str() {
            name if Self::is_forbidden_call(name) => forbidden(&format!("`{name}`")),
            name => ExprKind::Call(self.spanned(name.to_owned(), position), args),
        };
        Expr { kind, at: own }
    }

    /// `if` as an expression; any other statement in the place of one is a script's.
    fn statement_expression(&mut self, block: &StmtBlock, at: Position) -> Expr {
        match block.statements() {
            [Stmt::If(flow, position)] => self.condition(flow, *position),
            [statement] => self.not_an_expression(statement_name(statement), at),
            _ => self.not_an_expression("a block", at),
        }
    }

    /// `if c { a } else { b }` with one expression in each branch.
    pub(super) fn condition(&mut self, flow: &rhai::FlowControl, position: rhai::Position) -> Expr {
        let at = self.place.at(position);
        let condition = self.expr(&flow.expr);
        let then = self.branch(&flow.body, &at);
        let has_else = !(flow.branch.is_empty() && flow.branch.position().is_none());
        let otherwise = has_else.then(|| Box::new(self.branch(&flow.branch, &at)));
        Expr { kind: ExprKind::If(Box::new(condition), Box::new(then), otherwise), at }
    }

    /// The value of a block that is a single expression.
    pub(super) fn branch(&mut self, block: &StmtBlock, near: &Position) -> Expr {
        let at =
            if block.position().is_none() { near.clone() } else { self.place.at(block.position()) };
        match block.statements() {
            [Stmt::Expr(expr)] => self.expr(expr),
            [Stmt::FnCall(call, position)] => self.call(call, *position),
            [Stmt::If(flow, position)] => {
                self.within(*position, |walker| walker.condition(flow, *position))
            }
            [] => self.not_an_expression("an empty block", at),
            [statement] => self.not_an_expression(statement_name(statement), at),
            _ => self.not_an_expression("several statements", at),
        }
    }

    fn not_an_expression(&mut self, what: &str, at: Position) -> Expr {
        self.needs_script = true;
        Expr { kind: forbidden(what), at }
    }

    fn spanned(&self, value: String, position: rhai::Position) -> Spanned<String> {
        Spanned { value, at: self.place.at(position) }
    }
}

/// What a person calls a statement.
pub(super) fn statement_name(statement: &Stmt) -> &'static str {
    match statement {
        Stmt::While(..) | Stmt::Do(..) | Stmt::For(..) => "a loop",
        Stmt::Switch(..) => "`switch`",
        Stmt::Var(..) => "a local variable",
        Stmt::Assignment(..) => "an assignment",
        Stmt::Block(..) => "a block",
        Stmt::TryCatch(..) => "`try`",
        Stmt::BreakLoop(_, flags, _) if flags.contains(ASTFlags::BREAK) => "`break`",
        Stmt::BreakLoop(..) => "`continue`",
        Stmt::Return(_, flags, _) if flags.contains(ASTFlags::BREAK) => "`throw`",
        Stmt::Return(..) => "`return`",
        Stmt::Noop(..) => "an empty statement",
        Stmt::If(..) => "`if`",
        Stmt::Expr(..) | Stmt::FnCall(..) => "an expression",
        _ => "this statement",
    }
}

fn forbidden(what: &str) -> ExprKind {
    ExprKind::Forbidden(what.to_owned())
}

fn operator(token: &Token, args: Vec<Expr>, own: Position) -> Expr {
    let mut args = args.into_iter();
    match (args.next(), args.next()) {
        (Some(left), Some(right)) => {
            let at = left.at.clone();
            if *token == Token::NotIn {
                // Written `right !in left`; the negation is around it and sees to the rest.
                let at = right.at.clone();
                return Expr {
                    kind: ExprKind::Binary(BinaryOp::In, Box::new(right), Box::new(left)),
                    at,
                };
            }
            let (left, right) = (Box::new(left), Box::new(right));
            let kind = match token {
                Token::ExclusiveRange => ExprKind::Range(left, right, false),
                Token::InclusiveRange => ExprKind::Range(left, right, true),
                token => match binary(token) {
                    Some(operator) => ExprKind::Binary(operator, left, right),
                    None => forbidden(&format!("the operator `{token}`")),
                },
            };
            Expr { kind, at }
        }
        (Some(operand), None) => {
            let kind = match (token, operand.kind) {
                // `x !in y` is `!(x in y)` to Rhai, with the place of `!in` behind that of `x`.
                (Token::Bang, ExprKind::Binary(BinaryOp::In, item, container))
                    if operand.at < own =>
                {
                    let at = operand.at;
                    return Expr { kind: ExprKind::Binary(BinaryOp::NotIn, item, container), at };
                }
                (Token::Bang, kind) => {
                    ExprKind::Unary(UnaryOp::Not, Box::new(Expr { kind, at: operand.at }))
                }
                (Token::Minus, kind) => {
                    ExprKind::Unary(UnaryOp::Neg, Box::new(Expr { kind, at: operand.at }))
                }
                // `+x` is `x`.
                (Token::Plus, kind) => kind,
                (token, _) => forbidden(&format!("the operator `{token}`")),
            };
            Expr { kind, at: own }
        }
        (None, _) => Expr { kind: forbidden("this construct"), at: own },
    }
}

fn binary(token: &Token) -> Option<BinaryOp> {
    Some(match token {
        Token::EqualsTo => BinaryOp::Eq,
        Token::NotEqualsTo => BinaryOp::Ne,
        Token::LessThan => BinaryOp::Lt,
        Token::LessThanEqualsTo => BinaryOp::Le,
        Token::GreaterThan => BinaryOp::Gt,
        Token::GreaterThanEqualsTo => BinaryOp::Ge,
        Token::Plus => BinaryOp::Add,
        Token::Minus => BinaryOp::Sub,
        Token::Multiply => BinaryOp::Mul,
        Token::Divide => BinaryOp::Div,
        Token::Modulo => BinaryOp::Rem,
        _ => return None,
    })
}
