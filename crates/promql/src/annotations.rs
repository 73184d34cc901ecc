//! What a query has to say besides its result: warnings and infos, with their place in the query.
//!
//! Not errors: a query with annotations has a result. Texts match Prometheus' `util/annotations`.
//!
//! **Invariant:** one text at one kind is said once, at the last place it was found at; what is counted keeps the first.

use std::collections::BTreeMap;

use plimsoll_model::quote::quote;

use crate::syntax::{Span, format_g};

/// How much an annotation matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The result may be wrong or incomplete.
    Warning,
    /// Something to know.
    Info,
}

/// What is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// How much it matters.
    pub level: Level,
    /// The text, without the level and the place.
    pub text: String,
    /// Where in the query.
    pub span: Span,
    monotonicity: Option<Monotonicity>,
    /// How often, where that is shown.
    occurrences: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct Monotonicity {
    buckets: (f64, f64),
    most: f64,
    times: (i64, i64),
}

impl Annotation {
    /// The text as it is shown: `PromQL warning: … (1:5)`.
    pub fn shown(&self, query: &str) -> String {
        let (line, column) = self.span.position(query);
        let times = match self.occurrences {
            0 | 1 => String::new(),
            _ if self.monotonicity.is_some() => String::new(),
            times => format!(" ({times} occurrences)"),
        };
        format!("{}{times} ({line}:{column})", self.unplaced_with_details())
    }

    /// The text as it is shown, without the place.
    pub fn unplaced(&self) -> String {
        let level = match self.level {
            Level::Warning => "warning",
            Level::Info => "info",
        };
        format!("PromQL {level}: {}", self.text)
    }

    fn join(&mut self, more: &Monotonicity) {
        let m = self.monotonicity.get_or_insert_with(|| more.clone());
        m.buckets = (m.buckets.0.min(more.buckets.0), m.buckets.1.max(more.buckets.1));
        m.most = m.most.max(more.most);
        m.times = (m.times.0.min(more.times.0), m.times.1.max(more.times.1));
    }

    fn unplaced_with_details(&self) -> String {
        let Some(m) = &self.monotonicity else { return self.unplaced() };
        let time = |milliseconds: i64| {
            jiff::Timestamp::from_second(milliseconds.div_euclid(1000))
                .map_or_else(|_| milliseconds.to_string(), |time| time.to_string())
        };
        format!(
            "{}, from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
            self.unplaced(),
            format_g(m.buckets.0),
            format_g(m.buckets.1),
            two_digits(m.most),
            self.occurrences,
            time(m.times.0),
            time(m.times.1)
        )
    }
}

/// Go's `%.2g`.
fn two_digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.1e}").parse().unwrap_or(value);
    let exponent = if rounded == 0.0 { 0 } else { rounded.abs().log10().floor() as i32 };
    if !(-4..2).contains(&exponent) {
        let scientific = format!("{rounded:e}");
        if let Some((mantissa, _)) = scientific.split_once('e') {
            return format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
        }
    }
    format!("{rounded}")
}

/// The annotations of one evaluation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotations(BTreeMap<(Level, String), Annotation>);

impl Annotations {
    /// All of them: warnings, then infos.
    pub fn iter(&self) -> impl Iterator<Item = &Annotation> {
        self.0.values()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, level: Level, text: String, span: Span) {
        let found = Annotation { level, text: text.clone(), span, monotonicity: None, occurrences: 0 };
        self.0.insert((level, text), found);
    }

    /// What is only ever said once, but counted; it stays at its first place.
    fn count(&mut self, level: Level, text: String, span: Span) -> &mut Annotation {
        let found = self.0.entry((level, text)).or_insert_with_key(|(level, text)| Annotation {
            level: *level,
            text: text.clone(),
            span,
            monotonicity: None,
            occurrences: 0,
        });
        found.occurrences += 1;
        found
    }

    /// Adds what was found apart from this.
    pub(crate) fn merge(&mut self, other: Self) {
        for ((level, text), found) in other.0 {
            if found.occurrences == 0 {
                self.0.insert((level, text), found);
                continue;
            }
            let known = self.count(level, text, found.span);
            known.occurrences += found.occurrences - 1;
            if let Some(more) = found.monotonicity {
                known.join(&more);
            }
        }
    }

    pub(crate) fn warn(&mut self, span: Span, text: impl Into<String>) {
        self.add(Level::Warning, text.into(), span);
    }

    pub(crate) fn info(&mut self, span: Span, text: impl Into<String>) {
        self.add(Level::Info, text.into(), span);
    }

    pub(crate) fn invalid_quantile(&mut self, span: Span, quantile: f64) {
        self.warn(span, format!("quantile value should be between 0 and 1, got {}", format_g(quantile)));
    }

    pub(crate) fn mixed_range(&mut self, span: Span, metric: &str) {
        let metric = quote(metric.as_bytes());
        self.warn(span, format!("encountered a mix of histograms and floats for metric name {metric}"));
    }

    pub(crate) fn mixed_aggregation(&mut self, span: Span) {
        self.warn(span, "encountered a mix of histograms and floats for aggregation");
    }

    pub(crate) fn mixed_schemas(&mut self, span: Span, metric: &str) {
        let metric = quote(metric.as_bytes());
        self.warn(
            span,
            format!(
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {metric}"
            ),
        );
    }

    pub(crate) fn not_counter(&mut self, span: Span, metric: &str) {
        let metric = quote(metric.as_bytes());
        self.warn(span, format!("this native histogram metric is not a counter: {metric}"));
    }

    pub(crate) fn not_gauge(&mut self, span: Span, metric: &str) {
        let metric = quote(metric.as_bytes());
        self.warn(span, format!("this native histogram metric is not a gauge: {metric}"));
    }

    pub(crate) fn reset_collision(&mut self, span: Span, operation: &str) {
        self.warn(span, format!("conflicting counter resets during histogram {operation}"));
    }

    pub(crate) fn bounds_reconciled(&mut self, span: Span, operation: &str) {
        self.info(span, format!("mismatched custom buckets were reconciled during {operation}"));
    }

    pub(crate) fn ignored_in_aggregation(&mut self, span: Span, aggregation: &str) {
        self.info(span, format!("ignored histogram in {aggregation} aggregation"));
    }

    pub(crate) fn ignored_in_range(&mut self, span: Span, metric: &str) {
        let metric = quote(metric.as_bytes());
        self.info(
            span,
            format!(
                "ignored histograms in a range containing both floats and histograms for metric name {metric}"
            ),
        );
    }

    pub(crate) fn incompatible_types(&mut self, span: Span, left: &str, op: &str, right: &str) {
        let quoted = quote(op.as_bytes());
        self.info(
            span,
            format!(
                "incompatible sample types encountered for binary operator {quoted}: {left} {op} {right}"
            ),
        );
    }

    pub(crate) fn possible_non_counter(&mut self, span: Span, metric: &str) {
        let metric = quote(metric.as_bytes());
        self.info(
            span,
            format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {metric}"
            ),
        );
    }

    pub(crate) fn overlapping_starts(&mut self, span: Span, metric: &str) {
        let metric = quote(metric.as_bytes());
        let text =
            format!("sample has start time that overlaps with previous sample timestamp for metric {metric}");
        self.count(Level::Warning, text, span);
    }

    pub(crate) fn bad_bucket(&mut self, span: Span, metric: &str, label: &str) {
        let label = quote(label.as_bytes());
        let text = format!(
            "bucket label \"le\" is missing or has a malformed value of {label}{}",
            for_metric(metric)
        );
        self.warn(span, text);
    }

    pub(crate) fn mixed_classic_native(&mut self, span: Span, metric: &str) {
        let text = format!("vector contains a mix of classic and native histograms{}", for_metric(metric));
        self.warn(span, text);
    }

    pub(crate) fn nan_observations(&mut self, span: Span, function: &str, effect: &str, metric: &str) {
        self.info(span, format!("input to {function} has NaN observations, {effect}{}", for_metric(metric)));
    }

    pub(crate) fn forced_monotonicity(
        &mut self,
        span: Span,
        metric: &str,
        time: i64,
        buckets: (f64, f64),
        most: f64,
    ) {
        let text = format!(
            "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){}",
            for_metric(metric)
        );
        let samples = Monotonicity { buckets, most, times: (time, time) };
        self.count(Level::Info, text, span).join(&samples);
    }
}

fn for_metric(metric: &str) -> String {
    if metric.is_empty() { String::new() } else { format!(" for metric name {}", quote(metric.as_bytes())) }
}
