//! A real Prometheus that scrapes what it finds in a folder of target files.
//!
//! **Invariant:** its data outlive the process, so that it can be stopped and started like one
//! with a volume.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{part::Part, sandbox::Sandbox, wait::eventually, web};

/// Where it answers.
pub const URL: &str = "http://10.244.0.1:9090";
const ADDRESS: &str = "10.244.0.1:9090";
const START: Duration = Duration::from_secs(60);

/// A Prometheus that runs, or is stopped for a while.
#[derive(Debug)]
pub struct Prometheus {
    binary: PathBuf,
    folder: PathBuf,
    logs: PathBuf,
    part: Option<Part>,
}

impl Prometheus {
    /// Writes a configuration that scrapes each target every `interval`, and starts it.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start(sandbox: &Sandbox, binary: &Path, interval: Duration) -> Result<Self> {
        let folder = sandbox.subfolder("prometheus")?;
        let targets = sandbox.subfolder("prometheus/targets")?;
        let milliseconds = interval.as_millis();
        let config = format!(
            "global:\n  scrape_interval: {milliseconds}ms\n  scrape_timeout: {milliseconds}ms\n\
             scrape_configs:\n- job_name: pods\n  file_sd_configs:\n  - files: ['{}/*.json']\n    \
             refresh_interval: 1s\n",
            targets.display()
        );
        fs::write(folder.join("prometheus.yml"), config)?;
        let mut prometheus = Self { binary: binary.to_owned(), folder, logs: sandbox.logs(), part: None };
        prometheus.resume().await?;
        Ok(prometheus)
    }

    /// The folder whose `*.json` files name its targets (`file_sd_configs`).
    pub fn targets(&self) -> PathBuf {
        self.folder.join("targets")
    }

    /// Kills it, as a lost node would.
    pub fn kill(&mut self) {
        self.part = None;
    }

    /// Starts it (again) on the data it has, and waits until it answers.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn resume(&mut self) -> Result<()> {
        let mut command = Command::new(&self.binary);
        command.arg(format!("--config.file={}", self.folder.join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", self.folder.join("data").display()));
        command.arg(format!("--web.listen-address={ADDRESS}"));
        command.arg("--storage.tsdb.no-lockfile");
        let part = self.part.insert(Part::start("prometheus", command, &self.logs)?);
        eventually("Prometheus is ready", START, async || {
            part.alive()?;
            let answer = web::get(&format!("{URL}/-/ready")).await?;
            ensure!(answer.status == 200, "it answers {}: {}", answer.status, answer.body);
            Ok(())
        })
        .await
    }
}

/// The result vector of an instant query.
///
/// # Errors
/// When Prometheus does not answer, or answers with an error.
pub async fn query(promql: &str) -> Result<Vec<Value>> {
    let query: String = promql.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = web::get(&format!("{URL}/api/v1/query?query={query}")).await?;
    ensure!(answer.status == 200, "Prometheus answers {}: {}", answer.status, answer.body);
    let mut body: Value = serde_json::from_str(&answer.body).context("Prometheus answers no JSON")?;
    match body["data"]["result"].take() {
        Value::Array(vector) => Ok(vector),
        other => anyhow::bail!("Prometheus answers no vector but {other}"),
    }
}
