//! The same series and queries in a real Prometheus, in the same run.
//!
//! A server in this process shows ten targets. At each scrape it makes the next values, appends them to the store and shows them
//! to Prometheus, so that both hold the same samples, a few milliseconds apart.
//!
//! **Invariant:** both are asked for the same time, and no figure is printed unless both gave as many series and the same sum.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_testkit::cluster::workspace;
use plimsoll_tsdb::{Options as StoreOptions, Store};
use tokio::time::Instant;

use super::queries::{QUERIES, Spread, time};
use super::series::{Numbers, Plan, Target};
use crate::bench::http::{self, Handler, Reply, Request};

const TARGETS: usize = 10;
const SERIES: usize = 20_000;
/// Between two scrapes.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long both gather samples: the windows of two minutes are full then, those of five are not.
const GATHER: Duration = Duration::from_secs(135);

/// A target that is scraped.
struct Shown {
    keys: Vec<String>,
    plan: Option<Plan>,
    target: Option<Target>,
    numbers: Numbers,
}

struct Targets(Vec<Mutex<Shown>>);

impl Handler for Targets {
    fn answer(&self, request: &Request<'_>) -> Reply {
        let number = request.target.rsplit('/').next().and_then(|number| number.parse::<usize>().ok());
        let Some(shown) = number.and_then(|number| self.0.get(number)) else { return Reply::missing() };
        let shown = &mut *shown.lock().unwrap_or_else(PoisonError::into_inner);
        match shown.next() {
            Ok(text) => Reply::Whole(
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\r\n{text}",
                    text.len()
                )
                .into(),
            ),
            Err(_) => Reply::missing(),
        }
    }
}

impl Shown {
    fn next(&mut self) -> Result<String> {
        let at = now()?;
        if let Some(plan) = self.plan.take() {
            self.target = Some(plan.create(at)?.0);
        } else if let Some(target) = &mut self.target {
            target.advance(&mut self.numbers);
            target.scrape(at)?;
        }
        Ok(self.target.as_ref().context("no target")?.exposition(&self.keys))
    }
}

/// A Prometheus that scrapes what this process shows it.
pub struct Rival {
    store: Store,
    child: Child,
    address: SocketAddr,
    started: Instant,
    folder: tempfile::TempDir,
}

impl Drop for Rival {
    fn drop(&mut self) {
        // Ended already is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Rival {
    /// Starts it, if it has been built.
    pub fn start() -> Result<Option<Self>> {
        let binary = workspace().join("e2e/bin/prometheus");
        if !binary.exists() {
            return Ok(None);
        }
        let store = Store::new(StoreOptions { memory_budget: 4 << 30, ..StoreOptions::default() })?;
        let mut targets = Vec::new();
        for number in 0..TARGETS {
            let mut numbers = Numbers(number as u64 + 1);
            let plan = Plan::new(&store, number, SERIES, &mut numbers)?;
            targets.push(Mutex::new(Shown { keys: plan.keys(), plan: Some(plan), target: None, numbers }));
        }
        let shown = http::serve("targets", Arc::new(Targets(targets)), None)?;
        let folder = tempfile::tempdir()?;
        let mut config = format!(
            "global:\n  scrape_interval: {0}s\n  scrape_timeout: {0}s\n\
             scrape_configs:\n- job_name: nodes\n  honor_labels: true\n  static_configs:\n",
            INTERVAL.as_secs()
        );
        for number in 0..TARGETS {
            config +=
                &format!("  - targets: ['{shown}']\n    labels: {{__metrics_path__: /metrics/{number}}}\n");
        }
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config)?;
        // Free a moment ago; whoever takes it in between makes the bench fail, not lie.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new(&binary)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Some(Self { store, child, address, started: Instant::now(), folder }))
    }

    /// Waits until both hold enough, and prints how long each takes.
    pub fn compare(&mut self) -> Result<()> {
        while self.started.elapsed() < GATHER {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("Prometheus has ended ({status}):\n{log}");
            }
            // A wait without a runtime: this thread has nothing else to do.
            std::thread::park_timeout(Duration::from_millis(200));
        }
        let memory = |process: &str| resident(process).map(|bytes| bytes / (TARGETS * SERIES));
        let before = memory(&self.child.id().to_string())?;
        println!(
            "\nThe same series in Prometheus: {TARGETS} targets x {SERIES} series, every {} s for {} s. Times are p50 (shortest) in ms by the wall clock.\n\
             Theirs is a request over a kept connection, answer read; ours is in this process: from the text, with a plan, and with a plan and the answer written as JSON.\n",
            INTERVAL.as_secs(),
            GATHER.as_secs()
        );
        println!(
            "| | query | series | Prometheus | from the text | planned | planned, JSON | ratios | target |"
        );
        println!("|---|---|--:|--:|--:|--:|--:|--:|--:|");
        let mut connection = Connection::open(self.address)?;
        let started = Instant::now();
        let clock = move || started.elapsed();
        for query in &QUERIES {
            let at = now()?;
            let took = time(&self.store, query.text, at, clock)?;
            let (series, sum) = connection.ask(query.text, at)?;
            ensure!(
                series == took.series && (sum - took.sum).abs() <= 0.01 * sum.abs(),
                "{}: Prometheus gives {series} series with the sum {sum}, we {} with {}",
                query.text,
                took.series,
                took.sum
            );
            let theirs =
                Spread::of(Duration::from_secs(4), clock, || connection.fetch(query.text, at).map(drop))?;
            let ms = |spread: Spread| {
                let write = |time: Duration| match time.as_secs_f64() * 1e3 {
                    ms if ms < 0.1 => format!("{ms:.4}"),
                    ms if ms < 10.0 => format!("{ms:.2}"),
                    ms => format!("{ms:.0}"),
                };
                format!("{} ({})", write(spread.middle), write(spread.least))
            };
            let ratio = |ours: Spread| theirs.middle.as_secs_f64() / ours.middle.as_secs_f64();
            let ratios = [took.cold, took.planned, took.written].map(ratio);
            let target = query.ratio.map_or(String::new(), |target| {
                format!("≥ {target:.0}×{}", if ratios[0] < target { " ✗" } else { "" })
            });
            println!(
                "| {} | `{}` | {series} | {} | {} | {} | {} | {:.0}×, {:.0}×, {:.0}× | {target} |",
                query.name,
                query.text,
                ms(theirs),
                ms(took.cold),
                ms(took.planned),
                ms(took.written),
                ratios[0],
                ratios[1],
                ratios[2],
            );
        }
        println!(
            "\nPrometheus holds {before} B per series resident before these queries, {} B after.",
            memory(&self.child.id().to_string())?
        );
        Ok(())
    }
}

/// Resident memory of a process in bytes.
pub fn resident(process: &str) -> Result<usize> {
    let path = PathBuf::from("/proc").join(process).join("status");
    let status = fs::read_to_string(&path).context("resident memory is read from /proc")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .with_context(|| format!("no VmRSS in {}", path.display()))?;
    let kilobytes: usize = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}

fn now() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

/// A connection that is kept.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("Prometheus does not answer")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// How many series a query gives, and the sum of their numbers.
    fn ask(&mut self, query: &str, at: i64) -> Result<(usize, f64)> {
        let body = self.fetch(query, at)?;
        let answer: serde_json::Value = serde_json::from_slice(&body)
            .with_context(|| format!("{query} gives {}", String::from_utf8_lossy(&body)))?;
        let samples = answer["data"]["result"].as_array().context("no vector")?;
        let value = |sample: &serde_json::Value| sample["value"][1].as_str()?.parse::<f64>().ok();
        Ok((samples.len(), samples.iter().filter_map(value).sum()))
    }

    /// The body of the answer to an instant query.
    fn fetch(&mut self, query: &str, at: i64) -> Result<Vec<u8>> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let time = format!("{}.{:03}", at / 1000, at % 1000);
        write!(
            self.stream,
            "GET /api/v1/query?query={query}&time={time} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )?;
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break self.take(end + 4)?;
            }
            self.more()?;
        };
        if let Some(length) = http::header(&head, "content-length") {
            return self.take(length.parse()?);
        }
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                    break end;
                }
                self.more()?;
            };
            let line = self.take(end + 2)?;
            let length = usize::from_str_radix(str::from_utf8(&line)?.trim(), 16)?;
            body.extend(self.take(length)?);
            self.take(2)?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.more()?;
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    fn more(&mut self) -> Result<()> {
        let before = self.buffer.len();
        self.buffer.resize(before + (64 << 10), 0);
        let read = self.stream.read(&mut self.buffer[before..])?;
        self.buffer.truncate(before + read);
        ensure!(read > 0, "Prometheus has closed the connection");
        Ok(())
    }
}
