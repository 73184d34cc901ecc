//! Who gets to read why a metric is missing.
//!
//! Upstream's messages are matched byte for byte by scripts and tests, and say nothing. Clients made with client-go
//! (kubectl, the HPA controller) show messages to people, in `kubectl describe hpa` above all, and parse none. They
//! say who they are in `User-Agent`, and get upstream's sentence with the reason behind it. Everyone gets the reason
//! as a `Warning` header, which kubectl prints.
//!
//! **Invariant:** code, reason and details of a `Status` are upstream's for every client.

use http::HeaderMap;
use http::header::USER_AGENT;

use crate::status::Status;

/// Adds `why` to the message of `status` when a person will read it.
pub(super) fn extend(status: &mut Status, why: &str, headers: &HeaderMap) {
    if shown_to_people(headers) {
        status.message.push_str(": ");
        status.message.push_str(why);
    }
}

/// client-go's default user agent is `{program}/{version} ({os}/{arch}) kubernetes/{commit}`.
pub(super) fn shown_to_people(headers: &HeaderMap) -> bool {
    headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .is_some_and(|agent| agent.split(' ').any(|word| word.starts_with("kubernetes/")))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn clients_made_with_client_go_read_the_reason_in_the_message() {
        for (agent, message) in [
            ("kubectl/v1.37.2 (linux/amd64) kubernetes/3bdb0ea", "no such metric: no pod matches"),
            (
                "kube-controller-manager/v1.37.2 (linux/amd64) kubernetes/3bdb0ea/horizontal-pod-autoscaler",
                "no such metric: no pod matches",
            ),
            ("curl/8.0", "no such metric"),
            ("kubectl/v1.30", "no such metric"),
        ] {
            let mut status = Status::metric_not_found("no such metric");
            let headers = HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(agent))]);
            extend(&mut status, "no pod matches", &headers);
            assert_eq!(status.message, message, "{agent}");
        }
    }
}
