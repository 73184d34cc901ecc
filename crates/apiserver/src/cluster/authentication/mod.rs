//! Who sent a request: a front proxy's word, a client certificate, a bearer token, or nobody in particular.
//!
//! Follows `apiserver/pkg/authentication/authenticatorfactory/delegating.go`: the first that knows the client
//! wins; where none does and one objected, the client is turned away instead of being anonymous.
//!
//! **Invariant:** `X-Remote-*` headers count only with a certificate of an allowed front proxy.

mod certificate;
mod front_proxy;
mod subject;
mod token;
mod trust;

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hashbrown::Equivalent;
use kube::Client;
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::sync::watch;
use tokio::time::Instant;

use self::subject::Subject;
pub use self::token::REMEMBERED as TOKENS_REMEMBERED;
use self::token::{Tokens, bearer};
use self::trust::Trust;
pub use self::trust::{AuthenticationSettings, ClientCas, FrontProxySettings, TrustError};
use super::background::Background;
use super::expiring::Expiring;
use super::metrics::{ClusterMetrics, Method};
use crate::identity::{AuthenticationError, Authenticator, User};

const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";
const ANONYMOUS: &str = "system:anonymous";
/// Certificates judged, and how long the judgement is good: the chain of a connection is the same in each of
/// its requests.
const JUDGED: usize = 512;
const JUDGEMENT_TTL: Duration = Duration::from_secs(10);

/// Knows clients as the API server that delegates to it does.
pub struct DelegatedAuthenticator {
    trust: watch::Receiver<Arc<Trust>>,
    client_cas: watch::Receiver<ClientCas>,
    judged: Mutex<Expiring<Chain, Arc<Judgement>>>,
    tokens: Tokens,
    metrics: ClusterMetrics,
    _follow: Background,
}

/// What a certificate chain is worth under one set of authorities.
#[derive(Debug)]
struct Judgement {
    under: Arc<Trust>,
    /// An allowed front proxy.
    front_proxy: bool,
    user: Option<User>,
    /// An authority that was asked did not vouch for it, or its name is not allowed.
    objected: bool,
}

impl DelegatedAuthenticator {
    /// Reads the authorities, from files and from the cluster, and follows their changes.
    pub async fn start(
        client: Client,
        settings: AuthenticationSettings,
        metrics: ClusterMetrics,
    ) -> Result<Self, TrustError> {
        let tokens =
            Tokens::new(client.clone(), settings.token_ttl, metrics.clone()).ok_or(TrustError::Randomness)?;
        let (trust, client_cas, follow) = trust::start(client, settings, metrics.clone()).await?;
        let judged = Mutex::new(Expiring::new(JUDGED));
        Ok(Self { trust, client_cas, judged, tokens, metrics, _follow: follow })
    }

    /// The authorities of clients, to be named in handshakes. Changes as they do.
    pub fn client_cas(&self) -> watch::Receiver<ClientCas> {
        self.client_cas.clone()
    }

    async fn known(
        &self,
        request: &http::request::Parts,
        peer: &[CertificateDer<'static>],
    ) -> Result<(User, Method), AuthenticationError> {
        let judgement = (!peer.is_empty()).then(|| self.judge(peer));
        let mut objected = false;
        if let Some(judgement) = &judgement {
            if judgement.front_proxy
                && let Some(front_proxy) = &judgement.under.front_proxy
                && let Some(user) = front_proxy.names.user(&request.headers)
            {
                return Ok((user, Method::RequestHeader));
            }
            if let Some(user) = &judgement.user {
                return Ok((user.clone(), Method::ClientCertificate));
            }
            objected = judgement.objected;
        }
        if let Some(token) = bearer(&request.headers) {
            return match self.tokens.owner(token).await {
                Ok(Some(user)) => Ok(((*user).clone(), Method::Token)),
                Ok(None) => Err(AuthenticationError::Unauthorized),
                Err(error) => Err(AuthenticationError::Unavailable(format!("token review: {error}"))),
            };
        }
        if objected {
            return Err(AuthenticationError::Unauthorized);
        }
        let groups = vec![UNAUTHENTICATED.to_owned()];
        Ok((User { name: ANONYMOUS.to_owned(), groups, ..User::default() }, Method::Anonymous))
    }

    fn judge(&self, peer: &[CertificateDer<'static>]) -> Arc<Judgement> {
        let now = Instant::now();
        let under = self.trust.borrow().clone();
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(judgement) = judged.get(&Presented(peer), now)
            && Arc::ptr_eq(&judgement.under, &under)
        {
            return judgement.clone();
        }
        drop(judged);
        let judgement = Arc::new(Judgement::of(peer, under, UnixTime::now()));
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        judged.insert(Chain(peer.to_vec()), judgement.clone(), now + JUDGEMENT_TTL);
        judgement
    }
}

#[async_trait]
impl Authenticator for DelegatedAuthenticator {
    async fn authenticate(
        &self,
        request: &http::request::Parts,
        peer: &[CertificateDer<'static>],
    ) -> Result<User, AuthenticationError> {
        let known = self.known(request, peer).await;
        self.metrics.authenticated(known.as_ref().map_or(Method::Rejected, |(_, method)| *method));
        known.map(|(user, method)| if method == Method::Anonymous { user } else { authenticated(user) })
    }
}

/// Adds the group of all known users (`authentication/group/authenticated_group_adder.go`).
fn authenticated(mut user: User) -> User {
    let has = user.groups.iter().any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED);
    if user.name != ANONYMOUS && !has {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    user
}

impl Judgement {
    fn of(peer: &[CertificateDer<'static>], under: Arc<Trust>, now: UnixTime) -> Self {
        let mut objected = false;
        let mut front_proxy = false;
        if let Some(trusted) = &under.front_proxy {
            match trusted.authorities.verify(peer, now) {
                Ok(subject) if trusted.names.admits(&subject) => front_proxy = true,
                Ok(Subject { common_name, .. }) => {
                    tracing::warn!(
                        common_name,
                        "a client has a front proxy's certificate and no allowed name"
                    );
                    objected = true;
                }
                Err(error) => {
                    tracing::debug!(error = error.to_string(), "not a front proxy");
                    objected = true;
                }
            }
        }
        let mut user = None;
        if let Some(authorities) = &under.clients {
            match authorities.verify(peer, now) {
                Ok(subject) if subject.common_name.is_empty() => {}
                Ok(Subject { common_name, organizations }) => {
                    user = Some(User { name: common_name, groups: organizations, ..User::default() });
                }
                Err(error) => {
                    tracing::debug!(error = error.to_string(), "not a client certificate");
                    objected = true;
                }
            }
        }
        Self { under, front_proxy, user, objected }
    }
}

/// A chain that was judged.
#[derive(Debug, PartialEq, Eq)]
struct Chain(Vec<CertificateDer<'static>>);

/// A chain as a request presents it.
struct Presented<'a>(&'a [CertificateDer<'static>]);

impl Hash for Chain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Presented(&self.0).hash(state);
    }
}

impl Hash for Presented<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Chain> for Presented<'_> {
    fn equivalent(&self, chain: &Chain) -> bool {
        self.0 == chain.0
    }
}
