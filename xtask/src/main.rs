//! Development tasks. Not part of what ships.
//!
//! **Invariant:** a task says what it runs, and leaves nothing running behind.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program talks to a person")]

mod bench;
mod demo;
mod hpa;
mod promql_diff;
mod promqltest;

use std::process::ExitCode;

use clap::Parser;
use plimsoll_testkit::app;

/// Development tasks of Plimsoll.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Walk from a real Prometheus to a real HPA decision on a real control plane, in about a minute.
    Demo(demo::Options),
    /// Measure how fast, how small and how soon the programs are.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Run test files of PromQL in Prometheus' test language.
    Promqltest(promqltest::Options),
    /// Compare the query engine with Prometheus' own, over made-up queries and series.
    PromqlDiff(promql_diff::Options),
    /// Check decisions against recorded turns of the real HPA controller.
    HpaCases(hpa::Cases),
    /// Compare decisions with those of the real HPA controller on random sequences of turns.
    HpaDiff(hpa::Diff),
}

fn main() -> ExitCode {
    if let Some(code) = app::run_if_asked() {
        return code;
    }
    let result = match Task::parse() {
        Task::Demo(options) => demo::run(&options),
        Task::Bench(bench) => bench::run(&bench),
        Task::Promqltest(options) => promqltest::run(&options),
        Task::PromqlDiff(options) => promql_diff::run(&options),
        Task::HpaCases(options) => hpa::cases(&options),
        Task::HpaDiff(options) => hpa::diff(&options),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
