//! The lines of a story that say something, by indentation.
//!
//! Not their words.
//!
//! **Invariant:** a line under another is indented further, and those beside each other begin in the same column.

use super::words::{Read, Words, error};
use super::{LIMITS, Place};

/// How far lines may be indented under each other: a turn, a pod, its containers.
const DEEPEST: usize = 2;

/// A line with the lines that are indented under it.
#[derive(Debug)]
pub(super) struct Line<'t> {
    pub words: Words<'t>,
    pub under: Vec<Line<'t>>,
}

/// The comment that a text opens with, in one line.
pub(super) fn opening_comment(text: &str) -> String {
    let lines = text.lines().map(str::trim).skip_while(|line| line.is_empty());
    let comment = lines.map_while(|line| line.strip_prefix('#')).map(str::trim);
    comment.collect::<Vec<_>>().join(" ")
}

/// The lines of a text that say something, as a tree by indentation.
pub(super) fn lines(text: &str) -> Read<Vec<Line<'_>>> {
    let start = Place { line: 1, column: 1 };
    if text.len() > LIMITS.bytes {
        let bytes = text.len();
        return error(start, format!("the story has {bytes} bytes, at most {} are read", LIMITS.bytes));
    }
    // Lines whose end is not known yet, the outermost first.
    let mut open: Vec<(usize, Vec<Line<'_>>)> = vec![(0, Vec::new())];
    for (number, whole) in text.lines().enumerate() {
        let number = number as u32 + 1;
        let place = |column: usize| Place { line: number, column: column as u32 + 1 };
        if whole.len() > LIMITS.line_bytes {
            return error(place(0), format!("this line has more than {} bytes", LIMITS.line_bytes));
        }
        let told = without_comment(whole).trim_end();
        let indent = told.len() - told.trim_start_matches(' ').len();
        if told.is_empty() {
            continue;
        }
        if let Some(c) = told[indent..].chars().next().filter(|c| c.is_whitespace() || c.is_control()) {
            return error(place(indent), format!("indent with spaces; this is {c:?}"));
        }
        if indent == 0 && told.starts_with("->") {
            return error(place(0), "indent what is expected under the 'at' of its turn");
        }
        while open.last().is_some_and(|(depth, _)| *depth > indent) {
            close(&mut open);
        }
        let depth = open.last().map_or(0, |(depth, _)| *depth);
        if indent > depth {
            let parent = open.last().and_then(|(_, lines)| lines.last());
            match parent.map(|parent| parent.under.first()) {
                Some(None) if open.len() <= DEEPEST => open.push((indent, Vec::new())),
                Some(Some(beside)) => {
                    let column = beside.words.place().column;
                    return error(
                        place(indent),
                        format!("begin this line in column {column}, like those beside it"),
                    );
                }
                _ => return error(place(indent), "this line is indented, but stands under nothing"),
            }
        }
        if let Some((_, lines)) = open.last_mut() {
            lines.push(Line { words: Words::new(number, told, indent), under: Vec::new() });
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    Ok(open.pop().map(|(_, lines)| lines).unwrap_or_default())
}

/// Puts the innermost lines under the last line around them.
fn close<'t>(open: &mut Vec<(usize, Vec<Line<'t>>)>) {
    if let Some((_, lines)) = open.pop()
        && let Some(parent) = open.last_mut().and_then(|(_, around)| around.last_mut())
    {
        parent.under.extend(lines);
    }
}

/// A line up to the `#` that begins a comment: one at its start or after a space, outside of quotes.
fn without_comment(line: &str) -> &str {
    let (mut quoted, mut escaped, mut spaced) = (false, false, true);
    for (at, c) in line.char_indices() {
        match c {
            '#' if spaced && !quoted => return &line[..at],
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
        spaced = c.is_whitespace();
    }
    line
}

impl<'t> Line<'t> {
    /// Nothing may be indented under this line.
    pub(super) fn alone(&self) -> Read<()> {
        match self.under.first() {
            None => Ok(()),
            Some(line) => error(line.words.place(), "nothing may be indented under the line above"),
        }
    }
}
