//! Finds where the characters of a scalar's value stand in its source.
//!
//! Folding, indentation and quoting only ever change white space and write some characters as escapes, so
//! value and source hold the same other characters in the same order. That is all this relies on.
//!
//! **Invariant:** a value that does not fit its source yields fewer runs, never a wrong index or a panic.

use granit_parser::ScalarStyle;

use super::text::{Position, Run};

/// A character of the source, or an escape sequence that stands for one.
struct Unit {
    position: Position,
    blank: bool,
}

/// The runs of `value`, which was read from `source`; `start` is where `source` begins.
pub(super) fn trace(value: &str, source: &str, start: Position, style: ScalarStyle) -> Vec<Run> {
    let units = units(source, start, style);
    let mut runs: Vec<Run> = Vec::new();
    let mut next = 0;
    let mut expected = None;
    for (offset, character) in value.char_indices() {
        let blank = is_blank(character);
        if !blank {
            while units.get(next).is_some_and(|unit| unit.blank) {
                next += 1;
            }
        }
        let Some(unit) = units.get(next) else { break };
        if blank == unit.blank {
            next += 1;
        }
        if expected != Some(unit.position) {
            runs.push(Run { offset, position: unit.position });
        }
        expected = Some(Position { line: unit.position.line, column: unit.position.column + 1 });
    }
    if runs.is_empty() {
        runs.push(Run { offset: 0, position: start });
    }
    runs
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

fn units(source: &str, start: Position, style: ScalarStyle) -> Vec<Unit> {
    let characters: Vec<char> = source.chars().collect();
    let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
    let mut index = match style {
        // The header of a block scalar (`|-2 # note`) is no content, nor is an opening quote.
        _ if block && source.starts_with(['|', '>']) => {
            characters.iter().position(|character| *character == '\n').map_or(characters.len(), |end| end + 1)
        }
        ScalarStyle::DoubleQuoted | ScalarStyle::SingleQuoted => 1,
        _ => 0,
    };
    let mut position = start;
    let advance = |position: &mut Position, passed: &[char]| {
        for character in passed {
            if *character == '\n' {
                *position = Position { line: position.line + 1, column: 1 };
            } else {
                position.column += 1;
            }
        }
    };
    advance(&mut position, &characters[..index.min(characters.len())]);
    let mut units = Vec::with_capacity(characters.len());
    while let Some(&character) = characters.get(index) {
        let (length, blank) = match (style, character) {
            (ScalarStyle::SingleQuoted, '\'') => (2, false),
            (ScalarStyle::DoubleQuoted, '"') => break,
            (ScalarStyle::DoubleQuoted, '\\') => escape(&characters[index..]),
            _ => (1, is_blank(character)),
        };
        units.push(Unit { position, blank });
        let end = (index + length).min(characters.len());
        advance(&mut position, &characters[index..end]);
        index = end;
    }
    units
}

/// Length of the escape sequence at the start of `rest`, and whether it stands for white space or nothing.
fn escape(rest: &[char]) -> (usize, bool) {
    let digits =
        |from: usize, count: usize| rest.get(from..from + count).map(|digits| digits.iter().collect());
    let hexadecimal = |count: usize| {
        let value = digits(2, count).and_then(|digits: String| u32::from_str_radix(&digits, 16).ok());
        // A surrogate pair is two sequences for one character.
        let pair = value.is_some_and(|value| (0xd800..0xdc00).contains(&value)) && rest.get(6) == Some(&'\\');
        let blank = value.and_then(char::from_u32).is_some_and(is_blank);
        (if pair { 12 } else { 2 + count }, blank)
    };
    match rest.get(1) {
        Some('x') => hexadecimal(2),
        Some('u') => hexadecimal(4),
        Some('U') => hexadecimal(8),
        Some('n' | 't' | 'r' | ' ' | '\t' | '\n') => (2, true),
        _ => (2, false),
    }
}
