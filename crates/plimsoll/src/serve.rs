//! `plimsoll serve`: puts the parts together and runs them until the process is told to stop.
//!
//! The wiring of the process, readable from top to bottom: configuration → back-end and cluster → adapter → groups →
//! server.
//!
//! **Invariant:** nothing waits for Prometheus; the Kubernetes API is waited for only to learn whose certificates count.

mod connect;
mod debug;
mod files;
mod metrics;
mod notes;
mod readiness;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use plimsoll_adapter::backend::Backend;
use plimsoll_adapter::cluster::Objects;
use plimsoll_adapter::prometheus::{Client, ClientMetrics};
use plimsoll_adapter::relist::RelistSettings;
use plimsoll_adapter::rules::RuleSet;
use plimsoll_adapter::service::Adapter;
use plimsoll_apiserver::cluster::{Cluster, ClusterMetrics};
use plimsoll_apiserver::groups::MetricsGroups;
use plimsoll_apiserver::identity::{Authenticator, Authorizer};
use plimsoll_apiserver::serve::{Server, Services};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::arguments::ServeSettings;
use crate::reload::{self, ConfigFile, Reload};

/// How long a listing of series may take.
const RELIST_LIMIT: Duration = Duration::from_secs(60);

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// Whatever keeps the server from starting, with the reason.
pub fn run(settings: ServeSettings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(serve(settings, signals()))
}

async fn serve(settings: ServeSettings, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let mut registry = Registry::default();
    let (file, rules) = ConfigFile::open(&settings.config).await?;
    if let Some(contradiction) = settings.discovery.contradiction() {
        // Upstream looks at this for custom metrics only, and people run it so.
        if !rules.custom.is_empty() {
            return Err(anyhow!(contradiction));
        }
        tracing::warn!("{contradiction}");
    }
    reload::report(&rules);

    let client_metrics = ClientMetrics::register(&mut registry);
    let prometheus = connect::prometheus(&settings.prometheus)?;
    let backend: Arc<dyn Backend> = Arc::new(Client::build(&prometheus, &client_metrics)?);

    let cluster_metrics = ClusterMetrics::default();
    cluster_metrics.register(&mut registry);
    // Signals count from here on: the first process of a container dies of none that it does not handle.
    let mut stop = pin!(stop);
    let cluster = tokio::select! {
        biased;
        () = stop.as_mut() => return Ok(()),
        cluster = Cluster::start(connect::kubernetes(&settings), cluster_metrics) => cluster?,
    };

    let relist = RelistSettings {
        interval: settings.discovery.relist_interval,
        max_age: settings.discovery.max_age,
        limit: RELIST_LIMIT,
    };
    let adapter = Arc::new(Adapter::new(
        Arc::clone(&rules),
        backend,
        Arc::clone(&cluster.objects) as Arc<dyn Objects>,
        relist,
    ));
    let (accept_rules, follow_rules) = watch::channel(Arc::clone(&rules));
    let (tell_reload, reload_state) = watch::channel(Reload::default());
    metrics::register(&mut registry, &adapter, reload_state.clone());

    let services = Services {
        groups: Arc::new(MetricsGroups::new(Arc::clone(&adapter), unix_now)),
        client_cas: cluster.client_cas.clone(),
        authenticator: Arc::clone(&cluster.authenticator) as Arc<dyn Authenticator>,
        authorizer: Arc::clone(&cluster.authorizer) as Arc<dyn Authorizer>,
        health: readiness::checks(&adapter),
        debug: Some(Arc::new(debug::Pages::new(Arc::clone(&adapter), reload_state))),
        registry,
    };
    let server = Server::build(connect::server(&settings, files::raise_limit())?, services).await?;
    tracing::info!(address = %server.local_addr(), prometheus = adapter.server(), "serving");

    let mapper = {
        let adapter = Arc::clone(&adapter);
        move || Arc::clone(&adapter.state().mapper)
    };
    let path = file.path().to_owned();
    tokio::select! {
        () = server.run(stop.as_mut()) => Ok(()),
        () = adapter.run(follow_rules, cluster.discovery.resources(), unix_now) => Err(anyhow!("following the rules has ended")),
        () = file.follow(accept_rules, tell_reload, mapper) => Err(anyhow!("following the configuration file has ended")),
        () = async {
            loop {
                adapter.unknown_type().await;
                cluster.discovery.refresh();
            }
        } => unreachable!("it watches for ever"),
        () = notes::follow(&adapter) => unreachable!("the adapter outlives it"),
        error = first_judgement(&adapter, &path, &rules) => Err(error),
    }
}

/// Waits for the cluster's resource types, and ends only if the first configuration cannot work on such a cluster.
async fn first_judgement(adapter: &Adapter, path: &std::path::Path, rules: &Arc<RuleSet>) -> anyhow::Error {
    let mut states = adapter.subscribe();
    // The adapter that sends outlives this.
    let _ = states.wait_for(|state| !state.mapper.is_empty()).await;
    let state = adapter.state();
    // A version that has taken over in the meantime is as good as the types that were known then let it be.
    let first = Arc::ptr_eq(&state.rules, rules);
    match reload::mistakes(path, rules, &state.mapper).filter(|_| first) {
        Some(error) => error.into(),
        None => std::future::pending().await,
    }
}

/// Unix time in seconds.
fn unix_now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Ready when the process is told to stop; a second signal ends it at once.
async fn signals() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        tracing::error!("signals cannot be received; the process must be killed to stop");
        return std::future::pending().await;
    };
    // Unhandled it would end the process, and whoever sends it wants the configuration read again.
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP has no effect: the configuration file is read again whenever it changes");
        }
    });
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    next().await;
    tracing::info!("stopping: finishing requests in flight; a second signal ends at once");
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        #[expect(clippy::exit, reason = "whoever signals twice does not want to wait")]
        std::process::exit(1);
    });
}
