//! Made-up series in the proportions of a cluster, and the scrapes of them.
//!
//! **Invariant:** the same target makes the same series, and one stream of numbers the same values.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use plimsoll_tsdb::{SeriesRef, Store, Writer};

use super::spent;

/// Between two scrapes in the store's own bench, in milliseconds.
pub const INTERVAL: i64 = 15_000;
/// The first scrape of the store's own bench.
pub const START: i64 = 1_700_000_000_000;

/// What the values of a series do.
#[derive(Clone, Copy)]
pub enum Course {
    Nanoseconds,
    Pages,
    Requests,
    /// Requests of at most a bound: the higher the bound, the more.
    Bucket(u8),
    Gauge,
    Constant,
}

/// A small generator of numbers: the same ones in each run.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below.max(1)
    }
}

/// A target: its series in the store, and their present values.
pub struct Target {
    writer: Writer,
    refs: Vec<SeriesRef>,
    courses: Vec<Course>,
    integers: Vec<u64>,
    values: Vec<f64>,
}

type SeriesLabels = Vec<(&'static str, String)>;

/// The labels of a series, about nine, sorted by name.
fn labels(target: usize, index: usize, count: usize) -> (SeriesLabels, Course) {
    let fifth = count / 5;
    let (family, at) = (index / fifth.max(1), index % fifth.max(1));
    let pod = at / 5;
    let namespace = (target * 31 + pod / 25) % 40;
    let (name, course) = match (family, at % 5) {
        (0, _) => ("container_cpu_usage_seconds_total", Course::Nanoseconds),
        (1, bound) => ("http_request_duration_seconds_bucket", Course::Bucket(bound as u8)),
        (2, 0) => ("container_memory_working_set_bytes", Course::Pages),
        (2, 1) => ("container_memory_rss", Course::Pages),
        (2, _) => ("http_requests_total", Course::Requests),
        (3, 0 | 1) => ("queue_depth", Course::Gauge),
        (3, _) => ("kube_pod_container_status_ready", Course::Constant),
        (_, 0) => ("process_start_time_seconds", Course::Constant),
        _ => ("kube_pod_status_phase", Course::Constant),
    };
    let mut labels = vec![
        ("__name__", name.to_owned()),
        ("container", format!("c{}", at % 5)),
        ("instance", format!("10.0.{}.{}:8080", target / 250, target % 250)),
        ("job", "nodes".to_owned()),
        ("namespace", format!("namespace-{namespace}")),
        ("node", format!("node-{target}")),
        ("pod", format!("service-{}-7f9c6d5b8-{target:04x}{pod:04x}", pod / 10)),
        ("service", format!("service-{}", pod / 10)),
    ];
    match family {
        1 => labels.insert(4, ("le", ["0.005", "0.05", "0.5", "5", "+Inf"][at % 5].to_owned())),
        4 => labels.insert(
            6,
            ("phase", ["Pending", "Running", "Succeeded", "Failed", "Unknown"][at % 5].to_owned()),
        ),
        _ => {}
    }
    (labels, course)
}

/// A target that does not exist yet.
pub struct Plan {
    labels: Vec<SeriesLabels>,
    target: Target,
}

impl Plan {
    /// Makes up series, with their first values.
    pub fn new(store: &Store, number: usize, series: usize, numbers: &mut Numbers) -> Result<Self> {
        let mut target = Target {
            writer: store.writer(&format!("target-{number}"))?,
            refs: Vec::with_capacity(series),
            courses: Vec::with_capacity(series),
            integers: Vec::with_capacity(series),
            values: vec![0.0; series],
        };
        let mut all = Vec::with_capacity(series);
        for index in 0..series {
            let (labels, course) = labels(number, index, series);
            target.courses.push(course);
            target.integers.push(1 + numbers.next(1 << 30));
            all.push(labels);
        }
        target.advance(numbers);
        Ok(Self { labels: all, target })
    }

    /// The first scrape, which makes the series; the time that the store takes for it.
    pub fn create(self, at: i64) -> Result<(Target, Duration)> {
        let Self { labels, mut target } = self;
        let start = spent();
        let mut scrape = target.writer.begin(at)?;
        for (labels, value) in labels.iter().zip(&target.values) {
            let series = scrape.series(labels.iter().map(|(name, value)| (*name, value.as_str())))?;
            scrape.set(series, *value)?;
            target.refs.push(series);
        }
        scrape.commit();
        Ok((target, spent().saturating_sub(start)))
    }

    /// How each series stands in an exposition.
    pub fn keys(&self) -> Vec<String> {
        let key = |labels: &SeriesLabels| {
            let mut text = labels[0].1.clone();
            for (at, (name, value)) in labels[1..].iter().enumerate() {
                // Writing to a String cannot fail.
                let _ = write!(text, "{}{name}=\"{value}\"", if at == 0 { '{' } else { ',' });
            }
            text + "} "
        };
        self.labels.iter().map(key).collect()
    }
}

impl Target {
    /// What a target holds for each series that is not the store's.
    pub const OWN_BYTES: usize = size_of::<SeriesRef>() + size_of::<Course>() + 8 + 8;

    pub fn advance(&mut self, numbers: &mut Numbers) {
        for ((course, integer), value) in self.courses.iter().zip(&mut self.integers).zip(&mut self.values) {
            *value = match course {
                Course::Nanoseconds => {
                    *integer += 1_000_000_000 + numbers.next(4_000_000_000);
                    *integer as f64 / 1e9
                }
                Course::Pages => {
                    *integer = (*integer + numbers.next(400)).saturating_sub(200).max(10_000);
                    (*integer * 4096) as f64
                }
                Course::Requests => {
                    *integer += numbers.next(60);
                    *integer as f64
                }
                Course::Bucket(bound) => {
                    *integer += numbers.next(12 * (u64::from(*bound) + 1));
                    *integer as f64
                }
                Course::Gauge => {
                    *integer = numbers.next(50);
                    *integer as f64
                }
                Course::Constant => *integer as f64,
            };
        }
    }

    /// One scrape; the time that the store takes for it.
    pub fn scrape(&mut self, at: i64) -> Result<Duration> {
        let Self { writer, refs, values, .. } = self;
        let start = spent();
        let mut scrape = writer.begin(at)?;
        for (series, value) in refs.iter().zip(values.iter()) {
            scrape.set(*series, *value)?;
        }
        scrape.commit();
        Ok(spent().saturating_sub(start))
    }

    /// One scrape of the target with this number with a series more, which no bench asks for.
    pub fn grow(&mut self, number: usize, at: i64) -> Result<()> {
        let mut scrape = self.writer.begin(at)?;
        for (series, value) in self.refs.iter().zip(&self.values) {
            scrape.set(*series, *value)?;
        }
        let (mut labels, _) = labels(number, 0, self.refs.len());
        labels[0].1 = format!("grown_at_{at}");
        let series = scrape.series(labels.iter().map(|(name, value)| (*name, value.as_str())))?;
        scrape.set(series, 1.0)?;
        scrape.commit();
        Ok(())
    }

    /// The present values as an exposition.
    pub fn exposition(&self, keys: &[String]) -> String {
        let mut text = String::with_capacity(keys.iter().map(|key| key.len() + 24).sum());
        for (key, value) in keys.iter().zip(&self.values) {
            text.push_str(key);
            let _ = writeln!(text, "{value}");
        }
        text
    }
}
