//! A real program that runs as a child for as long as its guard lives, writing to a log file.
//! Not a supervisor: a part that ends is not started again.
//!
//! **Invariant:** when the guard drops, the part's whole process group is gone.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::wait::{Hopeless, eventually};

/// How much of a log's end is read for a report, in bytes.
const TAIL_BYTES: usize = 64 * 1024;

/// A running program.
#[derive(Debug)]
pub struct Part {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Part {
    /// Starts `command` in a process group of its own; its output is appended to `<logs>/<name>.log`.
    ///
    /// # Errors
    /// When the log cannot be opened or the program cannot be started.
    pub fn start(name: &str, mut command: Command, logs: &Path) -> Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("cannot open the log {}", log.display()))?;
        let child = std::os::unix::process::CommandExt::process_group(&mut command, 0)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {name} ({})", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails when the program has ended, with the end of its log.
    ///
    /// # Errors
    /// [`Hopeless`] when it has.
    pub fn alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let log = tail(&self.log, 15);
                bail!(Hopeless(format!("{} ended ({status}); its log ends with\n{log}", self.name)))
            }
        }
    }

    /// Asks the program to end, and waits until it has.
    ///
    /// # Errors
    /// When it has not ended after ten seconds; it is killed then.
    pub async fn terminate(mut self) -> Result<()> {
        signal_group(&self.child, Signal::TERM);
        let name = self.name.clone();
        eventually(
            &format!("{name} ends on SIGTERM"),
            std::time::Duration::from_secs(10),
            async || match self.child.try_wait()? {
                Some(_) => Ok(()),
                None => bail!("it still runs"),
            },
        )
        .await
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        signal_group(&self.child, Signal::KILL);
        // Only an already reaped child gives an error here.
        self.child.wait().ok();
    }
}

/// A process group that is already gone is what the caller wants, so errors are none.
fn signal_group(child: &Child, signal: Signal) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        kill_process_group(group, signal).ok();
    }
}

/// The last `lines` lines of a file, or why there are none.
pub fn tail(path: &Path, lines: usize) -> String {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return format!("(cannot read {}: {error})", path.display()),
    };
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// The ends of all logs in a folder, each under its file name, for the report of a failure.
pub fn tails(logs: &Path, lines: usize) -> String {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(logs).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
        .iter()
        .filter(|path| path.is_file())
        .map(|path| format!("==> {} <==\n{}\n", path.display(), tail(path, lines)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_dropped_part_leaves_no_process_of_its_group() -> Result<()> {
        let logs = tempfile::tempdir()?;
        let part = Part::start("family", shell("sleep 600 & echo started; sleep 600"), logs.path())?;
        let group = Pid::from_raw(i32::try_from(part.child.id())?).context("no process has the number 0")?;
        let limit = std::time::Duration::from_secs(10);
        eventually("the grandchild is started", limit, async || {
            let log = tail(&part.log, 1);
            anyhow::ensure!(log == "started", "the log says {log:?}");
            Ok(())
        })
        .await?;
        drop(part);
        eventually("the group is gone", limit, async || {
            anyhow::ensure!(!alive_in(group)?, "a process of it lives");
            Ok(())
        })
        .await
    }

    /// Whether a process of the group is more than a zombie that nobody reaped yet.
    fn alive_in(group: Pid) -> Result<bool> {
        for entry in std::fs::read_dir("/proc")?.flatten() {
            // A process that ends meanwhile has no file any more.
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let fields: Vec<&str> =
                stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect()).unwrap_or_default();
            // State, parent, group: proc(5).
            if let [state, _, of, ..] = *fields
                && of == group.as_raw_pid().to_string()
                && state != "Z"
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[tokio::test]
    async fn a_part_that_ended_is_reported_with_the_end_of_its_log() -> Result<()> {
        let logs = tempfile::tempdir()?;
        let mut part = Part::start("short", shell("echo out of luck; exit 3"), logs.path())?;
        part.child.wait()?;
        let text = part.alive().map_err(|error| error.to_string());
        assert_eq!(text, Err("short ended (exit status: 3); its log ends with\nout of luck".to_owned()));
        Ok(())
    }
}
