//! The codes of findings: what `plimsoll check` prints in brackets and logs carry as `code`.
//!
//! **Invariant:** a code is never renamed and never changes its meaning; the reference page is printed from this table.

use std::fmt;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file, the rule or every request for its metrics fails.
    Error,
    /// It works, but probably not as meant.
    Warning,
    /// Worth knowing.
    Hint,
}

impl Severity {
    /// In lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident $meaning:literal,)*) => {
        /// What a finding is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// All codes, in the order of the reference page.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as it is written, in kebab case.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How much such a finding matters.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What such a finding means, for the reference page.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    // The file.
    YamlSyntax "yaml-syntax" Error "The file is no valid YAML.",
    TooLarge "too-large" Error "The file is larger than a ConfigMap can be.",
    NotAMapping "not-a-mapping" Error "The file is a list or a text, not a mapping.",
    KubernetesManifest "kubernetes-manifest" Error "The file is a Kubernetes manifest; the configuration is inside of it.",
    HelmValues "helm-values" Error "The file is a values file of the Helm chart.",
    SingleRule "single-rule" Error "The file is one rule without the list around it.",
    UnrenderedTemplate "unrendered-template" Error "A placeholder of Helm, Jinja or another template tool was not rendered.",
    FurtherDocument "further-document" Warning "Only the first YAML document of the file is read.",
    UnknownField "unknown-field" Error "There is no such field.",
    MisplacedField "misplaced-field" Error "The field exists, but belongs elsewhere.",
    WrongType "wrong-type" Error "A field holds a value of the wrong type.",
    BadDuration "bad-duration" Error "A field holds no duration.",
    RepeatedKey "repeated-key" Error "A key is given twice.",
    BadMerge "bad-merge" Error "A YAML merge key names no mapping.",
    BadTag "bad-tag" Error "A YAML tag does not fit its value.",
    RecursiveAlias "recursive-alias" Error "A YAML alias contains itself.",
    ExcessiveAliases "excessive-aliases" Error "YAML aliases expand the file beyond its bound.",
    TooManyMistakes "too-many-mistakes" Error "There are more mistakes than are listed.",
    // A rule.
    Template "template" Error "A template does not parse.",
    LabelTemplate "label-template" Error "`resources.template` cannot tell labels apart.",
    NamePattern "name-pattern" Error "A regular expression of `seriesFilters` or `name` cannot be used.",
    ResourceName "resource-name" Error "A label is mapped to a resource that cannot exist.",
    ResourceUnknown "resource-unknown" Hint "A label is mapped to a resource that Kubernetes itself does not have; the rule is inactive until the cluster serves it.",
    NoLabelMapped "no-label-mapped" Error "A rule of `rules` maps no label to a resource, so it serves nothing.",
    LabelShadowed "label-shadowed" Warning "Two labels are mapped to the same resource; the last one is used.",
    OverrideIgnored "override-ignored" Warning "An override of an external rule names no resource and has no effect.",
    NamespaceNotMapped "namespace-not-mapped" Error "No label is mapped to namespaces, so the metric cannot be asked for.",
    ExternalNamespace "external-namespace" Warning "An external rule maps no label to namespaces, so its metrics are served to every namespace.",
    ResourceLabelMissing "resource-label-missing" Error "`resourceRules` needs labels for pods, namespaces and nodes, and one is missing.",
    // Its selector.
    SeriesQueryMissing "series-query-missing" Error "The rule has no `seriesQuery`, so that it finds no series.",
    SeriesQuerySyntax "series-query-syntax" Error "`seriesQuery` is no PromQL.",
    SeriesQueryNotASelector "series-query-not-a-selector" Error "`seriesQuery` is PromQL, but not a plain series selector.",
    // Its query.
    QueryTemplate "query-template" Error "The query's template cannot be rendered, or gives nothing.",
    QuerySyntax "query-syntax" Error "The rendered query is no PromQL, or its types do not fit.",
    QueryType "query-type" Error "The rendered query gives no instant vector.",
    LabelLost "label-lost" Error "The query drops the label that says which object a value belongs to.",
    NamespaceNotSelected "namespace-not-selected" Warning "The query neither selects the namespace nor keeps its label, so that objects of the same name in other namespaces count too.",
    SeriesNameBare "series-name-bare" Warning "The name of the series is no plain identifier, and the template has it where it cannot be quoted.",
    MatchersUnused "matchers-unused" Hint "The query of an external rule uses no matchers, so that namespace and selector of an HPA have no effect.",
    RawCounter "raw-counter" Hint "The query uses a counter without a rate: it only ever grows, and nothing scales down on it.",
    ExperimentalFunction "experimental-function" Hint "Prometheus has the function only behind a feature flag.",
    QueryFailed "query-failed" Error "The query cannot be evaluated on the given series.",
    // Google Managed Service for Prometheus.
    GmpMetricName "gmp-metric-name" Error "A selector has no exact metric name, and Google's service answers no other.",
    GmpLanguage "gmp-language" Error "The query uses what came to PromQL after the version that Google's service speaks.",
    GmpAllClusters "gmp-all-clusters" Hint "Google's service answers from all clusters of the metrics scope.",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_kebab_case_and_used_once() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            let kebab = code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            assert!(kebab && seen.insert(code.as_str()), "{code}");
            assert!(code.meaning().ends_with('.'), "{code}");
        }
    }
}
