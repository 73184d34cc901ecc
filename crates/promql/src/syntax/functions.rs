//! The functions of the language and their types.
//!
//! Not their implementation. The table is that of Prometheus 3.14.
//!
//! **Invariant:** sorted by name.

use super::ast::ValueType as V;

/// A function's signature.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Name as it is written.
    pub name: &'static str,
    /// Types of the arguments; the last one repeats where there may be more.
    pub args: &'static [V],
    /// How many arguments may be left out or added: 0 none, n up to n − 1 more than listed with the last one optional,
    /// −1 any number.
    pub variadic: i32,
    /// Type of the result.
    pub returns: V,
    /// Prometheus has it only behind a feature flag.
    pub experimental: bool,
}

const fn function(
    name: &'static str,
    args: &'static [V],
    variadic: i32,
    returns: V,
    experimental: bool,
) -> Function {
    Function { name, args, variadic, returns, experimental }
}

/// The function of that name.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok().map(|index| &FUNCTIONS[index])
}

/// All functions, sorted by name.
pub static FUNCTIONS: &[Function] = &[
    function("abs", &[V::Vector], 0, V::Vector, false),
    function("absent", &[V::Vector], 0, V::Vector, false),
    function("absent_over_time", &[V::Matrix], 0, V::Vector, false),
    function("acos", &[V::Vector], 0, V::Vector, false),
    function("acosh", &[V::Vector], 0, V::Vector, false),
    function("asin", &[V::Vector], 0, V::Vector, false),
    function("asinh", &[V::Vector], 0, V::Vector, false),
    function("atan", &[V::Vector], 0, V::Vector, false),
    function("atanh", &[V::Vector], 0, V::Vector, false),
    function("avg_over_time", &[V::Matrix], 0, V::Vector, false),
    function("ceil", &[V::Vector], 0, V::Vector, false),
    function("changes", &[V::Matrix], 0, V::Vector, false),
    function("clamp", &[V::Vector, V::Scalar, V::Scalar], 0, V::Vector, false),
    function("clamp_max", &[V::Vector, V::Scalar], 0, V::Vector, false),
    function("clamp_min", &[V::Vector, V::Scalar], 0, V::Vector, false),
    function("cos", &[V::Vector], 0, V::Vector, false),
    function("cosh", &[V::Vector], 0, V::Vector, false),
    function("count_over_time", &[V::Matrix], 0, V::Vector, false),
    function("day_of_month", &[V::Vector], 1, V::Vector, false),
    function("day_of_week", &[V::Vector], 1, V::Vector, false),
    function("day_of_year", &[V::Vector], 1, V::Vector, false),
    function("days_in_month", &[V::Vector], 1, V::Vector, false),
    function("deg", &[V::Vector], 0, V::Vector, false),
    function("delta", &[V::Matrix], 0, V::Vector, false),
    function("deriv", &[V::Matrix], 0, V::Vector, false),
    function("double_exponential_smoothing", &[V::Matrix, V::Scalar, V::Scalar], 0, V::Vector, true),
    function("end", &[], 0, V::Scalar, true),
    function("exp", &[V::Vector], 0, V::Vector, false),
    function("first_over_time", &[V::Matrix], 0, V::Vector, true),
    function("floor", &[V::Vector], 0, V::Vector, false),
    function("histogram_avg", &[V::Vector], 0, V::Vector, false),
    function("histogram_count", &[V::Vector], 0, V::Vector, false),
    function("histogram_fraction", &[V::Scalar, V::Scalar, V::Vector], 0, V::Vector, false),
    function("histogram_quantile", &[V::Scalar, V::Vector], 0, V::Vector, false),
    function("histogram_quantiles", &[V::Vector, V::String, V::Scalar, V::Scalar], 9, V::Vector, true),
    function("histogram_stddev", &[V::Vector], 0, V::Vector, false),
    function("histogram_stdvar", &[V::Vector], 0, V::Vector, false),
    function("histogram_sum", &[V::Vector], 0, V::Vector, false),
    function("hour", &[V::Vector], 1, V::Vector, false),
    function("idelta", &[V::Matrix], 0, V::Vector, false),
    function("increase", &[V::Matrix], 0, V::Vector, false),
    function("info", &[V::Vector, V::Vector], 1, V::Vector, true),
    function("irate", &[V::Matrix], 0, V::Vector, false),
    function("label_join", &[V::Vector, V::String, V::String, V::String], -1, V::Vector, false),
    function("label_replace", &[V::Vector, V::String, V::String, V::String, V::String], 0, V::Vector, false),
    function("last_over_time", &[V::Matrix], 0, V::Vector, false),
    function("ln", &[V::Vector], 0, V::Vector, false),
    function("log10", &[V::Vector], 0, V::Vector, false),
    function("log2", &[V::Vector], 0, V::Vector, false),
    function("mad_over_time", &[V::Matrix], 0, V::Vector, true),
    function("max_of", &[V::Scalar, V::Scalar], 0, V::Scalar, true),
    function("max_over_time", &[V::Matrix], 0, V::Vector, false),
    function("min_of", &[V::Scalar, V::Scalar], 0, V::Scalar, true),
    function("min_over_time", &[V::Matrix], 0, V::Vector, false),
    function("minute", &[V::Vector], 1, V::Vector, false),
    function("month", &[V::Vector], 1, V::Vector, false),
    function("pi", &[], 0, V::Scalar, false),
    function("predict_linear", &[V::Matrix, V::Scalar], 0, V::Vector, false),
    function("present_over_time", &[V::Matrix], 0, V::Vector, false),
    function("quantile_over_time", &[V::Scalar, V::Matrix], 0, V::Vector, false),
    function("rad", &[V::Vector], 0, V::Vector, false),
    function("range", &[], 0, V::Scalar, true),
    function("rate", &[V::Matrix], 0, V::Vector, false),
    function("resets", &[V::Matrix], 0, V::Vector, false),
    function("round", &[V::Vector, V::Scalar], 1, V::Vector, false),
    function("scalar", &[V::Vector], 0, V::Scalar, false),
    function("sgn", &[V::Vector], 0, V::Vector, false),
    function("sin", &[V::Vector], 0, V::Vector, false),
    function("sinh", &[V::Vector], 0, V::Vector, false),
    function("sort", &[V::Vector], 0, V::Vector, false),
    function("sort_by_label", &[V::Vector, V::String], -1, V::Vector, true),
    function("sort_by_label_desc", &[V::Vector, V::String], -1, V::Vector, true),
    function("sort_desc", &[V::Vector], 0, V::Vector, false),
    function("sqrt", &[V::Vector], 0, V::Vector, false),
    function("start", &[], 0, V::Scalar, true),
    function("start_timestamp", &[V::Vector], 0, V::Vector, true),
    function("stddev_over_time", &[V::Matrix], 0, V::Vector, false),
    function("stdvar_over_time", &[V::Matrix], 0, V::Vector, false),
    function("step", &[], 0, V::Scalar, true),
    function("sum_over_time", &[V::Matrix], 0, V::Vector, false),
    function("tan", &[V::Vector], 0, V::Vector, false),
    function("tanh", &[V::Vector], 0, V::Vector, false),
    function("time", &[], 0, V::Scalar, false),
    function("timestamp", &[V::Vector], 0, V::Vector, false),
    function("ts_of_first_over_time", &[V::Matrix], 0, V::Vector, true),
    function("ts_of_last_over_time", &[V::Matrix], 0, V::Vector, true),
    function("ts_of_max_over_time", &[V::Matrix], 0, V::Vector, true),
    function("ts_of_min_over_time", &[V::Matrix], 0, V::Vector, true),
    function("vector", &[V::Scalar], 0, V::Vector, false),
    function("year", &[V::Vector], 1, V::Vector, false),
];
