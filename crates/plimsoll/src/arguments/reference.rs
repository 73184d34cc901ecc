//! The reference pages of the commands, printed from the declarations that parse the command line.
//!
//! **Invariant:** nothing on the page about a flag is written here.

use std::fmt::Write as _;

use clap::{Arg, ArgAction};
use plimsoll_adapter::config::Code;

use super::compatibility::{FAMILIES, Takes};
use super::flags::OURS;
use super::serve;

/// The page of `plimsoll serve` in Markdown.
pub fn reference() -> String {
    let mut page = "# plimsoll serve\n\n\
         <!-- Generated from the declarations in crates/plimsoll/src/arguments. -->\n\n\
         Serves the custom, external and resource metrics APIs of Kubernetes from Prometheus. The command line is that\n\
         of prometheus-adapter: a program or a first argument called `adapter` or `/adapter` stands for `plimsoll serve`,\n\
         and arguments that belong to no flag are ignored with a warning. Flags that do not come from\n\
         prometheus-adapter are marked “ours”. The environment has no effect.\n\n\
         `--flag=VALUE` and `--flag VALUE` are the same; a boolean is written `--flag` or `--flag=false`. Durations\n\
         are written as in Go: `90s`, `1h30m`. When a flag that takes one value is given several times, the last one\n\
         counts.\n"
        .to_owned();
    let command = serve::command();
    let arguments: Vec<&Arg> = command
        .find_subcommand("serve")
        .into_iter()
        .flat_map(|serve| serve.get_arguments())
        .filter(|argument| !argument.is_hide_set() && argument.get_long() != Some("help"))
        .collect();
    let mut heading = None;
    for argument in arguments {
        if heading != argument.get_help_heading() {
            heading = argument.get_help_heading();
            let _ = write!(page, "\n## {}\n\n", heading.unwrap_or("General"));
            page.push_str("| flag | default | meaning |\n|---|---|---|\n");
        }
        let _ = writeln!(page, "{}", row(argument));
    }
    page.push_str(&super::security::section());
    page.push_str("\n## Compatibility\n\nThese flags are accepted, with a warning, and have no effect.\n");
    page.push_str("`-c FILE` is accepted for `--config=FILE`.\n");
    for family in &FAMILIES {
        let flags: Vec<String> = family
            .flags
            .iter()
            .map(|(name, takes)| match takes {
                Takes::Value => format!("`--{name}=VALUE`"),
                Takes::Boolean => format!("`--{name}`"),
            })
            .collect();
        let _ = write!(page, "\n**{}**: {}.\n{}\n", family.title, family.reason, flags.join(", "));
    }
    page
}

/// The page of `plimsoll check` in Markdown.
pub fn check_reference() -> String {
    let mut page = "# plimsoll check\n\n\
         <!-- Generated from the declarations in crates/plimsoll/src/arguments and crates/adapter/src/config/code.rs. -->\n\n\
         Reads a configuration file as `plimsoll serve` reads it, without a cluster and without Prometheus, and prints\n\
         everything that is wrong or doubtful in it: with the rule, line and column, the reason, and what to write instead.\n\
         Selectors are parsed, each template is rendered for the requests that may come, and what it gives is parsed and\n\
         type-checked as PromQL. `serve` says the same of a configuration that it loads, in its log and at `/debug/rules`.\n\n\
         With `--series`, the rules are also tried: which metrics they make of these series, for which resources, with which\n\
         queries, and, where the series have values, what comes out. Types of resources that Kubernetes itself does not have\n\
         are taken to exist and to live in namespaces. At most a hundred metrics of a rule are asked for, in three namespaces, for ten\n\
         objects of each.\n\n"
        .to_owned();
    page.push_str(&flags_of(&["check"]));
    page.push_str(
        "\n## Exit code\n\n\
         | code | meaning |\n|---|---|\n\
         | 0 | nothing to correct; there may be hints |\n\
         | 1 | at least one error or warning, or a mistake in the file of series |\n\
         | 2 | the command line cannot be followed, or a file cannot be read |\n\n\
         ## Series\n\n\
         The form of the file given with `--series` follows from its text.\n\n\
         | form | known by | values |\n|---|---|---|\n\
         | Prometheus' text format | anything else | of one moment; a `rate()` needs two samples and gives nothing |\n\
         | OpenMetrics | the last line `# EOF` | of one moment, or at the times given |\n\
         | answer of `/api/v1/series`, or the list in it | JSON | none: names and queries are shown |\n\
         | Prometheus' test language | a first line `load STEP` | over time, from 1970 on; `eval` commands are passed over |\n\n\
         A file has at most 64 MiB; exposition text has at most a million samples, and load blocks five million.\n\n\
         ## JSON\n\n\
         `schemaVersion` is 1. It grows when a member goes or changes its meaning; members may be added at any time.\n\n\
         | member | meaning |\n|---|---|\n\
         | `config`, `backend` | what was checked, and for which server |\n\
         | `rules.custom`, `.external`, `.resource` | how many rules the file has; whether it has `resourceRules` |\n\
         | `counts.error`, `.warning`, `.hint` | findings by severity |\n\
         | `findings[]` | in the order of the file |\n\
         | `findings[].code`, `.severity`, `.message`, `.fix` | see below; `fix` may be absent |\n\
         | `findings[].line`, `.column` | place in the file, from 1; columns count characters |\n\
         | `findings[].rule.section`, `.number`, `.seriesQuery` | the rule, unless it is about the file |\n\
         | `findings[].rendered.query`, `.line`, `.column` | what a template gave, and the place in it |\n\
         | `series.file`, `.format`, `.count`, `.hasValues`, `.time` | with `--series`: what the rules were tried on |\n\
         | `tried[]` | with `--series`: one entry per rule |\n\
         | `tried[].section`, `.number`, `.series` | the rule, and how many series its selector matches; `null` if it is none, or for `resourceRules` |\n\
         | `tried[].metrics[].name`, `.series` | the metric of the API, and the series behind it |\n\
         | `tried[].metrics[].resource`, `.namespace` | for a custom metric: the type of object, and the namespace asked for |\n\
         | `tried[].metrics[].query` | the query sent for all these objects |\n\
         | `tried[].metrics[].values[].object` or `.labels`, `.value` | values as the API gives them |\n\
         | `tried[].metrics[].why` | why values are missing |\n\
         | `tried[].leftOut`, `tried[].metrics[].leftOut` | metrics, and objects and namespaces, not asked for |\n\n\
         ## Findings\n\n\
         Codes are never renamed and never change their meaning. Errors and warnings make the exit code 1, hints do not. Where a\n\
         server understands more than PromQL, `serve` asks it all the same: none of the findings about queries keeps a rule\n\
         from being used.\n\n\
         | code | severity | meaning |\n|---|---|---|\n",
    );
    for code in Code::ALL {
        let _ = writeln!(page, "| `{code}` | {} | {} |", code.severity(), code.meaning().replace('|', "\\|"));
    }
    page
}

/// The page of `plimsoll promql` in Markdown.
pub fn promql_reference() -> String {
    let mut page = "# plimsoll promql\n\n\
         <!-- Generated from the declarations in crates/plimsoll/src/arguments. -->\n\n\
         Formats, checks and evaluates PromQL without a server. The language is that of Prometheus 3.14 with every feature on.\n\
         `EXPR` may be `-` to read the query from standard input; a query that begins with a minus stands behind `--`.\n"
        .to_owned();
    for (name, about) in [
        ("format", "Prints the query in its normal form, as Prometheus prints it."),
        ("check", "Says of which type the query is, or what is wrong with it and where."),
        (
            "eval",
            "Evaluates the query on the series of a file and prints the result as promtool does, or with `--output=json` as the HTTP\n\
             API of Prometheus answers. Warnings, infos and a note that a result is empty go to standard error. Without `--time`, a query\n\
             is evaluated at the time of the latest sample; samples of exposition text without a time stand at the time of evaluation.",
        ),
    ] {
        let _ = write!(page, "\n## {name}\n\n{about}\n\n");
        page.push_str(&flags_of(&["promql", name]));
        if name == "check" {
            page.push_str(
                "\nWith `--output=json`: `valid`; of a good query `type` and its `normal` form; of another one `message`, `line` and\n\
                 `column` in bytes from 1, and `start` and `end`, the bytes that are meant.\n",
            );
        }
    }
    page.push_str(
        "\n## Bounds\n\n\
         | what | at most |\n|---|---|\n\
         | a query | 64 KiB, nested 100 deep |\n\
         | a regular expression | 16 KiB |\n\
         | a file of series | 64 MiB; a million samples of exposition text, five million of load blocks |\n\
         | steps of a range query | 11,000 |\n\
         | steps of a subquery | 100,000 |\n\
         | samples held at once | 10 million |\n\
         | series of one selector | 2 million |\n\
         | time | 2 minutes |\n\n\
         ## Exit code\n\n\
         | code | meaning |\n|---|---|\n\
         | 0 | there is a result, which may be empty |\n\
         | 1 | the query or the series have a mistake, or the evaluation fails |\n\
         | 2 | the command line cannot be followed, or a file cannot be read |\n",
    );
    page
}

/// A table of the flags of a command.
fn flags_of(path: &[&str]) -> String {
    let whole = serve::command();
    let command = path.iter().try_fold(&whole, |command, name| command.find_subcommand(name));
    let arguments = command.into_iter().flat_map(|command| command.get_arguments());
    let mut table = format!("```\nplimsoll {}", path.join(" "));
    let mut rows = String::new();
    for argument in arguments.filter(|argument| !argument.is_hide_set()) {
        match argument.get_long() {
            Some("help" | "version") => {}
            Some(_) => {
                let _ = writeln!(rows, "{}", row(argument));
            }
            None => table.push_str(" EXPR"),
        }
    }
    table.push_str(if rows.is_empty() {
        "\n```\n"
    } else {
        " [FLAGS]\n```\n\n| flag | default | meaning |\n|---|---|---|\n"
    });
    table + &rows
}

fn row(argument: &Arg) -> String {
    let name = argument.get_long().unwrap_or_default();
    let value = argument.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let flag = match value {
        "BOOL" => format!("{short}`--{name}`"),
        _ => format!("{short}`--{name}={value}`"),
    };
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    let default = match (defaults.is_empty(), argument.get_action()) {
        (false, _) => defaults.join(", "),
        (true, ArgAction::Append) => "none".to_owned(),
        (true, _) => "–".to_owned(),
    };
    let ours = if OURS.contains(&name) { " (ours)" } else { "" };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let possible: Vec<String> = match value {
        "FORMAT" | "BACKEND" => {
            argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect()
        }
        _ => Vec::new(),
    };
    let possible =
        if possible.is_empty() { String::new() } else { format!(" One of {}.", possible.join(", ")) };
    let help = help.replace('|', "\\|").replace('*', "\\*");
    let stop = if help.ends_with('.') { "" } else { "." };
    format!("| {flag}{ours} | {default} | {help}{stop}{possible} |")
}
