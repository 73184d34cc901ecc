//! Follows the configuration file: a good new version takes over, a bad one is refused and told.
//!
//! The content is polled, because a ConfigMap mount replaces a symbolic link and file watches see only that.
//!
//! **Invariant:** whatever the file becomes, the rules in force are always ones that compiled.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_adapter::config::{Config, ConfigError, Finding};
use plimsoll_adapter::mapper::RestMapper;
use plimsoll_adapter::rules::RuleSet;
use tokio::sync::watch;

/// How often the file is looked at.
const PERIOD: Duration = Duration::from_secs(2);

/// Largest configuration file that is read, in bytes. A ConfigMap holds no more.
const LARGEST: u64 = 4 << 20;

/// Why a configuration file gives no rules.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read", path = .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("the configuration file {path} has {size} bytes; at most {LARGEST} are read\n  fix: check that it is the right \
             file; a ConfigMap holds at most 1 MiB", path = .path.display())]
    TooLarge { path: PathBuf, size: u64 },
    /// The file is no text.
    #[error("the configuration file {path} is not UTF-8: byte {at} is no character\n  fix: check that it is the right file, \
             and not compressed", path = .path.display())]
    Encoding { path: PathBuf, at: usize },
    /// The file has mistakes.
    #[error("{}", .error.render(&.path.display().to_string()))]
    Mistakes { path: PathBuf, error: ConfigError },
}

impl LoadError {
    /// What to do about a file that cannot be read; the other errors say it themselves.
    pub fn fix(&self) -> Option<&'static str> {
        match self {
            Self::Read { source, .. } => crate::input::advice(source),
            _ => None,
        }
    }
}

/// A configuration file and what was last read from it.
#[derive(Debug)]
pub struct ConfigFile {
    path: PathBuf,
    content: Vec<u8>,
}

/// How the latest version of the file fared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reload {
    /// Versions taken over since the start.
    pub accepted: u64,
    /// Versions refused since the start.
    pub refused: u64,
    /// Why the latest version was refused; `None` while the latest is in force.
    pub rejected: Option<String>,
}

impl ConfigFile {
    /// Reads and compiles the file.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn open(path: &Path) -> Result<(Self, Arc<RuleSet>), LoadError> {
        let content = read(path).await?;
        let rules = compile(path, &content)?;
        Ok((Self { path: path.to_owned(), content }, rules))
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Follows the file for ever. `mapper` gives the resource types known when a version is judged.
    pub async fn follow(
        mut self,
        rules: watch::Sender<Arc<RuleSet>>,
        reload: watch::Sender<Reload>,
        mapper: impl Fn() -> Arc<RestMapper>,
    ) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut unreadable = false;
        loop {
            ticks.tick().await;
            let content = match read(&self.path).await {
                Ok(content) => content,
                Err(error) => {
                    if !std::mem::replace(&mut unreadable, true) {
                        refuse(&reload, chain(&error));
                    }
                    continue;
                }
            };
            if content == self.content && !unreadable {
                continue;
            }
            unreadable = false;
            self.content = content;
            match compile(&self.path, &self.content).and_then(|compiled| self.judge(compiled, &mapper())) {
                Ok(compiled) => {
                    report(&compiled);
                    tracing::info!(
                        custom = compiled.custom.len(),
                        external = compiled.external.len(),
                        "the new version of the configuration file is in force"
                    );
                    rules.send_replace(compiled);
                    reload.send_modify(|state| {
                        state.accepted += 1;
                        state.rejected = None;
                    });
                }
                Err(error) => refuse(&reload, chain(&error)),
            }
        }
    }

    fn judge(&self, rules: Arc<RuleSet>, mapper: &RestMapper) -> Result<Arc<RuleSet>, LoadError> {
        match mistakes(&self.path, &rules, mapper) {
            None => Ok(rules),
            Some(error) => Err(error),
        }
    }
}

/// What cannot work on a cluster with these resource types, if anything.
pub fn mistakes(path: &Path, rules: &RuleSet, mapper: &RestMapper) -> Option<LoadError> {
    let findings: Vec<Finding> = rules.mistakes(mapper);
    (!findings.is_empty())
        .then(|| LoadError::Mistakes { path: path.to_owned(), error: ConfigError { findings } })
}

/// Logs what is legal but probably not meant.
pub fn report(rules: &RuleSet) {
    for warning in &rules.warnings {
        tracing::warn!(code = %warning.code, "{warning}");
    }
}

fn refuse(reload: &watch::Sender<Reload>, reason: String) {
    tracing::error!(
        "the configuration file has changed, but the new version is refused; the previous one stays in force:\n{reason}"
    );
    reload.send_modify(|state| {
        state.refused += 1;
        state.rejected = Some(reason);
    });
}

async fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |source| LoadError::Read { path: path.to_owned(), source };
    let size = tokio::fs::metadata(path).await.map_err(failed)?.len();
    if size > LARGEST {
        return Err(LoadError::TooLarge { path: path.to_owned(), size });
    }
    tokio::fs::read(path).await.map_err(failed)
}

fn compile(path: &Path, content: &[u8]) -> Result<Arc<RuleSet>, LoadError> {
    let text = std::str::from_utf8(content)
        .map_err(|error| LoadError::Encoding { path: path.to_owned(), at: error.valid_up_to() })?;
    let mistakes = |error| LoadError::Mistakes { path: path.to_owned(), error };
    let loaded = Config::parse(text).map_err(mistakes)?;
    RuleSet::compile(&loaded).map(Arc::new).map_err(mistakes)
}

/// An error and its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
