//! Hints for template mistakes that are common in rules.
//!
//! Not checks: a template without mistakes never comes here.
//!
//! **Invariant:** a hint says what to write instead; where we do not know, there is none.

use super::function::Function;

/// Functions that Helm, sprig or Prometheus know and that rule templates do not have.
const FOREIGN: [(&str, &str); 33] = [
    ("b64dec", "Helm"),
    ("b64enc", "Helm"),
    ("coalesce", "Helm"),
    ("contains", "Helm"),
    ("default", "Helm"),
    ("dict", "Helm"),
    ("first", "Helm"),
    ("hasKey", "Helm"),
    ("hasPrefix", "Helm"),
    ("include", "Helm"),
    ("indent", "Helm"),
    ("join", "Helm"),
    ("label_replace", "PromQL"),
    ("last", "Helm"),
    ("list", "Helm"),
    ("lower", "Helm"),
    ("nindent", "Helm"),
    ("query", "Prometheus alert"),
    ("quote", "Helm"),
    ("regexReplaceAll", "Helm"),
    ("replace", "Helm"),
    ("required", "Helm"),
    ("squote", "Helm"),
    ("ternary", "Helm"),
    ("toJson", "Helm"),
    ("toLower", "Helm"),
    ("toUpper", "Helm"),
    ("toYaml", "Helm"),
    ("tpl", "Helm"),
    ("trim", "Helm"),
    ("trimSuffix", "Helm"),
    ("trunc", "Helm"),
    ("upper", "Helm"),
];

const FIELDS: [&str; 7] =
    ["Series", "LabelMatchers", "LabelValuesByName", "GroupBy", "GroupBySlice", "Group", "Resource"];

/// A hint for the parse error `message` at byte `at` of `text`.
pub(super) fn for_parse_error(message: &str, text: &str, at: usize) -> Option<String> {
    let after = text.get(at..).unwrap_or_default();
    if let Some(name) =
        message.strip_prefix("function \"").and_then(|rest| rest.strip_suffix("\" not defined"))
    {
        return Some(for_unknown_function(name));
    }
    let curly = |what: &str| what.contains("}}").then(|| "actions end with >>, not }}".to_owned());
    match message {
        "unclosed action" => curly(after).or_else(|| Some("every << needs its >>".to_owned())),
        "unclosed comment" => Some("a comment is written <</* text */>>".to_owned()),
        "unterminated quoted string" => Some("close the string with \" on the same line".to_owned()),
        "unclosed left paren" => Some("a ( before this >> has no )".to_owned()),
        "unexpected right paren" => Some("this ) has no ( before it".to_owned()),
        "unexpected <<end>>" | "unexpected <<else>>" => {
            Some("no <<if>>, <<range>>, <<with>>, <<block>> or <<define>> is open here".to_owned())
        }
        "missing value for command" => Some(
            "an action needs something to print, such as <<.Series>>; to write a literal <<, use <<\"<<\">>"
                .to_owned(),
        ),
        _ if message.starts_with("bad character U+007D") => curly(after),
        _ if message.starts_with("malformed character constant") => {
            Some("single quotes hold one character; strings take double quotes".to_owned())
        }
        _ if message.starts_with("unexpected <define>") => {
            Some("<<define>> stands at the outermost level only".to_owned())
        }
        _ if message.starts_with("undefined variable") => {
            Some("declare it first, as in <<$x := .Series>>; a variable ends with its block".to_owned())
        }
        _ => None,
    }
}

fn for_unknown_function(name: &str) -> String {
    if FIELDS.contains(&name) {
        return format!("a field starts with a dot: <<.{name}>>");
    }
    let functions = Function::names().collect::<Vec<_>>().join(", ");
    let origin = FOREIGN.iter().find(|(known, _)| *known == name).map(|(_, origin)| *origin);
    match origin {
        Some(origin) => {
            format!("{name} is a {origin} function; rule templates have only Go's own: {functions}")
        }
        None => format!("rule templates have only Go's own functions: {functions}"),
    }
}

/// What to say about a field that a struct does not have.
pub(super) fn for_unknown_field(field: &str, available: &[&str]) -> String {
    let listed = available.iter().map(|name| format!(".{name}")).collect::<Vec<_>>().join(", ");
    let near = available.iter().find(|name| name.eq_ignore_ascii_case(field));
    match near {
        Some(name) => format!("{field} is not a field; write .{name} (available: {listed})"),
        None if listed.is_empty() => format!("{field} is not a field; there are none here"),
        None => format!("{field} is not a field; available: {listed}"),
    }
}
