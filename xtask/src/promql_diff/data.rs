//! Series to ask about, made up: counters with resets, gauges with gaps, classic and native histograms, the mix of both.
//!
//! **Invariant:** everything made here can be written in Prometheus' test language, so that any of it can become a
//! recorded case.

use super::random::Random;

/// A set of series, all at the same times: 0, `step`, twice `step`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// Seconds.
    pub step: i64,
    pub lines: Vec<Line>,
}

/// One series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Name and labels as they are written, without blanks.
    pub metric: String,
    /// Distance of the start to each sample, where starts are known.
    pub starts: Option<Vec<String>>,
    /// One sample a step.
    pub values: Vec<String>,
}

impl Data {
    /// As a `load` command.
    pub fn text(&self) -> String {
        let mut text = format!("load {}s\n", self.step);
        for line in &self.lines {
            if let Some(starts) = &line.starts {
                text.push_str(&format!("  {}@st {}\n", line.metric, starts.join(" ")));
            }
            text.push_str(&format!("  {} {}\n", line.metric, line.values.join(" ")));
        }
        text
    }

    /// Time of the last sample, in seconds.
    pub fn end(&self) -> i64 {
        self.step * self.lines.iter().map(|line| line.values.len() as i64 - 1).max().unwrap_or(0)
    }
}

/// Makes a set of series.
pub fn generate(random: &mut Random) -> Data {
    let step = [15, 30, 60][random.below(3)];
    let length = 4 + random.below(18);
    let mut data = Data { step, lines: Vec::new() };
    let mut add = |random: &mut Random, metric: String, shape: Shape| {
        let values = shape.values(random, length);
        let starts = (shape == Shape::Counter || matches!(shape, Shape::Native { .. })) && random.chance(8);
        let starts = starts.then(|| starts_of(random, values.len(), step));
        data.lines.push(Line { metric, starts, values });
    };
    for (job, instance) in [("a", "1"), ("a", "2"), ("b", "1")] {
        let labels = format!("job=\"{job}\",instance=\"{instance}\"");
        add(random, format!("req_total{{{labels}}}"), Shape::Counter);
        add(random, format!("mem{{{labels}}}"), Shape::Gauge);
        if random.chance(70) {
            add(random, format!("gap{{{labels}}}"), Shape::Sparse);
        }
        if random.chance(50) {
            let shape = if random.chance(50) { Shape::Counter } else { Shape::Special };
            add(random, format!("odd{{{labels}}}"), shape);
        }
        if random.chance(60) {
            let version = random.below(3);
            add(random, format!("target_info{{{labels},version=\"v{version}\"}}"), Shape::One);
        }
        if random.chance(60) {
            add(random, format!("nat{{{labels}}}"), Shape::Native { custom: false, gauge: false });
        }
        if random.chance(35) {
            add(random, format!("natg{{{labels}}}"), Shape::Native { custom: false, gauge: true });
        }
        if random.chance(50) {
            add(random, format!("cust{{{labels}}}"), Shape::Native { custom: true, gauge: false });
        }
        if random.chance(35) {
            add(random, format!("mix{{{labels}}}"), Shape::Mixed);
        }
    }
    if random.chance(40) {
        add(random, "mem{job=\"a\",instance=\"1\",extra=\"é\"}".into(), Shape::Gauge);
    }
    if random.chance(30) {
        add(random, "{\"http.requests\",\"my.label\"=\"x\",job=\"a\"}".into(), Shape::Counter);
        add(random, "{\"http.requests\",\"my.label\"=\"y\",job=\"b\"}".into(), Shape::Counter);
    }
    if random.chance(30) {
        add(random, "build_info{job=\"a\",instance=\"1\",commit=\"abc\"}".into(), Shape::One);
    }
    if random.chance(20) {
        add(random, "nolabels".into(), Shape::Gauge);
    }
    if random.chance(15) {
        add(random, "typed{__type__=\"counter\",__unit__=\"s\",job=\"a\"}".into(), Shape::Counter);
    }
    for job in ["a", "b"] {
        if random.chance(60) {
            classic(random, job, length, &mut data.lines);
        }
    }
    // Some series end early or start late.
    for line in &mut data.lines {
        if random.chance(12) {
            let keep = random.below(line.values.len());
            line.values[keep..].fill("_".into());
        }
        if random.chance(8) {
            let skip = random.below(line.values.len());
            line.values[..skip].fill("_".into());
        }
        if random.chance(8) {
            let at = random.below(line.values.len());
            line.values[at] = "stale".into();
        }
    }
    data
}

fn starts_of(random: &mut Random, count: usize, step: i64) -> Vec<String> {
    (0..count)
        .map(|at| match random.below(5) {
            0 => "_".into(),
            1 => format!("-{}s", step * at as i64),
            2 => format!("-{step}s"),
            3 => format!("-{}ms", random.between(1, step * 1500)),
            _ => "-0s".into(),
        })
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Counter,
    Gauge,
    Sparse,
    Special,
    One,
    Native { custom: bool, gauge: bool },
    Mixed,
}

impl Shape {
    fn values(self, random: &mut Random, length: usize) -> Vec<String> {
        match self {
            Self::Counter => {
                let mut value = random.below(50) as f64;
                let fine = random.chance(30);
                (0..length)
                    .map(|_| {
                        if random.chance(8) {
                            value = 0.0;
                        } else if !random.chance(15) {
                            value += if fine { random.fraction() * 10.0 } else { random.below(20) as f64 };
                        }
                        value.to_string()
                    })
                    .collect()
            }
            Self::Gauge => (0..length).map(|_| gauge(random)).collect(),
            Self::Sparse => (0..length)
                .map(|_| match random.below(4) {
                    0 => "_".into(),
                    1 if random.chance(30) => "stale".into(),
                    _ => gauge(random),
                })
                .collect(),
            Self::Special => (0..length)
                .map(|_| {
                    let specials = ["NaN", "Inf", "-Inf", "0", "-0", "1e300", "-1e300", "5e-324", "_"];
                    if random.chance(60) { random.pick(&specials).to_owned() } else { gauge(random) }
                })
                .collect(),
            Self::One => vec!["1".into(); length],
            Self::Native { custom, gauge } => native(random, length, custom, gauge),
            Self::Mixed => {
                let custom = random.chance(30);
                let histograms = native(random, length, custom, false);
                let threshold = 20 + random.below(60);
                histograms
                    .into_iter()
                    .map(|histogram| if random.chance(threshold) { gauge(random) } else { histogram })
                    .collect()
            }
        }
    }
}

fn gauge(random: &mut Random) -> String {
    match random.below(5) {
        0 => random.between(-5, 5).to_string(),
        1 => format!("{}", (random.fraction() - 0.5) * 1000.0),
        2 => format!("{}", random.between(-500, 500) as f64 / 10.0),
        _ => random.below(100).to_string(),
    }
}

fn list(values: &[f64]) -> String {
    values.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
}

/// A native histogram over time. Shape and resets vary within the series.
fn native(random: &mut Random, length: usize, custom: bool, gauge: bool) -> Vec<String> {
    let mut schema = random.between(-1, 3);
    let mut width = [0.0, 0.001, 0.5, 1.0][random.below(4)];
    let mut bounds = custom_bounds(random);
    let mut offset = if custom { random.below(2) as i64 } else { random.between(-4, 3) };
    let mut negative_offset = random.between(-2, 2);
    let whole = random.chance(70);
    let has_negative = !custom && random.chance(30);
    let has_zero = !custom && random.chance(50);
    let mut positive = vec![0.0; 1 + random.below(4)];
    let mut negative = vec![0.0; 1 + random.below(3)];
    let mut zero = 0.0;
    let mut sum = 0.0;
    let grow = |random: &mut Random, of: &mut f64| {
        if random.chance(70) {
            *of += if whole { random.below(6) as f64 } else { random.fraction() * 6.0 };
        }
    };
    (0..length)
        .map(|_| {
            if random.chance(if gauge { 30 } else { 8 }) {
                positive.fill(0.0);
                negative.fill(0.0);
                (zero, sum) = (0.0, 0.0);
            }
            if random.chance(6) {
                schema = random.between(-1, 3);
                offset = if custom { random.below(2) as i64 } else { random.between(-4, 3) };
                negative_offset = random.between(-2, 2);
                width = [0.0, 0.001, 0.5, 1.0][random.below(4)];
                if random.chance(40) {
                    bounds = custom_bounds(random);
                }
            }
            positive.iter_mut().for_each(|bucket| grow(random, bucket));
            negative.iter_mut().for_each(|bucket| grow(random, bucket));
            grow(random, &mut zero);
            sum += (random.fraction() - 0.2) * 20.0;
            if custom {
                positive.truncate((bounds.len() + 1).saturating_sub(offset as usize).max(1));
            }
            let mut count: f64 = positive.iter().sum();
            if has_negative {
                count += negative.iter().sum::<f64>();
            }
            if has_zero {
                count += zero;
            }
            if random.chance(3) {
                // Observations of NaN are counted in no bucket.
                count += 2.0;
            }
            let mut parts = Vec::new();
            if custom {
                parts.push(format!("schema:-53 custom_values:[{}]", list(&bounds)));
            } else {
                parts.push(format!("schema:{schema}"));
            }
            let sum = if random.chance(2) { f64::NAN } else { sum };
            parts.push(format!("sum:{sum} count:{count}"));
            if has_zero {
                parts.push(format!("z_bucket:{zero} z_bucket_w:{width}"));
            }
            parts.push(format!("offset:{offset} buckets:[{}]", list(&positive)));
            if has_negative {
                parts.push(format!("n_offset:{negative_offset} n_buckets:[{}]", list(&negative)));
            }
            if gauge {
                parts.push("counter_reset_hint:gauge".into());
            } else if random.chance(4) {
                parts.push(format!(
                    "counter_reset_hint:{}",
                    random.pick(&["unknown", "reset", "not_reset", "gauge"])
                ));
            }
            format!("{{{{{}}}}}", parts.join(" "))
        })
        .collect()
}

fn custom_bounds(random: &mut Random) -> Vec<f64> {
    let all: [&[f64]; 5] = [&[1.0, 2.0, 5.0], &[1.0, 2.0], &[0.5, 2.0, 5.0, 10.0], &[-5.0, 0.0, 5.0], &[2.0]];
    all[random.below(all.len())].to_vec()
}

/// A classic histogram: buckets, count and sum.
fn classic(random: &mut Random, job: &str, length: usize, lines: &mut Vec<Line>) {
    let all: [&[&str]; 4] =
        [&["0.1", "1", "5", "+Inf"], &["1", "2", "+Inf"], &["0.1", "1", "5"], &["-1", "0", "1", "+Inf"]];
    let bounds = all[random.below(all.len())];
    let wild = random.chance(15);
    let mut counts = vec![0.0; bounds.len()];
    let mut rows: Vec<Vec<String>> = vec![Vec::new(); bounds.len()];
    let mut counted = Vec::new();
    for _ in 0..length {
        if random.chance(5) {
            counts.fill(0.0);
        }
        let mut total = 0.0;
        for (count, row) in counts.iter_mut().zip(&mut rows) {
            *count += random.below(5) as f64;
            total += *count;
            let shown = if wild && random.chance(20) { total - 3.0 } else { total };
            row.push(shown.to_string());
        }
        counted.push(total.to_string());
    }
    let mut add = |metric: String, values: Vec<String>| lines.push(Line { metric, starts: None, values });
    for (bound, row) in bounds.iter().zip(rows) {
        add(format!("lat_bucket{{job=\"{job}\",le=\"{bound}\"}}"), row);
    }
    if random.chance(10) {
        add(format!("lat_bucket{{job=\"{job}\",le=\"oops\"}}"), counted.clone());
    }
    add(format!("lat_count{{job=\"{job}\"}}"), counted.clone());
    add(format!("lat_sum{{job=\"{job}\"}}"), counted);
    if random.chance(20) {
        add(
            format!("lat_bucket{{job=\"{job}\"}}"),
            Shape::Native { custom: false, gauge: false }.values(random, length),
        );
    }
}
