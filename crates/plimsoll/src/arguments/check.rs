//! `plimsoll check` and `plimsoll promql`: flags, and the way to settings.
//!
//! **Invariant:** at most one input is standard input.

use std::path::PathBuf;

use clap::{Args, Command, FromArgMatches as _, Subcommand};
use plimsoll_adapter::rules::Dialect;

use super::value::{moment, step};
use super::{ArgumentsError, Invocation, failure};

/// Where something is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// The form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What `plimsoll check` is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSettings {
    /// `--config`
    pub config: Input,
    /// `--series`
    pub series: Option<Input>,
    /// `--backend`
    pub dialect: Dialect,
    /// `--time`, in milliseconds since 1970.
    pub time: Option<i64>,
    pub output: Output,
}

/// What `plimsoll promql` is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromqlSettings {
    /// Print the query in its normal form.
    Format { expr: Expression },
    /// Say whether the query is one.
    Check { expr: Expression, output: Output },
    /// Evaluate the query.
    Eval { expr: Expression, load: Input, when: Moment, output: Output },
}

/// A query, or where it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// As given on the command line.
    Given(String),
    /// On standard input.
    Stdin,
}

/// Milliseconds since 1970 at which a query is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At this time; without one, at that of the latest sample.
    Instant(Option<i64>),
    /// From `start` to `end`, a `step` apart.
    Range { start: i64, end: i64, step: i64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Backend {
    /// Prometheus, and whatever answers at least as much.
    Prometheus,
    /// Google Cloud Managed Service for Prometheus.
    Gmp,
}

#[derive(Debug, Args)]
pub(super) struct CheckFlags {
    /// Configuration file to check; - for standard input. Required.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Series to try the rules on; - for standard input. Prometheus' text format or OpenMetrics (what /metrics of a
    /// target gives), the answer of /api/v1/series, or `load` blocks of Prometheus' test language.
    #[arg(long, value_name = "FILE")]
    series: Option<PathBuf>,
    /// Server that the configuration is for.
    #[arg(long, value_name = "BACKEND", default_value = "prometheus")]
    backend: Backend,
    /// Time at which queries are evaluated with --series: Unix seconds or RFC 3339. Without it, the time of the latest
    /// sample.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    time: Option<i64>,
    /// Form of the result.
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct PromqlFlags {
    #[command(subcommand)]
    command: Option<PromqlCommand>,
}

#[derive(Debug, Subcommand)]
enum PromqlCommand {
    /// Print a query in its normal form, as Prometheus prints it
    #[command(override_usage = "plimsoll promql format EXPR")]
    Format {
        /// Query; - for standard input.
        #[arg(value_name = "EXPR")]
        expr: Option<String>,
    },
    /// Say whether a query is one, or what is wrong with it and where
    #[command(override_usage = "plimsoll promql check EXPR [OPTIONS]")]
    Check {
        /// Query; - for standard input.
        #[arg(value_name = "EXPR")]
        expr: Option<String>,
        /// Form of the result.
        #[arg(long, short = 'o', value_name = "FORMAT", default_value = "text")]
        output: Output,
    },
    /// Evaluate a query on the series of a file
    #[command(override_usage = "plimsoll promql eval EXPR --load=FILE [OPTIONS]")]
    Eval {
        /// Query; - for standard input.
        #[arg(value_name = "EXPR")]
        expr: Option<String>,
        /// Series: Prometheus' text format, OpenMetrics, or `load` blocks of Prometheus' test language; - for standard
        /// input. Required.
        #[arg(long, value_name = "FILE")]
        load: Option<PathBuf>,
        /// Time of evaluation: Unix seconds or RFC 3339. Without it, the time of the latest sample.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        time: Option<i64>,
        /// First time of a range query: Unix seconds or RFC 3339.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        start: Option<i64>,
        /// Last time of a range query.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        end: Option<i64>,
        /// Distance of the times of a range query: seconds, or a duration such as 30s.
        #[arg(long, value_name = "STEP", value_parser = step)]
        step: Option<i64>,
        /// Form of the result.
        #[arg(long, short = 'o', value_name = "FORMAT", default_value = "text")]
        output: Output,
    },
}

/// Both commands.
pub(super) fn commands() -> [Command; 2] {
    let version = env!("CARGO_PKG_VERSION");
    let both = [
        CheckFlags::augment_args(Command::new("check"))
            .about("Check a configuration without a cluster and without Prometheus")
            .override_usage("plimsoll check --config=FILE [OPTIONS]")
            .after_help("Exit code: 0 nothing to correct, 1 findings, 2 the command line or a file cannot be read"),
        PromqlFlags::augment_args(Command::new("promql"))
            .about("Format, check and evaluate PromQL without a server")
            .disable_help_subcommand(true)
            .override_usage("plimsoll promql COMMAND EXPR [OPTIONS]")
            .after_help("Exit code: 0 well, 1 the query or the data has a mistake, 2 the command line or a file cannot be read"),
    ];
    both.map(|command| {
        command
            .display_name("plimsoll")
            .version(version)
            .mut_subcommands(|command| command.display_name("plimsoll").version(version))
    })
}

pub(super) fn check(matches: &clap::ArgMatches) -> Result<Invocation, ArgumentsError> {
    let flags = CheckFlags::from_arg_matches(matches).map_err(|error| failure::of(&error, "check"))?;
    let CheckFlags { config, series, backend, time, output } = flags;
    let Some(config) = config.filter(|path| !path.as_os_str().is_empty()) else {
        return Err(ArgumentsError::new("no configuration file is given")
            .with_fix("add --config=FILE, or --config=- to read it from standard input"));
    };
    let (config, series) = (input(config), series.map(input));
    if config == Input::Stdin && series == Some(Input::Stdin) {
        return Err(ArgumentsError::new("--config and --series cannot both be standard input")
            .with_fix("write one of them to a file"));
    }
    if let (Some(_), None) = (time, &series) {
        return Err(ArgumentsError::new("--time has no effect without --series")
            .with_fix("add --series=FILE, or remove --time"));
    }
    let dialect = match backend {
        Backend::Prometheus => Dialect::Prometheus,
        Backend::Gmp => Dialect::GoogleManaged,
    };
    Ok(Invocation::Check(CheckSettings { config, series, dialect, time, output }))
}

pub(super) fn promql(matches: &clap::ArgMatches) -> Result<Invocation, ArgumentsError> {
    let flags = PromqlFlags::from_arg_matches(matches).map_err(|error| failure::of(&error, "promql"))?;
    let settings = match flags.command {
        None => {
            return Err(ArgumentsError::new("`plimsoll promql` needs one of format, check and eval")
                .with_fix("plimsoll promql check 'sum(rate(http_requests_total[5m]))'"));
        }
        Some(PromqlCommand::Format { expr }) => PromqlSettings::Format { expr: expression(expr, "format")? },
        Some(PromqlCommand::Check { expr, output }) => {
            PromqlSettings::Check { expr: expression(expr, "check")?, output }
        }
        Some(PromqlCommand::Eval { expr, load, time, start, end, step, output }) => {
            let expr = expression(expr, "eval")?;
            let Some(load) = load.filter(|path| !path.as_os_str().is_empty()).map(input) else {
                return Err(ArgumentsError::new("no series are given")
                    .with_fix("add --load=FILE, or --load=- to read them from standard input"));
            };
            if load == Input::Stdin && expr == Expression::Stdin {
                return Err(ArgumentsError::new("the query and --load cannot both be standard input")
                    .with_fix("write the series to a file"));
            }
            PromqlSettings::Eval { expr, load, when: when(time, start, end, step)?, output }
        }
    };
    Ok(Invocation::Promql(settings))
}

fn input(path: PathBuf) -> Input {
    if path.as_os_str() == "-" { Input::Stdin } else { Input::File(path) }
}

fn expression(expr: Option<String>, command: &str) -> Result<Expression, ArgumentsError> {
    match expr {
        None => Err(ArgumentsError::new("no query is given").with_fix(format!(
            "plimsoll promql {command} 'sum(rate(http_requests_total[5m]))', or - to read it from standard input"
        ))),
        Some(text) if text == "-" => Ok(Expression::Stdin),
        Some(text) => Ok(Expression::Given(text)),
    }
}

fn when(
    time: Option<i64>,
    start: Option<i64>,
    end: Option<i64>,
    step: Option<i64>,
) -> Result<Moment, ArgumentsError> {
    match (time, start, end, step) {
        (time, None, None, None) => Ok(Moment::Instant(time)),
        (None, Some(start), Some(end), Some(step)) if start <= end => Ok(Moment::Range { start, end, step }),
        (None, Some(_), Some(_), Some(_)) => {
            Err(ArgumentsError::new("--end is before --start").with_fix("swap them"))
        }
        (Some(_), ..) => {
            Err(ArgumentsError::new("--time asks for one moment; --start, --end and --step for several")
                .with_fix("remove --time, or the others"))
        }
        _ => Err(ArgumentsError::new("a range query needs all of --start, --end and --step")
            .with_fix("plimsoll promql eval --load=FILE --start=0 --end=3600 --step=60 EXPR")),
    }
}
