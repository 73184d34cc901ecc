//! Durations as Go writes them (`10m0s`) and as Prometheus writes them (`5m30s`, `1w`).
