//! Real kubectl of any version, as the administrator.
//!
//! **Invariant:** it sees this run's kubeconfig and home only, never the user's.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A kubectl program and whom it speaks for.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    /// Set when `program` holds several parts and must be told which one to be.
    part: Option<&'static str>,
    kubeconfig: PathBuf,
    home: PathBuf,
    namespace: Option<String>,
}

/// What a command printed and how it ended.
#[derive(Debug, Clone)]
pub struct Printed {
    /// Exit code; −1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Kubectl {
    /// The kubectl of the control plane's own program.
    pub fn of_controlplane(binary: &Path, kubeconfig: &Path, home: &Path) -> Self {
        Self {
            program: binary.to_owned(),
            part: Some("kubectl"),
            kubeconfig: kubeconfig.to_owned(),
            home: home.to_owned(),
            namespace: None,
        }
    }

    /// Another kubectl with the same identity; `home` keeps its discovery cache apart.
    #[must_use]
    pub fn with_program(&self, program: &Path, home: &Path) -> Self {
        Self { program: program.to_owned(), part: None, home: home.to_owned(), ..self.clone() }
    }

    /// The same, in a namespace.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self.clone() }
    }

    /// Runs a command, feeding it `input`.
    ///
    /// # Errors
    /// When it cannot be run or takes longer than a minute. A command that fails is no error here.
    pub async fn run_with_input(&self, arguments: &[impl AsRef<OsStr>], input: &str) -> Result<Printed> {
        let mut command = Command::new(&self.program);
        command.args(self.part).args(self.namespace.iter().flat_map(|name| ["--namespace", name]));
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig).env("HOME", &self.home);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let run = async {
            let mut child = command.spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input.as_bytes()).await?;
            }
            child.wait_with_output().await
        };
        let output = tokio::time::timeout(LIMIT, run)
            .await
            .with_context(|| format!("kubectl took longer than {} s", LIMIT.as_secs()))?
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        Ok(Printed {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a command.
    ///
    /// # Errors
    /// See [`Self::run_with_input`].
    pub async fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Result<Printed> {
        self.run_with_input(arguments, "").await
    }

    /// Runs a command that must succeed, and returns what it printed.
    ///
    /// # Errors
    /// When it exits with anything but 0; the message has its standard error.
    pub async fn print(&self, arguments: &[impl AsRef<OsStr>]) -> Result<String> {
        let printed = self.run(arguments).await?;
        let words: Vec<_> = arguments.iter().map(|word| word.as_ref().to_string_lossy()).collect();
        ensure!(
            printed.code == 0,
            "`kubectl {}` exited with {}: {}",
            words.join(" "),
            printed.code,
            printed.err.trim()
        );
        Ok(printed.out)
    }

    /// `kubectl apply` of a manifest given as text.
    ///
    /// # Errors
    /// When kubectl or the API server refuses it.
    pub async fn apply(&self, manifest: &str) -> Result<()> {
        let printed = self.run_with_input(&["apply", "--filename", "-"], manifest).await?;
        ensure!(printed.code == 0, "`kubectl apply` exited with {}: {}", printed.code, printed.err.trim());
        Ok(())
    }
}
