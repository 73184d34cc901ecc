//! Figures beside what they should be and what prometheus-adapter gave on the same shapes.
//!
//! **Invariant:** a figure without a target can be read and never fails a check.

use std::fmt::Write as _;

/// A bound that a figure must keep.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// No less.
    AtLeast(f64),
    /// No more.
    AtMost(f64),
}

/// How a figure is written.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// Requests per second.
    PerSecond,
    /// Seconds, shown in milliseconds.
    Time,
    /// Bytes, shown in megabytes (10⁶).
    Memory,
    /// A plain number.
    Number,
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The value, in the base unit.
    pub value: f64,
    /// How it is written.
    pub unit: Unit,
    /// What it should be.
    pub target: Option<Target>,
    /// What prometheus-adapter gave, measured elsewhere.
    pub original: Option<f64>,
    /// More about it.
    pub note: String,
}

impl Figure {
    /// A figure without target.
    pub fn new(name: impl Into<String>, value: f64, unit: Unit) -> Self {
        Self { name: name.into(), value, unit, target: None, original: None, note: String::new() }
    }

    /// With a target.
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// With prometheus-adapter's figure.
    pub fn original(mut self, value: f64) -> Self {
        self.original = Some(value);
        self
    }

    /// With a remark.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Whether the target is kept.
    pub fn holds(&self) -> bool {
        match self.target {
            None => true,
            Some(Target::AtLeast(bound)) => self.value >= bound,
            Some(Target::AtMost(bound)) => self.value <= bound,
        }
    }

    /// How many times better than prometheus-adapter.
    fn ratio(&self) -> Option<f64> {
        let original = self.original?;
        Some(match self.unit {
            Unit::PerSecond => self.value / original,
            Unit::Time | Unit::Memory | Unit::Number => original / self.value,
        })
    }
}

/// All figures as a Markdown table.
pub fn table(figures: &[Figure]) -> String {
    let mut text = String::from(
        "| | measured | target | prometheus-adapter | times better | |\n|---|--:|--:|--:|--:|---|\n",
    );
    for figure in figures {
        let write = |value| written(value, figure.unit);
        let target = match figure.target {
            None => String::new(),
            Some(Target::AtLeast(bound)) => {
                format!("≥ {}{}", write(bound), if figure.holds() { "" } else { " ✗" })
            }
            Some(Target::AtMost(bound)) => {
                format!("≤ {}{}", write(bound), if figure.holds() { "" } else { " ✗" })
            }
        };
        let original = figure.original.map(write).unwrap_or_default();
        let ratio = figure.ratio().map(|ratio| format!("{ratio:.1}")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {target} | {original} | {ratio} | {} |",
            figure.name,
            write(figure.value),
            figure.note
        );
    }
    text
}

fn written(value: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond if value < 100.0 => format!("{value:.1}/s"),
        Unit::PerSecond => format!("{value:.0}/s"),
        Unit::Time if value >= 1.0 => format!("{value:.2} s"),
        Unit::Time => format!("{:.1} ms", value * 1e3),
        Unit::Memory => format!("{:.1} MB", value / 1e6),
        Unit::Number => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_target_is_marked_and_a_ratio_above_one_is_always_better() {
        let figures = [
            Figure::new("rate", 20_000.0, Unit::PerSecond)
                .target(Target::AtLeast(25_000.0))
                .original(2_000.0),
            Figure::new("memory", 20e6, Unit::Memory).target(Target::AtMost(25e6)).original(60e6),
        ];
        assert!(!figures[0].holds());
        assert!(figures[1].holds());
        let text = table(&figures);
        assert!(text.contains("| rate | 20000/s | ≥ 25000/s ✗ | 2000/s | 10.0 |"), "{text}");
        assert!(text.contains("| memory | 20.0 MB | ≤ 25.0 MB | 60.0 MB | 3.0 |"), "{text}");
    }
}
