//! A differing query as a test file, with upstream's answer as what is expected.
//!
//! **Invariant:** what is written runs with `cargo xtask promqltest`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use plimsoll_model::quote::quote;
use plimsoll_promql::eval::When;
use plimsoll_promql::promqltest::MemorySource;

use super::Case;
use super::answer::{Answer, Native, everything, number};
use super::oracle::Oracle;

/// Adds the case to `found.test` in the folder. Texts that are refused go to `refused.txt`.
pub fn write(folder: &Path, oracle: &mut Oracle, case: &Case) -> Result<()> {
    let source = MemorySource::loaded(&case.data.text()).map_err(|error| anyhow!(error))?;
    oracle.load(&everything(&source))?;
    oracle.ask(&case.query, case.when)?;
    oracle.flush()?;
    let wanted = oracle.answer()?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let (file, text) = match &wanted.refused {
        Some(refused) => {
            let column = refused.start + 1;
            ("refused.txt", format!("{} => 1:{column}: parse error: {}\n", case.query, refused.message))
        }
        None => ("found.test", as_test(case, &wanted)),
    };
    let path = folder.join(file);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, before + &text).with_context(|| format!("cannot write {}", path.display()))
}

fn as_test(case: &Case, wanted: &Answer) -> String {
    let mut text = format!("clear\n\n{}\n", case.data.text());
    let (start, end, step) = match case.when {
        Some(When::Range { start, end, step }) => {
            let _ = writeln!(text, "eval range from {start}ms to {end}ms step {step}ms {}", case.query);
            (start, end, step)
        }
        Some(When::Instant(at)) => {
            let _ = writeln!(text, "eval instant at {at}ms {}", case.query);
            (at, at, 1)
        }
        None => return text,
    };
    if !wanted.failed.is_empty() {
        let _ = writeln!(text, "  expect fail msg: {}\n", wanted.failed);
        return text;
    }
    for (word, said) in [("warn", &wanted.warnings), ("info", &wanted.infos)] {
        for message in said {
            let _ = writeln!(text, "  expect {word} msg: {message}");
        }
        if said.is_empty() {
            let _ = writeln!(text, "  expect no_{word}");
        }
    }
    if wanted.kind == "string" {
        let _ = writeln!(text, "  expect string {}\n", quote(wanted.text.as_bytes()));
        return text;
    }
    for series in &wanted.result {
        let mut values = Vec::new();
        let mut points = series.times.iter().enumerate().peekable();
        let mut at = start;
        while at <= end {
            values.push(match points.next_if(|(_, time)| **time == at) {
                None => "_".to_owned(),
                Some((index, _)) => match series.histograms.get(&index.to_string()) {
                    Some(histogram) => native(histogram),
                    None => number(&series.values[index]).to_string(),
                },
            });
            at += step;
        }
        let labels = if wanted.kind == "scalar" { String::new() } else { series.shown_labels() + " " };
        let _ = writeln!(text, "  {labels}{}", values.join(" "));
    }
    text.push('\n');
    text
}

fn native(histogram: &Native) -> String {
    let list = |bits: &[String]| bits.iter().map(|b| number(b).to_string()).collect::<Vec<_>>().join(" ");
    let mut parts = vec![format!("schema:{}", histogram.schema)];
    let mut field = |name: &str, bits: &str| parts.push(format!("{name}:{}", number(bits)));
    field("sum", &histogram.sum);
    field("count", &histogram.count);
    field("z_bucket", &histogram.zero);
    field("z_bucket_w", &histogram.threshold);
    if !histogram.bounds.is_empty() {
        parts.push(format!("custom_values:[{}]", list(&histogram.bounds)));
    }
    for (prefix, side) in [("", &histogram.positive), ("n_", &histogram.negative)] {
        let indices: Vec<i32> = side.iter().filter_map(|(index, _)| index.parse().ok()).collect();
        let (Some(first), Some(last)) = (indices.first(), indices.last()) else { continue };
        let counts: Vec<String> = (*first..=*last)
            .map(|index| {
                let found = indices.iter().position(|other| *other == index);
                found.map_or_else(|| "0".to_owned(), |at| number(&side[at].1).to_string())
            })
            .collect();
        parts.push(format!("{prefix}offset:{first} {prefix}buckets:[{}]", counts.join(" ")));
    }
    format!("{{{{{}}}}}", parts.join(" "))
}
