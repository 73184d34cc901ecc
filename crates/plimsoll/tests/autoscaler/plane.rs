//! The control plane that all scripts share, and the running count of compared turns.
//!
//! **Invariant:** each script has a namespace of its own; the HPA controller is the only controller.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use libtest_mimic::{Failed, Trial};
use plimsoll_hpa::{Profile, Span};
use plimsoll_testkit::{
    audit::{Entry, Log},
    cluster::Programs,
    controlplane::{AUTOSCALER, Autoscaling, ControlPlane, Settings},
    fakes::metrics::Metrics,
    kubectl::Kubectl,
    part,
    rest::Rest,
    sandbox::Sandbox,
    wait::eventually,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::OnceCell,
};

use crate::{run, script::Script};

/// Whose requests make up a turn.
const CONTROLLER: &str = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";
/// How the controller is set. Windows of the scripts are odd seconds, so that no turn falls near the end of one.
const AUTOSCALING: Autoscaling = Autoscaling {
    sync_period: Duration::from_secs(2),
    downscale_stabilization: Duration::from_secs(7),
    cpu_initialization: Duration::from_secs(15),
    initial_readiness_delay: Duration::from_secs(4),
};
/// How soon the controller must be at work.
const START: Duration = Duration::from_secs(60);
/// Lines of each log in the report of a failure.
const REPORTED_LINES: usize = 8;

/// The control plane under test.
pub struct Plane {
    /// Its objects.
    pub rest: Rest,
    /// The metrics APIs.
    pub metrics: Metrics,
    log: Mutex<(Log, HashMap<String, Vec<Entry>>)>,
    // Held until the program ends, which takes it with it.
    _control_plane: ControlPlane,
}

/// The shared state of a run.
#[derive(Default)]
pub struct Suite {
    shared: std::sync::OnceLock<Runtime>,
    plane: OnceCell<Arc<Plane>>,
    scripts: AtomicUsize,
    turns: AtomicUsize,
}

/// The profile that the library is given: the control plane's version and flags.
pub fn profile() -> Profile {
    let mut profile = Profile::newest();
    let span = |duration: Duration| Span(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX));
    profile.settings.downscale_stabilization = span(AUTOSCALING.downscale_stabilization);
    profile.settings.cpu_initialization = span(AUTOSCALING.cpu_initialization);
    profile.settings.initial_readiness_delay = span(AUTOSCALING.initial_readiness_delay);
    profile
}

impl Suite {
    /// The script as a test.
    pub fn trial(self: &Arc<Self>, sandbox: &Sandbox, programs: &Programs, script: Script) -> Trial {
        let (suite, sandbox, programs) = (Arc::clone(self), sandbox.clone(), programs.clone());
        Trial::test(script.name, move || {
            let runtime = suite.runtime()?;
            let compared = runtime.block_on(async {
                let plane = suite.plane.get_or_try_init(|| Plane::start(&sandbox, &programs)).await;
                run::compare(plane.context("the control plane does not start")?, &script).await
            });
            match compared {
                Ok(turns) => {
                    suite.scripts.fetch_add(1, Ordering::Relaxed);
                    suite.turns.fetch_add(turns, Ordering::Relaxed);
                    Ok(())
                }
                Err(error) => Err(Failed::from(format!(
                    "{error:#}\n\n{}",
                    part::tails(&sandbox.logs(), REPORTED_LINES)
                ))),
            }
        })
    }

    /// What was compared and found equal, once something was.
    pub fn compared(&self) -> Option<String> {
        let (scripts, turns) = (self.scripts.load(Ordering::Relaxed), self.turns.load(Ordering::Relaxed));
        (scripts > 0).then(|| {
            format!("{turns} turns of {scripts} scripts are equal to those of kube-controller-manager")
        })
    }

    fn runtime(&self) -> Result<&Runtime> {
        if self.shared.get().is_none() {
            // Of two that are built at the same time the first counts.
            self.shared.set(Builder::new_multi_thread().enable_all().build()?).ok();
        }
        self.shared.get().context("there is no runtime")
    }
}

impl Plane {
    async fn start(sandbox: &Sandbox, programs: &Programs) -> Result<Arc<Self>> {
        let settings =
            Settings { autoscaling: AUTOSCALING, controllers: &[AUTOSCALER], audited: Some(CONTROLLER) };
        let control_plane = ControlPlane::start(sandbox, &programs.controlplane, &settings).await?;
        let home = sandbox.subfolder("home")?;
        let kubectl = Kubectl::of_controlplane(&programs.controlplane, &control_plane.kubeconfig(), &home);
        let client = control_plane.client();
        let metrics = Metrics::install(&client, &kubectl).await?;
        let path = control_plane.audit_log();
        let log = eventually("the controller asks something", START, async || Log::open(&path)).await?;
        let log = Mutex::new((log, HashMap::new()));
        Ok(Arc::new(Self { rest: Rest::new(client), metrics, log, _control_plane: control_plane }))
    }

    /// What the controller asked of the API server about a namespace so far.
    ///
    /// # Errors
    /// When the audit log cannot be read.
    pub fn asked(&self, namespace: &str) -> Result<Vec<Entry>> {
        let (log, entries) = &mut *self.log.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in log.news()? {
            entries.entry(entry.object_ref.namespace.clone()).or_default().push(entry);
        }
        Ok(entries.get(namespace).cloned().unwrap_or_default())
    }
}
