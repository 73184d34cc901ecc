//! `cargo xtask hpa-cases`: the decision against recordings of the real controller; `hpa-diff`: against itself.
//!
//! Not the comparison itself; that is `plimsoll_hpa::recorded`.
//!
//! **Invariant:** the last line counts what passed and what failed, and the exit code tells the same.

mod diff;
mod upstream;

pub use self::diff::{Diff, diff};

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use plimsoll_hpa::recorded;

/// Which recordings to check.
#[derive(Debug, clap::Args)]
pub struct Cases {
    /// Files of recorded turns, one JSON object a line.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How many differing lines to show.
    #[arg(long, default_value_t = 20)]
    show: usize,
}

/// Checks every line of every file.
///
/// # Errors
/// A file that cannot be read, or a line that is not JSON.
pub fn cases(options: &Cases) -> Result<ExitCode> {
    let (mut passed, mut failed) = (0_u64, 0_u64);
    for path in &options.files {
        let (mut right, mut wrong) = (0_u64, 0_u64);
        let mut kinds: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        for (at, line) in BufReader::new(file).lines().enumerate() {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            if line.trim().is_empty() {
                continue;
            }
            let checked = recorded::check_line(&line)
                .with_context(|| format!("{}, line {}", path.display(), at + 1))?;
            let kind = kinds.entry(checked.kind).or_default();
            if checked.differences.is_empty() {
                right += 1;
                kind.0 += 1;
                continue;
            }
            wrong += 1;
            kind.1 += 1;
            if failed + wrong <= options.show as u64 {
                println!("{} ({}, line {})", checked.id, path.display(), at + 1);
                for difference in checked.differences.iter().take(12) {
                    println!("    {difference}");
                }
            }
        }
        println!("{}: {right}/{}", path.display(), right + wrong);
        for (kind, (right, wrong)) in kinds {
            println!("    {kind}: {right}/{}", right + wrong);
        }
        passed += right;
        failed += wrong;
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
