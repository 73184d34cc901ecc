//! Queries made up from the grammar: every function, aggregation, operator and modifier.
//!
//! Most fit to the series of [`super::data`]; a few have wrong types, on purpose.
//!
//! **Invariant:** a query stays cheap: windows, steps and depth are small.

use plimsoll_promql::eval::When;
use plimsoll_promql::syntax::ast::ValueType;
use plimsoll_promql::syntax::functions::{FUNCTIONS, Function};

use super::random::Random;

/// A query and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub query: String,
    pub when: When,
}

const METRICS: &[&str] = &[
    "req_total",
    "req_total",
    "mem",
    "mem",
    "gap",
    "odd",
    "nat",
    "nat",
    "natg",
    "cust",
    "mix",
    "lat_bucket",
    "lat_count",
    "target_info",
    "typed",
    "nolabels",
    "absent_metric",
];
const LABELS: &[&str] = &["job", "instance", "le", "version", "extra", "__name__", "nope"];
const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">=", "and", "or", "unless", "</",
    ">/",
];
const SIMPLE: &[&str] = &["sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "-1",
    "0.5",
    "0.9",
    "10",
    "100",
    "-0.5",
    "NaN",
    "Inf",
    "-Inf",
    "1e3",
    "0x1F",
    "1_000",
    "5m",
    ".5",
    "1e-7",
    "123456789",
    "0.1",
];
const WINDOWS: &[&str] = &["1m", "2m", "3m", "5m", "30s", "45s", "90s", "1m30s", "10m", "15s", "61s", "120"];

/// Makes a query over data that ends at `end` seconds.
pub fn generate(random: &mut Random, end: i64) -> Asked {
    let mut maker = Maker { random, subqueries: 0, end };
    let depth = 1 + maker.random.below(4);
    let query = match maker.random.below(40) {
        0 => maker.scalar(depth),
        1 => maker.matrix(depth),
        2 => maker.string(),
        3 => maker.odd(depth),
        _ => maker.vector(depth),
    };
    let when = maker.when();
    Asked { query, when }
}

struct Maker<'a> {
    random: &'a mut Random,
    subqueries: usize,
    end: i64,
}

impl Maker<'_> {
    fn moment(&mut self) -> i64 {
        let time = self.random.between(0, self.end + 120) * 1000;
        match self.random.below(10) {
            0 => (time + self.random.between(-999, 999)).max(0),
            1 => self.end * 1000 + 400_000,
            2 => 0,
            _ => time / 15_000 * 15_000,
        }
    }

    fn when(&mut self) -> When {
        let at = self.moment();
        if self.random.chance(60) {
            return When::Instant(at);
        }
        let step = *[1_000, 15_000, 30_000, 60_000, 61_000, 100, 150_000]
            .get(self.random.below(7))
            .unwrap_or(&60_000);
        let steps = self.random.below(9) as i64;
        When::Range { start: at, end: at + step * steps + step / 3, step }
    }

    fn label(&mut self) -> String {
        match self.random.below(12) {
            0 => "\"my.label\"".into(),
            1..=5 => self.random.pick(&["job", "instance"]).into(),
            _ => self.random.pick(LABELS).to_owned(),
        }
    }

    fn labels(&mut self) -> String {
        let count = self.random.below(3);
        let mut all: Vec<String> = (0..count).map(|_| self.label()).collect();
        all.dedup();
        all.join(", ")
    }

    fn matcher(&mut self) -> String {
        let label = match self.random.below(8) {
            0 => "le",
            1 => "version",
            2 => "nope",
            3 | 4 => "instance",
            _ => "job",
        };
        let op = self.random.pick(&["=", "=", "!=", "=~", "!~"]);
        let value =
            self.random.pick(&["a", "b", "1", "2", "", ".*", ".+", "a|b", "[ab]", "v.", "+Inf", "(?i)A"]);
        format!("{label}{op}\"{value}\"")
    }

    fn name(&mut self) -> String {
        match self.random.below(30) {
            0 => return "{\"http.requests\"}".into(),
            1 => return "{__name__=~\"req.*|mem\"}".into(),
            2 => return "{__name__=~\"nat.*\"}".into(),
            3 => return "{job=\"a\"}".into(),
            4 => return "{__name__=~\"lat_.*\",job=\"a\"}".into(),
            _ => {}
        }
        self.random.pick(METRICS).to_owned()
    }

    /// A selector without modifiers.
    fn bare(&mut self) -> String {
        let name = self.name();
        if name.starts_with('{') || !self.random.chance(35) {
            return name;
        }
        let count = 1 + self.random.below(2);
        let matchers: Vec<String> = (0..count).map(|_| self.matcher()).collect();
        format!("{name}{{{}}}", matchers.join(","))
    }

    fn duration_expr(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.chance(30) {
            return match self.random.below(6) {
                0 => "step()".into(),
                1 => "range()".into(),
                _ => self.random.pick(&["1m", "30s", "2", "60", "15s", "1", "90"]).into(),
            };
        }
        let (a, b) = (self.duration_expr(depth - 1), self.duration_expr(depth - 1));
        match self.random.below(9) {
            0 => format!("{a} + {b}"),
            1 => format!("{a} - {b}"),
            2 => format!("{a} * {}", self.random.pick(&["1", "2", "0.5"])),
            3 => format!("{a} / {}", self.random.pick(&["2", "3", "1"])),
            4 => format!("max_of({a}, {b})"),
            5 => format!("min_of({a}, {b})"),
            6 => format!("({a} + {b})"),
            7 => format!("{a} % {}", self.random.pick(&["7", "2m", "45s"])),
            _ => format!("-{a}"),
        }
    }

    fn window(&mut self) -> String {
        if self.random.chance(12) {
            let expr = self.duration_expr(2);
            return format!("max_of(1s, {expr})");
        }
        if self.random.chance(3) {
            return self.duration_expr(2);
        }
        self.random.pick(WINDOWS).into()
    }

    fn shift(&mut self) -> String {
        let mut out = String::new();
        if self.random.chance(15) {
            let offset = match self.random.below(7) {
                0 => format!("({})", self.duration_expr(2)),
                1 => "step()".into(),
                2 => "-30s".into(),
                3 => "-1m".into(),
                _ => self.random.pick(WINDOWS).to_owned(),
            };
            out.push_str(&format!(" offset {offset}"));
        }
        if self.random.chance(10) {
            let at = match self.random.below(4) {
                0 => "start()".to_owned(),
                1 => "end()".to_owned(),
                2 => format!("{:.3}", self.moment() as f64 / 1000.0),
                _ => (self.moment() / 1000).to_string(),
            };
            out = if self.random.chance(50) { format!("{out} @ {at}") } else { format!(" @ {at}{out}") };
        }
        out
    }

    fn selector(&mut self) -> String {
        let bare = self.bare();
        let smoothed = if self.random.chance(4) { " smoothed" } else { "" };
        format!("{bare}{smoothed}{}", self.shift())
    }

    fn matrix(&mut self, depth: usize) -> String {
        if depth > 0 && self.subqueries < 2 && self.random.chance(18) {
            self.subqueries += 1;
            let inner = self.vector(depth - 1);
            let inner = if self.random.chance(50) { format!("({inner})") } else { inner };
            let window = self.window();
            let step = match self.random.below(8) {
                0 => String::new(),
                1 => format!("max_of(10s, {})", self.duration_expr(1)),
                _ => self.random.pick(&["15s", "30s", "1m", "20s", "45s"]).into(),
            };
            let shift = self.shift();
            return format!("{inner}[{window}:{step}]{shift}");
        }
        let (bare, window) = (self.bare(), self.window());
        let edges = match self.random.below(16) {
            0 => " anchored",
            1 => " smoothed",
            _ => "",
        };
        format!("{bare}[{window}]{edges}{}", self.shift())
    }

    fn number(&mut self) -> String {
        match self.random.below(4) {
            0 => format!("{}", (self.random.fraction() - 0.3) * 10.0),
            1 => self.random.below(20).to_string(),
            _ => self.random.pick(NUMBERS).into(),
        }
    }

    fn scalar(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.chance(55) {
            return self.number();
        }
        match self.random.below(9) {
            0 => format!("scalar({})", self.vector(depth - 1)),
            1 => self.random.pick(&["time()", "pi()", "step()", "range()", "start()", "end()"]).into(),
            2 => format!("-{}", self.scalar(depth - 1)),
            3 => format!("({})", self.scalar(depth - 1)),
            4 => format!("max_of({}, {})", self.scalar(depth - 1), self.scalar(depth - 1)),
            5 => format!("min_of({}, {})", self.scalar(depth - 1), self.scalar(depth - 1)),
            6 => {
                let op = self.random.pick(&["==", "!=", "<", "<=", ">", ">="]);
                format!("{} {op} bool {}", self.scalar(depth - 1), self.scalar(depth - 1))
            }
            _ => {
                let op = self.random.pick(&["+", "-", "*", "/", "%", "^", "atan2"]);
                format!("{} {op} {}", self.scalar(depth - 1), self.scalar(depth - 1))
            }
        }
    }

    fn string(&mut self) -> String {
        self.random
            .pick(&[
                "\"job\"",
                "\"x\"",
                "'instance'",
                "`le`",
                "\"\"",
                "\"new\"",
                "\"a\\nb\"",
                "\"é\"",
                "\"my.label\"",
            ])
            .into()
    }

    fn vector(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.selector();
        }
        match self.random.below(20) {
            0 | 1 => self.selector(),
            2..=5 => self.aggregate(depth),
            6..=9 => self.binary(depth),
            10 => match self.random.below(4) {
                0 => format!("({})", self.vector(depth - 1)),
                1 => format!("-{}", self.vector(depth - 1)),
                2 => format!("+{}", self.vector(depth - 1)),
                _ => format!("-({})", self.vector(depth - 1)),
            },
            11 => self.histogram_call(depth),
            12 | 13 => {
                let name =
                    self.random.pick(&["rate", "increase", "delta", "irate", "idelta", "resets", "changes"]);
                format!("{name}({})", self.matrix(depth - 1))
            }
            _ => self.call(depth),
        }
    }

    fn grouping(&mut self) -> String {
        let word = self.random.pick(&["by", "without"]);
        format!("{word} ({})", self.labels())
    }

    fn aggregate(&mut self, depth: usize) -> String {
        let inner = self.vector(depth - 1);
        let (name, parameter) = match self.random.below(16) {
            0 | 1 => (self.random.pick(&["topk", "bottomk"]), Some(self.small(depth))),
            2 => ("limitk", Some(self.small(depth))),
            3 => (
                "limit_ratio",
                Some(self.random.pick(&["0.5", "-0.5", "0", "1", "2", "-1", "0.3", "NaN"]).into()),
            ),
            4 => {
                let label = self.random.pick(&["\"value\"", "\"job\"", "\"é\"", "\"le\""]);
                ("count_values", Some(label.into()))
            }
            5 => ("quantile", Some(self.quantile(depth))),
            _ => (self.random.pick(SIMPLE), None),
        };
        let args =
            parameter.map_or_else(|| inner.clone(), |parameter: String| format!("{parameter}, {inner}"));
        match self.random.below(3) {
            0 => format!("{name}({args})"),
            1 => format!("{name} {} ({args})", self.grouping()),
            _ => format!("{name}({args}) {}", self.grouping()),
        }
    }

    fn small(&mut self, depth: usize) -> String {
        if self.random.chance(8) {
            return self.scalar(depth - 1);
        }
        self.random.pick(&["1", "2", "3", "10", "0", "-1", "1.7"]).into()
    }

    fn quantile(&mut self, depth: usize) -> String {
        if self.random.chance(8) {
            return self.scalar(depth - 1);
        }
        self.random.pick(&["0.5", "0.9", "0", "1", "0.25", "0.99", "-1", "2", "NaN", "Inf"]).into()
    }

    fn binary(&mut self, depth: usize) -> String {
        let op = self.random.pick(OPERATORS);
        let set = matches!(op, "and" | "or" | "unless");
        let comparison = matches!(op, "==" | "!=" | "<" | "<=" | ">" | ">=");
        let flag = if comparison && self.random.chance(35) { " bool" } else { "" };
        let shape = self.random.below(10);
        if !set && shape < 4 {
            let (vector, scalar) = (self.vector(depth - 1), self.scalar(depth - 1));
            return if shape < 3 {
                format!("{vector} {op}{flag} {scalar}")
            } else {
                format!("{scalar} {op}{flag} {vector}")
            };
        }
        let left = self.vector(depth - 1);
        // The same metric on both sides matches most often.
        let right = match self.random.below(4) {
            0 => left.clone(),
            _ => self.vector(depth - 1),
        };
        let mut modifiers = String::new();
        if self.random.chance(50) {
            let word = self.random.pick(&["on", "ignoring", "on"]);
            let labels = match self.random.below(4) {
                0 => "job".into(),
                1 => "job, instance".into(),
                2 => String::new(),
                _ => self.labels(),
            };
            modifiers.push_str(&format!(" {word} ({labels})"));
            if !set && self.random.chance(45) {
                let side = self.random.pick(&["group_left", "group_right"]);
                let include = match self.random.below(4) {
                    0 => String::new(),
                    1 => " (version)".into(),
                    _ => format!(" ({})", self.labels()),
                };
                modifiers.push_str(&format!(" {side}{include}"));
            }
        }
        if !set && self.random.chance(15) {
            let value = self.random.pick(&["0", "1", "-5", "NaN", "Inf"]);
            let fill = match self.random.below(4) {
                0 => format!(" fill_left ({value})"),
                1 => format!(" fill_right ({value})"),
                2 => format!(" fill_left ({value}) fill_right (2)"),
                _ => format!(" fill ({value})"),
            };
            modifiers.push_str(&fill);
        }
        format!("{left} {op}{flag}{modifiers} {right}")
    }

    fn histogram_call(&mut self, depth: usize) -> String {
        let inner = match self.random.below(6) {
            0 => self.random.pick(&["lat_bucket", "nat", "cust", "natg", "mix"]).to_owned(),
            1 => "sum by (le) (rate(lat_bucket[5m]))".into(),
            2 => "sum by (le, job) (rate(lat_bucket[2m]))".into(),
            3 => "rate({__name__=~\"nat|cust\"}[3m])".into(),
            4 => "sum by (job) (nat)".into(),
            _ => self.vector(depth - 1),
        };
        match self.random.below(5) {
            0 => {
                let function = self.random.pick(&[
                    "histogram_avg",
                    "histogram_count",
                    "histogram_sum",
                    "histogram_stddev",
                    "histogram_stdvar",
                ]);
                format!("{function}({inner})")
            }
            1 => {
                let low = self.random.pick(&["0", "-Inf", "0.5", "1", "-2", "NaN"]);
                let high = self.random.pick(&["1", "Inf", "5", "0.5", "3"]);
                format!("histogram_fraction({low}, {high}, {inner})")
            }
            2 => format!("histogram_quantiles({inner}, \"q\", {}, 0.5)", self.quantile(depth)),
            _ => format!("histogram_quantile({}, {inner})", self.quantile(depth)),
        }
    }

    fn call(&mut self, depth: usize) -> String {
        let vectors: Vec<&'static Function> =
            FUNCTIONS.iter().filter(|function| function.returns == ValueType::Vector).collect();
        let function = vectors[self.random.below(vectors.len())];
        self.arguments(function, depth)
    }

    fn arguments(&mut self, function: &Function, depth: usize) -> String {
        let name = function.name;
        match name {
            "info" => {
                let inner = self.vector(depth - 1);
                return match self.random.below(6) {
                    0 => format!("info({inner}, {{version=~\".+\"}})"),
                    1 => format!("info({inner}, {{__name__=\"build_info\"}})"),
                    2 => format!("info({inner}, {{__name__=~\".*_info\"}})"),
                    3 => format!("info({inner}, {{version=~\".*\"}})"),
                    4 => format!("info({inner}, {{version=\"v1\",nope=\"\"}})"),
                    _ => format!("info({inner})"),
                };
            }
            "label_replace" => {
                let inner = self.vector(depth - 1);
                let target = self.random.pick(&["new", "job", "__name__", "é", "instance", "le"]);
                let replacement = self.random.pick(&["$1", "x-$1", "", "${1}y", "const", "$0$2"]);
                let source = self.random.pick(&["job", "instance", "__name__", "nope", "le"]);
                let regex = self.random.pick(&["(.*)", "(a|b)", "([a-z])(.*)", "", "a", "(?P<n>.)"]);
                return format!(
                    "label_replace({inner}, \"{target}\", \"{replacement}\", \"{source}\", \"{regex}\")"
                );
            }
            "label_join" => {
                let inner = self.vector(depth - 1);
                let target = self.random.pick(&["new", "job", "__name__", "instance"]);
                return format!("label_join({inner}, \"{target}\", \"-\", \"job\", \"instance\")");
            }
            "sort_by_label" | "sort_by_label_desc" => {
                return format!(
                    "{name}({}, {})",
                    self.vector(depth - 1),
                    self.random.pick(&["\"job\"", "\"instance\", \"job\"", "\"nope\""])
                );
            }
            "histogram_quantiles" | "histogram_quantile" | "histogram_fraction" => {
                return self.histogram_call(depth);
            }
            "quantile_over_time" => {
                return format!("{name}({}, {})", self.quantile(depth), self.matrix(depth - 1));
            }
            "double_exponential_smoothing" => {
                let factors = self.random.pick(&["0.5, 0.5", "0.1, 0.9", "0.5, 1.5", "0, 0.5"]);
                return format!("{name}({}, {factors})", self.matrix(depth - 1));
            }
            "absent" | "absent_over_time" if self.random.chance(50) => {
                let selector = self.random.pick(&[
                    "absent_metric{job=\"x\",instance=~\"1\"}",
                    "absent_metric",
                    "mem{job=\"c\"}",
                    "{job=\"c\",job=\"d\",le=\"1\"}",
                ]);
                return if name == "absent" {
                    format!("absent({selector})")
                } else {
                    format!("{name}({selector}[2m])")
                };
            }
            _ => {}
        }
        let mut args: Vec<String> = Vec::new();
        for kind in function.args {
            args.push(match kind {
                ValueType::Vector => self.vector(depth - 1),
                ValueType::Matrix => self.matrix(depth - 1),
                ValueType::Scalar => self.scalar(depth - 1),
                ValueType::String => self.string(),
            });
        }
        if function.variadic > 0 && self.random.chance(50) {
            args.pop();
        }
        format!("{name}({})", args.join(", "))
    }

    /// Types need not fit.
    fn odd(&mut self, depth: usize) -> String {
        let function = &FUNCTIONS[self.random.below(FUNCTIONS.len())];
        let count = self.random.below(4);
        let mut args = Vec::new();
        for _ in 0..count {
            args.push(match self.random.below(4) {
                0 => self.scalar(depth - 1),
                1 => self.matrix(depth - 1),
                2 => self.string(),
                _ => self.vector(depth - 1),
            });
        }
        match self.random.below(4) {
            0 => format!("{} + {}", self.matrix(depth - 1), self.scalar(depth - 1)),
            1 => format!("sum({})", args.join(", ")),
            2 => format!("{} and {}", self.scalar(depth - 1), self.vector(depth - 1)),
            _ => format!("{}({})", function.name, args.join(", ")),
        }
    }
}
