//! The rules of prometheus-adapter, and answers computed from them: configuration, templates,
//! naming, the metric catalogue, the Prometheus back-end.
//!
//! This crate knows metrics, objects and PromQL text. It does not know how Kubernetes encodes
//! requests or answers; that is `plimsoll-apiserver`.
//!
//! **Invariant:** no Kubernetes client is used here: objects and resource types arrive through
//! [`cluster::Objects`] and the resource types of [`cluster::ApiResource`].

pub mod answers;
pub mod backend;
pub mod catalogue;
pub mod cluster;
pub mod config;
pub mod flight;
pub mod mapper;
pub mod prometheus;
pub mod relist;
pub mod report;
pub mod rules;
pub mod service;
pub mod template;
