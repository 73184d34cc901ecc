//! The usual `process_*` metrics, read from `/proc` at each scrape.
//!
//! **Invariant:** where `/proc` cannot be read there are no such metrics, and no error.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Ticks per second and bytes per page that Linux reports with on all platforms this program is built for.
const TICKS: f64 = 100.0;
const PAGE: i64 = 4096;

/// Reads `/proc/self` when asked.
#[derive(Debug)]
pub(super) struct Process;

struct Reading {
    cpu_seconds: f64,
    resident_bytes: i64,
    start_time_seconds: Option<f64>,
    open_files: Option<i64>,
}

fn read() -> Option<Reading> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold spaces; the numbers follow its closing parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |position: usize| fields.get(position).and_then(|field| field.parse::<f64>().ok());
    let boot = fs::read_to_string("/proc/stat").ok().and_then(|text| {
        text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok())
    });
    let pages: i64 = fields.get(21)?.parse().ok()?;
    Some(Reading {
        cpu_seconds: (number(11)? + number(12)?) / TICKS,
        resident_bytes: pages.saturating_mul(PAGE),
        start_time_seconds: boot.and_then(|boot| Some(boot + number(19)? / TICKS)),
        open_files: fs::read_dir("/proc/self/fd")
            .ok()
            .map(|files| i64::try_from(files.count()).unwrap_or(i64::MAX)),
    })
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(reading) = read() else { return Ok(()) };
        let cpu = ConstCounter::new(reading.cpu_seconds);
        let help = "Processor time used";
        cpu.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, cpu.metric_type())?)?;
        let resident = ConstGauge::new(reading.resident_bytes);
        let help = "Memory in use";
        resident.encode(encoder.encode_descriptor(
            "process_resident_memory_bytes",
            help,
            None,
            resident.metric_type(),
        )?)?;
        if let Some(start) = reading.start_time_seconds {
            let start = ConstGauge::new(start);
            let help = "Start of the process in Unix time";
            start.encode(encoder.encode_descriptor(
                "process_start_time_seconds",
                help,
                None,
                start.metric_type(),
            )?)?;
        }
        if let Some(files) = reading.open_files {
            let files = ConstGauge::new(files);
            let help = "Open file descriptors";
            files.encode(encoder.encode_descriptor(
                "process_open_fds",
                help,
                None,
                files.metric_type(),
            )?)?;
        }
        Ok(())
    }
}
