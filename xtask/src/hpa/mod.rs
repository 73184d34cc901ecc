//! `cargo xtask hpa-cases`: the decision against recordings of the real controller; `hpa-diff`: against itself.
//!
//! Not the comparison itself; that is `plimsoll_hpa::recorded`.
//!
//! **Invariant:** the last line counts what passed and what failed, and the exit code tells the same; the lines before
//! count what was supplied or left out, and fields that were not read.

mod diff;
mod upstream;

pub use self::diff::{Diff, diff};

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use plimsoll_hpa::recorded::{self, Leniency};

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

/// What was found over all files.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    /// Lines that each leniency touched.
    leniencies: BTreeMap<Leniency, u64>,
    /// Lines with fields that nobody reads.
    unread: u64,
}

/// Checks every line of every file.
///
/// # Errors
/// A file that cannot be read, or a line that is not JSON.
pub fn cases(options: &Cases) -> Result<ExitCode> {
    let mut tally = Tally::default();
    for path in &options.files {
        file(path, options.show as u64, &mut tally)?;
    }
    for (leniency, lines) in &tally.leniencies {
        println!("{lines} {}: {leniency}", if *lines == 1 { "line" } else { "lines" });
    }
    if tally.unread > 0 {
        println!("{} lines have fields that are not read; they were compared all the same", tally.unread);
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn file(path: &Path, show: u64, tally: &mut Tally) -> Result<()> {
    let mut kinds: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    for (at, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        let place = format!("{}:{}", path.display(), at + 1);
        let checked = recorded::check_line(&line).with_context(|| place.clone())?;
        for &leniency in &checked.leniencies {
            *tally.leniencies.entry(leniency).or_default() += 1;
        }
        if !checked.unread.is_empty() {
            tally.unread += 1;
            if tally.unread <= show {
                println!("{place}: not read: {}", checked.unread.join(", "));
            }
        }
        let kind = kinds.entry(checked.kind).or_default();
        if checked.differences.is_empty() {
            tally.passed += 1;
            kind.0 += 1;
            continue;
        }
        tally.failed += 1;
        kind.1 += 1;
        if tally.failed <= show {
            println!("{place}: {}", checked.id);
            for difference in checked.differences.iter().take(12) {
                println!("    {difference}");
            }
        }
    }
    let (right, wrong) = kinds.values().fold((0, 0), |(a, b), (right, wrong)| (a + right, b + wrong));
    println!("{}: {right}/{}", path.display(), right + wrong);
    for (kind, (right, wrong)) in kinds {
        println!("    {kind}: {right}/{}", right + wrong);
    }
    Ok(())
}
