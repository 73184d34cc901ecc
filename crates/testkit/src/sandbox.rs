//! A network, process and mount namespace for one program, and a folder for what it writes.
//!
//! A program calls [`Sandbox::current`]; outside of one it calls [`relaunch`], which runs the same
//! program with the same arguments inside. Pod and cluster addresses live on the inner loopback
//! device, so nothing needs a bridge, a proxy or a free port. There is no way out from inside:
//! build and fetch before entering.
//!
//! **Invariant:** the program inside is process 1 of its namespace, so the kernel ends everything
//! that was started inside together with it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus},
};

use anyhow::{Context as _, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

/// Set inside to the folder of this run; also tells inside from outside.
const FOLDER_VARIABLE: &str = "PLIMSOLL_SANDBOX";

/// Addresses on the inner loopback device. Whole ranges become local with them: any
/// `10.244.0.N` can be bound by a pod, and any `10.96.x.y` reaches what listens on every address.
const ADDRESSES: [&str; 2] = ["10.244.0.1/24", "10.96.0.1/16"];

/// The surroundings of a program that runs inside.
#[derive(Debug, Clone)]
pub struct Sandbox {
    folder: PathBuf,
}

impl Sandbox {
    /// The sandbox this process runs in, with its network up; `None` outside.
    ///
    /// # Errors
    /// When the network inside cannot be set up.
    pub fn current() -> Result<Option<Self>> {
        let Some(folder) = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from) else { return Ok(None) };
        run("ip", &["link", "set", "lo", "up"])?;
        for address in ADDRESSES {
            run("ip", &["address", "replace", address, "dev", "lo"])?;
        }
        let sandbox = Self { folder };
        fs::create_dir_all(sandbox.logs())?;
        Ok(Some(sandbox))
    }

    /// The folder of this run. It is removed after a run that went well.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where every part writes its log.
    pub fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// Creates (if need be) and returns a folder in the folder of this run.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn subfolder(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(path)
    }
}

/// How a program that ran inside ended.
#[derive(Debug)]
pub enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// By Ctrl-C, SIGTERM or SIGHUP sent to the outer program; the number of the signal.
    Interrupted(u8),
}

impl Ended {
    /// The exit code to pass on, as a shell would.
    pub fn code(&self) -> ExitCode {
        match self {
            Self::Exited(status) => {
                status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1).into()
            }
            Self::Interrupted(number) => (128 + number).into(),
        }
    }
}

/// Why no sandbox can be had on this machine, as advice.
///
/// # Errors
/// Names the missing program or permission.
pub fn available() -> Result<()> {
    for (program, package) in [("unshare", "util-linux"), ("setpriv", "util-linux"), ("ip", "iproute2")] {
        // `ip` knows only the short form; whether the program likes the flag does not matter here.
        if system(program).arg("-V").output().is_err() {
            bail!("`{program}` is missing; install the package {package}");
        }
    }
    let probe = enter().arg("true").output().context("cannot run unshare")?;
    if !probe.status.success() {
        bail!(
            "this machine does not allow new namespaces ({}); run as root, or allow unprivileged user namespaces",
            String::from_utf8_lossy(&probe.stderr).trim()
        );
    }
    Ok(())
}

/// Runs this program with these arguments inside, waits for its end, and removes its folder below
/// `runs` unless it failed.
///
/// Must be called from the main thread: the kernel ends the inner program with the thread that
/// started it.
///
/// # Errors
/// When the inner program cannot be started.
pub fn relaunch(runs: &Path) -> Result<Ended> {
    fs::create_dir_all(runs)?;
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(runs)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(supervise(folder.path()))?;
    if matches!(&ended, Ended::Exited(status) if !status.success()) {
        let _kept = folder.keep();
    }
    Ok(ended)
}

async fn supervise(folder: &Path) -> Result<Ended> {
    let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
        .into_iter()
        .map(|kind| signal(kind).map(|stream| (kind, stream)))
        .collect::<std::io::Result<Vec<_>>>()?;
    let mut command = tokio::process::Command::from(enter());
    command
        .arg(std::env::current_exe().context("cannot find this program's file")?)
        .args(std::env::args_os().skip(1))
        .env(FOLDER_VARIABLE, folder)
        .kill_on_drop(true);
    let mut child = command.spawn().context("cannot start unshare")?;
    let interrupted = std::future::poll_fn(|context| {
        for (kind, stream) in &mut signals {
            if stream.poll_recv(context).is_ready() {
                return std::task::Poll::Ready(*kind);
            }
        }
        std::task::Poll::Pending
    });
    tokio::select! {
        status = child.wait() => Ok(Ended::Exited(status?)),
        kind = interrupted => {
            child.kill().await?;
            Ok(Ended::Interrupted(u8::try_from(kind.as_raw_value()).unwrap_or(1)))
        }
    }
}

/// The command line that enters: each link of the chain dies with the one before it.
fn enter() -> Command {
    let mut command = system("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]);
    command
}

/// A program of the operating system; not everyone has the administrator's folders in the PATH.
fn system(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = system(program).args(arguments).output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!(
            "`{program} {}` failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
