//! Series lines: `metric{label="value"} 1 2+3x4 _ stale {{schema:0 …}}`.
//!
//! **Invariant:** a repetition is bounded, so that a short line cannot ask for unbounded memory.

use std::sync::Arc;

use plimsoll_model::histogram::Histogram;
use plimsoll_model::labels::{Label, Labels, METRIC_NAME};
use plimsoll_model::series::stale_marker;

use super::histogram_text;
use crate::syntax::lexer::Lexer;
use crate::syntax::parse_number;
use crate::syntax::token::Kind;
use crate::syntax::unquote;

/// Most values of one line.
const MAX_VALUES: usize = 100_000;

/// One value of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SequenceValue {
    Omitted,
    Float(f64),
    /// With whether its hint of a reset was written.
    Histogram(Arc<Histogram>, bool),
}

/// The labels of a series line, and the rest of it.
pub(crate) fn parse_metric(line: &str) -> Result<(Labels, &str), String> {
    let mut labels: Vec<Label> = Vec::new();
    let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
    let name_end =
        line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(line.len());
    let (name, rest) = line.split_at(name_end);
    if !name.is_empty() {
        labels.push(label(METRIC_NAME, name));
    }
    if !rest.starts_with('{') || rest.starts_with("{{") {
        return Ok((Labels::new(labels), rest));
    }
    let mut lexer = Lexer::new(rest);
    let error = |error: crate::syntax::ParseError| error.message;
    lexer.next().map_err(error)?;
    let mut named = Vec::new();
    let mut token = lexer.next().map_err(error)?;
    while token.kind != Kind::RightBrace {
        let text = &rest[token.span.start..token.span.end];
        let (name, quoted) = match token.kind {
            Kind::Identifier => (text.to_owned(), false),
            Kind::String => (unquote(text).ok_or("malformed string")?, true),
            _ => return Err(format!("unexpected {text:?} in label set, expected a label or \"}}\"")),
        };
        token = lexer.next().map_err(error)?;
        if token.kind == Kind::Equal {
            token = lexer.next().map_err(error)?;
            let text = &rest[token.span.start..token.span.end];
            let value = (token.kind == Kind::String).then(|| unquote(text)).flatten();
            named.push(label(&name, &value.ok_or("expected a string in label set")?));
            token = lexer.next().map_err(error)?;
        } else if quoted {
            named.push(label(METRIC_NAME, &name));
        } else {
            return Err(format!("expected \"=\" behind the label {name}"));
        }
        if token.kind == Kind::Comma {
            token = lexer.next().map_err(error)?;
        } else if token.kind != Kind::RightBrace {
            return Err("expected \",\" or \"}\" in label set".to_owned());
        }
    }
    named.extend(labels);
    Ok((Labels::new(named), &rest[token.span.end..]))
}

/// A whole series line.
pub(crate) fn parse_series(line: &str) -> Result<(Labels, Vec<SequenceValue>), String> {
    let (labels, rest) = parse_metric(line)?;
    Ok((labels, parse_values(rest)?))
}

fn repeat(values: &mut Vec<SequenceValue>, value: &SequenceValue, times: usize) -> Result<(), String> {
    if values.len() + times > MAX_VALUES {
        return Err(format!("more than {MAX_VALUES} values in one line"));
    }
    values.extend(std::iter::repeat_n(value.clone(), times));
    Ok(())
}

fn times(text: &str) -> Result<usize, String> {
    let count: usize = text.parse().map_err(|_| format!("invalid repetition in series values: {text}"))?;
    if count > MAX_VALUES { Err(format!("more than {MAX_VALUES} values in one line")) } else { Ok(count) }
}

fn parse_values(text: &str) -> Result<Vec<SequenceValue>, String> {
    let mut values = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if rest.starts_with("{{") {
            rest = histogram_item(rest, &mut values)?;
        } else {
            let end = rest.find([' ', '\t']).unwrap_or(rest.len());
            float_item(&rest[..end], &mut values)?;
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(values)
}

fn float_item(item: &str, values: &mut Vec<SequenceValue>) -> Result<(), String> {
    if let Some(rest) = item.strip_prefix('_') {
        let count = match rest.strip_prefix('x') {
            Some(count) => times(count)?,
            None if rest.is_empty() => 1,
            None => return Err(format!("unexpected {rest:?} in series values")),
        };
        return repeat(values, &SequenceValue::Omitted, count);
    }
    let (first, rest) = match item.strip_prefix("stale") {
        Some(rest) => (stale_marker(), rest),
        None => number(item)?,
    };
    if rest.is_empty() {
        return repeat(values, &SequenceValue::Float(first), 1);
    }
    if let Some(count) = rest.strip_prefix('x') {
        return repeat(values, &SequenceValue::Float(first), times(count)? + 1);
    }
    let (step, rest) = number(rest)?;
    let count = rest.strip_prefix('x').ok_or_else(|| format!("expected x and a count in {item:?}"))?;
    let mut value = first;
    for _ in 0..=times(count)? {
        repeat(values, &SequenceValue::Float(value), 1)?;
        value += step;
    }
    Ok(())
}

/// A number with a sign, and what follows it.
pub(crate) fn number(text: &str) -> Result<(f64, &str), String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = text.len() - unsigned.len();
    let lower = unsigned.to_ascii_lowercase();
    let length = if lower.starts_with("inf") || lower.starts_with("nan") {
        3
    } else {
        let bytes = unsigned.as_bytes();
        let mut end = 0;
        while end < bytes.len() {
            match bytes[end] {
                b'0'..=b'9' | b'.' | b'_' => end += 1,
                b'e' | b'E' if end > 0 => end += 1,
                b'+' | b'-' if end > 0 && matches!(bytes[end - 1], b'e' | b'E') => end += 1,
                _ => break,
            }
        }
        end
    };
    let (number, rest) = text.split_at(sign + length);
    match parse_number(number) {
        Some(value) => Ok((value, rest)),
        None => Err(format!("expected number or \"stale\" in series values, got {text:?}")),
    }
}

fn histogram_item<'a>(text: &'a str, values: &mut Vec<SequenceValue>) -> Result<&'a str, String> {
    let (first, hint, rest) = histogram_text::parse(text)?;
    let counted = |rest: &'a str| -> Result<(usize, &'a str), String> {
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        Ok((times(&rest[..end])?, &rest[end..]))
    };
    let value = |histogram: &Histogram, hint| SequenceValue::Histogram(Arc::new(histogram.clone()), hint);
    if let Some(rest) = rest.strip_prefix('x') {
        let (count, rest) = counted(rest)?;
        repeat(values, &value(&first, hint), count + 1)?;
        return Ok(rest);
    }
    let sign = match rest.chars().next() {
        Some('+') => 1.0,
        Some('-') => -1.0,
        _ => {
            repeat(values, &value(&first, hint), 1)?;
            return Ok(rest);
        }
    };
    let (step, hint, rest) = histogram_text::parse(&rest[1..])?;
    let rest = rest.strip_prefix('x').ok_or("expected x and a count behind a histogram")?;
    let (count, rest) = counted(rest)?;
    let mut current = first;
    repeat(values, &value(&current, hint), 1)?;
    for _ in 0..count {
        if current.schema > step.schema {
            return Err(format!(
                "error combining histograms: cannot merge from schema {} to {}",
                step.schema, current.schema
            ));
        }
        let combined = if sign > 0.0 { current.add(&step) } else { current.subtract(&step) };
        combined.map_err(|error| error.to_string())?;
        repeat(values, &value(&current, hint), 1)?;
    }
    Ok(rest)
}
