//! Walking a template's tree, after Go's `text/template/exec.go`.
//!
//! Not the functions: those are in `builtin.rs`.
//!
//! **Invariant:** every node and command costs a step, every byte made or read by a function is charged, and
//! depth is counted; each has a limit.

use super::builtin;
use super::datum::{Datum, Text};
use super::format;
use super::function::Function;
use super::node::{Branch, Command, Node, Number, Operand, OperandKind, Pipeline, Span};
use super::origin::Origin;
use super::{ExecutionError, MAX_DEPTH, MAX_OUTPUT, MAX_PRODUCED, MAX_STEPS, Template, advice, position};
use crate::template::{Value, quote};

/// Where and why evaluation stopped; boxed, since it is rare.
struct Failure {
    span: Span,
    message: String,
}

type Evaluated<T> = Result<T, Box<Failure>>;

fn fail<T>(span: Span, message: impl Into<String>) -> Evaluated<T> {
    Err(Box::new(Failure { span, message: message.into() }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Onward,
    Break,
    Continue,
}

/// What a parameter asks of its argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parameter {
    Anything,
    /// `printf`'s format.
    String,
}

struct Run<'a> {
    template: &'a Template,
    out: Vec<u8>,
    steps: u32,
    produced: usize,
    depth: usize,
    /// `$`: what the current template was called with.
    root: Datum<'a>,
    variables: Vec<(&'a str, Datum<'a>)>,
    /// Where the variables of the current template begin.
    base: usize,
    executing: &'a str,
    /// Where parts of the output come from, if that is asked for.
    origin: Option<&'a mut Origin>,
}

pub(super) fn render<'a>(
    template: &'a Template,
    data: &'a Value<'a>,
    origin: Option<&'a mut Origin>,
) -> Result<Vec<u8>, ExecutionError> {
    let root = Datum::from(data);
    let mut run = Run {
        template,
        out: Vec::with_capacity(template.text.len() + 128),
        steps: 0,
        produced: 0,
        depth: 0,
        root: root.clone(),
        variables: Vec::new(),
        base: 0,
        executing: &template.name,
        origin,
    };
    let body = template.definitions.get(template.main).map_or(&[][..], |(_, body)| body);
    match run.walk(&root, body) {
        Ok(_) => Ok(run.out),
        Err(failure) => {
            let Failure { span, message } = *failure;
            let (line, column) = position(&template.text, span.start as usize);
            let at = template.text.get(span.start as usize..span.end as usize).unwrap_or_default();
            Err(ExecutionError {
                name: template.name.to_string(),
                line,
                column,
                executing: run.executing.to_owned(),
                at: shorten(at),
                message,
            })
        }
    }
}

/// The text of a failed part, at most 40 characters of it.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

impl<'a> Run<'a> {
    fn step(&mut self, span: Span) -> Evaluated<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return fail(span, format!("the template takes more than {MAX_STEPS} steps"));
        }
        Ok(())
    }

    fn descend(&mut self, span: Span) -> Evaluated<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return fail(span, format!("blocks and template calls nest more than {MAX_DEPTH} levels deep"));
        }
        Ok(())
    }

    fn charge(&mut self, span: Span, bytes: usize) -> Evaluated<()> {
        self.produced = self.produced.saturating_add(bytes);
        if self.produced > MAX_PRODUCED {
            return fail(span, format!("functions work on more than {MAX_PRODUCED} bytes"));
        }
        Ok(())
    }

    fn too_long<T>(span: Span) -> Evaluated<T> {
        fail(span, format!("the result is longer than {MAX_OUTPUT} bytes"))
    }

    fn walk(&mut self, dot: &Datum<'a>, nodes: &'a [Node]) -> Evaluated<Flow> {
        for node in nodes {
            let flow = match node {
                Node::Text(text, start) => {
                    if let Some(origin) = &mut self.origin {
                        origin.copied(self.out.len(), *start as usize);
                    }
                    self.out.extend_from_slice(text);
                    if self.out.len() > MAX_OUTPUT {
                        return Self::too_long(Span { start: 0, end: 0 });
                    }
                    Flow::Onward
                }
                Node::Action(pipeline) => {
                    let value = self.pipeline(dot, pipeline)?;
                    if pipeline.variables.is_empty() {
                        self.print(&value, pipeline.span)?;
                    }
                    Flow::Onward
                }
                Node::If(branch) => self.branch(dot, branch, false)?,
                Node::With(branch) => self.branch(dot, branch, true)?,
                Node::Range(branch) => self.range(dot, branch)?,
                Node::Template { name, data, span } => {
                    self.call_template(dot, name, data.as_ref(), *span)?;
                    Flow::Onward
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::Onward {
                return Ok(flow);
            }
        }
        Ok(Flow::Onward)
    }

    fn print(&mut self, value: &Datum<'a>, span: Span) -> Evaluated<()> {
        if let Some(origin) = &mut self.origin {
            origin.made(self.out.len(), span.start as usize..span.end as usize);
        }
        match value {
            Datum::String(text) => self.out.extend_from_slice(text),
            Datum::Nothing => self.out.extend_from_slice(b"<no value>"),
            other => {
                self.charge(span, other.weight())?;
                if format::print_default(&mut self.out, other, MAX_OUTPUT).is_err() {
                    return Self::too_long(span);
                }
            }
        }
        if self.out.len() > MAX_OUTPUT { Self::too_long(span) } else { Ok(()) }
    }

    fn branch(&mut self, dot: &Datum<'a>, branch: &'a Branch, rebinds: bool) -> Evaluated<Flow> {
        self.descend(branch.pipeline.span)?;
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipeline)?;
        let flow = match (value.is_true(), rebinds) {
            (true, true) => self.walk(&value, &branch.body)?,
            (true, false) => self.walk(dot, &branch.body)?,
            (false, _) => self.walk(dot, &branch.otherwise)?,
        };
        self.variables.truncate(mark);
        self.depth -= 1;
        Ok(flow)
    }

    fn range(&mut self, dot: &Datum<'a>, branch: &'a Branch) -> Evaluated<Flow> {
        let span = branch.pipeline.span;
        self.descend(span)?;
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipeline)?;
        let mut empty = true;
        match value {
            Datum::Strings(values) => {
                for (index, value) in (0_i64..).zip(values) {
                    empty = false;
                    if self.iterate(Datum::Int(index), Datum::borrowed(value), branch)? == Flow::Break {
                        break;
                    }
                }
            }
            Datum::Map(entries) => {
                for (key, value) in entries {
                    empty = false;
                    if self.iterate(Datum::borrowed(key), Datum::borrowed(value), branch)? == Flow::Break {
                        break;
                    }
                }
            }
            Datum::Nothing => {}
            other => {
                return fail(span, format!("range can't iterate over a value of type {}", other.type_name()));
            }
        }
        let flow = if empty { self.walk(dot, &branch.otherwise)? } else { Flow::Onward };
        self.variables.truncate(mark);
        self.depth -= 1;
        Ok(flow)
    }

    fn iterate(&mut self, index: Datum<'a>, element: Datum<'a>, branch: &'a Branch) -> Evaluated<Flow> {
        let Pipeline { variables, assigns, span, .. } = &branch.pipeline;
        self.step(*span)?;
        let mark = self.variables.len();
        // With two variables the index comes first; with one, it holds the element.
        let values =
            [(variables.len() == 2).then_some(index), (!variables.is_empty()).then(|| element.clone())];
        for (at, value) in values.into_iter().flatten().enumerate() {
            if *assigns {
                self.assign(&variables[at], value, *span)?;
            } else if let Some(slot) = (mark + at).checked_sub(variables.len()) {
                self.variables[slot].1 = value;
            }
        }
        let flow = self.walk(&element, &branch.body)?;
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn call_template(
        &mut self,
        dot: &Datum<'a>,
        name: &'a str,
        data: Option<&'a Pipeline>,
        span: Span,
    ) -> Evaluated<()> {
        let template = self.template;
        let Some((name, body)) = template.definitions.iter().find(|(known, _)| **known == *name) else {
            return fail(span, format!("template {} not defined", quote(name.as_bytes())));
        };
        self.step(span)?;
        self.descend(span)?;
        let dot = match data {
            Some(pipeline) => self.pipeline(dot, pipeline)?,
            None => Datum::Nothing,
        };
        let root = std::mem::replace(&mut self.root, dot.clone());
        let executing = std::mem::replace(&mut self.executing, name);
        let mark = self.variables.len();
        let base = std::mem::replace(&mut self.base, mark);
        self.walk(&dot, body)?;
        self.variables.truncate(mark);
        self.base = base;
        self.executing = executing;
        self.root = root;
        self.depth -= 1;
        Ok(())
    }

    fn assign(&mut self, name: &str, value: Datum<'a>, span: Span) -> Evaluated<()> {
        match self.variables[self.base..].iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, slot)) => *slot = value,
            None if name == "$" => self.root = value,
            None => return fail(span, format!("undefined variable: {name}")),
        }
        Ok(())
    }

    fn variable(&self, name: &str, span: Span) -> Evaluated<Datum<'a>> {
        match self.variables[self.base..].iter().rev().find(|(known, _)| *known == name) {
            Some((_, value)) => Ok(value.clone()),
            None if name == "$" => Ok(self.root.clone()),
            None => fail(span, format!("undefined variable: {name}")),
        }
    }

    fn pipeline(&mut self, dot: &Datum<'a>, pipeline: &'a Pipeline) -> Evaluated<Datum<'a>> {
        let mut value = None;
        for command in &pipeline.commands {
            self.step(pipeline.span)?;
            value = Some(self.command(dot, command, value)?);
        }
        let value = value.unwrap_or(Datum::Nothing);
        for name in &pipeline.variables {
            if pipeline.assigns {
                self.assign(name, value.clone(), pipeline.span)?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    /// Evaluates one command; `last` is the value of the command before it in the pipeline.
    fn command(
        &mut self,
        dot: &Datum<'a>,
        command: &'a Command,
        last: Option<Datum<'a>>,
    ) -> Evaluated<Datum<'a>> {
        let head = &command.operands[0];
        let applied = command.operands.len() > 1 || last.is_some();
        match &head.kind {
            OperandKind::Field(names) => self.fields(dot.clone(), names, applied, head.span),
            OperandKind::Function(function) => {
                self.call(dot, *function, head.span, &command.operands[1..], last)
            }
            OperandKind::Chain(inner, names) => {
                let value = self.argument(dot, inner, Parameter::Anything)?;
                self.fields(value, names, applied, head.span)
            }
            OperandKind::Variable(name, names) if !names.is_empty() => {
                let value = self.variable(name, head.span)?;
                self.fields(value, names, applied, head.span)
            }
            _ if applied => {
                let text = self.template.text.get(head.span.start as usize..head.span.end as usize);
                fail(head.span, format!("can't give argument to non-function {}", text.unwrap_or_default()))
            }
            OperandKind::Nil => fail(head.span, "nil is not a command"),
            _ => self.argument(dot, head, Parameter::Anything),
        }
    }

    fn fields(
        &mut self,
        value: Datum<'a>,
        names: &'a [Box<str>],
        applied: bool,
        span: Span,
    ) -> Evaluated<Datum<'a>> {
        let mut value = value;
        for (at, name) in names.iter().enumerate() {
            let applied = applied && at + 1 == names.len();
            value = match value {
                Datum::Nothing => Datum::Nothing,
                Datum::Struct(fields) => match fields.iter().find(|(known, _)| *known == &**name) {
                    Some(_) if applied => {
                        return fail(span, format!("{name} has arguments but cannot be invoked as function"));
                    }
                    Some((_, value)) => Datum::from(value),
                    None => {
                        let available: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
                        return fail(span, advice::for_unknown_field(name, &available));
                    }
                },
                Datum::Map(_) if applied => {
                    return fail(span, format!("{name} is not a method but has arguments"));
                }
                Datum::Map(entries) => {
                    entries.get(&**name).map_or(Datum::Nothing, |value| Datum::borrowed(value))
                }
                other => {
                    let kind = other.type_name();
                    return fail(
                        span,
                        format!("can't evaluate field {name} in type {kind}: it has no fields"),
                    );
                }
            };
        }
        Ok(value)
    }

    fn argument(&mut self, dot: &Datum<'a>, operand: &'a Operand, wanted: Parameter) -> Evaluated<Datum<'a>> {
        let span = operand.span;
        let value = match &operand.kind {
            OperandKind::Dot => dot.clone(),
            OperandKind::Nil if wanted == Parameter::String => {
                return fail(span, "cannot assign nil to string");
            }
            OperandKind::Nil => Datum::Nothing,
            OperandKind::Bool(value) => Datum::Bool(*value),
            OperandKind::Number(number) => match number {
                Number::Integer(value) => Datum::Int(*value),
                Number::Float(value) => Datum::Float(*value),
                Number::Complex(real, imaginary) => Datum::Complex(*real, *imaginary),
                Number::Overflow => return fail(span, "the number overflows int"),
            },
            OperandKind::String(text) => Datum::String(Text::Borrowed(text)),
            OperandKind::Field(names) => self.fields(dot.clone(), names, false, span)?,
            OperandKind::Variable(name, names) => {
                let value = self.variable(name, span)?;
                self.fields(value, names, false, span)?
            }
            OperandKind::Function(function) => self.call(dot, *function, span, &[], None)?,
            OperandKind::Pipeline(pipeline) => {
                self.descend(span)?;
                let value = self.pipeline(dot, pipeline)?;
                self.depth -= 1;
                value
            }
            OperandKind::Chain(inner, names) => {
                let value = self.argument(dot, inner, Parameter::Anything)?;
                self.fields(value, names, false, span)?
            }
        };
        match (&value, wanted) {
            (_, Parameter::Anything) | (Datum::String(_), Parameter::String) => Ok(value),
            (Datum::Nothing, _) => fail(span, "invalid value; expected string"),
            (other, _) => {
                fail(span, format!("wrong type for value; expected string; got {}", other.type_name()))
            }
        }
    }

    fn call(
        &mut self,
        dot: &Datum<'a>,
        function: Function,
        span: Span,
        operands: &'a [Operand],
        last: Option<Datum<'a>>,
    ) -> Evaluated<Datum<'a>> {
        let name = function.name();
        let given = operands.len() + usize::from(last.is_some());
        let (needed, more) = function.parameters();
        if given < needed || (given > needed && !more) {
            let least = if more { "at least " } else { "" };
            return fail(span, format!("wrong number of args for {name}: want {least}{needed} got {given}"));
        }
        if matches!(function, Function::And | Function::Or) {
            let mut value = Datum::Nothing;
            for operand in operands {
                value = self.argument(dot, operand, Parameter::Anything)?;
                if value.is_true() == (function == Function::Or) {
                    return Ok(value);
                }
            }
            return Ok(last.unwrap_or(value));
        }
        let whole = Span { start: span.start, end: operands.last().map_or(span.end, |last| last.span.end) };
        let mut arguments = Vec::with_capacity(given);
        for (at, operand) in operands.iter().enumerate() {
            let format = function == Function::Printf && at == 0;
            let wanted = if format { Parameter::String } else { Parameter::Anything };
            arguments.push(self.argument(dot, operand, wanted)?);
        }
        arguments.extend(last);
        let read = arguments.iter().map(Datum::weight).sum();
        self.charge(span, read)?;
        match builtin::call(function, &arguments) {
            Ok(value) => {
                self.charge(span, value.weight())?;
                Ok(value)
            }
            Err(builtin::Refusal::TooLong) => Self::too_long(whole),
            Err(builtin::Refusal::Error(message)) => fail(whole, format!("error calling {name}: {message}")),
        }
    }
}
