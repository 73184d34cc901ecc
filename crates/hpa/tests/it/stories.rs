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
        Ok(story) => story.check().iter().map(|failure| format!("{name}:{failure}")).collect(),
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
    assert!(stories.len() >= 20, "only {} stories", stories.len());
    let complaints: Vec<_> = stories.iter().flat_map(|(name, text)| complaints(name, text)).collect();
    assert!(complaints.is_empty(), "{} expectations fail:\n\n{}", complaints.len(), complaints.join("\n\n"));
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
