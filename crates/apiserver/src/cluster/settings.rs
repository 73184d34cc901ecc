//! Everything of this folder as one value: settings in, clients and caches out.
//!
//! **Invariant:** the same kubeconfig is one client, however many flags name it.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::watch;

use super::authentication::{AuthenticationSettings, ClientCas, DelegatedAuthenticator, TrustError};
use super::authorization::{AccessReviews, AuthorizationSettings};
use super::client::{ConnectError, connect};
use super::discovery::Discovery;
use super::metrics::ClusterMetrics;
use super::objects::{ObjectCache, ObjectSettings};

/// Which API server is talked to, as whom, and how much.
#[derive(Debug, Clone)]
pub struct ClusterSettings {
    /// `--lister-kubeconfig`, for discovery and objects. Empty: the pod's service account.
    pub lister_kubeconfig: String,
    /// `--authentication-kubeconfig`, for token reviews and the ConfigMap of authorities.
    pub authentication_kubeconfig: String,
    /// `--authorization-kubeconfig`, for access reviews.
    pub authorization_kubeconfig: String,
    /// How often the resource types are read again.
    pub discovery_interval: Duration,
    pub objects: ObjectSettings,
    pub authentication: AuthenticationSettings,
    pub authorization: AuthorizationSettings,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            lister_kubeconfig: String::new(),
            authentication_kubeconfig: String::new(),
            authorization_kubeconfig: String::new(),
            discovery_interval: Duration::from_secs(60),
            objects: ObjectSettings::default(),
            authentication: AuthenticationSettings::default(),
            authorization: AuthorizationSettings::default(),
        }
    }
}

/// Why the cluster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No client; `flag` names the setting it was for.
    #[error("no connection to the Kubernetes API (--{flag})")]
    Connect {
        flag: &'static str,
        #[source]
        source: ConnectError,
    },
    #[error("clients cannot be authenticated")]
    Trust(#[from] TrustError),
}

/// The API server as this program uses it. Everything ends when it is dropped.
pub struct Cluster {
    pub discovery: Arc<Discovery>,
    pub objects: Arc<ObjectCache>,
    pub authenticator: Arc<DelegatedAuthenticator>,
    pub authorizer: Arc<AccessReviews>,
    /// The authorities to name in handshakes.
    pub client_cas: watch::Receiver<ClientCas>,
}

impl Cluster {
    /// Connects and starts. Waits for the authorities of clients, not for resource types or objects.
    pub async fn start(settings: ClusterSettings, metrics: ClusterMetrics) -> Result<Self, ClusterError> {
        let mut clients: Vec<(String, Client)> = Vec::new();
        let mut client = async |flag, kubeconfig: &str| {
            if let Some((_, client)) = clients.iter().find(|(path, _)| path == kubeconfig) {
                return Ok::<_, ClusterError>(client.clone());
            }
            let client =
                connect(kubeconfig).await.map_err(|source| ClusterError::Connect { flag, source })?;
            clients.push((kubeconfig.to_owned(), client.clone()));
            Ok(client)
        };
        let lister = client("lister-kubeconfig", &settings.lister_kubeconfig).await?;
        let authentication = client("authentication-kubeconfig", &settings.authentication_kubeconfig).await?;
        let authorization = client("authorization-kubeconfig", &settings.authorization_kubeconfig).await?;

        let discovery =
            Arc::new(Discovery::start(lister.clone(), settings.discovery_interval, metrics.clone()));
        let objects = Arc::new(ObjectCache::new(lister, settings.objects, metrics.clone()));
        let authenticator =
            DelegatedAuthenticator::start(authentication, settings.authentication, metrics.clone()).await?;
        let authorizer = Arc::new(AccessReviews::new(authorization, settings.authorization, metrics));
        let client_cas = authenticator.client_cas();
        Ok(Self { discovery, objects, authenticator: Arc::new(authenticator), authorizer, client_cas })
    }
}
