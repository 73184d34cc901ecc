//! Advice about keys that stand where they do not belong: where they do.
//!
//! **Invariant:** advice names only fields that exist in the schema.

use super::Code;
use super::decode::Context;
use super::finding::Finding;
use super::mismatch::written;
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
    /// All entries of the mapping.
    pub entries: &'a [(NodeId, NodeId)],
}

/// Records in which a misplaced field is looked for, with the way to say where such a record is.
pub(super) static HOMES: [(&Record, &str); 8] = [
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
    let Found { key, key_node, value, .. } = found;
    let record = context.record;
    let unknown = |rest: &str| {
        let message = format!("`{key}` is not a field of {}{rest}", record.title);
        Finding::new(Code::UnknownField, key_node.position, message)
    };
    let keys: Vec<&str> = record.fields.iter().map(|field| field.key).collect();
    if let Some(field) = record.fields.iter().find(|field| folded(field.key) == folded(key)) {
        return unknown(&format!(": did you mean `{}`?", field.key)).with_fix(format!(
            "write {}; field names are matched letter by letter, capitals included",
            field.key
        ));
    }
    if let Some(finding) = misplaced(tree, context, found) {
        return finding;
    }
    if std::ptr::eq(record, &RESOURCES) && tree.get(*value, "resource").is_some() {
        return unknown(", but looks like a label of `overrides`")
            .with_fix(format!("indent `{key}:` so that it stands under `overrides:`"));
    }
    if let Some(field) = record.fields.iter().find(|field| is_similar(field.key, key)) {
        return unknown(&format!(": did you mean `{}`?", field.key)).with_fix(format!("write {}", field.key));
    }
    if let Some((_, home)) = HOMES.iter().find(|(home, _)| home.field(key).is_some()) {
        return unknown(&format!(", but of {home}")).with_fix(format!(
            "move it there, or remove it; {} has {}",
            record.title,
            listed(&keys)
        ));
    }
    if let Some(field) = FILE.fields.iter().find(|field| tree.get(*value, field.key).is_some()) {
        return unknown("").with_fix(format!(
            "move what stands under it ({}, ...) to the top level, and remove it",
            field.key
        ));
    }
    unknown("").with_fix(format!("remove it; {} has {}", record.title, listed(&keys)))
}

/// A field of an enclosing record that slipped in too deep, or of a nested one that stands too shallow.
fn misplaced(tree: &Tree<'_>, context: Context<'_>, found: &Found<'_>) -> Option<Finding> {
    let Found { key, key_node, value, entries } = found;
    let wrong = |message: String| Finding::new(Code::MisplacedField, key_node.position, message);
    if let Some(outer) = context.outer.iter().rev().find(|outer| outer.field(key).is_some()) {
        let (holder, column) = context.holder.map_or(("", 1), |(holder, at)| (holder, at.column));
        let direct = context.outer.last().is_some_and(|last| std::ptr::eq(*last, *outer));
        let fix = if direct {
            format!("move `{key}` out of `{holder}`, to column {column}, where `{holder}:` begins")
        } else {
            format!("move `{key}` to the column of the fields of {}", outer.title)
        };
        let home = outer.title.replacen("a rule", "the rule itself", 1);
        return Some(
            wrong(format!("`{key}` is a field of {home}, but stands under `{holder}`")).with_fix(fix),
        );
    }
    for field in context.record.fields {
        let (inner, home, indent) = match field.kind {
            Kind::Record(inner) => (inner, format!("`{}`", field.key), "  "),
            Kind::List(inner) => (inner, format!("an entry of `{}`", field.key), "- "),
            Kind::Table(inner) => (inner, format!("a label under `{}`", field.key), "  LABEL:\n    "),
            Kind::Text | Kind::Boolean | Kind::Duration => continue,
        };
        if inner.field(key).is_none() {
            continue;
        }
        let mut keys = entries.iter().map(|(key, _)| *key);
        let sibling = keys.rfind(|id| tree.scalar(*id).is_some_and(|key| *key == field.key));
        let message = match sibling {
            Some(_) => format!("`{key}` is a field of {home}, but stands beside `{}`", field.key),
            None => format!("`{key}` is a field of {home}, but stands in {} itself", context.record.title),
        };
        let fix = match (sibling, field.kind) {
            (Some(id), Kind::Record(_)) => {
                let at = tree.node(id).position;
                format!("move `{key}` under the `{}:` of line {}, and indent it there", field.key, at.line)
            }
            _ => format!("{}:\n{indent}{key}: {}", field.key, written(tree, *value)),
        };
        return Some(wrong(message.replace("in a rule itself", "in the rule itself")).with_fix(fix));
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
    let wrong = |message| Finding::new(Code::MisplacedField, label.position(), message);
    if let Some(outer) = context.outer.last().filter(|outer| outer.field(label).is_some()) {
        let message =
            format!("`{label}` is a field of {}, but stands among the labels of `{holder}`", outer.title);
        let fix =
            format!("move `{label}` out of `{holder}`, to column {}, where `{holder}:` begins", at.column);
        return Some(wrong(message).with_fix(fix));
    }
    context.record.field(label)?;
    let message = format!("`{label}` must stand under a label, and `{holder}` holds labels");
    Some(wrong(message).with_fix(format!("{holder}:\n  LABEL:\n    {label}: {written}")))
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
            Code::UnrenderedTemplate,
            position,
            "`{{` begins a placeholder of a template tool such as Helm or Jinja, so this file was not rendered",
        )
        .with_fix("render the template first (`helm template` prints the result) and give the rendered file"),
    )
}

/// `a, b and c`
pub(super) fn listed(keys: &[&str]) -> String {
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
pub(crate) fn is_similar(field: &str, key: &str) -> bool {
    let (field, key) = (folded(field), folded(key));
    if key.len() > 40 || key.len() < 2 {
        return false;
    }
    let allowed = if field.len() < 4 { 1 } else { 2 };
    let begins = key.len() >= 3 && (field.starts_with(&key) || key.starts_with(&field) && field.len() > 3);
    begins || strsim::osa_distance(&field, &key) <= allowed.min(field.len() / 2)
}
