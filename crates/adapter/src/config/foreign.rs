//! Recognises files that are no configuration at all, by what people commonly hand in instead.
//!
//! **Invariant:** a file that decodes is never called foreign.

use super::Code;
use super::advice::unrendered_line;
use super::finding::Finding;
use super::node::{Content, NodeId, Tree};
use super::schema::FILE;

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
            Some(Finding::new(Code::NotAMapping, at(root), "the file is a list, not a mapping").with_fix(fix))
        }
        Content::Mapping(entries) => {
            manifest(tree, root).or_else(|| single_rule(tree, root)).or_else(|| chart_values(tree, entries))
        }
        Content::Scalar { text, .. } if !text.is_empty() && *text != "~" && *text != "null" => {
            let unrendered = unrendered_line(tree.source, at(root).line);
            Some(unrendered.unwrap_or_else(|| {
                Finding::new(Code::NotAMapping, at(root), "the file is a single text, not a mapping")
                    .with_fix("the top level is a mapping with rules, externalRules and resourceRules")
            }))
        }
        _ => None,
    }
}

fn manifest(tree: &Tree<'_>, root: NodeId) -> Option<Finding> {
    let kind = tree.scalar(tree.get(root, "kind")?)?;
    let (version, _) = tree.entry(root, "apiVersion")?;
    let message = format!("this is a Kubernetes manifest (kind: {kind}), not a configuration");
    let finding = Finding::new(Code::KubernetesManifest, tree.node(version).position, message);
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

fn single_rule(tree: &Tree<'_>, root: NodeId) -> Option<Finding> {
    let (key, _) = tree.entry(root, "seriesQuery")?;
    if FILE.fields.iter().any(|field| tree.entry(root, field.key).is_some()) {
        return None;
    }
    let message = "this is a single rule, and a configuration is a mapping with lists of rules";
    Some(
        Finding::new(Code::SingleRule, tree.node(key).position, message)
            .with_fix("write `rules:` (or `externalRules:`) on a line of its own first, begin this line with `- `, and\nindent the others by two"),
    )
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
            Code::HelmValues,
            tree.node(*key).position,
            "this is a values file of the prometheus-adapter Helm chart, not the configuration that the chart makes of it",
        )
        .with_fix(
            "give the rendered configuration, in which rules.custom is called rules, rules.external is called\n\
             externalRules and rules.resource is called resourceRules (`helm template` prints it)",
        ),
    )
}
