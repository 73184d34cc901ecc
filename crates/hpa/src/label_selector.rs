//! The label selector of the API (`matchLabels`, `matchExpressions`), printed as Go's `%+v` prints it.
//!
//! Not the selector of a query string; that is `plimsoll_model::selector`.
//!
//! **Invariant:** the text equals gogo-protobuf's `String()`, which appears in metric names and errors.

use std::collections::BTreeMap;
use std::fmt;

use plimsoll_model::quote::quote;
use plimsoll_model::selector::validation::{key_complaints, value_complaints};
use serde::{Deserialize, Serialize};

use crate::profile::Profile;

/// `metav1.LabelSelector`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that must have these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Further conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// `metav1.LabelSelectorRequirement`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelSelectorRequirement {
    /// The label's key.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// Values of `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// Why a selector of the API selects nothing that can be asked for; texts of `LabelSelectorAsSelector`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelSelectorError {
    /// An unknown operator.
    #[error("{} is not a valid label selector operator", quote(.0.as_bytes()))]
    Operator(String),
    /// Complaints about one requirement, each a sentence; never empty.
    #[error("{}", Aggregate(.0))]
    Requirement(Vec<String>),
}

/// `field.ErrorList.ToAggregate`: one complaint stands alone, several in brackets.
struct Aggregate<'a>(&'a [String]);

impl fmt::Display for Aggregate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => f.write_str(one),
            several => write!(f, "[{}]", several.join(", ")),
        }
    }
}

impl LabelSelector {
    /// Whether `LabelSelectorAsSelector` accepts it.
    ///
    /// # Errors
    /// The first requirement that it refuses, in its words. Of several refused labels upstream takes any, this the
    /// first in order.
    pub fn check(&self) -> Result<(), LabelSelectorError> {
        self.check_with("null", json)
    }

    /// The same in the words of a version: up to 1.33 lists of values print in Go's syntax, since then as JSON
    /// (`field.Error.ErrorBody`, `k8s.io/apimachinery`).
    pub(crate) fn check_in(&self, profile: &Profile) -> Result<(), String> {
        let checked = if profile.prints_refused_values_as_json() {
            self.check()
        } else {
            self.check_with("[]string(nil)", go_syntax)
        };
        checked.map_err(|error| in_words_of(profile, &error))
    }

    fn check_with(&self, none: &str, list: fn(&[String]) -> String) -> Result<(), LabelSelectorError> {
        for (key, value) in &self.match_labels {
            check_requirement(key, None, std::slice::from_ref(value))?;
        }
        for LabelSelectorRequirement { key, operator, values } in &self.match_expressions {
            let complaint = match operator.as_str() {
                "In" | "NotIn" if values.is_empty() => Some(format!(
                    "values: Invalid value: {none}: for 'in', 'notin' operators, values set can't be empty"
                )),
                "In" | "NotIn" => None,
                "Exists" | "DoesNotExist" if values.is_empty() => None,
                "Exists" | "DoesNotExist" => Some(format!(
                    "values: Invalid value: {}: values set must be empty for exists and does not exist",
                    list(values)
                )),
                _ => return Err(LabelSelectorError::Operator(operator.clone())),
            };
            check_requirement(key, complaint, values)?;
        }
        Ok(())
    }
}

/// `labels.NewRequirement`: complaints about the key, then about the number of values, then about each value.
fn check_requirement(key: &str, number: Option<String>, values: &[String]) -> Result<(), LabelSelectorError> {
    let invalid = |path: &str, text: &str, complaints: &[String]| {
        let text = quote(text.as_bytes());
        (!complaints.is_empty()).then(|| format!("{path}: Invalid value: {text}: {}", complaints.join("; ")))
    };
    let of_key = invalid("key", key, &key_complaints(key));
    let of_values = values
        .iter()
        .enumerate()
        .filter_map(|(at, value)| invalid(&format!("values[{at}][{key}]"), value, &value_complaints(value)));
    let complaints: Vec<_> = of_key.into_iter().chain(number).chain(of_values).collect();
    if complaints.is_empty() { Ok(()) } else { Err(LabelSelectorError::Requirement(complaints)) }
}

/// The text of a refused selector in the words of a version: up to 1.34 keys are qualified names and lengths are
/// in characters; since then keys are label keys and lengths in bytes.
pub(crate) fn in_words_of(profile: &Profile, error: &impl fmt::Display) -> String {
    let text = error.to_string();
    if !profile.calls_keys_label_keys() {
        return text;
    }
    text.replace(": a qualified name must consist of", ": a valid label key must consist of")
        .replace("must be no more than 63 characters", "must be no more than 63 bytes")
        .replace("must be no more than 253 characters", "must be no more than 253 bytes")
}

/// A list of texts as Go's `%#v` prints it.
fn go_syntax(values: &[String]) -> String {
    let values: Vec<_> = values.iter().map(|value| quote(value.as_bytes())).collect();
    format!("[]string{{{}}}", values.join(", "))
}

/// A list of texts as Go's `encoding/json` writes it, which escapes what HTML would take for its own.
fn json(values: &[String]) -> String {
    let mut text = String::from("[");
    for (at, value) in values.iter().enumerate() {
        text.push_str(if at == 0 { "\"" } else { ",\"" });
        for c in value.chars() {
            match c {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\u{8}' => text.push_str("\\b"),
                '\u{c}' => text.push_str("\\f"),
                '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    text.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                _ => text.push(c),
            }
        }
        text.push('"');
    }
    text.push(']');
    text
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("&LabelSelector{MatchLabels:map[string]string{")?;
        for (key, value) in &self.match_labels {
            write!(f, "{key}: {value},")?;
        }
        f.write_str("},MatchExpressions:[]LabelSelectorRequirement{")?;
        for expression in &self.match_expressions {
            let LabelSelectorRequirement { key, operator, values } = expression;
            let values = values.join(" ");
            write!(f, "LabelSelectorRequirement{{Key:{key},Operator:{operator},Values:[{values}],}},")?;
        }
        f.write_str("},}")
    }
}
