//! What talks to the Kubernetes API server, against one that answers in this process.

mod api;
mod authentication;
mod authorization;
mod certificates;
mod connecting;
mod discovery;
mod objects;
