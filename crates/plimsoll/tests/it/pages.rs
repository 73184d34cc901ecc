//! The pages for people: what they show is what the program prints, and each page is reachable from the README.
//!
//! Of the `console` blocks, those run that need nothing but the program: `plimsoll` as first word. A line `$ cd FOLDER`
//! counts from the root of the repository, for all blocks of the page that follow. What stands below a command is all that
//! it prints; a block whose commands show nothing must merely be understood.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use plimsoll_testkit::fakes::Reply;

use crate::stand::Surroundings;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The pages that one comes to from the README, the README included, with their texts.
fn pages() -> Result<Vec<(PathBuf, String)>> {
    let root = root().canonicalize()?;
    let mut waiting = VecDeque::from([root.join("README.md")]);
    let mut seen: HashSet<PathBuf> = waiting.iter().cloned().collect();
    let mut pages = Vec::new();
    while let Some(path) = waiting.pop_front() {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        for target in links(&text) {
            let linked = path.with_file_name("").join(target);
            let linked = linked
                .canonicalize()
                .with_context(|| format!("{} links to {target}, which is missing", path.display()))?;
            if linked.extension().is_some_and(|extension| extension == "md") && seen.insert(linked.clone()) {
                waiting.push_back(linked);
            }
        }
        pages.push((path.strip_prefix(&root)?.to_owned(), text));
    }
    Ok(pages)
}

/// Files that a text in Markdown links to.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://")).collect()
}

/// Commands of a page with what is shown below each.
fn commands(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside && line == "```console";
        } else if !inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            found.push((command.to_owned(), String::new()));
        } else if let Some((_, shown)) = found.last_mut() {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    found
}

#[test]
fn every_page_is_reachable_from_the_readme() -> Result<()> {
    let root = root().canonicalize()?;
    let reached: HashSet<PathBuf> = pages()?.into_iter().map(|(path, _)| path).collect();
    for folder in ["docs", "docs/reference"] {
        for entry in std::fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let page = path.strip_prefix(&root)?;
                ensure!(reached.contains(page), "no link leads from README.md to {}", page.display());
            }
        }
    }
    Ok(())
}

#[test]
fn what_pages_show_of_the_program_is_what_it_prints() -> Result<()> {
    let program = Path::new(env!("CARGO_BIN_EXE_plimsoll")).parent().context("the program has no folder")?;
    let mut searched = vec![program.to_owned()];
    searched.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let searched = std::env::join_paths(searched)?;
    let mut run = 0;
    for (page, text) in pages()? {
        let mut folder = root();
        for (command, shown) in commands(&text) {
            if let Some(to) = command.strip_prefix("cd ") {
                folder = root().join(to);
                ensure!(folder.is_dir(), "{}: there is no folder {to}", page.display());
            }
            if !command.starts_with("plimsoll ") {
                continue;
            }
            let ended = Command::new("sh")
                .args(["-c", &command])
                .env("PATH", &searched)
                .current_dir(&folder)
                .output()?;
            let (out, err) = (String::from_utf8(ended.stdout)?, String::from_utf8(ended.stderr)?);
            let page = page.display();
            ensure!(ended.status.code() < Some(2), "{page}: `{command}` cannot be followed:\n{err}");
            ensure!(out == shown, "{page}: `{command}` prints\n{out}{err}and not\n{shown}");
            run += 1;
        }
    }
    ensure!(run >= 4, "only {run} commands were run");
    Ok(())
}

#[tokio::test]
async fn the_metrics_of_the_program_are_those_of_the_page() -> Result<()> {
    let page = std::fs::read_to_string(root().join("docs/observe.md"))?;
    let listed: HashSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| name.starts_with("plimsoll_"))
        .collect();
    let around = Surroundings::new(
        "rules: [{seriesQuery: up, resources: {template: <<.Resource>>}, metricsQuery: up}]",
    )
    .await?;
    // Errors are counted from the first one on.
    around.prometheus.everything(Some(Reply::text(503, "text/plain", "service unavailable\n")));
    let stand = around.start().await?;
    stand.shows("/metrics", "plimsoll_prometheus_errors_total").await?;
    let served = stand.metric("# HELP plimsoll_").await?;
    let served: HashSet<&str> = served.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    let missing: Vec<_> = served.symmetric_difference(&listed).collect();
    ensure!(missing.is_empty(), "docs/observe.md and /metrics do not both have {missing:?}");
    stand.terminate().await
}
