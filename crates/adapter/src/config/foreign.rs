//! Recognises files that are no configuration at all, and text that is no YAML, by what people commonly
//! hand in instead.
//!
//! **Invariant:** a file that decodes is never called foreign.

use super::advice::unrendered_line;
use super::finding::Finding;
use super::node::{Content, NodeId, SyntaxError, Tree};
use super::schema::FILE;
use super::text::Position;

/// Top-level keys of the Helm charts for prometheus-adapter.
const CHART_KEYS: [&str; 12] = [
    "affinity",
    "extraArguments",
    "image",
    "listenPort",
    "logLevel",
    "metricsRelistInterval",
    "nodeSelector",
    "prometheus",
    "prometheus-adapter",
    "replicas",
    "serviceAccount",
    "tolerations",
];

/// A finding for the whole file, if it is something else than a configuration.
pub(super) fn foreign_file(tree: &Tree<'_>, root: NodeId) -> Option<Finding> {
    let at = |id: NodeId| tree.node(id).position;
    match &tree.resolve(root).content {
        Content::Sequence(items) => {
            let rule = items.iter().find(|item| tree.get(**item, "seriesQuery").is_some());
            let fix = match rule {
                Some(_) => "write `rules:` (or `externalRules:`) on a line of its own before the first `- `",
                None => "the top level is a mapping with rules, externalRules and resourceRules",
            };
            Some(Finding::new("not-a-mapping", at(root), "the file is a list, not a mapping").with_fix(fix))
        }
        Content::Mapping(entries) => manifest(tree, root).or_else(|| chart_values(tree, entries)),
        Content::Scalar { text, .. } if !text.is_empty() && *text != "~" && *text != "null" => {
            let unrendered = unrendered_line(tree.source, at(root).line);
            Some(unrendered.unwrap_or_else(|| {
                Finding::new("not-a-mapping", at(root), "the file is a single text, not a mapping")
                    .with_fix("give a file with rules, externalRules or resourceRules; this looks like a value, not like a file")
            }))
        }
        _ => None,
    }
}

fn manifest(tree: &Tree<'_>, root: NodeId) -> Option<Finding> {
    let kind = tree.scalar(tree.get(root, "kind")?)?;
    let version = tree.get(root, "apiVersion")?;
    let message = format!("this is a Kubernetes manifest (kind: {kind}), not a configuration");
    let finding = Finding::new("kubernetes-manifest", tree.node(version).position, message);
    let data = tree.get(root, "data").map(|data| tree.entries(data)).unwrap_or_default();
    let inner = data.iter().find_map(|(key, _)| Some((tree.scalar(*key)?, tree.node(*key).position)));
    Some(match inner {
        Some((key, position)) => finding.with_fix(format!(
            "give the text under `{key}` (line {}): mount the ConfigMap and pass --config=DIRECTORY/{key}",
            position.line
        )),
        None => {
            finding.with_fix("give the text that the manifest's ConfigMap holds, such as its config.yaml")
        }
    })
}

fn chart_values(tree: &Tree<'_>, entries: &[(NodeId, NodeId)]) -> Option<Finding> {
    let key_of = |id: NodeId| tree.scalar(id).map_or("", |key| key.as_str());
    let rules = entries.iter().find(|(key, value)| {
        let parts = ["default", "custom", "external", "existing", "resource"];
        key_of(*key) == "rules" && parts.iter().any(|part| tree.get(*value, part).is_some())
    });
    let foreign = entries
        .iter()
        .find(|(key, _)| CHART_KEYS.contains(&key_of(*key)) && FILE.field(key_of(*key)).is_none());
    let (key, _) = rules.or(foreign)?;
    Some(
        Finding::new(
            "helm-values",
            tree.node(*key).position,
            "this is a values file of the prometheus-adapter Helm chart, not the configuration that the chart makes of it",
        )
        .with_fix(
            "give the rendered configuration, in which rules.custom is called rules, rules.external is called\n\
             externalRules and rules.resource is called resourceRules (`helm template` prints it)",
        ),
    )
}

/// Advice about a text that is no YAML.
pub(super) fn syntax_finding(source: &str, error: &SyntaxError) -> Finding {
    let placeholder = (1..).zip(source.lines()).find_map(|(number, _)| unrendered_line(source, number));
    if let Some(finding) = placeholder {
        return finding.with_excerpt(source, 2);
    }
    let SyntaxError { position, reason } = error;
    let finding = |at: Position, message: String| Finding::new("yaml-syntax", at, message);
    let near = usize::try_from(position.line).unwrap_or(usize::MAX);
    let lines: Vec<&str> = source.lines().collect();
    let candidates = (near.saturating_sub(2)..near.min(lines.len())).rev();
    for index in candidates {
        let line = lines[index];
        let at = |column: usize| Position {
            line: u32::try_from(index + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        };
        let indent = line.len() - line.trim_start().len();
        if let Some(tab) = line[..indent].find('\t') {
            return finding(
                at(tab),
                format!("a tab indents this line, which YAML does not allow ({reason})"),
            )
            .with_fix("indent with spaces")
            .with_excerpt(source, 1);
        }
        if let Some(column) = inner_double_quote(line) {
            let message = format!("this double quote ends the text, and more text follows it ({reason})");
            return finding(at(line[..column].chars().count()), message)
                .with_fix("put the whole text in single quotes, or use a block: metricsQuery: |")
                .with_excerpt(source, 1);
        }
        if let Some((column, value)) = value_of(line) {
            let column = line[..column].chars().count();
            if let Some(first) = value.chars().next().filter(|first| "{[@`%&*!".contains(*first)) {
                return finding(
                    at(column),
                    format!("a text must not begin with `{first}` unless it is quoted ({reason})"),
                )
                .with_fix(format!("'{}'", value.replace('\'', "''")))
                .with_excerpt(source, value.chars().count());
            }
            if !value.starts_with(['"', '\'']) && (value.contains(": ") || value.ends_with(':')) {
                return finding(at(column), format!("a text that holds `: ` must be quoted ({reason})"))
                    .with_fix(format!("'{}'", value.replace('\'', "''")))
                    .with_excerpt(source, value.chars().count());
            }
        }
    }
    finding(*position, format!("the file is no valid YAML: {reason}"))
        .with_fix(if reason.contains("control character") {
            "remove the character, or write it as an escape in double quotes"
        } else {
            "check indentation and quotes on this line and the one before it"
        })
        .with_excerpt(source, 1)
}

/// The value of a line `key: value` or `- key: value`, with its byte offset.
fn value_of(line: &str) -> Option<(usize, &str)> {
    let colon = line.find(": ")?;
    let value = line[colon + 2..].trim();
    let start = line.len() - line[colon + 2..].trim_start().len();
    (!value.is_empty()).then_some((start, value))
}

/// Where a double-quoted value of a line ends although the line goes on.
fn inner_double_quote(line: &str) -> Option<usize> {
    let (start, value) = value_of(line)?;
    let inside = value.strip_prefix('"')?;
    let mut escaped = false;
    for (offset, character) in inside.char_indices() {
        if !escaped && character == '"' {
            let rest = inside[offset + 1..].trim_start();
            let ends = rest.is_empty() || rest.starts_with(['#', ',', '}', ']', ':']);
            return (!ends).then_some(start + 1 + offset);
        }
        escaped = !escaped && character == '\\';
    }
    None
}
