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

fn requirement(words: &mut Words<'_>, selector: &mut LabelSelector) -> Read<()> {
    let word = words.word("a condition such as queue=mail")?;
    if let Some((key, value)) = word.text.split_once('=') {
        if key.ends_with('!') || value.starts_with('=') {
            return error(word.place, "write key=value, or 'key notin (value)' for the opposite");
        }
        // `key="value"` leaves the quotes for the next token.
        let value = match value {
            "" if words.peek() == "\"" => words.name("a value")?.0,
            value => value.to_owned(),
        };
        if selector.match_labels.insert(key.to_owned(), value).is_some() {
            return error(word.place, format!("the label '{key}' is asked for twice"));
        }
        return Ok(());
    }
    let (key, operator) = match word.text.strip_prefix('!') {
        Some(key) => (key, "DoesNotExist"),
        None if words.accept("in") => (word.text, "In"),
        None if words.accept("notin") => (word.text, "NotIn"),
        None => (word.text, "Exists"),
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
    selector.match_expressions.push(LabelSelectorRequirement {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values,
    });
    Ok(())
}
