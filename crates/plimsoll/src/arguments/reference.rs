//! The reference page of `plimsoll serve`, printed from the declarations that parse the command line.
//!
//! **Invariant:** nothing on the page about a flag is written here.

use std::fmt::Write as _;

use clap::{Arg, ArgAction};

use super::compatibility::{FAMILIES, Takes};
use super::flags::OURS;
use super::serve;

/// The page in Markdown.
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
        "FORMAT" => {
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
