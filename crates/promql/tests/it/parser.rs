//! Queries read, refused and printed.

use std::fs;
use std::path::Path;

use plimsoll_promql::syntax::parse;
use proptest::prelude::*;

/// Lines of `testdata/print.txt`: a query, and where it differs, ` => ` and its normal form.
#[test]
fn a_query_prints_in_its_normal_form_and_reads_back_to_it() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/print.txt")).unwrap();
    let mut count = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (query, normal) = line.split_once(" => ").unwrap_or((line, line));
        let printed = parse(query).unwrap_or_else(|error| panic!("{query}: {error}")).to_string();
        assert_eq!(printed, normal, "{query}");
        assert_eq!(parse(&printed).unwrap().to_string(), printed, "{query}");
        count += 1;
    }
    assert!(count > 30);
}

/// Lines of `testdata/refused.txt`: a query, ` => `, and the error.
#[test]
fn a_wrong_query_is_refused_with_the_place_and_the_reason() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/refused.txt")).unwrap();
    let mut count = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (query, wanted) = line.split_once(" => ").unwrap();
        match parse(query) {
            Ok(expr) => panic!("{query} was read as {expr}"),
            Err(error) => assert_eq!(error.to_string(), wanted, "{query}"),
        }
        count += 1;
    }
    assert!(count > 20);
}

#[test]
fn an_error_shows_its_line_with_carets_below_the_place() {
    let error = parse("sum(\n  rate(x)\n)").unwrap_err();
    assert_eq!((error.line, error.column), (2, 8));
    assert_eq!(error.excerpt, "  rate(x)\n       ^");
}

#[test]
fn nesting_is_bounded() {
    let deep = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(parse(&deep).unwrap_err().message.contains("nest deeper than"));
    let minus = format!("{}x", "-".repeat(10_000));
    assert!(parse(&minus).unwrap_err().message.contains("nest deeper than"));
    let long = vec!["x"; 10_000].join(" + ");
    assert!(parse(&long).unwrap_err().message.contains("operators in a row"));
    assert!(parse(&" ".repeat(100_000)).unwrap_err().message.contains("at most"));
}

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "sum",
        "by",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "5m",
        "1",
        "-",
        "+",
        "^",
        "*",
        "/",
        "offset",
        "@",
        "start",
        "x",
        "rate",
        "foo",
        "=",
        "=~",
        "\"a\"",
        ",",
        ":",
        "on",
        "group_left",
        "bool",
        "==",
        "and",
        "or",
        "unless",
        "fill",
        "step",
        "range",
        "min_of",
        "</",
        ">/",
        "anchored",
        "smoothed",
        "info",
        "1e",
        "0x",
        "é",
        "`",
        "'",
        "\\",
        "#",
        "\n",
        "count_values",
        "topk",
        "Inf",
        "NaN",
        "!~",
        "!",
        "..",
    ]);
    prop::collection::vec(word, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn what_is_read_reads_back_from_its_printed_form(text in words()) {
        if let Ok(expr) = parse(&text) {
            let printed = expr.to_string();
            let again = parse(&printed);
            prop_assert!(again.is_ok(), "{text:?} printed as {printed:?}: {}", again.unwrap_err());
            prop_assert_eq!(again.unwrap().to_string(), printed);
        }
    }
}
