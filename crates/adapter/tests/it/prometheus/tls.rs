//! TLS: whom the client trusts and which certificate it shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_adapter::prometheus::ClientSettings;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::fake::{Fake, Reply};
use super::{ask, client, client_of, error_of};

struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
struct Identity {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).expect("valid names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate"),
        )
    }

    fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a valid name");
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    fn write(&self, path: &Path) {
        fs::write(path, self.0.pem()).expect("a file");
    }
}

impl Identity {
    fn write(&self, settings: &ClientSettings) {
        let write = |path: &Option<PathBuf>, text: &str| fs::write(path.as_ref().expect("a path"), text);
        write(&settings.client_cert_file, &self.certificate).expect("a file");
        write(&settings.client_key_file, &self.key).expect("a file");
    }
}

/// A server with this certificate that admits the clients of `clients`, or everyone.
fn acceptor(server: &Identity, clients: Option<&Authority>) -> TlsAcceptor {
    let provider = Arc::new(default_provider());
    let chain = vec![CertificateDer::from_pem_slice(server.certificate.as_bytes()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes()).expect("a key");
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("protocols");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der()).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let mut config = builder.with_single_cert(chain, key).expect("a server");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

fn settings_in(folder: &Path, url: &str) -> ClientSettings {
    let mut settings = ClientSettings { ca_file: Some(folder.join("ca.pem")), ..ClientSettings::new(url) };
    settings.limits.recheck = Duration::ZERO;
    settings
}

#[tokio::test]
async fn everything_that_proves_who_asks_combines() {
    let folder = tempfile::tempdir().expect("a folder");
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let tls = acceptor(&servers.issue("127.0.0.1", |_| {}), Some(&clients));
    let fake = Fake::start_tls(tls, |_| Reply::vector()).await;
    let mut settings = settings_in(folder.path(), &fake.url);
    servers.write(&folder.path().join("ca.pem"));
    settings.client_cert_file = Some(folder.path().join("tls.crt"));
    settings.client_key_file = Some(folder.path().join("tls.key"));
    clients.issue("adapter", |_| {}).write(&settings);
    fs::write(folder.path().join("token"), "sekret\n").expect("a file");
    settings.token_file = Some(folder.path().join("token"));
    settings.headers = vec![("X-Scope-OrgID".into(), "tenant".into())];
    ask(&client(&settings)).await.expect("an answer");
    let asked = fake.only();
    assert_eq!(asked.header("authorization"), ["Bearer sekret"]);
    assert_eq!(asked.header("x-scope-orgid"), ["tenant"]);
    assert_eq!(asked.version, http::Version::HTTP_2);
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_told_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let servers = Authority::new("servers");
    servers.write(&folder.path().join("ca.pem"));
    let past = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let future = |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(2200, 1, 1);
    for (identity, words) in [
        (
            Authority::new("others").issue("127.0.0.1", |_| {}),
            "its certificate is signed by an authority that is not trusted: give its CA file",
        ),
        (servers.issue("other.example", |_| {}), "its certificate is for another host name"),
        (servers.issue("127.0.0.1", past), "its certificate has expired"),
        (servers.issue("127.0.0.1", future), "its certificate is not valid yet: compare the clocks"),
    ] {
        let fake = Fake::start_tls(acceptor(&identity, None), |_| Reply::vector()).await;
        let error = error_of(&client(&settings_in(folder.path(), &fake.url))).await;
        assert_eq!(error, format!("{} cannot be reached: {words}", fake.url));
        assert_eq!(fake.asked().len(), 0);
    }
}

#[tokio::test]
async fn without_a_ca_file_the_roots_of_the_system_are_trusted() {
    let servers = Authority::new("servers");
    let tls = acceptor(&servers.issue("127.0.0.1", |_| {}), None);
    let fake = Fake::start_tls(tls, |_| Reply::vector()).await;
    let error = error_of(&client_of(&fake.url)).await;
    assert!(error.contains("an authority that is not trusted"), "{error}");
    let settings = ClientSettings { extra_roots: vec![servers.der()], ..ClientSettings::new(&fake.url) };
    ask(&client(&settings)).await.expect("an answer");
}

#[tokio::test]
async fn a_missing_client_certificate_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    servers.write(&folder.path().join("ca.pem"));
    let tls = acceptor(&servers.issue("127.0.0.1", |_| {}), Some(&clients));
    let fake = Fake::start_tls(tls, |_| Reply::vector()).await;
    let mut settings = settings_in(folder.path(), &fake.url);
    let words = "the server wants a client certificate: give its file and its key";
    assert_eq!(error_of(&client(&settings)).await, format!("{} cannot be reached: {words}", fake.url));
    settings.client_cert_file = Some(folder.path().join("tls.crt"));
    settings.client_key_file = Some(folder.path().join("tls.key"));
    Authority::new("others").issue("adapter", |_| {}).write(&settings);
    let words = "the server refuses the client certificate (UnknownCA)";
    assert_eq!(error_of(&client(&settings)).await, format!("{} cannot be reached: {words}", fake.url));
}

#[tokio::test]
async fn changed_certificate_files_are_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    let (servers, clients, others) =
        (Authority::new("servers"), Authority::new("clients"), Authority::new("some others"));
    let tls = acceptor(&servers.issue("127.0.0.1", |_| {}), Some(&clients));
    let fake = Fake::start_tls(tls, |_| Reply::vector()).await;
    let mut settings = settings_in(folder.path(), &fake.url);
    settings.client_cert_file = Some(folder.path().join("tls.crt"));
    settings.client_key_file = Some(folder.path().join("tls.key"));
    others.write(&ca);
    others.issue("adapter", |_| {}).write(&settings);
    let client = client(&settings);
    let error = error_of(&client).await;
    assert!(error.contains("an authority that is not trusted"), "{error}");
    servers.write(&ca);
    let error = error_of(&client).await;
    assert!(error.contains("refuses the client certificate"), "{error}");
    clients.issue("adapter", |_| {}).write(&settings);
    ask(&client).await.expect("an answer");
    // A half-written file leaves what was there.
    fs::write(&ca, "half").expect("a file");
    ask(&client).await.expect("an answer");
}

#[tokio::test]
async fn the_wrong_scheme_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let servers = Authority::new("servers");
    servers.write(&folder.path().join("ca.pem"));
    let tls = Fake::start_tls(acceptor(&servers.issue("127.0.0.1", |_| {}), None), |_| Reply::vector()).await;
    let plain = Fake::start(|_| Reply::vector()).await;
    let (to_plain, to_tls) = (plain.url.replace("http:", "https:"), tls.url.replace("https:", "http:"));
    let error = error_of(&client(&settings_in(folder.path(), &to_plain))).await;
    let words = "the server speaks no TLS on this port: try http://";
    assert_eq!(error, format!("{to_plain} cannot be reached: {words}"));
    let error = error_of(&client(&settings_in(folder.path(), &to_tls))).await;
    assert!(error.starts_with(&format!("{to_tls} cannot be reached: ")), "{error}");
}

#[tokio::test]
async fn a_redirect_may_lead_to_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let servers = Authority::new("servers");
    servers.write(&folder.path().join("ca.pem"));
    let tls = Fake::start_tls(acceptor(&servers.issue("127.0.0.1", |_| {}), None), |_| Reply::vector()).await;
    let target = tls.url.clone();
    let plain =
        Fake::start(move |asked| Reply::redirect(301, format!("{target}{}?{}", asked.path, asked.query)))
            .await;
    let mut settings = settings_in(folder.path(), &plain.url);
    settings.bearer_token = Some("sekret".into());
    ask(&client(&settings)).await.expect("an answer");
    assert_eq!(tls.only().header("authorization"), ["Bearer sekret"]);
}
