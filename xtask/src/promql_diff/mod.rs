//! `cargo xtask promql-diff`: made-up queries over made-up series, answered by Prometheus' own engine and by ours.
//!
//! Not a test of stores: both engines read the same samples from memory.
//!
//! **Invariant:** the same seed asks the same questions; the last line counts every comparison as equal, explained or
//! differing, and the exit code tells whether anything differed.

mod answer;
mod broken;
mod case_file;
mod cause;
mod compare;
mod data;
mod explained;
mod oracle;
mod query;
mod random;
mod shrink;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use plimsoll_promql::eval::When;
use plimsoll_promql::promqltest::MemorySource;
use tokio::time::Instant;

use answer::{Answer, everything, ours};
use compare::Difference;
use data::Data;
use oracle::Oracle;
use random::Random;

/// Queries over one set of series.
const QUERIES: usize = 60;

/// What to compare.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many queries to compare.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Seed of the queries and the series.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many differing queries to shrink and show.
    #[arg(long, default_value_t = 10)]
    show: usize,
    /// How many queries to show of each explanation.
    #[arg(long, default_value_t = 0)]
    examples: usize,
    /// Only the queries over this set of series, counted from 0.
    #[arg(long)]
    only: Option<u64>,
    /// Folder into which the shrunk differences are written as test files.
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
    /// Another program instead of the one that `e2e/build` makes, for example around another version of Prometheus.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// A query, its time (absent where it is only read), and its series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    data: Data,
    query: String,
    when: Option<When>,
}

/// What a run found.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub compared: usize,
    pub refused: usize,
    /// The questions of each reason.
    pub explained: BTreeMap<&'static str, Vec<String>>,
    pub differing: Vec<(Case, Difference)>,
    pub kinds: BTreeMap<String, usize>,
}

impl Tally {
    fn explain(&mut self, reason: &'static str, case: &Case) {
        let question = format!("{} {}", shrink::shown_when(case.when), case.query);
        self.explained.entry(reason).or_default().push(question);
    }

    fn count_explained(&self) -> usize {
        self.explained.values().map(Vec::len).sum()
    }
}

/// Compares, shrinks what differs, and says what was found.
///
/// # Errors
/// The program around Prometheus' engine is not built, or ended.
pub fn run(options: &Options) -> Result<ExitCode> {
    let started = Instant::now();
    let mut oracle = Oracle::start(&options.program.clone().unwrap_or_else(oracle::program))?;
    let tally = compare_many(&mut oracle, options.count, options.seed, options.only)?;
    let seconds = started.elapsed().as_secs_f64();
    for (case, found) in tally.differing.iter().take(options.show) {
        let (case, found) = shrink::shrink(&mut oracle, case, found)?;
        println!("{}", shrink::report(&case, &found));
        if let Some(folder) = &options.write {
            case_file::write(folder, &mut oracle, &case)?;
        }
    }
    for (kind, count) in &tally.kinds {
        println!("{count} differing: {kind}");
    }
    for (reason, questions) in &tally.explained {
        println!("{} explained: {reason}", questions.len());
        questions.iter().take(options.examples).for_each(|question| println!("    {question}"));
    }
    let explained = tally.count_explained();
    println!(
        "{} compared (seed {}; {} refused by both) in {seconds:.0} s: {} equal, {explained} explained, {} differ",
        tally.compared,
        options.seed,
        tally.refused,
        tally.compared - explained - tally.differing.len(),
        tally.differing.len()
    );
    Ok(if tally.differing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cases(seed: u64, stream: u64, count: usize) -> (Data, Vec<Case>) {
    let mut random = Random::new(seed, stream);
    let data = data::generate(&mut random);
    let mut cases = Vec::with_capacity(count);
    for _ in 0..count {
        let asked = query::generate(&mut random, data.end());
        let spoiled = random.chance(15);
        let query = if spoiled { broken::spoil(&mut random, &asked.query) } else { asked.query };
        cases.push(Case { data: data.clone(), query, when: Some(asked.when) });
    }
    (data, cases)
}

pub(crate) fn compare_many(oracle: &mut Oracle, count: usize, seed: u64, only: Option<u64>) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut stream = only.unwrap_or(0);
    while tally.compared < count {
        let (data, cases) = cases(seed, stream, QUERIES.min(count - tally.compared));
        let source =
            MemorySource::loaded(&data.text()).map_err(|error| anyhow!("{error}\n{}", data.text()))?;
        oracle.load(&everything(&source))?;
        for case in &cases {
            oracle.ask(&case.query, case.when)?;
        }
        oracle.flush()?;
        let mut again = Vec::new();
        for case in cases {
            let got = ours(&source, &case.query, case.when);
            let wanted = oracle.answer()?;
            tally.compared += 1;
            tally.refused += usize::from(wanted.refused.is_some() && got.refused.is_some());
            match judge(&case, &wanted, &got) {
                Verdict::Equal => {}
                Verdict::Differs(_) => again.push(case),
                Verdict::Explained(reason) => tally.explain(reason, &case),
            }
        }
        for case in again {
            match ask_both(oracle, &case, CAUSES)? {
                Verdict::Equal => tally.explain(SEVERAL_ANSWERS, &case),
                Verdict::Explained(reason) => tally.explain(reason, &case),
                Verdict::Differs(found) => {
                    *tally.kinds.entry(format!("{:?}", found.what)).or_default() += 1;
                    tally.differing.push((case, found));
                }
            }
        }
        stream += 1;
        if only.is_some() {
            break;
        }
    }
    Ok(tally)
}

/// Upstream walks over Go maps between the steps of a range query, and whenever it counts values. What depends on the
/// order of series is then different each time: which of equals `limitk` keeps, which duplicate an error names, the last
/// bit of a sum. One of its answers must be ours.
const SEVERAL_ANSWERS: &str = "asked again, upstream itself answers in several ways, of which one is ours";
/// At once, so that neither pipe fills up; and how many times that.
const ASK_AGAIN: usize = 40;
const ROUNDS: usize = 10;

/// Asks upstream about the loaded series again and again, until it answers as we do.
fn answers_as_we_do(oracle: &mut Oracle, case: &Case, got: &Answer) -> Result<bool> {
    for _ in 0..ROUNDS {
        for _ in 0..ASK_AGAIN {
            oracle.ask(&case.query, case.when)?;
        }
        oracle.flush()?;
        let mut found = false;
        for _ in 0..ASK_AGAIN {
            found |= !matches!(judge(case, &oracle.answer()?, got), Verdict::Differs(_));
        }
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

enum Verdict {
    Equal,
    Explained(&'static str),
    Differs(Difference),
}

fn judge(case: &Case, wanted: &Answer, got: &Answer) -> Verdict {
    let Some(found) = compare::difference(
        wanted,
        got,
        explained::precision(&case.query),
        explained::has_order(&case.query),
    ) else {
        return Verdict::Equal;
    };
    match explained::explain(case, wanted, got, &found) {
        Some(explanation) => Verdict::Explained(explanation.reason),
        None => Verdict::Differs(found),
    }
}

/// How many causes a difference may have at once.
const CAUSES: usize = 3;

/// Asks both about one case. Where they differ: takes out of it each cause that may be the reason, up to `causes` in a row, and asks
/// both about what is left; then asks upstream whether it has several answers.
fn ask_both(oracle: &mut Oracle, case: &Case, causes: usize) -> Result<Verdict> {
    let source = MemorySource::loaded(&case.data.text()).map_err(|error| anyhow!(error))?;
    let all = everything(&source);
    oracle.load(&all)?;
    oracle.ask(&case.query, case.when)?;
    oracle.flush()?;
    let (got, wanted) = (ours(&source, &case.query, case.when), oracle.answer()?);
    let Verdict::Differs(found) = judge(case, &wanted, &got) else { return Ok(judge(case, &wanted, &got)) };
    let possible = if causes > 0 { explained::possible(case, &wanted, &got, &found) } else { Vec::new() };
    for (explanation, without) in &possible {
        if !matches!(ask_both(oracle, without, causes - 1)?, Verdict::Differs(_)) {
            return Ok(Verdict::Explained(explanation.reason));
        }
    }
    if !possible.is_empty() {
        oracle.load(&all)?;
    }
    Ok(if answers_as_we_do(oracle, case, &got)? { Verdict::Equal } else { Verdict::Differs(found) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_queries_are_answered_as_by_prometheus() {
        let program = oracle::program();
        if !program.exists() {
            eprintln!("skipped: {} is missing; `e2e/build` makes it", program.display());
            return;
        }
        let mut oracle = Oracle::start(&program).unwrap();
        let tally = compare_many(&mut oracle, 5_000, 1, None).unwrap();
        let shown: Vec<String> =
            tally.differing.iter().take(5).map(|(case, found)| shrink::report(case, found)).collect();
        assert!(shown.is_empty(), "{} differ:\n{}", tally.differing.len(), shown.join("\n"));
        // Most queries say something, and most mistakes are found.
        assert!(tally.compared == 5_000 && tally.refused > 400, "{tally:?}");
        let explained = tally.count_explained();
        assert!(explained < 250, "{explained} explained: {:?}", tally.explained.keys());
    }

    #[test]
    fn a_wrong_answer_is_noticed() {
        let series = |bits: &str| answer::Series {
            labels: vec![("job".into(), "a".into())],
            times: vec![0],
            values: vec![bits.into()],
            ..answer::Series::default()
        };
        let answer = |bits: &str| Answer {
            printed: "x".into(),
            kind: "vector".into(),
            result: vec![series(bits)],
            ..Answer::default()
        };
        let differ = |one: &Answer, other: &Answer| {
            compare::difference(one, other, compare::Precision::Exact, true).map(|found| found.what)
        };
        let one = answer("3ff0000000000000");
        assert_eq!(differ(&one, &one), None);
        assert_eq!(differ(&one, &answer("3ff0000000000001")), Some(compare::What::Values));
        let warned = Answer { warnings: vec!["PromQL warning: w (1:1)".into()], ..one.clone() };
        assert_eq!(differ(&one, &warned), Some(compare::What::Annotations));
    }
}
