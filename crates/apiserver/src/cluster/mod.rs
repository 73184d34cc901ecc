//! Everything that talks to the Kubernetes API server: discovery, objects, who a client is and what it may do.
//!
//! Not a server: `crate::identity` names the questions that a server asks; here they are answered.
//!
//! **Invariant:** whatever is started here ends when the value that started it is dropped.

mod authentication;
mod authorization;
mod background;
mod client;
mod credentials;
mod discovery;
mod expiring;
mod flights;
mod metrics;
mod objects;
mod review;
mod settings;

pub use self::authentication::{
    AuthenticationSettings, DelegatedAuthenticator, FrontProxySettings, TOKENS_REMEMBERED, TrustError,
};
pub use self::authorization::REMEMBERED as DECISIONS_REMEMBERED;
pub use self::authorization::{AccessReviews, AuthorizationSettings};
pub use self::client::{CallError, ConnectError, connect};
pub use self::credentials::{Credentials, CredentialsError, credentials};
pub use self::discovery::{Discovery, GroupFailure};
pub use self::flights::MOST as REVIEWS_AT_A_TIME;
pub use self::metrics::ClusterMetrics;
pub use self::objects::{ObjectCache, ObjectSettings, Snapshot};
pub use self::settings::{Cluster, ClusterError, ClusterSettings};
