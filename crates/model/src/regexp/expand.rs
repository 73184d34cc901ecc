//! Templates such as `${1}_per_second`, filled with the groups of a match.
//!
//! Not the `regex` crate's replacement syntax, which differs in names with letters beyond ASCII, leading zeros and
//! unclosed braces.
//!
//! **Invariant:** whatever is no reference is copied unchanged.

use super::GoRegexp;

pub(super) fn expand(regexp: &GoRegexp, template: &str, captures: &regex::Captures<'_>) -> String {
    let mut out = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some((name, after)) = reference(rest) else {
            out.push('$');
            continue;
        };
        rest = after;
        let group = match number(name) {
            Some(number) => captures.get(number).map(|group| group.as_str()),
            None => regexp.named(captures, name),
        };
        out.push_str(group.unwrap_or_default());
    }
    out.push_str(rest);
    out
}

/// The name behind a dollar, and what follows the reference.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (braced, text) = match text.strip_prefix('{') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let length =
        text.find(|character: char| character != '_' && !character.is_alphanumeric()).unwrap_or(text.len());
    let (name, rest) = text.split_at(length);
    if name.is_empty() {
        return None;
    }
    if braced { Some((name, rest.strip_prefix('}')?)) } else { Some((name, rest)) }
}

/// A group's number: decimal without leading zeros. Anything else is a name.
fn number(name: &str) -> Option<usize> {
    if (name.len() > 1 && name.starts_with('0')) || !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    name.parse().ok().filter(|&number| number < 1_000_000_000)
}
