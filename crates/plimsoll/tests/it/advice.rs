//! What published configurations get wrong, and what is said about it.
//!
//! | what | test |
//! |---|---|
//! | a `seriesQuery` that is no selector, or an unrendered `{{ }}` | [`what_is_no_promql_is_told_at_the_start_in_the_words_of_check`]; `a_rejected_selector_harms_no_other_rule` (module `better`); `an_unrendered_chart_is_recognised`, `an_unrendered_value_is_recognised` and the warning `unrendered-template` (adapter, `config`) |
//! | mistakes in the file | [`a_mistake_in_the_file_stops_the_start_and_is_shown_where_it_is`]; each shape: `mistakes!` in the adapter's `config/mistakes.rs` |
//! | an unknown flag | [`an_unknown_flag_is_refused_with_the_one_that_was_meant`] |
//! | a field that no template has, or a template that gives no PromQL | [`a_template_that_cannot_be_rendered_is_told_at_the_start`], [`what_is_no_promql_is_told_at_the_start_in_the_words_of_check`]; each finding: module `check` |
//! | `LabelMatchers` without a matcher before a comma | [`a_comma_that_would_lead_is_dropped`] |
//! | samples of another namespace | [`samples_of_another_namespace_are_left_out_and_told_once`] |
//! | lower-cased names of external metrics | [`a_name_that_a_client_lower_cased_is_found_with_a_warning`] |
//! | Prometheus 3 names | `names_that_prometheus_3_quotes_are_quoted` (adapter, `tests/it/custom.rs`) |
//! | infinity among external samples | [`infinity_among_external_samples_is_an_error`] |
//! | `/series` with `end`, and a refused expression on the name | [`a_list_of_series_has_an_end_and_a_refused_expression_becomes_a_name`] |
//! | an unknown resource in an external rule | [`an_unknown_resource_in_an_external_rule_is_ignored_with_a_note`] |
//! | a registered external group without rules | [`a_registered_external_group_without_rules_is_an_empty_list`] |
//! | an address that is not Prometheus | [`what_answered_instead_of_prometheus_is_said_everywhere`] |
//! | why it is 404 or empty | [`why_a_metric_is_missing_is_said_case_by_case`], [`a_metric_that_no_rule_serves_is_said_to_be_so`] |
//! | a second YAML document | [`a_second_document_is_ignored_with_a_warning`] |

use anyhow::{Result, ensure};
use plimsoll_testkit::fakes::Reply;
use serde_json::{Value, json};

use crate::check::plimsoll;
use crate::stand::{CLIENT_GO, Stand, Surroundings};

/// The rule of most tests.
const RULE: &str = r#"rules:
- seriesQuery: requests{pod!=""}
  resources: {template: <<.Resource>>}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
"#;

const NAMESPACE: &str = "/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/";
const POD: &str = "/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/pods/web-1/requests";

#[tokio::test]
async fn an_unknown_flag_is_refused_with_the_one_that_was_meant() -> Result<()> {
    for (flag, advice) in [
        (
            "--config.file=/etc/adapter/config.yaml",
            "error: there is no flag --config.file\n  fix: the configuration file is given with --config=FILE\n",
        ),
        (
            "--enable-external-metrics",
            "error: there is no flag --enable-external-metrics\n  fix: remove it: external metrics are served as \
             soon as the configuration has externalRules\n",
        ),
        (
            "--prometheus_url=http://prometheus",
            "error: there is no flag --prometheus_url\n  fix: did you mean --prometheus-url?\n",
        ),
    ] {
        let refusal = Surroundings::new(RULE).await?.with_flags([flag]).refused().await?;
        assert_eq!((refusal.code, refusal.output.as_str()), (Some(2), advice));
    }
    Ok(())
}

#[tokio::test]
async fn a_metric_that_no_rule_serves_is_said_to_be_so() -> Result<()> {
    let stand = Stand::with(RULE, |_| {}).await?;
    let told = "the server could not find the metric requests for pods: no rule serves `requests`: 0 of 1 rules found \
                series; nothing matches `requests{pod!=\"\"}`";
    assert_eq!(stand.told(POD).await?, (404, told.to_owned()));
    Ok(())
}

const EXTERNAL: &str = "/apis/external.metrics.k8s.io/v1beta1";

fn web(around: &Surroundings) {
    around.prometheus.series(
        "requests{pod!=\"\"}",
        &json!([{"__name__": "requests", "namespace": "default", "pod": "web-1"}]),
    );
    around.kubernetes.pods(&["web-1", "web-2"]);
}

const QUERY: &str = "sum(requests{namespace=\"default\",pod=\"web-1\"}) by (pod)";

#[tokio::test]
async fn a_registered_external_group_without_rules_is_an_empty_list() -> Result<()> {
    let stand = Stand::with(RULE, web).await?;
    let aggregator = stand.aggregator()?;
    let list = aggregator.get(EXTERNAL).await?;
    let empty = json!({"kind": "APIResourceList", "apiVersion": "v1",
                       "groupVersion": "external.metrics.k8s.io/v1beta1", "resources": []});
    assert_eq!((list.status, list.json()), (200, empty));
    let groups = aggregator.get("/apis").await?.json();
    let names: Vec<&str> = groups["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|group| group["name"].as_str())
        .collect();
    assert_eq!(names, ["custom.metrics.k8s.io", "external.metrics.k8s.io"]);
    let asked = aggregator.with_header("user-agent", CLIENT_GO);
    let answer = asked.get(&format!("{EXTERNAL}/namespaces/default/queue")).await?;
    let told = "the server could not find the metric queue for namespaces: no rule serves `queue`: the configuration has no rules for this API";
    assert_eq!((answer.status, answer.message().as_str()), (404, told));
    // As the original answers to those who ask it directly.
    let direct = stand.get(EXTERNAL).await?;
    assert_eq!(direct.status, 404);
    ensure!(direct.json()["paths"].is_array(), "{direct:?}");
    Ok(())
}

/// What is asked for, the sample that Prometheus gives, and what follows upstream's sentence.
type MissingMetric<'a> = (&'a str, Option<(Value, &'a str)>, &'a str);

#[tokio::test]
async fn why_a_metric_is_missing_is_said_case_by_case() -> Result<()> {
    let stand = Stand::with(RULE, web).await?;
    let rule = "rule 1 of rules (requests{pod!=\"\"})";
    let cases: &[MissingMetric<'_>] = &[
        (
            POD,
            None,
            " web-1: Prometheus knows the series `requests`, but the query of RULE gives no sample for it now: none was \
             scraped lately, or a rate() window holds fewer than two samples",
        ),
        (
            "pods/web-1/requests?metricLabelSelector=code%3D500",
            None,
            " web-1: Prometheus knows the series `requests`, but the query of RULE gives no sample: check that series \
             with `code=500` exist",
        ),
        (
            POD,
            Some((json!({"service": "web", "job": "web"}), "1")),
            " web-1: the query of RULE gives 1 sample without the label `pod` but with `job`, `service`: aggregate with \
             `by (<<.GroupBy>>)`",
        ),
        (
            POD,
            Some((json!({}), "1")),
            " web-1: the query of RULE gives 1 sample without the label `pod` or any other: aggregate with \
             `by (<<.GroupBy>>)`",
        ),
        (
            POD,
            Some((json!({"pod": "10.0.0.7:8080"}), "1")),
            " web-1: the answer of RULE has no sample of it; its label `pod` holds addresses such as `10.0.0.7:8080`, \
             not names: map a label that holds names",
        ),
        (
            POD,
            Some((json!({"pod": "web-1"}), "+Inf")),
            " web-1: 1 sample of RULE has no finite value (±Inf, a histogram, or beyond 9.2e15): check for a division by \
             zero",
        ),
        (
            "pods/*/requests?labelSelector=app%3Dshop",
            None,
            ": no pods in namespace `default` match `app=shop`",
        ),
        (
            "services/web/requests",
            None,
            ": its series `requests` carries no label that is mapped to services; it is served for `namespaces`, `pods`",
        ),
        (
            "gadgets/web/requests",
            None,
            ": the cluster has no resource type `gadgets`: use its plural name, with its group after a dot if it has one",
        ),
        ("pods/web-1/misses", None, ": no rule serves `misses`: 1 of 1 rules found series"),
    ];
    for (target, sample, told) in cases {
        let samples: Vec<(Value, &str)> = sample.iter().cloned().collect();
        stand.around.prometheus.vector(QUERY, &samples);
        let short = target.strip_prefix(NAMESPACE).unwrap_or(target);
        let names: Vec<&str> = short.split(['/', '?']).collect();
        let expected = format!(
            "the server could not find the metric {} for {}{}",
            names[2],
            names[0],
            told.replace("RULE", rule)
        );
        assert_eq!(stand.told(&format!("{NAMESPACE}{short}")).await?, (404, expected), "{target}");
    }
    let outside = stand.told("/apis/custom.metrics.k8s.io/v1beta1/pods/web-1/requests").await?;
    let told = "the server could not find the metric requests for pods: for pods it is served inside a namespace; the \
                request names none";
    assert_eq!(outside, (404, told.to_owned()));
    // An empty list is no failure to anyone but the HPA, which takes no reason from it; people see the warning.
    let empty = stand.get(&format!("{NAMESPACE}pods/*/requests")).await?;
    let told = format!(
        "Prometheus knows the series `requests`, but the query of {rule} gives no sample for it now: none was scraped \
         lately, or a rate() window holds fewer than two samples"
    );
    assert_eq!((empty.status, empty.warnings()), (200, vec![told]));
    Ok(())
}

#[tokio::test]
async fn a_mistake_in_the_file_stops_the_start_and_is_shown_where_it_is() -> Result<()> {
    for (config, told) in [
        (
            "rules:\n- seriesQuery: m\n  name:\n    matches: ^(.*)$\n    metricsQuery: m\n",
            r"error: <dir>/config.yaml:5:5: `metricsQuery` is a field of the rule itself, but stands under `name`
   |
 5 |     metricsQuery: m
   |     ^^^^^^^^^^^^
  in rule 1 of rules (seriesQuery m)
  fix: move `metricsQuery` out of `name`, to column 3, where `name:` begins
",
        ),
        (
            "rules: [\n",
            r"error: <dir>/config.yaml:1:8: the file is no valid YAML: unclosed bracket '['
   |
 1 | rules: [
   |        ^
  fix: add the closing bracket
",
        ),
        (
            "rules: []\nrules: []\n",
            r"error: <dir>/config.yaml:2:1: `rules` is given twice, first on line 1
   |
 2 | rules: []
   | ^^^^^
  fix: join both lists under one key
",
        ),
        (
            "rules:\n- seriesQuery: m\n  seriesFilters:\n  - is: ^(foo\n  metricsQuery: m\n",
            r"error: <dir>/config.yaml:4:9: seriesFilters[0] is no regular expression: error parsing regexp: missing closing ): `^(foo`
   |
 4 |   - is: ^(foo
   |         ^^^^^
  in rule 1 of rules (seriesQuery m)
",
        ),
        (
            "rules:\n- seriesQuery: m\n  metricsQuery: sum(<<.Series>>{<<.LabelMatchers}) by (x)\n",
            r"error: <dir>/config.yaml:3:49: metricsQuery is no template: bad character U+007D '}'
   |
 3 |   metricsQuery: sum(<<.Series>>{<<.LabelMatchers}) by (x)
   |                                                 ^
  in rule 1 of rules (seriesQuery m)
",
        ),
    ] {
        let refusal = Surroundings::new(config).await?.refused().await?;
        assert_eq!((refusal.code, refusal.output.as_str()), (Some(1), told));
    }
    Ok(())
}

#[tokio::test]
async fn a_template_that_cannot_be_rendered_is_told_at_the_start() -> Result<()> {
    let stand = Stand::with(&RULE.replace("<<.GroupBy>>", "<<.NamespaceName>>"), web).await?;
    let warning = r#"line 4, column 60: metricsQuery cannot be rendered for one object: NamespaceName is not a field; available: .Series, .LabelMatchers, .LabelValuesByName, .GroupBy, .GroupBySlice
   |
 4 |   metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.NamespaceName>>)
   |                                                            ^^^^^^^^^^^^^^
  in rule 1 of rules (seriesQuery requests{pod!=""})
  fix: correct it; until then every such request fails with "could not find the metric""#;
    stand.logs(warning).await?;
    stand.shows("/debug/rules", &format!("warning: {warning}")).await?;
    let told = "the server could not find the metric requests for pods: rule 1 of rules (requests{pod!=\"\"}) gives no \
                query: metricsQuery: NamespaceName is not a field; available: .Series, .LabelMatchers, \
                .LabelValuesByName, .GroupBy, .GroupBySlice";
    assert_eq!(stand.told(POD).await?, (404, told.to_owned()));
    Ok(())
}

#[tokio::test]
async fn what_is_no_promql_is_told_at_the_start_in_the_words_of_check() -> Result<()> {
    let bad = r#"- seriesQuery: rate(requests[5m])
  resources: {template: <<.Resource>>}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
- seriesQuery: errors{pod!=""}
  resources: {template: <<.Resource>>}
  metricsQuery: sum(rat(<<.Series>>{<<.LabelMatchers>>}[5m])) by (<<.GroupBy>>)
"#;
    let stand = Stand::with(&format!("{RULE}{bad}"), web).await?;
    let checked = plimsoll(stand.around.folder.path(), &["check", "--config=config.yaml"], "")?.out;
    for told in [
        "seriesQuery must be a series selector; this is a call of rate()\n   |\n 5 | - seriesQuery: rate(requests[5m])\n   |                \
         ^^^^^^^^^^^^^^^^^^\n  in rule 2 of rules (seriesQuery rate(requests[5m]))\n  fix: seriesQuery: 'requests'; what is done with \
         the series belongs into metricsQuery",
        "metricsQuery gives no PromQL for one object: unknown function with name \"rat\"\n    |\n 10 |   metricsQuery: \
         sum(rat(<<.Series>>{<<.LabelMatchers>>}[5m])) by (<<.GroupBy>>)\n    |                     ^^^",
    ] {
        stand.logs(told).await?;
        stand.shows("/debug/rules", told).await?;
        ensure!(checked.contains(told), "{checked}");
    }
    // The others serve.
    stand.around.prometheus.vector(QUERY, &[(json!({"pod": "web-1"}), "5")]);
    assert_eq!(stand.get(POD).await?.json()["items"][0]["value"], "5");
    Ok(())
}

/// An external rule, served to every namespace.
fn external(series: &str, query: &str, more: &str) -> String {
    format!(
        "externalRules:\n- seriesQuery: {series}\n  metricsQuery: {query}\n  resources:\n    namespaced: false\n{more}"
    )
}

/// A program with such a rule, and its series.
async fn external_stand(series: &str, query: &str, more: &str) -> Result<Stand> {
    let list = json!([{"__name__": series}]);
    Stand::with(&external(series, query, more), |around| around.prometheus.series(series, &list)).await
}

#[tokio::test]
async fn a_comma_that_would_lead_is_dropped() -> Result<()> {
    for (template, query) in [
        ("sum(<<.Series>>{<<.LabelMatchers>>, queue=\"a\"})", "sum(queue{ queue=\"a\"})"),
        ("sum(<<.Series>>{queue=\"a\",<<.LabelMatchers>>})", "sum(queue{queue=\"a\",})"),
    ] {
        let stand = external_stand("queue", template, "").await?;
        stand.around.prometheus.vector(query, &[(json!({}), "7")]);
        let answer = stand.get(&format!("{EXTERNAL}/namespaces/default/queue")).await?;
        assert_eq!(answer.json()["items"][0]["value"], "7", "{template}");
        assert_eq!(stand.around.prometheus.queries(), [query]);
    }
    Ok(())
}

#[tokio::test]
async fn samples_of_another_namespace_are_left_out_and_told_once() -> Result<()> {
    let query = "max(requests) by (namespace, pod)";
    let config = RULE.replace("sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)", query);
    let stand = Stand::with(&config, web).await?;
    let other = (json!({"namespace": "other", "pod": "web-1"}), "9");
    stand.around.prometheus.vector(query, std::slice::from_ref(&other));
    let rule = "rule 1 of rules (requests{pod!=\"\"})";
    let told = format!(
        "the server could not find the metric requests for pods web-1: the only sample of {rule} belongs to another \
         namespace: use <<.LabelMatchers>> in its metricsQuery"
    );
    assert_eq!(stand.told(POD).await?, (404, told));
    stand.around.prometheus.vector(query, &[(json!({"namespace": "default", "pod": "web-1"}), "5"), other]);
    assert_eq!(stand.get(POD).await?.json()["items"][0]["value"], "5");
    let logged = format!(
        "{rule}: 1 of 1 samples are left out because they belong to other namespaces than the one asked for: use \
         <<.LabelMatchers>> in its metricsQuery; this is said once"
    );
    stand.logs(&logged).await?;
    assert_eq!(stand.log()?.matches("belong to other namespaces").count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_name_that_a_client_lower_cased_is_found_with_a_warning() -> Result<()> {
    let stand = external_stand("DCGM_FI_X", "<<.Series>>{<<.LabelMatchers>>}", "").await?;
    stand.around.prometheus.vector("DCGM_FI_X{}", &[(json!({}), "7")]);
    let exact = stand.get(&format!("{EXTERNAL}/namespaces/default/DCGM_FI_X")).await?;
    assert_eq!((exact.status, exact.warnings()), (200, Vec::new()));
    let lower = stand.get(&format!("{EXTERNAL}/namespaces/default/dcgm_fi_x")).await?;
    assert_eq!(lower.json()["items"][0]["value"], "7");
    let warning = "`dcgm_fi_x` is served as `DCGM_FI_X`: clients lower-case the names of external metrics; rename it in \
                   its rule";
    assert_eq!(lower.warnings(), [warning]);

    let both = json!([{"__name__": "DCGM_FI_X"}, {"__name__": "Dcgm_FI_X"}]);
    stand.around.prometheus.series("DCGM_FI_X", &both);
    stand.around.write_config(&external("DCGM_FI_X", "<<.Series>>{<<.LabelMatchers>>} + 0", "").replace(
        "externalRules:\n",
        "externalRules:\n- seriesQuery: both\n  metricsQuery: both\n  resources: {namespaced: false}\n",
    ))?;
    stand.around.prometheus.series("both", &both);
    stand.shows(EXTERNAL, "Dcgm_FI_X").await?;
    let told = "the metric dcgm_fi_x could be any of DCGM_FI_X, Dcgm_FI_X: rename one in its rule";
    assert_eq!(
        stand.told(&format!("{EXTERNAL}/namespaces/default/dcgm_fi_x")).await?,
        (404, told.to_owned())
    );
    Ok(())
}

#[tokio::test]
async fn infinity_among_external_samples_is_an_error() -> Result<()> {
    let stand = external_stand("queue", "<<.Series>>{<<.LabelMatchers>>}", "").await?;
    let target = format!("{EXTERNAL}/namespaces/default/queue");
    let finite = (json!({"queue": "a"}), "7");
    for infinite in ["+Inf", "-Inf"] {
        stand.around.prometheus.vector("queue{}", &[finite.clone(), (json!({"queue": "b"}), infinite)]);
        let told = "Internal error occurred: rule 1 of externalRules (queue): 1 of 2 samples are infinite or beyond \
                    9.2e15, so their sum is unknown: check for a division by zero";
        assert_eq!(stand.told(&target).await?, (500, told.to_owned()));
    }
    stand.around.prometheus.vector("queue{}", &[finite, (json!({"queue": "b"}), "NaN")]);
    let items = stand.get(&target).await?.json()["items"].clone();
    assert_eq!((items[0]["value"].as_str(), items.as_array().map(Vec::len)), (Some("7"), Some(1)));
    Ok(())
}

#[tokio::test]
async fn a_list_of_series_has_an_end_and_a_refused_expression_becomes_a_name() -> Result<()> {
    let around =
        Surroundings::new(&RULE.replace("requests{pod!=\"\"}", "'{__name__=~\"^requests$\",pod!=\"\"}'"))
            .await?;
    web(&around);
    let refusal = json!({"status": "error", "errorType": "bad_data", "error": "regex on name not supported"});
    around.prometheus.listing("{__name__=~\"^requests$\",pod!=\"\"}", Reply::json(400, &refusal));
    let series = json!([{"__name__": "requests", "namespace": "default", "pod": "web-1"}]);
    around.prometheus.series("{__name__=\"requests\",pod!=\"\"}", &series);
    let stand = around.serve().await?;
    stand.shows("/apis/custom.metrics.k8s.io/v1beta1", "pods/requests").await?;
    let listed = stand.around.prometheus.listed();
    assert_eq!(listed, ["{__name__=~\"^requests$\",pod!=\"\"}", "{__name__=\"requests\",pod!=\"\"}"]);
    for asked in stand.around.prometheus.asked() {
        let time = |name: &str| asked.parameter(name).and_then(|text| text.parse::<f64>().ok());
        let (start, end) = (time("start"), time("end"));
        ensure!(start.is_some() && start < end, "{asked:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_resource_in_an_external_rule_is_ignored_with_a_note() -> Result<()> {
    let more = "    overrides: {sqs: {group: queue.sqs.aws, resource: queue}}\n";
    let stand = external_stand("queue", "<<.Series>>{<<.LabelMatchers>>}", more).await?;
    stand.around.prometheus.vector("queue{}", &[(json!({}), "7")]);
    let answer = stand.get(&format!("{EXTERNAL}/namespaces/default/queue")).await?;
    assert_eq!(answer.json()["items"][0]["value"], "7");
    let note = "note: resources.overrides[\"sqs\"] is ignored: the cluster has no resource type `queue.queue.sqs.aws`";
    stand.shows("/debug/rules", note).await?;
    Ok(())
}

#[tokio::test]
async fn what_answered_instead_of_prometheus_is_said_everywhere() -> Result<()> {
    let page = "<html><head><title>Sign in</title></head></html>";
    let exposition = "# HELP up Whether it is up.\n# TYPE up gauge\nup 1\n";
    for (reply, what) in [
        (
            Reply::text(200, "text/html; charset=utf-8", page),
            "HTTP 200, but not as a Prometheus API does: HTML page titled \"Sign in\"",
        ),
        (
            Reply::text(200, "text/plain; version=0.0.4", exposition),
            "HTTP 200, but not as a Prometheus API does: Prometheus exposition text: an exporter, not the Prometheus server",
        ),
        (
            Reply::text(503, "text/html", page.replace("Sign in", "503 Service Temporarily Unavailable")),
            "HTTP 503, but not as a Prometheus API does: HTML page titled \"503 Service Temporarily Unavailable\"",
        ),
    ] {
        let around = Surroundings::new(RULE).await?;
        web(&around);
        around.prometheus.listing("requests{pod!=\"\"}", reply.clone());
        let stand = around.serve().await?;
        let said = format!("<prometheus> answered with {what}");
        let ready = format!("[+]prometheus ok: 1 selector cannot be listed: requests{{pod!=\"\"}}: {said}\n");
        stand.shows("/readyz?verbose", &ready).await?;
        stand.shows("/debug/rules", &format!("  latest listing failed: {said}\n")).await?;
        stand.logs(&format!("selector=\"requests{{pod!=\\\"\\\"}}\" error={said} kept=0")).await?;
        let (status, message) = stand.told(POD).await?;
        let told = format!(
            "the server could not find the metric requests for pods: no rule serves `requests`: 0 of 1 rules found \
             series; 1 cannot be listed: {said}"
        );
        assert_eq!((status, stand.named(&message)), (404, told));
        // The same to clients of a metric: upstream's status and sentence, then what answered.
        web(&stand.around);
        stand.shows("/apis/custom.metrics.k8s.io/v1beta1", "pods/requests").await?;
        stand.around.prometheus.answer(QUERY, reply);
        let (status, message) = stand.told(POD).await?;
        let told = format!(
            "Internal error occurred: unable to fetch metrics: rule 1 of rules (requests{{pod!=\"\"}}): {said}"
        );
        assert_eq!((status, stand.named(&message)), (500, told));
    }
    Ok(())
}

#[tokio::test]
async fn a_second_document_is_ignored_with_a_warning() -> Result<()> {
    let stand = Stand::with(&format!("{RULE}---\nexternalRules: []\n"), web).await?;
    let warning = r"line 5, column 1: only the first document of the file is read
   |
 5 | ---
   | ^^^
  fix: move what follows `---` into the first document";
    stand.logs(warning).await?;
    stand.shows("/debug/rules", &format!("warning: {warning}")).await?;
    stand.shows("/apis/custom.metrics.k8s.io/v1beta1", "pods/requests").await?;
    Ok(())
}
