//! Bearer tokens, judged by the API server's `TokenReview` and remembered for a while.
//!
//! **Invariant:** no token is kept, printed or compared: memory and comparison are by a keyed hash.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use http::{HeaderMap, header};
use kube::Client;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::cluster::client::CallError;
use crate::cluster::expiring::Expiring;
use crate::cluster::flights::Flights;
use crate::cluster::metrics::{ClusterMetrics, Operation};
use crate::cluster::review::post;
use crate::identity::User;

const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
/// Tokens remembered, good and bad.
pub const REMEMBERED: usize = 4_096;

/// A token's keyed hash. The key is drawn at start, so hashes cannot be prepared or compared elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Fingerprint([u8; 32]);

/// Who a token belongs to, `None` for a token that is not good.
type Owner = Option<Arc<User>>;

/// Asks the API server about tokens.
pub struct Tokens {
    shared: Arc<Shared>,
    flights: Flights<Fingerprint, Result<Owner, CallError>>,
    key: hmac::Key,
}

struct Shared {
    client: Client,
    ttl: Duration,
    metrics: ClusterMetrics,
    remembered: Mutex<Expiring<Fingerprint, Owner>>,
}

impl Tokens {
    /// `ttl` is how long an answer is good for, yes or no.
    pub fn new(client: Client, ttl: Duration, metrics: ClusterMetrics) -> Option<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
        let remembered = Mutex::new(Expiring::new(REMEMBERED));
        let shared = Arc::new(Shared { client, ttl, metrics, remembered });
        Some(Self { shared, flights: Flights::new(), key })
    }

    /// Who `token` belongs to.
    pub async fn owner(&self, token: &str) -> Result<Owner, CallError> {
        let fingerprint = self.fingerprint(token);
        let known = {
            let mut remembered = self.shared.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            remembered.get(&fingerprint, Instant::now()).cloned()
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let ask = || self.shared.clone().review(fingerprint, token.to_owned());
        self.flights.answer(&fingerprint, || fingerprint, ask).await.unwrap_or_else(|| {
            let text = "too many token reviews are under way; the API server answers too slowly";
            Err(CallError::Unreachable(text.to_owned()))
        })
    }

    fn fingerprint(&self, token: &str) -> Fingerprint {
        let tag = hmac::sign(&self.key, token.as_bytes());
        let mut fingerprint = [0; 32];
        for (to, from) in fingerprint.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Fingerprint(fingerprint)
    }
}

impl Shared {
    async fn review(self: Arc<Self>, fingerprint: Fingerprint, token: String) -> Result<Owner, CallError> {
        let review = Review {
            api_version: "authentication.k8s.io/v1",
            kind: "TokenReview",
            spec: Spec { token: &token },
        };
        let answer: Answer = post(&self.client, &self.metrics, Operation::TokenReview, PATH, &review).await?;
        let Status { authenticated, user, error } = answer.status;
        if !authenticated {
            tracing::debug!(reason = error, "a bearer token is not good");
        }
        let owner = user.filter(|_| authenticated).map(|user| {
            Arc::new(User {
                name: user.username,
                uid: user.uid,
                groups: user.groups.unwrap_or_default(),
                extra: user.extra.unwrap_or_default(),
                proxied: false,
            })
        });
        if !self.ttl.is_zero() {
            let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            remembered.insert(fingerprint, owner.clone(), Instant::now() + self.ttl);
        }
        Ok(owner)
    }
}

/// The token of an `Authorization: Bearer` header, as upstream finds it
/// (`authentication/request/bearertoken/bearertoken.go`): any case of the word, one space, and not empty.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let mut parts = value.splitn(3, ' ');
    let scheme = parts.next()?;
    let token = parts.next()?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'static str,
    kind: &'static str,
    spec: Spec<'a>,
}

#[derive(Serialize)]
struct Spec<'a> {
    token: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    authenticated: bool,
    user: Option<Owned>,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct Owned {
    #[serde(default)]
    username: String,
    #[serde(default)]
    uid: String,
    groups: Option<Vec<String>>,
    extra: Option<BTreeMap<String, Vec<String>>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_found_as_upstream_finds_it() {
        let cases = [
            ("Bearer joe", Some("joe")),
            ("bearer joe", Some("joe")),
            ("  Bearer joe  ", Some("joe")),
            ("Bearer joe more", Some("joe")),
            ("Bearer  joe", None),
            ("Bearer", None),
            ("Basic Zm9vOmJhcg==", None),
            ("", None),
        ];
        for (value, token) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().expect("a value"));
            assert_eq!(bearer(&headers), token, "{value:?}");
        }
    }
}
