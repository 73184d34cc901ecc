//! The built program between a fake Prometheus and a fake Kubernetes API.
//!
//! **Invariant:** the program ends with the stand, and every wait ends.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_testkit::fakes::caller::{Answer, Caller};
use plimsoll_testkit::fakes::kubernetes::Kubernetes;
use plimsoll_testkit::fakes::prometheus::Prometheus;
use plimsoll_testkit::part::Part;
use plimsoll_testkit::wait::eventually;

/// How long something may take that must happen. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The agent of a client made with client-go, which shows messages to people.
pub const CLIENT_GO: &str = "kube-controller-manager/v1.37.2 (linux/amd64) kubernetes/3bdb0ea";

/// What the program is started with.
pub struct Surroundings {
    pub folder: tempfile::TempDir,
    pub prometheus: Prometheus,
    pub kubernetes: Kubernetes,
    flags: Vec<String>,
    program: PathBuf,
    open_files: Option<u32>,
    variables: Vec<(&'static str, &'static str)>,
}

/// The running program.
pub struct Stand {
    pub around: Surroundings,
    pub address: SocketAddr,
    part: Part,
}

/// How a program ended that did not start to serve.
#[derive(Debug)]
pub struct Refusal {
    pub code: Option<i32>,
    /// Standard error, with this run's folder named.
    pub output: String,
    /// Standard output.
    pub printed: String,
}

impl Surroundings {
    /// Fakes without series and pods; `config` becomes the configuration file.
    pub async fn new(config: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (prometheus, kubernetes) = (Prometheus::start().await?, Kubernetes::start().await?);
        kubernetes.write_kubeconfig(&folder.path().join("kubeconfig"))?;
        let around = Self {
            folder,
            prometheus,
            kubernetes,
            flags: Vec::new(),
            program: PathBuf::from(env!("CARGO_BIN_EXE_plimsoll")),
            open_files: None,
            variables: Vec::new(),
        };
        around.write_config(config)?;
        Ok(around)
    }

    /// Adds flags; `${PROM}`, `${PROMHOST}` and `${DIR}` stand for the fake and the folder.
    #[must_use]
    pub fn with_flags<S: AsRef<str>>(mut self, flags: impl IntoIterator<Item = S>) -> Self {
        let host = self.prometheus.url.trim_start_matches("http://").to_owned();
        let folder = self.folder.path().display().to_string();
        self.flags.extend(flags.into_iter().map(|flag| {
            let flag = flag.as_ref().replace("${PROMHOST}", &host);
            flag.replace("${PROM}", &self.prometheus.url).replace("${DIR}", &folder)
        }));
        self
    }

    /// Starts another program than the built one, such as a link to it.
    pub fn under_the_name(&mut self, name: &str) -> Result<()> {
        self.program = self.path(name);
        Ok(std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_plimsoll"), &self.program)?)
    }

    /// Lets the program open so many files and no more.
    #[must_use]
    pub fn with_open_files(mut self, files: u32) -> Self {
        self.open_files = Some(files);
        self
    }

    /// Sets variables of the program's environment.
    #[must_use]
    pub fn with_variables(mut self, variables: &[(&'static str, &'static str)]) -> Self {
        self.variables.extend(variables);
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write_config(&self, config: &str) -> Result<()> {
        Ok(std::fs::write(self.path("config.yaml"), config)?)
    }

    fn command(&self) -> Command {
        let kubeconfig = self.path("kubeconfig").display().to_string();
        let mut command = match self.open_files {
            None => Command::new(&self.program),
            Some(files) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("ulimit -n {files} && exec \"$0\" \"$@\"")).arg(&self.program);
                shell
            }
        };
        if self.program == Path::new(env!("CARGO_BIN_EXE_plimsoll")) {
            command.arg("serve");
        }
        command.args(["--secure-port=0", "--bind-address=127.0.0.1"]);
        command.arg(format!("--cert-dir={}", self.path("certificates").display()));
        for name in ["lister", "authentication", "authorization"] {
            command.arg(format!("--{name}-kubeconfig={kubeconfig}"));
        }
        for (flag, value) in [
            ("--prometheus-url", self.prometheus.url.clone()),
            ("--config", self.path("config.yaml").display().to_string()),
        ] {
            if !self.flags.iter().any(|given| given.starts_with(flag)) {
                command.arg(format!("{flag}={value}"));
            }
        }
        command.args(&self.flags).envs(self.variables.iter().copied());
        command
    }

    /// Starts the program and waits for nothing.
    pub fn launch(&self) -> Result<Part> {
        Part::start("plimsoll", self.command(), self.folder.path())
    }

    /// Starts the program and waits until it listens.
    pub async fn start(self) -> Result<Stand> {
        let mut part = self.launch()?;
        let log = self.path("plimsoll.log");
        let address = eventually("the program says where it listens", PATIENCE, async || {
            let text = std::fs::read_to_string(&log)?;
            let address = text.lines().find_map(|line| {
                let (_, rest) = line.split_once(" serving address=")?;
                rest.split(' ').next()?.parse().ok()
            });
            part.alive()?;
            address.with_context(|| format!("the log says\n{text}"))
        })
        .await?;
        Ok(Stand { around: self, address, part })
    }

    /// Starts the program and waits until it is ready, which takes each selector's first listing.
    pub async fn serve(self) -> Result<Stand> {
        let stand = self.start().await?;
        stand.ready().await?;
        Ok(stand)
    }

    /// Starts the program, which must end by itself.
    pub async fn refused(self) -> Result<Refusal> {
        let mut command = tokio::process::Command::from(self.command());
        command.kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output());
        let output = output.await.context("the program keeps running")??;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let folder = self.folder.path().display().to_string();
        Ok(Refusal {
            code: output.status.code(),
            output: said.replace(&folder, "<dir>"),
            printed: String::from_utf8_lossy(&output.stdout).into_owned(),
        })
    }
}

impl Stand {
    /// A program with `config` whose series and answers `arrange` has told.
    pub async fn with(config: &str, arrange: impl FnOnce(&Surroundings)) -> Result<Self> {
        let around = Surroundings::new(config).await?;
        arrange(&around);
        around.serve().await
    }

    /// Waits until `/readyz` says so and the first listings have been seen.
    pub async fn ready(&self) -> Result<()> {
        let caller = Caller::anonymous(self.address)?;
        eventually("the program is ready", PATIENCE, async || {
            let answer = caller.get("/readyz").await?;
            ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
            Ok(())
        })
        .await
    }

    /// A client in `system:masters` that is no client-go.
    pub fn admin(&self) -> Result<Caller> {
        Caller::with_token(self.address, "admin")
    }

    /// What kube-apiserver's aggregator is: the front proxy, speaking for a user.
    pub fn aggregator(&self) -> Result<Caller> {
        let identity = self.around.kubernetes.front_proxy.client("front-proxy-client", None)?;
        let caller = Caller::with_certificate(self.address, &identity)?;
        let caller = caller.with_header("x-remote-user", "system:kube-aggregator");
        Ok(caller.with_header("x-remote-group", "system:masters"))
    }

    pub async fn get(&self, target: &str) -> Result<Answer> {
        self.admin()?.get(target).await
    }

    /// The message that a person reads in `kubectl describe hpa`, and the status it comes with.
    pub async fn told(&self, target: &str) -> Result<(u16, String)> {
        let answer = self.admin()?.with_header("user-agent", CLIENT_GO).get(target).await?;
        Ok((answer.status, answer.message()))
    }

    /// The log so far, with this run's ports and folder named.
    pub fn log(&self) -> Result<String> {
        let text = std::fs::read_to_string(self.around.path("plimsoll.log"))?;
        Ok(self.named(&text))
    }

    /// The text with this run's ports and folder named.
    pub fn named(&self, text: &str) -> String {
        text.replace(&self.around.prometheus.url, "<prometheus>")
            .replace(&self.around.folder.path().display().to_string(), "<dir>")
    }

    /// Waits until the log holds `text`.
    pub async fn logs(&self, text: &str) -> Result<()> {
        eventually(&format!("the log says {text:?}"), PATIENCE, async || {
            let log = self.log()?;
            ensure!(log.contains(text), "it says\n{log}");
            Ok(())
        })
        .await
    }

    /// Waits until the page `target` holds `text`, at most for `limit`; returns the page.
    pub async fn shows_within(&self, limit: Duration, target: &str, text: &str) -> Result<String> {
        eventually(&format!("{target} shows {text:?}"), limit, async || {
            let answer = self.get(target).await?;
            let body = self.named(&answer.body);
            if !body.contains(text) {
                bail!("{} {body}", answer.status);
            }
            Ok(body)
        })
        .await
    }

    pub async fn shows(&self, target: &str, text: &str) -> Result<String> {
        self.shows_within(PATIENCE, target, text).await
    }

    /// The lines of `/metrics` that begin with `name`.
    pub async fn metric(&self, name: &str) -> Result<String> {
        let page = self.get("/metrics").await?.body;
        let lines: Vec<&str> = page.lines().filter(|line| line.starts_with(name)).collect();
        Ok(self.named(&lines.join("\n")))
    }

    /// Waits until the self-metric `name`, which may include labels, is `value`.
    pub async fn measures(&self, name: &str, value: f64) -> Result<()> {
        eventually(&format!("{name} is {value}"), PATIENCE, async || {
            let lines = self.metric(name).await?;
            let found = lines.strip_prefix(name).and_then(|rest| rest.trim().parse::<f64>().ok());
            ensure!(found == Some(value), "{lines}");
            Ok(())
        })
        .await
    }

    /// The memory that the program holds now, in bytes.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.part.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no VmRSS line")?;
        Ok(kilobytes.trim().parse::<u64>()? * 1024)
    }

    /// Sends SIGTERM and waits for nothing.
    pub fn signal(&self) -> Result<()> {
        use rustix::process::{Pid, Signal, kill_process};
        let process = Pid::from_raw(self.part.id().cast_signed()).context("a process")?;
        Ok(kill_process(process, Signal::TERM)?)
    }

    /// Sends SIGTERM and waits until the program has ended.
    pub async fn terminate(self) -> Result<()> {
        self.part.terminate().await
    }
}
