//! Differences that are known, each with its reason.
//!
//! **Invariant:** an explanation applies to a narrow form of query and difference, or else to a case that shows no difference once the
//! stated cause is taken out of it.

use plimsoll_promql::eval::When;

use super::Case;
use super::answer::Answer;
use super::cause;
use super::compare::{Difference, Precision, What};

/// A known difference.
pub struct Explanation {
    /// Why it is there, with the version that explains it.
    pub reason: &'static str,
    applies: fn(&Case, &Answer, &Answer, &Difference) -> bool,
    /// The case without the cause. There both must agree, or the reason is another. Absent where the difference alone shows its cause.
    without: Option<fn(&Case) -> Option<Case>>,
}

static EXPLANATIONS: &[Explanation] = &[
    Explanation {
        reason: "a refused pattern, in upstream's words, with a hint behind them",
        applies: |_, wanted, got, found| {
            let (Some(wanted), Some(got)) = (&wanted.refused, &got.refused) else { return false };
            let hint = got.message.strip_prefix(&wanted.message);
            found.what == What::Words
                && wanted.message.starts_with("error parsing regexp: ")
                && hint.is_some_and(|hint| hint.starts_with(" (") && hint.ends_with(')'))
        },
        without: None,
    },
    Explanation {
        reason: "3.13 fails with a runtime error where one of the series of a window with edges has no samples",
        applies: |case, wanted, got, _| {
            let edges = case.query.contains("anchored") || case.query.contains("smoothed");
            let runtime = wanted.failed.starts_with("unexpected error: runtime error");
            edges && runtime && got.refused.is_none()
        },
        without: None,
    },
    Explanation {
        reason: "start_timestamp() is a function from 3.14 on",
        applies: |_, wanted, _, _| {
            let unknown = "unknown function with name \"start_timestamp\"";
            wanted.refused.as_ref().is_some_and(|refused| refused.message == unknown)
        },
        without: None,
    },
    Explanation {
        reason: "a counter begins at its start time, and overlapping starts are warned of, from 3.14 on",
        applies: |case, _, _, _| {
            let known = case.data.lines.iter().any(|line| line.starts.is_some());
            known && calls(case, &["rate", "increase", "irate", "resets"])
        },
        without: Some(cause::without_starts),
    },
    Explanation {
        // `detectReset` looked at the first bucket again and again once the later histogram had no more buckets.
        reason: "a reset of a histogram that shows behind an empty bucket only is noticed from 3.15 on",
        applies: |case, _, _, found| {
            let functions =
                ["rate", "increase", "irate", "resets", "histogram_count", "histogram_sum", "histogram_avg"];
            matches!(found.what, What::Series | What::Values | What::Annotations) && calls(case, &functions)
        },
        without: Some(cause::without_empty_buckets),
    },
    Explanation {
        reason: "mad_over_time() of NaN is NaN from 3.14 on",
        applies: |case, _, _, found| found.what > What::Printing && calls(case, &["mad_over_time"]),
        without: Some(cause::without_nan),
    },
    Explanation {
        reason: "histogram_quantile() and its like point to the histograms from 3.15 on",
        applies: |case, wanted, got, found| {
            let unplaced = |answer: &Answer| -> Vec<String> {
                let all = answer.warnings.iter().chain(&answer.infos).map(|text| without_count(text));
                all.map(|text| text.rsplit_once(" (").map_or(text.clone(), |(text, _)| text.to_owned()))
                    .collect()
            };
            found.what == What::Annotations
                && calls(case, &["histogram_quantile", "histogram_quantiles", "histogram_fraction"])
                && unplaced(wanted) == unplaced(got)
        },
        without: None,
    },
    Explanation {
        reason: "trimming leaves its operand alone from 3.14 on; before, other uses of the histogram saw it trimmed",
        applies: |case, _, _, found| {
            matches!(found.what, What::Series | What::Values | What::Annotations)
                && (case.query.contains("</") || case.query.contains(">/"))
        },
        without: Some(cause::trimmed_copy),
    },
    Explanation {
        reason: "info() looks at info series as of the time of what they describe, from 3.15 on",
        applies: |case, _, _, found| {
            let shifted = case.query.contains('@') || case.query.contains("offset");
            found.what > What::Printing && shifted && calls(case, &["info"])
        },
        without: Some(cause::info_unshifted),
    },
    Explanation {
        reason: "info() drops the name that its argument no longer has, from 3.15 on",
        applies: |case, wanted, got, found| {
            let unnamed = |answer: &Answer| {
                let mut all: Vec<Vec<(String, String)>> = Vec::new();
                for series in &answer.result {
                    let named = |name: &str| ["__name__", "__type__", "__unit__"].contains(&name);
                    all.push(series.labels.iter().filter(|(name, _)| !named(name)).cloned().collect());
                }
                all.sort();
                all
            };
            let same_name = got.failed == "vector cannot contain metrics with the same labelset";
            calls(case, &["info"])
                && (found.what == What::Series && unnamed(wanted) == unnamed(got)
                    || found.what == What::Failure && same_name)
        },
        without: Some(cause::info_unnamed),
    },
    Explanation {
        reason: "upstream counts samples twice where it merges an annotation with itself, at each further step",
        applies: |_, wanted, got, found| {
            let uncounted = |answer: &Answer| -> Vec<String> {
                answer.warnings.iter().chain(&answer.infos).map(|text| without_count(text)).collect()
            };
            found.what == What::Annotations && uncounted(wanted) == uncounted(got)
        },
        without: None,
    },
    Explanation {
        reason: "a label holds a number whose last digits depend on the library of mathematics",
        applies: |case, wanted, got, found| {
            found.what == What::Series
                && precision(&case.query) != Precision::Exact
                && calls(case, &["count_values", "histogram_quantiles"])
                && (nearly_same_labels(wanted, got) || calls(case, &["limit_ratio"]))
        },
        without: None,
    },
    Explanation {
        reason: "an error names a number whose last digits depend on the library of mathematics",
        applies: |case, wanted, got, found| {
            found.what == What::Failure
                && precision(&case.query) != Precision::Exact
                && !wanted.failed.is_empty()
                && unnumbered(&wanted.failed) == unnumbered(&got.failed)
        },
        without: None,
    },
    Explanation {
        reason: "3.13 does not notice that a number and a histogram are left with the same labels",
        applies: |_, wanted, got, found| {
            found.what == What::Failure
                && wanted.failed.is_empty()
                && got.failed == "vector cannot contain metrics with the same labelset"
        },
        without: Some(cause::without_histograms),
    },
    Explanation {
        reason: "Go's logarithm of subnormal numbers on x86 is another",
        applies: |case, _, _, found| {
            let subnormal = |line: &super::data::Line| line.values.iter().any(|value| value == "5e-324");
            found.what > What::Printing
                && calls(case, &["ln", "log2", "log10"])
                && case.data.lines.iter().any(subnormal)
        },
        without: Some(cause::without_subnormal),
    },
    Explanation {
        reason: "an annotation names a number whose last digits depend on the library of mathematics",
        applies: |case, wanted, got, found| {
            let all = |answer: &Answer| -> Vec<String> {
                answer.warnings.iter().chain(&answer.infos).map(|text| unnumbered(text)).collect()
            };
            found.what == What::Annotations
                && precision(&case.query) != Precision::Exact
                && all(wanted) == all(got)
        },
        without: None,
    },
    Explanation {
        reason: "a difference in the last digit grows in a function of a function, or in a remainder",
        applies: |case, _, _, found| {
            let rounded = rounded(&case.query);
            found.what == What::Values && (rounded > 1 || rounded == 1 && case.query.contains('%'))
        },
        without: None,
    },
    Explanation {
        reason: "which two of several duplicates an error names is the order of a Go map or of a heap",
        applies: |case, wanted, got, found| {
            let place = |text: &str| text.split_once(" operation: [").map(|(before, _)| before.to_owned());
            let unordered = matches!(case.when, Some(When::Range { .. }))
                || !has_order(&case.query)
                || calls(case, &["topk", "bottomk"]);
            found.what == What::Failure
                && unordered
                && place(&wanted.failed).is_some()
                && place(&wanted.failed) == place(&got.failed)
        },
        without: None,
    },
    Explanation {
        reason: "which series limitk keeps of a computed range, and the order in which it hands them on, is that of a Go map or of a heap",
        applies: |case, _, _, found| {
            let range = matches!(case.when, Some(When::Range { .. })) || has_subquery(&case.query);
            let nested = case.query.to_lowercase().matches("limitk").count() > 1;
            found.what > What::Kind && (range || nested) && calls(case, &["limitk"])
                || found.what == What::Annotations && calls(case, &["limitk", "limit_ratio"])
        },
        without: Some(cause::unlimited),
    },
    Explanation {
        reason: "the last digit of a sum over a computed range depends on the order of a Go map",
        applies: |case, wanted, got, found| {
            let range = matches!(case.when, Some(When::Range { .. })) || has_subquery(&case.query);
            let sums = ["sum", "avg", "stddev", "stdvar"];
            found.what == What::Values
                && range
                && calls(case, &sums)
                && super::compare::difference(wanted, got, Precision::Relative(1e-12), false).is_none()
        },
        without: None,
    },
    Explanation {
        reason: "the natural order of 3.13 puts an absent label neither before nor behind another",
        applies: |case, wanted, got, found| {
            let has = |name: &str| {
                let with = |series: &super::answer::Series| series.labels.iter().any(|label| label.0 == name);
                let count = wanted.result.iter().filter(|series| with(series)).count();
                count > 0 && count < wanted.result.len()
            };
            found.what == What::Order
                && calls(case, &["sort_by_label", "sort_by_label_desc"])
                && case.query.split('"').skip(1).step_by(2).any(has)
                && super::compare::difference(wanted, got, precision(&case.query), false).is_none()
        },
        without: None,
    },
    Explanation {
        reason: "3.13 does not see a subquery with a fixed time among arguments that vary",
        applies: |case, wanted, _, found| {
            let functions = ["predict_linear", "quantile_over_time", "double_exponential_smoothing"];
            found.what == What::Series
                && wanted.result.is_empty()
                && case.query.contains('@')
                && has_subquery(&case.query)
                && calls(case, &functions)
        },
        without: Some(cause::subqueries_unfixed),
    },
    Explanation {
        reason: "3.13 fails where parentheses stand around a subquery with a fixed time",
        applies: |case, wanted, got, _| {
            wanted.failed == "unexpected number of samples"
                && got.kind == "matrix"
                && case.query.starts_with('(')
                && has_subquery(&case.query)
        },
        without: Some(cause::subqueries_unfixed),
    },
    Explanation {
        // `runSubquery` adjusts the selectors inside only if its first step is not the query's own time.
        reason: "3.13 misplaces a fixed time inside a subquery with an offset",
        applies: |case, _, _, found| {
            matches!(found.what, What::Values | What::Series)
                && has_subquery(&case.query)
                && case.query.contains('@')
                && case.query.contains("offset")
        },
        without: Some(cause::subqueries_in_place),
    },
    Explanation {
        reason: "NaN as a duration is refused by us; 3.13 makes a negative number of days of it",
        applies: |case, _, got, found| {
            let refused =
                got.refused.as_ref().is_some_and(|refused| refused.message == "duration out of range");
            // Where something else is wrong behind it, upstream points there.
            matches!(found.what, What::Reading | What::Place)
                && refused
                && case.query.to_lowercase().contains("nan")
        },
        without: None,
    },
];

/// How many functions of the query round differently.
fn rounded(query: &str) -> usize {
    let lower = query.to_lowercase();
    let words = lower.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    // Trimming divides a bucket on a logarithmic scale.
    let signs = ["^", "</", ">/"].iter().map(|sign| lower.matches(sign).count()).sum::<usize>();
    signs + words.filter(|word| ROUNDED.contains(word)).count()
}

/// A text without its numbers.
fn unnumbered(text: &str) -> String {
    let number = |word: &&str| word.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
    text.split_inclusive(' ').filter(|word| !number(word)).collect()
}

/// Whether the query calls one of these.
fn calls(case: &Case, names: &[&str]) -> bool {
    let lower = case.query.to_lowercase();
    let mut words = lower.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.any(|word| names.contains(&word))
}

/// An annotation without the number of its samples.
fn without_count(text: &str) -> String {
    for (before, after) in [(", over ", " samples from "), (" (", " occurrences)")] {
        if let Some((start, rest)) = text.split_once(before)
            && let Some((_, end)) = rest.split_once(after)
        {
            return format!("{start}{end}");
        }
    }
    text.to_owned()
}

fn nearly_same_labels(wanted: &Answer, got: &Answer) -> bool {
    let sorted = |answer: &Answer| {
        let mut all: Vec<Vec<(String, String)>> =
            answer.result.iter().map(|series| series.labels.clone()).collect();
        all.sort();
        all
    };
    let near = |one: &str, other: &str| match (one.parse::<f64>(), other.parse::<f64>()) {
        _ if one == other => true,
        (Ok(one), Ok(other)) => (one - other).abs() <= 1e-9 * one.abs().max(other.abs()),
        _ => false,
    };
    let (wanted, got) = (sorted(wanted), sorted(got));
    let same = |one: &[(String, String)], other: &[(String, String)]| {
        one.len() == other.len()
            && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && near(&one.1, &other.1))
    };
    // What is one number on one side may be two on the other.
    wanted.iter().all(|wanted| got.iter().any(|got| same(wanted, got)))
        && got.iter().all(|got| wanted.iter().any(|wanted| same(wanted, got)))
}

/// The reason for a difference, if it is known and shows in the difference itself.
pub fn explain(
    case: &Case,
    wanted: &Answer,
    got: &Answer,
    found: &Difference,
) -> Option<&'static Explanation> {
    let mut shown = EXPLANATIONS.iter().filter(|explanation| explanation.without.is_none());
    shown.find(|explanation| (explanation.applies)(case, wanted, got, found))
}

/// The reasons that a difference may have, each with the case that lacks it.
pub fn possible(
    case: &Case,
    wanted: &Answer,
    got: &Answer,
    found: &Difference,
) -> Vec<(&'static Explanation, Case)> {
    let without = |explanation: &'static Explanation| Some((explanation, explanation.without?(case)?));
    let applying = EXPLANATIONS.iter().filter(|explanation| (explanation.applies)(case, wanted, got, found));
    applying.filter_map(without).collect()
}

/// Whether the order of the series of an instant query is defined: by `sort` and `topk`, by the first series of each group,
/// by the operand. What is picked or counted comes out in the order of a Go map or of a heap.
pub fn has_order(query: &str) -> bool {
    let lower = query.to_lowercase();
    !has_subquery(query)
        && !["limitk", "limit_ratio", "count_values", "info("].iter().any(|name| lower.contains(name))
}

/// Whether something is evaluated over a range of its own.
fn has_subquery(query: &str) -> bool {
    query.split('[').skip(1).any(|rest| rest.split(']').next().is_some_and(|inside| inside.contains(':')))
}

/// Functions for which Go and C libraries round the last bits differently.
const ROUNDED: &[&str] = &[
    "exp",
    "ln",
    "log2",
    "log10",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "^",
    "histogram_quantile",
    "histogram_quantiles",
    "histogram_fraction",
    "histogram_stddev",
    "histogram_stdvar",
    "atan2",
];

/// How close the values of a query must be.
pub fn precision(query: &str) -> Precision {
    if rounded(query) > 0 { Precision::Relative(1e-9) } else { Precision::Exact }
}
