//! Requests and their answers, over connections that are kept.
//!
//! Knows HTTP, TLS and redirects; does not know Prometheus.
//!
//! **Invariant:** configured headers reach only the host they are configured for (or a subdomain of
//! it), and never leave TLS.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;
use tracing::{info, warn};

use super::connection::{Remembering, has_served, mark_served};
use super::credentials::Credentials;
use super::failure::Failure;
use super::metrics::ErrorReason;
use super::settings::{BuildError, ClientSettings, Limits};
use super::trust::Trust;

/// Redirects that are followed, as in Go's `http.Client`.
const REDIRECTS: usize = 10;

/// Connections that had been closed by the server and are given up for another.
const STALE: usize = 3;

type PlainClient = legacy::Client<Remembering<HttpConnector>, Full<Bytes>>;
type TlsClient = legacy::Client<Remembering<HttpsConnector<HttpConnector>>, Full<Bytes>>;

/// Sends requests.
pub(super) struct Transport {
    limits: Limits,
    plain: PlainClient,
    tls: Arc<Mutex<Tls>>,
}

struct Tls {
    trust: Trust,
    client: Option<TlsClient>,
    checked: Instant,
}

impl Transport {
    /// Reads the CA and client certificate files, so that a mistake in them shows at once; the
    /// system's roots wait until they are needed.
    pub(super) fn build(settings: &ClientSettings) -> Result<Self, BuildError> {
        let limits = settings.limits;
        let plain = client_builder(&limits).build(Remembering(tcp(&limits)));
        let mut tls = Tls { trust: Trust::new(settings)?, client: None, checked: Instant::now() };
        if !tls.trust.uses_system_roots() {
            tls.load(&limits)?;
        } else if settings.client_cert_file.is_some() {
            tls.trust.check_identity()?;
        }
        Ok(Self { limits, plain, tls: Arc::new(Mutex::new(tls)) })
    }

    /// Sends a request: a GET, or a POST of `form`. Redirects are followed.
    pub(super) async fn send(
        &self,
        uri: Uri,
        form: Option<Bytes>,
        headers: &HeaderMap,
        credentials: &Credentials,
    ) -> Result<Response<Incoming>, Failure> {
        let origin = uri.clone();
        let (mut uri, mut form, mut headers) = (uri, form, headers.clone());
        for _ in 0..=REDIRECTS {
            let response = self.exchange(&uri, form.clone(), &headers).await?;
            let status = response.status();
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let Some(location) = response.headers().get(LOCATION) else { return Ok(response) };
            let next = redirected(&uri, location)
                .ok_or_else(|| Failure::new(ErrorReason::Connection, "it redirects to a malformed URL"))?;
            if !keeps_credentials(&origin, &next) {
                headers = HeaderMap::from_iter(credentials.plain_headers());
            }
            // Go turns a redirected POST into a GET and so loses its form. All requests here only
            // read, so the form goes along, except where the status asks for a GET.
            if status == StatusCode::SEE_OTHER {
                form = None;
            }
            uri = next;
        }
        Err(Failure::new(ErrorReason::Connection, format!("it redirects more than {REDIRECTS} times")))
    }

    async fn exchange(
        &self,
        uri: &Uri,
        form: Option<Bytes>,
        headers: &HeaderMap,
    ) -> Result<Response<Incoming>, Failure> {
        let host = uri.host().unwrap_or_default();
        let mut stale = 0;
        loop {
            let request = request(uri, form.clone(), headers)
                .map_err(|error| Failure::new(ErrorReason::Connection, error.to_string()))?;
            let answer = if uri.scheme() == Some(&Scheme::HTTPS) {
                self.tls_client().await?.request(request).await
            } else {
                self.plain.request(request).await
            };
            match answer {
                Ok(response) => {
                    mark_served(response.extensions());
                    return Ok(response);
                }
                Err(error) if stale < STALE && error.connect_info().is_some_and(has_served) => stale += 1,
                Err(error) => return Err(Failure::of(&error, host)),
            }
        }
    }

    /// The client for https, with the files as they are now.
    async fn tls_client(&self) -> Result<TlsClient, Failure> {
        {
            let mut tls = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(client) = tls.client.clone() {
                if tls.checked.elapsed() < self.limits.recheck {
                    return Ok(client);
                }
                tls.checked = Instant::now();
                if !tls.trust.changed() {
                    return Ok(client);
                }
            }
        }
        let (tls, limits) = (Arc::clone(&self.tls), self.limits);
        let load = move || {
            let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(client) = tls.client.clone().filter(|_| !tls.trust.changed()) {
                return Ok(client);
            }
            match (tls.load(&limits), &tls.client) {
                (Ok(client), _) => Ok(client),
                (Err(error), Some(before)) => {
                    warn!(error = %Chain(&error), "the certificates towards Prometheus before stay in use");
                    Ok(before.clone())
                }
                (Err(error), None) => Err(Failure::new(ErrorReason::Credentials, Chain(&error).to_string())),
            }
        };
        // Parsing the system's roots takes milliseconds.
        let loaded = tokio::task::spawn_blocking(load).await;
        loaded.unwrap_or_else(|error| Err(Failure::new(ErrorReason::Credentials, error.to_string())))
    }
}

impl Tls {
    fn load(&mut self, limits: &Limits) -> Result<TlsClient, BuildError> {
        let again = self.client.is_some();
        let configuration = self.trust.configuration()?;
        let mut tcp = tcp(limits);
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(configuration)
            .https_only()
            .enable_all_versions()
            .wrap_connector(tcp);
        let client = client_builder(limits).build(Remembering(connector));
        self.client = Some(client.clone());
        self.checked = Instant::now();
        if again {
            info!("the certificates towards Prometheus changed and were read again");
        }
        Ok(client)
    }
}

/// An error and its causes on one line.
pub(super) struct Chain<'a>(pub(super) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

fn tcp(limits: &Limits) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(limits.connect));
    tcp.set_keepalive(Some(Duration::from_secs(30)));
    tcp
}

fn client_builder(limits: &Limits) -> legacy::Builder {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(50))
        .pool_max_idle_per_host(limits.concurrency)
        // Buffers of 64 connections stay within a few megabytes.
        .http1_max_buf_size(64 * 1024)
        .http2_initial_stream_window_size(256 * 1024)
        .http2_initial_connection_window_size(1024 * 1024)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_timeout(Duration::from_secs(15));
    builder
}

fn request(uri: &Uri, form: Option<Bytes>, headers: &HeaderMap) -> Result<Request<Full<Bytes>>, http::Error> {
    let posted = form.is_some();
    let mut request = Request::new(Full::new(form.unwrap_or_default()));
    *request.method_mut() = if posted { Method::POST } else { Method::GET };
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = headers.clone();
    if posted {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form);
    }
    Ok(request)
}

/// The target of a redirect from `from`; user information in it is left out.
fn redirected(from: &Uri, location: &HeaderValue) -> Option<Uri> {
    let location = location.to_str().ok()?;
    let location = location.split_once('#').map_or(location, |(before, _)| before);
    let location = match location.strip_prefix("//") {
        Some(rest) => &format!("{}://{rest}", from.scheme_str()?),
        None => location,
    };
    let (scheme, authority, target) = match location.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            (scheme.to_ascii_lowercase(), host.to_owned(), target.to_owned())
        }
        _ => {
            let path = from.path();
            let target = match location.as_bytes().first() {
                None => from.path_and_query()?.to_string(),
                Some(b'/') => location.to_owned(),
                Some(b'?') => format!("{path}{location}"),
                Some(_) => format!("{}/{location}", path.rsplit_once('/').map_or("", |(folder, _)| folder)),
            };
            (from.scheme_str()?.to_owned(), from.authority()?.to_string(), target)
        }
    };
    if scheme != "http" && scheme != "https" {
        return None;
    }
    let target = if target.starts_with('/') { target } else { format!("/{target}") };
    Uri::builder().scheme(&*scheme).authority(authority).path_and_query(target).build().ok()
}

/// As Go decides on sensitive headers (`shouldCopyHeaderOnRedirect`): the same host or a subdomain
/// of it. Stricter in that it never goes from https to http.
fn keeps_credentials(origin: &Uri, next: &Uri) -> bool {
    let (Some(from), Some(to)) = (origin.host(), next.host()) else { return false };
    if origin.scheme() == Some(&Scheme::HTTPS) && next.scheme() != Some(&Scheme::HTTPS) {
        return false;
    }
    let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
    let is_name = from.parse::<std::net::IpAddr>().is_err();
    to == from || (is_name && to.strip_suffix(&from).is_some_and(|front| front.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_resolved_against_the_request() {
        let from: Uri = "http://h:9090/a/b?q=1".parse().expect("a URL");
        for (location, target) in [
            ("https://other/x?y=1#f", Some("https://other/x?y=1")),
            ("HTTPS://user:pw@other", Some("https://other/")),
            ("//other:1/x", Some("http://other:1/x")),
            ("/x?u=http://z/", Some("http://h:9090/x?u=http://z/")),
            ("c?d", Some("http://h:9090/a/c?d")),
            ("?d", Some("http://h:9090/a/b?d")),
            ("", Some("http://h:9090/a/b?q=1")),
            ("file:///etc/passwd", None),
            ("ftp://h/", None),
            ("http:///x", None),
        ] {
            let next = redirected(&from, &HeaderValue::from_static(location));
            assert_eq!(next.map(|next| next.to_string()).as_deref(), target, "{location}");
        }
    }

    #[test]
    fn credentials_stay_with_their_host() {
        for (from, to, kept) in [
            ("http://h/", "http://h:1/", true),
            ("http://h/", "https://H/", true),
            ("http://a.b/", "http://x.a.b/", true),
            ("https://h/", "http://h/", false),
            ("http://a.b/", "http://b/", false),
            ("http://a.b/", "http://xa.b/", false),
            ("http://1.2.3.4/", "http://9.1.2.3.4/", false),
        ] {
            let (from, to): (Uri, Uri) = (from.parse().expect("a URL"), to.parse().expect("a URL"));
            assert_eq!(keeps_credentials(&from, &to), kept, "{from} {to}");
        }
    }
}
