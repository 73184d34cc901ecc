//! The selector of a metric, as `kubectl -l` would be given it: `{queue=mail, tier in (a, b), !canary}`.
//!
//! Not validated: the API server accepts selectors that the controller then refuses, and stories tell of them.
//!
//! **Invariant:** `key=value` becomes `matchLabels`, everything else `matchExpressions` in the order of writing.

use super::LIMITS;
use super::words::{Read, Words, error};
use crate::label_selector::{LabelSelector, LabelSelectorRequirement};

/// Reads `{…}` where the line goes on with it.
pub(super) fn maybe(words: &mut Words<'_>) -> Read<Option<LabelSelector>> {
    if !words.accept("{") {
        return Ok(None);
    }
    let mut selector = LabelSelector::default();
    while !words.accept("}") {
        if selector.match_labels.len() + selector.match_expressions.len() >= LIMITS.entries {
            return error(words.place(), format!("a selector has at most {} conditions", LIMITS.entries));
        }
        requirement(words, &mut selector)?;
        if !words.accept(",") && words.peek() != "}" {
            return error(words.place(), "the selector goes on with ',' or ends with '}'");
        }
    }
    Ok(Some(selector))
}

/// What a condition is about, and what comes right after it without a space.
fn key<'t>(words: &mut Words<'t>) -> Read<(String, bool, Option<&'t str>)> {
    if words.peek() == "\"" || words.peek() == "!" {
        let absent = words.accept("!");
        let key = words.quoted("the key of a label")?;
        let value = if words.peek().starts_with('=') { words.word("a value")?.text.get(1..) } else { None };
        return Ok((key, absent, value));
    }
    let word = words.word("a condition such as queue=mail")?;
    let (key, value) = match word.text.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (word.text, None),
    };
    if value.is_some_and(|value| value.starts_with('=')) || (value.is_some() && key.ends_with('!')) {
        return error(word.place, "write key=value, or 'key notin (value)' for the opposite");
    }
    match key.strip_prefix('!') {
        Some(key) => Ok((key.to_owned(), true, value)),
        None => Ok((key.to_owned(), false, value)),
    }
}

fn requirement(words: &mut Words<'_>, selector: &mut LabelSelector) -> Read<()> {
    let place = words.place();
    let (key, absent, value) = key(words)?;
    if let Some(value) = value {
        if absent {
            return error(place, "write 'key notin (value)' for a label that has another value");
        }
        // `key="value"` leaves the quotes for the next token.
        let value = match value {
            "" if words.peek() == "\"" => words.name("a value")?.0,
            value => value.to_owned(),
        };
        if selector.match_labels.insert(key.clone(), value).is_some() {
            return error(place, format!("the label '{key}' is asked for twice"));
        }
        return Ok(());
    }
    let operator = match () {
        () if absent => "DoesNotExist",
        () if words.accept("in") => "In",
        () if words.accept("notin") => "NotIn",
        () => "Exists",
    };
    let mut values = Vec::new();
    if matches!(operator, "In" | "NotIn") {
        words.expect("(")?;
        while !words.accept(")") {
            values.push(words.name("a value")?.0);
            if !words.accept(",") && words.peek() != ")" {
                return error(words.place(), "the values go on with ',' or end with ')'");
            }
        }
    }
    selector.match_expressions.push(LabelSelectorRequirement { key, operator: operator.to_owned(), values });
    Ok(())
}
