//! Any text is a story or an error with a place in it; a story can be played, and what fails in it can be printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_hpa::story::Story;

/// Failures that are printed; a story of many turns may have thousands.
const PRINTED: usize = 20;

fuzz_target!(|text: &str| match Story::read(text) {
    Ok(story) => story.check().take(PRINTED).for_each(|failure| assert!(!failure.to_string().is_empty())),
    Err(error) => {
        let line = text.split('\n').nth(error.place.line as usize - 1);
        let columns = line.map(|line| line.chars().count() + 1);
        let within = columns.is_some_and(|columns| (1..=columns).contains(&(error.place.column as usize)));
        assert!(within, "{error}");
    }
});
