//! Decisions as the person on call reads them, and as JSON.
//!
//! Each `testdata/explained/*.story` is played, and what its turns say stands beside it in a `.txt`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_hpa::story::Story;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/explained")
}

fn story(path: &Path) -> Story {
    let text = fs::read_to_string(path).expect("a story that can be read");
    let story = Story::read(&text).unwrap_or_else(|error| panic!("{}:{error}", path.display()));
    let failures: Vec<String> = story.check().map(|failure| failure.to_string()).collect();
    assert_eq!(failures, [""; 0], "{}", path.display());
    story
}

/// All turns of a story as text.
fn told(story: &Story) -> String {
    let mut text = String::new();
    for (played, turn) in story.scenario.play().zip(&story.turns) {
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{gap}at {}s\n{}", turn.now.0 as f64 / 1e9, played.decision);
    }
    text
}

/// Compares with a file of the project; what is new is left in the target folder to be looked at and copied.
fn same_as_file(path: &Path, text: &str) {
    let expected = fs::read_to_string(path).unwrap_or_default();
    if text != expected {
        let name = path.file_name().expect("a name");
        let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&new, text).expect("a target folder that can be written");
        panic!("{}:\n{text}differs; if it is right, copy {} there", path.display(), new.display());
    }
}

#[test]
fn each_limit_and_each_failure_is_told_in_a_few_lines() {
    let mut stories: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the folder of stories")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "story"))
        .collect();
    stories.sort();
    assert!(stories.len() >= 14, "only {} stories", stories.len());
    for path in stories {
        let text = told(&story(&path));
        for line in text.lines() {
            assert!(line.chars().count() <= 120, "{}: too long: {line}", path.display());
        }
        same_as_file(&path.with_extension("txt"), &text);
    }
}

#[test]
fn a_decision_is_json_with_how_it_came_about() {
    let story = story(&folder().join("policies.story"));
    let played = story.scenario.play().nth(1).expect("two turns");
    let mut json = serde_json::to_string_pretty(&played.decision).expect("JSON");
    json.push('\n');
    same_as_file(&folder().join("policies.json"), &json);
}
