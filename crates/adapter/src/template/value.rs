//! The data a template is rendered with.
//!
//! Not the values of an evaluation, which also know numbers of other types and nothing at all.
//!
//! **Invariant:** maps are sorted by key, which is the order in which Go prints and ranges over them.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// A value that a template can print, compare, index or range over.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Nothing; prints as `<no value>`.
    Nil,
    /// Go's `bool`.
    Bool(bool),
    /// Go's `int`.
    Int(i64),
    /// Go's `float64`.
    Float(f64),
    /// Go's `string`.
    String(Cow<'a, str>),
    /// Go's `[]string`.
    Strings(Vec<Cow<'a, str>>),
    /// Go's `map[string]string`.
    Map(BTreeMap<Cow<'a, str>, Cow<'a, str>>),
    /// A struct: fields in their order of declaration, under their Go names.
    Struct(Vec<(&'a str, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// A struct from its fields in order of declaration.
    pub fn record(fields: impl IntoIterator<Item = (&'a str, Value<'a>)>) -> Self {
        Self::Struct(fields.into_iter().collect())
    }

    /// A slice of strings.
    pub fn strings<S: Into<Cow<'a, str>>>(values: impl IntoIterator<Item = S>) -> Self {
        Self::Strings(values.into_iter().map(Into::into).collect())
    }

    /// A map from strings to strings; of a repeated key the last value counts.
    pub fn map<K, V>(entries: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<Cow<'a, str>>,
        V: Into<Cow<'a, str>>,
    {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::String(Cow::Owned(text))
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}
