//! The command line: from arguments to typed settings, warnings and advice.
//!
//! Flags, defaults and their reading follow prometheus-adapter 0.12 (`cmd/adapter/adapter.go`), its base
//! (`custom-metrics-apiserver/pkg/cmd/builder.go`), `k8s.io/apiserver/pkg/server/options` and pflag. The
//! environment is not consulted.
//!
//! **Invariant:** nothing of clap appears in a public signature, and nothing is opened, read or printed here.

mod check;
mod compatibility;
mod failure;
mod flags;
mod reference;
mod security;
mod serve;
mod settings;
#[cfg(test)]
mod tests;
mod value;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::FromArgMatches as _;

pub use check::{CheckSettings, Expression, Input, Moment, Output, PromqlSettings};
pub use failure::ArgumentsError;
pub use reference::{check_reference, promql_reference, reference};
pub use settings::{
    AuthenticationSettings, AuthorizationSettings, DiscoverySettings, KubernetesSettings, LogFormat,
    LoggingSettings, PrometheusCredentials, PrometheusSettings, RequestHeaders, ServeSettings,
    ServingSettings, SniCertificate,
};

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Invocation {
    /// Serve the metrics APIs.
    Serve {
        /// How.
        settings: Box<ServeSettings>,
        /// What is doubtful about accepted arguments, each in one sentence that names its argument; to be logged.
        warnings: Vec<String>,
    },
    /// Check a configuration.
    Check(CheckSettings),
    /// Format, check or evaluate a query.
    Promql(PromqlSettings),
    /// Print this text (help or version) to standard output and end well.
    Print(String),
}

/// Reads a command line whose first element is the name of the program.
///
/// A program called `adapter`, or a first argument `/adapter` or `adapter` (which the Helm chart of
/// prometheus-adapter passes), stands for `plimsoll serve`. `help COMMAND` and `version` stand for the flags of that name.
///
/// # Errors
/// Text for standard error and an exit code, when the command line cannot be followed.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, ArgumentsError> {
    let arguments = with_command(arguments.into_iter().collect());
    if let Some(failure) =
        arguments.iter().skip(1).find_map(|argument| failure::single_dash(argument.to_str()?))
    {
        return Err(failure);
    }
    let command = serve::command();
    let asked = asked(&command, &arguments);
    let matches = match command.try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return failure::printable(error, &asked).map(Invocation::Print),
    };
    match matches.subcommand() {
        Some(("serve", matches)) => {
            let flags =
                flags::ServeFlags::from_arg_matches(matches).map_err(|error| failure::of(&error, "serve"))?;
            let mut warnings = compatibility::warnings(matches);
            let settings = serve::settings(flags, matches, &mut warnings)?;
            Ok(Invocation::Serve { settings: Box::new(settings), warnings })
        }
        Some(("check", matches)) => check::check(matches),
        Some(("promql", matches)) => check::promql(matches),
        _ => Err(ArgumentsError::new("no command is given").with_fix("`plimsoll --help` lists the commands")),
    }
}

/// The command that the arguments begin with, such as `promql eval`; empty for none.
fn asked(command: &clap::Command, arguments: &[OsString]) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut command = command;
    for argument in arguments.iter().skip(1) {
        let Some(found) = command.find_subcommand(argument) else { break };
        names.push(found.get_name());
        command = found;
    }
    names.join(" ")
}

/// The arguments with `serve` in second place where the rest of the line implies it.
fn with_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_adapter = |argument: &OsStr| Path::new(argument).file_name() == Some(OsStr::new("adapter"));
    if arguments.is_empty() {
        arguments.push("plimsoll".into());
    }
    if is_adapter(&arguments[0]) {
        arguments[0] = "plimsoll".into();
        if arguments.get(1).is_none_or(|second| second != "serve") {
            arguments.insert(1, "serve".into());
        }
    } else if arguments.get(1).is_some_and(|second| is_adapter(second)) {
        arguments[1] = "serve".into();
    } else if arguments.get(1).is_some_and(|second| second == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
    } else if arguments.get(1).is_some_and(|second| second == "version") {
        arguments[1] = "--version".into();
    }
    for argument in &mut arguments {
        if let Some(dashed) = argument.to_str().and_then(compatibility::dashed) {
            *argument = dashed.into();
        }
    }
    arguments
}
