//! Flags that manifests for prometheus-adapter pass and that have no effect here: accepted, with a warning.
//!
//! **Invariant:** whether such a flag takes a value is as in the program that had it, so that the rest of the
//! command line is read alike.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Value,
    /// May stand alone.
    Boolean,
}

/// Flags that do nothing, with the reason.
#[derive(Debug)]
pub(super) struct Family {
    /// For the reference page.
    pub title: &'static str,
    /// Ends the sentence `--flag has no effect: …`.
    pub reason: &'static str,
    pub flags: &'static [(&'static str, Takes)],
}

use Takes::{Boolean, Value};

pub(super) static FAMILIES: [Family; 6] = [
    Family {
        title: "Options of klog",
        reason: "logs go to standard error",
        flags: &[
            ("add-dir-header", Boolean),
            ("alsologtostderr", Boolean),
            ("log-backtrace-at", Value),
            ("log-dir", Value),
            ("log-file", Value),
            ("log-file-max-size", Value),
            ("log-flush-frequency", Value),
            ("log-json-info-buffer-size", Value),
            ("log-json-split-stream", Boolean),
            ("logtostderr", Boolean),
            ("one-output", Boolean),
            ("skip-headers", Boolean),
            ("skip-log-headers", Boolean),
            ("stderrthreshold", Value),
        ],
    },
    Family {
        title: "Levels of single source files",
        reason: "-v holds for all of them",
        flags: &[("vmodule", Value)],
    },
    Family {
        title: "Auditing",
        reason: "audit is not implemented; the API server that forwards the requests can audit them",
        flags: &[
            ("audit-log-batch-buffer-size", Value),
            ("audit-log-batch-max-size", Value),
            ("audit-log-batch-max-wait", Value),
            ("audit-log-batch-throttle-burst", Value),
            ("audit-log-batch-throttle-enable", Boolean),
            ("audit-log-batch-throttle-qps", Value),
            ("audit-log-compress", Boolean),
            ("audit-log-format", Value),
            ("audit-log-maxage", Value),
            ("audit-log-maxbackup", Value),
            ("audit-log-maxsize", Value),
            ("audit-log-mode", Value),
            ("audit-log-path", Value),
            ("audit-log-truncate-enabled", Boolean),
            ("audit-log-truncate-max-batch-size", Value),
            ("audit-log-truncate-max-event-size", Value),
            ("audit-log-version", Value),
            ("audit-policy-file", Value),
            ("audit-webhook-batch-buffer-size", Value),
            ("audit-webhook-batch-initial-backoff", Value),
            ("audit-webhook-batch-max-size", Value),
            ("audit-webhook-batch-max-wait", Value),
            ("audit-webhook-batch-throttle-burst", Value),
            ("audit-webhook-batch-throttle-enable", Boolean),
            ("audit-webhook-batch-throttle-qps", Value),
            ("audit-webhook-config-file", Value),
            ("audit-webhook-initial-backoff", Value),
            ("audit-webhook-mode", Value),
            ("audit-webhook-truncate-enabled", Boolean),
            ("audit-webhook-truncate-max-batch-size", Value),
            ("audit-webhook-truncate-max-event-size", Value),
            ("audit-webhook-version", Value),
        ],
    },
    Family {
        title: "Kubernetes client",
        reason: "resource types and objects are followed as they change, not asked for with each request",
        flags: &[("client-burst", Value), ("client-qps", Value), ("discovery-interval", Value)],
    },
    Family {
        title: "Listening",
        reason: "the address is shared in this way anyhow",
        flags: &[("permit-address-sharing", Boolean)],
    },
    Family {
        title: "Server internals",
        reason: "this server has no such part",
        flags: &[
            ("contention-profiling", Boolean),
            ("debug-socket-path", Value),
            ("enable-priority-and-fairness", Boolean),
            ("profiling", Boolean),
            ("tls-curve-preferences", Value),
        ],
    },
];

/// The flags as hidden arguments.
pub(super) fn arguments() -> impl Iterator<Item = Arg> {
    let short_config = Arg::new(SHORT_CONFIG)
        .short('c')
        .hide(true)
        .action(ArgAction::Set)
        .value_name("FILE")
        .value_parser(clap::value_parser!(std::path::PathBuf));
    let families = FAMILIES.iter().flat_map(|family| family.flags).map(|(name, takes)| {
        let argument = Arg::new(*name).long(*name).hide(true).action(ArgAction::Append);
        argument.value_name(match takes {
            Value => "VALUE",
            Boolean => "BOOL",
        })
    });
    families.chain([short_config])
}

/// The argument with dashes for underscores, if that makes it one of these flags: klog had both.
pub(super) fn dashed(argument: &str) -> Option<String> {
    let flag = argument.strip_prefix("--")?;
    let end = flag.find('=').unwrap_or(flag.len());
    let name = flag[..end].replace('_', "-");
    let known = FAMILIES.iter().flat_map(|family| family.flags).any(|(known, _)| *known == name);
    known.then(|| format!("--{name}{}", &flag[end..]))
}

/// A warning for each such flag on the command line, and for arguments that are no flags.
pub(super) fn warnings(matches: &ArgMatches) -> Vec<String> {
    let given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
    let flags = FAMILIES.iter().flat_map(|family| {
        family
            .flags
            .iter()
            .filter(|(name, _)| given(name))
            .map(|(name, _)| format!("--{name} has no effect: {}", family.reason))
    });
    let stray = matches.get_many::<std::ffi::OsString>(STRAY).into_iter().flatten();
    let stray = stray.map(|argument| argument.to_string_lossy().into_owned());
    // The Helm chart passes the name of the program as an argument.
    let stray = stray.filter(|argument| argument != "/adapter" && argument != "adapter");
    let stray = stray.map(|argument| {
        format!("\"{argument}\" has no effect: it belongs to no flag{}", hint_for(&argument))
    });
    flags.chain(stray).collect()
}

fn hint_for(argument: &str) -> &'static str {
    match argument {
        "true" | "false" => ", and a boolean is written --flag=false",
        _ => "",
    }
}

/// Id of `-c`, which the original's documentation mentions and its program refuses.
pub(super) const SHORT_CONFIG: &str = "c";

/// Id of the argument that takes what is no flag.
pub(super) const STRAY: &str = "stray arguments";
