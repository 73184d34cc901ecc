//! What all tests share: one cluster with the adapter installed, started by the first test.
//!
//! **Invariant:** a test that disturbs what is shared runs alone.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use libtest_mimic::{Failed, Trial};
use plimsoll_testkit::{
    adapter::Adapter,
    apiservice::SERVED,
    cluster::{Cluster, Programs, Settings},
    controlplane::Autoscaling,
    part,
    sandbox::Sandbox,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{OnceCell, RwLock},
};

use crate::space::Space;

/// The release under test.
const PLIMSOLL: &str = env!("CARGO_BIN_EXE_plimsoll");
/// Lines of each log in the report of a failure.
const REPORTED_LINES: usize = 12;

/// Whether a test bears others beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// It leaves alone what is shared.
    InCompany,
    /// It disturbs what is shared, and puts it right before it ends.
    Alone,
}

/// The cluster under test.
pub struct World {
    /// All parts that are not ours.
    pub cluster: Cluster,
    _adapter: Adapter,
}

/// The shared state of a run of tests.
pub struct Suite {
    runtime: Runtime,
    sandbox: Sandbox,
    programs: Programs,
    world: OnceCell<Arc<World>>,
    company: RwLock<()>,
    spaces: AtomicUsize,
}

impl Suite {
    /// Starts nothing yet.
    ///
    /// # Errors
    /// When there can be no threads.
    pub fn new(sandbox: Sandbox, programs: Programs) -> Result<Self> {
        Ok(Self {
            runtime: Builder::new_multi_thread().enable_all().build()?,
            sandbox,
            programs,
            world: OnceCell::new(),
            company: RwLock::new(()),
            spaces: AtomicUsize::new(1),
        })
    }

    /// A test in a Kubernetes namespace of its own, which is deleted afterwards in any case.
    pub fn trial(
        self: &Arc<Self>,
        name: &'static str,
        company: Company,
        test: impl AsyncFn(&Space) -> Result<()> + Send + 'static,
    ) -> Trial {
        let suite = Arc::clone(self);
        Trial::test(name, move || suite.run(company, test))
    }

    fn run(&self, company: Company, test: impl AsyncFn(&Space) -> Result<()>) -> Result<(), Failed> {
        let _shared;
        let _alone;
        match company {
            Company::InCompany => _shared = self.runtime.block_on(self.company.read()),
            Company::Alone => _alone = self.runtime.block_on(self.company.write()),
        }
        let report = |error: anyhow::Error| {
            Failed::from(format!("{error:#}\n\n{}", part::tails(&self.sandbox.logs(), REPORTED_LINES)))
        };
        let space = self.runtime.block_on(self.space()).map_err(report)?;
        let ended = catch_unwind(AssertUnwindSafe(|| self.runtime.block_on(test(&space))));
        let report = |error: anyhow::Error| {
            let events = self.runtime.block_on(space.events());
            report(error.context(format!("in namespace {} with the events\n{events}\n", space.name)))
        };
        let ended = ended.map(|result| result.map_err(report));
        let deleted = self.runtime.block_on(space.delete());
        ended.unwrap_or_else(|panic| resume_unwind(panic))?;
        deleted.map_err(|error| Failed::from(format!("{error:#}")))
    }

    async fn space(&self) -> Result<Space> {
        let world = self.world.get_or_try_init(|| World::start(self.sandbox.clone(), &self.programs)).await;
        let world = Arc::clone(world.context("the cluster does not start")?);
        let number = self.spaces.fetch_add(1, Ordering::Relaxed);
        Space::create(world, format!("test-{number}")).await
    }
}

impl World {
    async fn start(sandbox: Sandbox, programs: &Programs) -> Result<Arc<Self>> {
        let autoscaling = Autoscaling { sync_period: Duration::from_secs(1), ..Autoscaling::default() };
        let settings = Settings { autoscaling, scrape_interval: Duration::from_secs(1) };
        let cluster = Cluster::start(sandbox, programs, &settings).await?;
        let adapter =
            Adapter::install(&cluster, Path::new(PLIMSOLL), include_str!("config.yaml"), &SERVED).await?;
        Ok(Arc::new(Self { cluster, _adapter: adapter }))
    }
}
