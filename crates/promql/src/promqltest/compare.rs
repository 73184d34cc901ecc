//! What came out against what was wanted.
//!
//! **Invariant:** numbers agree within one millionth of their sum, as in Prometheus' tests; times, labels and order
//! agree exactly.

use plimsoll_model::histogram::Histogram;
use plimsoll_model::labels::Labels;

use super::histogram_text::print;
use super::script::Eval;
use super::sequence::SequenceValue;
use crate::annotations::{Annotations, Level};
use crate::eval::{RangeSeries, Sample, SampleValue, Value};
use crate::syntax::format_value;

const TOLERANCE: f64 = 0.000_001;

/// Wanted, and got.
pub(crate) type Difference = (String, String);

fn near(a: f64, b: f64) -> bool {
    use plimsoll_model::series::is_stale;
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    crate::eval::nearly_equal(a, b, TOLERANCE)
}

fn same_histogram(wanted: &Histogram, got: &Histogram, hint: bool) -> bool {
    let (wanted, got) = (wanted.clone().compacted(), got.clone().compacted());
    let side = |a: Vec<(i32, f64)>, b: Vec<(i32, f64)>| {
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && near(a.1, b.1))
    };
    wanted.schema == got.schema
        && near(wanted.count, got.count)
        && near(wanted.sum, got.sum)
        && (!wanted.has_custom_bounds() || wanted.custom_bounds == got.custom_bounds)
        && wanted.zero_threshold == got.zero_threshold
        && near(wanted.zero_count, got.zero_count)
        && side(wanted.positive_entries().collect(), got.positive_entries().collect())
        && side(wanted.negative_entries().collect(), got.negative_entries().collect())
        && (!hint || wanted.reset_hint == got.reset_hint)
}

fn matches(wanted: &SequenceValue, got: &SampleValue) -> bool {
    match (wanted, got) {
        (SequenceValue::Float(wanted), SampleValue::Float(got)) => near(*wanted, *got),
        (SequenceValue::Histogram(wanted, hint), SampleValue::Histogram(got)) => {
            same_histogram(wanted, got, *hint)
        }
        _ => false,
    }
}

fn show_wanted(value: &SequenceValue) -> String {
    match value {
        SequenceValue::Omitted => "_".to_owned(),
        SequenceValue::Float(value) => format_value(*value),
        SequenceValue::Histogram(histogram, _) => print(histogram),
    }
}

fn show_got(value: &SampleValue) -> String {
    match value {
        SampleValue::Float(value) => format_value(*value),
        SampleValue::Histogram(histogram) => print(histogram),
    }
}

fn show_series(labels: &Labels, values: &[SequenceValue]) -> String {
    let values: Vec<String> = values.iter().map(show_wanted).collect();
    format!("{labels} {}", values.join(" "))
}

pub(crate) fn value(eval: &Eval, got: &Value) -> Result<(), Difference> {
    match got {
        Value::String(got) => match &eval.string {
            Some(wanted) if wanted == got => Ok(()),
            wanted => {
                Err((format!("the text {:?}", wanted.as_deref().unwrap_or_default()), format!("{got:?}")))
            }
        },
        Value::Scalar(got) => match eval.scalar {
            Some(wanted) if near(wanted, *got) => Ok(()),
            Some(wanted) => Err((format_value(wanted), format_value(*got))),
            None => Err(("series".to_owned(), format!("the scalar {}", format_value(*got)))),
        },
        Value::Vector(got) => vector(eval, got),
        Value::Matrix(got) => matrix(eval, got),
    }
}

fn vector(eval: &Eval, got: &[Sample]) -> Result<(), Difference> {
    if let Some(wanted) = eval.scalar {
        return Err((format!("the scalar {}", format_value(wanted)), format!("{} series", got.len())));
    }
    let mut seen = vec![false; eval.series.len()];
    for (position, sample) in got.iter().enumerate() {
        let shown = || format!("{} {}", sample.labels, show_got(&sample.value));
        let Some(at) = eval.series.iter().position(|(labels, _)| *labels == sample.labels) else {
            return Err((format!("{} other series", eval.series.len()), shown()));
        };
        let (labels, values) = &eval.series[at];
        if eval.expect.ordered && at != position {
            return Err((
                format!("{labels} at position {}", at + 1),
                format!("it at position {}", position + 1),
            ));
        }
        if !values.first().is_some_and(|wanted| matches(wanted, &sample.value)) {
            return Err((show_series(labels, values), shown()));
        }
        seen[at] = true;
    }
    missing(eval, &seen)
}

fn missing(eval: &Eval, seen: &[bool]) -> Result<(), Difference> {
    match seen.iter().position(|seen| !seen) {
        Some(at) => Err((show_series(&eval.series[at].0, &eval.series[at].1), "no such series".to_owned())),
        None => Ok(()),
    }
}

fn matrix(eval: &Eval, got: &[RangeSeries]) -> Result<(), Difference> {
    if eval.expect.ordered {
        return Err(("an ordered vector".to_owned(), "a matrix".to_owned()));
    }
    if let Some(wanted) = eval.scalar {
        return Err((format!("the scalar {}", format_value(wanted)), format!("{} series", got.len())));
    }
    if !got.is_sorted_by(|a, b| a.labels <= b.labels) {
        return Err(("series sorted by labels".to_owned(), "another order".to_owned()));
    }
    let mut seen = vec![false; eval.series.len()];
    for series in got {
        let shown = || {
            let points: Vec<String> =
                series.points.iter().map(|p| format!("{}@{}", show_got(&p.value), p.time)).collect();
            format!("{} {}", series.labels, points.join(" "))
        };
        let Some(at) = eval.series.iter().position(|(labels, _)| *labels == series.labels) else {
            return Err((format!("{} other series", eval.series.len()), shown()));
        };
        seen[at] = true;
        let (labels, values) = &eval.series[at];
        let mut points = series.points.iter();
        for (index, wanted) in values.iter().enumerate() {
            if *wanted == SequenceValue::Omitted {
                continue;
            }
            let time = eval.start + eval.step * index as i64;
            let agrees = points.next().is_some_and(|p| p.time == time && matches(wanted, &p.value));
            if time > eval.end || !agrees {
                return Err((show_series(labels, values), shown()));
            }
        }
        if points.next().is_some() {
            return Err((show_series(labels, values), shown()));
        }
    }
    missing(eval, &seen)
}

pub(crate) fn annotations(eval: &Eval, query: &str, got: &Annotations) -> Result<(), Difference> {
    let of = |level: Level| -> Vec<String> {
        got.iter()
            .filter(|annotation| annotation.level == level)
            .map(|annotation| annotation.shown(query))
            .collect()
    };
    let expect = &eval.expect;
    for (level, name, patterns, none, any) in [
        (Level::Warning, "warning", &expect.warn, expect.no_warn, expect.any_warn),
        (Level::Info, "info", &expect.info, expect.no_info, expect.any_info),
    ] {
        let got = of(level);
        if none && !got.is_empty() {
            return Err((format!("no {name}"), got.join("; ")));
        }
        if any && got.is_empty() {
            return Err((format!("a {name}"), "none".to_owned()));
        }
        if patterns.is_empty() {
            continue;
        }
        if got.is_empty() {
            return Err((format!("{name} {:?}", patterns[0].as_str()), "none".to_owned()));
        }
        if let Some(pattern) = patterns.iter().find(|p| !got.iter().any(|text| p.matches(text))) {
            return Err((format!("{name} {:?}", pattern.as_str()), got.join("; ")));
        }
        if let Some(text) = got.iter().find(|text| !patterns.iter().any(|p| p.matches(text))) {
            return Err((format!("no other {name}"), text.clone()));
        }
    }
    Ok(())
}
