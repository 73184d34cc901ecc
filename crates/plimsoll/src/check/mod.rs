//! `plimsoll check`: a configuration read as `serve` reads it, without a cluster and without Prometheus.
//!
//! Not a second opinion: the findings are those of the adapter, in its words.
//!
//! **Invariant:** nothing is written and nobody is asked.

mod engine;
mod findings;
mod kubernetes;
mod observed;
mod report;
mod usage;

use std::future::Future;
use std::io::Read;

use crate::arguments::{CheckSettings, Output};
use crate::printed::Printed;
use crate::series_file::{SeriesError, SeriesFile};
use engine::Engine;
use observed::Observation;

/// Largest configuration file, in bytes: more than a ConfigMap can hold, so that the loader says so.
const LARGEST_CONFIG: u64 = 4 << 20;

/// Checks what `settings` name; `now` is in milliseconds since 1970.
pub fn run(settings: &CheckSettings, now: i64, stdin: &mut dyn Read) -> Printed {
    check(settings, now, stdin).unwrap_or_else(|error| error.printed())
}

fn check(settings: &CheckSettings, now: i64, stdin: &mut dyn Read) -> Result<Printed, SeriesError> {
    let fix = "a ConfigMap cannot hold more than 1 MiB: check that this is the right file";
    let text = settings.config.read(stdin, LARGEST_CONFIG, fix)?;
    let mut examined = findings::examine(&text, settings.dialect);
    let mut tried = None;
    let mut notes = Vec::new();
    if let Some(series) = &settings.series {
        let file = SeriesFile::read(series, stdin, settings.time, now)?;
        notes.clone_from(&file.notes);
        let time = settings.time.or(file.latest).unwrap_or(now);
        let on = report::On::new(series.name(), &file, time);
        let mut observation = Observation::new(&examined.rules, Engine::new(file, time));
        let outcomes = finished(observation.run());
        examined.findings.append(&mut observation.findings);
        examined.findings.sort_by_key(|finding| finding.position);
        tried = Some((on, outcomes));
    }
    let report =
        report::Report::new(settings, &examined, tried.as_ref().map(|(on, outcomes)| (on, &outcomes[..])));
    let out = match settings.output {
        Output::Text => report.text(&examined.findings),
        Output::Json => report.json(),
    };
    let mut printed = Printed::result(out, report.is_good());
    printed.err = notes.iter().map(|note| format!("note: {note}\n")).collect();
    Ok(printed)
}

/// Runs what never waits: neither the file nor the objects of a check are far away.
fn finished<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}
