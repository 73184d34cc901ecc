//! OpenMetrics, version 1.0.
//!
//! **Invariant:** blanks stand alone and only where they must, and `# EOF` ends the text.

use plimsoll_model::labels::Labels;

use super::cursor::{Cursor, Read};
use super::label_set::{Role, braces, series};
use super::{Exemplar, Exposition, Format, Kind, Limits, Sample, number};

pub(super) fn parse(text: &[u8], limits: &Limits) -> Read<Exposition> {
    let mut cursor = Cursor::new(text, limits);
    let mut found = Exposition::default();
    let mut kind = None;
    let (mut line, mut line_start) = (1, 0);
    loop {
        line = cursor.line_from(line_start, line);
        line_start = cursor.at;
        match cursor.peek() {
            None => {
                return Err(cursor.error(
                    "the text ends without `# EOF`, so that it may be cut off",
                    "end it with the line `# EOF`",
                ));
            }
            Some(b'#') => {
                if metadata(&mut cursor, &mut found, &mut kind)? {
                    return Ok(found);
                }
            }
            Some(b'\n') => {
                return Err(cursor.error("OpenMetrics has no empty lines", "take the line away"));
            }
            Some(_) => {
                if found.samples.len() >= limits.samples {
                    let message = format!("the text has more than {} samples", limits.samples);
                    return Err(cursor.error(message, "expose fewer series"));
                }
                let sample = sample(&mut cursor, kind, line)?;
                found.samples.push(sample);
            }
        }
    }
}

/// Reads a line that begins with `#`; true if it is the last one.
fn metadata(cursor: &mut Cursor<'_>, found: &mut Exposition, kind: &mut Option<Kind>) -> Read<bool> {
    let start = cursor.at;
    let word = ["HELP", "TYPE", "UNIT"].into_iter().find(|word| cursor.take_word(&format!("# {word} ")));
    let Some(word) = word else {
        if cursor.take_word("# EOF") {
            cursor.take(b'\n');
            if cursor.is_at_end() {
                return Ok(true);
            }
            return Err(cursor.error("something follows `# EOF`", "take it away"));
        }
        let fix = "OpenMetrics has no comments, only # HELP, # TYPE, # UNIT and # EOF, with single blanks";
        return Err(cursor.error_at(start, "this line is neither metadata nor the end", fix));
    };
    let quoted = cursor.peek() == Some(b'"');
    let name = match cursor.take_quoted("the metric's name", true)? {
        Some(name) => name,
        None => cursor.take_name(true).to_owned(),
    };
    if name.is_empty() && !quoted {
        let message = format!("the name of a metric is expected behind {word}, not {}", cursor.found());
        return Err(cursor.error(message, format!("# {word} name ...")));
    }
    if !cursor.take(b' ') {
        let message = format!("a single blank is expected behind the metric's name, not {}", cursor.found());
        return Err(cursor.error(message, format!("# {word} {name} ...")));
    }
    let start = cursor.at;
    let text = cursor.take_line();
    line_end(cursor)?;
    let Ok(text) = std::str::from_utf8(text) else {
        return Err(cursor.error_at(start, "the text is no valid UTF-8", "encode it as UTF-8"));
    };
    let family = found.families.entry(name.clone()).or_default();
    match word {
        "HELP" => family.help = Some(unescaped(text)),
        "UNIT" => {
            let suits = name.strip_suffix(text).is_some_and(|rest| text.is_empty() || rest.ends_with('_'));
            if !suits {
                let message = format!("the unit {text:?} is not the end of the name {name:?}");
                return Err(cursor.error_at(start, message, format!("call the metric {name}_{text}")));
            }
            family.unit = Some(text.to_owned());
        }
        _ => {
            let named = match text {
                "counter" => Kind::Counter,
                "gauge" => Kind::Gauge,
                "histogram" => Kind::Histogram,
                "gaugehistogram" => Kind::GaugeHistogram,
                "summary" => Kind::Summary,
                "info" => Kind::Info,
                "stateset" => Kind::StateSet,
                "unknown" => Kind::Unknown,
                other => {
                    let fix =
                        "write counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown";
                    return Err(cursor.error_at(start, format!("{other:?} is no type of OpenMetrics"), fix));
                }
            };
            family.kind = Some(named);
            *kind = Some(named);
        }
    }
    Ok(false)
}

/// Help without escapes, of which there are three.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = match (character, characters.peek()) {
            ('\\', Some('n')) => Some('\n'),
            ('\\', Some(kept @ ('\\' | '"'))) => Some(*kept),
            _ => None,
        };
        if escaped.is_some() {
            characters.next();
        }
        out.push(escaped.unwrap_or(character));
    }
    out
}

fn sample(cursor: &mut Cursor<'_>, kind: Option<Kind>, line: u32) -> Read<Sample> {
    let labels = series(cursor, Format::OpenMetrics, kind)?;
    let value = value(cursor, "the sample")?;
    let mut timestamp = None;
    if !at_exemplar(cursor) && cursor.peek() == Some(b' ') {
        timestamp = Some(time(cursor)?);
    }
    let exemplar = if at_exemplar(cursor) { Some(exemplar(cursor)?) } else { None };
    line_end(cursor)?;
    Ok(Sample { labels, value, timestamp, exemplar, line })
}

/// Whether ` # {` is next.
fn at_exemplar(cursor: &Cursor<'_>) -> bool {
    let mut ahead = *cursor;
    ahead.take_word(" # {")
}

fn exemplar(cursor: &mut Cursor<'_>) -> Read<Exemplar> {
    cursor.take_word(" # {");
    let mut labels = Vec::new();
    braces(cursor, Format::OpenMetrics, Role::Exemplar, &mut labels)?;
    let value = value(cursor, "the exemplar")?;
    let timestamp = if cursor.peek() == Some(b' ') { Some(time(cursor)?) } else { None };
    Ok(Exemplar { labels: Labels::new(labels), value, timestamp })
}

fn word<'a>(cursor: &mut Cursor<'a>, what: &str) -> Read<(usize, &'a [u8])> {
    if !cursor.take(b' ') {
        let message = format!("a single blank and {what} are expected here, not {}", cursor.found());
        return Err(cursor.error(message, "name{label=\"value\"} VALUE SECONDS"));
    }
    let start = cursor.at;
    let text = cursor.take_while(|byte| !matches!(byte, b' ' | b'\n'));
    if text.is_empty() {
        let message = format!("{what} is expected here, not {}", cursor.found());
        return Err(cursor.error(message, "write single blanks, and none at the end of a line"));
    }
    Ok((start, text))
}

fn value(cursor: &mut Cursor<'_>, of: &str) -> Read<f64> {
    let (start, text) = word(cursor, &format!("the value of {of}"))?;
    number::value(text).ok_or_else(|| {
        let shown = String::from_utf8_lossy(text);
        cursor.error_at(start, format!("{shown:?} is no value"), "write a decimal number, NaN, +Inf or -Inf")
    })
}

fn time(cursor: &mut Cursor<'_>) -> Read<i64> {
    let (start, text) = word(cursor, "a time")?;
    number::milliseconds(text).ok_or_else(|| {
        let shown = String::from_utf8_lossy(text);
        cursor.error_at(
            start,
            format!("{shown:?} is no time"),
            "write seconds since 1970, as in 1700000000.5",
        )
    })
}

fn line_end(cursor: &mut Cursor<'_>) -> Read<()> {
    if cursor.take(b'\n') {
        return Ok(());
    }
    if cursor.is_at_end() {
        return Err(cursor.error(
            "the text ends without `# EOF`, so that it may be cut off",
            "end it with the line `# EOF`",
        ));
    }
    let message = format!("the line should end here, and goes on with {}", cursor.found());
    Err(cursor.error(message, "name{label=\"value\"} VALUE SECONDS # {label=\"value\"} VALUE SECONDS"))
}
