//! Spellings of paths that could be one path to authorisation and another one to whoever answers.

use plimsoll_apiserver::identity::Decision;

use crate::stand::{Plan, Stand};

/// Nobody may do anything; what is answered all the same is open to everybody.
#[tokio::test]
async fn only_the_probes_are_open_however_a_path_is_spelt() {
    let stand = Stand::start(Plan::default()).await;
    *stand.decisions.decision.lock().unwrap() = Decision::Denied { reason: String::new() };
    let open =
        ["/healthz", "/livez", "/readyz", "/%68ealthz", "/livez?verbose", "/readyz?exclude=../metrics"];
    for target in open {
        assert_eq!(stand.ask("GET", target, &[]).await.status, 200, "{target}");
    }
    // An absolute target names its path like any other.
    assert_eq!(stand.ask("GET", "http://elsewhere/healthz", &[]).await.status, 200);
    for target in [
        "//healthz",
        "///healthz",
        "/healthz/",
        "/healthz//",
        "/./healthz",
        "/x/../healthz",
        "/HEALTHZ",
        "/Healthz",
        "/healthz/ping",
        "/livez/shutdown",
        "/healthz/../metrics",
        "/healthz/%2e%2e/metrics",
        "/healthz%2f..%2fmetrics",
        "/healthz%2F",
        "/healthz%3f",
        "/healthz%23",
        "/healthz#/metrics",
        "/healthz;/metrics",
        "/healthz%00",
        "/healthz%20",
        "/healthz%0a",
        "/healthz\\",
        "/healthzz",
        "/healthz%ff",
        "/%2fhealthz",
        "/metrics",
        "/metrics/",
        "/metrics?/healthz",
        "/debug/rules",
        "/debug/../healthz",
        "/version",
        "/openapi/v2",
        "/",
        "/index.html",
        "/apis",
        "/apis/../healthz",
        "http://healthz/metrics",
    ] {
        let reply = stand.ask("GET", target, &[]).await;
        assert_eq!(reply.status, 403, "{target} {}", reply.text());
        let reply = stand.ask("HEAD", target, &[]).await;
        assert_eq!(reply.status, 403, "HEAD {target}");
    }
    assert!(stand.groups.asked.lock().unwrap().is_empty());
}

/// What the group is asked is what was authorised: the segments of the group's request are the authorised path, and the
/// namespace of the authorised resource is the one in it.
#[tokio::test]
async fn the_path_that_is_authorised_is_the_path_that_is_answered() {
    let stand = Stand::start(Plan::default()).await;
    for below in [
        "namespaces/a/pods/x/m",
        "namespaces/a/pods/x/m/",
        "namespaces/a/pods/x/m//",
        "/namespaces/a/pods/x/m",
        "namespaces//a/pods/x/m",
        "namespaces/a//pods/x/m",
        "namespaces/a%2Fpods%2Fx%2Fm",
        "namespaces%2Fa/pods/x/m",
        "namespaces/a/../b/pods/x/m",
        "namespaces/a/%2e%2e/b/pods/x/m",
        "namespaces/a%2F..%2Fb/pods/x/m",
        "namespaces/./a/pods/x/m",
        "namespaces/A/pods/x/m",
        "namespaces/a%00/pods/x/m",
        "namespaces/a%20/pods/x/m",
        "namespaces/a/status/x/m",
        "namespaces/a/finalize",
        "namespaces/a/metrics/m",
        "watch/namespaces/a/pods/x/m",
        "proxy/namespaces/a/pods/x/m",
        "pods/x/m",
        "nodes/n;a=b/m",
        "namespaces/a/pods/x/m#y",
        "namespaces/a/pods/%ff/m",
    ] {
        stand.groups.asked.lock().unwrap().clear();
        stand.decisions.asked.lock().unwrap().clear();
        let target = format!("/apis/custom.metrics.k8s.io/v1beta1/{below}");
        // Not an administrator, who would not be asked about.
        let reply = stand.ask("GET", &target, &[("Authorization", "Bearer joe")]).await;
        assert_eq!(reply.status, 200, "{target}");
        let authorised = stand.decisions.asked.lock().unwrap().last().cloned().expect("a question").1;
        let asked = stand.groups.asked.lock().unwrap().pop().expect("a request");
        let answered = format!("/apis/{}/{}/{}", asked.group, asked.version, asked.segments.join("/"));
        assert_eq!(answered, authorised.path.trim_end_matches('/'), "{target}");
        let resource = authorised.resource.expect("a resource");
        assert_eq!((&*resource.group, &*resource.version), ("custom.metrics.k8s.io", "v1beta1"), "{target}");
        let segments: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
        if let ["namespaces", namespace, ..] = segments[..] {
            assert_eq!(resource.namespace, namespace, "{target}");
        }
        if let ["namespaces", _, kind, name, _] = segments[..]
            && kind != "status"
        {
            assert_eq!((&*resource.resource, &*resource.name), (kind, name), "{target}");
        }
    }
}

/// The group in the path is the group that is asked about; none is found by another spelling.
#[tokio::test]
async fn groups_and_versions_have_one_spelling() {
    let stand = Stand::start(Plan::default()).await;
    for target in [
        "//apis/custom.metrics.k8s.io/v1beta1/namespaces/a/pods/x/m",
        "/APIS/custom.metrics.k8s.io/v1beta1/namespaces/a/pods/x/m",
        "/apis//custom.metrics.k8s.io/v1beta1/namespaces/a/pods/x/m",
        "/apis/./custom.metrics.k8s.io/v1beta1/namespaces/a/pods/x/m",
        "/apis/Custom.metrics.k8s.io/v1beta1/namespaces/a/pods/x/m",
        "/apis/custom.metrics.k8s.io//v1beta1/namespaces/a/pods/x/m",
        "/apis/custom.metrics.k8s.io/V1beta1/namespaces/a/pods/x/m",
        "/apis/custom.metrics.k8s.io/v1beta3/namespaces/a/pods/x/m",
        "/apis/external.metrics.k8s.io/../custom.metrics.k8s.io/v1beta1/pods/x/m",
        "/api/custom.metrics.k8s.io/v1beta1/namespaces/a/pods/x/m",
    ] {
        assert_eq!(stand.get(target).await.status, 404, "{target}");
    }
    assert!(stand.groups.asked.lock().unwrap().is_empty());
}
