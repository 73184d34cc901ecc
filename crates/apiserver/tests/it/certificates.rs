//! Certificates of the server and of its clients.

use std::sync::Arc;

use plimsoll_apiserver::tls::{ClientCas, MinVersion, Pair, SniPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::stand::{Client, Connection, Plan, Stand, until};

fn generated(names: &[&str]) -> rcgen::CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        .unwrap()
}

fn key_of(pair: &rcgen::CertifiedKey<rcgen::KeyPair>) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()).into()
}

async fn served(stand: &Stand, server_name: Option<&'static str>) -> CertificateDer<'static> {
    let client = Client { server_name, ..Client::default() };
    let connection = Connection::open(stand.address, &client).await.unwrap();
    connection.stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

#[tokio::test]
async fn a_new_pair_is_used_for_new_connections_and_a_broken_one_is_not() {
    let stand = Stand::start(Plan::default()).await;
    let folder = stand.folder.path().join("certificates");
    let first = served(&stand, None).await;

    std::fs::write(folder.join("apiserver.crt"), "not a certificate").unwrap();
    until("the broken certificate is refused", async || {
        !stand.measures("apiserver_tls_reload_errors_total 0").await
    })
    .await;
    assert_eq!(served(&stand, None).await, first);

    let second = generated(&["second.example"]);
    std::fs::write(folder.join("apiserver.key"), second.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("apiserver.crt"), second.cert.pem()).unwrap();
    until("the new certificate is served", async || served(&stand, None).await == *second.cert.der()).await;
}

#[tokio::test]
async fn a_name_of_its_own_gets_its_own_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (named, below) = (generated(&["named.example"]), generated(&["ignored.example"]));
    let mut sni = Vec::new();
    for (name, pair, names) in
        [("named", &named, vec![]), ("below", &below, vec!["*.below.example".to_owned()])]
    {
        let files = Pair {
            certificate: folder.path().join(format!("{name}.crt")),
            key: folder.path().join(format!("{name}.key")),
        };
        std::fs::write(&files.certificate, pair.cert.pem()).unwrap();
        std::fs::write(&files.key, pair.signing_key.serialize_pem()).unwrap();
        sni.push(SniPair { pair: files, names });
    }
    let stand = Stand::start(Plan { sni, ..Plan::default() }).await;
    let default = served(&stand, Some("other.example")).await;
    assert_eq!(served(&stand, Some("named.example")).await, *named.cert.der());
    assert_eq!(served(&stand, Some("a.below.example")).await, *below.cert.der());
    assert_eq!(served(&stand, Some("a.b.below.example")).await, default);
    assert_eq!(served(&stand, Some("ignored.example")).await, default);
}

#[tokio::test]
async fn the_chain_of_a_client_reaches_the_authenticator_unjudged() {
    let stand = Stand::start(Plan::default()).await;
    let pair = generated(&["a-client"]);
    let chain = vec![pair.cert.der().clone()];
    let client = Client { certificate: Some((chain.clone(), key_of(&pair))), ..Client::default() };
    let mut connection = Connection::open(stand.address, &client).await.unwrap();
    assert_eq!(connection.ask("GET", "/healthz", &[]).await.status, 200);
    assert_eq!(stand.get("/healthz").await.status, 200);
    assert_eq!(*stand.tokens.peers.lock().unwrap(), [chain, Vec::new()]);
}

#[tokio::test]
async fn a_client_without_the_key_of_its_certificate_is_turned_away() {
    let stand = Stand::start(Plan::default()).await;
    let (mine, stolen) = (generated(&["mine"]), generated(&["stolen"]));
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let key = provider.key_provider.load_private_key(key_of(&mine)).unwrap();
    let certified = rustls::sign::CertifiedKey::new(vec![stolen.cert.der().clone()], key);
    let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    let mut connection = match Connection::open_with_resolver(stand.address, resolver).await {
        Ok(connection) => connection,
        // TLS 1.2 clients learn of it in the handshake.
        Err(_) => return,
    };
    connection.send_if_open(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(connection.read(false).await.is_none());
    assert!(stand.tokens.peers.lock().unwrap().is_empty());
}

#[tokio::test]
async fn clients_are_told_which_authorities_may_vouch_for_them() {
    let stand = Stand::start(Plan::default()).await;
    let hints = || async { Connection::hints(stand.address).await };
    assert_eq!(hints().await, Vec::<Vec<u8>>::new());
    let (proxy, clients) = (generated(&["front-proxy"]), generated(&["clients"]));
    let cas = ClientCas::from([proxy.cert.der().clone(), clients.cert.der().clone()]);
    stand.client_cas.send_replace(cas);
    // Both have the subject that rcgen gives by default, which is named once.
    until("the hints have changed", async || hints().await.len() == 1).await;
}

#[tokio::test]
async fn the_oldest_version_of_tls_can_be_raised() {
    let stand = Stand::start(Plan { min_version: MinVersion::Tls13, ..Plan::default() }).await;
    assert!(Connection::open_tls12(stand.address).await.is_err());
    let stand = Stand::start(Plan::default()).await;
    assert!(Connection::open_tls12(stand.address).await.is_ok());
}

#[tokio::test]
async fn a_chain_that_is_long_or_large_ends_the_handshake() {
    use plimsoll_apiserver::tls::{LARGEST_CHAIN, LONGEST_CHAIN};
    let stand = Stand::start(Plan::default()).await;
    let pair = generated(&["client"]);
    let served = async |chain: Vec<CertificateDer<'static>>| {
        let client = Client { certificate: Some((chain, key_of(&pair))), ..Client::default() };
        let Ok(mut connection) = Connection::open(stand.address, &client).await else { return false };
        // With TLS 1.3 the client hears of it after its side of the handshake.
        connection.send_if_open(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
        connection.read(false).await.is_some_and(|reply| reply.status == 200)
    };
    let leaf = pair.cert.der().clone();
    let with = |more: CertificateDer<'static>, count: usize| {
        let mut chain = vec![leaf.clone()];
        chain.extend(std::iter::repeat_n(more, count));
        chain
    };
    let large = CertificateDer::from(vec![0; LARGEST_CHAIN]);
    assert!(served(with(leaf.clone(), LONGEST_CHAIN - 1)).await);
    assert!(!served(with(leaf.clone(), LONGEST_CHAIN)).await);
    assert!(!served(with(large, 1)).await);
    assert!(served(with(leaf.clone(), 0)).await);
}
