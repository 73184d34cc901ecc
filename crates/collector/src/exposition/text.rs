//! The text format, version 0.0.4.
//!
//! **Invariant:** a line is a comment, a metadata line, a sample or empty; one wrong line refuses the text.

use super::cursor::{Cursor, Read};
use super::label_set::series;
use super::{Exposition, Format, Kind, Limits, Sample, number};

pub(super) fn parse(text: &[u8], limits: &Limits) -> Read<Exposition> {
    let mut cursor = Cursor::new(text, limits);
    let mut found = Exposition::default();
    let mut kind = None;
    let (mut line, mut line_start) = (1, 0);
    loop {
        line = cursor.line_from(line_start, line);
        line_start = cursor.at;
        cursor.take_blanks();
        match cursor.peek() {
            // As in C, a NUL at the start of a line is the end.
            None | Some(0) => return Ok(found),
            Some(b'\n') => {}
            Some(b'#') => metadata(&mut cursor, &mut found, &mut kind)?,
            Some(_) => {
                if found.samples.len() >= limits.samples {
                    let message = format!("the text has more than {} samples", limits.samples);
                    return Err(cursor.error(message, "expose fewer series"));
                }
                let sample = sample(&mut cursor, kind, line)?;
                found.samples.push(sample);
            }
        }
        if !cursor.take(b'\n') && !cursor.is_at_end() {
            let message = format!("the line should end here, and goes on with {}", cursor.found());
            return Err(cursor.error(message, ending(&cursor)));
        }
    }
}

fn ending(cursor: &Cursor<'_>) -> &'static str {
    match cursor.peek() {
        Some(b'\r') => "write lines that end with a line feed alone",
        Some(b'#') => "exemplars are part of OpenMetrics, which ends with the line `# EOF`",
        Some(b'.' | b'-') => "a time is a whole number of milliseconds, without sign",
        _ => "name{label=\"value\"} VALUE MILLISECONDS",
    }
}

fn metadata(cursor: &mut Cursor<'_>, found: &mut Exposition, kind: &mut Option<Kind>) -> Read<()> {
    cursor.take(b'#');
    if !cursor.take_blanks() {
        cursor.take_line();
        return Ok(());
    }
    let word = *cursor;
    let is_help = cursor.take_word("HELP");
    let is_type = !is_help && cursor.take_word("TYPE");
    if !(is_help || is_type) || !cursor.take_blanks() {
        *cursor = word;
        cursor.take_line();
        return Ok(());
    }
    let word = if is_help { "HELP" } else { "TYPE" };
    let quoted = cursor.peek() == Some(b'"');
    let name = match cursor.take_quoted("the metric's name", true)? {
        Some(name) => name,
        None => cursor.take_name(true).to_owned(),
    };
    if name.is_empty() && !quoted {
        let message = format!("the name of a metric is expected behind {word}, not {}", cursor.found());
        return Err(cursor.error(message, format!("# {word} name ...")));
    }
    // One byte is taken to be the blank, whatever it is.
    if cursor.peek().is_some_and(|byte| byte != b'\n') {
        cursor.at += 1;
    }
    let start = cursor.at;
    let text = cursor.take_line();
    let family = found.families.entry(name).or_default();
    if is_help {
        let Ok(text) = std::str::from_utf8(text) else {
            return Err(cursor.error_at(start, "the help is no valid UTF-8", "encode the text as UTF-8"));
        };
        family.help = Some(unescaped(text));
        return Ok(());
    }
    let named = match text {
        b"counter" => Kind::Counter,
        b"gauge" => Kind::Gauge,
        b"histogram" => Kind::Histogram,
        b"summary" => Kind::Summary,
        b"untyped" => Kind::Unknown,
        other => {
            let shown = String::from_utf8_lossy(other);
            let message = format!("{shown:?} is no type of the text format");
            let fix = if other.ends_with(b"\r") {
                "write lines that end with a line feed alone"
            } else {
                "write counter, gauge, histogram, summary or untyped, after one blank and with nothing behind it"
            };
            return Err(cursor.error_at(start, message, fix));
        }
    };
    family.kind = Some(named);
    *kind = Some(named);
    Ok(())
}

/// Help without escapes, of which there are two.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some('n')) => {
                characters.next();
                out.push('\n');
            }
            ('\\', Some('\\')) => {
                characters.next();
                out.push('\\');
            }
            _ => out.push(character),
        }
    }
    out
}

fn sample(cursor: &mut Cursor<'_>, kind: Option<Kind>, line: u32) -> Read<Sample> {
    let labels = series(cursor, Format::Text, kind)?;
    cursor.take_blanks();
    let start = cursor.at;
    let text = cursor.take_while(|byte| !matches!(byte, b'{' | b' ' | b'\t' | b'\n'));
    if text.is_empty() {
        let message = format!("a value is expected here, not {}", cursor.found());
        return Err(cursor.error(message, "name{label=\"value\"} 1"));
    }
    let Some(value) = number::value(text) else {
        let shown = String::from_utf8_lossy(text);
        let message = format!("{shown:?} is no value");
        let fix = if text.ends_with(b"\r") {
            "write lines that end with a line feed alone"
        } else {
            "write a decimal number, NaN, +Inf or -Inf"
        };
        return Err(cursor.error_at(start, message, fix));
    };
    cursor.take_blanks();
    let start = cursor.at;
    let digits = cursor.take_while(|byte| byte.is_ascii_digit());
    let timestamp = match std::str::from_utf8(digits).unwrap_or_default() {
        "" => None,
        digits => match digits.parse() {
            Ok(milliseconds) => Some(milliseconds),
            Err(_) => {
                let fix = "a time is a number of milliseconds since 1970";
                return Err(cursor.error_at(start, format!("{digits} is no time"), fix));
            }
        },
    };
    cursor.take_blanks();
    Ok(Sample { labels, value, timestamp, exemplar: None, line })
}
