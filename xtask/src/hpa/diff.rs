//! `cargo xtask hpa-diff`: the decision against the real controller, on sequences that nobody thought of.
//!
//! Not the generator; that is `plimsoll_hpa::recorded::generate`.
//!
//! **Invariant:** the seed and the number of a sequence give the sequence; the last line counts what differs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use plimsoll_hpa::recorded::generate::{self, Draw};
use plimsoll_hpa::{Profile, recorded};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::upstream::Upstream;

/// How many sequences, and which.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// How many sequences to compare.
    #[arg(long, default_value_t = 2000)]
    count: u64,
    /// Which ones: the same seed gives the same sequences.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of the first one.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// The minor version of Kubernetes 1 whose rules are compared; not the newest needs `--program`.
    #[arg(long, default_value_t = Profile::NEWEST)]
    minor: u32,
    /// The real controller, `e2e/controlplane/hpa` built with the version's package; e2e/bin/hpa if not given.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// How many differences to make small and show.
    #[arg(long, default_value_t = 5)]
    show: usize,
    /// Appends sequences that differ, made small, with what the real controller did, to this file.
    #[arg(long, value_name = "FILE")]
    keep: Option<PathBuf>,
}

/// What became of a comparison.
#[derive(Debug, Default)]
pub struct Tally {
    /// Sequences compared.
    pub sequences: u64,
    /// Turns in them.
    pub turns: u64,
    /// Sequences that the real controller did not survive.
    pub unanswered: u64,
    /// Sequences that differ.
    pub different: Vec<Value>,
    /// How often each kind of difference was the first of a sequence.
    pub kinds: BTreeMap<String, u64>,
}

/// Compares, and shows differences.
///
/// # Errors
/// When the real controller is not built or does not start.
pub fn diff(options: &Diff) -> Result<ExitCode> {
    let program = options.program.clone().map_or_else(Upstream::program, Ok)?;
    let mut upstream = Upstream::start(program)?;
    let mut kept = match &options.keep {
        Some(path) => {
            let file = File::options().append(true).create(true).open(path);
            Some(file.with_context(|| format!("cannot write {}", path.display()))?)
        }
        None => None,
    };
    let mut shown = Instant::now();
    let numbers = options.from..options.from + options.count;
    let tally = compare(&mut upstream, options.minor, options.seed, numbers, |tally| {
        if shown.elapsed() > Duration::from_secs(10) {
            shown = Instant::now();
            eprintln!("{} sequences, {} differ", tally.sequences, tally.different.len());
        }
    })?;
    for sequence in tally.different.iter().take(options.show) {
        let small = recorded::shrink::shrink(sequence.clone(), |smaller| {
            answered(&mut upstream, smaller)
                .is_ok_and(|asked| !recorded::check(&asked).differences.is_empty())
        });
        let small = answered(&mut upstream, &small)?;
        println!("{small}");
        for difference in recorded::check(&small).differences {
            println!("    {difference}");
        }
        if let Some(file) = &mut kept {
            writeln!(file, "{small}")?;
        }
    }
    for (kind, count) in &tally.kinds {
        println!("{count} times {kind}");
    }
    println!(
        "{} sequences of {} turns, seed {}: {} differ, {} without an answer of the real controller",
        tally.sequences,
        tally.turns,
        options.seed,
        tally.different.len(),
        tally.unanswered
    );
    Ok(if tally.different.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Compares the sequences of these numbers.
///
/// # Errors
/// When the real controller cannot be started again.
pub fn compare(
    upstream: &mut Upstream,
    minor: u32,
    seed: u64,
    numbers: std::ops::Range<u64>,
    mut progress: impl FnMut(&Tally),
) -> Result<Tally> {
    let mut tally = Tally::default();
    for number in numbers {
        // Far apart, so that no two sequences share their choices.
        let mut draw = Draw::of_seed(
            seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93),
        );
        let sequence = generate::sequence(&mut draw, &format!("{seed}-{number}"), minor);
        tally.sequences += 1;
        match answered(upstream, &sequence) {
            Ok(asked) => {
                tally.turns += asked["steps"].as_array().map_or(0, Vec::len) as u64;
                if let Some(kind) = kind_of_difference(&asked) {
                    tally.different.push(sequence);
                    *tally.kinds.entry(kind).or_default() += 1;
                }
            }
            Err(error) => {
                eprintln!("{error:#}\n{sequence}");
                tally.unanswered += 1;
            }
        }
        progress(&tally);
    }
    Ok(tally)
}

/// The sequence with what the real controller did in each step.
fn answered(upstream: &mut Upstream, sequence: &Value) -> Result<Value> {
    let turns = upstream.answer(sequence)?;
    let mut asked = sequence.clone();
    for (step, turn) in asked["steps"].as_array_mut().into_iter().flatten().zip(turns) {
        step["expected"] = json!(turn);
    }
    Ok(asked)
}

/// The first difference of a sequence without its numbers.
fn kind_of_difference(asked: &Value) -> Option<String> {
    const LONGEST: usize = 160;
    let differences = recorded::check(asked).differences;
    let kind: String = differences.first()?.chars().filter(|c| !c.is_ascii_digit()).take(LONGEST).collect();
    Some(kind)
}

#[cfg(test)]
mod tests {
    use plimsoll_hpa::{Profile, story::Story};
    use plimsoll_testkit::cluster::workspace;

    use super::*;

    /// Nothing, with the reason printed, where it is not built.
    fn upstream() -> Option<Upstream> {
        let program = Upstream::program().inspect_err(|reason| eprintln!("skipped: {reason}")).ok()?;
        Some(Upstream::start(program).unwrap())
    }

    #[test]
    fn made_up_sequences_are_decided_as_by_the_real_controller() {
        let Some(mut upstream) = upstream() else { return };
        let tally = compare(&mut upstream, Profile::NEWEST, 1, 0..2_000, |_| ()).unwrap();
        assert!(tally.different.is_empty(), "{:?}, first {}", tally.kinds, tally.different[0]);
        assert_eq!((tally.sequences, tally.unanswered), (2_000, 0));
        assert!(tally.turns > 8_000, "only {} turns", tally.turns);
    }

    /// Their own test says that the library does as they are told; this one that Kubernetes does.
    #[test]
    fn stories_go_as_with_the_real_controller() {
        let Some(mut upstream) = upstream() else { return };
        let mut played = 0;
        for entry in std::fs::read_dir(workspace().join("crates/hpa/testdata/stories")).unwrap() {
            let path = entry.unwrap().path();
            let story = Story::read(&std::fs::read_to_string(&path).unwrap()).unwrap();
            // The program is built from the newest version only.
            if story.scenario.profile.minor() != Profile::NEWEST {
                continue;
            }
            let sequence = recorded::record::sequence(&story.scenario, &path.display().to_string()).unwrap();
            let asked = answered(&mut upstream, &sequence).unwrap();
            let differences = recorded::check(&asked).differences;
            assert!(differences.is_empty(), "{}: {differences:#?}", path.display());
            played += 1;
        }
        assert!(played >= 15, "only {played} stories");
    }

    #[test]
    fn another_answer_is_a_difference() {
        let mut draw = Draw::of_seed(3);
        let mut sequence = generate::sequence(&mut draw, "3", Profile::NEWEST);
        for step in sequence["steps"].as_array_mut().into_iter().flatten() {
            step["expected"] = json!({"desiredReplicas": 12_345});
        }
        assert!(kind_of_difference(&sequence).is_some());
    }
}
