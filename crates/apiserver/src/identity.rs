//! Who asks, and whether they may: the seams between the server and the cluster that decides.
//!
//! **Invariant:** a server without an answer from its authorizer denies.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rustls_pki_types::CertificateDer;

/// An authenticated (or anonymous) client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct User {
    /// User name, `system:anonymous` for a client without credentials.
    pub name: String,
    /// Stable identifier, if the authenticator knows one.
    pub uid: String,
    /// Group names, including `system:authenticated` or `system:unauthenticated`.
    pub groups: Vec<String>,
    /// Further attributes, passed through to access reviews.
    pub extra: BTreeMap<String, Vec<String>>,
    /// Whether the front proxy's certificate stood for the user: the request came through kube-apiserver's
    /// aggregator, so that its group is registered there. Says nothing about what the user may do.
    pub proxied: bool,
}

/// What a request asks for, as `SubjectAccessReview` names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// `get`, `list`, … for resources; the lower-case HTTP method for other paths.
    pub verb: String,
    /// The decoded path of the request.
    pub path: String,
    /// Set when the path names a resource of an API group.
    pub resource: Option<ResourceAttributes>,
}

/// The resource part of [`Attributes`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ResourceAttributes {
    pub group: String,
    pub version: String,
    pub resource: String,
    pub subresource: String,
    pub name: String,
    pub namespace: String,
}

/// The outcome of an authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The request may go on.
    Allowed,
    /// The request is refused; `reason` may be empty.
    Denied { reason: String },
    /// Nobody could decide; the request is refused with an internal error that carries this text.
    Undecided { error: String },
}

/// Credentials were presented and are not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// The client must present other credentials (HTTP 401).
    #[error("the credentials are not valid")]
    Unauthorized,
    /// The credentials could not be checked (HTTP 500 or 401 as upstream does).
    #[error("the credentials could not be checked: {0}")]
    Unavailable(String),
}

/// Tells who sent a request.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// `peer` is the client's certificate chain as presented in the TLS handshake, leaf first; possession of its
    /// key has been proven, but nothing else about it has been checked.
    async fn authenticate(
        &self,
        request: &http::request::Parts,
        peer: &[CertificateDer<'static>],
    ) -> Result<User, AuthenticationError>;
}

/// Decides whether a user may do something.
#[async_trait]
pub trait Authorizer: Send + Sync {
    async fn authorize(&self, user: &User, attributes: &Attributes) -> Decision;
}
