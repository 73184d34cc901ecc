//! Patterns against Go's results, errors and hints, limits, and arbitrary input.

use std::collections::BTreeMap;

use super::*;

/// Texts that each accepted pattern of `testdata/regexp/rows.jsonl` is tried on.
const TEXTS: [&str; 28] = [
    "",
    "a",
    "ab",
    "aab",
    "aaa_total",
    "http_requests_total",
    "x_12",
    "größe",
    "É",
    "ſ",
    "\u{212a}",
    "a b",
    "a\nb",
    "a.b",
    "[a]",
    "-",
    "]",
    "A",
    "\u{a0}",
    "１",
    "_",
    "a_x_b",
    "z9",
    "\t",
    "a\\b",
    "😀",
    "aaaa",
    "a_x",
];

/// Each row holds a pattern and what Go makes of it: its refusal, or its groups and the expansion of `as` for the texts
/// in which it occurs.
#[test]
fn patterns_give_what_go_gives() {
    let rows = include_str!("../../testdata/regexp/rows.jsonl");
    let mut wrong = Vec::new();
    for row in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(row).expect("a row is JSON");
        let pattern = row["pattern"].as_str().expect("a row has a pattern");
        let compiled = GoRegexp::new(pattern);
        let regexp = match (&compiled, row["refused"].as_str()) {
            (Ok(regexp), None) => regexp,
            (Err(error), Some(refused)) if without_hint(error) == refused => continue,
            _ => {
                wrong.push(format!("{row}\n  gave {compiled:?}"));
                continue;
            }
        };
        let template = row["as"].as_str().unwrap_or_default();
        let expected: BTreeMap<String, String> =
            serde_json::from_value(row["matches"].clone()).expect("texts");
        let actual: BTreeMap<String, String> = TEXTS
            .into_iter()
            .filter_map(|text| {
                let captures = regexp.captures(text)?;
                Some((text.to_owned(), regexp.expand(template, &captures)))
            })
            .collect();
        if actual != expected || Some(regexp.groups() as u64) != row["groups"].as_u64() {
            wrong.push(format!("{row}\n  gave {} groups, {actual:?}", regexp.groups()));
        }
    }
    assert!(wrong.is_empty(), "{} rows differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn without_hint(error: &RegexpError) -> String {
    RegexpError { hint: None, ..error.clone() }.to_string()
}

#[test]
fn what_re2_lacks_is_named() {
    let rows = [
        (
            "foo(?=bar)",
            "invalid or unsupported Perl syntax: `(?=` (RE2 has no lookahead; exclude with a second condition, !~ or isNot)",
        ),
        (
            "^(?!go_)",
            "invalid or unsupported Perl syntax: `(?!` (RE2 has no lookahead; exclude with a second condition, !~ or isNot)",
        ),
        (
            "(?<!a)b",
            "invalid named capture: `(?<!a)b` (RE2 has no lookbehind; match the text around it, or add a second filter)",
        ),
        (r"(a)\1", r"invalid escape sequence: `\1` (RE2 has no backreferences)"),
        (
            "a++",
            "invalid nested repetition operator: `++` (RE2 has no possessive quantifiers; leave the second + out)",
        ),
        (
            "*_total",
            "missing argument to repetition operator: `*` (write \\ before it to mean the character itself)",
        ),
    ];
    for (pattern, message) in rows {
        let error = GoRegexp::new(pattern).unwrap_err().to_string();
        assert_eq!(error, format!("error parsing regexp: {message}"), "{pattern}");
    }
}

#[test]
fn groups_are_found_by_number_and_name() {
    let regexp = GoRegexp::new("^kube_(?P<group>.+?)_(?<resource>.+?)(_x)?$").expect("compiles");
    assert_eq!(regexp.as_str(), "^kube_(?P<group>.+?)_(?<resource>.+?)(_x)?$");
    assert_eq!(regexp.groups(), 3);
    assert_eq!(regexp.group_names().collect::<Vec<_>>(), [Some("group"), Some("resource"), None]);
    assert!(regexp.is_match("kube_apps_deployment") && !regexp.is_match("kube__pod"));
    let captures = regexp.captures("kube_apps_deployment").expect("matches");
    assert_eq!(regexp.named(&captures, "group"), Some("apps"));
    assert_eq!(regexp.named(&captures, "resource"), Some("deployment"));
    assert_eq!(regexp.named(&captures, "kind"), None);
}

#[test]
fn each_class_that_go_names_compiles() {
    let names = class::names();
    assert!(names.len() > 190, "{}", names.len());
    for name in names {
        let pattern = format!(r"[\p{{{name}}}]");
        GoRegexp::new(&pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    }
}

#[test]
fn size_and_nesting_are_bounded() {
    let rows = [
        ("a".repeat(MAX_PATTERN + 1), Problem::TooLarge),
        (r"\pL{1000}".to_owned(), Problem::TooLarge),
        (format!("{}a{}", "(".repeat(101), ")".repeat(101)), Problem::TooDeep),
        ("(?:".repeat(5000), Problem::TooDeep),
    ];
    for (pattern, problem) in rows {
        assert_eq!(GoRegexp::new(&pattern).map(|_| ()).map_err(|error| error.problem), Err(problem));
    }
    for pattern in [
        format!("{}a{}", "(".repeat(100), ")*".repeat(100)),
        "(?i)".to_owned() + &"a?(?i)".repeat(2000),
        format!("a{}", "(?i)*".repeat(90)),
    ] {
        GoRegexp::new(&pattern).unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(GoRegexp::new(&format!("a{}", "(?i)*".repeat(3000))).is_err());
}

mod arbitrary {
    use proptest::prelude::*;

    use super::super::GoRegexp;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn no_pattern_makes_compiling_panic(
            pattern in prop_oneof![
                "\\PC{0,30}",
                "([a-c.*+?|()^$\\[\\]{}0-9,\\\\-]|\\(\\?[imsU:-]{0,3}[:)]|\\(\\?P<n>|\\\\[a-zA-Z0-9]|\\[\\[:alpha:\\]|\\\\p\\{[A-Z][a-z]?\\}){0,12}",
            ],
            template in "([$]|[{}0-9an_é]|\\PC){0,12}",
            text in "[a-c0-9_\\n]{0,12}|\\PC{0,12}",
        ) {
            if let Ok(regexp) = GoRegexp::new(&pattern)
                && let Some(captures) = regexp.captures(&text)
            {
                regexp.expand(&template, &captures);
            }
        }
    }
}
