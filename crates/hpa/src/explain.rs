//! A decision in a few lines for the person on call.
//!
//! Not Kubernetes' texts: those are in conditions and events, word by word.
//!
//! **Invariant:** every line comes from the derivation or the decision; nothing is recomputed.

use std::fmt;

use plimsoll_model::quantity::Milli;

use crate::decide::Decision;
use crate::derivation::{
    Basis, Derivation, LimitStep, MetricDerivation, MetricOutcome, PodGroup, Route, Usage,
};
use crate::time::Span;

/// How many pods are named before the rest is only counted.
const NAMED: usize = 5;

fn seconds(span: Span) -> String {
    format!("{} s", span.as_seconds())
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Derivation { current, desired, .. } = &self.derivation;
        match (&self.rescale, &self.derivation.failure) {
            (Some(rescale), _) if rescale.error.is_some() => {
                writeln!(f, "stays at {current}: the scale could not be written")?;
                if let Some(error) = &rescale.error {
                    writeln!(f, "  wanted {}: {error}", rescale.to)?;
                }
            }
            (Some(_), _) => writeln!(f, "{current} -> {desired}")?,
            (None, Some(failure)) => {
                writeln!(f, "stays as it is: nothing could be decided")?;
                writeln!(f, "  {failure}")?;
            }
            (None, None) => writeln!(f, "stays at {current}")?,
        }
        self.derivation.fmt(f)
    }
}

impl fmt::Display for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { current, min, max, .. } = self;
        match self.route {
            Route::NoScale => return writeln!(f, "  the target's scale could not be read"),
            Route::Paused => {
                return writeln!(f, "  the target is at zero: autoscaling is paused until it is scaled up");
            }
            Route::AboveMax => {
                return writeln!(f, "  {current} is above maxReplicas {max}: cut at once, no metric asked");
            }
            Route::BelowMin => {
                return writeln!(
                    f,
                    "  {current} is below minReplicas {min}: raised at once, no metric asked"
                );
            }
            Route::Metrics => {}
        }
        for (at, metric) in self.metrics.iter().enumerate() {
            let chosen =
                if self.winner == Some(at) && self.metrics.len() > 1 { "  <- highest, taken" } else { "" };
            metric.line(f, chosen)?;
        }
        for step in &self.limits {
            writeln!(f, "  {step}")?;
        }
        Ok(())
    }
}

impl MetricDerivation {
    fn line(&self, f: &mut fmt::Formatter<'_>, chosen: &str) -> fmt::Result {
        write!(f, "  {} {}: ", self.kind, self.name)?;
        let replicas = match &self.outcome {
            MetricOutcome::Failed(error) => return writeln!(f, "failed: {error}"),
            MetricOutcome::Proposed(replicas) => replicas,
        };
        match self.usage {
            Some(Usage::Utilization { percent, target_percent, average_milli }) => {
                write!(
                    f,
                    "{percent}% of requests (average {}), target {target_percent}%",
                    Milli(average_milli)
                )?;
            }
            Some(Usage::Average { milli, target_milli }) => {
                write!(f, "average {}, target {}", Milli(milli), Milli(target_milli))?;
            }
            Some(Usage::Total { milli, target_milli }) => {
                write!(f, "value {}, target {}", Milli(milli), Milli(target_milli))?;
            }
            Some(Usage::Shared { milli, target_milli }) => {
                write!(f, "value {}, target {} per pod", Milli(milli), Milli(target_milli))?;
            }
            None => {}
        }
        if let (Some(ratio), Some(test)) = (self.ratio, self.tolerance) {
            let side = if test.within { "within" } else { "outside" };
            write!(f, ", ratio {ratio:.3} ({side} -{}%/+{}%)", percent(test.down), percent(test.up))?;
        }
        match self.basis {
            Some(Basis::ReadyPods(pods)) => write!(f, " x {pods} ready pods")?,
            Some(Basis::Values(values)) => {
                write!(f, ", with assumed values {:.3} x {values} pods", self.second())?;
            }
            Some(Basis::Contradiction) => {
                write!(f, ", but {:.3} with assumed values: no change on contradictory data", self.second())?;
            }
            Some(Basis::Stays) if self.adjustment.is_some() => {
                write!(f, ", {:.3} with assumed values", self.second())?
            }
            Some(Basis::Stays | Basis::Share | Basis::FromZero) | None => {}
        }
        writeln!(f, " = {replicas}{chosen}")?;
        for (group, title) in [
            (PodGroup::Missing, "without a value"),
            (PodGroup::Unready, "not ready"),
            (PodGroup::Ignored, "failed or going"),
        ] {
            self.pods_of(f, group, title)?;
        }
        match self.pods {
            Some(counts) if counts.unknown > 0 => {
                writeln!(f, "    {} values of pods that are not the target's", counts.unknown)
            }
            _ => Ok(()),
        }
    }

    fn second(&self) -> f64 {
        self.adjustment.map_or(f64::NAN, |adjustment| adjustment.ratio)
    }

    fn pods_of(&self, f: &mut fmt::Formatter<'_>, group: PodGroup, title: &str) -> fmt::Result {
        let all = || self.assumptions.iter().filter(|assumption| assumption.group == group);
        let total = all().count();
        if total == 0 {
            return Ok(());
        }
        let names: Vec<_> = all()
            .take(NAMED)
            .map(|assumption| match assumption.assumed_milli {
                Some(milli) => format!("{} (taken as {})", assumption.pod, Milli(milli)),
                None => format!("{} (left out)", assumption.pod),
            })
            .collect();
        let more = if total > NAMED { format!(" and {} more", total - NAMED) } else { String::new() };
        writeln!(f, "    {total} {title}: {}{more}", names.join(", "))
    }
}

/// A fraction in percent, without noise of binary fractions.
fn percent(fraction: f64) -> f64 {
    (fraction * 100_000.0).round() / 1000.0
}

impl fmt::Display for LimitStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeldUp { from, to, window, .. } => {
                write!(
                    f,
                    "{from} -> {to}: a higher size was recommended within the last {}",
                    seconds(*window)
                )
            }
            Self::HeldDown { from, to, window, .. } => {
                write!(f, "{from} -> {to}: a lower size was recommended within the last {}", seconds(*window))
            }
            Self::DoublingLimit { from, to } => {
                write!(f, "{from} -> {to}: without behavior a turn at most doubles the size (or reaches 4)")
            }
            Self::Policy { from, to, policy: None } => {
                write!(f, "{from} -> {to}: this direction is disabled in behavior")
            }
            Self::Policy { from, to, policy: Some(policy) } => {
                let unit = if policy.percent { "%" } else { " pods" };
                write!(
                    f,
                    "{from} -> {to}: policy {}{unit} in {} s, from {} at the start of the period",
                    policy.value, policy.period_seconds, policy.start
                )
            }
            Self::Min { from, to } => write!(f, "{from} -> {to}: minReplicas"),
            Self::Max { from, to } => write!(f, "{from} -> {to}: maxReplicas"),
        }
    }
}
