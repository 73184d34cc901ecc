//! Field selectors (`metadata.name=web-1,metadata.namespace!=kube-system`), which the metrics APIs know
//! for two fields only.
//!
//! Not label selectors: there are no sets and no bare keys. Grammar after
//! `k8s.io/apimachinery/pkg/fields/selector.go`.
//!
//! **Invariant:** a parsed selector names no other field than those of [`Field`].

use std::fmt;

use super::MAX_LENGTH;
use crate::quote::quote;

/// A field that can be selected on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// `metadata.name`.
    Name,
    /// `metadata.namespace`.
    Namespace,
}

/// One condition on one field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldRequirement {
    /// The field.
    pub field: Field,
    /// Whether the field must equal `value` (`=`, `==`) or must not (`!=`).
    pub equal: bool,
    /// What it is compared with, without escapes.
    pub value: String,
}

/// A conjunction of conditions; the empty selector matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FieldSelector {
    /// Sorted by their text, as the original sorts them.
    pub requirements: Vec<FieldRequirement>,
}

/// Why a text is no field selector of the metrics APIs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldSelectorError {
    /// Longer than [`MAX_LENGTH`].
    #[error("the field selector has {length} bytes, at most {MAX_LENGTH} are read: shorten it")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// A part without `=`, `==` or `!=`.
    #[error("invalid selector: '{selector}'; can't understand '{part}'")]
    NoOperator {
        /// The whole text.
        selector: String,
        /// The part that has no operator.
        part: String,
    },
    /// A backslash that escapes no `,`, `=` or `\`.
    #[error("invalid field selector: invalid escape sequence: {0}")]
    Escape(String),
    /// A `,` or `=` without a backslash before it, inside a value; the original prints its code.
    #[error("invalid field selector: unescaped character in value: {}", u32::from(*.0))]
    Unescaped(char),
    /// A field the metrics APIs do not select on.
    #[error("{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"", quote(.0.as_bytes()))]
    UnknownField(String),
}

impl Field {
    /// Its path in an object.
    pub fn path(self) -> &'static str {
        match self {
            Self::Name => "metadata.name",
            Self::Namespace => "metadata.namespace",
        }
    }
}

impl FieldSelector {
    /// Reads a selector of at most [`MAX_LENGTH`] bytes; empty parts between commas are skipped.
    pub fn parse(text: &str) -> Result<Self, FieldSelectorError> {
        if text.len() > MAX_LENGTH {
            return Err(FieldSelectorError::TooLong { length: text.len() });
        }
        // The original reads the whole text before it asks whether the fields are known.
        let mut terms = Vec::new();
        let mut parts: Vec<&str> = parts(text).filter(|part| !part.is_empty()).collect();
        parts.sort_unstable();
        for part in parts {
            let (field, equal, value) = split(part).ok_or_else(|| FieldSelectorError::NoOperator {
                selector: text.to_owned(),
                part: part.to_owned(),
            })?;
            terms.push((field, equal, unescape(value)?));
        }
        let mut requirements = Vec::with_capacity(terms.len());
        // A condition without field and value is dropped, as the original does with `==`.
        for (field, equal, value) in
            terms.into_iter().filter(|(field, _, value)| !(field.is_empty() && value.is_empty()))
        {
            let field = match field {
                "metadata.name" => Field::Name,
                "metadata.namespace" => Field::Namespace,
                unknown => return Err(FieldSelectorError::UnknownField(unknown.to_owned())),
            };
            requirements.push(FieldRequirement { field, equal, value });
        }
        Ok(Self { requirements })
    }

    /// Whether an object of that name and namespace (empty for cluster-scoped objects) is selected.
    pub fn matches(&self, name: &str, namespace: &str) -> bool {
        self.requirements.iter().all(|requirement| {
            let actual = match requirement.field {
                Field::Name => name,
                Field::Namespace => namespace,
            };
            (actual == requirement.value) == requirement.equal
        })
    }

    /// The one name that `metadata.name` must have, if the selector says so.
    pub fn exact_name(&self) -> Option<&str> {
        let exact = |requirement: &&FieldRequirement| requirement.field == Field::Name && requirement.equal;
        self.requirements.iter().find(exact).map(|requirement| requirement.value.as_str())
    }

    /// Whether the selector has no requirement, hence matches everything.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }
}

/// The canonical form: `=` and `!=`, with escapes in values.
impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.requirements.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let operator = if requirement.equal { "=" } else { "!=" };
            write!(f, "{comma}{}{operator}", requirement.field.path())?;
            for character in requirement.value.chars() {
                let escape = if matches!(character, '\\' | ',' | '=') { "\\" } else { "" };
                write!(f, "{escape}{character}")?;
            }
        }
        Ok(())
    }
}

/// Splits at commas that no backslash precedes.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |character| {
        let splits = character == ',' && !escaped;
        escaped = character == '\\' && !escaped;
        splits
    })
}

/// The field, whether it must be equal, and the value as written: cut at the first operator.
fn split(part: &str) -> Option<(&str, bool, &str)> {
    let bytes = part.as_bytes();
    let at = (0..bytes.len()).find(|&at| bytes[at] == b'=' || bytes[at..].starts_with(b"!="))?;
    let rest = &part[at..];
    let (equal, value) = match rest.strip_prefix("!=") {
        Some(value) => (false, value),
        None => (true, rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')).unwrap_or(rest)),
    };
    Some((&part[..at], equal, value))
}

fn unescape(value: &str) -> Result<String, FieldSelectorError> {
    let mut out = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => out.push(escaped),
                Some(other) => return Err(FieldSelectorError::Escape(format!("\\{other}"))),
                None => return Err(FieldSelectorError::Escape("\\".to_owned())),
            },
            ',' | '=' => return Err(FieldSelectorError::Unescaped(character)),
            _ => out.push(character),
        }
    }
    Ok(out)
}
