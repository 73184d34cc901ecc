//! Commands of a test file: `load`, `clear`, `eval`.
//!
//! **Invariant:** a malformed command is kept with its line and counts as failed, never skipped.

use plimsoll_model::labels::Labels;

use super::sequence::{SequenceValue, parse_metric, parse_series};
use crate::syntax::{self, parse_number};

/// A command of a test file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScriptError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
    /// The command.
    pub command: String,
}

#[derive(Debug)]
pub(crate) enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
    /// A command that cannot be read: counts as failed, the others go on.
    Malformed(ScriptError),
}

#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Milliseconds.
    pub step: i64,
    pub with_custom_buckets: bool,
    pub series: Vec<Loaded>,
}

#[derive(Debug)]
pub(crate) struct Loaded {
    pub labels: Labels,
    pub values: Vec<SequenceValue>,
    /// Distances of start times to the samples, in milliseconds.
    pub starts: Option<Vec<Option<i64>>>,
}

/// How a message is expected to read.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    Exactly(String),
    Regex(regex::Regex),
}

impl Pattern {
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Exactly(wanted) => wanted,
            Self::Regex(regex) => regex.as_str(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Expectations {
    pub fail: Option<Pattern>,
    pub warn: Vec<Pattern>,
    pub info: Vec<Pattern>,
    pub no_warn: bool,
    pub no_info: bool,
    pub ordered: bool,
    pub any_warn: bool,
    pub any_info: bool,
}

#[derive(Debug)]
pub(crate) struct Eval {
    pub line: usize,
    pub expr: String,
    /// Time of an instant query, in milliseconds.
    pub at: Option<i64>,
    pub start: i64,
    pub end: i64,
    pub step: i64,
    pub expect: Expectations,
    pub scalar: Option<f64>,
    pub string: Option<String>,
    pub series: Vec<(Labels, Vec<SequenceValue>)>,
    /// The result is a range vector, or a text: not asked again as a range query.
    pub special: bool,
}

/// Most samples of all `load` commands of a file together.
pub(crate) const MAX_LOADED: usize = 5_000_000;

/// Reads a test file. A command ends at a blank line.
pub(crate) fn parse(text: &str) -> Vec<Command> {
    let mut room = MAX_LOADED;
    let lines: Vec<&str> =
        text.lines().map(str::trim).map(|line| if line.starts_with('#') { "" } else { line }).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let (number, line) = (at + 1, lines[at]);
        at += 1;
        if line.is_empty() {
            continue;
        }
        let end = (at..lines.len()).find(|index| lines[*index].is_empty()).unwrap_or(lines.len());
        let body: Vec<(usize, &str)> = (at..end).map(|index| (index + 1, lines[index])).collect();
        let word = line.split([' ', '\t']).next().unwrap_or_default().to_lowercase();
        let command = if word == "clear" {
            Ok(Command::Clear)
        } else if word.starts_with("load") {
            at = end;
            load(number, line, &body, &mut room).map(Command::Load)
        } else if word.starts_with("eval") {
            eval(number, line, &body)
                .inspect(|(_, used)| at += used)
                .inspect_err(|_| at = end)
                .map(|(eval, _)| Command::Eval(Box::new(eval)))
        } else {
            Err((number, "expected load, clear or eval".to_owned()))
        };
        commands.push(command.unwrap_or_else(|(line_of_error, message)| {
            Command::Malformed(ScriptError { line: line_of_error, message, command: line.to_owned() })
        }));
    }
    commands
}

type Located<T> = Result<T, (usize, String)>;

fn duration(text: &str) -> Result<i64, String> {
    let parsed = plimsoll_model::duration::parse_prometheus(text);
    parsed.map(|duration| duration.as_millis() as i64).map_err(|error| error.to_string())
}

fn load(number: usize, line: &str, body: &[(usize, &str)], room: &mut usize) -> Located<Load> {
    let mut words = line.split_whitespace();
    let with_custom_buckets = words.next() == Some("load_with_nhcb");
    let step =
        words.next().ok_or_else(|| "invalid load command. (load[_with_nhcb] <step:duration>)".to_owned());
    let step = step.and_then(duration).map_err(|message| (number, message))?;
    let mut load = Load { step, with_custom_buckets, series: Vec::new() };
    let mut starts: Option<(Labels, Vec<Option<i64>>)> = None;
    for (number, line) in body {
        let fail = |message: String| (*number, message);
        let head = line.split([' ', '\t']).next().unwrap_or_default();
        if let Some(metric) = head.strip_suffix("@st") {
            let (labels, _) = parse_metric(metric).map_err(fail)?;
            starts = Some((labels, start_offsets(&line[head.len()..]).map_err(fail)?));
            continue;
        }
        let (labels, values) = parse_series(line).map_err(fail)?;
        *room = room.checked_sub(values.len()).ok_or_else(|| {
            fail(format!("the load commands hold more than {MAX_LOADED} samples; repeat values less often"))
        })?;
        let starts = starts.take();
        if starts.as_ref().is_some_and(|(of, offsets)| *of != labels || offsets.len() != values.len()) {
            return Err(fail("the @st line does not fit to the line behind it".into()));
        }
        load.series.push(Loaded { labels, values, starts: starts.map(|(_, offsets)| offsets) });
    }
    Ok(load)
}

fn start_offsets(text: &str) -> Result<Vec<Option<i64>>, String> {
    let mut all = Vec::new();
    for item in text.split_whitespace() {
        let count = |text: &str| match text.parse::<usize>() {
            Ok(count) if count < 100_000 => Ok(count),
            _ => Err(format!("invalid repeat count in {item:?}")),
        };
        if let Some(rest) = item.strip_prefix('_') {
            let times = if rest.is_empty() { 1 } else { count(rest.trim_start_matches('x'))? };
            all.extend(std::iter::repeat_n(None, times));
            continue;
        }
        let (base, rest) = signed_duration(item)?;
        if rest.is_empty() {
            all.push(Some(base));
        } else if let Some(times) = rest.strip_prefix('x') {
            all.extend(std::iter::repeat_n(Some(base), count(times)? + 1));
        } else {
            let (step, rest) = signed_duration(rest)?;
            let times = count(rest.strip_prefix('x').ok_or("expected 'x<count>' after step duration")?)?;
            all.extend((0..=times as i64).map(|index| Some(base + step * index)));
        }
    }
    Ok(all)
}

fn signed_duration(text: &str) -> Result<(i64, &str), String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    let unit = unsigned[digits..].find(|c: char| !c.is_ascii_alphabetic() || c == 'x');
    let (value, rest) = unsigned.split_at(unit.map_or(unsigned.len(), |unit| digits + unit));
    let value = duration(value)?;
    Ok((if text.starts_with('-') { -value } else { value }, rest))
}

/// Splits `text` at ` word ` (blanks of any width).
fn until<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let at = text.find(&format!(" {word} "))?;
    Some((text[..at].trim(), text[at + word.len() + 2..].trim_start()))
}

fn eval(number: usize, line: &str, body: &[(usize, &str)]) -> Located<(Eval, usize)> {
    let fail = |message: String| (number, message);
    let bad = || {
        fail("invalid evaluation command. Must be either 'eval instant [at <offset:duration>] <query>' or 'eval range from <from> to <to> step <step> <query>'".into())
    };
    let line = line.replace('\t', " ");
    let (command, rest) = line.split_once(' ').ok_or_else(bad)?;
    let rest = rest.trim_start();
    let mut expect = Expectations::default();
    match command.strip_prefix("eval").unwrap_or_default() {
        "_fail" => expect.fail = Some(any()),
        "_warn" => expect.any_warn = true,
        "_info" => expect.any_info = true,
        "_ordered" => expect.ordered = true,
        "" => {}
        _ => return Err(bad()),
    }
    let time = |text: &str| duration(text).map_err(fail);
    let (at, start, end, step, expr) = if let Some(rest) = rest.strip_prefix("instant") {
        let rest = rest.trim_start();
        match rest.strip_prefix("at ") {
            Some(rest) => {
                let (at, expr) = rest.trim_start().split_once(' ').ok_or_else(bad)?;
                (Some(time(at)?), 0, 0, 0, expr.trim_start())
            }
            None => (Some(0), 0, 0, 0, rest),
        }
    } else if let Some(rest) = rest.strip_prefix("range").map(str::trim_start) {
        let rest = rest.strip_prefix("from ").ok_or_else(bad)?;
        let (from, rest) = until(rest, "to").ok_or_else(bad)?;
        let (to, rest) = until(rest, "step").ok_or_else(bad)?;
        let (step, expr) = rest.split_once(' ').ok_or_else(bad)?;
        (None, time(from)?, time(to)?, time(step)?, expr.trim_start())
    } else {
        return Err(bad());
    };
    if let Err(error) = syntax::parse(expr) {
        return Err(fail(format!("{error} in {expr}")));
    }
    let instant = at.is_some();
    let mut eval = Eval {
        line: number,
        expr: expr.to_owned(),
        at,
        start: at.unwrap_or(start),
        end: at.unwrap_or(end),
        step,
        expect,
        scalar: None,
        string: None,
        series: Vec::new(),
        special: false,
    };
    let mut used = 0;
    for (number, line) in body {
        used += 1;
        if let Some(pattern) = line.strip_prefix("expected_fail_message") {
            eval.expect.fail = Some(Pattern::Exactly(pattern.trim().to_owned()));
            break;
        }
        if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
            eval.expect.fail = Some(regex_pattern(pattern.trim()).map_err(|message| (*number, message))?);
            break;
        }
        if body_line(&mut eval, instant, line).map_err(|message| (*number, message))? {
            break;
        }
    }
    Ok((eval, used))
}

/// Reads a line below `eval`; true if it is the last one.
fn body_line(eval: &mut Eval, instant: bool, line: &str) -> Result<bool, String> {
    if let Some(rest) = line.strip_prefix("expect range vector") {
        let rest = rest.trim_start().strip_prefix("from ").ok_or("expected `from`")?;
        let (from, rest) = until(rest, "to").ok_or("expected `to`")?;
        let (to, step) = until(rest, "step").ok_or("expected `step`")?;
        (eval.start, eval.end, eval.step) = (duration(from)?, duration(to)?, duration(step.trim())?);
        eval.at = Some(eval.end);
        eval.special = true;
        return Ok(false);
    }
    if let Some(rest) = line.strip_prefix("expect string") {
        let text = syntax::unquote(rest.trim()).ok_or("expected a quoted string")?;
        eval.string = Some(text);
        eval.special = true;
        return Ok(false);
    }
    if let Some(rest) = line.strip_prefix("expect ") {
        return expectation(&mut eval.expect, rest.trim_start()).map(|()| false);
    }
    if let Some(value) = parse_number(line) {
        eval.scalar = Some(value);
        return Ok(true);
    }
    let (labels, values) = parse_series(line)?;
    if values.len() > 1 && instant && !eval.special {
        return Err(
            "several values for an instant evaluation; say `expect range vector from … to … step …` first"
                .into(),
        );
    }
    // A series named again replaces what was expected of it, in its old place.
    match eval.series.iter_mut().find(|(known, _)| *known == labels) {
        Some((_, known)) => *known = values,
        None => eval.series.push((labels, values)),
    }
    Ok(false)
}

fn any() -> Pattern {
    regex_pattern("").unwrap_or(Pattern::Exactly(String::new()))
}

fn regex_pattern(pattern: &str) -> Result<Pattern, String> {
    regex::Regex::new(pattern).map(Pattern::Regex).map_err(|error| error.to_string())
}

fn expectation(expect: &mut Expectations, text: &str) -> Result<(), String> {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let rest = rest.trim();
    let pattern = || match (rest.strip_prefix("msg:"), rest.strip_prefix("regex:")) {
        (Some(message), _) => Ok(Pattern::Exactly(message.trim().to_owned())),
        (_, Some(pattern)) => regex_pattern(pattern.trim()),
        _ if rest.is_empty() => Ok(any()),
        _ => Err(format!("expected msg: or regex:, got {rest:?}")),
    };
    match word {
        "fail" => expect.fail = Some(pattern()?),
        "warn" => expect.warn.push(pattern()?),
        "info" => expect.info.push(pattern()?),
        "no_warn" => expect.no_warn = true,
        "no_info" => expect.no_info = true,
        "ordered" => expect.ordered = true,
        other => return Err(format!("invalid expected error/annotation type {other}")),
    }
    Ok(())
}
