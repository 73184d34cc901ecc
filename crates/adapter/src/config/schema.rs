//! The fields of a configuration, declared once: the decoder walks these tables, advice about misplaced
//! fields searches them, and the reference page prints them.
//!
//! **Invariant:** keys, types and defaults are those of `pkg/config/config.go`; nothing of ours is added.

/// A mapping with a fixed set of keys.
#[derive(Debug)]
pub(super) struct Record {
    /// How prose calls the mapping: `a rule`, `` `name` ``.
    pub title: &'static str,
    /// What the mapping is for, for the reference page.
    pub summary: &'static str,
    pub fields: &'static [Field],
}

/// One key of a [`Record`].
#[derive(Debug)]
pub(super) struct Field {
    pub key: &'static str,
    pub kind: Kind,
    /// What applies when the key is absent, for the reference page.
    pub default: &'static str,
    pub summary: &'static str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Any scalar, taken as it is written.
    Text,
    Boolean,
    /// A Prometheus duration.
    Duration,
    Record(&'static Record),
    List(&'static Record),
    /// A mapping whose keys are free (label names).
    Table(&'static Record),
}

const fn field(key: &'static str, kind: Kind, default: &'static str, summary: &'static str) -> Field {
    Field { key, kind, default, summary }
}

pub(super) static FILE: Record = Record {
    title: "the top level",
    summary: "The file is one YAML or JSON mapping. Unknown and repeated keys are refused. An empty file is accepted \
              and serves no metrics.",
    fields: &[
        field(
            "rules",
            Kind::List(&RULE),
            "none",
            "Rules for the custom metrics API (`custom.metrics.k8s.io`). When several rules yield the same metric \
             for the same resource, the last one in the file answers.",
        ),
        field(
            "externalRules",
            Kind::List(&RULE),
            "none",
            "Rules for the external metrics API (`external.metrics.k8s.io`). When several rules yield the same \
             name, the last one in the file answers.",
        ),
        field(
            "resourceRules",
            Kind::Record(&RESOURCE_RULES),
            "none",
            "Queries for the resource metrics API (`metrics.k8s.io`), which `kubectl top` and resource targets of \
             autoscalers read.",
        ),
    ],
};

pub(super) static RULE: Record = Record {
    title: "a rule",
    summary: "An entry of `rules` or `externalRules`: which series become metrics, which objects they describe, \
              what they are called, and how their values are asked for.",
    fields: &[
        field(
            "seriesQuery",
            Kind::Text,
            "empty",
            "A series selector such as `{__name__=~\"^http_.*\",namespace!=\"\"}`, sent to Prometheus as it is \
             written. Quote it: a plain YAML value must not begin with `{`.",
        ),
        field(
            "seriesFilters",
            Kind::List(&FILTER),
            "none",
            "Further conditions on the names of the series found. A series must pass all of them.",
        ),
        field(
            "resources",
            Kind::Record(&RESOURCES),
            "no labels",
            "Which labels of a series name Kubernetes objects.",
        ),
        field("name", Kind::Record(&NAME), "the series name", "What the metric is called in the API."),
        field(
            "metricsQuery",
            Kind::Text,
            "empty",
            "A template with delimiters `<<` and `>>` that yields the PromQL query for a request. It sees \
             `.Series`, `.LabelMatchers`, `.LabelValuesByName`, `.GroupBy` and `.GroupBySlice`.",
        ),
    ],
};

pub(super) static FILTER: Record = Record {
    title: "an entry of `seriesFilters`",
    summary: "A condition on the name of a series. Exactly one of both fields must be given.",
    fields: &[
        field(
            "is",
            Kind::Text,
            "none",
            "Keep the series if this regular expression (RE2, not anchored) finds something in its name.",
        ),
        field(
            "isNot",
            Kind::Text,
            "none",
            "Drop the series if this regular expression (RE2, not anchored) finds something in its name.",
        ),
    ],
};

pub(super) static RESOURCES: Record = Record {
    title: "`resources`",
    summary: "The association of labels with Kubernetes resources. `overrides` win over `template`.",
    fields: &[
        field(
            "template",
            Kind::Text,
            "empty",
            "A template with delimiters `<<` and `>>` that yields the label for a resource from `.Resource` (the \
             singular name) and `.Group` (with `.` and `-` replaced by `_`), such as `kube_<<.Resource>>`.",
        ),
        field(
            "overrides",
            Kind::Table(&RESOURCE),
            "none",
            "Label names with the resource that each of them names. If two labels name the same resource, queries \
             use the last one.",
        ),
        field(
            "namespaced",
            Kind::Boolean,
            "`true`",
            "External rules only: `false` leaves the namespace of a request out of the query.",
        ),
    ],
};

pub(super) static RESOURCE: Record = Record {
    title: "a resource in `overrides`",
    summary: "A Kubernetes resource type. Singular and plural names in any case are accepted, short names are not.",
    fields: &[
        field("group", Kind::Text, "any group", "The API group, or the beginning of its name."),
        field("resource", Kind::Text, "empty", "The name of the resource, such as `pod` or `deployment`."),
    ],
};

pub(super) static NAME: Record = Record {
    title: "`name`",
    summary: "How the name of a series becomes the name of a metric.",
    fields: &[
        field(
            "matches",
            Kind::Text,
            "`.*`",
            "A regular expression (RE2, not anchored). Series whose name it does not find are dropped.",
        ),
        field(
            "as",
            Kind::Text,
            "`$0`, or `$1` if `matches` has one group",
            "The name of the metric, with `$1` or `${1}` for groups of `matches`. Write `${1}_suffix` where letters, \
             digits or `_` follow. Required if `matches` has two or more groups.",
        ),
    ],
};

pub(super) static RESOURCE_RULES: Record = Record {
    title: "`resourceRules`",
    summary: "CPU and memory usage of containers and nodes.",
    fields: &[
        field("cpu", Kind::Record(&RESOURCE_RULE), "empty", "CPU usage in cores."),
        field("memory", Kind::Record(&RESOURCE_RULE), "empty", "Memory usage in bytes."),
        field(
            "window",
            Kind::Duration,
            "`0s`",
            "The range that the queries look back, reported with each answer: a Prometheus duration such as `5m` \
             or `1h30m`.",
        ),
    ],
};

pub(super) static RESOURCE_RULE: Record = Record {
    title: "a resource rule",
    summary: "The queries for one resource, `cpu` or `memory`.",
    fields: &[
        field(
            "containerQuery",
            Kind::Text,
            "empty",
            "A template like `metricsQuery` that yields the usage of containers; `.GroupBy` is the pod label and \
             the container label.",
        ),
        field(
            "nodeQuery",
            Kind::Text,
            "empty",
            "A template like `metricsQuery` that yields the usage of nodes; `.GroupBy` is the node label.",
        ),
        field(
            "resources",
            Kind::Record(&RESOURCES),
            "no labels",
            "Must say which labels name pods, namespaces and nodes.",
        ),
        field("containerLabel", Kind::Text, "empty", "The label that holds the name of the container."),
    ],
};

impl Record {
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}
