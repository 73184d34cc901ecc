//! Queries with a mistake: a token left out, put in, exchanged, doubled or cut.
//!
//! **Invariant:** most are no PromQL; what is, is compared like any other query.

use super::random::Random;

const TOKENS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "=",
    "=~",
    "!~",
    "!=",
    "==",
    "!",
    "+",
    "-",
    "*",
    "/",
    "^",
    "%",
    "@",
    "offset",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "and",
    "or",
    "unless",
    "sum",
    "topk",
    "count_values",
    "rate",
    "nope",
    "x",
    "5m",
    "1",
    "1.5.2",
    "1e",
    "0x",
    "\"a\"",
    "'b'",
    "`c`",
    "\"",
    "'",
    "`",
    "start",
    "end",
    "step",
    "range",
    "max_of",
    "min_of",
    "fill",
    "fill_left",
    "anchored",
    "smoothed",
    "</",
    ">/",
    "<",
    ">",
    "atan2",
    "NaN",
    "Inf",
    "inf",
    "#",
    "é",
    "$",
    "1m1",
    "0s",
    "-1m",
    "a:b",
    ":",
    "..",
    "~",
    ";",
    "\\",
    "info",
    "1d1h",
    "5ms5s",
];

fn tokens(query: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':');
        let end = if word(first) {
            rest.find(|c: char| !word(c)).unwrap_or(rest.len())
        } else if matches!(first, '"' | '\'' | '`') {
            rest[1..].find(first).map_or(rest.len(), |at| at + 2)
        } else {
            first.len_utf8()
        };
        out.push(&rest[..end]);
        rest = &rest[end..];
    }
    out
}

/// The query with one or two mistakes.
pub fn spoil(random: &mut Random, query: &str) -> String {
    let mut parts: Vec<String> = tokens(query).into_iter().map(str::to_owned).collect();
    for _ in 0..1 + random.below(2) {
        if parts.is_empty() {
            break;
        }
        let at = random.below(parts.len());
        match random.below(7) {
            0 | 1 => {
                parts.remove(at);
            }
            2 | 3 => parts.insert(at, random.pick(TOKENS).to_owned()),
            4 => parts[at] = random.pick(TOKENS).to_owned(),
            5 => {
                let other = random.below(parts.len());
                parts.swap(at, other);
            }
            _ => {
                if random.chance(50) {
                    parts.truncate(at);
                } else {
                    let again = parts[at].clone();
                    parts.insert(at, again);
                }
            }
        }
    }
    parts.concat()
}
