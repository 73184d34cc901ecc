//! The program around Prometheus' engine (`e2e/prometheus/promql`), asked over its standard input and output.
//!
//! **Invariant:** answers are read as they come, so that neither side waits for the other with full pipes.

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use anyhow::{Context as _, Result, bail};
use plimsoll_promql::eval::When;
use serde_json::json;

use super::answer::{Answer, Series};

/// Prometheus' engine in a process of its own, which ends when this is dropped.
#[derive(Debug)]
pub struct Oracle {
    process: Child,
    requests: Option<BufWriter<ChildStdin>>,
    answers: Receiver<String>,
}

/// Where `e2e/build` puts the program.
pub fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../e2e/bin/promql")
}

impl Oracle {
    /// Starts the program.
    ///
    /// # Errors
    /// It is not built, or cannot be started.
    pub fn start(path: &Path) -> Result<Self> {
        let mut process = Command::new(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .env("GOMAXPROCS", "2")
            .spawn()
            .with_context(|| format!("cannot start {}; build it with `e2e/build`", path.display()))?;
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            bail!("{} has no pipes", path.display());
        };
        let (send, answers) = channel();
        thread::spawn(move || {
            for line in BufReader::with_capacity(1 << 16, stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, requests: Some(BufWriter::with_capacity(1 << 16, stdin)), answers })
    }

    fn send(&mut self, request: &serde_json::Value) -> Result<()> {
        let Some(requests) = &mut self.requests else { bail!("the oracle is closed") };
        serde_json::to_writer(&mut *requests, request)?;
        requests.write_all(b"\n").context("the oracle ended")
    }

    /// Replaces the data.
    pub fn load(&mut self, series: &[Series]) -> Result<()> {
        self.send(&json!({ "series": series }))
    }

    /// Asks; [`answer`](Self::answer) gives the answers in the same order.
    pub fn ask(&mut self, query: &str, when: Option<When>) -> Result<()> {
        self.send(&match when {
            None => json!({ "query": query }),
            Some(When::Instant(at)) => json!({ "query": query, "at": at }),
            Some(When::Range { start, end, step }) => {
                json!({ "query": query, "start": start, "end": end, "step": step })
            }
        })
    }

    /// Sends what is still buffered.
    pub fn flush(&mut self) -> Result<()> {
        self.requests.as_mut().map_or(Ok(()), |requests| requests.flush()).context("the oracle ended")
    }

    /// The next answer.
    pub fn answer(&mut self) -> Result<Answer> {
        let line = self.answers.recv().context("the oracle ended without an answer")?;
        serde_json::from_str(&line).with_context(|| format!("the oracle's answer cannot be read: {line}"))
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.requests = None;
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
