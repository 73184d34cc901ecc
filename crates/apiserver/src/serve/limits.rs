//! The limits of a server.
//!
//! **Invariant:** there is no way to switch a limit off.

use std::time::Duration;

/// Limits on connections and requests.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Connections at a time from one IP address; further ones are closed before the handshake. Whoever runs one pod
    /// can thus not keep the API server out.
    pub connections_per_address: usize,
    /// From accepting a connection to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the start of waiting for a request to the end of its head (HTTP/1.1); thus also how long a
    /// connection may idle.
    pub header_timeout: Duration,
    /// How long an HTTP/2 connection without requests is kept; after as long again a connection is cut whose
    /// client does not read the last answer.
    pub idle_timeout: Duration,
    /// Head of a request, in bytes; more is 431.
    pub header_bytes: usize,
    /// Lines in the head of an HTTP/1.1 request; more is 431. The groups of a user come in one line each.
    pub headers: usize,
    /// Path and query, in bytes; more is 414.
    pub uri_bytes: usize,
    /// HTTP/2 streams per connection (`--http2-max-streams-per-connection`).
    pub streams: u32,
    /// Requests being answered at a time; more is 429 (`--max-requests-inflight`).
    pub in_flight: usize,
    /// Of these, requests that nobody in particular has sent (`system:anonymous`); more is 429.
    pub anonymous_in_flight: usize,
    /// Heads of all requests that are being answered, in bytes; more is 429.
    pub pending_bytes: usize,
    /// Time for a request; then it is 504 (`--request-timeout`).
    pub request_timeout: Duration,
    /// How long connections are still accepted after the signal to stop, while readyz fails
    /// (`--shutdown-delay-duration`).
    pub drain_delay: Duration,
    /// How long requests in flight may take after that.
    pub drain: Duration,
}

impl Limits {
    /// Files and sockets that the process needs besides the connections of its clients: the back-end, the Kubernetes
    /// API, certificates.
    pub const OWN_FILES: usize = 256;

    /// Lowers the number of connections to what a process may have that can open `files` files at a time: accepting
    /// more would take from it the sockets to its own servers.
    pub fn within_open_files(mut self, files: usize) -> Self {
        self.connections = self.connections.min(files.saturating_sub(Self::OWN_FILES).max(files / 4)).max(1);
        self.connections_per_address = self.connections_per_address.min(self.connections.div_ceil(2));
        self
    }
}

impl Default for Limits {
    /// What upstream uses where it has the limit.
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_address: 512,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(32),
            idle_timeout: Duration::from_secs(90),
            header_bytes: 128 * 1024,
            headers: 500,
            uri_bytes: 60 * 1024,
            streams: 250,
            in_flight: 400,
            anonymous_in_flight: 100,
            pending_bytes: 64 * 1024 * 1024,
            request_timeout: Duration::from_secs(60),
            drain_delay: Duration::ZERO,
            // A kubelet kills after 30 seconds unless told otherwise.
            drain: Duration::from_secs(25),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_process_itself() {
        for (files, connections, of_one) in [
            (1_048_576, 4096, 512),
            (4352, 4096, 512),
            (1024, 768, 384),
            (300, 75, 38),
            (64, 16, 8),
            (0, 1, 1),
        ] {
            let limits = Limits::default().within_open_files(files);
            assert_eq!(
                (limits.connections, limits.connections_per_address),
                (connections, of_one),
                "{files}"
            );
        }
    }
}
