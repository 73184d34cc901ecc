//! What the built-in functions return, after Go's `text/template/funcs.go`.
//!
//! Not `and` and `or`, which decide which of their arguments are evaluated at all.
//!
//! **Invariant:** no function returns more than [`MAX_OUTPUT`] bytes.

use super::MAX_OUTPUT;
use super::compare;
use super::datum::{Datum, Text};
use super::directive;
use super::escape;
use super::format::{self, TooLong};
use super::function::Function;

pub(super) enum Refusal {
    TooLong,
    Error(String),
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::Error(message)
    }
}

impl From<TooLong> for Refusal {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}

/// Calls `function` with as many arguments as it takes.
pub(super) fn call<'a>(function: Function, arguments: &[Datum<'a>]) -> Result<Datum<'a>, Refusal> {
    let (first, rest) = match arguments.split_first() {
        Some((first, rest)) => (first, rest),
        None => (&Datum::Nothing, &[][..]),
    };
    let second = rest.first().unwrap_or(&Datum::Nothing);
    Ok(match function {
        Function::And | Function::Or => first.clone(),
        Function::Call => {
            let what = first.type_name();
            return Err(
                format!("the value is of type {what}, not a function; rules have none to call").into()
            );
        }
        Function::Eq => Datum::Bool(compare::equal_any(arguments)?),
        Function::Ne => Datum::Bool(!compare::equal(first, second)?),
        Function::Lt => Datum::Bool(compare::less(first, second)?),
        Function::Le => Datum::Bool(compare::less_or_equal(first, second)?),
        Function::Gt => Datum::Bool(!compare::less_or_equal(first, second)?),
        Function::Ge => Datum::Bool(!compare::less(first, second)?),
        Function::Not => Datum::Bool(!first.is_true()),
        Function::Len => Datum::Int(length(first)?),
        Function::Index => index(first, rest)?,
        Function::Slice => slice(first, rest)?,
        Function::Print => made(format::print(arguments, MAX_OUTPUT)?)?,
        Function::Println => made(format::println(arguments, MAX_OUTPUT)?)?,
        Function::Printf => match first {
            Datum::String(text) => made(directive::printf(text, rest, MAX_OUTPUT)?)?,
            Datum::Nothing => return Err("invalid value; expected string".to_owned().into()),
            other => {
                return Err(
                    format!("wrong type for value; expected string; got {}", other.type_name()).into()
                );
            }
        },
        Function::Html => made(escape::html(&joined(arguments)?))?,
        Function::Js => made(escape::js(&joined(arguments)?))?,
        Function::UrlQuery => made(escape::url_query(&joined(arguments)?))?,
    })
}

fn made<'a>(bytes: Vec<u8>) -> Result<Datum<'a>, Refusal> {
    if bytes.len() > MAX_OUTPUT { Err(Refusal::TooLong) } else { Ok(Datum::made(bytes)) }
}

/// The text that the escaping functions work on: one string as it is, anything else as `print` prints it.
fn joined(arguments: &[Datum<'_>]) -> Result<Vec<u8>, Refusal> {
    if let [Datum::String(text)] = arguments {
        return Ok(text.to_vec());
    }
    let no_value = Datum::borrowed("<no value>");
    let printable = |datum: &Datum<'_>| matches!(datum, Datum::Nothing);
    if arguments.iter().any(printable) {
        let shown: Vec<_> = arguments
            .iter()
            .map(|datum| if printable(datum) { no_value.clone() } else { datum.clone() })
            .collect();
        return Ok(format::print(&shown, MAX_OUTPUT)?);
    }
    Ok(format::print(arguments, MAX_OUTPUT)?)
}

fn length(datum: &Datum<'_>) -> Result<i64, String> {
    let length = match datum {
        Datum::String(text) => text.len(),
        Datum::Strings(values) => values.len(),
        Datum::Map(entries) => entries.len(),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(i64::try_from(length).unwrap_or(i64::MAX))
}

/// A position of at most `limit`.
fn position(datum: &Datum<'_>, limit: usize) -> Result<usize, String> {
    let value = match datum {
        Datum::Int(value) => *value,
        Datum::Byte(value) => i64::from(*value),
        Datum::Nothing => return Err("cannot index slice/array with nil".to_owned()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    match usize::try_from(value) {
        Ok(position) if position <= limit => Ok(position),
        _ => Err(format!("index out of range: {value}")),
    }
}

fn index<'a>(datum: &Datum<'a>, indexes: &[Datum<'_>]) -> Result<Datum<'a>, String> {
    let mut item = datum.clone();
    if matches!(item, Datum::Nothing) {
        return Err("index of untyped nil".to_owned());
    }
    for index in indexes {
        let out_of_range = |at| format!("index out of range: {at}");
        item = match &item {
            Datum::String(text) => {
                let at = position(index, text.len())?;
                Datum::Byte(*text.get(at).ok_or_else(|| out_of_range(at))?)
            }
            Datum::Strings(values) => {
                let at = position(index, values.len())?;
                Datum::borrowed(values.get(at).ok_or_else(|| out_of_range(at))?)
            }
            Datum::Map(entries) => match index {
                Datum::String(key) => {
                    let value = std::str::from_utf8(key).ok().and_then(|key| entries.get(key));
                    value.map_or(Datum::borrowed(""), |value| Datum::borrowed(value))
                }
                Datum::Nothing => return Err("value is nil; should be of type string".to_owned()),
                other => return Err(format!("value has type {}; should be string", other.type_name())),
            },
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

fn slice<'a>(datum: &Datum<'a>, indexes: &[Datum<'_>]) -> Result<Datum<'a>, String> {
    if matches!(datum, Datum::Nothing) {
        return Err("slice of untyped nil".to_owned());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let length = match datum {
        Datum::String(_) if indexes.len() == 3 => return Err("cannot 3-index slice a string".to_owned()),
        Datum::String(text) => text.len(),
        Datum::Strings(values) => values.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position(index, length)?;
    }
    let [start, end, capacity] = bounds;
    if start > end {
        return Err(format!("invalid slice index: {start} > {end}"));
    }
    if end > capacity {
        return Err(format!("invalid slice index: {end} > {capacity}"));
    }
    Ok(match datum {
        Datum::String(Text::Borrowed(bytes)) => Datum::String(Text::Borrowed(&bytes[start..end])),
        Datum::String(text) => Datum::made(text[start..end].to_vec()),
        Datum::Strings(values) => Datum::Strings(&values[start..end]),
        other => other.clone(),
    })
}
