//! What a program may not say although VRL would let it: judged on its syntax, before it is compiled.
//!
//! VRL has no loop but over what is there, and no recursion; a run counts its expressions and measures
//! its values. What is left to see to here are single expressions that make much of little, and names
//! that do not exist.

use vrl::{
    diagnostic::Span,
    parser::{
        Literal, Program,
        ast::{
            Assignment, AssignmentTarget, Container, Expr, FunctionCall, IfStatement, Node, Op,
            Opcode, Predicate, Query, QueryTarget, RootExpr, Unary,
        },
    },
    path::{OwnedSegment, OwnedValuePath, PathPrefix},
};

use crate::{
    fields::{self, Members},
    functions,
};

/// Deepest nesting of expressions; a sum of many terms nests as deep as it has terms.
const DEEPEST: usize = 64;
/// Most texts that one template puts together.
const MOST_SEGMENTS: usize = 64;
/// Most members of one object, or items of one array, that stand in a program.
const MOST_ITEMS: usize = 256;
/// Longest path.
const LONGEST_PATH: usize = 32;
/// Longest text that stands in for another one in many places.
const LONGEST_LITERAL: usize = 256;
/// Greatest index that may be written: an array is filled up to it.
const GREATEST_INDEX: usize = 1_000;

/// What was found in a program.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Members that it names: no others need to be there.
    pub(crate) members: Members,
    /// What it may not say, and where.
    pub(crate) problems: Vec<(Span, String)>,
}

/// Whether brackets nest, or negations follow each other, so deep that no parser should see them. Those
/// in texts and comments count as well.
pub(crate) fn nests_too_deep(text: &str) -> bool {
    let (mut brackets, mut negations) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => brackets += 1,
            b')' | b']' | b'}' => brackets = brackets.saturating_sub(1),
            b'!' => negations += 1,
            byte if byte.is_ascii_whitespace() => continue,
            _ => (),
        }
        if byte != b'!' {
            negations = 0;
        }
        if brackets > 2 * DEEPEST || negations > DEEPEST {
            return true;
        }
    }
    false
}

/// Judges a program.
pub(crate) fn judge(program: Program) -> Judged {
    let mut judged = Judged::default();
    for root in program {
        // A syntax error is the compiler's to tell.
        if let RootExpr::Expr(expression) = root.into_inner() {
            judged.expression(expression, 0);
        }
    }
    judged
}

impl Judged {
    fn refuse(&mut self, span: Span, problem: impl Into<String>) {
        self.problems.push((span, problem.into()));
    }

    fn expression(&mut self, node: Node<Expr>, above: usize) {
        let (span, expression) = node.take();
        let depth = above + 1;
        if depth > DEEPEST {
            return self
                .refuse(span, format!("expressions nest deeper than {DEEPEST}; split them up"));
        }
        match expression {
            Expr::Literal(literal) => self.literal(span, &literal),
            Expr::Container(container) => self.container(container.into_inner(), depth),
            Expr::IfStatement(branch) => self.branch(branch.into_inner(), depth),
            Expr::Op(op) => self.op(span, op.into_inner(), depth),
            Expr::Assignment(assignment) => self.assignment(span, assignment.into_inner(), depth),
            Expr::Query(query) => self.query(span, query.into_inner(), depth),
            Expr::FunctionCall(call) => self.call(call.into_inner(), depth),
            Expr::Unary(unary) => {
                let Unary::Not(not) = unary.into_inner();
                self.expression(*not.into_inner().take().1, depth);
            }
            Expr::Abort(abort) => {
                if let Some(message) = abort.into_inner().message {
                    self.expression(*message, depth);
                }
            }
            Expr::Return(value) => self.expression(*value.into_inner().expr, depth),
            Expr::Variable(_) | Expr::Break(_) => (),
        }
    }

    fn literal(&mut self, span: Span, literal: &Literal) {
        if let Literal::String(template) = literal
            && template.0.len() > MOST_SEGMENTS
        {
            self.refuse(span, format!("a template of more than {MOST_SEGMENTS} parts"));
        }
    }

    fn container(&mut self, container: Container, depth: usize) {
        match container {
            Container::Group(group) => self.expression(group.into_inner().into_inner(), depth),
            Container::Block(block) => self.all(block.into_inner(), depth),
            Container::Array(array) => {
                let (span, array) = array.take();
                self.items(span, array.into_iter().collect(), depth);
            }
            Container::Object(object) => {
                let (span, object) = object.take();
                self.items(span, object.into_iter().map(|(_, value)| value).collect(), depth);
            }
        }
    }

    fn items(&mut self, span: Span, items: Vec<Node<Expr>>, depth: usize) {
        if items.len() > MOST_ITEMS {
            self.refuse(span, format!("more than {MOST_ITEMS} items in one array or object"));
        }
        self.all(items, depth);
    }

    fn all(&mut self, expressions: impl IntoIterator<Item = Node<Expr>>, depth: usize) {
        for expression in expressions {
            self.expression(expression, depth);
        }
    }

    fn branch(&mut self, branch: IfStatement, depth: usize) {
        match branch.predicate.into_inner() {
            Predicate::One(expression) => self.expression(*expression, depth),
            Predicate::Many(expressions) => self.all(expressions, depth),
        }
        self.all(branch.if_node.into_inner(), depth);
        if let Some(otherwise) = branch.else_node {
            self.all(otherwise.into_inner(), depth);
        }
    }

    fn op(&mut self, span: Span, Op(left, opcode, right): Op, depth: usize) {
        let repeats =
            opcode.into_inner() == Opcode::Mul && !(is_number(&left) && is_number(&right));
        if repeats {
            let problem = "`*` repeats a text as well, so both sides must say that they are numbers, \
                           such as by `to_float(…)`, `to_int(…)`, `float(…)` or `int(…)`";
            self.refuse(span, problem);
        }
        self.expression(*left, depth);
        self.expression(*right, depth);
    }

    fn assignment(&mut self, span: Span, assignment: Assignment, depth: usize) {
        let (targets, value) = match assignment {
            Assignment::Single { target, expr, .. } => (vec![target], expr),
            Assignment::Infallible { ok, err, expr, .. } => (vec![ok, err], expr),
        };
        for target in targets {
            self.target(span, target.into_inner());
        }
        self.expression(*value, depth);
    }

    fn target(&mut self, span: Span, target: AssignmentTarget) {
        match target {
            AssignmentTarget::Noop | AssignmentTarget::Internal(_, None) => (),
            AssignmentTarget::Internal(_, Some(path)) => self.index(span, &path),
            AssignmentTarget::Query(query) => {
                self.index(span, query.path.inner());
                if let QueryTarget::External(prefix) = query.target.inner() {
                    self.path(span, *prefix, query.path.inner());
                }
            }
            AssignmentTarget::External(None) => {
                self.path(span, PathPrefix::Event, &OwnedValuePath::root());
            }
            AssignmentTarget::External(Some(target)) => {
                self.index(span, &target.path);
                self.path(span, target.prefix, &target.path);
            }
        }
    }

    fn index(&mut self, span: Span, path: &OwnedValuePath) {
        let is_great = |segment: &OwnedSegment| match segment {
            OwnedSegment::Index(index) => index.unsigned_abs() > GREATEST_INDEX,
            OwnedSegment::Field(_) => false,
        };
        if path.segments.len() > LONGEST_PATH {
            self.refuse(
                span,
                format!("a path of more than {LONGEST_PATH} names cannot be written"),
            );
        }
        if path.segments.iter().any(is_great) {
            self.refuse(span, format!("an index beyond {GREATEST_INDEX} cannot be written"));
        }
    }

    fn query(&mut self, span: Span, query: Query, depth: usize) {
        match query.target.into_inner() {
            QueryTarget::Internal(_) => (),
            QueryTarget::External(prefix) => self.path(span, prefix, query.path.inner()),
            QueryTarget::FunctionCall(call) => self.call(call, depth),
            QueryTarget::Container(container) => self.container(container, depth),
        }
    }

    /// A path of the event: its first member must be one that there is.
    fn path(&mut self, span: Span, prefix: PathPrefix, path: &OwnedValuePath) {
        if prefix == PathPrefix::Metadata {
            return self.refuse(span, "an event has no metadata (`%`)");
        }
        match path.segments.first() {
            Some(OwnedSegment::Field(name)) => match fields::of_name(name) {
                Some(member) => self.members.add(member.name),
                None => self.refuse(span, unknown(name)),
            },
            _ => self.refuse(span, "`.` alone: name a member of the event, such as `.properties`"),
        }
    }

    fn call(&mut self, call: FunctionCall, depth: usize) {
        let name = call.ident.inner().to_string();
        if !functions::is_allowed(&name) {
            let known = functions::is_known(&name);
            let fault = if known { "is not allowed here" } else { "is none that there is" };
            let problem = format!(
                "the function `{name}` {fault}; docs/enriching.md lists those that are allowed"
            );
            self.refuse(call.ident.span(), problem);
        }
        for (position, argument) in call.arguments.into_iter().enumerate() {
            let (at, argument) = argument.take();
            let keyword = argument.ident.as_ref().map(|ident| ident.inner().as_ref());
            if let Some(word) = functions::literal_argument(&name, keyword, position) {
                self.must_be_literal(at, &name, word, argument.expr.inner());
            }
            self.expression(argument.expr, depth);
        }
        if let Some(closure) = call.closure {
            self.all(closure.into_inner().block.into_inner(), depth);
        }
    }

    fn must_be_literal(&mut self, span: Span, function: &str, word: &str, given: &Expr) {
        let text = match given {
            Expr::Literal(literal) => match literal.inner() {
                Literal::String(template) if template.0.is_empty() => Some(""),
                Literal::String(template) => template.as_literal_string(),
                Literal::RawString(text) => Some(text.as_str()),
                _ => None,
            },
            _ => None,
        };
        match text {
            None => self.refuse(
                span,
                format!("`{word}` of `{function}` must be a text in the program itself"),
            ),
            Some("local" | "") if word == "timezone" => {
                self.refuse(
                    span,
                    "the time zone of the machine is not the same everywhere; name one",
                );
            }
            Some(text) if text.len() > LONGEST_LITERAL => {
                self.refuse(
                    span,
                    format!("`{word}` of `{function}` is longer than {LONGEST_LITERAL} bytes"),
                );
            }
            Some(_) => (),
        }
    }
}

fn unknown(name: &str) -> String {
    let known: Vec<String> = fields::MEMBERS.iter().map(|it| format!(".{}", it.name)).collect();
    format!("an event has no member `.{name}`; there are {}", known.join(", "))
}

/// Whether an expression can have no value but a number, as far as its syntax tells.
fn is_number(node: &Node<Expr>) -> bool {
    match node.inner() {
        Expr::Literal(literal) => {
            matches!(literal.inner(), Literal::Integer(_) | Literal::Float(_))
        }
        Expr::Container(container) => match container.inner() {
            Container::Group(group) => is_number(&group.inner().0),
            _ => false,
        },
        Expr::Op(op) => {
            let Op(left, opcode, right) = op.inner();
            match opcode.inner() {
                // A product of anything else is refused where it stands.
                Opcode::Mul | Opcode::Sub | Opcode::Div => true,
                Opcode::Add | Opcode::Err => is_number(left) && is_number(right),
                _ => false,
            }
        }
        Expr::FunctionCall(call) => functions::gives_a_number(call.inner().ident.inner()),
        _ => false,
    }
}
