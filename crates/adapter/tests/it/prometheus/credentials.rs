//! Who asks: headers, passwords, tokens.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_adapter::prometheus::{BuildError, Client, ClientMetrics, ClientSettings};
use prometheus_client::registry::Registry;

use super::fake::{Fake, Reply};
use super::{ask, client, error_of};

fn refused(settings: &ClientSettings) -> BuildError {
    let metrics = ClientMetrics::register(&mut Registry::default());
    match Client::build(settings, &metrics) {
        Err(error) => error,
        Ok(_) => panic!("built from {settings:?}"),
    }
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[tokio::test]
async fn configured_headers_are_sent_with_every_request() {
    let fake = Fake::start(|_| Reply::vector()).await;
    let settings = ClientSettings {
        headers: pairs(&[
            ("X-A", "1"),
            ("x-a", "2"),
            ("X-Scope-OrgID", ""),
            ("User-Agent", "me"),
            ("Host", "other"),
        ]),
        ..ClientSettings::new(&fake.url)
    };
    ask(&client(&settings)).await.expect("an answer");
    let asked = fake.only();
    assert_eq!(asked.header("x-a"), ["1", "2"]);
    assert_eq!(asked.header("x-scope-orgid"), [""]);
    assert_eq!(asked.header("user-agent"), ["me"]);
    assert_eq!(asked.header("host"), [fake.url.trim_start_matches("http://")]);
}

#[tokio::test]
async fn one_of_several_credentials_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, "from-file\n").expect("a file");
    let fake = Fake::start(|_| Reply::vector()).await;
    let mut settings = ClientSettings { token_file: Some(file), ..ClientSettings::new(&fake.url) };
    type Change = fn(&mut ClientSettings);
    let steps: [(Change, &str); 4] = [
        (|_| {}, "Bearer from-file"),
        (|settings| settings.bearer_token = Some(" given ".into()), "Bearer given"),
        (|settings| settings.url = settings.url.replace("//", "//user:pa%20ss@"), "Basic dXNlcjpwYSBzcw=="),
        (|settings| settings.headers = pairs(&[("authorization", "Custom x")]), "Custom x"),
    ];
    for (at, (change, sent)) in steps.into_iter().enumerate() {
        change(&mut settings);
        ask(&client(&settings)).await.expect("an answer");
        assert_eq!(fake.asked()[at].header("authorization"), [sent]);
    }
}

#[tokio::test]
async fn a_changed_token_file_is_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, "first").expect("a file");
    let fake = Fake::start(|_| Reply::vector()).await;
    let mut settings = ClientSettings { token_file: Some(file.clone()), ..ClientSettings::new(&fake.url) };
    settings.limits.recheck = Duration::ZERO;
    let client = client(&settings);
    ask(&client).await.expect("an answer");
    fs::write(&file, " the second\n").expect("a file");
    ask(&client).await.expect("an answer");
    // Neither an empty file nor a missing one takes the token away.
    fs::write(&file, "").expect("a file");
    ask(&client).await.expect("an answer");
    fs::remove_file(&file).expect("a file");
    ask(&client).await.expect("an answer");
    let sent: Vec<_> = fake.asked().iter().map(|asked| asked.header("authorization").join(",")).collect();
    assert_eq!(sent, ["Bearer first", "Bearer the second", "Bearer the second", "Bearer the second"]);
}

#[tokio::test]
async fn a_refused_token_is_read_again_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, "stale").expect("a file");
    let fake = Fake::start(|asked| match asked.header("authorization")[..] {
        ["Bearer fresh"] => Reply::vector(),
        _ => Reply::status(401, "text/plain", "unauthorized"),
    })
    .await;
    let mut settings = ClientSettings { token_file: Some(file.clone()), ..ClientSettings::new(&fake.url) };
    settings.limits.recheck = Duration::from_secs(3600);
    let client = client(&settings);
    let error = error_of(&client).await;
    assert!(error.contains("HTTP 401"), "{error}");
    assert_eq!(fake.asked().len(), 1, "the same token is not tried again");
    fs::write(&file, "fresh").expect("a file");
    ask(&client).await.expect("an answer");
    ask(&client).await.expect("an answer");
    assert_eq!(fake.asked().len(), 4);
}

#[test]
fn what_cannot_be_used_is_refused_when_the_client_is_built() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("a file");
        Some(path)
    };
    let absent: Option<PathBuf> = Some(folder.path().join("absent"));
    let shown = |name: &str| folder.path().join(name).display().to_string();
    let base = || ClientSettings::new("https://prometheus");
    let with_headers = |headers: &[(&str, &str)]| ClientSettings { headers: pairs(headers), ..base() };
    for (settings, message) in [
        (ClientSettings::new("::bad"), "the Prometheus URL is malformed: missing protocol scheme: write http:// or https:// first".into()),
        (with_headers(&[("a b", "c")]), "the Prometheus header \"a b\" cannot be sent: its name is malformed".into()),
        (with_headers(&[("a", "sekret\n")]), "the Prometheus header \"a\" cannot be sent: its value has a line break or a control character; take it out".into()),
        (
            ClientSettings { bearer_token: Some("sek\nret".into()), ..base() },
            "the Prometheus header \"Authorization\" cannot be sent: a token has no line breaks or control characters; take them out".into(),
        ),
        (
            ClientSettings { token_file: absent.clone(), ..base() },
            format!("the Prometheus token file {} cannot be read: No such file or directory (os error 2)", shown("absent")),
        ),
        (
            ClientSettings { token_file: file("empty", " \n"), ..base() },
            format!("the Prometheus token file {} is of no use: it is empty", shown("empty")),
        ),
        (
            ClientSettings { token_file: file("lines", "sek\nret"), ..base() },
            format!("the Prometheus token file {} is of no use: a token has no line breaks or control characters inside", shown("lines")),
        ),
        (
            ClientSettings { ca_file: absent.clone(), ..base() },
            format!("the Prometheus CA file {} cannot be read: No such file or directory (os error 2)", shown("absent")),
        ),
        (
            ClientSettings { ca_file: file("nopem", "hello"), ..base() },
            format!("the Prometheus CA file {} is of no use: it holds no PEM certificate", shown("nopem")),
        ),
        (
            ClientSettings { client_cert_file: absent.clone(), ..base() },
            "the Prometheus client certificate file is given without the client key file: set both, or neither".into(),
        ),
        (
            ClientSettings { client_cert_file: file("c", "x"), client_key_file: absent, ..base() },
            format!("the Prometheus client certificate file {} is of no use: it holds no PEM certificate", shown("c")),
        ),
    ] {
        let error = refused(&settings);
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        assert_eq!(format!("{error}{cause}"), message);
        for text in [format!("{error:?}"), format!("{settings:?}")] {
            assert!(!text.contains("sek"), "{text}");
        }
    }
}

#[test]
fn settings_do_not_show_their_secrets() {
    let settings = ClientSettings {
        headers: pairs(&[("X-Api-Key", "sekret")]),
        bearer_token: Some("sekret".into()),
        ..ClientSettings::new("https://me:sekret@prometheus/p?key=sekret")
    };
    let text = format!("{settings:?}");
    assert!(text.contains("https://prometheus/p") && text.contains("X-Api-Key"), "{text}");
    assert!(!text.contains("sekret"), "{text}");
}
