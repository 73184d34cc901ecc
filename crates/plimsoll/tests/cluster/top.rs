//! `kubectl top`, from resource rules.

use anyhow::{Context as _, Result, ensure};
use plimsoll_testkit::wait::eventually;

use crate::space::{STEP, Space};

/// A row of `kubectl top`: everything after the name.
async fn row(space: &Space, arguments: &[&str], name: &str) -> Result<Vec<String>> {
    eventually(&format!("`kubectl {}` shows {name}", arguments.join(" ")), STEP, async || {
        let printed = space.kubectl.print(arguments).await?;
        let row = printed.lines().find(|line| line.starts_with(name));
        let row = row.with_context(|| format!("it shows\n{printed}"))?;
        Ok(row.split_whitespace().skip(1).map(str::to_owned).collect())
    })
    .await
}

fn mebibytes(text: Option<&String>) -> Option<u64> {
    text?.strip_suffix("Mi")?.parse().ok()
}

pub async fn pods_show_what_their_processes_use(space: &Space) -> Result<()> {
    space.application("busy", 1).await?;
    let row = row(space, &["top", "pods"], "busy").await?;
    ensure!(row.len() == 2 && row[0].ends_with('m'), "the row is {row:?}");
    ensure!(mebibytes(row.get(1)).is_some_and(|memory| (1..1000).contains(&memory)), "the row is {row:?}");
    Ok(())
}

pub async fn nodes_show_what_their_pods_use(space: &Space) -> Result<()> {
    space.application("busy", 1).await?;
    let row = row(space, &["top", "nodes"], "node-1").await?;
    ensure!(row.len() == 4 && row[1].ends_with('%') && row[3].ends_with('%'), "the row is {row:?}");
    ensure!(mebibytes(row.get(2)).is_some_and(|memory| memory > 0), "the row is {row:?}");
    Ok(())
}
