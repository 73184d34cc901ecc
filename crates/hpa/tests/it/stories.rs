//! The project's own stories, and those of the page that describes their language.

use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_hpa::story::Story;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What is wrong with a story, each entry beginning with its place.
fn complaints(name: &str, text: &str) -> Vec<String> {
    match Story::read(text) {
        Err(error) => vec![format!("{name}:{error}")],
        Ok(story) if story.about.is_empty() => {
            vec![format!("{name}:1:1: say in a comment what a person learns here")]
        }
        Ok(story) => story.check().map(|failure| format!("{name}:{failure}")).collect(),
    }
}

pub(crate) fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).expect("the folder of the stories is there");
    let mut stories: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "story"))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a story is text"))
        })
        .collect();
    stories.sort();
    stories
}

#[test]
fn every_story_ends_as_it_is_told() {
    let stories = files(&root().join("testdata/stories"));
    assert!(stories.len() >= 30, "only {} stories", stories.len());
    let complaints: Vec<_> = stories.iter().flat_map(|(name, text)| complaints(name, text)).collect();
    assert!(complaints.is_empty(), "{} expectations fail:\n\n{}", complaints.len(), complaints.join("\n\n"));
}

/// An expectation of another number, status, text or outcome; `None` where a line has nothing of the kind.
fn falsified(line: &str) -> Option<String> {
    let swapped = [
        ("stays at", "stays at 1"),
        ("cannot decide", "stays at 9999"),
        ("no events", "event Warning FailedGetScale"),
        ("no error", "error \"nothing of this\""),
        ("no status write", "desired replicas 9999"),
        ("no condition ScaledToZero", "condition ScaledToZero True ScaledToZero"),
        ("shows nothing", "shows value 9999"),
    ];
    if let Some(text) = line.strip_suffix('"') {
        return Some(format!("{text}, but not so\""));
    }
    for (what, other) in swapped {
        if line.contains(what) {
            return Some(line.replace(what, other));
        }
    }
    if line.contains("condition ") {
        let other = if line.contains(" True ") {
            line.replace(" True ", " False ")
        } else {
            line.replace(" False ", " True ")
        };
        return Some(other);
    }
    let last = line.rfind(|c: char| c.is_ascii_digit())?;
    let digit = if &line[last..=last] == "7" { "8" } else { "7" };
    Some(format!("{}{digit}{}", &line[..last], &line[last + 1..]))
}

#[test]
fn every_expectation_of_every_story_can_fail() {
    let stories = files(&root().join("testdata/stories"));
    let examples = page().1.into_iter().map(|(line, text)| (format!("stories.md, below line {line}"), text));
    let (mut tried, mut held) = (0, Vec::new());
    for (name, text) in stories.into_iter().chain(examples) {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.trim_start().starts_with("-> ")) {
            let Some(other) = falsified(line) else { continue };
            let mut changed = lines.clone();
            changed[at] = &other;
            tried += 1;
            if complaints(&name, &changed.join("\n")).is_empty() {
                held.push(format!("{name}:{}: {other}", at + 1));
            }
        }
    }
    assert!(tried > 200, "only {tried} lines were tried");
    assert!(held.is_empty(), "these hold although they are not so:\n{}", held.join("\n"));
}

/// The page that describes the language, and its examples with the line each begins on.
fn page() -> (String, Vec<(usize, String)>) {
    let page = fs::read_to_string(root().join("../../docs/reference/stories.md")).expect("the page is there");
    let mut examples = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line == "```story" {
            let example = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            examples.push((at + 1, example.collect::<Vec<_>>().join("\n")));
        }
    }
    (page, examples)
}

#[test]
fn every_example_of_the_reference_page_ends_as_it_is_told() {
    let (_, examples) = page();
    assert!(examples.len() >= 6, "only {} examples", examples.len());
    let complaints: Vec<_> = examples
        .iter()
        .flat_map(|(line, text)| complaints(&format!("stories.md, below line {line}, line "), text))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

#[test]
fn every_word_of_the_language_is_in_an_example_of_the_reference_page() {
    let (_, examples) = page();
    let examples: String = examples.into_iter().map(|(_, text)| text + "\n").collect();
    for word in Story::first_words() {
        let found = examples.lines().any(|line| line.trim_start().starts_with(&word));
        assert!(found, "no line of an example begins with '{word}'");
    }
}
