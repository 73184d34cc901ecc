//! `plimsoll check`: a configuration read as `serve` reads it, without a cluster and without Prometheus.
//!
//! Not a second opinion: the findings are those of the adapter, in its words.
//!
//! **Invariant:** nothing is written and nobody is asked.

mod findings;
mod kubernetes;
mod report;

use std::io::Read;

use crate::arguments::{CheckSettings, Output};
use crate::input::InputError;
use crate::printed::Printed;

/// Largest configuration file, in bytes: more than a ConfigMap can hold, so that the loader says so.
const LARGEST_CONFIG: u64 = 4 << 20;

/// Checks what `settings` name.
pub fn run(settings: &CheckSettings, stdin: &mut dyn Read) -> Printed {
    match check(settings, stdin) {
        Ok(printed) => printed,
        Err(error) => Printed::unreadable(&error),
    }
}

fn check(settings: &CheckSettings, stdin: &mut dyn Read) -> Result<Printed, InputError> {
    let fix = "a ConfigMap cannot hold more than 1 MiB: check that this is the right file";
    let text = settings.config.read(stdin, LARGEST_CONFIG, fix)?;
    let examined = findings::examine(&text, settings.dialect);
    let report = report::Report::new(settings, &examined);
    let out = match settings.output {
        Output::Text => report.text(&examined.findings),
        Output::Json => report.json(),
    };
    Ok(Printed::result(out, report.is_good()))
}
