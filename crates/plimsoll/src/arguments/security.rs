//! What `plimsoll serve` denies and bounds, for its reference page.
//!
//! **Invariant:** every number on the page comes from the constant that is in force.

use std::fmt::Write as _;
use std::time::Duration;

use plimsoll_adapter::prometheus;
use plimsoll_apiserver::cluster::{DECISIONS_REMEMBERED, REVIEWS_AT_A_TIME, TOKENS_REMEMBERED};
use plimsoll_apiserver::serve::{Limits, PENDING_PER_SLOT, WARNINGS};
use plimsoll_apiserver::tls::{LARGEST_CHAIN, LONGEST_CHAIN};

const DENIED: &str = "
## Security

Whatever is not allowed is denied, and whatever comes from outside has a bound that no flag switches off.

- Whoever may do something is decided by the Kubernetes API; members of `system:masters` may do everything. Where it does not answer,
  nothing is allowed: 401 without a token review, 500 without an access review. Nobody needs permission for `--authorization-always-allow-paths`; `/metrics`, `/debug/rules` and the
  single checks of the probes are not among them. A path is authorised as it is answered: decoded once, and nothing else made of it.
- Headers of a front proxy count only with a certificate that its own authority has signed, for a name that is allowed. Without the
  ConfigMap `kube-system/extension-apiserver-authentication`, or files in its place, neither front proxies nor client certificates
  are known.
- A token is remembered as a keyed hash, never as itself. No token, password or header value is in a log, at any level, in a metric,
  on a page or in an answer, even where Prometheus repeats it.
- TLS is 1.2 or 1.3, with forward secrecy and authenticated encryption, without renegotiation, compression and early data.
- Credentials for Prometheus do not follow a redirect to another host, or from TLS to none. Proxies named in the environment are not
  used.
- Names and selectors of a request, and names of series, are strings of a query, or refused: no name changes what is asked. That holds
  for `<<.LabelValuesByName>>`, too, which takes only what could be a name in Kubernetes.
- An HTTP/2 client that shows no credentials, or wrong ones, is sent away after its answer.

Connections above a bound wait in the kernel or, above the bound of their address, are closed; an idle one takes about 30 KiB.
`apiserver_connections_refused_total` counts the latter. Requests above a bound are answered as the last column says.

";

/// The section of the page.
pub(super) fn section() -> String {
    let limits = Limits::default();
    let prometheus = prometheus::Limits::default();
    let mut page = DENIED.to_owned();
    page.push_str("| what | at most | beyond it |\n|---|---|---|\n");
    let mut row = |what: &str, most: String, beyond: &str| {
        let _ = writeln!(page, "| {what} | {most} | {beyond} |");
    };
    row("connections", number(limits.connections), "wait; fewer where fewer files may be opened");
    row("files that clients leave to the process", number(Limits::OWN_FILES), "–");
    row("connections of one address", number(limits.connections_per_address), "closed");
    row("TLS handshake", time(limits.handshake_timeout), "closed");
    row(
        "certificates that a client presents",
        format!("{LONGEST_CHAIN}, {} together", bytes(LARGEST_CHAIN)),
        "closed",
    );
    row("head of a request to arrive, HTTP/1.1", time(limits.header_timeout), "closed");
    row("head of a request", format!("{}, {} lines", bytes(limits.header_bytes), limits.headers), "431");
    row("path and query", bytes(limits.uri_bytes), "414");
    row("body of a request", "not read".to_owned(), "–");
    row(
        "HTTP/2 streams of a connection",
        number(limits.streams as usize),
        "refused; reset too often: closed",
    );
    row("idle HTTP/2 connection", time(limits.idle_timeout), "closed");
    row("time for a request", time(limits.request_timeout), "504");
    row("requests being answered", number(limits.in_flight), "429, except for `system:masters`");
    row("of these, anonymous ones", number(limits.anonymous_in_flight), "429");
    let pending = usize::try_from(PENDING_PER_SLOT).unwrap_or_default() * limits.in_flight;
    row("requests, those included whose sender is not known yet", number(pending), "429");
    row("heads of all these together", bytes(limits.pending_bytes), "429");
    row(
        "tokens and access decisions remembered",
        format!("{} and {}", number(TOKENS_REMEMBERED), number(DECISIONS_REMEMBERED)),
        "the least used are forgotten",
    );
    row("token reviews, and access reviews, at a time", number(REVIEWS_AT_A_TIME), "401, 500");
    row("warnings of an answer", format!("{} characters", number(WARNINGS)), "cut");
    row(
        "queries and listings sent to Prometheus at a time",
        number(prometheus.concurrency),
        "wait within their time",
    );
    row("connecting to Prometheus", time(prometheus.connect), "500");
    row("answer to a query, unpacked", bytes_long(prometheus.query_bytes), "500");
    row(
        "listing of series",
        format!("{}, {}", time(prometheus.series), bytes_long(prometheus.series_bytes)),
        "the list before stays",
    );
    row(
        "kept of a listing",
        format!(
            "{} pairs of a name and its labels, {}",
            number(prometheus.shapes.shapes),
            bytes(prometheus.shapes.bytes)
        ),
        "the list before stays",
    );
    row("requests in flight after SIGTERM", time(limits.drain), "cut; a second signal ends at once");
    page
}

fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes(bytes: usize) -> String {
    bytes_long(bytes as u64)
}

fn bytes_long(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

fn time(time: Duration) -> String {
    match time.as_secs() {
        1 => "1 second".to_owned(),
        seconds => format!("{seconds} seconds"),
    }
}
