//! Values while a template is evaluated: the data's, constants, and what functions return.
//!
//! Not the public [`Value`]: strings are bytes here, as in Go, and copying never copies text.
//!
//! **Invariant:** cloning a value takes constant time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;

use super::value::Value;

#[derive(Debug, Clone)]
pub(super) enum Datum<'a> {
    /// No value, Go's zero `reflect.Value` or nil.
    Nothing,
    Bool(bool),
    Int(i64),
    /// An element of a string, Go's `uint8`.
    Byte(u8),
    Float(f64),
    Complex(f64, f64),
    String(Text<'a>),
    Strings(&'a [Cow<'a, str>]),
    Map(&'a BTreeMap<Cow<'a, str>, Cow<'a, str>>),
    Struct(&'a [(&'a str, Value<'a>)]),
}

/// The bytes of a string.
#[derive(Debug, Clone)]
pub(super) enum Text<'a> {
    Borrowed(&'a [u8]),
    Made(Rc<[u8]>),
}

impl Deref for Text<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}

impl<'a> From<&'a Value<'a>> for Datum<'a> {
    fn from(value: &'a Value<'a>) -> Self {
        match value {
            Value::Nil => Self::Nothing,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Float(value) => Self::Float(*value),
            Value::String(text) => Self::borrowed(text),
            Value::Strings(values) => Self::Strings(values),
            Value::Map(entries) => Self::Map(entries),
            Value::Struct(fields) => Self::Struct(fields),
        }
    }
}

impl<'a> Datum<'a> {
    pub fn borrowed(text: &'a str) -> Self {
        Self::String(Text::Borrowed(text.as_bytes()))
    }

    pub fn made(bytes: Vec<u8>) -> Self {
        Self::String(Text::Made(bytes.into()))
    }

    /// The name of its Go type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nothing => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Complex(..) => "complex128",
            Self::String(_) => "string",
            Self::Strings(_) => "[]string",
            Self::Map(_) => "map[string]string",
            Self::Struct(_) => "struct",
        }
    }

    /// Whether `if` takes it as true: anything but false, zero, nothing and what is empty.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Byte(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::Strings(values) => !values.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            Self::Struct(_) => true,
        }
    }

    /// A rough measure, in bytes, of the work a function has with it.
    pub fn weight(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::Strings(values) => values.iter().map(|value| value.len() + 1).sum(),
            Self::Map(entries) => entries.iter().map(|(key, value)| key.len() + value.len() + 2).sum(),
            Self::Struct(fields) => {
                fields.iter().map(|(name, value)| name.len() + Datum::from(value).weight()).sum()
            }
            _ => 1,
        }
    }
}
