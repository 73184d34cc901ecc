//! Requests that no controller sends, and people and programs do: parameters that contradict each other, media types
//! that fit nothing, lists of nothing. The original's answers, observed beside ours.
//!
//! | what | test |
//! |---|---|
//! | a representation is chosen before anything is asked | [`external_metrics_choose_a_representation_first`] |
//! | parameters of a list, and of one object | [`lists_look_at_their_parameters_and_single_objects_do_not`] |
//! | the order in which mistakes are found | [`of_several_mistakes_the_first_in_order_is_named`] |
//! | nothing to show | [`a_table_of_nothing_has_no_columns`] |

use anyhow::Result;
use serde_json::Value;

use crate::stand::Stand;

const CONFIG: &str = r#"rules:
- seriesQuery: requests{pod!=""}
  resources: {template: <<.Resource>>}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
externalRules:
- seriesQuery: depth
  resources: {namespaced: false}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>})
resourceRules:
  window: 1m
  cpu: &usage
    containerQuery: sum(used{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    nodeQuery: sum(used{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    containerLabel: container
    resources: {template: <<.Resource>>}
  memory: *usage
"#;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const PODS: &str = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods";
const DEPTH: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/depth";
const CUSTOM: &str = "/apis/custom.metrics.k8s.io/v1beta1";

async fn stand() -> Result<Stand> {
    Stand::with(CONFIG, |around| {
        around.prometheus.series("depth", &serde_json::json!([{"__name__": "depth"}]));
        around.kubernetes.pods(&["web-1"]);
    })
    .await
}

async fn ask(stand: &Stand, accept: &str, target: &str) -> Result<(u16, Value)> {
    let answer = stand.admin()?.with_header("accept", accept).get(target).await?;
    Ok((answer.status, answer.json()))
}

#[tokio::test]
async fn external_metrics_choose_a_representation_first() -> Result<()> {
    let stand = stand().await?;
    for target in [DEPTH.to_owned(), format!("{DEPTH}?labelSelector=!!"), format!("{DEPTH}?watch=1")] {
        let (status, body) = ask(&stand, TABLE, &target).await?;
        let expected = "only the following media types are accepted: application/json, application/yaml, \
                        application/vnd.kubernetes.protobuf";
        assert_eq!((status, body["message"].as_str()), (406, Some(expected)), "{target}");
    }
    assert_eq!(stand.around.prometheus.queries(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn lists_look_at_their_parameters_and_single_objects_do_not() -> Result<()> {
    let stand = stand().await?;
    let one = format!("{PODS}/web-1");
    for (target, status) in [
        (format!("{PODS}?sendInitialEvents=true"), 422),
        (format!("{DEPTH}?resourceVersionMatch=Exact"), 422),
        (format!("{DEPTH}?limit="), 400),
        (format!("{one}?limit=x&labelSelector=!!&sendInitialEvents=true"), 404),
        (format!("{one}?export=true"), 400),
        (format!("{one}?export=false"), 404),
        // Custom metrics have a handler of their own, which does not look at combinations.
        (format!("{CUSTOM}/nodes/n1/requests?sendInitialEvents=true"), 404),
    ] {
        assert_eq!(ask(&stand, "*/*", &target).await?.0, status, "{target}");
    }
    let (_, body) = ask(&stand, "*/*", &format!("{PODS}?sendInitialEvents=true")).await?;
    let cause = serde_json::json!({
        "reason": "FieldValueForbidden",
        "message": "Forbidden: sendInitialEvents is forbidden for list",
        "field": "sendInitialEvents",
    });
    assert_eq!((&body["reason"], &body["details"]["causes"][0]), (&"Invalid".into(), &cause));
    let (_, body) = ask(&stand, "text/html", &one).await?;
    let available = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
    let expected = format!("406: Not Acceptable\n\nAvailable representations: {available}");
    assert_eq!(body["message"], expected, "one object is not streamed");
    Ok(())
}

#[tokio::test]
async fn of_several_mistakes_the_first_in_order_is_named() -> Result<()> {
    let stand = stand().await?;
    let nowhere = format!("{CUSTOM}/namespaces/default/requests");
    assert_eq!(ask(&stand, "text/html", &nowhere).await?.0, 406);
    assert_eq!(ask(&stand, "*/*", &nowhere).await?.0, 400);
    let pod = format!("{CUSTOM}/namespaces/default/pods/web-1/requests?metricLabelSelector=!!");
    assert_eq!(ask(&stand, "*/*", &pod).await?.0, 500);
    let (status, body) = ask(&stand, "*/*", &format!("{pod}&fieldSelector=metadata.name=web-2")).await?;
    let expected = "fieldSelector metadata.name doesn't match requested name";
    assert_eq!((status, body["message"].as_str()), (400, Some(expected)));
    Ok(())
}

#[tokio::test]
async fn a_table_of_nothing_has_no_columns() -> Result<()> {
    let stand = stand().await?;
    let (status, body) = ask(&stand, TABLE, PODS).await?;
    assert_eq!((status, &body["kind"]), (200, &"Table".into()));
    let metadata = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let (status, refusal) = ask(&stand, metadata, PODS).await?;
    let expected =
        "you requested PartialObjectMetadata, but the requested object is a list (*metrics.PodMetricsList)";
    assert_eq!((status, refusal["message"].as_str()), (406, Some(expected)));
    assert_eq!((body.get("columnDefinitions"), body.get("rows")), (Some(&Value::Null), Some(&Value::Null)));
    Ok(())
}
