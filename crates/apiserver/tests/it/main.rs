//! Integration tests of the API server, one binary for all.

mod cluster;
