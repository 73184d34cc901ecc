//! Recorded turns of the real controller, as JSON lines: read, decided again and compared.
//!
//! Not the project's own scenarios. Every asserted field of a line is compared, and one there that nobody knows is a
//! difference; what a recording cannot know or left to chance is listed as [`Leniency`] and counted.
//!
//! **Invariant:** a line of a kind that is not known is a failure, never a pass.

mod fields;
pub mod generate;
pub mod laws;
mod leniency;
mod part;
mod read;
pub mod record;
pub mod sequence;
pub mod shrink;
mod supply;
mod turn;
mod write;

use serde_json::Value;

pub use self::leniency::Leniency;
pub use self::write::metrics as current_metrics;

/// A line that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// How the decision differs from the recording; empty when it does not.
    pub differences: Vec<String>,
    /// What was supplied or left out, each once.
    pub leniencies: Vec<Leniency>,
    /// Paths of fields that say nothing to this crate. A line with such a field is still compared.
    pub unread: Vec<String>,
}

/// Why a line cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Not JSON.
    #[error("the line is not JSON")]
    Json(#[from] serde_json::Error),
}

/// Checks one line.
///
/// # Errors
/// Lines that are not JSON.
pub fn check_line(line: &str) -> Result<Checked, LineError> {
    Ok(check(&serde_json::from_str(line)?))
}

/// Checks one recorded case.
pub fn check(case: &Value) -> Checked {
    let text = |name: &str| case[name].as_str().unwrap_or_default().to_owned();
    let kind = text("kind");
    let mut leniencies = Vec::new();
    let result = match kind.as_str() {
        "reconcile" => turn::check(case, &mut leniencies),
        "sequence" => sequence::check(case),
        _ => part::check(&kind, case),
    };
    leniencies.sort_unstable();
    leniencies.dedup();
    let unread = fields::unread(&kind, case);
    let differences = result.unwrap_or_else(|error| vec![error]);
    Checked { id: text("id"), kind, differences, leniencies, unread }
}

/// Adds the places where two values differ. Numbers are equal within a millionth.
fn compare(path: &str, ours: &Value, recorded: &Value, differences: &mut Vec<String>) {
    match (ours, recorded) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                compare(&format!("{path}.{key}"), value, b.get(key).unwrap_or(&Value::Null), differences);
            }
            for (key, value) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
                compare(&format!("{path}.{key}"), &Value::Null, value, differences);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{at}]"), a, b, differences);
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            let equal = match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => a == b,
                _ => (a.as_f64().unwrap_or(f64::NAN) - b.as_f64().unwrap_or(f64::NAN)).abs() < 1e-6,
            };
            if !equal {
                differences.push(format!("{path}: ours {ours}, recorded {recorded}"));
            }
        }
        _ if ours == recorded => {}
        _ => differences.push(format!("{path}: ours {ours}, recorded {recorded}")),
    }
}
