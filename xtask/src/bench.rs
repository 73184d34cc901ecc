//! `cargo xtask bench`: how fast, how small, how soon.
//!
//! Stubs of Prometheus and the Kubernetes API, the server under test and a load generator share this machine; the
//! figures are those of the whole, and the server's own CPU time stands beside them.
//!
//! **Invariant:** what is measured is a release build, by a release build.

mod adapter;
mod figure;
mod http;
mod kubernetes;
mod load;
mod process;
mod prometheus;
mod tsdb;

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_testkit::cluster::workspace;

/// Which bench.
#[derive(Debug, clap::Subcommand)]
pub enum Bench {
    /// Measure `plimsoll serve` under load: requests per second, memory, time to the first answer.
    Adapter(Options),
    /// Measure the series store and queries over it, beside a real Prometheus.
    Tsdb(tsdb::Options),
}

/// How to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The program whose `serve` is measured; built for release from this workspace when left out.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Rounds of each step, of which the best counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Seconds that a round lasts.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    seconds: u16,
    /// End with a failure when a target is missed.
    #[arg(long)]
    check: bool,
}

/// Runs a bench.
///
/// # Errors
/// When something cannot be built or started, or answers wrongly under load.
pub fn run(bench: &Bench) -> Result<ExitCode> {
    let options = match bench {
        Bench::Adapter(options) => options,
        Bench::Tsdb(options) => return tsdb::run(options),
    };
    if cfg!(debug_assertions) {
        return again_in_release(if options.binary.is_none() { &["plimsoll"] } else { &[] });
    }
    let binary = match &options.binary {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("plimsoll"),
    };
    let effort = adapter::Effort {
        rounds: options.rounds.into(),
        length: Duration::from_secs(options.seconds.into()),
    };
    let before = load_average();
    let said = |step: &str| eprintln!("measuring: {step}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = runtime.block_on(adapter::measure(&binary, effort, &said))?;
    print!("{}", figure::table(&figures));
    println!(
        "\nBest of {} rounds of {} s over {} connections; load average before {before}, after {}, on {} processors.\n\
         prometheus-adapter's figures were measured elsewhere on the same kind of machine.",
        options.rounds,
        options.seconds,
        adapter::CONNECTIONS,
        load_average(),
        std::thread::available_parallelism().map_or(0, usize::from),
    );
    let missed = figures.iter().filter(|figure| !figure.holds()).count();
    if options.check && missed > 0 {
        bail!("{missed} figures miss their target; they are marked ✗");
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds this program and the packages it measures for release, and lets that build measure.
pub(crate) fn again_in_release(packages: &[&str]) -> Result<ExitCode> {
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(workspace()).args(["build", "--release", "--package", "xtask"]);
    for package in packages {
        build.args(["--package", package]);
    }
    ensure!(build.status().context("cannot run cargo")?.success(), "the release build failed");
    // Cargo puts the programs of a profile into one folder beside that of the other.
    let debug = std::env::current_exe()?;
    let release = debug.parent().and_then(|folder| folder.parent()).context("no folder of programs")?;
    let status = Command::new(release.join("release/xtask"))
        .args(std::env::args_os().skip(1))
        .status()
        .context("cannot start the release build")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}
