//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`, after Go's `text/template/funcs.go`.
//!
//! Not lenient: comparing an int with a string is an error, as in Go.
//!
//! **Invariant:** maps and slices are never compared, only asked whether they are nil.

use std::cmp::Ordering;

use super::datum::Datum;
use super::value::Value;

type Compared<T> = Result<T, String>;

fn incompatible() -> String {
    "incompatible types for comparison".to_owned()
}

/// Kinds that have an order or at least equality; `None` for all others.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    Bool,
    Complex,
    Float,
    Integer,
    String,
}

fn kind(datum: &Datum<'_>) -> Option<Kind> {
    Some(match datum {
        Datum::Bool(_) => Kind::Bool,
        Datum::Complex(..) => Kind::Complex,
        Datum::Float(_) => Kind::Float,
        // Integers of different signedness compare with each other.
        Datum::Int(_) | Datum::Byte(_) => Kind::Integer,
        Datum::String(_) => Kind::String,
        Datum::Nothing | Datum::Strings(_) | Datum::Map(_) | Datum::Struct(_) => return None,
    })
}

fn integer(datum: &Datum<'_>) -> i64 {
    match datum {
        Datum::Int(value) => *value,
        Datum::Byte(value) => i64::from(*value),
        _ => 0,
    }
}

/// Whether the first value equals any of the others.
pub(super) fn equal_any(arguments: &[Datum<'_>]) -> Compared<bool> {
    let Some((first, others)) = arguments.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Err("missing argument for comparison".to_owned());
    };
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn equal(a: &Datum<'_>, b: &Datum<'_>) -> Compared<bool> {
    let (kind_a, kind_b) = (kind(a), kind(b));
    let nothing = |datum: &Datum<'_>| matches!(datum, Datum::Nothing);
    if kind_a != kind_b {
        return if nothing(a) || nothing(b) { Ok(false) } else { Err(incompatible()) };
    }
    match (a, b) {
        (Datum::Bool(a), Datum::Bool(b)) => Ok(a == b),
        (Datum::Complex(a, i), Datum::Complex(b, j)) => Ok(a == b && i == j),
        (Datum::Float(a), Datum::Float(b)) => Ok(a == b),
        (Datum::String(a), Datum::String(b)) => Ok(**a == **b),
        (Datum::Struct(a), Datum::Struct(b)) if plain(a) && plain(b) => Ok(a == b),
        _ if kind_a == Some(Kind::Integer) => Ok(integer(a) == integer(b)),
        _ if nothing(a) || nothing(b) => Ok(nothing(a) && nothing(b)),
        _ => Err(format!("non-comparable types {} and {}", a.type_name(), b.type_name())),
    }
}

/// Whether Go can compare structs with such fields.
fn plain(fields: &[(&str, Value<'_>)]) -> bool {
    fields.iter().all(|(_, value)| !matches!(value, Value::Strings(_) | Value::Map(_) | Value::Struct(_)))
}

pub(super) fn less(a: &Datum<'_>, b: &Datum<'_>) -> Compared<bool> {
    let (Some(kind_a), Some(kind_b)) = (kind(a), kind(b)) else {
        return Err("invalid type for comparison".to_owned());
    };
    if kind_a != kind_b {
        return Err(incompatible());
    }
    match (a, b) {
        (Datum::Float(a), Datum::Float(b)) => Ok(a < b),
        (Datum::String(a), Datum::String(b)) => Ok(a.cmp(b) == Ordering::Less),
        _ if kind_a == Kind::Integer => Ok(integer(a) < integer(b)),
        _ => Err("invalid type for comparison".to_owned()),
    }
}

pub(super) fn less_or_equal(a: &Datum<'_>, b: &Datum<'_>) -> Compared<bool> {
    Ok(less(a, b)? || equal(a, b)?)
}
