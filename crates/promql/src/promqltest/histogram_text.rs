//! Histograms as text: `{{schema:1 sum:4 count:3 buckets:[1 2]}}`.
//!
//! **Invariant:** what is printed reads back as the same histogram, empty buckets aside.

use plimsoll_model::histogram::{Histogram, ResetHint, Span};

use super::sequence::number;
use crate::syntax::format_g;

/// A histogram, whether its hint of a reset was written, and what follows it.
pub(crate) fn parse(text: &str) -> Result<(Histogram, bool, &str), String> {
    let inner = text.strip_prefix("{{").ok_or("expected a histogram: {{…}}")?;
    let (inner, rest) = inner.split_once("}}").ok_or("unclosed histogram")?;
    let mut histogram = Histogram::default();
    let mut has_hint = false;
    let (mut offset, mut negative_offset) = (0, 0);
    let mut fields = inner.trim();
    while !fields.is_empty() {
        let (key, after) = fields.split_once(':').ok_or_else(|| format!("missing `:` in {fields:?}"))?;
        let after = after.trim_start();
        let (value, left) = if after.starts_with('[') {
            let end = after.find(']').ok_or("unclosed list of buckets")?;
            (&after[..=end], &after[end + 1..])
        } else {
            after.split_at(after.find(' ').unwrap_or(after.len()))
        };
        let float = || match number(value) {
            Ok((value, "")) => Ok(value),
            _ => Err(format!("{value:?} is no number")),
        };
        let integer = || value.parse::<i32>().map_err(|_| format!("{value:?} is no whole number"));
        let list = || -> Result<Vec<f64>, String> {
            let inner = value.strip_prefix('[').and_then(|value| value.strip_suffix(']'));
            let inner = inner.ok_or_else(|| format!("{value:?} is no list"))?;
            inner.split_whitespace().map(|item| number(item).map(|(value, _)| value)).collect()
        };
        match key.trim() {
            "schema" => histogram.schema = integer()?,
            "sum" => histogram.sum = float()?,
            "count" => histogram.count = float()?,
            "z_bucket" => histogram.zero_count = float()?,
            "z_bucket_w" => histogram.zero_threshold = float()?,
            "custom_values" => histogram.custom_bounds = list()?.into(),
            "buckets" => histogram.positive = list()?,
            "n_buckets" => histogram.negative = list()?,
            "offset" => offset = integer()?,
            "n_offset" => negative_offset = integer()?,
            "counter_reset_hint" => {
                has_hint = true;
                histogram.reset_hint = match value {
                    "unknown" => ResetHint::Unknown,
                    "reset" => ResetHint::Reset,
                    "not_reset" => ResetHint::NotReset,
                    "gauge" => ResetHint::Gauge,
                    other => return Err(format!("unknown hint {other:?}")),
                };
            }
            other => return Err(format!("bad histogram descriptor found: {other:?}")),
        }
        fields = left.trim_start();
    }
    let spans = |offset, buckets: &[f64]| match buckets.len() {
        0 => Vec::new(),
        length => vec![Span { offset, length: length as u32 }],
    };
    histogram.positive_spans = spans(offset, &histogram.positive);
    histogram.negative_spans = spans(negative_offset, &histogram.negative);
    Ok((histogram, has_hint, rest))
}

/// The text of a histogram.
pub(crate) fn print(histogram: &Histogram) -> String {
    let mut parts = Vec::new();
    let mut number = |key: &str, value: f64| {
        if value != 0.0 {
            parts.push(format!("{key}:{}", format_g(value)));
        }
    };
    number("schema", f64::from(histogram.schema));
    number("count", histogram.count);
    number("sum", histogram.sum);
    number("z_bucket", histogram.zero_count);
    number("z_bucket_w", histogram.zero_threshold);
    let list = |values: &[f64]| values.iter().map(|v| format_g(*v)).collect::<Vec<_>>().join(" ");
    if histogram.has_custom_bounds() {
        parts.push(format!("custom_values:[{}]", list(&histogram.custom_bounds)));
    }
    match histogram.reset_hint {
        ResetHint::Unknown => {}
        ResetHint::Reset => parts.push("counter_reset_hint:reset".into()),
        ResetHint::NotReset => parts.push("counter_reset_hint:not_reset".into()),
        ResetHint::Gauge => parts.push("counter_reset_hint:gauge".into()),
    }
    let mut side = |prefix: &str, entries: Vec<(i32, f64)>| {
        let Some((first, _)) = entries.first().copied() else { return };
        if first != 0 {
            parts.push(format!("{prefix}offset:{first}"));
        }
        let mut counts = Vec::new();
        let mut next = first;
        for (index, count) in entries {
            // Far gaps are cut short: this is for people to read.
            counts.extend(std::iter::repeat_n(0.0, index.abs_diff(next).min(50) as usize));
            counts.push(count);
            next = index + 1;
        }
        parts.push(format!("{prefix}buckets:[{}]", list(&counts)));
    };
    let compact = histogram.clone().compacted();
    side("", compact.positive_entries().collect());
    side("n_", compact.negative_entries().collect());
    format!("{{{{{}}}}}", parts.join(" "))
}
