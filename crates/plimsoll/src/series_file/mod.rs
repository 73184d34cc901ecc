//! Series from a file: Prometheus' text format, OpenMetrics, `load` blocks of its test language, or the answer of
//! `/api/v1/series`.
//!
//! Not a store: what is read is held whole, and bounded by each format's reader.
//!
//! **Invariant:** which format it is follows from the text alone.

mod api;
mod error;

use std::io::Read;

use plimsoll_collector::exposition::{self, Exposition, Format, Limits};
use plimsoll_model::labels::Labels;
use plimsoll_model::series::{SeriesId, SeriesSource, TimeRange};
use plimsoll_promql::promqltest::{self, MemorySource};

pub(crate) use error::SeriesError;

use crate::arguments::Input;

/// Largest file of series, in bytes.
const LARGEST: u64 = 64 << 20;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Samples of one moment, or at the times that the text gives.
    Exposition(Format),
    /// Labels without values.
    Api,
    /// Samples over time, from 1970 on.
    Script,
}

/// The series of a file.
#[derive(Debug)]
pub(crate) struct SeriesFile {
    pub source: MemorySource,
    pub form: Form,
    /// Time of the latest sample, in milliseconds since 1970; none without samples.
    pub latest: Option<i64>,
    /// Whether some samples have no time of their own and stand at `latest`.
    pub unstamped: bool,
    /// What was passed over, to be told.
    pub notes: Vec<String>,
}

impl SeriesFile {
    /// Reads `input`. Samples without a time stand at `at`, or at the latest time in the file, or `now`: milliseconds since
    /// 1970.
    pub(crate) fn read(
        input: &Input,
        stdin: &mut dyn Read,
        at: Option<i64>,
        now: i64,
    ) -> Result<Self, SeriesError> {
        let fix = "give fewer series; a selection is enough to try rules on";
        let text = input.read(stdin, LARGEST, fix)?;
        let placed = |error: SeriesError| error.in_file(&input.name(), &text);
        match form_of(&text) {
            Form::Script => script(&text).map_err(placed),
            Form::Api => api::read(&text).map_err(placed),
            Form::Exposition(format) => {
                let read = exposition::parse(text.as_bytes(), format, &Limits::default());
                read.map(|exposition| exposed(&exposition, format, at, now))
                    .map_err(|error| placed(error.into()))
            }
        }
    }

    /// Whether its series have values.
    pub(crate) fn has_values(&self) -> bool {
        self.form != Form::Api
    }

    /// What it is, in words.
    pub(crate) fn described(&self) -> &'static str {
        match self.form {
            Form::Exposition(Format::Text) => "text format",
            Form::Exposition(Format::OpenMetrics) => "OpenMetrics",
            Form::Api => "answer of /api/v1/series",
            Form::Script => "load blocks",
        }
    }

    /// The labels of all series.
    pub(crate) fn series(&self) -> Vec<Labels> {
        let range = TimeRange { start: i64::MIN, end: i64::MAX };
        self.source.select(&[], range).into_iter().map(|id| self.source.labels(id)).collect()
    }
}

fn form_of(text: &str) -> Form {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let start = text.trim_start();
    if start.starts_with('[') || is_json_object(start) {
        return Form::Api;
    }
    let first = lines.find(|line| !line.starts_with('#')).unwrap_or_default();
    let mut words = first.split_whitespace();
    let is_duration = |word: &str| plimsoll_model::duration::parse_prometheus(word).is_ok();
    match (words.next(), words.next(), words.next()) {
        (Some("load" | "load_with_nhcb"), Some(step), None) if is_duration(step) => Form::Script,
        (Some("clear"), None, None) => Form::Script,
        _ => Form::Exposition(Format::guess(text.as_bytes())),
    }
}

/// Whether it begins like `{"status": ...`: a sample may begin with `{"name"` too, but has no colon behind it.
fn is_json_object(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('{') else { return false };
    let inside = inside.trim_start();
    if inside.starts_with('}') {
        return true;
    }
    let Some(key) = inside.strip_prefix('"') else { return false };
    key.split_once('"').is_some_and(|(_, rest)| rest.trim_start().starts_with(':'))
}

fn script(text: &str) -> Result<SeriesFile, SeriesError> {
    let loaded = promqltest::load(text)?;
    let latest = latest(&loaded.source);
    let notes = match loaded.evaluations {
        0 => Vec::new(),
        1 => vec!["1 eval command of the file is not run".to_owned()],
        count => vec![format!("{count} eval commands of the file are not run")],
    };
    Ok(SeriesFile { source: loaded.source, form: Form::Script, latest, unstamped: false, notes })
}

fn latest(source: &MemorySource) -> Option<i64> {
    let range = TimeRange { start: i64::MIN, end: i64::MAX };
    let ids: Vec<SeriesId> = source.select(&[], range);
    let mut latest = None;
    source.read(&ids, range, &mut |_, columns| {
        latest = latest.max(columns.timestamps.last().copied());
        true
    });
    latest
}

fn exposed(exposition: &Exposition, format: Format, at: Option<i64>, now: i64) -> SeriesFile {
    let stamped = exposition.samples.iter().filter_map(|sample| sample.timestamp).max();
    let moment = at.or(stamped).unwrap_or(now);
    let mut source = MemorySource::new();
    let mut seen = std::collections::HashSet::new();
    let mut repeated = 0;
    for sample in &exposition.samples {
        let time = sample.timestamp.unwrap_or(moment);
        // Of two samples of a series at one time the first counts, as in a scrape.
        if seen.insert((&sample.labels, time)) {
            source.append(&sample.labels, time, sample.value);
        } else {
            repeated += 1;
        }
    }
    let unstamped = exposition.samples.iter().any(|sample| sample.timestamp.is_none());
    let latest = if unstamped { Some(stamped.unwrap_or(moment).max(moment)) } else { stamped };
    let notes = match repeated {
        0 => Vec::new(),
        1 => vec!["1 sample repeats a series at the same time and is left out".to_owned()],
        count => vec![format!("{count} samples repeat series at the same time and are left out")],
    };
    SeriesFile { source, form: Form::Exposition(format), latest, unstamped, notes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_file_follows_from_its_text() {
        use Form::{Api, Exposition, Script};
        for (text, form) in [
            ("up 1\n", Exposition(Format::Text)),
            ("up 1\n# EOF\n", Exposition(Format::OpenMetrics)),
            ("# a comment\n\nload 5m\n  up 1\n", Script),
            ("load 5\n", Exposition(Format::Text)),
            ("load_with_nhcb 1m\n", Script),
            ("clear\nload 1m\n", Script),
            ("clear 1\n", Exposition(Format::Text)),
            ("{\"status\": \"success\"}", Api),
            ("[]", Api),
            (" {}", Api),
            ("{\"up\"} 1", Exposition(Format::Text)),
            ("{\"up\",job=\":\"} 1", Exposition(Format::Text)),
            ("", Exposition(Format::Text)),
        ] {
            assert_eq!(form_of(text), form, "{text:?}");
        }
    }
}
