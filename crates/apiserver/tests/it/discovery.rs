//! Discovery, OpenAPI, version, probes.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::stand::{Plan, Stand, resource, version};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

async fn accepting(stand: &Stand, target: &str, accept: &str) -> crate::stand::Reply {
    stand.ask("GET", target, &[("Authorization", "Bearer admin"), ("Accept", accept)]).await
}

#[tokio::test]
async fn aggregated_discovery_lists_every_version_and_metric() {
    let stand = Stand::start(Plan::default()).await;
    let accept = format!("{AGGREGATED},application/json");
    let reply = accepting(&stand, "/apis", &accept).await;
    assert_eq!(reply.header("content-type"), AGGREGATED);
    let document = reply.json();
    assert_eq!(document["apiVersion"], "apidiscovery.k8s.io/v2");
    let custom = &document["items"][0];
    assert_eq!(custom["metadata"]["name"], "custom.metrics.k8s.io");
    assert_eq!(custom["versions"][1]["version"], "v1beta2");
    let kind = json!({"group": "custom.metrics.k8s.io", "version": "v1beta1", "kind": "MetricValueList"});
    let pods = json!({
        "resource": "pods", "scope": "Namespaced", "singularResource": "", "verbs": [],
        "responseKind": {"group": "", "version": "", "kind": ""},
        "subresources": [{"subresource": "m", "verbs": ["get"], "responseKind": kind}],
    });
    assert_eq!(custom["versions"][0]["resources"][1], pods);
    let nodes = &document["items"][2]["versions"][0]["resources"][0];
    assert_eq!(nodes["responseKind"]["kind"], "NodeMetrics");
    assert_eq!(nodes["verbs"], json!(["get", "list"]));
    let old = accepting(&stand, "/apis", &accept.replace("v=v2", "v=v2beta1")).await;
    assert_eq!(old.json()["apiVersion"], "apidiscovery.k8s.io/v2beta1");
    let unknown = accepting(&stand, "/apis", &accept.replace("v=v2", "v=v3")).await;
    assert_eq!(unknown.json()["kind"], "APIGroupList");
}

#[tokio::test]
async fn aggregated_discovery_is_not_sent_twice_until_it_changes() {
    let stand = Stand::start(Plan::default()).await;
    let reply = accepting(&stand, "/apis", AGGREGATED).await;
    let tag = reply.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 2, "{tag}");
    let headers = [("Authorization", "Bearer admin"), ("Accept", AGGREGATED), ("If-None-Match", &*tag)];
    let again = stand.ask("GET", "/apis", &headers).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let resources = Arc::new([resource("other", true, "ExternalMetricValueList")]);
    let served = plimsoll_apiserver::route::Served {
        versions: vec![version("external.metrics.k8s.io", "v1beta1", resources)],
    };
    *stand.groups.served.lock().unwrap() = Arc::new(served);
    let changed = stand.ask("GET", "/apis", &headers).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), tag);
    assert_eq!(stand.get("/apis/custom.metrics.k8s.io").await.status, 404);
}

#[tokio::test]
async fn discovery_comes_as_protobuf_and_yaml_too() {
    use plimsoll_apiserver::wire;
    use prost::Message as _;

    use crate::messages;
    let stand = Stand::start(Plan::default()).await;
    let target = "/apis/metrics.k8s.io/v1beta1";
    let reply = accepting(&stand, target, "application/vnd.kubernetes.protobuf").await;
    assert_eq!(reply.header("content-type"), "application/vnd.kubernetes.protobuf");
    let unknown = messages::Unknown::decode(reply.body.strip_prefix(wire::MAGIC).unwrap()).unwrap();
    let of = unknown.type_meta.unwrap();
    assert_eq!((of.api_version.as_str(), of.kind.as_str()), ("v1", "APIResourceList"));
    let list = wire::ApiResourceList::decode(unknown.raw).unwrap();
    assert_eq!(list.group_version, "metrics.k8s.io/v1beta1");
    assert_eq!(list.resources[1].verbs.as_ref().unwrap().items, ["get", "list"]);
    let reply = accepting(&stand, "/apis/metrics.k8s.io", "application/yaml").await;
    let expected = "apiVersion: v1\nkind: APIGroup\nname: metrics.k8s.io\npreferredVersion:\n  groupVersion: \
                    metrics.k8s.io/v1beta1\n  version: v1beta1\nversions:\n- groupVersion: \
                    metrics.k8s.io/v1beta1\n  version: v1beta1\n";
    assert_eq!(reply.text(), expected);
}

#[tokio::test]
async fn discovery_of_ten_thousand_metrics_is_compressed_once() {
    let resources = (0..10_000).map(|n| resource(&format!("pods/metric_{n:05}"), true, "MetricValueList"));
    let served = plimsoll_apiserver::route::Served {
        versions: vec![version("custom.metrics.k8s.io", "v1beta1", resources.collect())],
    };
    let stand = Stand::start(Plan { served, ..Plan::default() }).await;
    let mut connection = stand.connect().await;
    let headers = [("Authorization", "Bearer admin"), ("Accept-Encoding", "gzip")];
    let mut ask = async || connection.ask("GET", "/apis/custom.metrics.k8s.io/v1beta1", &headers).await;
    let first = ask().await;
    assert_eq!(first.header("content-encoding"), "gzip");
    assert!(first.body.len() < 200_000, "{}", first.body.len());
    let began = tokio::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(ask().await.body, first.body);
    }
    // Compressing a megabyte twenty times takes longer in a build without optimisation.
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[tokio::test]
async fn openapi_documents_describe_what_is_served() {
    let stand = Stand::start(Plan::default()).await;
    let v2 = stand.get("/openapi/v2").await;
    let document = v2.json();
    assert_eq!(document["swagger"], "2.0");
    let path = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/{namespace}/{resource}/{name}/{metric}";
    let schema = document["paths"][path]["get"]["responses"]["200"]["schema"]["$ref"].as_str().unwrap();
    assert!(document["definitions"][schema.trim_start_matches("#/definitions/")].is_object(), "{schema}");
    let headers = [
        ("Authorization", "Bearer admin"),
        ("If-None-Match", v2.header("etag")),
        ("Accept", "application/json"),
    ];
    assert_eq!(stand.ask("GET", "/openapi/v2", &headers).await.status, 304);
    let protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    assert_eq!(accepting(&stand, "/openapi/v2", protobuf).await.status, 406);
    let both = format!("{protobuf}, application/json");
    assert_eq!(accepting(&stand, "/openapi/v2", &both).await.header("content-type"), "application/json");

    let index = stand.get("/openapi/v3").await.json();
    let url = index["paths"]["apis/metrics.k8s.io/v1beta1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let v3 = stand.get(&url).await;
    assert_eq!(v3.json()["openapi"], "3.0.0");
    assert!(v3.json()["paths"]["/apis/metrics.k8s.io/v1beta1/nodes/{name}"].is_object());
    assert!(v3.header("cache-control").contains("immutable"));
    let old = stand.get("/openapi/v3/apis/metrics.k8s.io/v1beta1?hash=OLD").await;
    assert_eq!((old.status, old.header("location")), (301, &*url));
    assert_eq!(stand.get("/openapi/v3/apis/metrics.k8s.io/v1").await.status, 404);
}

#[tokio::test]
async fn the_index_and_the_version_are_indented() {
    let stand = Stand::start(Plan::default()).await;
    let index = stand.get("/").await;
    assert_eq!(index.status, 200);
    assert!(index.text().starts_with("{\n  \"paths\": [\n    \"/apis\",\n"), "{}", index.text());
    let paths = index.json()["paths"].clone();
    for path in ["/readyz/shutdown", "/apis/external.metrics.k8s.io/v1beta1", "/version", "/openapi/v2"] {
        assert!(paths.as_array().unwrap().contains(&Value::from(path)), "{path}");
    }
    let version = stand.get("/version/").await.json();
    assert_eq!(version["gitVersion"], "v0.1.0");
}

#[tokio::test]
async fn documents_can_only_be_got() {
    let stand = Stand::start(Plan::default()).await;
    for target in ["/apis", "/apis/metrics.k8s.io", "/apis/metrics.k8s.io/v1beta1/", "/version"] {
        for method in ["POST", "HEAD", "DELETE"] {
            let reply = stand.ask(method, target, &[("Authorization", "Bearer admin")]).await;
            assert_eq!(reply.status, 405, "{method} {target}");
        }
    }
    assert_eq!(stand.ask("HEAD", "/healthz", &[]).await.status, 200);
}
