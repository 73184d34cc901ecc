//! `plimsoll serve` as a child process, and what the kernel says of it.
//!
//! **Invariant:** the child ends with the value that started it.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;

/// The unit of times in `/proc`, which Linux fixes for programs (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// What a server is started with.
pub struct Parts<'a> {
    /// The program.
    pub binary: &'a Path,
    /// A folder for its files.
    pub folder: &'a Path,
    /// The Prometheus stub.
    pub prometheus: SocketAddr,
    /// Credentials for the Kubernetes stub.
    pub kubeconfig: &'a Path,
}

/// Resident memory of a process, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Now, the pages of the program's file included.
    pub resident: u64,
    /// At its highest.
    pub highest: u64,
    /// Now, what no file backs: heap and stacks.
    pub anonymous: u64,
}

impl Memory {
    /// The parts that a figure's value does not show.
    pub fn described(&self) -> String {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        format!("heap {:.1} MB, peak {:.1} MB", megabytes(self.anonymous), megabytes(self.highest))
    }
}

/// A running server.
pub struct Server {
    child: Child,
    log: PathBuf,
    /// Where it listens, or will.
    pub address: SocketAddr,
    /// When it was started.
    pub started: Instant,
}

impl Server {
    /// Starts one with the rules `config`. Does not wait for anything.
    pub fn start(parts: &Parts<'_>, name: &str, config: &str) -> Result<Self> {
        let folder = parts.folder.join(name);
        fs::create_dir_all(&folder)?;
        let file = folder.join("config.yaml");
        fs::write(&file, config)?;
        // Free a moment ago; whoever takes it in between makes the bench fail, not lie.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = folder.join("log");
        let output = File::create(&log)?;
        let mut command = Command::new(parts.binary);
        command.arg("serve").args([
            format!("--config={}", file.display()),
            format!("--cert-dir={}", folder.join("certificates").display()),
            format!("--prometheus-url=http://{}/", parts.prometheus),
            // Longer than any bench: each figure is of one listing.
            "--metrics-relist-interval=10m".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
        ]);
        for flag in ["lister", "authentication", "authorization"] {
            command.arg(format!("--{flag}-kubeconfig={}", parts.kubeconfig.display()));
        }
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", parts.binary.display()))?;
        Ok(Self { child, log, address: (Ipv4Addr::LOCALHOST, port).into(), started })
    }

    /// Fails with the log's end when the process has ended.
    pub fn alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("plimsoll serve has ended ({status}):\n{}", self.log()),
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Resident memory.
    pub fn memory(&self) -> Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let of = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
        };
        Ok(Memory {
            resident: of("VmRSS:").context("no VmRSS")?,
            highest: of("VmHWM:").context("no VmHWM")?,
            anonymous: of("RssAnon:").context("no RssAnon")?,
        })
    }

    /// CPU time that it has used, in user and system.
    pub fn cpu(&self) -> Result<Duration> {
        let process = self.child.id();
        let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let (_, fields) = text.rsplit_once(')').context("no fields in stat")?;
        let ticks: f64 = fields
            .split_ascii_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<f64>().unwrap_or_default())
            .sum();
        Ok(Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
