//! Scenarios told as stories: what is told is read back, and the controller does the same in it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plimsoll_hpa::Profile;
use plimsoll_hpa::recorded::generate::{self, Draw};
use plimsoll_hpa::recorded::sequence;
use plimsoll_hpa::story::{Expectation, Story, TellError, observed, tell};

use crate::stories::files;

#[test]
fn every_story_can_be_told_again_with_its_expectations() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/stories");
    for (name, text) in files(&folder) {
        let story = Story::read(&text).expect("a story");
        let expected: Vec<Vec<Expectation>> = story
            .turns
            .iter()
            .map(|turn| turn.expected.iter().map(|expected| expected.what.clone()).collect())
            .collect();
        let told =
            tell(&story.about, &story.scenario, &expected).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = Story::read(&told).expect("what is told reads");
        assert_eq!(again.about, story.about, "{name}");
        let failures: Vec<_> = again.check().map(|failure| failure.to_string()).collect();
        assert!(failures.is_empty(), "{name} as it was told again:\n{told}\n{}", failures.join("\n"));
        let expected_again: Vec<Vec<Expectation>> = again
            .turns
            .iter()
            .map(|turn| turn.expected.iter().map(|expected| expected.what.clone()).collect())
            .collect();
        assert_eq!(expected_again, expected, "{name}");
    }
}

#[test]
fn sequences_that_nobody_thought_of_can_be_told() {
    let mut without_words: BTreeMap<String, u32> = BTreeMap::new();
    let mut told = 0;
    const SEQUENCES: u64 = 400;
    for seed in 0..SEQUENCES {
        let mut draw = Draw::of_seed(seed);
        let minor = Profile::NEWEST - (seed % 9) as u32;
        let made = generate::sequence(&mut draw, "made up", minor);
        let scenario = sequence::scenario(&made).expect("a sequence");
        let mut expected = Vec::new();
        for played in scenario.play() {
            let turn = observed(&played);
            let conditions = turn.iter().filter(|told| matches!(told, Expectation::Condition { .. })).count();
            // What the status had before the first turn may be of anybody.
            let before = &scenario.hpa.status.conditions;
            let own =
                played.decision.status.conditions.iter().filter(|condition| !before.contains(condition));
            let own = own.filter(|condition| !condition.kind.is_empty()).count();
            assert!(conditions >= own, "{made}\n{:?} is told as {turn:?}", played.decision.status.conditions);
            expected.push(turn);
        }
        match tell("Made up.", &scenario, &expected) {
            Ok(text) => {
                let failures: Vec<_> = Story::read(&text)
                    .expect("it reads")
                    .check()
                    .map(|failure| failure.to_string())
                    .collect();
                assert!(failures.is_empty(), "{text}\n{}", failures.join("\n"));
                told += 1;
            }
            Err(TellError::NoWords(what)) => *without_words.entry(what).or_default() += 1,
            Err(error) => panic!("{made}\n{error}"),
        }
    }
    assert!(told > SEQUENCES / 2, "only {told} of {SEQUENCES} can be told: {without_words:#?}");
}
