//! YAML derived from JSON in the style of `sigs.k8s.io/yaml`: sorted keys, lists not indented, long lines folded.
//!
//! A writer only. Which strings need quotes follows what a YAML 1.1 reader (go-yaml v2) would take for another
//! type, so that every text that goes in comes out as a string again.
//!
//! **Invariant:** equal JSON values give equal text.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::{Map, Value};

/// A line longer than this is folded at the next space (go-yaml `best_width`).
const WIDTH: usize = 80;

/// The YAML document for `value`, with a trailing newline.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> String {
    let value = serde_json::to_value(value).unwrap_or(Value::Null);
    let mut writer = Writer { out: String::new() };
    writer.node(&value, 0, Place::Document);
    if !writer.out.ends_with('\n') {
        writer.out.push('\n');
    }
    writer.out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the start of a line that is indented already.
    Document,
    /// Behind `key:`.
    Value,
    /// Behind `- `.
    Item,
}

struct Writer {
    out: String,
}

impl Writer {
    fn node(&mut self, value: &Value, indent: usize, place: Place) {
        match value {
            Value::Object(members) if !members.is_empty() => self.mapping(members, indent, place),
            Value::Array(items) if !items.is_empty() => self.sequence(items, indent, place),
            scalar => {
                if place == Place::Value {
                    self.out.push(' ');
                }
                self.scalar(scalar, indent);
                self.out.push('\n');
            }
        }
    }

    fn mapping(&mut self, members: &Map<String, Value>, indent: usize, place: Place) {
        if place == Place::Value {
            self.out.push('\n');
        }
        let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
        sorted.sort_by(|a, b| compare_keys(a.0, b.0));
        for (position, (key, value)) in sorted.into_iter().enumerate() {
            if position > 0 || place == Place::Value {
                self.indent(indent);
            }
            self.string(key, indent, true);
            self.out.push(':');
            let child = if value.is_array() { indent } else { indent + 2 };
            self.node(value, child, Place::Value);
        }
    }

    fn sequence(&mut self, items: &[Value], indent: usize, place: Place) {
        if place == Place::Value {
            self.out.push('\n');
        }
        for (position, item) in items.iter().enumerate() {
            if position > 0 || place == Place::Value {
                self.indent(indent);
            }
            self.out.push_str("- ");
            self.node(item, indent + 2, Place::Item);
        }
    }

    fn scalar(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Number(number) => self.out.push_str(&number.to_string()),
            Value::String(text) => self.string(text, indent, false),
            Value::Array(_) => self.out.push_str("[]"),
            Value::Object(_) => self.out.push_str("{}"),
        }
    }

    fn indent(&mut self, columns: usize) {
        self.out.extend(std::iter::repeat_n(' ', columns));
    }

    fn string(&mut self, text: &str, indent: usize, key: bool) {
        let form = Form::of(text);
        if text.contains('\n') && form.block && !key {
            return self.literal(text, indent);
        }
        let quote = text.contains('\n') || resolves_to_another_type(text);
        if !quote && form.plain {
            self.folded(text, indent, key);
        } else if !quote && form.single_quoted {
            self.out.push('\'');
            self.folded(&text.replace('\'', "''"), indent, key);
            self.out.push('\'');
        } else {
            self.double_quoted(text, indent, key);
        }
    }

    fn column(&self) -> usize {
        let line = self.out.rsplit('\n').next().unwrap_or_default();
        line.chars().count()
    }

    fn folded(&mut self, text: &str, indent: usize, key: bool) {
        let mut column = self.column();
        let mut previous_space = false;
        let mut rest = text.chars().peekable();
        let mut first = true;
        while let Some(character) = rest.next() {
            let next = rest.peek().copied();
            let single = character == ' ' && !previous_space && next.is_some_and(|next| next != ' ');
            if single && !key && !first && column > WIDTH {
                self.out.push('\n');
                self.indent(indent);
                column = indent;
            } else {
                self.out.push(character);
                column += 1;
            }
            previous_space = character == ' ';
            first = false;
        }
    }

    fn double_quoted(&mut self, text: &str, indent: usize, key: bool) {
        self.out.push('"');
        let mut column = self.column();
        let mut previous_space = false;
        let mut rest = text.chars().peekable();
        let mut first = true;
        while let Some(character) = rest.next() {
            let next = rest.peek().copied();
            if character == ' ' && !previous_space && !key && !first && next.is_some() && column > WIDTH {
                self.out.push('\n');
                self.indent(indent);
                column = indent;
                if next == Some(' ') {
                    self.out.push('\\');
                    column += 1;
                }
                previous_space = true;
            } else {
                let before = self.out.len();
                self.escaped(character);
                column += self.out[before..].chars().count();
                previous_space = character == ' ';
            }
            first = false;
        }
        self.out.push('"');
    }

    fn escaped(&mut self, character: char) {
        let short = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\0' => "\\0",
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{b}' => "\\v",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            '\u{1b}' => "\\e",
            '\u{85}' => "\\N",
            '\u{a0}' => "\\_",
            '\u{2028}' => "\\L",
            '\u{2029}' => "\\P",
            '\u{feff}' => "\\uFEFF",
            printable if is_printable(printable) => return self.out.push(printable),
            other => {
                let code = u32::from(other);
                self.out.push_str(&match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                });
                return;
            }
        };
        self.out.push_str(short);
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with([' ', '\n']) {
            self.out.push('2');
        }
        let body = text.trim_end_matches('\n');
        match text.len() - body.len() {
            0 => self.out.push('-'),
            1 if !body.is_empty() => {}
            _ => self.out.push('+'),
        }
        let kept = text.strip_suffix('\n').unwrap_or(text);
        for line in kept.split('\n') {
            self.out.push('\n');
            if !line.is_empty() {
                self.indent(indent);
                self.out.push_str(line);
            }
        }
    }
}

/// Which forms can carry a text (go-yaml `yaml_emitter_analyze_scalar`).
struct Form {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Form {
    fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { plain: false, single_quoted: true, block: false };
        }
        let blank = |character: Option<char>| character.is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
        let characters: Vec<char> = text.chars().collect();
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut breaks, mut space_break, mut break_space) = (false, false, false, false);
        for (position, &character) in characters.iter().enumerate() {
            let next = characters.get(position + 1).copied();
            let previous = position.checked_sub(1).map(|before| characters[before]);
            indicators |= match character {
                '#' => position == 0 || blank(previous),
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                    position == 0
                }
                '?' | '-' => position == 0 && blank(next),
                ':' => blank(next),
                _ => false,
            };
            let is_break = matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
            breaks |= is_break;
            special |= !is_break && !is_printable(character);
            space_break |= is_break && previous == Some(' ');
            break_space |= character == ' ' && previous == Some('\n');
        }
        let edge = |character: Option<&char>| character.is_some_and(|c| matches!(c, ' ' | '\n' | '\r'));
        let edges = edge(characters.first()) || edge(characters.last());
        let trailing_space = characters.last() == Some(&' ');
        let odd = space_break || special;
        Self {
            plain: !(indicators || edges || breaks || odd),
            single_quoted: !(odd || break_space),
            block: !(odd || trailing_space),
        }
    }
}

fn is_printable(character: char) -> bool {
    matches!(character,
        '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}'
        | '\u{10000}'..='\u{10ffff}')
        && !matches!(character, '\u{85}')
}

/// Whether a YAML 1.1 reader takes the bare text for something else than a string.
fn resolves_to_another_type(text: &str) -> bool {
    const WORDS: [&str; 34] = [
        "", "~", "null", "Null", "NULL", "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On",
        "ON", "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", ".nan", ".NaN",
        ".NAN", ".inf", ".Inf", ".INF", "<<",
    ];
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    WORDS.contains(&text)
        || matches!(unsigned, ".inf" | ".Inf" | ".INF")
        || is_number(unsigned)
        || is_timestamp(text)
        || is_base_sixty(unsigned)
}

fn is_number(unsigned: &str) -> bool {
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    let digits = unsigned.replace('_', "");
    let radix = |prefix: &str, radix: u32| {
        let rest = digits.strip_prefix(prefix).or_else(|| digits.strip_prefix(&prefix.to_uppercase()));
        rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
    };
    if radix("0x", 16) || radix("0o", 8) || radix("0b", 2) {
        return true;
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (digits.as_str(), None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    all_digits(whole)
        && all_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && all_digits(exponent))
}

/// `2026-11-21`, `2026-11-21T18:00:00Z`, `2026-11-21 18:00:00`.
fn is_timestamp(text: &str) -> bool {
    let mut date = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (date.next(), date.next(), date.next()) else {
        return false;
    };
    let number = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if year.len() != 4 || !number(year, 4) || !number(month, 2) {
        return false;
    }
    match rest.split_once(['T', 't', ' ']) {
        None => number(rest, 2),
        Some((day, time)) => {
            number(day, 2)
                && time.split(':').count() >= 3
                && time.starts_with(|c: char| c.is_ascii_digit())
                && time.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | 'Z' | '+' | '-'))
        }
    }
}

/// `1:30` is a number in base sixty for old readers.
fn is_base_sixty(unsigned: &str) -> bool {
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or_default();
    let mut any = false;
    let rest = parts.all(|part| {
        any = true;
        let part = part.split_once('.').map_or(part, |(whole, _)| whole);
        matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
        && any
        && rest
}

/// The order of keys: letters as they are, runs of digits as numbers, other characters before letters
/// (go-yaml `sorter.go`).
fn compare_keys(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(x, y)| x != y) else {
        return a.len().cmp(&b.len());
    };
    let (x, y) = (a[at], b[at]);
    let after_digit = at > 0 && a[at - 1].is_numeric();
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => x.cmp(&y),
        (true, false) if after_digit => Ordering::Less,
        (true, false) => Ordering::Greater,
        (false, true) if after_digit => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let run = |text: &[char]| text[at..].iter().take_while(|c| c.is_ascii_digit()).count();
            let value = |text: &[char]| {
                // A zero in the middle of a number must not vanish from its comparison.
                let started = (x == '0' || y == '0')
                    && text[..at].iter().rev().take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
                text[at..].iter().take_while(|c| c.is_ascii_digit()).fold(u64::from(started), |sum, digit| {
                    sum.saturating_mul(10).saturating_add(u64::from(digit.to_digit(10).unwrap_or(0)))
                })
            };
            value(&a).cmp(&value(&b)).then_with(|| run(&a).cmp(&run(&b))).then_with(|| x.cmp(&y))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_mappings_are_laid_out_as_kubectl_users_know_them() {
        let value = json!({"kind": "L", "metadata": {}, "items": [
            {"b": {"x": [["p"], []]}, "a": null}, {"c": true, "window": "5m0s"}]});
        let expected = "items:\n- a: null\n  b:\n    x:\n    - - p\n    - []\n- c: true\n  window: 5m0s\n\
                        kind: L\nmetadata: {}\n";
        assert_eq!(to_string(&value), expected);
    }

    #[test]
    fn strings_that_would_be_read_as_another_type_are_double_quoted() {
        for text in
            ["1", "1e3", "0x1f", "1_000", "true", "on", "null", "~", "", "2026-11-21T18:00:00Z", "1:30"]
        {
            assert_eq!(to_string(&json!(text)), format!("\"{text}\"\n"));
        }
        for text in ["250m", "1Mi", "5m0s", "/v1", "v1.2.3", "1.2.3", "a:b", "a#b", "-x", "10.0.0.1"] {
            assert_eq!(to_string(&json!(text)), format!("{text}\n"));
        }
    }

    #[test]
    fn strings_that_would_break_the_syntax_are_quoted() {
        for (text, expected) in [
            ("a: b", "'a: b'"),
            ("*", "'*'"),
            ("it's: x", "'it''s: x'"),
            (" lead", "' lead'"),
            ("tab\there", r#""tab\there""#),
            ("m\u{0}", r#""m\0""#),
            ("- x", "'- x'"),
            ("a #b", "'a #b'"),
        ] {
            assert_eq!(to_string(&json!(text)), format!("{expected}\n"), "{text:?}");
        }
    }

    #[test]
    fn several_lines_become_a_literal_block() {
        assert_eq!(to_string(&json!({"m": "a\n\nb", "q": "c\n"})), "m: |-\n  a\n\n  b\nq: |\n  c\n");
    }

    #[test]
    fn a_long_line_is_folded_at_the_first_space_after_the_width() {
        let text = format!("{}tail of it", "word ".repeat(16));
        let expected = format!("message: {}\n  word tail of it\n", "word ".repeat(15).trim_end());
        assert_eq!(to_string(&json!({"message": text})), expected);
    }

    #[test]
    fn keys_are_sorted_by_the_numbers_in_them() {
        let value = json!({"a10": 1, "a9": 2, "b": 3, "a-b": 4, "ab": 5});
        assert_eq!(to_string(&value), "a-b: 4\na9: 2\na10: 1\nab: 5\nb: 3\n");
    }
}
