//! Clients from kubeconfig files, over real sockets.

use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use plimsoll_apiserver::cluster::{ClusterMetrics, Discovery, connect};
use serde_json::json;

use super::api::FakeApi;

#[tokio::test]
async fn a_kubeconfig_names_server_and_credentials_and_the_user_agent_is_ours() {
    let api = FakeApi::new();
    api.json("/api", json!({"kind": "APIVersions", "versions": []}));
    api.json(
        "/apis",
        json!({"kind": "APIGroupList", "groups": [{"name": "apps", "versions": [{"version": "v1"}]}]}),
    );
    api.json("/apis/apps/v1", json!({"resources": [{"name": "deployments", "kind": "Deployment"}]}));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = api.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let api = served.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let api = api.clone();
                    async move { Ok::<_, std::io::Error>(api.serve(request).await) }
                });
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });

    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "first\n").expect("write");
    let kubeconfig = folder.path().join("kubeconfig");
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "u", "user": {"tokenFile": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}]});
    std::fs::write(&kubeconfig, text.to_string()).expect("write");

    let client = connect(&kubeconfig.display().to_string()).await.expect("a client");
    let discovery = Discovery::start(client, Duration::from_secs(60), ClusterMetrics::default());
    let mut resources = discovery.resources();
    let wait = resources.wait_for(|types| !types.is_empty());
    let known = tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok();
    assert!(known, "{:?}", discovery.failures().borrow());
    let asked = api.asked("/apis/apps/v1");
    assert_eq!(asked[0].headers["authorization"], "Bearer first");
    let agent = asked[0].headers["user-agent"].to_str().expect("text");
    assert!(agent.starts_with("plimsoll/"), "{agent}");
}
