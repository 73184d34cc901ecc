//! From the start to the end of the process, and what it does with a configuration that changes.
//!
//! | what | test |
//! |---|---|
//! | a ConfigMap's new version takes effect within 5 s | [`a_config_map_that_changes_takes_effect_within_five_seconds`] |
//! | a broken version is refused, told everywhere, and repaired | [`a_broken_version_is_refused_and_told_until_it_is_repaired`] |
//! | a file that goes away | [`a_file_that_goes_away_changes_nothing`] |
//! | graceful drain on SIGTERM | [`requests_in_flight_are_finished_after_sigterm`] |
//! | SIGTERM before anything is served | [`sigterm_is_heeded_while_the_start_waits_for_the_cluster`] |
//! | a rule that cannot work on this cluster | [`what_stands_in_the_way_of_a_rule_is_logged_once`] |
//! | started under the name `adapter` | [`under_the_name_of_the_original_it_serves`] |
//! | the histogram under its old name | [`the_latency_of_prometheus_is_measured_under_its_old_name`] |
//! | start order | [`discovery_is_answered_while_prometheus_and_the_cluster_are_down`], [`a_cluster_and_a_prometheus_that_come_late_are_found`] |

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use plimsoll_testkit::fakes::Reply;
use plimsoll_testkit::wait::eventually;
use serde_json::json;

use crate::one_rule::{POD, QUERY, RULE, arrange};
use crate::stand::{PATIENCE, Stand, Surroundings};

/// Writes a version of a ConfigMap as the kubelet does: a folder, and a link that is replaced at once.
fn mount(folder: &Path, version: &str, config: &str) -> Result<()> {
    std::fs::create_dir(folder.join(version))?;
    std::fs::write(folder.join(version).join("config.yaml"), config)?;
    let fresh = folder.join("..data_tmp");
    symlink(version, &fresh)?;
    Ok(std::fs::rename(&fresh, folder.join("..data"))?)
}

async fn mounted(config: &str) -> Result<Stand> {
    let around = Surroundings::new("").await?;
    arrange(&around);
    let folder = around.path("mount");
    std::fs::create_dir(&folder)?;
    mount(&folder, "..1", config)?;
    symlink("..data/config.yaml", folder.join("config.yaml"))?;
    around.with_flags(["--config=${DIR}/mount/config.yaml"]).serve().await
}

#[tokio::test]
async fn a_config_map_that_changes_takes_effect_within_five_seconds() -> Result<()> {
    let stand = mounted(RULE).await?;
    let answer = stand.get(POD).await?;
    ensure!(answer.json()["items"][0]["value"] == "7", "{answer:?}");
    let renamed = RULE.replace("  metricsQuery", "  name: {as: renamed}\n  metricsQuery");
    mount(&stand.around.path("mount"), "..2", &renamed)?;
    let list = "/apis/custom.metrics.k8s.io/v1beta1";
    stand.shows_within(Duration::from_secs(5), list, "pods/renamed").await?;
    let answer = stand.get(&POD.replace("requests", "renamed")).await?;
    ensure!(answer.json()["items"][0]["value"] == "7", "{answer:?}");
    ensure!(stand.get(POD).await?.status == 404, "the old name is gone");
    stand.measures("plimsoll_config_reloads_accepted_total", 1.0).await
}

#[tokio::test]
async fn a_broken_version_is_refused_and_told_until_it_is_repaired() -> Result<()> {
    let stand = mounted(RULE).await?;
    let folder = stand.around.path("mount");
    mount(&folder, "..2", &RULE.replace("<<.LabelMatchers>>", "<<.LabelMatchers"))?;
    stand.measures("plimsoll_config_last_reload_successful", 0.0).await?;
    stand.measures("plimsoll_config_reloads_refused_total", 1.0).await?;
    let reason = "<dir>/mount/config.yaml:4:";
    let told = stand.shows("/debug/rules", "the new version is refused and the previous one stays").await?;
    ensure!(told.contains(reason), "{told}");
    stand.logs("the new version is refused; the previous one stays in force").await?;
    stand.logs(reason).await?;
    ensure!(stand.get(POD).await?.json()["items"][0]["value"] == "7", "the old version stays in force");

    mount(&folder, "..3", RULE)?;
    stand.measures("plimsoll_config_last_reload_successful", 1.0).await?;
    let page = stand.get("/debug/rules").await?.body;
    ensure!(!page.contains("refused"), "{page}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_goes_away_changes_nothing() -> Result<()> {
    let stand = mounted(RULE).await?;
    let link = stand.around.path("mount").join("..data");
    std::fs::remove_file(&link)?;
    let told = stand.shows("/debug/rules", "the new version is refused").await?;
    ensure!(told.contains("cannot be read: No such file or directory"), "{told}");
    ensure!(stand.get(POD).await?.status == 200, "the rules stay");
    symlink("..1", &link)?;
    stand.measures("plimsoll_config_last_reload_successful", 1.0).await
}

#[tokio::test]
async fn requests_in_flight_are_finished_after_sigterm() -> Result<()> {
    let stand = Stand::with(RULE, arrange).await?;
    let vector = json!({"status": "success", "data": {"resultType": "vector",
        "result": [{"metric": {"pod": "web-1"}, "value": [1, "9"]}]}});
    let late = Reply::Late(Duration::from_secs(3), Box::new(Reply::json(200, &vector)));
    stand.around.prometheus.answer(QUERY, late);
    let (caller, prometheus) = (stand.admin()?, stand.around.prometheus.clone());
    let flying = tokio::spawn(async move { caller.get(POD).await });
    eventually("the query is on its way", PATIENCE, async || {
        prometheus.queries().pop().map(|_| ()).context("no query yet")
    })
    .await?;
    stand.terminate().await?;
    let answer = flying.await??;
    ensure!(answer.json()["items"][0]["value"] == "9", "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn sigterm_is_heeded_while_the_start_waits_for_the_cluster() -> Result<()> {
    let around = Surroundings::new(RULE).await?;
    around.kubernetes.everything(Some(Reply::Silence));
    let part = around.launch()?;
    eventually("the cluster has been asked", PATIENCE, async || {
        ensure!(!around.kubernetes.asked().is_empty(), "nothing was asked");
        Ok(())
    })
    .await?;
    part.terminate().await?;
    // The first process of a container would go on without this line: no signal ends it that it does not handle.
    let log = std::fs::read_to_string(around.path("plimsoll.log"))?;
    ensure!(log.contains("stopping"), "the log says\n{log}");
    Ok(())
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_rule_is_logged_once() -> Result<()> {
    let config = "rules:\n- seriesQuery: requests{}\n  resources: {overrides: {w: {resource: widget}}}\n  \
                  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)\n";
    let stand = Stand::with(config, arrange).await?;
    stand.logs("widget").await?;
    let page = stand.get("/debug/rules").await?.body;
    let note = page.lines().find_map(|line| line.trim().strip_prefix("note: ")).context("no note")?;
    ensure!(stand.log()?.matches(note).count() == 1, "{}", stand.log()?);
    Ok(())
}

#[tokio::test]
async fn under_the_name_of_the_original_it_serves() -> Result<()> {
    let mut around = Surroundings::new(RULE).await?;
    around.under_the_name("adapter")?;
    arrange(&around);
    let stand = around.serve().await?;
    let answer = stand.get(POD).await?;
    ensure!(answer.json()["items"][0]["value"] == "7", "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn the_latency_of_prometheus_is_measured_under_its_old_name() -> Result<()> {
    let stand = Stand::with(RULE, arrange).await?;
    stand.get(POD).await?;
    let name = "prometheus_adapter_prometheus_client_request_duration_seconds_count";
    let lines = stand.metric(name).await?;
    for path in ["/api/v1/query", "/api/v1/series"] {
        let line = format!("{name}{{path=\"{path}\",server=\"<prometheus>\"}} 1");
        ensure!(lines.contains(&line), "{line} is not in\n{lines}");
    }
    Ok(())
}

#[tokio::test]
async fn discovery_is_answered_while_prometheus_and_the_cluster_are_down() -> Result<()> {
    let around = Surroundings::new(RULE).await?;
    arrange(&around);
    let down = Reply::text(503, "text/plain", "service unavailable\n");
    around.prometheus.everything(Some(Reply::Silence));
    // All that is there is the ConfigMap that tells whom to believe.
    for path in ["/api", "/apis", "/apis/authentication.k8s.io/v1/tokenreviews"] {
        around.kubernetes.at(path, down.clone());
    }
    let stand = around.start().await?;
    stand.around.kubernetes.everything(Some(down));
    let aggregator = stand.aggregator()?;
    let began = tokio::time::Instant::now();
    for target in ["/apis", "/apis/custom.metrics.k8s.io/v1beta1", "/openapi/v2", "/livez", "/version"] {
        let answer = aggregator.get(target).await?;
        ensure!(answer.status == 200, "{target}: {answer:?}");
    }
    ensure!(began.elapsed() < Duration::from_secs(5), "discovery waited: {:?}", began.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_cluster_and_a_prometheus_that_come_late_are_found() -> Result<()> {
    let around = Surroundings::new(RULE).await?;
    arrange(&around);
    let (prometheus, kubernetes) = (around.prometheus.clone(), around.kubernetes.clone());
    prometheus.everything(Some(Reply::Hangup));
    kubernetes.everything(Some(Reply::Hangup));
    let appearing = async {
        eventually("the program has tried", PATIENCE, async || {
            ensure!(!kubernetes.asked().is_empty(), "nothing was asked");
            Ok(())
        })
        .await?;
        kubernetes.everything(None);
        Ok(())
    };
    let (stand, ()) = tokio::try_join!(around.start(), appearing)?;
    prometheus.everything(None);
    stand.shows("/apis/custom.metrics.k8s.io/v1beta1", "pods/requests").await?;
    ensure!(stand.get(POD).await?.json()["items"][0]["value"] == "7", "the metric is served");
    Ok(())
}
