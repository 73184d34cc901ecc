//! `cargo xtask bench tsdb`: memory per series, nanoseconds per sample, time per look-up and query of the series store.
//!
//! Each size runs in a process of its own, because resident memory is the process' and what is freed does not always leave it. The data is
//! made up in the proportions of a cluster: container counters with nanoseconds, memory in pages, request counters, histogram
//! buckets, and the many values that hardly ever change.
//!
//! Times are the thread's own processor time: all of this is one thread's work, and other programs on the machine then count for little.
//!
//! **Invariant:** making up the data is not in the time that is printed, and not in the memory.

mod queries;
mod rival;
mod series;

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_model::matcher::{MatchOp, Matcher};
use plimsoll_model::series::{SeriesSource as _, TimeRange};
use plimsoll_tsdb::{Options as StoreOptions, Store};
use queries::{QUERIES, Spread, time};
use rival::{Rival, resident};
use rustix::time::{ClockId, clock_gettime};
use series::{INTERVAL, Numbers, Plan, START, Target};

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
    /// Leave the comparison with a real Prometheus out.
    #[arg(long)]
    alone: bool,
}

/// Prints the figures of 200,000 and of 1,000,000 series, and queries beside those of a real Prometheus.
pub fn run(options: &Options) -> Result<ExitCode> {
    if cfg!(debug_assertions) {
        return super::again_in_release(&[]);
    }
    let Some(targets) = options.targets else {
        let program = std::env::current_exe()?;
        println!("load average {} before", super::load_average());
        // It gathers samples while the others are measured, by their own processor time.
        let mut rival = if options.alone { None } else { Rival::start()? };
        for (targets, series) in [(10, 20_000), (50, 20_000), (10_000, 100)] {
            let (targets, series) = (format!("--targets={targets}"), format!("--series={series}"));
            let status = Command::new(&program)
                .args(["bench", "tsdb", &targets, &series, &format!("--scrapes={}", options.scrapes)])
                .status()
                .context("cannot start the measuring process")?;
            ensure!(status.success(), "the measuring process failed");
        }
        match &mut rival {
            Some(rival) => rival.compare()?,
            None if options.alone => {}
            None => {
                println!("no comparison with Prometheus: e2e/bin/prometheus is not there; e2e/build makes it")
            }
        }
        println!("load average {} after", super::load_average());
        return Ok(ExitCode::SUCCESS);
    };
    measure(targets, options.series, options.scrapes)?;
    Ok(ExitCode::SUCCESS)
}

fn measure(targets: usize, series: usize, scrapes: usize) -> Result<()> {
    let budget = 4 << 30;
    let store = Store::new(StoreOptions { memory_budget: budget, ..StoreOptions::default() })?;
    let mut numbers = Numbers(1);
    let before = resident("self")?;
    let mut all = Vec::with_capacity(targets);
    let mut creating = Duration::ZERO;
    let offset = |target: usize| START + (target as i64 * 7919) % INTERVAL;
    for target in 0..targets {
        let plan = Plan::new(&store, target, series, &mut numbers)?;
        let (made, took) = plan.create(offset(target))?;
        creating += took;
        all.push(made);
    }
    let (mut appending, mut longest, mut peak) = (Duration::ZERO, Duration::ZERO, 0);
    for scrape in 1..scrapes {
        for (number, target) in all.iter_mut().enumerate() {
            target.advance(&mut numbers);
            let took = target.scrape(offset(number) + scrape as i64 * INTERVAL)?;
            appending += took;
            longest = longest.max(took);
        }
        peak = peak.max(store.bytes());
    }
    let total = targets * series;
    // What the generator holds per series is known and not the store's.
    let own = total * Target::OWN_BYTES;
    let used = resident("self")?.saturating_sub(before + own);
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
    // The targets are stated for this many.
    ask(&store, total == 200_000, START + scrapes as i64 * INTERVAL)?;
    let after = resident("self")?.saturating_sub(before + own);
    println!(
        "  memory   {:>8.1} MiB resident after these queries, {} B per series",
        mib(after),
        after / total
    );
    let number = targets / 2;
    look_up_changed(&store, START + scrapes as i64 * INTERVAL, number, &mut all[number])
}

/// Times a look-up of what is known already but for one target, which has a new series each time.
fn look_up_changed(store: &Store, now: i64, number: usize, target: &mut Target) -> Result<()> {
    let matchers = [Matcher::equal("__name__", "container_cpu_usage_seconds_total")];
    let range = TimeRange { start: now - 120_000, end: now };
    let mut shortest = Duration::MAX;
    for round in 1..=10 {
        target.grow(number, now + round)?;
        let start = spent();
        store.view().select(&matchers, range);
        shortest = shortest.min(spent().saturating_sub(start));
    }
    println!(
        "  query    all of a metric, after one target has a new series: found in {:.3} ms",
        ms(shortest)
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
        let start = spent();
        store.view().select(&matchers, range(minutes));
        let first = spent().saturating_sub(start);
        let (again, ids) = best(|| store.view().select(&matchers, range(minutes)));
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
            "  query    {what}: {} series found in {:.3} ms, again in {:.3} ms; {samples} samples read in {:.3} ms; labels in {:.3} ms",
            ids.len(),
            ms(first),
            ms(again),
            ms(read),
            ms(label),
        );
    }
    Ok(())
}

/// Times the queries; what misses its target is marked.
fn ask(store: &Store, targets: bool, now: i64) -> Result<()> {
    for query in &QUERIES {
        let took = time(store, query.text, now, spent)?;
        let write = |spread: Spread, target: Option<f64>| {
            let mut text = format!("{:.4} ms", ms(spread.least));
            if let Some(target) = target.filter(|_| targets) {
                text += &format!(" (at most {target}{})", if ms(spread.least) > target { " ✗" } else { "" });
            }
            text
        };
        println!(
            "  ask      {} {}\n           {} series; from the text {}, planned {}, with {} kB of JSON {}",
            query.name,
            query.text,
            took.series,
            write(took.cold, query.targets.0),
            write(took.planned, query.targets.1),
            took.bytes / 1000,
            write(took.written, None),
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

fn mib(bytes: usize) -> f64 {
    bytes as f64 / 1048576.0
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn per(duration: Duration, count: usize) -> f64 {
    duration.as_secs_f64() * 1e9 / count.max(1) as f64
}
