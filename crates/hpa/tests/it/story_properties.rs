//! Stories with slips in them: they are read or refused with a place that is there, and never more than that.

use std::path::PathBuf;
use std::sync::LazyLock;

use plimsoll_hpa::story::{Story, StoryError, TellError, observed, tell};
use proptest::prelude::*;

use crate::stories::files;

/// The project's own stories.
static STORIES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/stories");
    files(&folder).into_iter().map(|(_, text)| text).collect()
});

/// Their words, and some that are at the edge of something.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let edges = [
        "",
        "-1",
        "0",
        "2147483647",
        "-2147483648",
        "9223372036854775807",
        "9Ei",
        "1e400",
        "0s",
        "292y",
        "-5s",
        "2562047h47m16.854775807s",
        "100%",
        "-100%",
        "\"",
        "\\",
        "{",
        "}",
        "(",
        ")",
        ",",
        ":",
        "->",
        "#",
        "a-0",
        "to",
        "é",
        "\u{2028}",
        "\u{a0}",
        "\t",
        "web-1",
        "web-18446744073709551615",
        "10000",
        "1ns",
    ];
    let mut words: Vec<String> = edges.map(str::to_owned).into();
    words.extend(STORIES.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned));
    words.extend(Story::first_words());
    words.sort();
    words.dedup();
    words
});

/// One change of a text: what, where, and with which word or other line.
type Slip = (u8, prop::sample::Index, prop::sample::Index, prop::sample::Index);

fn slip(lines: &mut Vec<String>, (what, line, place, with): &Slip) {
    if lines.is_empty() {
        return;
    }
    let at = line.index(lines.len());
    let other = with.index(lines.len());
    match what % 8 {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[other].clone()),
        2 => lines.swap(at, other),
        3 => lines[at].insert(0, ' '),
        4 => lines[at] = lines[at].strip_prefix(' ').unwrap_or(&lines[at]).to_owned(),
        5 => {
            let chars: Vec<char> = lines[at].chars().collect();
            lines[at] = chars.iter().take(place.index(chars.len() + 1)).collect();
        }
        6 => {
            let chars = lines[at].chars().count();
            let before: String = lines[at].chars().take(place.index(chars + 1)).collect();
            let after: String = lines[at].chars().skip(before.chars().count()).collect();
            lines[at] = format!("{before}{}{after}", with.get(WORDS.as_slice()));
        }
        _ => {
            let mut words: Vec<&str> = lines[at].split(' ').collect();
            let word = place.index(words.len());
            words[word] = with.get(WORDS.as_slice()).as_str();
            lines[at] = words.join(" ");
        }
    }
}

fn reads(text: &str) -> Result<(), TestCaseError> {
    match Story::read(text) {
        Err(StoryError { place, message }) => {
            let lines = text.lines().count().max(1) as u32;
            prop_assert!((1..=lines).contains(&place.line), "{place} of {lines} lines: {message}");
            let line = text.lines().nth(place.line as usize - 1).unwrap_or_default();
            let columns = line.chars().count() as u32 + 1;
            prop_assert!((1..=columns).contains(&place.column), "{place} of {columns} columns: {message}");
            prop_assert!(!message.is_empty());
        }
        Ok(story) => {
            prop_assert_eq!(story.turns.len(), story.scenario.steps.len());
            prop_assert!(story.turns.iter().all(|turn| !turn.expected.is_empty()));
            for failure in story.check() {
                prop_assert!(!failure.to_string().is_empty());
            }
            let expected: Vec<_> = story.scenario.play().map(|played| observed(&played)).collect();
            let told = tell("Told again.", &story.scenario, &expected);
            prop_assert!(!matches!(told, Err(TellError::Different { .. })), "{told:?}");
            prop_assert_eq!(Story::read(text), Ok(story));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stories_with_slips_are_read_or_refused_at_a_place_of_theirs(
        story in any::<prop::sample::Index>(),
        slips in prop::collection::vec(any::<Slip>(), 1..6),
    ) {
        let mut lines: Vec<String> = story.get(STORIES.as_slice()).lines().map(str::to_owned).collect();
        for change in &slips {
            slip(&mut lines, change);
        }
        reads(&lines.join("\n"))?;
    }

    #[test]
    fn words_in_any_order_are_read_or_refused_at_a_place_of_theirs(
        words in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..12), 0..80),
    ) {
        let mut text = String::new();
        for (word, space) in words {
            text.push_str(word.get(WORDS.as_slice()).as_str());
            text.push_str(match space { 0 => "\n", 1 => "\n  ", 2 => "\n    ", 3 => "", _ => " " });
        }
        reads(&text)?;
        reads(&format!("kubernetes 1.37\nhpa web: 1 to 9 replicas of Deployment/web\n  resource cpu utilization 5%\npods: 3 ready\n{text}"))?;
    }
}
