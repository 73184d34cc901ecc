//! Who sent a request: front proxies, certificates, tokens, nobody, and the authorities as they change.

use std::collections::BTreeMap;
use std::time::Duration;

use plimsoll_apiserver::cluster::{
    AuthenticationSettings, ClusterMetrics, DelegatedAuthenticator, FrontProxySettings, TrustError,
};
use plimsoll_apiserver::identity::{AuthenticationError, Authenticator, User};
use rcgen::ExtendedKeyUsagePurpose;
use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};

use super::api::{FakeApi, until};
use super::certificates::{Authority, Like};

const MAP: &str = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
const MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";
const REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

type Chain = Vec<CertificateDer<'static>>;

fn map(version: &str, clients: &Authority, front_proxy: &Authority) -> Value {
    json!({"kind": "ConfigMap", "apiVersion": "v1",
        "metadata": {"name": "extension-apiserver-authentication", "resourceVersion": version},
        "data": {"client-ca-file": clients.pem, "requestheader-client-ca-file": front_proxy.pem,
            "requestheader-username-headers": r#"["X-Remote-User"]"#,
            "requestheader-group-headers": r#"["X-Remote-Group"]"#,
            "requestheader-extra-headers-prefix": r#"["X-Remote-Extra-"]"#,
            "requestheader-allowed-names": r#"["front-proxy-client"]"#}})
}

/// A cluster that knows the tokens `admin` and `joe`.
struct Setup {
    api: FakeApi,
    clients: Authority,
    front_proxy: Authority,
}

impl Setup {
    fn new() -> Self {
        let (api, clients, front_proxy) =
            (FakeApi::new(), Authority::new("clients"), Authority::new("front"));
        api.json(MAP, map("1", &clients, &front_proxy));
        api.decide(REVIEWS, |asked| {
            let mut review = asked.body.clone();
            review["status"] = match review["spec"]["token"].as_str() {
                Some("admin") => {
                    json!({"authenticated": true, "user": {"username": "admin", "groups": ["system:masters"]}})
                }
                Some("joe") => {
                    json!({"authenticated": true, "user": {"username": "joe", "uid": "7", "groups": ["devs"], "extra": {"k": ["v"]}}})
                }
                _ => json!({"error": "invalid bearer token"}),
            };
            (201, review)
        });
        Self { api, clients, front_proxy }
    }

    async fn start(&self) -> DelegatedAuthenticator {
        start(&self.api, AuthenticationSettings::default()).await.expect("started")
    }
}

async fn start(
    api: &FakeApi,
    settings: AuthenticationSettings,
) -> Result<DelegatedAuthenticator, TrustError> {
    DelegatedAuthenticator::start(api.client(), settings, ClusterMetrics::default()).await
}

async fn ask(
    of: &DelegatedAuthenticator,
    peer: &Chain,
    headers: &[(&str, &str)],
) -> Result<User, AuthenticationError> {
    let mut request = http::Request::get("/apis");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    of.authenticate(&request.body(()).expect("a request").into_parts().0, peer).await
}

fn user(name: &str, groups: &[&str]) -> User {
    User { name: name.into(), groups: groups.iter().map(|g| (*g).into()).collect(), ..User::default() }
}

fn anonymous() -> User {
    user("system:anonymous", &["system:unauthenticated"])
}

const BOB: [(&str, &str); 4] = [
    ("X-Remote-User", "bob"),
    ("X-Remote-Group", "g1"),
    ("X-Remote-Group", "g2"),
    ("X-Remote-Extra-Scopes", "a"),
];
const UNAUTHORIZED: Result<User, AuthenticationError> = Err(AuthenticationError::Unauthorized);

#[tokio::test(start_paused = true)]
async fn a_front_proxy_speaks_for_others() {
    let setup = Setup::new();
    let authenticator = setup.start().await;
    let proxy = setup.front_proxy.names("front-proxy-client", &[]);
    let bob = User {
        extra: BTreeMap::from([("scopes".into(), vec!["a".into()])]),
        proxied: true,
        ..user("bob", &["g1", "g2", "system:authenticated"])
    };
    assert_eq!(ask(&authenticator, &proxy, &BOB).await, Ok(bob));
    let bare = ask(&authenticator, &proxy, &BOB[..1]).await;
    assert_eq!(bare, Ok(User { proxied: true, ..user("bob", &["system:authenticated"]) }));
    assert_eq!(ask(&authenticator, &proxy, &[]).await, UNAUTHORIZED, "it names nobody and is nobody itself");
    let joe = ask(&authenticator, &proxy, &[("Authorization", "Bearer joe")]).await;
    assert_eq!(joe.map(|user| user.name), Ok("joe".into()));
    let uid = ask(&authenticator, &proxy, &[("X-Remote-User", "bob"), ("X-Remote-Uid", "forged")]).await;
    assert_eq!(uid.map(|user| user.uid), Ok(String::new()), "an unknown header is the client's own");
}

#[tokio::test(start_paused = true)]
async fn headers_of_anyone_else_are_ignored() {
    let setup = Setup::new();
    let authenticator = setup.start().await;
    assert_eq!(ask(&authenticator, &Vec::new(), &BOB).await, Ok(anonymous()));
    let other_name = setup.front_proxy.names("someone-else", &[]);
    assert_eq!(ask(&authenticator, &other_name, &BOB).await, UNAUTHORIZED);
    let alice = setup.clients.names("alice", &["devs"]);
    let known = ask(&authenticator, &alice, &BOB).await;
    assert_eq!(known, Ok(user("alice", &["devs", "system:authenticated"])));
    let same_name = setup.clients.names("front-proxy-client", &[]);
    let known = ask(&authenticator, &same_name, &BOB).await;
    assert_eq!(known, Ok(user("front-proxy-client", &["system:authenticated"])));
}

#[tokio::test(start_paused = true)]
async fn certificates_that_are_not_good_turn_their_clients_away() {
    let setup = Setup::new();
    let authenticator = setup.start().await;
    let alice = || Like { name: "alice", ..Like::default() };
    let stranger = Authority::new("clients");
    let cases = [
        ("another authority of the same name", stranger.signs(alice())),
        ("expired", setup.clients.signs(Like { valid: (2020, 2021), ..alice() })),
        ("not yet valid", setup.clients.signs(Like { valid: (2080, 2090), ..alice() })),
        ("for servers", setup.clients.signs(Like { usage: ExtendedKeyUsagePurpose::ServerAuth, ..alice() })),
        ("no certificate", vec![CertificateDer::from(b"junk".to_vec())]),
        (
            "expired proxy",
            setup.front_proxy.signs(Like {
                name: "front-proxy-client",
                valid: (2020, 2021),
                ..Like::default()
            }),
        ),
    ];
    for (what, peer) in cases {
        assert_eq!(ask(&authenticator, &peer, &BOB).await, UNAUTHORIZED, "{what}");
        let with_token = ask(&authenticator, &peer, &[("Authorization", "Bearer joe")]).await;
        assert_eq!(with_token.map(|user| user.name), Ok("joe".into()), "{what}, with a token");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_comes_before_a_token_and_needs_a_name() {
    let setup = Setup::new();
    let authenticator = setup.start().await;
    let bearer = [("Authorization", "Bearer joe")];
    let alice = setup.clients.names("alice", &["devs"]);
    assert_eq!(ask(&authenticator, &alice, &bearer).await.map(|user| user.name), Ok("alice".into()));
    assert!(setup.api.asked(REVIEWS).is_empty());
    let nameless = setup.clients.names("", &["devs"]);
    assert_eq!(ask(&authenticator, &nameless, &bearer).await.map(|user| user.name), Ok("joe".into()));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_reviewed_once_in_ten_seconds_good_or_bad() {
    let setup = Setup::new();
    let authenticator = setup.start().await;
    let (joe, wrong) = ([("Authorization", "Bearer joe")], [("Authorization", "Bearer wrong")]);
    let none = Vec::new();
    for _ in 0..3 {
        let known = ask(&authenticator, &none, &joe).await.expect("joe");
        assert_eq!((known.name.as_str(), known.uid.as_str()), ("joe", "7"));
        assert_eq!(known.groups, ["devs", "system:authenticated"]);
        assert_eq!(known.extra["k"], ["v"]);
        assert_eq!(ask(&authenticator, &none, &wrong).await, UNAUTHORIZED);
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    let reviews = setup.api.asked(REVIEWS);
    assert_eq!(reviews.len(), 2);
    assert_eq!(
        reviews[0].body,
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "joe"}})
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    let _ = ask(&authenticator, &none, &joe).await;
    assert_eq!(setup.api.asked(REVIEWS).len(), 3, "ten seconds have passed");
}

#[tokio::test(start_paused = true)]
async fn a_review_that_fails_is_tried_again_and_never_remembered() {
    let setup = Setup::new();
    setup.api.refuse(REVIEWS, 500, "InternalError", "etcd is away");
    let authenticator = setup.start().await;
    let joe = [("Authorization", "Bearer joe")];
    let answer = ask(&authenticator, &Vec::new(), &joe).await;
    assert!(
        matches!(&answer, Err(AuthenticationError::Unavailable(text)) if text.contains("etcd is away")),
        "{answer:?}"
    );
    assert_eq!(setup.api.asked(REVIEWS).len(), 5);
    setup.api.refuse(REVIEWS, 403, "Forbidden", "no");
    assert!(matches!(ask(&authenticator, &Vec::new(), &joe).await, Err(AuthenticationError::Unavailable(_))));
    assert_eq!(setup.api.asked(REVIEWS).len(), 6, "a refusal is not tried again");
}

#[tokio::test(start_paused = true)]
async fn simultaneous_requests_with_one_token_share_one_review() {
    let setup = Setup::new();
    let authenticator = setup.start().await;
    let (none, joe) = (Vec::new(), [("Authorization", "Bearer joe")]);
    let answers = futures::future::join_all((0..50).map(|_| ask(&authenticator, &none, &joe))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|user| user.name == "joe")));
    assert_eq!(setup.api.asked(REVIEWS).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn other_schemes_are_anonymous() {
    let setup = Setup::new();
    let authenticator = setup.start().await;
    for value in ["Basic Zm9vOmJhcg==", "Bearer", "Bearer  joe"] {
        let answer = ask(&authenticator, &Vec::new(), &[("Authorization", value)]).await;
        assert_eq!(answer, Ok(anonymous()), "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn new_authorities_count_without_a_restart_and_old_ones_no_longer() {
    let setup = Setup::new();
    let authenticator = setup.start().await;
    let mut cas = authenticator.client_cas();
    assert_eq!(cas.borrow_and_update().len(), 2);
    let old = setup.clients.names("alice", &[]);
    assert!(ask(&authenticator, &old, &[]).await.is_ok());
    until("the ConfigMap is watched", || setup.api.watches(MAPS) == 1).await;
    assert!(setup.api.watched(MAPS)[0].query.contains("metadata.name%3Dextension-apiserver-authentication"));

    let next = Authority::new("clients");
    setup.api.emit(MAPS, "MODIFIED", map("2", &next, &setup.front_proxy));
    cas.changed().await.expect("running");
    let new = next.names("alice", &[]);
    assert_eq!(ask(&authenticator, &new, &[]).await.map(|user| user.name), Ok("alice".into()));
    assert_eq!(ask(&authenticator, &old, &[]).await, UNAUTHORIZED);

    let mut broken = map("3", &setup.clients, &setup.front_proxy);
    broken["data"]["client-ca-file"] = json!("no certificate");
    setup.api.emit(MAPS, "MODIFIED", broken);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(ask(&authenticator, &new, &[]).await.is_ok(), "what cannot be read changes nothing");

    setup.api.json(MAP, map("9", &setup.clients, &setup.front_proxy));
    setup.api.close(MAPS);
    cas.changed().await.expect("running");
    assert!(ask(&authenticator, &old, &[]).await.is_ok(), "a change between two watches is found");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_the_config_map_has_tokens_only() {
    let setup = Setup::new();
    setup.api.refuse(MAP, 404, "NotFound", "not found");
    let authenticator = setup.start().await;
    let alice = setup.clients.names("alice", &[]);
    assert_eq!(
        ask(&authenticator, &alice, &[]).await,
        Ok(anonymous()),
        "nobody was asked, so nobody objects"
    );
    let joe = ask(&authenticator, &alice, &[("Authorization", "Bearer joe")]).await;
    assert_eq!(joe.map(|user| user.name), Ok("joe".into()));
    let mut cas = authenticator.client_cas();
    setup.api.json(MAP, map("1", &setup.clients, &setup.front_proxy));
    cas.changed().await.expect("running");
    assert!(ask(&authenticator, &alice, &[]).await.is_ok_and(|user| user.name == "alice"));
}

#[tokio::test(start_paused = true)]
async fn a_config_map_that_may_not_be_read_stops_the_start_unless_tolerated() {
    let setup = Setup::new();
    setup.api.refuse(MAP, 403, "Forbidden", "configmaps is forbidden");
    let error = start(&setup.api, AuthenticationSettings::default()).await.err().expect("an error");
    assert!(matches!(error, TrustError::Forbidden(_)));
    assert!(error.to_string().contains("extension-apiserver-authentication-reader"), "{error}");

    let tolerant = AuthenticationSettings { tolerate_lookup_failure: true, ..Default::default() };
    assert!(start(&setup.api, tolerant).await.is_ok());
    let skipping = AuthenticationSettings { skip_lookup: true, ..Default::default() };
    let asked = setup.api.asked(MAP).len();
    assert!(start(&setup.api, skipping).await.is_ok());
    assert_eq!(setup.api.asked(MAP).len(), asked);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_late_is_waited_for() {
    let setup = Setup::new();
    setup.api.text(MAP, 503, "starting");
    let api = setup.api.clone();
    let late = map("1", &setup.clients, &setup.front_proxy);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        api.json(MAP, late);
    });
    assert!(start(&setup.api, AuthenticationSettings::default()).await.is_ok());
    setup.api.text(MAP, 503, "starting");
    let error = start(&setup.api, AuthenticationSettings::default()).await.err().expect("an error");
    assert!(matches!(error, TrustError::Unreachable(_)));
}

#[tokio::test(start_paused = true)]
async fn files_win_over_the_config_map_and_are_read_again() {
    let setup = Setup::new();
    let (mine, next) = (Authority::new("mine"), Authority::new("next"));
    let folder = tempfile::tempdir().expect("a folder");
    let (clients, proxies) = (folder.path().join("clients.crt"), folder.path().join("proxies.crt"));
    std::fs::write(&clients, &mine.pem).expect("write");
    std::fs::write(&proxies, &mine.pem).expect("write");
    let settings = AuthenticationSettings {
        client_ca_file: Some(clients.clone()),
        front_proxy: FrontProxySettings {
            ca_file: Some(proxies),
            allowed_names: vec!["proxy".into()],
            username_headers: vec!["X-User".into()],
            ..FrontProxySettings::default()
        },
        ..AuthenticationSettings::default()
    };
    let authenticator = start(&setup.api, settings).await.expect("started");
    assert!(setup.api.asked(MAP).is_empty(), "nothing is left to look up");
    let proxy = mine.names("proxy", &[]);
    let bob = ask(&authenticator, &proxy, &[("X-User", "bob"), ("X-Remote-User", "eve")]).await;
    assert_eq!(bob.map(|user| user.name), Ok("bob".into()));
    assert!(ask(&authenticator, &mine.names("alice", &[]), &[]).await.is_ok());
    assert_eq!(ask(&authenticator, &setup.clients.names("alice", &[]), &[]).await, UNAUTHORIZED);

    let mut cas = authenticator.client_cas();
    std::fs::write(&clients, &next.pem).expect("write");
    cas.changed().await.expect("running");
    assert!(ask(&authenticator, &next.names("alice", &[]), &[]).await.is_ok());
    std::fs::write(&clients, "").expect("write");
    tokio::time::sleep(Duration::from_secs(130)).await;
    assert!(
        ask(&authenticator, &next.names("alice", &[]), &[]).await.is_ok(),
        "an empty file changes nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_ca_file_that_cannot_be_used_is_named() {
    let setup = Setup::new();
    let file = tempfile::NamedTempFile::new().expect("a file");
    let settings = AuthenticationSettings { client_ca_file: Some(file.path().into()), ..Default::default() };
    let error = start(&setup.api, settings).await.err().expect("an error");
    assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
    let settings =
        AuthenticationSettings { client_ca_file: Some("/nowhere/ca.crt".into()), ..Default::default() };
    let error = start(&setup.api, settings).await.err().expect("an error");
    assert!(matches!(error, TrustError::ReadFile { .. }));
}
