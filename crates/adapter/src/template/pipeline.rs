//! What stands between the delimiters: pipelines of commands, commands of operands.
//!
//! **Invariant:** as for the whole parser; parentheses count as nesting.

use plimsoll_model::quote::quote;

use super::constant;
use super::function::Function;
use super::node::{Command, Operand, OperandKind, Pipeline, Span};
use super::parser::{Parsed, Parser};
use super::token::{Kind, Token};

impl Parser<'_> {
    /// From the start of `first` to the end of the last token taken.
    pub fn span(&self, first: Token) -> Span {
        let last = self.tokens.list[..self.at].iter().rev().find(|token| {
            !matches!(token.kind, Kind::Space | Kind::Right | Kind::CloseParenthesis)
                || token.start == first.start
        });
        Span { start: first.start, end: last.map_or(first.end, |last| last.end.max(first.end)) }
    }

    fn declarations(&mut self, context: &str, pipeline: &mut Pipeline) -> Parsed<()> {
        while self.peek_non_space().kind == Kind::Variable {
            let start = self.at;
            let token = self.next();
            let name = self.text(token);
            let next = self.peek_non_space();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    self.next();
                    pipeline.assigns = next.kind == Kind::Assign;
                    pipeline.variables.push(name.into());
                    self.variables.push(name.into());
                    return Ok(());
                }
                Kind::Character if self.text(next) == "," => {
                    self.next();
                    pipeline.variables.push(name.into());
                    self.variables.push(name.into());
                    if context != "range" || pipeline.variables.len() >= 2 {
                        return Err(self.error(next, format!("too many declarations in {context}")));
                    }
                    let next = self.peek_non_space();
                    if !matches!(next.kind, Kind::Variable | Kind::Right | Kind::CloseParenthesis) {
                        return Err(self.error(next, "range can only initialize variables".to_owned()));
                    }
                }
                _ => {
                    self.at = start;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    pub fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipeline> {
        let first = self.peek_non_space();
        let span = Span { start: first.start, end: first.end };
        let mut pipeline = Pipeline { variables: Vec::new(), assigns: false, commands: Vec::new(), span };
        self.declarations(context, &mut pipeline)?;
        loop {
            let token = self.peek_non_space();
            match token.kind {
                kind if kind == end => {
                    pipeline.span = self.span(first);
                    self.next();
                    break;
                }
                Kind::Bool
                | Kind::CharacterConstant
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::OpenParenthesis => {
                    let command = self.command()?;
                    pipeline.commands.push(command);
                }
                _ => return Err(self.unexpected(token, context)),
            }
        }
        if pipeline.commands.is_empty() {
            return Err(self.error(first, format!("missing value for {context}")));
        }
        for (stage, command) in pipeline.commands.iter().enumerate().skip(1) {
            let head = &command.operands[0];
            if matches!(
                head.kind,
                OperandKind::Bool(_)
                    | OperandKind::Dot
                    | OperandKind::Nil
                    | OperandKind::Number(_)
                    | OperandKind::String(_)
            ) {
                let at = Token { kind: Kind::Dot, start: head.span.start, end: head.span.end };
                return Err(self.error(at, format!("non executable command in pipeline stage {}", stage + 1)));
            }
        }
        Ok(pipeline)
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut operands = Vec::new();
        let first = self.peek_non_space();
        loop {
            self.peek_non_space();
            operands.extend(self.operand()?);
            let token = self.peek();
            match token.kind {
                Kind::Space => {
                    self.next();
                }
                Kind::Right | Kind::CloseParenthesis => break,
                Kind::Pipe => {
                    self.next();
                    break;
                }
                _ => return Err(self.unexpected(token, "operand")),
            }
        }
        if operands.is_empty() {
            Err(self.error(first, "empty command".to_owned()))
        } else {
            Ok(Command { operands })
        }
    }

    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(mut operand) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(operand));
        }
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            let token = self.next();
            operand.span.end = token.end;
            fields.push(Box::from(&self.text(token)[1..]));
        }
        let joined = |before: &[Box<str>]| before.iter().cloned().chain(fields.iter().cloned()).collect();
        operand.kind = match operand.kind {
            OperandKind::Field(before) => OperandKind::Field(joined(&before)),
            OperandKind::Variable(name, before) => OperandKind::Variable(name, joined(&before)),
            kind @ (OperandKind::Pipeline(_) | OperandKind::Function(_)) => {
                let inner = Operand { kind, span: operand.span };
                OperandKind::Chain(Box::new(inner), joined(&[]))
            }
            _ => {
                let term = &self.text[operand.span.start as usize..first.start as usize];
                let message = format!("unexpected . after term {}", quote(term.as_bytes()));
                return Err(self.error(first, message));
            }
        };
        Ok(Some(operand))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.peek_non_space();
        let text = self.text(token);
        let wrong = |message| self.error(token, message);
        let kind = match token.kind {
            Kind::Identifier => match Function::named(text) {
                Some(function) => OperandKind::Function(function),
                None => return Err(wrong(format!("function {} not defined", quote(text.as_bytes())))),
            },
            Kind::Dot => OperandKind::Dot,
            Kind::Nil => OperandKind::Nil,
            Kind::Variable => {
                if !self.variables.iter().any(|known| **known == *text) {
                    return Err(wrong(format!("undefined variable {}", quote(text.as_bytes()))));
                }
                OperandKind::Variable(text.into(), Box::default())
            }
            Kind::Field => OperandKind::Field([Box::from(&text[1..])].into()),
            Kind::Bool => OperandKind::Bool(text == "true"),
            Kind::CharacterConstant => OperandKind::Number(constant::character(text).map_err(wrong)?),
            Kind::Number => OperandKind::Number(constant::number(text).map_err(wrong)?),
            Kind::String | Kind::RawString => OperandKind::String(constant::string(text).map_err(wrong)?),
            Kind::OpenParenthesis => {
                self.next();
                self.descend()?;
                let pipeline = self.pipeline("parenthesized pipeline", Kind::CloseParenthesis)?;
                self.nesting -= 1;
                let end = self.tokens.list[self.at - 1].end;
                let span = Span { start: token.start, end };
                return Ok(Some(Operand { kind: OperandKind::Pipeline(Box::new(pipeline)), span }));
            }
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(Operand { kind, span: Span { start: token.start, end: token.end } }))
    }
}
