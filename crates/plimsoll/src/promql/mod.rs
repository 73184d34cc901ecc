//! `plimsoll promql`: queries formatted, checked and evaluated without a server.
//!
//! **Invariant:** an error shows the query's line with carets under the place.

pub(crate) mod eval;
mod print;

use std::io::Read;

use plimsoll_adapter::config::{Excerpt, Position};
use plimsoll_promql::syntax::{self, ParseError};
use serde_json::json;

use crate::arguments::{Expression, Input, Output, PromqlSettings};
use crate::input::InputError;
use crate::printed::Printed;
use crate::series_file::SeriesError;

pub(crate) use print::moment;

/// Does what `settings` say; `now` is in milliseconds since 1970.
pub fn run(settings: &PromqlSettings, now: i64, stdin: &mut dyn Read) -> Printed {
    let done: Result<Printed, SeriesError> = match settings {
        PromqlSettings::Format { expr } => {
            text_of(expr, stdin).map(|text| format(&text)).map_err(SeriesError::from)
        }
        PromqlSettings::Check { expr, output } => {
            text_of(expr, stdin).map(|text| check(&text, *output)).map_err(SeriesError::from)
        }
        PromqlSettings::Eval { expr, load, when, output } => {
            eval::run(expr, load, *when, *output, now, stdin)
        }
    };
    done.unwrap_or_else(|error| error.printed())
}

fn text_of(expr: &Expression, stdin: &mut dyn Read) -> Result<String, InputError> {
    match expr {
        Expression::Given(text) => Ok(text.clone()),
        Expression::Stdin => {
            let limit = syntax::MAX_QUERY as u64;
            Ok(Input::Stdin.read(stdin, limit, "split the query into recording rules")?.trim_end().to_owned())
        }
    }
}

fn format(text: &str) -> Printed {
    match syntax::parse(text) {
        Ok(expr) => Printed::result(format!("{expr}\n"), true),
        Err(error) => Printed::mistake(&shown(text, &error)),
    }
}

fn check(text: &str, output: Output) -> Printed {
    let parsed = syntax::parse(text);
    match output {
        Output::Text => match parsed {
            Ok(expr) => Printed::result(format!("ok: {}\n", expr.value_type().as_str()), true),
            Err(error) => Printed::result(format!("{}\n", shown(text, &error)), false),
        },
        Output::Json => {
            let good = parsed.is_ok();
            let value = match parsed {
                Ok(expr) => json!({"valid": true, "type": type_name(&expr), "normal": expr.to_string()}),
                Err(error) => json!({
                    "valid": false, "message": error.message, "line": error.line, "column": error.column,
                    "start": error.span.start, "end": error.span.end,
                }),
            };
            Printed::result(format!("{value:#}\n"), good)
        }
    }
}

/// As the HTTP API calls the types of results.
fn type_name(expr: &syntax::ast::Expr) -> &'static str {
    use syntax::ast::ValueType;
    match expr.value_type() {
        ValueType::Scalar => "scalar",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
        ValueType::String => "string",
    }
}

/// Prometheus' words, and below them the place.
fn shown(query: &str, error: &ParseError) -> String {
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let line = query.lines().nth(error.line - 1).unwrap_or_default();
    let before = line.get(..error.column - 1).unwrap_or(line).chars().count();
    let position = Position { line: number(error.line), column: number(before + 1) };
    let width = query.get(error.span.start..error.span.end).map_or(1, |part| part.chars().count());
    match Excerpt::of(query, position, width) {
        Some(excerpt) => format!("{error}\n{excerpt}"),
        None => error.to_string(),
    }
}
