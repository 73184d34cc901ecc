//! Two answers to one query, side by side.
//!
//! Not a judgement of whether a difference matters; see [`super::explained`].
//!
//! **Invariant:** everything that Prometheus shows is compared: form, places, texts, labels, order, times, values.

use plimsoll_model::histogram::CUSTOM_BUCKETS;
use plimsoll_model::series::is_stale;

use super::answer::{Answer, Native, Series, number};

/// What differs, what upstream says and what we say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub what: What,
    pub wanted: String,
    pub got: String,
}

/// The kinds of differences, by what is compared first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// One side reads what the other refuses.
    Reading,
    /// Both refuse, at different places.
    Place,
    /// Both refuse, with different words.
    Words,
    Printing,
    /// One side fails, or both do with different words.
    Failure,
    Kind,
    Series,
    Order,
    Values,
    Annotations,
}

/// How close floats must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Precision {
    /// The same bits.
    Exact,
    /// This part of the larger of both.
    Relative(f64),
}

fn same_number(wanted: f64, got: f64, precision: Precision) -> bool {
    if wanted.to_bits() == got.to_bits() {
        return true;
    }
    if wanted.is_nan() || got.is_nan() {
        return wanted.is_nan() && got.is_nan() && is_stale(wanted) == is_stale(got);
    }
    match precision {
        Precision::Exact => false,
        Precision::Relative(part) => {
            wanted == got || (wanted - got).abs() <= part * wanted.abs().max(got.abs())
        }
    }
}

/// The first difference.
pub fn difference(wanted: &Answer, got: &Answer, precision: Precision, ordered: bool) -> Option<Difference> {
    let differs = |what, wanted: String, got: String| Some(Difference { what, wanted, got });
    match (&wanted.refused, &got.refused) {
        (Some(wanted), Some(got)) => {
            let show = |refusal: &super::answer::Refusal| {
                format!("{}..{}: {}", refusal.start, refusal.end, refusal.message)
            };
            if wanted.start != got.start {
                return differs(What::Place, show(wanted), show(got));
            }
            if wanted.message != got.message {
                return differs(What::Words, show(wanted), show(got));
            }
            return None;
        }
        (Some(wanted), None) => {
            return differs(
                What::Reading,
                format!("{}: {}", wanted.start, wanted.message),
                format!("read as {}", got.printed),
            );
        }
        (None, Some(got)) => {
            return differs(
                What::Reading,
                format!("read as {}", wanted.printed),
                format!("{}: {}", got.start, got.message),
            );
        }
        (None, None) => {}
    }
    if wanted.printed != got.printed {
        return differs(What::Printing, wanted.printed.clone(), got.printed.clone());
    }
    if wanted.failed != got.failed
        && (ordered || sorted_duplicates(&wanted.failed) != sorted_duplicates(&got.failed))
    {
        let show = |answer: &Answer| {
            if answer.failed.is_empty() { shown(answer) } else { format!("failed: {}", answer.failed) }
        };
        return differs(What::Failure, show(wanted), show(got));
    }
    if !wanted.failed.is_empty() {
        // Annotations of a failed query reach nobody.
        return None;
    }
    if (&wanted.kind, &wanted.text) != (&got.kind, &got.text) {
        return differs(What::Kind, shown(wanted), shown(got));
    }
    let labels =
        |answer: &Answer| answer.result.iter().map(|series| series.labels.clone()).collect::<Vec<_>>();
    let (mut wanted_labels, mut got_labels) = (labels(wanted), labels(got));
    let same_order = wanted_labels == got_labels;
    wanted_labels.sort();
    got_labels.sort();
    if wanted_labels != got_labels {
        return differs(What::Series, shown(wanted), shown(got));
    }
    let pairs = |wanted: &Answer, got: &Answer| {
        wanted.result.iter().zip(&got.result).all(|(wanted, got)| same_values(wanted, got, precision))
    };
    let (mut wanted, mut got) = (wanted.clone(), got.clone());
    if !same_order {
        // Where the same values stand in the same places, equal ones have changed theirs: that order is not defined.
        if ordered && !pairs(&wanted, &got) {
            return differs(What::Order, shown(&wanted), shown(&got));
        }
        wanted.result.sort_by(|a, b| a.labels.cmp(&b.labels));
        got.result.sort_by(|a, b| a.labels.cmp(&b.labels));
    }
    let (wanted, got) = (&wanted, &got);
    if !wanted.result.iter().zip(&got.result).all(|(wanted, got)| same_series(wanted, got, precision)) {
        return differs(What::Values, shown(wanted), shown(got));
    }
    if wanted.warnings != got.warnings || wanted.infos != got.infos {
        let show = |answer: &Answer| {
            let all: Vec<&str> = answer.warnings.iter().chain(&answer.infos).map(String::as_str).collect();
            if all.is_empty() { "nothing said".to_owned() } else { all.join("\n         ") }
        };
        return differs(What::Annotations, show(wanted), show(got));
    }
    None
}

/// The text of an error with the series in brackets in alphabetical order.
fn sorted_duplicates(text: &str) -> String {
    let pair = text.split_once(": [").and_then(|(before, rest)| {
        let (pair, after) = rest.split_once("];")?;
        let mut series: Vec<&str> =
            pair.split_inclusive("}, ").map(|one| one.trim_end_matches(", ")).collect();
        series.sort_unstable();
        Some(format!("{before}: {series:?};{after}"))
    });
    pair.unwrap_or_else(|| text.to_owned())
}

fn same_values(wanted: &Series, got: &Series, precision: Precision) -> bool {
    same_series(wanted, got, precision)
}

fn same_series(wanted: &Series, got: &Series, precision: Precision) -> bool {
    wanted.times == got.times
        && wanted.histograms.len() == got.histograms.len()
        && wanted.values.iter().zip(&got.values).enumerate().all(|(at, (one, other))| {
            let at = at.to_string();
            match (wanted.histograms.get(&at), got.histograms.get(&at)) {
                (Some(wanted), Some(got)) => same_histogram(wanted, got, precision),
                (None, None) => same_number(number(one), number(other), precision),
                _ => false,
            }
        })
}

fn same_histogram(wanted: &Native, got: &Native, precision: Precision) -> bool {
    let same = |a: &str, b: &str| same_number(number(a), number(b), precision);
    let side = |a: &[(String, String)], b: &[(String, String)]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1))
    };
    wanted.schema == got.schema
        && wanted.hint == got.hint
        // Custom buckets have no bucket around zero; what is left of its count after a division by zero shows nowhere.
        && (wanted.schema == CUSTOM_BUCKETS
            || same(&wanted.threshold, &got.threshold) && same(&wanted.zero, &got.zero))
        && same(&wanted.count, &got.count)
        && same(&wanted.sum, &got.sum)
        && side(&wanted.positive, &got.positive)
        && side(&wanted.negative, &got.negative)
        && wanted.bounds == got.bounds
}

/// A result as it can be read.
pub fn shown(answer: &Answer) -> String {
    if answer.result.is_empty() {
        return format!("{} {:?}", answer.kind, answer.text);
    }
    let series = answer.result.iter().map(|series| {
        let points = series.times.iter().zip(&series.values).enumerate().map(|(at, (time, value))| {
            match series.histograms.get(&at.to_string()) {
                Some(histogram) => format!("{}@{time}", shown_histogram(histogram)),
                None => format!("{}@{time}", number(value)),
            }
        });
        format!("{} {}", series.shown_labels(), points.collect::<Vec<_>>().join(" "))
    });
    format!("{} {}", answer.kind, series.collect::<Vec<_>>().join("\n         "))
}

fn shown_histogram(histogram: &Native) -> String {
    let side = |buckets: &[(String, String)]| {
        buckets
            .iter()
            .map(|(index, count)| format!("{index}:{}", number(count)))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let bounds: Vec<f64> = histogram.bounds.iter().map(|bound| number(bound)).collect();
    format!(
        "{{{{schema:{} count:{} sum:{} zero:{}/{} positive:[{}] negative:[{}] bounds:{bounds:?} hint:{}}}}}",
        histogram.schema,
        number(&histogram.count),
        number(&histogram.sum),
        number(&histogram.zero),
        number(&histogram.threshold),
        side(&histogram.positive),
        side(&histogram.negative),
        histogram.hint
    )
}
