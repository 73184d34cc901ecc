//! Advice about text that is no YAML, from the shape of the lines around the place.
//!
//! **Invariant:** a text that parses never gets here.

use super::Code;
use super::advice::{HOMES, unrendered_line};
use super::finding::Finding;
use super::node::SyntaxError;
use super::text::Position;

/// Advice about a text that is no YAML.
pub(super) fn syntax_finding(source: &str, error: &SyntaxError) -> Finding {
    // A placeholder in quotes does no harm to the syntax.
    let bare = |line: &str| {
        let quotes = |mark: char| line.split("{{").next().unwrap_or_default().matches(mark).count();
        quotes('\'') % 2 == 0 && quotes('"') % 2 == 0
    };
    let mut placeholders = (1..).zip(source.lines()).filter(|(_, line)| bare(line));
    let placeholder = placeholders.find_map(|(number, _)| unrendered_line(source, number));
    if let Some(finding) = placeholder {
        return finding.with_excerpt(source, 2);
    }
    let SyntaxError { position, reason } = error;
    let finding = |at: Position, message: String| Finding::new(Code::YamlSyntax, at, message);
    if reason.contains("unknown anchor") {
        let name = word_at(source, *position);
        return finding(*position, format!("`{name}` refers to an anchor that is not defined before it"))
            .with_fix(format!("define the anchor, or quote the text if it is meant as one: '{name}'"))
            .with_excerpt(source, name.chars().count());
    }
    if reason.contains("expected <document start>") {
        let first =
            source.lines().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        let column = first.map_or(0, |line| line.len() - line.trim_start().len()) + 1;
        let message =
            format!("this line begins left of the first one (column {column}), which ends the configuration");
        return finding(*position, message)
            .with_fix("begin both at column 1; prometheus-adapter silently ignores everything from here on")
            .with_excerpt(source, 1);
    }
    if reason.contains("unknown escape") {
        let text = rest_of_line(source, *position).trim_start_matches('"');
        let end = text.rfind('"').unwrap_or(text.len());
        let text = &text[..end];
        return finding(
            *position,
            "a backslash in double quotes begins an escape, and this one is none".to_owned(),
        )
        .with_fix(format!("use single quotes: '{}'", text.replace('\'', "''")))
        .with_excerpt(source, text.chars().count() + 2);
    }
    let lines: Vec<&str> = source.lines().collect();
    let near = usize::try_from(position.line).unwrap_or(usize::MAX);
    for index in [near.checked_sub(1), Some(near), near.checked_sub(2)].into_iter().flatten() {
        let Some(line) = lines.get(index) else { continue };
        let previous = index.checked_sub(1).and_then(|index| lines.get(index)).copied().unwrap_or_default();
        if let Some((column, width, message, fix)) = line_mistake(line, previous) {
            let line_number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let column = line.get(..column).map_or(0, |before| before.chars().count());
            let at = Position { line: line_number, column: u32::try_from(column + 1).unwrap_or(u32::MAX) };
            return finding(at, message).with_fix(fix).with_excerpt(source, width);
        }
    }
    if reason.contains("expected key") || reason.contains("expected '-'") {
        return misaligned(source, &lines, near, *position);
    }
    let fix = match reason.as_str() {
        _ if reason.contains("control character") => {
            "remove the character, or write it as an escape in double quotes"
        }
        _ if reason.contains("comments must be separated") => {
            "put a space before the #, or the text in quotes"
        }
        _ if reason.contains("declares YAML") => "remove the line, or write %YAML 1.1",
        "unclosed quote" => "add the closing quote; a quote inside single quotes is written twice",
        _ if reason.contains("unclosed bracket") => "add the closing bracket",
        _ if reason.contains("expected ','") => {
            "add the missing comma, or the closing bracket on the line before"
        }
        _ => "check indentation and quotes on this line and the one before it",
    };
    finding(*position, format!("the file is no valid YAML: {reason}")).with_fix(fix).with_excerpt(source, 1)
}

/// A line (number `near`) that begins between the columns of the lines above it.
fn misaligned(source: &str, lines: &[&str], near: usize, position: Position) -> Finding {
    let start = |line: &str| line.len() - line.trim_start().len();
    let is_entry = |line: &str| line.trim_start().starts_with('-');
    let line = near.checked_sub(1).and_then(|index| lines.get(index)).copied().unwrap_or_default();
    let above = &lines[..near.saturating_sub(1).min(lines.len())];
    let mut columns: Vec<usize> = above
        .iter()
        .rev()
        .take(20)
        .filter_map(
            |above| if is_entry(line) { is_entry(above).then(|| start(above)) } else { key_column(above) },
        )
        .collect();
    columns.sort_unstable();
    columns.dedup();
    let columns: Vec<String> = columns.iter().map(|column| (column + 1).to_string()).collect();
    let what = if is_entry(line) { "`-`" } else { "field" };
    let at = Position { column: u32::try_from(start(line) + 1).unwrap_or(u32::MAX), ..position };
    Finding::new(Code::YamlSyntax, at, format!("no {what} above begins at the column where this line begins"))
        .with_fix(format!("begin it where one above does: column {}", columns.join(" or ")))
        .with_excerpt(source, 1)
}

/// What is commonly wrong with a line: byte offset, number of characters, what is the matter, what to write.
fn line_mistake(line: &str, previous: &str) -> Option<(usize, usize, String, String)> {
    let indent = line.len() - line.trim_start().len();
    if let Some(tab) = line[..indent].find('\t') {
        return Some((tab, 1, "a tab indents this line".to_owned(), "indent with spaces".to_owned()));
    }
    if let Some(column) = inner_double_quote(line) {
        let message = "this double quote ends the text, and more text follows it".to_owned();
        let key = line.trim_start_matches([' ', '-']).split(':').next().unwrap_or("metricsQuery");
        let fix = format!("put the whole text in single quotes, or write it as a block below `{key}: |`");
        return Some((column, 1, message, fix));
    }
    if let Some(key) = key_without_space(line) {
        let column = line.find(key).unwrap_or(0);
        let message = format!("a space is missing after `{key}:`");
        return Some((column, key.len() + 1, message, format!("write `{key}: ...`")));
    }
    if previous.trim_end().ends_with(['|', '>']) && key_column(previous).is_some_and(|key| indent <= key) {
        let message = "the lines of a block must be indented deeper than the field that holds it".to_owned();
        let deeper = key_column(previous).unwrap_or(0) + 3;
        return Some((indent, 1, message, format!("begin it at column {deeper}")));
    }
    if let Some((column, value)) = value_of(line) {
        let width = value.chars().count();
        let quoted = format!("'{}'", value.replace('\'', "''"));
        let selector =
            value.starts_with('{') && ["=\"", "=~", "!=", "!~"].iter().any(|sign| value.contains(sign));
        let first = value.chars().next().filter(|first| selector || "@`%&*!".contains(*first));
        if let Some(first) = first {
            let first = if first == '`' { "a backtick".to_owned() } else { format!("`{first}`") };
            let message = format!("a text must not begin with {first} unless it is quoted");
            return Some((column, width, message, quoted));
        }
        if !value.starts_with(['"', '\'', '{', '[', '|', '>'])
            && (value.contains(": ") || value.ends_with(':'))
        {
            return Some((column, width, "a text that holds `: ` must be quoted".to_owned(), quoted));
        }
    }
    let (before, value_before) = (key_column(previous)?, value_of(previous));
    let here = key_column(line)?;
    if value_before.is_some() && here > before && !line.trim_start().starts_with('-') {
        let message =
            "this line is indented deeper than the field before it, which has a value already".to_owned();
        return Some((here, 1, message, format!("begin it at column {}", before + 1)));
    }
    None
}

/// Byte offset of the key of a line `key: ...` or `- key: ...`.
fn key_column(line: &str) -> Option<usize> {
    let start = line.len() - line.trim_start_matches([' ', '-']).len();
    line[start..].contains(':').then_some(start)
}

/// The key of a line `key:value`, if a configuration has such a field.
fn key_without_space(line: &str) -> Option<&str> {
    let (key, value) = line.trim_start_matches([' ', '-']).split_once(':')?;
    let known = || HOMES.iter().any(|(record, _)| record.field(key).is_some());
    (!value.is_empty() && !value.starts_with([' ', '\t', '\r']) && known()).then_some(key)
}

/// Characters from `position` to the next white space or bracket.
fn word_at(source: &str, position: Position) -> String {
    let rest = rest_of_line(source, position).chars();
    rest.take_while(|next| !next.is_whitespace() && !",[]{}".contains(*next)).collect()
}

fn rest_of_line(source: &str, position: Position) -> &str {
    let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
    let line = source.lines().nth(index(position.line)).unwrap_or_default();
    let start = line.char_indices().nth(index(position.column)).map_or(line.len(), |(offset, _)| offset);
    &line[start..]
}

/// The value of a line `key: value` or `- key: value`, with its byte offset.
fn value_of(line: &str) -> Option<(usize, &str)> {
    let colon = line.find(": ")?;
    let value = line[colon + 2..].trim();
    let start = line.len() - line[colon + 2..].trim_start().len();
    (!value.is_empty()).then_some((start, value))
}

/// Where a double-quoted value of a line ends although the line goes on.
fn inner_double_quote(line: &str) -> Option<usize> {
    let (start, value) = value_of(line)?;
    let inside = value.strip_prefix('"')?;
    let mut escaped = false;
    for (offset, character) in inside.char_indices() {
        if !escaped && character == '"' {
            let rest = inside[offset + 1..].trim_start();
            let ends = rest.is_empty() || rest.starts_with(['#', ',', '}', ']', ':']);
            return (!ends).then_some(start + 1 + offset);
        }
        escaped = !escaped && character == '\\';
    }
    None
}
