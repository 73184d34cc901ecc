//! What the program keeps to itself, and what nobody can take from it.
//!
//! | what | test |
//! |---|---|
//! | secrets stay out of logs, pages and answers | [`no_secret_is_in_a_log_a_page_or_an_answer`] |
//! | clients cannot take the files that the program needs | [`where_few_files_may_be_opened_clients_cannot_take_them_all`] |
//! | a second signal | [`a_second_sigterm_ends_at_once`] |
//! | hostile names end in matchers, or nowhere | [`a_hostile_name_does_not_change_the_query`] |
//! | proxies of the environment | [`a_proxy_in_the_environment_is_not_used`] |
//! | what is behind authorisation | [`pages_need_permission`] |

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use plimsoll_testkit::fakes::Reply;
use plimsoll_testkit::fakes::caller::Caller;
use plimsoll_testkit::wait::eventually;
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};

use crate::one_rule::{POD, QUERY, RULE, arrange};
use crate::stand::{CLIENT_GO, PATIENCE, Stand, Surroundings};

async fn dial_from(source: &str, stand: &Stand) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source.parse::<std::net::Ipv4Addr>()?, 0).into())?;
    Ok(socket.connect(stand.address).await?)
}

#[tokio::test]
async fn no_secret_is_in_a_log_a_page_or_an_answer() -> Result<()> {
    let around = Surroundings::new(RULE).await?;
    std::fs::write(around.path("token"), "hidden-of-a-file\n")?;
    let around = around.with_flags([
        "--prometheus-url=http://me:hidden-of-the-url@${PROMHOST}",
        "--prometheus-token-file=${DIR}/token",
        "--prometheus-header=X-Scope=hidden-of-a-header",
        "--v=10",
    ]);
    arrange(&around);
    // base64 of `me:hidden-of-the-url`, which is what is sent.
    const BASIC: &str = "bWU6aGlkZGVuLW9mLXRoZS11cmw=";
    let echo = format!("you sent Basic {BASIC} and hidden-of-a-header");
    let rejected = json!({"status": "error", "errorType": "execution", "error": echo});
    around.prometheus.answer(QUERY, Reply::json(422, &rejected));
    let stand = around.serve().await?;
    let mut answers = Vec::new();
    let stranger = Caller::with_token(stand.address, "hidden-of-a-client")?;
    for caller in [stand.admin()?.with_header("user-agent", CLIENT_GO), stand.aggregator()?, stranger] {
        for target in [POD, "/debug/rules", "/metrics", "/readyz?verbose", "/readyz/prometheus", "/nope"] {
            answers.push(format!("{:?}", caller.get(target).await?));
        }
    }
    stand.around.prometheus.answer(QUERY, Reply::text(500, "text/plain", echo));
    answers.push(format!("{:?}", stand.told(POD).await?));
    let log = stand.log()?;
    ensure!(
        log.contains("asked Prometheus") && log.contains("DEBUG"),
        "the log should be a talkative one\n{log}"
    );
    answers.push(log);
    for secret in ["hidden-of", BASIC, "bWU6", "Bearer "] {
        let found = answers.iter().find_map(|text| {
            let at = text.find(secret)?;
            Some(
                text[text.floor_char_boundary(at.saturating_sub(200))..]
                    .chars()
                    .take(400)
                    .collect::<String>(),
            )
        });
        ensure!(found.is_none(), "{secret} is in …{}…", found.unwrap_or_default());
    }
    Ok(())
}

#[tokio::test]
async fn where_few_files_may_be_opened_clients_cannot_take_them_all() -> Result<()> {
    let around = Surroundings::new(RULE).await?.with_open_files(128);
    arrange(&around);
    let stand = around.serve().await?;
    stand.logs("few files may be opened").await?;
    let mut held = Vec::new();
    for _ in 0..200 {
        held.push(dial_from("127.0.0.2", &stand).await?);
    }
    for _ in 0..10 {
        let answer = stand.get(POD).await?;
        ensure!(answer.json()["items"][0]["value"] == "7", "{answer:?}");
    }
    let refused = stand.metric("apiserver_connections_refused_total").await?;
    ensure!(refused.ends_with(" 184"), "16 of 32 places are for one address: {refused}");
    let log = stand.log()?;
    ensure!(log.matches("a client has too many connections").count() == 1, "it is told once\n{log}");
    Ok(())
}

#[tokio::test]
async fn a_second_sigterm_ends_at_once() -> Result<()> {
    let stand = Stand::with(RULE, arrange).await?;
    stand.around.prometheus.answer(QUERY, Reply::Silence);
    let (caller, prometheus) = (stand.admin()?, stand.around.prometheus.clone());
    let flying = tokio::spawn(async move { caller.get(POD).await });
    eventually("the query is on its way", PATIENCE, async || {
        prometheus.queries().pop().map(|_| ()).context("no query yet")
    })
    .await?;
    stand.signal()?;
    stand.logs("stopping: finishing requests in flight").await?;
    let began = tokio::time::Instant::now();
    // Less than the 25 seconds that the request in flight would get.
    stand.terminate().await?;
    ensure!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    ensure!(flying.await?.is_err(), "the request is cut");
    Ok(())
}

#[tokio::test]
async fn a_hostile_name_does_not_change_the_query() -> Result<()> {
    let config = r#"rules:
- seriesQuery: requests{pod!=""}
  resources: {template: <<.Resource>>}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
- seriesQuery: raw{pod!=""}
  resources: {template: <<.Resource>>}
  metricsQuery: sum(<<.Series>>{pod="<<index .LabelValuesByName "pod">>"}) by (<<.GroupBy>>)
"#;
    let stand = Stand::with(config, |around| {
        arrange(around);
        around
            .prometheus
            .series("raw{pod!=\"\"}", &json!([{"__name__": "raw", "namespace": "default", "pod": "web-1"}]));
    })
    .await?;
    let name = "x%22%7D)%20or%20sum(secret%7Ba=%22";
    let (status, _) = stand.told(&POD.replace("web-1", name)).await?;
    ensure!(status == 404, "{status}");
    let expected = r#"sum(requests{namespace="default",pod="x\"}) or sum(secret{a=\""}) by (pod)"#;
    ensure!(
        stand.around.prometheus.queries().contains(&expected.to_owned()),
        "{:?}",
        stand.around.prometheus.queries()
    );
    let asked = stand.around.prometheus.queries().len();
    let (status, message) = stand.told(&POD.replace("web-1", name).replace("requests", "raw")).await?;
    ensure!(status == 404 && message.contains("is no name of Kubernetes"), "{status} {message}");
    ensure!(stand.around.prometheus.queries().len() == asked, "nothing is asked");
    Ok(())
}

#[tokio::test]
async fn pages_need_permission() -> Result<()> {
    let stand = Stand::with(RULE, arrange).await?;
    stand.around.kubernetes.permit(plimsoll_testkit::fakes::kubernetes::Permission::Refused);
    let joe = Caller::anonymous(stand.address)?;
    for target in ["/metrics", "/debug/rules", "/version", "/openapi/v2", "/readyz/prometheus", "/apis", POD]
    {
        ensure!(joe.get(target).await?.status == 403, "{target}");
    }
    for target in ["/healthz", "/livez", "/readyz"] {
        let answer = joe.get(target).await?;
        ensure!((answer.status, answer.body.as_str()) == (200, "ok"), "{target}");
    }
    Ok(())
}

#[tokio::test]
async fn a_proxy_in_the_environment_is_not_used() -> Result<()> {
    const PROXY: &str = "http://127.0.0.1:1";
    let around = Surroundings::new(RULE).await?;
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"];
    let around = around.with_variables(&names.map(|name| (name, PROXY)));
    arrange(&around);
    let stand = around.serve().await?;
    let answer = stand.get(POD).await?;
    ensure!(answer.json()["items"][0]["value"] == "7", "{answer:?}");
    Ok(())
}
