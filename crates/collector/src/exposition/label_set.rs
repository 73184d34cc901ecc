//! Names and braces, which both formats share.
//!
//! **Invariant:** a set names the metric exactly once, and each label at most once.

use plimsoll_model::labels::{BUCKET_BOUND, Label, Labels, METRIC_NAME};

use super::cursor::{Cursor, Read};
use super::{Format, Kind, number};

/// What surrounds a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Of a sample, whose name may stand inside.
    Sample,
    /// Of an exemplar, which has no name.
    Exemplar,
}

/// The name and the labels of a sample. `kind` is the latest `TYPE`.
pub(super) fn series(cursor: &mut Cursor<'_>, format: Format, kind: Option<Kind>) -> Read<Labels> {
    let start = cursor.at;
    let name = cursor.take_name(true);
    let mut labels = Vec::new();
    if name.is_empty() && cursor.peek() != Some(b'{') {
        let message = format!("a sample begins with its name, and this is {}", cursor.found());
        return Err(cursor.error(message, "name{label=\"value\"} 1; a comment begins with #"));
    }
    if !name.is_empty() {
        labels.push(label(METRIC_NAME, name));
    }
    let before = *cursor;
    if format == Format::Text {
        cursor.take_blanks();
    }
    if cursor.take(b'{') {
        braces(cursor, format, Role::Sample, &mut labels)?;
    } else {
        // Blanks belong to what follows.
        *cursor = before;
    }
    if !labels.iter().any(|label| *label.name == *METRIC_NAME) {
        let fix = "name{label=\"value\"}, or {\"name\",label=\"value\"}";
        return Err(cursor.error_at(start, "the sample has no name", fix));
    }
    if let Some(bound) = match kind {
        Some(Kind::Histogram) => Some(BUCKET_BOUND),
        Some(Kind::Summary) => Some("quantile"),
        _ => None,
    } {
        for label in labels.iter_mut().filter(|label| *label.name == *bound) {
            if let Some(normal) = number::normal(&label.value) {
                label.value = normal.into();
            }
        }
    }
    Ok(Labels::new(labels))
}

/// What stands behind an opening brace, with the closing one.
pub(super) fn braces(
    cursor: &mut Cursor<'_>,
    format: Format,
    role: Role,
    labels: &mut Vec<Label>,
) -> Read<()> {
    let blanks = |cursor: &mut Cursor<'_>| {
        if format == Format::Text {
            // Line breaks inside braces end nothing, but are no blanks either.
            cursor.take_blanks();
        }
    };
    // Names inside samples may span lines in both formats, values only in the text format; exemplars nowhere.
    let name_lines = role == Role::Sample;
    let value_lines = format == Format::Text;
    loop {
        blanks(cursor);
        if cursor.take(b'}') {
            return Ok(());
        }
        let start = cursor.at;
        let quoted = cursor.take_quoted("a name", name_lines)?;
        let bare = if quoted.is_none() { cursor.take_name(false) } else { "" };
        if quoted.is_none() && bare.is_empty() {
            let message = format!("a label's name is expected here, not {}", cursor.found());
            let fix = match cursor.peek() {
                Some(b',') => "take one comma away",
                Some(b'\'') => "write double quotes",
                Some(b' ' | b'\t') => "OpenMetrics has no blanks between braces: take them away",
                _ => "label=\"value\", then a comma or }",
            };
            return Err(cursor.error(message, fix));
        }
        blanks(cursor);
        let is_name = quoted.is_some() && matches!(cursor.peek(), Some(b',' | b'}'));
        let (name, value) = match quoted {
            Some(name) if is_name => {
                if role == Role::Exemplar {
                    return Err(cursor.error_at(
                        start,
                        "an exemplar has labels, but no name",
                        "label=\"value\"",
                    ));
                }
                (METRIC_NAME.to_owned(), name)
            }
            name => {
                let name = name.unwrap_or_else(|| bare.to_owned());
                if !cursor.take(b'=') {
                    let message =
                        format!("`=` is expected behind the label `{name}`, not {}", cursor.found());
                    return Err(cursor.error(message, format!("{name}=\"value\"")));
                }
                blanks(cursor);
                let Some(value) = cursor.take_quoted("a label's value", value_lines)? else {
                    let message =
                        format!("the value of `{name}` is expected in double quotes, not {}", cursor.found());
                    return Err(cursor.error(message, format!("{name}=\"value\"")));
                };
                (name, value)
            }
        };
        if labels.iter().any(|known| *known.name == *name) {
            let message = if name == METRIC_NAME {
                "the sample is named twice".to_owned()
            } else {
                format!("the label `{name}` is given twice")
            };
            return Err(cursor.error_at(start, message, "take one of them away"));
        }
        if labels.len() >= cursor.limits.labels {
            let message = format!("the sample has more than {} labels", cursor.limits.labels);
            return Err(cursor.error_at(start, message, "take labels away"));
        }
        labels.push(label(&name, &value));
        blanks(cursor);
        // The text format does not miss a comma.
        if !cursor.take(b',') && cursor.peek() != Some(b'}') && format == Format::OpenMetrics {
            let message = format!("a comma or }} is expected behind the label, not {}", cursor.found());
            return Err(cursor.error(message, "write commas between labels, without blanks"));
        }
    }
}

fn label(name: &str, value: &str) -> Label {
    Label { name: name.into(), value: value.into() }
}
