//! What the sources of a bundle parse to, and what is said when they do not.

use proptest::prelude::*;
use vajra::model::verdict::{Mode, OnError};
use vajra::policy::ast::{BinaryOp, Expr, ExprKind, HelperBody};
use vajra::policy::bundle::Files;
use vajra::policy::diagnostic::{Diagnostic, render_text};
use vajra::policy::syntax::{Parsed, TestSource, parse, parse_tests};

fn files(sources: &[(&str, &str)]) -> Files {
    Files(
        sources.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect(),
    )
}

fn parsed(source: &str) -> Parsed {
    parse(&files(&[("a.rhai", source)]))
}

#[track_caller]
fn good(source: &str) -> Parsed {
    let parsed = parsed(source);
    let rendered = render_text(&parsed.diagnostics, &files(&[("a.rhai", source)]));
    assert!(parsed.diagnostics.is_empty(), "{source}\n{rendered}");
    parsed
}

/// Each problem as `name line:column message; expected …; suggestion …`.
fn problems(source: &str) -> Vec<String> {
    parsed(source).diagnostics.iter().map(brief).collect()
}

fn brief(problem: &Diagnostic) -> String {
    let Diagnostic { name, at, width, message, expected, suggestion, .. } = problem;
    let mut text = format!("{name} {}:{}+{width} {message}", at.line, at.column);
    if let Some(expected) = expected {
        text.push_str(&format!("; expected {expected}"));
    }
    if let Some(suggestion) = suggestion {
        text.push_str(&format!("; suggestion {suggestion}"));
    }
    text
}

/// An expression written back, fully bracketed, so that its structure shows.
fn shown(expr: &Expr) -> String {
    let list = |items: &[Expr]| items.iter().map(shown).collect::<Vec<_>>().join(", ");
    let joined = |items: &[Expr], op: &str| {
        format!("({})", items.iter().map(shown).collect::<Vec<_>>().join(op))
    };
    match &expr.kind {
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Float(value) => format!("{value:?}"),
        ExprKind::Text(value) => format!("{value:?}"),
        ExprKind::Unit => "()".to_owned(),
        ExprKind::Array(items) => format!("[{}]", list(items)),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Property(base, name) => format!("{}.{}", shown(base), name.value),
        ExprKind::Index(base, index) => format!("{}[{}]", shown(base), shown(index)),
        ExprKind::Call(name, args) => format!("{}({})", name.value, list(args)),
        ExprKind::Method(base, name, args) => {
            format!("{}.{}({})", shown(base), name.value, list(args))
        }
        ExprKind::And(parts) => joined(parts, " && "),
        ExprKind::Or(parts) => joined(parts, " || "),
        ExprKind::Coalesce(parts) => joined(parts, " ?? "),
        ExprKind::Unary(op, operand) => format!("{op:?}({})", shown(operand)),
        ExprKind::Binary(op, left, right) => {
            format!("({} {op:?} {})", shown(left), shown(right))
        }
        ExprKind::Range(from, to, true) => format!("{}..={}", shown(from), shown(to)),
        ExprKind::Range(from, to, false) => format!("{}..{}", shown(from), shown(to)),
        ExprKind::If(condition, then, otherwise) => format!(
            "if {} {{ {} }} else {{ {} }}",
            shown(condition),
            shown(then),
            otherwise.as_deref().map_or_else(|| "nothing".to_owned(), shown)
        ),
        ExprKind::Forbidden(what) => format!("<{what}>"),
    }
}

#[track_caller]
fn expression(source: &str) -> String {
    shown(&good(&format!("let x = {source};")).declarations.lets[0].value)
}

#[test]
fn every_clause_of_a_feature_is_read() {
    let parsed = good(
        r#"feature f = sum(captured, payment.amount_base) where outcome.is_evidence inclusive
             delayed "1d" by card over "30d";"#,
    );
    let feature = &parsed.declarations.features[0];
    assert_eq!(feature.name.value, "f");
    assert_eq!(feature.aggregate.value, "sum");
    assert_eq!(feature.event.value, "captured");
    assert_eq!(shown(feature.value.as_ref().unwrap()), "payment.amount_base");
    assert_eq!(feature.entity.value, "card");
    assert_eq!(feature.over.as_ref().unwrap().value, "30d");
    assert_eq!(feature.delayed.as_ref().unwrap().value, "1d");
    assert!(feature.inclusive);
    assert_eq!(shown(feature.filter.as_ref().unwrap()), "outcome.is_evidence");
    assert_eq!((feature.entity.at.line, feature.entity.at.column), (2, 30));
}

#[test]
fn every_clause_of_a_rule_is_read_in_any_order() {
    let parsed = good(
        r#"rule "r" then block("A"), score(10 + 5, "B"), challenge("C", "3ds", "otp") always
             on_error challenge when a.b > 1 && c mode shadow;"#,
    );
    let rule = &parsed.declarations.rules[0];
    assert_eq!(rule.name.value, "r");
    assert!(rule.always);
    assert_eq!(format!("{:?} {:?}", rule.mode, rule.on_error), "Shadow Some(Challenge)");
    assert_eq!(shown(&rule.when), "((a.b Gt 1) && c)");
    let actions: Vec<String> = rule
        .actions
        .iter()
        .map(|action| {
            let args: Vec<String> = action.args.iter().map(shown).collect();
            format!("{}({})", action.verb.value, args.join(", "))
        })
        .collect();
    assert_eq!(
        actions,
        [r#"block("A")"#, r#"score((10 Add 5), "B")"#, r#"challenge("C", "3ds", "otp")"#]
    );
}

#[test]
fn entities_are_of_one_field_or_of_several() {
    let parsed = good(
        "entity card = payment.card.token;\nentity pair = [payment.card.token, payment.merchant.id];",
    );
    let parts: Vec<Vec<String>> = parsed
        .declarations
        .entities
        .iter()
        .map(|entity| entity.parts.iter().map(shown).collect())
        .collect();
    assert_eq!(
        parts,
        [vec!["payment.card.token"], vec!["payment.card.token", "payment.merchant.id"]]
    );
}

#[test]
fn expressions_keep_their_structure() {
    for (source, expected) in [
        ("500_00", "50000"),
        ("-1.5", "-1.5"),
        ("a + b * c", "(a Add (b Mul c))"),
        ("(a + b) * -c", "((a Add b) Mul Neg(c))"),
        ("a - b - c", "((a Sub b) Sub c)"),
        ("a && b || !c", "((a && b) || Not(c))"),
        ("a ?? b ?? 0", "(a ?? b ?? 0)"),
        ("x in [1, 2]", "(x In [1, 2])"),
        ("x !in [1, 2]", "(x NotIn [1, 2])"),
        ("!(x in y)", "Not((x In y))"),
        ("x in 1..5", "(x In 1..5)"),
        ("x in 1..=5", "(x In 1..=5)"),
        ("contains(y, x)", "contains(y, x)"),
        ("y.contains(x)", "y.contains(x)"),
        ("!contains(y, x)", "Not(contains(y, x))"),
        ("payment.card.token.len() > 3", "(payment.card.token.len() Gt 3)"),
        ("payment.attributes[\"plan\"].to_lower()", "payment.attributes[\"plan\"].to_lower()"),
        ("a.b[c.d].e", "a.b[c.d].e"),
        ("(a.b).c", "a.b.c"),
        ("(a[b])[c].d", "a[b][c].d"),
        ("list(\"x\")", "list(\"x\")"),
        ("if a { 1 } else if b { 2 } else { 3 }", "if a { 1 } else { if b { 2 } else { 3 } }"),
        ("if a { 1 }", "if a { 1 } else { nothing }"),
        ("()", "()"),
        ("a == \"b\" && a != 'c'", "((a Eq \"b\") && (a Ne <a character in single quotes>))"),
        ("a & b", "<the operator `&`>"),
        ("a ** b", "<the operator `**`>"),
        ("a?.b", "<`?.`>"),
        ("#{ a: 1 }", "<an object map>"),
        ("`a ${b}`", "<a string with `${…}`>"),
        ("eval(\"1\")", "<`eval`>"),
        ("a.call()", "<`call`>"),
        ("f!(1)", "<`f!(…)`>"),
        ("{ 1 }", "<an expression>"),
        ("if a { let b = 1; b } else { 2 }", "if a { <several statements> } else { 2 }"),
    ] {
        assert_eq!(expression(source), expected, "{source}");
    }
}

#[test]
fn places_are_those_in_the_file() {
    let source = "// é\n/* x */ let a = \"é\" == b;\n  let c =\n    d.e + 1;";
    let parsed = good(source);
    let place = |expr: &Expr| (expr.at.line, expr.at.column);
    let [first, second] = parsed.declarations.lets.as_slice() else { panic!() };
    assert_eq!((first.name.at.line, first.name.at.column), (2, 13));
    let ExprKind::Binary(BinaryOp::Eq, left, right) = &first.value.kind else { panic!() };
    assert_eq!((place(left), place(right)), ((2, 17), (2, 24)));
    let ExprKind::Binary(BinaryOp::Add, left, right) = &second.value.kind else { panic!() };
    assert_eq!((place(&second.value), place(left), place(right)), ((4, 5), (4, 5), (4, 11)));
    let ExprKind::Property(_, name) = &left.kind else { panic!() };
    assert_eq!((name.at.line, name.at.column), (4, 7));
}

#[test]
fn a_helper_of_one_expression_is_ours_and_any_other_is_a_script() {
    let parsed = good(
        "fn risky(c) { c in [\"XA\", \"XB\"] }\nfn pick(a, b) { if a { b } else { 0 } }\nfn back(a) { return a + 1; }\n\
         fn sum(n) { let total = BASE; for i in 0..n { total += min(i, n); } total }",
    );
    let bodies: Vec<String> = parsed
        .declarations
        .helpers
        .iter()
        .map(|helper| match &helper.body {
            HelperBody::Expression(expr) => format!("{}: {}", helper.name.value, shown(expr)),
            HelperBody::Script { names, calls, .. } => format!(
                "{}: names {:?} calls {:?}",
                helper.name.value,
                names.iter().map(|name| (&name.value, name.at.column)).collect::<Vec<_>>(),
                calls.iter().map(|call| (&call.value, call.at.column)).collect::<Vec<_>>()
            ),
        })
        .collect();
    assert_eq!(
        bodies,
        [
            "risky: (c In [\"XA\", \"XB\"])",
            "pick: if a { b } else { 0 }",
            "back: (a Add 1)",
            "sum: names [(\"BASE\", 25)] calls [((\"min\", 2), 56)]",
        ]
    );
    assert_eq!(parsed.declarations.helpers[2].name.at.line, 3);
    let functions: Vec<&str> =
        parsed.scripts.ast().iter_functions().map(|function| function.name).collect();
    assert_eq!(functions, ["sum"]);
}

#[test]
fn the_clauses_of_a_limit_come_in_any_order() {
    let parsed = good(
        r#"limit "daily" = sum(payment.amount_base) by card per "day" max 10 * LARGE where a returns refunded then block("L"), review("M");
           limit "n" then block("L") max 3 over "1h" by card = count() on_error block mode shadow;"#,
    );
    let [daily, n] = parsed.declarations.limits.as_slice() else { panic!("two limits") };
    assert_eq!((daily.name.value.as_str(), n.name.value.as_str()), ("daily", "n"));
    assert_eq!(daily.per.as_ref().map(|per| per.value.as_str()), Some("day"));
    assert!(daily.over.is_none() && daily.filter.is_some() && daily.returns_refunded);
    assert_eq!((daily.mode, daily.on_error, daily.actions.len()), (Mode::Active, None, 2));
    assert_eq!(n.over.as_ref().map(|over| over.value.as_str()), Some("1h"));
    assert!(n.per.is_none() && n.filter.is_none() && !n.returns_refunded);
    assert_eq!((n.mode, n.on_error), (Mode::Shadow, Some(OnError::Block)));
}

#[test]
fn plans_are_named_as_unsupported() {
    let parsed =
        good(r#"plan "outage" when channel.a > 1 then suspend(channel, "10m"), notify("x");"#);
    let names: Vec<&str> =
        parsed.declarations.unsupported.iter().map(|name| name.value.as_str()).collect();
    assert_eq!(names, ["outage"]);
}

#[test]
fn each_statement_tells_its_first_problem() {
    assert_eq!(
        problems(
            "entity card payment.card.token;\nfeature a = count(attempt) by card over \"1h\"\nfeature b = count(attempt) over 5 by card;\n\
             rul \"x\" when a then block(\"A\");\nrule \"y\" when (a then block(\"A\");\nlet c = 1;"
        ),
        [
            "syntax 1:13+7 unexpected `payment`; expected `=`",
            "syntax 2:45+1 the statement is not ended; expected `;`",
            "syntax 3:33+1 unexpected `5`; expected a duration in quotes, such as \"1h\"",
            "unknown-statement 4:1+3 unknown statement `rul`; expected `entity`, `feature`, `rule`, `limit`, `plan`, `const`, `let`, `fn`; suggestion rule",
            "syntax 5:18+4 unexpected `then`; expected `)` for a matching ( in this expression",
        ]
    );
}

#[test]
fn one_mistake_says_what_was_expected() {
    for (source, expected) in [
        (
            "feature a = count(attempt) evry card;",
            "syntax 1:28+4 unexpected `evry`; expected `by`, `over`, `delayed`, `inclusive`, `where`",
        ),
        (
            "feature a = count(attempt) by card ovr \"1h\";",
            "syntax 1:36+3 unexpected `ovr`; expected `over`, `delayed`, `inclusive`, `where`, `;`; suggestion over",
        ),
        ("feature a = count() by card;", "syntax 1:18+1 unexpected `(`; expected `(`"),
        ("feature a = count(attempt, x, y) by card;", "syntax 1:29+1 unexpected `,`; expected `)`"),
        (
            "feature a = count(attempt);",
            "missing-clause 1:27+1 the `feature` has no `by`; expected the clause `by`",
        ),
        (
            "feature a = count(attempt) by card by card;",
            "duplicate-clause 1:36+2 the clause `by` stands twice; expected each clause once",
        ),
        (
            "rule \"a\" when x;",
            "missing-clause 1:16+1 the `rule` has no `then`; expected the clause `then`",
        ),
        (
            "rule \"a\" when x then;",
            "syntax 1:21+1 unexpected `;`; expected an action, such as `block(\"CODE\")`",
        ),
        (
            "rule \"a\" when then block(\"A\");",
            "syntax 1:15+4 unexpected `then`; expected a condition",
        ),
        (
            "rule \"a\" when x && then block(\"A\");",
            "syntax 1:20+4 unexpected `then`; expected an expression",
        ),
        (
            "rule \"a\" when x > then block(\"A\");",
            "syntax 1:19+4 unexpected `then`; expected an expression",
        ),
        (
            "rule \"a\" mode shadw when x then block(\"A\");",
            "syntax 1:15+5 unexpected `shadw`; expected `active`, `shadow`, `off`; suggestion shadow",
        ),
        (
            "rule a when x then block(\"A\");",
            "syntax 1:6+1 unexpected `a`; expected a name in quotes",
        ),
        ("rule \"a when x then block(\"A\");", "syntax"),
        ("rule \"a\" when x = 1 then block(\"A\");", "syntax"),
        (
            "rule \"a\" when x then block;",
            "syntax 1:22+5 this is not an action; expected `allow`, `review`, `challenge`, `block` or `score` and its arguments",
        ),
        (
            "rule \"a\" when x then block(\"A\") block(\"B\");",
            "syntax 1:33+5 unexpected `block`; expected `mode`, `always`, `on_error`, `;`",
        ),
        (
            "entity rule = payment.id;",
            "reserved-word 1:8+4 `rule` is a reserved word; expected a name",
        ),
        ("let when = 1;", "reserved-word 1:5+4 `when` is a reserved word; expected a name"),
        (
            "let x = payment.attributes.plan == \"a\";",
            "reserved-word 1:28+4 `plan` is a reserved word; expected `attributes[\"plan\"]` to read an attribute",
        ),
        (
            "let x = payment.attributes.then;",
            "reserved-word 1:28+4 `then` is a reserved word; expected `attributes[\"then\"]` to read an attribute",
        ),
        (
            "let x = payment.attributes.new;",
            "reserved-word 1:28+3 `new` is a reserved word; expected `attributes[\"new\"]` to read an attribute",
        ),
        (
            "let x = payment.attributes.if;",
            "reserved-word 1:28+2 `if` is a reserved word; expected `attributes[\"if\"]` to read an attribute",
        ),
        ("feature = x;", "syntax 1:9+1 unexpected `=`; expected a name"),
        ("let x;", "syntax 1:7+1 `x` has no value; expected `=` and an expression"),
        (
            "let x = rule \"a\" when y then block(\"A\");",
            "nested-declaration 1:9+4 `rule` within another statement; expected declarations at the top level only",
        ),
        (
            "fn f(x) { entity e = payment.id; x }",
            "nested-declaration 1:11+6 `entity` within another statement; expected declarations at the top level only",
        ),
        ("fn f(x) { fn g(y) { y } x }", "nested-declaration"),
        (
            "fn f() {}",
            "syntax 1:8+1 the helper has no value; expected an expression between the braces",
        ),
        (
            "fn f(x) { let y = 1; print(y); y }",
            "forbidden 1:22+5 `print` is not part of the language",
        ),
        (
            "fn f(x) { loop { x += 1; } x }",
            "forbidden 1:11+4 a loop without `break` or `return` is not part of the language",
        ),
        ("fn f(x) { while true { x += 1; } x }", "forbidden 1:11+5"),
        (
            "rule \"a\" when x = 1 then block(\"A\");",
            "syntax 1:17+1 unexpected `=`; expected `mode`, `always`, `on_error`, `then`; suggestion ==",
        ),
        (
            "let x = f(1;",
            "syntax 1:12+1 unexpected `;`; expected `,` to separate the arguments to function call `f`",
        ),
        ("fn f(x) { try { x } catch { 1 } }", "forbidden"),
        (
            "fn f(x) { let a = 1; let g = |y| { y }; g }",
            "forbidden 1:30+1 a closure is not part of the language",
        ),
        ("let g = a > || 1;", "forbidden 1:13+1 a closure is not part of the language"),
        ("if x { 1 }", "unknown-statement 1:1+2 unknown statement `if`"),
        ("import \"x\" as y;", "unknown-statement 1:1+6 `import` is not part of the language"),
        ("tset \"x\" { expect(true); }", "unknown-statement 1:1+4 unknown statement `tset`"),
        (
            "test \"x\" { expect(true); }",
            "misplaced-test 1:1+4 a test stands among the declarations",
        ),
        ("let x = 1 +;", "syntax"),
        ("let x = (1;", "syntax"),
        ("let x = @;", "syntax"),
        (")", "unknown-statement"),
    ] {
        let found = problems(source);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{source}\n{found:#?}");
    }
}

#[test]
fn an_unclosed_brace_does_not_hide_what_follows() {
    let found =
        problems("fn f(x) {\n  if x { 1 \n}\n\nrule \"r\" whn x then block(\"A\");\nlet y = ;\n");
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[1].contains("5:10+3 unexpected `whn`"), "{found:#?}");
}

#[test]
fn what_a_broken_statement_would_have_declared_is_missed_nowhere_else() {
    let bundle = files(&[
        ("bundle.toml", "name = \"b\"\nbase_currency = \"EUR\"\ntime_zone = \"UTC\"\n"),
        ("reasons.toml", "[A]\nclass = \"FRUAD\"\nmessage = { en = \"x\" }\n"),
        (
            "a.rhai",
            "entity card = payment.card.token;\nfeature f = count(attempt) bye card;\nlet big = ;\n\
             rule \"r\" when card.f > 1 && big && huge then block(\"A\"), review(\"B\");",
        ),
    ]);
    let found: Vec<String> =
        vajra::policy::check::check(&bundle).diagnostics.iter().map(brief).collect();
    let names: Vec<&str> = found.iter().map(|problem| problem.split(' ').next().unwrap()).collect();
    assert_eq!(
        names,
        ["syntax", "syntax", "unknown-name", "unknown-reason", "bad-value"],
        "{found:#?}"
    );
}

#[test]
fn depth_is_bounded_alike_in_every_build() {
    let nested = |depth: usize| format!("let x = {}1{};", "(".repeat(depth), ")".repeat(depth));
    good(&nested(64));
    good(&format!("let x = {}payment.recurring{};", "!(".repeat(64), ")".repeat(64)));
    assert!(problems(&nested(65))[0].starts_with("too-deep"), "{:?}", problems(&nested(65)));
    assert!(problems(&nested(100_000))[0].starts_with("too-deep"));
    for deep in [
        format!("let x = {}a;", "!".repeat(500)),
        format!("let x = a{};", " + a".repeat(500)),
        format!("let x = a{};", ".b".repeat(500)),
        format!("let x = a{};", "[0]".repeat(500)),
        format!("let x = {}{{ 0 }};", "if a { 1 } else ".repeat(200)),
        format!("fn f(a) {{ let y = a{}; y }}", " + a".repeat(500)),
    ] {
        assert!(problems(&deep)[0].starts_with("too-deep"), "{:?}", problems(&deep));
    }
}

#[test]
fn a_chain_of_operands_is_one_level_however_long_it_is() {
    for operator in [" && ", " || ", " ?? "] {
        let chain = vec!["a"; 500].join(operator);
        good(&format!("rule \"r\" when {chain} then block(\"A\");"));
        good(&format!("fn f(a) {{ {chain} }}"));
        good(&format!("fn f(a) {{ let y = {chain}; y }}"));
    }
    good(&format!("const A = [{}];", vec!["1"; 5_000].join(", ")));
}

#[test]
fn tests_are_parsed_with_what_their_file_declares() {
    let bundle = files(&[(
        "tests/a.rhai",
        "const N = 2;\nfn twice(x) { x * 2 }\ntest \"one {\" {\n  let plan = twice(N);\n  plan\n}\n\ntest \"two\" { N + }\ntest \"three\" { throw 1 }",
    )]);
    let (tests, problems) = parse_tests(&bundle);
    let names: Vec<(&str, u32)> =
        tests.iter().map(|test| (test.name.value.as_str(), test.name.at.line)).collect();
    assert_eq!(names, [("one {", 3), ("three", 9)]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].at.line, 8);
    let engine = rhai::Engine::new();
    let run = |test: &TestSource| {
        let mut scope = rhai::Scope::new();
        engine.run_ast_with_scope(&mut scope, &test.shared).unwrap();
        engine.eval_ast_with_scope::<i64>(&mut scope, &test.block)
    };
    assert_eq!(run(&tests[0]).unwrap(), 4);
    let error = run(&tests[1]).unwrap_err();
    assert_eq!(error.position(), rhai::Position::new(9, 16));
}

const SAMPLE: &str = r##"entity card = payment.card.token; // the card
feature a = count(attempt) by card over "1h" where outcome.is_evidence;
const LARGE = 500_00; let b = card.a - 1 ?? `x ${1 + 2}`;
fn f(x) { let y = [x, 'c']; for i in 0..3 { y += i; } y }
rule "r" mode shadow when f(card.a) > LARGE && b in list("l") then block("A"), score(1, "B");
limit "l" = sum(payment.amount) by card per "day" max 3 then block("L"); /* end */
test "t" { let d = score(#{ card: #{ token: "c" } }); expect(d.verdict == "block"); }
"##;

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        let parsed = parsed(&text);
        render_text(&parsed.diagnostics, &files(&[("a.rhai", &text)]));
    }

    #[test]
    fn no_mutation_of_a_policy_makes_the_parser_panic(
        cuts in prop::collection::vec((0..SAMPLE.len(), 0..12_usize, "[ -~\\n]{0,4}"), 1..6),
    ) {
        let mut text = SAMPLE.to_owned();
        for (at, len, put) in cuts {
            let start = at.min(text.len());
            let end = (start + len).min(text.len());
            text.replace_range(start..end, &put);
        }
        let bundle = files(&[("a.rhai", &text), ("tests/a.rhai", &text)]);
        let parsed = parse(&bundle);
        render_text(&parsed.diagnostics, &bundle);
        let (_, problems) = parse_tests(&bundle);
        render_text(&problems, &bundle);
        for problem in parsed.diagnostics.iter().chain(&problems) {
            prop_assert!(problem.at.line >= 1 && problem.at.column >= 1);
            prop_assert!(usize::try_from(problem.at.line).unwrap() <= text.lines().count() + 1);
        }
    }
}
