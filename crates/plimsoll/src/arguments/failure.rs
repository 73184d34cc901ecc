//! Why a command line cannot be followed, as advice.
//!
//! **Invariant:** no value of a flag that may hold a secret is repeated.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::serve;
use super::settings::without_secrets;

/// Text for standard error, and how to end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", fix_lines(.fix))]
pub struct ArgumentsError {
    /// What is the matter, in one sentence without a full stop.
    pub message: String,
    /// What to write instead; may be empty.
    pub fix: String,
    /// For the process to end with; never 0.
    pub exit_code: u8,
}

/// Flags of other programs, or that people expect, with advice.
const EXPECTED: [(&str, &str); 12] = [
    ("config.file", "the configuration file is given with --config=FILE"),
    ("config-file", "the configuration file is given with --config=FILE"),
    (
        "enable-external-metrics",
        "remove it: external metrics are served as soon as the configuration has externalRules",
    ),
    ("enable-custom-metrics", "remove it: custom metrics are served as soon as the configuration has rules"),
    ("external-rules", "external rules are part of the configuration file, under externalRules"),
    (
        "kubeconfig",
        "the cluster's objects are reached with --lister-kubeconfig=FILE; --authentication-kubeconfig and\n\
      --authorization-kubeconfig may name the same file",
    ),
    ("insecure-port", "remove it: only HTTPS is served, on --secure-port"),
    ("kubelet-insecure-tls", "remove it: this flag is metrics-server's, and kubelets are not asked here"),
    (
        "kubelet-preferred-address-types",
        "remove it: this flag is metrics-server's, and kubelets are not asked here",
    ),
    ("metric-resolution", "remove it: this flag is metrics-server's; see --metrics-relist-interval"),
    ("prometheus-address", "Prometheus is named with --prometheus-url=URL"),
    ("rate-interval", "write the range in the metricsQuery of each rule"),
];

/// Flags whose values are not repeated in messages.
const SECRET: [&str; 1] = ["--prometheus-header"];

impl ArgumentsError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), fix: String::new(), exit_code: 2 }
    }

    /// `value` does not suit `flag`, because of `reason`.
    pub(super) fn value(flag: &str, value: &str, reason: &str) -> Self {
        Self::new(format!("{flag}={} cannot be followed: {reason}", shown(value)))
    }

    pub(super) fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }
}

fn fix_lines(fix: &str) -> String {
    let lines = fix.lines().enumerate();
    lines
        .map(|(index, line)| format!("{}{line}", if index == 0 { "\n  fix: " } else { "\n       " }))
        .collect()
}

/// A value as it may be repeated: on one line of at most 80 characters.
fn shown(value: &str) -> String {
    let line: String =
        value.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    if line.chars().count() <= 80 { line } else { line.chars().take(79).chain(['…']).collect() }
}

/// The text that was asked for (help, version), or the failure.
pub(super) fn printable(error: clap::Error, command: &str) -> Result<String, ArgumentsError> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(error.render().to_string()),
        _ => Err(of(&error, command)),
    }
}

/// The failure of `command`, such as `serve`, as advice.
pub(super) fn of(error: &clap::Error, command: &str) -> ArgumentsError {
    let asked = if command.is_empty() { "plimsoll".to_owned() } else { format!("plimsoll {command}") };
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        Some(ContextValue::Strings(texts)) => texts.first().map_or("", String::as_str),
        _ => "",
    };
    let argument = context(ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::UnknownArgument => unknown(argument, context(ContextKind::SuggestedArg), command),
        ErrorKind::InvalidSubcommand => {
            let command = context(ContextKind::InvalidSubcommand);
            let suggested = context(ContextKind::SuggestedSubcommand);
            let failure = ArgumentsError::new(format!("there is no command \"{}\"", shown(command)));
            failure.with_fix(if suggested.is_empty() {
                format!("`{asked} --help` lists the commands")
            } else {
                format!("did you mean `{asked} {suggested}`?")
            })
        }
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            // clap shows the flag with its value's name, as in `--secure-port <PORT>`.
            let flag = argument.split([' ', '=', '[']).next().unwrap_or_default();
            let value = context(ContextKind::InvalidValue);
            let source = std::error::Error::source(error).map(ToString::to_string);
            if value.is_empty() && source.is_none() {
                return ArgumentsError::new(format!("{flag} needs a value"))
                    .with_fix(format!("write {}", argument.replacen(' ', "=", 1)));
            }
            invalid(flag, value, source.as_deref(), error, &asked)
        }
        _ => ArgumentsError::new(first_line(&error.to_string())),
    }
}

fn invalid(
    flag: &str,
    value: &str,
    source: Option<&str>,
    error: &clap::Error,
    asked: &str,
) -> ArgumentsError {
    let value = match flag {
        _ if SECRET.contains(&flag) => "...".to_owned(),
        "--prometheus-url" => without_secrets(value),
        _ => value.to_owned(),
    };
    let possible = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => format!("write {}", values.join(" or ")),
        _ => String::new(),
    };
    let (reason, fix) = match source {
        Some(source) => source.split_once('\n').unwrap_or((source, "")),
        None => ("it is none of the possible values", possible.as_str()),
    };
    let fix = if fix.is_empty() { format!("`{asked} --help` says what it takes") } else { fix.to_owned() };
    ArgumentsError::value(flag, &value, reason).with_fix(fix)
}

fn unknown(argument: &str, suggested: &str, command: &str) -> ArgumentsError {
    let serve = command == "serve";
    if !serve && !argument.starts_with('-') {
        let argument = shown(argument);
        let failure = ArgumentsError::new(format!("\"{argument}\" belongs to no flag"));
        return failure.with_fix(match command {
            "check" => format!("the file is given with --config: plimsoll check --config={argument}"),
            _ => format!("a query is one argument, so put it into quotes: plimsoll {command} 'QUERY'"),
        });
    }
    let name = argument.split('=').next().unwrap_or(argument);
    let failure = ArgumentsError::new(format!("there is no flag {}", shown(name)));
    let bare = name.trim_start_matches('-').to_ascii_lowercase();
    if serve && let Some((_, advice)) = EXPECTED.iter().find(|(expected, _)| *expected == bare) {
        return failure.with_fix(*advice);
    }
    let dashed = bare.replace(['_', '.'], "-");
    let known = flags();
    if serve && let Some(flag) = known.iter().find(|flag| **flag == dashed) {
        return failure.with_fix(format!("did you mean --{flag}?"));
    }
    if command.is_empty() {
        return failure.with_fix(if known.contains(&dashed) {
            format!("flags stand behind the command, as in `plimsoll serve {name}`")
        } else {
            "`plimsoll --help` lists the commands".to_owned()
        });
    }
    if command.starts_with("promql") && !argument.starts_with("--") {
        return failure.with_fix(format!(
            "a query that begins with a minus stands behind two of them: plimsoll {command} [OPTIONS] -- QUERY"
        ));
    }
    if !suggested.is_empty() {
        return failure.with_fix(format!("did you mean {suggested}?"));
    }
    failure.with_fix(format!("`plimsoll {command} --help` lists the flags"))
}

/// A failure if an argument is a long flag with a single dash, which would be read as `-c` or `-v`.
pub(super) fn single_dash(argument: &str) -> Option<ArgumentsError> {
    let bare = argument.strip_prefix('-').filter(|bare| !bare.starts_with('-'))?;
    let name = bare.split('=').next().unwrap_or(bare);
    if name.len() < 2 || !flags().iter().any(|flag| flag == name) {
        return None;
    }
    Some(
        ArgumentsError::new(format!("there is no flag -{name}"))
            .with_fix(format!("write two dashes: --{name}")),
    )
}

fn flags() -> Vec<String> {
    let command = serve::command();
    let serve = command.find_subcommand("serve");
    let arguments = serve.into_iter().flat_map(|serve| serve.get_arguments());
    arguments.filter_map(|argument| argument.get_long().map(str::to_owned)).collect()
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
