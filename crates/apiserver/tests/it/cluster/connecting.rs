//! Clients from kubeconfig files, over real sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use plimsoll_apiserver::cluster::{Cluster, ClusterMetrics, ClusterSettings};
use serde_json::json;

use super::api::FakeApi;

/// Serves `api` on a free port and returns its address.
async fn serve(api: &FakeApi) -> SocketAddr {
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
    address
}

/// An API server of one resource type, and a kubeconfig for it in `folder`.
async fn cluster(folder: &Path) -> (FakeApi, String) {
    let api = FakeApi::new();
    api.json("/api", json!({"kind": "APIVersions", "versions": []}));
    api.json(
        "/apis",
        json!({"kind": "APIGroupList", "groups": [{"name": "apps", "versions": [{"version": "v1"}]}]}),
    );
    api.json("/apis/apps/v1", json!({"resources": [{"name": "deployments", "kind": "Deployment"}]}));
    let address = serve(&api).await;
    let token = folder.join("token");
    std::fs::write(&token, "first\n").expect("write");
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "u", "user": {"tokenFile": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}]});
    let kubeconfig = folder.join("kubeconfig");
    std::fs::write(&kubeconfig, text.to_string()).expect("write");
    (api, kubeconfig.display().to_string())
}

#[tokio::test]
async fn a_kubeconfig_names_server_and_credentials_and_the_user_agent_is_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let (api, kubeconfig) = cluster(folder.path()).await;
    let settings = ClusterSettings {
        lister_kubeconfig: kubeconfig.clone(),
        authentication_kubeconfig: kubeconfig.clone(),
        authorization_kubeconfig: kubeconfig,
        ..ClusterSettings::default()
    };
    let cluster = Cluster::start(settings, ClusterMetrics::default()).await.expect("started");
    let mut resources = cluster.discovery.resources();
    let wait = resources.wait_for(|types| !types.is_empty());
    let known = tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok();
    assert!(known, "{:?}", cluster.discovery.failures().borrow());
    let asked = api.asked("/apis/apps/v1");
    assert_eq!(asked[0].headers["authorization"], "Bearer first");
    let agent = asked[0].headers["user-agent"].to_str().expect("text");
    assert!(agent.starts_with("plimsoll/"), "{agent}");
}

#[tokio::test]
async fn the_flag_whose_file_is_missing_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_api, kubeconfig) = cluster(folder.path()).await;
    let settings = ClusterSettings {
        lister_kubeconfig: kubeconfig.clone(),
        authentication_kubeconfig: kubeconfig,
        authorization_kubeconfig: "/nowhere/kubeconfig".into(),
        ..ClusterSettings::default()
    };
    let error = Cluster::start(settings, ClusterMetrics::default()).await.err().expect("an error");
    assert!(error.to_string().contains("--authorization-kubeconfig"), "{error}");
}
