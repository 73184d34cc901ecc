//! Connection failures in plain words.
//!
//! **Invariant:** the words name the cause and hold no URL with credentials.

use std::error::Error;
use std::io;

use super::metrics::ErrorReason;

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reason: ErrorReason,
    pub(super) words: String,
}

impl Failure {
    pub(super) fn new(reason: ErrorReason, words: impl Into<String>) -> Self {
        Self { reason, words: words.into() }
    }

    /// Describes the failure to connect, or to get an answer, to `host`.
    pub(super) fn of(error: &(dyn Error + 'static), host: &str) -> Self {
        let chain: Vec<&(dyn Error + 'static)> =
            std::iter::successors(Some(error), |error| inner(*error)).collect();
        if let Some(error) = chain.iter().find_map(|error| error.downcast_ref::<rustls::Error>()) {
            return Self::new(ErrorReason::Tls, tls_words(error));
        }
        if chain.iter().any(|error| error.to_string() == "dns error") {
            let cause = chain.last().map(ToString::to_string).unwrap_or_default();
            let cause = cause.strip_prefix("failed to lookup address information: ").unwrap_or(&cause);
            return Self::new(ErrorReason::Dns, format!("the host name {host} is unknown ({cause})"));
        }
        // An HTTP/2 connection passes on what TLS says as text only.
        let alert = chain.last().map(ToString::to_string);
        if let Some(alert) = alert.as_deref().and_then(|words| words.strip_prefix("received fatal alert: ")) {
            return Self::new(ErrorReason::Tls, alert_words(alert));
        }
        let connecting = chain
            .iter()
            .find_map(|error| error.downcast_ref::<hyper_util::client::legacy::Error>())
            .is_some_and(hyper_util::client::legacy::Error::is_connect);
        let kind =
            chain.iter().rev().find_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind);
        match kind {
            Some(io::ErrorKind::ConnectionRefused) => Self::new(
                ErrorReason::Refused,
                format!(
                    "connection refused: nothing listens on that port of {host}, or a firewall forbids it"
                ),
            ),
            Some(io::ErrorKind::TimedOut) if connecting => {
                Self::new(ErrorReason::Connection, format!("{host} does not accept the connection in time"))
            }
            Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                Self::new(ErrorReason::Connection, format!("there is no route to {host}"))
            }
            Some(io::ErrorKind::UnexpectedEof) if connecting => Self::new(
                ErrorReason::Tls,
                "the server closed the connection during the TLS handshake: it may want a client certificate, or speak no TLS",
            ),
            Some(
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof,
            ) => Self::new(
                ErrorReason::Connection,
                "the server cut the connection before the answer was complete",
            ),
            _ if chain.iter().any(|error| is_incomplete(*error)) => Self::new(
                ErrorReason::Connection,
                "the server cut the connection before the answer was complete",
            ),
            _ if chain.iter().any(|error| is_parse(*error)) => Self::new(
                ErrorReason::Connection,
                "the answer is not HTTP: the server may speak TLS on this port (https://), or another protocol",
            ),
            _ => {
                let words = chain.last().map(ToString::to_string).unwrap_or_default();
                Self::new(ErrorReason::Connection, super::foreign::shortened(&words))
            }
        }
    }
}

/// The cause of `error`. An I/O error that wraps another error has that error's cause as its
/// source, so the wrapped error itself is looked up first.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(error) = error.downcast_ref::<io::Error>()
        && let Some(wrapped) = error.get_ref()
    {
        return Some(wrapped);
    }
    error.source()
}

fn is_incomplete(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<hyper::Error>()
        .is_some_and(|error| error.is_incomplete_message() || error.is_closed() || error.is_canceled())
}

fn is_parse(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
}

fn tls_words(error: &rustls::Error) -> String {
    use rustls::{CertificateError, Error};
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate is signed by an authority that is not trusted: give its CA file".into()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "its certificate has expired".into()
        }
        Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "its certificate is not valid yet: compare the clocks".into(),
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is for another host name".into(),
        Error::AlertReceived(alert) => alert_words(&format!("{alert:?}")),
        Error::InvalidMessage(_) => "the server speaks no TLS on this port: try http://".into(),
        other => format!("TLS: {other}"),
    }
}

/// What a TLS server means by refusing with `alert` (the name of a `rustls::AlertDescription`).
fn alert_words(alert: &str) -> String {
    match alert {
        "CertificateRequired" => "the server wants a client certificate: give its file and its key".into(),
        "UnknownCA" | "BadCertificate" | "CertificateUnknown" | "CertificateExpired"
        | "CertificateRevoked" => {
            format!("the server refuses the client certificate ({alert})")
        }
        "ProtocolVersion" => "the server speaks none of TLS 1.2 and 1.3".into(),
        other => format!("TLS: the server refuses ({other})"),
    }
}
