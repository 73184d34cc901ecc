//! `cargo xtask bench tsdb`: memory per series, nanoseconds per sample, time per look-up of the series store.
//!
//! Each size runs in a process of its own, because resident memory is the process' and what is freed does not always leave it. The data is
//! made up in the proportions of a cluster: container counters with nanoseconds, memory in pages, request counters, histogram
//! buckets, and the many values that hardly ever change.
//!
//! Times are the thread's own processor time: all of this is one thread's work, and other programs on the machine then count for little.
//!
//! **Invariant:** making up the data is not in the time that is printed, and not in the memory.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_model::matcher::{MatchOp, Matcher};
use plimsoll_model::series::{SeriesSource as _, TimeRange};
use plimsoll_tsdb::{Options as StoreOptions, SeriesRef, Store, Writer};
use rustix::time::{ClockId, clock_gettime};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Measure this many targets in this very process, instead of both sizes in processes of their own.
    #[arg(long)]
    targets: Option<usize>,
    /// Series of each target.
    #[arg(long, default_value_t = 20_000)]
    series: usize,
    /// Scrapes, 15 seconds apart.
    #[arg(long, default_value_t = 240)]
    scrapes: usize,
}

/// Prints the figures of 200,000 and of 1,000,000 series.
pub fn run(options: &Options) -> Result<ExitCode> {
    if cfg!(debug_assertions) {
        return crate::bench::again_in_release(&[]);
    }
    let Some(targets) = options.targets else {
        let program = std::env::current_exe()?;
        for (targets, series) in [(10, 20_000), (50, 20_000), (10_000, 100)] {
            let (targets, series) = (format!("--targets={targets}"), format!("--series={series}"));
            let status = Command::new(&program)
                .args(["bench", "tsdb", &targets, &series, &format!("--scrapes={}", options.scrapes)])
                .status()
                .context("cannot start the measuring process")?;
            ensure!(status.success(), "the measuring process failed");
        }
        return Ok(ExitCode::SUCCESS);
    };
    measure(targets, options.series, options.scrapes)?;
    Ok(ExitCode::SUCCESS)
}

/// What the values of a series do.
#[derive(Clone, Copy)]
enum Course {
    Nanoseconds,
    Pages,
    Requests,
    Gauge,
    Constant,
}

const INTERVAL: i64 = 15_000;
const START: i64 = 1_700_000_000_000;

/// A small generator of numbers: the same ones in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below.max(1)
    }
}

struct Source {
    writer: Writer,
    refs: Vec<SeriesRef>,
    courses: Vec<Course>,
    integers: Vec<u64>,
    values: Vec<f64>,
}

/// The labels of a series, about nine, sorted by name.
fn labels(target: usize, index: usize, count: usize) -> (Vec<(&'static str, String)>, Course) {
    let fifth = count / 5;
    let (family, at) = (index / fifth.max(1), index % fifth.max(1));
    let pod = at / 5;
    let namespace = (target * 31 + pod / 25) % 40;
    let (name, course) = match (family, at % 5) {
        (0, _) => ("container_cpu_usage_seconds_total", Course::Nanoseconds),
        (1, _) => ("http_request_duration_seconds_bucket", Course::Requests),
        (2, 0) => ("container_memory_working_set_bytes", Course::Pages),
        (2, 1) => ("container_memory_rss", Course::Pages),
        (2, _) => ("http_requests_total", Course::Requests),
        (3, 0 | 1) => ("queue_depth", Course::Gauge),
        (3, _) => ("kube_pod_container_status_ready", Course::Constant),
        (_, 0) => ("process_start_time_seconds", Course::Constant),
        _ => ("kube_pod_status_phase", Course::Constant),
    };
    let mut labels = vec![
        ("__name__", name.to_owned()),
        ("container", format!("c{}", at % 5)),
        ("instance", format!("10.0.{}.{}:8080", target / 250, target % 250)),
        ("job", "nodes".to_owned()),
        ("namespace", format!("namespace-{namespace}")),
        ("node", format!("node-{target}")),
        ("pod", format!("service-{}-7f9c6d5b8-{target:04x}{pod:04x}", pod / 10)),
        ("service", format!("service-{}", pod / 10)),
    ];
    match family {
        1 => labels.insert(4, ("le", ["0.005", "0.05", "0.5", "5", "+Inf"][at % 5].to_owned())),
        4 => labels.insert(
            6,
            ("phase", ["Pending", "Running", "Succeeded", "Failed", "Unknown"][at % 5].to_owned()),
        ),
        _ => {}
    }
    (labels, course)
}

impl Source {
    fn advance(&mut self, numbers: &mut Numbers) {
        for ((course, integer), value) in self.courses.iter().zip(&mut self.integers).zip(&mut self.values) {
            *value = match course {
                Course::Nanoseconds => {
                    *integer += 1_000_000_000 + numbers.next(4_000_000_000);
                    *integer as f64 / 1e9
                }
                Course::Pages => {
                    *integer = (*integer + numbers.next(400)).saturating_sub(200).max(10_000);
                    (*integer * 4096) as f64
                }
                Course::Requests => {
                    *integer += numbers.next(60);
                    *integer as f64
                }
                Course::Gauge => {
                    *integer = numbers.next(50);
                    *integer as f64
                }
                Course::Constant => *integer as f64,
            };
        }
    }

    /// One scrape; the time that the store takes for it.
    fn scrape(&mut self, at: i64) -> Result<Duration> {
        let Self { writer, refs, values, .. } = self;
        let start = spent();
        let mut scrape = writer.begin(at)?;
        for (series, value) in refs.iter().zip(values.iter()) {
            scrape.set(*series, *value)?;
        }
        scrape.commit();
        Ok(spent().saturating_sub(start))
    }
}

fn measure(targets: usize, series: usize, scrapes: usize) -> Result<()> {
    let budget = 4 << 30;
    let store = Store::new(StoreOptions { memory_budget: budget, ..StoreOptions::default() })?;
    let mut numbers = Numbers(1);
    let before = resident()?;
    let mut sources = Vec::with_capacity(targets);
    let mut creating = Duration::ZERO;
    for target in 0..targets {
        let mut source = Source {
            writer: store.writer(&format!("target-{target}"))?,
            refs: Vec::with_capacity(series),
            courses: Vec::with_capacity(series),
            integers: Vec::with_capacity(series),
            values: vec![0.0; series],
        };
        let mut all = Vec::with_capacity(series);
        for index in 0..series {
            let (labels, course) = labels(target, index, series);
            source.courses.push(course);
            source.integers.push(1 + numbers.next(1 << 30));
            all.push(labels);
        }
        source.advance(&mut numbers);
        let start = spent();
        let mut scrape = source.writer.begin(START + (target as i64 * 7919) % INTERVAL)?;
        for (labels, value) in all.iter().zip(&source.values) {
            let series = scrape.series(labels.iter().map(|(name, value)| (*name, value.as_str())))?;
            scrape.set(series, *value)?;
            source.refs.push(series);
        }
        scrape.commit();
        creating += spent().saturating_sub(start);
        sources.push(source);
    }
    let (mut appending, mut longest, mut peak) = (Duration::ZERO, Duration::ZERO, 0);
    for scrape in 1..scrapes {
        for (target, source) in sources.iter_mut().enumerate() {
            source.advance(&mut numbers);
            let at = START + (target as i64 * 7919) % INTERVAL + scrape as i64 * INTERVAL;
            let took = source.scrape(at)?;
            appending += took;
            longest = longest.max(took);
        }
        peak = peak.max(store.bytes());
    }
    let total = targets * series;
    // What the generator holds per series is known and not the store's: reference, course, integer, value.
    let own = total * (size_of::<SeriesRef>() + size_of::<Course>() + 8 + 8);
    let used = resident()?.saturating_sub(before + own);
    let samples = total * (scrapes - 1);
    println!("{targets} targets x {series} series = {total} series, {scrapes} scrapes:");
    println!(
        "  memory   {:>8.1} MiB resident, {} B per series with labels and index",
        mib(used),
        used / total
    );
    println!("           {:>8.1} MiB by the store's own count, {:.1} at most", mib(store.bytes()), mib(peak));
    println!(
        "  append   {:>8.1} ns per sample, sealing included; longest scrape {:.2} ms",
        per(appending, samples),
        ms(longest)
    );
    println!("  create   {:>8.1} ns per new series", per(creating, total));
    look_up(&store, START + scrapes as i64 * INTERVAL)?;
    let after = resident()?.saturating_sub(before + own);
    println!(
        "  memory   {:>8.1} MiB resident after these queries, {} B per series",
        mib(after),
        after / total
    );
    Ok(())
}

fn look_up(store: &Store, now: i64) -> Result<()> {
    let equal = Matcher::equal;
    let range = |minutes: i64| TimeRange { start: now - minutes * 60_000, end: now };
    let regex = |name, pattern| Matcher::new(name, MatchOp::Regex, pattern);
    let cpu = "container_cpu_usage_seconds_total";
    let questions = [
        (
            "one service in a namespace",
            vec![
                equal("__name__", "http_requests_total"),
                equal("namespace", "namespace-0"),
                equal("service", "service-0"),
            ],
            2,
        ),
        (
            "one pod by pattern",
            vec![equal("__name__", cpu), equal("namespace", "namespace-0"), regex("pod", "service-0-.*")?],
            2,
        ),
        ("all of a metric", vec![equal("__name__", cpu)], 2),
        ("all of a metric, one hour", vec![equal("__name__", cpu)], 60),
        ("all of a job", vec![equal("job", "nodes")], 2),
    ];
    for (what, matchers, minutes) in questions {
        let (select, ids) = best(|| store.view().select(&matchers, range(minutes)));
        let (read, samples) = best(|| {
            let (mut samples, mut sum) = (0, 0.0);
            store.view().read(&ids, range(minutes), &mut |_, columns| {
                samples += columns.values.len();
                sum += columns.values.iter().sum::<f64>();
                true
            });
            std::hint::black_box(sum);
            samples
        });
        if ids.is_empty() {
            bail!("nothing matches {what}");
        }
        let view = store.view();
        let (label, _) = best(|| ids.iter().map(|id| view.labels(*id).len()).sum::<usize>());
        println!(
            "  query    {what}: {} series found in {:.3} ms; {samples} samples read in {:.3} ms; labels in {:.3} ms",
            ids.len(),
            ms(select),
            ms(read),
            ms(label),
        );
    }
    Ok(())
}

/// The shortest of some runs, and what the last one returned.
fn best<T>(mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut shortest = Duration::MAX;
    let mut round = || {
        let start = spent();
        let result = run();
        shortest = shortest.min(spent().saturating_sub(start));
        result
    };
    let mut result = round();
    for _ in 0..9 {
        result = round();
    }
    (shortest, result)
}

/// Processor time that this thread has used.
fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Resident memory of this process in bytes.
fn resident() -> Result<usize> {
    let status =
        std::fs::read_to_string("/proc/self/status").context("resident memory is read from /proc")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS in /proc/self/status")?;
    let kilobytes: usize = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / 1048576.0
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn per(duration: Duration, count: usize) -> f64 {
    duration.as_secs_f64() * 1e9 / count.max(1) as f64
}
