//! What bounds the values of a program that are not in the event: its variables, and what functions are
//! given.
//!
//! VRL bounds neither. `x = x + x`, forty times, is a terabyte; `x = [x]` in a loop nests until the stack
//! ends. So each place where a program reads a variable, or hands the result of an expression to a
//! function, is rewritten to go through a function of ours that measures the value. Nothing can then
//! be built from more than was measured; `rules.rs` sees to it that one step cannot make much more
//! of it. That VRL wants arguments that cannot fail is what makes the rewriting sound: what is
//! wrapped never fails, so no type changes.

use vrl::{
    compiler::{
        Context, Expression, ExpressionError, Function, FunctionExpression, Resolved, TypeDef,
        function::{ArgumentList, Compiled, Example, FunctionCompileContext, Parameter},
        state::TypeState,
        value::kind,
    },
    parser::{
        Literal, Program,
        ast::{
            Assignment, Block, Container, Expr, FunctionArgument, FunctionCall, Ident, IfStatement,
            Node, Not, Op, Predicate, Query, QueryTarget, RootExpr, Unary,
        },
    },
};

use crate::measure;

/// No program can call it: it is on no list, and no plain compilation knows it.
const NAME: &str = "measured";
/// Functions that want a path rather than its value.
const WANT_A_PATH: [&str; 2] = ["del", "exists"];

/// The function that measures: gives back what it was given, or ends the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// Most bytes.
    pub(crate) most: usize,
}

impl Function for Measured {
    fn identifier(&self) -> &'static str {
        NAME
    }

    fn usage(&self) -> &'static str {
        "Not for programs."
    }

    fn category(&self) -> &'static str {
        "System"
    }

    fn return_kind(&self) -> u16 {
        kind::ANY
    }

    fn parameters(&self) -> &'static [Parameter] {
        const PARAMETERS: &[Parameter] = &[Parameter::required("value", kind::ANY, "Any value.")];
        PARAMETERS
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    fn compile(
        &self,
        _state: &TypeState,
        _ctx: &mut FunctionCompileContext,
        arguments: ArgumentList,
    ) -> Compiled {
        Ok(MeasuredCall { value: arguments.required("value"), most: self.most }.as_expr())
    }
}

#[derive(Debug, Clone)]
struct MeasuredCall {
    value: Box<dyn Expression>,
    most: usize,
}

impl FunctionExpression for MeasuredCall {
    fn resolve(&self, ctx: &mut Context) -> Resolved {
        let value = self.value.resolve(ctx)?;
        match measure::fitting(&value, self.most) {
            Some(_) => Ok(value),
            // The one error that a program cannot catch.
            None => Err(ExpressionError::Interrupted),
        }
    }

    fn type_def(&self, state: &TypeState) -> TypeDef {
        self.value.type_def(state)
    }
}

/// The program with every read and every argument measured.
pub(crate) fn measured(program: Program) -> Program {
    let roots = program.into_iter().map(|node| {
        node.map(|root| match root {
            RootExpr::Expr(expression) => RootExpr::Expr(rewritten(expression)),
            error @ RootExpr::Error(_) => error,
        })
    });
    Program(roots.collect())
}

fn rewritten(node: Node<Expr>) -> Node<Expr> {
    let (span, expression) = node.take();
    let expression = match expression {
        Expr::Variable(_) => return wrapped(Node::new(span, expression)),
        Expr::Literal(literal) => match literal.inner() {
            // Put together of variables.
            Literal::String(text) if text.as_literal_string().is_none() => {
                return rewritten(Node::new(span, text.rewrite_to_concatenated_strings()));
            }
            _ => Expr::Literal(literal),
        },
        Expr::Container(container) => Expr::Container(container.map(in_container)),
        Expr::IfStatement(branch) => Expr::IfStatement(branch.map(in_branch)),
        Expr::Op(op) => Expr::Op(op.map(|Op(left, opcode, right)| {
            Op(Box::new(rewritten(*left)), opcode, Box::new(rewritten(*right)))
        })),
        Expr::Assignment(assignment) => Expr::Assignment(assignment.map(in_assignment)),
        Expr::Query(query) => {
            let of_a_variable = matches!(query.inner().target.inner(), QueryTarget::Internal(_));
            let query = Expr::Query(query.map(in_query));
            return if of_a_variable {
                wrapped(Node::new(span, query))
            } else {
                Node::new(span, query)
            };
        }
        Expr::FunctionCall(call) => Expr::FunctionCall(call.map(in_call)),
        Expr::Unary(unary) => Expr::Unary(unary.map(|Unary::Not(not)| Unary::Not(not.map(in_not)))),
        Expr::Abort(abort) => Expr::Abort(abort.map(|mut abort| {
            abort.message = abort.message.map(|message| Box::new(rewritten(*message)));
            abort
        })),
        Expr::Return(value) => Expr::Return(value.map(|mut value| {
            value.expr = Box::new(rewritten(*value.expr));
            value
        })),
        Expr::Break(_) => expression,
    };
    Node::new(span, expression)
}

fn wrapped(node: Node<Expr>) -> Node<Expr> {
    let span = node.span();
    let argument = FunctionArgument { ident: None, expr: node };
    let call = FunctionCall {
        ident: Node::new(span, Ident::new(NAME)),
        abort_on_error: false,
        arguments: vec![Node::new(span, argument)],
        closure: None,
    };
    Node::new(span, Expr::FunctionCall(Node::new(span, call)))
}

fn in_container(container: Container) -> Container {
    match container {
        Container::Group(group) => Container::Group(Box::new(group.map(|mut group| {
            group.0 = rewritten(group.0);
            group
        }))),
        Container::Block(block) => Container::Block(block.map(in_block)),
        Container::Array(array) => {
            Container::Array(array.map(|array| array.into_iter().map(rewritten).collect()))
        }
        Container::Object(object) => Container::Object(object.map(|object| {
            object.into_iter().map(|(name, value)| (name, rewritten(value))).collect()
        })),
    }
}

fn in_block(block: Block) -> Block {
    Block(block.into_iter().map(rewritten).collect())
}

fn in_branch(mut branch: IfStatement) -> IfStatement {
    branch.predicate = branch.predicate.map(|predicate| match predicate {
        Predicate::One(expression) => Predicate::One(Box::new(rewritten(*expression))),
        Predicate::Many(all) => Predicate::Many(all.into_iter().map(rewritten).collect()),
    });
    branch.if_node = branch.if_node.map(in_block);
    branch.else_node = branch.else_node.map(|otherwise| otherwise.map(in_block));
    branch
}

fn in_assignment(assignment: Assignment) -> Assignment {
    match assignment {
        Assignment::Single { target, op, expr } => {
            Assignment::Single { target, op, expr: Box::new(rewritten(*expr)) }
        }
        Assignment::Infallible { ok, err, op, expr } => {
            Assignment::Infallible { ok, err, op, expr: Box::new(rewritten(*expr)) }
        }
    }
}

fn in_query(mut query: Query) -> Query {
    query.target = query.target.map(|target| match target {
        QueryTarget::FunctionCall(call) => QueryTarget::FunctionCall(in_call(call)),
        QueryTarget::Container(container) => QueryTarget::Container(in_container(container)),
        plain @ (QueryTarget::Internal(_) | QueryTarget::External(_)) => plain,
    });
    query
}

fn in_not(not: Not) -> Not {
    let (mark, expression) = not.take();
    Not::new(mark.span(), rewritten(*expression))
}

fn in_call(mut call: FunctionCall) -> FunctionCall {
    if !WANT_A_PATH.contains(&call.ident.inner().as_ref()) {
        let each = std::mem::take(&mut call.arguments).into_iter();
        call.arguments = each.map(|argument| argument.map(in_argument)).collect();
    }
    call.closure = call.closure.map(|closure| {
        closure.map(|mut closure| {
            closure.block = closure.block.map(in_block);
            closure
        })
    });
    call
}

fn in_argument(mut argument: FunctionArgument) -> FunctionArgument {
    // What stands in the program itself must stay as it is: some functions ask for it.
    let is_worked_out = matches!(argument.expr.inner(), Expr::FunctionCall(_) | Expr::Op(_));
    let expression = rewritten(argument.expr);
    argument.expr = if is_worked_out { wrapped(expression) } else { expression };
    argument
}
