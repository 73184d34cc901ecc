//! Runs test files in Prometheus' test language and prints what differs.
//!
//! **Invariant:** fails if anything failed, and says how many evaluations passed in any case.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use plimsoll_promql::promqltest::run as run_file;

/// Which files to run.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Test files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Runs the files.
pub fn run(options: &Options) -> Result<ExitCode> {
    let (mut passed, mut failed) = (0, 0);
    for file in &options.files {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let report = run_file(&text);
        passed += report.passed.len();
        failed += report.failures.len();
        for failure in &report.failures {
            println!("{}:{}: {} ({})", file.display(), failure.line, failure.expr, failure.how);
            println!("  wanted {}", failure.wanted);
            println!("  got    {}", failure.got);
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
