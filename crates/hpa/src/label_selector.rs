//! The label selector of the API (`matchLabels`, `matchExpressions`), printed as Go's `%+v` prints it.
//!
//! Not the selector of a query string; that is `plimsoll_model::selector`.
//!
//! **Invariant:** the text equals gogo-protobuf's `String()`, which appears in metric names and errors.

use std::collections::BTreeMap;
use std::fmt;

use plimsoll_model::quote::quote;
use plimsoll_model::selector::{Selector, SelectorError};
use serde::{Deserialize, Serialize};

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
    /// `In` or `NotIn` without values.
    #[error("values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty")]
    NoValues,
    /// `Exists` or `DoesNotExist` with values.
    #[error("values: Invalid value: [{}]: values set must be empty for exists and does not exist", quoted(.0))]
    Values(Vec<String>),
    /// A key or a value that Kubernetes does not allow.
    #[error("{0}")]
    Invalid(String),
}

fn quoted(values: &[String]) -> String {
    values.iter().map(|value| quote(value.as_bytes()).to_string()).collect::<Vec<_>>().join(",")
}

impl LabelSelector {
    /// Whether `LabelSelectorAsSelector` accepts it.
    ///
    /// # Errors
    /// The first requirement that it refuses, in its words.
    pub fn check(&self) -> Result<(), LabelSelectorError> {
        for (key, value) in &self.match_labels {
            check_pair(key, value)?;
        }
        for expression in &self.match_expressions {
            match expression.operator.as_str() {
                "In" | "NotIn" if expression.values.is_empty() => return Err(LabelSelectorError::NoValues),
                "In" | "NotIn" => {}
                "Exists" | "DoesNotExist" if expression.values.is_empty() => {}
                "Exists" | "DoesNotExist" => {
                    return Err(LabelSelectorError::Values(expression.values.clone()));
                }
                _ => return Err(LabelSelectorError::Operator(expression.operator.clone())),
            }
            check_pair(&expression.key, "")?;
            for value in &expression.values {
                check_pair(&expression.key, value)?;
            }
        }
        Ok(())
    }
}

fn check_pair(key: &str, value: &str) -> Result<(), LabelSelectorError> {
    match Selector::parse(&format!("{key}={value}")) {
        Ok(selector) if selector.requirements.len() == 1 && selector.requirements[0].key == key => Ok(()),
        Ok(_) => Err(LabelSelectorError::Invalid(format!("key: Invalid value: {}", quote(key.as_bytes())))),
        Err(SelectorError::Requirement(error)) => Err(LabelSelectorError::Invalid(error.to_string())),
        Err(error) => Err(LabelSelectorError::Invalid(error.to_string())),
    }
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
