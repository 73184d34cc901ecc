//! The real controller, one process that answers sequences (`e2e/controlplane/hpa`, built by `e2e/build`).
//!
//! Not a control plane: upstream's package alone, with scripted clients and a fake clock.
//!
//! **Invariant:** a sequence is answered before the next is asked; the process ends with its handle.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use plimsoll_testkit::cluster::workspace;
use serde_json::Value;

/// A running process.
pub struct Upstream {
    program: PathBuf,
    process: Process,
}

struct Process {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Upstream {
    /// The program, or what to do to have it.
    ///
    /// # Errors
    /// When it is not built.
    pub fn program() -> Result<PathBuf> {
        let path = workspace().join("e2e/bin/hpa");
        if path.is_file() { Ok(path) } else { bail!("{} is missing; run `e2e/build`", path.display()) }
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(program: PathBuf) -> Result<Self> {
        let process = Process::start(&program)?;
        Ok(Self { program, process })
    }

    /// What the real controller did in each turn.
    ///
    /// # Errors
    /// When the process ended, as it does when the controller panics; it is started again for the next.
    pub fn answer(&mut self, sequence: &Value) -> Result<Vec<Value>> {
        let answer = self.process.answer(sequence);
        if answer.is_err() {
            self.process = Process::start(&self.program)?;
        }
        answer
    }
}

impl Process {
    fn start(program: &PathBuf) -> Result<Self> {
        let mut child = Command::new(program)
            .args(["-test.run=^TestAnswer$", "-test.timeout=0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let questions = child.stdin.take().context("the process has no input")?;
        let answers = BufReader::new(child.stdout.take().context("the process has no output")?);
        Ok(Self { child, questions, answers })
    }

    fn answer(&mut self, sequence: &Value) -> Result<Vec<Value>> {
        writeln!(self.questions, "{sequence}")?;
        self.questions.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let mut answer: Value = serde_json::from_str(&line).with_context(|| {
            format!("the real controller gave no answer to {} but '{}'", sequence["id"], line.trim())
        })?;
        match answer["turns"].take() {
            Value::Array(turns) => Ok(turns),
            other => bail!("the real controller answered {} with {other}", sequence["id"]),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
