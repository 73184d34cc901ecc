//! One metric: what was measured, what it should be, what it asks for and which pods did not simply count.
//!
//! Not the choice between metrics.
//!
//! **Invariant:** amounts print as kubectl prints them.

use std::fmt;

use super::{counted, paragraph};
use crate::derivation::{Assumption, Basis, MetricDerivation, MetricOutcome, PodGroup, ToleranceTest, Usage};
use crate::status::Amount;

/// How many pods are named before the rest is only counted.
const NAMED: usize = 5;

impl MetricDerivation {
    /// Writes it; `chosen` when its proposal was taken out of several.
    pub(super) fn tell(&self, f: &mut fmt::Formatter<'_>, current: i32, chosen: bool) -> fmt::Result {
        let name = self.full_name();
        let replicas = match &self.outcome {
            MetricOutcome::Failed(error) => {
                let failed = if error.starts_with("failed to get") { "" } else { " failed" };
                return paragraph(f, 1, &format!("{name}{failed}: {}", without_selector(error)));
            }
            MetricOutcome::Proposed(replicas) => *replicas,
        };
        let measured = self.measured();
        let asked = match replicas {
            i32::MIN => "asks for a size beyond 32 bits, which becomes 0 as in Kubernetes".to_owned(),
            _ if replicas == current => format!("asks for {replicas}, as now"),
            _ => format!("asks for {replicas}"),
        };
        let how = self.how(replicas, current);
        let taken = if chosen { " <- taken" } else { "" };
        paragraph(f, 1, &format!("{name} is {measured}: {asked} ({how}){taken}"))?;
        for group in [PodGroup::Missing, PodGroup::Unready, PodGroup::Ignored] {
            self.pods_of(f, group)?;
        }
        match (self.pods, self.usage) {
            (Some(counts), Some(Usage::Average { .. })) if counts.unknown > 0 => {
                let (values, verb) = (counted(i64::from(counts.unknown), "value"), s(counts.unknown));
                paragraph(f, 2, &format!("{values} of pods that are not there count{verb} in the average"))
            }
            _ => Ok(()),
        }
    }

    fn full_name(&self) -> String {
        let (name, of) = (&self.name, self.of.as_deref().unwrap_or_default());
        match self.kind {
            "Resource" => name.to_string(),
            "ContainerResource" => format!("{name} of container {of}"),
            "Pods" => format!("pods metric {name}"),
            "Object" => format!("{name} of {of}"),
            "External" => format!("external metric {name}"),
            _ => format!("a metric of type '{name}'"),
        }
    }

    /// As kubectl prints it; memory that is no whole number of bytes also in a unit that can be read.
    fn amount(&self, milli: i64) -> String {
        const MEBI: f64 = 1_048_576_000.0;
        let resource = matches!(self.kind, "Resource" | "ContainerResource");
        let binary = resource && self.name.as_ref() == "memory";
        let text = Amount { milli, binary }.to_string();
        let mebi = milli as f64 / MEBI;
        if binary && text.ends_with('m') && mebi.abs() >= 1.0 {
            return format!("{text} (about {mebi:.1}Mi)");
        }
        text
    }

    fn measured(&self) -> String {
        let amount = |milli| self.amount(milli);
        match self.usage {
            Some(Usage::Utilization { percent, target_percent, average_milli }) => {
                format!(
                    "{percent}% of requests ({} per pod), target {target_percent}%",
                    amount(average_milli)
                )
            }
            Some(Usage::Average { milli, target_milli }) => {
                format!("{} per pod, target {}", amount(milli), amount(target_milli))
            }
            Some(Usage::Total { milli, target_milli }) => {
                format!("{}, target {}", amount(milli), amount(target_milli))
            }
            Some(Usage::Shared { milli, target_milli }) => {
                format!("{} in all, target {} per pod", amount(milli), amount(target_milli))
            }
            None => "unknown".to_owned(),
        }
    }

    /// How the size comes from the values.
    fn how(&self, replicas: i32, current: i32) -> String {
        let (Some(ratio), Some(test), Some(basis)) = (self.ratio, self.tolerance, self.basis) else {
            return "nothing is known of how".to_owned();
        };
        let first = Ratio(ratio, test);
        let second = self.adjustment.map(|adjustment| Ratio(adjustment.ratio, test));
        match (basis, second) {
            (Basis::Stays, None) if replicas == current => format!("{first}, within {}", Tolerance(test)),
            (Basis::Stays, None) => {
                format!("{first} with the {replicas} that there are, within {}", Tolerance(test))
            }
            (Basis::Stays, Some(second)) => {
                format!("{first}, but {} with assumed values, within {}", second.number(), Tolerance(test))
            }
            (Basis::ReadyPods(pods), _) => format!("{first} x {}", counted(pods, "ready pod")),
            (Basis::Values(values), second) => {
                let second = second.unwrap_or(first);
                format!("{first}; with assumed values {} x {}", second.number(), counted(values, "pod"))
            }
            (Basis::Contradiction, second) => {
                let second = second.unwrap_or(first);
                format!("{first}, but {} with assumed values: too little is known", second.number())
            }
            (Basis::Share, _) => match self.usage {
                Some(Usage::Shared { milli, target_milli }) => {
                    format!("{} / {}", self.amount(milli), self.amount(target_milli))
                }
                _ => first.to_string(),
            },
            (Basis::FromZero, _) => format!("{first}, and from 0 that many replicas"),
        }
    }

    fn pods_of(&self, f: &mut fmt::Formatter<'_>, group: PodGroup) -> fmt::Result {
        let all: Vec<&Assumption> =
            self.assumptions.iter().filter(|assumption| assumption.group == group).collect();
        let Some(first) = all.first() else { return Ok(()) };
        let one = all.len() == 1;
        let pods = counted(all.len() as i64, "pod");
        let which = match (group, one) {
            (PodGroup::Missing, _) => "without a value",
            (PodGroup::Unready, true) => "that is not ready",
            (PodGroup::Unready, false) => "that are not ready",
            (_, true) => "that failed or is being deleted",
            (_, false) => "that failed or are being deleted",
        };
        let alike = all.iter().all(|assumption| assumption.assumed_milli == first.assumed_milli);
        let verb = match (alike.then_some(first.assumed_milli), one) {
            (Some(None), true) => "does not count".to_owned(),
            (Some(None), false) => "do not count".to_owned(),
            (Some(Some(milli)), true) => format!("counts as {}", self.amount(milli)),
            (Some(Some(milli)), false) => format!("count as {} each", self.amount(milli)),
            (None, _) => "count as".to_owned(),
        };
        let mut names: Vec<String> = all
            .iter()
            .take(NAMED)
            .map(|assumption| match assumption.assumed_milli {
                Some(milli) if !alike => format!("{} {}", assumption.pod, self.amount(milli)),
                _ => assumption.pod.to_string(),
            })
            .collect();
        if all.len() > NAMED {
            names.push(format!("and {} more", all.len() - NAMED));
        }
        paragraph(f, 2, &format!("{pods} {which} {verb}: {}", names.join(", ")))
    }
}

fn s(count: u32) -> &'static str {
    if count == 1 { "s" } else { "" }
}

/// An error's text without the selector in Go's words, which the spec tells better.
fn without_selector(error: &str) -> String {
    let cut = error.split_once("/&LabelSelector{").and_then(|(before, rest)| {
        let (_, after) = rest.split_once(",}: ")?;
        Some(format!("{before}: {after}"))
    });
    cut.unwrap_or_else(|| error.replacen("/nil: ", ": ", 1))
}

/// A ratio with the tolerance that it was tested with.
#[derive(Clone, Copy)]
struct Ratio(f64, ToleranceTest);

impl Ratio {
    /// With three decimals, and with more next to an end of the tolerance, where three do not tell the side.
    fn number(self) -> String {
        let Self(ratio, ToleranceTest { down, up, .. }) = self;
        let near = |end: f64| (ratio - end).abs() < 5e-4;
        let decimals = if near(1.0 - down) || near(1.0 + up) { 9 } else { 3 };
        let text = format!("{ratio:.decimals$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 1.0 {
            return f.write_str("exactly the target");
        }
        write!(f, "{} times the target", self.number())
    }
}

struct Tolerance(ToleranceTest);

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ToleranceTest { down, up, .. } = self.0;
        // Without noise of binary fractions.
        let percent = |fraction: f64| (fraction * 100_000.0).round() / 1000.0;
        if percent(down) == percent(up) {
            write!(f, "{}%", percent(up))
        } else {
            write!(f, "{}% up and {}% down", percent(up), percent(down))
        }
    }
}
