//! Turns a mismatch between file and schema into advice: what stands where it does not belong, and where it
//! does.
//!
//! **Invariant:** advice names only fields that exist in the schema.

use plimsoll_model::duration::PrometheusDurationError;

use super::decode::Context;
use super::finding::Finding;
use super::node::{Content, Node, NodeId, Tree};
use super::schema::{
    FILE, FILTER, Kind, NAME, RESOURCE, RESOURCE_RULE, RESOURCE_RULES, RESOURCES, RULE, Record,
};
use super::text::{Position, Text};

/// A key that its mapping does not know.
pub(super) struct Found<'a> {
    pub key: &'a str,
    pub key_node: &'a Node,
    pub value: NodeId,
}

/// Records in which a misplaced field is looked for, with the way to say where such a record is.
static HOMES: [(&Record, &str); 8] = [
    (&RULE, "a rule, an entry of `rules` or `externalRules`"),
    (&NAME, "`name` in a rule"),
    (&RESOURCES, "`resources` in a rule"),
    (&FILTER, "an entry of `seriesFilters` in a rule"),
    (&RESOURCE, "a label under `overrides`"),
    (&RESOURCE_RULES, "`resourceRules`"),
    (&RESOURCE_RULE, "`cpu` or `memory` under `resourceRules`"),
    (&FILE, "the top level of the file"),
];

/// Advice about a key that the record of `context` does not have.
pub(super) fn unknown_field(tree: &Tree<'_>, context: Context<'_>, found: &Found<'_>) -> Finding {
    let Found { key, key_node, value } = found;
    let record = context.record;
    let unknown = |rest: &str| {
        let message = format!("`{key}` is not a field of {}{rest}", record.title);
        Finding::new("unknown-field", key_node.position, message)
    };
    if let Some(field) = record.fields.iter().find(|field| folded(field.key) == folded(key)) {
        return unknown(&format!(": did you mean `{}`?", field.key)).with_fix(format!(
            "write {}; field names are matched letter by letter, capitals included",
            field.key
        ));
    }
    if let Some(finding) = misplaced(tree, context, key, key_node.position, *value) {
        return finding;
    }
    if let Some(field) = record.fields.iter().find(|field| is_similar(field.key, key)) {
        return unknown(&format!(": did you mean `{}`?", field.key)).with_fix(format!("write {}", field.key));
    }
    if let Some((_, home)) = HOMES.iter().find(|(home, _)| home.field(key).is_some()) {
        return unknown(&format!(", but of {home}")).with_fix("move it there, or remove it");
    }
    let keys: Vec<&str> = record.fields.iter().map(|field| field.key).collect();
    unknown("").with_fix(format!("remove it; {} has {}", record.title, listed(&keys)))
}

/// A field of an enclosing record that slipped in too deep, or of a nested one that stands too shallow.
fn misplaced(
    tree: &Tree<'_>,
    context: Context<'_>,
    key: &str,
    position: Position,
    value: NodeId,
) -> Option<Finding> {
    let wrong = |message: String| Finding::new("misplaced-field", position, message);
    if let Some(outer) = context.outer.iter().rev().find(|outer| outer.field(key).is_some()) {
        let (holder, column) = context.holder.map_or(("", 1), |(holder, at)| (holder, at.column));
        let direct = context.outer.last().is_some_and(|last| std::ptr::eq(*last, *outer));
        let home = outer.title.replacen("a rule", "the rule itself", 1);
        let fix = if direct && !holder.is_empty() {
            format!("move `{key}` out of `{holder}`, to column {column}, where `{holder}:` begins")
        } else {
            format!("move `{key}` to the column of the fields of {}", outer.title)
        };
        let under = if holder.is_empty() { String::new() } else { format!(" stands under `{holder}`, but") };
        return Some(wrong(format!("`{key}`{under} is a field of {home}")).with_fix(fix));
    }
    for field in context.record.fields {
        let (inner, example) = match field.kind {
            Kind::Record(inner) => (inner, format!("{}:\n  {key}: {}", field.key, written(tree, value))),
            Kind::List(inner) => (inner, format!("{}:\n- {key}: {}", field.key, written(tree, value))),
            Kind::Table(inner) => {
                (inner, format!("{}:\n  LABEL:\n    {key}: {}", field.key, written(tree, value)))
            }
            Kind::Text | Kind::Boolean | Kind::Duration => continue,
        };
        if inner.field(key).is_none() {
            continue;
        }
        let home = match field.kind {
            Kind::Record(_) => format!("`{}`", field.key),
            Kind::List(_) => format!("an entry of `{}`", field.key),
            _ => format!("a label under `{}`", field.key),
        };
        let message = format!("`{key}` stands beside `{}`, but is a field of {home}", field.key);
        return Some(wrong(message).with_fix(example));
    }
    None
}

/// A field of `resources` or of a resource that stands where a label must.
pub(super) fn field_among_labels(
    tree: &Tree<'_>,
    label: &Text,
    value: NodeId,
    context: Context<'_>,
) -> Option<Finding> {
    let written = match &tree.resolve(value).content {
        Content::Scalar { text, .. } if !text.is_empty() && *text != "~" => written(tree, value),
        _ => return None,
    };
    let (holder, at) = context.holder?;
    let wrong = |message| Finding::new("misplaced-field", label.position(), message);
    if let Some(outer) = context.outer.last().filter(|outer| outer.field(label).is_some()) {
        let message =
            format!("`{label}` stands among the labels of `{holder}`, but is a field of {}", outer.title);
        let fix =
            format!("move `{label}` out of `{holder}`, to column {}, where `{holder}:` begins", at.column);
        return Some(wrong(message).with_fix(fix));
    }
    context.record.field(label)?;
    let message = format!("`{label}` must stand under a label, and `{holder}` holds labels");
    Some(wrong(message).with_fix(format!("{holder}:\n  LABEL:\n    {label}: {written}")))
}

pub(super) fn repeated_field(key: &str, context: Context<'_>, at: Position, first: Position) -> Finding {
    let holder = match context.holder {
        Some((holder, _)) if std::ptr::eq(context.record, &RESOURCE) => format!("`{holder}`"),
        _ => context.record.title.to_owned(),
    };
    let fix = match context.record.field(key).map(|field| field.kind) {
        Some(Kind::List(_)) => "join both lists under one key",
        _ => "keep one of them",
    };
    let message = format!("`{key}` is given twice in {holder}, first on line {}", first.line);
    Finding::new("repeated-key", at, message).with_fix(fix)
}

pub(super) fn not_a_mapping(tree: &Tree<'_>, id: NodeId, context: Context<'_>) -> Finding {
    let node = tree.node(id);
    let record = context.record;
    let wrong = |message: String| Finding::new("wrong-type", node.position, message);
    let holder = context.holder.map_or("the file", |(holder, _)| holder);
    let is = described(tree, id);
    let keys: Vec<&str> = record.fields.iter().map(|field| field.key).collect();
    let scalar = matches!(node.content, Content::Scalar { .. });
    if std::ptr::eq(record, &RULE) || std::ptr::eq(record, &FILTER) {
        return wrong(format!("an entry of `{holder}` must be a mapping, and this is {is}"))
            .with_fix(format!("write its fields ({}) behind the `- `", listed(&keys)));
    }
    if std::ptr::eq(record, &RESOURCE) && scalar {
        return wrong(format!(
            "the label `{holder}` must be given a resource as a mapping, and this is {is}"
        ))
        .with_fix(format!("{holder}: {{resource: {}}}", written(tree, id)));
    }
    if std::ptr::eq(record, &RESOURCE) && tree_is_labels(context) {
        return wrong(format!("`{holder}` must be a mapping of labels, and this is {is}"))
            .with_fix(format!("{holder}:\n  namespace: {{resource: \"namespace\"}}"));
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
fn tree_is_labels(context: Context<'_>) -> bool {
    context.holder.is_some_and(|(holder, _)| holder == "overrides")
}

pub(super) fn not_a_list(tree: &Tree<'_>, id: NodeId, context: Context<'_>) -> Finding {
    let node = tree.node(id);
    let holder = context.holder.map_or("the file", |(holder, _)| holder);
    let message = format!("`{holder}` must be a list, and this is {}", described(tree, id));
    let finding = Finding::new("wrong-type", node.position, message);
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
    let finding = Finding::new("wrong-type", node.position, message);
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
    Finding::new("wrong-type", node.position, format!("`{what}` must be true or false, and this is {is}"))
        .with_fix(fix)
}

pub(super) fn not_a_duration(text: &Text, what: &str, error: &PrometheusDurationError) -> Finding {
    let message = format!("`{what}` must be a duration, and this is {}", quoted(text));
    let finding = Finding::new("bad-duration", text.position(), message);
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

/// A finding about line `number` if it holds a placeholder of Helm, Jinja or another template tool.
pub(super) fn unrendered_line(source: &str, number: u32) -> Option<Finding> {
    let line = source.lines().nth(usize::try_from(number).ok()?.checked_sub(1)?)?;
    if line.trim_start().starts_with('#') {
        return None;
    }
    let start = line.find("{{")?;
    let inside = line[start..].trim_start_matches(['{', '-', ' ', '%']);
    let is_placeholder =
        inside.starts_with(['.', '$', '"']) || inside.starts_with(|c: char| c.is_ascii_alphabetic());
    if !is_placeholder {
        return None;
    }
    let column = u32::try_from(line[..start].chars().count()).unwrap_or(u32::MAX).saturating_add(1);
    let position = Position { line: number, column };
    Some(
        Finding::new(
            "unrendered-template",
            position,
            "`{{` begins a placeholder of a template tool such as Helm or Jinja, so this file was not rendered",
        )
        .with_fix("render the template first (`helm template` prints the result) and give the rendered file"),
    )
}

/// The value as it would be written in an example: quoted, on one line.
fn written(tree: &Tree<'_>, id: NodeId) -> String {
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
        _ => "...".to_owned(),
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
pub(super) fn quoted(text: &str) -> String {
    let shown: String = if text.chars().count() > 60 {
        text.chars().take(59).chain(['…']).collect()
    } else {
        text.to_owned()
    };
    format!("{shown:?}")
}

/// `a, b and c`
fn listed(keys: &[&str]) -> String {
    match keys {
        [] => "no fields".to_owned(),
        [only] => (*only).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// A key without capitals and separators.
fn folded(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.')).flat_map(char::to_lowercase).collect()
}

/// Whether `key` may be a slip of the pen for `field`.
pub(super) fn is_similar(field: &str, key: &str) -> bool {
    let (field, key) = (folded(field), folded(key));
    if key.len() > 40 || key.len() < 2 {
        return false;
    }
    let allowed = if field.len() < 4 { 1 } else { 2 };
    let begins = key.len() >= 3 && (field.starts_with(&key) || key.starts_with(&field) && field.len() > 3);
    begins || distance(&field, &key) <= allowed.min(field.len() / 2)
}

/// Number of characters to insert, remove, replace or swap with their neighbour.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut best = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}
