//! A decision in a few lines for the person on call.
//!
//! Not Kubernetes' texts: those are in conditions and events, word by word. How a metric is told is in `metric`, what
//! changed its proposal in `limit`.
//!
//! **Invariant:** every number comes from the derivation or the decision, and no line is longer than [`WIDTH`] unless
//! a single word is.

mod limit;
mod metric;

use std::fmt;

use crate::decide::Decision;
use crate::derivation::{Derivation, MetricOutcome, Route};
use crate::time::Span;

/// Most characters of a line.
const WIDTH: usize = 120;

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let derivation = &self.derivation;
        let current = replicas(derivation.current);
        let head = match &self.rescale {
            Some(rescale) => match &rescale.error {
                Some(_) => format!("stays at {current}: {} was wanted but not accepted", rescale.to),
                None if rescale.to > derivation.current => {
                    format!("scales up from {} to {}", derivation.current, replicas(rescale.to))
                }
                None => format!("scales down from {} to {}", derivation.current, replicas(rescale.to)),
            },
            None if derivation.route == Route::NoScale => {
                "stays as it is: the target's scale could not be read".to_owned()
            }
            None if derivation.failure.is_some() => format!("stays at {current}: no size could be decided"),
            None => format!("stays at {current}"),
        };
        paragraph(f, 0, &head)?;
        derivation.fmt(f)?;
        if let Some(rescale) = &self.rescale {
            let tries = if rescale.puts > 1 { format!(" {} times", rescale.puts) } else { String::new() };
            match &rescale.error {
                Some(error) => {
                    paragraph(f, 1, &format!("the scale was written{tries} and refused: {error}"))?
                }
                None if rescale.puts > 1 => {
                    paragraph(
                        f,
                        1,
                        &format!("the scale was written{tries}, as others changed it meanwhile"),
                    )?;
                }
                None => {}
            }
        }
        match &self.status_error {
            Some(error) => paragraph(f, 1, &format!("the HPA's status could not be written: {error}")),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { current, min, max, .. } = self;
        match self.route {
            Route::NoScale => {}
            Route::Paused => {
                let text = "scaling is paused while the target is at 0; scaling it up by hand ends the pause";
                paragraph(f, 1, text)?;
            }
            Route::AboveMax => {
                let text = format!(
                    "{} are above maxReplicas {max}: cut at once, no metric asked",
                    replicas(*current)
                );
                paragraph(f, 1, &text)?;
            }
            Route::BelowMin => {
                let verb = if *current == 1 { "is" } else { "are" };
                let text = format!(
                    "{} {verb} below minReplicas {min}: raised at once, no metric asked",
                    replicas(*current)
                );
                paragraph(f, 1, &text)?;
            }
            Route::Metrics => {}
        }
        for (at, metric) in self.metrics.iter().enumerate() {
            let chosen = self.winner == Some(at) && self.metrics.len() > 1;
            metric.tell(f, *current, chosen)?;
        }
        let failed =
            self.metrics.iter().filter(|metric| matches!(metric.outcome, MetricOutcome::Failed(_))).count();
        match &self.failure {
            // Its metrics have told why.
            Some(_) if failed > 0 && failed == self.metrics.len() => {}
            Some(_) if failed > 0 => {
                let text =
                    "with a metric missing the target may grow but not shrink, and the others ask for less";
                paragraph(f, 1, text)?;
            }
            Some(failure) if self.route == Route::Metrics => {
                paragraph(f, 1, &format!("the target's pods cannot be chosen: {failure}"))?;
            }
            Some(failure) => paragraph(f, 1, failure)?,
            None if failed > 0 => {
                paragraph(f, 1, "with a metric missing the target may grow but not shrink")?;
            }
            None => {}
        }
        for step in &self.limits {
            paragraph(f, 1, &step.told(self.now))?;
        }
        Ok(())
    }
}

/// Writes a text indented by two spaces a level; what does not fit goes on in lines that are indented further.
fn paragraph(f: &mut fmt::Formatter<'_>, level: usize, text: &str) -> fmt::Result {
    let mut column = 2 * level;
    write!(f, "{:column$}", "")?;
    let mut first = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if first {
            first = false;
        } else if column + 1 + length > WIDTH {
            column = 2 * level + 4;
            write!(f, "\n{:column$}", "")?;
        } else {
            f.write_str(" ")?;
            column += 1;
        }
        f.write_str(word)?;
        column += length;
    }
    writeln!(f)
}

fn replicas(count: i32) -> String {
    counted(i64::from(count), "replica")
}

/// A number of things.
fn counted(count: i64, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

/// A span as Kubernetes writes it, in whole seconds, rounded up: `5m`, `1m30s`, `0s`.
fn span(span: Span) -> String {
    let millis = span.0.max(0) / 1_000_000;
    let whole = (millis + 999) / 1000;
    let parts = [(whole / 3600, "h"), (whole / 60 % 60, "m"), (whole % 60, "s")];
    let text: String =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}
