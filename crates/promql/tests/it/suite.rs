//! Test files: the project's own, and the recorded ones of Prometheus.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_promql::promqltest::{Failure, run};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    files
}

fn show(file: &Path, failure: &Failure) -> String {
    let Failure { line, expr, how, wanted, got } = failure;
    format!("{}:{line}: {expr} [{how}]\n  wanted {wanted}\n  got    {got}", file.display())
}

#[test]
fn the_projects_own_test_files_pass() {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata"));
    assert!(!files.is_empty(), "testdata has no test file");
    for file in files {
        let report = run(&fs::read_to_string(&file).unwrap());
        let failures: Vec<String> = report.failures.iter().map(|failure| show(&file, failure)).collect();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
        assert!(!report.passed.is_empty(), "{} asks nothing", file.display());
    }
}

#[test]
fn every_recorded_evaluation_gives_what_prometheus_gives() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/promqltest");
    let Ok(tiers) = fs::read_to_string(folder.join("tiers.tsv")) else {
        eprintln!("skipped: no recorded test files at {}", folder.display());
        return;
    };
    let mut tier_of: HashMap<(String, String), String> = HashMap::new();
    for line in tiers.lines().skip(1) {
        let mut fields = line.splitn(4, '\t');
        if let (Some(file), Some(_), Some(tier), Some(expr)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        {
            tier_of.insert((file.into(), expr.split_whitespace().collect::<Vec<_>>().join(" ")), tier.into());
        }
    }
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut failures = Vec::new();
    for file in files(&folder) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let tier = |expr: &str| {
            let normal = expr.split_whitespace().collect::<Vec<_>>().join(" ");
            tier_of.get(&(name.clone(), normal)).cloned().unwrap_or_else(|| "other".into())
        };
        let report = run(&fs::read_to_string(&file).unwrap());
        for (_, expr) in &report.passed {
            counts.entry(tier(expr)).or_default().0 += 1;
        }
        for failure in &report.failures {
            counts.entry(tier(&failure.expr)).or_default().1 += 1;
            failures.push(show(&file, failure));
        }
    }
    for (tier, (passed, failed)) in &counts {
        eprintln!("{tier}: {passed} passed, {failed} failed");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_wrong_expectation_fails_with_its_line_and_both_values() {
    let report = run("load 1m\n  up 1 2\n\neval instant at 1m up\n  up 3\n\neval instant at 1m up\n  up 2\n");
    assert_eq!(report.passed.len(), 1);
    let [failure] = &report.failures[..] else { panic!("{:?}", report.failures) };
    assert_eq!((failure.line, failure.expr.as_str()), (4, "up"));
    assert!(failure.wanted.contains('3') && failure.got.contains('2'), "{failure:?}");
}

#[test]
fn a_malformed_command_fails_and_the_next_one_runs() {
    let report =
        run("evil\n\nload x\n  up 1\n\neval instant at 0 sum(\n  up 1\n\neval instant at 0 1\n  1\n");
    assert_eq!(report.failures.len(), 3, "{:?}", report.failures);
    assert_eq!(report.passed.len(), 1);
}

#[test]
fn the_series_of_a_file_can_be_loaded_without_its_evaluations() {
    use plimsoll_promql::promqltest::load;
    let loaded =
        load("load 1m\n  up 1 2\n\neval instant at 1m sum(\n\neval instant at 1m up\n  up 2\n").unwrap();
    assert_eq!(loaded.evaluations, 2);
    let error = load("load 1m\n  up 1\n\nload 5\n  up 1\n").unwrap_err();
    assert_eq!(error.line, 4, "{error}");
    let many = format!("load 1m\n{}", "  up 0x99999\n".repeat(60));
    let error = load(&many).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the load commands hold more than 5000000 samples; repeat values less often"
    );
}
