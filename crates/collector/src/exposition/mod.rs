//! Prometheus' text format 0.0.4 and OpenMetrics 1.0, read as Prometheus 3.14 reads them (`model/textparse`).
//!
//! Differs from its parser in four places where it is lenient by accident: blanks before a name do not become part of it
//! (text format); names must be UTF-8 and labels unique, as its scrape demands afterwards; a NUL byte outside quotes is a
//! mistake everywhere but at the start of a line of the text format, where it ends the text.
//!
//! Not a scrape: what a sample without a time, a repeated series or a vanished one means is for whoever scrapes. Native
//! histograms cannot be written in these formats.
//!
//! **Invariant:** a text is read whole or refused whole, with the place of its first mistake; no input panics, and each
//! bound has its own message.

mod cursor;
mod error;
mod label_set;
mod number;
mod open_metrics;
mod text;

use std::collections::BTreeMap;

use plimsoll_model::labels::Labels;

pub use error::ExpositionError;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `text/plain; version=0.0.4`
    Text,
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics,
}

impl Format {
    /// The format that a text without a content type is most likely in: OpenMetrics ends with `# EOF`.
    pub fn guess(text: &[u8]) -> Self {
        let end = text.trim_ascii_end();
        match end.strip_suffix(b"# EOF") {
            Some(rest) if rest.is_empty() || rest.ends_with(b"\n") => Self::OpenMetrics,
            _ => Self::Text,
        }
    }
}

/// What is read at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes: usize,
    /// Samples.
    pub samples: usize,
    /// Labels of one sample, its name included.
    pub labels: usize,
    /// Bytes of a name or a label's value.
    pub value_bytes: usize,
}

impl Default for Limits {
    /// 64 MiB, a million samples, 256 labels, 64 KiB.
    fn default() -> Self {
        Self { bytes: 64 << 20, samples: 1_000_000, labels: 256, value_bytes: 64 << 10 }
    }
}

/// What a text holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exposition {
    /// In the order of the text.
    pub samples: Vec<Sample>,
    /// By the name in `HELP`, `TYPE` and `UNIT`; of a repeated line the last counts.
    pub families: BTreeMap<String, Family>,
}

/// A line with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels, the name as `__name__`.
    pub labels: Labels,
    /// Its value; any NaN is the ordinary one, so that a target cannot fake a stale marker.
    pub value: f64,
    /// Milliseconds since 1970, if the line says so.
    pub timestamp: Option<i64>,
    /// OpenMetrics only.
    pub exemplar: Option<Exemplar>,
    /// Line of the text, from 1.
    pub line: u32,
}

/// A single observation beside a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
}

/// What is said about a family of samples.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Family {
    /// `TYPE`
    pub kind: Option<Kind>,
    /// `HELP`, without escapes.
    pub help: Option<String>,
    /// `UNIT`
    pub unit: Option<String>,
}

/// A type of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    /// OpenMetrics only.
    GaugeHistogram,
    Summary,
    /// OpenMetrics only.
    Info,
    /// OpenMetrics only.
    StateSet,
    /// `untyped` in the text format, `unknown` in OpenMetrics.
    Unknown,
}

/// Reads a text.
///
/// # Errors
/// The first mistake, or the bound that is passed.
pub fn parse(text: &[u8], format: Format, limits: &Limits) -> Result<Exposition, ExpositionError> {
    if text.len() > limits.bytes {
        let message = format!("the text has {} bytes, at most {} are read", text.len(), limits.bytes);
        return Err(ExpositionError::new(text, limits.bytes, message, "expose fewer series"));
    }
    match format {
        Format::Text => text::parse(text, limits),
        Format::OpenMetrics => open_metrics::parse(text, limits),
    }
}
