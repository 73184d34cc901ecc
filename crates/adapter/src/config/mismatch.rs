//! Advice about values that are not of the type their field wants, and about keys that are given twice.
//!
//! **Invariant:** what is proposed would decode.

use plimsoll_model::duration::PrometheusDurationError;

use super::Code;
use super::advice::listed;
use super::decode::Context;
use super::finding::Finding;
use super::node::{Content, Node, NodeId, Tree};
use super::schema::{FILTER, Kind, NAME, RESOURCE, RESOURCE_RULES, RESOURCES, RULE};
use super::text::{Position, Text};

pub(super) fn repeated_field(key: &str, context: Context<'_>, at: Position, first: Position) -> Finding {
    let fix = match context.record.field(key).map(|field| field.kind) {
        Some(Kind::List(_)) => "join both lists under one key",
        _ => "keep one of them",
    };
    let message = format!("`{key}` is given twice, first on line {}", first.line);
    Finding::new(Code::RepeatedKey, at, message).with_fix(fix)
}

pub(super) fn not_a_mapping(tree: &Tree<'_>, id: NodeId, context: Context<'_>) -> Finding {
    let node = tree.node(id);
    let record = context.record;
    let wrong = |message: String| Finding::new(Code::WrongType, node.position, message);
    let holder = context.holder.map_or("the file", |(holder, _)| holder);
    let is = described(tree, id);
    let keys: Vec<&str> = record.fields.iter().map(|field| field.key).collect();
    let scalar = matches!(node.content, Content::Scalar { .. });
    if std::ptr::eq(record, &FILTER) && scalar {
        return wrong(format!("an entry of `{holder}` must be a mapping, and this is {is}"))
            .with_fix(format!("- is: {}", written(tree, id)));
    }
    if std::ptr::eq(record, &RULE) || std::ptr::eq(record, &FILTER) {
        return wrong(format!("an entry of `{holder}` must be a mapping, and this is {is}"))
            .with_fix(format!("write its fields ({}) behind the `- `", listed(&keys)));
    }
    if std::ptr::eq(record, &RESOURCE) && is_table(context) {
        let finding = wrong(format!("`{holder}` must be a mapping of labels, and this is {is}"));
        return finding.with_fix(if scalar {
            format!("{holder}:\n  namespace: {{resource: \"namespace\"}}")
        } else {
            "remove the `- ` in front of the labels".to_owned()
        });
    }
    if std::ptr::eq(record, &RESOURCE) && scalar {
        return wrong(format!(
            "the label `{holder}` must be given a resource as a mapping, and this is {is}"
        ))
        .with_fix(format!("{holder}: {{resource: {}}}", written(tree, id)));
    }
    let message = format!("`{holder}` must be a mapping with {}, and this is {is}", listed(&keys));
    if std::ptr::eq(record, &NAME) && scalar {
        return wrong(message).with_fix(format!("name:\n  as: {}", written(tree, id)));
    }
    if std::ptr::eq(record, &RESOURCES) && scalar {
        return wrong(message).with_fix(format!("{holder}:\n  template: {}", written(tree, id)));
    }
    if std::ptr::eq(record, &RESOURCE_RULES) && !scalar {
        return wrong(message).with_fix("unlike `rules`, it is no list: remove the `- `");
    }
    if scalar {
        wrong(message).with_fix(format!("write the fields below `{holder}:`, indented"))
    } else {
        wrong(message).with_fix("remove the `- ` in front of the fields")
    }
}

/// Whether the context is that of a table itself, not of an entry.
fn is_table(context: Context<'_>) -> bool {
    context.holder.is_some_and(|(holder, _)| holder == "overrides")
}

pub(super) fn not_a_list(tree: &Tree<'_>, id: NodeId, context: Context<'_>) -> Finding {
    let node = tree.node(id);
    let holder = context.holder.map_or("the file", |(holder, _)| holder);
    let message = format!("`{holder}` must be a list, and this is {}", described(tree, id));
    let finding = Finding::new(Code::WrongType, node.position, message);
    match &node.content {
        Content::Mapping(_) => finding.with_fix("begin each entry with `- `, before its first field"),
        _ if std::ptr::eq(context.record, &FILTER) => {
            finding.with_fix(format!("{holder}:\n- is: {}", written(tree, id)))
        }
        _ => finding.with_fix(format!("{holder}:\n- {}: ...", context.record.fields[0].key)),
    }
}

/// `what` names the field, or is `a label` or `a key`.
pub(super) fn not_a_text(tree: &Tree<'_>, id: NodeId, what: &str) -> Finding {
    let node = tree.node(id);
    let name = if what.starts_with("a ") { what.to_owned() } else { format!("`{what}`") };
    let message = format!("{name} must be a text, and this is {}", described(tree, id));
    let finding = Finding::new(Code::WrongType, node.position, message);
    let snippet = tree.snippet(id);
    if snippet.starts_with('{') && !what.starts_with("a ") {
        let quoted = format!("'{}'", snippet.replace('\'', "''"));
        return finding.with_fix(format!(
            "put the text in quotes, because YAML takes {{ for a mapping:\n{what}: {quoted}"
        ));
    }
    if snippet.starts_with('[') {
        return finding.with_fix("put the text in quotes, because YAML takes [ for a list");
    }
    finding.with_fix("write one text, in quotes if it holds `: ` or begins with a special character")
}

pub(super) fn not_a_boolean(node: &Node, what: &str) -> Finding {
    let (is, fix) = match &node.content {
        Content::Scalar { text, plain } => {
            let bare =
                matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off");
            let fix = match text.as_str() {
                _ if !plain && bare => format!("remove the quotes: {what}: {}", text.to_ascii_lowercase()),
                _ if bare => format!("{what}: {}", text.to_ascii_lowercase()),
                "0" => format!("{what}: false"),
                "1" => format!("{what}: true"),
                _ => format!("{what}: true, or {what}: false"),
            };
            (quoted(text), fix)
        }
        _ => ("no single value".to_owned(), format!("{what}: true, or {what}: false")),
    };
    Finding::new(Code::WrongType, node.position, format!("`{what}` must be true or false, and this is {is}"))
        .with_fix(fix)
}

pub(super) fn not_a_duration(text: &Text, what: &str, error: &PrometheusDurationError) -> Finding {
    let message = format!("`{what}` must be a duration, and this is {}", quoted(text));
    let finding = Finding::new(Code::BadDuration, text.position(), message);
    match error {
        PrometheusDurationError::Empty => finding.with_fix(format!("{what}: 5m, or leave the field out")),
        PrometheusDurationError::OutOfRange => finding.with_fix("it is longer than 292 years; shorten it"),
        PrometheusDurationError::Invalid { text } if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            finding.with_fix(format!("add a unit: {text}s for seconds, {text}m for minutes"))
        }
        PrometheusDurationError::Invalid { text } if text.starts_with(['-', '+']) => {
            finding.with_fix("durations have no sign")
        }
        PrometheusDurationError::Invalid { .. } => {
            finding.with_fix("write whole numbers with units from large to small, such as 1h30m")
        }
        PrometheusDurationError::UnknownUnit { unit, .. } if unit.starts_with('.') => finding.with_fix(
            "durations have no fractions: write 1h30m for an hour and a half, 500ms for half a second",
        ),
        PrometheusDurationError::UnknownUnit { unit, .. } => {
            finding.with_fix(format!("{} is no unit; the units are ms, s, m, h, d, w and y", quoted(unit)))
        }
    }
}

/// The value as it would be written in an example: quoted, on one line.
pub(super) fn written(tree: &Tree<'_>, id: NodeId) -> String {
    match &tree.resolve(id).content {
        Content::Scalar { text, plain } => {
            let line = text.lines().next().unwrap_or_default();
            let cut = text.lines().count() > 1 || line.chars().count() > 60;
            match (cut, plain, text.as_str()) {
                (true, _, _) => "...".to_owned(),
                (_, true, "true" | "false" | "yes" | "no") => line.to_owned(),
                _ if line.contains(['"', '\\']) => format!("'{}'", line.replace('\'', "''")),
                _ => format!("\"{line}\""),
            }
        }
        Content::Mapping(_) | Content::Sequence(_) | Content::Alias(_) => "...".to_owned(),
    }
}

fn described(tree: &Tree<'_>, id: NodeId) -> String {
    match &tree.resolve(id).content {
        Content::Scalar { text, .. } => format!("the text {}", quoted(text)),
        Content::Sequence(_) => "a list".to_owned(),
        Content::Mapping(_) => "a mapping".to_owned(),
        Content::Alias(_) => "an alias".to_owned(),
    }
}

/// A text in double quotes on one line of at most 60 characters.
fn quoted(text: &str) -> String {
    let shown: String = if text.chars().count() > 60 {
        text.chars().take(59).chain(['…']).collect()
    } else {
        text.to_owned()
    };
    format!("{shown:?}")
}
