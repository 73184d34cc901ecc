//! One rule, one pod, one value: what tests need that are not about rules.
//!
//! **Invariant:** all of it works; a test that wants a fault brings it.

use serde_json::json;

use crate::stand::Surroundings;

/// The configuration.
pub const RULE: &str = r#"rules:
- seriesQuery: requests{pod!=""}
  resources: {template: <<.Resource>>}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
"#;

/// Where its value for the pod is asked for.
pub const POD: &str = "/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/pods/web-1/requests";
/// What Prometheus is asked then.
pub const QUERY: &str = "sum(requests{namespace=\"default\",pod=\"web-1\"}) by (pod)";

/// One series of the pod `web-1`, whose value is 7.
pub fn arrange(around: &Surroundings) {
    around.prometheus.series(
        "requests{pod!=\"\"}",
        &json!([{"__name__": "requests", "namespace": "default", "pod": "web-1"}]),
    );
    around.kubernetes.pods(&["web-1"]);
    around.prometheus.vector(QUERY, &[(json!({"pod": "web-1"}), "7")]);
}
