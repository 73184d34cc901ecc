//! Any text is a query or an error with a place in it, and a query that is printed is the same query again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_promql::syntax::parse;

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(expr) => {
            let printed = expr.to_string();
            let again = match parse(&printed) {
                Ok(again) => again.to_string(),
                Err(error) => panic!("{text:?} prints as {printed:?}, which is refused: {error}"),
            };
            assert_eq!(again, printed, "{text:?} prints differently the second time");
        }
        Err(error) => {
            assert!(error.span.start <= error.span.end && error.span.end <= text.len(), "{error:?}");
            error.to_string();
        }
    }
});
