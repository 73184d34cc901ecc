//! `cargo xtask demo`: the walkthrough from a counter in a pod to a second replica.
//!
//! Outside of the sandbox it builds what is missing; inside it plays the person of the walkthrough,
//! with kubectl and a browser. It decides nothing: the HPA controller does.
//!
//! **Invariant:** every line it shows comes from real kubectl.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_testkit::{
    adapter::Adapter,
    apiservice::{SERVED, ServedVersion},
    cluster::{Cluster, Programs, Settings, manifest, workspace},
    controlplane::Autoscaling,
    part, prometheus,
    sandbox::{self, Sandbox},
    wait::eventually,
    web,
};
use tokio::time::Instant;

const METRIC: &str = "myapp_processed_ops_total";
/// The walkthrough's adapter serves custom metrics only.
const CUSTOM: [ServedVersion; 2] = [SERVED[0], SERVED[1]];
/// How long any one step may take.
const STEP: Duration = Duration::from_secs(60);

/// How to run the demonstration.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The program whose `serve` is shown; built from this workspace when left out.
    #[arg(long, value_name = "PATH")]
    adapter: Option<PathBuf>,
}

/// Runs the demonstration, in a sandbox.
///
/// # Errors
/// When something is missing on this machine, or a step does not come about.
pub fn run(options: &Options) -> Result<ExitCode> {
    let adapter = match &options.adapter {
        Some(path) => path.clone(),
        // Cargo puts all programs of a workspace into one folder.
        None => std::env::current_exe()?.with_file_name("plimsoll"),
    };
    if let Some(sandbox) = Sandbox::current()? {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let logs = sandbox.logs();
        return match runtime.block_on(walk(sandbox, &adapter)) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => {
                eprintln!("\n{}", part::tails(&logs, 12));
                Err(error)
            }
        };
    }
    build("e2e/build", &[])?;
    sandbox::available()?;
    if options.adapter.is_none() {
        build(env!("CARGO"), &["build", "--quiet", "--package", "plimsoll"])?;
    }
    let ended = sandbox::relaunch(&workspace().join("e2e/run"))?;
    if let sandbox::Ended::Interrupted(_) = ended {
        eprintln!("\nstopped; everything that was started has ended");
    }
    Ok(ended.code())
}

fn build(program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(arguments)
        .current_dir(workspace())
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "`{program} {}` failed ({status})", arguments.join(" "));
    Ok(())
}

/// Prints with the time since the start.
struct Story {
    begun: Instant,
}

impl Story {
    fn tell(&self, text: &str) {
        println!("{:5.1} s  {text}", self.begun.elapsed().as_secs_f64());
    }

    fn show(&self, command: &str, output: &str) {
        self.tell(&format!("$ {command}"));
        for line in output.lines() {
            println!("         {line}");
        }
    }
}

async fn walk(sandbox: Sandbox, adapter: &Path) -> Result<()> {
    let story = Story { begun: Instant::now() };
    let autoscaling = Autoscaling { sync_period: Duration::from_secs(1), ..Autoscaling::default() };
    let settings = Settings { autoscaling, scrape_interval: Duration::from_secs(1) };
    let cluster = Cluster::start(sandbox, &Programs::find()?, &settings).await?;
    story.tell("etcd, kube-apiserver, kube-controller-manager and Prometheus run");

    let kubectl = cluster.kubectl();
    for file in ["deployment.yaml", "service.yaml"] {
        apply(&cluster, &story, file).await?;
    }
    kubectl
        .print(&["wait", "--for=condition=Available", "deployment/test-prometheus", "--timeout=60s"])
        .await?;
    story.show("kubectl get pods", &kubectl.print(&["get", "pods"]).await?);
    visit(&cluster, &story, 1).await?;
    let sample = eventually("Prometheus has scraped the visit", STEP, async || {
        let found = prometheus::query(&format!("{METRIC} == 1")).await?;
        found.into_iter().next().context("no series has the value 1")
    })
    .await?;
    story.tell(&format!(
        "Prometheus has {METRIC} = {} of pod {}",
        sample["value"][1], sample["metric"]["pod"]
    ));

    let mut adapter =
        Adapter::install(&cluster, adapter, &manifest("walkthrough/config.yaml")?, &CUSTOM).await?;
    story.tell("plimsoll serves custom.metrics.k8s.io");
    let path = format!("/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/pods/*/{METRIC}");
    let value = eventually("the metric is served", STEP, async || {
        adapter.alive()?;
        kubectl.print(&["get", "--raw", &path]).await
    })
    .await?;
    story.show(&format!("kubectl get --raw '{path}'"), &value);

    apply(&cluster, &story, "hpa.yaml").await?;
    expect(&cluster, &story, "1/3", 1).await?;
    visit(&cluster, &story, 3).await?;
    expect(&cluster, &story, "4/3", 1).await?;
    expect(&cluster, &story, "2/3", 2).await?;
    story.show("kubectl get pods", &kubectl.print(&["get", "pods"]).await?);
    adapter.terminate().await?;
    drop(cluster);
    story.tell("everything that was started has ended");
    Ok(())
}

/// Applies a manifest of the walkthrough.
async fn apply(cluster: &Cluster, story: &Story, file: &str) -> Result<()> {
    story.tell(&format!("$ kubectl apply -f e2e/walkthrough/{file}"));
    cluster.kubectl().apply(&manifest(&format!("walkthrough/{file}"))?).await
}

/// Opens the first pod's page `times` times.
async fn visit(cluster: &Cluster, story: &Story, times: usize) -> Result<()> {
    let address =
        cluster.kubectl().print(&["get", "pods", "--output", "jsonpath={.items[0].status.podIP}"]).await?;
    let page = format!("http://{address}:8080/");
    for _ in 0..times {
        let answer = web::get(&page).await?;
        ensure!(answer.body == "Hello, World!", "the application says {}", answer.body);
        story.show(&format!("curl {page}"), &answer.body);
    }
    Ok(())
}

/// Waits until `kubectl get hpa` shows this, and shows it.
async fn expect(cluster: &Cluster, story: &Story, ratio: &str, replicas: u32) -> Result<()> {
    let table = eventually(&format!("the HPA shows {ratio} and {replicas} replicas"), STEP, async || {
        let table = cluster.kubectl().print(&["get", "hpa"]).await?;
        let row = table.lines().last().unwrap_or_default();
        let columns: Vec<&str> = row.split_whitespace().collect();
        if !columns.contains(&ratio)
            || columns.get(columns.len().saturating_sub(2)) != Some(&&*replicas.to_string())
        {
            bail!("it shows\n{table}");
        }
        Ok(table)
    })
    .await?;
    story.show("kubectl get hpa", &table);
    Ok(())
}
