//! What a scalar means by the rules of YAML 1.1 as go-yaml v2 applies them (`resolve.go`).
//!
//! **Invariant:** a quoted scalar without a tag is a string, whatever it says.

use base64::Engine as _;

use super::node::{Content, Node};

/// The type and, where the schema needs it, the value of a scalar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resolved {
    Null,
    Boolean(bool),
    Number,
    /// Base64 text behind a `!!binary` tag, decoded.
    Binary(String),
    Other,
}

/// Resolves a scalar; anything else is [`Resolved::Other`].
///
/// # Errors
/// A sentence, when an explicit tag does not fit the text.
pub(super) fn resolve(node: &Node) -> Result<Resolved, String> {
    let Content::Scalar { text, plain } = &node.content else { return Ok(Resolved::Other) };
    let untagged = by_text(text);
    let Some(tag) = node.tag.as_deref() else { return Ok(if *plain { untagged } else { Resolved::Other }) };
    let kind = tag.strip_prefix("!!").or_else(|| tag.strip_prefix("!<tag:yaml.org,2002:")?.strip_suffix('>'));
    let fits = match kind {
        Some("binary") => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(text.replace(['\r', '\n'], ""));
            let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
            return decoded.map(Resolved::Binary).ok_or_else(|| {
                "a value tagged !!binary must be base64 of UTF-8 text, and this is not".to_owned()
            });
        }
        Some("bool") => matches!(untagged, Resolved::Boolean(_)),
        Some("null") => untagged == Resolved::Null,
        Some("int" | "float") => untagged == Resolved::Number,
        _ => return Ok(Resolved::Other),
    };
    if fits { Ok(untagged) } else { Err(format!("`{}` is tagged {tag}, but it is none", text.as_str())) }
}

fn by_text(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Resolved::Boolean(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Resolved::Boolean(false)
        }
        _ if is_number(text) => Resolved::Number,
        _ => Resolved::Other,
    }
}

fn is_number(text: &str) -> bool {
    let digits: String = text.chars().filter(|character| *character != '_').collect();
    let unsigned = digits.trim_start_matches(['+', '-']);
    let radix = |prefix: &str, radix: u32| {
        unsigned.strip_prefix(prefix).is_some_and(|rest| i128::from_str_radix(rest, radix).is_ok())
    };
    let special = matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN");
    let decimal = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.parse::<f64>().is_ok();
    special || decimal || radix("0x", 16) || radix("0b", 2) || radix("0o", 8)
}
