//! Recorded turns of kube-controller-manager, read from beside the workspace.

use std::fs;
use std::path::PathBuf;

use plimsoll_hpa::recorded::check_line;

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn every_line_agrees(file: &str, least: usize) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/hpa").join(file);
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let checked: Vec<_> =
        text.lines().map(|line| check_line(line).expect("recorded lines are JSON")).collect();
    assert!(checked.len() >= least, "only {} lines", checked.len());
    let failed: Vec<_> = checked.iter().filter(|checked| !checked.differences.is_empty()).collect();
    let shown: Vec<_> = failed
        .iter()
        .take(20)
        .map(|checked| format!("{}: {}", checked.id, checked.differences.join("\n  ")))
        .collect();
    assert!(failed.is_empty(), "{} of {} lines differ:\n{}", failed.len(), checked.len(), shown.join("\n"));
}

#[test]
fn parts_and_single_turns_are_those_of_upstreams_own_tests() {
    every_line_agrees("cases.jsonl", 200);
}

#[test]
fn random_single_turns_are_those_of_the_real_controller() {
    every_line_agrees("oracle.jsonl", 900);
}

#[test]
fn sequences_of_turns_are_those_of_the_real_controller() {
    every_line_agrees("sequences.jsonl", 1000);
}

#[test]
fn sequences_that_once_differed_are_those_of_the_real_controller() {
    let text = include_str!("../../testdata/once-different.jsonl");
    assert!(text.lines().count() >= 8, "a line was lost");
    for line in text.lines() {
        let checked = check_line(line).expect("our own lines are JSON");
        assert!(checked.differences.is_empty(), "{}: {}", checked.id, checked.differences.join("\n  "));
    }
}
