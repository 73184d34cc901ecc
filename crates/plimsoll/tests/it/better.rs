//! Where the original's answer does harm, ours: each recorded case and request that is marked so.
//!
//! | recorded case | test |
//! |---|---|
//! | `res-no-namespace-label` | [`a_metric_that_cannot_be_asked_for_is_not_advertised`] |
//! | `res-cluster-crd-with-ns` | [`objects_outside_namespaces_are_reached_at_the_root`] |
//! | `res-two-overrides-same` | [`of_two_labels_for_one_resource_one_is_chosen_for_good`] |
//! | `sel-metric-neq` | [`a_selector_that_excludes_a_value_is_answered_and_echoed`] |
//! | `many-unknown-metric` | [`an_unknown_metric_lists_no_objects`] |
//! | `ext-ns-missing`, `ext-ns-pod-only` | [`an_external_rule_without_a_namespace_label_serves_every_namespace`] |
//! | `ext-paths` 0 and 8, `err-paths` 14, 15, 38 and 43 | [`a_path_that_names_nothing_is_not_found`] |
//! | `rm-values-pods`, `rm-values-nodes` | [`usage_that_no_quantity_can_carry_is_left_out`] |
//! | `rm-prom-errors` | [`usage_from_a_broken_prometheus_is_an_error`] |
//! | `val-list` 0 and 1 | [`values_that_no_quantity_can_carry_are_left_out`] |
//! | `err-result-types` 6 | [`a_histogram_is_no_value`] |
//! | `disc-aggregated` | [`aggregated_discovery_lists_the_groups`] |
//! | `relist-one-bad` | [`a_rejected_selector_harms_no_other_rule`] |
//! | `relist-hang` | [`a_listing_that_hangs_holds_back_only_itself`] (given up and retried: `relist.rs` of the adapter, [`a_selector_that_hangs_is_given_up_and_holds_no_other_back`][1]) |
//! | `fatal-resource-unknown` | [`a_rule_for_a_resource_that_does_not_exist_yet_waits`] |
//! | `fatal-flag-10` | [`the_version_is_printed`] |
//! | `fatal-query-x00` | [`else_with_is_accepted`] |
//! | `flag-*` but `flag-token-newline` and `flag-rm-post` | [`queries_carry_the_time_that_is_left`] |
//! | `flag-token-newline` | [`a_token_file_may_end_in_a_newline`] |
//! | `flag-rm-post` | [`queries_for_usage_carry_the_time_that_is_left`] |
//!
//! [1]: ../../../adapter/tests/it/relist.rs

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use plimsoll_testkit::fakes::Asked;
use serde_json::{Value, json};

use crate::recorded::{Case, case, cases, list};
use crate::stand::Stand;

const CUSTOM: &str = "/apis/custom.metrics.k8s.io/v1beta1";
const EXTERNAL: &str = "/apis/external.metrics.k8s.io/v1beta1";
const PODS: &str = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods";

/// Starts the program in the surroundings of a case, or ends the test where there are no recordings.
macro_rules! serve {
    ($id:expr) => {{
        let Some(case) = case($id)? else { return Ok(()) };
        let stand = case.serve().await?;
        (case, stand)
    }};
}

/// The names of a list of resources.
async fn advertised(stand: &Stand, group: &str) -> Result<Vec<String>> {
    let body = stand.get(group).await?.json();
    let names = list(&body["resources"]).iter().filter_map(|it| it["name"].as_str().map(str::to_owned));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

/// The items of an answer as `name=value`.
fn values(answer: &Value, name: &str, value: &str) -> Vec<String> {
    let text =
        |item: &Value, path: &str| item.pointer(path).and_then(Value::as_str).unwrap_or("-").to_owned();
    list(&answer["items"]).iter().map(|item| format!("{}={}", text(item, name), text(item, value))).collect()
}

#[tokio::test]
async fn a_metric_that_cannot_be_asked_for_is_not_advertised() -> Result<()> {
    let (case, stand) = serve!("res-no-namespace-label");
    assert_eq!(advertised(&stand, CUSTOM).await?, Vec::<String>::new());
    for request in &case.requests()[1..] {
        assert_eq!(stand.send(request).await?.status, 404, "{request}");
    }
    let note = "note: `m` for pods cannot be asked for: no label is mapped to namespaces; add one to \
                `resources.overrides`";
    stand.shows("/debug/rules", note).await?;
    Ok(())
}

#[tokio::test]
async fn objects_outside_namespaces_are_reached_at_the_root() -> Result<()> {
    let (_, stand) = serve!("res-cluster-crd-with-ns");
    let sample = [(json!({"brand": "acme"}), "5")];
    stand.around.prometheus.vector("sum(m{brand=\"acme\"}) by (brand)", &sample);
    for name in ["acme", "*"] {
        let answer = stand.get(&format!("{CUSTOM}/brands.cheese.io/{name}/m")).await?;
        assert_eq!(values(&answer.json(), "/describedObject/name", "/value"), ["acme=5"], "{name}");
    }
    assert_eq!(advertised(&stand, CUSTOM).await?, ["brands.cheese.io/m", "namespaces/m"]);
    let kept = stand.get(&format!("{CUSTOM}/namespaces/default/brands.cheese.io/acme/m")).await?;
    assert_eq!(values(&kept.json(), "/describedObject/name", "/value"), ["acme=1"]);
    Ok(())
}

#[tokio::test]
async fn of_two_labels_for_one_resource_one_is_chosen_for_good() -> Result<()> {
    let (_, stand) = serve!("res-two-overrides-same");
    let note =
        "note: labels `pod` and `pod_name` are mapped to the same resource; queries use `pod_name`, the last";
    stand.shows("/debug/rules", note).await?;
    stand.around.write_config(
        "rules:\n- seriesQuery: 'm{}'\n  resources: {overrides: {namespace: {resource: namespace}, \
         pod: {resource: pod}, pod_name: {resource: pods}}}\n  metricsQuery: '<<.Series>>{<<.LabelMatchers>>}'\n",
    )?;
    let query = "m{namespace=\"default\",pod_name=\"web-1\"}";
    stand.around.prometheus.vector(query, &[(json!({"pod_name": "web-1"}), "3")]);
    stand.shows(&format!("{CUSTOM}/namespaces/default/pods/web-1/m"), "\"value\":\"3\"").await?;
    Ok(())
}

#[tokio::test]
async fn a_selector_that_excludes_a_value_is_answered_and_echoed() -> Result<()> {
    let (case, stand) = serve!("sel-metric-neq");
    let echoed = json!({"matchExpressions": [{"key": "method", "operator": "NotIn", "values": ["GET"]}]});
    let mut seen = 0;
    // The original fails where there are samples.
    for request in case.requests().iter().filter(|request| request["status"] == 500) {
        let answer = stand.send(request).await?;
        assert_eq!(answer.status, 200, "{request}");
        for item in list(&answer.json()["items"]) {
            let selector = item.get("selector").or_else(|| item["metric"].get("selector"));
            assert_eq!(selector, Some(&echoed), "{request}");
            seen += 1;
        }
    }
    ensure!(seen >= 6, "{seen} values");
    Ok(())
}

#[tokio::test]
async fn an_unknown_metric_lists_no_objects() -> Result<()> {
    let (case, stand) = serve!("many-unknown-metric");
    for request in case.requests() {
        let answer = stand.send(request).await?;
        assert_eq!((answer.status, &answer.json()), (404, &request["body"]));
    }
    let asked = stand.around.kubernetes.asked();
    let listed: Vec<&Asked> = asked.iter().filter(|asked| asked.path.ends_with("/pods")).collect();
    ensure!(listed.is_empty(), "pods were listed: {listed:?}");
    Ok(())
}

#[tokio::test]
async fn an_external_rule_without_a_namespace_label_serves_every_namespace() -> Result<()> {
    for id in ["ext-ns-missing", "ext-ns-pod-only"] {
        let (_, stand) = serve!(id);
        let query = "sum(queue_depth{}) by (name)";
        stand.around.prometheus.vector(query, &[(json!({"name": "a"}), "7")]);
        let answer = stand.get(&format!("{EXTERNAL}/namespaces/default/queue_depth")).await?;
        assert_eq!(values(&answer.json(), "/metricLabels/name", "/value"), ["a=7"], "{id}: {answer:?}");
        assert_eq!(stand.around.prometheus.queries(), [query], "{id}");
        let page = stand.get("/debug/rules").await?.body;
        ensure!(page.contains("namespace"), "{id}: the rule is said to serve every namespace:\n{page}");
    }
    Ok(())
}

#[tokio::test]
async fn a_path_that_names_nothing_is_not_found() -> Result<()> {
    for id in ["ext-paths", "err-paths"] {
        let (case, stand) = serve!(id);
        let mut seen = 0;
        for request in case.requests().iter().filter(|request| request.get("deviate").is_some()) {
            let answer = stand.send(request).await?;
            assert_eq!((answer.status, answer.json()["kind"].as_str()), (404, Some("Status")), "{request}");
            seen += 1;
        }
        ensure!(seen >= 2, "{id} has {seen} such requests");
    }
    Ok(())
}

#[tokio::test]
async fn usage_that_no_quantity_can_carry_is_left_out() -> Result<()> {
    for (id, target, prefix) in
        [("rm-values-pods", PODS, "p"), ("rm-values-nodes", "/apis/metrics.k8s.io/v1beta1/nodes", "n")]
    {
        let (_, stand) = serve!(id);
        let answer = stand.get(target).await?;
        assert_eq!(answer.status, 200);
        ensure!(!answer.body.contains("-9223372036854775808m"), "{id}: {}", answer.body);
        let body = answer.json();
        let names: Vec<&str> =
            list(&body["items"]).iter().filter_map(|item| item["metadata"]["name"].as_str()).collect();
        // +Inf, -Inf and 1e16 cores; 1e16 bytes.
        let lost = [14, 15, 16, 18];
        let left = (0..20).filter(|index| !lost.contains(index)).map(|index| format!("{prefix}{index:02}"));
        assert_eq!(names, left.collect::<Vec<_>>(), "{id}");
    }
    Ok(())
}

#[tokio::test]
async fn usage_from_a_broken_prometheus_is_an_error() -> Result<()> {
    let (case, stand) = serve!("rm-prom-errors");
    let mut failures = 0;
    for request in case.requests() {
        let broken = list(&request["answers"]).iter().all(|answer| answer["status"] != 200);
        let answer = stand.send(request).await?;
        if broken && !list(&request["answers"]).is_empty() {
            assert_eq!(answer.status, 503, "{request}\n{answer:?}");
            failures += 1;
        }
    }
    ensure!(failures > 0, "no request of the case fails");
    Ok(())
}

#[tokio::test]
async fn values_that_no_quantity_can_carry_are_left_out() -> Result<()> {
    let (case, stand) = serve!("val-list");
    for request in case.requests().iter().filter(|request| request.get("deviate").is_some()) {
        let answer = stand.send(request).await?;
        assert_eq!(answer.status, 200);
        let given = |body: &Value| values(body, "/describedObject/name", "/value");
        let ours = given(&answer.json());
        // The smallest quantity is what the original prints for all that it cannot; only v45 has it.
        let overflow =
            |value: &String| value.ends_with("=-9223372036854775808m") && !value.starts_with("v45");
        let theirs: Vec<String> =
            given(&request["body"]).into_iter().filter(|value| !overflow(value)).collect();
        assert_eq!(ours, theirs);
    }
    let log = stand.log()?;
    let told = "rule 1 of rules (m{}): 8 of 56 samples are left out because they have no finite value (±Inf, a histogram, \
                or beyond 9.2e15): check for a division by zero; this is said once, and counted in \
                plimsoll_samples_left_out_total";
    ensure!(log.matches(told).count() == 1, "{log}");
    stand.measures("plimsoll_samples_left_out_total", 16.0).await
}

#[tokio::test]
async fn a_histogram_is_no_value() -> Result<()> {
    let (case, stand) = serve!("err-result-types");
    let request = case.requests().iter().find(|request| request.get("deviate").is_some());
    let answer = stand.send(request.context("the case has such a request")?).await?;
    assert_eq!(answer.status, 404);
    let why = "1 sample of rule 1 of rules (m{}) has no finite value (±Inf, a histogram, or beyond 9.2e15): check \
               for a division by zero";
    assert_eq!(answer.warnings(), [why]);
    Ok(())
}

#[tokio::test]
async fn aggregated_discovery_lists_the_groups() -> Result<()> {
    let (case, stand) = serve!("disc-aggregated");
    for request in case.requests() {
        let answer = stand.send(request).await?;
        let body = answer.json();
        let content_type = answer.headers.get("content-type").and_then(|value| value.to_str().ok());
        assert_eq!(content_type, request["content_type"].as_str());
        assert_eq!(body["items"][0]["metadata"]["name"], "custom.metrics.k8s.io", "{body}");
        let versions = list(&body["items"][0]["versions"]);
        assert_eq!(versions.len(), 2, "{body}");
        for version in versions {
            let names = list(&version["resources"]).iter().map(|resource| {
                let metrics =
                    list(&resource["subresources"]).iter().filter_map(|it| it["subresource"].as_str());
                let metrics: Vec<&str> = metrics.collect();
                format!("{}/{}", resource["resource"].as_str().unwrap_or("-"), metrics.join(","))
            });
            let names: Vec<String> = names.collect();
            assert_eq!(names, ["namespaces/m", "nodes/m", "pods/m", "services/m"]);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_rejected_selector_harms_no_other_rule() -> Result<()> {
    let (_, stand) = serve!("relist-one-bad");
    let query = "sum(m{namespace=\"default\",pod=\"web-1\"}) by (pod)";
    stand.around.prometheus.vector(query, &[(json!({"pod": "web-1"}), "1")]);
    ensure!(advertised(&stand, CUSTOM).await?.contains(&"pods/m".to_owned()), "the other rule serves");
    assert_eq!(stand.get(&format!("{CUSTOM}/namespaces/default/pods/web-1/m")).await?.status, 200);
    let page = stand.shows("/debug/rules", "latest listing failed: bad_data: parse error").await?;
    ensure!(page.contains("rule 2 of rules (bad{) at "), "{page}");
    Ok(())
}

#[tokio::test]
async fn a_listing_that_hangs_holds_back_only_itself() -> Result<()> {
    let Some(case) = case("relist-hang")? else { return Ok(()) };
    let around = case.surroundings().await?;
    around.write_config(&format!(
        "{}- seriesQuery: 'quick{{}}'\n  resources: {{template: \"<<.Resource>>\"}}\n  metricsQuery: 'x'\n",
        case.0["config"].as_str().unwrap_or_default()
    ))?;
    around
        .prometheus
        .series("quick{}", &json!([{"__name__": "quick", "namespace": "default", "pod": "web-1"}]));
    let stand = around.start().await?;
    stand.shows_within(Duration::from_secs(20), CUSTOM, "pods/quick").await?;
    let answer = stand.get(&format!("{CUSTOM}/namespaces/default/pods/web-1/m")).await?;
    assert_eq!(answer.status, 404);
    let why = "no rule serves `m`: 1 of 2 rules found series; 1 still wait for Prometheus";
    assert_eq!(answer.warnings(), [why]);
    Ok(())
}

#[tokio::test]
async fn a_rule_for_a_resource_that_does_not_exist_yet_waits() -> Result<()> {
    let (_, stand) = serve!("fatal-resource-unknown");
    let page = stand.shows("/debug/rules", "note: inactive until the cluster serves its resources").await?;
    ensure!(page.contains("label `a`:") && page.contains("foo"), "{page}");
    assert_eq!(stand.get(CUSTOM).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn the_version_is_printed() -> Result<()> {
    let Some(case) = case("fatal-flag-10")? else { return Ok(()) };
    let ended = case.surroundings().await?.refused().await?;
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.printed, format!("plimsoll {}\n", env!("CARGO_PKG_VERSION")));
    Ok(())
}

#[tokio::test]
async fn else_with_is_accepted() -> Result<()> {
    let (_, stand) = serve!("fatal-query-x00");
    assert_eq!(stand.get(CUSTOM).await?.status, 200);
    Ok(())
}

/// Sends the requests of a case and checks the time limit that each query carries.
async fn each_query_says_how_long_it_may_take(case: &Case) -> Result<usize> {
    let stand = case.serve().await?;
    for request in case.requests() {
        stand.send(request).await?;
    }
    let asked = stand.around.prometheus.asked();
    let queries: Vec<&Asked> = asked.iter().filter(|asked| asked.path.ends_with("/query")).collect();
    for query in &queries {
        let timeout = query.parameter("timeout");
        let seconds = timeout.as_deref().and_then(|text| {
            text.strip_suffix("ms")
                .and_then(|ms| Some(ms.parse::<f64>().ok()? / 1000.0))
                .or_else(|| text.strip_suffix('s')?.parse().ok())
        });
        let plausible = seconds.is_some_and(|seconds| seconds > 0.0 && seconds <= 60.0);
        ensure!(plausible, "{}: timeout={timeout:?} in {query:?}", case.id());
    }
    Ok(queries.len())
}

#[tokio::test]
async fn queries_carry_the_time_that_is_left() -> Result<()> {
    let special = ["flag-token-newline", "flag-rm-post"];
    let wanted = |case: &Value| {
        let id = case["id"].as_str().unwrap_or_default();
        case.get("deviate").is_some() && id.starts_with("flag-") && !special.contains(&id)
    };
    let Some(found) = cases(wanted)? else { return Ok(()) };
    assert_eq!(found.len(), 16, "one for each way to reach Prometheus");
    for case in found {
        let queries = each_query_says_how_long_it_may_take(&case).await?;
        ensure!(queries > 0, "{}: no query was sent", case.id());
    }
    Ok(())
}

#[tokio::test]
async fn queries_for_usage_carry_the_time_that_is_left() -> Result<()> {
    let Some(case) = case("flag-rm-post")? else { return Ok(()) };
    let queries = each_query_says_how_long_it_may_take(&case).await?;
    ensure!(queries >= 4, "{queries} queries");
    Ok(())
}

#[tokio::test]
async fn a_token_file_may_end_in_a_newline() -> Result<()> {
    let (_, stand) = serve!("flag-token-newline");
    let query = "sum(m{namespace=\"default\",pod=\"web-1\"}) by (pod)";
    stand.around.prometheus.vector(query, &[(json!({"pod": "web-1"}), "1")]);
    let answer = stand.get(&format!("{CUSTOM}/namespaces/default/pods/web-1/m")).await?;
    assert_eq!(values(&answer.json(), "/describedObject/name", "/value"), ["web-1=1"]);
    for asked in stand.around.prometheus.asked() {
        assert_eq!(asked.header("authorization"), Some("Bearer sekret"));
    }
    ensure!(!stand.log()?.contains("sekret"), "the token is in the log");
    Ok(())
}
