//! What is measured of `plimsoll serve`, step by step.
//!
//! **Invariant:** each step starts from a server that has answered before, so that what it measures is steady.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_testkit::{
    certificates::{Authority, Identity},
    kubeconfig::{self, Credential},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::{
    figure::{Figure, Target, Unit},
    http,
    kubernetes::{Kubernetes, namespace, pod},
    load::{self, Dialer, Round, request},
    process::{Parts, Server},
    prometheus::{Inventory, Prometheus},
};

pub const CONNECTIONS: usize = 16;
const BURST: usize = 60;
/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(60);
/// Few series, as a small cluster has them.
const SMALL: Inventory = Inventory { metrics: 60, series: 10 };
/// 300,000 series of 500 metrics.
const LARGE: Inventory = Inventory { metrics: 500, series: 600 };

const RULES: &str = r#"
rules:
- seriesQuery: '{__name__=~"^app_.*_total$",namespace!="",pod!=""}'
  resources: {template: "<<.Resource>>"}
  name: {matches: "^(.*)_total$", as: "${1}_per_second"}
  metricsQuery: 'sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)'
"#;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds of each step; the best counts.
    pub rounds: usize,
    /// The length of a round.
    pub length: Duration,
}

/// The stubs, and how to reach them.
struct Stand {
    folder: TempDir,
    binary: PathBuf,
    kubeconfig: PathBuf,
    proxy: Identity,
}

/// Measures everything; `said` hears of each step before it starts.
pub async fn measure(binary: &Path, effort: Effort, said: &dyn Fn(&str)) -> Result<Vec<Figure>> {
    let stand = Stand::new(binary)?;
    let mut figures = Vec::new();

    said("first answers of new servers");
    figures.push(stand.first_answer(effort).await?);

    let prometheus = Prometheus::new(SMALL);
    let address = http::serve("prometheus", prometheus.clone(), None)?;
    let (mut server, _) = stand.start("small", address).await?;
    let dialer = Dialer::new(server.address, &stand.proxy)?;
    let mut traffic = Traffic { server: &server, dialer: &dialer, prometheus: &prometheus, effort };

    said("one pod");
    let one = request(&path(100, &pod(7), 0));
    let original = Some(1864.0);
    let rate = Some(Target::AtLeast(20_000.0));
    traffic.sustained("one pod", &vec![one; CONNECTIONS], rate, original, &mut figures).await?;
    let several: Vec<_> = (0..CONNECTIONS).map(|n| request(&path(100, &pod(n), 0))).collect();
    traffic.sustained("one pod, another on each connection", &several, None, None, &mut figures).await?;
    for pods in [10, 100, 1000] {
        said(&format!("`*` with {pods} pods"));
        let all = vec![request(&path(pods, "*", 0)); CONNECTIONS];
        let (rate, original) =
            if pods == 100 { (Some(Target::AtLeast(5_000.0)), Some(6.8)) } else { (None, None) };
        traffic.sustained(&format!("`*`, {pods} pods"), &all, rate, original, &mut figures).await?;
    }
    said("60 reads at once");
    traffic.bursts(&mut figures).await?;
    server.alive()?;
    drop(server);

    said("100 pods alone");
    let (server, _) = stand.start("hundred", address).await?;
    let dialer = Dialer::new(server.address, &stand.proxy)?;
    let all = vec![request(&path(100, "*", 0)); CONNECTIONS];
    load::round(&dialer, &all, effort.length).await?;
    let memory = server.memory()?;
    figures.push(
        Figure::new("memory with 100 pods, after traffic", memory.resident as f64, Unit::Memory)
            .target(Target::AtMost(25e6))
            .original(74e6)
            .note(memory.described()),
    );
    drop(server);

    said("300,000 series");
    let address = http::serve("many-series", Prometheus::new(LARGE), None)?;
    let (server, took) = stand.start("large", address).await?;
    let memory = server.memory()?;
    figures.push(
        Figure::new(
            "memory after discovering 300,000 series × 12 labels",
            memory.resident as f64,
            Unit::Memory,
        )
        .target(Target::AtMost(75e6))
        .original(748e6)
        .note(format!("{}; {:.1} s after the start", memory.described(), took.as_secs_f64())),
    );
    Ok(figures)
}

fn path(pods: usize, name: &str, metric: usize) -> String {
    let namespace = namespace(pods);
    format!(
        "/apis/custom.metrics.k8s.io/v1beta2/namespaces/{namespace}/pods/{name}/app_metric_{metric}_per_second"
    )
}

impl Stand {
    fn new(binary: &Path) -> Result<Self> {
        let cluster = Authority::new("cluster")?;
        let front = Authority::new("front-proxy")?;
        let server = cluster.server(&["127.0.0.1"])?;
        let certificate = CertificateDer::from_pem_slice(server.certificate.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes())?;
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
        let stub = Kubernetes::new(&front.pem(), &cluster.pem());
        let address = http::serve("kubernetes", stub, Some(TlsAcceptor::from(Arc::new(tls))))?;
        let folder = TempDir::with_prefix("plimsoll-bench-")?;
        let kubeconfig = folder.path().join("kubeconfig");
        let credential = Credential::Token("bench");
        kubeconfig::write(&kubeconfig, &format!("https://{address}"), &cluster.pem(), &credential)?;
        let proxy = front.client("front-proxy-client", None)?;
        Ok(Self { folder, binary: binary.to_owned(), kubeconfig, proxy })
    }

    /// A server, and how long it took from its start to its first good answer.
    async fn start(&self, name: &str, prometheus: std::net::SocketAddr) -> Result<(Server, Duration)> {
        let parts = Parts {
            binary: &self.binary,
            folder: self.folder.path(),
            prometheus,
            kubeconfig: &self.kubeconfig,
        };
        let mut server = Server::start(&parts, name, RULES)?;
        let dialer = Dialer::new(server.address, &self.proxy)?;
        let wanted = request(&path(10, &pod(1), 0));
        loop {
            let attempt = async {
                let mut connection = dialer.dial().await?;
                load::checked(&mut connection, &wanted).await
            };
            let failure = match attempt.await {
                Ok(()) => {
                    let took = server.started.elapsed();
                    return Ok((server, took));
                }
                Err(error) => error,
            };
            server.alive()?;
            if server.started.elapsed() > START {
                bail!("no good answer within {} s, but: {failure:#}\n{}", START.as_secs(), server.log());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn first_answer(&self, effort: Effort) -> Result<Figure> {
        let address = http::serve("prometheus", Prometheus::new(SMALL), None)?;
        let mut times = BTreeSet::new();
        for round in 0..(effort.rounds * 3) {
            let (server, took) = self.start(&format!("first-{round}"), address).await?;
            times.insert((took, server.cpu()?));
        }
        let (best, cpu) = times.first().copied().context("no round")?;
        let median = times.iter().nth(times.len() / 2).map_or(best, |(took, _)| *took);
        Ok(Figure::new("first good answer after the start", best.as_secs_f64(), Unit::Time)
            .target(Target::AtMost(0.2))
            .original(0.22)
            .note(format!("median {:.0} ms, CPU {:.0} ms", milliseconds(median), milliseconds(cpu))))
    }
}

/// A server under load.
struct Traffic<'a> {
    server: &'a Server,
    dialer: &'a Dialer,
    prometheus: &'a Prometheus,
    effort: Effort,
}

impl Traffic<'_> {
    /// Each connection sends its own request again and again.
    async fn sustained(
        &mut self,
        name: &str,
        requests: &[Vec<u8>],
        target: Option<Target>,
        original: Option<f64>,
        figures: &mut Vec<Figure>,
    ) -> Result<()> {
        // Fills caches, and lets the server's threads get going.
        load::round(self.dialer, requests, self.effort.length / 4).await?;
        let mut best: Option<Round> = None;
        let mut cheapest = Duration::MAX;
        let mut asked = 0.0;
        for _ in 0..self.effort.rounds {
            let (cpu, queries) = (self.server.cpu()?, self.prometheus.queries());
            let round = load::round(self.dialer, requests, self.effort.length).await?;
            let answers = round.answers + requests.len() as u64;
            cheapest = cheapest.min((self.server.cpu()? - cpu).div_f64(answers as f64));
            if best.as_ref().is_none_or(|best| best.rate() < round.rate()) {
                asked = (self.prometheus.queries() - queries) as f64 / answers as f64;
                best = Some(round);
            }
        }
        let best = best.context("no round")?;
        let mut figure = Figure::new(name, best.rate(), Unit::PerSecond).note(format!(
            "p50 {:.2} ms, p99 {:.2} ms; CPU {:.0} µs and {asked:.2} upstream queries a read",
            milliseconds(best.quantile(0.5)),
            milliseconds(best.quantile(0.99)),
            cheapest.as_secs_f64() * 1e6,
        ));
        figure.target = target;
        figure.original = original;
        figures.push(figure);
        Ok(())
    }

    async fn bursts(&mut self, figures: &mut Vec<Figure>) -> Result<()> {
        let same = vec![request(&path(100, "*", 0)); BURST];
        let different: Vec<_> = (0..BURST).map(|metric| request(&path(100, "*", metric))).collect();
        for (name, requests) in [("of one metric", &same), ("of 60 metrics", &different)] {
            let mut best = Duration::MAX;
            let mut fewest = u64::MAX;
            for _ in 0..self.effort.rounds * 3 {
                let queries = self.prometheus.queries();
                best = best.min(load::burst(self.dialer, requests).await?);
                fewest = fewest.min(self.prometheus.queries() - queries);
            }
            ensure!(fewest > 0, "the reads did not reach Prometheus");
            figures.push(
                Figure::new(
                    format!("60 concurrent `*` reads {name}, 100 pods"),
                    best.as_secs_f64(),
                    Unit::Time,
                )
                .target(Target::AtMost(0.1))
                .original(15.0),
            );
            figures.push(
                Figure::new("upstream queries for each of these", fewest as f64 / BURST as f64, Unit::Number)
                    .original(1.0),
            );
        }
        Ok(())
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
