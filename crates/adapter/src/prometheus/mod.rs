//! A back-end that speaks the HTTP API of Prometheus.
